"""What Calico's NetworkPolicy can say, Calico 3.28 to 3.32, each with the versions and settings that it holds for.

Read in github.com/projectcalico/calico v3.28.0, v3.29.0, v3.30.0, v3.31.0 and v3.32.1: the API types
(`api/pkg/apis/projectcalico/v3`), the validator (`libcalico-go/lib/validator/v3`) and the checker that reads HTTP
(`app-policy/checker`). What the Enterprise edition adds is known from its documentation alone (docs.tigera.io,
"DNS policy"): its version is that of the open-source Calico in it.
"""

from typing import Final

from zt_dsl.backends.base import Capability, minor_of
from zt_dsl.ir.platform import APP_LAYER, ENTERPRISE, Calico, Platform

VERSIONS = tuple(f"3.{minor}" for minor in range(28, 33))

JUDGED = ("3.31",)
"""The conformance tests ask the policy code of this version, in its open-source edition."""

_NO_NAMES = "Calico's open-source API has no word for a name; only Calico Enterprise has `domains`."
_NO_LOOKUPS = "Calico lets lookups through or not; it never reads them."
_NO_TLS = "Calico never reads what TLS asks for; a name is its addresses, where the edition knows names."
_NO_L7 = "Calico's dataplane knows addresses, protocols and ports; it never sees inside a connection."
_NO_HTTP = "Calico's dataplane knows addresses, protocols and ports; to it a rule with HTTP is the whole port."
_ENTERPRISE = "the Enterprise edition, whose code no test here asks, with `dnsTrustedServers` that are the resolver"

CAPABILITIES = (
    Capability("addresses-of-names", "never", _NO_NAMES),
    Capability("addresses-of-names", "wider", "other names on the addresses of a name pass", on=ENTERPRISE),
    Capability("api-server", "exact", "by its addresses", needs="the platform's `api_server` addresses"),
    Capability(
        "cidr",
        "exact",
        "nets with notNets; they match pods, too, which have such an address",
        needs="`pod_cidrs`, where a network may hold pods",
    ),
    Capability(
        "deny",
        "exact",
        "Deny rules, asked before every allow of the tier and before NetworkPolicy of Kubernetes",
        needs="a tier that comes no later than `default`; what an earlier tier allows is not asked again",
    ),
    Capability(
        "deny-names",
        "never",
        "A deny is for pods and addresses; which addresses a name has is known only once it is looked up.",
        "leave the deny out: what no edge allows is refused already",
    ),
    Capability("dns-any-depth", "wider", _NO_LOOKUPS, "Cilium would filter the lookups"),
    Capability("dns-names", "wider", _NO_LOOKUPS, "Cilium would filter the lookups"),
    Capability("egress", "exact", "both types of every policy, and both ends of each edge"),
    Capability("fqdn", "wider", _NO_NAMES, "Calico Enterprise (domains) or Cilium (toFQDNs) would enforce it"),
    Capability("fqdn", "exact", "domains: the addresses that were answered", on=ENTERPRISE, needs=_ENTERPRISE),
    Capability("fqdn-any-depth", "wider", _NO_NAMES, "Calico Enterprise (domains) or Cilium 1.19 would enforce it"),
    Capability(
        "fqdn-any-depth",
        "exact",
        "domains with `*.`, which is one or more labels there, and not the apex",
        on=ENTERPRISE,
        needs=_ENTERPRISE,
    ),
    Capability("fqdn-wildcard", "wider", _NO_NAMES, "Cilium (toFQDNs with a pattern) would enforce it"),
    Capability(
        "fqdn-wildcard",
        "wider",
        "In `domains` an asterisk is one or more labels: there is no word for exactly one.",
        "Cilium (toFQDNs with a pattern) would enforce it; or say `**.`, which is any depth",
        on=ENTERPRISE,
    ),
    Capability(
        "grpc-methods",
        "wider",
        f"{_NO_HTTP} Even where HTTP is read, a method's path is matched without its query and below it.",
        "Cilium or a mesh (Istio) would enforce it",
    ),
    Capability("http-routes", "wider", _NO_HTTP, "Cilium or a mesh (Istio) would enforce it"),
    Capability(
        "http-routes",
        "wider",
        "Before 3.30 paths are compared as they are sent, `..` and all; 3.30 and 3.31 enforce no HTTP: it would be the "
        "whole port.",
        "Calico 3.32 enforces it; so would Cilium or a mesh (Istio)",
        until="3.31",
        on=APP_LAYER,
    ),
    Capability(
        "http-routes",
        "exact",
        "HTTP rules where the request arrives, read by Dikastes: a path to the end, or what is below one; "
        "`;parameters` are no part of a path there",
        since="3.32",
        on=APP_LAYER,
        needs="Istio's sidecars with Dikastes, and ports that they know to be HTTP: on others the port is whole",
    ),
    Capability(
        "identity",
        "never",
        "A pod is known by its labels and addresses, also where a service account is named; no certificate is checked.",
        "a mesh (Istio) would check identities",
    ),
    Capability("kafka-topics", "wider", _NO_L7, "Kafka's own ACLs would enforce it; Cilium did until 1.19"),
    Capability(
        "mtls",
        "never",
        "Calico can encrypt what nodes send one another, and checks no identity.",
        "a mesh (Istio) would enforce it",
    ),
    Capability(
        "nodes",
        "exact",
        "by their addresses",
        needs="the platform's `nodes` addresses; towards a pod's own node also `defaultEndpointToHostAction: Accept`",
    ),
    Capability("port-range", "exact", "ports with a colon: `30000:30009`"),
    Capability("protocol", "exact", "TCP, UDP and SCTP, each in a rule of its own"),
    Capability("server-names", "never", _NO_TLS, "Cilium would check them"),
    Capability("server-names-range", "never", _NO_TLS, "Cilium 1.17 would check them"),
    Capability("server-names-wildcard", "never", _NO_TLS, "Cilium 1.18 would check them"),
)

DEFAULT_TIER: Final = "default"

PASSING_TIERS: Final = frozenset({"adminnetworkpolicy", "baselineadminnetworkpolicy", "kube-admin", "kube-baseline"})
"""Tiers of Calico's own, for Kubernetes' cluster-wide policies: they end with Pass (v3.31.0, `libcalico-go/lib/names`;
v3.32.1, `api/pkg/apis/projectcalico/v3/tier.go`), and so refuse nothing."""


def tier_of(platform: Platform) -> str:
    """The tier that the platform's policies go to."""
    return platform.network.tier if isinstance(platform.network, Calico) else DEFAULT_TIER


def has_tiers(platform: Platform) -> bool:
    """Whether there are others than `default`: since 3.29.0 (`Tier` is no resource of v3.28.0's API)."""
    return isinstance(platform.network, Calico) and minor_of(platform.network.version) != "3.28"
