"""What NetworkPolicy documents mean: one row a fact of the API, one row a form that is refused."""

import copy
import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.backends.kubernetes.schemas import check
from zt_dsl.backends.kubernetes.semantics import reach_of
from zt_dsl.backends.schema import validator
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import EVERY_ADDRESS, parsed
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, METADATA_NAME, Selector, Values, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, Interval, ports
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import Grant, Pods, Reach, Remote

GOVERNED = frozenset({"shop", "data"})
Tree = dict[str, Value]

WEB: Tree = {"matchLabels": {"app": "web"}}
EVERYBODY: tuple[Remote, ...] = (Pods(EVERYTHING, EVERYTHING), EVERY_ADDRESS)


def policy(spec: Value, name: str = "web", namespace: str = "shop") -> Tree:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def documents(*bodies: Tree, path: str = "a.yaml") -> tuple[ReadDocument, ...]:
    """As a file has them. JSON is YAML, and a quoted string is a string in both."""
    found = read("\n---\n".join(map(json.dumps, bodies)).encode(), path)
    assert not isinstance(found, Diagnostic), found
    return found


def meaning(spec: Value) -> Reach:
    reach, diagnostics = reach_of(documents(policy(spec)), GOVERNED)
    assert diagnostics == ()
    return reach


def with_rule(rule: Value) -> Tree:
    return {"podSelector": WEB, "policyTypes": ["Ingress"], "ingress": [rule]}


def with_peer(peer: Value) -> Tree:
    return with_rule({"from": [peer]})


def with_port(port: Value) -> Tree:
    return with_rule({"ports": [port]})


def with_expression(expression: Value) -> Tree:
    return {"podSelector": {"matchExpressions": [expression]}}


def named(name: str) -> Selector:
    return with_labels(((METADATA_NAME, name),))


# --- what isolates -----------------------------------------------------------------------------------

RULE: Value = {"ports": [{"port": 80}]}
TYPES: dict[str, tuple[Tree, set[str]]] = {
    "missing": ({}, {"Ingress"}),
    "empty": ({"policyTypes": []}, {"Ingress"}),
    "null": ({"policyTypes": None}, {"Ingress"}),
    "missing, with an egress rule": ({"egress": [RULE]}, {"Ingress", "Egress"}),
    "missing, with an empty egress list": ({"egress": []}, {"Ingress"}),
    "missing, with a null egress list": ({"egress": None}, {"Ingress"}),
    "missing, with an ingress rule": ({"ingress": [RULE]}, {"Ingress"}),
    "egress alone": ({"policyTypes": ["Egress"]}, {"Egress"}),
    "both": ({"policyTypes": ["Ingress", "Egress"]}, {"Ingress", "Egress"}),
    "both, in the other order": ({"policyTypes": ["Egress", "Ingress"]}, {"Ingress", "Egress"}),
    "ingress alone, with an egress rule": ({"policyTypes": ["Ingress"], "egress": [RULE]}, {"Ingress"}),
}


@pytest.mark.parametrize("case", TYPES)
def test_policy_types(case: str) -> None:
    spec, expected = TYPES[case]
    assert {isolation.direction for isolation in meaning(spec).isolations} == expected


def test_rules_of_a_direction_that_is_not_named_are_inert() -> None:
    reach = meaning({"policyTypes": ["Ingress"], "egress": [RULE]})
    assert reach.grants == ()


@pytest.mark.parametrize("rules", [[], None])
def test_no_rules_isolate_and_grant_nothing(rules: Value) -> None:
    reach = meaning({"policyTypes": ["Ingress"], "ingress": rules})
    assert (len(reach.isolations), reach.grants) == (1, ())


def test_no_spec_isolates_every_pod_for_ingress() -> None:
    body = policy(None)
    del body["spec"]
    reach, diagnostics = reach_of(documents(body), GOVERNED)
    assert diagnostics == ()
    assert [(each.direction, each.subject) for each in reach.isolations] == [("Ingress", EVERYTHING)]


# --- selectors ---------------------------------------------------------------------------------------

AB = Values(frozenset({"a", "b"}))
SELECTORS: dict[str, tuple[Value, Selector]] = {
    "null": (None, EVERYTHING),
    "empty": ({}, EVERYTHING),
    "null inside": ({"matchLabels": None, "matchExpressions": None}, EVERYTHING),
    "no labels": ({"matchLabels": {}, "matchExpressions": []}, EVERYTHING),
    "labels": ({"matchLabels": {"app": "web", "x/y": ""}}, with_labels((("app", "web"), ("x/y", "")))),
    "In": (
        {"matchExpressions": [{"key": "k", "operator": "In", "values": ["a", "b", "a"]}]},
        selector([("k", AB)]),
    ),
    "NotIn": (
        {"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["a", "b"]}]},
        selector([("k", ~AB)]),
    ),
    "Exists": ({"matchExpressions": [{"key": "k", "operator": "Exists"}]}, selector([("k", ANY_VALUE)])),
    "Exists, no values": (
        {"matchExpressions": [{"key": "k", "operator": "Exists", "values": []}]},
        selector([("k", ANY_VALUE)]),
    ),
    "DoesNotExist": (
        {"matchExpressions": [{"key": "k", "operator": "DoesNotExist", "values": None}]},
        selector([("k", ~ANY_VALUE)]),
    ),
    "both": (
        {
            "matchLabels": {"k": "a"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["a", "b"]}],
        },
        with_labels((("k", "a"),)),
    ),
}


@pytest.mark.parametrize("case", SELECTORS)
def test_selectors(case: str) -> None:
    tree, expected = SELECTORS[case]
    assert meaning({"podSelector": tree}).isolations[0].subject == expected


def test_not_in_holds_where_there_is_no_such_label() -> None:
    tree, _ = SELECTORS["NotIn"]
    subject = meaning({"podSelector": tree}).isolations[0].subject
    assert (subject.contains({}), subject.contains({"k": "c"}), subject.contains({"k": "a"})) == (True, True, False)


# --- peers -------------------------------------------------------------------------------------------

TEAM: Tree = {"matchLabels": {"team": "red"}}
RED, APP = with_labels((("team", "red"),)), with_labels((("app", "web"),))
PEERS: dict[str, tuple[Value, tuple[Remote, ...]]] = {
    "a pod selector: in the policy's own namespace": ([{"podSelector": WEB}], (Pods(named("shop"), APP),)),
    "an empty pod selector": ([{"podSelector": {}}], (Pods(named("shop"), EVERYTHING),)),
    "a namespace selector: all of its pods": ([{"namespaceSelector": TEAM}], (Pods(RED, EVERYTHING),)),
    "an empty namespace selector": ([{"namespaceSelector": {}}], (Pods(EVERYTHING, EVERYTHING),)),
    "both in one item: and": (
        [{"namespaceSelector": TEAM, "podSelector": WEB}],
        (Pods(RED, APP),),
    ),
    "one of them null": (
        [{"namespaceSelector": TEAM, "podSelector": None, "ipBlock": None}],
        (Pods(RED, EVERYTHING),),
    ),
    "in two items: or": (
        [{"namespaceSelector": TEAM}, {"podSelector": WEB}],
        (Pods(RED, EVERYTHING), Pods(named("shop"), APP)),
    ),
    "a block": ([{"ipBlock": {"cidr": "10.0.0.0/8"}}], (parsed(("10.0.0.0/8",)),)),
    "a block with a hole": (
        [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}}],
        (parsed(("10.0.0.0/8",)) - parsed(("10.1.0.0/16", "10.2.0.0/16")),),
    ),
    "a hole that another block fills": (
        [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "10.1.0.0/16"}}],
        (parsed(("10.0.0.0/8",)),),
    ),
    "an IPv6 block, not in its shortest form": (
        [{"ipBlock": {"cidr": "2001:DB8:0::/32", "except": None}}],
        (parsed(("2001:db8::/32",)),),
    ),
    "no item": ([], EVERYBODY),
    "null": (None, EVERYBODY),
}


@pytest.mark.parametrize("case", PEERS)
def test_peers(case: str) -> None:
    tree, expected = PEERS[case]
    ingress = meaning({"policyTypes": ["Ingress"], "ingress": [{"from": tree}]})
    egress = meaning({"policyTypes": ["Egress"], "egress": [{"to": tree}]})
    assert tuple(grant.remote for grant in ingress.grants) == expected
    assert tuple(grant.remote for grant in egress.grants) == expected


def test_an_empty_rule_is_everybody_on_every_port() -> None:
    grants = meaning({"ingress": [{}]}).grants
    assert [(grant.remote, grant.opened) for grant in grants] == [(each, EVERY_PORT) for each in EVERYBODY]


def test_grants_add_up_over_rules_and_objects() -> None:
    one, two = policy({"ingress": [RULE, RULE]}, "one"), policy({"ingress": [RULE]}, "two", "data")
    reach, _ = reach_of(documents(one, two), GOVERNED)
    assert [grant.namespace for grant in reach.grants] == ["shop"] * 4 + ["data"] * 2


# --- ports -------------------------------------------------------------------------------------------

PORTS: dict[str, tuple[Value, list[Interval]]] = {
    "TCP by default": ([{"port": 80}], [("TCP", 80, 80)]),
    "null protocol": ([{"port": 80, "protocol": None}], [("TCP", 80, 80)]),
    "UDP": ([{"protocol": "UDP", "port": 53}], [("UDP", 53, 53)]),
    "SCTP": ([{"protocol": "SCTP", "port": 1}], [("SCTP", 1, 1)]),
    "no port: all of the protocol": ([{"protocol": "UDP"}], [("UDP", FIRST_PORT, LAST_PORT)]),
    "nothing at all: all of TCP": ([{}], [("TCP", FIRST_PORT, LAST_PORT)]),
    "null port": ([{"port": None, "endPort": None}], [("TCP", FIRST_PORT, LAST_PORT)]),
    "a range": ([{"port": 80, "endPort": 90}], [("TCP", 80, 90)]),
    "a range of one": ([{"port": 80, "endPort": 80}], [("TCP", 80, 80)]),
    "to the last": ([{"port": 1, "endPort": 65535}], [("TCP", 1, 65535)]),
    "items are alternatives": (
        [{"port": 80}, {"port": 443}, {"port": 80}],
        [("TCP", 80, 80), ("TCP", 443, 443)],
    ),
    "no item": ([], list(EVERY_PORT.intervals)),
    "null": (None, list(EVERY_PORT.intervals)),
}


@pytest.mark.parametrize("case", PORTS)
def test_ports(case: str) -> None:
    tree, expected = PORTS[case]
    assert {grant.opened for grant in meaning(with_rule({"ports": tree})).grants} == {ports(expected)}


# --- what is not understood ------------------------------------------------------------------------------

# The spec, the place that is shown, and a word of what is said.
REFUSED: dict[str, tuple[Value, str, str]] = {
    "a spec that is no map": ([], "spec", "must be a map"),
    "an unknown field of the spec": ({"tier": 1}, "spec.tier", "not a field"),
    "rules that are no list": ({"ingress": {}}, "spec.ingress", "must be a list"),
    "a rule that is null": ({"ingress": [None]}, "spec.ingress[0]", "must be a map, not null"),
    "an unknown field of a rule": (with_rule({"to": []}), "spec.ingress[0].to", "not a field"),
    "peers that are no list": (with_rule({"from": {}}), "spec.ingress[0].from", "must be a list"),
    "an unknown field of a peer": (with_peer({"podSelectors": {}}), "from[0].podSelectors", "not a field"),
    "an unknown field of a port": (with_port({"name": "x"}), "ports[0].name", "not a field"),
    "types that are no list": ({"policyTypes": "Ingress"}, "spec.policyTypes", "must be a list"),
    "an unknown type": ({"policyTypes": ["ingress"]}, "policyTypes[0]", "neither"),
    "a type twice": ({"policyTypes": ["Egress", "Egress"]}, "policyTypes[1]", "second time"),
    "an inert rule that is invalid": (
        {"policyTypes": ["Ingress"], "egress": [{"to": [{}]}]},
        "spec.egress[0].to[0]",
        "no peer",
    ),
    "an empty peer": (with_peer({}), "from[0]", "no peer"),
    "a peer of nulls": (with_peer({"podSelector": None}), "from[0]", "no peer"),
    "a null peer": (with_peer(None), "from[0]", "must be a map"),
    "a block and a selector": (
        with_peer({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}),
        "from[0]",
        "cannot be combined",
    ),
    "a block without a CIDR": (with_peer({"ipBlock": {}}), "ipBlock.cidr", "missing"),
    "an exception that is the block": (
        with_peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}),
        "except[0]",
        "strict part",
    ),
    "an exception outside": (
        with_peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/9"]}}),
        "except[0]",
        "strict part",
    ),
    "an exception around": (
        with_peer({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["0.0.0.0/0"]}}),
        "except[0]",
        "strict part",
    ),
    "an exception of the other family": (
        with_peer({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["::/1"]}}),
        "except[0]",
        "strict part",
    ),
    "labels that are no map": ({"podSelector": {"matchLabels": []}}, "matchLabels", "must be a map"),
    "an unknown field of a selector": ({"podSelector": {"app": "web"}}, "podSelector.app", "not a field"),
    "a label that is a number": ({"podSelector": {"matchLabels": {"v": 1}}}, "matchLabels.v", "not a number"),
    "a label that is a boolean": (
        {"podSelector": {"matchLabels": {"v": True}}},
        "matchLabels.v",
        "not a boolean",
    ),
    "a label that is null": ({"podSelector": {"matchLabels": {"v": None}}}, "matchLabels.v", "missing"),
    "a label that is no value": ({"podSelector": {"matchLabels": {"v": "a b"}}}, "matchLabels.v", "value"),
    "a label that is too long": ({"podSelector": {"matchLabels": {"v": "a" * 64}}}, "matchLabels.v", "value"),
    "a label that ends in a line": ({"podSelector": {"matchLabels": {"v": "a\n"}}}, "matchLabels.v", "value"),
    "a key that is none": ({"podSelector": {"matchLabels": {"-k": "a"}}}, "matchLabels.-k", "key"),
    "a prefix that is none": ({"podSelector": {"matchLabels": {"A/k": "a"}}}, "matchLabels.A/k", "key"),
    "an operator that is none": (
        with_expression({"key": "k", "operator": "Gt", "values": ["1"]}),
        "matchExpressions[0].operator",
        "must be In",
    ),
    "no operator": (with_expression({"key": "k"}), "matchExpressions[0].operator", "must be In"),
    "no key": (with_expression({"operator": "Exists"}), "matchExpressions[0].key", "missing"),
    "In nothing": (with_expression({"key": "k", "operator": "In", "values": []}), "values", "must not be empty"),
    "NotIn nothing": (with_expression({"key": "k", "operator": "NotIn"}), "values", "must not be empty"),
    "Exists with values": (
        with_expression({"key": "k", "operator": "Exists", "values": ["a"]}),
        "values",
        "must be empty",
    ),
    "a value that is a number": (
        with_expression({"key": "k", "operator": "In", "values": ["a", 1]}),
        "values[1]",
        "not a number",
    ),
    "a port's name": (with_port({"port": "http"}), "ports[0].port", "name 'http'"),
    "a number in quotes is a name": (with_port({"port": "8080"}), "ports[0].port", "name '8080'"),
    "a port that is a boolean": (with_port({"port": True}), "ports[0].port", "not a boolean"),
    "a port that is a fraction": (with_port({"port": 80.5}), "ports[0].port", "not a fraction"),
    "port 0": (with_port({"port": 0}), "ports[0].port", "between 1"),
    "a port below 0": (with_port({"port": -1}), "ports[0].port", "between 1"),
    "port 65536": (with_port({"port": 65536}), "ports[0].port", "between 1"),
    "a range backwards": (with_port({"port": 90, "endPort": 80}), "endPort", "below the port"),
    "a range without a beginning": (with_port({"endPort": 80}), "endPort", "no port to begin"),
    "a range from a name": (with_port({"port": "http", "endPort": 80}), "port", "name"),
    "a range to 65536": (with_port({"port": 80, "endPort": 65536}), "endPort", "between 1"),
    "a range to a string": (with_port({"port": 80, "endPort": "90"}), "endPort", "not a string"),
    "a protocol in small letters": (with_port({"protocol": "tcp"}), "protocol", "must be TCP"),
    "ICMP": (with_port({"protocol": "ICMP"}), "protocol", "must be TCP"),
    "an empty protocol": (with_port({"protocol": ""}), "protocol", "must be TCP"),
    "a null port item": (with_port(None), "ports[0]", "must be a map"),
    **{
        f"the CIDR {cidr!r}": (with_peer({"ipBlock": {"cidr": cidr}}), "ipBlock.cidr", says)
        for cidr, says in {
            "10.0.0.1/8": "CIDR form",
            "10.0.0.0/08": "CIDR form",
            "010.0.0.0/8": "CIDR form",
            "10.0.0.0/33": "CIDR form",
            "10.0.0.0": "CIDR form",
            "10.0.0.0/255.0.0.0": "CIDR form",
            "::ffff:10.0.0.0/104": "CIDR form",
            "2001:db8::1/32": "CIDR form",
            "fe80::%eth0/64": "CIDR form",
            "10.0.0.0/8\n": "CIDR form",
            "": "CIDR form",
            "internet": "CIDR form",
        }.items()
    },
    "a CIDR that is a number": (with_peer({"ipBlock": {"cidr": 10}}), "ipBlock.cidr", "not a number"),
}


def refused(body: Tree) -> Diagnostic:
    reach, diagnostics = reach_of(documents(body), GOVERNED)
    assert reach == Reach((), ()), "a document that is not understood means nothing"
    assert {each.code for each in diagnostics} == {"ZT501"}
    assert all(each.why for each in diagnostics)
    return diagnostics[0]


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused(case: str) -> None:
    spec, where, says = REFUSED[case]
    found = refused(policy(spec))
    assert f"{where}`" in found.message
    assert says in found.message
    assert (found.labels[0].location.path, found.labels[0].location.line) == ("a.yaml", 1)


METADATA: dict[str, tuple[Value, str]] = {
    "missing": (None, "missing"),
    "no map": ("web", "must be a map"),
    "no name": ({"namespace": "shop"}, "missing"),
    "no namespace": ({"name": "web"}, "missing"),
    "a name that is a number": ({"name": 1, "namespace": "shop"}, "not a number"),
    "a name in capitals": ({"name": "Web", "namespace": "shop"}, "subdomain"),
    "a name of 254 characters": ({"name": "a" * 254, "namespace": "shop"}, "subdomain"),
    "a namespace with a dot": ({"name": "web", "namespace": "a.b"}, "DNS label"),
    "an empty namespace": ({"name": "web", "namespace": ""}, "DNS label"),
    "a field of the server's": ({"name": "web", "namespace": "shop", "uid": "1"}, "not a field"),
    "a generated name": ({"generateName": "web-", "namespace": "shop"}, "not a field"),
    "a label that is none": ({"name": "web", "namespace": "shop", "labels": {"a": "b c"}}, "label's value"),
    "labels that are no map": ({"name": "web", "namespace": "shop", "labels": ["a"]}, "must be a map"),
    "an annotation that is a number": (
        {"name": "web", "namespace": "shop", "annotations": {"a": 1}},
        "not a number",
    ),
    "an annotation's key": ({"name": "web", "namespace": "shop", "annotations": {"a b": ""}}, "key"),
    "annotations that are too large": (
        {"name": "web", "namespace": "shop", "annotations": {"a": "x" * (256 << 10)}},
        "bytes",
    ),
}


@pytest.mark.parametrize("case", METADATA)
def test_metadata_that_is_not_understood_is_refused(case: str) -> None:
    metadata, says = METADATA[case]
    assert says in refused({**policy({}), "metadata": metadata}).message


def test_metadata_that_is_understood() -> None:
    body = policy({})
    body["metadata"] = {
        "name": "a.b-c",
        "namespace": "shop",
        "labels": {"app.kubernetes.io/name": "x", "empty": ""},
        "annotations": {"Example.com/Note": "any text: √ \n", "empty": ""},
    }
    assert reach_of(documents(body), GOVERNED)[1] == ()


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("projectcalico.org/v3", "NetworkPolicy"),
        ("extensions/v1beta1", "NetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
        ("v1", "Namespace"),
        ("v1", "List"),
        ("networking.k8s.io/v1", "NetworkPolicyList"),
        ("networking.k8s.io/v1", None),
        (None, "NetworkPolicy"),
        (1, ["NetworkPolicy"]),
    ],
)
def test_every_other_kind_is_refused(version: Value, kind: Value) -> None:
    found = refused({**policy({}), "apiVersion": version, "kind": kind})
    assert "is not judged here" in found.message
    assert "add up" in found.why


def test_an_unknown_field_at_the_top_is_refused() -> None:
    assert "`status`" in refused({**policy({}), "status": {}}).message


def test_all_that_is_wrong_is_said_at_once() -> None:
    body = policy({"tier": 1, "ingress": [{"from": [{}], "ports": [{"port": 0}]}, {"ports": [{"port": 0}]}]})
    _, diagnostics = reach_of(documents(body), GOVERNED)
    places = {each.message.split("`")[1] for each in diagnostics}
    assert places == {
        "spec.tier",
        "spec.ingress[0].from[0]",
        "spec.ingress[0].ports[0].port",
        "spec.ingress[1].ports[0].port",
    }


# --- which object, and where -----------------------------------------------------------------------------


def test_two_objects_of_one_name() -> None:
    reach, (found,) = reach_of(documents(policy({}), policy({"policyTypes": ["Egress"]})), GOVERNED)
    assert found.code == "ZT505"
    assert [label.location.line for label in found.labels] == [3, 1]
    assert [each.direction for each in reach.isolations] == ["Ingress"]


def test_one_name_in_two_namespaces_is_two_names() -> None:
    assert reach_of(documents(policy({}), policy({}, namespace="data")), GOVERNED)[1] == ()


def test_an_object_outside_the_governed_namespaces() -> None:
    reach, (found,) = reach_of(documents(policy({}, namespace="kube-system")), GOVERNED)
    assert (found.code, reach) == ("ZT504", Reach((), ()))


TEXT = b"""\
# written by hand
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: web
  ingress:
  - from:
    - podSelector: {}
    ports:
    - port: 80
  # why it is there
  - ports:
    - port: 443
      protocol: PORT
"""


def test_lines_are_those_of_the_file() -> None:
    found = read(TEXT, "web.yaml")
    assert isinstance(found, tuple)
    _, (problem,) = reach_of(found, GOVERNED)
    assert (problem.labels[0].location.path, problem.labels[0].location.line) == ("web.yaml", 19)


def test_an_origin_is_located_at_its_rule() -> None:
    found = read(TEXT.replace(b"PORT", b"UDP"), "web.yaml")
    assert isinstance(found, tuple)
    reach, _ = reach_of(found, GOVERNED)
    origins = [grant.origin() for grant in reach.grants]
    assert [(each.what, each.path, each.line) for each in origins] == [
        ("NetworkPolicy shop/web ingress[0]", "web.yaml", 12),
        ("NetworkPolicy shop/web ingress[1]", "web.yaml", 17),
        ("NetworkPolicy shop/web ingress[1]", "web.yaml", 17),
    ]


def told(grants: Iterable[Grant]) -> list[tuple[object, ...]]:
    """Who grants it in words: a grant itself knows only how to tell."""
    return [(*grant[:-1], grant.origin()) for grant in grants]


# --- what documents share ------------------------------------------------------------------------------

WHERE_AND_WHO: list[Value] = [
    {"podSelector": WEB},
    {"namespaceSelector": None, "podSelector": WEB},
    {"ipBlock": None, "podSelector": WEB},
    {"namespaceSelector": {}},
    {"namespaceSelector": {}, "podSelector": WEB},
    {"ipBlock": {"cidr": "10.0.0.0/8"}},
    {"ipBlock": {"cidr": "10.0.0.1/8"}},
    {"podSelector": {"matchLabels": {"app": "-"}}},
]


@pytest.mark.parametrize("peer", WHERE_AND_WHO)
def test_what_documents_share_means_in_each_what_it_means_alone(peer: Value) -> None:
    """The reader gives equal rules, peers and ports as one object; the namespace and the places are each one's own."""
    port: Value = {"protocol": "TCP", "port": 80}
    alone: Value = {"from": [peer], "ports": [port]}
    both: Value = {"from": [peer, {"namespaceSelector": {}}], "ports": [port, {"port": 81}]}
    bad: Value = {"from": [peer], "ports": [{"protocol": "TCP", "port": 0}]}
    anybody: Value = {"ports": [port]}
    bodies = (
        policy({"ingress": [alone, both]}, "one", "shop"),
        policy({"ingress": [anybody, alone, both], "egress": [{"to": [peer], "ports": [port]}]}, "two", "data"),
        policy({"ingress": [alone, anybody, bad]}, "three", "data"),
        policy({"ingress": [bad], "egress": [alone]}, "four", "shop"),
    )
    governed = frozenset({"shop", "data"})
    together = [ReadDocument("a.yaml", 1, body, text=json.dumps(body), index=0) for body in bodies]
    each_alone = [reach_of(documents(body), governed) for body in bodies]
    reach, diagnostics = reach_of(together, governed)
    assert told(reach.grants) == [grant for each, _ in each_alone for grant in told(each.grants)]
    assert reach.isolations == tuple(isolation for each, _ in each_alone for isolation in each.isolations)
    assert diagnostics == tuple(diagnostic for _, found in each_alone for diagnostic in found)


# --- hostile documents -----------------------------------------------------------------------------------

FULL: Tree = {
    **policy(
        {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [
                        {"namespaceSelector": {"matchLabels": {METADATA_NAME: "shop"}}, "podSelector": WEB},
                        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                    ],
                    "ports": [{"protocol": "TCP", "port": 80, "endPort": 90}],
                }
            ],
            "egress": [
                {
                    "to": [{"namespaceSelector": {"matchLabels": {METADATA_NAME: "data"}}}],
                    "ports": [{"protocol": "UDP", "port": 53}],
                }
            ],
        }
    )
}
words = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=5)
scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70000),
    st.just(1.5),
    st.sampled_from(("", "web", "Web", "TCP", "10.0.0.0/8", "10.0.0.1/8", "::/0", "Ingress", "a" * 64, "a\n")),
    words,
)
KEYS: tuple[str, ...] = ("matchLabels", "podSelector", "cidr", "port", "from", "app", "metadata", "x")


def containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    keys: st.SearchStrategy[str] = st.sampled_from(KEYS)
    lists: st.SearchStrategy[Value] = st.lists(inner, max_size=2)
    maps: st.SearchStrategy[Value] = st.dictionaries(keys, inner, max_size=2)
    return st.one_of(lists, maps)


trees: st.SearchStrategy[Value] = st.recursive(scalars, containers, max_leaves=4)


def places(tree: Value, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [at] if at else []
    if isinstance(tree, dict):
        return found + [place for key, child in tree.items() for place in places(child, (*at, key))]
    if isinstance(tree, list):
        return found + [place for n, child in enumerate(tree) for place in places(child, (*at, n))]
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Tree:
    """A full policy with something changed, taken away or added in one or two places."""
    body = copy.deepcopy(FULL)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(places(body)))
        holder: Value = body
        for step in place[:-1]:
            holder = holder[step]  # type: ignore[index]  # the places are the tree's own
        match draw(st.sampled_from(("replace", "delete", "add"))):
            case "replace":
                holder[place[-1]] = draw(trees)  # type: ignore[index]
            case "delete":
                del holder[place[-1]]  # type: ignore[union-attr, arg-type]
            case _ if isinstance(holder, dict):
                holder[draw(st.sampled_from(("podSelector", "ports", "from", "x", "endPort")))] = draw(trees)
            case _:
                holder.append(draw(trees))  # type: ignore[union-attr]
        if not body:
            break
    return body


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_hostile_document_has_a_meaning_or_a_diagnostic(body: Tree) -> None:
    if not body:
        return
    document = documents(body)[0]
    reach, diagnostics = reach_of((document,), GOVERNED)
    assert {each.code for each in diagnostics} <= {"ZT501", "ZT504"}
    assert bool(diagnostics) == (reach == Reach((), ()))
    again, diagnostics_again = reach_of((document,), GOVERNED)
    assert (reach.isolations, diagnostics) == (again.isolations, diagnostics_again)
    assert told(reach.grants) == told(again.grants)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(words, trees, min_size=1, max_size=3))
def test_what_is_no_policy_is_never_one(body: Tree) -> None:
    document = ReadDocument("a.yaml", 1, body, text=json.dumps(body), index=0)
    reach, diagnostics = reach_of((document,), GOVERNED)
    assert reach == Reach((), ())
    assert {each.code for each in diagnostics} == {"ZT501"}


@settings(max_examples=100, deadline=None)
@given(st.permutations(["one", "two", "three"]))
def test_the_order_of_documents_does_not_matter(order: list[str]) -> None:
    specs: Mapping[str, Tree] = {"one": {}, "two": with_rule(RULE), "three": with_port({"port": 1})}
    reach, _ = reach_of(documents(*(policy(specs[name], name) for name in order)), GOVERNED)
    again, _ = reach_of(documents(*(policy(specs[name], name) for name in specs)), GOVERNED)
    assert {(each.origin().what, each.subject, each.remote, each.opened) for each in reach.grants} == {
        (each.origin().what, each.subject, each.remote, each.opened) for each in again.grants
    }


# --- the schema of what we emit ----------------------------------------------------------------------


def test_what_we_emit_fits_the_schema() -> None:
    assert check(FULL) == ()


NOT_OURS: dict[str, Value] = {
    "policyTypes": ["Egress", "Ingress"],
    "ingress": [],
    "podSelector": {"matchLabels": {}},
    "egress": [{"ports": [{"protocol": "TCP", "port": 80}]}],
}


@pytest.mark.parametrize("key", NOT_OURS)
def test_what_we_never_emit_does_not_fit(key: str) -> None:
    body = copy.deepcopy(FULL)
    assert isinstance(body["spec"], dict)
    body["spec"][key] = NOT_OURS[key]
    assert check(body)


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_remembered_shapes_give_the_schema_s_own_answer(body: Tree) -> None:
    """Asked twice, and after documents of the same shape: never another answer than the schema's."""
    truth = validator("zt_dsl.backends.kubernetes.schemas", "networkpolicy.json").is_valid(body)
    assert (not check(FULL), not check(body), not check(body)) == (True, truth, truth)


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_what_fits_the_schema_is_understood(body: Tree) -> None:
    """Save for what a schema cannot say: how two values of one document relate, and what is a network."""
    if check(body):
        return
    _, diagnostics = reach_of(documents(body), GOVERNED)
    cannot_say = ("endPort", "cidr", "except", "governed", "not a fraction")
    assert all(any(word in each.message for word in cannot_say) for each in diagnostics)
