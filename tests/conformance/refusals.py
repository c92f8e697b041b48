"""Policies that the API server refuses: known answers for the engine, and for zt_dsl's reading."""

import json
from collections.abc import Sequence

from tests.conformance.engines.process import Document, Json
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
    {"podSelector": {"matchLabels": {"app": "n" * 64}}},
    {"podSelector": {"matchLabels": {"not a key": "web"}}},
    {"podSelector": {"matchLabels": {"n" * 64: "web"}}},
    {"podSelector": {"matchLabels": {f"{'n' * 254}/app": "web"}}},
    {"podSelector": {"matchLabels": {"Example.org/app": "web"}}},
    {"podSelector": expression("In", "not a value")},
    {"podSelector": expression("Exists", key="not a key")},
    {"podSelector": {"matchExpressions": [{"operator": "Exists"}]}},
)

_AROUND_A_SPEC: Sequence[Document] = (
    {"apiVersion": "extensions/v1beta1"},
    {"kind": "Ingress"},
    {"kind": "NetworkPolicies"},
    {"metadata": {"name": "policy"}},
    {"metadata": {"namespace": "shop"}},
    {"metadata": {"name": "under_score", "namespace": "shop"}},
    {"metadata": {"name": "n" * 254, "namespace": "shop"}},
    {"metadata": {"name": "policy", "namespace": "n" * 64}},
    {"metadata": {"name": "policy", "namespace": "a.b"}},
    {"metadata": {"name": "policy", "namespace": "shop", "labels": {"app": "not a value"}}},
    {"metadata": {"name": "policy", "namespace": "shop", "annotations": {"note": "n" * (256 << 10)}}},
    {"status": {}},
)

REFUSED: Sequence[Document] = (
    *map(network_policy, _SPECS),
    *({**network_policy({}), **change} for change in _AROUND_A_SPEC),
)


def in_short(document: Document) -> str:
    """For the name of a test: what is not the same in every policy."""
    usual = network_policy({})
    changed = {key: value for key, value in document.items() if usual.get(key) != value}
    return json.dumps(changed)[:100]
