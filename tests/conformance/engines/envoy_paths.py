"""Asks a real Envoy which requests the filters that Istio builds let through, as each path normalisation has it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from attrs import frozen

from tests.conformance.engines.envoy_process import EnvoyProcess, connected
from tests.conformance.engines.process import Document

Normalization = Literal["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]
NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)

# istio.io/istio v0.0.0-20260827124520-eed52ebb66ad, pilot/pkg/networking/core/listener_builder.go,
# buildHTTPConnectionManager; without a setting it is BASE.
_OPTIONS: Mapping[Normalization, Document] = {
    "NONE": {"normalize_path": False},
    "BASE": {"normalize_path": True},
    "MERGE_SLASHES": {"normalize_path": True, "merge_slashes": True},
    "DECODE_AND_MERGE_SLASHES": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
}
_CHOICE = "x-filter"
_SEEN = "x-seen"
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"


@frozen
class Request:
    """A request as its bytes: `target` stands in the request line as it is. `filter` is its number."""

    filter: int
    target: bytes
    method: str = "GET"


@frozen
class Answer:
    """200 is what the filter lets pass, 403 what it does not; `seen` is `:path` as it has it, empty where it has not
    been asked."""

    status: int
    seen: bytes


class EnvoyPaths:
    """One process for some HTTP filters, with a listener for each normalisation. Ends with its `with` block."""

    def __init__(self, filters: Sequence[Document]) -> None:
        self._envoy = EnvoyProcess(lambda directory: _bootstrap(directory, filters), lambda at: _socket(at, "BASE"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._envoy.close()

    def ask(self, normalization: Normalization, requests: Iterable[Request]) -> Iterator[Answer]:
        """The answer to each, one after the other, on one connection as long as Envoy keeps it."""
        address = _socket(self._envoy.directory, normalization)
        for reply in self._envoy.ask(lambda: connected(address), map(_written, requests)):
            yield Answer(reply.status, reply.headers.get(_SEEN.encode(), b""))


def _written(request: Request) -> bytes:
    head = f" HTTP/1.1\r\nhost: a.example\r\n{_CHOICE}: {request.filter}\r\n\r\n"
    return request.method.encode() + b" " + request.target + head.encode()


def _socket(directory: Path, normalization: Normalization) -> str:
    return str(directory / normalization)


def _bootstrap(directory: Path, filters: Sequence[Document]) -> Document:
    listeners: list[Document] = [
        {
            "name": normalization,
            "address": {"pipe": {"path": _socket(directory, normalization)}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": _manager(normalization, filters)}]}],
        }
        for normalization in NORMALIZATIONS
    ]
    return {"static_resources": {"listeners": listeners}}


def _manager(normalization: Normalization, filters: Sequence[Document]) -> Document:
    seen: Document = {"header": {"key": _SEEN, "value": "%REQ(:PATH)%"}}
    every: Document = {
        "status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 100, "runtime_key": "none"}}}
    }
    return {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        **_OPTIONS[normalization],
        "local_reply_config": {"mappers": [{"filter": every, "headers_to_add": [seen]}]},
        "route_config": {"virtual_hosts": [{"name": "every", "domains": ["*"], "routes": _routes(filters)}]},
        "http_filters": [
            {"name": "rbac", "typed_config": {"@type": f"{_EXTENSIONS}.http.rbac.v3.RBAC"}},
            {"name": "router", "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"}},
        ],
    }


def _routes(filters: Sequence[Document]) -> list[Document]:
    """A filter stands at its route: which one is asked is said by a header."""
    return [
        {
            "match": {"prefix": "/", "headers": [{"name": _CHOICE, "string_match": {"exact": str(number)}}]},
            "direct_response": {"status": 200},
            "typed_per_filter_config": {
                "rbac": {"@type": f"{_EXTENSIONS}.http.rbac.v3.RBACPerRoute", "rbac": _rules(written)}
            },
        }
        for number, written in enumerate(filters)
    ]


def _rules(written: Document) -> Document:
    configured = written["typedConfig"]
    assert isinstance(configured, Mapping)
    return {"rules": configured["rules"]}
