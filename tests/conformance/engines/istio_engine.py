"""Asks the engine of Istio's policies, with typed questions and answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from attrs import field, frozen

from tests.conformance.engines import process
from tests.conformance.engines.process import Document, Json, Labels, Process

Mode = Literal["STRICT", "PERMISSIVE", "DISABLE"]
MODES: tuple[Mode, ...] = get_args(Mode)


@frozen(cache_hash=True)
class Identity:
    """Who a client is by its certificate."""

    namespace: str
    service_account: str = "default"
    trust_domain: str = "cluster.local"

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


@frozen(cache_hash=True)
class Workload:
    """A pod with a sidecar."""

    namespace: str
    labels: Labels = field(converter=process.labels, default=())


@frozen(cache_hash=True)
class Request:
    """An HTTP request as the filters see it: the path with its query, and normalised."""

    method: str = "GET"
    path: str = "/"
    host: str = "example.com"


@frozen(cache_hash=True)
class Connection:
    """A client opens a connection to `port` of the target, and sends a request, or other bytes where `http` is None.

    Without a `client` it speaks plain text. The port is the target's own, as Services are translated before; `address`
    is the client's, as the sidecar sees it.
    """

    client: Identity | None
    target: Workload
    port: int = 8080
    http: Request | None = None
    address: str = field(converter=process.address, default="10.244.0.9")


@frozen
class Verdict:
    """`policy` is the rule that decided, empty where none did; `mode` is what the port takes."""

    allowed: bool
    mode: Mode
    policy: str


@frozen
class Mesh:
    """What of a mesh's settings changes what a policy means; by default as Istio is installed."""

    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"


@frozen
class Finding:
    """What there is against a document: with an `error` it is not admitted."""

    error: str
    warnings: tuple[str, ...]


@frozen
class Filters:
    """What istiod sends to a sidecar: filters of Envoy for ports of either kind, and the mode of each port asked."""

    http: tuple[Document, ...]
    tcp: tuple[Document, ...]
    modes: tuple[Mode, ...]


@frozen
class Certificate:
    chain: str
    key: str


DEFAULTS = Mesh()


class IstioEngine(Process):
    """istiod's code for what a policy is and what a sidecar is told; how Envoy reads that is repeated in the engine.

    Source: istio.io/istio v0.0.0-20260827124520-eed52ebb66ad, as `versions` confirms.
    """

    def validate(self, documents: Iterable[Document]) -> list[Finding]:
        """What the API server and Istio's webhook say of each document."""
        findings = self.answer({"op": "validate", "documents": list(documents)})["findings"]
        assert isinstance(findings, Sequence)
        return list(map(_finding, findings))

    def load(self, documents: Iterable[Document], mesh: Mesh = DEFAULTS) -> None:
        """Puts these policies in force and no others; where one is refused (RefusedError), none at all. Each is a
        second younger than the one before."""
        settings: Document = {"rootNamespace": mesh.root_namespace, "trustDomain": mesh.trust_domain}
        self.answer({"op": "load", "mesh": settings, "documents": list(documents)})

    def ask(self, connections: Iterable[Connection]) -> list[Verdict]:
        """The verdict of the target's sidecar on each connection, in order."""
        asked = list(connections)
        verdicts = self.answer({"op": "ask", "connections": list(map(_connection, asked))})["verdicts"]
        assert isinstance(verdicts, Sequence)
        assert len(verdicts) == len(asked)
        return list(map(_verdict, verdicts))

    def filters(self, workload: Workload, ports: Iterable[int] = ()) -> Filters:
        """What the sidecar of this workload is sent."""
        reply = self.answer({"op": "filters", "workload": _workload(workload), "ports": list(ports)})
        modes = reply["modes"]
        assert isinstance(modes, Sequence)
        found: list[Mode] = [_mode(each) for each in modes]
        return Filters(_documents(reply["http"]), _documents(reply["tcp"]), tuple(found))

    def certificates(self, names: Iterable[str]) -> tuple[str, tuple[Certificate, ...]]:
        """A new authority, and its certificate for each of these SPIFFE identities."""
        reply = self.answer({"op": "certificates", "names": list(names)})
        found = _documents(reply["certificates"])
        return str(reply["authority"]), tuple(Certificate(str(c["chain"]), str(c["key"])) for c in found)


def _workload(workload: Workload) -> Document:
    return {"namespace": workload.namespace, "labels": dict(workload.labels)}


def _connection(connection: Connection) -> Document:
    return {
        "target": _workload(connection.target),
        "port": connection.port,
        "principal": str(connection.client or ""),
        "address": connection.address,
        "http": None if connection.http is None else _request(connection.http),
    }


def _request(request: Request) -> Document:
    return {"method": request.method, "path": request.path, "host": request.host}


def _finding(reply: Json) -> Finding:
    assert isinstance(reply, Mapping)
    warnings = reply["warnings"]
    assert isinstance(warnings, Sequence)
    return Finding(str(reply["error"]), tuple(map(str, warnings)))


def _verdict(reply: Json) -> Verdict:
    assert isinstance(reply, Mapping)
    assert "error" not in reply, reply["error"]
    allowed = reply["allowed"]
    assert isinstance(allowed, bool)
    return Verdict(allowed, _mode(reply["mode"]), str(reply["policy"]))


def _mode(reply: Json) -> Mode:
    return next(mode for mode in MODES if mode == reply)


def _documents(reply: Json) -> tuple[Document, ...]:
    assert isinstance(reply, Sequence)
    found = [each for each in reply if isinstance(each, Mapping)]
    assert len(found) == len(reply)
    return tuple(found)
