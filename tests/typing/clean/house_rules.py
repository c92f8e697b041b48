"""Helpers over kinds, and rules as loops over what is declared. Neither checker may say anything about it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, assert_type

from zt_dsl import (
    GET,
    Edge,
    Endpoint,
    HttpEndpoint,
    HttpPort,
    Namespace,
    Peer,
    Port,
    Postgres,
    Service,
    Source,
    Statement,
    Topology,
    allow,
)

AnyService = TypeVar("AnyService", bound=Service)
AnyEndpoint = TypeVar("AnyEndpoint", bound=Endpoint)

shop = Namespace("shop")


class Scraped(Service):
    namespace: Namespace = shop
    metrics = HttpPort(9090)


class Web(Scraped):
    http = HttpPort(8080)


class Database(Scraped, Postgres):
    """Rows, with an exporter beside them."""


web, rows = Web("web"), Database("rows")
prometheus = Service("prometheus", namespace=Namespace("monitoring"))


def scrape(targets: Iterable[Scraped]) -> list[Edge]:
    return [allow(prometheus, target.metrics.routes(GET("/metrics"))) for target in targets]


def named(services: Iterable[AnyService], name: str) -> AnyService:
    return next(service for service in services if service.name == name)


def from_all(sources: Iterable[Source], endpoint: AnyEndpoint) -> tuple[Edge, AnyEndpoint]:
    return allow(sources, endpoint), endpoint


def endpoints(peers: Iterable[AnyService], pick: Callable[[AnyService], AnyEndpoint]) -> Iterator[AnyEndpoint]:
    return (pick(peer) for peer in peers)


def read(declaration: Port[AnyEndpoint], peer: Peer) -> AnyEndpoint:
    return declaration.__get__(peer, type(peer))


def of_edges(statements: Sequence[Statement]) -> Iterator[Edge]:
    return (statement for statement in statements if isinstance(statement, Edge))


both: Sequence[Scraped] = [web, rows]
assert_type(scrape([web, rows]), list[Edge])
assert_type(scrape(both), list[Edge])
assert_type(named([web], "web"), Web)
assert_type(named([web], "web").http, HttpEndpoint)
assert_type(from_all([web], rows.metrics), tuple[Edge, HttpEndpoint])
assert_type(list(endpoints([web], lambda one: one.http)), list[HttpEndpoint])
assert_type(read(Web.http, web), HttpEndpoint)

topology = Topology("shop", [*scrape([web, rows]), allow(web, rows.sql, why="orders")], governs=[shop])
callers: set[Source] = {source for edge in of_edges(topology.statements) for source in edge.sources}
called: dict[Endpoint, str] = {edge.target: edge.why for edge in of_edges(topology.statements)}
by_value = {web: "equal wherever it is made", Web("web"): "so this is the same entry"}
assert_type(by_value, dict[Web, str])

match topology.statements[-1]:
    case Edge(sources=[Service(name=caller)], target=Endpoint(port=port)):
        assert_type(caller, str)
        assert_type(port, str)
