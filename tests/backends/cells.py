"""A topology for each feature of a capability table: the smallest that asks for it."""

from collections.abc import Mapping

from attrs import frozen

from zt_dsl import (
    GET,
    INTERNET,
    ApiServer,
    External,
    GrpcApp,
    HttpApp,
    HttpPort,
    HttpsApi,
    Kafka,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    SctpPort,
    Service,
    TcpPort,
    TlsPort,
    Topology,
    UdpPort,
    allow,
    deny,
)
from zt_dsl.model.statements import Statement

shop = Namespace("shop")


class App(HttpApp):
    # Nodes and printers have no certificate of a mesh.
    http = HttpPort(8080, mtls="permissive")


web = App("web", namespace=shop)
api = App("api", namespace=shop)


class Many(Service):
    passive = TcpPort(30000, last=30009)
    media = UdpPort(5004)
    signalling = SctpPort(2905)


class Ranged(External):
    https = TlsPort(8443, last=8444)


class Office(Network):
    http = TcpPort(8080)


many = Many("many", namespace=shop)
grpc = GrpcApp("grpc", namespace=shop)
bus = Kafka("bus", namespace=shop)
office = Office("office", cidrs=["203.0.113.0/24"], excluding=["203.0.113.128/25"])


@frozen
class Cell:
    """What asks for a feature. `code` is the refusal where the engine cannot say it; empty where nothing is asked of
    the engine, and a report says what it does. `emits` is in what is emitted where it is exact, and nowhere else.
    """

    statements: tuple[Statement, ...]
    code: str = ""
    emits: str = ""
    mtls: bool = False

    def topology(self) -> Topology:
        return Topology("cell", self.statements, governs=[shop], mtls="strict" if self.mtls else None)


def _calls(name: str) -> tuple[Statement, ...]:
    return (allow(web, HttpsApi(name).https, why="calls out"),)


CELLS: Mapping[str, Cell] = {
    "addresses-of-names": Cell((allow(web, api.http, why="orders"),)),
    "api-server": Cell((allow(web, ApiServer().https, why="watches"), allow(Nodes(), api.http, why="probes"))),
    "cidr": Cell((allow(office, web.http, why="staff"), allow(web, office.http, why="printers"))),
    "deny": Cell((deny(INTERNET, api, why="nothing outside"), allow(web, api.http, why="orders")), "ZT316"),
    "deny-names": Cell((deny(web, HttpsApi("api.example.com"), why="no"), allow(web, api.http, why="orders")), "ZT316"),
    "dns-any-depth": Cell((allow(web, KubeDns().dns.names("**.example.com"), why="asks"),), "ZT313"),
    "dns-names": Cell((allow(web, KubeDns().dns.names("api.example.com"), why="asks"),), "ZT313"),
    "egress": Cell((allow(web, api.http, why="orders"),)),
    "fqdn": Cell(_calls("api.example.com"), "ZT314"),
    "fqdn-any-depth": Cell(_calls("**.example.com"), "ZT315"),
    "fqdn-wildcard": Cell(_calls("*.example.com"), "ZT315"),
    "grpc-methods": Cell((allow(web, grpc.grpc.methods("shop.Orders/Place", "shop.Stock/*"), why="orders"),), "ZT311"),
    "http-routes": Cell((allow(web, api.http.routes(GET("/orders/**")), why="orders"),), "ZT310"),
    "identity": Cell((allow(web, api.http, why="orders"),)),
    "kafka-topics": Cell((allow(web, bus.broker.produce("orders"), why="events"),), "ZT312"),
    "mtls": Cell((allow(web, api.http, why="orders"),), "ZT317", mtls=True),
    "nodes": Cell((allow(Nodes(), api.http, why="agents"), allow(web, Nodes().kubelet, why="metrics"))),
    "port-range": Cell((allow(web, many.passive, why="uploads"),), "ZT318"),
    "protocol": Cell((allow(web, many.media, why="calls"), allow(web, many.signalling, why="calls"))),
    "server-names": Cell(_calls("api.example.com"), emits="serverNames:"),
    "server-names-range": Cell((allow(web, Ranged("api.example.com").https, why="calls out"),), emits="serverNames:"),
    "server-names-wildcard": Cell(_calls("*.example.com"), emits="serverNames:"),
}
