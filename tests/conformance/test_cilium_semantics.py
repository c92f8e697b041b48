"""zt_dsl's reading of CiliumNetworkPolicy against Cilium's own, on policies that nobody would think of.

As in `test_semantics.py`: the policies are any that Cilium takes, and some that it does not. Where the two disagree,
the engine is right, and the case stays here under a name.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import assert_never

import pytest
from attrs import evolve
from hypothesis import assume, given, settings

from tests.conformance import random_cilium as random
from tests.conformance.cilium_policies import SERVICE_ACCOUNT, about, cilium_policy, dns, ports, selector
from tests.conformance.cilium_refusals import REFUSED
from tests.conformance.engines.cilium_engine import (
    Address,
    CiliumEngine,
    Connection,
    End,
    Peer,
    Pod,
    Request,
    Reservation,
    Reserved,
    Verdict,
)
from tests.conformance.engines.process import Document, RefusedError
from tests.conformance.random_cilium import GOVERNED, HERE, HOSTS, platform_of
from tests.conformance.test_semantics import written
from zt_dsl.backends.cilium.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.paths import PLAIN
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.reach import connection
from zt_dsl.reach.connection import Far, Named, Said, passes
from zt_dsl.reach.difference import Difference, differences
from zt_dsl.reach.grants import OWN_NODE, Direction, Entity, Reach

pytestmark = pytest.mark.conformance

# For each property. Hypothesis derandomizes where $CI is set; a longer look is one variable away.
EXAMPLES = int(os.environ.get("ZT_DSL_EXAMPLES", "500"))
thoroughly = settings(deadline=None, max_examples=EXAMPLES)
# An example of these costs more: two sets of policies, or a policy that is refused and the next one besides.
half = settings(deadline=None, max_examples=max(1, EXAMPLES // 2))

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

_RESERVED: dict[frozenset[Reservation], Entity] = {
    frozenset({"host"}): "host",
    frozenset({"host", "kube-apiserver"}): "host that is an API server",
    frozenset({"remote-node"}): "other node",
    frozenset({"remote-node", "kube-apiserver"}): "other node that is an API server",
    frozenset({"health"}): "health",
    frozenset({"ingress"}): "ingress",
    frozenset({"init"}): "init",
}


def as_reached(pod: Pod) -> connection.Pod:
    labels = tuple(sorted((*pod.labels, (SERVICE_ACCOUNT, pod.service_account))))
    return connection.Pod(pod.namespace, labels, pod.namespace_labels, pod.cluster or HERE)


def known_as(peer: Peer) -> tuple[Far, ...]:
    """All that a peer is to a reach. An address has names, and may be an API server's besides."""
    match peer:
        case Pod():
            return (as_reached(peer),)
        case Reserved():
            return (_RESERVED[frozenset(peer.names)],)
        case Address():
            served: tuple[Far, ...] = ("outside API server",) if peer.kube_apiserver else ()
            return (peer.ip, *map(Named, peer.names), *served)
        case _:
            assert_never(peer)


def lets(reach: Reach, subject: Pod, direction: Direction, peer: Peer, asked: Connection, said: Said | None) -> bool:
    """Whether this end lets it through: whatever the peer is known as, it is not denied, and as something allowed.

    A pod's own node is let in unless it is denied, which no policy says and no reach.
    """
    ends = [
        connection.Connection(as_reached(subject), direction, far, asked.protocol, asked.port, said)
        for far in known_as(peer)
    ]
    if not all(passes(evolve(reach, isolations=()), end) for end in ends):
        return False
    return (direction == "Ingress" and peer in HOSTS) or any(passes(reach, end) for end in ends)


def ends_of(asked: Connection) -> Iterator[tuple[Pod, Direction, Peer]]:
    ends: tuple[tuple[Peer, Direction, Peer], ...] = (
        (asked.target, "Ingress", asked.source),
        (asked.source, "Egress", asked.target),
    )
    for subject, direction, peer in ends:
        if isinstance(subject, Pod) and subject.namespace in GOVERNED and subject.cluster in ("", HERE):
            yield subject, direction, peer


def questions(asked: Connection) -> dict[str, Said]:
    """What the connection says, to each proxy."""
    assert asked.http is not None
    path, asking, _ = asked.http.path.partition("?")
    return {
        "http": Said("http", (asked.http.method, asking or PLAIN, *path.split("/")[1:])),
        "dns": Said("dns", tuple(reversed(asked.dns.split(".")))),
        "tls": Said("tls", tuple(reversed(asked.server_name.split(".")))),
    }


def disagreement(reach: Reach, subject: Pod, direction: Direction, peer: Peer, asked: Connection, end: End) -> str:
    """In words; empty where there is none."""

    def ours(said: Said | None) -> bool:
        return lets(reach, subject, direction, peer, asked, said)

    every = questions(asked)
    if direction == "Ingress" and peer in HOSTS and end.proxy:
        # Let in by the agent, and by rules that filter what it says: not for zt_dsl to judge.
        return ""
    if not end.allowed or not end.proxy:
        wrong = [str(said) for said in (None, *every.values()) if ours(said) is not end.allowed]
        return f"the engine: {end.allowed} for everything, zt_dsl not: {wrong}" if wrong else ""
    said = every[end.proxy]
    theirs = end.passes
    if ours(said) is not theirs:
        return f"{said}: the engine {theirs}, zt_dsl {not theirs}"
    if ours(None) and not theirs:
        return f"{said}: the engine refuses it, and zt_dsl has nothing refused"
    return ""


def assert_agreement(engine: CiliumEngine, documents: Sequence[Document], connections: Sequence[Connection]) -> None:
    """Every connection, at each end; all differences at once, as documents that a person can read."""
    engine.load(documents)
    reach, diagnostics = understood(documents)
    wrong: list[str] = []
    for asked, verdict in zip(connections, engine.ask(connections), strict=True):
        for subject, direction, peer in ends_of(asked):
            end = verdict.ingress if direction == "Ingress" else verdict.egress
            if end.error:
                assert diagnostics, f"{end.error}\n{shown(documents)}"
            elif not diagnostics and (found := disagreement(reach, subject, direction, peer, asked, end)):
                wrong.append(f"{asked}: {direction}: {found}")
    assert not wrong, "\n".join((shown(documents), *wrong[:10]))


def shown(documents: Iterable[Document]) -> str:
    return "---\n".join(map(written, documents))


# --- semantics.py: what documents let through ------------------------------------------------------------

# What the random policies have that is not understood; the rest must be.
_NOT_JUDGED = ("undoes it for some pods", "names no namespace and no cluster")


@thoroughly
@given(random.policy_sets(), random.probes())
def test_every_verdict_is_the_engine_s(
    cilium_engine: CiliumEngine, documents: list[Document], connections: list[Connection]
) -> None:
    _, diagnostics = understood(documents)
    unexpected = [d for d in diagnostics if not any(words in d.message for words in _NOT_JUDGED)]
    assert not unexpected, f"{unexpected}\n{shown(documents)}"
    assert_agreement(cilium_engine, documents, connections)


@half
@given(random.near_misses(), random.probes(few=True))
def test_what_cilium_refuses_is_never_a_proof(
    cilium_engine: CiliumEngine, document: Document, connections: list[Connection]
) -> None:
    """A policy that never comes into force must not count; one that does must count for what it is."""
    _, diagnostics = understood([document])
    refusal = refusal_of(cilium_engine, document)
    if refusal:
        assert diagnostics, f"Cilium says: {refusal}\n{written(document)}"
    elif not diagnostics:
        assert_agreement(cilium_engine, [document], connections)


def refusal_of(engine: CiliumEngine, document: Document) -> str:
    """What Cilium has against it; empty where it takes it."""
    flush(engine)  # whoever asked before may have left something
    try:
        engine.load([document])
    except RefusedError as error:
        return str(error)
    return ""


def flush(engine: CiliumEngine) -> None:
    """What was logged about a policy that was refused is told with the next one: let it be none."""
    with suppress(RefusedError):
        engine.load([])


# A document with nothing in it is none.
@pytest.mark.parametrize(("why", "document"), [(why, document) for why, document in REFUSED if document])
def test_what_cilium_is_known_to_refuse_is_refused(why: str, document: Document) -> None:
    _, diagnostics = understood([document])
    assert diagnostics, why


# --- reach/difference.py: the comparison that a build is published on ---------------------------------------

# An address of what is told by its name, or by who it is: one that no narrow block covers, and not the block of all
# addresses of its kind where the policies have that one.
_NOWHERE = {"0.0.0.0/0": "198.18.0.1", "::/0": "3fff::7"}


@half
@given(random.comparisons(), random.probes(few=True))
def test_differences_are_all_there_are_and_each_is_real(
    cilium_engine: CiliumEngine,
    compared: tuple[list[Document], list[Document]],
    connections: list[Connection],
) -> None:
    first, second = compared
    (declared, problems), (permitted, more) = understood(first), understood(second)
    assume(not problems)
    assume(not more)
    found = differences(declared, permitted, GOVERNED)
    assert_real(cilium_engine, first, second, found)
    assert_complete(cilium_engine, first, second, found, connections)


def assert_real(
    engine: CiliumEngine, first: list[Document], second: list[Document], found: Sequence[Difference]
) -> None:
    """Each counter-example is one to the engine, too: in that direction, and on that side."""
    policies = shown([*first, *second])
    address = next((each for block, each in _NOWHERE.items() if f'"{block}"' not in policies), "")
    askable = [one for one in found if can_be_asked(one.example, address)]
    asked = [as_asked(one.example, address) for one in askable]
    answers = []
    for documents in (first, second):
        engine.load(documents)
        answers.append(engine.ask(asked))
    for one, old, new in zip(askable, *answers, strict=True):
        before, after = (end_of(one.example, verdict) for verdict in (old, new))
        let, kept = (after, before) if one.kind == "wider" else (before, after)
        # Without words it is a connection that says whatever no rule lets through: a proxy would not.
        stopped = not kept.passes or (one.example.said is None and kept.proxy)
        if one.kind != "undenied":
            assert let.passes, told(one, before, after, first, second)
            assert stopped, told(one, before, after, first, second)


def told(one: Difference, before: End, after: End, first: list[Document], second: list[Document]) -> str:
    return f"{one}\n{before}\n{after}\n{shown(first)}\n=== and then ===\n{shown(second)}"


def can_be_asked(example: connection.Connection, address: str) -> bool:
    """Not of the own node, which is let in anyway; nor what nobody has an identity of, or an address that is left."""
    remote = example.remote
    if not address and (remote == "outside API server" or (isinstance(remote, Named) and not remote.address)):
        return False
    return not (example.direction == "Ingress" and remote in OWN_NODE) and remote != "unmanaged"


def as_asked(end: connection.Connection, nowhere: str) -> Connection:
    subject, remote = as_pod(end.subject), as_peer(end.remote, nowhere)
    source, target = (remote, subject) if end.direction == "Ingress" else (subject, remote)
    request, lookup, server_name = None, "", ""
    match end.said:
        case Said(speech="http", words=(method, asking, *path)):
            request = Request(method, f"/{'/'.join(path)}{'' if asking == PLAIN else '?x'}")
        case Said(speech="dns", words=words):
            lookup = ".".join(reversed(words))
        case Said(speech="tls", words=words):
            server_name = ".".join(reversed(words))
        case _:
            pass
    return Connection(source, target, end.protocol, end.port, request, lookup, server_name)


def as_pod(reached: connection.Pod) -> Pod:
    labels = dict(reached.labels)
    account = labels.pop(SERVICE_ACCOUNT, "nobody")
    return Pod(reached.namespace, labels, reached.namespace_labels, account, reached.cluster)


_NAMES: dict[str, frozenset[Reservation]] = {entity: names for names, entity in _RESERVED.items()}


def as_peer(remote: Far, nowhere: str) -> Peer:
    match remote:
        case connection.Pod():
            return as_pod(remote)
        case Named(name=name, address=address):
            return Address(address or nowhere, (name,))
        case "outside API server":
            return Address(nowhere, kube_apiserver=True)
        case _ if remote in _NAMES:
            return Reserved(tuple(sorted(_NAMES[remote])))
        case _:
            return Address(remote)


def end_of(example: connection.Connection, verdict: Verdict) -> End:
    return verdict.ingress if example.direction == "Ingress" else verdict.egress


def assert_complete(
    engine: CiliumEngine,
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
        answers.append(engine.ask(connections))
    for asked, old, new in zip(connections, *answers, strict=True):
        for subject, direction, peer in ends_of(asked):
            if direction == "Ingress" and peer in HOSTS:
                continue
            before, after = ((v.ingress if direction == "Ingress" else v.egress).passes for v in (old, new))
            if before != after:
                kind = "wider" if after else "narrower"
                assert (kind, subject.namespace, direction) in named, (
                    f"{kind} {asked}\n{shown(first)}\n=== and then ===\n{shown(second)}"
                )


# --- disagreements that were found, by name ---------------------------------------------------------------

_WEB = Pod("shop", {"app": "web"})
_DB = Pod("shop", {"app": "db"})
_TO_DB: Document = {"toEndpoints": [selector(app="db")]}


def passing(engine: CiliumEngine, *rules: Document, port: int) -> bool:
    """Whether a name that no rule lists is asked for, with these rules of egress."""
    engine.load([cilium_policy(about("web", egress=list(rules)))])
    [verdict] = engine.ask([Connection(_WEB, _DB, port=port, dns="other.io", server_name="other.io")])
    return verdict.egress.passes


@pytest.mark.parametrize("wide", [{"port": "0"}, {"port": "50", "endPort": 60}, {"port": "53", "endPort": 54}])
def test_dns_rules_hold_beside_a_rule_for_more_ports(cilium_engine: CiliumEngine, wide: Document) -> None:
    """The proxy has only the rules of the very port; zt_dsl added the two up, and now refuses them together."""
    strict: Document = {**_TO_DB, **dns({"matchName": "c.io"})}
    whole: Document = {**_TO_DB, "toPorts": [{"ports": [wide]}]}
    assert not passing(cilium_engine, strict, whole, port=53)
    assert passing(cilium_engine, strict, {**_TO_DB, **ports(53, protocol="ANY")}, port=53)
    _, diagnostics = understood([cilium_policy(about("web", egress=[strict, whole]))])
    assert diagnostics


def test_server_names_hold_beside_a_rule_for_the_same_peers(cilium_engine: CiliumEngine) -> None:
    """But not beside one for the same pods by another selector; zt_dsl added both up."""
    strict: Document = {**_TO_DB, **ports(443, serverNames=["c.io"])}
    assert not passing(cilium_engine, strict, {**_TO_DB, **ports(443)}, port=443)
    assert passing(cilium_engine, strict, {"toEndpoints": [{}], **ports(443)}, port=443)
    _, diagnostics = understood([cilium_policy(about("web", egress=[strict, {**_TO_DB, **ports(443)}]))])
    assert diagnostics


def test_one_label_of_any_source_and_of_none_is_one_key() -> None:
    """Of the two values Cilium keeps one, in the order of a Go map: zt_dsl asked for both."""
    peer = selector(app="web", **{"any:app": "db"})
    _, diagnostics = understood([cilium_policy(about("web", ingress=[{"fromEndpoints": [peer]}]))])
    assert diagnostics


def test_null_is_refused_where_a_native_policy_may_have_it(cilium_engine: CiliumEngine) -> None:
    document = cilium_policy(about("web", ingress=[{"fromEntities": None}]))
    assert refusal_of(cilium_engine, document)
    assert understood([document])[1]
