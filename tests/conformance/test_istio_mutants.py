"""What is emitted for Istio, changed in some hundred ways: whatever changes what passes is noticed by the proof.

The judge is istiod's own code. What the proof does not notice is asked of it thoroughly, and each operator with such
a mutant stands in `SAME` or `SOMETIMES`, with the reason. Of a stack the mesh's objects are changed, beside a
network engine's that stay: what then still passes both is the same may be, and is told all the same, as half guarded.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from random import Random
from typing import cast

import pytest
from attrs import evolve, frozen

from tests.conformance.engines.istio_engine import Connection, Identity, IstioEngine, Mesh, Request, Workload
from tests.conformance.engines.process import Document
from tests.conformance.istio_policies import AUTHORIZATION
from tests.conformance.istio_policies import allow as allowing
from tests.conformance.judged import Base, Ends, Judge, Judged, base_of, judged, place_of, shown, table
from tests.conformance.test_topologies import every_build, named
from tests.istio_mutants import (
    OPERATORS,
    ROOT,
    SAME,
    SOMETIMES,
    callers,
    denials,
    is_istios,
    parts,
    platform,
    stack,
    strict,
)
from tests.meaning import boundaries
from tests.mutants import TEXT_OPERATORS, Mutant, fields, items, mutants, rewritten
from zt_dsl import Platform, Topology
from zt_dsl.ir.paths import PLAIN
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.selector import IDENTITY, SERVICE_ACCOUNT
from zt_dsl.reach import connection
from zt_dsl.reach.connection import Named
from zt_dsl.reach.difference import Difference
from zt_dsl.reach.grants import EVERY_ENTITY

pytestmark = pytest.mark.conformance

# --- what is mutated ------------------------------------------------------------------------------------


def examples() -> Iterator[Base]:
    """On the mesh alone and beside Cilium; shop, which is the largest, alone."""
    for wanted in every_build():
        on = cast("Platform", named(wanted["platform"], {}))
        if on.mesh is not None and on.name in ("istio", "cilium-istio"):
            topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
            yield base_of(f"{topology.name} on {on.name}", topology, on)


def bases() -> list[Base]:
    own = [
        base_of("callers", callers(legacy=False), platform()),
        base_of("denials", denials(), platform()),
        base_of("modes", strict(plain=False), platform()),
        base_of("callers of a strict mesh", callers(legacy=False), platform(wide="strict")),
        base_of("modes of a permissive mesh", strict(plain=False), platform(wide="permissive")),
        base_of("denials in another trust domain", denials(), platform(trust_domain="own.example")),
        base_of("callers in a stack", callers(), stack()),
        base_of("denials in a stack", denials(), stack()),
        base_of("modes in a stack", strict(), stack()),
    ]
    return [*own, *examples()]


# --- what to ask ----------------------------------------------------------------------------------------

_ADDRESS = "10.244.0.9"
_NOWHERE = ("192.0.2.77", "203.0.113.200", "2001:db8:9::7", "3fff::7", _ADDRESS)
_PORTS = (80, 443, 7070, 8080, 9999)


@frozen
class _Like:
    """A rule, taken to pieces: the first of each list is what it is about, the others nearly so."""

    targets: Sequence[Workload]
    clients: Sequence[tuple[Identity | None, str]]
    ports: Sequence[int]
    requests: Sequence[Request | None]


def targets_of(document: Document, base: Base) -> list[Workload]:
    spec = fields(document.get("spec") or {})
    labels = fields(fields(spec.get("selector") or {}).get("matchLabels") or {})
    own = {str(key): str(value) for key, value in labels.items()}
    place = place_of(document)
    places = [place] if place in base.governed else sorted(base.governed)
    near = [
        own,
        {**own, "track": "canary"},
        *({**own, key: f"{value}x"} for key, value in own.items()),
        *({k: v for k, v in own.items() if k != key} for key in own),
    ]
    return [Workload(each, labels) for labels in near for each in places]


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
    targets = targets_of(document, base)
    spec = fields(document.get("spec") or {})
    listed = [int(port) for port in fields(spec.get("portLevelMtls") or {})]
    if document.get("kind") == AUTHORIZATION:
        for rule in items(spec.get("rules") or ()):
            clients = list(clients_of(fields(rule or {})))
            for operation in items(fields(rule or {}).get("to") or ({},)):
                yield _Like(targets, clients, *asked_in(fields(fields(operation or {}).get("operation") or {})))
    strangers = [(None, _ADDRESS), (Identity("shop", "web"), _ADDRESS), (Identity("elsewhere"), _ADDRESS)]
    yield _Like(targets, strangers, [*listed, *_PORTS], [None, Request()])


def clients_of(rule: Document) -> Iterator[tuple[Identity | None, str]]:
    for each in items(rule.get("from") or ({},)):
        source = fields(fields(each or {}).get("source") or {})
        for principal in map(str, items(source.get("principals") or ())):
            domain, namespace, account = parts(principal)
            identity = Identity(namespace, account.replace("*", "web") or "web", domain)
            yield identity, _ADDRESS
            yield evolve(identity, service_account="robot"), _ADDRESS
            yield evolve(identity, namespace="elsewhere"), _ADDRESS
            yield evolve(identity, trust_domain="far.example"), _ADDRESS
        blocks = [str(block) for key in ("ipBlocks", "notIpBlocks") for block in items(source.get(key) or ())]
        # Whoever has an identity is a pod, and has a pod's address.
        yield Identity("shop", "web"), _ADDRESS
        yield from ((None, address) for address in (*boundaries(blocks), *_NOWHERE))


def asked_in(operation: Document) -> tuple[list[int], list[Request | None]]:
    ports = [int(str(port)) for port in items(operation.get("ports") or ())]
    methods = [str(method).replace("*", "PUT") for method in items(operation.get("methods") or ())]
    paths = [str(path) for path in items(operation.get("paths") or ())]
    requests = [
        Request(method, path)
        for method in (methods or ["GET"])
        for written in (paths or ["/"])
        for path in paths_like(written)
    ]
    others: list[Request | None] = [None, Request("PATCH", "/evil"), Request("GET", "/evil/x")]
    first: list[Request | None] = [*requests] if methods or paths else [None, *requests]
    real = [port for port in ports if port]  # nothing connects to port 0
    return [*real, *(port + 1 for port in ports), *_PORTS], [*first, *others]


def paths_like(path: str) -> Iterator[str]:
    """Some that it holds, and some that it nearly does."""
    filled = path.replace("{**}", "b/c").replace("{*}", "b")
    plain = filled.removesuffix("*") + ("b" if filled.endswith("*") else "")
    yield plain
    yield from (
        f"{plain}/b",
        f"{plain}x",
        f"{plain}?x=1",
        plain.swapcase(),
        plain.rpartition("/")[0] or "/",
        f"/x{plain}",
    )


def told(base: Base, mutant: Mutant) -> list[_Like]:
    """What is there now, if it can be taken to pieces: what cannot is refused, and there is nothing to ask."""
    try:
        return list(likes(base, mutant.after))
    except (AssertionError, ValueError, TypeError):
        return []


def questions(base: Base, mutant: Mutant, many: int) -> list[Connection]:
    """Connections that a rule is about, which is another now or stands beside it, with at most one part changed."""
    random = Random(0)
    changed = [*likes(base, filter(is_istios, mutant.before)), *told(base, mutant)]
    places = {place_of(one) for one in (*mutant.before, *mutant.after)}
    beside = [one for one in base.documents if is_istios(one) and (place_of(one) in places or ROOT in places)]
    every = [*changed, *likes(base, beside)]
    found: dict[Connection, None] = {}
    for _ in range(2 * many if every else 0):
        like = random.choice(changed if random.random() < 0.8 and changed else every)
        other = random.choice(every)
        part = random.randrange(6)
        target = random.choice(other.targets if part == 0 else like.targets if part == 1 else like.targets[:1])
        client, address = random.choice((other if part == 2 else like).clients)
        port = random.choice((other if part == 3 else like).ports if part in (3, 4) else like.ports[:1])
        request = random.choice((other if part == 5 else like).requests)
        if len(found) < many:
            found[Connection(client, target, port, request, address)] = None
    return list(found)


# --- an engine ------------------------------------------------------------------------------------------


def load(engine: IstioEngine, mesh: Mesh, documents: Sequence[Document]) -> None:
    engine.load([one for one in documents if not str(one.get("apiVersion", "")).startswith("cilium.io")], mesh)


def ask(engine: IstioEngine, asked: Sequence[Connection]) -> list[Ends]:
    return [(verdict.allowed,) for verdict in engine.ask(asked)]


def as_asked(base: Base, one: Difference) -> list[Connection]:
    """As all that it may be: whoever has no identity is to Istio whatever address it has."""
    end = one.example
    labels = dict(end.subject.labels)
    if labels.pop(IDENTITY, None) is None or (end.direction, end.protocol) != ("Ingress", "TCP"):
        return []
    request = None
    if end.said is not None:
        method, asking, *path = end.said.words
        request = Request(method, f"/{'/'.join(path)}{'' if asking == PLAIN else '?x'}")
    target = Workload(end.subject.namespace, labels)
    return [Connection(client, target, end.port, request, address) for client, address in known_as(end.remote)]


def known_as(remote: connection.Far) -> list[tuple[Identity | None, str]]:
    match remote:
        case connection.Pod():
            labels = dict(remote.labels)
            if IDENTITY in labels:
                identity = Identity(remote.namespace, labels.get(SERVICE_ACCOUNT, "nobody"), labels[IDENTITY])
                return [(identity, _ADDRESS), (identity, "fd00:10::9")]
            return [(None, each) for each in _NOWHERE]
        case Named(address=address):
            return [(None, each) for each in ((address,) if address else _NOWHERE)]
        case _:
            return [(None, each) for each in (_NOWHERE if remote in EVERY_ENTITY else (remote,))]


def passes(_: Difference, ends: Ends) -> bool:
    return ends[0]


def beside(base: Base, namespaces: Iterable[str]) -> list[Document]:
    return [allowing({}, namespace=place, name="elsewhere") for place in namespaces if place in base.governed]


def judge_of(engine: IstioEngine, base: Base) -> Judge[Connection]:
    mesh = base.ready.policy.platform.mesh
    assert isinstance(mesh, Istio)
    settings = Mesh(mesh.root_namespace, mesh.trust_domain)
    return Judge(partial(load, engine, settings), partial(ask, engine), questions, as_asked, passes, beside, ("", ROOT))


# --- the corpus -----------------------------------------------------------------------------------------


def corpus() -> Iterator[tuple[Base, list[Mutant]]]:
    """Of what says the same a little: it is asked at length. Of a large topology, less."""
    random = Random(0)
    rarely = {name: operator for name, operator in OPERATORS.items() if name in SAME}
    mostly = {name: operator for name, operator in OPERATORS.items() if name not in SAME}
    for number, base in enumerate(bases()):
        large = len(base.documents) > 40
        wanted = dict(random.sample(sorted(mostly.items()), 30)) if large else mostly
        some = list(mutants(base.text, random, 2 if number < 3 or number == 6 else 1, wanted))
        if number % 3 == 0:
            some += [*mutants(base.text, random, 1, rarely), *rewritten(base.text, random, 1)]
        yield base, some


@pytest.fixture(scope="module")
def every(istio_engine: IstioEngine) -> list[Judged]:
    return [judged(judge_of(istio_engine, base), base, one) for base, some in corpus() for one in some]


# --- what holds -----------------------------------------------------------------------------------------


def test_whatever_changes_what_passes_is_noticed(every: list[Judged]) -> None:
    missed = [one for one in every if one.survives and one.changed]
    assert not missed, shown(missed)


def test_what_istio_refuses_is_noticed(every: list[Judged]) -> None:
    missed = [one for one in every if one.survives and one.refused]
    assert not missed, shown(missed)


def test_every_survivor_is_explained(every: list[Judged]) -> None:
    unexplained = [one for one in every if one.survives and one.mutant.operator not in {**SAME, **SOMETIMES}]
    assert not unexplained, shown(unexplained)


def test_what_says_the_same_is_not_noticed(every: list[Judged]) -> None:
    alarms = [one for one in every if one.codes and one.mutant.operator in SAME]
    assert not alarms, shown(alarms)


def test_every_counter_example_is_one_to_istio(every: list[Judged]) -> None:
    alarms = [one for one in every if one.unreal]
    assert not alarms, shown(alarms)


def test_what_one_layer_alone_notices_is_told(every: list[Judged]) -> None:
    """It still passes nothing that is not declared, for as long as the other layer holds."""
    half = [one for one in every if "ZT409" in one.codes]
    assert len(half) >= 100
    assert any(one.changed for one in half)
    assert {one.base for one in half} <= {
        base for base in {one.base for one in every} if "stack" in base or "cilium" in base
    }


def test_there_are_enough_of_each(every: list[Judged], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{table(every)}")
    seen = Counter(one.mutant.operator for one in every)
    assert seen.keys() == {*OPERATORS, *TEXT_OPERATORS}
    assert seen.total() >= 2000
