"""Policies that Cilium does not take: known answers, by what they have in common.

Source: the CRDs and the parser of github.com/cilium/cilium v1.20.2, `pkg/k8s/apis/cilium.io` and
`pkg/policy/api`.
"""

from collections.abc import Mapping, Sequence

from tests.conformance.cilium_policies import about, cilium_policy, clusterwide_policy, dns, http, ports
from tests.conformance.engines.process import Document, Json

_PODS: Document = {"fromEndpoints": [{}]}
_TO_PODS: Document = {"toEndpoints": [{}]}

# Whole, as Cilium's validator takes what is left out for unknown.
_LISTENER: Document = {"envoyConfig": {"kind": "CiliumEnvoyConfig", "name": "own"}, "name": "own", "priority": 1}


def _in(*rules: Json) -> Document:
    return about("web", ingress=rules)


def _out(*rules: Json) -> Document:
    return about("web", egress=rules)


SPECS: Mapping[str, Sequence[Json]] = {
    "nothing is said": (
        about("web"),
        about("web", ingress=[]),
        about("web", ingress=[], egress=[]),
        about("web", ingress=[], enableDefaultDeny={"ingress": True}),
        about("web", enableDefaultDeny={"ingress": True}),
        None,
        {},
    ),
    "nobody or too many are selected": (
        {"ingress": [{}]},
        {"nodeSelector": {}, "ingress": [{}]},
        {"endpointSelector": {}, "nodeSelector": {}, "ingress": [{}]},
    ),
    "a field is unknown": (
        about("web", ingres=[{}]),
        {**_in(_PODS), "podSelector": {}},
        _in({"fromEndpoint": [{}]}),
        _in({"fromEndpoints": [{"matchLabel": {"app": "web"}}]}),
        _in({"FromEndpoints": [{}]}),
        _in({"fromFQDNs": [{"matchName": "example.com"}]}),
        _in({**_PODS, "toPorts": [{"port": [{"port": "80"}]}]}),
        # Pruned by an API server that is not asked to be strict: the denial is then of everything.
        about("web", egressDeny=[{"toFQDNs": [{"matchName": "example.com"}]}]),
        about("web", ingressDeny=[{**_PODS, **http({"path": "/"})}]),
        _in({**_PODS, "fromRequires": [{}]}),
    ),
    "two kinds of peers in a rule": (
        _in({**_PODS, "fromEntities": ["host"]}),
        _in({**_PODS, "fromCIDR": ["192.0.2.0/24"]}),
        _in({"fromCIDR": ["192.0.2.0/24"], "fromCIDRSet": [{"cidr": "192.0.2.0/24"}]}),
        _out({**_TO_PODS, "toCIDR": ["192.0.2.0/24"]}),
        _out({**_TO_PODS, "toFQDNs": [{"matchName": "example.com"}]}),
        _out({"toServices": [{"k8sService": {"serviceName": "db"}}], "toCIDR": ["192.0.2.0/24"]}),
    ),
    "peers": (
        _in({"fromEntities": ["everybody"]}),
        _in({"fromEntities": ["world-ipv4"]}),
        _in({"fromCIDR": ["192.0.2.1"]}),
        _in({"fromCIDRSet": [{"cidr": "192.0.2.1"}]}),
        _in({"fromCIDRSet": [{"cidr": "192.0.2.0/24", "except": ["198.51.100.0/24"]}]}),
        _in({"fromCIDRSet": [{"cidr": "192.0.2.0/24", "cidrGroupRef": "partners"}]}),
        _in({"fromCIDRSet": [{}]}),
        _in({"fromEndpoints": [{"matchLabels": {"app": "not a value"}}]}),
        _in({"fromEndpoints": [{"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}]}),
        _in({"fromEndpoints": [{"matchExpressions": [{"key": "app", "operator": "Is", "values": ["web"]}]}]}),
        # Node labels are not in identities unless the agent is told to put them there.
        _in({"fromNodes": [{}]}),
    ),
    "names": (
        _out({"toFQDNs": [{"matchName": "*.example.com"}]}),
        _out({"toFQDNs": [{"matchName": "https://example.com/"}]}),
        _out({"toFQDNs": [{"matchName": "example.com", "matchPattern": "*.example.com"}]}),
        _out({"toFQDNs": [{"matchPattern": "example.com/path"}]}),
        _out({"toFQDNs": [{}]}),
    ),
    "ports": (
        _in({**_PODS, **ports(*range(1, 42))}),
        about("web", ingressDeny=[{**_PODS, **ports(*range(1, 42))}]),
        _in({**_PODS, "toPorts": [{"ports": [{"port": 80}]}]}),
        _in({**_PODS, "toPorts": [{"ports": [{"protocol": "TCP"}]}]}),
        _in({**_PODS, **ports(70000)}),
        _in({**_PODS, **ports("a-name-that-is-too-long")}),
        _in({**_PODS, **ports(80, protocol="tcp")}),
        _in({**_PODS, **ports(80, protocol="ICMP")}),
        _in({**_PODS, "toPorts": [{"ports": [{"port": "80", "endPort": 70000}]}]}),
        _in({**_PODS, **ports(80), "icmps": [{"fields": [{"type": 8}]}]}),
    ),
    "what a connection carries": (
        _in({**_PODS, **ports(80, rules={})}),
        _in({**_PODS, **ports(80, protocol="UDP", rules={"http": [{}]})}),
        _in({**_PODS, **ports(80, protocol="ANY", rules={"http": [{}]})}),
        _in({**_PODS, "toPorts": [{"ports": [{"port": "80"}], "rules": {"http": [{}]}}]}),
        _in({**_PODS, **http({"path": "/"}, port=0)}),
        # Looks ahead, which RE2 does not.
        _in({**_PODS, **http({"path": "/(?!admin).*"})}),
        _in({**_PODS, **http({"path": "["})}),
        _in({**_PODS, **http({"method": "("})}),
        _in({**_PODS, **dns({"matchPattern": "*"})}),
        _out({**_TO_PODS, "toPorts": [{"rules": {"dns": [{"matchPattern": "*"}]}}]}),
        _out(
            {
                **_TO_PODS,
                "toPorts": [{"ports": [{"port": "53", "endPort": 54}], "rules": {"dns": [{"matchPattern": "*"}]}}],
            }
        ),
        _out({**_TO_PODS, **ports(53, rules={"http": [{}], "dns": [{"matchPattern": "*"}]})}),
        _out({**_TO_PODS, **dns({"matchName": "example.com/"})}),
        _in({**_PODS, **ports(9092, rules={"kafka": [{"topic": "orders"}]})}),
        _in({**_PODS, **ports(9092, rules={"l7proto": "r2d2", "l7": [{"cmd": "READ"}]})}),
        _out({**_TO_PODS, **ports(443, serverNames=["example.com"], rules={"http": [{}]})}),
        _out({**_TO_PODS, **ports(443, serverNames=[])}),
        _out({**_TO_PODS, **ports(443, serverNames=[""])}),
        _in({**_PODS, **ports(80, listener=_LISTENER)}),
    ),
    "the rest": (
        {**_in(_PODS), "log": {"value": "n" * 33}},
        _in({**_PODS, "authentication": {"mode": "always"}}),
    ),
}

DOCUMENTS: Mapping[str, Sequence[Document]] = {
    "what stands around a spec": (
        {},
        {**cilium_policy(_in(_PODS)), "apiVersion": "cilium.io/v1"},
        {**cilium_policy(_in(_PODS)), "kind": "NetworkPolicy"},
        {**cilium_policy(_in(_PODS)), "kind": "CiliumCIDRGroup"},
        {**cilium_policy(_in(_PODS)), "metadata": {"name": "web"}},
        {**cilium_policy(_in(_PODS)), "metadata": {"namespace": "shop"}},
        {**cilium_policy(_in(_PODS)), "metadata": {"name": "web", "namespace": "shop", "label": {}}},
        {**cilium_policy(_in(_PODS)), "metadata": {"name": "Web_Policy", "namespace": "shop"}},
        {**cilium_policy(_in(_PODS)), "data": {}},
        {key: value for key, value in cilium_policy({}).items() if key != "spec"},
    ),
    "a policy of the whole cluster": (
        {**clusterwide_policy(_in(_PODS)), "metadata": {"name": "all", "namespace": "shop"}},
        clusterwide_policy({"endpointSelector": {}, "nodeSelector": {}, "ingress": [{}]}),
        clusterwide_policy({"nodeSelector": {}, "ingress": [{**_PODS, **http({"path": "/"})}]}),
        clusterwide_policy({"nodeSelector": {}, "egress": [{**_TO_PODS, **http({"path": "/"})}]}),
    ),
}

REFUSED: Sequence[tuple[str, Document]] = (
    *((why, cilium_policy(spec)) for why, specs in SPECS.items() for spec in specs),
    *((why, document) for why, documents in DOCUMENTS.items() for document in documents),
)
