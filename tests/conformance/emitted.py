"""What is compiled for a topology, as PyYAML reads it: what every engine is given."""

from functools import cache
from pathlib import Path

import yaml

from tests.conformance.engines.process import Document
from tests.strategies import ON
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready, Refused, build, plan
from zt_dsl.resolve import resolve

ROOT = Path(__file__).parents[2]


def planned(topology: Topology, platform: Platform) -> Ready | Refused:
    """The plan of a topology in which nothing is wrong."""
    resolved = resolve(topology, platform, on=ON)
    assert resolved.policy is not None, resolved.diagnostics
    return plan(resolved.policy)


def emitted(topology: Topology, platform: Platform) -> list[Document]:
    """The manifests of a topology that the platform can say."""
    ready = planned(topology, platform)
    assert isinstance(ready, Ready), ready.diagnostics
    return documents(ready)


def documents(ready: Ready) -> list[Document]:
    """The manifests, in the order in which they are applied."""
    made = build(ready, ROOT)
    return [document for path in made.manifests for document in parsed(made.files[path])]


@cache
def parsed(data: bytes) -> tuple[Document, ...]:
    """The documents of a file."""
    return tuple(yaml.load_all(data, Loader=yaml.CSafeLoader))
