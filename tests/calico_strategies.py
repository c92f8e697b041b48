"""Topologies for Calico: those of `tests.strategies`, on a platform of any of its versions."""

from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from tests.strategies import Draw, cases, pick
from zt_dsl import Calico, Platform, Topology
from zt_dsl.backends.calico.capabilities import VERSIONS


@frozen
class Case:
    """A topology that Calico can say, but for nothing, and its platform. Denials are in force: it can deny."""

    topology: Topology
    platform: Platform


@st.composite
def calico_cases(draw: Draw[Any]) -> Case:
    """A valid topology on a platform of the open-source edition, with the waivers that it needs there."""
    case = draw(cases())
    version = pick(draw, VERSIONS)
    tier = "default" if version == "3.28" else pick(draw, ("default", "security"))
    waivers = tuple(waiver for waiver in case.platform.waivers if waiver.feature != "deny")
    return Case(case.topology, evolve(case.platform, network=Calico(version, tier=tier), waivers=waivers))
