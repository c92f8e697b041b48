"""zt_dsl's reading of Calico's policies against Calico's own, on policies that nobody would think of.

As in `test_semantics.py`: the policies are any that Calico takes, and some that it does not. Where the two disagree,
the engine is right, and the case stays here under a name.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.conformance import random_calico as random
from tests.conformance.calico_policies import allow, calico_policy, deny, global_policy, ingress, passing, tier
from tests.conformance.calico_refusals import REFUSED
from tests.conformance.engines.calico_engine import Address, CalicoEngine, Connection, Peer, Pod, Verdict
from tests.conformance.engines.process import Document, Json, RefusedError
from tests.conformance.random_calico import GOVERNED, platform_of
from tests.conformance.test_semantics import written
from zt_dsl.backends.calico.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.selector import SERVICE_ACCOUNT
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.reach import connection
from zt_dsl.reach.connection import Far, passes
from zt_dsl.reach.difference import Difference, differences
from zt_dsl.reach.grants import EVERY_ENTITY, Direction, Reach

pytestmark = pytest.mark.conformance

# For each property. Hypothesis derandomizes where $CI is set; a longer look is one variable away.
EXAMPLES = int(os.environ.get("ZT_DSL_EXAMPLES", "500"))
LARGE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
thoroughly = settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=LARGE)
half = settings(deadline=None, max_examples=max(1, EXAMPLES // 2), suppress_health_check=LARGE)

PLATFORM = platform_of()


def understood(documents: Iterable[Document]) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What zt_dsl makes of files with these documents, one each, called by their number."""
    readable: list[ReadDocument] = []
    problems: list[Diagnostic] = []
    for number, document in enumerate(documents):
        found = read(written(document).encode(), str(number))
        if isinstance(found, Diagnostic):
            problems.append(found)
        else:
            readable += found
    reach, diagnostics = reach_of(readable, frozenset(GOVERNED), PLATFORM)
    return reach, (*problems, *diagnostics)


# --- one connection, to both ----------------------------------------------------------------------------


def as_reached(peer: Peer) -> Far:
    match peer:
        case Pod():
            return reached_pod(peer)
        case Address():
            return peer.ip
        case _:
            assert_never(peer)


def reached_pod(pod: Pod) -> connection.Pod:
    labels = tuple(sorted((*pod.labels, (SERVICE_ACCOUNT, pod.service_account))))
    return connection.Pod(pod.namespace, labels, pod.namespace_labels)


def ends_of(asked: Connection, verdict: Verdict) -> Iterator[tuple[connection.Connection, bool]]:
    """Each end that is governed, and whether the engine lets it pass there."""
    ends: tuple[tuple[Peer, Direction, Peer, bool], ...] = (
        (asked.target, "Ingress", asked.source, verdict.ingress.passes),
        (asked.source, "Egress", asked.target, verdict.egress.passes),
    )
    for subject, way, peer, passed in ends:
        if isinstance(subject, Pod) and subject.namespace in GOVERNED:
            yield connection.Connection(reached_pod(subject), way, as_reached(peer), asked.protocol, asked.port), passed


def assert_agreement(engine: CalicoEngine, documents: Sequence[Document], connections: Sequence[Connection]) -> None:
    """Every connection, at each end; all differences at once, as documents that a person can read."""
    engine.load(documents)
    reach, _ = understood(documents)
    wrong = [
        f"{end}: the engine {passed}"
        for asked, verdict in zip(connections, engine.ask(connections), strict=True)
        for end, passed in ends_of(asked, verdict)
        if passes(reach, end) is not passed
    ]
    assert not wrong, "\n".join((shown(documents), *wrong[:10]))


def shown(documents: Iterable[Document]) -> str:
    return "---\n".join(map(written, documents))


# --- semantics.py: what documents let through ------------------------------------------------------------


@thoroughly
@given(random.policy_sets(), random.probes())
def test_every_verdict_is_the_engine_s(
    calico_engine: CalicoEngine, documents: list[Document], connections: list[Connection]
) -> None:
    _, diagnostics = understood(documents)
    assert not diagnostics, f"{diagnostics}\n{shown(documents)}"
    assert_agreement(calico_engine, documents, connections)


@half
@given(random.near_misses(), random.probes(few=True))
def test_what_calico_refuses_is_never_a_proof(
    calico_engine: CalicoEngine, documents: list[Document], connections: list[Connection]
) -> None:
    """A policy that never comes into force must not count; one that does must count for what it is."""
    _, diagnostics = understood(documents)
    refusal = refusal_of(calico_engine, documents)
    if refusal:
        assert diagnostics, f"Calico says: {refusal}\n{shown(documents)}"
    elif not diagnostics:
        assert_agreement(calico_engine, documents, connections)


FROM_WEB: Document = {"selector": "app == 'web'"}
OPENED, SHUT = calico_policy(ingress(allow(), selector="")), calico_policy(ingress(deny(), selector=""))


def secured(*rules: Document, **ending: Json) -> list[Document]:
    """A tier before the default one, and a policy in it."""
    spec = ingress(*rules, selector="", tier="security")
    return [tier("security", order=10, **ending), calico_policy(spec, name="security.web")]


# Of what random policies seldom meet in: what comes first, and what is passed on.
ORDERED: dict[str, list[Document]] = {
    "by name, and not as they are written": [
        calico_policy(ingress(allow(), selector="", order=1), name="default.b"),
        calico_policy(ingress(deny(source=FROM_WEB), selector="", order=1), name="default.a"),
    ],
    "of a namespace and of the cluster by their whole names": [
        calico_policy(ingress(allow(), selector="", order=1), name="default.a"),
        global_policy(ingress(deny(), selector=random.IN_SOME, order=1), name="default.b"),
    ],
    "without an order behind all others": [
        calico_policy(ingress(deny(), selector=""), name="default.a"),
        calico_policy(ingress(allow(source=FROM_WEB), selector="", order=1e9), name="default.b"),
    ],
    "what passes is not allowed by a later rule": [*secured(passing(source=FROM_WEB), allow()), SHUT],
    "what was allowed is not passed": [*secured(allow(source=FROM_WEB), passing()), SHUT],
    "what was denied is not passed": [*secured(deny(source=FROM_WEB), passing()), OPENED],
    "what passes the last tier is allowed": secured(passing(source=FROM_WEB), deny()),
    "what nothing matches is passed": [*secured(deny(source=FROM_WEB), defaultAction="Pass"), OPENED],
    "what nothing matches is denied": [*secured(passing(source=FROM_WEB)), OPENED],
    "what a tier does not select goes on": [
        *secured(allow(source=FROM_WEB)),
        calico_policy(ingress(deny(source=FROM_WEB), selector="")),
        calico_policy(ingress(deny(), selector=""), namespace="pay"),
    ],
}


@pytest.mark.parametrize("case", ORDERED)
def test_the_order_is_the_engine_s(calico_engine: CalicoEngine, case: str) -> None:
    documents = ORDERED[case]
    assert not understood(documents)[1]
    others: list[Peer] = [*random.PODS, *map(Address, random.ADDRESSES)]
    subjects = [next(pod for pod in random.PODS if pod.namespace == namespace) for namespace in GOVERNED]
    asked = [Connection(other, subject) for subject in subjects for other in others if other != subject]
    assert_agreement(calico_engine, documents, asked)


def refusal_of(engine: CalicoEngine, documents: Sequence[Document]) -> str:
    """What Calico has against them; empty where it takes them all."""
    try:
        engine.load(documents)
    except RefusedError as error:
        return str(error)
    return ""


# A document with nothing in it is none.
@pytest.mark.parametrize(("why", "document"), [(why, document) for why, document in REFUSED if document])
def test_what_calico_is_known_to_refuse_is_refused(why: str, document: Document) -> None:
    _, diagnostics = understood([document])
    assert diagnostics, why


# --- reach/difference.py: the comparison that a build is published on ---------------------------------------


@half
@given(random.comparisons(), random.probes(few=True))
def test_differences_are_all_there_are_and_each_is_real(
    calico_engine: CalicoEngine,
    compared: tuple[list[Document], list[Document]],
    connections: list[Connection],
) -> None:
    first, second = compared
    (declared, problems), (permitted, more) = understood(first), understood(second)
    assume(not problems)
    assume(not more)
    found = differences(declared, permitted, GOVERNED)
    for one in found:
        assert_real(calico_engine, first, second, one)
    assert_complete(calico_engine, first, second, found, connections)


def assert_real(engine: CalicoEngine, first: list[Document], second: list[Document], one: Difference) -> None:
    """Each counter-example is one to the engine, too: in that direction, and on that side."""
    example = one.example
    if one.kind == "undenied" or not (isinstance(example.remote, connection.Pod) or is_address(example.remote)):
        return
    before, after = (passed(engine, documents, example) for documents in (first, second))
    assert (before, after) == ((False, True) if one.kind == "wider" else (True, False)), (
        f"{one}\n{shown(first)}\n=== and then ===\n{shown(second)}"
    )


def is_address(remote: Far) -> bool:
    return isinstance(remote, str) and remote not in EVERY_ENTITY


def passed(engine: CalicoEngine, documents: list[Document], example: connection.Connection) -> bool:
    engine.load(documents)
    asked = as_asked(example)
    [verdict] = engine.ask([asked])
    return verdict.ingress.passes if example.direction == "Ingress" else verdict.egress.passes


def as_asked(end: connection.Connection) -> Connection:
    remote = end.remote
    subject = as_pod(end.subject, "10.9.0.1", end.subject.namespace_labels)
    other: Peer
    match remote:
        case connection.Pod():
            # Two pods of one namespace are in the same one.
            if remote.namespace == subject.namespace:
                subject = as_pod(end.subject, "10.9.0.1", remote.namespace_labels)
            other = as_pod(remote, "10.9.0.2", remote.namespace_labels)
        case _:
            other = Address(str(remote))
    source, target = (other, subject) if end.direction == "Ingress" else (subject, other)
    return Connection(source, target, end.protocol, end.port)


def as_pod(reached: connection.Pod, ip: str, namespace_labels: tuple[tuple[str, str], ...]) -> Pod:
    labels = dict(reached.labels)
    account = labels.pop(SERVICE_ACCOUNT, "nobody")
    return Pod(reached.namespace, labels, ip, namespace_labels, account)


def assert_complete(
    engine: CalicoEngine,
    first: list[Document],
    second: list[Document],
    found: Sequence[Difference],
    connections: list[Connection],
) -> None:
    """Where the engine finds a difference, there is one of that kind for that namespace and direction."""
    named = {(one.kind, one.example.subject.namespace, one.example.direction) for one in found}
    answers = []
    for documents in (first, second):
        engine.load(documents)
        answers.append(
            [end for c, v in zip(connections, engine.ask(connections), strict=True) for end in ends_of(c, v)]
        )
    for (end, before), (_, after) in zip(*answers, strict=True):
        if before != after:
            kind = "wider" if after else "narrower"
            assert (kind, end.subject.namespace, end.direction) in named, (
                f"{kind} {end}\n{shown(first)}\n=== and then ===\n{shown(second)}"
            )
