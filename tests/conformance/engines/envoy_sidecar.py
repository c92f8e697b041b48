"""A real Envoy in the place of sidecars: it serves the filters that Istio builds, over mTLS with SPIFFE identities."""

import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Self

from attrs import frozen

from tests.conformance.engines.envoy_process import Address, EnvoyProcess, connected
from tests.conformance.engines.istio_engine import Identity, IstioEngine, Mode, Request
from tests.conformance.engines.process import Document

_TYPES = "type.googleapis.com/envoy.extensions"
# More than the inspector of TLS waits for before it takes something for plain text.
_BYTES = b"no TLS, and no HTTP\n"


@frozen
class Port:
    """A port of one sidecar, on an address of this machine: HTTP, or raw TCP where it is not."""

    address: tuple[str, int]
    mode: Mode
    http: bool
    filters: tuple[Document, ...]


class EnvoySidecars:
    """One process for these ports, and these clients. Ends with its `with` block.

    What a client sends comes from `source`. A port that is STRICT has no place for plain text, one that is DISABLE
    none for TLS, and one that is PERMISSIVE tells the two apart (istio.io/istio v0.0.0-20260827124520-eed52ebb66ad,
    pilot/pkg/networking/core/listener_inbound.go and pilot/pkg/security/authn/utils).
    """

    def __init__(self, engine: IstioEngine, ports: Sequence[Port], clients: Iterable[Identity], source: str) -> None:
        identities = tuple(clients)
        authority, (own, *certificates) = engine.certificates(["spiffe://server/ns/a/sa/a", *map(str, identities)])
        self._source = source
        self._envoy = EnvoyProcess(
            lambda _: _bootstrap(ports, authority, {"chain": own.chain, "key": own.key}), lambda _: ports[-1].address
        )
        self._clients: dict[Identity, ssl.SSLContext] = {}
        for identity, certificate in zip(identities, certificates, strict=True):
            file = self._envoy.directory / "client.pem"
            file.write_text(certificate.chain + certificate.key, encoding="utf-8")
            self._clients[identity] = _client(file)
            file.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._envoy.close()

    def ask(self, client: Identity | None, address: Address, requests: Sequence[Request]) -> Iterator[bool]:
        """Whether each of these requests passes, on one connection as long as Envoy keeps it."""
        try:
            for reply in self._envoy.ask(lambda: self._connect(client, address), map(_written, requests)):
                assert reply.status in (200, 403), reply
                yield reply.status == 200
        except (ConnectionError, ssl.SSLError):
            # There is no place for this client at all: it has not got so far as to an answer.
            yield from (False for _ in requests)

    def sends(self, client: Identity | None, address: Address) -> bool:
        """Whether bytes that are no HTTP pass."""
        try:
            with self._connect(client, address) as connection:
                connection.sendall(_BYTES)
                return connection.recv(1) == _BYTES[:1]
        except (ConnectionError, ssl.SSLError):
            return False

    def _connect(self, client: Identity | None, address: Address) -> socket:
        plain = connected(address, self._source)
        if client is None:
            return plain
        try:
            return self._clients[client].wrap_socket(plain)
        except BaseException:
            plain.close()
            raise


def _client(certificate: Path) -> ssl.SSLContext:
    # Who the server is, is not what is tested.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certificate)
    return context


def _written(request: Request) -> bytes:
    return f"{request.method} {request.path} HTTP/1.1\r\nhost: {request.host}\r\n\r\n".encode()


# --- the configuration --------------------------------------------------------------------------------


def _bootstrap(ports: Sequence[Port], authority: str, own: Mapping[str, str]) -> Document:
    tls: Document = {
        "name": "tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": {
                "tls_certificates": [
                    {"certificate_chain": {"inline_string": own["chain"]}, "private_key": {"inline_string": own["key"]}}
                ],
                "validation_context": {"trusted_ca": {"inline_string": authority}},
            },
        },
    }
    return {"static_resources": {"listeners": [_listener(port, tls) for port in ports]}}


def _listener(port: Port, tls: Document) -> Document:
    host, number = port.address
    filters = _http(port.filters) if port.http else _tcp(port.filters)
    secure: Document = {
        "filter_chain_match": {"transport_protocol": "tls"},
        "transport_socket": tls,
        "filters": filters,
    }
    plain: Document = {"filter_chain_match": {"transport_protocol": "raw_buffer"}, "filters": filters}
    chains = {"STRICT": [secure], "PERMISSIVE": [secure, plain], "DISABLE": [plain]}
    inspector = {"@type": f"{_TYPES}.filters.listener.tls_inspector.v3.TlsInspector"}
    return {
        "name": f"{host}:{number}",
        "address": {"socket_address": {"address": host, "port_value": number}},
        "listener_filters": [{"name": "tls_inspector", "typed_config": inspector}],
        "filter_chains": chains[port.mode],
    }


def _http(filters: Sequence[Document]) -> list[Document]:
    manager: Document = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        "normalize_path": True,
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
            *filters,
            {"name": "router", "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"}},
        ],
    }
    return [{"name": "http", "typed_config": manager}]


def _tcp(filters: Sequence[Document]) -> list[Document]:
    return [*filters, {"name": "echo", "typed_config": {"@type": f"{_TYPES}.filters.network.echo.v3.Echo"}}]
