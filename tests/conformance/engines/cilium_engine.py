"""Asks the engine of CiliumNetworkPolicy, with typed questions and answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from attrs import field, frozen

from tests.conformance.engines import process
from tests.conformance.engines.process import Document, Json, Labels, Process, Protocol

# What Cilium calls the parser of a redirect; empty where there is none.
Proxy = Literal["", "http", "tls", "dns"]
PROXIES: Mapping[str, Proxy] = {"": "", "http": "http", "tls": "tls", "dns": "dns"}

Reservation = Literal["host", "remote-node", "kube-apiserver", "health", "ingress", "init", "unmanaged"]


@frozen(cache_hash=True)
class NamedPort:
    """What a container of a pod calls a port."""

    name: str
    port: int
    protocol: Protocol = "TCP"


@frozen(cache_hash=True)
class Pod:
    """A pod. The namespace's own name label need not be given: the engine adds it, as the API server does.

    A pod of another cluster is a peer only: that cluster's policies are not in force here.
    """

    namespace: str
    labels: Labels = field(converter=process.labels, default=())
    namespace_labels: Labels = field(converter=process.labels, default=())
    service_account: str = "default"
    cluster: str = ""
    ports: tuple[NamedPort, ...] = ()


@frozen(cache_hash=True)
class Address:
    """An address outside the cluster, and the names that were resolved to reach it."""

    ip: str = field(converter=process.address)
    names: tuple[str, ...] = ()
    kube_apiserver: bool = False


@frozen(cache_hash=True)
class Reserved:
    """What Cilium has reserved an identity for; the labels are the node's, which count only if that is enabled."""

    names: tuple[Reservation, ...] = field(converter=tuple[Reservation, ...])
    labels: Labels = field(converter=process.labels, default=())


Peer = Pod | Address | Reserved


@frozen(cache_hash=True)
class Request:
    """An HTTP request as it reaches the proxy: the path with its query, the host with its port if it has one."""

    method: str = "GET"
    path: str = "/"
    host: str = "example.com"
    headers: Labels = field(converter=process.labels, default=())


@frozen(cache_hash=True)
class Connection:
    """`source` opens a connection to `port` of `target`, and what it carries if that is asked.

    Ports are the target's own, as Services are translated before policy is applied.
    """

    source: Peer
    target: Peer
    protocol: Protocol = "TCP"
    port: int = 80
    http: Request | None = None
    dns: str = ""
    server_name: str = ""


@frozen
class End:
    """What the policies of one end make of a connection.

    `allowed` speaks of packets. Where a `proxy` decides as well, its answers are there for what was asked, and
    for the server name always: without one a rule that lists some does not match. `error`: Cilium cannot compute
    this end's policy, and there is no verdict.
    """

    allowed: bool
    proxy: Proxy = ""
    http: bool | None = None
    dns: bool | None = None
    server_name: bool | None = None
    authentication: str = ""
    policies: tuple[str, ...] = ()
    error: str = ""

    @property
    def passes(self) -> bool:
        """Whether the connection gets through with all that it carries. Fails where Cilium has no policy to ask."""
        assert not self.error, self.error
        return self.allowed and False not in (self.http, self.dns, self.server_name)


@frozen
class Verdict:
    """`egress`: what the policies of the source say; `ingress`: what those of the target do."""

    egress: End
    ingress: End

    @property
    def passes(self) -> bool:
        return self.egress.passes and self.ingress.passes


@frozen
class Endpoint:
    """What a peer's policy is, without a connection. `entries`: the size of its policy map."""

    entries: int
    ingress: bool
    egress: bool
    error: str = ""


@frozen
class Settings:
    """The agent's settings that change what a policy means; by default as it runs under Kubernetes."""

    cluster_name: str = "default"
    ipv6: bool = True
    host_firewall: bool = False
    node_selector_labels: bool = False
    cidr_match_mode: tuple[Literal["nodes", "pods"], ...] = ()
    default_local_cluster: bool = True
    allow_localhost: Literal["always", "policy"] = "always"
    enforcement: Literal["default", "always", "never"] = "default"


DEFAULTS = Settings()


class CiliumEngine(Process):
    """The agent's code for what a policy is and what passes; no Envoy and no datapath.

    Source: github.com/cilium/cilium v1.20.2, as `versions` confirms.
    """

    def load(self, policies: Iterable[Document], settings: Settings = DEFAULTS) -> None:
        """Puts these policies in force and no others; where one is refused (RefusedError), none at all."""
        self.answer({"op": "load", "options": _options(settings), "policies": list(policies)})

    def ask(self, connections: Iterable[Connection]) -> list[Verdict]:
        """The verdict of the policies in force on each connection, in order."""
        asked = list(connections)
        peers = process.numbered((connection.source, connection.target) for connection in asked)
        verdicts = self._ask(peers, [_query(connection, peers) for connection in asked])["verdicts"]
        assert isinstance(verdicts, Sequence)
        assert len(verdicts) == len(asked)
        return [_verdict(verdict) for verdict in verdicts]

    def inspect(self, subjects: Iterable[Peer], others: Iterable[Peer] = ()) -> list[Endpoint | None]:
        """What the policy of each subject comes to, among the others; None where no policy here governs it."""
        asked = list(subjects)
        endpoints = self._ask([*asked, *others], [])["endpoints"]
        assert isinstance(endpoints, Sequence)
        return [None if endpoint is None else _endpoint(endpoint) for endpoint in endpoints[: len(asked)]]

    def _ask(self, peers: Iterable[Peer], queries: Sequence[Json]) -> Mapping[str, Json]:
        return self.answer({"op": "ask", "peers": [_peer(peer) for peer in peers], "queries": queries})


def _options(settings: Settings) -> Document:
    return {
        "clusterName": settings.cluster_name,
        "enableIPv6": settings.ipv6,
        "enableHostFirewall": settings.host_firewall,
        "enableNodeSelectorLabels": settings.node_selector_labels,
        "policyCIDRMatchMode": list(settings.cidr_match_mode),
        "policyDefaultLocalCluster": settings.default_local_cluster,
        "allowLocalhost": settings.allow_localhost,
        "enablePolicy": settings.enforcement,
    }


def _peer(peer: Peer) -> Document:
    match peer:
        case Pod():
            return {
                "namespace": peer.namespace,
                "namespaceLabels": dict(peer.namespace_labels),
                "labels": dict(peer.labels),
                "serviceAccount": peer.service_account,
                "cluster": peer.cluster,
                "ports": [{"name": p.name, "port": p.port, "protocol": p.protocol} for p in peer.ports],
            }
        case Address():
            reserved = ["kube-apiserver"] if peer.kube_apiserver else []
            return {"ip": peer.ip, "names": list(peer.names), "reserved": reserved}
        case Reserved():
            return {"reserved": list(peer.names), "labels": dict(peer.labels)}


def _query(connection: Connection, peers: Mapping[Peer, int]) -> Document:
    return {
        "source": peers[connection.source],
        "target": peers[connection.target],
        "protocol": connection.protocol,
        "port": connection.port,
        "http": None if connection.http is None else _request(connection.http),
        "dns": connection.dns,
        "serverName": connection.server_name,
    }


def _request(request: Request) -> Document:
    return {
        "method": request.method,
        "path": request.path,
        "host": request.host,
        "headers": dict(request.headers),
    }


def _verdict(reply: Json) -> Verdict:
    assert isinstance(reply, Mapping)
    return Verdict(_end(reply["egress"]), _end(reply["ingress"]))


def _end(reply: Json) -> End:
    assert isinstance(reply, Mapping)
    allowed, policies = reply["allowed"], reply["policies"]
    assert isinstance(allowed, bool)
    assert isinstance(policies, Sequence)
    return End(
        allowed,
        PROXIES[str(reply["proxy"])],
        _answer(reply["http"]),
        _answer(reply["dns"]),
        _answer(reply["serverName"]),
        str(reply["authentication"]),
        tuple(map(str, policies)),
        str(reply.get("error", "")),
    )


def _answer(reply: Json) -> bool | None:
    assert reply is None or isinstance(reply, bool)
    return reply


def _endpoint(reply: Json) -> Endpoint:
    assert isinstance(reply, Mapping)
    entries, ingress, egress = reply["entries"], reply["ingress"], reply["egress"]
    assert isinstance(entries, int)
    assert isinstance(ingress, bool)
    assert isinstance(egress, bool)
    return Endpoint(entries, ingress, egress, str(reply.get("error", "")))
