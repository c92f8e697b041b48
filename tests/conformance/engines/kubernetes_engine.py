"""Asks the engine of native NetworkPolicy, with typed questions and answers."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from tests.conformance.engines import process
from tests.conformance.engines.process import Document, Json, Labels, Process, Protocol


@frozen(cache_hash=True)
class Pod:
    """A pod. The namespace's own name label need not be given: the engine adds it, as the API server does."""

    namespace: str
    labels: Labels = field(converter=process.labels)
    ip: str = field(converter=process.address)
    namespace_labels: Labels = field(converter=process.labels, default=())


@frozen(cache_hash=True)
class Address:
    """An address outside the cluster."""

    ip: str = field(converter=process.address)


Peer = Pod | Address


@frozen(cache_hash=True)
class Connection:
    """`source` opens a connection to `port` of `target`; `port_name` is what the target's pod calls it.

    Ports are the target's own, as Services are translated before policy is applied. Source and target are two
    pods even where they are equal: the traffic of a pod to itself is nobody's to refuse, and is not asked.
    """

    source: Peer
    target: Peer
    protocol: Protocol
    port: int
    port_name: str = ""


@frozen
class Verdict:
    """`egress`: the policies of the source let it out; `ingress`: those of the target let it in."""

    ingress: bool
    egress: bool

    @property
    def allowed(self) -> bool:
        """A connection needs both."""
        return self.ingress and self.egress


class KubernetesEngine(Process):
    """The API server's code for what an object is, cyclonus' matcher for what passes.

    Source: k8s.io/kubernetes v1.37.2 and github.com/mattfenwick/cyclonus v0.5.6, as `versions` confirms.
    """

    def load(self, policies: Iterable[Document]) -> None:
        """Puts these policies in force and no others; where one is refused (RefusedError), none at all."""
        self.answer({"op": "load", "policies": list(policies)})

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


def _peer(peer: Peer) -> Document:
    match peer:
        case Pod():
            return {
                "namespace": peer.namespace,
                "namespaceLabels": dict(peer.namespace_labels),
                "labels": dict(peer.labels),
                "ip": peer.ip,
            }
        case Address():
            return {"ip": peer.ip}


def _query(connection: Connection, peers: Mapping[Peer, int]) -> Document:
    return {
        "source": peers[connection.source],
        "target": peers[connection.target],
        "protocol": connection.protocol,
        "port": connection.port,
        "portName": connection.port_name,
    }


def _verdict(reply: Json) -> Verdict:
    assert isinstance(reply, Mapping)
    ingress, egress = reply["ingress"], reply["egress"]
    assert isinstance(ingress, bool)
    assert isinstance(egress, bool)
    return Verdict(ingress, egress)
