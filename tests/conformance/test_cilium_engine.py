"""What the judge of CiliumNetworkPolicy says, question by question.

These are the semantics of Cilium as its own code has them (github.com/cilium/cilium v1.20.2, `pkg/policy` and
`pkg/k8s`), which in places is not what its documents say. A judge that was built wrong, or from other versions,
is caught here before it is believed anywhere else.
"""

from collections.abc import Iterable, Sequence

import pytest

from tests.conformance.cilium_policies import (
    CLUSTER,
    NAMESPACE,
    NAMESPACE_LABEL,
    SERVICE_ACCOUNT,
    about,
    cilium_policy,
    clusterwide_policy,
    dns,
    http,
    ports,
    selector,
)
from tests.conformance.cilium_refusals import REFUSED
from tests.conformance.engines.cilium_engine import (
    DEFAULTS,
    Address,
    CiliumEngine,
    Connection,
    Endpoint,
    NamedPort,
    Peer,
    Pod,
    Request,
    Reserved,
    Settings,
    Verdict,
)
from tests.conformance.engines.process import PROTOCOLS, Document, Json, Protocol, RefusedError
from tests.conformance.policies import network_policy

pytestmark = pytest.mark.conformance

# Policies here are in the namespace shop, and most are about WEB.
WEB = Pod("shop", {"app": "web"}, {"team": "red"})
DATABASE = Pod("shop", {"app": "db"}, {"team": "red"})
PAYMENTS = Pod("pay", {"app": "web"}, {"team": "blue"})
FAR_DATABASE = Pod("shop", {"app": "db"}, {"team": "red"}, cluster="far")
RESOLVER = Pod("kube-system", {"k8s-app": "kube-dns"}, service_account="coredns")
OUTSIDE = Address("203.0.113.9")
OUTSIDE_6 = Address("2001:db8::9")
HOST = Reserved(("host",))
NODE = Reserved(("remote-node",))
API_SERVER = Reserved(("remote-node", "kube-apiserver"))
API_SERVER_OUTSIDE = Address("203.0.113.10", kube_apiserver=True)
HEALTH = Reserved(("health",))
INGRESS = Reserved(("ingress",))
INIT = Reserved(("init",))

PODS: tuple[Peer, ...] = (DATABASE, PAYMENTS, FAR_DATABASE)
ALL: tuple[Peer, ...] = (
    *PODS,
    OUTSIDE,
    OUTSIDE_6,
    HOST,
    NODE,
    API_SERVER,
    API_SERVER_OUTSIDE,
    HEALTH,
    INGRESS,
    INIT,
)
EVERYBODY = set(ALL)
# What Kubernetes demands, and Cilium adds to every policy that denies by default.
KUBELET: set[Peer] = {HOST}

TO_80 = ports(80)


def load(engine: CiliumEngine, *specs: Json, settings: Settings = DEFAULTS) -> None:
    """A policy for each of these, in the namespace shop."""
    policies = [cilium_policy(spec, name=f"policy-{number}") for number, spec in enumerate(specs)]
    engine.load(policies, settings)


def let_in(engine: CiliumEngine, peers: Iterable[Peer] = ALL, protocol: Protocol = "TCP", port: int = 80) -> set[Peer]:
    """Which of these may reach WEB, as far as WEB's own policies go."""
    asked = list(peers)
    verdicts = engine.ask(Connection(peer, WEB, protocol, port) for peer in asked)
    return {peer for peer, verdict in zip(asked, verdicts, strict=True) if verdict.ingress.passes}


def let_out(engine: CiliumEngine, peers: Iterable[Peer] = ALL, protocol: Protocol = "TCP", port: int = 80) -> set[Peer]:
    """Which of these WEB may reach, as far as WEB's own policies go."""
    asked = list(peers)
    verdicts = engine.ask(Connection(WEB, peer, protocol, port) for peer in asked)
    return {peer for peer, verdict in zip(asked, verdicts, strict=True) if verdict.egress.passes}


def one(engine: CiliumEngine, connection: Connection) -> Verdict:
    [verdict] = engine.ask([connection])
    return verdict


def inspected(engine: CiliumEngine, subject: Peer = WEB, others: Iterable[Peer] = ALL) -> Endpoint:
    [endpoint] = engine.inspect([subject], others)
    assert endpoint is not None
    return endpoint


# --- what is linked ---------------------------------------------------------------------------------


def test_the_versions_are_those_that_the_tests_speak_of(cilium_engine: CiliumEngine) -> None:
    versions = cilium_engine.versions()
    assert versions.modules["github.com/cilium/cilium"] == "v1.20.2"
    # Whose filters in Envoy the judge repeats: engines/cilium/envoy.go.
    assert versions.modules["github.com/cilium/proxy"] == "v0.0.0-20260701124752-9c14fdc485a1"


# --- isolation: per endpoint and per direction ----------------------------------------------------------


def test_without_a_policy_everything_passes(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load([])
    for protocol in PROTOCOLS:
        assert let_in(cilium_engine, protocol=protocol) == EVERYBODY
        assert let_out(cilium_engine, protocol=protocol) == EVERYBODY
    assert inspected(cilium_engine).ingress is inspected(cilium_engine).egress is False


def test_only_selected_pods_of_the_policy_s_own_namespace_are_isolated(cilium_engine: CiliumEngine) -> None:
    subjects = (WEB, DATABASE, PAYMENTS, HOST, HEALTH)
    for endpoint_selector, isolated in ((selector(app="web"), {WEB}), ({}, {WEB, DATABASE})):
        load(cilium_engine, {"endpointSelector": endpoint_selector, "ingress": [{}]})
        verdicts = cilium_engine.ask(Connection(OUTSIDE, subject) for subject in subjects)
        assert {s for s, v in zip(subjects, verdicts, strict=True) if not v.ingress.passes} == isolated
        assert all(verdict.egress.passes for verdict in verdicts)


def test_a_policy_never_governs_another_namespace(cilium_engine: CiliumEngine) -> None:
    """Where the label is spelt without its source Cilium says nothing: no pod is in two namespaces."""
    load(cilium_engine, {"endpointSelector": selector(**{NAMESPACE: "pay"}), "ingress": [{}]})
    for subject in (WEB, PAYMENTS):
        assert one(cilium_engine, Connection(OUTSIDE, subject)).ingress.passes


def test_a_pod_of_another_cluster_is_not_governed_from_here(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, {"endpointSelector": {}, "ingress": [{}], "egress": [{}]})
    assert cilium_engine.inspect([FAR_DATABASE, OUTSIDE, NODE]) == [None, None, None]
    assert one(cilium_engine, Connection(OUTSIDE, FAR_DATABASE)).passes


def test_a_policy_for_every_namespace_selects_what_has_none_too(cilium_engine: CiliumEngine) -> None:
    """A default denial for the whole cluster stops its own health checks; with a namespace it does not."""
    subjects = (WEB, PAYMENTS, HEALTH, INGRESS, HOST)
    for endpoint_selector, isolated in (
        ({}, {WEB, PAYMENTS, HEALTH, INGRESS}),
        ({"matchExpressions": [{"key": NAMESPACE, "operator": "Exists"}]}, {WEB, PAYMENTS}),
    ):
        cilium_engine.load([clusterwide_policy({"endpointSelector": endpoint_selector, "ingress": [{}]})])
        verdicts = cilium_engine.ask(Connection(NODE, subject, port=4240) for subject in subjects)
        assert {s for s, v in zip(subjects, verdicts, strict=True) if not v.ingress.passes} == isolated


def test_a_node_is_governed_only_where_the_host_firewall_is_on(cilium_engine: CiliumEngine) -> None:
    policy = clusterwide_policy({"nodeSelector": {}, "ingress": [{"fromEntities": ["cluster"]}]})
    for on in (False, True):
        cilium_engine.load([policy], Settings(host_firewall=on))
        assert one(cilium_engine, Connection(OUTSIDE, HOST)).ingress.passes is not on
        assert one(cilium_engine, Connection(NODE, HOST)).ingress.passes


def test_a_pod_that_has_no_labels_yet_is_isolated_without_any_policy(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load([])
    assert inspected(cilium_engine, INIT).ingress is inspected(cilium_engine, INIT).egress is True
    verdict = one(cilium_engine, Connection(OUTSIDE, INIT))
    assert (verdict.egress.passes, verdict.ingress.passes) == (True, False)


# --- what is empty, and what is missing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({}, KUBELET),
        ({"fromEndpoints": [{}]}, {DATABASE} | KUBELET),
        # An empty list is nobody, ...
        ({"fromEndpoints": []}, KUBELET),
        ({"fromEndpoints": [], **TO_80}, KUBELET),
        ({"fromCIDR": [], **TO_80}, KUBELET),
        ({"fromCIDRSet": [], **TO_80}, KUBELET),
        ({"fromEntities": [], **TO_80}, KUBELET),
        # ... but for these, where it is as if it were missing: everybody.
        (TO_80, EVERYBODY),
        ({"fromGroups": [], **TO_80}, EVERYBODY),
        ({"fromGroups": []}, KUBELET),
        # No rules about what a connection carries are no rules.
        (http(), EVERYBODY),
        ({"fromEndpoints": [{}], "toPorts": []}, {DATABASE} | KUBELET),
        ({"toPorts": []}, KUBELET),
        ({"toPorts": [{}]}, KUBELET),
        # A list of ports may be empty, and is then every port; what is in it may not.
        ({"fromEndpoints": [{}], "toPorts": [{}]}, KUBELET),
        ({"fromEndpoints": [{}], "toPorts": [{"ports": []}]}, KUBELET),
    ],
)
def test_an_ingress_rule_with_something_empty(cilium_engine: CiliumEngine, rule: Json, allowed: set[Peer]) -> None:
    load(cilium_engine, about("web", ingress=[rule]))
    assert let_in(cilium_engine) == allowed
    assert let_out(cilium_engine) == EVERYBODY


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({}, set()),
        ({"toEndpoints": [{}]}, {DATABASE}),
        ({"toEndpoints": [], **TO_80}, set()),
        ({"toCIDR": [], **TO_80}, set()),
        ({"toCIDRSet": [], **TO_80}, set()),
        ({"toEntities": [], **TO_80}, set()),
        (TO_80, EVERYBODY),
        ({"toFQDNs": [], **TO_80}, EVERYBODY),
        ({"toFQDNs": []}, set()),
        ({"toGroups": [], **TO_80}, EVERYBODY),
        ({"toServices": [], **TO_80}, EVERYBODY),
        # A Service that is not there, or has no pods behind it.
        ({"toServices": [{"k8sService": {"serviceName": "gone"}}], **TO_80}, EVERYBODY),
        ({"toServices": [{"k8sService": {"serviceName": "gone"}}]}, set()),
    ],
)
def test_an_egress_rule_with_something_empty(cilium_engine: CiliumEngine, rule: Json, allowed: set[Peer]) -> None:
    load(cilium_engine, about("web", egress=[rule]))
    assert let_out(cilium_engine) == allowed
    assert let_in(cilium_engine) == EVERYBODY


@pytest.mark.parametrize(
    ("sections", "isolated"),
    [
        ({"ingress": [{}]}, ("ingress",)),
        ({"egress": [{}]}, ("egress",)),
        ({"ingress": [{}], "egress": []}, ("ingress",)),
        ({"ingress": [{}], "enableDefaultDeny": {"ingress": False}}, ()),
        # Without a rule for a direction nothing isolates it, not even being told to.
        ({"ingress": [{}], "enableDefaultDeny": {"egress": True}}, ("ingress",)),
        ({"ingress": [{}], "enableDefaultDeny": {"ingress": False, "egress": True}}, ()),
        ({"ingress": [{}], "egress": [], "enableDefaultDeny": {"egress": True}}, ("ingress",)),
        # A denial alone isolates as well, unless it is told not to.
        ({"ingressDeny": [{"fromEndpoints": [{}]}]}, ("ingress",)),
        ({"egressDeny": [{"toEndpoints": [{}]}]}, ("egress",)),
        ({"egressDeny": [{"toEndpoints": [{}]}], "enableDefaultDeny": {"egress": False}}, ()),
    ],
)
def test_which_directions_a_policy_isolates(
    cilium_engine: CiliumEngine, sections: Document, isolated: tuple[str, ...]
) -> None:
    load(cilium_engine, about("web", **sections))
    closed = (
        *(() if let_in(cilium_engine, [OUTSIDE]) else ("ingress",)),
        *(() if let_out(cilium_engine, [OUTSIDE]) else ("egress",)),
    )
    assert closed == isolated


def test_one_policy_that_isolates_is_enough(cilium_engine: CiliumEngine) -> None:
    loose = about("web", ingress=[{"fromEndpoints": [{}]}], enableDefaultDeny={"ingress": False})
    load(cilium_engine, loose)
    assert let_in(cilium_engine, [OUTSIDE]) == {OUTSIDE}
    load(cilium_engine, loose, about("web", ingress=[{}]))
    assert let_in(cilium_engine) == {DATABASE} | KUBELET


# --- peers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ({}, {DATABASE}),
        (selector(app="db"), {DATABASE}),
        (selector(**{"k8s:app": "db"}), {DATABASE}),
        (selector(**{"any:app": "db"}), {DATABASE}),
        (selector(app="web"), set()),
        # Another namespace is named by its label, ...
        (selector(**{NAMESPACE: "pay"}), {PAYMENTS}),
        (selector(**{f"k8s:{NAMESPACE}": "pay", "app": "web"}), {PAYMENTS}),
        ({"matchExpressions": [{"key": NAMESPACE, "operator": "Exists"}]}, {DATABASE, PAYMENTS}),
        ({"matchExpressions": [{"key": NAMESPACE, "operator": "NotIn", "values": ["pay"]}]}, {DATABASE}),
        # ... or by one of its own labels, which cross namespaces too.
        (selector(**{f"{NAMESPACE_LABEL}team": "blue"}), {PAYMENTS}),
        (selector(**{f"{NAMESPACE_LABEL}kubernetes.io/metadata.name": "pay"}), {PAYMENTS}),
        (selector(**{f"{NAMESPACE}.labels.team": "blue"}), set()),
        # Pods of another cluster are nobody unless they are named.
        (selector(app="db", **{CLUSTER: "far"}), {FAR_DATABASE}),
        (
            {"matchLabels": {"app": "db"}, "matchExpressions": [{"key": CLUSTER, "operator": "Exists"}]},
            {DATABASE, FAR_DATABASE},
        ),
        (selector(app="db", **{SERVICE_ACCOUNT: "default"}), {DATABASE}),
        (selector(app="db", **{SERVICE_ACCOUNT: "other"}), set()),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "other"]}]}, {DATABASE}),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["data"]}]}, {DATABASE}),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, {DATABASE}),
        # Reserved labels are never looked for in a namespace.
        (selector(**{"reserved:remote-node": ""}), {NODE, API_SERVER}),
    ],
)
def test_endpoints_as_peers(cilium_engine: CiliumEngine, peer: Json, allowed: set[Peer]) -> None:
    load(cilium_engine, about("web", ingress=[{"fromEndpoints": [peer]}], egress=[{"toEndpoints": [peer]}]))
    assert let_in(cilium_engine) == allowed | KUBELET
    assert let_out(cilium_engine) == allowed


def test_each_item_is_a_peer_of_its_own(cilium_engine: CiliumEngine) -> None:
    peers: Json = [selector(app="db"), selector(**{NAMESPACE: "pay"})]
    load(cilium_engine, about("web", ingress=[{"fromEndpoints": peers}]))
    assert let_in(cilium_engine) == {DATABASE, PAYMENTS} | KUBELET


def test_every_cluster_is_meant_where_the_agent_is_told_so(cilium_engine: CiliumEngine) -> None:
    load(
        cilium_engine,
        about("web", ingress=[{"fromEndpoints": [{}]}]),
        settings=Settings(default_local_cluster=False),
    )
    assert let_in(cilium_engine) == {DATABASE, FAR_DATABASE} | KUBELET


def test_a_policy_for_every_namespace_means_pods_of_every_namespace(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load([clusterwide_policy(about("web", ingress=[{"fromEndpoints": [{}]}]))])
    assert let_in(cilium_engine) == {DATABASE, PAYMENTS} | KUBELET
    cilium_engine.load([clusterwide_policy(about("web", ingress=[{"fromEndpoints": [selector(app="web")]}]))])
    assert let_in(cilium_engine) == {PAYMENTS} | KUBELET


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("app.kubernetes.io/name", True),
        ("example.com/tier", True),
        ("kubernetes.io/os", False),
        ("pod-template-hash", False),
        ("controller-revision-hash", False),
        ("statefulset.kubernetes.io/pod-name", False),
        ("apps.kubernetes.io/pod-index", False),
        ("batch.kubernetes.io/job-completion-index", False),
        ("topology.kubernetes.io/zone", False),
    ],
)
def test_some_labels_never_reach_an_identity(cilium_engine: CiliumEngine, label: str, kept: bool) -> None:
    labelled = Pod("shop", {label: "value"})
    load(cilium_engine, about("web", ingress=[{"fromEndpoints": [selector(**{label: "value"})]}]))
    assert let_in(cilium_engine, [labelled]) == ({labelled} if kept else set())


# An API server is of the cluster wherever it is.
_CLUSTER = {DATABASE, PAYMENTS, HOST, NODE, API_SERVER, API_SERVER_OUTSIDE, HEALTH, INGRESS, INIT}


@pytest.mark.parametrize(
    ("entity", "allowed"),
    [
        ("all", EVERYBODY),
        ("world", {OUTSIDE, OUTSIDE_6, API_SERVER_OUTSIDE}),
        ("cluster", _CLUSTER),
        ("cluster-mesh", _CLUSTER | {FAR_DATABASE}),
        ("host", {HOST}),
        ("remote-node", {NODE, API_SERVER}),
        ("kube-apiserver", {API_SERVER, API_SERVER_OUTSIDE}),
        ("health", {HEALTH}),
        ("ingress", {INGRESS}),
        ("init", {INIT}),
        ("unmanaged", set()),
        ("none", set()),
    ],
)
def test_entities(cilium_engine: CiliumEngine, entity: str, allowed: set[Peer]) -> None:
    for ipv6 in (True, False):
        asked = EVERYBODY if ipv6 else EVERYBODY - {OUTSIDE_6}
        load(
            cilium_engine,
            about("web", ingress=[{"fromEntities": [entity]}], egress=[{"toEntities": [entity]}]),
            settings=Settings(ipv6=ipv6),
        )
        assert let_in(cilium_engine, asked) == (allowed | KUBELET) & asked
        assert let_out(cilium_engine, asked) == allowed & asked


@pytest.mark.parametrize(
    ("blocks", "allowed"),
    [
        ([{"cidr": "203.0.113.0/28"}], {OUTSIDE, API_SERVER_OUTSIDE}),
        ([{"cidr": "203.0.113.9/32"}], {OUTSIDE}),
        ([{"cidr": "203.0.113.0/29"}], set()),
        ([{"cidr": "203.0.113.0/24", "except": ["203.0.113.9/32"]}], {API_SERVER_OUTSIDE}),
        # What one block excepts another may let in again.
        ([{"cidr": "203.0.113.0/24", "except": ["203.0.113.8/29"]}, {"cidr": "203.0.113.9/32"}], {OUTSIDE}),
        ([{"cidr": "203.0.113.0/24", "except": ["203.0.113.0/25", "203.0.113.128/25"]}], set()),
        # All addresses, and still none of a pod, nor of a node.
        ([{"cidr": "0.0.0.0/0"}], {OUTSIDE, API_SERVER_OUTSIDE}),
        ([{"cidr": "::/0"}], {OUTSIDE_6}),
        ([{"cidr": "0.0.0.0/1"}, {"cidr": "128.0.0.0/1"}], {OUTSIDE, API_SERVER_OUTSIDE}),
        ([{"cidr": "2001:db8::/32"}], {OUTSIDE_6}),
        ([{"cidr": "2001:db8::/32", "except": ["2001:db8::8/125"]}], set()),
        # The bits behind the prefix are dropped without a word.
        ([{"cidr": "203.0.113.9/24"}], {OUTSIDE, API_SERVER_OUTSIDE}),
    ],
)
def test_blocks(cilium_engine: CiliumEngine, blocks: Json, allowed: set[Peer]) -> None:
    load(cilium_engine, about("web", ingress=[{"fromCIDRSet": blocks}], egress=[{"toCIDRSet": blocks}]))
    assert let_in(cilium_engine) == allowed | KUBELET
    assert let_out(cilium_engine) == allowed


def test_the_host_is_let_in_unless_it_is_denied_or_the_agent_is_told_to(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", ingress=[{}]))
    assert let_in(cilium_engine) == {HOST}
    load(cilium_engine, about("web", ingress=[{}], ingressDeny=[{"fromEntities": ["host"]}]))
    assert let_in(cilium_engine) == set()
    load(cilium_engine, about("web", ingress=[{}]), settings=Settings(allow_localhost="policy"))
    assert let_in(cilium_engine) == set()


def test_nodes_are_peers_by_their_labels_where_that_is_enabled(cilium_engine: CiliumEngine) -> None:
    edge, other = Reserved(("remote-node",), {"pool": "edge"}), Reserved(("remote-node",), {"pool": "other"})
    load(
        cilium_engine,
        about("web", ingress=[{"fromNodes": [selector(pool="edge")]}]),
        settings=Settings(node_selector_labels=True),
    )
    assert let_in(cilium_engine, (edge, other, DATABASE, OUTSIDE)) == {edge}


# --- ports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "allowed"),
    [
        ({"port": "80", "protocol": "TCP"}, {("TCP", 80)}),
        ({"port": "80", "protocol": "UDP"}, {("UDP", 80)}),
        ({"port": "80", "protocol": "SCTP"}, {("SCTP", 80)}),
        ({"port": "80"}, {("TCP", 80), ("UDP", 80), ("SCTP", 80)}),
        ({"port": "80", "protocol": "ANY"}, {("TCP", 80), ("UDP", 80), ("SCTP", 80)}),
        ({"port": "80", "endPort": 82, "protocol": "TCP"}, {("TCP", 80), ("TCP", 81), ("TCP", 82)}),
        ({"port": "80", "endPort": 80, "protocol": "TCP"}, {("TCP", 80)}),
        # A range the wrong way round is its first port alone.
        ({"port": "82", "endPort": 80, "protocol": "TCP"}, {("TCP", 82)}),
        # Nought is every port; eighty in octal is another.
        ({"port": "0", "protocol": "TCP"}, {("TCP", port) for port in range(79, 84)}),
        ({"port": "0"}, {(protocol, port) for protocol in PROTOCOLS for port in range(79, 84)}),
        ({"port": "0120", "protocol": "TCP"}, {("TCP", 80)}),
        # WEB calls its port 81 so. A range may start from a name.
        ({"port": "http", "protocol": "TCP"}, {("TCP", 81)}),
        ({"port": "HTTP", "protocol": "TCP"}, {("TCP", 81)}),
        ({"port": "http"}, {("TCP", 81)}),
        ({"port": "http", "protocol": "UDP"}, set()),
        ({"port": "https", "protocol": "TCP"}, set()),
        ({"port": "http", "endPort": 83, "protocol": "TCP"}, {("TCP", 81), ("TCP", 82), ("TCP", 83)}),
    ],
)
def test_a_port(cilium_engine: CiliumEngine, port: Json, allowed: set[tuple[Protocol, int]]) -> None:
    asked: list[tuple[Protocol, int]] = [(protocol, number) for protocol in PROTOCOLS for number in range(79, 84)]
    web = Pod("shop", {"app": "web"}, ports=(NamedPort("http", 81),))
    load(cilium_engine, about("web", ingress=[{"fromEndpoints": [{}], "toPorts": [{"ports": [port]}]}]))
    verdicts = cilium_engine.ask(Connection(DATABASE, web, protocol, number) for protocol, number in asked)
    assert {at for at, verdict in zip(asked, verdicts, strict=True) if verdict.ingress.passes} == allowed


def test_a_named_port_of_egress_is_what_the_target_calls_it(cilium_engine: CiliumEngine) -> None:
    one_db, other_db = (Pod("shop", {"app": "db"}, ports=(NamedPort("sql", number),)) for number in (5432, 6432))
    load(cilium_engine, about("web", egress=[{"toEndpoints": [selector(app="db")], **ports("sql")}]))
    asked = [(pod, number) for pod in (one_db, other_db, DATABASE) for number in (5432, 6432)]
    verdicts = cilium_engine.ask(Connection(WEB, pod, port=number) for pod, number in asked)
    passing = [at for at, verdict in zip(asked, verdicts, strict=True) if verdict.egress.passes]
    assert passing == [(one_db, 5432), (other_db, 6432)]


def test_without_ports_every_protocol_passes(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", ingress=[{"fromEndpoints": [{}]}]))
    for protocol in PROTOCOLS:
        assert let_in(cilium_engine, [DATABASE], protocol, 7) == {DATABASE}


# --- policies together ----------------------------------------------------------------------------------


def test_rules_and_policies_add_up(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(
        [
            cilium_policy(about("web", ingress=[ports(80), ports(81)])),
            clusterwide_policy(about("web", ingress=[{"fromEntities": ["world"], **ports(82)}])),
            network_policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 83}]}]}),
        ]
    )
    verdicts = cilium_engine.ask(Connection(OUTSIDE, WEB, port=port) for port in (80, 81, 82, 83, 84))
    assert [verdict.ingress.passes for verdict in verdicts] == [True, True, True, True, False]
    assert [verdict.ingress.policies for verdict in verdicts] == [
        ("CiliumNetworkPolicy shop/web",),
        ("CiliumNetworkPolicy shop/web",),
        ("CiliumClusterwideNetworkPolicy all",),
        ("NetworkPolicy shop/policy",),
        (),
    ]


def test_a_denial_beats_what_any_policy_allows(cilium_engine: CiliumEngine) -> None:
    allowing = network_policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]})
    denying = clusterwide_policy(about("web", ingressDeny=[{"fromEndpoints": [{}], **TO_80}]))
    cilium_engine.load([allowing, denying])
    assert let_in(cilium_engine) == EVERYBODY - {DATABASE, PAYMENTS}
    assert let_in(cilium_engine, port=81) == EVERYBODY


def test_a_denial_that_does_not_isolate_leaves_the_rest_open(cilium_engine: CiliumEngine) -> None:
    spec = about("web", egressDeny=[{"toCIDR": ["203.0.113.9/32"]}], enableDefaultDeny={"egress": False})
    load(cilium_engine, spec)
    assert let_out(cilium_engine) == EVERYBODY - {OUTSIDE}


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"ingress": [{}]}, EVERYBODY),
        ({"ingress": [{"from": []}]}, EVERYBODY),
        ({"ingress": []}, KUBELET),
        ({}, KUBELET),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, {DATABASE} | KUBELET),
        ({"ingress": [{"from": [{"namespaceSelector": {}}]}]}, {DATABASE, PAYMENTS} | KUBELET),
        (
            {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]},
            {PAYMENTS} | KUBELET,
        ),
        # As everywhere in Cilium, a block is never a pod, nor a node.
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}, {OUTSIDE, API_SERVER_OUTSIDE} | KUBELET),
    ],
)
def test_a_native_policy_as_cilium_reads_it(cilium_engine: CiliumEngine, spec: Document, allowed: set[Peer]) -> None:
    cilium_engine.load([network_policy({"podSelector": {"matchLabels": {"app": "web"}}, **spec})])
    assert let_in(cilium_engine) == allowed


def test_the_order_of_policies_does_not_matter(cilium_engine: CiliumEngine) -> None:
    specs = (
        about("web", ingress=[{"fromEndpoints": [{}], **ports(80, 81)}]),
        about("web", ingress=[{"fromEndpoints": [selector(app="db")], **http({"path": "/a"})}]),
        about("web", ingressDeny=[{"fromEntities": ["world"]}]),
    )
    asked = [Connection(peer, WEB, http=Request(path=path)) for peer in ALL for path in ("/a", "/b")]
    load(cilium_engine, *specs)
    verdicts = cilium_engine.ask(asked)
    load(cilium_engine, *reversed(specs))
    assert [v.passes for v in cilium_engine.ask(asked)] == [v.passes for v in verdicts]


# --- HTTP -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "request_", "allowed"),
    [
        ({}, Request("DELETE", "/any?thing"), True),
        ({"method": "GET"}, Request("GET", "/any"), True),
        ({"method": "GET"}, Request("HEAD", "/any"), False),
        ({"method": "get"}, Request("GET", "/any"), False),
        ({"method": "GET|HEAD"}, Request("HEAD", "/any"), True),
        # The whole path, and the query is part of it.
        ({"path": "/status"}, Request(path="/status"), True),
        ({"path": "/status"}, Request(path="/status/1"), False),
        ({"path": "/status"}, Request(path="/v1/status"), False),
        ({"path": "^/status$"}, Request(path="/status"), True),
        ({"path": "/status"}, Request(path="/status?deep=1"), False),
        (r := {"path": r"/status(\?.*)?"}, Request(path="/status?deep=1"), True),
        (r, Request(path="/status"), True),
        ({"path": "/a|/b"}, Request(path="/b"), True),
        ({"path": "/a|/b"}, Request(path="/a/b"), False),
        ({"path": "/v1.0"}, Request(path="/v1x0"), True),
        ({"path": r"/package\.Service/Method", "method": "POST"}, Request("POST", "/package.Service/Method"), True),
        ({"path": r"/package\.Service/Method", "method": "POST"}, Request("POST", "/package.Service/Other"), False),
        # Every field of a rule.
        ({"path": "/a", "method": "GET"}, Request("POST", "/a"), False),
        ({"host": r"api\.example\.com"}, Request(host="api.example.com"), True),
        ({"host": r"api\.example\.com"}, Request(host="api.example.com:8080"), False),
        ({"host": r"api\.example\.com"}, Request(host="example.com"), False),
        ({"headers": ["X-Key: secret"]}, Request(headers={"x-key": "secret"}), True),
        ({"headers": ["X-Key: secret"]}, Request(headers={"X-Key": "secret two"}), False),
        ({"headers": ["X-Key: secret"]}, Request(), False),
        ({"headers": ["X-Key: sec.*"]}, Request(headers={"x-key": "secret"}), False),
        ({"headers": ["X-Key"]}, Request(headers={"x-key": "anything"}), True),
        ({"headers": ["X-Key"]}, Request(), False),
    ],
)
def test_a_rule_about_requests(cilium_engine: CiliumEngine, rule: Json, request_: Request, allowed: bool) -> None:
    rules = http(rule)
    load(
        cilium_engine, about("web", ingress=[{"fromEndpoints": [{}], **rules}], egress=[{"toEndpoints": [{}], **rules}])
    )
    ingress = one(cilium_engine, Connection(DATABASE, WEB, http=request_)).ingress
    egress = one(cilium_engine, Connection(WEB, DATABASE, http=request_)).egress
    assert (ingress.allowed, ingress.proxy, ingress.http) == (True, "http", allowed)
    assert (egress.allowed, egress.proxy, egress.http) == (True, "http", allowed)


def test_requests_need_one_rule_of_several(cilium_engine: CiliumEngine) -> None:
    load(
        cilium_engine,
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/a"}, {"path": "/b"})}]),
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/c"})}]),
    )
    requests = [Connection(DATABASE, WEB, http=Request(path=path)) for path in ("/a", "/b", "/c", "/d")]
    assert [verdict.ingress.http for verdict in cilium_engine.ask(requests)] == [True, True, True, False]


def test_rules_about_requests_are_of_the_peers_that_they_name(cilium_engine: CiliumEngine) -> None:
    load(
        cilium_engine,
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/a"})}]),
        about("web", ingress=[{"fromEntities": ["world"], **http({"path": "/b"})}]),
    )
    asked = [Connection(peer, WEB, http=Request(path=path)) for peer in (DATABASE, OUTSIDE) for path in ("/a", "/b")]
    assert [verdict.ingress.http for verdict in cilium_engine.ask(asked)] == [True, False, False, True]


@pytest.mark.parametrize(
    "other",
    [
        cilium_policy(about("web", ingress=[{"fromEndpoints": [{}], **TO_80}]), name="other"),
        cilium_policy(about("web", ingress=[{"fromEndpoints": [selector(app="db")]}]), name="other"),
        cilium_policy(about("web", ingress=[TO_80]), name="other"),
        cilium_policy(about("web", ingress=[{"fromEndpoints": [{}], **ports(0)}]), name="other"),
        clusterwide_policy(about("web", ingress=[{"fromEntities": ["cluster"]}])),
        network_policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}]}]}),
    ],
    ids=["the same peers", "no ports", "everybody", "every port", "an entity", "a native policy"],
)
def test_what_lets_the_same_packets_in_lets_every_request_in(cilium_engine: CiliumEngine, other: Document) -> None:
    strict = cilium_policy(about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/a"})}]))
    asked = Connection(DATABASE, WEB, http=Request(path="/b"))
    cilium_engine.load([strict])
    assert not one(cilium_engine, asked).ingress.passes
    cilium_engine.load([strict, other])
    assert one(cilium_engine, asked).ingress.passes


def test_a_range_for_everybody_lets_every_request_in(cilium_engine: CiliumEngine) -> None:
    span: Json = [{"port": "80", "endPort": 89, "protocol": "TCP"}]
    load(
        cilium_engine,
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/a"})}]),
        about("web", ingress=[{"toPorts": [{"ports": span}]}]),
    )
    assert one(cilium_engine, Connection(DATABASE, WEB, http=Request(path="/b"))).ingress.passes


def test_the_host_s_requests_are_let_in_beside_rules_for_everybody(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", ingress=[http({"path": "/a"})]))
    asked = [Connection(peer, WEB, http=Request(path="/healthz")) for peer in (HOST, NODE)]
    assert [verdict.ingress.passes for verdict in cilium_engine.ask(asked)] == [True, False]


def test_rules_that_do_not_isolate_let_every_request_in(cilium_engine: CiliumEngine) -> None:
    load(
        cilium_engine,
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/a"})}], enableDefaultDeny={"ingress": False}),
    )
    verdict = one(cilium_engine, Connection(DATABASE, WEB, http=Request(path="/b")))
    assert (verdict.ingress.proxy, verdict.ingress.http) == ("http", True)


def test_requests_are_not_asked_about_where_no_proxy_is(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/a"})}]))
    elsewhere, denied = cilium_engine.ask(
        [Connection(WEB, DATABASE, http=Request()), Connection(OUTSIDE, WEB, http=Request(path="/a"))]
    )
    assert (elsewhere.ingress.proxy, elsewhere.ingress.http, elsewhere.passes) == ("", None, True)
    assert (denied.ingress.allowed, denied.ingress.http, denied.passes) == (False, None, False)


def test_a_rule_for_a_range_or_a_named_port_is_found_from_its_number(cilium_engine: CiliumEngine) -> None:
    web = Pod("shop", {"app": "web"}, ports=(NamedPort("http", 8080),))
    span: Json = [{"port": "80", "endPort": 89, "protocol": "TCP"}]
    rules: Json = {"http": [{"path": "/a"}]}
    load(
        cilium_engine,
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/c"}, port=80)}]),
        about("web", ingress=[{"fromEndpoints": [{}], "toPorts": [{"ports": span, "rules": rules}]}]),
        about("web", ingress=[{"fromEndpoints": [{}], **http({"path": "/b"}, port="http")}]),
    )
    paths = ("/a", "/b", "/c")
    asked = [Connection(DATABASE, web, port=port, http=Request(path=p)) for port in (80, 85, 8080) for p in paths]
    answers = [verdict.ingress.http for verdict in cilium_engine.ask(asked)]
    assert answers == [True, False, True, True, False, False, False, True, False]


# --- names ------------------------------------------------------------------------------------------

_DNS: Document = {"toEndpoints": [selector(**{NAMESPACE: "kube-system", "k8s-app": "kube-dns"})]}


@pytest.mark.parametrize(
    ("rule", "names", "others"),
    [
        ({"matchName": "c.io"}, ("c.io", "C.IO", "c.io."), ("a.c.io", "xc.io", "io")),
        ({"matchName": "C.io."}, ("c.io",), ("a.c.io",)),
        ({"matchPattern": "c.io"}, ("c.io", "C.io"), ("a.c.io", "cxio")),
        ({"matchPattern": "*.c.io"}, ("a.c.io", "A.c.io", "a-b_1.c.io"), ("c.io", "a.b.c.io")),
        ({"matchPattern": "*c.io"}, ("c.io", "xc.io"), ("a.c.io",)),
        ({"matchPattern": "a*.c.io"}, ("a.c.io", "ab.c.io"), ("b.c.io", "a.b.c.io")),
        ({"matchPattern": "a.*.io"}, ("a.c.io",), ("a.io", "a.b.c.io")),
        ({"matchPattern": "**.c.io"}, ("a.c.io", "a.b.c.io"), ("c.io", "xc.io")),
        ({"matchPattern": "a.**.io"}, ("a.c.io",), ("a.b.c.io", "a.io")),
        ({"matchPattern": "*"}, ("c.io", "a.b.c.io", "localhost"), ()),
        ({"matchPattern": "**"}, ("c.io", "a.b.c.io", "localhost"), ()),
        ({"matchPattern": "*.*.svc.cluster.local."}, ("db.shop.svc.cluster.local",), ("svc.cluster.local",)),
    ],
)
def test_names_that_may_be_asked_for_and_reached(
    cilium_engine: CiliumEngine, rule: Json, names: Sequence[str], others: Sequence[str]
) -> None:
    load(cilium_engine, about("web", egress=[{**_DNS, **dns(rule)}, {"toFQDNs": [rule], **ports(443)}]))
    for asked, allowed in ((names, True), (others, False)):
        for name in asked:
            for protocol in ("UDP", "TCP"):
                resolving = one(cilium_engine, Connection(WEB, RESOLVER, protocol, 53, dns=name)).egress
                assert (resolving.allowed, resolving.proxy, resolving.dns) == (True, "dns", allowed), name
            reaching = Connection(WEB, Address("192.0.2.1", (name,)), port=443)
            assert one(cilium_engine, reaching).egress.passes is allowed, name


def test_an_address_has_all_the_names_that_led_to_it(cilium_engine: CiliumEngine) -> None:
    """Two names of one address are one to Cilium: who may reach one may reach the other."""
    shared, other = Address("192.0.2.1", ("a.example.com", "b.example.org")), Address("192.0.2.2", ("b.example.org",))
    load(cilium_engine, about("web", egress=[{"toFQDNs": [{"matchName": "a.example.com"}]}]))
    assert let_out(cilium_engine, (shared, other, OUTSIDE, DATABASE)) == {shared}


def test_names_are_of_the_resolvers_that_the_rule_is_for(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", egress=[{**_DNS, **dns({"matchName": "c.io"})}]))
    assert not one(cilium_engine, Connection(WEB, OUTSIDE, "UDP", 53, dns="c.io")).egress.allowed
    assert not one(cilium_engine, Connection(WEB, RESOLVER, "UDP", 5353, dns="c.io")).egress.allowed


def test_packets_that_may_reach_a_resolver_anyway_ask_for_every_name(cilium_engine: CiliumEngine) -> None:
    asked = Connection(WEB, RESOLVER, "UDP", 53, dns="other.io")
    strict = about("web", egress=[{**_DNS, **dns({"matchName": "c.io"})}])
    load(cilium_engine, strict)
    assert not one(cilium_engine, asked).egress.passes
    load(cilium_engine, strict, about("web", egress=[{**_DNS, **ports(53, protocol="UDP")}]))
    assert one(cilium_engine, asked).egress.passes


def test_names_that_do_not_isolate_are_asked_for_freely(cilium_engine: CiliumEngine) -> None:
    load(
        cilium_engine,
        about("web", egress=[{**_DNS, **dns({"matchName": "c.io"})}], enableDefaultDeny={"egress": False}),
    )
    resolving = one(cilium_engine, Connection(WEB, RESOLVER, "UDP", 53, dns="other.io")).egress
    assert (resolving.proxy, resolving.dns) == ("dns", True)


@pytest.mark.parametrize(
    ("listed", "names", "others"),
    [
        (["api.c.io"], ("api.c.io", "API.c.io"), ("c.io", "x.api.c.io", "")),
        (["*.c.io"], ("api.c.io",), ("c.io", "a.b.c.io", "")),
        (["**.c.io"], ("api.c.io", "a.b.c.io"), ("c.io",)),
        (["*c.io"], ("c.io", "xc.io"), ("api.c.io",)),
        (["*"], ("c.io", "a.b.c.io", "localhost"), ("",)),
        (["a.c.io", "b.c.io"], ("a.c.io", "b.c.io"), ("c.c.io",)),
        (["api.c.io."], ("api.c.io",), ()),
    ],
)
def test_server_names_of_a_handshake(
    cilium_engine: CiliumEngine, listed: Json, names: Sequence[str], others: Sequence[str]
) -> None:
    load(cilium_engine, about("web", egress=[{"toEntities": ["world"], **ports(443, serverNames=listed)}]))
    for asked, allowed in ((names, True), (others, False)):
        for name in asked:
            end = one(cilium_engine, Connection(WEB, OUTSIDE, port=443, server_name=name)).egress
            assert (end.allowed, end.proxy, end.server_name) == (True, "tls", allowed), name


def test_server_names_narrow_what_a_name_s_address_may_be_used_for(cilium_engine: CiliumEngine) -> None:
    shared = Address("192.0.2.1", ("a.example.com", "b.example.com"))
    rule: Document = {"toFQDNs": [{"matchName": "a.example.com"}], **ports(443, serverNames=["a.example.com"])}
    load(cilium_engine, about("web", egress=[rule]))
    asked = [Connection(WEB, shared, port=443, server_name=name) for name in shared.names]
    assert [verdict.egress.passes for verdict in cilium_engine.ask(asked)] == [True, False]


# --- policies that are taken, and still cannot be computed --------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            [
                {"toEndpoints": [{}], **ports(53, rules={"dns": [{"matchPattern": "*"}]})},
                {"toEndpoints": [{}], **http({"path": "/"}, port=53)},
            ],
            "cannot merge conflicting L7 parsers",
        ),
        (
            [
                {"toEndpoints": [{}], **TO_80, "authentication": {"mode": "required"}},
                {"toEndpoints": [{}], **TO_80, "authentication": {"mode": "disabled"}},
            ],
            "cannot merge conflicting authentication types",
        ),
        # Each for peers of its own: what is redirected is a port, and to one proxy.
        (
            [
                {"toEndpoints": [{}], **http({"path": "/"}, port=443)},
                {"toEntities": ["world"], **ports(443, serverNames=["c.io"])},
            ],
            "two rules redirect",
        ),
        (
            [
                {"toEndpoints": [{}], **dns({"matchName": "c.io"})},
                {"toEndpoints": [selector(app="db")], **dns({"matchName": "d.io"}, port="dns")},
            ],
            "two rules redirect",
        ),
        # Nobody checks that a host is an expression, until Envoy does.
        ([{"toEndpoints": [{}], **http({"host": "*.example.com"})}], "Envoy would not take the endpoint's policy"),
    ],
)
def test_conflicts_stop_the_whole_endpoint(cilium_engine: CiliumEngine, rules: Json, words: str) -> None:
    named = Pod("shop", {"app": "db"}, ports=(NamedPort("dns", 53, "UDP"),))
    load(cilium_engine, about("web", egress=rules))
    assert words in inspected(cilium_engine, others=[named]).error
    elsewhere, _ = cilium_engine.ask([Connection(WEB, PAYMENTS, "UDP", 9), Connection(WEB, named)])
    assert words in elsewhere.egress.error
    assert elsewhere.ingress.passes
    with pytest.raises(AssertionError, match=words):
        assert elsewhere.egress.passes
    assert inspected(cilium_engine, DATABASE).error == ""


def test_server_names_beside_requests_depend_on_their_order(cilium_engine: CiliumEngine) -> None:
    named: Document = {"toEndpoints": [{}], **ports(80, serverNames=["c.io"])}
    asked: Document = {"toEndpoints": [{}], **http({"path": "/a"})}
    load(cilium_engine, about("web", egress=[asked, named]))
    assert "SNI filtering without TLS termination" in inspected(cilium_engine).error
    load(cilium_engine, about("web", egress=[named, asked]))
    verdict = one(cilium_engine, Connection(WEB, DATABASE, http=Request(path="/b"), server_name="c.io"))
    assert verdict.egress.passes


def test_authentication_is_told(cilium_engine: CiliumEngine) -> None:
    rule: Document = {"fromEndpoints": [{}], "authentication": {"mode": "required"}}
    load(cilium_engine, about("web", ingress=[rule]))
    assert one(cilium_engine, Connection(DATABASE, WEB)).ingress.authentication == "spire"


@pytest.mark.parametrize(
    ("rule", "entries"),
    [
        ({"fromEndpoints": [selector(app="db")], **TO_80}, 2),
        ({"fromEndpoints": [selector(app="db")], **ports(80, protocol="ANY")}, 4),
        # Whatever an address is: for everybody, and for each group that Cilium adds up.
        (TO_80, 6),
        # A range is prefixes: 80-87, 88-89, 90.
        ({"fromEndpoints": [selector(app="db")], "toPorts": [{"ports": [{"port": "80", "endPort": 90}]}]}, 10),
    ],
)
def test_the_size_of_the_policy_map(cilium_engine: CiliumEngine, rule: Json, entries: int) -> None:
    load(cilium_engine, about("web", ingress=[rule], egress=[{}]))
    assert inspected(cilium_engine).entries == entries


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("why", "document"), REFUSED)
def test_what_is_refused(cilium_engine: CiliumEngine, why: str, document: Document) -> None:
    with pytest.raises(RefusedError, match=r"^policy 0: ") as refused:
        cilium_engine.load([document])
    assert not refused.value.warnings


def test_what_cilium_only_warns_of_is_refused(cilium_engine: CiliumEngine) -> None:
    """The policy would govern the whole namespace: what is wrong is taken out, and the rest applies."""
    spec: Json = {"endpointSelector": selector(**{f"k8s:{NAMESPACE}": "pay"}), "ingress": [{}]}
    with pytest.raises(RefusedError, match=r"policy 0: Cilium warns: .*illegal namespace match") as refused:
        load(cilium_engine, spec)
    [warning] = refused.value.warnings
    assert "removing illegal namespace match" in warning


# --- the judge's own manners --------------------------------------------------------------------------------


def test_a_refused_load_leaves_nothing_in_force(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", ingress=[{}]))
    with pytest.raises(RefusedError, match=r"policy 1: .*unknown field"):
        load(cilium_engine, about("web", ingress=[{}]), about("web", ingres=[{}]))
    with pytest.raises(RefusedError, match="no policies are loaded"):
        cilium_engine.ask([Connection(OUTSIDE, WEB)])


def test_a_load_replaces_what_was_in_force_and_its_settings(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, about("web", ingress=[{}]), settings=Settings(cluster_name="far", allow_localhost="policy"))
    assert let_in(cilium_engine, [HOST]) == set()
    load(cilium_engine, about("web", egress=[{}]))
    assert let_in(cilium_engine) == EVERYBODY
    load(cilium_engine, about("web", ingress=[{}]))
    assert let_in(cilium_engine) == KUBELET


def test_a_policy_is_not_given_twice(cilium_engine: CiliumEngine) -> None:
    policy = cilium_policy(about("web", ingress=[{}]))
    with pytest.raises(RefusedError, match="policy 1: is policy 0 again"):
        cilium_engine.load([policy, policy])


def test_two_namespaces_may_call_a_policy_the_same(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load([cilium_policy(about("web", ingress=[{}]), namespace) for namespace in ("shop", "pay")])
    verdicts = cilium_engine.ask([Connection(OUTSIDE, WEB), Connection(OUTSIDE, PAYMENTS)])
    assert [verdict.ingress.passes for verdict in verdicts] == [False, False]


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_nobody_can_dial_is_refused(cilium_engine: CiliumEngine, port: int) -> None:
    cilium_engine.load([])
    with pytest.raises(RefusedError, match=r"port"):
        cilium_engine.ask([Connection(OUTSIDE, WEB, port=port)])


def test_peers_that_cannot_be_are_refused(cilium_engine: CiliumEngine) -> None:
    load(cilium_engine, settings=Settings(ipv6=False))
    with pytest.raises(RefusedError, match="IPv6 is not enabled"):
        cilium_engine.ask([Connection(OUTSIDE_6, WEB)])
    for peer in ({}, {"ip": "here"}, {"namespace": "shop", "ip": "192.0.2.1"}, {"reserved": ["guest"]}):
        with pytest.raises(RefusedError, match="peer 0"):
            cilium_engine.answer({"op": "ask", "peers": [peer]})


def test_unknown_requests_are_refused(cilium_engine: CiliumEngine) -> None:
    with pytest.raises(RefusedError, match="unknown op"):
        cilium_engine.answer({"op": "explain"})
    with pytest.raises(RefusedError, match="unknown field"):
        cilium_engine.answer({"op": "load", "policy": {}})
