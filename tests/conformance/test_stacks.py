"""A network engine and a mesh together, asked both: a connection passes where each of them lets it through.

What it should come to is the conjunction of two brute forces: of `tests.mesh_meaning` for where it arrives at a
sidecar, and of `tests.meaning` or `tests.cilium_meaning` for the topology that is left to the network engine. The
questions are one connection seen twice: by labels, addresses and ports; and by the certificate that the caller shows.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, TypeVar, cast

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, given, settings

from tests import cilium_meaning
from tests import meaning as native
from tests.conformance import test_calico_topologies as calico
from tests.conformance import test_topologies as kubernetes
from tests.conformance.emitted import documents, planned
from tests.conformance.engines import cilium_engine as ce
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.cilium_engine import CiliumEngine
from tests.conformance.engines.istio_engine import Connection, Identity, IstioEngine, Workload
from tests.conformance.engines.kubernetes_engine import KubernetesEngine
from tests.conformance.engines.process import Document
from tests.conformance.test_istio_topologies import GROUP, REFUSED, settings_of
from tests.conformance.test_topologies import every_build, named, platform_of
from tests.mesh_meaning import STRANGER, Meaning, beside, identity_of, inside, pod_address
from tests.mesh_strategies import NETWORKS, Beside, Case, mesh_cases
from zt_dsl import (
    GET,
    POST,
    Calico,
    Cilium,
    HttpApp,
    HttpPort,
    Istio,
    Namespace,
    Platform,
    Service,
    Topology,
    allow,
)
from zt_dsl.compiler import Ready

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "500")) // 5
PROBES, NEAR = 200, 120
NOWHERE = "192.88.99.7"


# --- one connection, seen twice ---------------------------------------------------------------------------


@frozen
class Pod:
    """As both see it; of which cluster only Cilium knows."""

    namespace: str
    labels: native.Labels
    cluster: str = ""


End = TypeVar("End")


@frozen
class Seen:
    """A connection as the mesh sees it: where it arrives at a sidecar, over TCP."""

    connection: Connection
    encrypted: bool


def seen_by_mesh(
    meaning: Meaning, random: Random, source: Pod | str, target: Pod | str, protocol: str, port: int
) -> Seen | None:
    """With an identity that the caller may have, mostly its own; and a request that just passes or misses."""
    own = isinstance(target, Pod) and target.cluster in ("", meaning.platform.cluster)
    if protocol != "TCP" or not isinstance(target, Pod) or not own:
        return None
    pod = Workload(target.namespace, target.labels)
    if not meaning.has_sidecar(pod.namespace, pod.labels):
        return None
    client = shown(meaning, random, source) if isinstance(source, Pod) else None
    open_to = [flow for flow in meaning.flows if flow.on(port) and meaning.selects(flow.target, pod)]
    carried = random.choice(open_to).carried if open_to else cilium_meaning.Anything()
    address = source if isinstance(source, str) else pod_address(meaning.platform)
    encrypted = client is not None and meaning.mode(pod, port) != "DISABLE"
    return Seen(Connection(client, pod, port, inside(random, carried), address), encrypted)


def shown(meaning: Meaning, random: Random, pod: Pod) -> Identity | None:
    domain = meaning.mesh.trust_domain
    service = next(
        (
            one
            for one in meaning.services
            if (one.namespace.name, one.namespace.cluster or meaning.platform.cluster)
            == (pod.namespace, pod.cluster or meaning.platform.cluster)
            and native.labels_of(one).items() <= dict(pod.labels).items()
        ),
        None,
    )
    stranger = Identity(pod.namespace, STRANGER, domain)
    mine = stranger if service is None else identity_of(service, domain)
    others = [found for one in meaning.services if (found := identity_of(one, domain)) is not None]
    # What a pod runs as is of its own namespace; whoever is not in the mesh shows nothing.
    return random.choice((mine, mine, mine, mine, None, stranger, *others[:1], random.choice([mine, *others])))


def pairs(
    meaning: Meaning, random: Random, like: Callable[[object], End], anyone: Callable[[], End]
) -> list[tuple[End, End, int]]:
    """Callers and pods that edges into sidecars are about, and now and then others."""
    flows = meaning.flows
    return [
        (
            anyone() if random.random() < 0.1 else like(flow.source),
            like(flow.target),
            random.choice((flow.first, flow.last)),
        )
        for flow in (random.choice(flows) for _ in range(NEAR if flows else 0))
    ]


# --- engines ----------------------------------------------------------------------------------------------


@frozen
class Asked:
    """Connections, what they should come to, and what the network engine says of them: whether each passes, and whether
    it would have read what sidecars encrypt."""

    seen: Sequence[Seen | None]
    expected: Sequence[bool]
    passing: Callable[[Sequence[Document]], Sequence[tuple[bool, bool]]]


def _end(end: native.End) -> Pod | str:
    return Pod(end.namespace, end.labels) if isinstance(end, native.Pod) else end


def with_native(
    case: Case,
    expected: Callable[[native.Meaning, native.Probe], native.Verdict],
    answers: Callable[[Sequence[Document], native.Meaning, list[native.Probe]], list[native.Verdict]],
) -> Asked:
    meaning, random = native.Meaning(case.beside, case.platform), Random(0)
    about = native.asked(meaning)
    ends: tuple[native.End, ...] = (*about.pods, *about.addresses)

    def like(peer: object) -> native.End:
        known = [end for end in ends if meaning.matches(peer, end)]
        return random.choice(known or ends)

    between = pairs(case.meaning, random, like, lambda: random.choice(ends))
    near = [native.Probe(source, target, "TCP", port) for source, target, port in between]
    probes = list(dict.fromkeys([*near, *native.probes(meaning, random, PROBES)]))
    seen = [
        seen_by_mesh(case.meaning, random, _end(one.source), _end(one.target), one.protocol, one.port) for one in probes
    ]
    says = [expected(meaning, probe) for probe in probes]

    def passing(objects: Sequence[Document]) -> list[tuple[bool, bool]]:
        return [(one.egress and one.ingress, False) for one in answers(objects, meaning, probes)]

    return Asked(
        seen, [_both(case, one.egress and one.ingress, by) for one, by in zip(says, seen, strict=True)], passing
    )


def _both(case: Case, network: bool, seen: Seen | None) -> bool:
    return network and (seen is None or case.meaning.allowed(seen.connection))


def with_kubernetes(engine: KubernetesEngine, case: Case) -> Asked:
    def answers(
        objects: Sequence[Document], meaning: native.Meaning, probes: list[native.Probe]
    ) -> list[native.Verdict]:
        engine.load(objects)
        return kubernetes.answers(engine, meaning, probes)

    return with_native(
        case, lambda meaning, one: meaning.allowed(one.source, one.target, one.protocol, one.port), answers
    )


def with_calico(engine: CalicoEngine, case: Case) -> Asked:
    def answers(
        objects: Sequence[Document], meaning: native.Meaning, probes: list[native.Probe]
    ) -> list[native.Verdict]:
        engine.load(objects)
        return calico.answers(engine, meaning, probes)

    return with_native(case, calico.expected, answers)


def with_cilium(engine: CiliumEngine, case: Case) -> Asked:
    meaning, random = cilium_meaning.Meaning(case.beside, case.platform), Random(0)

    def end(one: ce.Peer) -> Pod | str:
        match one:
            case ce.Pod():
                return Pod(one.namespace, one.labels, one.cluster)
            case ce.Address():
                return one.ip
            case ce.Reserved():
                return NOWHERE

    prober = cilium_meaning.Prober(meaning, random, cilium_meaning.asked(meaning), 0.1)
    between = pairs(case.meaning, random, prober.like, prober.anyone)
    near = [ce.Connection(source, target, "TCP", port) for source, target, port in between]
    drawn = list(dict.fromkeys([*near, *cilium_meaning.probes(meaning, random, PROBES)]))
    seen = [
        seen_by_mesh(case.meaning, random, end(one.source), end(one.target), one.protocol, one.port) for one in drawn
    ]
    probes = [one if by is None else evolve(one, http=_read(by)) for one, by in zip(drawn, seen, strict=True)]

    def passing(objects: Sequence[Document]) -> list[tuple[bool, bool]]:
        engine.load(objects, ce.Settings(cluster_name=case.platform.cluster))
        found: list[tuple[bool, bool]] = []
        for probe, answer in zip(probes, engine.ask(probes), strict=True):
            ends = [
                verdict
                for one, verdict in ((probe.source, answer.egress), (probe.target, answer.ingress))
                if isinstance(one, ce.Pod)
            ]
            found.append((all(one.passes for one in ends), any(one.proxy == "http" for one in ends)))
        return found

    says = [_both(case, meaning.allowed(one).through, by) for one, by in zip(probes, seen, strict=True)]
    return Asked(seen, says, passing)


def _read(seen: Seen) -> ce.Request | None:
    """What is in it for whoever stands between: nothing, where sidecars encrypt it."""
    sent = seen.connection.http
    return None if seen.encrypted or sent is None else ce.Request(sent.method, sent.path)


# --- the conjunction --------------------------------------------------------------------------------------


def differing(
    istio: IstioEngine, case: Case, asked: Asked, objects: Sequence[Document], seen: Counter[str]
) -> dict[object, tuple[bool, bool, bool, object]]:
    """Each connection of which the two engines together say something else; or in which the network engine reads what
    sidecars encrypt; or whose port takes other callers than it should."""
    mesh = [one for one in objects if one["apiVersion"] == GROUP]
    istio.load(mesh, settings_of(case.meaning))
    network = asked.passing([one for one in objects if one["apiVersion"] != GROUP])
    arriving = [(number, one) for number, one in enumerate(asked.seen) if one is not None]
    answers = {
        number: answer
        for (number, _), answer in zip(arriving, istio.ask(one.connection for _, one in arriving), strict=True)
    }
    wrong: dict[object, tuple[bool, bool, bool, object]] = {}
    for number, (by, expected, (open_, reads)) in enumerate(zip(asked.seen, asked.expected, network, strict=True)):
        answer = answers.get(number)
        passes = open_ and (answer is None or answer.allowed)
        blind = by is not None and by.encrypted and open_ and reads
        mode = (
            by is not None
            and answer is not None
            and answer.mode != case.meaning.mode(by.connection.target, by.connection.port)
        )
        if passes is not expected or blind or mode:
            wrong[number, by] = (expected, open_, reads, answer)
        seen["passes" if expected else "refused"] += 1
        seen[
            f"network {'passes' if open_ else 'refuses'}, mesh {_word(None if answer is None else answer.allowed)}"
        ] += 1
    return wrong


def _word(allowed: bool | None) -> str:
    return "does not see it" if allowed is None else "passes" if allowed else "refuses"


def compiled(case: Case) -> list[Document] | None:
    ready = planned(case.topology, case.platform)
    if not isinstance(ready, Ready):
        assert {found.code for found in ready.diagnostics if found.code.startswith("ZT3")} <= REFUSED, ready.diagnostics
        return None
    return documents(ready)


def every(network: Beside, ask: Callable[[Case], Asked], istio: IstioEngine) -> Counter[str]:
    seen: Counter[str] = Counter()

    @settings(
        deadline=None,
        max_examples=int(TOPOLOGIES * 1.6),
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(mesh_cases(network))
    def judged(case: Case) -> None:
        objects = compiled(case)
        if objects is None:
            seen["not compiled"] += 1
            return
        seen["topologies"] += 1
        assert differing(istio, case, ask(case), objects, seen) == {}

    judged()
    return seen


def assert_enough(seen: Counter[str]) -> None:
    assert seen["topologies"] >= TOPOLOGIES
    asked = seen["passes"] + seen["refused"]
    assert asked >= 200 * seen["topologies"]
    assert min(seen["passes"], seen["refused"]) >= 0.1 * asked
    # Each of the two locks was needed.
    assert seen["network passes, mesh refuses"] >= 0.01 * asked
    assert seen["network refuses, mesh passes"] >= 0.002 * asked
    assert seen["network passes, mesh passes"] >= 0.01 * asked


def test_kubernetes_and_istio_together_say_what_the_author_wrote(
    kubernetes_engine: KubernetesEngine, istio_engine: IstioEngine
) -> None:
    assert_enough(every("kubernetes", lambda case: with_kubernetes(kubernetes_engine, case), istio_engine))


def test_cilium_and_istio_together_say_what_the_author_wrote(
    cilium_engine: CiliumEngine, istio_engine: IstioEngine
) -> None:
    assert_enough(every("cilium", lambda case: with_cilium(cilium_engine, case), istio_engine))


def test_calico_and_istio_together_say_what_the_author_wrote(
    calico_engine: CalicoEngine, istio_engine: IstioEngine
) -> None:
    assert_enough(every("calico", lambda case: with_calico(calico_engine, case), istio_engine))


# --- examples ---------------------------------------------------------------------------------------------


def example(wanted: Mapping[str, Any]) -> Case:
    topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
    platform = platform_of(wanted)
    return Case(topology, platform, Meaning(topology, platform), beside(topology, platform))


STACKS = [one for one in every_build() if platform_of(one).mesh is not None and platform_of(one).network is not None]


@pytest.mark.parametrize("wanted", STACKS, ids=lambda it: f"{it['topology']} {it['platform']}")
def test_both_engines_together_say_of_every_example_what_its_author_wrote(
    kubernetes_engine: KubernetesEngine,
    cilium_engine: CiliumEngine,
    calico_engine: CalicoEngine,
    istio_engine: IstioEngine,
    wanted: Mapping[str, Any],
) -> None:
    case, seen = example(wanted), Counter[str]()
    match case.platform.network:
        case Cilium():
            asked = with_cilium(cilium_engine, case)
        case Calico():
            asked = with_calico(calico_engine, case)
        case _:
            asked = with_kubernetes(kubernetes_engine, case)
    objects = compiled(case)
    assert objects is not None
    assert differing(istio_engine, case, asked, objects, seen) == {}
    assert min(seen["passes"], seen["refused"]) > 0


# --- planted ----------------------------------------------------------------------------------------------

SHOP, PAY = Namespace("shop"), Namespace("pay")
WEB, API = HttpApp("web", namespace=SHOP), HttpApp("api", namespace=SHOP)
ORDERS = HttpApp("orders", namespace=PAY)
AGENT = HttpApp("agent", namespace=SHOP, meshed=False)


class Scraped(Service):
    metrics = HttpPort(9090, mtls="permissive")


SCRAPED = Scraped("scraped", namespace=PAY)


def two_locks(network: Beside) -> Case:
    """Each of the two callers of `orders` may ask one thing, and they are told apart by identity alone."""
    edges = [
        allow(WEB, ORDERS.http.routes(GET("/orders/{id}"))),
        allow(API, ORDERS.http.routes(POST("/orders"))),
        allow(AGENT, SCRAPED.metrics),
    ]
    topology = Topology("shop", edges, governs=[SHOP, PAY])
    platform = Platform(
        "stack",
        network=NETWORKS[network],
        mesh=Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES"),
        pod_cidrs=["10.244.0.0/16"],
    )
    return Case(topology, platform, Meaning(topology, platform), beside(topology, platform))


def without_callers(document: Document) -> Document | None:
    """Ports and requests, for everybody: the network engine knows who calls, does it not?"""
    spec = document["spec"]
    assert isinstance(spec, Mapping)
    rules = spec.get("rules", [])
    assert isinstance(rules, Sequence)
    told = [{key: part for key, part in rule.items() if key != "from"} for rule in rules if isinstance(rule, Mapping)]
    return {**document, "spec": {**spec, "rules": told}} if told else document


def without_modes(document: Document) -> Document | None:
    return None if document["kind"] == "PeerAuthentication" else document


def without_requests(document: Document) -> Document | None:
    """The network engine has HTTP rules, does it not?"""
    spec = document["spec"]
    assert isinstance(spec, Mapping)
    rules = spec.get("rules", [])
    assert isinstance(rules, Sequence)
    ports = [
        {**rule, "to": [{"operation": {"ports": ["8080"]}}]} if "8080" in str(rule) else rule
        for rule in rules
        if isinstance(rule, Mapping)
    ]
    return {**document, "spec": {**spec, "rules": ports}} if ports else document


def without_a_policy(document: Document) -> Document | None:
    named = document["metadata"]
    assert isinstance(named, Mapping)
    return None if named["name"] == "allow-orders" and document["kind"] == "AuthorizationPolicy" else document


def read_twice(document: Document) -> Document | None:
    """HTTP rules of Cilium on a port that sidecars encrypt."""
    spec = document["spec"]
    if document["kind"] != "CiliumNetworkPolicy":
        return document
    assert isinstance(spec, Mapping)
    ingress = spec.get("ingress", [])
    assert isinstance(ingress, Sequence)
    http = {"http": [{"method": "GET", "path": "/.*"}]}
    rules = [
        {**rule, "toPorts": [{**entry, "rules": http} for entry in entries if isinstance(entry, Mapping)]}
        for rule in ingress
        if isinstance(rule, Mapping) and "8080" in str(rule)
        if isinstance(entries := rule["toPorts"], Sequence)
    ]
    return {**document, "spec": {**spec, "ingress": rules}} if rules else document


PLANTED = (without_callers, without_modes, without_requests, without_a_policy)


def changed(case: Case, change: Callable[[Document], Document | None]) -> list[Document]:
    objects = compiled(case)
    assert objects is not None
    mesh = [one for one in objects if one["apiVersion"] == GROUP]
    network = [one for one in objects if one["apiVersion"] != GROUP]
    left = [made for one in mesh if (made := change(one)) is not None]
    assert left != mesh
    return [*network, *left]


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: change.__name__)
def test_a_naive_union_is_noticed(
    kubernetes_engine: KubernetesEngine, istio_engine: IstioEngine, change: Callable[[Document], Document | None]
) -> None:
    case = two_locks("kubernetes")
    asked = with_kubernetes(kubernetes_engine, case)
    objects = compiled(case)
    assert objects is not None
    assert differing(istio_engine, case, asked, objects, Counter()) == {}
    assert differing(istio_engine, case, asked, changed(case, change), Counter()) != {}


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: change.__name__)
def test_a_naive_union_with_cilium_is_noticed(
    cilium_engine: CiliumEngine, istio_engine: IstioEngine, change: Callable[[Document], Document | None]
) -> None:
    case = two_locks("cilium")
    asked = with_cilium(cilium_engine, case)
    objects = compiled(case)
    assert objects is not None
    assert differing(istio_engine, case, asked, objects, Counter()) == {}
    assert differing(istio_engine, case, asked, changed(case, change), Counter()) != {}


def test_requests_that_are_read_twice_are_noticed(cilium_engine: CiliumEngine, istio_engine: IstioEngine) -> None:
    case = two_locks("cilium")
    objects = compiled(case)
    assert objects is not None
    twice = [made for one in objects if (made := read_twice(one)) is not None]
    assert twice != objects
    wrong = differing(istio_engine, case, with_cilium(cilium_engine, case), twice, Counter())
    assert any(reads for _, _, reads, _ in wrong.values())
