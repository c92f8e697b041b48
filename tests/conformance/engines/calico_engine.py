"""Asks the engine of Calico's policies, with typed questions and answers."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from tests.conformance.engines import process
from tests.conformance.engines.process import Document, Json, Labels, Process, Protocol


@frozen(cache_hash=True)
class NamedPort:
    """What a container of a pod calls a port."""

    name: str
    port: int
    protocol: Protocol = "TCP"


@frozen(cache_hash=True)
class Pod:
    """A pod. The namespace's own name label need not be given: the engine adds it, as the API server does.

    Pods of one namespace say the same of its labels.
    """

    namespace: str
    labels: Labels = field(converter=process.labels)
    ip: str = field(converter=process.address)
    namespace_labels: Labels = field(converter=process.labels, default=())
    service_account: str = "default"
    ports: tuple[NamedPort, ...] = ()


@frozen(cache_hash=True)
class Address:
    """An address that is no pod's."""

    ip: str = field(converter=process.address)


Peer = Pod | Address


@frozen(cache_hash=True)
class Request:
    """An HTTP request: the path may have its query."""

    method: str = "GET"
    path: str = "/"


@frozen(cache_hash=True)
class Connection:
    """`source` opens a connection to `port` of `target`, and the request that it carries if that is asked.

    Ports are the target's own, as Services are translated before policy is applied. Without a request, a rule about
    HTTP matches the whole port: so it is where nothing but Felix enforces.
    """

    source: Peer
    target: Peer
    protocol: Protocol = "TCP"
    port: int = 80
    http: Request | None = None


@frozen
class End:
    """What the policies of one end make of a connection. `trace`: the rules that matched, the last of which decides."""

    passes: bool
    trace: tuple[str, ...] = ()


@frozen
class Verdict:
    """`egress`: what the policies of the source say; `ingress`: what those of the target do."""

    egress: End
    ingress: End

    @property
    def passes(self) -> bool:
        return self.egress.passes and self.ingress.passes


class CalicoEngine(Process):
    """Calico's code for what an object is, Felix's for what is in force, and the checker's for what passes.

    Source: github.com/projectcalico/calico and github.com/projectcalico/api at v3.31.0, as `versions` confirms.
    """

    def load(self, objects: Iterable[Document]) -> None:
        """Puts these tiers, sets and policies in force and no others; where one is refused (RefusedError), none at all.

        Raises RefusedError too where Calico warns of one, or Felix takes it for missing.
        """
        self.answer({"op": "load", "objects": list(objects)})

    def ask(self, connections: Iterable[Connection]) -> list[Verdict]:
        """The verdict of the policies in force on each connection, in order."""
        asked = list(connections)
        peers = process.numbered((connection.source, connection.target) for connection in asked)
        reply = self.answer(
            {
                "op": "ask",
                "peers": [_peer(peer) for peer in peers],
                "queries": [_query(connection, peers) for connection in asked],
            }
        )
        verdicts = reply["verdicts"]
        assert isinstance(verdicts, Sequence)
        assert len(verdicts) == len(asked)
        return [_verdict(verdict) for verdict in verdicts]

    def definitions(self) -> Mapping[str, str]:
        """A CustomResourceDefinition, as text, of each kind that is emitted, and of GlobalNetworkPolicy; by its plural.

        They are not Calico's: they say what its OpenAPI says (api v3.31.0, `pkg/openapi`), as a definition says it.
        `ApiServer.install` takes them.
        """
        texts = self.answer({"op": "definitions"})["definitions"]
        assert isinstance(texts, Mapping)
        return {plural: str(text) for plural, text in texts.items()}


def _peer(peer: Peer) -> Document:
    match peer:
        case Pod():
            return {
                "namespace": peer.namespace,
                "namespaceLabels": dict(peer.namespace_labels),
                "labels": dict(peer.labels),
                "serviceAccount": peer.service_account,
                "ports": [{"name": p.name, "port": p.port, "protocol": p.protocol} for p in peer.ports],
                "ip": peer.ip,
            }
        case Address():
            return {"ip": peer.ip}


def _query(connection: Connection, peers: Mapping[Peer, int]) -> Document:
    request = connection.http
    return {
        "source": peers[connection.source],
        "target": peers[connection.target],
        "protocol": connection.protocol,
        "port": connection.port,
        "http": None if request is None else {"method": request.method, "path": request.path},
    }


def _verdict(reply: Json) -> Verdict:
    assert isinstance(reply, Mapping)
    return Verdict(_end(reply["egress"]), _end(reply["ingress"]))


def _end(reply: Json) -> End:
    assert isinstance(reply, Mapping)
    allowed, trace = reply["allowed"], reply["trace"]
    assert isinstance(allowed, bool)
    assert isinstance(trace, Sequence)
    return End(allowed, tuple(map(str, trace)))
