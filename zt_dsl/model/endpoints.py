"""Endpoints, one port of one peer, whole or narrowed: the right-hand side of an edge; and their ports."""

from typing import TYPE_CHECKING, Literal

from attrs import field

from zt_dsl.model.declared import Declared
from zt_dsl.model.ports import Port

if TYPE_CHECKING:
    from zt_dsl.model.peers import Peer

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]


class Route(Declared):
    """A method and a neutral path: `/orders/{id}` one segment, `/static/**` the rest."""

    method: Method | Literal["*"] = field(kw_only=False)
    path: str = field(kw_only=False)


class Whole(Declared):
    """Everything on the port."""


class Routes(Declared):
    """Only these routes."""

    routes: tuple[Route, ...] = field(kw_only=False)


class Methods(Declared):
    """Only these gRPC methods."""

    methods: tuple[str, ...] = field(kw_only=False)


class Topics(Declared):
    """Only these topics, in this role."""

    role: Literal["produce", "consume"] = field(kw_only=False)
    topics: tuple[str, ...] = field(kw_only=False)


class Names(Declared):
    """Only these lookups."""

    names: tuple[str, ...] = field(kw_only=False)


Narrowing = Whole | Routes | Methods | Topics | Names


class Endpoint(Declared):
    """One port of one peer: whole, or narrowed by a rule. The right-hand side of an edge."""

    peer: "Peer"
    port: str
    narrowing: Narrowing = Whole()


class TcpEndpoint(Endpoint):
    """A TCP port."""


class UdpEndpoint(Endpoint):
    """A UDP port."""


class SctpEndpoint(Endpoint):
    """An SCTP port."""


class TlsEndpoint(Endpoint):
    """Encrypted end to end: nothing to narrow; the peer's name is checked where SNI can be."""


class HttpEndpoint(Endpoint):
    """An HTTP port."""

    def routes(self, first: Route, /, *more: Route) -> Endpoint:
        """Only these routes; every other request to the port is refused."""
        return Endpoint(peer=self.peer, port=self.port, narrowing=Routes((first, *more)))


class GrpcEndpoint(Endpoint):
    """A gRPC port."""

    def methods(self, first: str, /, *more: str) -> Endpoint:
        """Only these methods, each `package.Service/Method` or `package.Service/*`."""
        return Endpoint(peer=self.peer, port=self.port, narrowing=Methods((first, *more)))


class KafkaEndpoint(Endpoint):
    """A Kafka broker's port."""

    def produce(self, first: str, /, *more: str) -> Endpoint:
        """Only producing to these topics."""
        return Endpoint(peer=self.peer, port=self.port, narrowing=Topics("produce", (first, *more)))

    def consume(self, first: str, /, *more: str) -> Endpoint:
        """Only consuming from these topics."""
        return Endpoint(peer=self.peer, port=self.port, narrowing=Topics("consume", (first, *more)))


class DnsEndpoint(Endpoint):
    """UDP and TCP."""

    def names(self, first: str, /, *more: str) -> Endpoint:
        """Only these lookups. A service with an edge to a service or an external name may ask its
        platform's resolver for any name until an edge says which; from then on these, and the
        names that its other edges need.
        """
        return Endpoint(peer=self.peer, port=self.port, narrowing=Names((first, *more)))


class TcpPort(Port[TcpEndpoint]):
    """TCP, with nothing known of what is inside."""

    __slots__ = ()
    endpoint = TcpEndpoint


class UdpPort(Port[UdpEndpoint]):
    """UDP."""

    __slots__ = ()
    endpoint = UdpEndpoint


class SctpPort(Port[SctpEndpoint]):
    """SCTP."""

    __slots__ = ()
    endpoint = SctpEndpoint


class TlsPort(Port[TlsEndpoint]):
    """TLS over TCP, encrypted end to end."""

    __slots__ = ()
    endpoint = TlsEndpoint


class HttpPort(Port[HttpEndpoint]):
    """Plain HTTP over TCP: routes can be told apart."""

    __slots__ = ()
    endpoint = HttpEndpoint


class GrpcPort(Port[GrpcEndpoint]):
    """gRPC over plain HTTP/2: methods can be told apart."""

    __slots__ = ()
    endpoint = GrpcEndpoint


class KafkaPort(Port[KafkaEndpoint]):
    """Kafka over TCP: topics can be told apart."""

    __slots__ = ()
    endpoint = KafkaEndpoint


class DnsPort(Port[DnsEndpoint]):
    """DNS, over UDP and TCP."""

    __slots__ = ()
    endpoint = DnsEndpoint


def GET(path: str) -> Route:
    """Reading it."""
    return Route("GET", path)


def HEAD(path: str) -> Route:
    """Its headers alone."""
    return Route("HEAD", path)


def POST(path: str) -> Route:
    """Posting to it."""
    return Route("POST", path)


def PUT(path: str) -> Route:
    """Replacing it."""
    return Route("PUT", path)


def PATCH(path: str) -> Route:
    """Changing a part of it."""
    return Route("PATCH", path)


def DELETE(path: str) -> Route:
    """Removing it."""
    return Route("DELETE", path)


def OPTIONS(path: str) -> Route:
    """Asking what may be done with it (CORS preflight)."""
    return Route("OPTIONS", path)


def ANY(path: str) -> Route:
    """Every method."""
    return Route("*", path)
