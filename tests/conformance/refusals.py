"""Policies that the API server refuses: known answers for the engine, and for zt_dsl's reading."""

from collections.abc import Sequence

from tests.conformance.engines.client import Document, Json
from tests.conformance.policies import network_policy


def expression(operator: str, *values: str, key: str = "tier") -> Document:
    """A selector with one expression."""
    return {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}


_POD: Document = {"podSelector": {}}

_SPECS: Sequence[Json] = (
    {"podSelektor": {}},
    {"ingress": [{"form": []}]},
    {"ingress": [{"from": [{}]}]},
    {"ingress": [{"from": [None]}]},
    {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, **_POD}]}]},
    {"ingress": [{"from": [{"ipBlock": {"except": ["10.0.0.0/8"]}}]}]},
    # An exception is strictly inside.
    {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]},
    {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["0.0.0.0/0"]}}]}]},
    {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]},
    # StrictIPCIDRValidation, on by default since 1.36.
    {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}]},
    {"ingress": [{"from": [{"ipBlock": {"cidr": "010.0.0.0/8"}}]}]},
    {"ingress": [{"from": [{"ipBlock": {"cidr": "::ffff:10.0.0.0/104"}}]}]},
    {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0"}}]}]},
    {"ingress": [{"ports": [{"port": 0}]}]},
    {"ingress": [{"ports": [{"port": 65536}]}]},
    {"ingress": [{"ports": [{"port": 80, "endPort": 79}]}]},
    {"ingress": [{"ports": [{"port": 80, "endPort": 65536}]}]},
    {"ingress": [{"ports": [{"port": "http", "endPort": 80}]}]},
    {"ingress": [{"ports": [{"endPort": 80}]}]},
    {"ingress": [{"ports": [{"port": "80"}]}]},
    {"ingress": [{"ports": [{"port": "a-name-that-is-too-long"}]}]},
    {"ingress": [{"ports": [{"protocol": "ICMP"}]}]},
    {"ingress": [{"ports": [{"protocol": "tcp"}]}]},
    {"policyTypes": ["Both"]},
    {"policyTypes": ["Ingress", "Egress", "Ingress"]},
    {"podSelector": expression("Is", "one")},
    {"podSelector": expression("In")},
    {"podSelector": expression("NotIn")},
    {"podSelector": expression("Exists", "one")},
    {"podSelector": {"matchLabels": {"app": "not a value"}}},
    {"podSelector": {"matchLabels": {"not a key": "web"}}},
)

_AROUND_A_SPEC: Sequence[Document] = (
    {"apiVersion": "extensions/v1beta1"},
    {"kind": "Ingress"},
    {"kind": "NetworkPolicies"},
    {"metadata": {"name": "policy"}},
    {"metadata": {"namespace": "shop"}},
    {"metadata": {"name": "under_score", "namespace": "shop"}},
    {"metadata": {"name": "n" * 254, "namespace": "shop"}},
    {"status": {}},
)

REFUSED: Sequence[Document] = (
    *map(network_policy, _SPECS),
    *({**network_policy({}), **change} for change in _AROUND_A_SPEC),
)
