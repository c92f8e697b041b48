"""Every word of zt_dsl, once. Read it from top to bottom.

It compiles: python -m zt_dsl compile examples.tour:topology --platform examples.tour:native
"""

from collections.abc import Iterable
from datetime import date

from zt_dsl import (
    ANY,
    DELETE,
    GET,
    HEAD,
    INTERNET,
    OPTIONS,
    PATCH,
    POST,
    PUT,
    ApiServer,
    Calico,
    Cilium,
    Declared,
    Denial,
    DnsEndpoint,
    DnsPort,
    Edge,
    Endpoint,
    External,
    Feature,
    GrpcApp,
    GrpcEndpoint,
    GrpcPort,
    Guardrail,
    HttpApp,
    HttpEndpoint,
    HttpPort,
    HttpsApi,
    Istio,
    Kafka,
    KafkaEndpoint,
    KafkaPort,
    KubeDns,
    Kubernetes,
    Method,
    Mtls,
    MySql,
    Namespace,
    Network,
    Nodes,
    Peer,
    Platform,
    Port,
    Postgres,
    Redis,
    Route,
    SctpEndpoint,
    SctpPort,
    Service,
    Source,
    Statement,
    Target,
    TcpEndpoint,
    TcpPort,
    Tier,
    TlsEndpoint,
    TlsPort,
    Topology,
    UdpEndpoint,
    UdpPort,
    Waiver,
    allow,
    deny,
    never,
    only,
    quarantine,
)

# --- 1. Places -------------------------------------------------------------------------------------------------

# A namespace is known by its name, in policies too: nobody has to put a label on it.
depot, annex = Namespace("depot"), Namespace("annex")

# Another team's. `meshed=False`: its pods have no identity, on a platform with a mesh.
monitoring = Namespace("monitoring", meshed=False)

# A tier is a layer of the architecture. As the source of an edge it stands for every service in it.
edge_tier, app_tier, data_tier = Tier("edge"), Tier("app"), Tier("data")

# --- 2. Kinds: which ports a workload has -----------------------------------------------------------------------

# A kind is a class, a workload is a value. A port is written once, in the class body, without an annotation.
# The number is the one that the container listens on: every engine matches that one, not the Service's.


class Scraped(Service):
    """Fields can have house defaults; ports are inherited."""

    namespace: Namespace = depot
    metrics = HttpPort(9090, mtls="permissive")  # Prometheus has no certificate: this port cannot be strict


class Orders(Scraped):
    http = HttpPort(8080, service_port=80)  # clients dial 80
    grpc = GrpcPort(50051)


class Telephony(Scraped):
    signalling = SctpPort(2905)
    media = UdpPort(30000, last=30099)  # a range
    admin = TlsPort(8443)  # encrypted end to end: nothing to narrow
    control = TcpPort(5038)


class Events(Scraped):
    broker = KafkaPort(9092)


class Resolver(Scraped):
    dns = DnsPort(5353)  # UDP and TCP


# Ready-made: HttpApp 8080, GrpcApp 50051, Postgres 5432, MySql 3306, Redis 6379, Kafka 9092. Two kinds can be one.
class Database(Scraped, Postgres):
    metrics = HttpPort(9187, mtls="permissive")


# --- 3. Workloads ----------------------------------------------------------------------------------------------

# Who calls from outside has no certificate: mtls is a port's, else its service's, else the topology's.
web = HttpApp("web", namespace=depot, tier=edge_tier, mtls="permissive")
orders = Orders("orders", tier=app_tier, service_account="orders-v2")
# Labels select the pods; the default is {"app": name}. What is written replaces it.
pricing = GrpcApp("pricing", namespace=depot, tier=app_tier, labels={"app": "pricing", "track": "stable"})
telephony = Telephony("telephony", tier=app_tier, mtls="permissive")
resolver = Resolver("resolver", meshed=False)  # no tier: it is no layer of the application
orders_db = Database("orders-db", tier=data_tier)
legacy_db = MySql("legacy-db", namespace=depot, tier=data_tier)
cache = Redis("cache", namespace=depot, tier=data_tier)
events = Events("events", tier=data_tier)
audit_log = Kafka("audit-log", namespace=annex, tier=data_tier)

prometheus = Service("prometheus", namespace=monitoring)
# On the host network its pods are the node: an edge to or from them is written with Nodes().
node_exporter = Service("node-exporter", namespace=monitoring, host_network=True)

# --- 4. Outside the cluster --------------------------------------------------------------------------------------

stripe = HttpsApi("api.stripe.com")  # ready-made: one name, TLS on 443


class Smtp(External):
    """A kind of your own for a name. `*.` is one label, `**.` any number."""

    submission = TlsPort(465)


mail = Smtp("*.mail.example.com")


class Plant(Network):
    """A network may be a source as it is; as a target it needs ports, from a subclass."""

    modbus = TcpPort(502)


plant = Plant("plant", cidrs=["192.0.2.0/28"], excluding=["192.0.2.7/32"])
office = Network("office", cidrs=["203.0.113.0/24"])

# --- 5. Edges ----------------------------------------------------------------------------------------------------

edges: list[Edge] = [
    # A source, one port of one peer, and why. The why goes into the YAML, above the rule.
    allow(web, orders.http, why="checkout"),
    # Narrowed: `{id}` is one segment, `/**` the rest. Every other request is refused.
    allow(
        pricing,
        orders.http.routes(
            GET("/orders/{id}"),
            HEAD("/orders/{id}"),
            POST("/orders"),
            PUT("/orders/{id}"),
            PATCH("/orders/{id}"),
            DELETE("/orders/{id}"),
            OPTIONS("/orders"),
            ANY("/prices/**"),
            Route("TRACE", "/orders/{id}"),
        ),
        why="prices follow orders",
    ),
    allow(orders, pricing.grpc.methods("depot.Pricing/Quote", "depot.Discounts/*"), why="what an order costs"),
    allow(orders, events.broker.produce("orders", "returns"), why="others read them"),
    allow(pricing, events.broker.consume("orders"), why="demand moves prices"),
    allow([orders, pricing], orders_db.sql, why="several sources, one edge"),
    allow(orders, legacy_db.sql, why="the old orders, until they are moved", until=date(2028, 6, 30)),
    allow(app_tier, cache.resp, why="a tier: each of its services"),
    allow(orders, audit_log.broker, why="what was done, and by whom"),
    allow(web, cache.resp, why="the session, on each page", across_tiers=True),
    allow(pricing, pricing.grpc, why="replicas of one service, calling one another"),
    allow(INTERNET, web.http, why="customers, from any address outside the cluster"),
    allow(office, web.http, why="staff"),
    allow(orders, stripe.https, why="card payments"),
    allow(orders, mail.submission, why="receipts"),
    allow(telephony, plant.modbus, why="the doors of the plant"),
    allow(plant, telephony.signalling, why="its phones"),
    allow(office, telephony.media, why="calls"),
    allow(office, telephony.admin, why="settings"),
    allow(orders, telephony.control, why="call a customer back"),
    # DNS needs no edge: who may call a name may ask for it. An edge can say which names, and no others.
    allow(web, KubeDns().dns.names("orders.depot.svc.cluster.local", "**.example.com"), why="these names alone"),
    allow(depot, resolver.dns, why="a namespace: every pod in it, declared or not"),
    allow(ApiServer(), telephony.admin, why="admission webhook"),
    allow(telephony, ApiServer().https, why="it watches its own settings"),
    allow(telephony, Nodes().kubelet, why="which pods are on this node"),
    allow(Nodes(), telephony.control, why="health checks of the load balancer"),
]

# Statements are plain values: a house rule is a function, and checking one is a loop in a test.


def scrape(targets: Iterable[Scraped]) -> list[Edge]:
    return [allow(prometheus, target.metrics.routes(GET("/metrics")), why="metrics") for target in targets]


def unexplained(statements: Iterable[Statement]) -> list[Statement]:
    return [statement for statement in statements if not statement.why]


# --- 6. What must not be -----------------------------------------------------------------------------------------

denials: list[Denial] = [
    # Refused even where a policy from elsewhere allows it.
    deny(INTERNET, data_tier, why="our data is ours"),
]

guardrails: list[Guardrail] = [
    # Compiling fails where an edge breaks one; they emit nothing.
    never(edge_tier, data_tier, why="through the app tier", but=cache),
    only([orders, pricing], orders_db.sql, why="orders have two owners"),
]

# Cut off, both ways: its edges are suspended. For the night in which its pods are no longer yours.
incident: Denial = quarantine(audit_log, why="INC-7: its pods open shells")

# --- 7. The topology ----------------------------------------------------------------------------------------------

statements: list[Statement] = [
    *edges,
    *scrape([orders, telephony, resolver, orders_db, events]),
    *denials,
    *guardrails,
    incident,
]

# Whatever no edge allows is refused in the namespaces that it governs. `services` are those that no statement names.
idle = Scraped("idle", tier=app_tier)
topology = Topology(
    "tour",
    statements,
    governs=[depot, annex],
    services=[idle],
    tiers=[edge_tier, app_tier, data_tier],  # in order: an edge stays in its tier or goes down one
    mtls="strict",
)

# --- 8. Platforms ------------------------------------------------------------------------------------------------

# What this engine cannot say is refused, and the edge is named; unless a waiver says why less is enough here.
fqdn: Feature = "fqdn"
names: Target = stripe
native = Platform(
    "native",
    network=Kubernetes("1.37"),
    pod_cidrs=["10.244.0.0/16", "fd00:10:244::/56"],  # never a part of INTERNET, nor of a network
    dns=KubeDns(),  # the default: pods labelled k8s-app=kube-dns in kube-system
    api_server=ApiServer(cidrs=["198.51.100.10/32"]),
    nodes=Nodes(cidrs=["198.51.100.128/25"]),
    node_local_dns="169.254.20.10",
    waivers=[
        Waiver("http-routes", why="the mesh comes in spring", until=date(2028, 6, 30)),
        Waiver("grpc-methods", why="the mesh comes in spring", until=date(2028, 6, 30)),
        Waiver("kafka-topics", why="Kafka's own ACLs hold the topics"),
        Waiver("dns-names", why="the resolver logs every lookup"),
        Waiver(fqdn, why="no egress proxy yet", target=names),
        Waiver("fqdn-wildcard", why="no egress proxy yet", target=mail),
        Waiver("deny", why="nobody else writes policies in this cluster"),
        Waiver("mtls", why="the mesh comes in spring", until=date(2028, 6, 30)),
    ],
)

# An engine that says more: with Calico a deny is one. What it says of names and of HTTP depends on its edition
# (`edition="enterprise"`) and on its application layer (`app_layer=True`), besides the version.
with_calico = Platform(
    "with-calico",
    network=Calico("3.31", edition="open-source", app_layer=False, tier="security"),
    pod_cidrs=native.pod_cidrs,
    api_server=native.api_server,
    nodes=native.nodes,
    node_local_dns=native.node_local_dns,
    waivers=[waiver for waiver in native.waivers if waiver.feature != "deny"],
)

# Two layers: a connection has to pass both. The mesh knows who calls, and reads routes and methods: `{id}` and `**`
# exactly where it decodes %2F. Nobody reads topics any more.
with_mesh = Platform(
    "with-mesh",
    network=Cilium("1.20"),
    mesh=Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES", mesh_wide_mtls="strict"),
    cluster="eu-1",
    pod_cidrs=native.pod_cidrs,
    waivers=[Waiver("kafka-topics", why="Kafka's own ACLs hold the topics")],
)

# Not there yet: compiling for it is refused (ZT300), never answered with half a policy.
mesh_alone = Platform("mesh-alone", network=None, mesh=Istio("1.31", mode="ambient", waypoint="waypoint"))

# --- 9. Words for annotations --------------------------------------------------------------------------------------

# What mypy knows of an endpoint is what can be asked of it: `orders.http.produce("x")` is a mistake in the editor.
endpoints: tuple[
    HttpEndpoint, GrpcEndpoint, KafkaEndpoint, DnsEndpoint, TlsEndpoint, TcpEndpoint, UdpEndpoint, SctpEndpoint
] = (
    orders.http,
    orders.grpc,
    events.broker,
    resolver.dns,
    telephony.admin,
    telephony.control,
    telephony.media,
    telephony.signalling,
)
declaration: Port[HttpEndpoint] = Orders.http  # read from the class: the declaration, with its number
narrowed: Endpoint = orders.http.routes(GET("/"))
method: Method = "GET"
mode: Mtls = "strict"
anyone_who_calls: list[Source] = [web, depot, app_tier, office, INTERNET, ApiServer(), Nodes()]
anything_with_ports: list[Peer] = [web, stripe, plant, KubeDns()]
anything_declared: list[Declared] = [depot, web, orders.http, edges[0]]
