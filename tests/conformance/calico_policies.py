"""Calico's objects as plain dictionaries, as a reader of YAML gives them."""

from tests.conformance.engines.process import Document, Json

API_VERSION = "projectcalico.org/v3"


def calico_policy(spec: Json, namespace: str = "shop", name: str = "default.web") -> Document:
    return {
        "apiVersion": API_VERSION,
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def global_policy(spec: Json, name: str = "default.all") -> Document:
    return {"apiVersion": API_VERSION, "kind": "GlobalNetworkPolicy", "metadata": {"name": name}, "spec": spec}


def tier(name: str, **spec: Json) -> Document:
    return {"apiVersion": API_VERSION, "kind": "Tier", "metadata": {"name": name}, "spec": spec}


def network_set(spec: Json, labels: Json, namespace: str = "shop", name: str = "partners") -> Document:
    metadata: Json = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": API_VERSION, "kind": "NetworkSet", "metadata": metadata, "spec": spec}


def global_network_set(spec: Json, labels: Json, name: str = "partners") -> Document:
    metadata: Json = {"name": name, "labels": labels}
    return {"apiVersion": API_VERSION, "kind": "GlobalNetworkSet", "metadata": metadata, "spec": spec}


def ingress(*rules: Json, selector: str = "app == 'web'", **more: Json) -> Document:
    """What a policy says of what comes in to some pods."""
    return {"selector": selector, "types": ["Ingress"], "ingress": rules, **more}


def egress(*rules: Json, selector: str = "app == 'web'", **more: Json) -> Document:
    return {"selector": selector, "types": ["Egress"], "egress": rules, **more}


def allow(**fields: Json) -> Document:
    return {"action": "Allow", **fields}


def deny(**fields: Json) -> Document:
    return {"action": "Deny", **fields}


def passing(**fields: Json) -> Document:
    """To the next tier."""
    return {"action": "Pass", **fields}


def to_port(*ports: int | str, protocol: str = "TCP", **fields: Json) -> Document:
    """A rule's protocol and the ports of its destination."""
    return {"protocol": protocol, "destination": {"ports": ports, **fields}}
