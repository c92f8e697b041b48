"""Asks the engine of Kafka topics, with typed questions and answers."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from tests.conformance.engines import process
from tests.conformance.engines.process import Document, Json, Labels, Process


@frozen(cache_hash=True)
class Pod:
    """A pod. One of another cluster is a peer only: that cluster's policies are not in force here."""

    namespace: str
    labels: Labels = field(converter=process.labels, default=())
    cluster: str = ""


@frozen(cache_hash=True)
class Request:
    """One request in version 0. `key`: what Cilium calls it ("produce", "fetch"), or its number."""

    key: str
    topics: tuple[str, ...] = ()


@frozen(cache_hash=True)
class Connection:
    """`source` opens a connection to `port` of `target` over TCP; the port is the target's own."""

    source: Pod
    target: Pod
    port: int = 9092
    request: Request | None = None


@frozen
class End:
    """What the policies of one end make of a connection.

    `allowed` speaks of packets, `proxy` is the parser that they are redirected to if any, and `request` is the
    Kafka parser's answer if it was asked. `error`: Cilium cannot compute this end's policy.
    """

    allowed: bool
    proxy: str = ""
    request: bool | None = None
    error: str = ""

    @property
    def passes(self) -> bool:
        """Whether the connection gets through with its request. Fails where Cilium has no policy to ask."""
        assert not self.error, self.error
        return self.allowed and self.request is not False


@frozen
class Verdict:
    """`egress`: what the policies of the source say; `ingress`: what those of the target do."""

    egress: End
    ingress: End

    @property
    def passes(self) -> bool:
        return self.egress.passes and self.ingress.passes


class KafkaEngine(Process):
    """The agent's code of Cilium 1.15 for what a policy is and what passes, and its proxy's library for Kafka.

    Source: github.com/cilium/cilium v1.15.19, as `versions` confirms, and the github.com/cilium/proxy it requires.
    """

    def load(self, policies: Iterable[Document]) -> None:
        """Puts these policies in force and no others; where one is refused (RefusedError), none at all."""
        self.answer({"op": "load", "policies": list(policies)})

    def ask(self, connections: Iterable[Connection]) -> list[Verdict]:
        """The verdict of the policies in force on each connection, in order."""
        asked = list(connections)
        pods = process.numbered((connection.source, connection.target) for connection in asked)
        queries = [_query(connection, pods) for connection in asked]
        verdicts = self.answer({"op": "ask", "pods": [_pod(pod) for pod in pods], "queries": queries})["verdicts"]
        assert isinstance(verdicts, Sequence)
        assert len(verdicts) == len(asked)
        return [_verdict(verdict) for verdict in verdicts]


def _pod(pod: Pod) -> Document:
    return {"namespace": pod.namespace, "labels": dict(pod.labels), "cluster": pod.cluster}


def _query(connection: Connection, pods: Mapping[Pod, int]) -> Document:
    request = connection.request
    return {
        "source": pods[connection.source],
        "target": pods[connection.target],
        "port": connection.port,
        "request": None if request is None else {"key": request.key, "topics": list(request.topics)},
    }


def _verdict(reply: Json) -> Verdict:
    assert isinstance(reply, Mapping)
    return Verdict(_end(reply["egress"]), _end(reply["ingress"]))


def _end(reply: Json) -> End:
    assert isinstance(reply, Mapping)
    allowed, request = reply["allowed"], reply["request"]
    assert isinstance(allowed, bool)
    assert request is None or isinstance(request, bool)
    return End(allowed, str(reply["proxy"]), request, str(reply.get("error", "")))
