"""Ports: tables of what is refused and kept, and what holds for any input."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.ir.traffic import Port, PortKind
from zt_dsl.model.endpoints import HttpPort, TcpPort
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.ports import narrowable, port
from zt_dsl.source import NOWHERE

ANYTHING = st.one_of(
    st.integers(-2, 65537), st.integers(), st.floats(), st.booleans(), st.text(), st.none(), st.just(object())
)


def declared(number: object, **given: object) -> HttpPort:
    # What cast and Any let through, written once.
    return cast("HttpPort", cast("Any", HttpPort)(number, **given))


def codes(result: Port | tuple[Finding, ...]) -> list[str]:
    assert isinstance(result, tuple), result
    return [found.code for found in result]


def test_a_port_is_what_was_declared() -> None:
    assert port(declared(8080), "http", NOWHERE) == Port("", "http", 8080, 8080, 8080)
    assert port(declared(80, last=80, service_port=443, mtls="strict"), "http", NOWHERE) == Port(
        "", "http", 80, 80, 443, "strict"
    )
    assert port(TcpPort(1, last=65535), "tcp", NOWHERE) == Port("", "tcp", 1, 65535, 1)


def test_its_name_is_the_attributes() -> None:
    class Kind:
        http = HttpPort(8080)
        порт = HttpPort(8081)

    found = port(vars(Kind)["http"], "http", NOWHERE)
    assert isinstance(found, Port)
    assert found.name == "http"
    assert codes(port(vars(Kind)["порт"], "http", NOWHERE)) == ["ZT203"]


@pytest.mark.parametrize(
    ("number", "help"),
    [
        (0, "such as 8080"), (-1, "such as 8080"), (65536, "such as 8080"), (True, "True and False"),
        (80.0, "80"), (80.5, "such as"), ("80", "without quotes: 80"), ("0110", "without quotes: 110"),
        ("http", "such as 8080"), ("٨٠", "such as 8080"), (None, "such as 8080"), (float("nan"), "such as 8080"),
        pytest.param(10**5000, "such as 8080", id="huge"), pytest.param("9" * 5000, "such as 8080", id="long"),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused(number: object, help: str) -> None:
    results = [port(declared(number), "http", NOWHERE)]
    # None is what is not written.
    if number is not None:
        results += [port(declared(8080, last=number), "http", NOWHERE)]
        results += [port(declared(8080, service_port=number), "http", NOWHERE)]
    for result in results:
        assert codes(result) == ["ZT210"]
        assert isinstance(result, tuple)
        assert help in result[0].help


def test_a_range_runs_forwards() -> None:
    result = port(declared(90, last=80), "http", NOWHERE)
    assert codes(result) == ["ZT211"]
    assert isinstance(result, tuple)
    assert result[0].help == "did you mean HttpPort(80, last=90)?"


def test_all_mistakes_of_a_port_are_told_at_once() -> None:
    wrong = declared(0, last="x", service_port=0, mtls="STRICT")
    result = port(wrong, "http", NOWHERE)
    assert codes(result) == ["ZT210", "ZT210", "ZT210", "ZT206"]
    assert isinstance(result, tuple)
    assert result[-1].help == 'did you mean "strict"?'
    assert codes(port(declared(90, last=80, mtls=True), "http", NOWHERE)) == ["ZT211", "ZT206"]


@pytest.mark.parametrize("value", [None, 8080, "http", HttpPort])
def test_a_port_is_a_declaration(value: object) -> None:
    assert codes(port(value, "http", NOWHERE)) == ["ZT206"]


def test_a_port_that_was_never_initialised_is_refused() -> None:
    class Odd(HttpPort):
        def __init__(self) -> None:
            pass

    assert codes(port(Odd(), "http", NOWHERE)) == ["ZT206", "ZT210"]


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_anything_is_a_port_or_findings(number: object, last: object, dialled: object, mtls: object) -> None:
    match port(declared(number, last=last, service_port=dialled, mtls=mtls), "http", NOWHERE):
        case Port() as found:
            assert 1 <= found.first <= found.last <= 65535
            assert 1 <= found.service_port <= 65535
            assert type(found.first) is type(found.last) is type(found.service_port) is int
        case findings:
            assert all(f.message and f.why and f.help for f in findings)
            assert findings


@pytest.mark.parametrize("kind", ["tcp", "udp", "sctp", "tls", "http", "grpc", "kafka", "dns"])
def test_a_port_is_narrowed_only_by_what_it_speaks(kind: PortKind) -> None:
    single, wide = Port("p", kind, 80, 80, 80), Port("p", kind, 80, 81, 80)
    assert narrowable(single) == (kind in ("http", "grpc", "kafka", "dns"))
    assert not narrowable(wide)
