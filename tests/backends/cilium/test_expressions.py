"""The expressions are asked of RE2 itself: what they match is the neutral language, and their size is RE2's."""

import string

import pytest
import re2  # type: ignore[import-untyped]  # google-re2 has no types
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.backends.cilium.expressions import (
    LARGEST_PROGRAMME,
    fits,
    method_expression,
    path_expression,
    programme_size,
)
from zt_dsl.ir import paths
from zt_dsl.resolve.protocols import http_path
from zt_dsl.source import Span

thoroughly = settings(deadline=None, max_examples=300)

PCHAR = string.ascii_letters + string.digits + "-._~!$&'()+,=:@"


def no_dots(segment: str) -> bool:
    return segment not in (".", "..")


# A few literals again and again, so that requests meet them; and all that may be written.
LITERALS = st.sampled_from(["a", "A", "b", "v1.0", "v1x0", "a+b", "aab", "(a)", "a$", "$"]) | st.text(
    PCHAR, min_size=1, max_size=6
).filter(no_dots)
TAILS = st.sampled_from([(), ("",), ("**",)])


@st.composite
def routes(draw: st.DrawFn) -> str:
    segments = draw(st.lists(LITERALS | st.just("{}"), max_size=4))
    named = [f"{{x{at}}}" if segment == "{}" else segment for at, segment in enumerate(segments)]
    tail = draw(TAILS)
    return "/" + "/".join((*named, *tail))


# What may stand in a normalised path: some of it in no route.
WORDS = st.sampled_from(
    ["a", "%2e%2e", "%zz", ";x", "a;x=1", "...", "**", "{id}", "[^/]+", ".*", "\\", "é", "a b"]
) | st.text([chr(code) for code in range(0x20, 0x7F) if chr(code) not in "/?#"], min_size=1, max_size=6).filter(no_dots)
QUERIES = st.sampled_from(["", "?", "?limit=1", "?/a/../b//c", "?a?b", "?é"]) | st.text(
    string.printable.strip(), max_size=6
).map("?{}".format)


@st.composite
def requests_near(draw: st.DrawFn, route: str) -> str:
    """A normalised path that is often in this route: segments of its own, changed, missing, or one more."""
    *segments, last = route.split("/")[1:]
    meant = [*segments, *([] if last == "**" else [last])]
    near = [draw(WORDS) if segment.startswith("{") or draw(st.integers(0, 9)) == 0 else segment for segment in meant]
    cut = near[: draw(st.integers(max(0, len(near) - 1), len(near)))]
    more = draw(st.lists(WORDS, max_size=2))
    words = [word for word in (*cut, *more) if word]
    return "/" + "/".join((*words, *draw(st.sampled_from([(), ("",)] if words else [()]))))


ASKED = routes().flatmap(lambda route: st.tuples(st.just(route), requests_near(route)))


def matches(expression: str, text: str) -> bool:
    return re2.fullmatch(expression, text) is not None


@thoroughly
@given(ASKED, QUERIES)
def test_an_expression_matches_what_the_route_is_for_with_any_query(asked: tuple[str, str], query: str) -> None:
    route, request = asked
    inside = paths.path(route).contains(request.split("/")[1:])
    assert matches(path_expression(route), request + query) == inside


@given(routes())
def test_what_is_asked_may_be_written(route: str) -> None:
    assert http_path(route, Span(())) == route


@pytest.mark.parametrize(
    ("route", "expression"),
    [
        ("/", "/([?].*)?"),
        ("/api/v1/orders", "/api/v1/orders([?].*)?"),
        ("/orders/", "/orders/([?].*)?"),
        ("/orders/{id}", "/orders/[^/?#]+([?].*)?"),
        ("/{tenant}/orders/", "/[^/?#]+/orders/([?].*)?"),
        ("/static/**", "/static(/[^?#]*)?([?].*)?"),
        ("/{tenant}/**", "/[^/?#]+(/[^?#]*)?([?].*)?"),
        ("/**", "/[^?#]*([?].*)?"),
        ("/v1.0/a+b/$(x)", r"/v1\.0/a\+b/\$\(x\)([?].*)?"),
    ],
)
def test_a_path_reads_as_it_was_written(route: str, expression: str) -> None:
    assert path_expression(route) == expression


@pytest.mark.parametrize(
    ("route", "inside", "outside"),
    [
        ("/orders", ["/orders", "/orders?limit=1", "/orders?"], ["/orders/", "/ordersX", "/Orders", "/orders#a", "/"]),
        ("/orders/", ["/orders/", "/orders/?a"], ["/orders", "/orders/1"]),
        ("/orders/{id}", ["/orders/1", "/orders/a;b", "/orders/1?/2"], ["/orders/", "/orders/1/", "/orders/1/2"]),
        ("/static/**", ["/static", "/static/", "/static/a/b", "/static?a"], ["/staticX", "/static.", "/stati"]),
        ("/**", ["/", "/a", "/a/", "/?a"], ["", "?a", "*"]),
        ("/v1.0", ["/v1.0"], ["/v1x0"]),
    ],
)
def test_what_is_inside_and_what_is_not(route: str, inside: list[str], outside: list[str]) -> None:
    expression = path_expression(route)
    assert [request for request in (*inside, *outside) if matches(expression, request)] == inside


# --- gRPC ---------------------------------------------------------------------------------------------

IDENTIFIERS = st.sampled_from(["shop", "Orders", "Get", "GetAll", "x_1"])
METHODS = st.builds(
    lambda service, name: f"{'.'.join(service)}/{name}",
    st.lists(IDENTIFIERS, min_size=1, max_size=3),
    IDENTIFIERS | st.just("*"),
)


def calls_near(method: str) -> st.SearchStrategy[str]:
    """A path that is often a call of this method."""
    service, _, name = method.rpartition("/")
    services = st.sampled_from([service, service, service.replace(".", "x"), service.replace(".", "/"), f"{service}.x"])
    names = st.sampled_from([name, name, f"{name}x", f"{name}/", f"{name}/x", name.lower(), ""]) | WORDS
    return st.builds("/{}/{}".format, services, names)


CALLED = METHODS.flatmap(lambda method: st.tuples(st.just(method), calls_near(method)))


@thoroughly
@given(CALLED)
def test_an_expression_matches_what_the_method_is_for(called: tuple[str, str]) -> None:
    method, call = called
    inside = paths.path("/" + method.replace("/*", "/{method}")).contains(call.split("/")[1:])
    assert matches(method_expression(method), call) == inside


@pytest.mark.parametrize(
    ("method", "expression"),
    [
        ("shop.v1.Orders/Get", r"/shop\.v1\.Orders/Get"),
        ("shop.Orders/*", r"/shop\.Orders/[^/?#]+"),
        ("Health/Check", "/Health/Check"),
    ],
)
def test_a_method_reads_as_it_was_written(method: str, expression: str) -> None:
    assert method_expression(method) == expression


@given(METHODS)
def test_a_call_has_no_query(method: str) -> None:
    call = "/" + method.replace("*", "Get")
    assert matches(method_expression(method), call)
    assert not matches(method_expression(method), f"{call}?a=1")


# --- size ---------------------------------------------------------------------------------------------


LATIN1 = re2.Options()
LATIN1.encoding = re2.Options.Encoding.LATIN1
PARTS = ("[^/?#]+", "[^?#]*", ".*")


@thoroughly
@given(routes().map(path_expression) | METHODS.map(method_expression))
def test_the_size_is_re2s_or_larger_by_six_for_a_part_that_is_no_literal(expression: str) -> None:
    assert programme_size(expression) == re2.compile(expression).programsize
    least = programme_size(expression) - 6 * sum(map(expression.count, PARTS))
    assert least == re2.compile(expression.encode(), LATIN1).programsize


@pytest.mark.parametrize(
    ("fitting", "larger"),
    [
        (path_expression("/" + 83 * "a"), path_expression("/" + 84 * "a")),
        (path_expression("/" + 83 * "."), path_expression("/" + 84 * ".")),
        (path_expression("/" + 70 * "a" + "/**"), path_expression("/" + 71 * "a" + "/**")),
        (path_expression("/{a}/{b}/{c}/{d}/{e}/{f}/{g}"), path_expression("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}")),
        (method_expression("Orders/" + 88 * "a"), method_expression("Orders/" + 89 * "a")),
    ],
)
def test_a_character_of_a_literal_is_one_instruction(fitting: str, larger: str) -> None:
    assert fits(fitting)
    assert not fits(larger)
    assert re2.compile(fitting).programsize <= LARGEST_PROGRAMME < re2.compile(larger).programsize
