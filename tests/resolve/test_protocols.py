"""Routes, gRPC methods and topics: tables of what is refused and kept, and what holds for any input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.ir.traffic import Route
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.protocols import METHODS, grpc_method, route, topic
from zt_dsl.source import NOWHERE

PATHS = st.text(alphabet="/ab{}*.%;?#<>:\\", max_size=14).map(lambda path: "/" + path) | st.text()
ANYTHING = PATHS | st.none() | st.integers() | st.binary() | st.just(object())


def codes(result: object) -> list[str]:
    assert isinstance(result, tuple), result
    for found in result:
        assert isinstance(found, Finding)
        assert found.message
        assert found.why
        assert found.help
        f"{found.message}{found.help}{found.at[0][1]}".encode()
    return [found.code for found in result if isinstance(found, Finding)]


@pytest.mark.parametrize(
    "path",
    [
        "/", "/**", "/static/**", "/api/v1/orders", "/orders/{id}", "/orders/{order-id}/items/{item_id}/", "/a/",
        "/v1.0/a+b", "/a:cancel", "/~u/@me/(x)/$a&b,c=d!", "/.well-known/x", "/...", "/on",
    ],
)  # fmt: skip
def test_good_paths_are_kept(path: str) -> None:
    assert route("GET", path, NOWHERE) == Route("GET", path)


@pytest.mark.parametrize(
    ("path", "code", "help"),
    [
        ("", "ZT280", '"/"'),
        ("orders", "ZT280", '"/orders"'),
        ("https://a.com/orders", "ZT280", '"/orders"'),
        ("/orders?x=1", "ZT280", '"/orders"'),
        ("/orders#x", "ZT280", '"/orders"'),
        ("/a//b", "ZT280", '"/a/b"'),
        ("//", "ZT280", '"/"'),
        ("/a/../b", "ZT280", '"/b"'),
        ("/..", "ZT280", '"/"'),
        ("/./a", "ZT280", '"/a"'),
        ("/a%2Fb", "ZT280", "such as"),
        ("/a;x=1/b", "ZT280", '"/a/b"'),
        ("/a\\b", "ZT280", '"/a/b"'),
        ("/a b", "ZT280", "such as"),
        ("/a\0", "ZT280", "such as"),
        ("/a\n", "ZT280", '"/a"'),
        ("/é", "ZT280", "such as"),
        ("/<int:id>", "ZT280", '"/{id}"'),
        ("/(a|b)", "ZT280", "such as"),
        ("/[a-z]", "ZT280", "such as"),
        ("/x{id}", "ZT281", '"/{id}"'),
        ("/{id}.json", "ZT281", '"/{id}"'),
        ("/{id", "ZT281", '"/{id}"'),
        ("/id}", "ZT281", '"/{id}"'),
        ("/{{id}}", "ZT281", '"/{id}"'),
        ("/{}", "ZT281", '"/{id}"'),
        ("/{1}", "ZT281", '"/{id}"'),
        ("/{*}", "ZT281", '"/**"'),
        ("/files/{path:path}", "ZT281", '"/files/**"'),
        ("/{a:path}/b", "ZT281", '"/{id}/b"'),
        ("/a/*", "ZT281", '"/a/{id}"'),
        ("/a*", "ZT281", '"/{id}"'),
        ("/a**", "ZT281", '"/a/**"'),
        ("/**/b", "ZT281", '"/{id}/b"'),
        ("/**/", "ZT281", '"/{id}/"'),
        ("/{id}/{id}", "ZT281", '"/{id}/{id2}"'),
        (None, "ZT206", "string"),
        (b"/a", "ZT206", "string"),
    ],
)
def test_bad_paths_are_refused(path: object, code: str, help: str) -> None:
    result = route("GET", path, NOWHERE)
    assert codes(result) == [code]
    assert isinstance(result, tuple)
    assert help in result[0].help


@pytest.mark.parametrize(
    ("method", "code", "help"),
    [
        ("get", "ZT282", 'write "GET"'),
        (" GET", "ZT282", 'write "GET"'),
        ("GET|POST", "ZT282", 'Route("GET", "/a"), Route("POST", "/a")'),
        ("get, post", "ZT282", 'Route("GET", "/a"), Route("POST", "/a")'),
        (".*", "ZT282", 'ANY("/a")'),
        ("", "ZT282", 'ANY("/a")'),
        ("any", "ZT282", 'ANY("/a")'),
        ("DELTE", "ZT282", 'did you mean "DELETE"?'),
        ("BREW", "ZT282", "GET"),
        ("GET\n", "ZT282", 'write "GET"'),
        (None, "ZT206", "string"),
    ],
)
def test_bad_methods_are_refused(method: object, code: str, help: str) -> None:
    result = route(method, "/a", NOWHERE)
    assert codes(result) == [code]
    assert isinstance(result, tuple)
    assert help in result[0].help


def test_good_methods_are_kept_and_both_mistakes_told() -> None:
    assert all(route(method, "/a", NOWHERE) == Route(method, "/a") for method in (*METHODS, "*"))
    assert codes(route("get", "a", NOWHERE)) == ["ZT282", "ZT280"]


@given(ANYTHING, ANYTHING)
def test_anything_is_a_route_or_findings(method: object, path: object) -> None:
    match route(method, path, NOWHERE):
        case Route() as found:
            assert route(found.method, found.path, NOWHERE) == found == Route(str(method), str(path))
        case findings:
            assert codes(findings)


@given(PATHS)
def test_an_accepted_path_is_normal_and_a_suggested_one_good(path: str) -> None:
    match route("GET", path, NOWHERE):
        case Route():
            segments = path.split("/")[1:]
            assert path.startswith("/")
            assert "" not in segments[:-1]
            assert not {".", ".."} & set(segments)
            assert "**" not in segments[:-1]
            assert not set(path) & set("%;?#\\ <>")
        case (Finding(help=help),) if help.startswith("did you mean"):
            assert isinstance(route("GET", help.split('"')[1], NOWHERE), Route)
        case _:
            pass


@pytest.mark.parametrize("method", ["shop.v1.Orders/Get", "shop.Orders/*", "Greeter/SayHello", "a_b.C1/_d"])
def test_good_grpc_methods_are_kept(method: str) -> None:
    assert grpc_method(method, NOWHERE) == method


@pytest.mark.parametrize(
    ("method", "code", "help"),
    [
        ("/shop.Orders/Get", "ZT283", '"shop.Orders/Get"'),
        ("shop.Orders", "ZT283", '"shop.Orders/*"'),
        ("shop.Orders.Get", "ZT283", '"shop.Orders/Get"'),
        ("shop.Orders#Get", "ZT283", '"shop.Orders/Get"'),
        ("shop.Orders/", "ZT283", '"shop.Orders/*"'),
        ("shop.Orders/**", "ZT283", '"shop.Orders/*"'),
        ("shop.Orders/Get()", "ZT283", '"shop.Orders/Get"'),
        ("shop.*/Get", "ZT283", "package.Service"),
        ("shop.Orders/Get*", "ZT283", "package.Service"),
        ("a/b/c", "ZT283", "package.Service"),
        ("shop..Orders/Get", "ZT283", "package.Service"),
        ("shop.Orders/Get\n", "ZT283", '"shop.Orders/Get"'),
        ("", "ZT283", "package.Service"),
        ("*", "ZT283", "package.Service"),
        ("шоп.Orders/Get", "ZT283", "package.Service"),
        (None, "ZT206", "string"),
    ],
)
def test_bad_grpc_methods_are_refused(method: object, code: str, help: str) -> None:
    finding = grpc_method(method, NOWHERE)
    assert codes((finding,)) == [code]
    assert isinstance(finding, Finding)
    assert help in finding.help


@pytest.mark.parametrize("name", ["orders", "a.b_c-D", "...", "x" * 249, "on"])
def test_good_topics_are_kept(name: str) -> None:
    assert topic(name, NOWHERE) == name


@pytest.mark.parametrize(
    ("name", "code", "help"),
    [
        ("my orders", "ZT284", '"my-orders"'), ("orders*", "ZT284", "one topic"), ("*", "ZT284", "one topic"),
        (".", "ZT284", "one topic"), ("..", "ZT284", "one topic"), ("", "ZT284", "one topic"),
        ("x" * 250, "ZT284", "one topic"), ("a/b", "ZT284", '"a-b"'), ("orders\n", "ZT284", '"orders"'),
        ("é", "ZT284", "one topic"), (None, "ZT206", "string"), (3, "ZT206", "string"),
    ],
)  # fmt: skip
def test_bad_topics_are_refused(name: object, code: str, help: str) -> None:
    finding = topic(name, NOWHERE)
    assert codes((finding,)) == [code]
    assert isinstance(finding, Finding)
    assert help in finding.help


@given(ANYTHING)
def test_anything_is_a_name_or_a_finding(value: object) -> None:
    for found in (grpc_method(value, NOWHERE), topic(value, NOWHERE)):
        assert found == value or codes((found,))
