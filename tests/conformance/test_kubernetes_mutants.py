"""What is emitted for native NetworkPolicy, changed in some two hundred ways: the proof notices whatever changes what
passes.

The judge is the API server's own code, and cyclonus' matcher. What the proof does not notice is asked of it thoroughly,
and each operator with such a mutant stands in `SAME` or `SOMETIMES`, with the reason.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from ipaddress import ip_network
from itertools import islice
from random import Random
from typing import cast

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, given, settings

from tests.conformance.emitted import planned
from tests.conformance.engines import process
from tests.conformance.engines.kubernetes_engine import Address, Connection, KubernetesEngine, Peer, Pod
from tests.conformance.engines.process import PROTOCOLS, Document, Json, Labels, Protocol
from tests.conformance.judged import Base, Ends, Judge, Judged, base_of, judged, place_of, shown, table
from tests.conformance.test_topologies import NATIVE, named
from tests.kubernetes_mutants import (
    NAME,
    OPERATORS,
    PEERS_OF,
    SAME,
    SOMETIMES,
    SPELLINGS,
    everything,
    interval,
    platform,
    respelt,
)
from tests.meaning import boundaries
from tests.mutants import TEXT_OPERATORS, Mutant, fields, items, mutants, rewritten
from tests.strategies import Case, cases
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready
from zt_dsl.reach import connection
from zt_dsl.reach.connection import Named
from zt_dsl.reach.difference import Difference
from zt_dsl.reach.grants import EVERY_ENTITY

pytestmark = pytest.mark.conformance

# How many topologies besides the examples; a longer look is one variable away.
TOPOLOGIES = int(os.environ.get("ZT_DSL_MUTATED", "4"))


# --- what is mutated ------------------------------------------------------------------------------------


def examples() -> Iterator[Base]:
    for wanted in NATIVE:
        on = cast("Platform", named(wanted["platform"], {}))
        topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
        yield base_of(f"{topology.name} on {on.name}", topology, on)


def generated(many: int) -> list[Base]:
    """Of some topologies those with the most statements."""
    found: dict[str, Case] = {}

    @settings(
        deadline=None,
        max_examples=6 * many,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(cases())
    def collect(case: Case) -> None:
        if len(case.topology.statements) > 2:
            found[repr(case.topology.statements)] = case

    if many:
        collect()
    largest = sorted(found.values(), key=lambda case: -len(case.topology.statements))
    sayable = (case for case in largest if isinstance(planned(case.topology, case.platform), Ready))
    return [
        base_of(f"generated {number}", case.topology, case.platform)
        for number, case in enumerate(islice(sayable, many))
    ]


def bases() -> list[Base]:
    written = [
        base_of("everything", everything(), platform()),
        base_of("everything without IPv6", everything(ipv6=False), platform("1.36", ipv6=False)),
        base_of("everything on 1.25", everything(), platform("1.25", node_local=False)),
        base_of("everything on 1.30.4", everything(ipv6=False), platform("1.30.4")),
    ]
    return [*written, *examples(), *generated(TOPOLOGIES)]


# --- what to ask ----------------------------------------------------------------------------------------

_NOWHERE = ("192.0.2.77", "198.51.100.77", "203.0.113.200", "2001:db8:9::7", "127.0.0.1")
_PLACES = ("elsewhere", "pay", "ops")
_RED = (("team", "red"),)


@frozen
class _Like:
    """A rule, taken to pieces: what a connection would be that it is about. The first of the subjects and the `nearest`
    peers are meant by it, the others nearly so."""

    incoming: bool
    subjects: Sequence[Pod]
    nearest: Sequence[Peer]
    peers: Sequence[Peer]
    protocols: Sequence[Protocol]
    ports: Sequence[int]


def labels_of(selector: Json) -> dict[str, str]:
    """Labels that a selector may ask for: of a set the first."""
    told = fields(selector or {})
    found = {key: str(value) for key, value in fields(told.get("matchLabels") or {}).items()}
    for one in map(fields, items(told.get("matchExpressions") or ())):
        if one["operator"] == "In":
            found.setdefault(str(one["key"]), str(items(one["values"])[0]))
    return found


def pods_like(base: Base, namespace: str, selector: Json) -> list[Pod]:
    """Pods with these labels, and some that nearly have them."""
    labels = labels_of(selector)
    near = [
        labels,
        {**labels, "track": "canary"},
        *({**labels, key: f"{value}x"} for key, value in labels.items()),
        *({k: v for k, v in labels.items() if k != key} for key in labels),
        {**labels, "app": "other"},
    ]
    return [pod(base, namespace, process.labels(one), family) for one in near for family in (4, 6)]


@cache
def pod(base: Base, namespace: str, labels: Labels, family: int = 4) -> Pod:
    """With an address that no network is left with: the engine's blocks match pods by their addresses, too."""
    blocks = base.ready.policy.platform.pod_cidrs
    usual = ip_network("198.18.0.0/16" if family == 4 else "fd00:99::/64")
    block = next((each for each in blocks if each.version == family), usual)
    return Pod(namespace, labels, str(block[1]), _RED if namespace in _PLACES else ())


def likes(base: Base, documents: Iterable[Document]) -> Iterator[_Like]:
    """Of what was emitted, taken to pieces once: each document lives as long as its base."""
    emitted = {id(one) for one in base.documents}
    for document in documents:
        if id(document) not in emitted:
            yield from _likes(base, document)
            continue
        key = base, id(document)
        if key not in _known:
            _known[key] = list(_likes(base, document))
        yield from _known[key]


_known: dict[tuple[Base, int], list[_Like]] = {}


def _likes(base: Base, document: Document) -> Iterator[_Like]:
    spec = fields(document.get("spec") or {})
    places = [place_of(document)] if place_of(document) else sorted(base.governed)
    subjects = [one for place in places for one in pods_like(base, place, spec.get("podSelector"))]
    for way in PEERS_OF:
        for rule in map(fields, items(spec.get(way) or ())):
            yield _like(base, places[0], way, subjects, rule)
        strangers = _strangers(base)
        yield _Like(way == "ingress", subjects, strangers, strangers, PROTOCOLS, (53, 80, 8080))


def _strangers(base: Base) -> list[Peer]:
    return [*(pod(base, place, (("app", "stranger"),)) for place in _PLACES), *map(Address, _NOWHERE)]


def _like(base: Base, place: str, way: str, subjects: Sequence[Pod], rule: Document) -> _Like:
    nearest: list[Peer] = []
    peers: list[Peer] = []
    for told in map(fields, items(rule.get(PEERS_OF[way]) or ())):
        if "ipBlock" in told:
            ends = _ends(fields(told["ipBlock"]))
            nearest += ends
            peers += ends
            continue
        meant = labels_of(told.get("namespaceSelector")).get(NAME, place)
        for each in dict.fromkeys((meant, place, *_PLACES)):
            some = pods_like(base, each, told.get("podSelector"))
            nearest += some[:2] if each == meant else []
            peers += some
    protocols, ports = _protocols_and_ports(rule)
    strangers = _strangers(base)
    return _Like(way == "ingress", subjects, nearest or strangers, peers or strangers, protocols, ports)


def _ends(block: Document) -> list[Peer]:
    blocks = (block["cidr"], *items(block.get("except") or ()))
    return [Address(each) for each in boundaries(str(ip_network(str(one), strict=False)) for one in blocks)]


def _protocols_and_ports(rule: Document) -> tuple[Sequence[Protocol], Sequence[int]]:
    told = [fields(port) for port in items(rule.get("ports") or ())]
    asked = [port.get("protocol") or "TCP" for port in told]
    ends = [number for port in told for number in interval(port)]
    near = sorted({number + step for number in ends for step in (-1, 0, 1) if 1 <= number + step <= 65535})
    return [each for each in PROTOCOLS if each in asked] or PROTOCOLS, near or (53, 80, 8080)


def questions(base: Base, mutant: Mutant, many: int) -> list[Connection]:
    """Connections that a rule is about, which is another now or stands beside it, with at most one part changed."""
    random = Random(0)
    changed = [*likes(base, mutant.before), *told(base, mutant)]
    places = {place_of(one) for one in (*mutant.before, *mutant.after)}
    every = [*changed, *likes(base, (one for one in base.documents if place_of(one) in places))]
    found: dict[Connection, None] = {}
    for _ in range(2 * many if every else 0):
        like = random.choice(changed if random.random() < 0.85 and changed else every)
        other = random.choice(every)
        part = random.randrange(6)
        subject = random.choice(like.subjects) if part == 0 else like.subjects[0]
        peer = random.choice(other.peers) if part == 1 else random.choice(like.peers if part == 2 else like.nearest)
        protocol = random.choice(PROTOCOLS if part == 3 else like.protocols)
        port = random.choice((other if part == 4 else like).ports)
        source, target = (peer, subject) if like.incoming else (subject, peer)
        if source != target and len(found) < many:
            found[Connection(source, target, protocol, port)] = None
    return list(found)


def told(base: Base, mutant: Mutant) -> list[_Like]:
    """What is there now, if it can be taken to pieces: what cannot is refused, and there is nothing to ask."""
    try:
        return list(likes(base, mutant.after))
    except (AssertionError, KeyError, IndexError, ValueError, TypeError):
        return []


# --- an engine ------------------------------------------------------------------------------------------


def ask(engine: KubernetesEngine, asked: Sequence[Connection]) -> list[Ends]:
    return [(verdict.egress, verdict.ingress) for verdict in engine.ask(asked)]


def as_asked(base: Base, one: Difference) -> list[Connection]:
    """A block of one family may be about pods, which the engine's blocks match, too: so they are asked of both."""
    end = one.example
    made: list[Connection] = []
    for family in (4, 6):
        subject = reached(base, end.subject, family)
        remote: Peer
        match end.remote:
            case connection.Pod():
                remote = reached(base, end.remote, family)
                if remote.namespace == subject.namespace:
                    subject = evolve(subject, namespace_labels=remote.namespace_labels)
            case Named():
                return []
            case address:
                if address in EVERY_ENTITY:
                    return []
                remote = Address(address)
        source, target = (remote, subject) if end.direction == "Ingress" else (subject, remote)
        made.append(Connection(source, target, end.protocol, end.port))
    return made


def reached(base: Base, one: connection.Pod, family: int) -> Pod:
    return evolve(pod(base, one.namespace, one.labels, family), namespace_labels=one.namespace_labels)


def passes(one: Difference, ends: Ends) -> bool:
    return ends[0 if one.example.direction == "Egress" else 1]


def beside(base: Base, namespaces: Iterable[str]) -> list[Document]:
    """Nothing: NetworkPolicy denies nothing that others allow."""
    assert not base.ready.policy.denials, [*namespaces]
    return []


def judge_of(engine: KubernetesEngine) -> Judge[Connection]:
    return Judge(engine.load, partial(ask, engine), questions, as_asked, passes, beside)


# --- the corpus -----------------------------------------------------------------------------------------


def corpus() -> Iterator[tuple[Base, list[Mutant]]]:
    """Of what says the same a little: it is asked at length."""
    random = Random(0)
    rarely = {name: operator for name, operator in OPERATORS.items() if name in SAME}
    mostly = {name: operator for name, operator in OPERATORS.items() if name not in SAME}
    for number, base in enumerate(bases()):
        some = list(mutants(base.text, random, 2 if number == 0 else 1, mostly))
        if number % 3 == 0:
            some += [*mutants(base.text, random, 1, rarely), *rewritten(base.text, random, 1)]
            some += respelt(base.text, random, 2)
        yield base, some


@pytest.fixture(scope="module")
def every(kubernetes_engine: KubernetesEngine) -> list[Judged]:
    judge = judge_of(kubernetes_engine)
    return [judged(judge, base, one) for base, some in corpus() for one in some]


# --- what holds -----------------------------------------------------------------------------------------


def test_whatever_changes_what_passes_is_noticed(every: list[Judged]) -> None:
    missed = [one for one in every if one.survives and one.changed]
    assert not missed, shown(missed)


def test_what_the_api_refuses_is_noticed(every: list[Judged]) -> None:
    missed = [one for one in every if one.survives and one.refused]
    assert not missed, shown(missed)


def test_every_survivor_is_explained(every: list[Judged]) -> None:
    unexplained = [one for one in every if one.survives and one.mutant.operator not in {**SAME, **SOMETIMES}]
    assert not unexplained, shown(unexplained)


def test_what_says_the_same_is_not_noticed(every: list[Judged]) -> None:
    alarms = [one for one in every if one.codes and one.mutant.operator in SAME]
    assert not alarms, shown(alarms)


def test_every_counter_example_is_one_to_the_engine(every: list[Judged]) -> None:
    alarms = [one for one in every if one.unreal]
    assert not alarms, shown(alarms)


def test_there_are_enough_of_each(every: list[Judged], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{table(every)}")
    seen = Counter(one.mutant.operator for one in every)
    assert seen.keys() == {*OPERATORS, *SPELLINGS, *TEXT_OPERATORS}
    assert seen.total() >= 2000
