"""The JSON Schema of what this backend emits."""

import re

from zt_dsl.backends.schema import CIDR, WORD, checker

_NAMESPACE = "k8s:io.kubernetes.pod.namespace"
_CLUSTER = "k8s:io.cilium.k8s.policy.cluster"
_PORT = re.compile(r"[1-9][0-9]{0,3}")

check = checker(
    __name__,
    "ciliumnetworkpolicy.json",
    usual={
        "name": WORD,
        "namespace": WORD,
        _NAMESPACE: WORD,
        _CLUSTER: WORD,
        "cidr": CIDR,
        "except": CIDR,
        "port": _PORT,
        "matchName": WORD,
    },
    repeated=frozenset(
        {"ingress", "egress", "ingressDeny", "egressDeny", "fromEndpoints", "toEndpoints", "toPorts", "ports"}
    ),
)
"""Where a document does not fit it."""
