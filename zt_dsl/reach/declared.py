"""The reach of a policy: the meaning of what the user declared, and of what the passes derived from it."""

from collections.abc import Iterator
from functools import partial
from typing import assert_never

from attrs import frozen

from zt_dsl.ir.addresses import EVERY_ADDRESS
from zt_dsl.ir.flow import (
    Denial,
    Domain,
    Everyone,
    EveryPod,
    EveryPort,
    Flow,
    Outside,
    Peer,
    Place,
    Unidentified,
    Workload,
    narrowed_end,
    peers_of,
    ports_of,
)
from zt_dsl.ir.paths import name, only
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.selector import ANY_VALUE, CLUSTER, EVERYTHING, METADATA_NAME, Selector, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, Whole
from zt_dsl.reach.grants import (
    API_SERVERS,
    DIRECTIONS,
    EVERY_ENTITY,
    EVERY_NAME,
    NODES,
    OWN_NODE,
    Direction,
    Entities,
    Grant,
    Isolation,
    Names,
    Narrowed,
    Opened,
    Origin,
    Pods,
    Reach,
    Remote,
    own_node,
    shared,
)


def reach_of(policy: Policy, *, joins_clusters: bool = False, knows_nodes: bool = False) -> Reach:
    """Every governed place is isolated in both directions; each flow is granted at each end that is governed, and
    narrowed at the one that `narrowed_end` names.

    `joins_clusters`: the engine tells pods of one cluster from those of another. `knows_nodes`: it knows a pod's own
    node, which may always call it, unless it is denied.

    Invariant: the flows are what an engine enforces as they stand. What it cannot say was refused by the plan,
    or widened by a waiver, before anything is compared.
    """
    governed = frozenset(policy.governed)
    isolations = tuple(
        Isolation(place.namespace, direction, EVERYTHING) for place in policy.governed for direction in DIRECTIONS
    )
    known = peers_of(policy.flows)
    meaning = {number: _meaning(peer, governed, joins_clusters) for number, peer in known.items()}
    ports = {number: shared(port.ports) for number, port in ports_of(policy.flows).items()}
    grants: list[Grant] = own_node(place.namespace for place in policy.governed) if knows_nodes else []
    for flow in policy.flows:
        source, target, opened = meaning[id(flow.source)], meaning[id(flow.target)], ports[id(flow.port)]
        origin = partial(_origin, flow)
        arriving: Opened = opened
        leaving: Opened = opened
        if not isinstance(flow.narrowing, Whole):
            narrowed = shared(Narrowed(opened, only(flow.narrowing)))
            if narrowed_end(flow, governed) == "Ingress":
                arriving = narrowed
            else:
                leaving = narrowed
        if target.governed:
            grants.append(Grant(target.governed, "Ingress", target.subject, source.remote, arriving, origin))
        if source.governed:
            grants.append(Grant(source.governed, "Egress", source.subject, target.remote, leaving, origin))
    denied = tuple(_denials(policy, governed, joins_clusters))
    return Reach(isolations, tuple(grants), denied)


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


def _meaning(peer: Peer, governed: frozenset[Place], joins_clusters: bool) -> _Meaning:
    match peer:
        case Workload() | EveryPod():
            pods = peer.selector if isinstance(peer, Workload) else EVERYTHING
            namespace = peer.place.namespace if peer.place in governed else ""
            return _Meaning(namespace, pods, shared(Pods(_namespace(peer.place, joins_clusters), pods)))
        case Outside():
            return _Meaning("", EVERYTHING, shared(_outside(peer)))
        case Domain():
            return _Meaning("", EVERYTHING, shared(Names(name(str(peer)))))
        case Unidentified():
            raise ValueError(f"{peer} is for a mesh that stands alone: no network engine gets this far")
        case _:
            assert_never(peer)


def _namespace(place: Place, joins_clusters: bool) -> Selector:
    named = (METADATA_NAME, place.namespace)
    return with_labels(((CLUSTER, place.cluster), named) if joins_clusters else (named,))


def _outside(outside: Outside) -> Remote:
    """Its addresses; where the platform knows none, the engine knows who it is by itself."""
    if outside.blocks:
        return outside.addresses
    match outside.role:
        case "api-server":
            return Entities(API_SERVERS)
        case "nodes":
            return Entities(NODES)
        case "other-nodes":
            return Entities(NODES - OWN_NODE)
        case "node-local-dns":
            return Entities(OWN_NODE)
        case _:
            raise ValueError(f"{outside} has no addresses: the plan must have refused it")


# --- what is denied ------------------------------------------------------------------------------------


def _denials(policy: Policy, governed: frozenset[Place], joins_clusters: bool) -> Iterator[Grant]:
    for denial in policy.denials:
        refused = EVERY_PORT if isinstance(denial.port, EveryPort) else denial.port.ports
        origin = partial(_denier, denial)
        ends: tuple[tuple[Direction, Peer | Everyone, Peer | Everyone], ...] = (
            ("Ingress", denial.target, denial.source),
            ("Egress", denial.source, denial.target),
        )
        for way, here, there in ends:
            if isinstance(here, Everyone) or not (end := _meaning(here, governed, joins_clusters)).governed:
                continue
            for remote in _denied(there, way, governed, joins_clusters):
                yield Grant(end.governed, way, end.subject, remote, refused, origin)


def _denied(
    peer: Peer | Everyone, way: Direction, governed: frozenset[Place], joins_clusters: bool
) -> tuple[Remote, ...]:
    if not isinstance(peer, Everyone):
        return (_meaning(peer, governed, joins_clusters).remote,)
    pods = Pods(selector(((CLUSTER, ANY_VALUE),)) if joins_clusters else EVERYTHING, EVERYTHING)
    entities = EVERY_ENTITY - OWN_NODE if way == "Ingress" else EVERY_ENTITY
    return pods, EVERY_ADDRESS, EVERY_NAME, Entities(entities)


def _denier(denial: Denial) -> Origin:
    at = denial.reason.at
    return Origin(denial.reason.edge, at.path, at.line)
