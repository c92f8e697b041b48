"""Layers joined, against brute force: a connection passes all of them exactly where it passes each."""

from itertools import product
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reach.test_reach_differences import (
    ENDS,
    PORTS,
    REMOTES,
    SUBJECTS,
    by_label,
    further_reaches,
    isolated,
    port_sets,
    reaches,
    values,
)
from zt_dsl.ir.languages import ANY_WORD, Language, Words
from zt_dsl.ir.paths import Only
from zt_dsl.ir.selector import EVERYTHING, Selector, outside, selector, with_labels
from zt_dsl.ir.traffic import Ports, ports
from zt_dsl.reach.connection import Connection, Named, passes
from zt_dsl.reach.grants import EVERYBODY, Grant, Narrowed, Origin, Pods, Reach
from zt_dsl.reach.joined import joined

POINTS = tuple(
    Connection(subject, "Ingress", remote, *port)
    for subject, remote, port in product(SUBJECTS, REMOTES[::3] + REMOTES[-7:], PORTS)
)
# An address that a name was resolved to is two peers at once, and no layer asks for both: a mesh knows no names.
SOME = ENDS[::7]
TOLD_APART = tuple(end for end in SOME if not isinstance(end.remote, Named))
OPEN = Reach((), ())


@settings(max_examples=80, deadline=None)
@given(reaches, reaches)
def test_what_passes_two_layers_passes_each(one: Reach, other: Reach) -> None:
    both = joined([one, other], ["n"])
    assert [passes(both, each) for each in POINTS] == [passes(one, each) and passes(other, each) for each in POINTS]


@settings(max_examples=60, deadline=None)
@given(further_reaches(st.lists(by_label, max_size=2).map(tuple)), further_reaches(st.just((EVERYTHING,))))
def test_the_same_of_requests_entities_and_what_is_denied(one: Reach, other: Reach) -> None:
    both = joined([one, other], ["n"])
    wrong = [each for each in TOLD_APART if passes(both, each) is not (passes(one, each) and passes(other, each))]
    assert wrong == []


@settings(max_examples=60, deadline=None)
@given(further_reaches(st.just((EVERYTHING,))), st.lists(port_sets, min_size=1, max_size=2))
def test_a_layer_that_knows_no_names_leaves_those_of_the_other(one: Reach, opened: list[Ports]) -> None:
    """As a mesh: whoever it lets through, it lets through by whatever name."""
    grants = tuple(
        Grant("n", "Ingress", EVERYTHING, remote, ports, lambda: Origin("mesh"))
        for ports in opened
        for remote in EVERYBODY
    )
    other = Reach(isolated((EVERYTHING,)), grants)
    both = joined([one, other], ["n"])
    assert [passes(both, each) for each in SOME] == [passes(one, each) and passes(other, each) for each in SOME]


@settings(max_examples=20, deadline=None)
@given(reaches, reaches, reaches)
def test_three_layers_are_joined_in_any_order(one: Reach, other: Reach, third: Reach) -> None:
    there, back = joined([one, other, third], ["n"]), joined([third, one, other], ["n"])
    assert [passes(there, each) for each in POINTS] == [passes(back, each) for each in POINTS]


@settings(max_examples=20, deadline=None)
@given(reaches)
def test_a_layer_that_isolates_nothing_changes_nothing(one: Reach) -> None:
    for layers in ([one, OPEN], [OPEN, one]):
        both = joined(layers, ["n"])
        assert [passes(both, each) for each in POINTS] == [passes(one, each) for each in POINTS]


@given(reaches)
def test_one_layer_is_itself(one: Reach) -> None:
    assert joined([one], ["n"]) is one


def test_two_layers_that_read_other_protocols_on_one_port_let_nothing_through() -> None:
    """Neither sees what the other lets through, whatever that is."""
    everything = Language((Words((ANY_WORD,), ANY_WORD),))

    def reading(speech: Literal["http", "kafka"]) -> Reach:
        inside = Narrowed(ports((("TCP", 80, 80),)), Only(speech, everything))
        remote = Pods(EVERYTHING, EVERYTHING)
        return Reach(isolated((EVERYTHING,)), (Grant("n", "Ingress", EVERYTHING, remote, inside, lambda: Origin("l")),))

    def granted(*layers: Reach) -> int:
        found = [grant for grant in joined(layers, ["n"]).grants if grant.direction == "Ingress"]
        return sum(isinstance(grant.opened, Narrowed) for grant in found)

    assert granted(reading("http"), reading("http")) == 1
    assert granted(reading("http"), reading("kafka")) == 0


# --- what is left open ------------------------------------------------------------------------------------

LABELS = [
    {key: value for key, value in zip("abc", some, strict=True) if value}
    for some in product((None, "1", "2", "x"), repeat=3)
]
selectors = st.lists(st.tuples(st.sampled_from("abc"), values), max_size=3).map(selector)


@settings(max_examples=150, deadline=None)
@given(st.lists(selectors, max_size=5))
def test_what_is_outside_of_selectors_is_what_none_of_them_selects(some: list[Selector]) -> None:
    left = outside(some)
    for labels in LABELS:
        inside = sum(part.contains(labels) for part in left)
        assert inside == (not any(each.contains(labels) for each in some))  # and in one part of them alone


def test_of_many_services_with_one_label_one_selector_is_left() -> None:
    [left] = outside(with_labels((("app", f"web-{number}"),)) for number in range(1000))
    assert left.contains({})
    assert left.contains({"app": "other"})
    assert not left.contains({"app": "web-7"})


@pytest.mark.parametrize("everything", [[EVERYTHING], [EVERYTHING, EVERYTHING]])
def test_outside_of_everything_is_nothing(everything: list[Selector]) -> None:
    assert outside(everything) == ()
