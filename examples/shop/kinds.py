"""Where things are, and which ports each kind of workload has."""

from zt_dsl import GrpcPort, HttpPort, Kafka, Namespace, Postgres, Redis, Service, TcpPort, Tier, TlsPort

shop = Namespace("shop")
payments = Namespace("payments")
fulfilment = Namespace("fulfilment")
shop_system = Namespace("shop-system")

# Other teams govern these: edges to and from them are enforced on our side alone.
ingress_nginx = Namespace("ingress-nginx")
monitoring = Namespace("monitoring", meshed=False)

frontend, backend, data = Tier("frontend"), Tier("backend"), Tier("data")


class Scraped(Service):
    """The house default: every workload has metrics on 9090. Prometheus has no identity in the mesh."""

    namespace: Namespace = shop
    metrics = HttpPort(9090, mtls="permissive")


class WebApp(Scraped):
    http = HttpPort(8080, service_port=80)


class Rpc(Scraped):
    grpc = GrpcPort(50051)


class Worker(Scraped):
    """It calls and is not called: consumers of Kafka, jobs."""


class Database(Scraped, Postgres):
    metrics = HttpPort(9187, mtls="permissive")


class Cache(Scraped, Redis):
    metrics = HttpPort(9121, mtls="permissive")


class Bus(Scraped, Kafka):
    metrics = HttpPort(9404, mtls="permissive")
    replication = TcpPort(9091)


class Operator(Scraped):
    """A controller. The API server calls its webhook, and has no identity in the mesh either."""

    webhook = TlsPort(9443, service_port=443, mtls="permissive")
