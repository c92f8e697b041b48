"""Who may talk to whom. Read this file first: it is the whole policy."""

from collections.abc import Iterable
from datetime import date

from zt_dsl import GET, INTERNET, POST, PUT, ApiServer, Edge, Nodes, allow, deny, never, only

from .kinds import Scraped, backend, data, frontend, payments
from .workloads import (
    basket,
    bus,
    capacity_report,
    cards,
    carrier_apis,
    carriers,
    catalog,
    catalog_db,
    dispatcher,
    ingress,
    ledger,
    ledger_db,
    ledger_migration,
    mobile,
    nightly_report,
    office,
    orders,
    orders_db,
    parcels_db,
    prometheus,
    reports,
    rollout_operator,
    scraped,
    sessions,
    stripe,
    web,
)


def scrape(targets: Iterable[Scraped]) -> list[Edge]:
    """House rule: Prometheus reads /metrics of everything, and nothing else of it."""
    return [allow(prometheus, target.metrics.routes(GET("/metrics")), why="metrics") for target in targets]


storefront = [
    allow(ingress, web.http, why="shoppers, by browser"),
    allow(ingress, mobile.http, why="shoppers, by app"),
    allow([web, mobile], catalog.http.routes(GET("/products/**"), GET("/search")), why="browsing"),
    allow(
        [web, mobile],
        basket.http.routes(GET("/baskets/{id}"), PUT("/baskets/{id}/items/{sku}"), POST("/baskets/{id}/checkout")),
        why="the basket, and its checkout",
    ),
    allow(catalog, catalog_db.sql, why="products are rows"),
    allow(basket, sessions.resp, why="baskets live in sessions"),
    allow(basket, orders.grpc.methods("shop.Orders/Place"), why="checkout places the order"),
    allow(orders, orders_db.sql, why="orders are rows"),
    allow(orders, bus.broker.produce("orders"), why="fulfilment reads them"),
    allow(nightly_report, orders_db.sql, why="sales of the day"),
    allow(nightly_report, reports.https, why="the report is kept in S3"),
    allow(bus, bus.replication, why="brokers replicate"),
]

paying = [
    allow(orders, cards.grpc.methods("payments.Cards/Authorize", "payments.Cards/Capture"), why="the order is paid"),
    allow(cards, stripe.https, why="Stripe holds the cards"),
    allow(cards, ledger.grpc.methods("payments.Ledger/Append"), why="every payment is booked"),
    allow([ledger, ledger_migration], ledger_db.sql, why="the books are rows"),
]

shipping = [
    allow(dispatcher, bus.broker.consume("orders"), why="an order becomes a parcel"),
    allow(dispatcher, carriers.http.routes(POST("/parcels")), why="a carrier is booked"),
    allow([dispatcher, carriers], parcels_db.sql, why="parcels are rows"),
    # Past this day compiling fails, and somebody has to decide.
    allow(carriers, carrier_apis.https, why="until the carriers' own gateway is there", until=date(2028, 6, 30)),
]

operations = [
    allow(rollout_operator, ApiServer().https, why="it watches and patches Deployments"),
    allow(ApiServer(), rollout_operator.webhook, why="admission of Deployments"),
    allow(capacity_report, Nodes().kubelet, why="what each pod uses"),
    *scrape(scraped),
]

guardrails = [
    deny(INTERNET, data, why="nothing outside reads our data"),
    never(frontend, payments, why="card data ends at the orders service: frontends are out of PCI scope"),
    never(data, INTERNET, why="a store that calls out is how data leaves"),
    only([backend, prometheus, bus], data, why="only the backend reads data; Prometheus its metrics"),
    only([ledger, ledger_migration], ledger_db.sql, why="the books have one writer, and its migration"),
]

# When a pod is broken into, at three in the morning: add `quarantine(carriers, why="INC-2107: unknown address")` to the
# topology's list, compile, apply. Its edges are suspended in both directions and counted in the summary; taking the
# statement out brings them back.

# Only in the development cluster.
debug = [allow(office, catalog.http, why="developers look at it from the office")]

edges = [*storefront, *paying, *shipping, *operations, *guardrails]
