"""zt_dsl's reading of Istio's policies against Istio's own, on policies that nobody would think of.

As in `test_semantics.py`: the policies are any that Istio takes, and some that it does not. Where the two disagree,
the engine is right, and the case stays here under a name.
"""

import os
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given, settings

from tests.conformance import random_istio as random
from tests.conformance.engines.istio_engine import Connection, Identity, IstioEngine, Mesh, Request, Workload
from tests.conformance.engines.process import Document, RefusedError
from tests.conformance.istio_policies import allow, deny, mtls, operation, selector, source
from tests.conformance.random_istio import FAR, GOVERNED, OWN, POD_ADDRESS, ROOT, platform_of
from tests.conformance.test_istio_engine import REFUSED
from tests.conformance.test_semantics import written
from zt_dsl.backends.istio.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.paths import PLAIN
from zt_dsl.ir.selector import IDENTITY, SERVICE_ACCOUNT
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.reach import connection
from zt_dsl.reach.connection import Far, Named, Said, passes
from zt_dsl.reach.difference import Difference, differences
from zt_dsl.reach.grants import EVERY_ENTITY, Reach

pytestmark = pytest.mark.conformance

# For each property. Hypothesis derandomizes where $CI is set; a longer look is one variable away.
EXAMPLES = int(os.environ.get("ZT_DSL_EXAMPLES", "500"))
thoroughly = settings(deadline=None, max_examples=EXAMPLES)
# An example of these costs more, or says less.
half = settings(deadline=None, max_examples=max(1, EXAMPLES // 2))

PLATFORM = platform_of()
MESH = Mesh(ROOT, OWN)
# The root namespace is never a remote address' concern: an address of what is told by a name, or by who it is.
_NOWHERE = "198.18.0.1"


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


def shown(documents: Iterable[Document]) -> str:
    return "---\n".join(map(written, documents))


# --- one connection, to both ----------------------------------------------------------------------------


def as_reached(target: Workload) -> connection.Pod:
    return connection.Pod(target.namespace, tuple(sorted((*target.labels, (IDENTITY, OWN)))))


def known_as(asked: Connection) -> tuple[Far, ...]:
    """All that a client may be to a reach. Whoever has no identity is the same to Istio, but for its address."""
    client = asked.client
    if client is not None:
        labels = ((SERVICE_ACCOUNT, client.service_account), (IDENTITY, client.trust_domain))
        return (connection.Pod(client.namespace, tuple(sorted(labels))),)
    if asked.address == POD_ADDRESS:
        return (connection.Pod("elsewhere", ()), Named("a.example"), *sorted(EVERY_ENTITY))
    return (asked.address,)


def said(request: Request | None) -> Said | None:
    if request is None:
        return None
    path, asking, _ = request.path.partition("?")
    return Said("http", (request.method, asking or PLAIN, *path.split("/")[1:]))


def lets(reach: Reach, asked: Connection) -> set[bool]:
    """Whether it lets this through, whatever the client is known as."""
    return {
        passes(
            reach, connection.Connection(as_reached(asked.target), "Ingress", far, "TCP", asked.port, said(asked.http))
        )
        for far in known_as(asked)
    }


def assert_agreement(engine: IstioEngine, documents: Sequence[Document], connections: Sequence[Connection]) -> None:
    """Every connection; all differences at once, as documents that a person can read."""
    engine.load(documents, MESH)
    reach, diagnostics = understood(documents)
    assert not diagnostics, f"{diagnostics}\n{shown(documents)}"
    wrong = [
        f"{asked}: the engine {verdict}"
        for asked, verdict in zip(connections, engine.ask(connections), strict=True)
        if lets(reach, asked) != {verdict.allowed}
    ]
    assert not wrong, "\n".join((shown(documents), *wrong[:10]))


# --- semantics.py: what documents let through ------------------------------------------------------------


@thoroughly
@given(random.policy_sets(), random.probes())
def test_every_verdict_is_the_engine_s(
    istio_engine: IstioEngine, documents: list[Document], connections: list[Connection]
) -> None:
    assert_agreement(istio_engine, documents, connections)


@half
@given(random.near_misses(), random.probes(few=True))
def test_what_istio_refuses_is_never_a_proof(
    istio_engine: IstioEngine, document: Document, connections: list[Connection]
) -> None:
    """A policy that never comes into force must not count; one that does must count for what it is."""
    _, diagnostics = understood([document])
    if refusal := refusal_of(istio_engine, document):
        assert diagnostics, f"Istio says: {refusal}\n{written(document)}"
    elif not diagnostics:
        assert_agreement(istio_engine, [document], connections)


def refusal_of(engine: IstioEngine, document: Document) -> str:
    """What Istio has against it; empty where it takes it."""
    try:
        engine.load([document], MESH)
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED.keys())
def test_what_istio_is_known_to_refuse_is_refused(document: Document) -> None:
    assert understood([document])[1]


# --- reach/difference.py: the comparison that a build is published on ---------------------------------------


@half
@given(random.comparisons(), random.probes(few=True))
def test_differences_are_all_there_are_and_each_is_real(
    istio_engine: IstioEngine,
    compared: tuple[list[Document], list[Document]],
    connections: list[Connection],
) -> None:
    first, second = compared
    (declared, problems), (permitted, more) = understood(first), understood(second)
    assume(not problems)
    assume(not more)
    found = differences(declared, permitted, GOVERNED)
    assert_real(istio_engine, first, second, found)
    assert_complete(istio_engine, first, second, found, connections)


def answers(engine: IstioEngine, documents: Sequence[Document], asked: Sequence[Connection]) -> list[bool]:
    engine.load(documents, MESH)
    return [verdict.allowed for verdict in engine.ask(asked)]


def assert_real(
    engine: IstioEngine, first: list[Document], second: list[Document], found: Sequence[Difference]
) -> None:
    """Each counter-example is one to the engine, too, and on that side."""
    asked = [as_asked(one.example) for one in found]
    both = (answers(engine, documents, asked) for documents in (first, second))
    for one, before, after in zip(found, *both, strict=True):
        if one.kind != "undenied":
            expected = (False, True) if one.kind == "wider" else (True, False)
            assert (before, after) == expected, f"{one}\n{shown(first)}\n=== and then ===\n{shown(second)}"


def as_asked(end: connection.Connection) -> Connection:
    assert (end.direction, end.protocol) == ("Ingress", "TCP")
    labels = dict(end.subject.labels)
    assert labels.pop(IDENTITY)
    client, address = as_client(end.remote)
    request = None
    if end.said is not None:
        method, asking, *path = end.said.words
        request = Request(method, f"/{'/'.join(path)}{'' if asking == PLAIN else '?x'}")
    return Connection(client, Workload(end.subject.namespace, labels), end.port, request, address)


def as_client(remote: Far) -> tuple[Identity | None, str]:
    match remote:
        case connection.Pod():
            labels = dict(remote.labels)
            if IDENTITY not in labels:
                return None, POD_ADDRESS
            account = labels.get(SERVICE_ACCOUNT, "nobody")
            return Identity(remote.namespace, account, labels[IDENTITY]), POD_ADDRESS
        case Named(address=address):
            return None, address or _NOWHERE
        case _:
            return None, _NOWHERE if remote in EVERY_ENTITY else remote


def assert_complete(
    engine: IstioEngine,
    first: list[Document],
    second: list[Document],
    found: Sequence[Difference],
    connections: list[Connection],
) -> None:
    """Where the engine finds a difference, there is one of that kind for that namespace."""
    named = {(one.kind, one.example.subject.namespace) for one in found}
    both = (answers(engine, documents, connections) for documents in (first, second))
    for asked, before, after in zip(connections, *both, strict=True):
        if before != after:
            kind = "wider" if after else "narrower"
            assert (kind, asked.target.namespace) in named, (
                f"{kind} {asked}\n{shown(first)}\n=== and then ===\n{shown(second)}"
            )


# --- what is worth a name -------------------------------------------------------------------------------

_WEB, _STRANGER = Identity("shop", "web", OWN), Identity("ops", "web", FAR)
_LOCAL = Identity("shop", "web", "cluster.local")
_DB = Workload("shop", {"app": "db"})
_BY_WEB = source(principals=["cluster.local/ns/shop/sa/web"])
_TELLING: dict[str, list[Document]] = {
    "nothing": [],
    "the trust domain by its usual name": [allow(_BY_WEB)],
    "the trust domain by its usual name in a prefix": [allow(source(principals=["cluster.local/ns/shop/*"]))],
    "strict for all but one workload": [mtls("STRICT"), mtls("DISABLE", name="db", about={"app": "db"})],
    "strict for all but one port": [
        mtls("STRICT", namespace=ROOT),
        mtls("UNSET", name="db", about={"app": "db"}, ports={"8080": "PERMISSIVE"}),
    ],
    "no identity where it is disabled": [mtls("DISABLE"), allow(_BY_WEB, source(notPrincipals=["*"]))],
    "a denial where it is disabled": [mtls("DISABLE"), deny(_BY_WEB)],
    "everywhere": [allow(_BY_WEB, namespace=ROOT), allow(selector=selector(app="db"))],
    "a segment": [allow(operation(paths=["/a/{*}"], ports=["8080"]))],
    "a rest": [allow(operation(paths=["/a/{**}"], ports=["8080"]))],
    "port nought": [allow(operation(ports=["0"]))],
}


@pytest.mark.parametrize("documents", _TELLING.values(), ids=_TELLING.keys())
def test_what_is_worth_a_name(istio_engine: IstioEngine, documents: list[Document]) -> None:
    targets = (_DB, Workload("shop", {"app": "web"}), Workload("pay"))
    requests = (None, Request(path="/a"), Request(path="/a/"), Request(path="/a/b?c"))
    connections = [
        Connection(client, target, port, request, POD_ADDRESS)
        for client in (_WEB, _LOCAL, _STRANGER, None)
        for target in targets
        for port in (8080, 80)
        for request in requests
    ]
    assert_agreement(istio_engine, documents, connections)
