"""What the judge of Calico's policies says, question by question.

These are the semantics of Calico as its own code has them (github.com/projectcalico/calico v3.31.0, `felix/calc`,
`app-policy/checker` and `libcalico-go`), which in places is not what its documents say. A judge that was built wrong,
or from other versions, is caught here before it is believed anywhere else.
"""

from collections.abc import Iterable, Sequence

import pytest

from tests.conformance.calico_policies import (
    allow,
    calico_policy,
    deny,
    egress,
    global_network_set,
    global_policy,
    ingress,
    network_set,
    passing,
    tier,
    to_port,
)
from tests.conformance.calico_refusals import REFUSED
from tests.conformance.engines.calico_engine import (
    Address,
    CalicoEngine,
    Connection,
    NamedPort,
    Peer,
    Pod,
    Request,
    Verdict,
)
from tests.conformance.engines.process import PROTOCOLS, Document, Json, Protocol, RefusedError
from tests.conformance.policies import network_policy

pytestmark = pytest.mark.conformance

# Policies here are in the namespace shop, and most are about WEB.
WEB = Pod("shop", {"app": "web"}, "10.0.1.1", {"team": "red"})
DATABASE = Pod("shop", {"app": "db", "tier": "data"}, "10.0.1.2", {"team": "red"}, service_account="db")
BARE = Pod("shop", {}, "10.0.1.3", {"team": "red"}, service_account="bare")
PAYMENTS = Pod("pay", {"app": "db"}, "10.0.2.1", {"team": "blue"}, service_account="db")
PLAIN = Pod("plain", {"app": "db"}, "10.0.3.1")
OUTSIDE = Address("203.0.113.9")
OUTSIDE_6 = Address("2001:db8::9")

PODS: frozenset[Peer] = frozenset((DATABASE, BARE, PAYMENTS, PLAIN))
EVERYBODY: frozenset[Peer] = PODS | {OUTSIDE, OUTSIDE_6}
NOBODY: frozenset[Peer] = frozenset()

ALL_PODS = "has(projectcalico.org/namespace)"


def load(engine: CalicoEngine, *specs: Json) -> None:
    """A policy for each of these, in the namespace shop."""
    engine.load(calico_policy(spec, name=f"default.policy-{number}") for number, spec in enumerate(specs))


def let_in(
    engine: CalicoEngine, peers: Iterable[Peer] = EVERYBODY, protocol: Protocol = "TCP", port: int = 80
) -> frozenset[Peer]:
    """Which of these may reach WEB, as far as WEB's own policies go."""
    asked = list(peers)
    verdicts = engine.ask(Connection(peer, WEB, protocol, port) for peer in asked)
    return frozenset(peer for peer, verdict in zip(asked, verdicts, strict=True) if verdict.ingress.passes)


def let_out(
    engine: CalicoEngine, peers: Iterable[Peer] = EVERYBODY, protocol: Protocol = "TCP", port: int = 80
) -> frozenset[Peer]:
    """Which of these WEB may reach, as far as WEB's own policies go."""
    asked = list(peers)
    verdicts = engine.ask(Connection(WEB, peer, protocol, port) for peer in asked)
    return frozenset(peer for peer, verdict in zip(asked, verdicts, strict=True) if verdict.egress.passes)


def ordered(order: float | None) -> Document:
    """What a spec says of it; nothing for None."""
    return {} if order is None else {"order": order}


def one(engine: CalicoEngine, connection: Connection) -> Verdict:
    [verdict] = engine.ask([connection])
    return verdict


def allowed_from(engine: CalicoEngine, **source: Json) -> frozenset[Peer]:
    """Whom WEB lets in by one rule that says this of the source."""
    load(engine, ingress(allow(source=source)))
    return let_in(engine)


# --- what is linked ---------------------------------------------------------------------------------


def test_the_versions_are_those_that_the_tests_speak_of(calico_engine: CalicoEngine) -> None:
    versions = calico_engine.versions()
    # Calico has no versions that Go knows: these are the commits of v3.31.0.
    assert versions.modules["github.com/projectcalico/calico"] == "v0.0.0-20251021213802-b1f3c43f8437"
    assert versions.modules["github.com/projectcalico/api"] == "v0.0.0-20251022175904-f2ab03771208"


# --- isolation: per pod and per direction ---------------------------------------------------------------


def test_without_a_policy_everything_passes(calico_engine: CalicoEngine) -> None:
    calico_engine.load([])
    for protocol in PROTOCOLS:
        assert let_in(calico_engine, protocol=protocol) == let_out(calico_engine, protocol=protocol) == EVERYBODY
    assert one(calico_engine, Connection(DATABASE, WEB)).ingress.trace == ("__PROFILE__ kns.shop 0 Allow",)


def test_only_selected_pods_of_the_policy_s_own_namespace_are_isolated(calico_engine: CalicoEngine) -> None:
    subjects = (WEB, DATABASE, PAYMENTS)
    for selector, isolated in (("app == 'web'", {WEB}), ("all()", {WEB, DATABASE}), ("", {WEB, DATABASE})):
        load(calico_engine, ingress(selector=selector))
        verdicts = calico_engine.ask(Connection(OUTSIDE, subject) for subject in subjects)
        assert {s for s, v in zip(subjects, verdicts, strict=True) if not v.ingress.passes} == isolated
    load(calico_engine, ingress(selector="app == 'web'"))
    assert let_out(calico_engine) == EVERYBODY


@pytest.mark.parametrize(
    ("sections", "isolated"),
    [
        ({}, "ingress"),
        ({"ingress": [], "egress": []}, "ingress"),
        ({"ingress": [allow(protocol="UDP")]}, "ingress"),
        ({"egress": [allow(protocol="UDP")]}, "egress"),
        ({"ingress": [], "egress": [allow(protocol="UDP")]}, "egress"),
        ({"ingress": [allow(protocol="UDP")], "egress": [allow(protocol="UDP")]}, "both"),
        ({"types": [], "egress": [allow(protocol="UDP")]}, "egress"),
        ({"types": ["Egress"]}, "egress"),
        ({"types": ["Ingress", "Egress"]}, "both"),
    ],
)
def test_types_that_are_not_written_come_from_the_rules(
    calico_engine: CalicoEngine, sections: Document, isolated: str
) -> None:
    load(calico_engine, {"selector": "app == 'web'", **sections})
    assert (let_in(calico_engine) == EVERYBODY) is (isolated == "egress")
    assert (let_out(calico_engine) == EVERYBODY) is (isolated == "ingress")


def test_rules_of_a_direction_that_is_not_among_the_types_are_not_in_force(calico_engine: CalicoEngine) -> None:
    load(calico_engine, {"selector": "app == 'web'", "types": ["Ingress"], "ingress": [allow()], "egress": [deny()]})
    assert let_out(calico_engine) == EVERYBODY


# --- the order of evaluation ----------------------------------------------------------------------------


def test_the_first_rule_that_matches_decides(calico_engine: CalicoEngine) -> None:
    database: Json = {"selector": "app == 'db'"}
    load(calico_engine, ingress(deny(source=database), allow()))
    assert let_in(calico_engine) == EVERYBODY - {DATABASE}
    load(calico_engine, ingress(allow(), deny(source=database)))
    assert let_in(calico_engine) == EVERYBODY


def test_a_rule_that_logs_decides_nothing(calico_engine: CalicoEngine) -> None:
    load(calico_engine, ingress({"action": "Log"}, allow(source={"selector": "app == 'db'"})))
    assert let_in(calico_engine) == {DATABASE}


def test_policies_come_by_order_and_then_by_name(calico_engine: CalicoEngine) -> None:
    def in_force(*policies: tuple[str, float | None, Document]) -> frozenset[Peer]:
        calico_engine.load(
            calico_policy({**ingress(rule), **ordered(order)}, name=f"default.{name}") for name, order, rule in policies
        )
        return let_in(calico_engine)

    assert in_force(("a", 2, deny()), ("b", 1.5, allow())) == EVERYBODY
    assert in_force(("a", 2, allow()), ("b", -1.5, deny())) == NOBODY
    # Without an order a policy is behind all others.
    assert in_force(("a", None, deny()), ("b", 1e9, allow())) == EVERYBODY
    assert in_force(("a", 1, deny()), ("b", 1, allow())) == NOBODY
    assert in_force(("a", None, allow()), ("b", None, deny())) == EVERYBODY
    # What nobody's rule matches is denied at the end, whatever has no rules comes first.
    assert in_force(("a", 1, deny(protocol="UDP")), ("b", 2, allow(protocol="TCP"))) == EVERYBODY


def test_policies_of_the_cluster_and_of_a_namespace_are_in_one_order(calico_engine: CalicoEngine) -> None:
    """By their whole names, where orders are equal: a namespaced one is called shop/default.web."""
    for name, wins in (("default.zz", True), ("tier", False)):
        namespaced = calico_policy(ingress(allow(), order=1))
        calico_engine.load([global_policy(ingress(deny(), order=1), name=name), namespaced])
        assert let_in(calico_engine) == (NOBODY if wins else EVERYBODY), name


def test_kubernetes_own_policies_are_at_1000_in_the_default_tier(calico_engine: CalicoEngine) -> None:
    opened = network_policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]})
    for order, passes in ((999, NOBODY), (1001, EVERYBODY), (None, EVERYBODY)):
        calico_engine.load([opened, calico_policy({**ingress(deny()), **ordered(order)})])
        assert let_in(calico_engine) == passes, order


def test_a_tier_that_selects_a_pod_denies_at_its_end(calico_engine: CalicoEngine) -> None:
    allowed = calico_policy(ingress(allow()))
    security = calico_policy(ingress(allow(protocol="UDP"), tier="security"), name="security.web")
    other = calico_policy(ingress(deny(), tier="security", selector="app == 'db'"), name="security.db")
    calico_engine.load([tier("security", order=10), security, allowed])
    assert let_in(calico_engine) == NOBODY
    assert let_in(calico_engine, protocol="UDP") == EVERYBODY
    assert one(calico_engine, Connection(DATABASE, WEB)).ingress.trace == ("security shop/web end-of-tier Deny",)
    calico_engine.load([tier("security", order=10, defaultAction="Pass"), security, allowed])
    assert let_in(calico_engine) == EVERYBODY
    # No policy of it selects the pod: the tier is not there.
    calico_engine.load([tier("security", order=10), other, allowed])
    assert let_in(calico_engine) == EVERYBODY


def test_tiers_come_by_order_and_those_without_one_behind_the_default_tier(calico_engine: CalicoEngine) -> None:
    allowed = calico_policy(ingress(allow()))
    denied = calico_policy(ingress(deny(), tier="security"), name="security.web")
    for order, passes in ((10, NOBODY), (999_999, NOBODY), (1_000_001, EVERYBODY), (None, EVERYBODY)):
        calico_engine.load([denied, allowed, tier("security", **ordered(order))])
        assert let_in(calico_engine) == passes, order


def test_pass_goes_to_the_next_tier_and_from_the_last_to_the_profile(calico_engine: CalicoEngine) -> None:
    first = calico_policy(ingress(passing(source={"selector": "app == 'db'"}), tier="security"), name="security.web")
    passed = calico_policy(ingress(passing(), deny()))
    shut = calico_policy(ingress(deny(), order=1))
    calico_engine.load([tier("security", order=10), first])
    assert let_in(calico_engine) == {DATABASE}
    calico_engine.load([tier("security", order=10), first, shut])
    assert let_in(calico_engine) == NOBODY
    # The profile of a namespace allows everything: to pass is to allow, behind the last tier.
    calico_engine.load([passed])
    assert let_in(calico_engine) == EVERYBODY
    # What is passed in a tier is past all of its policies.
    calico_engine.load([calico_policy(ingress(passing(), order=1), name="default.a"), calico_policy(ingress(deny()))])
    assert let_in(calico_engine) == EVERYBODY


# --- peers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ({}, EVERYBODY),
        ({"selector": ""}, EVERYBODY),
        ({"selector": "all()"}, {DATABASE, BARE}),
        ({"selector": "app == 'db'"}, {DATABASE}),
        ({"selector": "app == 'db'", "namespaceSelector": "all()"}, PODS - {BARE}),
        ({"namespaceSelector": "all()"}, PODS),
        ({"namespaceSelector": "team == 'blue'"}, {PAYMENTS}),
        ({"namespaceSelector": "team != 'blue'"}, {DATABASE, BARE, PLAIN}),
        ({"namespaceSelector": "has(team) && team not in {'red'}"}, {PAYMENTS}),
        ({"namespaceSelector": "projectcalico.org/name == 'pay'"}, {PAYMENTS}),
        ({"namespaceSelector": "kubernetes.io/metadata.name == 'pay'"}, {PAYMENTS}),
        ({"namespaceSelector": "global()"}, NOBODY),
        ({"namespaceSelector": "projectcalico.org/namespace == 'pay'"}, NOBODY),
        ({"selector": "projectcalico.org/namespace == 'pay'"}, NOBODY),
        ({"selector": "projectcalico.org/namespace == 'pay'", "namespaceSelector": "all()"}, {PAYMENTS}),
        ({"selector": "pcns.team == 'blue'", "namespaceSelector": "all()"}, {PAYMENTS}),
        ({"selector": "pcns.team == 'red'"}, {DATABASE, BARE}),
        ({"selector": "projectcalico.org/orchestrator == 'k8s'"}, {DATABASE, BARE}),
        ({"selector": "projectcalico.org/serviceaccount == 'db'"}, {DATABASE}),
        ({"serviceAccounts": {"names": ["db"]}}, {DATABASE}),
        ({"serviceAccounts": {"names": ["db", "bare"]}}, {DATABASE, BARE}),
        ({"serviceAccounts": {"names": ["db"]}, "namespaceSelector": "team == 'blue'"}, {PAYMENTS}),
        ({"serviceAccounts": {"names": ["db"]}, "selector": "app == 'web'"}, NOBODY),
        ({"serviceAccounts": {"names": []}}, EVERYBODY),
        ({"notSelector": "app == 'db'"}, {BARE}),
        ({"selector": "has(app)", "notSelector": "tier == 'data'"}, NOBODY),
        ({"nets": ["203.0.113.0/24"]}, {OUTSIDE}),
        ({"nets": ["2001:db8::/32"]}, {OUTSIDE_6}),
        ({"nets": ["10.0.0.0/8"]}, PODS),
        ({"nets": ["10.0.1.2/32"]}, {DATABASE}),
        ({"nets": ["10.0.1.0/24"], "notNets": ["10.0.1.3/32"]}, {DATABASE}),
        ({"notNets": ["10.0.0.0/8"]}, {OUTSIDE, OUTSIDE_6}),
        ({"nets": ["10.0.2.0/24"], "selector": "app == 'db'"}, NOBODY),
        ({"nets": ["10.0.1.0/24"], "selector": "app == 'db'"}, {DATABASE}),
        ({"nets": [], "selector": "app == 'db'"}, {DATABASE}),
    ],
)
def test_who_is_meant(calico_engine: CalicoEngine, source: Document, allowed: frozenset[Peer]) -> None:
    assert allowed_from(calico_engine, **source) == allowed
    load(calico_engine, egress(allow(destination=source)))
    assert let_out(calico_engine) == allowed


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [
        ("all()", {DATABASE, BARE}),
        ("!all()", NOBODY),
        ("app == 'db'", {DATABASE}),
        ('app == "db"', {DATABASE}),
        ("app != 'db'", {BARE}),
        ("app in {'db', 'web'}", {DATABASE}),
        ("app in {}", NOBODY),
        ("app not in {'db'}", {BARE}),
        ("app notin {'db'}", {BARE}),
        ("app not in {}", {DATABASE, BARE}),
        ("has(app)", {DATABASE}),
        ("!has(app)", {BARE}),
        ("! ! has( app )", {DATABASE}),
        ("app contains 'b'", {DATABASE}),
        ("app starts with 'd'", {DATABASE}),
        ("app ends with 'd'", NOBODY),
        ("app == 'db' && tier == 'data'", {DATABASE}),
        ("app == 'web' || !has(tier)", {BARE}),
        ("!(app == 'db' && tier == 'x')", {DATABASE, BARE}),
        ("app == 'x' || tier == 'data' && app == 'db'", {DATABASE}),
        ("(app == 'db' || all()) && !has(tier)", {BARE}),
    ],
)
def test_what_a_selector_says(calico_engine: CalicoEngine, selector: str, allowed: frozenset[Peer]) -> None:
    assert allowed_from(calico_engine, selector=selector) == allowed


def test_a_policy_of_the_cluster_means_pods_of_every_namespace(calico_engine: CalicoEngine) -> None:
    rule = allow(source={"selector": "app == 'db'"})
    calico_engine.load([global_policy(ingress(rule))])
    assert let_in(calico_engine) == PODS - {BARE}
    # The whole negation: what is no pod is not selected, either.
    calico_engine.load([global_policy(ingress(allow(source={"notSelector": "app == 'db'"})))])
    assert let_in(calico_engine) == {BARE, OUTSIDE, OUTSIDE_6}
    calico_engine.load([global_policy(ingress(rule, namespaceSelector="team == 'blue'", selector=""))])
    assert let_in(calico_engine) == EVERYBODY
    assert not one(calico_engine, Connection(OUTSIDE, PAYMENTS)).ingress.passes
    calico_engine.load([global_policy(ingress(rule, selector=ALL_PODS))])
    assert let_in(calico_engine) == PODS - {BARE}


def test_a_pod_cannot_say_what_it_is_in_or_runs_as(calico_engine: CalicoEngine) -> None:
    """Labels that are written to it do not count where Calico has a word for what it knows by itself."""
    lies = {
        "pcns.team": "red",
        "pcns.projectcalico.org/name": "shop",
        "pcsa.projectcalico.org/name": "db",
        "projectcalico.org/namespace": "shop",
        "projectcalico.org/serviceaccount": "db",
    }
    liar = Pod("plain", lies, "10.0.3.9")
    sources: Sequence[Json] = (
        {"selector": "all()"},
        {"namespaceSelector": "team == 'red'"},
        {"namespaceSelector": "projectcalico.org/name == 'shop'"},
        {"namespaceSelector": "all()", "selector": "projectcalico.org/namespace == 'shop'"},
        {"namespaceSelector": "all()", "serviceAccounts": {"names": ["db"]}},
        {"namespaceSelector": "all()", "serviceAccounts": {"selector": "projectcalico.org/name == 'db'"}},
    )
    for source in sources:
        load(calico_engine, ingress(allow(source=source)))
        assert let_in(calico_engine, [liar]) == NOBODY, source


def test_the_name_of_an_account_is_a_label_of_its_pods_if_it_can_be_one(calico_engine: CalicoEngine) -> None:
    """Of 63 characters it is none in Calico's converter, and one in what is sent to Felix."""
    pod = Pod("shop", {}, "10.0.1.9", {"team": "red"}, service_account="n" * 63)
    load(calico_engine, ingress(allow(source={"serviceAccounts": {"names": [pod.service_account]}})))
    assert let_in(calico_engine, [pod]) == {pod}
    # A longer one makes Felix take the account for missing.
    with pytest.raises(RefusedError, match="Felix takes Profile"):
        let_in(calico_engine, [Pod("shop", {}, "10.0.1.9", {"team": "red"}, service_account="n" * 64)])


def test_the_account_that_a_policy_s_pods_run_as(calico_engine: CalicoEngine) -> None:
    """By its labels: an account has none here but its own name."""
    named = "projectcalico.org/name == 'db'"
    load(calico_engine, ingress(selector="", serviceAccountSelector=named))
    subjects = (WEB, DATABASE, BARE, PAYMENTS)
    verdicts = calico_engine.ask(Connection(OUTSIDE, subject) for subject in subjects)
    assert [verdict.ingress.passes for verdict in verdicts] == [True, False, True, True]


def test_sets_of_networks(calico_engine: CalicoEngine) -> None:
    nets: Json = {"nets": ["203.0.113.0/24"]}
    labels: Json = {"role": "partner"}
    by_label = ingress(allow(source={"selector": "role == 'partner'"}))
    by_all = ingress(allow(source={"selector": "role == 'partner'", "namespaceSelector": "all()"}))
    worldwide = ingress(allow(source={"selector": "role == 'partner'", "namespaceSelector": "global()"}))
    for made, spec, allowed in (
        (network_set(nets, labels), by_label, {OUTSIDE}),
        (network_set(nets, labels, namespace="pay"), by_label, NOBODY),
        (network_set(nets, labels, namespace="pay"), by_all, {OUTSIDE}),
        (global_network_set(nets, labels), by_label, NOBODY),
        (global_network_set(nets, labels), by_all, NOBODY),
        (global_network_set(nets, labels), worldwide, {OUTSIDE}),
    ):
        calico_engine.load([made, calico_policy(spec)])
        assert let_in(calico_engine) == allowed


# --- ports and protocols --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({}, {("TCP", 80), ("TCP", 81), ("UDP", 80), ("SCTP", 80)}),
        ({"protocol": "TCP"}, {("TCP", 80), ("TCP", 81)}),
        ({"protocol": 6}, {("TCP", 80), ("TCP", 81)}),
        ({"protocol": "ICMP"}, set()),
        ({"notProtocol": "TCP"}, {("UDP", 80), ("SCTP", 80)}),
        (to_port(80), {("TCP", 80)}),
        (to_port("80"), {("TCP", 80)}),
        (to_port("80:81"), {("TCP", 80), ("TCP", 81)}),
        (to_port(79, "81:90"), {("TCP", 81)}),
        (to_port(80, protocol="SCTP"), {("SCTP", 80)}),
        (to_port(protocol="UDP"), {("UDP", 80)}),
        ({"protocol": "TCP", "destination": {"notPorts": [80]}}, {("TCP", 81)}),
        ({"protocol": "TCP", "source": {"ports": [80]}}, set()),
        (to_port("http"), {("TCP", 80)}),
        (to_port("http", protocol="UDP"), set()),
    ],
)
def test_ports_and_protocols(calico_engine: CalicoEngine, rule: Document, allowed: set[tuple[Protocol, int]]) -> None:
    web = Pod("shop", {"app": "web"}, "10.0.1.1", {"team": "red"}, ports=(NamedPort("http", 80),))
    load(calico_engine, ingress(allow(**rule)))
    asked: list[tuple[Protocol, int]] = [("TCP", 80), ("TCP", 81), ("UDP", 80), ("SCTP", 80)]
    verdicts = calico_engine.ask(Connection(OUTSIDE, web, protocol, port) for protocol, port in asked)
    assert {one for one, verdict in zip(asked, verdicts, strict=True) if verdict.ingress.passes} == allowed


@pytest.mark.parametrize(
    ("http", "requests", "others"),
    [
        ({"methods": ["GET"]}, (("GET", "/a"), ("GET", "/")), (("POST", "/a"), ("get", "/a"))),
        ({"methods": ["*"]}, (("GET", "/a"), ("POST", "/a")), ()),
        ({"methods": []}, (("GET", "/a"), ("POST", "/a")), ()),
        ({"paths": [{"exact": "/a"}]}, (("GET", "/a"), ("GET", "/a?x=1")), (("GET", "/a/"), ("GET", "/b"))),
        ({"paths": [{"prefix": "/a"}]}, (("GET", "/a"), ("GET", "/a/b"), ("GET", "/apart")), (("GET", "/b"),)),
        ({"methods": ["GET"], "paths": [{"exact": "/a"}]}, (("GET", "/a"),), (("POST", "/a"), ("GET", "/b"))),
    ],
)
def test_requests(
    calico_engine: CalicoEngine,
    http: Json,
    requests: Iterable[tuple[str, str]],
    others: Iterable[tuple[str, str]],
) -> None:
    """As 3.31 has it, where a prefix is one of characters: 3.32 has one of segments."""
    load(calico_engine, ingress(allow(**to_port(80), http=http)))
    for asked, passes in ((requests, True), (others, False)):
        for method, path in asked:
            verdict = one(calico_engine, Connection(OUTSIDE, WEB, http=Request(method, path)))
            assert verdict.ingress.passes is passes, (method, path)
    # Nothing but Felix enforces: the rule is for the whole port.
    assert one(calico_engine, Connection(OUTSIDE, WEB)).ingress.passes


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("why", "document"), REFUSED)
def test_what_is_refused(calico_engine: CalicoEngine, why: str, document: Document) -> None:
    with pytest.raises(RefusedError, match=r"^object 0: ") as refused:
        calico_engine.load([document])
    assert "panic" not in str(refused.value)


def test_what_is_suspicious_and_taken(calico_engine: CalicoEngine) -> None:
    """Nothing here means what it looks like, and Calico says nothing: zt_dsl has to."""
    for spec in (
        ingress(allow(source={"serviceAccounts": {"names": ["Foo Bar"]}})),
        ingress(allow(source={"selector": "!all()"})),
        ingress(allow(source={"nets": ["10.0.0.0/8"], "selector": "app == 'db'"})),
        ingress(deny()),
    ):
        load(calico_engine, spec)


def test_names_in_the_default_tier_need_no_prefix(calico_engine: CalicoEngine) -> None:
    calico_engine.load([calico_policy(ingress(), name="web"), calico_policy(ingress(allow()), name="default.web")])
    security = calico_policy(ingress(tier="security"), name="web")
    with pytest.raises(RefusedError, match="Incorrectly formatted policy name web"):
        calico_engine.load([tier("security"), security])


def test_staged_policies_have_to_be_valid_and_enforce_nothing(calico_engine: CalicoEngine) -> None:
    staged = {**calico_policy(ingress(deny(), order=1)), "kind": "StagedNetworkPolicy"}
    calico_engine.load([staged, calico_policy(ingress(allow()))])
    assert let_in(calico_engine) == EVERYBODY
    with pytest.raises(RefusedError, match="object 0: "):
        calico_engine.load([{**calico_policy(ingress({"action": "deny"})), "kind": "StagedNetworkPolicy"}])


# --- the judge's own manners --------------------------------------------------------------------------------


def test_a_refused_load_leaves_nothing_in_force(calico_engine: CalicoEngine) -> None:
    load(calico_engine, ingress())
    with pytest.raises(RefusedError, match=r"object 1: .*unknown field"):
        load(calico_engine, ingress(), ingress(ingres=[]))
    with pytest.raises(RefusedError, match="no objects are loaded"):
        calico_engine.ask([Connection(OUTSIDE, WEB)])


def test_a_load_replaces_what_was_in_force(calico_engine: CalicoEngine) -> None:
    load(calico_engine, ingress())
    assert let_in(calico_engine) == NOBODY
    load(calico_engine, egress())
    assert let_in(calico_engine) == EVERYBODY


def test_a_policy_is_not_given_twice(calico_engine: CalicoEngine) -> None:
    policy = calico_policy(ingress())
    with pytest.raises(RefusedError, match="object 1: is object 0 again"):
        calico_engine.load([policy, policy])
    calico_engine.load([policy, calico_policy(ingress(), namespace="pay")])


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_nobody_can_dial_is_refused(calico_engine: CalicoEngine, port: int) -> None:
    calico_engine.load([])
    with pytest.raises(RefusedError, match=r"port"):
        calico_engine.ask([Connection(OUTSIDE, WEB, port=port)])


def test_peers_that_cannot_be_are_refused(calico_engine: CalicoEngine) -> None:
    calico_engine.load([])
    askable: Sequence[Sequence[Json]] = (
        [{}],
        [{"ip": "here"}],
        [{"ip": "192.0.2.1", "labels": {"app": "web"}}],
        [{"ip": "192.0.2.1"}, {"ip": "192.0.2.1"}],
        [
            {"namespace": "shop", "ip": "10.0.0.1"},
            {"namespace": "shop", "ip": "10.0.0.2", "namespaceLabels": {"team": "red"}},
        ],
    )
    for peers in askable:
        with pytest.raises(RefusedError, match=f"peer {len(peers) - 1}: "):
            calico_engine.answer({"op": "ask", "peers": peers})


def test_unknown_requests_are_refused(calico_engine: CalicoEngine) -> None:
    with pytest.raises(RefusedError, match="unknown op"):
        calico_engine.answer({"op": "explain"})
    with pytest.raises(RefusedError, match="unknown field"):
        calico_engine.answer({"op": "load", "policy": {}})
