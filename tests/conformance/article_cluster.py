"""The article's cluster, and the same question as each engine takes it.

A question is Cilium's, whose words hold the most; what another engine does not know of it is left out there.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from attrs import evolve

from tests.conformance import article
from tests.conformance.engines import calico_engine, istio_engine, kubernetes_engine
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.cilium_engine import Address, CiliumEngine, Connection, Peer, Pod, Reserved, Verdict
from tests.conformance.engines.istio_engine import IstioEngine
from tests.conformance.engines.kubernetes_engine import KubernetesEngine
from tests.conformance.engines.process import Document, Protocol

# Its namespaces have the labels that the article puts on them: production, monitoring, and no other.
_PRODUCTION, _MONITORING = {"env": "production"}, {"purpose": "monitoring"}
MESHED = frozenset(("production", "monitoring", "ingress"))
"""The namespaces whose pods have a sidecar. Each of those pods is who its service account is."""


def in_production(account: str = "default", cluster: str = "", **labels: str) -> Pod:
    return Pod("production", labels, _PRODUCTION, account, cluster)


WEB = in_production(app="web", tier="frontend")
API = in_production(app="api", tier="backend")
POSTGRES = in_production(app="postgres", tier="database")
REDIS = in_production(app="redis", tier="cache")
KAFKA = in_production(app="kafka")
ORDERS = in_production(app="order-service")
PAYMENTS = in_production(app="payment-service")
STRANGER = in_production(app="stranger")
COMPROMISED = in_production(app="compromised-service")
PLAIN_WEB, PLAIN_API = in_production(app="web"), in_production(app="api")

PROMETHEUS = Pod("monitoring", {"app": "prometheus"}, _MONITORING, "prometheus")
INGRESS = Pod("ingress-nginx", {"app": "ingress-nginx"})
RESOLVER = Pod("kube-system", {"k8s-app": "kube-dns"})
METRICS_SERVER = Pod("kube-system", {"k8s-app": "metrics-server"})
ISTIOD = Pod("istio-system", {"app": "istiod"})
OUTSIDE = Address("203.0.113.9")

EVERYBODY: Sequence[Peer] = (
    *(WEB, API, POSTGRES, REDIS, KAFKA, ORDERS, PAYMENTS, STRANGER),
    *(PROMETHEUS, INGRESS, RESOLVER, METRICS_SERVER, OUTSIDE),
)

PATTERN_1 = ("default-deny-all", "allow-dns-egress")
PATTERN_2 = ("frontend-policy", "backend-policy", "database-policy", "allow-from-monitoring")


def manifests(*names: str) -> list[Document]:
    return [article.manifest(name) for name in names]


def edited(name: str, old: str, new: str) -> Document:
    """A manifest of the article with this in the place of that, which it has once."""
    text = article.text(name)
    assert text.count(old) == 1
    [document] = article.parsed(text.replace(old, new))
    return document


def named(name: str, address: str = "192.0.2.1") -> Address:
    """An address outside that this name was looked up for."""
    return Address(address, (name,))


def lookup(source: Peer, target: Peer = RESOLVER, protocol: Protocol = "UDP", name: str = "") -> Connection:
    return Connection(source, target, protocol, 53, dns=name)


# --- Cilium -----------------------------------------------------------------------------------------------


def one(engine: CiliumEngine, connection: Connection) -> Verdict:
    [verdict] = engine.ask([connection])
    return verdict


# --- NetworkPolicy ----------------------------------------------------------------------------------------


def natively(connection: Connection) -> kubernetes_engine.Connection:
    """As NetworkPolicy sees it: of what it carries nothing is left."""

    def end(peer: Peer) -> kubernetes_engine.Peer:
        match peer:
            case Pod():
                return kubernetes_engine.Pod(peer.namespace, peer.labels, "10.244.0.9", peer.namespace_labels)
            case Address():
                return kubernetes_engine.Address(peer.ip)
            case Reserved():
                raise AssertionError("NetworkPolicy has no word for it")

    return kubernetes_engine.Connection(
        end(connection.source), end(connection.target), connection.protocol, connection.port
    )


def asked(engine: KubernetesEngine, connection: Connection) -> kubernetes_engine.Verdict:
    [verdict] = engine.ask([natively(connection)])
    return verdict


# --- Calico -----------------------------------------------------------------------------------------------


def of_calico(engine: CalicoEngine, connections: Iterable[Connection]) -> list[calico_engine.Verdict]:
    """Calico knows everybody by an address, so that each pod has one of its own."""
    asked = list(connections)
    pods = dict.fromkeys(p for p in chain.from_iterable((c.source, c.target) for c in asked) if isinstance(p, Pod))
    addresses = {pod: f"10.244.1.{number}" for number, pod in enumerate(pods, 1)}

    def end(peer: Peer) -> calico_engine.Peer:
        match peer:
            case Pod():
                return calico_engine.Pod(
                    peer.namespace, peer.labels, addresses[peer], peer.namespace_labels, peer.service_account
                )
            case Address():
                return calico_engine.Address(peer.ip)
            case Reserved():
                raise AssertionError("Calico has no word for it")

    return engine.ask(calico_engine.Connection(end(c.source), end(c.target), c.protocol, c.port) for c in asked)


def by_calico(engine: CalicoEngine, connection: Connection) -> calico_engine.Verdict:
    [verdict] = of_calico(engine, [connection])
    return verdict


# --- Istio ------------------------------------------------------------------------------------------------


def identity(peer: Peer) -> istio_engine.Identity | None:
    """Who it is by its certificate; None for who has none."""
    if isinstance(peer, Pod) and peer.namespace in MESHED:
        return istio_engine.Identity(peer.namespace, peer.service_account)
    return None


def to_sidecar(connection: Connection) -> istio_engine.Connection:
    """As the target's sidecar sees it."""
    assert isinstance(connection.target, Pod)
    http = connection.http
    return istio_engine.Connection(
        identity(connection.source),
        istio_engine.Workload(connection.target.namespace, connection.target.labels),
        connection.port,
        None if http is None else istio_engine.Request(http.method, http.path),
    )


def by_sidecar(engine: IstioEngine, connection: Connection) -> istio_engine.Verdict:
    [verdict] = engine.ask([to_sidecar(connection)])
    return verdict


def through_sidecars(engine: IstioEngine, connections: Iterable[Connection]) -> list[bool]:
    """What the mesh lets through: all that is not TCP to a pod with a sidecar."""
    asked = list(connections)
    judged = [it for it in asked if meshed(it)]
    verdicts = dict(zip(judged, engine.ask(map(to_sidecar, judged)), strict=True))
    return [it not in verdicts or verdicts[it].allowed for it in asked]


def meshed(connection: Connection) -> bool:
    target = connection.target
    return connection.protocol == "TCP" and isinstance(target, Pod) and target.namespace in MESHED


def encrypted(connection: Connection) -> Connection:
    """As a network engine sees it between two sidecars: bytes."""
    return evolve(connection, http=None) if meshed(connection) else connection
