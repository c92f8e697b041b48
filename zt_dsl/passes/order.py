"""Flows by what they are: the order in which edges are listed is nobody's meaning."""

from collections.abc import Iterable

from attrs import evolve

from zt_dsl.ir.flow import Flow
from zt_dsl.ir.policy import Policy


def order(policy: Policy) -> Policy:
    """Sort the flows by source, target, port and narrowing."""
    flows = policy.flows
    peers = _names(peer for flow in flows for peer in (flow.source, flow.target))
    ports = {
        id(port): f"Port {port} {port.name} {port.service_port} {port.mtls}"
        for port in {id(flow.port): flow.port for flow in flows}.values()
    }
    narrowings = _names(flow.narrowing for flow in flows)

    def key(flow: Flow) -> str:
        # One text is compared faster than a tuple of them, and NUL comes before all that they hold.
        source, target = peers[id(flow.source)], peers[id(flow.target)]
        return f"{source}\0{target}\0{ports[id(flow.port)]}\0{narrowings[id(flow.narrowing)]}"

    return evolve(policy, flows=tuple(sorted(flows, key=key)))


def _names(values: Iterable[object]) -> dict[int, str]:
    """Flows share their peers and narrowings: printing each of these once is most of what sorting costs."""
    return {known: f"{type(value).__name__} {value}" for known, value in {id(one): one for one in values}.items()}
