"""Narrowed edges that a whole one makes void."""

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import EveryPod, Flow, Peer, Workload
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Ports, Whole


def void(policy: Policy) -> tuple[Diagnostic, ...]:
    """ZT402: allows add up, so one edge to the whole port leaves nothing for the narrowed one to refuse."""
    whole: dict[tuple[Peer, Ports], list[Flow]] = {}
    if all(isinstance(flow.narrowing, Whole) for flow in policy.flows):
        return ()
    for flow in policy.flows:
        if isinstance(flow.narrowing, Whole):
            whole.setdefault((flow.target, flow.port.ports), []).append(flow)
    found: dict[Diagnostic, None] = {}
    for flow in policy.flows:
        if isinstance(flow.narrowing, Whole):
            continue
        for wide in whole.get((flow.target, flow.port.ports), ()):
            if _holds(wide.source, flow.source):
                found[_told(flow, wide)] = None
                break
    return tuple(found)


def _holds(source: Peer, other: Peer) -> bool:
    match source, other:
        case EveryPod(place=place), Workload(place=where):
            return place == where
        case _:
            return source == other


def _told(flow: Flow, wide: Flow) -> Diagnostic:
    narrowed, whole = flow.reasons[0], wide.reasons[0]
    return Diagnostic(
        "ZT402",
        f"{narrowed.edge} is narrowed to {flow.narrowing}, and {whole.edge} allows the whole port",
        (Label(narrowed.at, "narrowed here"), Label(whole.at, "and allowed whole here")),
        "Allows add up: what the one refuses the other lets through.",
        "narrow the other edge too, or remove one of them",
    )
