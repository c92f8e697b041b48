"""Who is there."""

from zt_dsl import HttpsApi, Network, Service

from .kinds import (
    Bus,
    Cache,
    Database,
    Operator,
    Rpc,
    Scraped,
    WebApp,
    Worker,
    backend,
    data,
    frontend,
    fulfilment,
    ingress_nginx,
    monitoring,
    payments,
    shop_system,
)

# shop
web = WebApp("web", tier=frontend)
mobile = WebApp("mobile-gateway", tier=frontend)
catalog = WebApp("catalog", tier=backend)
basket = WebApp("basket", tier=backend)
orders = Rpc("orders", tier=backend)
nightly_report = Worker("nightly-report", tier=backend)  # a CronJob
catalog_db = Database("catalog-db", tier=data)
orders_db = Database("orders-db", tier=data)
sessions = Cache("sessions", tier=data)
bus = Bus("bus", tier=data)

# payments
cards = Rpc("cards", namespace=payments, tier=backend)
ledger = Rpc("ledger", namespace=payments, tier=backend)
ledger_db = Database("ledger-db", namespace=payments, tier=data)
ledger_migration = Worker("ledger-migration", namespace=payments, tier=backend)  # a Job, at each release

# fulfilment
dispatcher = Worker("dispatcher", namespace=fulfilment, tier=backend)
carriers = WebApp("carriers", namespace=fulfilment, tier=backend)
parcels_db = Database("parcels-db", namespace=fulfilment, tier=data)

# shop-system: no tier, for it is no layer of the application
rollout_operator = Operator("rollout-operator", namespace=shop_system)
capacity_report = Worker("capacity-report", namespace=shop_system)  # a CronJob

# Everything of ours but the jobs, which end before anybody could look.
scraped: list[Scraped] = [
    *(web, mobile, catalog, basket, orders, catalog_db, orders_db, sessions, bus),
    *(cards, ledger, ledger_db, dispatcher, carriers, parcels_db, rollout_operator),
]

# Elsewhere: their charts set other labels than `app`.
ingress = Service(
    "ingress-nginx",
    namespace=ingress_nginx,
    labels={"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"},
)
prometheus = Service("prometheus", namespace=monitoring, labels={"app.kubernetes.io/name": "prometheus"})

# Outside
stripe = HttpsApi("api.stripe.com")
reports = HttpsApi("shop-reports.s3.eu-central-1.amazonaws.com")  # one bucket: under `**.amazonaws.com` is anybody's
carrier_apis = HttpsApi("**.carriers.example.com")
office = Network("office", cidrs=["203.0.113.0/24"], excluding=["203.0.113.13/32"])  # .13 is the guests' Wi-Fi
