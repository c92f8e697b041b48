"""What is in force, by environment: `--set env=dev`."""

from typing import Literal

from zt_dsl import Topology

from .edges import debug, edges
from .kinds import backend, data, frontend, fulfilment, payments, shop, shop_system


def topology(env: Literal["dev", "prod"] = "prod") -> Topology:
    return Topology(
        "shop",
        [*edges, *(debug if env == "dev" else [])],
        governs=[shop, payments, fulfilment, shop_system],
        tiers=[frontend, backend, data],
        mtls="permissive" if env == "dev" else "strict",
    )
