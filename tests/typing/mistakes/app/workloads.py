"""Who is at the parcel office. No mistakes in here."""

from app.kinds import Desk, Exchange, Partner, Plant, Router, Store, counter, sorting, telemetry, vault
from zt_dsl import ApiServer, KubeDns, Network, Nodes, Service

desk = Desk("desk", tier=counter)
kiosk = Desk("kiosk", tier=counter, labels={"app": "kiosk", "colour": "yellow"})
router = Router("router", tier=sorting)
exchange = Exchange("exchange", tier=sorting)
shelves = Store("shelves", tier=vault, service_account="shelves-rw")
collector = Service("collector", namespace=telemetry)

customs = Partner("customs.example.org")
branch = Network("branch", cidrs=["198.51.100.0/24"], excluding=("198.51.100.7/32",))
conveyor = Plant("conveyor", cidrs=["192.0.2.0/28"])

dns, api_server, nodes = KubeDns(), ApiServer(), Nodes()
