"""Mutants of emitted manifests, proven and asked of an engine: what the two say of each.

`tests.mutants` makes them. What the proof does not notice is asked of the engine at length; where it gives a
counter-example, that has to be one to the engine, too: a proof that is always alarmed would notice everything.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from attrs import Factory, field, frozen

from tests.conformance.emitted import planned
from tests.conformance.engines.process import Document, RefusedError
from tests.mutants import Mutant, fields, parsed
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready, build, prove
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.policy import Policy
from zt_dsl.reach.difference import Difference
from zt_dsl.reach.grants import Reach
from zt_dsl.reach.told import half_guarded, told

ROOT = Path(__file__).parents[2]
# Questions about what is noticed, and about what is not.
FEW, MANY = 8, 60
MOST_EXAMPLES = 6


@frozen(eq=False)
class Base:
    """What is emitted for a topology. It is proven."""

    name: str
    ready: Ready
    text: Mapping[str, bytes]
    documents: tuple[Document, ...] = field(
        init=False,
        default=Factory(
            lambda self: tuple(document for data in self.text.values() for document in parsed(data)), takes_self=True
        ),
    )

    @property
    def governed(self) -> frozenset[str]:
        return frozenset(place.namespace for place in self.ready.policy.governed)


def base_of(name: str, topology: Topology, platform: Platform) -> Base:
    ready = planned(topology, platform)
    assert isinstance(ready, Ready), ready.diagnostics
    made = build(ready, ROOT)
    text = {path: made.files[path] for path in made.manifests}
    proof = prove(ready, text.items(), emitted=True)
    assert proof.diagnostics == (), proof.diagnostics
    return Base(name, ready, text)


# --- an engine ------------------------------------------------------------------------------------------

Question = TypeVar("Question")
Ends = tuple[bool, ...]
"""What each end that is asked says."""


@frozen
class Judge(Generic[Question]):
    """How an engine is asked.

    `load` raises RefusedError. `questions` are about what a mutant may have changed. `as_asked` are the questions that
    a counter-example may be, none where the engine knows no such peer; `passes` is the answer at its end. `beside` are
    policies from elsewhere that let everything through that is not denied.
    """

    load: Callable[[Sequence[Document]], None]
    ask: Callable[[Sequence[Question]], list[Ends]]
    questions: Callable[[Base, Mutant, int], list[Question]]
    as_asked: Callable[[Base, Difference], list[Question]]
    passes: Callable[[Difference, Ends], bool]
    beside: Callable[[Base, Iterable[str]], list[Document]]
    everywhere: Collection[str] = ("",)
    """Namespaces that policies of which are in force in others; the empty one is none."""


@frozen
class Judged:
    """A mutant, what the proof says of it, and what the engine does.

    `refused`: in whose words it does not take it at all. `changed`: a connection whose verdict is another now.
    `unreal`: counter-examples that are none to the engine.
    """

    base: str
    mutant: Mutant
    codes: frozenset[str]
    refused: str = ""
    changed: str = ""
    unreal: tuple[Difference, ...] = ()

    @property
    def survives(self) -> bool:
        return not self.codes


DIFFERENCES = frozenset({"ZT502", "ZT503", "ZT506", "ZT409"})


def found_by(base: Base, mutant: Mutant) -> tuple[frozenset[str], tuple[Difference, ...]]:
    """The codes of what the proof says, and the differences that it tells."""
    found: list[Difference] = []

    def noted(difference: Difference, policy: Policy, permitted: Reach) -> Diagnostic:
        found.append(difference)
        return told(difference, policy, permitted)

    def half_noted(difference: Difference, policy: Policy, layer: str) -> Diagnostic:
        found.append(difference)
        return half_guarded(difference, policy, layer)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("zt_dsl.compiler.told", noted)
        patched.setattr("zt_dsl.compiler.half_guarded", half_noted)
        said = prove(base.ready, mutant.text.items()).diagnostics
    codes = frozenset(one.code for one in said)
    # What was not understood is no part of what was compared.
    return codes, tuple(found) if codes <= DIFFERENCES else ()


def place_of(document: Document) -> str:
    """Its namespace; empty where it has none."""
    return str(fields(document["metadata"]).get("namespace", ""))


def judged(judge: Judge[Question], base: Base, mutant: Mutant) -> Judged:
    """Only what is in force where the changed documents are is asked: each end is judged by itself."""
    codes, found = found_by(base, mutant)
    if mutant.before == mutant.after:
        return Judged(base.name, mutant, codes)  # the very same documents, to the engine
    places = {place_of(one) for one in (*mutant.before, *mutant.after)}
    wide = bool(places & set(judge.everywhere))
    near = {*places, *judge.everywhere}
    before, after = (
        [one for one in some if wide or place_of(one) in near] for some in (base.documents, mutant.documents)
    )
    told_ones = [one for one in found if one.kind != "undenied"][:MOST_EXAMPLES]
    undenied = [one for one in found if one.kind == "undenied"][:MOST_EXAMPLES]
    asked = {id(one): judge.as_asked(base, one) for one in (*told_ones, *undenied)}
    # What examples say of a namespace may be no other example's: they are asked one by one.
    groups = [judge.questions(base, mutant, FEW if codes else MANY), *(asked[id(one)] for one in told_ones)]
    try:
        new = _answered(judge, after, groups)
    except RefusedError as error:
        return Judged(base.name, mutant, codes, refused=str(error))
    old = _answered(judge, before, groups)
    changed = next((f"{one}: {old[one]}, then {new[one]}" for one in groups[0] if old[one] != new[one]), "")
    unreal = tuple(one for one in told_ones if not _is_real(judge, one, asked[id(one)], old, new))
    if undenied or (not codes and base.ready.policy.denials):
        # What is denied is seen where somebody else allows it.
        more = judge.beside(base, sorted(near))
        groups = [groups[0], *(asked[id(one)] for one in undenied)]
        old, new = (_answered(judge, [*some, *more], groups) for some in (before, after))
        unreal += tuple(one for one in undenied if not _is_real(judge, one, asked[id(one)], old, new))
        if not codes and not changed:
            changed = next((f"beside others, {one}" for one in groups[0] if _is_wider(old[one], new[one])), "")
    return Judged(base.name, mutant, codes, changed=changed, unreal=unreal)


def _answered(
    judge: Judge[Question], documents: Sequence[Document], groups: Iterable[Sequence[Question]]
) -> dict[Question, Ends]:
    judge.load(documents)
    return {one: said for some in groups if some for one, said in zip(some, judge.ask(some), strict=True)}


def _is_wider(before: Ends, after: Ends) -> bool:
    return any(not one and other for one, other in zip(before, after, strict=True))


def _is_real(
    judge: Judge[Question],
    one: Difference,
    asked: Sequence[Question],
    old: Mapping[Question, Ends],
    new: Mapping[Question, Ends],
) -> bool:
    """What the engine has no peer for is believed."""
    expected = (True, False) if one.kind == "narrower" else (False, True)
    return not asked or any((judge.passes(one, old[each]), judge.passes(one, new[each])) == expected for each in asked)


# --- what holds -----------------------------------------------------------------------------------------


def shown(some: Iterable[Judged]) -> str:
    """All of them by operator, and the first in full."""
    listed = list(some)
    counted = Counter(one.mutant.operator for one in listed)
    first = "".join(f"\n{one.base}: {one.changed or one.refused or one.unreal}\n{one.mutant}" for one in listed[:1])
    return f"{dict(counted)}{first}"


def table(every: Sequence[Judged]) -> str:
    """By operator, how many there are, and what was said of them."""
    seen = Counter(one.mutant.operator for one in every)
    noticed = Counter(one.mutant.operator for one in every if not one.survives)
    changed = Counter(one.mutant.operator for one in every if one.changed)
    refused = Counter(one.mutant.operator for one in every if one.refused)
    lines = [f"{'operator':42} mutants noticed changed refused same"]
    lines += (
        f"{name:42} {seen[name]:7} {noticed[name]:7} {changed[name]:7} {refused[name]:7} {seen[name] - noticed[name]:4}"
        for name in sorted(seen)
    )
    return "\n".join((*lines, f"{len(seen)} operators, {seen.total()} mutants, {noticed.total()} noticed"))
