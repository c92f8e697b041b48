"""What Cilium's expressions for paths let through, asked of a real Envoy under the options of Cilium's proxy.

Hostile request targets meet routes of every form. What passes has to be what the neutral language holds, of the path
as Envoy normalises it; how it does that is written down here a second time (`arrives`), and every status and every
normalised path is compared. Safety is asked apart from it: what passes is still inside after a backend has
normalised it again, in its own way.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from random import Random

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.engines.envoy import Answer, Envoy, Request, version
from tests.conformance.engines.process import RefusedError
from zt_dsl.backends.cilium.expressions import fits, method_expression, path_expression, programme_size
from zt_dsl.ir import paths

pytestmark = pytest.mark.conformance

EXAMPLES = int(os.environ.get("ZT_DSL_EXAMPLES", "500"))
thoroughly = settings(deadline=None, max_examples=EXAMPLES)

PASSED, REDIRECTED, BAD_REQUEST, REFUSED, NO_PATH, TOO_LONG = 200, 307, 400, 403, 404, 431


# --- what Envoy does to a path ------------------------------------------------------------------------


@frozen
class Arrived:
    """A request as the filters see it: `path` has been normalised. Where `status` is not 200, no filter is asked."""

    status: int
    path: str = ""
    query: str = ""


@cache
def arrives(target: str) -> Arrived:
    """A target without ends of lines, as Envoy v1.40.0 takes it with the options for paths that Cilium sets: slashes
    unescaped, parameters of dots dropped, dots resolved, slashes merged (`source/common/http/path_utility.cc`)."""
    stripped = target.strip(" \t")
    if not re.fullmatch(r"[!-~]*", stripped):
        return Arrived(BAD_REQUEST)
    origin = re.sub(r"\Ahttp://[^/?#]+", "", stripped, flags=re.IGNORECASE)
    if not origin.startswith("/"):
        if origin == stripped:
            return Arrived(BAD_REQUEST)
        origin = origin or "/"
    if origin.startswith("?"):
        return Arrived(NO_PATH)
    if "#" in origin:
        return Arrived(BAD_REQUEST)
    path, mark, rest = origin.partition("?")
    slashes = re.sub("%5c", r"\\", re.sub("%2f", "/", path, flags=re.IGNORECASE), flags=re.IGNORECASE)
    plain = without_parameters(slashes)
    if "%00" in plain:
        return Arrived(BAD_REQUEST)
    return Arrived(PASSED if slashes == path else REDIRECTED, merged(resolved(plain)), mark + rest)


def without_parameters(path: str) -> str:
    """Without what follows `;` in a segment that is dots; dots that are escaped are no dots yet (CVE-2026-73551)."""
    return "/".join(re.sub(r"\A(\.\.?);.*", r"\1", segment) for segment in path.split("/"))


def resolved(path: str) -> str:
    """Without dot segments, characters escaped or not as Chromium's canonicalizer leaves them."""
    kept: list[str] = []
    segments = re.split(r"[/\\]", path[1:])
    for segment in segments:
        match _dots(segment):
            case 0:
                kept.append(unescaped(segment))
            case 2:
                kept = kept[:-1]
    slash = kept and _dots(segments[-1])
    return "/" + "/".join(kept) + ("/" if slash else "")


def _dots(segment: str) -> int:
    """How many dots a dot segment is; 0 for any other."""
    plain = re.sub("%2e", ".", segment, flags=re.IGNORECASE)
    return len(plain) if plain in (".", "..") else 0


_ESCAPE = re.compile("%[0-9A-Fa-f]{2}|.")
_UNRESERVED = re.compile("[-A-Za-z0-9._~]")


def unescaped(segment: str) -> str:
    """Unreserved characters as themselves, those that no URL has as escapes. A `%` that escapes nothing stays, unless
    it would now begin an escape."""
    parts = [_plain(part) for part in _ESCAPE.findall(segment)]
    text = [
        "%25" if part == "%" and re.fullmatch("[0-9A-Fa-f]{2}", "".join(parts[at + 1 : at + 3])) else part
        for at, part in enumerate(parts)
    ]
    return "".join(text)


def _plain(part: str) -> str:
    if len(part) == 3:
        meant = chr(int(part[1:], 16))
        return meant if _UNRESERVED.fullmatch(meant) else part
    return f"%{ord(part):02X}" if part in '"<>^`{|}' else part


def merged(path: str) -> str:
    """With one slash for several, but two where there is nothing else."""
    if "//" not in path:
        return path
    return "/" + "/".join(filter(None, path.split("/"))) + ("/" if path.endswith("/") else "")


def inside(route: str, path: str) -> bool:
    return paths.path(route).contains(path.split("/")[1:])


# --- what a backend may do to it again ----------------------------------------------------------------


def lenient(path: str) -> str:
    """Every escape decoded, `\\` for `/`, slashes merged, dot segments resolved."""
    decoded = re.sub("%([0-9A-Fa-f]{2})", lambda escape: chr(int(escape[1], 16)), path)
    kept: list[str] = []
    segments = [segment for segment in re.split(r"[/\\]", decoded) if segment]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    slash = kept and (re.search(r"[/\\]\Z", decoded) or segments[-1] in (".", ".."))
    return "/" + "/".join(kept) + ("/" if slash else "")


def with_parameters(path: str) -> str:
    """As a servlet container: first, each segment is cut at `;`."""
    return lenient("/".join(segment.partition(";")[0] for segment in path.split("/")))


# --- questions ----------------------------------------------------------------------------------------

WRITTEN = (
    "/",
    "/**",
    "/{id}",
    "/{id}/",
    "/{id}/**",
    "/{id}/b",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/",
    "/a/{id}",
    "/a/{id}/b",
    "/a/{id}/{other}",
    "/a/{id}/**",
    "/a/**",
    "/a/b/**",
    "/A",
    "/A/**",
    "/abc",
    "/b",
    "/v1.0/a+b",
    "/v1.0/{id}/a$(b)",
    "/static",
    "/static/**",
    "/admin",
    "/admin/**",
    "/...",
    "/~a/**",
    "/a:b@c",
    "/a'b,c!",
)


def random_routes(seed: int, number: int) -> Iterator[str]:
    random = Random(seed)
    for _ in range(number):
        length = random.randrange(5)
        words = [random.choice(["a", "a", "b", "A", "v1.0", "a+b", "static", f"{{x{at}}}"]) for at in range(length)]
        tail: tuple[str, ...] = random.choice([(), ("",), ("**",)])
        yield "/" + "/".join((*words, *tail))


ROUTES = tuple(dict.fromkeys((*WRITTEN, *random_routes(1, 70))))

# Each is a whole target, as it stands in the request line.
TARGETS = (
    *("/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/b", "/A", "/aX", "/ab", "/a.", "/static/x", "/staticX", "/admin"),
    *(
        "/a?",
        "/a??",
        "/a?q",
        "/a?q=/b",
        "/a?q=../..",
        "/a?q=%2F",
        "/a?//",
        "/a/?q",
        "/?",
        "/?a",
        "/?/a",
        "/a/b?a?b",
        "/b?#",
    ),
    *("/v1.0/a+b", "/v1x0/a+b", "/v1.0/aab", "/v1.0/a%2bb", "/v1.0/a%2Bb", "/v1%2E0/a+b", "/v1.0/a b", "/v1.0/1/a$(b)"),
    *(
        "/v1.0/1/a%24(b)",
        "/v1.0//1//a$(b)",
        "/a:b@c",
        "/a%3Ab@c",
        "/a'b,c!",
        "/a%27b,c!",
        "/~a/b",
        "/%7Ea/b",
        "/%7ea/b",
    ),
    *("//", "///", "//a", "//a//", "/a//b", "/a///b//", "/a//?//", "//?a", "/a//../b", "/a/b//..//c", "//..//a"),
    *(
        "/.",
        "/..",
        "/./",
        "/../",
        "/a/.",
        "/a/..",
        "/a/./b",
        "/a/../b",
        "/a/../../b",
        "/a/b/../..",
        "/a/b/../../",
        "/..a",
    ),
    *("/...", "/a/...", "/a/.../b", "/a/b..", "/a/.b", "/static/../admin", "/static/..", "/static/./admin", "/a/..?/b"),
    *("/%2e", "/%2E%2e", "/a/%2e%2e/b", "/a/.%2E/b", "/a/%2e./b", "/a/%2e/b", "/a/%2e", "/a/%2e%2e", "/a/%2e%2e%2e/b"),
    *(
        "/static/%2e%2e/admin",
        "/static/%2e%2e",
        "/static/%2E./admin?q",
        "/%2e%2e/%2e%2e/a",
        "/a/b%2e%2e",
        "/a?/%2e%2e/",
    ),
    *("/a%2Fb", "/a%2fb", "/a%2F", "/%2Fa", "/%2f", "/a%2F%2Fb", "/a/%2F/b", "/a%2F?%2F", "/a/..%2Fb", "/a%2F..%2Fb"),
    *(
        "/static/..%2fadmin",
        "/static%2F..%2Fadmin",
        "/static/%2e%2e%2fadmin",
        "/static/..%2f..%2fa",
        "/a%2f;x",
        "/a%2f%00",
    ),
    *(
        "/a%5Cb",
        "/a%5cb",
        "/a\\b",
        "/a\\",
        "/\\a",
        "/\\",
        "/\\\\",
        "/a\\..\\b",
        "/a/..\\b",
        "/static\\..\\admin",
        "/a/..%5Cb",
    ),
    *("/a%252Fb", "/a%252e%252e/b", "/static/%252e%252e/admin", "/static/..%252fadmin", "/a%25", "/%25", "/a%2500"),
    *(
        "/a%2%46b",
        "/a%%32%46b",
        "/a%2%66b",
        "/static/%2%65%2%65/admin",
        "/static/%%32e%%32e/admin",
        "/static/..%%32%66admin",
    ),
    *(
        "/a/%zz",
        "/a/%",
        "/%",
        "/a%2",
        "/a%",
        "/a%z",
        "/a/%%",
        "/a/%%%",
        "/a%c0%afb",
        "/a%c0%ae%c0%ae/b",
        "/a%u002fb",
        "/a%ef%bc%8fb",
    ),
    *(
        "/a%00",
        "/a%00b",
        "/%00",
        "/a/%%00",
        "/a%0%30b",
        "/a?%00",
        "/a%0a",
        "/a%0d%0aX:b",
        "/a%09b",
        "/a%7f",
        "/a%20b",
        "/a%20",
    ),
    *(
        "/%61",
        "/%41",
        "/%61%2f%62",
        "/%61/%62",
        "/a%62c",
        "/%73tatic/x",
        "/a/%31",
        "/a%2d",
        "/a%5f",
        "/a%3f",
        "/a%3Fq",
        "/a%23b",
    ),
    *(
        "/a;x",
        "/a;x=1/b",
        "/a/;x",
        "/a/;/b",
        "/;x/b",
        "/;/b",
        "/a/b;",
        "/a;/",
        "/a;../b",
        "/a;%2e%2e/b",
        "/a%3bx",
        "/a;x?q;y",
    ),
    *(
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a/.;/b",
        "/a/..;",
        "/a/.;",
        "/..;/a",
        "/.;/a",
        "/a/..;.",
        "/a/...;/b",
        "/a/..a;/b",
        "/a/;../b",
    ),
    *("/static/..;/admin", "/static/..;x/admin", "/static/..;/..;/admin", "/static/..;a\\admin", "/static\\..;/admin"),
    *(
        "/static/%2e%2e;/admin",
        "/static/%2e%2e;x=1/admin",
        "/static/.%2e;/admin",
        "/a/%2e;/b",
        "/a/..%3b/b",
        "/a/..;%2fb",
    ),
    *(
        '/a"b',
        "/a<b>",
        "/a|b",
        "/a`b",
        "/a^b",
        "/a{b}",
        "/a[b]",
        "/a/{id}",
        "/a/**",
        "/**",
        "/a/*",
        "/*",
        "/a'b",
        "/a(b)",
        "/a$",
    ),
    *(
        "/a%22b",
        "/a%7Cb",
        "/a%7cb",
        "/a%5Bb%5d",
        "/a/.*",
        "/a/[^/]+",
        "/a&b=c",
        "/a,b",
        "/a=b",
        "/a+b",
        "/a!",
        "/a~",
        "/a-b_c",
    ),
    *(
        "/a#",
        "/a#b",
        "/#",
        "/#/a",
        "/a?q#b",
        "/a%23",
        "/a/#/../b",
        "/a b",
        "/ a",
        "/a\tb",
        "/a\x0bb",
        "/a\x00b",
        "/a\x01",
        "/a\x7f",
    ),
    *(
        "/\xe9",
        "/a/\xc3\xa9",
        "/\xff",
        "/a?\xff",
        "/a/%c3%a9",
        "/a/%C3%A9",
        "/a/%ff",
        "/a/\xc0\xaf",
        "/a/\xe2\x88\x95b",
        "/a\x85b",
    ),
    *("", "?", "?a", "#", "*", "a", "a/b", ".", "..", "../a", "./a", "\\a", "%2Fa", ";", "a:80", "//host/a", "///a"),
    *(
        "http://h",
        "http://h/",
        "http://h/a",
        "HTTP://h/a",
        "http://h//a",
        "http://h/../a",
        "http://h/a/..;/b",
        "http://h/a%2Fb",
    ),
    *(
        "http://h?a",
        "http://h/?a",
        "http://h/a#b",
        "http://h:80/a",
        "http://u@h/a",
        "/http://h/a",
        "/http:/h/a",
        "http://h/a?http://h/b",
    ),
    *(
        "/" + 5000 * "a",
        "/a/" + 5000 * "b",
        "/" + 2000 * "a/",
        "/a/" + 1000 * "../" + "b",
        "/a?" + 5000 * "q",
        "/a" + 2000 * "/",
    ),
)


PIECES = (
    *(
        "/",
        "/",
        "//",
        "a",
        "b",
        "A",
        "static",
        "v1.0",
        "a+b",
        "..",
        ".",
        "../",
        "/../",
        "/./",
        "..;",
        ";",
        ";x=1",
        "\\",
    ),
    *("%2e", "%2E%2e", "%2f", "%2F", "%5c", "%00", "%zz", "%7E", "%7e", "%25", "%", "%2", "2", "e", "f", "5", "c", "0"),
    *(
        "%66",
        "%46",
        "%65",
        "%61",
        "%41",
        "%35",
        "%30",
        "%3b",
        "?",
        "#",
        " ",
        "\t",
        "\x00",
        "\xe9",
        "+",
        "(",
        "*",
        "{",
        "|",
        "~",
    ),
)
pieces = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@st.composite
def near(draw: st.DrawFn, route: str) -> str:
    """A target that is often in this route, but for what was put in somewhere."""
    filled = re.sub(r"\{\w+\}", lambda _: draw(st.sampled_from(["q", "a", *PIECES])), route)
    whole = filled.replace("**", draw(st.sampled_from(["", "a", "a/b"])))
    at = draw(st.integers(0, len(whole)))
    return whole[:at] + draw(st.just("") | pieces) + whole[at:]


@st.composite
def questions(draw: st.DrawFn) -> tuple[int, str]:
    number = draw(st.integers(0, len(ROUTES) - 1))
    return number, draw(near(ROUTES[number]) | pieces.map("/{}".format))


# --- answers ------------------------------------------------------------------------------------------

EXPRESSIONS = tuple(map(path_expression, ROUTES))


def known(answer: Answer) -> Answer:
    """Without the path where no filter was asked: Envoy may not have normalised it."""
    return answer if answer.status in (PASSED, REFUSED, REDIRECTED) else Answer(answer.status, b"", b"")


def expected(route: str, target: str) -> Answer:
    """What Envoy says to this target where only this route is let through."""
    arrived = arrives(target)
    seen = (arrived.path + arrived.query).encode("latin-1")
    if arrived.status == PASSED:
        return Answer(PASSED if inside(route, arrived.path) else REFUSED, seen, b"")
    if arrived.status == REDIRECTED:
        return Answer(REDIRECTED, seen, seen)
    return Answer(arrived.status, b"", b"")


@frozen
class Told:
    """A question with its answer."""

    route: str
    target: str
    answer: Answer

    @property
    def path(self) -> str:
        """What is forwarded, without the query."""
        return self.answer.seen.decode("latin-1").partition("?")[0]


def told(envoy: Envoy, expressions: Sequence[str], questions: Sequence[tuple[int, str]]) -> Iterator[Told]:
    """Each question is the number of an expression and of its route, and a target."""
    envoy.load(expressions)
    answers = envoy.ask(Request(number, target.encode("latin-1")) for number, target in questions)
    for (number, target), answer in zip(questions, answers, strict=True):
        yield Told(ROUTES[number], target, answer)


def disagrees(told: Told) -> bool:
    return known(told.answer) != expected(told.route, told.target)


def escapes(told: Told, backend: Callable[[str], str]) -> bool:
    """It passes, and the backend reads a path that is not in the route."""
    return told.answer.status == PASSED and not inside(told.route, backend(told.path))


WRITTEN_QUESTIONS = tuple(product(range(len(ROUTES)), TARGETS))


@pytest.fixture(scope="module")
def answered(envoy: Envoy) -> Sequence[Told]:
    return tuple(told(envoy, EXPRESSIONS, WRITTEN_QUESTIONS))


def answer(envoy: Envoy, expression: str, target: str) -> Answer:
    envoy.load([expression])
    (only,) = envoy.ask([Request(0, target.encode("latin-1"))])
    return only


# --- the judge itself ---------------------------------------------------------------------------------


def test_this_envoy_is_what_the_answers_are_about() -> None:
    assert version() == "1.40.0"


@pytest.mark.parametrize(
    ("target", "status", "seen"),
    [
        ("/a?q=/../b//c%2F", PASSED, "/a?q=/../b//c%2F"),
        ("/a//b", PASSED, "/a/b"),
        ("//", PASSED, "//"),
        ("/a//../b", PASSED, "/a/b"),
        ("/a/../b", PASSED, "/b"),
        ("/a/..", PASSED, "/"),
        ("/../../a", PASSED, "/a"),
        ("/a/%2E%2e/b", PASSED, "/b"),
        ("/a/...", PASSED, "/a/..."),
        ("/a\\..\\b", PASSED, "/b"),
        ("/a%2fb?x", REDIRECTED, "/a/b?x"),
        ("/a%5Cb", REDIRECTED, "/a/b"),
        ("/static/..%2Fadmin", REDIRECTED, "/admin"),
        ("/a%252Fb", PASSED, "/a%252Fb"),
        ("/%61%7e%2D", PASSED, "/a~-"),
        ("/a%2%46b", PASSED, "/a%252Fb"),
        ("/a%3fb%23%c3%a9", PASSED, "/a%3fb%23%c3%a9"),
        ("/a%zz", PASSED, "/a%zz"),
        ('/"<>^`{|}', PASSED, "/%22%3C%3E%5E%60%7B%7C%7D"),
        ("/a/..;x=1/b", PASSED, "/b"),
        ("/a/%2e%2e;x=1/b", PASSED, "/a/..;x=1/b"),
        ("/a;x=1", PASSED, "/a;x=1"),
        (" /a\t", PASSED, "/a"),
        ("HTTP://h//a", PASSED, "/a"),
        ("http://h", PASSED, "/"),
        ("http://h?a", NO_PATH, ""),
        ("/a#b", BAD_REQUEST, ""),
        ("/a?q#b", BAD_REQUEST, ""),
        ("/a%00", BAD_REQUEST, ""),
        ("/a?%00", PASSED, "/a?%00"),
        ("/a\x00", BAD_REQUEST, ""),
        ("/a b", BAD_REQUEST, ""),
        ("/\xc3\xa9", BAD_REQUEST, ""),
        ("/a?\xff", BAD_REQUEST, ""),
        ("a", BAD_REQUEST, ""),
        ("*", BAD_REQUEST, ""),
        ("/a\nb", 426, ""),
        ("/" + 70_000 * "a", TOO_LONG, ""),
    ],
)
def test_what_envoy_makes_of_a_target_is_known(envoy: Envoy, target: str, status: int, seen: str) -> None:
    location = seen.encode() if status == REDIRECTED else b""
    assert known(answer(envoy, path_expression("/**"), target)) == Answer(status, seen.encode(), location)


@pytest.mark.parametrize(
    ("expression", "words"),
    [("/a[", "missing ]"), ("(?=/a)/a", "invalid perl operator"), (r"/(a)\1", "invalid escape sequence")],
)
def test_what_is_no_expression_does_not_start(envoy: Envoy, expression: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        envoy.load([expression])


def test_nothing_is_left_of_an_envoy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Envoy() as envoy:
        assert answer(envoy, "/a", "/a").status == PASSED
        assert list(tmp_path.iterdir())
        with pytest.raises(RefusedError):
            envoy.load(["/a["])
        assert not list(tmp_path.iterdir())
        envoy.load(["/a"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "planted",
    [
        lambda expression: expression.replace("\\.", "."),
        lambda expression: expression.removesuffix("([?].*)?"),
        lambda expression: expression + ".*",
        lambda expression: expression.replace("[^/?#]+", "[^?#]+"),
        lambda expression: expression.replace("[^/?#]+", "[^/?#]*"),
        lambda expression: expression.replace("[^/?#]+", "[^/]+"),
        lambda expression: expression.replace("(/[^?#]*)?", "[^?#]*"),
        lambda expression: expression.replace("(/[^?#]*)?", "/[^?#]*"),
        lambda expression: "(?i)" + expression,
        lambda expression: expression.replace("\\+", "+"),
    ],
    ids=[
        "dots that match anything",
        "no query",
        "prefixes",
        "a segment with slashes",
        "an empty segment",
        "a segment with a query",
        "a prefix of a segment",
        "below, but not at",
        "any case",
        "a plus that repeats",
    ],
)
def test_a_planted_bug_is_noticed(envoy: Envoy, planted: Callable[[str], str]) -> None:
    bugs = tuple(map(planted, EXPRESSIONS))
    changed = {number for number, bug in enumerate(bugs) if bug != EXPRESSIONS[number]}
    questions = [(number, target) for number, target in WRITTEN_QUESTIONS if number in changed]
    assert any(map(disagrees, told(envoy, bugs, questions)))


# --- the expressions ----------------------------------------------------------------------------------


def test_what_passes_is_what_the_routes_are_for(answered: Sequence[Told]) -> None:
    assert len(answered) > 20_000
    assert {each.answer.status for each in answered} == {PASSED, REFUSED, REDIRECTED, BAD_REQUEST, NO_PATH}
    assert not list(filter(disagrees, answered))


def test_what_passes_is_inside_for_a_backend_that_normalises_again(answered: Sequence[Told]) -> None:
    assert not [each for each in answered if escapes(each, lenient)]


# A segment of which at most dots are left without its parameters.
_PARAMETERS_ALONE = re.compile(r"/\.{0,2};")


def test_what_passes_is_inside_for_a_backend_that_drops_parameters_but_for_segments_of_them(
    answered: Sequence[Told],
) -> None:
    """The exceptions: Envoy leaves a segment that begins with `;`, and dots with parameters where the dots were
    escaped, or came after a backslash."""
    found = [each for each in answered if escapes(each, with_parameters)]
    assert all(_PARAMETERS_ALONE.search(each.path) for each in found)
    assert {
        ("/static/**", "/static/%2e%2e;/admin", "/static/..;/admin"),
        ("/static/**", "/static\\..;/admin", "/static/..;/admin"),
        ("/{id}/b", "/;/b", "/;/b"),
    } <= {(each.route, each.target, each.path) for each in found}


@thoroughly
@given(st.lists(questions(), min_size=5, max_size=15))
def test_the_same_of_random_targets(envoy: Envoy, asked: list[tuple[int, str]]) -> None:
    answered = list(told(envoy, EXPRESSIONS, asked))
    assert not list(filter(disagrees, answered))
    assert not [each for each in answered if escapes(each, lenient)]
    dropped = [each for each in answered if escapes(each, with_parameters)]
    assert all(_PARAMETERS_ALONE.search(each.path) for each in dropped)


# --- size ---------------------------------------------------------------------------------------------


def test_envoy_takes_a_programme_of_the_largest_size_and_no_larger_one(envoy: Envoy) -> None:
    fitting, larger = (method_expression(f"Orders/{length * 'a'}") for length in (88, 89))
    assert fits(fitting)
    assert answer(envoy, fitting, fitting).status == PASSED
    with pytest.raises(RefusedError, match=f"program size of {programme_size(larger)} > max program size of 100 "):
        envoy.load([larger])


@pytest.mark.parametrize("route", ["/{id}", "/{id}/{other}", "/a/**", "/{id}/**", "/"])
def test_envoy_never_counts_more(envoy: Envoy, route: str) -> None:
    expression = path_expression("/" + 100 * "a" + route)
    with pytest.raises(RefusedError) as refused:
        envoy.load([expression])
    counted = re.search(r"program size of (\d+) >", str(refused.value))
    assert counted
    assert int(counted[1]) <= programme_size(expression)
