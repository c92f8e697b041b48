"""Mistakes in ports: declared wrong, read wrong, overridden wrong."""

from app.kinds import Desk, Exchange, Probed, Store
from app.workloads import customs, desk, exchange, shelves
from zt_dsl import (
    DnsPort,
    GrpcPort,
    HttpEndpoint,
    HttpPort,
    KafkaPort,
    SctpPort,
    Service,
    TcpEndpoint,
    TcpPort,
    TlsPort,
    UdpPort,
    allow,
)

TcpPort("5432")  # E: arg-type
TcpPort()  # E: call-arg
UdpPort(None)  # E: arg-type
SctpPort(3868.0)  # E: arg-type
TcpPort(7000, 7010)  # E: call-arg
TcpPort(7000, last="7010")  # E: arg-type
HttpPort(8080, service_port="http")  # E: arg-type
HttpPort(8080, mtls="STRICT")  # E: arg-type
HttpPort(8080, mtls=True)  # E: arg-type
HttpPort(8080, servicePort=80)  # E: call-arg
GrpcPort(50051, protocol="h2c")  # E: call-arg
KafkaPort(number="broker")  # E: arg-type
DnsPort([53, 5353])  # E: arg-type
TlsPort(443, sni="example.org")  # E: call-arg

allow(desk, exchange.soap)  # E: attr-defined
allow(desk, customs.grpc)  # E: attr-defined
allow(desk, Exchange.raw)  # E: arg-type
allow(desk, HttpPort(8080))  # E: arg-type
allow(desk, 8080)  # E: arg-type
Exchange.api.routes()  # E: attr-defined
Desk.htpp  # E: attr-defined

wrong_endpoint: HttpEndpoint = shelves.sql  # E: assignment
wrong_declaration: HttpPort = desk.http  # E: assignment
wrong_instance: TcpEndpoint = Store.sql  # E: assignment


class Renumbered(Desk):
    http = 8081  # E: assignment  # P: nothing


class Streaming(Exchange):
    calls = HttpPort(8001)  # E: assignment  # P: nothing
    events = TcpPort(9092)  # E: assignment  # P: nothing
    secure = HttpPort(8443)  # E: assignment  # P: nothing


class Unmeasured(Probed):
    metrics = None  # E: assignment  # P: nothing


class Misspelt(Service):
    http = HtpPort(8080)  # E: name-defined
    admin = HttpPort(8081, mtls="permisive")  # E: arg-type
