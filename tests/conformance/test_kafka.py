"""Kafka topics, for the versions of Cilium that have them: what is known of the judge, and what zt_dsl emits.

The expected answers come from the statements, edge by edge, and from what a role is in Cilium, as it stands below;
nothing of zt_dsl's representation is asked. The judge is Cilium 1.15 for every version: `kafka` is the same in the
schemas of 1.15 to 1.19, and what else is emitted for the later ones is told to it in its own words.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import pytest
import yaml
from attrs import frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conformance.emitted import emitted
from tests.conformance.engines import crds
from tests.conformance.engines.crds import Minor
from tests.conformance.engines.kafka_engine import Connection, End, KafkaEngine, Pod, Request, Verdict
from tests.conformance.engines.process import Document, Json, RefusedError
from tests.strategies import Draw, flip, pick, some
from zt_dsl import Cilium, Endpoint, HttpPort, Kafka, Namespace, Platform, Service, Topology, allow
from zt_dsl.model.endpoints import Topics, Whole

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "400")) // 2
REQUESTS = 30
VERSIONS = ("1.15", "1.17", "1.19")
WITH_TOPICS: tuple[Minor, ...] = ("1.15", "1.16", "1.17", "1.18", "1.19")

# --- what a role is -------------------------------------------------------------------------------------

# Requests that name topics, all of which must be allowed; and those that name none, or none that the parser reads.
ON_TOPICS: Mapping[str, frozenset[str]] = {
    "produce": frozenset({"produce", "metadata"}),
    "consume": frozenset({"fetch", "offsets", "metadata", "offsetcommit", "offsetfetch"}),
}
WITHOUT: Mapping[str, frozenset[str]] = {
    "produce": frozenset({"apiversions"}),
    "consume": frozenset({"apiversions", "findcoordinator", "joingroup", "heartbeat", "leavegroup", "syncgroup"}),
}
TOPICAL = sorted(ON_TOPICS["produce"] | ON_TOPICS["consume"])
# What no role holds. 36 is SaslAuthenticate, which Cilium has no name for.
NEVER = (
    *("leaderandisr", "stopreplica", "updatemetadata", "controlledshutdown", "describegroups", "listgroups"),
    *("saslhandshake", "createtopics", "deletetopics", "deleterecords", "initproducerid", "offsetforleaderepoch"),
    *("addpartitionstotxn", "addoffsetstotxn", "endtxn", "writetxnmarkers", "txnoffsetcommit", "describeacls"),
    *("createacls", "deleteacls", "describeconfigs", "alterconfigs", "36"),
)
TOPICLESS = (*sorted(WITHOUT["produce"] | WITHOUT["consume"]), *NEVER)
Rules = Sequence[tuple[str, str]]


def carries(rules: Rules, request: Request) -> bool:
    """Whether rules of a role and a topic each let this request through: together, as far as its topics go."""
    if request.key in TOPICAL:
        open_to = {topic for role, topic in rules if request.key in ON_TOPICS[role]}
        return bool(request.topics) and open_to.issuperset(request.topics)
    return any(request.key in WITHOUT[role] for role, _ in rules)


# --- the judge ------------------------------------------------------------------------------------------

WEB = Pod("shop", {"app": "web"})
BUS = Pod("data", {"app": "bus"})
FROM_WEB: Document = {"fromEndpoints": [{"matchLabels": {"k8s:app": "web", "k8s:io.kubernetes.pod.namespace": "shop"}}]}


def brokers(*rules: Json) -> Document:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "bus", "namespace": "data"},
        "spec": {"endpointSelector": {"matchLabels": {"k8s:app": "bus"}}, "ingress": list(rules)},
    }


def port(kafka: Json = None, **also: Json) -> Document:
    rules: Document = {} if kafka is None else {"rules": {"kafka": kafka}}
    return {"toPorts": [{"ports": [{"port": "9092", "protocol": "TCP"}], **rules, **also}]}


def role(name: str, topic: str = "orders") -> Document:
    return {"role": name, "topic": topic}


def answers(engine: KafkaEngine, requests: Iterable[Request]) -> dict[Request, bool | None]:
    asked = list(requests)
    verdicts = engine.ask(Connection(WEB, BUS, request=request) for request in asked)
    assert {verdict.egress for verdict in verdicts} == {End(allowed=True)}
    return {request: verdict.ingress.request for request, verdict in zip(asked, verdicts, strict=True)}


EVERY = [
    *(
        Request(key, topics)
        for key in TOPICAL
        for topics in ((), ("orders",), ("x",), ("orders", "x"), ("x", "orders"))
    ),
    *map(Request, TOPICLESS),
]


def test_the_judge_is_of_these_versions(kafka_engine: KafkaEngine) -> None:
    modules = kafka_engine.versions().modules
    assert modules["github.com/cilium/cilium"] == "v1.15.19"
    assert modules["github.com/cilium/proxy"] == "v0.0.0-20250526114940-b80199397e8a"


@pytest.mark.parametrize(
    "rules",
    [
        [("produce", "orders")],
        [("consume", "orders")],
        [("consume", "orders"), ("consume", "x")],
        [("consume", "orders"), ("produce", "x")],
        [("produce", "orders"), ("produce", "x"), ("consume", "y")],
    ],
    ids=str,
)
def test_a_role_is_these_requests_and_no_others(kafka_engine: KafkaEngine, rules: Rules) -> None:
    kafka_engine.load([brokers({**FROM_WEB, **port([role(*rule) for rule in rules])})])
    assert answers(kafka_engine, EVERY) == {request: carries(rules, request) for request in EVERY}


def test_a_topic_is_exact(kafka_engine: KafkaEngine) -> None:
    kafka_engine.load([brokers({**FROM_WEB, **port([role("produce", "a.b")])})])
    names = ("a.b", "a_b", "a-b", "A.b", "a.b.c", "a", "a.", "aab", "xa.b", "a.b ", ".*")
    found = answers(kafka_engine, (Request("produce", (name,)) for name in names))
    assert [request.topics[0] for request, passes in found.items() if passes] == ["a.b"]


@pytest.mark.parametrize("rules", [None, [], [{}]], ids=["none", "empty", "one that is empty"])
def test_without_topics_the_whole_port_is_open(kafka_engine: KafkaEngine, rules: Json) -> None:
    kafka_engine.load([brokers({**FROM_WEB, **port(rules)})])
    assert {verdict.passes for verdict in kafka_engine.ask(Connection(WEB, BUS, request=one) for one in EVERY)} == {
        True
    }


@pytest.mark.parametrize(
    ("beside", "voided"),
    [
        ({**FROM_WEB, **port()}, True),
        (port(), True),
        (FROM_WEB, True),
        ({"fromEntities": ["cluster"], **port()}, True),
        ({"fromEndpoints": [{}], **port()}, False),
    ],
    ids=["the same caller", "everyone", "every port", "the cluster", "the broker's own namespace"],
)
def test_a_rule_without_topics_beside_it_voids_them(
    kafka_engine: KafkaEngine, beside: Document, *, voided: bool
) -> None:
    kafka_engine.load([brokers({**FROM_WEB, **port([role("produce")])}, beside)])
    assert answers(kafka_engine, [Request("fetch", ("orders",))]) == {Request("fetch", ("orders",)): voided}


def test_strangers_and_other_ports_do_not_get_as_far_as_the_parser(kafka_engine: KafkaEngine) -> None:
    kafka_engine.load([brokers({**FROM_WEB, **port([role("produce")])})])
    request = Request("produce", ("orders",))
    strangers = (Pod("shop", {"app": "ship"}), Pod("data", {"app": "web"}))
    refused = [*(Connection(one, BUS, request=request) for one in strangers), Connection(WEB, BUS, 9093, request)]
    assert [verdict.ingress for verdict in kafka_engine.ask(refused)] == [End(allowed=False)] * 3
    (verdict,) = kafka_engine.ask([Connection(WEB, BUS)])
    assert verdict.ingress == End(allowed=True, proxy="kafka")


def test_a_pod_of_another_cluster_is_another_pod(kafka_engine: KafkaEngine) -> None:
    own = {"k8s:app": "web", "k8s:io.kubernetes.pod.namespace": "shop", "k8s:io.cilium.k8s.policy.cluster": "default"}
    kafka_engine.load([brokers({"fromEndpoints": [{"matchLabels": own}], **port([role("produce")])})])
    far = Pod("shop", {"app": "web"}, cluster="east")
    assert [it.passes for it in kafka_engine.ask([Connection(WEB, BUS), Connection(far, BUS)])] == [True, False]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (brokers(port([{"role": "read", "topic": "orders"}])), "invalid Kafka Role"),
        (brokers(port([{"role": "produce", "apiKey": "fetch"}])), "cannot set both"),
        (brokers(port([{"role": "produce", "topic": "a*"}])), "invalid Kafka Topic"),
        (brokers(port([{"role": "produce", "topic": "a" * 256}])), "maximum len"),
        (brokers(port([{"role": "produce", "topics": ["a"]}])), "unknown field"),
        (brokers({"toPorts": [{"ports": [{"port": "9092", "endPort": 9094}]}]}), "unknown field"),
        ({**brokers(), "spec": {"enableDefaultDeny": {"ingress": True}}}, "unknown field"),
    ],
    ids=["role", "key and role", "wildcard", "length", "topics", "endPort", "enableDefaultDeny"],
)
def test_what_the_judge_refuses(kafka_engine: KafkaEngine, document: Document, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        kafka_engine.load([document])
    with pytest.raises(RefusedError, match="no policies are loaded"):
        kafka_engine.ask([Connection(WEB, BUS)])


def test_two_parsers_on_one_port_are_no_policy_at_all(kafka_engine: KafkaEngine) -> None:
    http: Document = {"toPorts": [{"ports": [{"port": "9092", "protocol": "TCP"}], "rules": {"http": [{}]}}]}
    kafka_engine.load([brokers({**FROM_WEB, **port([role("produce")])}, http)])
    (verdict,) = kafka_engine.ask([Connection(WEB, BUS)])
    assert "conflicting L7 parsers" in verdict.ingress.error


def kafka_of(minor: Minor) -> object:
    """What that release's CRD says of `toPorts[].rules.kafka`; None where it has none."""
    found: Any = yaml.load(crds.cilium(minor), Loader=yaml.CSafeLoader)
    spec = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    of_rules = spec["ingress"]["items"]["properties"]["toPorts"]["items"]["properties"]["rules"]
    return of_rules["properties"].get("kafka")


def test_topics_are_the_same_in_every_schema_that_has_them() -> None:
    schemas = [without_words(kafka_of(minor)) for minor in WITH_TOPICS]
    assert schemas[0] is not None
    assert schemas.count(schemas[0]) == len(WITH_TOPICS)
    assert kafka_of("1.20") is None


def without_words(schema: Any) -> Any:
    match schema:
        case dict():
            # What is called so is a description, unless it is the schema of a field.
            return {
                key: without_words(value)
                for key, value in schema.items()
                if key != "description" or not isinstance(value, str)
            }
        case list():
            return [without_words(each) for each in schema]
        case _:
            return schema


# --- topologies -----------------------------------------------------------------------------------------

TOPICS = (
    "orders",
    "Orders",
    "orders.returns",
    "orders_returns",
    "orders-returns",
    "o",
    "...",
    "-",
    "_",
    "0",
    "x" * 249,
)
NEAR = (*TOPICS, "order", "orders.", "orders*", "ordersXreturns", "x" * 248, "x" * 250, "..", ".*")


class Busy(Kafka):
    metrics = HttpPort(8080)


class App(Service):
    http = HttpPort(8080)


NUMBERS = {"broker": 9092, "metrics": 8080, "http": 8080}
Pair = tuple[Service | Namespace, Endpoint]


@frozen
class Case:
    """A topology, its edges one by one, and the pods that are asked about."""

    topology: Topology
    edges: tuple[Pair, ...]
    governed: frozenset[str]
    pods: tuple[Pod, ...]
    brokers: tuple[Pod, ...]


STRANGERS = (Pod("shop", {"app": "other"}), Pod("data", {"app": "web"}), Pod("shop", {"app": "web"}, cluster="east"))


@st.composite
def cases(draw: Draw[Any]) -> Case:
    """Clients here and there, one or two brokers, and other edges beside. Either end of an edge may be ungoverned."""
    shop, data, ops = Namespace("shop"), Namespace("data"), Namespace("ops")
    governed = pick(draw, ((shop, data), (shop,), (data,), (shop, data, ops)))
    web = App("web", namespace=shop)
    clients = [web, *some(draw, (App("ship", namespace=shop), App("web", namespace=ops)), 0, 2)]
    buses = [Busy("bus", namespace=data)]
    if flip(draw):
        buses.append(Busy("log", namespace=pick(draw, (data, ops))))
    edges: list[Pair] = []
    for bus in buses:
        sources: list[Service | Namespace] = [*some(draw, clients, 1, 3)]
        if not pick(draw, range(4)):
            sources.append(shop)
        for source in sources:
            for _ in range(pick(draw, (1, 1, 2, 3))):
                topics = some(draw, TOPICS, 1, 3)
                roles = (bus.broker.produce(*topics), bus.broker.consume(*topics))
                edges.append((source, pick(draw, (*roles * 3, bus.broker))))
    beside: list[Pair] = [(web, clients[-1].http), (buses[-1], buses[0].broker), (clients[-1], buses[0].metrics)]
    edges += [each for each in some(draw, beside, 0, 3) if each[0] != each[1].peer]
    # The others are nobody's here to enforce.
    edges = [each for each in edges if {place_of(each[0]), place_of(each[1].peer)} & {*governed}]
    services: list[Service] = [*clients, *buses]
    statements = [allow(*each, why="asked") for each in edges]
    return Case(
        Topology("shop", statements, governs=governed, services=services),
        tuple(edges),
        frozenset(place.name for place in governed),
        tuple(dict.fromkeys((*map(pod_of, services), *STRANGERS))),
        tuple(map(pod_of, buses)),
    )


def pod_of(service: object) -> Pod:
    assert isinstance(service, Service)
    return Pod(service.namespace.name, {"app": service.name})


def place_of(peer: object) -> Namespace:
    assert isinstance(peer, Service | Namespace)
    return peer.namespace if isinstance(peer, Service) else peer


def is_of(pod: Pod, peer: object) -> bool:
    if pod.cluster:
        return False
    return pod == pod_of(peer) if isinstance(peer, Service) else pod.namespace == place_of(peer).name


def expected(case: Case, asked: Connection) -> tuple[bool, bool]:
    """Whether packets pass, and whether they do with the request."""
    if not any(not pod.cluster and pod.namespace in case.governed for pod in (asked.source, asked.target)):
        return True, True
    open_to = [
        target.narrowing
        for source, target in case.edges
        if NUMBERS[target.port] == asked.port and is_of(asked.target, target.peer) and is_of(asked.source, source)
    ]
    rules = [
        (narrowing.role, topic) for narrowing in open_to if isinstance(narrowing, Topics) for topic in narrowing.topics
    ]
    whole = any(isinstance(narrowing, Whole) for narrowing in open_to)
    assert asked.request is not None
    return bool(open_to), whole or carries(rules, asked.request)


def questions(case: Case, random: Random) -> list[Connection]:
    """Half of them along an edge, with its topics or others; the rest from anybody to anybody, mostly to brokers."""
    found: list[Connection] = []
    for _ in range(REQUESTS):
        source, target = random.choice(case.pods), random.choice((*case.brokers, *case.brokers, *case.pods))
        number = random.choice((*[9092] * 6, 8080, 9091, 9093))
        names: Sequence[str] = NEAR
        keys: Sequence[str] = TOPICAL
        if case.edges and random.random() < 0.5:
            caller, endpoint = random.choice(case.edges)
            source = random.choice([pod for pod in case.pods if is_of(pod, caller)])
            target, number = pod_of(endpoint.peer), NUMBERS[endpoint.port]
            if isinstance(endpoint.narrowing, Topics) and random.random() < 0.8:
                names, keys = endpoint.narrowing.topics, sorted(ON_TOPICS[endpoint.narrowing.role])
        topics = tuple(dict.fromkeys(random.choices(names, k=random.choice((0, 1, 1, 1, 1, 2, 3)))))
        on_topics = Request(random.choice(keys), topics)
        request = on_topics if random.random() < 0.8 else Request(random.choice(TOPICLESS))
        found.append(Connection(source, target, number, request))
    return found


def told_to_1_15(document: Document) -> Document:
    """Without `enableDefaultDeny`, which is of 1.17, where it says what 1.15 does anyway."""
    spec = document["spec"]
    assert isinstance(spec, Mapping)
    assert spec.get("enableDefaultDeny", BOTH) == BOTH
    assert {"ingress", "egress"} <= spec.keys()
    return {**document, "spec": {key: value for key, value in spec.items() if key != "enableDefaultDeny"}}


BOTH = {"ingress": True, "egress": True}


def on(version: str) -> Platform:
    return Platform("here", network=Cilium(version), pod_cidrs=["10.0.0.0/8"])


def differences(
    engine: KafkaEngine, case: Case, asked: Sequence[Connection], documents: Iterable[Document]
) -> tuple[list[Verdict], list[Connection]]:
    """What the judge says, and where that is not what the edges say: of packets, or of packets with the request."""
    engine.load(map(told_to_1_15, documents))
    verdicts = engine.ask(asked)
    wrong: list[Connection] = []
    for it, verdict in zip(asked, verdicts, strict=True):
        allowed, through = expected(case, it)
        if (verdict.egress.allowed and verdict.ingress.allowed, verdict.passes) != (allowed, allowed and through):
            wrong.append(it)
    return verdicts, wrong


def test_every_request_s_verdict_is_the_topology_s(kafka_engine: KafkaEngine) -> None:
    seen: Counter[str] = Counter()

    @settings(
        deadline=None,
        max_examples=TOPOLOGIES,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(cases())
    def ask(case: Case) -> None:
        asked = questions(case, Random(0))
        for version in VERSIONS:
            verdicts, wrong = differences(kafka_engine, case, asked, emitted(case.topology, on(version)))
            assert wrong == []
            for it, verdict in zip(asked, verdicts, strict=True):
                seen["passes" if verdict.passes else "refused"] += 1
                for where, end in (("egress", verdict.egress), ("ingress", verdict.ingress)):
                    if end.request is not None:
                        asks = "topics" if it.request is not None and it.request.key in TOPICAL else "others"
                        seen[f"{where}, {asks}, {end.request}"] += 1
        seen["topologies"] += 1

    ask()
    assert seen["topologies"] >= min(TOPOLOGIES, 200)
    asked = seen["passes"] + seen["refused"]
    assert min(seen["passes"], seen["refused"]) >= 0.2 * asked
    # The proxy has read requests at both ends, of both kinds, and has passed and refused each.
    read = {key: many for key, many in seen.items() if "," in key}
    assert len(read) == 8
    assert min(read.values()) >= 0.005 * asked, read


def planted(tree: Any, bug: Mapping[str, Any]) -> Any:
    """With every topic rule changed so; `None` takes a field away, and an empty bug takes the rules away."""
    match tree:
        case {"kafka": _, **others} if not bug:
            return others
        case {"role": _, "topic": _}:
            return {key: value for key, value in {**tree, **bug}.items() if value is not None}
        case dict():
            return {key: planted(value, bug) for key, value in tree.items()}
        case list():
            return [planted(each, bug) for each in tree]
        case _:
            return tree


@pytest.mark.parametrize(
    "bug",
    [{}, {"role": "consume"}, {"role": None}, {"topic": None}, {"topic": "orders"}, {"topic": "Orders.v1"}],
    ids=str,
)
@pytest.mark.parametrize("governs_brokers", [True, False], ids=["read on arrival", "read where it leaves"])
def test_a_planted_bug_is_noticed(kafka_engine: KafkaEngine, bug: Mapping[str, Any], *, governs_brokers: bool) -> None:
    shop, data = Namespace("shop"), Namespace("data")
    web, bus = App("web", namespace=shop), Busy("bus", namespace=data)
    governed = (shop, data) if governs_brokers else (shop,)
    edges: tuple[Pair, ...] = ((web, bus.broker.produce("orders.v1")),)
    topology = Topology("shop", [allow(*edge) for edge in edges], governs=governed)
    pods = (WEB, BUS, *STRANGERS)
    case = Case(topology, edges, frozenset(place.name for place in governed), pods, (BUS,))
    asked = [
        Connection(source, BUS, request=Request(key, topics))
        for source in pods
        for key in TOPICAL
        for topics in ((), ("orders.v1",), ("orders",), ("Orders.v1",), ("orders.v1", "orders"))
    ]
    for version in VERSIONS:
        documents = emitted(topology, on(version))
        assert differences(kafka_engine, case, asked, documents)[1] == []
        assert differences(kafka_engine, case, asked, [planted(each, bug) for each in documents])[1] != []
