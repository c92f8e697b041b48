"""What CiliumNetworkPolicy documents mean: one row a fact of Cilium, one row a form that is refused."""

import json
import re

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.random_cilium import platform_of
from zt_dsl.backends.cilium.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import EVERY_ADDRESS, parsed
from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, word
from zt_dsl.ir.paths import PLAIN, Only, name, path, request
from zt_dsl.ir.platform import Kubernetes
from zt_dsl.ir.selector import ANY_VALUE, CLUSTER, EVERYTHING, METADATA_NAME, Selector, Values, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, PROTOCOLS, Ports, ports
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import (
    API_SERVERS,
    EVERY_ENTITY,
    EVERY_NAME,
    NODES,
    OWN_NODE,
    Entities,
    Entity,
    Names,
    Narrowed,
    Opened,
    Pods,
    Reach,
    Remote,
    own_node,
)

GOVERNED = frozenset({"shop", "data"})
Tree = dict[str, Value]

NAMESPACE = "io.kubernetes.pod.namespace"
TEAM = "io.cilium.k8s.namespace.labels.team"
WEB: Tree = {"matchLabels": {"app": "web"}}
PODS: Tree = {"fromEndpoints": [{}]}
TO_80: Tree = {"toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}]}]}
EVERYBODY: tuple[Remote, ...] = (
    Pods(selector(((CLUSTER, ANY_VALUE),)), EVERYTHING),
    EVERY_ADDRESS,
    EVERY_NAME,
    Entities(EVERY_ENTITY),
)
TCP_80 = ports((("TCP", 80, 80),))


def policy(spec: Value, name: str = "web", namespace: str = "shop") -> Tree:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def documents(*bodies: Tree, path: str = "a.yaml") -> tuple[ReadDocument, ...]:
    """As a file has them. JSON is YAML, and a quoted string is a string in both."""
    found = read("\n---\n".join(map(json.dumps, bodies)).encode(), path)
    assert not isinstance(found, Diagnostic), found
    return found


def understood(*bodies: Tree, version: str = "1.20") -> tuple[Reach, tuple[Diagnostic, ...]]:
    return read_here(documents(*bodies), version)


def read_here(found: tuple[ReadDocument, ...], version: str = "1.20") -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What they say, without what holds for every pod: that its own node may call it."""
    reach, diagnostics = reach_of(found, GOVERNED, platform_of(version))
    always, said = reach.grants[: len(GOVERNED)], reach.grants[len(GOVERNED) :]
    assert always == tuple(own_node(sorted(GOVERNED)))
    return evolve(reach, grants=said), diagnostics


def meaning(spec: Value, version: str = "1.20") -> Reach:
    reach, diagnostics = understood(policy(spec), version=version)
    assert diagnostics == ()
    return reach


def problems(spec: Value, version: str = "1.20") -> list[str]:
    reach, diagnostics = understood(policy(spec), version=version)
    assert all(diagnostic.code == "ZT501" for diagnostic in diagnostics)
    assert not diagnostics or reach == Reach((), ()), "half a meaning is no meaning"
    return [diagnostic.message for diagnostic in diagnostics]


def ingress(*rules: Value) -> Tree:
    return {"endpointSelector": WEB, "ingress": list(rules)}


def egress(*rules: Value) -> Tree:
    return {"endpointSelector": WEB, "egress": list(rules)}


def port(**item: Value) -> Tree:
    return {"fromEndpoints": [{}], "toPorts": [{"ports": [item]}]}


def said(kind: str, *rules: Value, port: str = "80", protocol: str = "TCP") -> Tree:
    return {"toPorts": [{"ports": [{"port": port, "protocol": protocol}], "rules": {kind: list(rules)}}]}


def place(namespace: str, cluster: str = "default") -> Selector:
    return with_labels(((CLUSTER, cluster), (METADATA_NAME, namespace)))


# --- what isolates -----------------------------------------------------------------------------------

SECTIONS: dict[str, tuple[Tree, set[str]]] = {
    "a rule": ({"ingress": [{}]}, {"Ingress"}),
    "a rule each way": ({"ingress": [{}], "egress": [{}]}, {"Ingress", "Egress"}),
    "an empty list beside": ({"ingress": [{}], "egress": []}, {"Ingress"}),
    "a denial": ({"egressDeny": [{"toEndpoints": [{}]}]}, {"Egress"}),
    "left open": ({"ingress": [{}], "enableDefaultDeny": {"ingress": False}}, set()),
    "a denial, left open": ({"egressDeny": [{}], "enableDefaultDeny": {"egress": False}}, set()),
    "said to be isolated, without a rule": ({"ingress": [{}], "enableDefaultDeny": {"egress": True}}, {"Ingress"}),
    "nothing said": ({"ingress": [{}], "enableDefaultDeny": {}}, {"Ingress"}),
}


@pytest.mark.parametrize("case", SECTIONS)
def test_isolation(case: str) -> None:
    sections, expected = SECTIONS[case]
    reach = meaning({"endpointSelector": WEB, **sections})
    assert {isolation.direction for isolation in reach.isolations} == expected
    assert {isolation.subject for isolation in reach.isolations} <= {with_labels((("app", "web"),))}


def test_specs_are_parts_of_one_policy() -> None:
    body = policy(ingress(PODS))
    del body["spec"]
    reach, diagnostics = understood({**body, "specs": [ingress(PODS), {"endpointSelector": {}, "egress": [{}]}]})
    assert diagnostics == ()
    assert [(each.direction, each.subject) for each in reach.isolations] == [
        ("Ingress", with_labels((("app", "web"),))),
        ("Egress", EVERYTHING),
    ]
    assert reach.grants[0].origin().what == "CiliumNetworkPolicy shop/web specs[0] ingress[0]"


# --- peers -------------------------------------------------------------------------------------------

HERE, IN_CLUSTER = place("shop"), with_labels(((CLUSTER, "default"),))
SELECTED: dict[str, tuple[Value, Remote]] = {
    "empty: the own namespace": ({}, Pods(HERE, EVERYTHING)),
    "a label": (WEB, Pods(HERE, with_labels((("app", "web"),)))),
    "a label with its source": ({"matchLabels": {"k8s:app": "web"}}, Pods(HERE, with_labels((("app", "web"),)))),
    "a label of any source": ({"matchLabels": {"any:app": "web"}}, Pods(HERE, with_labels((("app", "web"),)))),
    "the same of both sources": (
        {"matchLabels": {"k8s:app": "web", "any:app": "web"}},
        Pods(HERE, with_labels((("app", "web"),))),
    ),
    "a service account": (
        {"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "robot"}},
        Pods(HERE, with_labels((("io.cilium.k8s.policy.serviceaccount", "robot"),))),
    ),
    "a namespace": ({"matchLabels": {NAMESPACE: "data"}}, Pods(place("data"), EVERYTHING)),
    "a namespace, with its source": ({"matchLabels": {f"k8s:{NAMESPACE}": "data"}}, Pods(place("data"), EVERYTHING)),
    "a cluster": (
        {"matchLabels": {"io.cilium.k8s.policy.cluster": "far"}},
        Pods(place("shop", "far"), EVERYTHING),
    ),
    "a label of a namespace": (
        {"matchLabels": {TEAM: "red"}},
        Pods(with_labels(((CLUSTER, "default"), ("team", "red"))), EVERYTHING),
    ),
    "a namespace's own name label": (
        {"matchLabels": {"io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "data"}},
        Pods(place("data"), EVERYTHING),
    ),
    "any namespace": (
        {"matchExpressions": [{"key": NAMESPACE, "operator": "Exists"}]},
        Pods(selector([(CLUSTER, Values(frozenset({"default"}))), (METADATA_NAME, ANY_VALUE)]), EVERYTHING),
    ),
    "other namespaces": (
        {"matchExpressions": [{"key": NAMESPACE, "operator": "NotIn", "values": ["data"]}]},
        Pods(
            selector([(CLUSTER, Values(frozenset({"default"}))), (METADATA_NAME, ~Values(frozenset({"data"})))]),
            EVERYTHING,
        ),
    ),
    "an expression": (
        {"matchExpressions": [{"key": "k8s:tier", "operator": "In", "values": ["a", "b"]}]},
        Pods(HERE, selector([("tier", Values(frozenset({"a", "b"})))])),
    ),
}


@pytest.mark.parametrize("case", SELECTED)
def test_endpoints(case: str) -> None:
    tree, expected = SELECTED[case]
    inward, outward = meaning(ingress({"fromEndpoints": [tree]})), meaning(egress({"toEndpoints": [tree]}))
    assert [grant.remote for grant in (*inward.grants, *outward.grants)] == [expected, expected]


def test_before_1_19_a_selector_without_a_cluster_means_them_all() -> None:
    [grant] = meaning(ingress(PODS), "1.18").grants
    expected = selector([(CLUSTER, ANY_VALUE), (METADATA_NAME, Values(frozenset({"shop"})))])
    assert grant.remote == Pods(expected, EVERYTHING)


ENTITIES: dict[str, tuple[Remote, ...]] = {
    "all": EVERYBODY,
    "world": (EVERY_ADDRESS, EVERY_NAME, Entities(frozenset[Entity](("outside API server",)))),
    "cluster": (Pods(IN_CLUSTER, EVERYTHING), Entities(EVERY_ENTITY)),
    "cluster-mesh": (Pods(selector(((CLUSTER, ANY_VALUE),)), EVERYTHING), Entities(EVERY_ENTITY)),
    "host": (Entities(OWN_NODE),),
    "remote-node": (Entities(NODES - OWN_NODE),),
    "kube-apiserver": (Entities(API_SERVERS),),
    "health": (Entities(frozenset[Entity](("health",))),),
    "ingress": (Entities(frozenset[Entity](("ingress",))),),
    "init": (Entities(frozenset[Entity](("init",))),),
    "unmanaged": (Entities(frozenset[Entity](("unmanaged",))),),
    "none": (),
}


@pytest.mark.parametrize("entity", ENTITIES)
def test_entities(entity: str) -> None:
    inward, outward = meaning(ingress({"fromEntities": [entity]})), meaning(egress({"toEntities": [entity]}))
    for reach in (inward, outward):
        assert tuple(grant.remote for grant in reach.grants) == ENTITIES[entity]


def test_entities_of_a_rule_are_one() -> None:
    [grant] = meaning(egress({"toEntities": ["host", "remote-node"]})).grants
    assert grant.remote == Entities(NODES)


REMOTES: dict[str, tuple[Tree, tuple[Remote, ...]]] = {
    "blocks": ({"toCIDR": ["10.0.0.0/8", "11.0.0.0/8"]}, (parsed(("10.0.0.0/7",)),)),
    "a block with a hole": (
        {"toCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}]},
        (parsed(("10.0.0.0/8",)) - parsed(("10.1.0.0/16",)),),
    ),
    "a name": ({"toFQDNs": [{"matchName": "API.Example.com."}]}, (Names(name("api.example.com")),)),
    "one label": ({"toFQDNs": [{"matchPattern": "*.example.com"}]}, (Names(name("*.example.com")),)),
    "any depth": ({"toFQDNs": [{"matchPattern": "**.example.com"}]}, (Names(name("**.example.com")),)),
    "a label inside": ({"toFQDNs": [{"matchPattern": "a.*.com"}]}, (Names(name("a.*.com")),)),
    "every name": ({"toFQDNs": [{"matchPattern": "*"}]}, (EVERY_NAME,)),
    "every name, twice": ({"toFQDNs": [{"matchPattern": "**"}]}, (EVERY_NAME,)),
    "two names": (
        {"toFQDNs": [{"matchName": "a.io"}, {"matchName": "b.io"}]},
        (Names(name("a.io")), Names(name("b.io"))),
    ),
}


@pytest.mark.parametrize("case", REMOTES)
def test_addresses_and_names(case: str) -> None:
    rule, expected = REMOTES[case]
    assert tuple(grant.remote for grant in meaning(egress(rule)).grants) == expected


# --- what is empty -----------------------------------------------------------------------------------

PEERS_AND_PORTS: dict[str, tuple[Tree, tuple[Remote, ...]]] = {
    "nothing": ({}, ()),
    "no peers": (TO_80, EVERYBODY),
    "no ports": ({"toPorts": []}, ()),
    "no endpoints": ({"toEndpoints": [], **TO_80}, ()),
    "no entities": ({"toEntities": [], **TO_80}, ()),
    "no blocks": ({"toCIDR": [], **TO_80}, ()),
    "no sets of blocks": ({"toCIDRSet": [], **TO_80}, ()),
    "no names": ({"toFQDNs": [], **TO_80}, EVERYBODY),
    "no names and no ports": ({"toFQDNs": []}, ()),
    "ports without numbers": ({"toPorts": [{}]}, ()),
    "ports with no numbers": ({"toEndpoints": [{}], "toPorts": [{"ports": []}]}, ()),
}


@pytest.mark.parametrize("case", PEERS_AND_PORTS)
def test_what_is_empty(case: str) -> None:
    rule, expected = PEERS_AND_PORTS[case]
    reach = meaning(egress(rule))
    assert (tuple(grant.remote for grant in reach.grants), len(reach.isolations)) == (expected, 1)


def test_an_empty_list_of_ports_is_every_port() -> None:
    [grant] = meaning(ingress({"fromEndpoints": [{}], "toPorts": []})).grants
    assert grant.opened == EVERY_PORT


# --- ports -------------------------------------------------------------------------------------------


def of_all(first: int, last: int) -> Ports:
    return ports((protocol, first, last) for protocol in PROTOCOLS)


NUMBERS: dict[str, tuple[Tree, Ports]] = {
    "a number": ({"port": "80", "protocol": "TCP"}, TCP_80),
    "no protocol": ({"port": "80"}, of_all(80, 80)),
    "ANY": ({"port": "80", "protocol": "ANY"}, of_all(80, 80)),
    "SCTP": ({"port": "80", "protocol": "SCTP"}, ports((("SCTP", 80, 80),))),
    "a range": ({"port": "80", "endPort": 90, "protocol": "UDP"}, ports((("UDP", 80, 90),))),
    "a range of one": ({"port": "80", "endPort": 80, "protocol": "TCP"}, TCP_80),
    "nought": ({"port": "0", "protocol": "TCP"}, ports((("TCP", 1, 65535),))),
    "nought, of every protocol": ({"port": "0"}, EVERY_PORT),
    "the last": ({"port": "65535", "protocol": "TCP"}, ports((("TCP", 65535, 65535),))),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_ports(case: str) -> None:
    item, expected = NUMBERS[case]
    [grant] = meaning(ingress(port(**item))).grants
    assert grant.opened == expected


def test_items_are_alternatives_whole_ports_as_one() -> None:
    narrow = said("http", {"method": "GET"})["toPorts"]
    assert isinstance(narrow, list)
    more: list[Value] = [{"ports": [{"port": "81", "protocol": "TCP"}, {"port": "82", "protocol": "TCP"}]}]
    reach = meaning(ingress({"fromEndpoints": [{}], "toPorts": [*more, *narrow, {"ports": [{"port": "90"}]}]}))
    whole, narrowed = (grant.opened for grant in reach.grants)
    assert whole == ports((("TCP", 81, 82), *((protocol, 90, 90) for protocol in PROTOCOLS)))
    assert isinstance(narrowed, Narrowed)


# --- what is said ------------------------------------------------------------------------------------


def requests(*each: tuple[str, str]) -> Only:
    return Only("http", Language(tuple(part for m, p in each for part in request(m, path(p)).parts)))


SAID: dict[str, tuple[Tree, Opened]] = {
    "every request": (said("http", {}), Narrowed(TCP_80, requests(("*", "/**")))),
    "a method": (said("http", {"method": "GET"}), Narrowed(TCP_80, requests(("GET", "/**")))),
    "methods": (
        said("http", {"method": "GET|HEAD", "path": "/a([?].*)?"}),
        Narrowed(TCP_80, requests(("GET", "/a"), ("HEAD", "/a"))),
    ),
    "rules": (
        said("http", {"method": "GET", "path": "/a([?].*)?"}, {"path": r"/b(\?.*)?"}),
        Narrowed(TCP_80, requests(("GET", "/a"), ("*", "/b"))),
    ),
    "empty expressions": (said("http", {"method": "", "path": ""}), Narrowed(TCP_80, requests(("*", "/**")))),
    "no rules": (said("http"), TCP_80),
    "lookups": (
        said("dns", {"matchName": "c.io"}, {"matchPattern": "**.c.io"}, port="53", protocol="UDP"),
        Narrowed(ports((("UDP", 53, 53),)), Only("dns", name("c.io") | name("**.c.io"))),
    ),
    "no lookups": (said("dns", port="53", protocol="UDP"), ports((("UDP", 53, 53),))),
    "server names": (
        {"toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}], "serverNames": ["a.io", "*.b.io"]}]},
        Narrowed(ports((("TCP", 443, 443),)), Only("tls", name("a.io") | name("*.b.io"))),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said(case: str) -> None:
    rule, expected = SAID[case]
    [grant] = meaning(egress({"toEndpoints": [{}], **rule})).grants
    assert grant.opened == expected


def test_kafka_is_read_until_1_19() -> None:
    rule = said("kafka", {"role": "produce", "topic": "orders"}, port="9092")
    [grant] = meaning(egress({"toEndpoints": [{}], **rule}), "1.19").grants
    assert isinstance(grant.opened, Narrowed)
    assert grant.opened.only.speech == "kafka"
    assert grant.opened.only.language.contains(("produce", "orders"))
    assert not grant.opened.only.language.contains(("consume", "orders"))
    assert problems(egress({"toEndpoints": [{}], **rule}))


# An expression, and the paths of a topology that it means; none: it cannot be read exactly.
PATHS: dict[str, tuple[str, ...]] = {
    "/a([?].*)?": ("/a",),
    r"/a(\?.*)?": ("/a",),
    r"^/a(?:\?.*)?$": ("/a",),
    "/a([?][^#]*)?": ("/a",),
    "/([?].*)?": ("/",),
    "/a/([?].*)?": ("/a/",),
    r"/v1\.0/a\+b([?].*)?": ("/v1.0/a+b",),
    "/v1[.]0([?].*)?": ("/v1.0",),
    "/a/[^/?#]+([?].*)?": ("/a/{id}",),
    "/a/[^/?]+/b([?].*)?": ("/a/{id}/b",),
    "/a(/[^?#]*)?([?].*)?": ("/a/**",),
    "/a(/.*)?([?].*)?": ("/a/**",),
    "(/[^?#]*)?([?].*)?": ("/**",),
    "/[^?#]*([?].*)?": ("/**",),
    ".*": ("/**",),
    ".+": ("/**",),
    "/.*": ("/**",),
    "(/a|/b)([?].*)?": ("/a", "/b"),
    "/a([?].*)?|/b([?].*)?": ("/a", "/b"),
    "/(a|b)/c([?].*)?": ("/a/c", "/b/c"),
    "/a/?([?].*)?": ("/a/", "/a"),
    "/[ab]([?].*)?": ("/a", "/b"),
    # Some queries alone.
    "/a[?]": (),
    "/a([?]x.*)?": (),
    "/a([?].+)?": (),
    "/a/[^/]+([?].*)?": (),
    "//[^?#]*([?].*)?": (),
    # A part of a segment; what no normalised path has; what is no path.
    "/a.*": (),
    "/a[^/?#]+([?].*)?": (),
    "/a[^/?#]([?].*)?": (),
    "/[^a/?#]+([?].*)?": (),
    "/v1.0([?].*)?": (),
    "/a//b([?].*)?": (),
    "/a/[^/?#]*/b([?].*)?": (),
    "/a/../b([?].*)?": (),
    "/a#b([?].*)?": (),
    "a([?].*)?": (),
    "/a/[^?#]*/b([?].*)?": (),
    # Signs that are not read, and none at all.
    "/a{2}([?].*)?": (),
    "/a*([?].*)?": (),
    "/a/.*?([?].*)?": (),
    "/a??([?].*)?": (),
    r"/\w+([?].*)?": (),
    "/[a-z]+([?].*)?": (),
    "/[[:alpha:]]+([?].*)?": (),
    "/[^]([?].*)?": (),
    "(?i)/a([?].*)?": (),
    "/(?!a).*": (),
    "/(a|b([?].*)?": (),
    "/a)([?].*)?": (),
    "/[a([?].*)?": (),
    "/a^b([?].*)?": (),
    "/a$([?].*)?": (),
    "/a b([?].*)?": (),
    "/é([?].*)?": (),
    "/a\\": (),
    "*": (),
    "(a|b)" * 9: (),
}


@pytest.mark.parametrize("expression", PATHS)
def test_paths(expression: str) -> None:
    rule: Tree = {"fromEndpoints": [{}], **said("http", {"method": "GET", "path": expression})}
    if not PATHS[expression]:
        [message] = problems(ingress(rule))
        assert "cannot be read exactly" in message
        return
    [grant] = meaning(ingress(rule)).grants
    assert grant.opened == Narrowed(TCP_80, requests(*(("GET", each) for each in PATHS[expression])))


ASKING = Values(frozenset({"", PLAIN}), others=True)
# Without a query, with any, or both, each behind its own paths.
QUERIED: dict[str, tuple[Language, ...]] = {
    "/a": (request("GET", path("/a"), word(PLAIN)),),
    r"/package\.Service/Method": (request("GET", path("/package.Service/Method"), word(PLAIN)),),
    "/a[?].*": (request("GET", path("/a"), ASKING),),
    "/a|/b([?].*)?": (request("GET", path("/b")), request("GET", path("/a"), word(PLAIN))),
    "/a(/.*)?": (
        Language((Words((word("GET"), SOME_WORD, word("a"), ANY_WORD), ANY_WORD),)),
        request("GET", path("/a"), word(PLAIN)),
    ),
}


@pytest.mark.parametrize("expression", QUERIED)
def test_queries(expression: str) -> None:
    rule: Tree = {"fromEndpoints": [{}], **said("http", {"method": "GET", "path": expression})}
    [grant] = meaning(ingress(rule)).grants
    parts = tuple(part for each in QUERIED[expression] for part in each.parts)
    assert grant.opened == Narrowed(TCP_80, Only("http", Language(parts)))


# Python's expressions agree with RE2 on all that is read here.
_SEGMENTS = st.sampled_from(
    ("a", "b", "[ab]", r"a\.b", "[^/?#]+", "[^/?]+", "(a|b)", "(a|b/c)", ".*", "[^?#]*", "a?", "")
)
_QUERY = st.sampled_from(("([?].*)?", r"(\?.*)?", "([?][^#]*)?", "", "[?].*", "([?]x)?"))
_REST = st.sampled_from(("", "(/[^?#]*)?", "(/.*)?", "/?", "(/a)?"))
_ONE_PATH = st.builds(
    lambda some, rest, query: "/" + "/".join(some) + rest + query, st.lists(_SEGMENTS, max_size=3), _REST, _QUERY
)
_EXPRESSIONS = st.lists(_ONE_PATH, min_size=1, max_size=2).map("|".join)
_WORDS = ("a", "b", "c", "ab", "a.b", "x")
_NORMALISED = [
    [*inner, last]
    for inner in ([], ["a"], ["b"], ["a", "b"], ["b", "c"], ["x", "a"], ["a", "b", "c"])
    for last in (*_WORDS, "")
]


@settings(max_examples=300, deadline=None)
@given(_EXPRESSIONS)
def test_an_expression_that_is_read_means_what_it_matches(expression: str) -> None:
    reach, _ = understood(policy(ingress({"fromEndpoints": [{}], **said("http", {"path": expression})})))
    matches = re.compile(f"(?:{expression})")
    for grant in reach.grants:
        assert isinstance(grant.opened, Narrowed)
        for segments in _NORMALISED:
            for query in ("", "?", "?x", "?a/b?c"):
                inside = grant.opened.only.language.contains(("GET", "query" if query else PLAIN, *segments))
                assert bool(matches.fullmatch("/" + "/".join(segments) + query)) is inside, (segments, query)


METHODS = {
    "GET": True,
    "get": True,
    "(GET|POST)": True,
    ".*": True,
    "GE.": False,
    "GET ": False,
    "PUT|": False,
    "(": False,
}


@pytest.mark.parametrize("expression", METHODS)
def test_methods(expression: str) -> None:
    found = problems(ingress({"fromEndpoints": [{}], **said("http", {"method": expression})}))
    assert (found == []) is METHODS[expression]


# --- denials -----------------------------------------------------------------------------------------


def test_a_denial_is_no_grant() -> None:
    reach = meaning({"endpointSelector": WEB, "ingressDeny": [{"fromEntities": ["host"], **TO_80}], "egress": [{}]})
    [denied] = reach.denied
    assert (denied.direction, denied.remote, denied.opened) == ("Ingress", Entities(OWN_NODE), TCP_80)
    assert reach.grants == ()


def test_a_denial_of_ports_is_for_everybody() -> None:
    reach = meaning({"endpointSelector": WEB, "egressDeny": [TO_80, {}]})
    assert tuple(denied.remote for denied in reach.denied) == EVERYBODY


# --- what is refused ---------------------------------------------------------------------------------


def selects(tree: Value) -> Tree:
    return ingress({"fromEndpoints": [tree]})


def block(tree: Value) -> Tree:
    return egress({"toCIDRSet": [tree]})


def names(tree: Value) -> Tree:
    return egress({"toFQDNs": [tree]})


def to_port(tree: Value) -> Tree:
    return egress({"toEndpoints": [{}], "toPorts": [tree]})


_80: Tree = {"port": "80", "protocol": "TCP"}
_NO_NAMESPACE: Tree = {"key": NAMESPACE, "operator": "DoesNotExist"}
_NO_CLUSTER: Tree = {"key": CLUSTER, "operator": "NotIn", "values": ["far"]}
# What it says, and words of the diagnostic.
REFUSED: dict[str, tuple[Value, str]] = {
    "no rules": ({"endpointSelector": {}}, "no rule"),
    "empty rules": ({"endpointSelector": {}, "ingress": [], "enableDefaultDeny": {"ingress": True}}, "no rule"),
    "no selector": ({"ingress": [{}]}, "endpointSelector` is missing"),
    "no spec": (None, "neither a spec"),
    "a node": ({"nodeSelector": {}, "endpointSelector": {}, "ingress": [{}]}, "nodeSelector` is not a field"),
    "labels of the rule": ({**ingress({}), "labels": []}, "labels` is not a field"),
    "a number for words": ({**ingress({}), "description": 1}, "description` must be a string"),
    "a default that is no boolean": ({**ingress({}), "enableDefaultDeny": {"ingress": "no"}}, "must be a boolean"),
    "a default of nothing known": ({**ingress({}), "enableDefaultDeny": {"both": True}}, "both` is not a field"),
    "another namespace as subject": (
        {"endpointSelector": {"matchLabels": {NAMESPACE: "data"}}, "ingress": [{}]},
        "names `io.kubernetes.pod.namespace`",
    ),
    "a namespace's label as subject": (
        {"endpointSelector": {"matchLabels": {TEAM: "x"}}, "ingress": [{}]},
        "names `io",
    ),
    "another cluster as subject": (
        {"endpointSelector": {"matchLabels": {CLUSTER: "far"}}, "ingress": [{}]},
        "names `io",
    ),
    "services": (egress({"toServices": []}), "toServices` is not a field"),
    "groups": (ingress({"fromGroups": [], **TO_80}), "fromGroups` is not a field"),
    "nodes": (egress({"toNodes": [{}]}), "toNodes` is not a field"),
    "requires": (ingress({"fromRequires": [{}]}), "fromRequires` is not a field"),
    "ICMP": (ingress({"icmps": []}), "icmps` is not a field"),
    "authentication": (ingress({**PODS, "authentication": {"mode": "required"}}), "authentication` is not a field"),
    "names that come in": (ingress({"fromFQDNs": []}), "fromFQDNs` is not a field"),
    "names that are denied": (
        {"endpointSelector": {}, "egressDeny": [{"toFQDNs": [{"matchName": "c.io"}]}]},
        "toFQDNs` is not a field",
    ),
    "two kinds of peers": (ingress({**PODS, "fromEntities": ["host"]}), "cannot be combined"),
    "two kinds, one empty": (ingress({**PODS, "fromCIDR": []}), "cannot be combined"),
    "a reserved label": (selects({"matchLabels": {"reserved:host": ""}}), "source `reserved`"),
    "a CIDR label": (
        selects({"matchExpressions": [{"key": "cidr:10.0.0.0/8", "operator": "Exists"}]}),
        "source `cidr`",
    ),
    "two sources": (selects({"matchLabels": {"k8s:any:app": "web"}}), "not a label's key"),
    "a key twice": (selects({"matchLabels": {"app": "web", "any:app": "db"}}), "names a label twice"),
    "a label that no identity has": (selects({"matchLabels": {"pod-template-hash": "x"}}), "names `pod-template-hash`"),
    "a label of Kubernetes": (selects({"matchLabels": {"kubernetes.io/os": "linux"}}), "names `kubernetes.io/os`"),
    "an old spelling": (selects({"matchLabels": {f"{NAMESPACE}.labels.team": "x"}}), "names `io.kubernetes.pod"),
    "no place": (selects({"matchExpressions": [_NO_NAMESPACE, _NO_CLUSTER]}), "names no namespace"),
    "a label's value": (selects({"matchLabels": {"app": "not a value"}}), "is not a label's value"),
    "In without values": (selects({"matchExpressions": [{"key": "a", "operator": "In"}]}), "must not be empty"),
    "an operator": (selects({"matchExpressions": [{"key": "a", "operator": "Is"}]}), "must be In"),
    "an unknown entity": (ingress({"fromEntities": ["world-ipv4"]}), "not an entity"),
    "an entity that is no string": (ingress({"fromEntities": [{}]}), "not an entity"),
    "an address": (egress({"toCIDR": ["10.0.0.1"]}), "is not a network"),
    "host bits": (block({"cidr": "10.0.0.1/8"}), "is not a network"),
    "a hole outside": (block({"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}), "not a strict part"),
    "a group of blocks": (block({"cidrGroupRef": "partners"}), "cidrGroupRef` is not a field"),
    "two names": (names({"matchName": "a.io", "matchPattern": "*.io"}), "must have one of"),
    "no name": (names({}), "must have one of"),
    "a name with a star": (names({"matchName": "*.a.io"}), "is not a name"),
    "a name of a page": (names({"matchName": "https://a.io/"}), "is not a name"),
    "a name with an empty label": (names({"matchName": "a..io"}), "is not a name"),
    "a name that is too long": (names({"matchName": "a." * 128 + "io"}), "is not a name"),
    "a part of a label": (names({"matchPattern": "a*.io"}), "beside other characters"),
    "a suffix": (names({"matchPattern": "*a.io"}), "beside other characters"),
    "a deep star inside": (names({"matchPattern": "a.**.io"}), "not what it looks like"),
    "three stars": (names({"matchPattern": "***.io"}), "not what it looks like"),
    "a number": (ingress(port(port=80)), "must be a string"),
    "no port": (ingress(port(protocol="TCP")), "port` is missing"),
    "a port too high": (ingress(port(port="65536")), "is not a decimal number"),
    "octal": (ingress(port(port="0120")), "is not a decimal number"),
    "hexadecimal": (ingress(port(port="0x50")), "is the name"),
    "a named port": (ingress(port(port="http")), "is the name 'http'"),
    "a range backwards": (ingress(port(port="80", endPort=79)), "must be between"),
    "a range from nought": (ingress(port(port="0", endPort=79)), "must be between"),
    "a range too far": (ingress(port(port="80", endPort=65536)), "must be between"),
    "a range to a string": (ingress(port(port="80", endPort="81")), "must be a number"),
    "a protocol in lower case": (ingress(port(port="80", protocol="tcp")), "must be TCP"),
    "ICMP as a protocol": (ingress(port(port="80", protocol="ICMP")), "must be TCP"),
    "too many ports": (to_port({"ports": [{"port": str(n)} for n in range(1, 42)]}), "41 ports"),
    "too many that are denied": (
        {"endpointSelector": {}, "ingressDeny": [{"toPorts": [{"ports": [{"port": str(n)} for n in range(1, 42)]}]}]},
        "41 ports",
    ),
    "rules that are denied": ({"endpointSelector": {}, "ingressDeny": [{**PODS, **said("http", {})}]}, "rules` is not"),
    "no kind of rules": (to_port({"ports": [_80], "rules": {}}), "rules of one kind"),
    "two kinds of rules": (to_port({"ports": [_80], "rules": {"http": [{}], "dns": []}}), "rules of one kind"),
    "rules without ports": (to_port({"rules": {"http": [{}]}}), "has no ports"),
    "rules for UDP": (egress({"toEndpoints": [{}], **said("http", {}, protocol="UDP")}), "must be TCP"),
    "rules for any protocol": (to_port({"ports": [{"port": "80"}], "rules": {"http": [{}]}}), "must be TCP"),
    "rules for every port": (egress({"toEndpoints": [{}], **said("http", {}, port="0")}), "is every port"),
    "lookups that come in": (ingress({**PODS, **said("dns", {"matchPattern": "*"})}), "only for what goes out"),
    "lookups on a range": (
        to_port({"ports": [{"port": "53", "endPort": 54}], "rules": {"dns": [{"matchPattern": "*"}]}}),
        "not for rules about DNS",
    ),
    "Kafka": (egress({"toEndpoints": [{}], **said("kafka", {"role": "produce", "topic": "a"})}), "is gone"),
    "another protocol": (to_port({"ports": [_80], "rules": {"l7proto": "r2d2"}}), "l7proto` is not a field"),
    "headers": (egress({"toEndpoints": [{}], **said("http", {"headers": ["X: y"]})}), "headers` is not a field"),
    "a host": (egress({"toEndpoints": [{}], **said("http", {"host": "a.io"})}), "host` is not a field"),
    "a method that is no string": (egress({"toEndpoints": [{}], **said("http", {"method": 1})}), "must be a string"),
    "names and rules": (to_port({"ports": [_80], "serverNames": ["a.io"], "rules": {"http": [{}]}}), "be combined"),
    "no server names": (to_port({"ports": [_80], "serverNames": []}), "must not be empty"),
    "an empty server name": (to_port({"ports": [_80], "serverNames": [""]}), "is not a name"),
    "server names of UDP": (to_port({"ports": [{"port": "443", "protocol": "UDP"}], "serverNames": ["a"]}), "be TCP"),
    "TLS": (to_port({"ports": [_80], "terminatingTLS": {}}), "terminatingTLS` is not a field"),
    "a listener": (to_port({"ports": [_80], "listener": {}}), "listener` is not a field"),
    "server names, left open": (
        {**to_port({"ports": [_80], "serverNames": ["a.io"]}), "enableDefaultDeny": {"egress": False}},
        "left open",
    ),
    "peers that are null": (egress({"toEndpoints": None, **TO_80}), "toEndpoints` is null"),
    "values that are null": (
        selects({"matchExpressions": [{"key": "a", "operator": "Exists", "values": None}]}),
        "null",
    ),
    "a hole that is null": (block({"cidr": "10.0.0.0/8", "except": None}), "except` is null"),
    "a list that is a map": ({"endpointSelector": {}, "ingress": {}}, "must be a list"),
    "a rule that is null": ({"endpointSelector": {}, "ingress": [None]}, "must be a map"),
    "a peer that is null": (selects(None), "must be a map"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    spec, words = REFUSED[case]
    assert any(words in message for message in problems(spec)), problems(spec)


# A spec, the first version that has what it says, and the last.
GATES: dict[str, tuple[Tree, str | None, str | None]] = {
    "default deny": ({**ingress({}), "enableDefaultDeny": {"ingress": False}}, "1.16", None),
    "ranges": (ingress(port(port="80", endPort=81)), "1.16", None),
    "cluster-mesh": (ingress({"fromEntities": ["cluster-mesh"]}), "1.20", None),
    "deep patterns": (names({"matchPattern": "**.a.io"}), "1.19", None),
    "one label": (names({"matchPattern": "*.a.io"}), None, None),
    "server names": (to_port({"ports": [_80], "serverNames": ["a.io"]}), None, None),
    "patterns of server names": (to_port({"ports": [_80], "serverNames": ["*.a.io"]}), "1.18", None),
    "Kafka": (egress({"toEndpoints": [{}], **said("kafka", {"role": "consume", "topic": "a"})}), None, "1.19"),
    "filters, left open": (
        {**egress({"toEndpoints": [{}], **said("http", {})}), "enableDefaultDeny": {"egress": False}},
        "1.20",
        None,
    ),
}


@pytest.mark.parametrize("case", GATES)
def test_versions(case: str) -> None:
    spec, first, last = GATES[case]
    versions = ["1.15", "1.16", "1.17", "1.18", "1.19", "1.20", "1.21"]
    lowest, highest = versions.index(first or "1.15"), versions.index(last or "1.21")
    assert [version for version in versions if not problems(spec, version)] == versions[lowest : highest + 1]


OTHERS: dict[str, Tree] = {
    "native": {**policy(ingress(PODS)), "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"},
    "clusterwide": {**policy(ingress(PODS)), "kind": "CiliumClusterwideNetworkPolicy"},
    "an old version": {**policy(ingress(PODS)), "apiVersion": "cilium.io/v1"},
    "a status": {**policy(ingress(PODS)), "status": {}},
    "no namespace": {**policy(ingress(PODS)), "metadata": {"name": "web"}},
    "a name": {**policy(ingress(PODS)), "metadata": {"name": "Web_Policy", "namespace": "shop"}},
    "no specs": {key: value for key, value in policy({}).items() if key != "spec"} | {"specs": []},
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_documents_are_refused(case: str) -> None:
    reach, diagnostics = understood(OTHERS[case])
    assert [diagnostic.code for diagnostic in diagnostics] == ["ZT501"] * len(diagnostics)
    assert diagnostics
    assert reach == Reach((), ())


def test_names_and_namespaces_are_told_as_elsewhere() -> None:
    one, twin, far = policy(ingress(PODS)), policy(egress({})), policy(ingress(PODS), namespace="other")
    reach, diagnostics = understood(one, twin, far)
    assert [diagnostic.code for diagnostic in diagnostics] == ["ZT505", "ZT504"]
    assert len(reach.isolations) == 1


def test_another_engine_s_platform_is_a_mistake_of_the_caller() -> None:
    platform = platform_of()
    native = evolve(platform, network=Kubernetes("1.37"))
    with pytest.raises(TypeError, match="does not run Cilium"):
        reach_of((), GOVERNED, native)


TEXT = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  endpointSelector: {}
  egress:
  - toEndpoints:
    - {}
    toPorts:
    - ports:
      - port: "80"
        protocol: TCP
      rules:
        http:
        - path: /a.*
  - toEntities:
    - everybody
"""


def test_a_diagnostic_is_at_the_line_of_what_it_says() -> None:
    found = read(TEXT.encode(), "a.yaml")
    assert not isinstance(found, Diagnostic)
    _, diagnostics = read_here(found)
    assert [(each.labels[0].location.line, each.message.split("`")[1]) for each in diagnostics] == [
        (17, "spec.egress[0].toPorts[0].rules.http[0].path"),
        (19, "spec.egress[1].toEntities[0]"),
    ]


def test_a_grant_says_which_rule_it_is_of() -> None:
    found = read(TEXT.replace("/a.*", "/a([?].*)?").replace("everybody", "world").encode(), "a.yaml")
    assert not isinstance(found, Diagnostic)
    reach, _ = read_here(found)
    told = [(grant.origin().what, grant.origin().line) for grant in (reach.grants[0], reach.grants[-1])]
    assert told == [("CiliumNetworkPolicy shop/web egress[0]", 9), ("CiliumNetworkPolicy shop/web egress[1]", 18)]


# --- rules that undo one another ---------------------------------------------------------------------

_DNS = said("dns", {"matchName": "c.io"}, port="53", protocol="UDP")
_WIDE: Tree = {"toPorts": [{"ports": [{"port": "50", "endPort": 60, "protocol": "UDP"}]}]}
_NAMED: Tree = {"toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}], "serverNames": ["c.io"]}]}
_WHOLE: Tree = {"toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]}
_DB: Tree = {"toEndpoints": [{"matchLabels": {"app": "db"}}]}
_SELF: Tree = {"toEndpoints": [{}]}
# Two rules of egress, and whether they add up.
TWO: dict[str, tuple[Tree, Tree, bool]] = {
    "two kinds for other peers": ({**_DB, **said("http", {}, port="443")}, {"toEntities": ["world"], **_NAMED}, False),
    "two kinds on two ports": ({**_DB, **said("http", {})}, {**_DB, **_NAMED}, True),
    "two kinds, one for nobody": ({**_DB, **said("http", {}, port="443")}, {"toEndpoints": [], **_NAMED}, True),
    "requests and the whole port": ({**_DB, **said("http", {"method": "GET"})}, {**_SELF, **TO_80}, True),
    "lookups and the port": ({**_DB, **_DNS}, {**_DB, "toPorts": [{"ports": [{"port": "53"}]}]}, True),
    "lookups and a wider range": ({**_DB, **_DNS}, {**_SELF, **_WIDE}, False),
    "lookups and every port": ({**_DB, **_DNS}, _SELF, False),
    "lookups and every port of others": ({**_DB, **_DNS}, {"toEndpoints": [WEB]}, True),
    "lookups and every port of addresses": ({**_DB, **_DNS}, {"toCIDR": ["10.0.0.0/8"]}, True),
    "lookups of names and every port of addresses": (
        {"toFQDNs": [{"matchName": "ns.io"}], **_DNS},
        {"toCIDR": ["10.0.0.0/8"]},
        False,
    ),
    "lookups of addresses and every port of the node": (
        {"toCIDR": ["10.0.0.0/8"], **_DNS},
        {"toEntities": ["host"]},
        True,
    ),
    "lookups of addresses and every port of other addresses": (
        {"toCIDR": ["10.0.0.0/8"], **_DNS},
        {"toCIDR": ["11.0.0.0/8"]},
        True,
    ),
    "lookups of the node and every port of nodes": (
        {"toEntities": ["host"], **_DNS},
        {"toEntities": ["host", "remote-node"]},
        False,
    ),
    "server names and the same peers": ({**_DB, **_NAMED}, {**_DB, **_WHOLE}, False),
    "server names and all peers": ({**_DB, **_NAMED}, {**_SELF, **_WHOLE}, True),
    "server names and another port": ({**_DB, **_NAMED}, {**_DB, **TO_80}, True),
    "server names of a name and addresses": (
        {"toFQDNs": [{"matchName": "c.io"}], **_NAMED},
        {"toCIDR": ["0.0.0.0/0"], **_WHOLE},
        True,
    ),
    "server names and the same addresses": (
        {"toCIDR": ["0.0.0.0/0"], **_NAMED},
        {"toCIDRSet": [{"cidr": "0.0.0.0/0"}], **_WHOLE},
        False,
    ),
}


@pytest.mark.parametrize("case", TWO)
def test_rules_that_undo_one_another(case: str) -> None:
    one, other, fine = TWO[case]
    for rules in ((one, other), (other, one)):
        reach, diagnostics = understood(policy(egress(rules[0]), "one"), policy(egress(rules[1]), "two"))
        assert (diagnostics == ()) is fine, diagnostics
        assert bool(reach.grants) is fine
        assert all("undoes it" in each.message and len(each.labels) == 2 for each in diagnostics)


def test_rules_for_other_pods_undo_nothing() -> None:
    other: Tree = {**egress({**_SELF, **_WIDE}), "endpointSelector": {"matchLabels": {"app": "other"}}}
    all_pods: Tree = {**other, "endpointSelector": {}}
    for spec, fine in ((other, True), (all_pods, False)):
        _, diagnostics = understood(policy(egress({**_DB, **_DNS}), "one"), policy(spec, "two"))
        assert (diagnostics == ()) is fine
    _, diagnostics = understood(
        policy(egress({**_DB, **_DNS}), "one"), policy(egress({**_SELF, **_WIDE}), "two", "data")
    )
    assert diagnostics == ()


# --- hostile documents -------------------------------------------------------------------------------


def leaves() -> st.SearchStrategy[Value]:
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 70000),
        st.sampled_from(
            ("", "80", "TCP", "a.io", "*", "/a", "In", "10.0.0.0/8", "k8s:app", "world", "(", "[", "\\", "\u00e9")
        ),
    )


_KEYS = (
    *("apiVersion", "kind", "metadata", "spec", "specs", "endpointSelector", "ingress", "egress", "ingressDeny"),
    *(
        "fromEndpoints",
        "toFQDNs",
        "toCIDRSet",
        "toEntities",
        "toPorts",
        "ports",
        "port",
        "endPort",
        "protocol",
        "rules",
    ),
    *(
        "http",
        "dns",
        "path",
        "method",
        "matchName",
        "matchPattern",
        "matchLabels",
        "matchExpressions",
        "key",
        "operator",
    ),
    *("values", "serverNames", "enableDefaultDeny", "cidr", "except", "name", "namespace"),
)


def trees() -> st.SearchStrategy[Value]:
    return st.recursive(
        leaves(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
        max_leaves=12,
    )


@settings(max_examples=300, deadline=None)
@given(trees(), st.sampled_from(("spec", "specs", "metadata", "rule", "peer", "port", "said")))
def test_hostile_documents_never_raise(tree: Value, where: str) -> None:
    body = policy(ingress(PODS))
    match where:
        case "rule":
            body = policy(egress(tree))
        case "peer":
            body = policy(egress({"toEndpoints": [tree]}, {"toFQDNs": [tree]}, {"toCIDRSet": tree}))
        case "port":
            body = policy(egress({"toPorts": [tree]}))
        case "said":
            body = policy(egress({"toPorts": [{"ports": [_80], "rules": tree, "serverNames": tree}]}))
        case _:
            body[where] = tree
    reach, diagnostics = understood(body)
    assert bool(diagnostics) or reach.isolations


# Plain enough for the faster reader, which gives what is repeated as one object.
REPEATED = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  endpointSelector: {}
  egress:
  - toEndpoints:
    - matchLabels:
        app: web
    toPorts:
    - ports:
      - port: "53"
        protocol: UDP
      rules:
        dns:
        - matchName: c.io
"""


def repeated(*texts: str) -> tuple[Reach, tuple[Diagnostic, ...]]:
    found = read("---\n".join(texts).encode(), "a.yaml")
    assert not isinstance(found, Diagnostic)
    return read_here(found)


def test_what_documents_repeat_is_of_each_namespace() -> None:
    reach, diagnostics = repeated(REPEATED, REPEATED.replace("shop", "data"))
    assert diagnostics == ()
    web = with_labels((("app", "web"),))
    assert [grant.remote for grant in reach.grants] == [Pods(place("shop"), web), Pods(place("data"), web)]
    assert reach.grants[0].opened is reach.grants[1].opened


@pytest.mark.parametrize("section", ["ingress", "egressDeny", "ingressDeny"])
def test_what_documents_repeat_is_read_for_its_section(section: str) -> None:
    other = REPEATED.replace("egress:", f"{section}:").replace("shop", "data")
    if "ingress" in section:
        other = other.replace("toEndpoints", "fromEndpoints")
    _, diagnostics = repeated(REPEATED, other)
    assert {diagnostic.code for diagnostic in diagnostics} == {"ZT501"}
