"""Equal flows are one, with the reasons and the widenings of all."""

from attrs import evolve

from zt_dsl.ir.flow import Flow, Peer, Reason
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Narrowing, Port

_Key = tuple[Peer, Peer, Port, Narrowing]


def merge(policy: Policy) -> Policy:
    """Merge flows of one source, target, port and narrowing."""
    merged: dict[_Key, Flow] = {}
    for flow in policy.flows:
        key = (flow.source, flow.target, flow.port, flow.narrowing)
        known = merged.get(key)
        merged[key] = flow if known is None else _both(known, flow)
    return evolve(policy, flows=tuple(merged.values()))


def _both(one: Flow, other: Flow) -> Flow:
    reasons = sorted({*one.reasons, *other.reasons}, key=_written)
    widenings = dict.fromkeys((*one.widenings, *other.widenings))
    return evolve(one, reasons=tuple(reasons), widenings=tuple(sorted(widenings, key=str)))


def _written(reason: Reason) -> tuple[tuple[tuple[str, int, int], ...], str, str, str]:
    places = ((at.path, at.line, at.column or 0) for at in (reason.at, *reason.at.via))
    return (tuple(places), reason.edge, reason.why, reason.derived)
