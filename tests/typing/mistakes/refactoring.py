"""What is left behind after a refactoring: `Counter` became `Desk`, its port `web` became `http`, and so on."""

from app.kinds import Counter  # E: attr-defined
from app.kinds import Desk, Exchange, Probed, Router, parcels
from app.rules import collect, eldest, greet, scrape  # E: attr-defined
from app.workloads import branch, collector, customs, desk, exchange, kiosk, router, shelves
from zt_dsl import GET, Edge, GrpcApp, HttpApp, HttpPort, Postgres, Service, TcpPort, allow
from zt_dsl import Workload  # E: attr-defined

allow(desk, router.web)  # E: attr-defined
allow(desk, desk.web.routes(GET("/")))  # E: attr-defined
allow(desk, shelves.postgres)  # E: attr-defined
allow(collector, collector.metrics)  # E: attr-defined
allow(desk, exchange.grpc)  # E: attr-defined
allow(desk, Exchange("exchange").kafka)  # E: attr-defined
allow(parcels.desk, router.grpc)  # E: attr-defined

collect([desk, collector])  # E: list-item
collect([desk, customs])  # E: list-item
collect([desk, branch])  # E: list-item
collect([desk, exchange.api])  # E: list-item
collect(desk)  # E: arg-type
collect([desk], collector)  # E: call-arg
collect([HttpApp("shop", namespace=parcels)])  # E: list-item
greet(router, [desk, router])  # E: list-item
greet(router, [shelves])  # E: list-item
greet(customs, [desk])  # E: arg-type
greet(router, desk)  # E: arg-type
eldest([desk, router]).http  # E: attr-defined
eldest([desk, kiosk]).grpc  # E: attr-defined
eldest([collector])  # E: type-var  # P: reportArgumentType
eldest([desk, kiosk]).http.methods("a.B/C")  # E: attr-defined
edges: list[Edge] = collect([desk])[0]  # E: assignment


class Archive(Probed):
    sql = TcpPort(5432)


class Mirror(Archive, Postgres):
    sql = HttpPort(5432)  # E: assignment  # P: nothing


def both(one: HttpApp, other: GrpcApp) -> list[Edge]:
    return [allow(one, other.grpc), allow(other, one.grpc)]  # E: attr-defined


def everyone(services: list[Service]) -> list[Edge]:
    return [allow(collector, service.metrics) for service in services]  # E: attr-defined


def endpoint_of(service: Desk | Router) -> Edge:
    return allow(collector, service.http)  # E: union-attr  # P: reportAttributeAccessIssue
