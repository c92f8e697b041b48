"""Mistakes in edges: who calls, what is called, and what is said about it."""

from datetime import date, timedelta

from app.kinds import Desk, Partner, counter, parcels
from app.workloads import api_server, branch, collector, customs, desk, dns, exchange, kiosk, nodes, router
from zt_dsl import INTERNET, Edge, Endpoint, Source, allow

allow(desk, router)  # E: arg-type
allow(desk, branch)  # E: arg-type
allow(desk, parcels)  # E: arg-type
allow(desk, counter)  # E: arg-type
allow(desk, INTERNET)  # E: arg-type
allow(desk, dns)  # E: arg-type
allow(collector, api_server)  # E: arg-type
allow(collector, nodes)  # E: arg-type
allow(desk, [router.grpc, exchange.api])  # E: arg-type
allow(desk, None)  # E: arg-type
allow(desk, "router.grpc")  # E: arg-type

allow(customs, desk.http)  # E: arg-type
allow([desk, customs], router.grpc)  # E: list-item
allow(desk.http, router.grpc)  # E: arg-type
allow([desk.http], router.grpc)  # E: list-item
allow("desk", router.grpc)  # E: arg-type
allow(["desk"], router.grpc)  # E: list-item
allow(Desk, router.grpc)  # E: arg-type
allow(None, router.grpc)  # E: arg-type
allow([[desk, kiosk], collector], router.grpc)  # E: list-item
allow((one.http for one in (desk, kiosk)), router.grpc)  # E: misc  # P: reportArgumentType
allow({"desk": desk}, router.grpc)  # E: dict-item
allow(router.grpc)  # E: arg-type, call-arg  # P: reportCallIssue
allow(source=desk, to=router.grpc)  # E: call-arg

allow(desk, router.grpc, "where to")  # E: call-arg
allow(desk, router.grpc, why=None)  # E: arg-type
allow(desk, router.grpc, why=("where", "to"))  # E: arg-type
allow(desk, router.grpc, because="where to")  # E: call-arg
allow(desk, router.grpc, until="2030-01-31")  # E: arg-type
allow(desk, router.grpc, until=20300131)  # E: arg-type
allow(desk, router.grpc, until=timedelta(days=30))  # E: arg-type
allow(desk, router.grpc, until=(2030, 1, 31))  # E: arg-type
allow(desk, router.grpc, until=date)  # E: arg-type
allow(desk, router.grpc, across_tiers="yes")  # E: arg-type
allow(desk, router.grpc, across_tier=True)  # E: call-arg

edge = allow(desk, router.grpc, why="where to")
edge.why = "another reason"  # E: misc
edge.target = exchange.calls  # E: misc
edge.until = date(2030, 1, 31)  # E: misc
edge.sources.append(kiosk)  # E: attr-defined
edge.source  # E: attr-defined
edge.target.number  # E: attr-defined
edge.target.peer.namespace  # E: attr-defined
exchange.api.port = "calls"  # E: misc
exchange.api.peer = desk  # E: misc

annotated: list[Edge] = [allow(desk, router.grpc), router.grpc]  # E: list-item  # P: reportAssignmentType
listed: Edge = [allow(desk, router.grpc)]  # E: assignment
target: Endpoint = router  # E: assignment
source: Source = customs  # E: assignment
sources: list[Source] = [desk, Partner("example.org")]  # E: list-item  # P: reportAssignmentType
