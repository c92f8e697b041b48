"""Topologies for Calico: those of `tests.strategies`, on a platform of any of its versions."""

from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from tests.meaning import services_of
from tests.strategies import Draw, cases, pick
from zt_dsl import ApiServer, Calico, Denial, External, Namespace, Nodes, Platform, Statement, Topology
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
    # A deny needs addresses, as an edge does; a name has none, and no other cluster is told apart.
    cluster = case.platform.cluster
    statements = tuple(each for each in case.topology.statements if not _unsayable(each, cluster))
    platform = evolve(
        case.platform,
        network=Calico(version, tier=tier),
        waivers=waivers,
        api_server=case.platform.api_server if case.platform.api_server.cidrs else ApiServer(cidrs=["192.0.2.10/32"]),
        nodes=case.platform.nodes if case.platform.nodes.cidrs else Nodes(cidrs=["198.51.100.0/24"]),
    )
    return Case(evolve(case.topology, statements=statements, services=services_of(case.topology)), platform)


def _unsayable(statement: Statement, cluster: str) -> bool:
    """Whether it denies a name, or something in another cluster."""
    if not isinstance(statement, Denial):
        return False
    ends = [getattr(end, "peer", end) for end in (*statement.sources, *statement.targets)]
    places = [getattr(end, "namespace", end) for end in ends]
    return any(isinstance(end, External) for end in ends) or any(
        isinstance(place, Namespace) and place.cluster not in (None, cluster) for place in places
    )
