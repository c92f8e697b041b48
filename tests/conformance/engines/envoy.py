"""Asks a real Envoy which requests an expression for `:path` lets through, under the options of Cilium's proxy.

It needs no network. Cilium evaluates in a filter of its own that no public binary has, with the function that is
asked here (github.com/cilium/proxy, `cilium/network_policy.cc`: `Http::HeaderUtility::matchHeaders`): Envoy's RBAC
filter, which is at the same place, has the same header matcher.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import frozen

from tests.conformance.engines.envoy_process import EnvoyProcess, connected
from tests.conformance.engines.process import Document

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


class _Running:
    """A process for some expressions."""

    def __init__(self, expressions: Sequence[str]) -> None:
        # A Unix socket: there is no port to find, and nobody else on the machine meets it.
        self._envoy = EnvoyProcess(lambda directory: _bootstrap(_socket(directory), expressions), _socket)

    def close(self) -> None:
        self._envoy.close()

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer]:
        address = _socket(self._envoy.directory)
        for reply in self._envoy.ask(lambda: connected(address), map(_written, requests)):
            yield Answer(reply.status, reply.headers.get(_SEEN.encode(), b""), reply.headers.get(b"location", b""))


def _socket(directory: Path) -> str:
    return str(directory / "socket")


def _written(request: Request) -> bytes:
    head = f" HTTP/1.1\r\nhost: a.example\r\n{_CHOICE}: {request.expression}\r\n\r\n"
    return request.method.encode() + b" " + request.target + head.encode()


# --- the configuration --------------------------------------------------------------------------------


def _bootstrap(address: str, expressions: Sequence[str]) -> Document:
    pipe: Document = {"pipe": {"path": address}}
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
