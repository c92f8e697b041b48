"""Mistakes in denials and guardrails."""

from app.kinds import Desk, counter, parcels, vault
from app.workloads import branch, customs, desk, exchange, kiosk, router, shelves
from zt_dsl import INTERNET, Denial, Edge, Guardrail, Statement, allow, deny, never, only, quarantine

deny(desk, shelves)  # E: call-arg
deny(desk, shelves, "rows are not for the counter")  # E: call-arg
deny(desk, why="nothing named")  # E: call-arg
deny(customs, shelves, why="a name is no identity")  # E: arg-type
deny([INTERNET, customs], shelves, why="a name is no identity")  # E: list-item
deny(desk.http, shelves.sql, why="a port does not call")  # E: arg-type
deny(desk, "shelves", why="a string is no peer")  # E: arg-type
deny(desk, [shelves, "vault"], why="a string is no peer")  # E: list-item
deny(desk, Desk, why="a kind is no peer")  # E: arg-type
deny(desk, Desk.http, why="a declaration is no endpoint")  # E: arg-type
deny(desk, shelves, why=None)  # E: arg-type
deny(desk, shelves, why="for now", until="2030-01-31")  # E: call-arg

quarantine(desk)  # E: call-arg
quarantine([desk, kiosk], why="one at a time")  # E: arg-type
quarantine(counter, why="a tier is no workload")  # E: arg-type
quarantine(parcels, why="a namespace is no workload")  # E: arg-type
quarantine(customs, why="not ours")  # E: arg-type
quarantine(branch, why="not ours")  # E: arg-type
quarantine(desk.http, why="whole workloads only")  # E: arg-type
quarantine("desk", why="a string is no workload")  # E: arg-type
quarantine(desk, router, why="both ways already")  # E: arg-type, misc  # P: reportCallIssue

never(desk, shelves)  # E: call-arg
never(desk, shelves, "through the router")  # E: call-arg
never(customs, shelves, why="a name is no identity")  # E: arg-type
never([desk, "kiosk"], shelves, why="a string is no source")  # E: list-item
never(desk, None, why="nothing named")  # E: arg-type
never(desk, shelves, why="through the router", but="router")  # E: arg-type
never(desk, shelves, why="through the router", but=[router, "kiosk"])  # E: list-item
never(desk, shelves, why="through the router", but=None)  # E: arg-type
never(desk, shelves, why="through the router", unless=router)  # E: call-arg

only(router, shelves)  # E: call-arg
only(shelves.sql, router, why="the wrong way round")  # E: arg-type
only([shelves.sql], [router], why="the wrong way round")  # E: list-item
only(router, why="to what?")  # E: call-arg
only(router, [[shelves]], why="nested")  # E: list-item
only(router, shelves, why="rows", but=vault)  # E: call-arg
only(router, 5432, why="a number is no port")  # E: arg-type

denial: Denial = only(router, shelves, why="rows")  # E: assignment
guardrail: Guardrail = deny(desk, shelves, why="rows")  # E: assignment
edge: Edge = deny(desk, shelves, why="rows")  # E: assignment
statement: Statement = exchange.api  # E: assignment
statements: list[Statement] = [allow(desk, router.grpc), desk]  # E: list-item  # P: reportAssignmentType
deny(desk, shelves, why="rows").why = "no reason"  # E: misc
deny(desk, shelves, why="rows").until  # E: attr-defined
