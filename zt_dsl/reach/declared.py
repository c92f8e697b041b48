"""The reach of a policy: the meaning of what the user declared, and of what the passes derived from it."""

from typing import assert_never

from attrs import frozen

from zt_dsl.ir.flow import Domain, EveryPod, Outside, Peer, Place, Workload
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.selector import EVERYTHING, METADATA_NAME, Selector, with_labels
from zt_dsl.reach.grants import DIRECTIONS, Grant, Isolation, Origin, Pods, Reach, Remote, shared


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
    # Flows are many, and share their peers and ports: each is worked out once, and goes by its identity.
    flows = policy.flows
    peers = {id(peer): peer for flow in flows for peer in (flow.source, flow.target)}
    meaning = {known: _meaning(peer, governed) for known, peer in peers.items()}
    ports = {id(flow.port): flow.port for flow in flows}
    opened = {known: (shared(port.ports), str(port)) for known, port in ports.items()}
    grants: list[Grant] = []
    for flow in flows:
        source, target = meaning[id(flow.source)], meaning[id(flow.target)]
        numbers, port = opened[id(flow.port)]
        written = flow.reasons[0].at
        origin = Origin(f"{source.text} → {target.text} {port}", written.path, written.line)
        if target.governed:
            grants.append(Grant(target.governed, "Ingress", target.subject, source.remote, numbers, origin))
        if source.governed:
            grants.append(Grant(source.governed, "Egress", source.subject, target.remote, numbers, origin))
    return Reach(isolations, tuple(grants))


@frozen
class _Meaning:
    """A peer as the subject of a grant, its pods; as the remote peer, who it is; and in words.

    `governed` is its namespace where that is governed, otherwise empty.
    """

    governed: str
    subject: Selector
    remote: Remote
    text: str


def _meaning(peer: Peer, governed: frozenset[Place]) -> _Meaning:
    match peer:
        case Workload() | EveryPod():
            pods = peer.selector if isinstance(peer, Workload) else EVERYTHING
            namespace = peer.place.namespace if peer.place in governed else ""
            return _Meaning(namespace, pods, shared(Pods(_namespace(peer.place), pods)), str(peer))
        case Outside():
            return _Meaning("", EVERYTHING, shared(peer.addresses), str(peer))
        case Domain():
            raise ValueError(f"{peer} has no addresses: the plan must have refused it")
        case _:
            assert_never(peer)


def _namespace(place: Place) -> Selector:
    return with_labels(((METADATA_NAME, place.namespace),))
