"""The forms of what is emitted for Istio. What they mean, the engine is asked in `tests/conformance`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.six_patterns.pattern5 import across_clusters
from examples.six_patterns.platform import cilium_strict_mesh
from tests.conformance.emitted import planned
from tests.mutants import fields, items, parsed
from tests.strategies import ON, Declaration, kind
from zt_dsl import (
    ANY,
    GET,
    POST,
    ApiServer,
    DnsPort,
    GrpcApp,
    HttpApp,
    HttpPort,
    Istio,
    KubeDns,
    Kubernetes,
    Namespace,
    Network,
    Nodes,
    Platform,
    Service,
    Statement,
    TcpPort,
    Topology,
    UdpPort,
    allow,
    deny,
)
from zt_dsl.backends.istio.objects import MAX_RULES, AuthorizationPolicy, Operation, PeerAuthentication, Rule
from zt_dsl.backends.istio.schemas import check
from zt_dsl.compiler import Ready, build, plan, prove
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.read import read
from zt_dsl.resolve import resolve

SHOP, PAY, OLD = Namespace("shop"), Namespace("pay"), Namespace("old", meshed=False)
WEB, API = HttpApp("web", namespace=SHOP), HttpApp("api", namespace=SHOP, service_account="api-runner")
LEGACY = HttpApp("legacy", namespace=OLD)


class Ledger(Service):
    http = HttpPort(8080, service_port=80)
    sql = TcpPort(5432)
    passive = TcpPort(30000, last=30003)
    scrape = HttpPort(9090, mtls="permissive")
    plain = TcpPort(7000, mtls="disable")
    media = UdpPort(5004)
    names = DnsPort(5353)


LEDGER = Ledger("ledger", namespace=PAY)
CALLS = GrpcApp("calls", namespace=PAY)


def platform(**more: Any) -> Platform:
    return Platform(
        "stack",
        network=Kubernetes("1.37"),
        mesh=Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES", **more),
        pod_cidrs=["10.244.0.0/16"],
        api_server=ApiServer(cidrs=["192.0.2.10/32"]),
        nodes=Nodes(cidrs=["198.51.100.0/24"]),
    )


def documents(
    *statements: Statement, on: Platform | None = None, governs: Sequence[Namespace] = (SHOP, PAY), **more: Any
) -> dict[tuple[str, str], Any]:
    """The specs of the mesh's objects by kind and `namespace/name`."""
    found = resolve(Topology("t", statements, governs=governs, **more), on or platform(), on=ON)
    assert found.policy is not None, found.diagnostics
    ready = plan(found.policy)
    assert isinstance(ready, Ready), ready.diagnostics
    made = build(ready, Path("/"))
    named = {}
    for path in made.manifests:
        for one in yaml.load_all(made.files[path], Loader=yaml.CSafeLoader):
            if one["apiVersion"] == "security.istio.io/v1":
                assert check(one) == ()
                assert list(empty_lists(one)) == []
                metadata = one["metadata"]
                named[one["kind"], f"{metadata['namespace']}/{metadata['name']}"] = one["spec"]
    return named


def empty_lists(tree: object) -> Iterator[object]:
    match tree:
        case dict():
            for each in tree.values():
                yield from empty_lists(each)
        case list():
            if not tree:
                yield tree
            for each in tree:
                yield from empty_lists(each)
        case _:
            pass


def policy(*statements: Statement, name: str = "pay/allow-ledger", **more: Any) -> Any:
    return documents(*statements, **more)["AuthorizationPolicy", name]


def rules(*statements: Statement, **more: Any) -> list[tuple[Any, Any]]:
    """Each rule, as its sources and its operations."""
    return [
        ([each["source"] for each in rule["from"]], [each["operation"] for each in rule["to"]])
        for rule in policy(*statements, **more)["rules"]
    ]


PLAIN: dict[str, list[str]] = {"notPrincipals": ["*"]}


def by(*principals: str) -> list[dict[str, list[str]]]:
    return [{"principals": [f"cluster.local/ns/{principal}"]} for principal in principals]


# --- floors and modes -------------------------------------------------------------------------------------


def test_a_namespace_has_a_floor_that_allows_nothing_and_a_mode() -> None:
    found = documents(allow(WEB, LEDGER.http))
    assert found["AuthorizationPolicy", "pay/default-deny"] == {}
    assert found["PeerAuthentication", "pay/default"] == {"mtls": {"mode": "STRICT"}}
    assert ("AuthorizationPolicy", "shop/default-deny") in found


def test_a_namespace_without_sidecars_has_neither() -> None:
    found = documents(allow(WEB, LEDGER.http), allow(LEGACY, LEDGER.scrape), governs=[SHOP, PAY, OLD])
    assert {name.partition("/")[0] for _, name in found} == {"shop", "pay"}


def test_a_service_without_callers_is_its_selector_and_no_rules() -> None:
    assert policy(allow(WEB, LEDGER.http), name="shop/allow-web") == {
        "selector": {"matchLabels": {"app": "web"}},
        "action": "ALLOW",
    }


def test_modes_of_ports_stand_with_their_workload_by_number() -> None:
    assert documents(allow(WEB, LEDGER.http))["PeerAuthentication", "pay/mtls-ledger"] == {
        "selector": {"matchLabels": {"app": "ledger"}},
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {"7000": {"mode": "DISABLE"}, "9090": {"mode": "PERMISSIVE"}},
    }


def test_what_is_as_its_namespace_has_no_object_of_its_own() -> None:
    strict = HttpApp("strict", namespace=PAY, mtls="strict")
    found = documents(allow(WEB, strict.http))
    assert ("PeerAuthentication", "pay/mtls-strict") not in found
    loose = documents(allow(WEB, strict.http), mtls="permissive")
    assert loose["PeerAuthentication", "pay/default"] == {"mtls": {"mode": "PERMISSIVE"}}
    assert loose["PeerAuthentication", "pay/mtls-strict"] == {
        "selector": {"matchLabels": {"app": "strict"}},
        "mtls": {"mode": "STRICT"},
    }


def test_the_whole_mesh_has_a_mode_only_where_the_platform_says_so() -> None:
    statement = allow(WEB, LEDGER.http)
    assert not any(name.startswith("istio-system/") for _, name in documents(statement))
    for mode in ("strict", "permissive", "disable"):
        found = documents(statement, on=platform(mesh_wide_mtls=mode, root_namespace="mesh"))
        assert found["PeerAuthentication", "mesh/default"] == {"mtls": {"mode": mode.upper()}}


# --- callers ----------------------------------------------------------------------------------------------


def test_a_service_is_its_account_and_a_namespace_every_account_of_it() -> None:
    assert rules(allow([WEB, API, SHOP], LEDGER.sql)) == [
        (by("shop/*"), [{"ports": ["5432"]}]),
        (by("shop/sa/api-runner"), [{"ports": ["5432"]}]),
        (by("shop/sa/web"), [{"ports": ["5432"]}]),
    ]


def test_identities_are_of_the_mesh_s_trust_domain() -> None:
    [(source, _)] = rules(allow(WEB, LEDGER.sql), on=platform(trust_domain="prod.example"))
    assert source == [{"principals": ["prod.example/ns/shop/sa/web"]}]


def test_who_is_denied_is_of_the_mesh_s_trust_domain() -> None:
    other = HttpApp("other", namespace=SHOP)
    denials = [deny(other, LEDGER.http, why="no"), deny(PAY, LEDGER.http, why="no")]
    found = policy(allow(WEB, LEDGER.sql), *denials, name="pay/deny-ledger", on=platform(trust_domain="prod.example"))
    assert [rule["from"] for rule in found["rules"]] == [
        [{"source": {"principals": [f"prod.example/ns/{whom}"]}}] for whom in ("pay/*", "shop/sa/other")
    ]


def test_who_is_outside_the_mesh_shows_no_identity() -> None:
    assert rules(allow(LEGACY, LEDGER.scrape)) == [([PLAIN], [{"ports": ["9090"]}])]


def test_two_who_show_no_identity_are_one_rule() -> None:
    agent = HttpApp("agent", namespace=SHOP, meshed=False)
    assert rules(allow([LEGACY, agent, OLD], LEDGER.scrape)) == [([PLAIN], [{"ports": ["9090"]}])]


def test_on_a_port_in_plain_text_nobody_shows_an_identity() -> None:
    assert rules(allow([WEB, API], LEDGER.plain)) == [([PLAIN], [{"ports": ["7000"]}])]


def test_a_network_is_its_blocks_less_its_holes() -> None:
    office = Network("office", cidrs=["203.0.113.0/24", "10.0.0.0/8"], excluding=["203.0.113.7/32"])
    [([source], _)] = rules(allow(office, LEDGER.scrape))
    assert sorted(source["ipBlocks"]) == ["10.0.0.0/8", "203.0.113.0/24"]
    assert sorted(source["notIpBlocks"]) == ["10.244.0.0/16", "203.0.113.7/32"]


@pytest.mark.parametrize(("source", "block"), [(ApiServer(), "192.0.2.10/32"), (Nodes(), "198.51.100.0/24")])
def test_the_api_server_and_the_nodes_are_their_addresses(source: ApiServer | Nodes, block: str) -> None:
    assert rules(allow(source, LEDGER.scrape)) == [([{"ipBlocks": [block]}], [{"ports": ["9090"]}])]


# --- ports and requests -----------------------------------------------------------------------------------


def test_ports_are_the_workload_s_own_and_ranges_are_numbers() -> None:
    assert rules(allow(WEB, LEDGER.http), allow(WEB, LEDGER.passive)) == [
        (by("shop/sa/web"), [{"ports": ["8080", "30000", "30001", "30002", "30003"]}])
    ]


def test_what_is_no_tcp_is_not_the_mesh_s() -> None:
    assert "rules" not in policy(allow(WEB, LEDGER.media))
    assert rules(allow(WEB, LEDGER.names)) == [(by("shop/sa/web"), [{"ports": ["5353"]}])]


def test_requests_stand_in_a_rule_of_their_own() -> None:
    """One field of HTTP takes a rule away from ports that Istio takes for TCP, all of it."""
    assert rules(allow(WEB, LEDGER.sql), allow(WEB, LEDGER.http.routes(GET("/orders/{id}"), POST("/orders")))) == [
        (by("shop/sa/web"), [{"ports": ["5432"]}]),
        (
            by("shop/sa/web"),
            [
                {"ports": ["8080"], "methods": ["GET"], "paths": ["/orders/{*}"]},
                {"ports": ["8080"], "methods": ["POST"], "paths": ["/orders"]},
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("route", "paths"),
    [
        ("/static/**", ["/static", "/static/*"]),
        ("/{tenant}/**", ["/{*}", "/{*}/{**}"]),
        ("/orders/", ["/orders/"]),
        ("/", ["/"]),
    ],
)
def test_paths_are_literals_templates_or_prefixes_that_end_at_a_segment(route: str, paths: list[str]) -> None:
    [(_, operations)] = rules(allow(WEB, LEDGER.http.routes(GET(route))))
    assert operations == [{"ports": ["8080"], "methods": ["GET"], "paths": paths}]


def test_every_request_is_still_a_request() -> None:
    [(_, operations)] = rules(allow(WEB, LEDGER.http.routes(ANY("/**"))))
    assert operations == [{"ports": ["8080"], "methods": ["*"]}]


def test_calls_are_posts_to_their_method_s_path() -> None:
    [(_, operations)] = rules(allow(WEB, CALLS.grpc.methods("shop.Orders/Get", "shop.Admin/*")), name="pay/allow-calls")
    assert operations == [{"ports": ["50051"], "methods": ["POST"], "paths": ["/shop.Admin/{*}", "/shop.Orders/Get"]}]


# --- denials ----------------------------------------------------------------------------------------------


def test_a_deny_is_of_layer_4_alone_and_each_is_said_once() -> None:
    denials = [deny(API, LEDGER.http, why="no"), deny([API], [LEDGER.http, LEDGER.passive], why="never")]
    assert policy(allow(WEB, LEDGER.http), *denials, name="pay/deny-ledger") == {
        "selector": {"matchLabels": {"app": "ledger"}},
        "action": "DENY",
        "rules": [
            {
                "from": [{"source": each} for each in by("shop/sa/api-runner")],
                "to": [{"operation": {"ports": ports}}],
            }
            for ports in (["8080"], ["30000", "30001", "30002", "30003"])
        ],
    }


# --- sizes ------------------------------------------------------------------------------------------------


def many(count: int) -> list[Service]:
    return [HttpApp(f"c{number:03}", namespace=SHOP) for number in range(count)]


def test_each_of_512_callers_has_a_rule_of_its_own() -> None:
    assert len(rules(allow(many(MAX_RULES), LEDGER.http))) == MAX_RULES


def test_more_callers_than_a_policy_has_rules_are_joined_and_each_is_there() -> None:
    found = rules(allow(many(MAX_RULES + 3), LEDGER.http), allow(WEB, LEDGER.sql))
    assert [len(sources) for sources, _ in found] == [MAX_RULES, 3, 1]
    assert sorted(source["principals"][0] for sources, _ in found for source in sources) == sorted(
        each["principals"][0] for each in by("shop/sa/web", *(f"shop/sa/{one.name}" for one in many(MAX_RULES + 3)))
    )


def test_more_denials_than_a_policy_has_rules_are_joined() -> None:
    found = policy(deny(many(MAX_RULES + 3), LEDGER.http, why="no"), allow(WEB, LEDGER.sql), name="pay/deny-ledger")
    assert [len(rule["from"]) for rule in found["rules"]] == [MAX_RULES, 3]


# --- the resolver -----------------------------------------------------------------------------------------


def resolver(*ports: Declaration, **more: Any) -> KubeDns:
    made = kind(KubeDns, ports or (Declaration("dns", "dns", 53),))
    return made("resolver", namespace=PAY, labels={"app": "resolver"}, **more)


def with_resolver(dns: KubeDns) -> Platform:
    usual = platform()
    return Platform("stack", network=usual.network, mesh=usual.mesh, dns=dns)


def test_a_governed_resolver_is_called_over_tcp_by_who_calls_by_name() -> None:
    """It stands in no topology, and its namespace's floor is its floor, too."""
    found = rules(allow(WEB, LEDGER.http), on=with_resolver(resolver()), name="pay/allow-resolver")
    assert (by("shop/sa/web"), [{"ports": ["53"]}]) in found


def test_a_governed_resolver_has_the_modes_that_it_says() -> None:
    dns = resolver(Declaration("dns", "dns", 5353, mtls="disable"), mtls="permissive")
    assert documents(allow(WEB, LEDGER.http), on=with_resolver(dns), mtls="permissive")[
        "PeerAuthentication", "pay/mtls-resolver"
    ] == {
        "selector": {"matchLabels": {"app": "resolver"}},
        "mtls": {"mode": "PERMISSIVE"},
        "portLevelMtls": {"5353": {"mode": "DISABLE"}},
    }


# --- what cannot be said ----------------------------------------------------------------------------------


def test_an_object_that_would_mean_more_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="empty"):
        Rule((), (Operation((80,)),))
    with pytest.raises(ValueError, match="empty"):
        Operation(())
    with pytest.raises(ValueError, match="denies nothing"):
        AuthorizationPolicy((), "shop", "deny", (("app", "web"),), "DENY").document()
    with pytest.raises(ValueError, match="mode of a port"):
        PeerAuthentication((), "shop", "default", (), "strict", ((80, "disable"),)).document()


def test_more_rules_than_a_policy_has_are_policies_beside_it(tmp_path: Path) -> None:
    """Each caller with a route of its own: none of the rules can be joined. What they allow adds up, and is proven."""
    callers = many(MAX_RULES + 3)
    edges = [allow(caller, LEDGER.http.routes(GET(f"/{caller.name}")), why="its own") for caller in callers]
    found = resolve(Topology("t", edges, governs=(SHOP, PAY)), platform(), on=ON)
    assert found.policy is not None
    ready = plan(found.policy)
    assert isinstance(ready, Ready)
    made = build(ready, tmp_path)
    policies = [
        one
        for one in yaml.load_all(made.files["pay/ledger.yaml"], Loader=yaml.CSafeLoader)
        if one["kind"] == "AuthorizationPolicy"
    ]
    assert {one["metadata"]["name"]: len(one["spec"]["rules"]) for one in policies} == {
        "allow-ledger": MAX_RULES,
        "allow.2-ledger": 3,
    }
    assert prove(ready, [(path, made.files[path]) for path in made.manifests], emitted=True).diagnostics == ()


def test_callers_that_are_one_to_the_mesh_share_a_rule() -> None:
    """The frontends of two clusters have one identity. Two rules that are the same fit no schema of ours: compiled
    alone, it was refused as a bug."""
    ready = planned(across_clusters, cilium_strict_mesh)
    assert isinstance(ready, Ready)
    data = build(ready, Path("/")).files["production/api.yaml"]
    [policy] = [fields(one["spec"]) for one in parsed(data) if one["kind"] == "AuthorizationPolicy"]
    rules = list(map(repr, items(policy["rules"])))
    assert len(rules) == len(set(rules)) == 3
    found = read(data, "api.yaml")
    assert not isinstance(found, Diagnostic)
    assert [check(one.body) for one in found if one.body["kind"] == "AuthorizationPolicy"] == [()]
    comments = data.decode().partition("cluster.local/ns/production/sa/frontend")[0][-400:]
    assert "the site is a client of the API" in comments
    assert "when the west is full" in comments


def test_the_mode_of_the_mesh_is_written_where_the_platform_says_it() -> None:
    """The namespaces that are governed say their own, so that no proof about them can miss it."""
    ready = planned(across_clusters, cilium_strict_mesh)
    assert isinstance(ready, Ready)
    [data] = [data for path, data in build(ready, Path("/")).files.items() if path.startswith("istio-system/")]
    [mode] = [one for one in parsed(data) if one["kind"] == "PeerAuthentication"]
    assert mode["spec"] == {"mtls": {"mode": "STRICT"}}
