"""Where it runs: today, in development, next, and where it is going."""

from datetime import date

from zt_dsl import ApiServer, Calico, Cilium, Istio, Kubernetes, Nodes, Platform, Waiver

from .workloads import carrier_apis, reports, scraped, stripe

MIGRATION = date(2028, 6, 30)

# What NetworkPolicy cannot say, wherever it runs. One waiver a decision: each names what it is for.
ports_only = [
    Waiver("http-routes", why="NetworkPolicy sees ports; the services check routes themselves", until=MIGRATION),
    Waiver("grpc-methods", why="NetworkPolicy sees ports; the services check methods themselves", until=MIGRATION),
    Waiver("kafka-topics", why="Kafka's own ACLs hold the topics"),
    Waiver("fqdn", why="the egress proxy comes with Cilium", target=[stripe, reports], until=MIGRATION),
    Waiver("fqdn-wildcard", why="the egress proxy comes with Cilium", target=carrier_apis, until=MIGRATION),
    Waiver("deny", why="nobody else may write policies here: admission refuses them", until=MIGRATION),
]

# The cluster of today: NetworkPolicy alone, a node-local resolver.
native = Platform(
    "native",
    network=Kubernetes("1.37"),
    pod_cidrs=["10.244.0.0/16"],
    api_server=ApiServer(cidrs=["192.0.2.10/32"]),
    nodes=Nodes(cidrs=["198.51.100.0/24"]),
    node_local_dns="169.254.20.10",
    waivers=[*ports_only, Waiver("mtls", why="there is no mesh yet", until=MIGRATION)],
)

# The development cluster. Its topology asks for no strict mTLS, so there is none to waive.
dev = Platform(
    "dev",
    network=Kubernetes("1.37"),
    pod_cidrs=["10.128.0.0/16"],
    api_server=ApiServer(cidrs=["192.0.2.20/32"]),
    nodes=Nodes(cidrs=["198.51.100.0/24"]),
    waivers=ports_only,
)

# The cluster of a subsidiary: Calico says what NetworkPolicy says, and denies, too.
calico = Platform(
    "calico",
    network=Calico("3.31"),
    pod_cidrs=["10.244.0.0/16"],
    api_server=ApiServer(cidrs=["192.0.2.30/32"]),
    nodes=Nodes(cidrs=["198.51.100.0/24"]),
    node_local_dns="169.254.20.10",
    waivers=[
        *(waiver for waiver in ports_only if waiver.feature != "deny"),
        Waiver("mtls", why="there is no mesh yet", until=MIGRATION),
    ],
)

# The next cluster: Cilium says all but what wants certificates, and, since 1.20, what is inside Kafka.
cilium = Platform(
    "cilium",
    network=Cilium("1.20"),
    pod_cidrs=["10.244.0.0/16"],
    node_local_dns="169.254.20.10",
    waivers=[
        Waiver("kafka-topics", why="Kafka's own ACLs hold the topics"),
        Waiver("mtls", why="there is no mesh yet", until=MIGRATION),
    ],
)

# Where it is going: Cilium with a mesh, which says all but what is inside Kafka. `{id}` and `**` in routes are exact
# because the mesh decodes %2F: its pathNormalization is the same.
mesh = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES")
production = Platform(
    "production",
    network=Cilium("1.20"),
    mesh=mesh,
    pod_cidrs=["10.244.0.0/16"],
    node_local_dns="169.254.20.10",
    waivers=[Waiver("kafka-topics", why="Kafka's own ACLs hold the topics")],
)

# The same mesh beside the other engines, of which neither knows names, and NetworkPolicy no deny.
_names = [waiver for waiver in ports_only if waiver.feature in ("kafka-topics", "fqdn", "fqdn-wildcard")]
calico_istio = Platform(
    "calico-istio",
    network=Calico("3.31"),
    mesh=mesh,
    pod_cidrs=["10.244.0.0/16"],
    api_server=ApiServer(cidrs=["192.0.2.30/32"]),
    nodes=Nodes(cidrs=["198.51.100.0/24"]),
    waivers=_names,
)
kubernetes_istio = Platform(
    "kubernetes-istio",
    network=Kubernetes("1.37"),
    mesh=mesh,
    pod_cidrs=["10.244.0.0/16"],
    api_server=ApiServer(cidrs=["192.0.2.10/32"]),
    nodes=Nodes(cidrs=["198.51.100.0/24"]),
    waivers=[*_names, Waiver("deny", why="nobody else may write policies here: admission refuses them")],
)

# The mesh alone: what arrives, by identity, and nothing of what leaves.
istio = Platform(
    "istio",
    network=None,
    mesh=mesh,
    pod_cidrs=["10.244.0.0/16"],
    api_server=ApiServer(cidrs=["192.0.2.10/32"]),
    nodes=Nodes(cidrs=["198.51.100.0/24"]),
    waivers=[
        *_names,
        Waiver("egress", why="the firewall at the border holds what leaves"),
        Waiver("protocol", why="nothing of it speaks UDP or SCTP"),
        Waiver(
            "identity",
            why="Prometheus is outside the mesh, and metrics are no secret",
            target=[each.metrics for each in scraped],
        ),
    ],
)
