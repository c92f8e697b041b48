"""Which narrowed flows are void: allows add up, so what whole flows hold is whole."""

from collections.abc import Iterable

from zt_dsl.ir.flow import EveryPod, Flow, Outside, Peer, Workload, ports_of
from zt_dsl.ir.traffic import Ports, Whole, ports


def held(flows: Iterable[Flow]) -> dict[int, Flow]:
    """The narrowed flows that whole ones hold, alone or together, by identity; for each the first of these."""
    every = tuple(flows)
    narrowed = [flow for flow in every if not isinstance(flow.narrowing, Whole)]
    if not narrowed:
        return {}
    opened = {known: port.ports for known, port in ports_of(every).items()}
    asked = dict.fromkeys(opened[id(flow.port)] for flow in narrowed)
    meeting = {known: [each for each in asked if each & found] for known, found in opened.items()}
    whole: dict[Ports, list[Flow]] = {}
    for flow in every:
        if isinstance(flow.narrowing, Whole):
            for each in meeting[id(flow.port)]:
                whole.setdefault(each, []).append(flow)
    found: dict[int, Flow] = {}
    for flow in narrowed:
        wanted = opened[id(flow.port)]
        holding = [each for each in whole.get(wanted, ()) if _holds(each, flow)]
        if holding and not wanted - ports(i for each in holding for i in opened[id(each.port)].intervals):
            found[id(flow)] = holding[0]
    return found


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
