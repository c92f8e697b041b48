"""From the policy to NetworkPolicies: only translates. What cannot be translated never gets here."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import assert_never

from zt_dsl.backends.kubernetes.objects import (
    IPBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    PodPeer,
    Rule,
)
from zt_dsl.ir.addresses import IPNetwork, collapsed
from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, Place, Reason, Workload
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Port
from zt_dsl.manifests.names import NAMESPACE_FILE, directory_name, file_name, object_name
from zt_dsl.manifests.tree import Document
from zt_dsl.source import Location, relative

DEFAULT_DENY = "default-deny"

_FLOOR = (
    "Default deny: every pod of this namespace, in both directions. It allows nothing;",
    "what is allowed stands in the files beside it.",
)


def lower(policy: Policy, root: Path) -> dict[str, tuple[Document, ...]]:
    """The policy's files, in the order in which they are to be applied: allows first, default denies last.

    One file a workload, with its one NetworkPolicy; one file a namespace, with the floor and what is for all
    of its pods. Comments name the lines of edges relative to `root`.
    """
    governed = frozenset(policy.governed)
    ingress: dict[Peer, list[Flow]] = {}
    egress: dict[Peer, list[Flow]] = {}
    for flow in policy.flows:
        ingress.setdefault(flow.target, []).append(flow)
        egress.setdefault(flow.source, []).append(flow)
    files: dict[str, tuple[Document, ...]] = {}
    for peer in sorted({*ingress, *egress}, key=str):
        if isinstance(peer, Workload) and peer.place in governed:
            path = f"{directory_name(peer.place.namespace)}/{file_name(peer.name)}"
            files[path] = (
                NetworkPolicy(
                    (f"{peer}: what its edges need, and nothing else.",),
                    peer.place.namespace,
                    object_name("allow", peer.name),
                    peer.labels,
                    _rules(ingress.get(peer, ()), _source, root),
                    _rules(egress.get(peer, ()), _target, root),
                ).document(),
            )
    for place in policy.governed:
        files[f"{directory_name(place.namespace)}/{NAMESPACE_FILE}"] = _namespace(
            place, egress.get(EveryPod(place), ()), root
        )
    return files


def _namespace(place: Place, everyone: Sequence[Flow], root: Path) -> tuple[Document, ...]:
    floor = NetworkPolicy(_FLOOR, place.namespace, DEFAULT_DENY, ())
    if not everyone:
        return (floor.document(),)
    rules = _rules(everyone, _target, root)
    comments = (f"{place}/*: what edges from the whole namespace need, for each of its pods.",)
    # No workload's name gives this one: theirs begin with `allow-` and hold no dot.
    wide = NetworkPolicy(comments, place.namespace, "allow.namespace", (), egress=rules)
    return (wide.document(), floor.document())


# --- rules ---------------------------------------------------------------------------------------------


def _source(flow: Flow) -> Peer:
    return flow.source


def _target(flow: Flow) -> Peer:
    return flow.target


def _rules(flows: Iterable[Flow], remote: Callable[[Flow], Peer], root: Path) -> tuple[Rule, ...]:
    """One rule a remote peer, with its ports joined: above it stand the reasons for that peer alone.

    The flows come in order, and so do the rules.
    """
    by_peer: dict[Peer, list[Flow]] = {}
    for flow in flows:
        by_peer.setdefault(remote(flow), []).append(flow)
    return tuple(
        Rule((*_named(peer), *_comments(of_peer, root)), _peers(peer), _ports(of_peer))
        for peer, of_peer in by_peer.items()
    )


def _named(peer: Peer) -> tuple[str, ...]:
    """Addresses do not say whose they are; labels do."""
    match peer:
        case Outside(role="internet", name="internet"):
            return ("INTERNET: all addresses but those of pods, loopback, link-local and multicast",)
        case Outside(role="network" | "internet"):
            return (f"network {peer}",)
        case Outside():
            return (str(peer),)
        case _:
            return ()


def _ports(flows: Sequence[Flow]) -> tuple[NetworkPolicyPort, ...]:
    if len(flows) == 1:
        return _of_port(flows[0].port)
    return _sorted(port for flow in flows for port in _of_port(flow.port))


@lru_cache(maxsize=1 << 17)
def _of_port(port: Port) -> tuple[NetworkPolicyPort, ...]:
    return _sorted(NetworkPolicyPort(port.first, protocol, port.last) for protocol in port.protocols)


def _sorted(ports: Iterable[NetworkPolicyPort]) -> tuple[NetworkPolicyPort, ...]:
    return tuple(sorted(set(ports), key=lambda port: (port.port, port.end_port, port.protocol)))


@lru_cache(maxsize=1 << 17)
def _peers(peer: Peer) -> tuple[NetworkPolicyPeer, ...]:
    match peer:
        case Workload():
            return (PodPeer(peer.place.namespace, peer.labels),)
        case EveryPod():
            return (PodPeer(peer.place.namespace, ()),)
        case Outside():
            return tuple(_block(block, peer.holes) for block in _whole(peer))
        case Domain():
            raise ValueError(f"{peer} has no addresses: the plan must have refused it")
        case _:
            assert_never(peer)


def _whole(outside: Outside) -> tuple[IPNetwork, ...]:
    """Its blocks, without those that its holes cover: `except` must leave something of `cidr`."""
    holes = collapsed(outside.holes)
    return tuple(block for block in outside.blocks if not any(_inside(block, hole) for hole in holes))


def _block(block: IPNetwork, holes: tuple[IPNetwork, ...]) -> IPBlock:
    return IPBlock(str(block), tuple(str(hole) for hole in collapsed(h for h in holes if _inside(h, block))))


def _inside(one: IPNetwork, other: IPNetwork) -> bool:
    if one.version == 4:
        return other.version == 4 and one.subnet_of(other)
    return other.version == 6 and one.subnet_of(other)


# --- comments ------------------------------------------------------------------------------------------


def _comments(flows: Iterable[Flow], root: Path) -> tuple[str, ...]:
    lines: dict[str, None] = {}
    for flow in flows:
        for reason in flow.reasons:
            lines[reason_line(reason, root)] = None
        for widening in flow.widenings:
            until = f", until {widening.until}" if widening.until else ""
            lines[f"WIDENED: was {widening.was}; is {widening.now} · {widening.why}{until}"] = None
    return tuple(lines)


def reason_line(reason: Reason, root: Path) -> str:
    """Why, and where it was written: what a reviewer needs to find the edge."""
    return f"{reason.derived or reason.why or reason.edge} · {written_at(reason.at, root)}"


def written_at(at: Location, root: Path) -> str:
    """A place in the user's files, as `file:line` from the project's root; its caller's, too."""
    caller = "".join(f", called at {relative(via.path, root)}:{via.line}" for via in at.via[:1])
    return f"{relative(at.path, root)}:{at.line}{caller}"
