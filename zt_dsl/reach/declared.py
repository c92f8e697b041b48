"""The reach of a policy: the meaning of what the user declared, and of what the passes derived from it."""

from collections.abc import Iterator
from typing import assert_never

from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, Workload, place_of
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.selector import EVERYTHING, METADATA_NAME, Selector, with_labels
from zt_dsl.reach.grants import DIRECTIONS, Direction, Grant, Isolation, Origin, Pods, Reach, Remote


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
    selectors: dict[Peer, tuple[Selector, Remote]] = {}
    grants = tuple(
        grant
        for flow in policy.flows
        for direction in DIRECTIONS
        if place_of(_subject(flow, direction)) in governed
        for grant in _grants(flow, direction, selectors)
    )
    return Reach(isolations, grants)


def _subject(flow: Flow, direction: Direction) -> Peer:
    return flow.target if direction == "Ingress" else flow.source


def _grants(flow: Flow, direction: Direction, known: dict[Peer, tuple[Selector, Remote]]) -> Iterator[Grant]:
    subject = _subject(flow, direction)
    remote = flow.source if direction == "Ingress" else flow.target
    place = place_of(subject)
    if place is None:
        return
    for peer in (subject, remote):
        if peer not in known:
            known[peer] = _meaning(peer)
    written = flow.reasons[0].at
    yield Grant(
        place.namespace,
        direction,
        known[subject][0],
        known[remote][1],
        flow.port.ports,
        Origin(f"{flow.source} → {flow.target} {flow.port}", written.path, written.line),
    )


def _meaning(peer: Peer) -> tuple[Selector, Remote]:
    """As the subject of a grant, its pods; as the remote peer, who it is."""
    match peer:
        case Workload(place=place):
            pods = peer.selector
            return pods, Pods(with_labels(((METADATA_NAME, place.namespace),)), pods)
        case EveryPod(place=place):
            return EVERYTHING, Pods(with_labels(((METADATA_NAME, place.namespace),)), EVERYTHING)
        case Outside():
            return EVERYTHING, peer.addresses
        case Domain():
            raise ValueError(f"{peer} has no addresses: the plan must have refused it")
        case _:
            assert_never(peer)
