"""What Istio's paths let through, asked of a real Envoy under each path normalisation that a mesh may have.

Hostile request targets meet routes of every form, as Istio writes them. What passes has to be what the neutral language
holds, of the path as Envoy has it then. Safety is asked apart from it, and is what decides where a route may be
written: whether what passes is still inside after a backend has normalised it in its own way. A literal is, under every
normalisation. `{x}` and `**` are where Envoy has unescaped the slashes itself, and nowhere else.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.engines.envoy_paths import NORMALIZATIONS, Answer, EnvoyPaths, Normalization, Request
from tests.conformance.engines.istio_engine import IstioEngine, Workload
from tests.conformance.engines.process import Document
from tests.conformance.hostile_paths import (
    PARAMETERS_ALONE,
    ROUTES,
    TARGETS,
    WRITTEN,
    inside,
    lenient,
    questions,
    with_parameters,
)
from tests.conformance.istio_policies import allow, operation, selector

pytestmark = pytest.mark.conformance

EXAMPLES = int(os.environ.get("ZT_DSL_EXAMPLES", "500"))
half = settings(deadline=None, max_examples=max(1, EXAMPLES // 2))

PASSED, BAD_REQUEST, REFUSED, NO_PATH, TOO_LONG = 200, 400, 403, 404, 431
DECODED: Normalization = "DECODE_AND_MERGE_SLASHES"


# --- routes as Istio's paths ----------------------------------------------------------------------------


def emitted(route: str) -> tuple[str, ...]:
    """The paths that a route comes to. `/**` is the path above and what begins with it and a slash: a template's
    `{**}` has neither the one nor, of the other, segments with brackets."""
    above = route.removesuffix("/**")
    if above == route:
        return (_template(route),)
    below = f"{above}/{{**}}" if "{" in above else f"{above}/*"
    return (*([_template(above)] if above else []), _template(below))


def _template(route: str) -> str:
    return re.sub(r"\{\w+\}", "{*}", route)


def kind(route: str) -> str:
    return "rest" if route.endswith("**") else "segment" if "{" in route else "literal"


def filters(engine: IstioEngine, routes: Sequence[str]) -> list[Document]:
    """What Istio builds for each of these routes."""
    numbers = range(len(routes))
    engine.load(
        [
            allow(operation(paths=list(emitted(routes[n]))), name=f"route-{n}", selector=selector(route=str(n)))
            for n in numbers
        ]
    )
    return [one for n in numbers for one in engine.filters(Workload("shop", {"route": str(n)})).http]


@pytest.fixture(scope="module")
def envoy(istio_engine: IstioEngine) -> Iterator[EnvoyPaths]:
    with EnvoyPaths(filters(istio_engine, ROUTES)) as running:
        yield running


# --- answers --------------------------------------------------------------------------------------------


@frozen
class Told:
    """A question with its answer."""

    normalization: Normalization
    route: str
    target: str
    answer: Answer

    @property
    def path(self) -> str:
        """What is judged and forwarded, without the query."""
        return self.answer.seen.decode("latin-1").partition("?")[0]

    @property
    def passed(self) -> bool:
        return self.answer.status == PASSED

    @property
    def judged(self) -> bool:
        return self.answer.status in (PASSED, REFUSED)


def told(envoy: EnvoyPaths, normalization: Normalization, questions: Sequence[tuple[int, str]]) -> Iterator[Told]:
    """Each question is the number of a route, and a target."""
    answers = envoy.ask(normalization, (Request(number, target.encode("latin-1")) for number, target in questions))
    for (number, target), answer in zip(questions, answers, strict=True):
        yield Told(normalization, ROUTES[number], target, answer)


# What a template's `{*}` has no part of, though a segment may.
_NO_TEMPLATE = re.compile(r"[^-A-Za-z0-9._~%!$&'()*+,;:@=/]")


def disagrees(told: Told) -> bool:
    """Not what the language says of the path as Envoy has it; a template is for segments of certain characters."""
    held = inside(told.route, told.path)
    if "{" in told.route and _NO_TEMPLATE.search(told.path):
        held = False
    return told.judged and told.passed != held


def escapes(told: Told, backend: Callable[[str], str]) -> bool:
    """It passes, and the backend reads a path that is not in the route."""
    return told.passed and not inside(told.route, backend(told.path))


def once_decoded(path: str) -> str:
    """As a backend that takes `%2F` and `%5C` for slashes, and then resolves what is dots."""
    return lenient(re.sub("%(?!2[fF]|5[cC])", "%25", path))


def slashes_merged(path: str) -> str:
    return "/" + "/".join(filter(None, path.split("/"))) + ("/" if path.endswith("/") and path.strip("/") else "")


QUESTIONS = tuple(product((ROUTES.index(route) for route in WRITTEN), TARGETS))


@pytest.fixture(scope="module")
def answered(envoy: EnvoyPaths) -> Mapping[Normalization, Sequence[Told]]:
    return {each: tuple(told(envoy, each, QUESTIONS)) for each in NORMALIZATIONS}


# --- the judge itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        # NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES
        ("/a/../b", ("/a/../b", "/b", "/b", "/b")),
        ("/a//b", ("/a//b", "/a//b", "/a/b", "/a/b")),
        ("/a%2Fb", ("/a%2Fb", "/a%2Fb", "/a%2Fb", "/a/b")),
        ("/a/..%2Fb", ("/a/..%2Fb", "/a/..%2Fb", "/a/..%2Fb", "/b")),
        ("/a%5Cb", ("/a%5Cb", "/a%5Cb", "/a%5Cb", "/a/b")),
        ("/a\\b", ("/a\\b", "/a/b", "/a/b", "/a/b")),
        ("/%61", ("/%61", "/a", "/a", "/a")),
        ("/a/%2e%2e/b", ("/a/%2e%2e/b", "/b", "/b", "/b")),
        ("/a%252Fb", ("/a%252Fb",) * 4),
        ("/a;x", ("/a;x",) * 4),
        ("/a?%2F/..//", ("/a?%2F/..//",) * 4),
    ],
)
def test_what_a_normalisation_makes_of_a_target(envoy: EnvoyPaths, target: str, seen: tuple[str, ...]) -> None:
    number = ROUTES.index("/**")
    answers = [answer for each in NORMALIZATIONS for answer in envoy.ask(each, [Request(number, target.encode())])]
    assert [answer.seen.decode() for answer in answers] == list(seen)
    assert {answer.status for answer in answers} == {PASSED}


@pytest.mark.parametrize(
    "planted",
    [
        lambda path: path.replace("{*}", "{**}") if path.count("{") == 1 else path,
        lambda path: path + "*" if "{" not in path and not path.endswith("*") else path,
        lambda path: path.replace("/*", "*"),
        lambda path: path.removesuffix("/*") or path,
        lambda path: path.lower(),
    ],
    ids=["more than a segment", "prefixes", "a prefix of a segment", "nothing below", "one case"],
)
def test_a_planted_bug_is_noticed(
    istio_engine: IstioEngine, monkeypatch: pytest.MonkeyPatch, planted: Callable[[str], str]
) -> None:
    right = emitted
    monkeypatch.setattr(f"{__name__}.emitted", lambda route: tuple(map(planted, right(route))))
    with EnvoyPaths(filters(istio_engine, ROUTES)) as wrong:
        assert any(map(disagrees, told(wrong, DECODED, QUESTIONS)))


# --- the paths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_what_passes_is_what_the_routes_are_for(
    answered: Mapping[Normalization, Sequence[Told]], normalization: Normalization
) -> None:
    found = answered[normalization]
    assert len(found) > 5000
    assert {each.answer.status for each in found} >= {PASSED, REFUSED, BAD_REQUEST}
    assert not list(filter(disagrees, found))


def escaping(found: Sequence[Told], backend: Callable[[str], str]) -> dict[str, str]:
    """Of each kind of route with which something gets out, one target that does: the shortest."""
    out: dict[str, str] = {}
    for each in sorted(found, key=lambda told: (len(told.target), told.target)):
        if escapes(each, backend):
            out.setdefault(kind(each.route), f"{each.target} on {each.route}")
    return out


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_literal_is_exact_under_every_normalisation(
    answered: Mapping[Normalization, Sequence[Told]], normalization: Normalization
) -> None:
    for backend in (lenient, once_decoded, slashes_merged, with_parameters):
        assert "literal" not in escaping(answered[normalization], backend)


@pytest.mark.parametrize("normalization", ["NONE", "BASE", "MERGE_SLASHES"])
def test_a_segment_and_a_rest_are_not_where_slashes_stay_escaped(
    answered: Mapping[Normalization, Sequence[Told]], normalization: Normalization
) -> None:
    assert escaping(answered[normalization], once_decoded).keys() == {"segment", "rest"}


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_slashes_that_a_backend_merges_lead_nowhere_else(
    answered: Mapping[Normalization, Sequence[Told]], normalization: Normalization
) -> None:
    """An empty segment is none that `{x}` is for, and stays below `**`: what counts is that slashes are unescaped."""
    assert escaping(answered[normalization], slashes_merged) == {}


def test_all_are_exact_where_slashes_are_unescaped_and_merged(
    answered: Mapping[Normalization, Sequence[Told]],
) -> None:
    for backend in (lenient, once_decoded, slashes_merged):
        assert escaping(answered[DECODED], backend) == {}


def test_a_backend_that_drops_parameters_is_another_matter(answered: Mapping[Normalization, Sequence[Told]]) -> None:
    """As with Cilium: a servlet container reads `..;` as dots where Envoy did not."""
    found = [each for each in answered[DECODED] if escapes(each, with_parameters)]
    assert found
    assert all(PARAMETERS_ALONE.search(each.path) for each in found)


@half
@given(st.sampled_from(NORMALIZATIONS), st.lists(questions(), min_size=5, max_size=15))
def test_the_same_of_random_targets(
    envoy: EnvoyPaths, normalization: Normalization, asked: list[tuple[int, str]]
) -> None:
    found = list(told(envoy, normalization, asked))
    assert not list(filter(disagrees, found))
    assert "literal" not in escaping(found, lenient)
    if normalization == DECODED:
        assert escaping(found, lenient) == {}
