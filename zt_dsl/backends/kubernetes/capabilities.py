"""What native NetworkPolicy can say (k8s.io/api v0.37.2, `networking/v1/types.go`)."""

from zt_dsl.backends.base import Capability

VERSIONS = tuple(f"1.{minor}" for minor in range(25, 38))
"""1.25 is the first with `endPort` for good; nothing that is emitted changed its meaning up to 1.37."""

JUDGED = ("1.37",)
"""The conformance tests ask a matcher over the API types of this version."""

_NO_L7 = "NetworkPolicy knows addresses, protocols and ports; it never sees inside a connection."
_NO_NAMES = "NetworkPolicy knows peers by labels and addresses; it has no word for a name."

_NO_TLS = "It has no word for a name, so there is none to check; a waived name is any address."

CAPABILITIES = (
    Capability("addresses-of-names", "never", _NO_NAMES),
    Capability("api-server", "exact", "by its addresses", needs="the platform's `api_server` addresses"),
    Capability("cidr", "exact", "ipBlock with except", needs="`pod_cidrs`, where a network may hold pods"),
    Capability(
        "deny",
        "never",
        "NetworkPolicy only allows; what policies from elsewhere allow is allowed too.",
        "Cilium or Calico would deny it",
    ),
    Capability("deny-names", "never", "NetworkPolicy only allows, and it has no word for a name."),
    Capability("dns-any-depth", "wider", _NO_L7, "Cilium would filter the lookups"),
    Capability("dns-names", "wider", _NO_L7, "Cilium would filter the lookups"),
    Capability("egress", "exact", "policyTypes Egress, and both ends of each edge"),
    Capability("fqdn", "wider", _NO_NAMES, "Cilium (toFQDNs) would enforce it"),
    Capability("fqdn-any-depth", "wider", _NO_NAMES, "Cilium 1.19 (toFQDNs with a pattern) would enforce it"),
    Capability("fqdn-wildcard", "wider", _NO_NAMES, "Cilium (toFQDNs with a pattern) would enforce it"),
    Capability("grpc-methods", "wider", _NO_L7, "Cilium or a mesh (Istio) would enforce it"),
    Capability("http-routes", "wider", _NO_L7, "Cilium or a mesh (Istio) would enforce it"),
    Capability(
        "identity",
        "never",
        "A pod is known by its labels, and whoever may set a label has it; no certificate is checked.",
        "a mesh (Istio) would check identities",
    ),
    Capability("kafka-topics", "wider", _NO_L7, "Kafka's own ACLs would enforce it; Cilium did until 1.19"),
    Capability(
        "mtls",
        "never",
        "NetworkPolicy encrypts nothing and checks no identity.",
        "a mesh (Istio) would enforce it",
    ),
    Capability("nodes", "exact", "by their addresses", needs="the platform's `nodes` addresses"),
    Capability("port-range", "exact", "endPort"),
    Capability(
        "port-range",
        "never",
        "Weave Net does not read endPort: it would open the first port alone.",
        "declare each port by itself",
        on='plugin="weave-net"',
    ),
    Capability("protocol", "exact", "TCP, UDP and SCTP; SCTP where the network plugin has it"),
    Capability("server-names", "never", _NO_TLS, "Cilium would check them"),
    Capability("server-names-range", "never", _NO_TLS, "Cilium 1.17 would check them"),
    Capability("server-names-wildcard", "never", _NO_TLS, "Cilium 1.18 would check them"),
)
