"""The whole of what is in force, and where: the one value that passes, plans and backends work on."""

from typing import Literal

from attrs import frozen

from zt_dsl.ir.flow import Denial, Flow, Place, Reason, Workload
from zt_dsl.ir.platform import Platform
from zt_dsl.ir.traffic import Port
from zt_dsl.source import Location


@frozen
class MtlsDemand:
    """A strict mode that was written: on the topology, a service or a port, as `of` says in words.

    `workloads` are those that it is about: one, or for the topology all governed ones.
    """

    of: str
    workloads: tuple[Workload, ...]
    port: str | Literal["*"]
    at: Location


@frozen
class Quarantined:
    """A service that is cut off; `suspended` are the flows of its edges, which are not in force."""

    workload: Workload
    suspended: tuple[Flow, ...]
    reason: Reason


@frozen
class Policy:
    """What is in force: `governed` places refuse everything that no flow permits.

    `workloads` are all services of the topology, governed or not. `mtls` is the topology's mode as written, and
    `port_modes` are the ports of governed services that say a mode of their own.
    `given_up` are the features that a waiver gives up for the platform as a whole: `egress`, `protocol`.
    `edges` counts what the user wrote: a statement with three sources is three.
    """

    topology: str
    governed: tuple[Place, ...]
    workloads: tuple[Workload, ...]
    flows: tuple[Flow, ...]
    denials: tuple[Denial, ...]
    quarantined: tuple[Quarantined, ...]
    mtls: Literal["strict", "permissive", "disable", "unwritten"]
    mtls_demands: tuple[MtlsDemand, ...]
    port_modes: tuple[tuple[Workload, Port], ...]
    platform: Platform
    edges: int
    at: Location
    given_up: frozenset[str] = frozenset()


Asked = Flow | Denial | MtlsDemand | Policy
"""What asks an engine for a feature: an edge, a deny, a demand for mTLS; the policy as a whole, for what each needs."""
