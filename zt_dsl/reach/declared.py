"""The reach of a policy: the meaning of what the user declared, and of what the passes derived from it."""

from collections.abc import Iterator
from typing import assert_never

from attrs import frozen

from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, Place, Workload
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.selector import EVERYTHING, METADATA_NAME, Selector, with_labels
from zt_dsl.ir.traffic import Port, Ports
from zt_dsl.reach.grants import DIRECTIONS, Grant, Isolation, Origin, Pods, Reach, Remote


def reach_of(policy: Policy) -> Reach:
    """Every governed place is isolated in both directions; each flow is granted at each end that is governed.

    Invariant: the flows are what an engine enforces as they stand: no Domain, no narrowed port. What
    an engine cannot say was refused by the plan, or widened by a waiver, before anything is compared.
    """
    governed = frozenset(policy.governed)
    isolations = tuple(
        Isolation(place.namespace, direction, EVERYTHING, Origin(f"namespace {place} is governed"))
        for place in policy.governed
        for direction in DIRECTIONS
    )
    peers: dict[Peer, _Meaning] = {}
    ports: dict[Port, tuple[Ports, str]] = {}
    grants = tuple(grant for flow in policy.flows for grant in _grants(flow, governed, _known(flow, peers, ports)))
    return Reach(isolations, grants)


@frozen
class _Meaning:
    """A peer as the subject of a grant, its pods; as the remote peer, who it is; and in words."""

    place: Place | None
    subject: Selector
    remote: Remote
    text: str


_Known = tuple[_Meaning, _Meaning, Ports, str]


def _known(flow: Flow, peers: dict[Peer, _Meaning], ports: dict[Port, tuple[Ports, str]]) -> _Known:
    """What the flow's parts mean, each worked out once: flows are many, peers and ports few."""
    for peer in (flow.source, flow.target):
        if peer not in peers:
            peers[peer] = _meaning(peer)
    if flow.port not in ports:
        ports[flow.port] = (flow.port.ports, str(flow.port))
    return (peers[flow.source], peers[flow.target], *ports[flow.port])


def _grants(flow: Flow, governed: frozenset[Place], known: _Known) -> Iterator[Grant]:
    source, target, ports, port = known
    written = flow.reasons[0].at
    origin = Origin(f"{source.text} → {target.text} {port}", written.path, written.line)
    if target.place is not None and target.place in governed:
        yield Grant(target.place.namespace, "Ingress", target.subject, source.remote, ports, origin)
    if source.place is not None and source.place in governed:
        yield Grant(source.place.namespace, "Egress", source.subject, target.remote, ports, origin)


def _meaning(peer: Peer) -> _Meaning:
    match peer:
        case Workload(place=place):
            pods = peer.selector
            return _Meaning(place, pods, Pods(_namespace(place), pods), str(peer))
        case EveryPod(place=place):
            return _Meaning(place, EVERYTHING, Pods(_namespace(place), EVERYTHING), str(peer))
        case Outside():
            return _Meaning(None, EVERYTHING, peer.addresses, str(peer))
        case Domain():
            raise ValueError(f"{peer} has no addresses: the plan must have refused it")
        case _:
            assert_never(peer)


def _namespace(place: Place) -> Selector:
    return with_labels(((METADATA_NAME, place.namespace),))
