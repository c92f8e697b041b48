"""Ports: a declaration on the class, an endpoint on the instance; and the two ways to get it wrong unseen."""

from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl import (
    DnsEndpoint,
    DnsPort,
    External,
    GrpcEndpoint,
    GrpcPort,
    HttpEndpoint,
    HttpPort,
    KafkaEndpoint,
    KafkaPort,
    Namespace,
    Network,
    Nodes,
    Postgres,
    SctpEndpoint,
    SctpPort,
    Service,
    TcpEndpoint,
    TcpPort,
    TlsEndpoint,
    TlsPort,
    UdpEndpoint,
    UdpPort,
)
from zt_dsl.model.declared import Trap
from zt_dsl.source import locate

shop = Namespace("shop")


class Everything(Service):
    namespace: Namespace = shop
    tcp = TcpPort(1)
    udp = UdpPort(2)
    sctp = SctpPort(3)
    tls = TlsPort(4)
    http = HttpPort(5)
    grpc = GrpcPort(6)
    kafka = KafkaPort(7)
    dns = DnsPort(8)


class Inheriting(Everything):
    """All ports of its parent."""


class Overriding(Everything):
    http = HttpPort(80)


PORTS: list[tuple[str, type, type, int]] = [
    ("tcp", TcpPort, TcpEndpoint, 1),
    ("udp", UdpPort, UdpEndpoint, 2),
    ("sctp", SctpPort, SctpEndpoint, 3),
    ("tls", TlsPort, TlsEndpoint, 4),
    ("http", HttpPort, HttpEndpoint, 5),
    ("grpc", GrpcPort, GrpcEndpoint, 6),
    ("kafka", KafkaPort, KafkaEndpoint, 7),
    ("dns", DnsPort, DnsEndpoint, 8),
]


@pytest.mark.parametrize("kind", [Everything, Inheriting])
@pytest.mark.parametrize(("name", "port", "endpoint", "number"), PORTS)
def test_a_class_gives_the_declaration_and_an_instance_the_endpoint(
    kind: type[Everything], name: str, port: type, endpoint: type, number: int
) -> None:
    peer = kind("everything")
    declared, read = getattr(kind, name), getattr(peer, name)
    assert (type(declared), declared.number, declared.name) == (port, number, name)
    assert (type(read), read.port, read.peer) == (endpoint, name, peer)
    assert read.peer is peer


def test_an_inherited_port_belongs_to_the_instance_it_is_read_from() -> None:
    assert Inheriting.http is Everything.http
    assert Inheriting("x").http != Everything("x").http
    assert Inheriting("x").http == Inheriting("x").http


def test_an_overridden_port_is_the_kinds_own() -> None:
    assert (Overriding.http.number, Everything.http.number) == (80, 5)
    assert Overriding.http is not Everything.http
    assert Overriding.grpc is Everything.grpc


@settings(deadline=None)
@given(
    number=st.integers(),
    last=st.none() | st.integers(),
    service_port=st.none() | st.integers(),
)
def test_a_declaration_keeps_what_was_written(number: int, last: int | None, service_port: int | None) -> None:
    port = HttpPort(number, last=last, service_port=service_port, mtls="disable")
    assert (port.number, port.last, port.service_port, port.mtls) == (number, last, service_port, "disable")
    assert repr(port) == (f"HttpPort({number})" if last is None else f"HttpPort({number}, last={last})")


def test_externals_and_networks_have_ports_too() -> None:
    class Partner(External):
        https = TlsPort(443)

    class Plant(Network):
        modbus = TcpPort(502)

    assert type(Partner("example.org").https) is TlsEndpoint
    assert Plant("plant", cidrs=[]).modbus == Plant("plant", cidrs=()).modbus
    assert type(Nodes().kubelet) is TlsEndpoint


def test_a_plain_class_may_lend_its_ports() -> None:
    class Measured:
        metrics = HttpPort(9090)

    class Web(Measured, Service):
        """A service with a port that it got from elsewhere."""

    web = Web("web", namespace=shop)
    assert isinstance(web.metrics, HttpEndpoint)
    assert (web.metrics.peer, web.metrics.port, Web.traps) == (web, "metrics", ())


def test_a_declaration_that_two_kinds_share_has_each_ones_name() -> None:
    shared = HttpPort(8080)

    class Web(Service):
        http = shared

    class Desk(Service):
        front = shared

    assert Web("web", namespace=shop).http.port == "http"
    assert Desk("desk", namespace=shop).front.port == "front"


# --- traps -----------------------------------------------------------------------------------------------


def told(kind: type[Service]) -> list[tuple[str, str, str]]:
    return [(trap.kind, trap.owner, trap.port) for trap in kind.traps]


def test_a_kind_without_mistakes_has_no_traps() -> None:
    assert [kind.traps for kind in (Service, Postgres, Everything, Inheriting, Overriding)] == [()] * 5


def test_an_annotated_port_is_a_field_and_a_trap() -> None:
    class Web(Service):
        http: HttpPort = HttpPort(8080)
        grpc = GrpcPort(50051)

    assert told(Web) == [("annotated", "Web", "http")]


def test_a_port_annotated_as_the_classes_own_is_none() -> None:
    class Web(Service):
        http: ClassVar[HttpPort] = HttpPort(8080)

    assert told(Web) == []
    assert type(Web("web", namespace=shop).http) is HttpEndpoint


def test_a_port_with_the_name_of_a_field_is_shadowed_and_a_trap() -> None:
    class Web(Service):
        name = HttpPort(8080)  # pyright: ignore[reportAssignmentType]  # mypy is silent
        labels = HttpPort(8081)  # pyright: ignore[reportAssignmentType]
        http = HttpPort(8082)

    assert told(Web) == [("shadowed", "Web", "labels"), ("shadowed", "Web", "name")]


def test_a_port_that_hides_an_annotated_one_is_shadowed() -> None:
    class Wrong(Service):
        http: HttpPort = HttpPort(8080)

    class Web(Wrong):
        http = HttpPort(8081)

    assert (told(Wrong), told(Web)) == ([("annotated", "Wrong", "http")], [("shadowed", "Web", "http")])


def test_a_trap_belongs_to_the_kind_that_wrote_it() -> None:
    class Wrong(Service):
        http: HttpPort = HttpPort(8080)

    class Web(Wrong):
        grpc = GrpcPort(50051)

    assert told(Web) == []


def test_a_trap_knows_its_line() -> None:
    class Web(Service):
        http: HttpPort = HttpPort(8080)

    (trap,) = Web.traps
    assert isinstance(trap, Trap)
    place = locate([trap.written_at])[trap.written_at]
    assert place is not None
    assert place.path == __file__
    assert place.line == Web.traps[0].written_at.frames[0][0].co_firstlineno + 1
