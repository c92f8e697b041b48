"""A sample of mutants for the usual tests, of what `conformance/test_*_mutants.py` ask the engines about."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

from tests.conformance.emitted import planned
from tests.mutants import Mutant, Operator, mutants, rewritten
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready, build, prove


def emitted(topology: Topology, on: Platform) -> tuple[Ready, dict[str, bytes]]:
    """The plan of a topology, and its manifests, which are proven."""
    ready = planned(topology, on)
    assert isinstance(ready, Ready), ready.diagnostics
    made = build(ready, Path(__file__).parents[1])
    text = {path: made.files[path] for path in made.manifests}
    assert prove(ready, text.items(), emitted=True).diagnostics == ()
    return ready, text


def one_of_each(
    bases: Iterable[tuple[Ready, dict[str, bytes]]], operators: Mapping[str, Operator]
) -> tuple[tuple[Ready, Mutant], ...]:
    """One mutant of each operator, of topologies that have a place for all of them between them."""
    found: dict[str, tuple[Ready, Mutant]] = {}
    for ready, text in bases:
        left = {name: operator for name, operator in operators.items() if name not in found}
        some = (*mutants(text, Random(2), 1, left), *rewritten(text, Random(2), 1))
        found |= {one.operator: (ready, one) for one in some if one.operator not in found}
    return tuple(found.values())


def codes(ready: Ready, mutant: Mutant) -> list[str]:
    """What the proof says of a mutant."""
    return [found.code for found in prove(ready, mutant.text.items()).diagnostics]
