"""What Calico's policies mean: one row a fact of Calico, one row a form that is refused."""

import json
from typing import Any

import pytest
from attrs import evolve

from tests.conformance.random_calico import platform_of
from zt_dsl.backends.calico.network_sets import beyond_pods
from zt_dsl.backends.calico.selectors import Unread, read, read_outside
from zt_dsl.backends.calico.semantics import reach_of
from zt_dsl.backends.calico.tiers import EVERYBODY
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import parsed
from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, word
from zt_dsl.ir.paths import Only, name, path, request
from zt_dsl.ir.platform import Kubernetes, Platform
from zt_dsl.ir.selector import (
    ANY_VALUE,
    EVERYTHING,
    METADATA_NAME,
    SERVICE_ACCOUNT,
    Selector,
    Values,
    selector,
    with_labels,
)
from zt_dsl.ir.traffic import EVERY_PORT, PROTOCOLS, Ports, ports
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.manifests.read import read as read_yaml
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import Isolation, Names, Narrowed, Opened, Pods, Reach, Remote

GOVERNED = frozenset({"shop", "data"})
Tree = dict[str, Value]

OPEN_SOURCE = platform_of()
ENTERPRISE = platform_of(enterprise=True)
LAYERED = platform_of("3.32", app_layer=True)
WEB = with_labels((("app", "web"),))
DB = with_labels((("app", "db"),))
TCP_80 = ports((("TCP", 80, 80),))


def document(kind: str, spec: Value, name: str, **metadata: Value) -> Tree:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def policy(spec: Value, name: str = "default.web", namespace: str = "shop") -> Tree:
    return document("NetworkPolicy", spec, name, namespace=namespace)


def everywhere(spec: Value, name: str = "default.all") -> Tree:
    return document("GlobalNetworkPolicy", spec, name)


def tier(name: str, **spec: Value) -> Tree:
    return document("Tier", spec, name)


def documents(*bodies: Tree) -> tuple[ReadDocument, ...]:
    text = "---\n".join(json.dumps(body) + "\n" for body in bodies)
    found = read_yaml(text.encode(), "a.yaml")
    assert not isinstance(found, Diagnostic)
    return tuple(found)


def understood(*bodies: Tree, platform: Platform = OPEN_SOURCE) -> tuple[Reach, tuple[Diagnostic, ...]]:
    return reach_of(documents(*bodies), GOVERNED, platform)


def meaning(*bodies: Tree, platform: Platform = OPEN_SOURCE) -> Reach:
    reach, diagnostics = understood(*bodies, platform=platform)
    assert not diagnostics
    return reach


def problems(*bodies: Tree, platform: Platform = OPEN_SOURCE) -> list[str]:
    """What is said of documents that are no part of the reach then."""
    reach, diagnostics = understood(*bodies, platform=platform)
    assert not reach.grants
    assert {diagnostic.code for diagnostic in diagnostics} <= {"ZT501"}
    return [diagnostic.message for diagnostic in diagnostics]


def ingress(*rules: Value, **more: Value) -> Tree:
    return {"selector": "app == 'web'", "types": ["Ingress"], "ingress": list(rules), **more}


def egress(*rules: Value, **more: Value) -> Tree:
    return {"selector": "app == 'web'", "types": ["Egress"], "egress": list(rules), **more}


def allow(**fields: Value) -> Tree:
    return {"action": "Allow", **fields}


def place(namespace: str) -> Selector:
    return with_labels(((METADATA_NAME, namespace),))


def remotes(source: Value, platform: Platform = OPEN_SOURCE) -> tuple[Remote, ...]:
    """Whom one rule with this source lets in."""
    return tuple(grant.remote for grant in meaning(policy(ingress(allow(source=source))), platform=platform).grants)


# --- the language of selectors ---------------------------------------------------------------------------

_ABSENT = Values(frozenset(), absent=True)


def one(key: str, *values: str) -> Selector:
    return selector(((key, Values(frozenset(values))),))


def no(key: str, *values: str) -> Selector:
    return selector(((key, ~Values(frozenset(values))),))


EXPRESSIONS: dict[str, tuple[Selector, ...]] = {
    "": (EVERYTHING,),
    " \t": (EVERYTHING,),
    "all()": (EVERYTHING,),
    "!all()": (),
    "app == 'web'": (one("app", "web"),),
    'app=="web"': (one("app", "web"),),
    "app != 'web'": (no("app", "web"),),
    "app in {'web', \"db\",}": (one("app", "web", "db"),),
    "app in {}": (),
    "app not in {'web'}": (no("app", "web"),),
    "app notin{'web'}": (no("app", "web"),),
    "app not in {}": (EVERYTHING,),
    "has(app)": (selector((("app", ANY_VALUE),)),),
    "!has( app )": (selector((("app", _ABSENT),)),),
    "!!has(app)": (selector((("app", ANY_VALUE),)),),
    "app == ''": (one("app", ""),),
    "a.b/c-d_e == 'x'": (one("a.b/c-d_e", "x"),),
    "all == 'x'": (one("all", "x"),),
    "app == 'web' && tier == 'x'": (one("app", "web") & one("tier", "x"),),
    "app == 'web' || tier == 'x'": (one("app", "web"), one("tier", "x")),
    "a == 'x' || b == 'x' && c == 'x'": (one("a", "x"), one("b", "x") & one("c", "x")),
    "(a == 'x' || b == 'x') && c == 'x'": (one("a", "x") & one("c", "x"), one("b", "x") & one("c", "x")),
    "!(a == 'x' && b == 'x')": (no("a", "x"), one("a", "x") & no("b", "x")),
    "!(a == 'x' || b == 'x')": (no("a", "x") & no("b", "x"),),
    "app == 'web' && app == 'db'": (),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    assert read(text) == EXPRESSIONS[text]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_outside_of_an_expression_is_what_it_does_not_select(text: str) -> None:
    inside, outside = read(text), read_outside(text)
    assert not isinstance(inside, Unread)
    assert not isinstance(outside, Unread)
    sets = [{}, *({key: value} for key in ("app", "tier", "a", "b", "c") for value in ("web", "db", "x", ""))]
    sets += [{"a": "x", "b": b, "c": c} for b in ("x", "y") for c in ("x", "y")]
    for labels in sets:
        assert any(each.contains(labels) for each in inside) is not any(each.contains(labels) for each in outside)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "app",
            "app = 'web'",
            "app == web",
            "app == 'web",
            "app == 'it''s'",
            "== 'web'",
            "has(app",
            "has()",
            "all(x)",
        ),
        *("(app == 'web'", "app == 'web')", "app == 'web' tier == 'x'", "app == 'web' and tier == 'x'", "app ~ 'x'"),
        *("app in 'web'", "app in {web}", "app in {'web' 'db'}", "app in {,}", "app is 'x'", "!", "&& has(app)"),
        *("app == 'web' # no", "app == 'web' &", "app == 'web' | x", "\n", "has(app) has(b)", "()", "app inn {'x'}"),
    ],
)
def test_expressions_that_calico_refuses(text: str) -> None:
    found = read(text)
    assert isinstance(found, Unread)
    assert found.refused


@pytest.mark.parametrize(
    "text",
    [
        *(
            "app contains 'w'",
            "app starts with 'w'",
            "app startswith 'w'",
            "app ends with 'w'",
            "global()",
            "a/b/c == 'x'",
        ),
        *("app == 'not a value'", "-a == 'x'", f"{'(' * 65}has(a){')' * 65}"),
        # Each negation of two doubles what is left.
        " && ".join(f"!(a{n} == 'x' && b{n} == 'x')" for n in range(7)),
    ],
)
def test_expressions_that_cannot_be_compared(text: str) -> None:
    found = read(text)
    assert isinstance(found, Unread)
    assert not found.refused


# --- isolation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "ways"),
    [
        ({}, ("Ingress",)),
        ({"ingress": [allow()]}, ("Ingress",)),
        ({"egress": [allow()]}, ("Egress",)),
        ({"ingress": [allow()], "egress": [allow()]}, ("Ingress", "Egress")),
        ({"types": ["Egress", "Ingress"]}, ("Ingress", "Egress")),
        ({"types": ["Egress"], "ingress": [allow()]}, ("Egress",)),
    ],
)
def test_directions(spec: Tree, ways: tuple[str, ...]) -> None:
    reach = meaning(policy({"selector": "app == 'web'", **spec}))
    assert [(each.namespace, each.direction, each.subject) for each in reach.isolations] == [
        ("shop", way, WEB) for way in ways
    ]


@pytest.mark.parametrize(
    ("spec", "subjects"),
    [
        ({}, (EVERYTHING,)),
        ({"selector": "all()"}, (EVERYTHING,)),
        ({"selector": "app == 'web' || app == 'db'"}, (WEB, DB)),
        ({"selector": "projectcalico.org/namespace == 'shop' && app == 'web'"}, (WEB,)),
        ({"selector": "projectcalico.org/namespace == 'data'"}, ()),
        ({"selector": "projectcalico.org/orchestrator == 'k8s' && app == 'web'"}, (WEB,)),
        ({"selector": "!has(projectcalico.org/orchestrator)"}, ()),
        ({"serviceAccountSelector": "projectcalico.org/name == 'robot'"}, (one(SERVICE_ACCOUNT, "robot"),)),
        ({"selector": "has(projectcalico.org/serviceaccount)"}, (EVERYTHING,)),
        ({"selector": "!has(projectcalico.org/serviceaccount)"}, ()),
    ],
)
def test_whom_a_policy_is_about(spec: Tree, subjects: tuple[Selector, ...]) -> None:
    reach = meaning(policy({"types": ["Ingress"], **spec}))
    assert reach.isolations == tuple(Isolation("shop", "Ingress", subject) for subject in subjects)


def test_a_policy_of_the_cluster_is_about_each_governed_namespace() -> None:
    selected = ingress(selector="has(projectcalico.org/namespace) && app == 'web'")
    assert {each.namespace for each in meaning(everywhere(selected)).isolations} == GOVERNED
    there = ingress(namespaceSelector="projectcalico.org/name == 'data'")
    assert meaning(everywhere(there)).isolations == (Isolation("data", "Ingress", WEB),)
    assert {each.subject for each in meaning(everywhere(ingress(namespaceSelector="all()"))).isolations} == {WEB}
    assert "may select host endpoints" in problems(everywhere(ingress()))[0]
    assert "may select host endpoints" in problems(everywhere(ingress(namespaceSelector="team != 'x'")))[0]
    assert "labels of the namespace" in problems(everywhere(ingress(namespaceSelector="team == 'x'")))[0]


# --- peers -------------------------------------------------------------------------------------------------

_TEAM = selector((("team", Values(frozenset(("red",)))),))
PEERS: dict[str, tuple[Value, tuple[Remote, ...]]] = {
    "nothing is everybody": ({}, EVERYBODY["Ingress"]),
    "an empty selector is none": ({"selector": ""}, EVERYBODY["Ingress"]),
    "every pod of the namespace": ({"selector": "all()"}, (Pods(place("shop"), EVERYTHING),)),
    "pods of the namespace": ({"selector": "app == 'db'"}, (Pods(place("shop"), DB),)),
    "pods of another": (
        {"selector": "app == 'db'", "namespaceSelector": "projectcalico.org/name == 'data'"},
        (Pods(place("data"), DB),),
    ),
    "by the label that the API server sets": (
        {"namespaceSelector": "kubernetes.io/metadata.name == 'data'"},
        (Pods(place("data"), EVERYTHING),),
    ),
    "by a label of the namespace": ({"namespaceSelector": "team == 'red'"}, (Pods(_TEAM, EVERYTHING),)),
    "by a label of the namespace among the pods'": (
        {"selector": "pcns.team == 'red' && app == 'db'", "namespaceSelector": "all()"},
        (Pods(selector(((METADATA_NAME, ANY_VALUE), *_TEAM.terms)), DB),),
    ),
    "every namespace": ({"namespaceSelector": "all()"}, (Pods(selector(((METADATA_NAME, ANY_VALUE),)), EVERYTHING),)),
    "alternatives": ({"selector": "app == 'db' || app == 'web'"}, (Pods(place("shop"), DB), Pods(place("shop"), WEB))),
    "all but some": ({"notSelector": "app == 'db'"}, (Pods(place("shop"), no("app", "db")),)),
    "accounts": (
        {"serviceAccounts": {"names": ["robot", "db"]}},
        (Pods(place("shop"), one(SERVICE_ACCOUNT, "db", "robot")),),
    ),
    "an account by its name": (
        {"serviceAccounts": {"selector": "projectcalico.org/name == 'robot'"}},
        (Pods(place("shop"), one(SERVICE_ACCOUNT, "robot")),),
    ),
    "nobody": ({"selector": "projectcalico.org/namespace == 'data'"}, ()),
    "networks": ({"nets": ["203.0.113.0/24", "198.51.100.0/24"]}, (parsed(("203.0.113.0/24", "198.51.100.0/24")),)),
    "but for some": (
        {"nets": ["203.0.113.0/24"], "notNets": ["203.0.113.0/25"]},
        (parsed(("203.0.113.128/25",)),),
    ),
}


@pytest.mark.parametrize(
    ("version", "nets", "words"),
    [
        (4, ["203.0.113.0/24"], ""),
        (6, ["2001:db8::/32"], ""),
        (6, ["203.0.113.0/24"], "not the version of the nets"),
        (4, ["2001:db8::/32"], "not the version of the nets"),
        ("4", ["203.0.113.0/24"], "must be 4 or 6"),
        (5, ["203.0.113.0/24"], "must be 4 or 6"),
        (4, None, "without nets"),
    ],
)
def test_a_version_of_addresses_is_that_of_its_nets(version: Value, nets: Value, words: str) -> None:
    source: Tree = {"source": {"nets": nets}} if nets else {}
    body = policy(ingress(allow(ipVersion=version, **source)))
    assert words in problems(body)[0] if words else meaning(body).grants


@pytest.mark.parametrize("case", PEERS)
def test_peers(case: str) -> None:
    source, expected = PEERS[case]
    assert remotes(source) == expected
    reach = meaning(policy(egress(allow(destination=source))))
    there = EVERYBODY["Egress"] if expected == EVERYBODY["Ingress"] else expected
    assert tuple(grant.remote for grant in reach.grants) == there


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"namespaceSelector": "team != 'red'"}, "in no namespace"),
        ({"namespaceSelector": "global()"}, "global()"),
        ({"namespaceSelector": "!all()"}, ""),
        ({"nets": ["10.0.0.0/8"], "selector": "app == 'db'"}, "has namespaceSelector and nets|has nets and selector"),
        ({"notNets": ["10.0.0.0/8"]}, "without nets"),
        ({"nets": []}, "must not be empty"),
        ({"nets": ["203.0.113.0/24", "2001:db8::/32"]}, "IPv4 and of IPv6"),
        ({"nets": ["203.0.113.9/24"]}, "CIDR"),
        ({"serviceAccounts": {}}, "names no account"),
        ({"serviceAccounts": {"names": []}}, "must not be empty"),
        ({"serviceAccounts": {"names": ["Foo Bar"]}}, "service account"),
        ({"serviceAccounts": {"selector": "role == 'x'"}}, "label of service accounts"),
        ({"services": {"name": "db"}}, "not a field"),
        ({"ports": [80]}, "clients call from"),
        ({"domains": ["example.com"]}, "Calico Enterprise"),
        ({"selector": {"app": "db"}}, "must be a string"),
        ({"selector": "app contains 'd'"}, "only whole values"),
    ],
)
def test_peers_that_are_refused(source: Value, words: str) -> None:
    if words:
        said = problems(policy(ingress(allow(source=source, protocol="TCP"))))
        assert any(any(each in message for each in words.split("|")) for message in said), said
    else:
        assert remotes(source) == ()


def test_peers_of_a_policy_of_the_cluster_are_pods_of_some_namespace() -> None:
    about = {"namespaceSelector": "projectcalico.org/name == 'shop'"}
    bare = everywhere(ingress(allow(source={"selector": "app == 'db'"}), **about))
    assert "in no namespace" in problems(bare)[0]
    said: Tree = {"selector": "app == 'db'", "namespaceSelector": "all()"}
    [grant] = meaning(everywhere(ingress(allow(source=said), **about))).grants
    assert grant.remote == Pods(selector(((METADATA_NAME, ANY_VALUE),)), DB)


def test_rules_that_the_reader_has_once_mean_the_namespace_that_they_are_in() -> None:
    """What is repeated in block YAML is one object to the reader, and remembered by that."""
    text = "---\n".join(
        f"""apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata:
  name: {name}
  namespace: {namespace}
spec:
  types:
  - Ingress
  ingress:
  - action: Allow
    source:
      selector: "app == 'db'"
"""
        for name, namespace in (("default.one", "shop"), ("default.two", "data"), ("default.three", "shop"))
    )
    found = read_yaml(text.encode(), "a.yaml")
    assert not isinstance(found, Diagnostic)
    bodies: list[Any] = [one.body for one in found]
    assert len({id(body["spec"]["ingress"][0]) for body in bodies}) == 1
    reach, diagnostics = reach_of(found, GOVERNED, OPEN_SOURCE)
    assert not diagnostics
    assert {(grant.namespace, grant.remote) for grant in reach.grants} == {
        (namespace, Pods(place(namespace), DB)) for namespace in ("shop", "data")
    }


def test_a_rule_says_nothing_of_the_policy_s_own_pods() -> None:
    assert "own pods" in problems(policy(ingress(allow(destination={"selector": "app == 'web'"}))))[0]


def test_rules_that_are_repeated_mean_the_namespace_that_they_are_in() -> None:
    rule = allow(source={"selector": "app == 'db'"})
    reach = meaning(policy(ingress(rule)), policy(ingress(rule), namespace="data"), policy(ingress(rule), "default.x"))
    assert [(grant.namespace, grant.remote) for grant in reach.grants] == [
        (namespace, Pods(place(namespace), DB)) for namespace in ("shop", "shop", "data")
    ]


# --- ports -------------------------------------------------------------------------------------------------

PORTS: dict[str, tuple[Tree, Ports]] = {
    "all": ({}, EVERY_PORT),
    "a protocol": ({"protocol": "TCP"}, ports((("TCP", 1, 65535),))),
    "its number": ({"protocol": 17}, ports((("UDP", 1, 65535),))),
    "all but one": ({"notProtocol": "TCP"}, ports((("UDP", 1, 65535), ("SCTP", 1, 65535)))),
    "all but one that is not judged": ({"notProtocol": "ICMP"}, EVERY_PORT),
    "one": ({"protocol": "TCP", "destination": {"ports": [80]}}, TCP_80),
    "one as text": ({"protocol": "TCP", "destination": {"ports": ["80"]}}, TCP_80),
    "a range": ({"protocol": "UDP", "destination": {"ports": ["80:82"]}}, ports((("UDP", 80, 82),))),
    "several": ({"protocol": "TCP", "destination": {"ports": [80, "81:82"]}}, ports((("TCP", 80, 82),))),
    "all but some": (
        {"protocol": "TCP", "destination": {"notPorts": ["2:65535"]}},
        ports((("TCP", 1, 1),)),
    ),
}


@pytest.mark.parametrize("case", PORTS)
def test_ports(case: str) -> None:
    rule, expected = PORTS[case]
    reach = meaning(policy(ingress(allow(**rule))))
    assert {grant.opened for grant in reach.grants} == {expected}


def test_what_is_not_judged_opens_nothing() -> None:
    for protocol in ("ICMP", "ICMPv6", "UDPLite", 1):
        assert not meaning(policy(ingress(allow(protocol=protocol)))).grants


@pytest.mark.parametrize(
    "rule",
    [
        {"destination": {"ports": [80]}},
        {"protocol": "ICMP", "destination": {"ports": [80]}},
        {"protocol": "tcp"},
        {"protocol": "6"},
        {"protocol": 0},
        *(
            {"protocol": "TCP", "destination": {"ports": [port]}}
            for port in (0, 65536, True, "http", "9:8", "080", "80-81", 80.5, "")
        ),
        {"protocol": "TCP", "destination": {"ports": []}},
        {"protocol": "ICMP", "icmp": {"type": 8}},
        {"ipVersion": 4},
    ],
)
def test_ports_that_are_refused(rule: Tree) -> None:
    assert problems(policy(ingress(allow(**rule))))


# --- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "language"),
    [
        ("api.example.com", name("api.example.com")),
        # One label or more.
        ("*.example.com", name("**.example.com")),
    ],
)
def test_names_of_the_enterprise_edition(domain: str, language: Language) -> None:
    reach = meaning(policy(egress(allow(destination={"domains": [domain]}))), platform=ENTERPRISE)
    assert [grant.remote for grant in reach.grants] == [Names(language)]


def test_names_that_are_refused() -> None:
    spec = egress(allow(destination={"domains": ["example.com"]}))
    assert "only there in Calico Enterprise" in problems(policy(spec))[0]
    refused: tuple[list[Value], ...] = ([], ["www.*.com"], ["*"], ["Example.com"], ["a*.com"])
    for domains in refused:
        assert problems(policy(egress(allow(destination={"domains": domains}))), platform=ENTERPRISE)
    denied = egress({"action": "Deny", "destination": {"domains": ["example.com"]}})
    assert "only for rules that allow" in problems(policy(denied), platform=ENTERPRISE)[0]
    incoming = ingress(allow(source={"domains": ["example.com"]}))
    assert "only for what goes out" in problems(policy(incoming), platform=ENTERPRISE)[0]


def test_names_behind_a_denial_of_addresses_cannot_be_judged() -> None:
    denied: Tree = {"action": "Deny", "destination": {"nets": ["203.0.113.0/24"]}}
    named = allow(destination={"domains": ["example.com"]})
    _, diagnostics = understood(policy(egress(denied, named, order=1000)), platform=ENTERPRISE)
    assert [diagnostic.code for diagnostic in diagnostics] == ["ZT501"]
    assert meaning(policy(egress(named, denied, order=1000)), platform=ENTERPRISE).grants


# --- requests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("http", "language"),
    [
        ({"methods": ["GET"]}, Language((Words((word("GET"), SOME_WORD, ANY_WORD), ANY_WORD),))),
        ({"methods": ["*"], "paths": [{"prefix": "/a/"}]}, request("*", path("/a/**"))),
        ({"methods": ["GET"], "paths": [{"prefix": "/"}]}, request("GET", path("/**"))),
        ({"methods": ["GET"], "paths": [{"exact": "/"}]}, request("GET", path("/"))),
        # What is at the end of a path, a slash or none, is not told apart.
        (
            {"methods": ["GET"], "paths": [{"exact": "/a/b"}]},
            request("GET", Language((*path("/a/b").parts, *path("/a/b/").parts))),
        ),
    ],
)
def test_requests(http: Value, language: Language) -> None:
    rule = allow(protocol="TCP", destination={"ports": [80]}, http=http)
    reach = meaning(policy(ingress(rule)), platform=LAYERED)
    opened: Opened = Narrowed(TCP_80, Only("http", language))
    assert {grant.opened for grant in reach.grants} == {opened}


def test_requests_that_are_refused() -> None:
    http: Tree = {"methods": ["GET"]}
    rule = allow(protocol="TCP", http=http)
    assert "enforced by nobody" in problems(policy(ingress(rule)))[0]
    assert "is not enforced" in problems(policy(ingress(rule)), platform=platform_of("3.31", app_layer=True))[0]
    unsaid: tuple[Value, ...] = (
        {"methods": []},
        {"methods": ["get"]},
        {"paths": [{}]},
        {"paths": ["/a"]},
        {"regex": "x"},
    )
    paths = ("", "a", "/a?b", "/a/../b", "//a", "/a;b", "/%61", "/a//b")
    for spec in (
        egress(rule),
        ingress({**rule, "action": "Deny"}),
        ingress(allow(http=http)),
        ingress(allow(protocol="UDP", http=http)),
        *(ingress(allow(protocol="TCP", http=said)) for said in unsaid),
        *(ingress(allow(protocol="TCP", http={"paths": [{"exact": each}]})) for each in paths),
    ):
        assert problems(policy(spec), platform=LAYERED), spec


# --- order and tiers ---------------------------------------------------------------------------------------


def deny(**fields: Value) -> Tree:
    return {"action": "Deny", **fields}


FROM_DB: Tree = {"selector": "app == 'db'"}


def test_what_only_allows_is_granted_as_it_is_written() -> None:
    second = allow(source={"selector": "app == 'web'"})
    reach = meaning(policy(ingress(allow(source=FROM_DB), second, {"action": "Log"})))
    assert [grant.remote for grant in reach.grants] == [Pods(place("shop"), DB), Pods(place("shop"), WEB)]
    assert [grant.origin().what for grant in reach.grants] == [
        f"NetworkPolicy shop/default.web ingress[{number}]" for number in (0, 1)
    ]
    assert not reach.denied


def test_what_is_denied_before_all_that_meets_it_is_denied_whatever_allows_it() -> None:
    for order, denied in ((999, True), (1000, False), (None, False)):
        ordered: Tree = {} if order is None else {"order": order}
        reach = meaning(policy(ingress(deny(source=FROM_DB), allow(), **ordered)))
        assert [grant.remote for grant in reach.denied] == ([Pods(place("shop"), DB)] if denied else [])
        allowed = {grant.remote for grant in reach.grants if isinstance(grant.remote, Pods)}
        assert (Pods(EVERYTHING, EVERYTHING) in allowed) is denied
    reach = meaning(policy(ingress(allow(source={"selector": "has(app)"}), deny(source=FROM_DB), order=1)))
    assert not reach.denied
    reach = meaning(policy(ingress(allow(source={"selector": "app == 'web'"}), deny(source=FROM_DB), order=1)))
    assert reach.denied


@pytest.mark.parametrize(
    ("name", "order", "denied"),
    [
        ("security", 10, True),
        ("security", 1_000_001, False),
        # Of tiers with one order the names decide (`felix/calc/policy_sorter.go`, TierLess).
        ("early", 1_000_000, False),
        ("before", 1_000_000, True),
    ],
)
def test_what_a_tier_behind_the_default_denies_is_denied_only_where_nothing_allows_it(
    name: str, order: int, denied: bool
) -> None:
    body = policy(ingress(deny(source=FROM_DB), order=1, tier=name), f"{name}.web")
    assert bool(meaning(tier(name, order=order), body).denied) is denied


def test_a_tier_has_to_be_known() -> None:
    there = policy(ingress(allow(), tier="security"), "security.web")
    assert "in none of these documents" in problems(there)[0]
    assert meaning(there, tier("security", order=10)).grants
    assert meaning(there, platform=platform_of(tier="security")).grants
    for own in ("kube-admin", "adminnetworkpolicy", "calico-system"):
        assert problems(policy(ingress(allow(), tier=own), f"{own}.web"), tier(own))


def test_beside_a_tier_that_nobody_placed_no_other_can_be_judged() -> None:
    """The platform's own is before `default`, and need not be written: an earlier one would decide alone."""
    ours = policy(ingress(allow(), tier="security"), "security.web")
    early = everywhere({**ingress(allow(), tier="early"), "selector": "has(projectcalico.org/namespace)"}, "early.all")
    on = platform_of(tier="security")
    assert "`security` is in none of these" in problems(early, tier("early", order=10), platform=on)[0]
    assert meaning(ours, early, tier("early", order=10), tier("security", order=20), platform=on).grants
    assert meaning(ours, policy(ingress(allow()), "default.x"), platform=on).grants


OF_PODS = "projectcalico.org/orchestrator == 'k8s'"


@pytest.mark.parametrize(
    ("peer", "sets"),
    [
        ({"selector": "app == 'web'"}, True),
        ({"selector": "all()", "namespaceSelector": "projectcalico.org/name == 'shop'"}, True),
        ({"namespaceSelector": "projectcalico.org/name == 'shop'"}, True),
        ({"selector": f"{OF_PODS} || app == 'web'"}, True),
        ({"selector": "projectcalico.org/orchestrator != 'nomad'"}, True),
        ({"selector": "!has(projectcalico.org/serviceaccount)"}, True),
        ({"selector": f"{OF_PODS} && app == 'web'"}, False),
        ({"selector": f"app == 'web' && ({OF_PODS})"}, False),
        ({"selector": "has(projectcalico.org/serviceaccount)"}, False),
        ({"selector": "app == 'web'", "serviceAccounts": {"names": ["web"]}}, False),
        ({"nets": ["192.0.2.0/24"]}, False),
        ({}, False),
    ],
)
def test_what_may_be_a_set_of_networks_is_let_in_with_the_pods(peer: Tree, sets: bool) -> None:
    for spec in (ingress(allow(source=peer)), egress(allow(destination=peer))):
        for found in (policy(spec), everywhere({**spec, "selector": "has(projectcalico.org/namespace)"})):
            assert [each.code for each in beyond_pods(documents(found), OPEN_SOURCE)] == ["ZT502"] * sets
    assert not list(beyond_pods(documents(policy(ingress(deny(source=peer)))), OPEN_SOURCE))


def test_before_3_29_there_are_no_tiers() -> None:
    old = platform_of("3.28")
    assert problems(tier("security"), platform=old)
    assert problems(policy(ingress(allow(), tier="default")), platform=old)
    assert meaning(policy(ingress(allow())), platform=old).grants
    first = platform_of("3.29")
    assert meaning(policy(ingress(allow(), tier="security"), "security.web"), tier("security"), platform=first).grants


def test_before_3_30_a_policy_with_and_without_the_tier_in_its_name_is_one() -> None:
    both = (policy(ingress(allow()), "web"), policy(ingress(allow()), "default.web"))
    for version in ("3.30", "3.31"):
        assert not understood(*both, platform=platform_of(version))[1]
    assert [d.code for d in understood(*both, platform=platform_of("3.29"))[1]] == ["ZT505"]


@pytest.mark.parametrize(
    "body",
    [
        tier("security", order="10"),
        tier("security", defaultAction="Allow"),
        tier("se.curity"),
        tier("default", order=10),
        tier("default", order=1_000_000, defaultAction="Pass"),
        document("Tier", {}, "security", namespace="shop"),
        document("Tier", {"selector": "all()"}, "security"),
    ],
)
def test_tiers_that_are_refused(body: Tree) -> None:
    assert problems(body)


# --- objects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("called", ["a.b.c", "security.web", "Web", "a_b", "default.", "knp.default.web"])
def test_names_of_policies_that_are_refused(called: str) -> None:
    assert problems(policy(ingress(allow()), called))


@pytest.mark.parametrize(
    "body",
    [
        {**policy(ingress(allow())), "apiVersion": "crd.projectcalico.org/v1"},
        {**policy(ingress(allow())), "kind": "StagedNetworkPolicy"},
        {**policy(ingress(allow())), "kind": "NetworkSet"},
        {**policy(ingress(allow())), "status": {}},
        policy(ingress({})),
        policy(ingress({"action": "allow"})),
        policy(ingress(allow(), order="1")),
        policy(ingress(allow(), types=[])),
        policy(ingress(allow(), types=["Ingress", "Ingress"])),
        policy({"ingress": [allow()], "egress": []}),
        policy(ingress(allow(), namespaceSelector="all()")),
        policy(ingress(allow(), performanceHints=["Faster"])),
        policy(ingress(allow(metadata={"annotations": {"a b": "c"}}))),
        policy(ingress(allow(comment="x"))),
        policy(ingress(allow(notProtocol=["TCP"]))),
        policy(ingress(allow(protocol={"TCP": 6}))),
        everywhere(ingress(allow(), namespaceSelector="all()", preDNAT=True)),
        document("GlobalNetworkPolicy", ingress(allow(), namespaceSelector="all()"), "x", namespace="shop"),
    ],
)
def test_forms_that_are_refused(body: Tree) -> None:
    assert problems(body)


def test_what_changes_no_meaning_is_read() -> None:
    plain = meaning(policy(ingress(allow())))
    for spec in (
        ingress(allow(metadata={"annotations": {"zt/edge": "web → db"}})),
        ingress(allow(), performanceHints=["AssumeNeededOnEveryNode"]),
        ingress({"action": "Log"}, allow()),
    ):
        assert [grant[:5] for grant in meaning(policy(spec)).grants] == [grant[:5] for grant in plain.grants]


def test_policies_of_other_namespaces_and_second_ones() -> None:
    _, outside = understood(policy(ingress(allow()), namespace="other"))
    assert [diagnostic.code for diagnostic in outside] == ["ZT504"]
    _, twice = understood(policy(ingress(allow())), policy(ingress(allow())))
    assert [diagnostic.code for diagnostic in twice] == ["ZT505"]
    _, tiers = understood(tier("security"), tier("security"))
    assert [diagnostic.code for diagnostic in tiers] == ["ZT505"]


def test_a_platform_without_calico_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="does not run Calico"):
        reach_of((), GOVERNED, evolve(OPEN_SOURCE, network=Kubernetes("1.30")))


def test_every_protocol_is_there() -> None:
    assert {protocol for protocol, _, _ in EVERY_PORT.intervals} == set(PROTOCOLS)
