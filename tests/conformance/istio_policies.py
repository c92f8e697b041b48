"""Istio's policies as plain dictionaries, as a reader of YAML gives them."""

from collections.abc import Mapping

from tests.conformance.engines.process import Document, Json

AUTHORIZATION, AUTHENTICATION = "AuthorizationPolicy", "PeerAuthentication"


def istio_policy(kind: str, spec: Json, namespace: str = "shop", name: str = "web") -> Document:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def selector(**labels: str) -> Document:
    return {"matchLabels": labels}


def allow(*rules: Json, namespace: str = "shop", name: str = "allow", **more: Json) -> Document:
    """With these rules; it is about every workload of the namespace unless there is a `selector`."""
    return istio_policy(AUTHORIZATION, {**more, "rules": list(rules)}, namespace, name)


def deny(*rules: Json, namespace: str = "shop", name: str = "deny", **more: Json) -> Document:
    return istio_policy(AUTHORIZATION, {"action": "DENY", **more, "rules": list(rules)}, namespace, name)


def source(**fields: Json) -> Document:
    """A rule's `from`, of one source."""
    return {"from": [{"source": fields}]}


def operation(**fields: Json) -> Document:
    """A rule's `to`, of one operation."""
    return {"to": [{"operation": fields}]}


def mtls(
    mode: str,
    namespace: str = "shop",
    name: str = "mtls",
    about: Mapping[str, str] | None = None,
    ports: Mapping[str, str] | None = None,
) -> Document:
    """A PeerAuthentication; `about` are the labels of its workloads, `ports` their modes."""
    spec: dict[str, Json] = {"mtls": {"mode": mode}} if mode else {}
    if about is not None:
        spec["selector"] = {"matchLabels": about}
    if ports is not None:
        spec["portLevelMtls"] = {port: {"mode": each} for port, each in ports.items()}
    return istio_policy(AUTHENTICATION, spec, namespace, name)
