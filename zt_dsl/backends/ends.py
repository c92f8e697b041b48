"""What is said at each end of the flows, for engines that open both: of a peer's pods, who may call them and whom they
call, and what of both is denied."""

from pathlib import Path

from attrs import field, frozen

from zt_dsl.backends.comments import reason_of, reasons
from zt_dsl.ir.flow import Everyone, EveryPort, Peer, narrowed_end
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Narrowing, Port, Whole


@frozen
class Passes:
    """What passes at one end, or is denied there: whom, on which port, how narrowed; with the comments that say why."""

    peer: Peer | Everyone
    port: Port | EveryPort
    narrowing: Narrowing
    comments: tuple[str, ...]


@frozen
class End:
    """What is said of one peer's pods, in both directions."""

    ingress: list[Passes] = field(factory=list)
    egress: list[Passes] = field(factory=list)
    ingress_deny: list[Passes] = field(factory=list)
    egress_deny: list[Passes] = field(factory=list)

    @property
    def quarantined(self) -> bool:
        """Whether everyone is denied."""
        return any(isinstance(each.peer, Everyone) for each in self.egress_deny)


def ends(policy: Policy, root: Path) -> dict[Peer, End]:
    """Each flow at both of its ends, in the same words, and narrowed at the one that `narrowed_end` names."""
    found: dict[Peer, End] = {}

    def end(peer: Peer) -> End:
        known = found.get(peer)
        if known is None:
            known = found[peer] = End()
        return known

    governed = frozenset(policy.governed)
    for flow in policy.flows:
        comments = reasons(flow, root)
        arriving, leaving = flow.narrowing, flow.narrowing
        if not isinstance(flow.narrowing, Whole):
            arriving, leaving = (
                (flow.narrowing, WHOLE) if narrowed_end(flow, governed) == "Ingress" else (WHOLE, flow.narrowing)
            )
        end(flow.target).ingress.append(Passes(flow.source, flow.port, arriving, comments))
        end(flow.source).egress.append(Passes(flow.target, flow.port, leaving, comments))
    for denial in policy.denials:
        why = (f"DENIED: {reason_of(denial.reason, root)}",)
        if not isinstance(denial.target, Everyone):
            end(denial.target).ingress_deny.append(Passes(denial.source, denial.port, WHOLE, why))
        if not isinstance(denial.source, Everyone):
            end(denial.source).egress_deny.append(Passes(denial.target, denial.port, WHOLE, why))
    return found
