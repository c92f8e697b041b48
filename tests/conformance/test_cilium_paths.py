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

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.engines.envoy import Answer, Envoy, Request
from tests.conformance.engines.envoy_process import version
from tests.conformance.engines.process import RefusedError
from tests.conformance.hostile_paths import (
    PARAMETERS_ALONE,
    ROUTES,
    TARGETS,
    inside,
    lenient,
    questions,
    with_parameters,
)
from zt_dsl.backends.cilium.expressions import fits, method_expression, path_expression, programme_size

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


def test_what_passes_is_inside_for_a_backend_that_drops_parameters_but_for_segments_of_them(
    answered: Sequence[Told],
) -> None:
    """The exceptions: Envoy leaves a segment that begins with `;`, and dots with parameters where the dots were
    escaped, or came after a backslash."""
    found = [each for each in answered if escapes(each, with_parameters)]
    assert all(PARAMETERS_ALONE.search(each.path) for each in found)
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
    assert all(PARAMETERS_ALONE.search(each.path) for each in dropped)


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
