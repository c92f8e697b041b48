"""What is emitted for Calico, changed: a sample of what `conformance/test_calico_mutants.py` asks the engine about."""

from functools import cache
from random import Random

import pytest

from tests.calico_mutants import (
    OPERATORS,
    SAME,
    SOMETIMES,
    UNJUDGED_OPERATORS,
    everything,
    platform,
    reading_platform,
    requests,
)
from tests.mutant_samples import codes, emitted, one_of_each
from tests.mutants import TEXT_OPERATORS, Mutant, mutants
from zt_dsl.compiler import Ready

# What changes something wherever it is made.
ALWAYS = sorted(OPERATORS.keys() - SAME.keys() - SOMETIMES.keys())
KNOWN = {name: OPERATORS[name] for name in (*ALWAYS, *SAME) if name in OPERATORS}


def bases() -> tuple[tuple[Ready, dict[str, bytes]], ...]:
    return emitted(everything(), platform()), emitted(everything(), platform(tier="security"))


@cache
def sample() -> tuple[tuple[Ready, Mutant], ...]:
    return one_of_each(bases(), KNOWN)


def test_what_always_changes_something_is_always_noticed() -> None:
    wanted = [(ready, one) for ready, one in sample() if one.operator not in SAME]
    assert sorted(one.operator for _, one in wanted) == ALWAYS
    assert [str(one) for ready, one in wanted if not codes(ready, one)] == []


def test_what_says_the_same_is_never_noticed() -> None:
    wanted = [(ready, one) for ready, one in sample() if one.operator in SAME]
    assert {one.operator for _, one in wanted} == SAME.keys()
    assert [str(one) for ready, one in wanted if codes(ready, one)] == []


def test_every_operator_changes_something_and_every_reason_is_of_one() -> None:
    assert {**SAME, **SOMETIMES}.keys() <= {*OPERATORS, *TEXT_OPERATORS}
    assert not SAME.keys() & SOMETIMES.keys()
    assert len(OPERATORS) >= 100


@cache
def reading() -> tuple[Ready, dict[str, bytes]]:
    return emitted(requests(), reading_platform())


@pytest.mark.parametrize("operator", UNJUDGED_OPERATORS)
def test_what_changes_requests_and_names_is_noticed(operator: str) -> None:
    """No engine here has either: HTTP is enforced since 3.32, and names are the Enterprise edition's."""
    ready, text = reading()
    some = list(mutants(text, Random(0), 3, {operator: UNJUDGED_OPERATORS[operator]}))
    assert some
    assert [str(one) for one in some if not codes(ready, one)] == []
