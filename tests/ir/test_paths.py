"""Overlap is compared with brute force: every concrete request over a small alphabet."""

import itertools
import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.ir.paths import names_overlap, overlaps, routes_overlap
from zt_dsl.ir.traffic import Lookups, Methods, Narrowing, Route, Routes, ServerNames, Topics, Whole

# Three segments are one more than any pattern below has: enough to tell `**` from any fixed number.
ALPHABET = ("a", "b", "other")
CONCRETE = [
    "/" + "/".join((*segments, *slash))
    for length in range(4)
    for segments in itertools.product(ALPHABET, repeat=length)
    for slash in ((), ("",))
]
PATHS = st.builds(
    lambda segments, tail: "/" + "/".join((*segments, *tail)),
    st.lists(st.sampled_from(["a", "b", "{x}"]), max_size=2),
    st.sampled_from([(), ("",), ("**",)]),
)
NAMES = [".".join(labels) for length in (1, 2, 3, 4) for labels in itertools.product("ab", repeat=length)]


@cache
def paths_of(pattern: str) -> frozenset[str]:
    """As the table of the neutral path language has it: the regular expression for a whole path."""
    expression = re.sub(r"\{x\}", "[^/]+", pattern)
    expression = re.sub(r"/\*\*\Z", "(/.*)?", expression)
    return frozenset(path for path in CONCRETE if re.fullmatch(expression, path))


@settings(max_examples=500)
@given(PATHS, PATHS, st.sampled_from(["GET", "POST", "*"]), st.sampled_from(["GET", "*"]))
def test_routes_overlap_where_a_request_is_in_both(one: str, other: str, method: str, other_method: str) -> None:
    same_method = any({method, other_method} <= {verb, "*"} for verb in ("GET", "POST"))
    expected = same_method and not paths_of(one).isdisjoint(paths_of(other))
    assert routes_overlap(Route(method, one), Route(other_method, other)) == expected
    assert routes_overlap(Route(other_method, other), Route(method, one)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/", "/", True), ("/", "/**", True), ("/", "/{x}", False), ("/a", "/a/", False), ("/a/", "/a/{x}", False),
        ("/a", "/a/**", True), ("/a/", "/a/**", True), ("/ab", "/a/**", False), ("/a/b", "/{x}/b", True),
        ("/a/{x}", "/{y}/b", True), ("/a/{x}/c", "/a/b/**", True), ("/a/**", "/b/**", False), ("/**", "/**", True),
        ("/a/{x}/**", "/a", False), ("/a/{x}/**", "/a/", False),
    ],
)  # fmt: skip
def test_routes_by_hand(one: str, other: str, expected: bool) -> None:
    assert routes_overlap(Route("GET", one), Route("GET", other)) is expected


LOOKUPS = st.builds(
    lambda wildcard, labels: wildcard + ".".join(labels),
    st.sampled_from(["", "*.", "**."]),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=3),
)


@cache
def names_of(pattern: str) -> frozenset[str]:
    expression = re.escape(pattern).replace(r"\*\*", r"[^.]+(\.[^.]+)*").replace(r"\*", "[^.]+")
    return frozenset(name for name in NAMES if re.fullmatch(expression, name))


@settings(max_examples=500)
@given(LOOKUPS, LOOKUPS)
def test_lookups_overlap_where_a_name_is_in_both(one: str, other: str) -> None:
    assert names_overlap(one, other) != names_of(one).isdisjoint(names_of(other))


def test_topics_overlap_in_one_role() -> None:
    produce = Topics("produce", ("x", "y"))
    assert overlaps(produce, Topics("produce", ("y",)))
    assert not overlaps(produce, Topics("consume", ("y",)))
    assert not overlaps(produce, Topics("produce", ("z",)))


GET_A, POST_B = Routes((Route("GET", "/a"),)), Routes((Route("POST", "/a.B/{m}"),))
CALL, NAMED, TOPIC = Methods(("a.B/C", "a.C/*")), Lookups(("*.x.com",)), Topics("consume", ("t",))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Whole(), Whole(), True), (Whole(), GET_A, True), (GET_A, Whole(), True), (GET_A, GET_A, True),
        (GET_A, POST_B, False), (CALL, POST_B, True), (POST_B, CALL, True), (CALL, GET_A, False), (CALL, CALL, True),
        (CALL, Methods(("a.C/D",)), True), (CALL, Methods(("a.B/D",)), False), (TOPIC, TOPIC, True),
        (TOPIC, GET_A, False), (NAMED, Lookups(("y", "a.x.com")), True), (NAMED, Lookups(("x.com",)), False),
        (NAMED, TOPIC, False), (NAMED, ServerNames(("a.x.com",)), False),
        (ServerNames(("a.x.com",)), ServerNames(("**.com",)), True), (NAMED, Lookups(("**",)), True),
        (Routes((Route("*", "/**"),)), Routes((Route("GET", "/"),)), True),
    ],
)  # fmt: skip
def test_narrowings_overlap(one: Narrowing, other: Narrowing, expected: bool) -> None:
    assert overlaps(one, other) is expected
