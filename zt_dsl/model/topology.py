"""The topology: which statements are in force, and where."""

from collections.abc import Iterable

from attrs import field, frozen

from zt_dsl.model.peers import Namespace, Service, Tier
from zt_dsl.model.ports import Mtls
from zt_dsl.model.statements import Statement, listed
from zt_dsl.source import Span, here


def _statements(value: Iterable[Statement]) -> tuple[Statement, ...]:
    return listed(value)


def _namespaces(value: Iterable[Namespace]) -> tuple[Namespace, ...]:
    return listed(value)


def _services(value: Iterable[Service]) -> tuple[Service, ...]:
    return listed(value)


def _tiers(value: Iterable[Tier]) -> tuple[Tier, ...]:
    return listed(value)


@frozen
class Topology:
    """What is in force: where it governs, everything that no edge allows is refused.

    It emits nothing for any other namespace: an edge to or from one is permitted on this side only.

    `services` are those that no statement names; the others are known already.

    `tiers` are in order: between services that have one, an edge may stay in its tier or go
    down one, unless it says `across_tiers`.

    `mtls` that is written is demanded: a platform without a mesh refuses "strict". None means
    strict wherever the platform has a mesh, and a report that says so where it has none.
    """

    name: str
    statements: tuple[Statement, ...] = field(converter=_statements)
    governs: tuple[Namespace, ...] = field(converter=_namespaces, kw_only=True)
    services: tuple[Service, ...] = field(default=(), converter=_services, kw_only=True)
    tiers: tuple[Tier, ...] = field(default=(), converter=_tiers, kw_only=True)
    mtls: Mtls | None = field(default=None, kw_only=True)
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)
