"""Statements: what a topology is made of. Plain values, in force only where a Topology lists them."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar, cast

from attrs import field

from zt_dsl.model.declared import Declared, Source
from zt_dsl.model.endpoints import Endpoint
from zt_dsl.model.peers import Namespace, Peer, Service, Tier
from zt_dsl.model.recording import record

Target = Endpoint | Peer | Tier | Namespace


class Statement(Declared):
    """What a topology is made of. Its parts can be read, so that a house rule is a loop in a test."""

    why: str


class Edge(Statement):
    """One trust edge, from each of its sources to its target."""

    sources: Sequence[Source]
    target: Endpoint
    until: date | None
    across_tiers: bool = field(default=False)


class Denial(Statement):
    """Refused even if a policy from elsewhere allows it."""

    sources: Sequence[Source]
    targets: Sequence[Target]


class Quarantine(Denial):
    """A service that is cut off, both ways: it is the one source and the one target."""


class Guardrail(Statement):
    """A rule about edges: it emits nothing, compiling fails where an edge breaks it."""

    sources: Sequence[Source]
    targets: Sequence[Target]


class Never(Guardrail):
    """No edge may lead from these sources to these targets, unless one of `but` is an end of it."""

    but: Sequence[Target]


class Only(Guardrail):
    """No edge may lead to these targets from anywhere but these sources."""


T = TypeVar("T")


def listed(value: T | Iterable[T]) -> tuple[T, ...]:
    """One or many, as a tuple. A string is one: its letters are nobody's sources."""
    # One that is declared is the common case, and asking an abstract class is slow.
    many = not isinstance(value, (Declared, str, bytes)) and isinstance(value, Iterable)
    return tuple(cast("Iterable[T]", value)) if many else (cast("T", value),)


def allow(
    source: Source | Iterable[Source],
    target: Endpoint,
    *,
    why: str = "",
    until: date | None = None,
    across_tiers: bool = False,
) -> Edge:
    """One trust edge. Pure: it is in force only in a Topology that lists it.

    A service that calls itself is its replicas calling one another. Past `until` compiling fails;
    what was applied stays in force until then and after.
    """
    edge = Edge(sources=listed(source), target=target, why=why, until=until, across_tiers=across_tiers)
    record(edge)
    return edge


def deny(source: Source | Iterable[Source], target: Target | Iterable[Target], *, why: str) -> Denial:
    """Refused even if a policy from elsewhere allows it. An allow that crosses it is an error."""
    denial = Denial(sources=listed(source), targets=listed(target), why=why)
    record(denial)
    return denial


def quarantine(service: Service, *, why: str) -> Denial:
    """Cut off, both ways: its edges are suspended, and policies from elsewhere overruled."""
    denial = Quarantine(sources=(service,), targets=(service,), why=why)
    record(denial)
    return denial


def never(
    source: Source | Iterable[Source],
    target: Target | Iterable[Target],
    *,
    why: str,
    but: Target | Iterable[Target] = (),
) -> Guardrail:
    """Compiling fails where an allow does so, unless one of `but` is an end of it. Emits nothing."""
    guardrail = Never(sources=listed(source), targets=listed(target), why=why, but=listed(but))
    record(guardrail)
    return guardrail


def only(source: Source | Iterable[Source], target: Target | Iterable[Target], *, why: str) -> Guardrail:
    """Compiling fails where an allow lets any other source reach the target. Emits nothing."""
    guardrail = Only(sources=listed(source), targets=listed(target), why=why)
    record(guardrail)
    return guardrail
