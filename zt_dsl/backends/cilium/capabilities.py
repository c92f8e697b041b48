"""What CiliumNetworkPolicy can say, Cilium 1.15 to 1.20, each with the versions that it holds for.

Read in the modules github.com/cilium/cilium v1.15.19, v1.16.19, v1.17.16, v1.18.11, v1.19.7 and v1.20.2: the CRDs
(`pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml`) and the parser (`pkg/policy/api`).
"""

from zt_dsl.backends.base import Capability, minor_of
from zt_dsl.ir.platform import Cilium, Platform

VERSIONS = tuple(f"1.{minor}" for minor in range(15, 21))

JUDGED = ("1.20",)
"""The conformance tests ask the policy code of this version; of the others they ask the CRDs."""

_DEPTH = "In this version `**.` is one label, as `*.` is."

CAPABILITIES = (
    Capability("addresses-of-names", "wider", "other names on the addresses of a name pass, unless SNI is checked"),
    Capability("api-server", "exact", "the entity kube-apiserver, whatever its addresses"),
    Capability(
        "cidr",
        "exact",
        "CIDR sets with except; they never match pods or nodes, as Cilium is installed",
        needs="`pod_cidrs`, where a network may hold pods",
    ),
    Capability("deny", "exact", "ingressDeny and egressDeny, which overrule every allow, whoever wrote it"),
    Capability(
        "deny-names",
        "never",
        "A deny is for pods and addresses; which addresses a name has is known only once it is looked up.",
        "leave the deny out: what no edge allows is refused already",
    ),
    Capability("dns-any-depth", "narrower", _DEPTH, "Cilium 1.19 has `**.` for any depth", until="1.18"),
    Capability("dns-any-depth", "exact", "a DNS rule with `**.`", since="1.19"),
    Capability(
        "dns-names",
        "exact",
        "a DNS rule: lookups pass the agent's proxy, and others are answered REFUSED",
        needs="the cluster domain `cluster.local`, and pods that search no further domains, or these are named, too",
    ),
    Capability("egress", "exact", "every direction is isolated, and both ends of each edge are opened"),
    Capability(
        "fqdn", "exact", "toFQDNs: the addresses that were answered to lookups of the name, through the agent's proxy"
    ),
    Capability("fqdn-any-depth", "narrower", _DEPTH, "Cilium 1.19 has `**.` for any depth", until="1.18"),
    Capability("fqdn-any-depth", "exact", "toFQDNs with `**.`: one or more labels, not the apex", since="1.19"),
    Capability("fqdn-wildcard", "exact", "toFQDNs with `*.`: one label, not the apex"),
    Capability("grpc-methods", "exact", "a POST to the method's path, read by Envoy"),
    Capability("http-routes", "exact", "method and path, read by Envoy where the request arrives"),
    Capability(
        "identity",
        "never",
        "A pod is known by its labels, and whoever may set a label has it; no certificate is checked.",
        "a mesh (Istio) would check identities",
    ),
    Capability(
        "kafka-topics",
        "exact",
        "Kafka rules, read by the agent's proxy",
        until="1.19",
        needs="clients that speak what the proxy reads: encodings before Kafka 2.4, no SASL, no idempotent producers",
    ),
    Capability(
        "kafka-topics",
        "never",
        "Cilium has no Kafka rules any more: an agent that is given one opens the whole port.",
        "Kafka's own ACLs would enforce it",
        since="1.20",
    ),
    Capability(
        "mtls",
        "never",
        "Cilium's mutual authentication is beta, and deprecated in 1.20; encryption is no identity.",
        "a mesh (Istio) would enforce it",
    ),
    Capability(
        "nodes", "exact", "the entities host and remote-node; joined clusters share them: theirs are nodes here, too"
    ),
    Capability(
        "port-range",
        "never",
        "This version has no endPort.",
        "declare each port by itself, or run Cilium 1.16, which has ranges",
        until="1.15",
    ),
    Capability("port-range", "exact", "endPort", since="1.16"),
    Capability("protocol", "exact", "TCP, UDP and SCTP", needs="`sctp.enabled` for SCTP"),
    Capability("server-names", "exact", "serverNames: on a TLS port the name that the client asks for (SNI), too"),
    Capability(
        "server-names-range",
        "never",
        "This version reads nothing on a range of ports: a name there is only its addresses.",
        "Cilium 1.17 reads ranges",
        until="1.16",
    ),
    Capability("server-names-range", "exact", "serverNames on each port of a range", since="1.17"),
    Capability(
        "server-names-wildcard",
        "never",
        "This version has no patterns for SNI: a wildcard name is only its addresses.",
        "Cilium 1.18 has them",
        until="1.17",
    ),
    Capability("server-names-wildcard", "exact", "serverNames with `*.` and `**.`", since="1.18"),
)


def has_default_deny(platform: Platform) -> bool:
    """Whether there are `enableDefaultDeny` and `endPort`. 1.15 has neither: its API server refuses or drops them."""
    return isinstance(platform.network, Cilium) and minor_of(platform.network.version) != "1.15"
