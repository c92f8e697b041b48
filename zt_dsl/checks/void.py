"""Narrowed edges that a whole one makes void."""

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import Flow
from zt_dsl.ir.held import held
from zt_dsl.ir.policy import Policy


def void(policy: Policy) -> tuple[Diagnostic, ...]:
    """ZT402: allows add up, so one edge to the whole port leaves nothing for the narrowed one to refuse."""
    wide = held(policy.flows)
    found = dict.fromkeys(_told(flow, wide[id(flow)]) for flow in policy.flows if id(flow) in wide)
    return tuple(found)


def _told(flow: Flow, wide: Flow) -> Diagnostic:
    narrowed, whole = flow.reasons[0], wide.reasons[0]
    return Diagnostic(
        "ZT402",
        f"{narrowed.edge} is narrowed to {flow.narrowing}, and {whole.edge} allows the whole port",
        (Label(narrowed.at, "narrowed here"), Label(whole.at, "and allowed whole here")),
        "Allows add up: what the one refuses the other lets through.",
        "narrow the other edge too, or remove one of them",
    )
