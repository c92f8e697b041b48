"""What is emitted for Calico, read as anybody reads YAML; and what is refused although its table has the feature."""

from collections.abc import Iterator
from datetime import date
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl import (
    GET,
    INTERNET,
    POST,
    ApiServer,
    Calico,
    DnsPort,
    HttpApp,
    HttpPort,
    HttpsApi,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Platform,
    Route,
    SctpPort,
    Service,
    TcpPort,
    Topology,
    UdpPort,
    allow,
    deny,
    quarantine,
)
from zt_dsl.backends.calico import BACKEND
from zt_dsl.backends.calico.objects import (
    MAX_HTTP,
    Allow,
    Anyone,
    Deny,
    HTTPMatch,
    HTTPPath,
    Nets,
    Pods,
    Ports,
    selector,
)
from zt_dsl.backends.calico.schemas import check
from zt_dsl.compiler import Ready, build, plan
from zt_dsl.manifests.names import NAMESPACE_FILE
from zt_dsl.model.statements import Statement
from zt_dsl.resolve import resolve

Tree: TypeAlias = Any  # documents as PyYAML gives them

shop, ops, legacy = Namespace("shop"), Namespace("ops"), Namespace("legacy")
web, api, db = (HttpApp(name, namespace=shop) for name in ("web", "api", "db"))
scraper = HttpApp("scraper", namespace=ops)
far = HttpApp("far", namespace=legacy)
PODS = ("10.244.0.0/16", "fd00:10:244::/56")
DNS = {
    "namespaceSelector": "projectcalico.org/name == 'kube-system'",
    "selector": "projectcalico.org/orchestrator == 'k8s' && k8s-app == 'kube-dns'",
    "ports": [53],
}


class Many(Service):
    passive = TcpPort(30000, last=30009)
    admin = TcpPort(5038)
    media = UdpPort(5004)
    signalling = SctpPort(2905)
    odd = DnsPort(5353)


many = Many("many", namespace=shop)


def platform(
    version: str = "3.31",
    *,
    tier: str = "default",
    edition: Literal["open-source", "enterprise"] = "open-source",
    app_layer: bool = False,
) -> Platform:
    network = Calico(version, tier=tier, edition=edition, app_layer=app_layer)
    return Platform("p", network=network, pod_cidrs=PODS)


def planned(*statements: Statement, on: Platform, governs: tuple[Namespace, ...] = (shop,)) -> tuple[Ready, list[str]]:
    found = resolve(Topology("t", statements, governs=governs), on, on=date(2026, 11, 26))
    assert found.policy is not None, found.diagnostics
    ready = plan(found.policy)
    codes = [diagnostic.code for diagnostic in ready.diagnostics]
    assert isinstance(ready, Ready), [diagnostic.message for diagnostic in ready.diagnostics]
    return ready, codes


def refused(*statements: Statement, on: Platform) -> list[tuple[str, str]]:
    found = resolve(Topology("t", statements, governs=[shop]), on, on=date(2026, 11, 26))
    assert found.policy is not None, found.diagnostics
    ready = plan(found.policy)
    assert not isinstance(ready, Ready)
    return [(diagnostic.code, diagnostic.message.rpartition(": ")[2]) for diagnostic in ready.diagnostics]


def files(*statements: Statement, on: Platform, governs: tuple[Namespace, ...] = (shop,)) -> dict[str, list[Tree]]:
    ready, _ = planned(*statements, on=on, governs=governs)
    made = build(ready, Path("/"))
    found = {path: list(yaml.safe_load_all(made.files[path])) for path in made.manifests}
    for documents in found.values():
        for document in documents:
            assert check(document) == ()
            assert document["spec"]["types"] == ["Ingress", "Egress"]
    return found


def compiled(
    *statements: Statement, on: Platform | None = None, governs: tuple[Namespace, ...] = (shop,)
) -> dict[tuple[str, str], Tree]:
    found = files(*statements, on=on or platform(), governs=governs)
    documents = [document for several in found.values() for document in several]
    by_name = {(each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"] for each in documents}
    assert len(by_name) == len(documents)
    return by_name


def noted(ready: Ready) -> dict[str, str]:
    (table,) = BACKEND.notes(ready.policy)
    return {row[0]: row[1] for row in table.rows}


def rules(spec: Tree) -> Iterator[Tree]:
    yield from (*spec.get("ingress", ()), *spec.get("egress", ()))


# --- forms ---------------------------------------------------------------------------------------------


def test_an_edge_is_a_rule_at_both_of_its_ends() -> None:
    found = compiled(allow(scraper, api.http), governs=(shop, ops))
    ends = ("shop", "allow-api"), ("ops", "allow-scraper")
    assert [found[end]["selector"] for end in ends] == ["app == 'api'", "app == 'scraper'"]
    assert found[ends[0]]["ingress"] == [
        {
            "action": "Allow",
            "protocol": "TCP",
            "source": {
                "namespaceSelector": "projectcalico.org/name == 'ops'",
                "selector": "projectcalico.org/orchestrator == 'k8s' && app == 'scraper'",
            },
            "destination": {"ports": [8080]},
        }
    ]
    assert {
        "action": "Allow",
        "protocol": "TCP",
        "destination": {
            "namespaceSelector": "projectcalico.org/name == 'shop'",
            "selector": "projectcalico.org/orchestrator == 'k8s' && app == 'api'",
            "ports": [8080],
        },
    } in found[ends[1]]["egress"]


def test_a_peer_in_the_same_namespace_says_so() -> None:
    (rule,) = compiled(allow(web, api.http))["shop", "allow-api"]["ingress"]
    assert rule["source"]["namespaceSelector"] == "projectcalico.org/name == 'shop'"


def test_a_lookup_is_a_rule_a_protocol() -> None:
    found = compiled(allow(web, far.http))["shop", "allow-web"]
    asked = [rule for rule in found["egress"] if rule["destination"] == DNS]
    assert [rule["protocol"] for rule in asked] == ["UDP", "TCP"]


def test_ports_of_one_protocol_stand_together_and_a_range_has_a_colon() -> None:
    edges = [allow(web, port) for port in (many.admin, many.passive, many.media, many.signalling, many.odd)]
    found = compiled(*edges)["shop", "allow-many"]["ingress"]
    assert {rule["protocol"]: rule["destination"]["ports"] for rule in found} == {
        "TCP": [5038, 5353, "30000:30009"],
        "UDP": [5004, 5353],
        "SCTP": [2905],
    }
    assert len(found) == 3


def test_every_pod_of_a_namespace_is_one_object_for_what_leaves_them() -> None:
    found = compiled(allow(shop, far.http))
    wide = found["shop", "namespace-allow"]
    assert (wide["selector"], wide["order"]) == ("all()", 500)
    assert "ingress" not in wide
    assert len(wide["egress"]) == 3
    # At the other end the namespace is a peer, and nothing but its pods is.
    (rule,) = compiled(allow(legacy, api.http))["shop", "allow-api"]["ingress"]
    assert rule["source"] == {
        "namespaceSelector": "projectcalico.org/name == 'legacy'",
        "selector": "projectcalico.org/orchestrator == 'k8s'",
    }


def test_the_floor_is_for_every_pod_and_has_no_rules() -> None:
    found = compiled(allow(web, api.http))
    floor = {"order": 900, "selector": "all()", "types": ["Ingress", "Egress"]}
    assert found["shop", "default-deny"] == floor


def test_a_workload_is_a_file_and_floors_come_last() -> None:
    found = files(allow(web, api.http), deny(db, api, why="not theirs"), on=platform())
    named = {path: [document["metadata"]["name"] for document in documents] for path, documents in found.items()}
    assert named == {
        "shop/api.yaml": ["allow-api", "deny-api"],
        "shop/db.yaml": ["deny-db"],
        "shop/web.yaml": ["allow-web"],
        f"shop/{NAMESPACE_FILE}": ["default-deny"],
    }
    assert list(found)[-1] == f"shop/{NAMESPACE_FILE}"


# --- addresses -----------------------------------------------------------------------------------------


def test_a_rule_has_addresses_of_one_family() -> None:
    both = Network("both", cidrs=["203.0.113.0/24", "192.0.2.0/24", "2001:db8::/32"])
    found = compiled(allow(both, web.http))["shop", "allow-web"]["ingress"]
    assert [rule["source"]["nets"] for rule in found] == [["192.0.2.0/24", "203.0.113.0/24"], ["2001:db8::/32"]]


def test_what_is_excepted_is_excepted_from_its_own_block_alone() -> None:
    office = Network(
        "office",
        cidrs=["203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"],
        excluding=["203.0.113.128/25", "198.51.100.0/25"],
    )
    found = compiled(allow(office, web.http))["shop", "allow-web"]["ingress"]
    assert [rule["source"] for rule in found] == [
        {"nets": ["192.0.2.0/24"]},
        {"nets": ["198.51.100.0/24"], "notNets": ["198.51.100.0/25"]},
        {"nets": ["203.0.113.0/24"], "notNets": ["203.0.113.128/25"]},
    ]


def test_the_internet_is_less_the_pods_in_each_family() -> None:
    found = compiled(allow(INTERNET, web.http))["shop", "allow-web"]["ingress"]
    assert [rule["source"]["nets"] for rule in found] == [["0.0.0.0/0"], ["::/0"]]
    for rule, pods in zip(found, PODS, strict=True):
        assert pods in rule["source"]["notNets"]
        assert len({ip_network(net).version for net in rule["source"]["notNets"]}) == 1


@pytest.mark.parametrize("blocks", [("192.0.2.0/24", "2001:db8::/32"), ()])
def test_two_families_or_none_are_no_nets(blocks: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"mix|empty"):
        Nets(tuple(map(ip_network, blocks)))


# --- orders and denials --------------------------------------------------------------------------------


def test_rules_of_different_action_never_share_an_order() -> None:
    found = compiled(
        allow(web, api.http),
        allow(ops, far.http),
        deny(INTERNET, api, why="nothing outside"),
        deny(db, web.http, why="not theirs"),
        quarantine(HttpApp("cut", namespace=shop), why="INC-1"),
        governs=(shop, ops),
    )
    orders: dict[int, set[str]] = {}
    for spec in found.values():
        orders.setdefault(spec["order"], set()).update(rule["action"] for rule in rules(spec))
    assert orders == {100: {"Deny"}, 500: {"Allow"}, 900: set()}
    assert all(order < 1000 for order in orders)


def test_a_deny_stands_at_both_ends_for_its_ports() -> None:
    found = compiled(deny(db, many.odd, why="not theirs"), allow(web, many.odd))
    there = found["shop", "deny-many"]["ingress"]
    here = found["shop", "deny-db"]["egress"]
    assert [(rule["protocol"], rule["destination"]) for rule in there] == [
        ("UDP", {"ports": [5353]}),
        ("TCP", {"ports": [5353]}),
    ]
    assert [rule["destination"]["ports"] for rule in here] == [[5353], [5353]]
    assert "egress" not in found["shop", "deny-many"]


def test_a_deny_of_every_port_names_no_protocol() -> None:
    found = compiled(deny(legacy, api, why="not theirs"), allow(web, api.http))
    assert found["shop", "deny-api"]["ingress"] == [
        {
            "action": "Deny",
            "source": {
                "namespaceSelector": "projectcalico.org/name == 'legacy'",
                "selector": "projectcalico.org/orchestrator == 'k8s'",
            },
        }
    ]


def test_a_quarantine_denies_everyone_both_ways() -> None:
    found = compiled(quarantine(web, why="INC-1"), allow(web, api.http))
    cut = found["shop", "deny-web"]
    assert (cut["ingress"], cut["egress"]) == ([{"action": "Deny"}], [{"action": "Deny"}])
    assert ("shop", "allow-web") not in found


def test_a_deny_of_what_an_edge_needs_is_told() -> None:
    _, codes = planned(allow(web, api.http), deny(shop, KubeDns(), why="no lookups"), on=platform())
    assert codes == ["ZT406"]


@pytest.mark.parametrize(("peer", "code"), [(ApiServer(), "ZT320"), (Nodes(), "ZT321")], ids=str)
def test_a_deny_of_addresses_that_nobody_told_is_refused(peer: ApiServer | Nodes, code: str) -> None:
    for statement in (deny(web, peer, why="no"), deny(peer, web, why="no")):
        found = refused(allow(web, api.http), statement, on=platform())
        assert [each for each, _ in found] == [code]


def test_a_deny_of_another_cluster_is_refused() -> None:
    there = HttpApp("there", namespace=Namespace("shop", cluster="west"))
    assert [code for code, _ in refused(allow(web, api.http), deny(there, api, why="no"), on=platform())] == ["ZT324"]


# --- tiers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", BACKEND.versions)
def test_the_tier_default_is_written_in_no_version(version: str) -> None:
    found = compiled(allow(web, api.http), on=platform(version))
    assert set(found) == {("shop", "allow-api"), ("shop", "allow-web"), ("shop", "default-deny")}
    assert not any("tier" in spec for spec in found.values())
    assert found == compiled(allow(web, api.http))


@pytest.mark.parametrize("version", BACKEND.versions[1:])
def test_another_tier_is_written_and_begins_the_names(version: str) -> None:
    found = compiled(allow(web, api.http), on=platform(version, tier="security"))
    assert set(found) == {(place, f"security.{name}") for place, name in compiled(allow(web, api.http))}
    assert {spec["tier"] for spec in found.values()} == {"security"}


@pytest.mark.parametrize(
    ("version", "tier"),
    [("3.28", "security"), ("3.32", "kube-admin"), ("3.32", "kube-baseline"), ("3.31", "adminnetworkpolicy")],
)
def test_a_tier_that_is_not_there_or_refuses_nothing_is_refused(version: str, tier: str) -> None:
    assert [code for code, _ in refused(allow(web, api.http), on=platform(version, tier=tier))] == ["ZT330"]


def test_the_report_says_how_it_is_applied_and_what_is_not_asked_any_more() -> None:
    ready, _ = planned(allow(web, api.http), on=platform())
    rows = noted(ready)
    assert "calicoctl apply" in rows["applying"]
    assert "later tiers are not asked" in rows["later tiers"]
    assert {"order 100", "order 500", "order 900", "order 1000"} <= set(rows)
    own, _ = planned(allow(web, api.http), on=platform(tier="security"))
    assert "defaultAction: Deny" in noted(own)["tier security"]


# --- selectors -----------------------------------------------------------------------------------------

VALUE = st.from_regex(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", fullmatch=True)
KEY = st.from_regex(r"([a-z0-9]{1,9}\.[a-z]{1,3}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", fullmatch=True)


@given(st.lists(st.tuples(KEY, VALUE), min_size=1, max_size=4, unique_by=lambda term: term[0]))
def test_a_selector_can_be_taken_apart_again(labels: list[tuple[str, str]]) -> None:
    said = selector(tuple(labels))
    terms = [term.split(" == ") for term in said.split(" && ")]
    assert [(key, value[1:-1]) for key, value in terms] == labels
    assert all(value[0] == value[-1] == "'" for _, value in terms)


@pytest.mark.parametrize(
    "value", ["in", "has", "all", "true", "no", "1e3", "", "0x1f", "a-b_c.d", "not", "null", "2026-11-26"]
)
def test_values_and_keys_that_look_like_words_of_the_grammar_stay_text(value: str) -> None:
    odd = HttpApp("odd", namespace=shop, labels={"app": "odd", "in": value, "not": value, "all": value})
    found = compiled(allow(odd, api.http))
    said = f"all == '{value}' && app == 'odd' && in == '{value}' && not == '{value}'"
    assert found["shop", "allow-odd"]["selector"] == said
    (rule,) = found["shop", "allow-api"]["ingress"]
    assert rule["source"]["selector"] == f"projectcalico.org/orchestrator == 'k8s' && {said}"


def test_a_quote_cannot_be_quoted() -> None:
    with pytest.raises(ValueError, match="quoted"):
        selector((("app", "it's"),))


@pytest.mark.parametrize("version", ["3.28", "3.32"])
def test_no_selector_negates(version: str) -> None:
    found = compiled(allow([web, shop, scraper], api.http), deny(legacy, db, why="no"), on=platform(version))
    said = str(found)
    assert "!" not in said
    assert "not in" not in said
    assert "||" not in said


def test_an_object_cannot_be_empty_by_accident() -> None:
    pods = Pods("shop", ())
    for wrong in (
        lambda: Allow("ingress", pods, "TCP", ()),
        lambda: Deny("ingress", pods, "TCP"),
        lambda: Deny("ingress", Anyone(), "", (Ports(80, 80),)),
        lambda: HTTPMatch((), (HTTPPath("exact", "/"),)),
        lambda: HTTPMatch(("GET",), ()),
        lambda: HTTPMatch(("GET",), (HTTPPath("exact", "/"),) * (MAX_HTTP + 1)),
    ):
        with pytest.raises(ValueError, match=r"empty|ports are|elements"):
            wrong()


# --- names ---------------------------------------------------------------------------------------------


def test_the_enterprise_edition_has_names_and_no_word_for_one_label() -> None:
    enterprise = platform(edition="enterprise")
    found = compiled(
        allow(web, HttpsApi("api.example.com").https), allow(web, HttpsApi("**.example.net").https), on=enterprise
    )
    domains = [rule["destination"] for rule in found["shop", "allow-web"]["egress"] if "domains" in str(rule)]
    assert domains == [
        {"domains": ["*.example.net"], "ports": [443]},
        {"domains": ["api.example.com"], "ports": [443]},
    ]
    one_label = allow(web, HttpsApi("*.example.com").https)
    assert refused(one_label, on=enterprise) == [("ZT315", "the name *.example.com")]
    assert refused(allow(web, HttpsApi("api.example.com").https), on=platform())[0][0] == "ZT314"


# --- routes --------------------------------------------------------------------------------------------

READS = platform("3.32", app_layer=True)


def http(*routes: Route) -> list[Tree]:
    found = compiled(allow(web, api.http.routes(*routes)), on=READS)
    # The caller's end has the whole port: what is inside is read where it arrives.
    assert not any("http" in rule for rule in found["shop", "allow-web"]["egress"])
    return [rule["http"] for rule in found["shop", "allow-api"]["ingress"]]


def test_a_path_and_what_is_below_it_is_a_prefix() -> None:
    assert http(GET("/orders/**")) == [{"methods": ["GET"], "paths": [{"prefix": "/orders"}]}]
    assert http(GET("/**")) == [{"methods": ["GET"], "paths": [{"prefix": "/"}]}]


def test_a_path_is_exact_where_it_is_meant_with_a_slash_and_without() -> None:
    assert http(GET("/orders"), GET("/orders/")) == [{"methods": ["GET"], "paths": [{"exact": "/orders"}]}]
    assert http(GET("/")) == [{"methods": ["GET"], "paths": [{"exact": "/"}]}]
    assert http(GET("/orders"), GET("/**")) == [{"methods": ["GET"], "paths": [{"prefix": "/"}, {"exact": "/orders"}]}]


def test_methods_share_a_rule_only_where_they_share_every_path() -> None:
    assert http(GET("/a/**"), POST("/a/**")) == [{"methods": ["GET", "POST"], "paths": [{"prefix": "/a"}]}]
    assert http(GET("/a/**"), GET("/b/**"), POST("/a/**")) == [
        {"methods": ["GET"], "paths": [{"prefix": "/a"}, {"prefix": "/b"}]},
        {"methods": ["POST"], "paths": [{"prefix": "/a"}]},
    ]


def test_more_paths_than_a_rule_takes_are_several_rules() -> None:
    found = http(*(GET(f"/{number:02}/**") for number in range(45)))
    assert [len(each["paths"]) for each in found] == [20, 20, 5]
    said = [path["prefix"] for each in found for path in each["paths"]]
    assert all(one < other for one, other in pairwise(said))
    assert len(said) == 45


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ((GET("/orders"),), ["GET /orders"]),
        ((GET("/orders/"),), ["GET /orders/"]),
        ((GET("/orders"), POST("/orders/")), ["GET /orders", "POST /orders/"]),
        ((GET("/orders/{id}"),), ["GET /orders/{id}"]),
        ((GET("/{shop}/**"), GET("/orders/**")), ["GET /{shop}/**"]),
        ((GET("/orders/{id}"), GET("/orders/**")), ["GET /orders/{id}"]),
    ],
    ids=str,
)
def test_a_route_that_a_rule_would_widen_is_refused_by_name(routes: tuple[Route, ...], told: list[str]) -> None:
    found = refused(allow(web, api.http.routes(*routes)), on=READS)
    assert found == [("ZT310", f"only {route}") for route in told]


def test_routes_are_read_where_they_arrive_alone() -> None:
    assert [code for code, _ in refused(allow(web, far.http.routes(GET("/a/**"))), on=READS)] == ["ZT310"]


@pytest.mark.parametrize(("version", "app_layer"), [("3.28", True), ("3.31", True), ("3.32", False)])
def test_routes_need_a_version_and_a_setting(version: str, app_layer: bool) -> None:
    on = platform(version, app_layer=app_layer)
    assert refused(allow(web, api.http.routes(GET("/a/**"))), on=on) == [("ZT310", "only GET /a/**")]


def test_a_path_may_have_so_many_letters() -> None:
    for letters, codes in ((1024, []), (1025, ["ZT319"])):
        path = "/" + "/".join(["a" * 60] * 16) + "/" + "b" * (letters - 977)
        edge = allow(web, api.http.routes(GET(f"{path}/**")))
        assert len(path) == letters
        if codes:
            assert [code for code, _ in refused(edge, on=READS)] == codes
        else:
            planned(edge, on=READS)


def test_a_whole_port_beside_a_narrowed_one_is_a_rule_of_its_own() -> None:
    class Two(Service):
        http = HttpPort(8080)
        admin = HttpPort(9090)

    two = Two("two", namespace=shop)
    found = compiled(allow(web, two.http.routes(GET("/a/**"))), allow(web, two.admin), on=READS)
    ingress = found["shop", "allow-two"]["ingress"]
    assert [(rule["destination"]["ports"], "http" in rule) for rule in ingress] == [([8080], True), ([9090], False)]


def test_a_whole_port_beside_the_same_port_narrowed_is_whole() -> None:
    found = compiled(allow(web, api.http.routes(GET("/a/**"))), allow(web, api.http), on=READS)
    [rule] = found["shop", "allow-api"]["ingress"]
    assert rule["destination"]["ports"] == [8080]
    assert "http" not in rule
