"""From the policy to NetworkPolicies: only translates. What cannot be translated never gets here."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal, assert_never

from zt_dsl.backends.comments import named, reasons
from zt_dsl.backends.kubernetes.objects import (
    IPBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    PodPeer,
    Rule,
    Said,
)
from zt_dsl.ir.flow import Domain, EveryPod, Outside, Peer, Place, Unidentified, Workload
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Port
from zt_dsl.manifests.names import NAMESPACE_FILE, directory_name, file_name, object_name
from zt_dsl.manifests.tree import Document

DEFAULT_DENY = "default-deny"

_FLOOR = (
    "Default deny: every pod of this namespace, in both directions. It allows nothing;",
    "what is allowed stands in the files beside it.",
)


def lower(policy: Policy, root: Path) -> Iterator[tuple[str, tuple[Document, ...]]]:
    """The policy's files by path, in the order in which they are to be applied: allows first, default denies last.

    One file a workload, with its one NetworkPolicy; one file a namespace, with the floor and what is for all
    of its pods. Comments name the lines of edges relative to `root`.
    """
    governed = frozenset(policy.governed)
    ingress: dict[Peer, list[_Passes]] = {}
    egress: dict[Peer, list[_Passes]] = {}
    for flow in policy.flows:
        # Each flow is told at both of its ends, in the same words.
        comments = reasons(flow, root)
        ingress.setdefault(flow.target, []).append((flow.source, flow.port, comments))
        egress.setdefault(flow.source, []).append((flow.target, flow.port, comments))
    for peer in sorted({*ingress, *egress}, key=str):
        if isinstance(peer, Workload) and peer.place in governed:
            allow = NetworkPolicy(
                (f"{peer}: what its edges need, and nothing else.",),
                peer.place.namespace,
                object_name("allow", peer.name),
                peer.labels,
                _rules("from", ingress.get(peer, ())),
                _rules("to", egress.get(peer, ())),
            )
            yield f"{directory_name(peer.place.namespace)}/{file_name(peer.name)}", (allow.document(),)
    for place in policy.governed:
        everyone = _rules("to", egress.get(EveryPod(place), ()))
        yield f"{directory_name(place.namespace)}/{NAMESPACE_FILE}", _namespace(place, everyone)


def _namespace(place: Place, everyone: tuple[Said, ...]) -> tuple[Document, ...]:
    floor = NetworkPolicy(_FLOOR, place.namespace, DEFAULT_DENY, ())
    if not everyone:
        return (floor.document(),)
    comments = (f"{place}/*: what edges from the whole namespace need, for each of its pods.",)
    # No workload's name gives this one: theirs begin with `allow-` and hold no dot.
    wide = NetworkPolicy(comments, place.namespace, "allow.namespace", (), egress=everyone)
    return (wide.document(), floor.document())


# --- rules ---------------------------------------------------------------------------------------------


# What passes at one end: to or from which peer, on which port, with the comments that say why.
_Passes = tuple[Peer, Port, tuple[str, ...]]


def _rules(word: Literal["from", "to"], passes: Iterable[_Passes]) -> tuple[Said, ...]:
    """One rule a remote peer, with its ports joined: above it stand the reasons for that peer alone.

    They come in the order of the flows, in which all that is about one peer stands together.
    """
    rules: list[Said] = []
    last: Peer | None = None
    ports: tuple[Port, ...] = ()
    said: tuple[str, ...] = ()
    for peer, port, comments in passes:
        if peer is last or peer == last:
            rules.pop()
            ports, said = (*ports, port), tuple(dict.fromkeys(said + comments))
        else:
            last, ports, said = peer, (port,), comments
        names, rule = _rule(word, peer, ports)
        rules.append((names + said, rule))
    return tuple(rules)


@lru_cache(maxsize=1 << 17)
def _rule(word: Literal["from", "to"], peer: Peer, ports: tuple[Port, ...]) -> Said:
    """The rule for these ports of a peer, under what the peer is called: made once, however many need it."""
    return named(peer), Rule(word, _peers(peer), _numbers(ports))


@lru_cache(maxsize=1 << 12)
def _numbers(ports: tuple[Port, ...]) -> tuple[NetworkPolicyPort, ...]:
    found = {NetworkPolicyPort(port.first, protocol, port.last) for port in ports for protocol in port.protocols}
    return tuple(sorted(found, key=_by_number))


def _by_number(port: NetworkPolicyPort) -> tuple[int, int, str]:
    return port.port, port.end_port, port.protocol


def _peers(peer: Peer) -> tuple[NetworkPolicyPeer, ...]:
    match peer:
        case Workload():
            return (PodPeer(peer.place.namespace, peer.labels),)
        case EveryPod():
            return (PodPeer(peer.place.namespace, ()),)
        case Outside():
            return tuple(IPBlock(str(block), tuple(map(str, holes))) for block, holes in peer.excepted())
        case Domain() | Unidentified():
            raise ValueError(f"{peer} has no addresses: the plan must have refused it")
        case _:
            assert_never(peer)
