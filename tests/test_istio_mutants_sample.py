"""What is emitted for Istio, changed: a sample of what `conformance/test_istio_mutants.py` asks the engine about."""

from functools import cache
from random import Random

import pytest

from tests.cilium_mutants import OPERATORS as CILIUM_OPERATORS
from tests.cilium_mutants import SAME as CILIUM_SAME
from tests.cilium_mutants import SOMETIMES as CILIUM_SOMETIMES
from tests.istio_mutants import (
    OPERATORS,
    SAME,
    SOMETIMES,
    UNJUDGED_OPERATORS,
    callers,
    denials,
    platform,
    stack,
    strict,
)
from tests.mutant_samples import codes, emitted, one_of_each
from tests.mutants import TEXT_OPERATORS, Mutant, fields, mutants
from zt_dsl.compiler import Ready

# What changes something wherever it is made.
ALWAYS = sorted(OPERATORS.keys() - SAME.keys() - SOMETIMES.keys())
KNOWN = {name: OPERATORS[name] for name in (*ALWAYS, *SAME) if name in OPERATORS}


@cache
def bases() -> tuple[tuple[Ready, dict[str, bytes]], ...]:
    alone = (callers(legacy=False), platform()), (denials(), platform())
    return tuple(emitted(topology, on) for topology, on in (*alone, (strict(), stack()), (callers(), stack())))


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


@pytest.mark.parametrize("operator", UNJUDGED_OPERATORS)
def test_what_the_engine_does_not_judge_is_noticed(operator: str) -> None:
    ready, text = bases()[0]
    some = list(mutants(text, Random(0), 2, {operator: UNJUDGED_OPERATORS[operator]}))
    assert some
    assert [str(one) for one in some if not codes(ready, one)] == []


# Operators that know no kinds, and would change the mesh's objects, too.
_OF_BOTH = frozenset({"drop an object", "drop a file", "a file twice", "drop the namespace of an object"})
NETWORKS = {
    name: operator
    for name, operator in CILIUM_OPERATORS.items()
    if name not in (*CILIUM_SAME, *CILIUM_SOMETIMES) and name not in _OF_BOTH
}


def test_of_a_stack_no_change_of_the_network_engines_objects_is_hidden() -> None:
    ready, text = bases()[3]
    some = list(mutants(text, Random(3), 2, NETWORKS))
    assert len({one.operator for one in some}) >= 20
    assert [str(one) for one in some if not codes(ready, one)] == []


def test_of_a_stack_what_the_mesh_alone_lets_through_is_half_guarded() -> None:
    """The network engine still refuses it: nothing passes that is not declared, and it is told."""
    ready, text = bases()[3]
    some = mutants(text, Random(3), 6, {"widen a block": OPERATORS["widen a block"]})
    assert any(set(codes(ready, one)) == {"ZT409"} for one in some)


def test_a_denial_of_addresses_of_pods_is_not_understood() -> None:
    """To Istio whoever has an identity has an address, too: a denial of INTERNET without its exceptions is theirs."""
    ready, text = bases()[1]
    some = mutants(text, Random(0), 9, {"drop notIpBlocks": OPERATORS["drop notIpBlocks"]})
    denials_ = [one for one in some if fields(one.after[0]["spec"])["action"] == "DENY"]
    assert denials_
    assert all("ZT501" in codes(ready, one) for one in denials_)
