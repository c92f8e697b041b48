"""Cilium's policies as plain dictionaries, as a reader of YAML gives them."""

from tests.conformance.engines.process import Document, Json

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CLUSTER = "io.cilium.k8s.policy.cluster"


def cilium_policy(spec: Json, namespace: str = "shop", name: str = "web") -> Document:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def clusterwide_policy(spec: Json, name: str = "all") -> Document:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def selector(**labels: str) -> Document:
    return {"matchLabels": labels}


def about(app: str, **sections: Json) -> Document:
    """What a policy says of the pods of one app: `ingress`, `egressDeny` and so on."""
    return {"endpointSelector": selector(app=app), **sections}


def ports(*numbers: int | str, protocol: str = "TCP", **more: Json) -> Document:
    """A rule's `toPorts`, of one item."""
    listed: list[Json] = [{"port": str(number), "protocol": protocol} for number in numbers]
    return {"toPorts": [{"ports": listed, **more}]}


def http(*rules: Json, port: int | str = 80) -> Document:
    return ports(port, rules={"http": rules})


def dns(*rules: Json, port: int | str = 53) -> Document:
    return ports(port, protocol="ANY", rules={"dns": rules})
