"""Wildcards that are taken for the name itself, too."""

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import Domain, Flow, Peer
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Lookups


def apex(policy: Policy) -> tuple[Diagnostic, ...]:
    """ZT407: whoever calls the names below one, and looks up that one, too, seems to expect to call it."""
    called: dict[Peer, set[str]] = {}
    asked: dict[Peer, set[str]] = {}
    for flow in policy.flows:
        if isinstance(flow.target, Domain):
            called.setdefault(flow.source, set()).add(str(flow.target))
        elif isinstance(flow.narrowing, Lookups):
            asked.setdefault(flow.source, set()).update(flow.narrowing.names)
    found = (_told(flow) for flow in policy.flows if _expected(flow, called, asked))
    return tuple(dict.fromkeys(found))


def _expected(flow: Flow, called: dict[Peer, set[str]], asked: dict[Peer, set[str]]) -> bool:
    target = flow.target
    if not isinstance(target, Domain) or target.match == "exactly":
        return False
    return target.name in asked.get(flow.source, set()) - called[flow.source]


def _told(flow: Flow) -> Diagnostic:
    assert isinstance(flow.target, Domain)
    reason, name = flow.reasons[0], flow.target.name
    return Diagnostic(
        "ZT407",
        f"{flow.target} is not {name} itself, which {flow.source} looks up",
        (Label(reason.at, f"the names below {name}"),),
        "A wildcard is one label (`*.`) or more (`**.`) before the name, on every engine: the name itself is refused.",
        f'declare External("{name}"), and an edge to it, if it is called; otherwise leave it out of the lookups',
    )
