"""Who may talk to whom, on which port, and why: one value a declared or derived flow."""

from collections.abc import Container, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, assert_never

from attrs import frozen

from zt_dsl.ir.addresses import Addresses, IPNetwork, addresses, collapsed
from zt_dsl.ir.selector import Selector, with_labels
from zt_dsl.ir.traffic import Lookups, Methods, Narrowing, Port, Routes, ServerNames, Topics, Whole
from zt_dsl.source import Location

Labels = tuple[tuple[str, str], ...]


@frozen(cache_hash=True)
class Place:
    """A namespace of a cluster. `meshed`: its pods have a mesh identity, where there is a mesh."""

    cluster: str
    namespace: str
    meshed: bool = True

    def __str__(self) -> str:
        return self.namespace


@frozen(cache_hash=True)
class Workload:
    """The pods of one declared service: those with these labels in this namespace."""

    place: Place
    name: str
    labels: Labels
    service_account: str
    tier: str = ""
    mtls: Literal["strict", "permissive", "disable", "inherited"] = "inherited"
    meshed: bool = True

    @property
    def selector(self) -> Selector:
        """Which pods of the namespace they are."""
        return with_labels(self.labels)

    def __str__(self) -> str:
        return f"{self.place}/{self.name}"


@frozen(cache_hash=True)
class EveryPod:
    """Every pod of a namespace, declared or not."""

    place: Place

    def __str__(self) -> str:
        return f"{self.place}/*"


@frozen(cache_hash=True)
class Outside:
    """Addresses outside the cluster.

    `role` is what they are: an engine may know the API server or the nodes by itself; `other-nodes` are all but the
    one that a pod runs on. `blocks` are the declared CIDRs less `holes`; both empty where the platform does not know
    the addresses, which only an engine that does not need them accepts.
    """

    name: str
    role: Literal["network", "internet", "api-server", "nodes", "other-nodes", "node-local-dns"]
    blocks: tuple[IPNetwork, ...]
    holes: tuple[IPNetwork, ...] = ()

    @property
    def addresses(self) -> Addresses:
        """As a set."""
        return addresses(self.blocks) - addresses(self.holes)

    def excepted(self) -> Iterator[tuple[IPNetwork, tuple[IPNetwork, ...]]]:
        """Its blocks, each with the holes that lie strictly inside. A block that a hole covers is none: what is
        excepted from a block must leave something of it."""
        holes = collapsed(self.holes)
        for block in self.blocks:
            if not any(_within(block, hole) for hole in holes):
                yield block, collapsed(hole for hole in self.holes if _within(hole, block))

    def __str__(self) -> str:
        return "INTERNET" if self.role == "internet" and self.name == "internet" else self.name


def _within(one: IPNetwork, other: IPNetwork) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.subnet_of(other)
    return isinstance(other, IPv6Network) and one.subnet_of(other)


@frozen(cache_hash=True)
class Domain:
    """A name outside the cluster, lower case, without a trailing dot.

    `name` is the name itself (`exactly`), or what follows the wildcard: `one-label` below it, or `any-depth`.
    """

    name: str
    match: Literal["exactly", "one-label", "any-depth"]

    def __str__(self) -> str:
        return {"exactly": "", "one-label": "*.", "any-depth": "**."}[self.match] + self.name


@frozen(cache_hash=True)
class Unidentified:
    """Whoever shows no identity to a mesh that stands alone, wherever it calls from: what a caller outside the mesh
    becomes where a waiver agrees to it. Nobody can write it."""

    def __str__(self) -> str:
        return "whoever shows no identity"


Peer = Workload | EveryPod | Outside | Domain | Unidentified


@frozen(cache_hash=True)
class Reason:
    """Why a flow is there: `edge` is the statement in a few words, written `at`, for the reason `why`.

    `derived` says, in words, what a pass derived the flow for, from that edge; empty for an edge's own.
    """

    why: str
    at: Location
    edge: str
    derived: str = ""


@frozen(cache_hash=True)
class Widening:
    """A flow that a waiver made wider: from `was` to `now`. `until` is an ISO date, or empty."""

    feature: str
    was: str
    now: str
    why: str
    until: str
    at: Location


@frozen(cache_hash=True)
class Flow:
    """From each pod of `source` to `port` of `target`, narrowed by `narrowing`.

    Invariant: a Workload or EveryPod carries its place, and `reasons` is never empty.
    """

    source: Peer
    target: Peer
    port: Port
    narrowing: Narrowing
    reasons: tuple[Reason, ...]
    widenings: tuple[Widening, ...] = ()

    @property
    def derived(self) -> bool:
        """Nobody wrote it: it is there for other edges alone."""
        return all(reason.derived for reason in self.reasons)


@frozen
class EveryPort:
    """Each port there is, declared or not."""


@frozen
class Everyone:
    """Whoever it is: pods, addresses, names and nodes, but for a pod's own node that calls it (the kubelet, whose
    probes are not judged: a pod that fails them is restarted, with whatever there was to be found in it)."""

    def __str__(self) -> str:
        return "everyone"


@frozen(cache_hash=True)
class Denial:
    """Refused even where another policy allows it. Everyone is on one side at most: of a quarantine."""

    source: Peer | Everyone
    target: Peer | Everyone
    port: Port | EveryPort
    reason: Reason


def place_of(peer: Peer) -> Place | None:
    """The namespace that a peer's pods are in; None for what is outside."""
    if isinstance(peer, (Workload, EveryPod)):  # not by `match`, which takes twice as long: every pass asks
        return peer.place
    if isinstance(peer, (Outside, Domain, Unidentified)):
        return None
    assert_never(peer)


def narrowed_end(flow: Flow, governed: Container[Place | None]) -> Literal["Ingress", "Egress"]:
    """The one end of a narrowed flow where it is narrowed; the other passes the whole port. A flow passes where both
    ends pass it, and each look inside a connection costs a proxy.

    HTTP, gRPC and Kafka are read where they arrive, if that is governed. What is looked up, and the name that TLS
    asks for, are read where the caller is: a resolver and a host outside have no policy.
    """
    match flow.narrowing:
        case Lookups() | ServerNames():
            return "Egress"
        case Whole() | Routes() | Methods() | Topics():
            return "Ingress" if place_of(flow.target) in governed else "Egress"
        case _:
            assert_never(flow.narrowing)


def peers_of(flows: Iterable[Flow]) -> dict[int, Peer]:
    """The flows' peers by identity: flows are many and share them, so what is asked of a peer is asked once."""
    return {id(peer): peer for flow in flows for peer in (flow.source, flow.target)}


def ports_of(flows: Iterable[Flow]) -> dict[int, Port]:
    """The flows' ports by identity, as `peers_of`."""
    return {id(flow.port): flow.port for flow in flows}
