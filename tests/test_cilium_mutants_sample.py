"""What is emitted for Cilium, changed: a sample of what `conformance/test_cilium_mutants.py` asks the engine about."""

from functools import cache
from random import Random

import pytest

from tests.cilium_mutants import KAFKA_OPERATORS, OPERATORS, SAME, SOMETIMES, everything, platform, topics
from tests.mutant_samples import codes, emitted, one_of_each
from tests.mutants import TEXT_OPERATORS, Mutant, mutants
from zt_dsl.compiler import Ready

# What changes something wherever it is made.
ALWAYS = sorted(OPERATORS.keys() - SAME.keys() - SOMETIMES.keys())


@cache
def sample() -> tuple[tuple[Ready, Mutant], ...]:
    known = {name: OPERATORS[name] for name in (*ALWAYS, *SAME) if name in OPERATORS}
    return one_of_each([emitted(everything(), platform())], known)


def test_what_always_changes_something_is_always_noticed() -> None:
    wanted = [(ready, one) for ready, one in sample() if one.operator not in SAME]
    assert [one.operator for _, one in wanted] == ALWAYS
    assert [str(one) for ready, one in wanted if not codes(ready, one)] == []


def test_what_says_the_same_is_never_noticed() -> None:
    wanted = [(ready, one) for ready, one in sample() if one.operator in SAME]
    assert {one.operator for _, one in wanted} == SAME.keys()
    assert [str(one) for ready, one in wanted if codes(ready, one)] == []


def test_every_operator_changes_something_and_every_reason_is_of_one() -> None:
    assert {**SAME, **SOMETIMES}.keys() <= {*OPERATORS, *TEXT_OPERATORS}
    assert not SAME.keys() & SOMETIMES.keys()
    assert len(OPERATORS) >= 45


@pytest.mark.parametrize("operator", KAFKA_OPERATORS)
def test_what_changes_topics_is_noticed(operator: str) -> None:
    """The engine's version has no topics any more, and cannot judge them."""
    ready, text = emitted(topics(), platform("1.19"))
    some = list(mutants(text, Random(0), 2, {operator: KAFKA_OPERATORS[operator]}))
    assert some
    assert [str(one) for one in some if not codes(ready, one)] == []
