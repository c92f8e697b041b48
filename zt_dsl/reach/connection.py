"""One connection, seen from one end: who, on which port, and what it carries; and whether a reach lets it through."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import TypeAlias, assert_never

from attrs import frozen

from zt_dsl.ir.addresses import Addresses
from zt_dsl.ir.flow import Labels
from zt_dsl.ir.paths import PLAIN, Only, Speech
from zt_dsl.ir.selector import CLUSTER, METADATA_NAME
from zt_dsl.ir.traffic import Protocol
from zt_dsl.reach.grants import EVERY_ENTITY, Direction, Entities, Entity, Grant, Names, Narrowed, Pods, Reach, Remote


@frozen
class Pod:
    """A pod, by its labels and those of its namespace besides the name; `cluster` is empty where nothing tells it."""

    namespace: str
    labels: Labels
    namespace_labels: Labels = ()
    cluster: str = ""


@frozen
class Named:
    """An address that the resolver answered for this name: which one is empty where it does not matter."""

    name: str
    address: str = ""

    def __str__(self) -> str:
        return f"{self.name} at {self.address}" if self.address else self.name


Far: TypeAlias = Pod | str | Named | Entity
"""Who is at the other end: a pod, an address outside the cluster, a name's address, or what an engine knows by itself.
An address and an entity are both texts, and no address is spelt like an entity."""


@frozen
class Said:
    """One request: the words that a language of this protocol is made of (`ir.paths`)."""

    speech: Speech
    words: tuple[str, ...]

    def __str__(self) -> str:
        match self.speech:
            case "http":
                query = "" if self.words[1] == PLAIN else "?…"
                return f"{self.words[0]} /{'/'.join(self.words[2:])}{query}"
            case "dns":
                return f"a lookup of {'.'.join(reversed(self.words))}"
            case "tls":
                return f"TLS to {'.'.join(reversed(self.words))}"
            case "kafka":
                return " ".join(self.words)
            case _:
                assert_never(self.speech)


@frozen
class Connection:
    """One connection, seen from one end: for Ingress `remote` calls `subject`, for Egress the reverse.

    The port is the destination's. `said` is the request that it carries; None is what no narrowed port lets through.
    """

    subject: Pod
    direction: Direction
    remote: Far
    protocol: Protocol
    port: int
    said: Said | None = None


def passes(reach: Reach, end: Connection) -> bool:
    """Whether this reach lets one connection through at this end. What the real engines are asked, too."""
    labels = dict(end.subject.labels)
    namespace = end.subject.namespace
    if any(_lets(grant, end, labels) for grant in reach.denied):
        return False
    isolated = any(
        i.namespace == namespace and i.direction == end.direction and i.subject.contains(labels)
        for i in reach.isolations
    )
    return not isolated or any(_lets(grant, end, labels) for grant in reach.grants)


def _lets(grant: Grant, end: Connection, labels: Mapping[str, str]) -> bool:
    opened = grant.opened
    return (
        grant.namespace == end.subject.namespace
        and grant.direction == end.direction
        and grant.subject.contains(labels)
        and (opened.ports if isinstance(opened, Narrowed) else opened).contains(end.protocol, end.port)
        and (not isinstance(opened, Narrowed) or says(opened.only, end.said))
        and _is_among(grant.remote, end.remote)
    )


def _is_among(remote: Remote, peer: Far) -> bool:
    match remote, peer:
        case Addresses(), str():
            return peer not in EVERY_ENTITY and ip_network(peer) in remote
        case Entities(entities=entities), str():
            return peer in entities
        case Names(names=names), Named(name=name):
            return names.contains(name.split(".")[::-1])
        case Addresses(), Named(address=address):
            return address != "" and ip_network(address) in remote
        case Pods(), Pod():
            named = {METADATA_NAME: peer.namespace} | ({CLUSTER: peer.cluster} if peer.cluster else {})
            return remote.namespace.contains({**dict(peer.namespace_labels), **named}) and remote.pods.contains(
                dict(peer.labels)
            )
        case _:
            return False


def says(only: Only, said: Said | None) -> bool:
    """Whether this request is one of those."""
    return said is not None and said.speech == only.speech and only.language.contains(said.words)
