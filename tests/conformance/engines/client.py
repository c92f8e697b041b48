"""Asks an engine: one process, JSON lines in and out, with typed questions and answers.

What each engine links and what its requests look like is said in the first comment of its Go module.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

from attrs import field, frozen

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
Document: TypeAlias = Mapping[str, Json]
Protocol = Literal["TCP", "UDP", "SCTP"]
Labels = tuple[tuple[str, str], ...]

PROTOCOLS: tuple[Protocol, ...] = ("TCP", "UDP", "SCTP")


class RefusedError(Exception):
    """The engine answered that it does not take this: for `load`, that the API server would not."""


class EngineDiedError(Exception):
    """The engine did not answer at all."""


def _labels(given: Mapping[str, str] | Labels) -> Labels:
    return tuple(sorted(given.items() if isinstance(given, Mapping) else given))


def _address(given: str) -> str:
    return str(ip_address(given))


@frozen(cache_hash=True)
class Pod:
    """A pod. The namespace's own name label need not be given: the engine adds it, as the API server does."""

    namespace: str
    labels: Labels = field(converter=_labels)
    ip: str = field(converter=_address)
    namespace_labels: Labels = field(converter=_labels, default=())


@frozen(cache_hash=True)
class Address:
    """An address outside the cluster."""

    ip: str = field(converter=_address)


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


@frozen
class Versions:
    """What is linked into the binary: the Go version, and the version of each module by its path."""

    go: str
    modules: Mapping[str, str]


class Process:
    """An engine that runs: one answer a question. Ends with its `with` block."""

    def __init__(self, binary: Path) -> None:
        # A file, not a pipe: nobody reads it meanwhile, and a full pipe would stop the engine.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends its input, which is how an engine is told to stop."""
        self._process.communicate()
        self._errors.close()

    def answer(self, request: Document) -> Mapping[str, Json]:
        """One request, one reply. Raises RefusedError with the engine's words where the reply is an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise EngineDiedError(self._last_words())
        reply: Json = json.loads(line)
        assert isinstance(reply, Mapping)
        if "error" in reply:
            raise RefusedError(str(reply["error"]))
        return reply

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        return f"exit status {status}: {self._errors.read().decode(errors='replace').strip()}"


class KubernetesEngine(Process):
    """The API server's code for what an object is, cyclonus' matcher for what passes.

    Source: k8s.io/kubernetes v1.37.2 and github.com/mattfenwick/cyclonus v0.5.6, as `versions` confirms.
    """

    def versions(self) -> Versions:
        """What is really linked, which is what the verdicts are about."""
        reply = self.answer({"op": "version"})
        modules = reply["modules"]
        assert isinstance(modules, Mapping)
        return Versions(str(reply["go"]), {path: str(version) for path, version in modules.items()})

    def load(self, policies: Iterable[Document]) -> None:
        """Puts these policies in force and no others; where one is refused (RefusedError), none at all."""
        self.answer({"op": "load", "policies": list(policies)})

    def ask(self, connections: Iterable[Connection]) -> list[Verdict]:
        """The verdict of the policies in force on each connection, in order."""
        asked = list(connections)
        peers = {peer: number for number, peer in enumerate(dict.fromkeys(_ends(asked)))}
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


def _ends(connections: Iterable[Connection]) -> Iterable[Peer]:
    for connection in connections:
        yield connection.source
        yield connection.target


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
