"""From the policy to CiliumNetworkPolicies: only translates. What cannot be translated never gets here."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import assert_never

from attrs import frozen

from zt_dsl.backends.cilium.capabilities import has_default_deny
from zt_dsl.backends.cilium.expressions import method_expression, path_expression
from zt_dsl.backends.cilium.objects import (
    MAX_PORTS,
    AnyPod,
    CIDRRule,
    CIDRs,
    CiliumNetworkPolicy,
    Direction,
    DNSRules,
    Entities,
    Entity,
    FQDNs,
    FQDNSelector,
    HTTPRule,
    HTTPRules,
    KafkaRule,
    KafkaRules,
    Peers,
    Pods,
    PodSelector,
    PortProtocol,
    PortRule,
    Rule,
    Rules,
    Said,
)
from zt_dsl.backends.cilium.objects import ServerNames as ServerNameRules
from zt_dsl.backends.cilium.objects import Whole as WholeRules
from zt_dsl.backends.comments import named
from zt_dsl.backends.ends import End, Passes, ends
from zt_dsl.ir.flow import (
    Domain,
    Everyone,
    EveryPod,
    EveryPort,
    Outside,
    Peer,
    Place,
    Unidentified,
    Workload,
    place_of,
)
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import (
    Lookups,
    Methods,
    Narrowing,
    Port,
    Route,
    Routes,
    ServerNames,
    Topics,
    Whole,
)
from zt_dsl.manifests.names import NAMESPACE_FILE, directory_name, file_name, object_name
from zt_dsl.manifests.tree import Document

DEFAULT_DENY = "default-deny"

_FLOOR = (
    "Default deny: every pod of this namespace, in both directions. An empty rule allows nothing;",
    "what is allowed stands in the files beside it.",
)


@frozen
class _Written:
    """How policies are written: with `enableDefaultDeny` or without, and on which ports the pods of a namespace have
    their lookups filtered."""

    default_deny: bool
    filtered: Mapping[Place, tuple[int, ...]]


def _filtered_ports(policy: Policy) -> dict[Place, tuple[int, ...]]:
    found: dict[Place, set[int]] = {}
    for flow in policy.flows:
        if isinstance(flow.narrowing, Lookups) and (place := place_of(flow.source)) is not None:
            found.setdefault(place, set()).add(flow.port.first)
    return {place: tuple(sorted(ports)) for place, ports in found.items()}


def lower(policy: Policy, root: Path) -> Iterator[tuple[str, tuple[Document, ...]]]:
    """The policy's files by path, in the order in which they are to be applied: allows first, default denies last.

    One file a workload, with its one CiliumNetworkPolicy; one file a namespace, with the floor and what is for all
    of its pods. Comments name the lines of edges relative to `root`.
    """
    found = ends(policy, root)
    written = _Written(has_default_deny(policy.platform), _filtered_ports(policy))
    governed = frozenset(policy.governed)
    for peer in sorted((peer for peer in found if isinstance(peer, Workload)), key=str):
        if peer.place in governed:
            comments = (f"{peer}: {_about(found[peer])}",)
            name = object_name("allow", peer.name)
            document = _policy(comments, peer.place, name, peer.labels, found[peer], written)
            yield f"{directory_name(peer.place.namespace)}/{file_name(peer.name)}", (document,)
    for place in policy.governed:
        wide = found.get(EveryPod(place))
        yield f"{directory_name(place.namespace)}/{NAMESPACE_FILE}", _namespace(place, wide, written)


def _about(end: End) -> str:
    if end.quarantined:
        return "in quarantine. Everyone is denied, both ways, but for probes of the pod's own node."
    return "what its edges need, and nothing else."


def _policy(
    comments: tuple[str, ...],
    place: Place,
    name: str,
    labels: tuple[tuple[str, str], ...],
    end: End,
    written: _Written,
) -> Document:
    return CiliumNetworkPolicy(
        comments,
        place.namespace,
        name,
        labels,
        written.default_deny,
        _rules("from", end.ingress),
        _rules("to", end.egress, written.filtered.get(place, ())),
        _rules("from", end.ingress_deny),
        _rules("to", end.egress_deny),
    ).document()


def _namespace(place: Place, wide: End | None, written: _Written) -> tuple[Document, ...]:
    floor = CiliumNetworkPolicy(_FLOOR, place.namespace, DEFAULT_DENY, (), written.default_deny).document()
    if wide is None or not (wide.egress or wide.ingress_deny or wide.egress_deny):
        return (floor,)
    comments = (f"{place}/*: what is said of the whole namespace, for each of its pods.",)
    # No workload's name gives this one: theirs begin with `allow-` and hold no dot.
    return (_policy(comments, place, "allow.namespace", (), wide, written), floor)


# --- rules ---------------------------------------------------------------------------------------------


def _rules(direction: Direction, passes: Iterable[Passes], filtered: tuple[int, ...] = ()) -> tuple[Said, ...]:
    """One rule a remote peer, with its ports joined: above it stand the reasons for that peer alone. Lookups are
    filtered on the ports `filtered`."""
    by_peer: dict[Peer | Everyone, list[Passes]] = {}
    for each in passes:
        by_peer.setdefault(each.peer, []).append(each)
    return tuple(said for peer, some in by_peer.items() for said in _said(direction, peer, some, filtered))


def _said(direction: Direction, peer: Peer | Everyone, some: list[Passes], filtered: tuple[int, ...]) -> Iterator[Said]:
    opened = tuple((each.port, each.narrowing) for each in some)
    comments = tuple(dict.fromkeys(comment for each in some for comment in each.comments))
    for names, rule in _made(direction, peer, opened, filtered):
        yield names + comments, rule


@lru_cache(maxsize=1 << 17)
def _made(
    direction: Direction,
    peer: Peer | Everyone,
    opened: tuple[tuple[Port | EveryPort, Narrowing], ...],
    filtered: tuple[int, ...],
) -> tuple[Said, ...]:
    """The rules for these ports of a peer, under what the peer is called: made once, however many need them."""
    ports = _port_rules(opened, filtered)
    return tuple((named(peer), Rule(direction, peers, ports)) for peers in _peers(direction, peer))


def _port_rules(
    opened: tuple[tuple[Port | EveryPort, Narrowing], ...], filtered: tuple[int, ...]
) -> tuple[PortRule, ...]:
    """Nothing for every port. Ports that are narrowed alike stand together, at most forty in one element."""
    # What is said on one port is one list, from however many edges it comes.
    said: dict[PortProtocol, list[Narrowing]] = {}
    for port, narrowing in opened:
        if isinstance(port, EveryPort):
            return ()
        for number in _numbers(port, filtered):
            said.setdefault(number, []).append(narrowing)
    alike: dict[Rules, list[PortProtocol]] = {}
    for number in sorted(said, key=_by_number):
        alike.setdefault(_inside(said[number]), []).append(number)
    return tuple(
        PortRule(tuple(numbers[first : first + MAX_PORTS]), rules)
        for rules, numbers in alike.items()
        for first in range(0, len(numbers), MAX_PORTS)
    )


def _numbers(port: Port, filtered: tuple[int, ...]) -> tuple[PortProtocol, ...]:
    """A range stands in parts where lookups are filtered on a port of it: the proxy for DNS lets through what a rule
    for the very port allows, and refuses what a wider one would (github.com/cilium/cilium v1.20.2,
    `pkg/fqdn/dnsproxy`)."""
    inside = [number for number in filtered if port.first < port.last and port.first <= number <= port.last]
    starts = sorted({port.first, *inside, *(number + 1 for number in inside if number < port.last)})
    ends = [start - 1 for start in starts[1:]] + [port.last]
    return tuple(
        PortProtocol(first, protocol, last)
        for protocol in port.protocols
        for first, last in zip(starts, ends, strict=True)
    )


def _by_number(port: PortProtocol) -> tuple[int, int, str]:
    return port.port, port.end_port, port.protocol


def _inside(narrowings: list[Narrowing]) -> Rules:
    """What several narrowings of one peer's port let through together. They are of one protocol: the plan has refused
    two, and a whole one beside them has made them whole."""
    http: dict[HTTPRule, None] = {}
    topics: dict[KafkaRule, None] = {}
    lookups: dict[FQDNSelector, None] = {}
    server_names: dict[str, None] = {}
    for narrowing in narrowings:
        match narrowing:
            case Whole():
                return WholeRules()
            case Routes(routes=routes):
                http |= dict.fromkeys(map(_route, routes))
            case Methods(methods=methods):
                http |= dict.fromkeys(HTTPRule("POST", method_expression(method)) for method in methods)
            case Topics(role=role, topics=names):
                topics |= dict.fromkeys(KafkaRule(role, topic) for topic in names)
            case Lookups(names=names):
                lookups |= dict.fromkeys(FQDNSelector("*" if name == "**" else name) for name in names)
            case ServerNames(names=names):
                server_names |= dict.fromkeys(names)
            case _:
                assert_never(narrowing)
    if http:
        return HTTPRules(tuple(http))
    if topics:
        return KafkaRules(tuple(topics))
    return DNSRules(tuple(lookups)) if lookups else ServerNameRules(tuple(server_names))


def _route(route: Route) -> HTTPRule:
    return HTTPRule("" if route.method == "*" else route.method, path_expression(route.path))


# --- peers ---------------------------------------------------------------------------------------------


def _peers(direction: Direction, peer: Peer | Everyone) -> tuple[Peers, ...]:
    match peer:
        case Workload():
            return (Pods((PodSelector(peer.place.cluster, peer.place.namespace, peer.labels),)),)
        case EveryPod():
            return (Pods((PodSelector(peer.place.cluster, peer.place.namespace, ()),)),)
        case Domain():
            return (FQDNs((FQDNSelector(str(peer)),)),)
        case Outside():
            return (_outside(peer),)
        case Everyone() if direction == "to":
            return (Entities(("all",)),)
        case Everyone():
            return Pods((AnyPod(),)), Entities(_CALLERS)
        case Unidentified():
            raise ValueError(f"{peer} is for a mesh that stands alone: no network engine gets this far")
        case _:
            assert_never(peer)


_ROLES: dict[str, tuple[Entity, ...]] = {
    "api-server": ("kube-apiserver",),
    "nodes": ("host", "remote-node"),
    "other-nodes": ("remote-node",),
    "node-local-dns": ("host",),
}
# Everyone but pods, and not the host: the kubelet's probes come from there.
_CALLERS: tuple[Entity, ...] = ("world", "remote-node", "health", "init", "ingress", "unmanaged")


def _outside(outside: Outside) -> Peers:
    """By its addresses; without any, as Cilium knows it by itself."""
    if outside.blocks:
        return CIDRs(tuple(CIDRRule(str(block), tuple(map(str, holes))) for block, holes in outside.excepted()))
    return Entities(_ROLES[outside.role])
