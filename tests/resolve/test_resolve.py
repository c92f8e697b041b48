"""What a defeated type checker lets through: each wrong value is one diagnostic with its code, and nothing raises."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl import (
    GET,
    INTERNET,
    ApiServer,
    Calico,
    Cilium,
    Edge,
    External,
    HttpApp,
    HttpPort,
    HttpsApi,
    Istio,
    KubeDns,
    Kubernetes,
    Namespace,
    Network,
    Nodes,
    Peer,
    Platform,
    Postgres,
    Service,
    Statement,
    TcpPort,
    Tier,
    Topology,
    Waiver,
    allow,
    deny,
    never,
    only,
    quarantine,
)
from zt_dsl.model.endpoints import Endpoint, HttpEndpoint
from zt_dsl.resolve import resolve

ON = date(2026, 11, 23)
shop = Namespace("shop")
front, back = Tier("front"), Tier("back")
web = HttpApp("web", namespace=shop, tier=front)
api = HttpApp("api", namespace=shop, tier=back)
db = Postgres("db", namespace=shop)
stripe = HttpsApi("api.stripe.com")
native = Platform("native", network=Kubernetes("1.37"))


def wrong(value: object) -> Any:
    """A value that mypy would have refused."""
    return value


def codes(*statements: Statement, platform: Platform = native, **changed: object) -> list[str]:
    given_: dict[str, object] = {"governs": [shop], "tiers": [front, back], "services": [web, api, db], **changed}
    topology = Topology("shop", statements, **cast("Any", given_))
    return [found.code for found in resolve(topology, platform, on=ON).diagnostics]


class Office(Network):
    http = HttpPort(80)


class Odd(Peer):
    http = HttpPort(80)


class Two(Service):
    http = HttpPort(8080)
    admin = HttpPort(9090)


office = Office("office", cidrs=["203.0.113.0/24"])
region = Office("region", cidrs=["203.0.112.0/23"])
two = Two("two", namespace=shop, tier=back)


class Ranged(Service):
    http = HttpPort(8080, last=8090)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (lambda: allow(wrong("web"), api.http), "ZT242"),
        (lambda: allow(wrong("wbe"), api.http), "ZT242"),
        (lambda: allow(wrong(None), api.http), "ZT242"),
        (lambda: allow(wrong(stripe), api.http), "ZT242"),
        (lambda: allow(wrong(api.http), api.http), "ZT242"),
        (lambda: allow(web, wrong(api)), "ZT242"),
        (lambda: allow(web, wrong(shop)), "ZT242"),
        (lambda: allow(web, wrong("api")), "ZT242"),
        (lambda: allow(web, wrong(HttpApp.http)), "ZT242"),
        (lambda: allow(web, wrong(3)), "ZT242"),
        (lambda: allow(web, Endpoint(peer=api, port="htpp")), "ZT242"),
        (lambda: allow(web, Odd("odd").http), "ZT242"),
        (lambda: allow([], api.http), "ZT240"),
        (lambda: allow(Tier("back"), api.http, why=wrong(3)), "ZT206"),
        (lambda: allow(web, api.http, until=wrong("2027-01-01")), "ZT206"),
        (lambda: allow(web, api.http, until=date(2026, 11, 22)), "ZT243"),
        (lambda: allow(web, api.http, until=datetime(2026, 11, 22, 9)), "ZT243"),  # noqa: DTZ001  # a wrong kind of date
        (lambda: allow(web, api.http, across_tiers=wrong("yes")), "ZT206"),
        (lambda: allow(api, web.http), "ZT244"),
        (lambda: allow(api, web.http, across_tiers=True), "ZT246"),
        (lambda: allow(web, api.http.routes(wrong("/orders"))), "ZT206"),
        (lambda: allow(web, HttpEndpoint(peer=db, port="sql").routes(GET("/"))), "ZT214"),
        (lambda: allow(web, Ranged("ranged", namespace=shop).http.routes(GET("/"))), "ZT214"),
        (lambda: deny(web, db, why=" "), "ZT246"),
        (lambda: deny(web, api.http.routes(GET("/")), why="no"), "ZT214"),
        (lambda: deny(wrong("web"), db, why="no"), "ZT242"),
        (lambda: deny(web, wrong(3), why="no"), "ZT242"),
        (lambda: deny([], db, why="no"), "ZT240"),
        (lambda: never(web, [], why="no"), "ZT240"),
        (lambda: never(stripe_as_source(), web, why="no"), "ZT242"),
        (lambda: only(web, wrong(None), why="no"), "ZT242"),
        (lambda: quarantine(wrong("web"), why="no"), "ZT242"),
        (lambda: quarantine(web, why=""), "ZT246"),
        (lambda: wrong("an edge"), "ZT242"),
        (lambda: wrong([allow(web, api.http)]), "ZT242"),
    ],
)
def test_a_wrong_statement_is_one_diagnostic(statement: Callable[[], Statement], expected: str) -> None:
    assert [expected] == codes(statement())


def test_what_is_wrong_with_an_end_is_told_for_each_edge() -> None:
    nobody = Tier("nobody")
    tiers = [front, back, nobody]
    nowhere = Endpoint(peer=api, port="htpp")
    assert codes(allow(nobody, api.http), allow(nobody, db.sql), tiers=tiers) == ["ZT240", "ZT240"]
    assert codes(allow(web, nowhere), allow(web, nowhere)) == ["ZT242", "ZT242"]
    assert codes(allow(wrong("web"), api.http), allow(wrong("web"), api.http)) == ["ZT242", "ZT242"]


def stripe_as_source() -> Any:
    return stripe


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (lambda: HttpApp("x", namespace=wrong("shop")), "ZT206"),
        (lambda: HttpApp("x", namespace=shop, tier=wrong("front")), "ZT206"),
        (lambda: HttpApp("x", namespace=shop, labels=wrong("app=x")), "ZT206"),
        (lambda: HttpApp("x", namespace=shop, labels={}), "ZT224"),
        (lambda: HttpApp("x", namespace=shop, mtls=wrong("on")), "ZT206"),
        (lambda: HttpApp("x", namespace=shop, meshed=wrong(1)), "ZT206"),
        (lambda: HttpApp("x", namespace=shop, host_network=wrong("no")), "ZT206"),
        (lambda: HttpApp("x", namespace=shop, service_account="Not Valid"), "ZT201"),
        (lambda: HttpApp("x", namespace=Namespace("shop", meshed=False)), "ZT220"),
        (lambda: HttpApp("web", namespace=shop, labels={"app": "other"}), "ZT220"),
        (lambda: Postgres("web", namespace=shop, tier=front), "ZT220"),
        (lambda: HttpApp("x", namespace=shop, tier=Tier("elsewhere")), "ZT245"),
        (lambda: HttpApp("x", namespace=shop, labels={"app": "web"}), "ZT221"),
        (lambda: HttpApp("x", namespace=shop, labels={"app": "web", "track": "canary"}), "ZT222"),
        (lambda: HttpApp("x", namespace=Namespace("else", cluster="Other")), "ZT201"),
    ],
)
def test_a_wrong_service_is_one_diagnostic(service: Callable[[], Service], expected: str) -> None:
    assert [expected] == codes(allow(web, api.http), services=[web, api, db, service()])


def test_services_that_merely_do_not_exclude_one_another_are_told_apart() -> None:
    other = HttpApp("x", namespace=shop, labels={"tier": "x"})

    assert codes(allow(web, api.http), services=[web, api, db, other]) == ["ZT223"] * 3


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        (lambda: Platform("p", network=wrong("cilium")), "ZT206"),
        (lambda: Platform("p", network=Kubernetes("1.37"), mesh=wrong("istio")), "ZT206"),
        (lambda: Platform("p", network=Kubernetes(wrong(1.37))), "ZT206"),
        (lambda: Platform("p", network=Cilium(wrong(None))), "ZT206"),
        (lambda: Platform("p", network=Calico("3.31", edition=wrong("oss"))), "ZT206"),
        (lambda: Platform("p", network=None, mesh=Istio("1.31", mode=wrong("both"))), "ZT206"),
        (lambda: Platform("p", network=None, mesh=Istio("1.31", waypoint="Way Point")), "ZT201"),
        (lambda: Platform("P", network=Kubernetes("1.37")), "ZT201"),
        (lambda: Platform("p", network=Kubernetes("1.37"), dns=wrong(web)), "ZT206"),
        (lambda: Platform("p", network=Kubernetes("1.37"), api_server=wrong(office)), "ZT206"),
        (lambda: Platform("p", network=Kubernetes("1.37"), nodes=wrong(None)), "ZT206"),
        (lambda: Platform("p", network=Kubernetes("1.37"), nodes=Nodes(cidrs=["192.0.2.1/24"])), "ZT271"),
        (lambda: Platform("p", network=Kubernetes("1.37"), pod_cidrs=["10.0.0.1/8"]), "ZT271"),
        (lambda: Platform("p", network=Kubernetes("1.37"), pod_cidrs="10.0.0.0/8"), "ZT206"),
        (lambda: Platform("p", network=Kubernetes("1.37"), node_local_dns="169.254.20.10/16"), "ZT271"),
        (lambda: Platform("p", network=Kubernetes("1.37"), waivers=[wrong("http-routes")]), "ZT206"),
        (lambda: Platform("p", network=Kubernetes("1.37"), waivers=[Waiver(wrong("http"), why="x")]), "ZT291"),
        (lambda: Platform("p", network=Kubernetes("1.37"), waivers=[Waiver("deny", why="")]), "ZT246"),
        (
            lambda: Platform(
                "p", network=Kubernetes("1.37"), waivers=[Waiver("deny", why="x", until=date(2026, 1, 1))]
            ),
            "ZT290",
        ),
        (
            lambda: Platform("p", network=Kubernetes("1.37"), waivers=[Waiver("deny", why="x", target=wrong(3))]),
            "ZT242",
        ),
    ],
)
def test_a_wrong_platform_is_one_diagnostic(platform: Callable[[], Platform], expected: str) -> None:
    found = codes(allow(web, api.http), platform=platform())

    assert [expected] == found


@pytest.mark.parametrize("target", [web.http, web, shop, front, office, INTERNET, ApiServer(), stripe, [web, api.http]])
def test_a_waiver_may_be_for_any_target(target: Any) -> None:
    platform = Platform("p", network=Kubernetes("1.37"), waivers=[Waiver("deny", why="x", target=target)])

    assert codes(allow(web, api.http), platform=platform) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"governs": []}, ["ZT232"]),
        ({"governs": ["shop"]}, ["ZT206"]),
        ({"governs": [shop, Namespace("kube-system")]}, ["ZT230"]),
        ({"governs": [shop, Namespace("far", cluster="west")]}, ["ZT231"]),
        ({"services": [stripe]}, ["ZT206"]),
        ({"tiers": ["front"]}, ["ZT206", "ZT245", "ZT245"]),
        ({"tiers": [front]}, ["ZT245"]),
        ({"mtls": "maybe"}, ["ZT206"]),
    ],
)
def test_a_wrong_topology(changed: dict[str, Any], expected: list[str]) -> None:
    assert expected == sorted(codes(allow(web, api.http), **changed))


def test_an_edge_that_nothing_governs() -> None:
    there = HttpApp("there", namespace=Namespace("elsewhere"))

    assert codes(allow(office, there.http)) == ["ZT233"]


def test_a_host_network_service_is_told_also_behind_a_tier() -> None:
    agent = HttpApp("agent", namespace=shop, tier=front, host_network=True)

    assert codes(allow(front, api.http), services=[agent, api]) == ["ZT227"]
    assert codes(allow(web, agent.http), services=[]) == ["ZT227"]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow(web, api.http), never(web, api, why="x")], ["ZT247"]),
        ([allow(web, api.http), never(front, back, why="x")], ["ZT247"]),
        ([allow(web, api.http), never(shop, api.http, why="x")], ["ZT247"]),
        ([allow(web, api.http), never(web, api, why="x", but=api.http)], []),
        ([allow(web, api.http), never(shop, shop, why="x", but=web)], []),
        ([allow(web, api.http.routes(GET("/a"))), never(web, api.http.routes(GET("/b")), why="x")], []),
        ([allow(web, api.http.routes(GET("/a"))), never(web, api.http.routes(GET("/{x}")), why="x")], ["ZT247"]),
        ([allow(office, web.http), never(INTERNET, web, why="x")], ["ZT247"]),
        ([allow(web, stripe.https), never(web, INTERNET, why="x")], ["ZT247"]),
        ([allow(web, stripe.https), never(web, HttpsApi("*.stripe.com"), why="x")], ["ZT247"]),
        ([allow(web, HttpsApi("**.stripe.com").https), never(web, HttpsApi("*.api.stripe.com"), why="x")], ["ZT247"]),
        ([allow(web, HttpsApi("*.stripe.com").https), never(web, HttpsApi("**.stripe.com"), why="x")], ["ZT247"]),
        ([allow(web, HttpsApi("*.a.com").https), never(web, HttpsApi("*.b.com"), why="x")], []),
        ([allow(web, stripe.https), never(web, External("other.example.com"), why="x")], []),
        ([allow(shop, api.http), never(web, api, why="x")], ["ZT247"]),
        ([allow(web, ApiServer().https), never(web, ApiServer(), why="x")], ["ZT247"]),
        ([allow(web, Nodes().kubelet), never(web, ApiServer(), why="x")], []),
        ([allow(web, api.http), only(web, api, why="x")], []),
        ([allow(web, api.http), only(front, api, why="x")], []),
        ([allow(web, api.http), only(shop, api, why="x")], []),
        ([allow(shop, api.http), only(web, api, why="x")], ["ZT248"]),
        ([allow(office, web.http), only(INTERNET, web, why="x")], []),
        ([allow(INTERNET, web.http), only(office, web, why="x")], ["ZT248"]),
        ([allow(web, api.http), only(db, api.http, why="x")], ["ZT248"]),
        ([allow(web, api.http), deny(web, api, why="x")], ["ZT249"]),
        ([allow(web, api.http), deny(INTERNET, api, why="x")], []),
        # What is excused is excused whole, and on its own port.
        ([allow(web, two.admin), never(web, two, why="x", but=two.http)], ["ZT247"]),
        ([allow(web, two.http), never(web, two, why="x", but=two.http)], []),
        ([allow(web, region.http), never(web, INTERNET, why="x", but=office)], ["ZT247"]),
        ([allow(web, office.http), never(web, INTERNET, why="x", but=region)], []),
        # Each of a group, on either side.
        ([allow(web, api.http), never(web, back, why="x")], ["ZT247"]),
        ([allow(web, two.http), never(web, back, why="x")], ["ZT247"]),
        ([allow(web, two.http), never(shop, back, why="x")], ["ZT247"]),
        ([allow(shop, two.http), never(shop, two, why="x")], ["ZT247"]),
        ([allow(web, api.http), quarantine(web, why="x")], []),
        ([allow(shop, api.http), quarantine(web, why="x")], []),
        ([allow(shop, api.http), quarantine(api, why="x")], []),
    ],
)
def test_guardrails_are_held_against_every_edge(statements: list[Statement], expected: list[str]) -> None:
    assert expected == codes(*statements)


office_and_api_server = Network("office-and-more", cidrs=["192.0.2.0/28"])
nodes_and_more = Network("racks", cidrs=["198.51.100.0/24"], excluding=["198.51.100.128/25"])
but_nodes = Network("racks", cidrs=["198.51.100.0/24"], excluding=["198.51.100.0/25"])


@pytest.mark.parametrize("engine", [Kubernetes("1.37"), Cilium("1.20"), Calico("3.31")], ids=str)
@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow(web, ApiServer().https), deny(web, INTERNET, why="x")], ["ZT249"]),
        ([allow(ApiServer(), web.http), deny(INTERNET, web.http, why="x")], ["ZT249"]),
        ([allow(ApiServer(), web.http), deny(INTERNET, api.http, why="x")], []),
        ([allow(web, ApiServer().https), deny(web, office_and_api_server, why="x")], ["ZT249"]),
        ([allow(Nodes(), web.http), deny(nodes_and_more, web, why="x")], ["ZT249"]),
        ([allow(Nodes(), web.http), deny(but_nodes, web, why="x")], []),
        ([allow(Nodes(), web.http), deny(INTERNET, web, why="x")], ["ZT249"]),
        ([allow(office_and_api_server, web.http), deny(ApiServer(), web, why="x")], ["ZT249"]),
        ([allow(web, ApiServer().https), never(web, INTERNET, why="x")], []),
        ([allow(web, ApiServer().https), deny(web, Nodes(), why="x")], []),
    ],
)
def test_a_deny_is_in_force_by_address(
    engine: Kubernetes | Cilium | Calico, statements: list[Statement], expected: list[str]
) -> None:
    """The API server and the nodes are addresses like others where they call, or are called: a guardrail is about what
    was meant, and a deny refuses."""
    topology = Topology("shop", statements, governs=[shop], tiers=[front, back])
    where = evolve(
        native, network=engine, api_server=ApiServer(cidrs=["192.0.2.10/32"]), nodes=Nodes(cidrs=["198.51.100.0/25"])
    )
    assert expected == [each.code for each in resolve(topology, where, on=ON).diagnostics]


def test_a_deny_of_what_may_be_the_api_server_s_address_crosses_its_edges() -> None:
    assert codes(allow(web, ApiServer().https), deny(web, INTERNET, why="x")) == ["ZT249"]
    assert codes(allow(web, ApiServer().https), deny(web, office, why="x")) == []


def test_a_deny_is_of_each_source_and_each_target() -> None:
    statement = deny([web, office], [api, two.admin, back], why="x")
    topology = Topology("shop", [statement], governs=[shop], tiers=[front, back], services=[web, api, db, two])
    policy = resolve(topology, native, on=ON).policy
    assert policy is not None
    whom = {(str(each.source), str(each.target), str(getattr(each.port, "name", "*"))) for each in policy.denials}
    targets = [("shop/api", "*"), ("shop/two", "admin"), ("shop/two", "*")]
    assert whom == {(source, *target) for source in ("shop/web", "office") for target in targets}


def test_a_quarantine_suspends_both_ways() -> None:
    topology = Topology(
        "shop",
        [allow(web, api.http), allow(api, db.sql), allow(office, web.http), quarantine(api, why="x")],
        governs=[shop],
        tiers=[front, back],
    )

    policy = resolve(topology, native, on=ON).policy

    assert policy is not None
    assert [str(flow.target) for flow in policy.flows] == ["shop/web"]
    assert [len(found.suspended) for found in policy.quarantined] == [2]


garbage = st.one_of(
    st.none(), st.integers(), st.text(max_size=5), st.booleans(), st.builds(object), st.just(web), st.just(shop),
    st.just(api.http), st.just(stripe), st.just(office), st.just(HttpApp), st.just(TcpPort(3)), st.just(KubeDns()),
    st.lists(st.none(), max_size=2), st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)  # fmt: skip


@given(garbage, garbage, garbage, garbage)
def test_nothing_that_is_written_raises(a: Any, b: Any, c: Any, d: Any) -> None:
    statements: list[Any] = [
        allow(a, b, why=c, until=d),
        allow([a, b], Endpoint(peer=c, port=d)),
        deny(a, b, why=c),
        never(a, b, why=c, but=d),
        only(a, b, why=c),
        quarantine(a, why=b),
        Edge(sources=a, target=b, why=c, until=d),
        a,
    ]
    service: Any = Service(a, namespace=b, tier=c, labels=d, service_account=a, mtls=b, meshed=c, host_network=d)
    platforms = [
        native,
        Platform(a, network=b, mesh=c, cluster=d, dns=a, nodes=b, pod_cidrs=c, waivers=d),
        Platform("p", network=Kubernetes(a), waivers=[Waiver(b, why=c, target=d), a]),
    ]
    for platform in platforms:
        topology = Topology(a, statements, governs=b, services=[service, c], tiers=d, mtls=a)

        resolve(topology, platform, on=ON, recorded=[*statements, service])


def test_a_forgotten_service_of_a_known_name_has_its_namespace_read() -> None:
    twin = HttpApp("api", namespace=Namespace(shop.name, meshed=False))
    topology = Topology("t", [allow(web, api.http)], governs=[shop], tiers=[front, back])
    found = resolve(topology, native, on=ON, recorded=[twin])
    assert [each.code for each in found.diagnostics] == ["ZT220"]


def test_who_differs_from_where_the_resolver_is_hears_how_to_tell_it() -> None:
    """That declaration is ours: nobody can import it."""
    system = Namespace("kube-system", meshed=False)
    metrics = HttpApp("metrics-server", namespace=system)
    topology = Topology("t", [allow(db, metrics.http)], governs=[shop], tiers=[front, back])
    [told] = resolve(topology, native, on=ON).diagnostics
    assert told.code == "ZT220"
    assert "dns=KubeDns(namespace=…)" in told.help
    assert resolve(topology, evolve(native, dns=KubeDns(namespace=system)), on=ON).policy is not None


def test_equal_services_are_one_object() -> None:
    """What comes after goes by identity: two objects would cost more, and be two rules."""
    twin = HttpApp("api", namespace=Namespace(shop.name), tier=Tier("back"))
    edges = [allow(web, api.http), allow(db, twin.http)]
    found = resolve(Topology("t", edges, governs=[shop], tiers=[front, back]), native, on=ON)
    assert found.policy is not None
    first, second = found.policy.flows
    assert first.target is second.target


class Loud(HttpApp):
    """A kind whose values compare and print as they please."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


def test_a_kind_with_ideas_of_its_own_is_still_a_value() -> None:
    loud = Loud("loud", namespace=shop)

    assert codes(allow(loud, api.http), allow(Loud("loud", namespace=shop), db.sql)) == []
