"""What is emitted for Calico, changed: a sample of what `conformance/test_calico_mutants.py` asks the engine about."""

from functools import cache
from pathlib import Path
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
from tests.conformance.emitted import planned
from tests.mutants import TEXT_OPERATORS, Mutant, mutants, rewritten
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready, build, prove

# What changes something wherever it is made.
ALWAYS = sorted(OPERATORS.keys() - SAME.keys() - SOMETIMES.keys())
KNOWN = {name: OPERATORS[name] for name in (*ALWAYS, *SAME) if name in OPERATORS}


def emitted(topology: Topology, on: Platform) -> tuple[Ready, dict[str, bytes]]:
    ready = planned(topology, on)
    assert isinstance(ready, Ready), ready.diagnostics
    made = build(ready, Path(__file__).parents[1])
    text = {path: made.files[path] for path in made.manifests}
    assert prove(ready, text.items(), emitted=True).diagnostics == ()
    return ready, text


def bases() -> tuple[tuple[Ready, dict[str, bytes]], ...]:
    return emitted(everything(), platform()), emitted(everything(), platform(tier="security"))


@cache
def sample() -> tuple[tuple[Ready, Mutant], ...]:
    """One mutant of each operator, of topologies that have a place for all of them between them."""
    found: dict[str, tuple[Ready, Mutant]] = {}
    for ready, text in bases():
        left = {name: operator for name, operator in KNOWN.items() if name not in found}
        some = (*mutants(text, Random(2), 1, left), *rewritten(text, Random(2), 1))
        found |= {one.operator: (ready, one) for one in some if one.operator not in found}
    return tuple(found.values())


def codes(ready: Ready, mutant: Mutant) -> list[str]:
    return [found.code for found in prove(ready, mutant.text.items()).diagnostics]


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
