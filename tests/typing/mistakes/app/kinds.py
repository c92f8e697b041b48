"""What there is at the parcel office: places, layers and kinds. No mistakes in here."""

from zt_dsl import (
    DnsPort,
    External,
    GrpcPort,
    HttpPort,
    KafkaPort,
    Namespace,
    Network,
    Postgres,
    SctpPort,
    Service,
    TcpPort,
    Tier,
    TlsPort,
    UdpPort,
)

parcels = Namespace("parcels")
telemetry = Namespace("telemetry", cluster="ops", meshed=False)

counter, sorting, vault = Tier("counter"), Tier("sorting"), Tier("vault")


class Probed(Service):
    """Everything here has metrics and lives in one namespace, unless it says otherwise."""

    namespace: Namespace = parcels
    metrics = HttpPort(9100, mtls="permissive")


class Speaking(Service):
    """Whatever has an HTTP port called `http`: a base and not a protocol, which pyright reads without descriptors."""

    http = HttpPort(8080, service_port=80)


class Desk(Probed, Speaking):
    """Where people hand in their parcels."""


class Router(Probed):
    grpc = GrpcPort(50051)


class Store(Probed, Postgres):
    metrics = HttpPort(9187)


class Exchange(Probed):
    """One port of each kind."""

    api = HttpPort(8000)
    calls = GrpcPort(8001)
    events = KafkaPort(9092)
    lookups = DnsPort(53)
    raw = TcpPort(7000, last=7010)
    beacon = UdpPort(7400)
    signalling = SctpPort(3868)
    secure = TlsPort(8443)


class Partner(External):
    https = TlsPort(443)
    http = HttpPort(80)


class Plant(Network):
    modbus = TcpPort(502)
