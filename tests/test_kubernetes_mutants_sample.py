"""What is emitted for native NetworkPolicy, changed: a sample of what `conformance/test_kubernetes_mutants.py` asks the
engine about."""

from functools import cache
from random import Random

import pytest

from tests.kubernetes_mutants import (
    OPERATORS,
    SAME,
    SOMETIMES,
    SPELLINGS,
    everything,
    in_each_namespace,
    in_place,
    platform,
    respelt,
)
from tests.mutant_samples import codes, emitted, one_of_each
from tests.mutants import TEXT_OPERATORS, Mutant, mutants
from zt_dsl.compiler import Ready

# What changes something wherever it is made.
ALWAYS = sorted(OPERATORS.keys() - SAME.keys() - SOMETIMES.keys())
KNOWN = {name: OPERATORS[name] for name in (*ALWAYS, *SAME) if name in OPERATORS}


@cache
def base() -> tuple[Ready, dict[str, bytes]]:
    return emitted(everything(), platform())


@cache
def sample() -> tuple[tuple[Ready, Mutant], ...]:
    return one_of_each((base(),), KNOWN)


def test_what_always_changes_something_is_always_noticed() -> None:
    wanted = [(ready, one) for ready, one in sample() if one.operator not in SAME]
    assert sorted(one.operator for _, one in wanted) == ALWAYS
    assert [str(one) for ready, one in wanted if not codes(ready, one)] == []


def test_what_says_the_same_is_never_noticed() -> None:
    wanted = [(ready, one) for ready, one in sample() if one.operator in SAME]
    assert {one.operator for _, one in wanted} == SAME.keys() - SPELLINGS.keys()
    assert [str(one) for ready, one in wanted if codes(ready, one)] == []


@pytest.mark.parametrize("operator", [name for name in SOMETIMES if name in OPERATORS])
def test_what_sometimes_changes_something_is_noticed_somewhere(operator: str) -> None:
    ready, text = base()
    assert any(codes(ready, one) for one in mutants(text, Random(2), 100, {operator: OPERATORS[operator]}))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_readers_understand_differently_is_noticed_and_nothing_else(spelling: str) -> None:
    ready, text = base()
    some = respelt(text, Random(2), 3, {spelling: SPELLINGS[spelling]})
    noticed = {bool(codes(ready, one)) for one in some}
    assert noticed == {spelling not in SAME}


@pytest.mark.parametrize("name", ["", "Shop", "a.b"])
def test_a_namespace_that_cannot_be_lets_nobody_in(name: str) -> None:
    """Such a value is a label's, and the API server takes the policy; but no namespace is called that."""
    ready, text = base()
    stranger = in_each_namespace(
        {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"namespaceSelector": in_place(name)}]}]}
    )
    some = list(mutants(text, Random(2), 3, {"a namespace that cannot be": stranger}))
    assert some
    assert [codes(ready, one) for one in some if codes(ready, one)] == []


def test_every_operator_changes_something_and_every_reason_is_of_one() -> None:
    assert {**SAME, **SOMETIMES}.keys() <= {*OPERATORS, *SPELLINGS, *TEXT_OPERATORS}
    assert not SAME.keys() & SOMETIMES.keys()
    assert len(OPERATORS) >= 100
