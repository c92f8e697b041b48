"""The reach of a policy: the meaning of what the user declared, and of what the passes derived from it."""

from functools import partial
from typing import assert_never

from attrs import frozen

from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, Place, Workload, peers_of, ports_of
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
        Isolation(place.namespace, direction, EVERYTHING) for place in policy.governed for direction in DIRECTIONS
    )
    meaning = {known: _meaning(peer, governed) for known, peer in peers_of(policy.flows).items()}
    ports = {known: shared(port.ports) for known, port in ports_of(policy.flows).items()}
    grants: list[Grant] = []
    for flow in policy.flows:
        source, target, opened = meaning[id(flow.source)], meaning[id(flow.target)], ports[id(flow.port)]
        origin = partial(_origin, flow)
        if target.governed:
            grants.append(Grant(target.governed, "Ingress", target.subject, source.remote, opened, origin))
        if source.governed:
            grants.append(Grant(source.governed, "Egress", source.subject, target.remote, opened, origin))
    return Reach(isolations, tuple(grants))


def _origin(flow: Flow) -> Origin:
    written = flow.reasons[0].at
    return Origin(f"{flow.source} → {flow.target} {flow.port}", written.path, written.line)


@frozen
class _Meaning:
    """A peer as the subject of a grant, its pods; as the remote peer, who it is.

    `governed` is its namespace where that is governed, otherwise empty.
    """

    governed: str
    subject: Selector
    remote: Remote


def _meaning(peer: Peer, governed: frozenset[Place]) -> _Meaning:
    match peer:
        case Workload() | EveryPod():
            pods = peer.selector if isinstance(peer, Workload) else EVERYTHING
            namespace = peer.place.namespace if peer.place in governed else ""
            return _Meaning(namespace, pods, shared(Pods(_namespace(peer.place), pods)))
        case Outside():
            return _Meaning("", EVERYTHING, shared(peer.addresses))
        case Domain():
            raise ValueError(f"{peer} has no addresses: the plan must have refused it")
        case _:
            assert_never(peer)


def _namespace(place: Place) -> Selector:
    return with_labels(((METADATA_NAME, place.namespace),))
