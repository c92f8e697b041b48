"""The compiler as a whole: what holds for every topology, and what each word becomes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any, TypeAlias, cast, get_args

import pytest
import yaml
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.meaning import End, Meaning, Pod, Probe, Verdict, in_force, probes, services_of
from tests.strategies import ON, Case, cases, denials_of, facets_of, mtls_demands
from zt_dsl import (
    GET,
    INTERNET,
    ApiServer,
    DnsPort,
    Edge,
    External,
    Feature,
    GrpcPort,
    HttpApp,
    HttpPort,
    HttpsApi,
    Istio,
    KafkaPort,
    KubeDns,
    Kubernetes,
    Namespace,
    Network,
    Nodes,
    Platform,
    Service,
    Statement,
    TcpPort,
    TlsPort,
    Topology,
    Waiver,
    allow,
    deny,
    quarantine,
)
from zt_dsl.backends.base import sayable
from zt_dsl.backends.kubernetes import BACKEND
from zt_dsl.backends.kubernetes.schemas import check
from zt_dsl.compiler import Build, Ready, Refused, build, plan, prove
from zt_dsl.diagnostics import Diagnostic, errors
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.passes import PASSES, widen
from zt_dsl.reach.connection import Connection, Far, Named
from zt_dsl.reach.declared import reach_of
from zt_dsl.reach.difference import Difference, differences
from zt_dsl.resolve import resolve

ROOT = Path(__file__).parents[1]
Tree: TypeAlias = Any  # documents as PyYAML gives them

properties = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
thorough = settings(properties, max_examples=200)


# --- the pipeline ---------------------------------------------------------------------------------------


def planned(topology: Topology, platform: Platform, on: date = ON) -> Ready | Refused:
    resolved = resolve(topology, platform, on=on)
    told = [f"{found.code} {found.message}" for found in resolved.diagnostics]
    assert [each for each in told if not each.startswith("ZT410")] == []  # services are drawn with modes everywhere
    assert resolved.policy is not None
    return plan(resolved.policy)


def built(topology: Topology, platform: Platform) -> tuple[Ready, Build]:
    ready = planned(topology, platform)
    assert [f"{found.code} {found.message}" for found in errors(ready.diagnostics)] == []
    assert isinstance(ready, Ready)
    return ready, build(ready, ROOT)


def manifests(made: Build) -> dict[str, bytes]:
    return {path: made.files[path] for path in made.manifests}


@cache
def parsed(data: bytes) -> tuple[Tree, ...]:
    """As PyYAML reads it: no part of zt_dsl has a hand in that."""
    return tuple(yaml.load_all(data, Loader=yaml.CSafeLoader))


def objects(made: Build) -> dict[tuple[str, str], Tree]:
    found = [document for data in manifests(made).values() for document in parsed(data)]
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one["spec"] for one in found}


def codes(topology: Topology, platform: Platform) -> list[str]:
    """What there is to say, of the model and of the plan."""
    resolved = resolve(topology, platform, on=ON)
    said = resolved.diagnostics if resolved.policy is None else plan(resolved.policy).diagnostics
    return [found.code for found in said]


def values(tree: Tree) -> Iterator[Tree]:
    yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from values(child)


# --- every topology ---------------------------------------------------------------------------------------


@thorough
@given(cases())
def test_what_is_valid_is_compiled_and_proven_and_said_in_canonical_form(case: Case) -> None:
    ready, made = built(case.topology, case.platform)
    assert prove(ready, manifests(made).items()).diagnostics == ()
    assert [found.code for found in ready.diagnostics if found.code == "ZT401"] == []
    documents = [document for data in manifests(made).values() for document in parsed(data)]
    assert [problem for document in documents for problem in check(document)] == []
    assert len(documents) == made.objects == len(objects(made))
    governed = [place.name for place in case.topology.governs]
    services = [one for one in services_of(case.topology) if one.namespace.name in governed]
    assert len(documents) <= len(services) + 2 * len(governed) + 1
    for document in documents:
        assert [value for value in values(document) if value == []] == []
        assert document["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert peers_of(document) == [peer for peer in peers_of(document) if has_its_place(peer)]
    assert [name for _, name in objects(made)].count("default-deny") == len(set(governed))


def peers_of(document: Tree) -> list[Tree]:
    sections = (("ingress", "from"), ("egress", "to"))
    return [peer for section, end in sections for rule in document["spec"].get(section, ()) for peer in rule[end]]


def has_its_place(peer: Tree) -> bool:
    return "ipBlock" in peer or list(peer["namespaceSelector"]["matchLabels"]) == ["kubernetes.io/metadata.name"]


@settings(properties, max_examples=100)
@given(cases())
def test_what_is_emitted_means_what_was_written(case: Case) -> None:
    """By two brute-force readings that share nothing with the proof: of the model, and of the YAML. Four times as many
    topologies are asked of an engine (`tests/conformance/test_topologies.py`)."""
    _, made = built(case.topology, case.platform)
    specs = objects(made)
    asked = probes(case.meaning, Random(0), 160)
    expected = [expected_of(case.meaning, probe) for probe in asked]
    assert expected == [Verdict(*emitted(specs, probe)) for probe in asked]


@settings(properties, max_examples=60)
@given(cases())
def test_passes_are_idempotent(case: Case) -> None:
    resolved = resolve(case.topology, case.platform, on=ON).policy
    assert resolved is not None
    policy = widen(resolved, lambda _policy, feature, _asked: feature in sayable(BACKEND)).policy
    for run in PASSES:
        policy = run(policy)
        assert run(policy) == policy


@settings(properties, max_examples=100)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_listed_is_nobodys_meaning(case: Case, random: Random) -> None:
    def shuffled(values: Iterable[Any]) -> list[Any]:
        return random.sample(list(values), len(list(values)))

    topology = case.topology
    other = evolve(
        topology,
        statements=shuffled(topology.statements),
        governs=shuffled(topology.governs),
        services=shuffled(topology.services),
    )
    (_, one), (_, two) = built(topology, case.platform), built(other, case.platform)
    assert one.files == two.files
    assert one.manifests == two.manifests


@settings(properties, max_examples=100)
@given(cases(), st.data())
def test_an_edge_between_services_changes_two_objects(case: Case, data: st.DataObject) -> None:
    """And the resolver's own, where that is governed and it is a caller's first edge."""
    edges = [
        statement
        for statement in case.topology.statements
        if isinstance(statement, Edge)
        and len(statement.sources) == 1
        and isinstance(statement.sources[0], Service)
        and isinstance(statement.target.peer, Service)
    ]
    if not edges:
        return
    edge = data.draw(st.sampled_from(edges))
    without = [statement for statement in case.topology.statements if statement is not edge]
    services = services_of(case.topology)
    with_it = evolve(case.topology, services=services)
    without_it = evolve(case.topology, statements=without, services=services)
    after, before = objects(built(with_it, case.platform)[1]), objects(built(without_it, case.platform)[1])
    changed = [key for key in after | before if after.get(key) != before.get(key)]
    dns = case.platform.dns
    ours = [key for key in changed if key != (dns.namespace.name, f"allow-{dns.name}")]
    assert len(ours) <= 2
    assert len(changed) <= 3


@settings(properties, max_examples=100)
@given(cases(waived=False))
def test_without_waivers_there_is_one_refusal_for_each_edge_and_facet(case: Case) -> None:
    facets = {
        (CODES[feature], text_of(edge), edge.written_at.frames)
        for edge, _, endpoint in in_force(case.topology)
        for feature in facets_of(endpoint)
    }
    expected = [code for code, _, _ in facets]
    expected += ["ZT316"] * len(denials_of(case.topology)) + ["ZT317"] * len(mtls_demands(case.topology))
    found = errors(planned(case.topology, case.platform).diagnostics)
    assert sorted(expected) == sorted(diagnostic.code for diagnostic in found)
    assert [diagnostic for diagnostic in found if not diagnostic.labels or "Waiver(" not in diagnostic.help] == []


CODES: Mapping[Feature, str] = {
    "http-routes": "ZT310",
    "grpc-methods": "ZT311",
    "kafka-topics": "ZT312",
    "dns-names": "ZT313",
    "fqdn": "ZT314",
    "fqdn-wildcard": "ZT315",
    "deny": "ZT316",
    "mtls": "ZT317",
}


def text_of(edge: Edge) -> tuple[object, ...]:
    """What tells the edges of one line apart to a reader."""
    return (*(getattr(source, "name", "") for source in edge.sources), edge.target.peer.name, edge.target.port)


# --- by brute force: what policies in force permit ----------------------------------------------------------


def expected_of(meaning: Meaning, probe: Probe) -> Verdict:
    return meaning.allowed(probe.source, probe.target, probe.protocol, probe.port)


def emitted(specs: Mapping[tuple[str, str], Tree], probe: Probe) -> tuple[bool, bool]:
    """What these policies say of a connection at its egress and at its ingress end."""
    return (
        permits(specs, "Egress", probe.source, probe.target, probe.protocol, probe.port),
        permits(specs, "Ingress", probe.target, probe.source, probe.protocol, probe.port),
    )


def permits(
    specs: Mapping[tuple[str, str], Tree], direction: str, subject: End, remote: End, protocol: str, port: int
) -> bool:
    """One end's word: no policy selects it, or a rule of one that does lets this through."""
    if not isinstance(subject, Pod):
        return True
    chosen = [
        (namespace, spec)
        for (namespace, _), spec in specs.items()
        if namespace == subject.namespace and direction in types(spec) and selects(spec.get("podSelector"), subject)
    ]
    section, end = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return not chosen or any(
        (not rule.get(end) or any(is_peer(peer, remote, namespace) for peer in rule[end]))
        and (not rule.get("ports") or any(is_port(one, protocol, port) for one in rule["ports"]))
        for namespace, spec in chosen
        for rule in spec.get(section) or ()
    )


def types(spec: Tree) -> Sequence[str]:
    default = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return spec.get("policyTypes") or default


def selects(selector: Tree, pod: Pod) -> bool:
    return ((selector or {}).get("matchLabels") or {}).items() <= dict(pod.labels).items()


def is_peer(peer: Tree, remote: End, namespace: str) -> bool:
    if isinstance(remote, str):
        block = peer.get("ipBlock")
        return block is not None and in_block(remote, block)
    if "ipBlock" in peer:
        return False
    place = Pod("", {"kubernetes.io/metadata.name": remote.namespace})
    places = peer.get("namespaceSelector")
    there = remote.namespace == namespace if places is None else selects(places, place)
    return there and selects(peer.get("podSelector"), remote)


def in_block(address: str, block: Tree) -> bool:
    found = ip_address(address)
    return found in ip_network(block["cidr"]) and not any(found in ip_network(hole) for hole in block.get("except", ()))


def is_port(one: Tree, protocol: str, port: int) -> bool:
    if one.get("protocol", "TCP") != protocol:
        return False
    return "port" not in one or one["port"] <= port <= one.get("endPort", one["port"])


# --- edited bytes -----------------------------------------------------------------------------------------


def edits_of(files: Mapping[str, bytes]) -> list[tuple[str, str, int, Callable[[Tree], Tree | None]]]:
    """Each way to change one document: the operator's name, file, document, and the change (None: drop it)."""
    return [
        (name, path, index, change)
        for path, data in files.items()
        for index, document in enumerate(parsed(data))
        for name, change in changes_of(document)
    ]


def applied(
    files: Mapping[str, bytes], path: str, index: int, change: Callable[[Tree], Tree | None]
) -> dict[str, bytes]:
    documents = list(json.loads(json.dumps(parsed(files[path]))))
    changed = change(documents[index])
    documents[index : index + 1] = [] if changed is None else [changed]
    text = yaml.dump_all(documents, Dumper=_Plain, sort_keys=False)
    return {**files, path: text.encode()} if documents else {p: data for p, data in files.items() if p != path}


class _Plain(yaml.SafeDumper):
    """Every string quoted, every value written out: what readers could disagree on would be refused."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


_Plain.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


Change: TypeAlias = Callable[[Tree], object]


def at(path: Sequence[str | int], change: Change) -> Callable[[Tree], Tree]:
    """The change, made to what stands there."""

    def edit(tree: Tree) -> Tree:
        inner = tree
        for step in path:
            inner = inner[step]
        change(inner)
        return tree

    return edit


def put(**fields: Tree) -> Change:
    return lambda tree: tree.update(fields)


def drop(*keys: str | int) -> Change:
    def change(tree: Tree) -> None:
        for key in keys:
            if isinstance(tree, list):
                tree[:] = [one for number, one in enumerate(tree) if number != key]
            else:
                tree.pop(key, None)

    return change


def changes_of(document: Tree) -> Iterator[tuple[str, Callable[[Tree], Tree | None]]]:
    """What a person, a merge or a bug could do to it."""
    spec = document["spec"]
    yield "remove the object", lambda _: None
    yield "another namespace", at(["metadata"], put(namespace="pay"))
    yield "ingress alone", at(["spec"], put(policyTypes=["Ingress"]))
    yield "egress alone", at(["spec"], put(policyTypes=["Egress"]))
    yield "delete policyTypes", at(["spec"], drop("policyTypes"))
    yield "select every pod", at(["spec"], put(podSelector={}))
    yield "select other pods", at(["spec"], put(podSelector={"matchLabels": {"app": "other"}}))
    for section, end in (("ingress", "from"), ("egress", "to")):
        yield f"open {section}", at(["spec"], put(**{section: [{}]}))
        yield f"drop {section}", at(["spec"], drop(section))
        for number, rule in enumerate(spec.get(section, ())):
            here: list[str | int] = ["spec", section, number]
            yield "drop a rule", at(here[:-1], drop(number))
            yield "drop the ports", at(here, drop("ports"))
            yield "drop the peers", at(here, drop(end))
            for place, peer in enumerate(rule[end]):
                for name, change in _peer_changes(peer):
                    yield name, at([*here, end, place], change)
                yield "drop a peer", at([*here, end], drop(place))
            for place, port in enumerate(rule["ports"]):
                for name, change in _port_changes(port):
                    yield name, at([*here, "ports", place], change)


def _peer_changes(peer: Tree) -> Iterator[tuple[str, Change]]:
    if "ipBlock" in peer:
        yield from ((name, at(["ipBlock"], change)) for name, change in _block_changes(peer["ipBlock"]))
        return
    yield "swap the namespace", at(["namespaceSelector", "matchLabels"], put(**{"kubernetes.io/metadata.name": "ops"}))
    yield "every namespace", put(namespaceSelector={})
    yield "the same namespace", put(namespaceSelector=None)
    yield "every pod", put(podSelector={})
    for key, value in peer.get("podSelector", {}).get("matchLabels", {}).items():
        yield "another value", at(["podSelector", "matchLabels"], put(**{key: f"{value}x"}))
        yield "drop a label", at(["podSelector", "matchLabels"], drop(key))


def _block_changes(block: Tree) -> Iterator[tuple[str, Change]]:
    network = ip_network(block["cidr"])
    if "except" in block:
        yield "drop except", drop("except")
        if len(block["except"]) > 1:
            yield "drop an exception", at(["except"], drop(0))
    elif network.prefixlen < network.max_prefixlen:
        yield "halve the block", put(cidr=str(next(network.subnets())))
    if network.prefixlen:
        yield "widen the block", put(cidr=str(network.supernet()))


def _port_changes(port: Tree) -> Iterator[tuple[str, Change]]:
    first, last = port["port"], port.get("endPort", port["port"])
    yield "every port", drop("port", "endPort")
    yield "another protocol", put(protocol={"TCP": "UDP", "UDP": "SCTP", "SCTP": "TCP"}[port["protocol"]])
    yield "no protocol", drop("protocol")
    if last < 65535:
        yield "widen the range", put(endPort=last + 1)
        yield "the next port", put(port=first + 1, endPort=last + 1)
    if first > 1:
        yield "begin earlier", put(port=first - 1, endPort=last)
    if "endPort" in port:
        yield "drop endPort", drop("endPort")


@settings(properties, max_examples=200)
@given(cases(), st.data())
def test_an_edited_manifest_is_told_by_the_proof(case: Case, data: st.DataObject) -> None:
    """Whatever changes what some pod may do is found, on its side; and each example that is given is one."""
    ready, made = built(case.topology, case.platform)
    files = manifests(made)
    offered = edits_of(files)
    operators = sorted({name for name, _, _, _ in offered})
    operator = operators[data.draw(st.integers(0, len(operators) - 1))]
    of_operator = [edit for edit in offered if edit[0] == operator]
    _, path, index, change = of_operator[data.draw(st.integers(0, len(of_operator) - 1))]
    edited = applied(files, path, index, change)
    specs: dict[tuple[str, str], Tree] = {}
    for content in edited.values():
        for number, document in enumerate(parsed(content)):
            about = document["metadata"]
            key = (about["namespace"], about["name"])
            specs[(about["namespace"], f"{about['name']}-{number}") if key in specs else key] = document["spec"]
    found = {diagnostic.code for diagnostic in prove(ready, edited.items()).diagnostics}
    assert found <= {"ZT501", "ZT502", "ZT503", "ZT504", "ZT505"}
    if not found & {"ZT501", "ZT504", "ZT505"}:
        changed: set[str] = set()
        for probe in probes(case.meaning, Random(1), 100):
            old, new = expected_of(case.meaning, probe), Verdict(*emitted(specs, probe))
            for before, after in ((old.egress, new.egress), (old.ingress, new.ingress)):
                changed |= {"ZT502"} if after and not before else {"ZT503"} if before and not after else set()
        assert changed - found == set(), operator
        for difference in found_by_algebra(ready, edited):
            wider = difference.kind == "wider"
            said, permitted = said_of(case.meaning, difference.example), permitted_by(specs, difference.example)
            assert (not wider, wider) == (said, permitted), f"{operator}: {difference.example}"


def found_by_algebra(ready: Ready, files: Mapping[str, bytes]) -> Sequence[Difference]:
    documents: list[ReadDocument] = []
    for path, data in files.items():
        found = read(data, path)
        assert not isinstance(found, Diagnostic)
        documents.extend(found)
    namespaces = sorted(place.namespace for place in ready.policy.governed)
    permitted, problems = BACKEND.read(documents, frozenset(namespaces), ready.policy.platform)
    assert problems == ()
    return differences(reach_of(ready.policy, joins_clusters=False), permitted, namespaces)


def ends_of(example: Connection) -> tuple[Pod, End]:
    def end(one: Far) -> End:
        assert not isinstance(one, Named)
        return one if isinstance(one, str) else Pod(one.namespace, dict(one.labels))

    return cast("Pod", end(example.subject)), end(example.remote)


def said_of(meaning: Meaning, example: Connection) -> bool:
    subject, remote = ends_of(example)
    if example.direction == "Egress":
        return meaning.allowed(subject, remote, example.protocol, example.port).egress
    return meaning.allowed(remote, subject, example.protocol, example.port).ingress


def permitted_by(specs: Mapping[tuple[str, str], Tree], example: Connection) -> bool:
    subject, remote = ends_of(example)
    return permits(specs, example.direction, subject, remote, example.protocol, example.port)


# --- by hand: what each word becomes -----------------------------------------------------------------------

shop, ops = Namespace("shop"), Namespace("ops")
web = HttpApp("web", namespace=shop)
api = HttpApp("api", namespace=shop)
stripe = HttpsApi("api.stripe.com")


class Tcp(Network):
    tcp = TcpPort(5432)


office = Tcp("office", cidrs=["203.0.113.0/24"])
PODS = ("10.244.0.0/16",)


def native(**more: Any) -> Platform:
    return Platform("native", **{"network": Kubernetes("1.37"), **more})


def topology(*statements: Statement, governs: Iterable[Namespace] = (shop,)) -> Topology:
    return Topology("example", statements, governs=governs)


def compiled(*statements: Statement, platform: Platform | None = None, **more: Any) -> dict[tuple[str, str], Tree]:
    """The objects of a topology that compiles and is proven."""
    ready, made = built(topology(*statements, **more), platform or native())
    assert prove(ready, manifests(made).items()).diagnostics == ()
    return objects(made)


def refused(*statements: Statement, platform: Platform | None = None, **more: Any) -> list[str]:
    return codes(topology(*statements, **more), platform or native())


def ports(*numbers: int, protocols: Sequence[str] = ("TCP",)) -> list[Tree]:
    return [{"protocol": protocol, "port": number} for number in numbers for protocol in protocols]


def pods(namespace: str, **labels: str) -> Tree:
    place = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    chosen = {key.replace("_", "-"): value for key, value in labels.items()}
    return {**place, "podSelector": {"matchLabels": chosen}} if labels else place


DNS = ("TCP", "UDP")
FLOOR = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
ASK = {"to": [pods("kube-system", k8s_app="kube-dns")], "ports": ports(53, protocols=DNS)}


def test_one_edge_is_one_object_at_each_end_and_a_floor() -> None:
    found = compiled(allow(web, api.http))
    call = {"to": [pods("shop", app="api")], "ports": ports(8080)}
    serve = {"from": [pods("shop", app="web")], "ports": ports(8080)}
    types = ["Ingress", "Egress"]
    assert {
        ("shop", "default-deny"): FLOOR,
        ("shop", "allow-web"): {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": types,
            "egress": [ASK, call],
        },
        ("shop", "allow-api"): {
            "podSelector": {"matchLabels": {"app": "api"}},
            "policyTypes": types,
            "ingress": [serve],
        },
    } == found


def test_a_topology_without_edges_is_its_floor() -> None:
    assert compiled() == {("shop", "default-deny"): FLOOR}


# --- DNS


def dns_rules(spec: Tree) -> list[Tree]:
    return [rule for rule in spec.get("egress", ()) if {port["port"] for port in rule["ports"]} <= {53, 5353}]


def test_node_local_dns_is_one_address_beside_the_resolver() -> None:
    spec = compiled(allow(web, api.http), platform=native(node_local_dns="169.254.20.10"))["shop", "allow-web"]
    local = {"to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}], "ports": ports(53, protocols=DNS)}
    assert sorted(map(repr, (ASK, local))) == sorted(map(repr, dns_rules(spec)))


class OpenShiftDns(KubeDns):
    dns = DnsPort(5353, service_port=53)


def test_a_resolver_on_another_port_is_reached_there_and_its_local_one_where_clients_dial() -> None:
    resolver = OpenShiftDns("dns", namespace=Namespace("openshift-dns"), labels={"dns": "default"})
    platform = native(dns=resolver, node_local_dns="169.254.20.10")
    spec = compiled(allow(web, api.http), platform=platform)["shop", "allow-web"]
    pods_rule = {"to": [pods("openshift-dns", dns="default")], "ports": ports(5353, protocols=DNS)}
    local = {"to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}], "ports": ports(53, protocols=DNS)}
    assert sorted(map(repr, (pods_rule, local))) == sorted(map(repr, dns_rules(spec)))


def test_who_calls_networks_alone_asks_for_no_names() -> None:
    found = compiled(allow(web, office.tcp))
    assert [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": ports(5432)}] == found["shop", "allow-web"][
        "egress"
    ]


@pytest.mark.parametrize("other", [HttpPort(9153), DnsPort(5353)])
def test_who_calls_another_port_of_the_resolver_still_asks_it(other: HttpPort | DnsPort) -> None:
    resolver: Any = type("Two", (KubeDns,), {"other": other})()
    found = compiled(allow(web, resolver.other), allow(web, api.http), platform=native(dns=resolver))
    [rule] = [rule for rule in found["shop", "allow-web"]["egress"] if rule["to"] == ASK["to"]]
    assert [port for port in rule["ports"] if port["port"] == 53] == ASK["ports"]
    assert {port["port"] for port in rule["ports"]} == {53, other.number}


def test_an_edge_to_the_resolver_is_to_the_platforms_own() -> None:
    resolver = OpenShiftDns("dns", namespace=Namespace("openshift-dns"), labels={"dns": "default"})
    found = compiled(allow(web, KubeDns().dns), platform=native(dns=resolver))
    rule = {"to": [pods("openshift-dns", dns="default")], "ports": ports(5353, protocols=DNS)}
    assert [rule] == found["shop", "allow-web"]["egress"]


# --- sources


def test_a_governed_namespace_as_a_source_is_one_object_for_all_of_its_pods() -> None:
    pay = Namespace("pay")
    bank = HttpApp("bank", namespace=pay)
    found = compiled(allow(shop, bank.http), governs=[shop, pay])
    call = {"to": [pods("pay", app="bank")], "ports": ports(8080)}
    assert sorted(map(repr, (ASK, call))) == sorted(map(repr, found["shop", "allow.namespace"]["egress"]))
    assert found["shop", "allow.namespace"]["podSelector"] == {}
    assert [{"from": [pods("shop")], "ports": ports(8080)}] == found["pay", "allow-bank"]["ingress"]


def test_a_quarantined_service_has_no_edges_and_gives_none() -> None:
    jobs = HttpApp("jobs", namespace=shop)
    cut = quarantine(api, why="INC-7")
    found = compiled(allow(web, api.http), allow(api, jobs.http), allow(web, jobs.http), cut)
    assert {("shop", "default-deny"), ("shop", "allow-web"), ("shop", "allow-jobs")} == found.keys()
    assert [{"from": [pods("shop", app="web")], "ports": ports(8080)}] == found["shop", "allow-jobs"]["ingress"]


def test_a_quarantined_service_cannot_be_taken_out_of_its_whole_namespace() -> None:
    assert refused(allow(shop, HttpApp("x", namespace=ops).http), quarantine(api, why="INC-7")) == ["ZT250"]


# --- addresses


NEVER_V4 = ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"]
NEVER_V6 = ["::1/128", "fe80::/10", "ff00::/8"]


def internet_of(platform: Platform) -> list[Tree]:
    return list(compiled(allow(INTERNET, web.http), platform=platform)["shop", "allow-web"]["ingress"][0]["from"])


def test_internet_is_every_ipv4_address_less_pods_loopback_link_local_and_multicast() -> None:
    block = {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16", *NEVER_V4]}
    assert [{"ipBlock": block}] == internet_of(native(pod_cidrs=PODS))


def test_internet_holds_ipv6_where_pods_have_it() -> None:
    both = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16", *NEVER_V4]}},
        {"ipBlock": {"cidr": "::/0", "except": ["::1/128", "fd00:10:244::/56", "fe80::/10", "ff00::/8"]}},
    ]
    assert both == internet_of(native(pod_cidrs=[*PODS, "fd00:10:244::/56"]))


def test_a_network_loses_what_is_pods() -> None:
    lan = Network("lan", cidrs=["10.0.0.0/8", "192.168.0.0/16"], excluding=["10.1.0.0/16"])
    found = compiled(allow(lan, web.http), platform=native(pod_cidrs=PODS))["shop", "allow-web"]
    ten = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.244.0.0/16"]}
    assert [{"ipBlock": ten}, {"ipBlock": {"cidr": "192.168.0.0/16"}}] == found["ingress"][0]["from"]


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0/8", "172.20.0.0/16", "192.168.7.0/24", "100.64.1.0/24", "fd00::/48", "8.0.0.0/6"]
)
def test_a_network_that_may_hold_pods_needs_to_know_theirs(cidr: str) -> None:
    lan = Network("lan", cidrs=[cidr])
    assert refused(allow(lan, web.http)) == ["ZT322"]
    assert refused(allow(lan, web.http), platform=native(pod_cidrs=["10.128.0.0/16"])) == []


def test_a_public_network_needs_no_pod_networks_and_internet_does() -> None:
    assert refused(allow(office, web.http)) == []
    assert refused(allow(INTERNET, web.http)) == ["ZT322"]


def test_a_network_wholly_inside_the_pod_networks_has_nothing_left() -> None:
    platform = native(pod_cidrs=["10.244.0.0/17", "10.244.128.0/17"])
    assert refused(allow(Network("lan", cidrs=["10.244.0.0/16"]), web.http), platform=platform) == ["ZT323"]
    assert refused(allow(Network("lan", cidrs=["10.244.0.0/15"]), web.http), platform=platform) == []


def test_the_api_server_and_the_nodes_need_addresses() -> None:
    edges = (allow(web, ApiServer().https), allow(Nodes(), web.http))
    assert sorted(refused(*edges)) == ["ZT320", "ZT321"]
    known = native(api_server=ApiServer(cidrs=["192.0.2.10/32"]), nodes=Nodes(cidrs=["198.51.100.0/24"]))
    found = compiled(*edges, platform=known)["shop", "allow-web"]
    assert [{"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}], "ports": ports(6443)}] == found["egress"]
    assert [{"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": ports(8080)}] == found["ingress"]


# --- where it runs


def test_addresses_of_the_cluster_s_own_are_not_among_its_pods() -> None:
    """A rule for them would be one for pods, whatever their labels."""
    among = native(
        pod_cidrs=PODS,
        api_server=ApiServer(cidrs=["10.244.0.10/32"]),
        nodes=Nodes(cidrs=["10.244.1.0/24"]),
    )
    assert refused(allow(web, ApiServer().https), platform=among) == ["ZT322"]
    assert refused(allow(Nodes(), web.http), platform=among) == ["ZT322"]
    local = native(pod_cidrs=PODS, node_local_dns="10.244.3.4")
    assert refused(allow(web, api.http), platform=local) == ["ZT322"]


def test_a_caller_in_another_cluster_is_refused_as_one_that_is_called_is() -> None:
    there = HttpApp("there", namespace=Namespace("far", cluster="west"))
    assert refused(allow(there, web.http)) == ["ZT324"]
    assert refused(allow(web, there.http)) == ["ZT324"]


def test_a_peer_in_another_cluster_is_refused_and_one_named_in_ones_own_is_not() -> None:
    there = HttpApp("far", namespace=Namespace("far", cluster="west"))
    here = HttpApp("near", namespace=Namespace("near", cluster="default"))
    assert refused(allow(web, there.http)) == ["ZT324"]
    assert refused(allow(web, here.http)) == []


@pytest.mark.parametrize("version", ["1.24", "1.38", "2.0", "", "37", "v1.37"])
def test_a_version_that_is_not_known_is_refused(version: str) -> None:
    assert refused(platform=native(network=Kubernetes(version))) == ["ZT301"]


@pytest.mark.parametrize("version", [*(f"1.{minor}" for minor in range(25, 38)), "1.37.2"])
def test_every_known_version_gives_the_same_objects(version: str) -> None:
    edge = allow(web, api.http)
    assert compiled(edge) == compiled(edge, platform=native(network=Kubernetes(version)))


@pytest.mark.parametrize(
    ("platform", "missing"),
    [
        (native(network=None, mesh=Istio("1.31", mode="ambient")), 1),
        (native(mesh=Istio("1.31", mode="ambient")), 1),
    ],
)
def test_a_backend_that_is_not_there_is_refused(platform: Platform, missing: int) -> None:
    assert ["ZT300"] * missing == refused(allow(web, api.http), platform=platform)


# --- what native NetworkPolicy cannot say


class Kind(Service):
    http = HttpPort(8080)
    grpc = GrpcPort(50051)
    kafka = KafkaPort(9092)
    dns = DnsPort(5353)


every = Kind("every", namespace=shop)
strict = Kind("strict", namespace=shop, mtls="strict")
wild = HttpsApi("*.example.com")

FACETS: Mapping[Feature, tuple[Statement, object]] = {
    "http-routes": (allow(web, every.http.routes(GET("/"))), every.http),
    "grpc-methods": (allow(web, every.grpc.methods("shop.Orders/Get")), every.grpc),
    "kafka-topics": (allow(web, every.kafka.consume("orders")), every),
    "dns-names": (allow(web, every.dns.names("example.com")), shop),
    "fqdn": (allow(web, stripe.https), stripe),
    "fqdn-wildcard": (allow(web, wild.https), wild.https),
    "deny": (deny(ops, every, why="not theirs"), every),
    "mtls": (allow(web, strict.http), strict),
}


@pytest.mark.parametrize("feature", FACETS)
def test_what_cannot_be_said_is_refused_or_waived(feature: Feature) -> None:
    statement, target = FACETS[feature]
    assert [CODES[feature]] == refused(statement, platform=native(pod_cidrs=PODS))
    for waiver in (Waiver(feature, why="later"), Waiver(feature, why="later", target=cast("Any", target))):
        compiled(statement, platform=native(pod_cidrs=PODS, waivers=[waiver]))
        assert refused(statement, platform=native(pod_cidrs=PODS, waivers=[waiver])) == []


@pytest.mark.parametrize("feature", FACETS)
def test_a_waiver_for_another_target_covers_nothing(feature: Feature) -> None:
    statement, _ = FACETS[feature]
    waiver = Waiver(feature, why="later", target=api)
    assert sorted((CODES[feature], "ZT401")) == sorted(
        refused(statement, platform=native(pod_cidrs=PODS, waivers=[waiver]))
    )


def test_a_targeted_waiver_covers_its_target_alone() -> None:
    other = Kind("other", namespace=shop)
    edges = [allow(web, one.http.routes(GET("/"))) for one in (every, other)]
    waiver = Waiver("http-routes", why="later", target=every.http)
    assert refused(*edges, platform=native(waivers=[waiver])) == ["ZT310"]
    assert refused(edges[1], allow(web, every.http.routes(GET("/"))), platform=native(waivers=[waiver])) == ["ZT310"]


def test_a_waiver_for_one_port_does_not_cover_another() -> None:
    waiver = Waiver("grpc-methods", why="later", target=every.http)
    edge = allow(web, every.grpc.methods("shop.Orders/Get"))
    assert sorted(refused(edge, platform=native(waivers=[waiver]))) == ["ZT311", "ZT401"]


@pytest.mark.parametrize(
    ("targets", "expected"), [(None, []), (shop, []), ([web, api], []), (api, ["ZT317"]), (web, ["ZT317"])]
)
def test_strictness_of_a_topology_is_waived_for_each_of_its_services_or_not(targets: Any, expected: list[str]) -> None:
    waivers = [Waiver("mtls", why="later", **({} if targets is None else {"target": targets}))]
    demanding = Topology("example", [allow(web, api.http)], governs=[shop], mtls="strict")
    assert codes(demanding, native(waivers=waivers)) == expected


class Site(External):
    http = HttpPort(80)


def test_an_edge_with_two_facets_is_refused_for_each() -> None:
    edge = allow(web, Site("www.example.com").http.routes(GET("/")))
    platform = native(pod_cidrs=PODS)
    assert sorted(refused(edge, platform=platform)) == ["ZT310", "ZT314"]
    waivers = [Waiver("fqdn", why="later"), Waiver("http-routes", why="later")]
    block = {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16", *NEVER_V4]}
    found = compiled(edge, platform=evolve(platform, waivers=tuple(waivers)))["shop", "allow-web"]["egress"]
    assert {"to": [{"ipBlock": block}], "ports": ports(80)} in found


def test_a_waived_name_needs_the_pod_networks_as_internet_does() -> None:
    platform = native(waivers=[Waiver("fqdn", why="later")])
    assert refused(allow(web, stripe.https), platform=platform) == ["ZT322"]


@pytest.mark.parametrize("feature", get_args(Feature))
def test_a_waiver_that_nothing_needs_is_told(feature: Feature) -> None:
    platform = native(waivers=[Waiver(feature, why="just in case")])
    assert refused(allow(web, api.http), platform=platform) == ["ZT401"]


def test_a_waiver_past_its_date_fails_and_on_its_last_day_does_not() -> None:
    statement, _ = FACETS["http-routes"]
    for until, expected in ((date(2026, 11, 22), ["ZT290"]), (ON, [])):
        waiver = Waiver("http-routes", why="later", until=until)
        assert expected == refused(statement, platform=native(waivers=[waiver]))


def test_a_waiver_for_a_whole_namespace_covers_a_deny_into_it() -> None:
    """The targets of a deny may be a namespace, and so may those of a waiver."""
    waiver = Waiver("deny", why="later", target=shop)
    assert refused(deny(ops, shop, why="not theirs"), platform=native(waivers=[waiver])) == []


# --- the platform's own, port and all


class OtherApiServer(ApiServer):
    https = TlsPort(443)


class OtherNodes(Nodes):
    kubelet = TlsPort(10255)


def test_an_edge_to_the_api_server_or_the_nodes_is_to_the_platforms_port() -> None:
    platform = native(api_server=OtherApiServer(cidrs=["192.0.2.10/32"]), nodes=OtherNodes(cidrs=["192.0.2.20/32"]))
    found = compiled(allow(web, ApiServer().https), allow(web, Nodes().kubelet), platform=platform)
    expected = [
        {"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}], "ports": ports(443)},
        {"to": [{"ipBlock": {"cidr": "192.0.2.20/32"}}], "ports": ports(10255)},
    ]
    assert expected == found["shop", "allow-web"]["egress"]


# --- one name twice


class Resolver(Service):
    dns = DnsPort(53)
    metrics = HttpPort(9153)


@pytest.mark.parametrize("labels", [{"app": "other"}, {"k8s-app": "kube-dns"}])
def test_a_service_of_the_resolvers_name_in_a_governed_namespace_is_told_or_right(labels: Mapping[str, str]) -> None:
    infra = Namespace("infra")
    named_alike = Resolver("kube-dns", namespace=infra, labels=labels, service_account="dns")
    statements = (allow(web, api.http), allow(web, named_alike.metrics))
    platform = native(dns=KubeDns(namespace=infra))
    whole = topology(*statements, governs=[shop, infra])
    resolved = resolve(whole, platform, on=ON)
    if resolved.policy is None:
        assert [found.code for found in resolved.diagnostics] == ["ZT220"]
    else:
        compiled(*statements, governs=[shop, infra], platform=platform)


def called(source: Service, target: HttpApp) -> Edge:
    return allow(source, target.http, why="calls")


def test_an_edge_that_a_helper_wrote_twice_gives_the_same_bytes_in_any_order() -> None:
    edges = [
        called(web, api),
        called(web, api),
        called(web, api),
    ]
    (_, one), (_, two) = built(topology(*edges), native()), built(topology(*reversed(edges)), native())
    assert one.files == two.files
    comments = one.files["shop/web.yaml"].decode().splitlines()
    calls = [line for line in comments if "calls ·" in line]
    assert sorted(calls) == calls


class TwoPorts(Service):
    http = HttpPort(8080)
    admin = TcpPort(9000)


def test_equal_peers_that_are_two_objects_are_one_rule_in_any_order() -> None:
    one, two = TwoPorts("twin", namespace=shop), TwoPorts("twin", namespace=Namespace(shop.name))
    calls = [allow(web, one.http, why="x"), allow(web, two.http, why="x"), allow(web, two.admin, why="x")]
    outputs = [built(topology(*edges), native())[1].files for edges in permutations(calls)]
    assert all(files == outputs[0] for files in outputs)
    written = yaml.safe_load(outputs[0]["shop/web.yaml"])
    to_twin = [rule for rule in written["spec"]["egress"] if "twin" in str(rule["to"])]
    assert [[port["port"] for port in rule["ports"]] for rule in to_twin] == [[8080, 9000]]


def test_flows_whose_equal_ends_are_two_objects_are_lowered_as_one() -> None:
    """Resolve makes them one object; whoever calls `lower` need not."""
    twin = TwoPorts("twin", namespace=shop)
    ready, _ = built(topology(allow(web, twin.http, why="x"), allow(web, twin.admin, why="x")), native())
    apart = tuple(evolve(flow, target=evolve(flow.target)) for flow in ready.policy.flows)
    [layer] = ready.layers
    twins = evolve(ready, layers=(evolve(layer, policy=evolve(layer.policy, flows=apart)),))
    assert build(twins, ROOT).files == build(ready, ROOT).files
