"""Exclusions that another edge gives back."""

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import addresses
from zt_dsl.ir.flow import Flow, Outside, Peer
from zt_dsl.ir.policy import Policy


def reallowed(policy: Policy) -> tuple[Diagnostic, ...]:
    """ZT403: allows add up, so an address that one network excludes is reached by an edge to another."""
    by_end: dict[tuple[Peer, str], list[tuple[Outside, Flow]]] = {}
    for flow in policy.flows:
        if isinstance(flow.target, Outside):
            by_end.setdefault((flow.source, "egress"), []).append((flow.target, flow))
        if isinstance(flow.source, Outside):
            by_end.setdefault((flow.target, "ingress"), []).append((flow.source, flow))
    found: dict[Diagnostic, None] = {}
    for networks in by_end.values():
        for network, flow in networks:
            for other, giving in networks if network.holes else ():
                back = addresses(network.holes) & other.addresses
                if other != network and back and flow.port.ports & giving.port.ports:
                    found[_told(network, flow, giving, str(back.networks()[0]))] = None
    return tuple(found)


def _told(network: Outside, flow: Flow, giving: Flow, address: str) -> Diagnostic:
    one, other = flow.reasons[0], giving.reasons[0]
    return Diagnostic(
        "ZT403",
        f"{network.name} excludes {address}, and the edge {other.edge} allows it",
        (Label(one.at, f"without {address}"), Label(other.at, "and here it is allowed")),
        "Allows add up: an exclusion holds for its own network alone.",
        "exclude it from the other network too, or drop the exclusion",
    )
