"""What the article's manifests mean to the engines, and that what is emitted for its patterns answers rightly.

Each test is a statement of docs/six-patterns.md, which names it: tests/test_six_patterns.py holds the two together.
"""

import re
from collections.abc import Iterable, Sequence

import pytest

from tests.conformance import article
from tests.conformance.article_cluster import (
    API,
    COMPROMISED,
    EVERYBODY,
    INGRESS,
    KAFKA,
    METRICS_SERVER,
    ORDERS,
    OUTSIDE,
    PATTERN_1,
    PATTERN_2,
    PAYMENTS,
    PLAIN_API,
    PLAIN_WEB,
    POSTGRES,
    PROMETHEUS,
    REDIS,
    RESOLVER,
    STRANGER,
    WEB,
    asked,
    by_calico,
    edited,
    in_production,
    lookup,
    manifests,
    named,
    natively,
    of_calico,
    one,
)
from tests.conformance.engines import crds
from tests.conformance.engines.apiserver_engine import CREATED, ApiServer
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.cilium_engine import Address, CiliumEngine, Connection, Peer, Pod, Request
from tests.conformance.engines.kubernetes_engine import KubernetesEngine
from tests.conformance.engines.process import Document, Json, Protocol, RefusedError

pytestmark = pytest.mark.conformance

NATIVE = ("default-deny-ingress", "default-deny-egress", *PATTERN_1, *PATTERN_2, "kube-system-allow")
CILIUM = ("l7-http-policy", "external-api-egress", "allow-external-services")
BY_NAME = (("external-api-egress", API), ("allow-external-services", PAYMENTS))


def rest_of_kafka(rules: str) -> Document:
    """The article's policy for Kafka with this in the place of the `rules` of each port."""
    text, places = re.subn(r"^ {10}rules:\n(?: {12,}.*\n)+", rules, article.text("kafka-policy"), flags=re.MULTILINE)
    assert places == 2
    [policy] = article.parsed(text)
    return policy


# --- patterns 1 and 2 ---------------------------------------------------------------------------------------


def test_every_native_manifest_is_accepted(kubernetes_engine: KubernetesEngine, api_server: ApiServer) -> None:
    kubernetes_engine.load(manifests(*NATIVE))
    api_server.clear()
    assert api_server.apply(manifests(*NATIVE)) == [CREATED] * len(NATIVE)


def test_the_default_deny_leaves_the_lookups_alone(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*PATTERN_1))
    for peer in EVERYBODY:
        assert not asked(kubernetes_engine, Connection(peer, STRANGER, port=8080)).ingress
        assert not asked(kubernetes_engine, Connection(STRANGER, peer, port=8080)).egress
    for protocol in ("UDP", "TCP"):
        assert asked(kubernetes_engine, lookup(STRANGER, protocol=protocol)).allowed
    assert not asked(kubernetes_engine, lookup(STRANGER, OUTSIDE)).allowed


def test_the_two_halves_of_the_default_deny_are_the_whole(kubernetes_engine: KubernetesEngine) -> None:
    connections = [natively(Connection(one, other)) for one in EVERYBODY for other in EVERYBODY]
    kubernetes_engine.load(manifests("default-deny-all"))
    whole = kubernetes_engine.ask(connections)
    kubernetes_engine.load(manifests("default-deny-ingress", "default-deny-egress"))
    assert kubernetes_engine.ask(connections) == whole


@pytest.mark.parametrize("policies", [PATTERN_1, PATTERN_2], ids=["pattern 1", "pattern 2"])
def test_port_53_of_every_pod_of_kube_system_is_open(
    kubernetes_engine: KubernetesEngine, policies: Sequence[str]
) -> None:
    kubernetes_engine.load(manifests(*policies))
    assert asked(kubernetes_engine, lookup(API, METRICS_SERVER)).allowed


def test_the_api_cannot_reach_redis(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*PATTERN_2))
    verdict = asked(kubernetes_engine, Connection(API, REDIS, port=6379))
    assert (verdict.egress, verdict.ingress) == (True, False)
    assert asked(kubernetes_engine, Connection(API, POSTGRES, port=5432)).allowed


def test_redis_is_open_to_everybody_without_allow_from_monitoring(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*(name for name in PATTERN_2 if name != "allow-from-monitoring")))
    for peer in (STRANGER, INGRESS, OUTSIDE):
        assert asked(kubernetes_engine, Connection(peer, REDIS, port=6379)).allowed


def test_visitors_arrive_only_from_a_namespace_with_the_label(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*PATTERN_2))
    labelled = Pod("ingress-nginx", {"app": "ingress-nginx"}, WEB.namespace_labels)
    assert not asked(kubernetes_engine, Connection(INGRESS, WEB, port=8080)).allowed
    assert asked(kubernetes_engine, Connection(labelled, WEB, port=8080)).allowed


def test_pattern_2_has_no_lookups_over_tcp(kubernetes_engine: KubernetesEngine) -> None:
    for also, answer in (((), False), (("allow-dns-egress",), True)):
        kubernetes_engine.load(manifests(*PATTERN_2, *also))
        for pod in (WEB, API, POSTGRES):
            assert asked(kubernetes_engine, lookup(pod, protocol="UDP")).allowed
            assert asked(kubernetes_engine, lookup(pod, protocol="TCP")).allowed is answer


def test_a_label_of_a_tier_is_every_database_to_come(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*PATTERN_2))
    ledger = in_production(app="ledger", tier="database")
    assert asked(kubernetes_engine, Connection(API, ledger, port=5432)).ingress


def test_the_database_may_look_up_names(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*PATTERN_2))
    assert asked(kubernetes_engine, lookup(POSTGRES)).allowed


def test_monitoring_may_reach_9090_of_every_pod(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests(*PATTERN_2))
    for pod in (WEB, API, POSTGRES, REDIS, STRANGER):
        assert asked(kubernetes_engine, Connection(PROMETHEUS, pod, port=9090)).allowed


# --- pattern 3: HTTP ------------------------------------------------------------------------------------------


def test_the_manifests_for_http_and_for_names_are_accepted(cilium_engine: CiliumEngine, api_server: ApiServer) -> None:
    cilium_engine.load(manifests(*CILIUM))
    api_server.install([crds.cilium("1.20")])
    assert api_server.apply(manifests(*CILIUM)) == [CREATED] * len(CILIUM)


def passes(engine: CiliumEngine, method: str, path: str) -> bool:
    return one(engine, Connection(WEB, API, port=8080, http=Request(method, path))).passes


def test_a_query_is_refused_where_the_path_is_written_out(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("l7-http-policy"))
    assert passes(cilium_engine, "POST", "/api/v1/orders")
    assert not passes(cilium_engine, "POST", "/api/v1/orders?dry_run=1")
    # A dot is any character, and so a question mark, too.
    assert passes(cilium_engine, "GET", "/api/v1/orders?limit=1")


def test_a_path_that_ends_in_anything_is_of_any_depth(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("l7-http-policy"))
    assert passes(cilium_engine, "PUT", "/api/v1/orders/7")
    assert passes(cilium_engine, "PUT", "/api/v1/orders/7/lines/1")
    assert passes(cilium_engine, "PUT", "/api/v1/orders/")
    assert not passes(cilium_engine, "GET", "/api/v1")


def test_every_request_passes_beside_pattern_2(cilium_engine: CiliumEngine) -> None:
    for beside, answer in (((), False), (("backend-policy",), True)):
        cilium_engine.load(manifests("l7-http-policy", *beside))
        assert passes(cilium_engine, "DELETE", "/admin") is answer


def test_the_policy_for_http_opens_one_end_of_two(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("l7-http-policy", *PATTERN_1))
    verdict = one(cilium_engine, Connection(WEB, API, port=8080, http=Request("GET", "/api/v1/orders")))
    assert (verdict.egress.passes, verdict.ingress.passes) == (False, True)


# --- pattern 3: Kafka -----------------------------------------------------------------------------------------


def test_the_policy_for_kafka_is_refused_by_1_20(cilium_engine: CiliumEngine, api_server: ApiServer) -> None:
    field = r"spec\.ingress\[0\]\.toPorts\[0\]\.rules\.kafka"
    with pytest.raises(RefusedError, match=rf"unknown field {field}"):
        cilium_engine.load(manifests("kafka-policy"))
    api_server.install([crds.cilium("1.20")])
    [applied] = api_server.apply(manifests("kafka-policy"))
    assert applied.outcome == "refused"
    assert ".spec.ingress[0].toPorts[0].rules.kafka: field not declared in schema" in applied.error


def test_what_pruning_leaves_of_it_is_refused_too(cilium_engine: CiliumEngine, api_server: ApiServer) -> None:
    """The engine applies strictly; a server that is not asked to be strict takes `kafka` out before it validates.
    So what would be left is applied here."""
    left = rest_of_kafka(" " * 10 + "rules: {}\n")
    with pytest.raises(RefusedError, match=r"must validate one and only one schema"):
        cilium_engine.load([left])
    api_server.install([crds.cilium("1.20")])
    [applied] = api_server.apply([left])
    assert (applied.outcome, applied.status) == ("refused", 422)
    assert '"spec.ingress[0].toPorts[0].rules" must validate one and only one schema (oneOf)' in applied.error


def test_the_policy_for_kafka_is_stored_by_1_19(api_server: ApiServer) -> None:
    api_server.install([crds.cilium("1.19")])
    assert api_server.apply(manifests("kafka-policy")) == [CREATED]


def test_what_is_left_of_a_stored_one_opens_the_whole_port(cilium_engine: CiliumEngine) -> None:
    """An object that is in etcd is pruned when it is read, and not validated: the agent gets `rules: {}`, which it
    takes for none. The engine validates whatever it is given, so it is given none."""
    cilium_engine.load([rest_of_kafka("")])
    for client in (ORDERS, PAYMENTS):
        end = one(cilium_engine, Connection(client, KAFKA, port=9092)).ingress
        assert (end.allowed, end.proxy) == (True, "")
    assert not one(cilium_engine, Connection(STRANGER, KAFKA, port=9092)).passes


# --- patterns 3 and 4: names ------------------------------------------------------------------------------------


def reached(engine: CiliumEngine, source: Peer, name: str, server_name: str = "") -> bool:
    connection = Connection(source, named(name), port=443, server_name=server_name or name)
    return one(engine, connection).egress.passes


def test_a_wildcard_for_amazon_is_one_label(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("external-api-egress"))
    for name in ("api.stripe.com", "api.sendgrid.com", "s3.amazonaws.com"):
        assert reached(cilium_engine, API, name)
    for name in ("s3.us-east-1.amazonaws.com", "shop-uploads.s3.us-east-1.amazonaws.com", "amazonaws.com"):
        assert not reached(cilium_engine, API, name)


def test_a_wildcard_for_buckets_is_of_one_label_and_of_anybody(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("allow-external-services"))
    for name in ("s3.amazonaws.com", "statements.s3.amazonaws.com", "bucket-of-a-stranger.s3.amazonaws.com"):
        assert reached(cilium_engine, PAYMENTS, name)
    for name in ("statements.s3.us-east-1.amazonaws.com", "my.statements.s3.amazonaws.com"):
        assert not reached(cilium_engine, PAYMENTS, name)


@pytest.mark.parametrize(("policy", "source"), BY_NAME)
def test_lookups_over_tcp_are_refused(cilium_engine: CiliumEngine, policy: str, source: Pod) -> None:
    cilium_engine.load(manifests(policy))
    answers = [
        one(cilium_engine, lookup(source, protocol=protocol, name="api.stripe.com")) for protocol in ("UDP", "TCP")
    ]
    assert [answer.egress.passes for answer in answers] == [True, False]


@pytest.mark.parametrize(("policy", "source"), BY_NAME)
def test_every_name_may_be_looked_up(cilium_engine: CiliumEngine, policy: str, source: Pod) -> None:
    cilium_engine.load(manifests(policy))
    end = one(cilium_engine, lookup(source, name="what-i-stole.attacker.example")).egress
    assert (end.proxy, end.dns) == ("dns", True)


@pytest.mark.parametrize(("policy", "source"), BY_NAME)
def test_another_name_on_the_same_address_passes(cilium_engine: CiliumEngine, policy: str, source: Pod) -> None:
    cilium_engine.load(manifests(policy))
    assert reached(cilium_engine, source, "api.stripe.com", server_name="attacker.example")


@pytest.mark.parametrize(("policy", "source"), BY_NAME)
def test_lookups_over_tcp_are_not_seen_beside_pattern_1(cilium_engine: CiliumEngine, policy: str, source: Pod) -> None:
    cilium_engine.load(manifests(policy, "allow-dns-egress"))
    ends = [
        one(cilium_engine, lookup(source, protocol=protocol, name="api.stripe.com")).egress
        for protocol in ("UDP", "TCP")
    ]
    assert [(end.passes, end.proxy) for end in ends] == [(True, "dns"), (True, "")]
    # An address that no name was learned for is one of nobody's.
    assert not one(cilium_engine, Connection(source, Address("192.0.2.1"), port=443)).egress.passes


# --- pattern 4: Calico ------------------------------------------------------------------------------------------

NAMES = """\
        domains:
          - "api.stripe.com"
          - "api.paypal.com"
"""


def test_calico_refuses_the_field_for_names(calico_engine: CalicoEngine) -> None:
    with pytest.raises(RefusedError, match=r'unknown field "spec\.egress\[0\]\.destination\.domains"'):
        calico_engine.load(manifests("allow-external-dns"))


def test_without_the_field_443_of_everybody_is_open(calico_engine: CalicoEngine) -> None:
    calico_engine.load([edited("allow-external-dns", NAMES, "")])
    for peer in (OUTSIDE, named("attacker.example", "192.0.2.7"), POSTGRES, METRICS_SERVER):
        assert by_calico(calico_engine, Connection(PAYMENTS, peer, port=443)).egress.passes
    assert not by_calico(calico_engine, Connection(PAYMENTS, OUTSIDE, port=80)).egress.passes


def test_a_global_policy_knows_pods_by_a_label_in_any_namespace(calico_engine: CalicoEngine) -> None:
    calico_engine.load([edited("allow-external-dns", NAMES, "")])
    elsewhere = Pod("shop", {"app": "payment-service"})
    exfiltrating = Pod("attacker", {"k8s-app": "kube-dns"})
    assert not by_calico(calico_engine, Connection(elsewhere, OUTSIDE, port=80)).egress.passes
    assert by_calico(calico_engine, lookup(PAYMENTS, exfiltrating)).egress.passes


def test_calico_s_policy_for_names_has_no_lookups_over_tcp(calico_engine: CalicoEngine) -> None:
    calico_engine.load([edited("allow-external-dns", NAMES, "")])
    verdicts = of_calico(calico_engine, over_both(PAYMENTS))
    assert [verdict.egress.passes for verdict in verdicts] == [True, False]


# --- pitfalls -----------------------------------------------------------------------------------------------


def test_an_empty_list_of_peers_is_everybody(kubernetes_engine: KubernetesEngine, cilium_engine: CiliumEngine) -> None:
    kubernetes_engine.load(manifests("kube-system-allow"))
    cilium_engine.load(manifests("kube-system-allow"))
    for peer in (API, STRANGER, OUTSIDE):
        assert asked(kubernetes_engine, lookup(peer)).allowed
        assert one(cilium_engine, lookup(peer)).passes


def test_a_rule_without_ports_is_every_port(kubernetes_engine: KubernetesEngine) -> None:
    policy = article.manifest("allow-monitoring")
    # It names no namespace: the client's settings do.
    metadata: Json = {"name": "allow-monitoring", "namespace": "production"}
    kubernetes_engine.load([{**policy, "metadata": metadata}, *manifests("default-deny-all")])
    ports: Sequence[tuple[Protocol, int]] = (("TCP", 22), ("TCP", 5432), ("UDP", 161))
    for pod in (WEB, POSTGRES, STRANGER):
        for protocol, port in ports:
            assert asked(kubernetes_engine, Connection(PROMETHEUS, pod, protocol, port)).allowed


def test_calico_s_deny_goes_before_what_networkpolicy_allows(calico_engine: CalicoEngine) -> None:
    for policies, answer in ((("kube-system-allow",), True), (("kube-system-allow", "deny-suspicious"), False)):
        calico_engine.load(manifests(*policies))
        assert by_calico(calico_engine, lookup(COMPROMISED)).ingress.passes is answer
        assert by_calico(calico_engine, lookup(STRANGER)).ingress.passes


def test_calico_s_deny_closes_every_pod_that_nothing_opens(calico_engine: CalicoEngine) -> None:
    calico_engine.load(manifests("deny-suspicious"))
    for verdict in of_calico(calico_engine, [Connection(p, t) for p in EVERYBODY for t in EVERYBODY if t != OUTSIDE]):
        assert not verdict.ingress.passes
    calico_engine.load(manifests("deny-suspicious", *PATTERN_2))
    assert by_calico(calico_engine, Connection(WEB, API, port=8080)).passes
    # Pattern 2 is about production. Nothing opens the resolver, which the deny has closed.
    verdict = by_calico(calico_engine, lookup(API))
    assert (verdict.egress.passes, verdict.ingress.passes) == (True, False)


def test_a_pass_behind_it_opens_what_networkpolicy_closes(calico_engine: CalicoEngine) -> None:
    last = '        selector: app == "compromised-service"\n'
    passed_on = edited("deny-suspicious", last, f"{last}    - action: Pass\n")
    calico_engine.load([passed_on, *manifests("default-deny-ingress")])
    assert not by_calico(calico_engine, Connection(COMPROMISED, API)).ingress.passes
    for peer in (STRANGER, PROMETHEUS, OUTSIDE):
        assert by_calico(calico_engine, Connection(peer, API)).ingress.passes


# --- what is emitted ----------------------------------------------------------------------------------------

# A connection; whether it passes where Cilium enforces the topology, and where NetworkPolicy does: less, by the
# waivers of the platform.
Answers = Iterable[tuple[Connection, bool, bool]]


def over_both(source: Peer, target: Peer = RESOLVER, name: str = "") -> tuple[Connection, Connection]:
    return lookup(source, target, "UDP", name), lookup(source, target, "TCP", name)


def both(passes: bool, *connections: Connection) -> Answers:
    return [(connection, passes, passes) for connection in connections]


def cilium_only(*connections: Connection) -> Answers:
    """What Cilium refuses, and NetworkPolicy cannot."""
    return [(connection, False, True) for connection in connections]


def call(method: str, path: str, source: Peer = WEB, port: int = 8080) -> Connection:
    return Connection(source, API, port=port, http=Request(method, path))


def tls(source: Peer, name: str, server_name: str = "", port: int = 443) -> Connection:
    return Connection(source, named(name), port=port, server_name=server_name or name)


EXPECTED: dict[str, Answers] = {
    "pattern1": (
        *both(True, *over_both(STRANGER), *over_both(API)),
        *both(False, *over_both(STRANGER, METRICS_SERVER), *over_both(STRANGER, OUTSIDE)),
        *both(False, *(Connection(peer, STRANGER, port=8080) for peer in EVERYBODY)),
        *both(False, *(Connection(STRANGER, peer, port=8080) for peer in EVERYBODY)),
    ),
    "pattern2": (
        *both(True, Connection(INGRESS, WEB, port=8080), Connection(INGRESS, WEB, port=8443)),
        *both(True, Connection(WEB, API, port=8080), Connection(API, POSTGRES, port=5432)),
        *both(True, Connection(API, REDIS, port=6379)),
        *both(True, *(Connection(PROMETHEUS, pod, port=9090) for pod in (WEB, API, POSTGRES, REDIS))),
        *both(True, *over_both(WEB), *over_both(API)),
        *both(False, *over_both(POSTGRES), *over_both(REDIS), *over_both(API, METRICS_SERVER)),
        *both(False, Connection(PROMETHEUS, STRANGER, port=9090), Connection(PROMETHEUS, API, port=8080)),
        *both(False, Connection(WEB, POSTGRES, port=5432), Connection(WEB, REDIS, port=6379)),
        *both(False, Connection(API, in_production(app="ledger", tier="database"), port=5432)),
        *both(False, Connection(STRANGER, REDIS, port=6379), Connection(OUTSIDE, WEB, port=8080)),
    ),
    "pattern3": (
        *both(True, call("GET", "/api/v1"), call("GET", "/api/v1/orders"), call("GET", "/api/v1/orders?limit=1")),
        *both(True, call("POST", "/api/v1/orders"), call("POST", "/api/v1/orders?dry_run=1")),
        *both(True, call("PUT", "/api/v1/orders/7")),
        *cilium_only(call("DELETE", "/api/v1/orders/7"), call("GET", "/admin"), call("GET", "/api/v10")),
        *cilium_only(call("PUT", "/api/v1/orders/7/lines/1"), call("PUT", "/api/v1/orders/")),
        *both(False, call("GET", "/api/v1/orders", ORDERS), call("GET", "/api/v1/orders", port=9090)),
        *both(True, Connection(ORDERS, KAFKA, port=9092), Connection(PAYMENTS, KAFKA, port=9092)),
        *both(False, Connection(API, KAFKA, port=9092), Connection(ORDERS, KAFKA, port=9093)),
        *both(True, tls(API, "api.stripe.com"), tls(API, "api.sendgrid.com"), tls(API, "sqs.us-east-1.amazonaws.com")),
        *both(True, tls(API, "shop-uploads.s3.us-east-1.amazonaws.com")),
        *cilium_only(tls(API, "api.stripe.com", "attacker.example"), tls(API, "attacker.example")),
        *cilium_only(tls(API, "bucket-of-a-stranger.s3.us-east-1.amazonaws.com"), tls(API, "s3.amazonaws.com")),
        *both(False, tls(API, "api.stripe.com", port=80), tls(ORDERS, "api.stripe.com")),
        *both(True, *over_both(API, name="api.stripe.com"), *over_both(WEB), *over_both(ORDERS)),
        *both(False, *over_both(KAFKA), *over_both(API, METRICS_SERVER)),
    ),
    "pattern4": (
        *both(True, tls(PAYMENTS, "api.stripe.com"), tls(PAYMENTS, "api.paypal.com")),
        *both(True, tls(PAYMENTS, "s3.amazonaws.com"), tls(PAYMENTS, "statements.s3.amazonaws.com")),
        *cilium_only(tls(PAYMENTS, "api.stripe.com", "attacker.example"), tls(PAYMENTS, "attacker.example")),
        *cilium_only(tls(PAYMENTS, "statements.s3.us-east-1.amazonaws.com")),
        *both(False, tls(PAYMENTS, "api.stripe.com", port=80), tls(STRANGER, "api.stripe.com")),
        *both(True, *over_both(PAYMENTS, name="api.stripe.com")),
        *both(False, *over_both(STRANGER), Connection(OUTSIDE, PAYMENTS, port=443)),
    ),
    "pitfalls": (
        *both(True, Connection(PLAIN_WEB, PLAIN_API, port=8080), Connection(PROMETHEUS, PLAIN_API, port=8080)),
        *both(True, *over_both(PLAIN_WEB)),
        *both(False, *over_both(PLAIN_API), Connection(COMPROMISED, PLAIN_API, port=8080)),
        *both(False, Connection(PROMETHEUS, PLAIN_API, port=22), Connection(OUTSIDE, PLAIN_API, port=8080)),
    ),
}


def wrong_on_cilium(engine: CiliumEngine, pattern: str, platform: str) -> list[Connection]:
    answers = tuple(EXPECTED[pattern])
    engine.load(article.emitted(pattern, platform))
    verdicts = engine.ask(connection for connection, _, _ in answers)
    return [it for (it, cilium, _), verdict in zip(answers, verdicts, strict=True) if verdict.passes is not cilium]


def wrong_natively(engine: KubernetesEngine, pattern: str, platform: str) -> list[Connection]:
    answers = tuple(EXPECTED[pattern])
    engine.load(article.emitted(pattern, platform))
    verdicts = engine.ask(natively(connection) for connection, _, _ in answers)
    return [it for (it, _, native), verdict in zip(answers, verdicts, strict=True) if verdict.allowed is not native]


@pytest.mark.parametrize(("pattern", "platform"), article.CILIUM)
def test_what_is_emitted_for_cilium_answers_rightly(cilium_engine: CiliumEngine, pattern: str, platform: str) -> None:
    assert wrong_on_cilium(cilium_engine, pattern, platform) == []


@pytest.mark.parametrize(("pattern", "platform"), article.NATIVE)
def test_what_is_emitted_for_networkpolicy_answers_rightly(
    kubernetes_engine: KubernetesEngine, pattern: str, platform: str
) -> None:
    assert wrong_natively(kubernetes_engine, pattern, platform) == []


@pytest.mark.parametrize(("pattern", "platform"), article.CALICO)
def test_what_is_emitted_for_calico_answers_rightly(calico_engine: CalicoEngine, pattern: str, platform: str) -> None:
    """Open-source Calico says less than Cilium, by the same waivers as NetworkPolicy."""
    answers = tuple(EXPECTED[pattern])
    calico_engine.load(article.emitted(pattern, platform))
    verdicts = of_calico(calico_engine, (connection for connection, _, _ in answers))
    assert [
        it for (it, _, calico), verdict in zip(answers, verdicts, strict=True) if verdict.passes is not calico
    ] == []


@pytest.mark.parametrize(("pattern", "platform"), [*article.NATIVE, *article.CILIUM])
def test_what_is_emitted_is_accepted(api_server: ApiServer, pattern: str, platform: str) -> None:
    api_server.install([crds.cilium("1.20")])
    api_server.clear()
    documents = article.emitted(pattern, platform)
    assert api_server.apply(documents) == [CREATED] * len(documents)


def test_names_that_are_emitted_are_learned_over_udp_and_tcp(cilium_engine: CiliumEngine) -> None:
    for pattern, platform, source in (("pattern3", "cilium_without_topics", API), ("pattern4", "cilium", PAYMENTS)):
        cilium_engine.load(article.emitted(pattern, platform))
        for connection in over_both(source, name="api.stripe.com"):
            end = one(cilium_engine, connection).egress
            assert (end.proxy, end.dns) == ("dns", True)


@pytest.mark.parametrize(("pattern", "platform"), article.OLD_CILIUM)
def test_topics_are_emitted_for_1_19_alone(
    cilium_engine: CiliumEngine, api_server: ApiServer, pattern: str, platform: str
) -> None:
    documents = article.emitted(pattern, platform)
    api_server.install([crds.cilium("1.19")])
    assert api_server.apply(documents) == [CREATED] * len(documents)
    with pytest.raises(RefusedError, match=r"unknown field .*rules\.kafka"):
        cilium_engine.load(documents)
