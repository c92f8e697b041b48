"""House rules as functions: typed by what they need, and no more. No mistakes in here."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from app.kinds import Probed, Speaking
from app.workloads import collector, desk, exchange, router
from zt_dsl import GET, Edge, Service, Topology, allow


Member = TypeVar("Member", bound=Probed)


def collect(from_each: Iterable[Probed]) -> list[Edge]:
    return [allow(collector, one.metrics.routes(GET("/metrics")), why="metrics") for one in from_each]


def greet(caller: Service, each: Sequence[Speaking]) -> list[Edge]:
    return [allow(caller, one.http, why="greeting") for one in each]


def eldest(members: Sequence[Member]) -> Member:
    return min(members, key=lambda member: member.name)


edges = [
    allow(desk, router.grpc.methods("parcels.Routing/Find"), why="where to"),
    *collect([desk, router, exchange]),
    *greet(router, [desk]),
]
topology = Topology("parcels", edges, governs=[desk.namespace])
