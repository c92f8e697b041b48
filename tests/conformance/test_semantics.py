"""zt_dsl's reading of NetworkPolicy against the engine's, on policies that nobody would think of.

The proof of a build is only as good as `backends/kubernetes/semantics.py` and `reach/difference.py`. Neither
is asked here about what zt_dsl emits: the policies are any that the API server takes, and some that it does
not. Where they disagree with the engine, the engine is right, and the case stays here under a name.
"""

import os
from collections.abc import Iterable, Sequence

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.conformance import edits, policies, probes
from tests.conformance.engines.kubernetes_engine import Address, Connection, KubernetesEngine, Peer, Pod, Verdict
from tests.conformance.engines.process import Document, RefusedError
from tests.conformance.policies import GOVERNED, POD_ADDRESS, network_policy
from tests.conformance.refusals import REFUSED, in_short
from zt_dsl.backends.kubernetes.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.reach import connection
from zt_dsl.reach.connection import passes
from zt_dsl.reach.difference import Difference, differences
from zt_dsl.reach.grants import DIRECTIONS, Direction, Reach

pytestmark = pytest.mark.conformance

# For each property. Hypothesis derandomizes where $CI is set; a longer look is one variable away.
EXAMPLES = int(os.environ.get("ZT_DSL_EXAMPLES", "500"))
thoroughly = settings(deadline=None, max_examples=EXAMPLES)

# A topology isolates every pod of its namespaces for both directions; so does the first side of a comparison.
FLOORS = [
    network_policy({"podSelector": {}, "policyTypes": list(DIRECTIONS)}, namespace, "floor") for namespace in GOVERNED
]


class _Written(yaml.CSafeDumper):
    """Quotes every string, as the faster of zt_dsl's readers wants it, and writes every value out: no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


_Written.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def written(document: Document) -> str:
    return yaml.dump(document, Dumper=_Written, sort_keys=False)


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
    reach, diagnostics = reach_of(readable, frozenset(GOVERNED))
    return reach, (*problems, *diagnostics)


def refused(diagnostics: Iterable[Diagnostic]) -> set[int]:
    """The documents that were not understood."""
    return {int(diagnostic.labels[0].location.path) for diagnostic in diagnostics}


def end_of(subject: Peer, direction: Direction, remote: Peer, asked: Connection) -> connection.Connection | None:
    """The connection as zt_dsl sees it from one end; None at an outside address, which no policy governs."""
    if isinstance(subject, Address) or subject.namespace not in GOVERNED:
        return None
    there = remote.ip if isinstance(remote, Address) else as_reached(remote)
    return connection.Connection(as_reached(subject), direction, there, asked.protocol, asked.port)


def as_reached(pod: Pod) -> connection.Pod:
    return connection.Pod(pod.namespace, pod.labels, pod.namespace_labels)


def as_asked(end: connection.Connection) -> Connection:
    def pod(reached: connection.Pod) -> Pod:
        return Pod(reached.namespace, reached.labels, POD_ADDRESS, reached.namespace_labels)

    subject = pod(end.subject)
    assert not isinstance(end.remote, connection.Named)
    remote: Peer = pod(end.remote) if isinstance(end.remote, connection.Pod) else Address(end.remote)
    source, target = (remote, subject) if end.direction == "Ingress" else (subject, remote)
    return Connection(source, target, end.protocol, end.port)


def verdict_of(reach: Reach, asked: Connection) -> Verdict:
    """By `semantics.py`; an end that is not governed lets everything pass, to the engine too."""
    ingress = end_of(asked.target, "Ingress", asked.source, asked)
    egress = end_of(asked.source, "Egress", asked.target, asked)
    return Verdict(
        ingress=ingress is None or passes(reach, ingress),
        egress=egress is None or passes(reach, egress),
    )


def at(direction: Direction, verdict: Verdict) -> bool:
    return verdict.ingress if direction == "Ingress" else verdict.egress


def assert_agreement(
    engine: KubernetesEngine, documents: Sequence[Document], connections: Sequence[Connection]
) -> None:
    """Every connection, both directions; all differences at once, as documents that a person can read."""
    engine.load(documents)
    reach, diagnostics = understood(documents)
    assert not diagnostics
    asked = zip(connections, engine.ask(connections), strict=True)
    wrong = [
        f"{connection}: engine {theirs}, zt_dsl {ours}"
        for connection, theirs in asked
        if (ours := verdict_of(reach, connection)) != theirs
    ]
    assert not wrong, "\n".join((*(written(document) for document in documents), *wrong))


# --- semantics.py: what documents let through ----------------------------------------------------------


@thoroughly
@given(policies.policy_sets(odd=False), probes.probes())
def test_every_verdict_is_the_engine_s(
    kubernetes_engine: KubernetesEngine, documents: list[Document], connections: list[Connection]
) -> None:
    assert_agreement(kubernetes_engine, documents, connections)


@thoroughly
@given(policies.policy_sets(odd=True), probes.probes())
def test_what_is_not_read_as_the_engine_does_is_refused(
    kubernetes_engine: KubernetesEngine, documents: list[Document], connections: list[Connection]
) -> None:
    """Of what the API server takes, exactly the odd forms are refused; the others mean what they mean."""
    _, diagnostics = understood(documents)
    assert refused(diagnostics) == {number for number, document in enumerate(documents) if policies.is_odd(document)}
    rest = [document for document in documents if not policies.is_odd(document)]
    assert_agreement(kubernetes_engine, rest, connections)


@thoroughly
@given(edits.near_misses(), probes.probes())
def test_what_the_api_server_refuses_is_never_a_proof(
    kubernetes_engine: KubernetesEngine, document: Document, connections: list[Connection]
) -> None:
    """A policy that never comes into force must not count; one that does must count for what it is."""
    _, diagnostics = understood([document])
    refusal = refusal_of(kubernetes_engine, document)
    if refusal:
        assert diagnostics, f"the API server says: {refusal}\n{written(document)}"
    elif not diagnostics:
        assert_agreement(kubernetes_engine, [document], connections)


def refusal_of(engine: KubernetesEngine, document: Document) -> str:
    """What the API server has against it; empty where it takes it."""
    try:
        engine.load([document])
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("document", REFUSED, ids=in_short)
def test_what_the_api_server_is_known_to_refuse_is_refused(document: Document) -> None:
    _, diagnostics = understood([document])
    assert diagnostics


# --- reach/difference.py: the comparison that a build is published on ------------------------------------


def with_floors() -> st.SearchStrategy[list[Document]]:
    return policies.policy_sets(odd=False).map(lambda documents: [*FLOORS, *documents])


def comparisons() -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
    """Two sets of policies that have much in common; the first isolates every governed pod."""

    def with_second(first: list[Document]) -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
        # Rewording wants policies that are valid, and after an edit they may not be: it comes first.
        before = st.just(first) | edits.edited(first) | edits.reworded(first)
        return st.tuples(st.just(first), before.flatmap(edits.edited))

    return with_floors().flatmap(with_second)


@thoroughly
@given(comparisons(), probes.probes())
def test_differences_are_all_there_are_and_each_is_real(
    kubernetes_engine: KubernetesEngine,
    compared: tuple[list[Document], list[Document]],
    connections: list[Connection],
) -> None:
    first, second = compared
    declared, problems = understood(first)
    permitted, more = understood(second)
    assume(not more)
    assert not problems
    found = differences(declared, permitted, GOVERNED)
    # Nobody can dial port 0, so nobody can be asked about it; the last test of this file says what is open.
    assert_real(kubernetes_engine, first, second, [one for one in found if one.example.port])
    assert_complete(kubernetes_engine, first, second, found, connections)


@thoroughly
@given(with_floors().flatmap(lambda first: st.tuples(st.just(first), edits.reworded(first))), probes.probes())
def test_the_same_in_other_words_is_no_difference(
    kubernetes_engine: KubernetesEngine,
    compared: tuple[list[Document], list[Document]],
    connections: list[Connection],
) -> None:
    first, second = compared
    assert_complete(kubernetes_engine, first, second, (), connections)
    (declared, _), (permitted, problems) = understood(first), understood(second)
    assert not problems
    assert differences(declared, permitted, GOVERNED) == (), shown(first, second)
    assert differences(permitted, declared, GOVERNED) == (), shown(first, second)


def assert_real(
    engine: KubernetesEngine, first: list[Document], second: list[Document], found: Sequence[Difference]
) -> None:
    """Each counter-example is one to the engine, too: in that direction, and on that side."""
    asked = [as_asked(one.example) for one in found]
    engine.load(first)
    before = engine.ask(asked)
    engine.load(second)
    for one, old, new in zip(found, before, engine.ask(asked), strict=True):
        direction = one.example.direction
        expected = (False, True) if one.kind == "wider" else (True, False)
        assert (at(direction, old), at(direction, new)) == expected, f"{one}\n{shown(first, second)}"


def assert_complete(
    engine: KubernetesEngine,
    first: list[Document],
    second: list[Document],
    found: Sequence[Difference],
    connections: list[Connection],
) -> None:
    """Where the engine finds a difference, there is one of that kind for that namespace and direction."""
    named = {(one.kind, one.example.subject.namespace, one.example.direction) for one in found}
    engine.load(first)
    before = engine.ask(connections)
    engine.load(second)
    for asked, old, new in zip(connections, before, engine.ask(connections), strict=True):
        for direction, subject in (("Ingress", asked.target), ("Egress", asked.source)):
            assert direction in DIRECTIONS
            if isinstance(subject, Pod) and at(direction, old) != at(direction, new):
                kind = "wider" if at(direction, new) else "narrower"
                assert (kind, subject.namespace, direction) in named, f"{asked}\n{shown(first, second)}"


def shown(first: Iterable[Document], second: Iterable[Document]) -> str:
    texts = ["---\n".join(written(document) for document in side) for side in (first, second)]
    return "\n=== and then ===\n".join(texts)


# --- disagreements that were found, by name ---------------------------------------------------------------


def test_every_port_of_a_protocol_is_the_range_from_1_to_65535(kubernetes_engine: KubernetesEngine) -> None:
    """Nobody can dial port 0: the comparison once counted it, and told two equal rules apart."""
    first, second = (
        [*FLOORS, network_policy({"ingress": [{"ports": [port]}]})]
        for port in ({"protocol": "TCP"}, {"port": 1, "endPort": 65535})
    )
    (declared, _), (permitted, _) = understood(first), understood(second)
    assert_real(kubernetes_engine, first, second, differences(declared, permitted, GOVERNED))
    assert differences(declared, permitted, GOVERNED) == ()
