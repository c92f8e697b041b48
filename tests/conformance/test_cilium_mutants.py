"""What is emitted for Cilium, changed in some hundred ways: whatever changes what passes is noticed by the proof.

The judge is Cilium's own code. What the proof does not notice is asked of it thoroughly, and each operator with such
a mutant stands in `SAME` or `SOMETIMES`, with the reason. Where the proof gives a counter-example, it has to be one
to Cilium, too: a proof that is always alarmed would notice everything.
"""

import importlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from random import Random
from typing import cast

import pytest
from attrs import evolve, field, frozen
from hypothesis import HealthCheck, Phase, given, settings

from tests.cilium_meaning import Meaning, asked, probes
from tests.cilium_mutants import OPERATORS, SAME, SOMETIMES, everything, platform
from tests.cilium_strategies import Case, cilium_cases
from tests.conformance.cilium_policies import SERVICE_ACCOUNT, cilium_policy
from tests.conformance.engines.cilium_engine import (
    Address,
    CiliumEngine,
    Connection,
    End,
    Peer,
    Pod,
    Request,
    Reserved,
    Settings,
)
from tests.conformance.engines.process import Document, RefusedError
from tests.conformance.test_semantics import written
from tests.mutants import TEXT_OPERATORS, Mutant, fields, mutants, parsed, rewritten
from tests.strategies import ON
from zt_dsl import Edge, HttpPort, HttpsApi, Namespace, Platform, Service, Topology, allow
from zt_dsl.compiler import Ready, build, plan, prove
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.paths import PLAIN
from zt_dsl.ir.policy import Policy
from zt_dsl.reach import connection
from zt_dsl.reach.connection import Far, Named, Said
from zt_dsl.reach.difference import Difference
from zt_dsl.reach.grants import Entity, Reach
from zt_dsl.reach.told import told
from zt_dsl.resolve import resolve

pytestmark = pytest.mark.conformance

ROOT = Path(__file__).parents[2]
# How many topologies besides the examples; a longer look is one variable away.
TOPOLOGIES = int(os.environ.get("ZT_DSL_MUTATED", "13"))

# --- what is mutated ------------------------------------------------------------------------------------


@frozen(eq=False)
class Base:
    """What is emitted for a topology, and what that means by brute force."""

    name: str
    ready: Ready
    meaning: Meaning
    text: Mapping[str, bytes]

    @property
    def settings(self) -> Settings:
        return Settings(cluster_name=self.meaning.platform.cluster)


def base_of(name: str, topology: Topology, on: Platform) -> Base | None:
    """None where the plan refuses it, or the proof: then nothing is published that could be changed."""
    resolved = resolve(topology, on, on=ON)
    ready = None if resolved.policy is None else plan(resolved.policy)
    if not isinstance(ready, Ready):
        return None
    made = build(ready, ROOT)
    text = {path: made.files[path] for path in made.manifests}
    if prove(ready, text.items()).diagnostics:
        return None
    return Base(name, ready, Meaning(topology, on), text)


def example(name: str) -> Base | None:
    module = importlib.import_module(f"examples.{name}.topology")
    found = module.topology() if callable(module.topology) else module.topology
    on = importlib.import_module(f"examples.{name}.platform").cilium
    return base_of(name, cast("Topology", found), cast("Platform", on))


def generated(many: int) -> list[Base]:
    """Of some topologies those with the most statements."""
    found: dict[str, Case] = {}

    @settings(
        deadline=None,
        max_examples=4 * many,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(cilium_cases())
    def collect(case: Case) -> None:
        if len(case.topology.statements) > 2:
            found[repr(case.topology.statements)] = case

    collect()
    largest = sorted(found.values(), key=lambda case: -len(case.topology.statements))
    bases = (base_of(f"generated {number}", case.topology, case.platform) for number, case in enumerate(largest))
    return list(islice((base for base in bases if base is not None), many))


# --- what to ask ----------------------------------------------------------------------------------------

FEW, MANY = 10, 120
MOST_EXAMPLES = 8


Pairs = tuple[tuple[str, str], ...]


def labels_of(document: Document) -> Pairs:
    """The labels that the pods of a policy have to have, whatever else it asks of them."""
    spec = fields(document.get("spec", {}))
    labels = fields(fields(spec.get("endpointSelector", {})).get("matchLabels", {}))
    return tuple(sorted((key.removeprefix("k8s:"), str(value)) for key, value in labels.items()))


def place_of(document: Document) -> str:
    """Its namespace; empty where it has none, and is in force in each."""
    return str(fields(document["metadata"]).get("namespace", ""))


def selected(mutant: Mutant) -> frozenset[tuple[str, Pairs]]:
    """The pods that the changed documents are about: of which namespace, and with which labels."""
    return frozenset((place_of(one), labels_of(one)) for one in (*mutant.before, *mutant.after))


def meeting(documents: Iterable[Document], pods: Iterable[tuple[str, Pairs]]) -> list[Document]:
    """The documents that may be about some of these pods: no label says that they are not."""

    def meets(document: Document) -> bool:
        known, place = dict(labels_of(document)), place_of(document)
        return any(
            place in ("", namespace) and all(known.get(key, value) == value for key, value in labels)
            for namespace, labels in pods
        )

    return [document for document in documents if meets(document)]


def questions(base: Base, pods: Iterable[tuple[str, Pairs]]) -> list[Connection]:
    """Connections from and to these pods, at the edges of what is allowed them."""
    meaning = base.meaning
    subjects = [Pod(namespace, labels) for namespace, labels in pods if labels]
    everywhere = {namespace for namespace, labels in pods if not labels}
    subjects += [pod for pod in asked(meaning).pods if pod.namespace in everywhere and not pod.cluster]

    def concerns(source: object, target: object) -> bool:
        return any(meaning.matches(source, pod) or meaning.matches(target, pod) for pod in subjects)

    narrowed = evolve(
        meaning,
        flows=tuple(flow for flow in meaning.flows if concerns(flow.source, flow.target)),
        denied=tuple(denied for denied in meaning.denied if concerns(denied.source, denied.target)),
    )
    return probes(narrowed, Random(0), MANY)


# --- a counter-example, as a question -------------------------------------------------------------------

# A name's address may be allowed as an address, and an API server's too: of these one will not be.
NOWHERE = ("169.254.99.7", "3fff::7", "233.252.0.7", "198.51.100.77", "10.244.255.7", "224.0.0.99")
RESERVED: Mapping[Entity, Reserved] = {
    "host": Reserved(("host",)),
    "host that is an API server": Reserved(("host", "kube-apiserver")),
    "other node": Reserved(("remote-node",)),
    "other node that is an API server": Reserved(("remote-node", "kube-apiserver")),
    "health": Reserved(("health",)),
    "ingress": Reserved(("ingress",)),
    "init": Reserved(("init",)),
    "unmanaged": Reserved(("unmanaged",)),
}


def pod_of(pod: connection.Pod, here: str) -> Pod:
    labels = dict(pod.labels)
    account = labels.pop(SERVICE_ACCOUNT, "default")
    return Pod(pod.namespace, labels, pod.namespace_labels, account, "" if pod.cluster == here else pod.cluster)


def peers_of(far: Far, here: str) -> tuple[Peer, ...]:
    """All who could be at the other end."""
    match far:
        case connection.Pod():
            return (pod_of(far, here),)
        case Named(name=name, address=address):
            return tuple(Address(ip, (name,)) for ip in ((address,) if address else NOWHERE))
        case "outside API server":
            return tuple(Address(ip, kube_apiserver=True) for ip in NOWHERE)
        case str() if far in RESERVED:
            return (RESERVED[cast("Entity", far)],)
        case _:
            return (Address(far),)


def as_asked(end: connection.Connection, here: str) -> list[Connection]:
    subject = pod_of(end.subject, here)
    made: list[Connection] = []
    for peer in peers_of(end.remote, here):
        source, target = (peer, subject) if end.direction == "Ingress" else (subject, peer)
        made.append(carrying(Connection(source, target, end.protocol, end.port), end.said))
    return made


def carrying(one: Connection, said: Said | None) -> Connection:
    match said:
        case Said(speech="http", words=(method, query, *segments)):
            return evolve(one, http=Request(method, "/" + "/".join(segments) + ("" if query == PLAIN else "?x=1")))
        case Said(speech="dns", words=labels):
            return evolve(one, dns=".".join(reversed(labels)))
        case Said(speech="tls", words=labels):
            return evolve(one, server_name=".".join(reversed(labels)))
        case _:
            return evolve(
                one, http=Request("STRANGE", "/.strange"), dns="strange.invalid", server_name="strange.invalid"
            )


def lets(end: End, said: Said | None, *, reads: bool) -> bool:
    """Through a proxy only what it `reads`, and takes. It may read everything and take it: then it is for us to say
    whether what is no request passes."""
    if end.error or not end.allowed:
        return False
    return not end.proxy or (end.passes and (reads if said is None else said.speech == end.proxy))


# --- judging --------------------------------------------------------------------------------------------


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
    changed: Connection | None = None
    unreal: tuple[Difference, ...] = ()

    @property
    def survives(self) -> bool:
        return not self.codes


def outcome(end: End) -> str:
    return "no policy" if end.error else f"{end.passes} {end.authentication}"


def at_ends(base: Base, asked: Connection, ends: tuple[End, End]) -> list[str]:
    """What the ends say that the topology governs."""
    return [
        outcome(end)
        for subject, end in zip((asked.source, asked.target), ends, strict=True)
        if base.meaning.governs(subject)
    ]


def answers(engine: CiliumEngine, asked: Iterable[Connection]) -> dict[Connection, tuple[End, End]]:
    every = list(dict.fromkeys(asked))
    return {one: (got.egress, got.ingress) for one, got in zip(every, engine.ask(every), strict=True)}


DIFFERENCES = frozenset({"ZT502", "ZT503", "ZT506"})


def found_by(base: Base, mutant: Mutant) -> tuple[frozenset[str], tuple[Difference, ...]]:
    """The codes of what the proof says, and the differences that it tells."""
    found: list[Difference] = []

    def noted(difference: Difference, policy: Policy, permitted: Reach) -> Diagnostic:
        found.append(difference)
        return told(difference, policy, permitted)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("zt_dsl.compiler.told", noted)
        said = prove(base.ready, mutant.text.items()).diagnostics
    codes = frozenset(one.code for one in said)
    # What was not understood is no part of what was compared.
    return codes, tuple(found) if codes <= DIFFERENCES else ()


Answers = Mapping[Connection, tuple[End, End]]


@frozen
class Scope:
    """Some pods, what is asked about them, and what the original documents answer."""

    base: Base
    pods: frozenset[tuple[str, Pairs]]
    asked: Sequence[Connection]
    known: dict[Connection, tuple[End, End]] = field(factory=dict)

    def original(self, engine: CiliumEngine, wanted: Iterable[Connection]) -> Answers:
        new = [one for one in wanted if one not in self.known]
        if new:
            documents = [document for data in self.base.text.values() for document in parsed(data)]
            engine.load(meeting(documents, self.pods), self.base.settings)
            self.known.update(answers(engine, new))
        return self.known


def judged(engine: CiliumEngine, base: Base, some: Iterable[Mutant]) -> Iterator[Judged]:
    """Mutants of one topology. Those of the same objects are asked the same."""
    scopes: dict[frozenset[tuple[str, Pairs]], Scope] = {}
    waiting: list[Future[Judged]] = []
    # The engine answers while the next mutant is proven.
    with ThreadPoolExecutor(1) as alone:
        for mutant in some:
            codes, found = found_by(base, mutant)
            if mutant.before == mutant.after:
                yield Judged(base.name, mutant, codes)  # the very same documents, to the engine
                continue
            pods = selected(mutant)
            if pods not in scopes:
                scopes[pods] = Scope(base, pods, questions(base, pods))
            waiting.append(alone.submit(compared, engine, scopes[pods], mutant, codes, found))
    yield from (one.result() for one in waiting)


def compared(
    engine: CiliumEngine, scope: Scope, mutant: Mutant, codes: frozenset[str], found: Sequence[Difference]
) -> Judged:
    base, name = scope.base, scope.base.name
    here = base.meaning.platform.cluster
    examples = {one: as_asked(one.example, here) for one in found[:MOST_EXAMPLES] if can_be_seen(one)}
    wanted = [*scope.asked[: FEW if codes else MANY], *(one for some in examples.values() for one in some)]
    try:
        engine.load(meeting(mutant.documents, scope.pods), base.settings)
        after = answers(engine, wanted)
    except RefusedError as error:
        return Judged(name, mutant, codes, refused=str(error))
    before = scope.original(engine, wanted)
    changed = (one for one in wanted if at_ends(base, one, before[one]) != at_ends(base, one, after[one]))
    unreal = tuple(
        one for one, asked in examples.items() if not any(is_real(one, before[each], after[each]) for each in asked)
    )
    first = next(changed, None)
    return Judged(name, mutant, codes, changed=first, unreal=unreal)


def can_be_seen(difference: Difference) -> bool:
    """Not what nothing denies any more: nothing may allow it either."""
    return difference.kind != "undenied"


def is_real(difference: Difference, before: tuple[End, End], after: tuple[End, End]) -> bool:
    """Where a proxy reads it on both sides, no question is about what is no request: that is believed."""
    end = 0 if difference.example.direction == "Egress" else 1
    said = difference.example.said
    if said is None and before[end].proxy and after[end].proxy:
        return True
    expected = (False, True) if difference.kind == "wider" else (True, False)
    return any(
        (lets(before[end], said, reads=reads), lets(after[end], said, reads=reads)) == expected
        for reads in (False, True)
    )


# --- the corpus -----------------------------------------------------------------------------------------


def bases() -> list[Base]:
    written = [base_of("everything", everything(), platform()), example("shop"), example("online_boutique")]
    assert None not in written
    return [*(base for base in written if base is not None), *generated(TOPOLOGIES)]


def corpus() -> Iterator[tuple[Base, list[Mutant]]]:
    """Of what says the same a little: it is asked at length."""
    random = Random(0)
    rarely = {name: operator for name, operator in OPERATORS.items() if name in SAME}
    mostly = {name: operator for name, operator in OPERATORS.items() if name not in SAME}
    for number, base in enumerate(bases()):
        some = list(mutants(base.text, random, 2 if number == 0 else 1, mostly))
        if number % 3 == 0:
            some += [*mutants(base.text, random, 1, rarely), *rewritten(base.text, random, 1)]
        yield base, some


@pytest.fixture(scope="module")
def every(cilium_engine: CiliumEngine) -> list[Judged]:
    return [one for base, some in corpus() for one in judged(cilium_engine, base, some)]


# --- what holds -----------------------------------------------------------------------------------------


def shown(some: Iterable[Judged]) -> str:
    """All of them by operator, and the first in full."""
    listed = list(some)
    counted = Counter(one.mutant.operator for one in listed)
    first = "".join(f"\n{one.base}: {one.changed or one.refused or one.unreal}\n{one.mutant}" for one in listed[:1])
    return f"{dict(counted)}{first}"


def test_whatever_changes_what_passes_is_noticed(every: list[Judged]) -> None:
    missed = [one for one in every if one.survives and one.changed is not None]
    assert not missed, shown(missed)


def test_what_the_agent_refuses_is_noticed(every: list[Judged]) -> None:
    missed = [one for one in every if one.survives and one.refused]
    assert not missed, shown(missed)


def test_every_survivor_is_explained(every: list[Judged]) -> None:
    unexplained = [one for one in every if one.survives and one.mutant.operator not in {**SAME, **SOMETIMES}]
    assert not unexplained, shown(unexplained)


def test_what_says_the_same_is_not_noticed(every: list[Judged]) -> None:
    alarms = [one for one in every if one.codes and one.mutant.operator in SAME]
    assert not alarms, shown(alarms)


def test_every_counter_example_is_one_to_cilium(every: list[Judged]) -> None:
    alarms = [one for one in every if one.unreal]
    assert not alarms, shown(alarms)


def test_there_are_enough_of_each(every: list[Judged], capsys: pytest.CaptureFixture[str]) -> None:
    seen = Counter(one.mutant.operator for one in every)
    noticed = Counter(one.mutant.operator for one in every if not one.survives)
    changed = Counter(one.mutant.operator for one in every if one.changed is not None)
    refused = Counter(one.mutant.operator for one in every if one.refused)
    with capsys.disabled():
        print(f"\n{'operator':42} mutants noticed changed refused same")
        for name in sorted(seen):
            same = seen[name] - noticed[name]
            print(f"{name:42} {seen[name]:7} {noticed[name]:7} {changed[name]:7} {refused[name]:7} {same:4}")
        print(f"{len(seen)} operators, {seen.total()} mutants, {noticed.total()} noticed")
    assert seen.keys() == {*OPERATORS, *TEXT_OPERATORS}
    assert len(seen) >= 45
    assert seen.total() >= 2000


# --- what the proof did not see once --------------------------------------------------------------------------


class Bank(Service):
    http = HttpPort(8080)


def assert_seen(engine: CiliumEngine, denial: Document, connection: Connection, *statements: Edge) -> None:
    """With this denial Cilium refuses a connection that it let through before, and the proof has to say so."""
    place = Namespace("shop")
    base = base_of(
        "gap", Topology("gap", statements, governs=[place], services=[Bank("bank", namespace=place)]), platform()
    )
    assert base is not None
    documents = [document for data in base.text.values() for document in parsed(data)]
    more = cilium_policy({"endpointSelector": {}, **denial}, "shop", "more")
    engine.load(documents)
    assert engine.ask([connection])[0].passes
    engine.load([*documents, more])
    assert not engine.ask([connection])[0].passes
    assert prove(base.ready, {**base.text, "more.yaml": written(more).encode()}.items()).diagnostics


def test_a_denied_block_that_may_hold_the_addresses_of_a_name_is_noticed(cilium_engine: CiliumEngine) -> None:
    bank = Bank("bank", namespace=Namespace("shop"))
    calls = Connection(Pod("shop", {"app": "bank"}), Address("203.0.113.9", ("api.example.com",)), port=443)
    denial: Document = {"egressDeny": [{"toCIDRSet": [{"cidr": "203.0.113.0/24"}]}]}
    asking = evolve(calls, server_name="api.example.com")
    assert_seen(cilium_engine, denial, asking, allow(bank, HttpsApi("api.example.com").https, why="calls out"))


def test_a_denial_of_a_pods_own_node_is_noticed(cilium_engine: CiliumEngine) -> None:
    probe = Connection(Reserved(("host",)), Pod("shop", {"app": "bank"}), port=8080)
    assert_seen(cilium_engine, {"ingressDeny": [{"fromEntities": ["host"]}]}, probe)
