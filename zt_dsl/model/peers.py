"""Who talks: places, services, names and networks outside, and the platform's own."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from attrs import field

from zt_dsl.model.declared import Declared, Source
from zt_dsl.model.endpoints import DnsPort, GrpcPort, HttpPort, KafkaPort, TcpPort, TlsPort
from zt_dsl.model.ports import Mtls
from zt_dsl.model.recording import record


class Namespace(Source):
    """A Kubernetes namespace. As a source, it stands for every pod in it, declared or not.

    Policies know it by its name. `cluster` is where it is (None: in the platform's own).
    `meshed`: its pods have a mesh identity, on a platform with a mesh.
    """

    name: str = field(kw_only=False)
    cluster: str | None = None
    meshed: bool = True


class Tier(Source):
    """A layer of the architecture. It stands for every service in it."""

    name: str = field(kw_only=False)


class Peer(Declared):
    """Anything with ports. A subclass is a kind; an instance is one peer."""

    name: str = field(kw_only=False)


class External(Peer):
    """Outside the cluster, by name: an FQDN, `*.x` (one label) or `**.x` (any depth).

    Never a source: a name is no identity.
    """


class Network(Source, Peer):
    """Addresses outside the cluster, less those that `excluding` names. May be a source.

    A subclass with ports may be a target.
    """

    cidrs: Sequence[str]
    excluding: Sequence[str] = ()


class Service(Source, Peer):
    """A workload in a cluster (a Job too): it may call (be a source) and be called (own ports).

    `labels` select its pods (default: {"app": name}; what is written replaces it);
    `service_account` is its identity (default: its name). `meshed` is as its namespace's unless
    written. On the host network its pods are the node: no engine can tell them from it.
    """

    namespace: Namespace
    tier: Tier | None = None
    labels: Mapping[str, str] | None = None
    service_account: str | None = None
    mtls: Mtls | None = None
    meshed: bool | None = None
    host_network: bool = False

    def __attrs_post_init__(self) -> None:
        record(self)


INTERNET: Network = Network("internet", cidrs=("0.0.0.0/0", "::/0"))
"""Every address outside the cluster: private ones, and those of every External, too."""


class HttpApp(Service):
    """Plain HTTP on 8080."""

    http = HttpPort(8080)


class GrpcApp(Service):
    """Plain gRPC on 50051."""

    grpc = GrpcPort(50051)


class Postgres(Service):
    """PostgreSQL."""

    sql = TcpPort(5432)


class MySql(Service):
    """MySQL or MariaDB."""

    sql = TcpPort(3306)


class Redis(Service):
    """Redis or Valkey."""

    resp = TcpPort(6379)


class Kafka(Service):
    """Kafka brokers."""

    broker = KafkaPort(9092)


class HttpsApi(External):
    """An API outside the cluster, over TLS."""

    https = TlsPort(443)


RESOLVERS_OWN = Namespace("kube-system")
"""Where the resolver is, unless the platform says otherwise."""


class KubeDns(Service):
    """The cluster's resolver. In an edge it stands for the platform's own, port and all."""

    name: str = field(default="kube-dns", kw_only=False)
    namespace: Namespace = RESOLVERS_OWN
    labels: Mapping[str, str] | None = MappingProxyType({"k8s-app": "kube-dns"})
    dns = DnsPort(53)


class ApiServer(Source, Peer):
    """The Kubernetes API server: called by controllers, calls webhooks.

    `cidrs` are its addresses, for an engine that does not know them by itself. In an edge it stands for
    the platform's own, port and all.
    """

    name: str = field(default="kube-apiserver", kw_only=False)
    cidrs: Sequence[str] = ()
    https = TlsPort(6443)


class Nodes(Source, Peer):
    """The cluster's nodes: kubelets, and every pod on the host network.

    The probes of a pod's own kubelet need no edge. In an edge it stands for the platform's own, port and
    all.
    """

    name: str = field(default="nodes", kw_only=False)
    cidrs: Sequence[str] = ()
    kubelet = TlsPort(10250)
