"""The algebra of paths and names, held against every concrete list over a small alphabet."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, word
from zt_dsl.ir.paths import name, path
from zt_dsl.ir.selector import Values

# One more word than any pattern below names, and two more than its length: enough to tell `more` from a number.
ALPHABET = ("a", "b", "other")
PATHS = [
    (*segments, *last)
    for length in range(5)
    for segments in itertools.product(ALPHABET, repeat=length)
    for last in ((), ("",))
    if segments or last
]
NAMES = [labels for length in range(1, 6) for labels in itertools.product(ALPHABET, repeat=length)]

sets = st.builds(Values, st.frozensets(st.sampled_from(["a", "b", ""])), st.booleans())
few = st.sampled_from([word("a"), word("b"), SOME_WORD, ANY_WORD])
boxes = st.builds(Words, st.lists(few | sets, max_size=3).map(tuple[Values, ...]), st.sampled_from([None, ANY_WORD]))
of_paths = st.lists(boxes, max_size=3).map(lambda parts: Language(tuple(parts)))


def members(one: Language) -> set[tuple[str, ...]]:
    return {words for words in PATHS if one.contains(words)}


@settings(max_examples=200, deadline=None)
@given(of_paths, of_paths)
def test_union_intersection_and_subtraction_are_those_of_the_lists(one: Language, other: Language) -> None:
    assert members(one | other) == members(one) | members(other)
    assert members(one & other) == members(one) & members(other)
    assert members(one - other) == members(one) - members(other)


@settings(max_examples=150, deadline=None)
@given(of_paths, of_paths)
def test_empty_is_empty_and_an_example_is_inside(one: Language, other: Language) -> None:
    """Inclusion is an empty difference, equality is inclusion both ways: both rest on this."""
    for language in (one, one - other, one & other, one - one):
        assert bool(language) == bool(members(language))
        if language:
            assert language.contains(language.example())
            assert "" not in language.example()[:-1]


@settings(max_examples=100, deadline=None)
@given(of_paths, of_paths)
def test_the_parts_of_a_difference_of_one_part_have_nothing_in_common(one: Language, other: Language) -> None:
    for part in one.parts:
        left = Language((part,)) - other
        for mine, theirs in itertools.combinations(left.parts, 2):
            assert not Language((mine,)) & Language((theirs,))


@pytest.mark.parametrize(
    ("wide", "narrow", "left"),
    [
        ("/**", "/", True), ("/a/**", "/a", True), ("/a/**", "/a/", True), ("/a/**", "/a/{x}/c", True),
        ("/a/{x}", "/a/b", True), ("/a/{x}", "/a/", False), ("/a/{x}", "/a/b/", False), ("/a/b", "/a/{x}", False),
    ],
)  # fmt: skip
def test_inclusion_of_paths_by_hand(wide: str, narrow: str, left: bool) -> None:
    assert (not path(narrow) - path(wide)) is left


def test_equal_languages_may_be_written_differently() -> None:
    whole = path("/a/**")
    parts = path("/a") | path("/a/") | path("/a/{x}/**")
    assert not whole - parts
    assert not parts - whole


@pytest.mark.parametrize(
    ("wide", "narrow", "inside"),
    [
        ("**.x", "*.x", True), ("**.x", "a.b.x", True), ("*.x", "a.b.x", False), ("**.x", "x", False),
        ("*.x", "**.x", False), ("**.x", "**.a.x", True),
    ],
)  # fmt: skip
def test_inclusion_of_names_by_hand(wide: str, narrow: str, inside: bool) -> None:
    assert (not name(narrow) - name(wide)) is inside


def test_names_have_no_empty_labels() -> None:
    left = name("**.x") - name("*.x")
    assert {labels for labels in NAMES if left.contains((*("x",), *labels))} == {
        labels for labels in NAMES if len(labels) > 1
    }
    assert not left.contains(("x", "a", ""))
    assert "" not in left.example()


def test_a_difference_of_many_parts_is_as_long_as_they_are() -> None:
    many = Language(tuple(Words((word("GET"), SOME_WORD, word(f"{number}")), ANY_WORD) for number in range(200)))
    assert not many - many
    assert many - Language(many.parts[1:])
