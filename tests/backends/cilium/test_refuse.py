"""What Cilium cannot say although its table has the feature: one topology each, and the codes that it gets."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from zt_dsl import (
    GET,
    INTERNET,
    ApiServer,
    Cilium,
    DnsPort,
    External,
    HttpApp,
    HttpPort,
    HttpsApi,
    KafkaPort,
    KubeDns,
    Namespace,
    Nodes,
    Platform,
    Service,
    TcpPort,
    TlsPort,
    Topology,
    UdpPort,
    Waiver,
    allow,
    deny,
    quarantine,
)
from zt_dsl.compiler import plan
from zt_dsl.model.statements import Statement
from zt_dsl.resolve import resolve

shop, legacy = Namespace("shop"), Namespace("legacy")
web, api = HttpApp("web", namespace=shop), HttpApp("api", namespace=shop)
stripe = HttpsApi("api.stripe.com")
RESOLVER = KubeDns()
PODS = ("10.244.0.0/16",)


class Odd(Service):
    http = HttpPort(53)
    dns = DnsPort(53)
    kafka = KafkaPort(53)


class Plain(Service):
    http = HttpPort(443)


class Both(External):
    https = TlsPort(443)
    raw = TcpPort(443)


class Ranged(Service):
    ports = TcpPort(8000, last=8010)


class Resolver(KubeDns):
    dns = DnsPort(53, last=56)


odd = Odd("odd", namespace=shop)
both = Both("api.example.com")
outside = Plain("outside", namespace=legacy)
inside = Plain("inside", namespace=shop)
ranged = Ranged("ranged", namespace=shop)
routes = GET("/x")


def codes(statements: Sequence[Statement], version: str = "1.20", **platform: Any) -> list[str]:
    topology = Topology("t", statements, governs=[shop])
    on = Platform("p", network=Cilium(version), **{"pod_cidrs": PODS, **platform})
    resolved = resolve(topology, on, on=date(2026, 11, 23))
    assert resolved.policy is not None, resolved.diagnostics
    return sorted({diagnostic.code for diagnostic in plan(resolved.policy).diagnostics})


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param([allow(web, outside.http.routes(routes)), allow(web, stripe.https)], "ZT326", id="two at one end"),
        pytest.param([allow(shop, outside.http.routes(routes)), allow(web, stripe.https)], "ZT326", id="of all pods"),
        pytest.param([allow(api, outside.http.routes(routes)), allow(web, stripe.https)], "", id="of two services"),
        pytest.param([allow(web, inside.http.routes(routes)), allow(web, stripe.https)], "", id="read elsewhere"),
        pytest.param(
            [allow(web, odd.http.routes(routes)), allow(web, odd.dns.names("a.com"))], "ZT326", id="two ends of one"
        ),
        pytest.param(
            [allow(shop, odd.http.routes(routes)), allow(web, odd.dns.names("a.com"))], "ZT326", id="two ends, all pods"
        ),
        pytest.param(
            [allow(api, odd.http.routes(routes)), allow(web, odd.dns.names("a.com"))], "", id="two ends of two"
        ),
        pytest.param([allow(shop, both.https), allow(web, both.raw)], "ZT326", id="a name beside the whole port"),
        pytest.param([allow(api, both.https), allow(web, both.raw)], "", id="a name beside it for another"),
        pytest.param(
            [allow(shop, RESOLVER.dns), allow(web, RESOLVER.dns.names("a.com"))], "ZT402", id="lookups of all pods"
        ),
        pytest.param(
            [allow(shop, RESOLVER.dns.names("a.com")), allow(web, RESOLVER.dns)], "ZT402", id="lookups of one of them"
        ),
        pytest.param([allow(shop, api.http), allow(web, RESOLVER.dns.names("a.com"))], "", id="needed by all pods"),
        pytest.param([allow(shop, RESOLVER.dns.names("a.com")), allow(web, api.http)], "", id="needed by one of them"),
        pytest.param([allow(api, web.http), allow(web, RESOLVER.dns.names("a.com"))], "", id="lookups of another"),
        pytest.param(
            [allow(web, api.http), deny(web, Namespace("kube-system"), why="x")], "ZT406", id="lookups denied"
        ),
        pytest.param([allow(web, api.http), deny(shop, RESOLVER, why="x")], "ZT406", id="lookups denied to all"),
        pytest.param([allow(web, api.http), deny(api, RESOLVER, why="x")], "", id="lookups denied to another"),
        pytest.param([allow(web, api.http), deny(web, legacy, why="x")], "", id="something else denied"),
        pytest.param([allow(api, web.http), deny(ApiServer(), web, why="x")], "ZT408", id="probes denied"),
        pytest.param([allow(api, web.http), deny(Nodes(), web, why="x")], "", id="nodes denied, and no probes"),
        pytest.param([allow(api, web.http), deny(web, ApiServer(), why="x")], "", id="the API server not called"),
        pytest.param([allow(shop, api.http), quarantine(web, why="x")], "", id="one of all pods in quarantine"),
    ],
)
def test_rules_that_undo_one_another(statements: list[Statement], expected: str) -> None:
    assert codes(statements) == [expected] * bool(expected)


def test_lookups_are_filtered_where_they_are_made() -> None:
    """And nothing is, where nothing is governed there."""
    resolver = KubeDns("resolver", namespace=shop, labels={"app": "resolver"})
    caller = HttpApp("caller", namespace=legacy)
    assert codes([allow(caller, resolver.dns.names("a.com"))], dns=resolver) == ["ZT313"]
    assert codes([allow(caller, resolver.dns)], dns=resolver) == []
    assert codes([allow(web, resolver.dns.names("a.com"))], dns=resolver) == []


class Wide(KubeDns):
    """Another port of the resolver, in the midst of which is the one for lookups."""

    wide = UdpPort(50, last=60)
    other = UdpPort(60, last=70)


def test_lookups_are_denied_by_whatever_holds_their_port() -> None:
    assert codes([allow(web, api.http), deny(web, Wide().wide, why="x")], dns=Wide()) == ["ZT406"]
    assert codes([allow(web, api.http), deny(web, Wide().other, why="x")], dns=Wide()) == []


def test_a_node_local_resolver_is_denied_with_the_nodes() -> None:
    statements = [allow(web, api.http), deny(web, Nodes(), why="x")]
    assert codes(statements, node_local_dns="169.254.20.10") == ["ZT406"]
    assert codes(statements) == []


def test_a_name_is_not_denied_and_a_waiver_gives_that_up() -> None:
    """For the name, or for every deny; of the others nothing is given up, since Cilium denies them."""
    statements = [allow(api, web.http), deny(web, stripe, why="not theirs"), deny(web, legacy, why="nor this")]
    assert codes(statements) == ["ZT316"]
    assert codes(statements, waivers=[Waiver("deny", why="later", target=stripe)]) == []
    assert codes(statements, waivers=[Waiver("deny", why="later")]) == []
    assert codes(statements, waivers=[Waiver("deny", why="later", target=legacy)]) == ["ZT316", "ZT401"]


def test_lookups_on_a_range_are_refused() -> None:
    assert codes([allow(web, stripe.https)], dns=Resolver()) == ["ZT313"]
    assert codes([allow(web, api.http)], dns=Resolver()) == []
    assert codes([allow(web, api.http)], "1.15", dns=Resolver()) == ["ZT318"]


def test_a_range_is_not_denied_where_there_is_none() -> None:
    assert codes([deny(api, ranged.ports, why="x")], "1.15") == ["ZT318"]
    assert codes([deny(api, ranged.ports, why="x")], "1.16") == []


def test_what_a_deny_of_the_internet_is_has_to_be_known() -> None:
    assert codes([deny(INTERNET, api, why="x")], pod_cidrs=()) == ["ZT322"]
    assert codes([deny(INTERNET, api, why="x")]) == []
