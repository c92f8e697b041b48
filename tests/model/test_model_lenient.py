"""No constructor raises on a wrong value: `resolve` reads them all, and reports all mistakes at once."""

import inspect
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zt_dsl
from zt_dsl import HttpApp, HttpPort, Kafka, Namespace, Service, Tier, allow

shop = Namespace("shop")
web = HttpApp("web", namespace=shop)

plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.dates()
    | st.builds(object)
    | st.sampled_from(
        [
            *(Service, HttpPort, HttpPort(8080), HttpApp, zt_dsl.allow, zt_dsl, Exception("no"), type, int, ...),
            *(web, web.http, shop, Tier("front"), allow(web, web.http), zt_dsl.Platform("p", network=None)),
        ]
    )
)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.lists(inner, max_size=3).map(iter)
    ),
    max_leaves=5,
)

bus = Kafka("bus", namespace=shop)
CALLABLES: dict[str, Callable[..., object]] = {
    **{
        name: found
        for name in zt_dsl.__all__
        if callable(found := getattr(zt_dsl, name)) and name not in {"Feature", "Method", "Mtls", "Target"}
    },
    "routes": web.http.routes,
    "methods": zt_dsl.GrpcApp("calls", namespace=shop).grpc.methods,
    "produce": bus.broker.produce,
    "consume": bus.broker.consume,
    "names": zt_dsl.KubeDns().dns.names,
}


@st.composite
def drawn(draw: st.DrawFn, parameters: inspect.Signature) -> tuple[list[object], dict[str, object]]:
    """Something for each parameter: always where it is required, now and then where it is not."""
    values: list[object] = []
    keywords: dict[str, object] = {}
    for parameter in parameters.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            values += draw(st.lists(anything, max_size=2))
        elif parameter.default is not parameter.empty and draw(st.booleans()):
            continue
        elif parameter.kind is parameter.KEYWORD_ONLY or keywords:
            keywords[parameter.name] = draw(anything)
        elif parameter.default is parameter.empty:
            values.append(draw(anything))
        else:
            keywords[parameter.name] = draw(anything)
    return values, keywords


@pytest.mark.parametrize("name", CALLABLES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_it_does_not_raise(name: str, data: st.DataObject) -> None:
    make = CALLABLES[name]
    values, keywords = data.draw(drawn(inspect.signature(make)))
    made = make(*values, **keywords)
    assert isinstance(repr(made), str)


@pytest.mark.parametrize("name", CALLABLES)
def test_it_does_not_raise_where_everything_is_an_object(name: str) -> None:
    required = [
        parameter
        for parameter in inspect.signature(CALLABLES[name]).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
    ]
    for wrong in (object(), None, 7, "text", [["nested"]], {"a": {}}):
        keywords = {one.name: wrong for one in required if one.kind is one.KEYWORD_ONLY}
        values = [wrong for one in required if one.kind is not one.KEYWORD_ONLY]
        assert CALLABLES[name](*values, **keywords) is not None


def test_what_is_wrong_is_kept_as_it_is() -> None:
    wrong: Any = object()
    service = Service(wrong, namespace=wrong, labels=wrong, tier=wrong, mtls=wrong)
    assert [service.name, service.namespace, service.labels, service.tier, service.mtls] == [wrong] * 5
    assert zt_dsl.Network("n", cidrs=wrong).cidrs is wrong
    assert zt_dsl.Network("n", cidrs="10.0.0.0/8").cidrs == "10.0.0.0/8"


def test_a_wrong_number_is_kept_as_it_is() -> None:
    wrong: Any = object()
    port = HttpPort(wrong, last=wrong)
    assert [port.number, port.last] == [wrong, wrong]


def test_one_wrong_thing_is_one_source() -> None:
    wrong: Any = object()
    text: Any = "web"
    assert allow(wrong, wrong).sources == (wrong,)
    assert allow(text, web.http).sources == (text,)
    assert zt_dsl.Topology("t", wrong, governs=wrong).statements == (wrong,)
    assert zt_dsl.Waiver("deny", why="", target=wrong, until=date.min).target == (wrong,)


def test_wrong_labels_can_be_compared() -> None:
    def wrong() -> Service:
        labels: Any = {"app": ["web"]}
        return Service("web", namespace=shop, labels=labels)

    assert wrong() == wrong()
    assert wrong() != Service("web", namespace=shop)
