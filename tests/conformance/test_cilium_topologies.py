"""What is emitted for a topology on Cilium, asked of Cilium's own policy code, against what its author wrote.

Nothing of zt_dsl judges here: the expected answers come from `tests.cilium_meaning`, which reads the model by brute
force, and the others from the code of Cilium 1.20.2, which is given the YAML as PyYAML reads it. `load` takes
nothing that Cilium would warn of.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from typing import Any, cast

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.backends.cells import CELLS
from tests.cilium_meaning import (
    API_SERVERS,
    ELSEWHERE,
    ENTITIES,
    FAR,
    Calls,
    Lookups,
    Meaning,
    Requests,
    ServerName,
    Verdict,
    probes,
)
from tests.cilium_strategies import Case, cilium_cases, waivers
from tests.conformance.cilium_policies import cilium_policy
from tests.conformance.emitted import documents, planned
from tests.conformance.engines import cilium_engine as engines
from tests.conformance.engines.cilium_engine import (
    Address,
    CiliumEngine,
    Connection,
    Endpoint,
    Peer,
    Pod,
    Request,
    Reserved,
    Settings,
)
from tests.conformance.engines.process import Document, Json
from tests.conformance.test_topologies import builds, named
from tests.meaning import labels_of, services_of
from tests.strategies import ON, Declaration, endpoints_of, kind
from zt_dsl import (
    GET,
    INTERNET,
    Cilium,
    DnsPort,
    External,
    HttpApp,
    HttpPort,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Platform,
    Service,
    TcpPort,
    TlsPort,
    Topology,
    allow,
    deny,
    quarantine,
)
from zt_dsl.backends.base import at
from zt_dsl.backends.cilium import BACKEND
from zt_dsl.compiler import Ready, plan
from zt_dsl.resolve import resolve

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "540"))
PROBES = 200
SHOP = Namespace("shop")
WEB, API = HttpApp("web", namespace=SHOP), HttpApp("api", namespace=SHOP)
# Judged by 1.20's code too: what is emitted for these says there what it should, which is all that can be known here.
OTHERS = ("1.15", "1.16", "1.17", "1.18", "1.19")
# What the plan may refuse: two protocols on one port, where only one can be read.
REFUSED = {"ZT326"}
# Of each endpoint's policy map, as an agent is installed (--bpf-policy-map-max).
LARGEST_MAP = 16384


@frozen
class Question:
    """A topology as it was compiled, connections, and what they should come to."""

    meaning: Meaning
    documents: tuple[Document, ...]
    connections: tuple[Connection, ...]
    expected: tuple[Verdict, ...]
    read: tuple[bool | None, ...]
    seen: Counter[str]

    @property
    def settings(self) -> Settings:
        return Settings(cluster_name=self.meaning.platform.cluster)


def compiled(topology: Topology, platform: Platform) -> tuple[Document, ...] | None:
    """What is emitted; None where the plan has a reason to refuse."""
    ready = planned(topology, platform)
    if not isinstance(ready, Ready):
        assert {found.code for found in ready.diagnostics if found.code.startswith("ZT3")} <= REFUSED, ready.diagnostics
        return None
    return tuple(documents(ready))


def question(meaning: Meaning, many: int, denied: float = 0.1) -> Question | None:
    documents = compiled(meaning.topology, meaning.platform)
    if documents is None:
        return None
    connections = tuple(probes(meaning, Random(0), many, denied))
    expected = tuple(map(meaning.allowed, connections))
    seen = Counter(kind for one, says in zip(connections, expected, strict=True) for kind in kinds(meaning, one, says))
    return Question(meaning, documents, connections, expected, tuple(map(meaning.lookups_read, connections)), seen)


def kinds(meaning: Meaning, connection: Connection, says: Verdict) -> list[str]:
    """What a connection is an example of: where somebody looks inside, and what becomes of it."""
    word = "passes" if says.through else "refused"
    flows = meaning.open_for(connection)
    carried = {type(flow.carried).__name__ for flow in flows}
    if flows and not says.through and (meaning.denied_leaving(connection) or meaning.denied_arriving(connection)):
        return [word, "denied"]
    asked = {Requests.__name__: connection.http, Calls.__name__: connection.http, Lookups.__name__: connection.dns}
    looked = [f"{name} {word}" for name in carried if asked.get(name) or name == ServerName.__name__]
    return [word, *looked]


def answered(connection: Connection, answer: engines.Verdict) -> tuple[bool, bool]:
    """What the ends say that are pods: others have no policy of ours. An end without a policy to ask fails here."""
    return (
        not isinstance(connection.source, Pod) or answer.egress.passes,
        not isinstance(connection.target, Pod) or answer.ingress.passes,
    )


def wrong(engine: CiliumEngine, asked: Question) -> dict[Connection, object]:
    """Each connection of which Cilium says something else, with what both say."""
    engine.load(asked.documents, asked.settings)
    found: dict[Connection, object] = {}
    answers = engine.ask(asked.connections)
    for connection, says, read, answer in zip(asked.connections, asked.expected, asked.read, answers, strict=True):
        ends = answered(connection, answer)
        # Each end, and both together: what one end does not look at, the other has to.
        if ends != (says.egress, says.ingress) or all(ends) is not says.through:
            found[connection] = (says, answer)
        # Whose lookups nobody reads can call nobody by name; a proxy that nobody needs is one that can fail.
        looked_up = asked.meaning.governs(connection.source) and answer.egress.allowed and read is not None
        if looked_up and (answer.egress.proxy == "dns") is not read:
            found[connection] = ("read" if read else "not read", answer)
    return found


def inspected(engine: CiliumEngine, asked: Question) -> list[Endpoint]:
    """The policies in force of a pod of each governed service, among everybody else who was asked about."""
    meaning = asked.meaning
    pods = [Pod(one.namespace.name, labels_of(one), cluster=one.namespace.cluster or "") for one in services(meaning)]
    subjects = [pod for pod in pods if meaning.governs(pod)]
    others = dict.fromkeys(end for one in asked.connections for end in (one.source, one.target))
    found = engine.inspect(subjects, [*(end for end in others if not isinstance(end, Pod)), *pods, *ENTITIES])
    assert None not in found
    return [one for one in found if one is not None]


def services(meaning: Meaning) -> list[Any]:
    return services_of(meaning.topology)


def assert_same(engine: CiliumEngine, asked: Question) -> int:
    """No disagreement, and each policy can be computed: the size of the largest."""
    assert wrong(engine, asked) == {}
    endpoints = inspected(engine, asked)
    assert [one for one in endpoints if one.error or not (one.ingress and one.egress)] == []
    return max((one.entries for one in endpoints), default=0)


# --- random topologies --------------------------------------------------------------------------------


def every(cases: SearchStrategy[Case], many: int) -> Callable[[Callable[[Case], None]], Callable[[], None]]:
    def decorate(ask: Callable[[Case], None]) -> Callable[[], None]:
        return settings(
            deadline=None,
            max_examples=many,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )(given(cases)(ask))

    return decorate


def judged(engine: CiliumEngine, cases: SearchStrategy[Case], many: int) -> tuple[Counter[str], int]:
    """What was seen, and the largest policy map. The engine answers while the next topology is made up."""
    seen: Counter[str] = Counter()
    waiting: list[Future[int]] = []

    with ThreadPoolExecutor(1) as pool:

        @every(cases, many)
        def ask(case: Case) -> None:
            asked = question(case.meaning, PROBES)
            if asked is None:
                seen["not compiled"] += 1
                return
            seen["topologies"] += 1
            seen.update(asked.seen)
            waiting.append(pool.submit(assert_same, engine, asked))

        ask()
    if any(one.exception() for one in waiting):

        @every(cases, many)
        def again(case: Case) -> None:  # and down to the smallest
            asked = question(case.meaning, PROBES)
            if asked is not None:
                assert_same(engine, asked)

        again()
    return seen, max(one.result() for one in waiting)


def test_cilium_says_of_every_topology_what_its_author_wrote(
    cilium_engine: CiliumEngine, record_testsuite_property: Callable[[str, object], None]
) -> None:
    seen, largest = judged(cilium_engine, cilium_cases(), TOPOLOGIES)
    record_testsuite_property("topologies on Cilium", dict(seen))
    record_testsuite_property("largest policy map on Cilium", largest)
    assert largest < LARGEST_MAP
    assert seen["topologies"] >= min(TOPOLOGIES * 0.8, 500)
    asked = seen["passes"] + seen["refused"]
    assert asked >= 0.9 * PROBES * seen["topologies"]
    assert min(seen["passes"], seen["refused"]) >= 0.3 * asked
    # Somebody looked inside, and both let through and refused what was there.
    for name in (Requests, Calls, Lookups, ServerName):
        assert min(seen[f"{name.__name__} {word}"] for word in ("passes", "refused")) >= 0.003 * asked, seen
    assert seen["denied"] >= 0.002 * asked


@pytest.mark.parametrize("version", OTHERS)
def test_what_is_emitted_for_other_versions_means_the_same(cilium_engine: CiliumEngine, version: str) -> None:
    seen, _ = judged(cilium_engine, cilium_cases(version), max(1, TOPOLOGIES // 50))
    assert min(seen["passes"], seen["refused"]) > 0


# --- the table ----------------------------------------------------------------------------------------

NEWEST = at(BACKEND, "1.20")
assert NEWEST is not None
EXACT = sorted(line.feature for line in NEWEST.capabilities if line.support == "exact")


@pytest.mark.parametrize("feature", EXACT)
def test_what_the_table_calls_exact_is_what_cilium_does(cilium_engine: CiliumEngine, feature: str) -> None:
    platform = Platform("cilium", network=Cilium("1.20"), pod_cidrs=["10.244.0.0/16"])
    asked = question(Meaning(CELLS[feature].topology(), platform), PROBES)
    assert asked is not None
    assert_same(cilium_engine, asked)
    assert min(asked.seen["passes"], asked.seen["refused"]) > 0


# --- denials ------------------------------------------------------------------------------------------


def foreign(namespace: str) -> Document:
    """Somebody else's policy, which allows every pod of the namespace everything."""
    ingress: Json = [{"fromEntities": ["all"]}]
    egress: Json = [{"toEntities": ["all"]}]
    return cilium_policy({"endpointSelector": {}, "ingress": ingress, "egress": egress}, namespace, "foreign")


def test_what_is_denied_is_refused_whatever_somebody_else_allows(cilium_engine: CiliumEngine) -> None:
    seen: Counter[str] = Counter()

    @every(cilium_cases().filter(lambda case: bool(case.meaning.denied)), max(1, TOPOLOGIES // 14))
    def ask(case: Case) -> None:
        asked = question(case.meaning, PROBES // 2, denied=0.5)
        if asked is None:
            return
        meaning = case.meaning
        foreigners = [foreign(name) for _, name in meaning.governed]
        cilium_engine.load([*asked.documents, *foreigners], asked.settings)
        bare = [evolve(connection, http=None, dns="", server_name="") for connection in asked.connections]
        for connection, answer in zip(bare, cilium_engine.ask(bare), strict=True):
            denied = meaning.denied_leaving(connection), meaning.denied_arriving(connection)
            allowed = tuple(
                end.allowed or not isinstance(pod, Pod)
                for end, pod in ((answer.egress, connection.source), (answer.ingress, connection.target))
            )
            assert allowed == tuple(not each for each in denied), (connection, answer)
            seen["denied" if any(denied) else "opened" if not meaning.allowed(connection).through else "allowed"] += 1

    ask()
    assert min(seen.values()) >= 0.05 * seen.total(), seen


def test_a_quarantine_is_for_everyone_but_the_own_node_that_calls(cilium_engine: CiliumEngine) -> None:
    """The kubelet's probes come from there, and a pod that fails them is started anew."""
    topology = Topology("shop", [allow(API, WEB.http), quarantine(WEB, why="INC-7")], governs=[SHOP])
    documents = compiled(topology, Platform("cilium", network=Cilium("1.20")))
    assert documents is not None
    cilium_engine.load([*documents, foreign("shop")])
    web, node = Pod("shop", {"app": "web"}), Reserved(("host",))
    pods = [Pod(space, {"app": "api"}, cluster=cluster) for space in ("shop", "pay") for cluster in ("", FAR)]
    everyone: list[Peer] = [web, *pods, *ENTITIES, *API_SERVERS, *map(Address, ELSEWHERE)]
    calling = cilium_engine.ask(Connection(one, web, port=8080) for one in everyone)
    assert [one for one, answer in zip(everyone, calling, strict=True) if answer.ingress.allowed] == [node]
    called = cilium_engine.ask(Connection(web, one, port=8080) for one in everyone)
    assert [one for one, answer in zip(everyone, called, strict=True) if answer.egress.allowed] == []


# --- examples -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", builds(), ids=lambda it: f"{it['topology']} {it.get('platform', '')}")
def test_cilium_says_of_every_example_what_its_author_wrote(
    cilium_engine: CiliumEngine, wanted: Mapping[str, Any]
) -> None:
    topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
    written = cast("Platform", named(wanted["platform"], {}))
    platform = evolve(written, network=Cilium("1.20"), waivers=waivers(topology))
    asked = question(Meaning(topology, platform), 500)
    assert asked is not None
    assert_same(cilium_engine, asked)
    assert len(asked.connections) == 500
    assert min(asked.seen["passes"], asked.seen["refused"]) >= 50


# --- disagreements that were found --------------------------------------------------------------------


def disagreements(
    engine: CiliumEngine, statements: Sequence[Any], connections: Sequence[Connection], **platform: Any
) -> list[Connection]:
    """The connections of which the engine says something else than the meaning."""
    topology = Topology("shop", statements, governs=[SHOP])
    meaning = Meaning(topology, Platform("cilium", network=Cilium("1.20"), **platform))
    documents = compiled(topology, meaning.platform)
    assert documents is not None
    expected, read = tuple(map(meaning.allowed, connections)), (None,) * len(connections)
    return list(wrong(engine, Question(meaning, documents, tuple(connections), expected, read, Counter())))


class ManyTls(External):
    tls = TlsPort(8443, last=8444)


def test_each_port_of_a_tls_range_asks_for_the_name(cilium_engine: CiliumEngine) -> None:
    documents = compiled(
        Topology("shop", [allow(WEB, ManyTls("api.example.com").tls)], governs=[SHOP]),
        Platform("cilium", network=Cilium("1.20")),
    )
    assert documents is not None
    cilium_engine.load(documents)
    target = Address(ELSEWHERE[0], ("api.example.com",))
    asked = [
        Connection(Pod("shop", {"app": "web"}), target, port=port, server_name=name)
        for port in (8443, 8444)
        for name in ("api.example.com", "evil.example.com", "")
    ]
    assert [one.passes for one in cilium_engine.ask(asked)] == [True, False, False] * 2


class Spoken(External):
    https = TlsPort(443)
    http = HttpPort(80)


class Everywhere(Network):
    all = TcpPort(1, last=1000)


@pytest.mark.parametrize("ip", ["203.0.113.7", "169.254.169.254", "2001:db8::1"])
def test_a_name_beside_internet_keeps_what_narrows_it(cilium_engine: CiliumEngine, ip: str) -> None:
    """An address of that name may be excluded, link-local, or IPv6 where INTERNET is not: only the edge to the name
    leads there, and only as far as it goes."""
    everywhere = Everywhere("everywhere", cidrs=INTERNET.cidrs, excluding=["203.0.113.0/25"])
    api = Spoken("api.example.com")
    statements = [allow(WEB, everywhere.all), allow(WEB, api.https), allow(WEB, api.http.routes(GET("/x")))]
    pod, target = Pod("shop", {"app": "web"}), Address(ip, ("api.example.com",))
    asked = [
        *(Connection(pod, target, port=443, server_name=name) for name in ("api.example.com", "evil.example", "")),
        *(Connection(pod, target, port=80, http=Request(path=path)) for path in ("/x", "/y")),
    ]
    assert disagreements(cilium_engine, statements, asked, pod_cidrs=["10.244.0.0/16"]) == []


def test_a_deny_of_addresses_that_only_pods_have_is_refused() -> None:
    """Not with a ValueError, as lowering it ends."""
    statements = [allow(WEB, API.http), deny(Network("pods", cidrs=["10.244.7.0/24"]), WEB, why="no")]
    topology = Topology("shop", statements, governs=[SHOP])
    policy = resolve(topology, Platform("cilium", network=Cilium("1.20"), pod_cidrs=["10.244.0.0/16"]), on=ON).policy
    assert policy is not None
    ready = plan(policy)
    assert not isinstance(ready, Ready)
    assert [found.code for found in ready.diagnostics] == ["ZT323"]


class Ranged(KubeDns):
    range = TcpPort(50, last=60)


class Link(Network):
    range = TcpPort(50, last=60)


RESOLVER, LINK = Ranged(), Link("link", cidrs=["169.254.0.0/16"])
ASKED = RESOLVER.dns.names("a.example.com")


@pytest.mark.parametrize(
    "statements",
    [
        [allow(WEB, ASKED), allow(WEB, RESOLVER.range)],
        [allow(WEB, ASKED), allow(SHOP, RESOLVER.range)],
        [allow(SHOP, ASKED), allow(WEB, RESOLVER.range)],
        [allow(WEB, ASKED), allow(WEB, LINK.range)],
    ],
    ids=["own", "of the namespace", "for the namespace", "of a network"],
)
def test_a_range_beside_lookups_is_whole(cilium_engine: CiliumEngine, statements: Sequence[Any]) -> None:
    """Cilium's DNS proxy knows the port's own rule alone, and would go on reading what the range lets through."""
    pod, local = Pod("shop", {"app": "web"}), "169.254.20.10"
    asked = [
        Connection(pod, target, protocol, 53, dns=name)
        for target in (Pod("kube-system", {"k8s-app": "kube-dns"}), Address(local))
        for protocol in ("TCP", "UDP")
        for name in ("a.example.com", "evil.example")
    ]
    assert disagreements(cilium_engine, statements, asked, dns=RESOLVER, node_local_dns=local) == []


class Mixed(External):
    https = TlsPort(443)
    raw = TcpPort(443)


MIXED = Mixed("api.example.com")
NAMED = tuple(
    Connection(Pod("shop", {"app": app}), Address(ELSEWHERE[0], (MIXED.name,)), port=443, server_name=name)
    for app in ("web", "api")
    for name in (MIXED.name, "evil.example", "")
)


def test_a_whole_port_beside_a_server_name_is_whole(cilium_engine: CiliumEngine) -> None:
    """All pods of a namespace may call the whole port, and one of its services asks for the name."""
    assert disagreements(cilium_engine, [allow(WEB, MIXED.https), allow(SHOP, MIXED.raw)], NAMED) == []


def test_a_server_name_beside_the_whole_port_is_refused() -> None:
    """The other way round: the narrowed flow is the wider one, and nothing can make it whole. Of one selector and port
    Cilium keeps the server names of any rule."""
    topology = Topology("shop", [allow(SHOP, MIXED.https), allow(WEB, MIXED.raw)], governs=[SHOP])
    assert compiled(topology, Platform("cilium", network=Cilium("1.20"))) is None


def test_more_ports_than_one_element_takes(cilium_engine: CiliumEngine) -> None:
    """Forty are what Cilium takes together, in a denial too."""
    declared = [Declaration(f"p{number}", "tcp", 1000 + 2 * number) for number in range(95)]
    many = kind(Service, declared)("many", namespace=SHOP)
    ends = endpoints_of(many)
    statements = [*(allow(WEB, end) for end in ends), deny(API, ends, why="not theirs")]
    asked = [
        Connection(Pod("shop", {"app": app}), Pod("shop", {"app": "many"}), port=port)
        for app in ("web", "api")
        for port in range(999, 1192)
    ]
    assert disagreements(cilium_engine, statements, asked) == []


def test_any_name_that_a_namespace_does_not_need_is_not_looked_up(cilium_engine: CiliumEngine) -> None:
    """An edge of the whole namespace derives lookups for each of its pods, and what one service names would be void."""
    asked = [
        Connection(Pod("shop", {"app": app}), Pod("kube-system", {"k8s-app": "kube-dns"}), "UDP", 53, dns=name)
        for app in ("web", "api", "stranger")
        for name in ("a.example.com", "evil.example", "api.shop.svc.cluster.local")
    ]
    lookups = KubeDns().dns.names("a.example.com")
    assert disagreements(cilium_engine, [allow(SHOP, API.http), allow(WEB, lookups)], asked) == []
    assert [one.passes for one in cilium_engine.ask(asked)] == [True, False, True, *[False, False, True] * 2]
    assert disagreements(cilium_engine, [allow(SHOP, lookups), allow(WEB, API.http)], asked) == []
    assert [one.passes for one in cilium_engine.ask(asked)] == [True, False, True] * 3


def test_a_deny_of_the_nodes_lets_the_pod_s_own_node_probe_it(cilium_engine: CiliumEngine) -> None:
    nodes = [Reserved(("host",)), Reserved(("remote-node",)), Reserved(("remote-node", "kube-apiserver"))]
    asked = [Connection(one, Pod("shop", {"app": "web"}), port=8080) for one in nodes]
    assert disagreements(cilium_engine, [allow(API, WEB.http), deny(Nodes(), WEB, why="no")], asked) == []
    assert [one.passes for one in cilium_engine.ask(asked)] == [True, False, False]


def test_a_service_in_quarantine_is_out_of_what_its_whole_namespace_may_do(cilium_engine: CiliumEngine) -> None:
    statements = [allow(SHOP, API.http), quarantine(WEB, why="INC-7")]
    asked = [
        Connection(Pod("shop", {"app": app}), target, port=port)
        for app in ("web", "other")
        for target, port in ((Pod("shop", {"app": "api"}), 8080), (Pod("kube-system", {"k8s-app": "kube-dns"}), 53))
    ]
    assert disagreements(cilium_engine, statements, asked) == []
    assert [one.passes for one in cilium_engine.ask(asked)] == [False, False, True, True]


class TwoPorts(KubeDns):
    other = DnsPort(5353)


def test_an_edge_to_another_port_of_the_resolver_does_not_take_dns_away(cilium_engine: CiliumEngine) -> None:
    resolver = TwoPorts()
    lookup = Connection(Pod("shop", {"app": "web"}), Pod("kube-system", {"k8s-app": "kube-dns"}), "UDP", 53)
    statements = [allow(WEB, resolver.other), allow(WEB, API.http)]
    assert disagreements(cilium_engine, statements, [lookup, evolve(lookup, port=5353)], dns=resolver) == []
