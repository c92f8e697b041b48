"""Flows by what they are: the order in which edges are listed is nobody's meaning."""

from collections.abc import Mapping

from attrs import evolve

from zt_dsl.ir.flow import Flow, peers_of, ports_of
from zt_dsl.ir.policy import Policy


def order(policy: Policy) -> Policy:
    """Sort the flows by source, target, port and narrowing, and the denials likewise."""
    flows = policy.flows
    # Printing what flows share, each of it once, is most of what sorting costs.
    peers = _names(peers_of(flows))
    ports = {
        known: f"Port {port} {port.name} {port.service_port} {port.mtls}" for known, port in ports_of(flows).items()
    }
    narrowings = _names({id(flow.narrowing): flow.narrowing for flow in flows})

    def key(flow: Flow) -> str:
        # One text is compared faster than a tuple of them, and NUL comes before all that they hold.
        source, target = peers[id(flow.source)], peers[id(flow.target)]
        return f"{source}\0{target}\0{ports[id(flow.port)]}\0{narrowings[id(flow.narrowing)]}"

    return evolve(policy, flows=tuple(sorted(flows, key=key)), denials=tuple(sorted(policy.denials, key=str)))


def _names(values: Mapping[int, object]) -> dict[int, str]:
    return {known: f"{type(value).__name__} {value}" for known, value in values.items()}
