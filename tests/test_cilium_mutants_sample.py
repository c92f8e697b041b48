"""What is emitted for Cilium, changed: a sample of what `conformance/test_cilium_mutants.py` asks the engine about."""

from functools import cache
from pathlib import Path
from random import Random

import pytest

from tests.cilium_mutants import KAFKA_OPERATORS, OPERATORS, SAME, SOMETIMES, everything, platform, topics
from tests.mutants import TEXT_OPERATORS, Mutant, mutants, rewritten
from tests.strategies import ON
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Build, Ready, build, plan, prove
from zt_dsl.resolve import resolve

# What changes something wherever it is made.
ALWAYS = sorted(OPERATORS.keys() - SAME.keys() - SOMETIMES.keys())


def compiled(topology: Topology, on: Platform) -> tuple[Ready, Build]:
    resolved = resolve(topology, on, on=ON)
    assert resolved.policy is not None, resolved.diagnostics
    ready = plan(resolved.policy)
    assert isinstance(ready, Ready), ready.diagnostics
    return ready, build(ready, Path(__file__).parents[1])


@cache
def sample() -> tuple[Ready, tuple[Mutant, ...]]:
    """One mutant of each operator, of a topology that has a place for all of them."""
    ready, made = compiled(everything(), platform())
    text = {path: made.files[path] for path in made.manifests}
    assert prove(ready, text.items(), emitted=True).diagnostics == ()
    known = {name: OPERATORS[name] for name in (*ALWAYS, *SAME) if name in OPERATORS}
    return ready, (*mutants(text, Random(2), 1, known), *rewritten(text, Random(2), 1))


def codes(ready: Ready, mutant: Mutant) -> list[str]:
    return [found.code for found in prove(ready, mutant.text.items()).diagnostics]


def test_what_always_changes_something_is_always_noticed() -> None:
    ready, some = sample()
    wanted = [one for one in some if one.operator not in SAME]
    assert [one.operator for one in wanted] == ALWAYS
    assert [str(one) for one in wanted if not codes(ready, one)] == []


def test_what_says_the_same_is_never_noticed() -> None:
    ready, some = sample()
    wanted = [one for one in some if one.operator in SAME]
    assert {one.operator for one in wanted} == SAME.keys()
    assert [str(one) for one in wanted if codes(ready, one)] == []


def test_every_operator_changes_something_and_every_reason_is_of_one() -> None:
    assert {**SAME, **SOMETIMES}.keys() <= {*OPERATORS, *TEXT_OPERATORS}
    assert not SAME.keys() & SOMETIMES.keys()
    assert len(OPERATORS) >= 45


@pytest.mark.parametrize("operator", KAFKA_OPERATORS)
def test_what_changes_topics_is_noticed(operator: str) -> None:
    """The engine's version has no topics any more, and cannot judge them."""
    ready, made = compiled(topics(), platform("1.19"))
    text = {path: made.files[path] for path in made.manifests}
    some = list(mutants(text, Random(0), 2, {operator: KAFKA_OPERATORS[operator]}))
    assert some
    assert [str(one) for one in some if not codes(ready, one)] == []
