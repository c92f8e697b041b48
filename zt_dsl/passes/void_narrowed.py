"""A narrowed flow beside a whole one that holds it is whole: allows add up, and an engine must not be asked to read
what another rule for the same peer and port lets through unread."""

from attrs import evolve

from zt_dsl.ir.flow import EveryPod, Flow, Outside, Peer, Workload, ports_of
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Ports, Whole, ports


def void_narrowed(policy: Policy) -> Policy:
    """Make each flow whole that another whole flow holds. ZT402 has told the user (`checks.void`)."""
    if all(isinstance(flow.narrowing, Whole) for flow in policy.flows):
        return policy
    narrowed = {flow.port.ports for flow in policy.flows if not isinstance(flow.narrowing, Whole)}
    opened = {known: port.ports for known, port in ports_of(policy.flows).items()}
    meeting = {known: [each for each in narrowed if each & found] for known, found in opened.items()}
    whole: dict[Ports, list[Flow]] = {}
    for flow in policy.flows:
        if isinstance(flow.narrowing, Whole):
            for each in meeting[id(flow.port)]:
                whole.setdefault(each, []).append(flow)

    def voided(flow: Flow) -> Flow:
        if isinstance(flow.narrowing, Whole):
            return flow
        asked = opened[id(flow.port)]
        holding = (each for each in whole.get(asked, ()) if _holds(each, flow))
        let_through = ports(interval for each in holding for interval in opened[id(each.port)].intervals)
        return flow if asked - let_through else evolve(flow, narrowing=WHOLE)

    return evolve(policy, flows=tuple(map(voided, policy.flows)))


def _holds(wide: Flow, flow: Flow) -> bool:
    return _inside(flow.source, wide.source) and _inside(flow.target, wide.target)


def _inside(peer: Peer, other: Peer) -> bool:
    """Whether everyone who is the one is the other, too. A name may have any address, and so is in no network."""
    match peer, other:
        case Workload(place=place), EveryPod(place=where):
            return place == where
        case Outside(role="network" | "internet"), Outside(role="network" | "internet"):
            return not peer.addresses - other.addresses
        case _:
            return peer == other
