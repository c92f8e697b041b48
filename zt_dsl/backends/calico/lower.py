"""From the policy to Calico's NetworkPolicies: only translates. What cannot be translated never gets here."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar, assert_never

from attrs import evolve

from zt_dsl.backends.calico.capabilities import tier_of
from zt_dsl.backends.calico.objects import (
    MAX_HTTP,
    Allow,
    Anyone,
    Deny,
    Direction,
    Domains,
    HTTPMatch,
    HTTPPath,
    Labels,
    Nets,
    NetworkPolicy,
    Pods,
    Ports,
    Said,
)
from zt_dsl.backends.calico.objects import Whole as WholeRule
from zt_dsl.backends.calico.paths import path_of
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
)
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Narrowing, Port, Protocol, Routes, Whole
from zt_dsl.manifests.names import NAMESPACE_FILE, directory_name, file_name, object_name
from zt_dsl.manifests.tree import Document

DENY_ORDER: Final = 100
ALLOW_ORDER: Final = 500
FLOOR_ORDER: Final = 900
"""Policies of a tier are asked by their order, and those of one order by their names, so that rules of different
action never share one. All come before NetworkPolicy of Kubernetes, which is at 1000 in the tier `default`."""

DEFAULT_DENY: Final = "default-deny"

_FLOOR = (
    "Default deny: every pod of this namespace, in both directions. It allows nothing, and because it is for",
    "the pod, the end of the tier denies it what no rule allows; what is allowed stands in the files beside it.",
)


def lower(policy: Policy, root: Path) -> Iterator[tuple[str, tuple[Document, ...]]]:
    """The policy's files by path, in the order in which they are to be applied: allows first, default denies last.

    One file a workload, with its NetworkPolicy, and one of denials where something is denied to it; one file a
    namespace, with the floor and what is for all of its pods. Comments name the lines of edges relative to `root`.
    """
    found = ends(policy, root)
    _check_arriving(found.values())
    tier = tier_of(policy.platform)
    governed = frozenset(policy.governed)
    for peer in sorted((peer for peer in found if isinstance(peer, Workload)), key=str):
        if peer.place in governed:
            allow, deny = object_name("allow", peer.name), object_name("deny", peer.name)
            path = f"{directory_name(peer.place.namespace)}/{file_name(peer.name)}"
            yield path, tuple(_policies(str(peer), peer.place, tier, (allow, deny), peer.labels, found[peer]))
    for place in policy.governed:
        # No workload's names give these: theirs begin with `allow-` and `deny-`, and Calico takes no dot in a name.
        named_ = ("namespace-allow", "namespace-deny")
        wide = _policies(f"{place}/*", place, tier, named_, (), _leaving(found.get(EveryPod(place), End())))
        floor = NetworkPolicy(_FLOOR, place.namespace, tier, DEFAULT_DENY, FLOOR_ORDER, ())
        yield f"{directory_name(place.namespace)}/{NAMESPACE_FILE}", (*wide, floor.document())


def _check_arriving(found: Iterable[End]) -> None:
    """Nothing is read where it leaves: what is, the plan must have refused."""
    for end in found:
        for passes in end.egress:
            if passes.narrowing != WHOLE:
                raise ValueError(f"{passes} is read where nothing reads it: the plan must have refused it")


def _leaving(wide: End) -> End:
    """A namespace as a whole is called by nobody: each edge into it is one into a service."""
    return evolve(wide, ingress=[])


def _policies(
    whose: str, place: Place, tier: str, names: tuple[str, str], labels: Labels, end: End
) -> Iterator[Document]:
    """What is allowed to these pods, and what is denied to them. Either is left out where it would say nothing."""
    allow, deny = names
    if end.ingress or end.egress:
        yield NetworkPolicy(
            (f"{whose}: what its edges need, and nothing else.",),
            place.namespace,
            tier,
            allow,
            ALLOW_ORDER,
            labels,
            _rules("ingress", end.ingress),
            _rules("egress", end.egress),
        ).document()
    if end.ingress_deny or end.egress_deny:
        about = (
            "in quarantine. Everyone is denied, both ways, but for what comes from the pod's own node."
            if end.quarantined
            else "what is denied to it, whoever allows it after this."
        )
        yield NetworkPolicy(
            (f"{whose}: {about}",),
            place.namespace,
            tier,
            deny,
            DENY_ORDER,
            labels,
            _denials("ingress", end.ingress_deny),
            _denials("egress", end.egress_deny),
        ).document()


# --- rules ---------------------------------------------------------------------------------------------


def _by_peer(passes: Iterable[Passes]) -> dict[Peer | Everyone, list[Passes]]:
    by_peer: dict[Peer | Everyone, list[Passes]] = {}
    for each in passes:
        by_peer.setdefault(each.peer, []).append(each)
    return by_peer


def _rules(direction: Direction, passes: Iterable[Passes]) -> tuple[Said, ...]:
    """The rules for each remote peer, its ports joined: one a protocol, and one for each way in which ports are
    narrowed. Above each stand the reasons for that peer alone."""
    return tuple(
        said
        for peer, some in _by_peer(passes).items()
        for said in _said(some, _allows(direction, peer, tuple((each.port, each.narrowing) for each in some)))
    )


def _denials(direction: Direction, passes: Iterable[Passes]) -> tuple[Said, ...]:
    return tuple(
        said
        for peer, some in _by_peer(passes).items()
        for said in _said(some, _denies(direction, peer, tuple(each.port for each in some)))
    )


def _said(some: list[Passes], rules: tuple[Said, ...]) -> Iterator[Said]:
    comments = tuple(dict.fromkeys(comment for each in some for comment in each.comments))
    for names, rule in rules:
        yield names + comments, rule


@lru_cache(maxsize=1 << 17)
def _allows(
    direction: Direction, peer: Peer | Everyone, opened: tuple[tuple[Port | EveryPort, Narrowing], ...]
) -> tuple[Said, ...]:
    """The rules for these ports of a peer, under what the peer is called: made once, however many need them."""
    return tuple(
        (named(peer), Allow(direction, peers, protocol, ports, http))
        for peers in _peers(peer)
        if not isinstance(peers, Anyone)
        for protocol, some in _by_protocol(opened).items()
        for http, ports in _alike(some)
    )


@lru_cache(maxsize=1 << 12)
def _denies(direction: Direction, peer: Peer | Everyone, denied: tuple[Port | EveryPort, ...]) -> tuple[Said, ...]:
    every = any(isinstance(port, EveryPort) for port in denied)
    return tuple(
        (named(peer), rule)
        for peers in _peers(peer)
        if not isinstance(peers, Domains)
        for rule in (
            (Deny(direction, peers),)
            if every
            else tuple(
                Deny(direction, peers, protocol, tuple(sorted(some)))
                for protocol, some in _by_protocol(tuple((port, WHOLE) for port in denied)).items()
            )
        )
    )


def _by_protocol(
    opened: Iterable[tuple[Port | EveryPort, Narrowing]],
) -> dict[Protocol, dict[Ports, list[Narrowing]]]:
    """What is said of each port: one list, from however many edges it comes."""
    found: dict[Protocol, dict[Ports, list[Narrowing]]] = {}
    for port, narrowing in opened:
        if isinstance(port, EveryPort):
            raise TypeError("every port is only ever denied")
        for protocol in port.protocols:
            found.setdefault(protocol, {}).setdefault(Ports(port.first, port.last), []).append(narrowing)
    return found


def _alike(said: dict[Ports, list[Narrowing]]) -> Iterator[tuple[HTTPMatch | WholeRule, tuple[Ports, ...]]]:
    """Ports that are narrowed alike stand together."""
    alike: dict[tuple[HTTPMatch, ...], list[Ports]] = {}
    for port in sorted(said):
        alike.setdefault(_inside(said[port]), []).append(port)
    for matches, ports in alike.items():
        for http in matches or (WholeRule(),):
            yield http, tuple(ports)


def _inside(narrowings: list[Narrowing]) -> tuple[HTTPMatch, ...]:
    """What several narrowings of one peer's port let through together; nothing where one of them is the whole port.

    A rule lets through each of its methods to each of its paths, so methods that have the same paths share one.
    """
    paths: dict[str, dict[HTTPPath, None]] = {}
    for narrowing in narrowings:
        match narrowing:
            case Whole():
                return ()
            case Routes(routes=routes):
                for route in routes:
                    paths.setdefault(route.method, {})[path_of(route)] = None
            case _:
                raise ValueError(f"{narrowing} cannot be read: the plan must have refused it")
    methods: dict[tuple[HTTPPath, ...], list[str]] = {}
    for method, some in paths.items():
        methods.setdefault(tuple(some), []).append(method)
    return tuple(
        HTTPMatch(several, part)
        for some, them in methods.items()
        for part in _parts(some)
        for several in _parts(tuple(them))
    )


_T = TypeVar("_T")


def _parts(values: Sequence[_T]) -> Iterator[tuple[_T, ...]]:
    """In order, as many as one rule takes."""
    for first in range(0, len(values), MAX_HTTP):
        yield tuple(values[first : first + MAX_HTTP])


# --- peers ---------------------------------------------------------------------------------------------


def _peers(peer: Peer | Everyone) -> tuple[Pods | Nets | Domains | Anyone, ...]:
    match peer:
        case Workload():
            return (Pods(peer.place.namespace, peer.labels),)
        case EveryPod():
            return (Pods(peer.place.namespace, ()),)
        case Domain(match="exactly"):
            return (Domains((peer.name,)),)
        case Domain(match="any-depth"):
            return (Domains((f"*.{peer.name}",)),)
        case Domain():
            raise ValueError(f"{peer} has no word here: the plan must have refused it")
        case Outside():
            return tuple(_nets(peer))
        case Everyone():
            return (Anyone(),)
        case Unidentified():
            raise ValueError(f"{peer} is for a mesh that stands alone: no network engine gets this far")
        case _:
            assert_never(peer)


def _nets(outside: Outside) -> Iterator[Nets]:
    """One for the blocks of each family, and one for each block that something is excepted from: what a rule excepts
    it excepts from all of its blocks."""
    excepted = tuple(outside.excepted())
    for version in (4, 6):
        whole = tuple(block for block, holes in excepted if block.version == version and not holes)
        if whole:
            yield Nets(whole)
        yield from (Nets((block,), holes) for block, holes in excepted if block.version == version and holes)
