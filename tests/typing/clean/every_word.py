"""A correct program that uses every word of the surface. Neither checker may say anything about it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import assert_type

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

# --- places and kinds --------------------------------------------------------------------

shop = Namespace("shop")
abroad = Namespace("abroad", cluster="eu-2", meshed=False)
front, back = Tier("front"), Tier("back")


class Scraped(Service):
    """A kind with an overridden default and a port of its own."""

    namespace: Namespace = shop
    metrics = HttpPort(9090, mtls="permissive")


class Api(Scraped):
    http = HttpPort(8080, service_port=80)


class Database(Scraped, Postgres):
    """Two kinds at once; one of their ports is moved."""

    metrics = HttpPort(9187)


class Admitted(Service):
    """Overridden defaults of nearly every field that has one; for the others see overridden_fields.py."""

    namespace: Namespace = shop
    tier: Tier | None = back
    service_account: str | None = "admitted"
    mtls: Mtls | None = "strict"
    meshed: bool | None = True
    host_network: bool = False


class Everything(Scraped):
    http = HttpPort(8000)
    grpc = GrpcPort(8001)
    kafka = KafkaPort(9092)
    dns = DnsPort(5353)
    tcp = TcpPort(7000, last=7010)
    udp = UdpPort(7400)
    sctp = SctpPort(3868)
    tls = TlsPort(8443, service_port=443, mtls="disable")


class Partner(External):
    https = TlsPort(443)


class Plant(Network):
    modbus = TcpPort(502)


# --- peers ---------------------------------------------------------------------------------

api = Api("api", tier=front, labels={"app": "api", "colour": "green"}, service_account="api")
other = Api(name="other", namespace=abroad)
rows = Database("rows", tier=back, mtls="strict", meshed=True, host_network=False)
every = Everything("everything")
admitted = Admitted("admitted")
app, calls = HttpApp("app", namespace=shop), GrpcApp("calls", namespace=shop)
mysql, redis, kafka = (
    MySql("mysql", namespace=shop),
    Redis("redis", namespace=shop),
    Kafka("kafka", namespace=shop),
)
partner, stripe, anyone = Partner("**.example.org"), HttpsApi("api.stripe.com"), External("*.example.com")
office = Network("office", cidrs=["203.0.113.0/24"], excluding=["203.0.113.13/32"])
plant = Plant("plant", cidrs=["192.0.2.0/28"])
dns = KubeDns()
other_dns = KubeDns("coredns", namespace=shop, labels={"app": "coredns"})
api_server, nodes = ApiServer(cidrs=["192.0.2.1/32"]), Nodes("workers", cidrs=("192.0.2.0/26",))

# --- what is read from a class, from an instance, and from an endpoint -----------------------

assert_type(Api.http, HttpPort)
assert_type(Api.metrics, HttpPort)
assert_type(Database.sql, TcpPort)
assert_type(Everything.grpc, GrpcPort)
assert_type(Everything.kafka, KafkaPort)
assert_type(Everything.dns, DnsPort)
assert_type(Everything.udp, UdpPort)
assert_type(Everything.sctp, SctpPort)
assert_type(Everything.tls, TlsPort)
assert_type(Api.http.number, int)
assert_type(api.http, HttpEndpoint)
assert_type(rows.metrics, HttpEndpoint)
assert_type(rows.sql, TcpEndpoint)
assert_type(every.grpc, GrpcEndpoint)
assert_type(every.kafka, KafkaEndpoint)
assert_type(every.dns, DnsEndpoint)
assert_type(every.tcp, TcpEndpoint)
assert_type(every.udp, UdpEndpoint)
assert_type(every.sctp, SctpEndpoint)
assert_type(every.tls, TlsEndpoint)
assert_type(partner.https, TlsEndpoint)
assert_type(stripe.https, TlsEndpoint)
assert_type(plant.modbus, TcpEndpoint)
assert_type(app.http, HttpEndpoint)
assert_type(calls.grpc, GrpcEndpoint)
assert_type(mysql.sql, TcpEndpoint)
assert_type(redis.resp, TcpEndpoint)
assert_type(kafka.broker, KafkaEndpoint)
assert_type(dns.dns, DnsEndpoint)
assert_type(api_server.https, TlsEndpoint)
assert_type(nodes.kubelet, TlsEndpoint)
assert_type(api.http.routes(GET("/")), Endpoint)
assert_type(every.grpc.methods("a.B/C", "a.B/*"), Endpoint)
assert_type(every.kafka.produce("orders"), Endpoint)
assert_type(every.kafka.consume("orders", "refunds"), Endpoint)
assert_type(every.dns.names("example.org"), Endpoint)
assert_type(api.http.peer, Peer)
assert_type(api.http.port, str)
assert_type(api.name, str)
assert_type(api.namespace, Namespace)
assert_type(api.tier, Tier | None)
assert_type(api.labels, Mapping[str, str] | None)
assert_type(api.mtls, Mtls | None)
assert_type(office.cidrs, Sequence[str])
assert_type(INTERNET, Network)
assert_type(GET("/"), Route)

# --- statements -------------------------------------------------------------------------------

routes = [GET("/a"), HEAD("/a"), POST("/a"), PUT("/a/{id}"), PATCH("/a/{id}"), DELETE("/a/{id}"), OPTIONS("/**")]
method: Method = "TRACE"
edge = allow(api, rows.sql, why="rows", until=date(2031, 1, 31), across_tiers=True)
edges = [
    edge,
    allow([api, other], every.http.routes(routes[0], *routes[1:], ANY("/b"), Route(method, "/c"), Route("*", "/d"))),
    allow((one for one in (api, other)), every.tls),
    allow({api, other}, every.udp),
    allow(shop, dns.dns.names("example.org")),
    allow(front, every.sctp),
    allow(office, api.http),
    allow(INTERNET, app.http),
    allow(api_server, admitted_endpoint := app.http),
    allow(nodes, every.tcp),
    allow(api, stripe.https),
    allow(api, plant.modbus),
    allow(api, api.http, why="replicas of itself"),
]
assert_type(admitted_endpoint, HttpEndpoint)
denials = [
    deny(INTERNET, rows, why="our rows"),
    deny([shop, office], [rows.sql, back, abroad], why="our rows"),
    quarantine(redis, why="an incident"),
]
guardrails = [
    never(front, back, why="through the API", but=api),
    never([other], (rows, mysql), why="through the API", but=[api, shop]),
    only([api, admitted], rows.sql, why="the API alone"),
]
assert_type(edge, Edge)
assert_type(edge.sources, Sequence[Source])
assert_type(edge.target, Endpoint)
assert_type(edge.until, date | None)
assert_type(edge.why, str)
assert_type(edges, list[Edge])
assert_type(denials, list[Denial])
assert_type(guardrails, list[Guardrail])

statements: list[Statement] = [*edges, *denials, *guardrails]
topology = Topology(
    "shop",
    statements,
    governs=(shop,),
    services={admitted, calls},
    tiers=[front, back],
    mtls="permissive",
)
in_force: Sequence[Statement] = topology.statements
assert_type(topology.name, str)

# --- platforms ----------------------------------------------------------------------------------

feature: Feature = "fqdn-wildcard"
target: Target = rows.sql
waivers = [
    Waiver("http-routes", why="the mesh comes in spring", until=date(2031, 1, 31)),
    Waiver(feature, why="no proxy yet", target=target),
    Waiver("kafka-topics", why="no proxy yet", target=[kafka, every.kafka, back, shop]),
]
platforms = [
    Platform("plain", network=Kubernetes("1.33"), waivers=waivers, pod_cidrs=["10.0.0.0/8"]),
    Platform("house", network=Cilium("1.18"), mesh=Istio("1.28"), dns=other_dns, node_local_dns="169.254.20.10"),
    Platform(
        "old",
        network=Calico("3.31", edition="enterprise", app_layer=True, tier="security"),
        cluster="eu-1",
        api_server=api_server,
        nodes=nodes,
    ),
    Platform(
        "mesh",
        network=None,
        mesh=Istio(
            "1.28",
            mode="ambient",
            waypoint="waypoint",
            trust_domain="example.org",
            root_namespace="istio-system",
            path_normalization="DECODE_AND_MERGE_SLASHES",
        ),
    ),
]
assert_type(platforms, list[Platform])
assert_type(platforms[0].name, str)

declared: list[Declared] = [shop, front, api, partner, office, edge, api.http, GET("/")]
declarations: list[Port[HttpEndpoint]] = [Api.http, Database.metrics]
