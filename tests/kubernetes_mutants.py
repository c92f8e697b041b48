"""Ways to change native NetworkPolicies that were emitted: what a person, a merge or a bug could do to them.

What an operator is, is in `tests.mutants`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from itertools import pairwise
from random import Random

import yaml

from tests.calico_mutants import Api, Office
from tests.conformance.engines.process import Document, Json
from tests.mutants import (
    EACH,
    GONE,
    Change,
    Files,
    Mutant,
    Operator,
    Pattern,
    again,
    also,
    another_object,
    both,
    drop,
    dropped_file,
    elsewhere,
    every_address,
    fields,
    half_block,
    halved_blocks,
    inside,
    instead_of,
    items,
    joined,
    of_text,
    one_file,
    parsed,
    put,
    renamed_file,
    repeated,
    rotated,
    to,
    wider_block,
)
from zt_dsl import (
    INTERNET,
    ApiServer,
    Kubernetes,
    Namespace,
    Nodes,
    Platform,
    Topology,
    Waiver,
    allow,
    deny,
    quarantine,
)

# --- where things are -----------------------------------------------------------------------------------

WAYS = ("ingress", "egress")
PEERS_OF: Mapping[str, str] = {"ingress": "from", "egress": "to"}
API_VERSION, KIND = "networking.k8s.io/v1", "NetworkPolicy"
NAME = "kubernetes.io/metadata.name"

METADATA: Pattern = ("metadata",)
SPEC: Pattern = ("spec",)
SUBJECT: Pattern = (*SPEC, "podSelector")
TYPES: Pattern = (*SPEC, "policyTypes")
RULES: Pattern = (*SPEC, WAYS)
RULE: Pattern = (*RULES, EACH)
PEERS: Pattern = (*RULE, ("from", "to"))
PEER: Pattern = (*PEERS, EACH)
PLACE: Pattern = (*PEER, "namespaceSelector")
PODS: Pattern = (*PEER, "podSelector")
BLOCK: Pattern = (*PEER, "ipBlock")
CIDR: Pattern = (*BLOCK, "cidr")
EXCEPT: Pattern = (*BLOCK, "except")
HOLE: Pattern = (*EXCEPT, EACH)
PORTS: Pattern = (*RULE, "ports")
PORT: Pattern = (*PORTS, EACH)
NUMBER: Pattern = (*PORT, "port")
LAST: Pattern = (*PORT, "endPort")
PROTOCOL: Pattern = (*PORT, "protocol")


def where(chosen: Callable[[Document], bool], change: Change) -> Change:
    """The change, of some maps alone."""
    return lambda tree: change(tree) if chosen(fields(tree)) else ()


def has(key: str) -> Callable[[Document], bool]:
    return lambda tree: key in tree


def lacks(key: str) -> Callable[[Document], bool]:
    return lambda tree: key not in tree


# --- selectors --------------------------------------------------------------------------------------------


def exact(tree: Json) -> dict[str, str]:
    """The labels of a selector of ours."""
    return {key: str(value) for key, value in fields(fields(tree).get("matchLabels", {})).items()}


def asked(key: str, operator: str, *values: str) -> Document:
    """An expression."""
    return {"key": key, "operator": operator, **({"values": [*values]} if values else {})}


def each_label(change: Callable[[str, str], Iterable[Document]]) -> Change:
    """Another expression for one of the labels."""

    def changed(tree: Json) -> Iterator[Json]:
        labels = exact(tree)
        for key, value in labels.items():
            rest: Document = {other: labels[other] for other in labels if other != key}
            for new in change(key, value):
                yield {**({"matchLabels": rest} if rest else {}), "matchExpressions": [new]}

    return changed


def other_labels(tree: Json) -> Iterator[Json]:
    labels = exact(tree)
    for key, value in labels.items():
        rest = {other: labels[other] for other in labels if other != key}
        for new in ({key: f"{value}x"}, {key: ""} if value else {}, {f"{key}x": value}):
            if new:
                yield {"matchLabels": {**rest, **new}}


def other_names(tree: Json) -> Iterator[Json]:
    """Such as a namespace may have: of one that cannot be no engine can be asked; the fast sample has those."""
    return (new for new in other_labels(tree) if "" not in exact(new).values())


def a_label_less(tree: Json) -> Iterator[Json]:
    labels = exact(tree)
    for key in labels:
        yield {"matchLabels": {other: labels[other] for other in labels if other != key}}


def a_label_more(tree: Json) -> Iterator[Json]:
    yield {"matchLabels": {**exact(tree), "track": "canary"}}
    yield {**fields(tree), "matchExpressions": [asked("track", "In", "canary", "edge")]}


def as_expressions(labels: Mapping[str, str]) -> list[Document]:
    return [asked(key, "In", value) for key, value in labels.items()]


def in_other_words(tree: Json) -> Iterator[Json]:
    """The same pods, or namespaces: sets of one, twice, beside an expression that says less, beside what is empty."""
    labels = exact(tree)
    yield {**fields(tree), "matchExpressions": []}
    yield {**fields(tree), "matchExpressions": None}
    if not labels:
        yield {"matchLabels": {}}
        yield {"matchLabels": None}
        return
    yield {"matchExpressions": [*as_expressions(labels)]}
    yield {"matchLabels": {}, "matchExpressions": [*reversed(as_expressions(labels))]}
    yield {"matchLabels": {**labels}, "matchExpressions": [*as_expressions(labels)]}
    yield {"matchLabels": {**labels}, "matchExpressions": [asked(key, "Exists") for key in labels]}
    yield {"matchLabels": {**labels}, "matchExpressions": [asked(key, "NotIn", f"{labels[key]}x") for key in labels]}
    yield {"matchExpressions": [asked(key, "In", value, value) for key, value in labels.items()]}
    yield {
        "matchExpressions": [
            asked(key, "In", value, f"{value}{other}") for key, value in labels.items() for other in ("x", "y")
        ]
    }


def wrong_words(tree: Json) -> Iterator[Json]:
    """What looks like it, and is no selector."""
    labels = exact(tree) or {"app": "web"}
    key, value = next(iter(labels.items()))
    yield ",".join(f"{one}={other}" for one, other in labels.items())
    yield {**labels}
    yield {"matchLabel": {**labels}}
    yield {"matchLabels": [f"{one}: {other}" for one, other in labels.items()]}
    yield {"matchLabels": {**labels, "app": 1}}
    yield {"matchLabels": {**labels, "app": True}}
    yield {"matchLabels": {**labels, "app": "not a value"}}
    yield {"matchLabels": {**labels, "app": "n" * 64}}
    yield {"matchLabels": {**labels, "not a key": "web"}}
    yield {"matchExpressions": {"key": key, "operator": "In", "values": [value]}}
    yield {"matchExpressions": [{"key": key, "values": [value]}]}
    yield {"matchExpressions": [{"operator": "In", "values": [value]}]}
    yield {"matchExpressions": [{"key": key, "operator": "In", "values": value}]}
    for wrong in (asked(key, "in", value), asked(key, "In"), asked(key, "NotIn"), asked(key, "Exists", value)):
        yield {"matchExpressions": [wrong]}
    yield {"matchExpressions": [{**asked(key, "In", value), "value": value}]}
    yield {"matchExpressions": [None]}


def nobody(tree: Json) -> Iterator[Json]:
    """What no pod can have."""
    for key, value in exact(tree).items():
        yield {**fields(tree), "matchExpressions": [asked(key, "NotIn", value)]}
        yield {**fields(tree), "matchExpressions": [asked(key, "DoesNotExist")]}


# Selectors of pods and of namespaces change in the same ways.
HAS_LABEL = each_label(lambda k, _: (asked(k, "Exists"),))
IN_MORE = each_label(lambda k, v: (asked(k, "In", v, "other"), asked(k, "In", f"{v}x", v)))
NOT_IN = each_label(lambda k, v: (asked(k, "NotIn", v), asked(k, "DoesNotExist")))
IN_OTHERS = each_label(lambda k, v: (asked(k, "In", f"{v}x", "other"),))


def in_place(*names: str) -> Document:
    """A selector of these namespaces."""
    if len(names) == 1:
        return {"matchLabels": {NAME: names[0]}}
    return {"matchExpressions": [asked(NAME, "In", *names)]}


def place_more(tree: Json) -> Iterator[Json]:
    for name in exact(tree).values():
        yield in_place(name, "elsewhere")
        yield in_place(f"{name}-2", name)


# --- changes of peers -------------------------------------------------------------------------------------


def apart(tree: Json) -> Iterator[Json]:
    """Both selectors of an item as items of their own: "and" becomes "or"."""
    peers = items(tree)
    for index, peer in enumerate(map(fields, peers)):
        if len(peer) > 1:
            split = [{key: value} for key, value in peer.items()]
            yield [*peers[:index], *split, *peers[index + 1 :]]


def merged(tree: Json) -> Iterator[Json]:
    """Two items as one, "or" becomes "and"; blocks cannot be."""
    peers = items(tree)
    if len(peers) > 1:
        yield [{**fields(peers[0]), **fields(peers[1])}, *peers[2:]]


def without(*keys: str) -> Change:
    """A map without these, where it has some and others, too."""

    def change(tree: Json) -> Iterator[Json]:
        kept = {key: value for key, value in fields(tree).items() if key not in keys}
        if kept and len(kept) < len(fields(tree)):
            yield kept

    return change


def told_as(more: Document, *, instead: Sequence[str]) -> Change:
    """A peer that is told otherwise."""

    def change(tree: Json) -> Iterator[Json]:
        if set(fields(tree)) & set(instead):
            yield {**{key: value for key, value in fields(tree).items() if key not in instead}, **more}

    return change


def pods_alone(document: Json) -> Iterator[Json]:
    """A peer of the policy's own namespace, without saying which that is."""
    place = fields(fields(document)["metadata"])["namespace"]

    def changed(tree: Json) -> Iterator[Json]:
        peer = fields(tree)
        if peer.get("namespaceSelector") == in_place(str(place)):
            yield {"podSelector": peer.get("podSelector", {})}

    for edited in inside(PEER, changed)({"": (fields(document),)}):
        yield edited[""][0]


# --- changes of blocks ------------------------------------------------------------------------------------


def halves_of_block(tree: Json) -> Iterator[Json]:
    """A block without exceptions as two items."""
    peers = items(tree)
    for index, peer in enumerate(map(fields, peers)):
        block = fields(peer.get("ipBlock", {"except": []}))
        if "except" in block:
            continue
        for halves in halved_blocks([block["cidr"]]):
            some = [{"ipBlock": {"cidr": half}} for half in items(halves)]
            yield [*peers[:index], *some, *peers[index + 1 :]]


def other_spelling(cidr: str) -> Iterator[str]:
    """The same block of IPv6: in capitals, and with each of its digits."""
    if ":" in cidr:
        yield cidr.upper()
        yield ip_network(cidr).exploded


def no_block(cidr: str) -> Iterator[str]:
    """What Python, or somebody else, may take for a block, and the API server does not."""
    address, _, length = cidr.partition("/")
    yield address
    yield f"{address}/0{length}"
    yield f"{address}/+{length}"
    yield f"{address}/129"
    yield f" {cidr}"
    yield f"{cidr},192.0.2.0/24"
    yield f"{address}-{address}"
    yield "any"
    yield ""
    if ":" not in cidr:
        yield f"{address}/{ip_network(cidr).netmask}"
        yield f"::ffff:{address}/{96 + int(length)}"
        yield re.sub(r"^(\d+)", r"0\1", cidr)
        yield ".".join(address.split(".")[:3]) + f"/{length}"
    else:
        yield f"[{address}]/{length}"
        yield f"{address}%eth0/{length}"


def with_host_bits(cidr: str) -> Iterator[str]:
    network = ip_network(cidr)
    if network.prefixlen < network.max_prefixlen:
        yield f"{network.broadcast_address}/{network.prefixlen}"


def next_block(cidr: str) -> Iterator[str]:
    """Of the same size, beside it."""
    network = ip_network(cidr)
    if network.prefixlen:
        yield next(str(half) for half in network.supernet().subnets() if half != network)


def other_family(cidr: str) -> Iterator[str]:
    yield "203.0.113.0/24" if ":" in cidr else "2001:db8:9::/48"


def hole_more(*, strictly: bool = True) -> Change:
    """An exception more: the half that no exception is in, or the whole block."""

    def change(tree: Json) -> Iterator[Json]:
        block = fields(tree)
        network = ip_network(str(block["cidr"]))
        holes = items(block.get("except", ()))
        if not strictly:
            yield {**block, "except": [*holes, str(network)]}
        elif network.prefixlen < network.max_prefixlen:
            for half in map(str, network.subnets()):
                yield {**block, "except": [*holes, half]}

    return change


def holes_outside(tree: Json) -> Iterator[Json]:
    block = fields(tree)
    holes = items(block.get("except", ()))
    for outside in (
        *next_block(str(block["cidr"])),
        *other_family(str(block["cidr"])),
        *wider_block(str(block["cidr"])),
    ):
        yield {**block, "except": [*holes, outside]}


def halved(tree: Json) -> Iterator[Json]:
    for half in half_block(str(fields(tree)["cidr"])):
        yield {**fields(tree), "cidr": half}


def beside(tree: Json) -> Iterator[Json]:
    for block in next_block(str(fields(tree)["cidr"])):
        yield {**fields(tree), "cidr": block}


# --- changes of ports -------------------------------------------------------------------------------------


def interval(tree: Json) -> tuple[int, int]:
    port = fields(tree)
    one = port.get("port") or 0
    other = port.get("endPort") or one
    assert isinstance(one, int)
    assert isinstance(other, int)
    return one, other


def spelt(tree: Json, one: int, other: int) -> Document:
    rest = {key: value for key, value in fields(tree).items() if key != "endPort"}
    return {**rest, "port": one, **({"endPort": other} if other != one else {})}


def wider_port(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if other < 65535:
        yield spelt(tree, one, other + 1)
        yield spelt(tree, one, 65535)
    if one > 1:
        yield spelt(tree, one - 1, other)


def next_port(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if other < 65535:
        yield spelt(tree, one + 1, other + 1)


def narrower_range(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if one < other:
        yield spelt(tree, one, other - 1)
        yield spelt(tree, one + 1, other)


def without_end(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if one < other:
        yield spelt(tree, one, one)
        yield {**fields(tree), "endPort": None}


def reversed_range(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if one < other:
        yield {**fields(tree), "port": other, "endPort": one}
    elif one > 1:
        yield {**fields(tree), "endPort": one - 1}


def end_is_port(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if one == other:
        yield {**fields(tree), "endPort": one}


def split_range(tree: Json) -> Iterator[Json]:
    ports = items(tree)
    for index, port in enumerate(ports):
        one, other = interval(port)
        middle = (one + other) // 2
        if one < other:
            yield [*ports[:index], spelt(port, one, middle), spelt(port, middle + 1, other), *ports[index + 1 :]]


def in_numbers(tree: Json) -> Iterator[Json]:
    """What looks like this number."""
    yield str(tree)
    yield float(str(tree)) + 0.5
    yield [tree]
    yield f"{tree}-{tree}"


def other_protocol(protocol: str) -> Iterator[str]:
    yield {"TCP": "UDP", "UDP": "SCTP", "SCTP": "TCP"}[protocol]


def no_protocol(tree: Json) -> Iterator[Json]:
    yield str(tree).lower()
    yield {"TCP": 6, "UDP": 17, "SCTP": 132}[str(tree)]
    yield from ("", "ICMP", "Any", "TCP/UDP")


def without_protocol(*, default: bool) -> Change:
    """Without one it is TCP."""

    def change(tree: Json) -> Iterator[Json]:
        port = fields(tree)
        if (port.get("protocol") == "TCP") is default:
            yield {key: value for key, value in port.items() if key != "protocol"}
            yield {**port, "protocol": None}

    return change


# --- changes of rules ---------------------------------------------------------------------------------------


def a_rule_for_each(*keys: str) -> Change:
    """The items of one list of a rule, in rules of their own."""

    def change(tree: Json) -> Iterator[Json]:
        rules = items(tree)
        for index, rule in enumerate(map(fields, rules)):
            for key in keys:
                if len(listed := items(rule.get(key, ()))) > 1:
                    split = [{**rule, key: [one]} for one in listed]
                    yield [*rules[:index], *split, *rules[index + 1 :]]

    return change


def joined_rules(tree: Json) -> Iterator[Json]:
    """Two rules as one, with the peers and the ports of both."""
    rules = items(tree)
    for index in range(len(rules) - 1):
        one, other = fields(rules[index]), fields(rules[index + 1])
        new = {key: [*items(one.get(key, ())), *items(other.get(key, ()))] for key in {**one, **other}}
        yield [*rules[:index], new, *rules[index + 2 :]]


def swapped_ports(tree: Json) -> Iterator[Json]:
    """Each of two rules with the ports of the other."""
    rules = items(tree)
    for index in range(len(rules) - 1):
        one, other = fields(rules[index]), fields(rules[index + 1])
        if one.get("ports") != other.get("ports") and "ports" in one and "ports" in other:
            new = [{**one, "ports": other["ports"]}, {**other, "ports": one["ports"]}]
            yield [*rules[:index], *new, *rules[index + 2 :]]


def first(*more: Json) -> Change:
    """A list with one of these before the rest."""
    return lambda tree: [[each, *items(tree)] for each in more]


def turned(way: str, rule: Document) -> Document:
    """A rule of this direction, as one of the other."""
    mine = PEERS_OF[way]
    other = "to" if mine == "from" else "from"
    return {other if key == mine else key: value for key, value in rule.items()}


def swapped_ways(tree: Json) -> Iterator[Json]:
    """Who may call may be called, and the other way round."""
    spec = fields(tree)
    opposite = {"ingress": "egress", "egress": "ingress"}
    if spec.keys() & set(WAYS):
        yield {
            opposite.get(key, key): [turned(key, fields(each)) for each in items(value)] if key in opposite else value
            for key, value in spec.items()
        }


def wrong_ways(tree: Json) -> Iterator[Json]:
    """The rules of one direction, as they are, in the other: its peers are called otherwise there."""
    spec = fields(tree)
    for way, other in (("ingress", "egress"), ("egress", "ingress")):
        if way in spec and other not in spec:
            yield {other if key == way else key: value for key, value in spec.items()}


def one_way(tree: Json) -> Iterator[Json]:
    """For a direction alone, which has rules, as somebody writes them who thinks of it alone."""
    spec = fields(tree)
    for way in WAYS:
        if way in spec:
            yield {"podSelector": spec["podSelector"], "policyTypes": [way.title()], way: spec[way]}


def ways_more(rules: Json) -> Change:
    """A direction that has no rules has these."""

    def change(tree: Json) -> Iterator[Json]:
        for way in WAYS:
            if way not in fields(tree):
                yield {**fields(tree), way: rules}

    return change


# --- changes of objects and files -----------------------------------------------------------------------------


def renamed(ending: str) -> Change:
    return of_text(lambda name: (f"{name}{ending}",))


def under_another_name(document: Document, ending: str, spec: Document) -> Document:
    about = fields(document["metadata"])
    return {**document, "metadata": {**about, "name": f"{about['name']}-{ending}"}, "spec": spec}


def copied(files: Files) -> Iterator[Files]:
    """An object once more, under another name."""
    for path, documents in files.items():
        for document in documents:
            yield {**files, path: (*documents, under_another_name(document, "copy", fields(document["spec"])))}


def an_object_for_each_way(files: Files) -> Iterator[Files]:
    for path, documents in files.items():
        for number, document in enumerate(documents):
            spec = fields(document["spec"])
            parts = [
                under_another_name(
                    document,
                    way,
                    {
                        "podSelector": spec["podSelector"],
                        "policyTypes": [way.title()],
                        **({way: spec[way]} if way in spec else {}),
                    },
                )
                for way in WAYS
            ]
            yield {**files, path: (*documents[:number], *parts, *documents[number + 1 :])}


def an_object_for_each_rule(files: Files) -> Iterator[Files]:
    for path, documents in files.items():
        for number, document in enumerate(documents):
            spec = fields(document["spec"])
            bare = {key: value for key, value in spec.items() if key not in WAYS}
            parts = [
                under_another_name(document, f"{way}-{index}", {**bare, way: [rule]})
                for way in WAYS
                for index, rule in enumerate(items(spec.get(way, ())))
            ]
            if parts:
                yield {**files, path: (*documents[:number], *parts, *documents[number + 1 :])}


def in_each_namespace(spec: Document, kind: Document | None = None) -> Operator:
    """An object of a stranger's making, in a namespace that has some."""

    def edited(files: Files) -> Iterator[Files]:
        namespaces = {str(fields(one["metadata"])["namespace"]) for some in files.values() for one in some}
        for namespace in sorted(namespaces):
            about = {"name": "stranger", "namespace": namespace}
            whole: Document = {"apiVersion": API_VERSION, "kind": KIND, **(kind or {}), "metadata": about, "spec": spec}
            yield {**files, "stranger.yaml": (whole,)}

    return edited


def in_a_list(files: Files) -> Iterator[Files]:
    """All objects of a file as items of one, as `kubectl get -o yaml` gives them."""
    for path, documents in files.items():
        for version, kind in (("v1", "List"), (API_VERSION, f"{KIND}List")):
            whole: Document = {"apiVersion": version, "kind": kind, "metadata": {}, "items": [*documents]}
            yield {**files, path: (whole,)}


def swapped_specs(files: Files) -> Iterator[Files]:
    """Two objects of a namespace, each for the pods of the other."""
    every = [(path, number, one) for path, some in files.items() for number, one in enumerate(some)]
    for (path, number, one), (path2, number2, other) in pairwise(every):
        places = [fields(each["metadata"])["namespace"] for each in (one, other)]
        selectors = [fields(each["spec"])["podSelector"] for each in (one, other)]
        if places[0] == places[1] and selectors[0] != selectors[1]:
            new = {key: list(documents) for key, documents in files.items()}
            new[path][number] = {**one, "spec": {**fields(one["spec"]), "podSelector": selectors[1]}}
            new[path2][number2] = {**other, "spec": {**fields(other["spec"]), "podSelector": selectors[0]}}
            touched = {path, path2}
            yield {key: tuple(new[key]) if key in touched else documents for key, documents in files.items()}


# --- the operators --------------------------------------------------------------------------------------

_UNKNOWN: Document = {"unknown": "field"}
_EVERY_BLOCK: Document = {"ipBlock": {"cidr": "0.0.0.0/0"}}
_EVERY_POD: Document = {"namespaceSelector": {}}
_BY_PODS = ("namespaceSelector", "podSelector")
_BOTH: Sequence[Json] = ("Ingress", "Egress")

OPERATORS: Mapping[str, Operator] = {
    # Objects and files.
    "drop an object": inside((), drop),
    "drop a file": dropped_file,
    "rename a file": renamed_file,
    "all objects in one file": one_file,
    "a file twice": again,
    "an object twice, under another name": copied,
    "an object twice, in another namespace": another_object({"namespace": "pay"}),
    "an object twice, in a namespace that is not governed": another_object({"namespace": "elsewhere"}),
    "an object for each direction": an_object_for_each_way,
    "an object for each rule": an_object_for_each_rule,
    "a stranger's object": joined(
        in_each_namespace({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}),
        in_each_namespace({"podSelector": {"matchLabels": {"app": "other"}}, "egress": [{"ports": [{"port": 53}]}]}),
    ),
    "another default deny": joined(
        in_each_namespace({"podSelector": {}, "policyTypes": [*_BOTH]}),
        in_each_namespace({"podSelector": {}}),
        in_each_namespace({"podSelector": {"matchLabels": {"app": "other"}}, "policyTypes": ["Egress"], "egress": []}),
    ),
    "a stranger's object of another kind": joined(
        in_each_namespace({}, {"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy"}),
        in_each_namespace({}, {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}),
    ),
    "a List": in_a_list,
    "move an object to another namespace": elsewhere,
    "a namespace that is none": inside((*METADATA, "namespace"), to("", "Shop", "a.b", "n" * 64, 7)),
    "drop the namespace of an object": inside((*METADATA, "namespace"), both(drop, to(None))),
    "rename an object": inside((*METADATA, "name"), both(renamed("-2"), renamed(".a.b"))),
    "a name that is none": inside((*METADATA, "name"), both(renamed("_2"), renamed("-"), to("", "n" * 254, 7, None))),
    "generateName": inside(METADATA, instead_of("name", {"generateName": "allow-"})),
    "labels and annotations": inside(
        METADATA,
        both(
            put({"labels": {"team": "red"}, "annotations": {"note": "reviewed"}}),
            put({"labels": {}, "annotations": None}),
            put({"labels": {"app.kubernetes.io/managed-by": "", "a": "y"}, "annotations": {"Example.org/n": "a b: c"}}),
        ),
    ),
    "labels that are none": inside(
        METADATA,
        both(
            put({"labels": {"team": "not a value"}}),
            put({"labels": {"not a key": "red"}}),
            put({"labels": {"team": 7}}),
            put({"labels": ["team"]}),
            put({"annotations": {"note": True}}),
            put({"annotations": {"not a key": "red"}}),
        ),
    ),
    "what a server writes into metadata": inside(
        METADATA,
        both(
            put({"creationTimestamp": None}),
            put({"uid": "4b1cbd0c-6e6b-4c3a-9a9e-3f2f5a0c7a10", "resourceVersion": "7", "generation": 1}),
            put({"deletionTimestamp": "2026-11-23T00:00:00Z"}),
        ),
    ),
    "metadata: others' fields": inside(METADATA, both(put(_UNKNOWN), put({"clusterName": "east"}))),
    "another kind": inside(
        (), both(put({"kind": "NetworkPolicies"}), put({"kind": "networkpolicy"}), put({"kind": "Ingress"}))
    ),
    "another apiVersion": inside(
        ("apiVersion",),
        to("networking.k8s.io/v1beta1", "extensions/v1beta1", "projectcalico.org/v3", "v1", "networking.k8s.io"),
    ),
    "drop apiVersion or kind": inside((("apiVersion", "kind"),), both(drop, to(None))),
    "drop spec": inside(SPEC, both(drop, to(None), to({}))),
    "an unknown field of an object": inside((), both(put(_UNKNOWN), put({"status": {}}))),
    "an unknown field of spec": inside(SPEC, both(put(_UNKNOWN), put({"types": ["Ingress"]}), put({"order": 10}))),
    "an unknown field of a rule": inside(RULE, both(put(_UNKNOWN), put({"action": "Deny"}), put({"port": 80}))),
    "an unknown field of a peer": inside(PEER, both(put(_UNKNOWN), put({"selector": {}}), put({"podselector": {}}))),
    "an unknown field of a port": inside(PORT, both(put(_UNKNOWN), put({"targetPort": 80}), put({"endport": 65535}))),
    "an unknown field of a block": inside(BLOCK, both(put(_UNKNOWN), put({"excepts": ["10.0.0.0/8"]}))),
    "two objects' pods swapped": swapped_specs,
    # Whom a policy is about.
    "drop podSelector": inside(SPEC, where(lambda spec: bool(spec["podSelector"]), without("podSelector"))),
    "podSelector: left out where it is empty": inside(
        SPEC, where(lambda spec: not spec["podSelector"], both(without("podSelector"), put({"podSelector": None})))
    ),
    "podSelector: {}": inside(SUBJECT, to({})),
    "podSelector: null": inside(SUBJECT, where(bool, to(None))),
    "podSelector: others": inside(SUBJECT, both(other_labels, IN_OTHERS)),
    "podSelector: a label less": inside(SUBJECT, a_label_less),
    "podSelector: a label more": inside(SUBJECT, a_label_more),
    "podSelector: Exists": inside(SUBJECT, HAS_LABEL),
    "podSelector: NotIn": inside(SUBJECT, NOT_IN),
    "podSelector: in more": inside(SUBJECT, IN_MORE),
    "podSelector: nobody": inside(SUBJECT, nobody),
    "podSelector: in other words": inside(SUBJECT, in_other_words),
    "podSelector: in wrong words": inside(SUBJECT, wrong_words),
    "podSelector: a namespace's label": inside(SUBJECT, to(in_place("shop"))),
    # Types and directions.
    "drop policyTypes": inside(TYPES, drop),
    "policyTypes: []": inside(TYPES, both(to([]), to(None))),
    "policyTypes: one": inside(TYPES, to(["Ingress"], ["Egress"])),
    "policyTypes: in small letters": inside(TYPES, to(["ingress", "egress"])),
    "policyTypes: twice": inside(TYPES, both(repeated, to(["Ingress", "Ingress"], ["Egress", "Egress"]))),
    "policyTypes: one more": inside(TYPES, also("Both", "", None)),
    "policyTypes: text": inside(TYPES, to("Ingress", {"Ingress": True}, "Ingress, Egress")),
    "reorder policyTypes": inside(TYPES, rotated),
    "one direction alone": inside(SPEC, one_way),
    "drop a direction": inside(RULES, drop),
    "direction: []": inside(RULES, to([])),
    "direction: null": inside(RULES, to(None)),
    "direction: [{}]": inside(RULES, to([{}])),
    "direction: a map": inside(RULES, lambda rules: (items(rules)[0],)),
    "a direction more, without rules": inside(SPEC, both(ways_more([]), ways_more(None))),
    "a direction more, for everybody": inside(SPEC, ways_more([{}])),
    "a direction more, on a port": inside(SPEC, ways_more([{"ports": [{"port": 53, "protocol": "UDP"}]}])),
    "swap ingress and egress": inside(SPEC, swapped_ways),
    "ingress under the name of egress": inside(SPEC, wrong_ways),
    # Rules.
    "drop a rule": inside(RULE, drop),
    "a rule: null": inside(RULE, to(None)),
    "a rule: {}": inside(RULE, to({})),
    "reorder rules": inside(RULES, rotated),
    "a rule twice": inside(RULES, repeated),
    "everything before the rules": inside(RULES, first({})),
    "everything behind the rules": inside(RULES, also({}, {"ports": []}, {"from": []}, {"to": []})),
    "a rule for each port": inside(RULES, a_rule_for_each("ports")),
    "a rule for each peer": inside(RULES, a_rule_for_each("from", "to")),
    "two rules as one": inside(RULES, joined_rules),
    "two rules' ports swapped": inside(RULES, swapped_ports),
    # Peers.
    "drop peers": inside(PEERS, drop),
    "peers: []": inside(PEERS, to([])),
    "peers: null": inside(PEERS, to(None)),
    "peers: a map": inside(PEERS, lambda peers: (items(peers)[0],)),
    "drop a peer": inside(PEER, drop),
    "a peer: {}": inside(PEER, to({})),
    "a peer: null": inside(PEER, to(None)),
    "reorder peers": inside(PEERS, rotated),
    "a peer twice": inside(PEERS, repeated),
    "every pod, too": inside(PEERS, also(_EVERY_POD, {"namespaceSelector": {}, "podSelector": {}})),
    "every pod of the namespace, too": inside(PEERS, also({"podSelector": {}})),
    "every address, too": inside(PEERS, also(_EVERY_BLOCK, {"ipBlock": {"cidr": "::/0"}})),
    "a stranger, too": inside(
        PEERS,
        also({"podSelector": {"matchLabels": {"app": "stranger"}}}, {"namespaceSelector": in_place("elsewhere")}),
    ),
    "selectors apart": inside(PEERS, apart),
    "two peers as one": inside(PEERS, merged),
    "peers of the other direction": inside(
        RULE,
        both(
            lambda rule: (turned("ingress", fields(rule)),) if "from" in fields(rule) else (),
            lambda rule: (turned("egress", fields(rule)),) if "to" in fields(rule) else (),
        ),
    ),
    "drop namespaceSelector": inside(PEER, without("namespaceSelector")),
    "drop the only selector": inside(PEER, lambda peer: ({},) if set(fields(peer)) == {"namespaceSelector"} else ()),
    "the namespace is the policy's own": inside((), pods_alone),
    "namespaceSelector: {}": inside(PLACE, to({})),
    "namespaceSelector: null": inside(PLACE, to(None)),
    "another namespace": inside(PLACE, to(in_place("elsewhere"), in_place("pay"))),
    "namespaceSelector: others": inside(PLACE, both(other_names, IN_OTHERS)),
    "namespaceSelector: Exists": inside(PLACE, HAS_LABEL),
    "namespaceSelector: NotIn": inside(PLACE, NOT_IN),
    "a namespace more": inside(PLACE, place_more),
    "namespaceSelector: another label": inside(PLACE, to({"matchLabels": {"team": "red"}})),
    "namespaceSelector: a label more": inside(PLACE, a_label_more),
    "namespaceSelector: nobody": inside(PLACE, nobody),
    "namespaceSelector: the short label": inside(PLACE, lambda tree: ({"matchLabels": {"name": exact(tree)[NAME]}},)),
    "namespaceSelector: in other words": inside(PLACE, in_other_words),
    "namespaceSelector: in wrong words": inside(PLACE, wrong_words),
    "drop the pods": inside(PEER, without("podSelector")),
    "pods: {}": inside(PODS, to({})),
    "pods: null": inside(PODS, to(None)),
    "every pod of it, in words": inside(
        PEER, where(lambda peer: "namespaceSelector" in peer and "podSelector" not in peer, put({"podSelector": {}}))
    ),
    "pods: others": inside(PODS, both(other_labels, IN_OTHERS)),
    "pods: a label less": inside(PODS, a_label_less),
    "pods: a label more": inside(PODS, a_label_more),
    "pods: Exists": inside(PODS, HAS_LABEL),
    "pods: NotIn": inside(PODS, NOT_IN),
    "pods: in more": inside(PODS, IN_MORE),
    "pods: nobody": inside(PODS, nobody),
    "pods: in other words": inside(PODS, in_other_words),
    "pods: in wrong words": inside(PODS, wrong_words),
    "pods become addresses": inside(PEER, told_as(_EVERY_BLOCK, instead=_BY_PODS)),
    "pods and addresses": inside(
        PEER,
        both(
            where(has("namespaceSelector"), put(_EVERY_BLOCK)),
            where(has("ipBlock"), put({"podSelector": {}})),
            where(has("ipBlock"), put({"namespaceSelector": {}})),
        ),
    ),
    "addresses become pods": inside(PEER, told_as(_EVERY_POD, instead=("ipBlock",))),
    # Addresses.
    "drop all blocks": inside(
        PEERS, lambda peers: [GONE] if all("ipBlock" in fields(one) for one in items(peers)) else ()
    ),
    "ipBlock: {}": inside(BLOCK, to({}, None, "10.0.0.0/8")),
    "drop cidr": inside(CIDR, both(drop, to(None))),
    "widen a block": inside(CIDR, of_text(wider_block)),
    "halve a block": inside(BLOCK, where(lacks("except"), halved)),
    "the next block": inside(BLOCK, where(lacks("except"), beside)),
    "a block of the other family": inside(CIDR, of_text(other_family)),
    "every address": inside(CIDR, of_text(every_address)),
    "a block with host bits": inside(CIDR, of_text(with_host_bits)),
    "a block that is none": inside(CIDR, of_text(no_block)),
    "a block in other words": inside((*BLOCK, "cidr"), of_text(other_spelling)),
    "a block as two halves": inside(PEERS, halves_of_block),
    "drop except": inside(EXCEPT, drop),
    "except: []": inside(EXCEPT, both(to([]), to(None))),
    "no exceptions, in words": inside(BLOCK, where(lacks("except"), both(put({"except": []}), put({"except": None})))),
    "except: text": inside(EXCEPT, lambda holes: (items(holes)[0],)),
    "drop an exception": inside(HOLE, drop),
    "an exception: null": inside(HOLE, to(None)),
    "narrow an exception": inside(HOLE, of_text(half_block)),
    "widen an exception": inside(HOLE, of_text(wider_block)),
    "the next exception": inside(HOLE, of_text(next_block)),
    "an exception that is none": inside(HOLE, of_text(no_block)),
    "an exception with host bits": inside(HOLE, of_text(with_host_bits)),
    "an exception more": inside(BLOCK, hole_more()),
    "an exception of everything": inside(BLOCK, hole_more(strictly=False)),
    "an exception outside": inside(BLOCK, holes_outside),
    "an exception twice": inside(EXCEPT, repeated),
    "an exception as two halves": inside(EXCEPT, halved_blocks),
    "reorder exceptions": inside(EXCEPT, rotated),
    # Ports and protocols.
    "drop ports": inside(PORTS, drop),
    "ports: []": inside(PORTS, to([])),
    "ports: null": inside(PORTS, to(None)),
    "ports: a map": inside(PORTS, lambda ports: (items(ports)[0],)),
    "ports: numbers": inside(PORTS, lambda ports: ([fields(port)["port"] for port in items(ports)],)),
    "drop a port": inside(PORT, drop),
    "a port: {}": inside(PORT, to({})),
    "a port: null": inside(PORT, to(None)),
    "a port more": inside(PORTS, also({"port": 22}, {"protocol": "UDP", "port": 8081}, {"port": 1, "endPort": 65535})),
    "a protocol more": inside(PORTS, also({"protocol": "TCP"}, {"protocol": "UDP"}, {"protocol": "SCTP"})),
    "reorder ports": inside(PORTS, rotated),
    "a port twice": inside(PORTS, repeated),
    "drop the number of a port": inside(PORT, without("port", "endPort")),
    "port: null": inside(PORT, where(lacks("endPort"), put({"port": None}))),
    "the next port": inside(PORT, next_port),
    "widen a port": inside(PORT, wider_port),
    "narrow a range": inside(PORT, narrower_range),
    "drop endPort": inside(PORT, without_end),
    "endPort before port": inside(PORT, reversed_range),
    "endPort: the port": inside(PORT, end_is_port),
    "endPort: too far": inside(PORT, both(put({"endPort": 65536}), put({"endPort": 0}), put({"endPort": "65535"}))),
    "endPort alone": inside(PORT, instead_of("port", {"endPort": 65535})),
    "split a range": inside(PORTS, split_range),
    "a port's name": inside(NUMBER, to("http")),
    "a port's name that is none": inside(NUMBER, to("a-name-that-is-too-long", "", "HTTP!")),
    "a port in other words": inside(NUMBER, in_numbers),
    "a port that is none": inside(NUMBER, to(0, -1, 65536, 70000, True, {})),
    "another protocol": inside(PROTOCOL, of_text(other_protocol)),
    "a protocol that is none": inside(PROTOCOL, no_protocol),
    "drop protocol": inside(PORT, without_protocol(default=False)),
    "drop TCP": inside(PORT, without_protocol(default=True)),
}


# --- other bytes ----------------------------------------------------------------------------------------


def substituted(pattern: str, *new: str) -> Callable[[bytes], Iterator[bytes]]:
    """One place of a file that is written like this, in these other ways."""

    def change(data: bytes) -> Iterator[bytes]:
        text = data.decode()
        for found in re.finditer(pattern, text, re.MULTILINE):
            for each in new:
                yield (text[: found.start()] + found.expand(each) + text[found.end() :]).encode()

    return change


def wholly(*changes: Callable[[str], str]) -> Callable[[bytes], Iterator[bytes]]:
    """A whole file, in other words."""

    def changed(data: bytes) -> Iterator[bytes]:
        for change in changes:
            if (new := change(data.decode()).encode()) != data:
                yield new

    return changed


class _Writer(yaml.SafeDumper):
    """PyYAML leaves `1e3` without quotes, which is a number to others: it writes plainly what is a word to all."""


def _quoted(writer: yaml.SafeDumper, text: str) -> yaml.Node:
    plain = re.fullmatch("[A-Za-z][A-Za-z./-]{2,}", text)
    return writer.represent_scalar("tag:yaml.org,2002:str", text, None if plain else '"')


_Writer.add_representer(str, _quoted)


def dumped(*, flow: bool, width: int, sort: bool) -> Callable[[str], str]:
    """As another writer has it."""

    def change(text: str) -> str:
        documents = list(parsed(text.encode()))
        return yaml.dump_all(
            documents,
            Dumper=_Writer,
            default_flow_style=flow,
            width=width,
            sort_keys=sort,
            explicit_start=True,
            explicit_end=flow,
        )

    return change


def bytewise(change: Callable[[bytes], bytes]) -> Callable[[bytes], Iterator[bytes]]:
    return lambda data: iter((change(data),))


# What is written otherwise. To some readers it says what it said, to others something else, or nothing: it is always
# noticed, but for those in `SAME`.
SPELLINGS: Mapping[str, Callable[[bytes], Iterable[bytes]]] = {
    "ends of lines": wholly(lambda text: text.replace("\n", "\r\n")),
    "another writer": wholly(
        dumped(flow=False, width=80, sort=True),
        dumped(flow=True, width=80, sort=False),
        dumped(flow=True, width=9999, sort=True),
    ),
    "quotes": substituted(
        r"^( *)(name|namespace|protocol|cidr|kind|app): ([A-Za-z0-9./-]+)$", r'\1\2: "\3"', r"\1'\2': '\3'"
    ),
    "empty documents": wholly(lambda text: f"---\n{text}", lambda text: f"{text}---\n", lambda text: f"{text}\n\n"),
    "a key twice": substituted(
        r"^( *)(podSelector|policyTypes|kind|name|namespace|spec|metadata):(.*)$",
        r"\1\2: {}\n\g<0>",
        r"\1\2: null\n\g<0>",
    ),
    "the last of two keys": substituted(r"^( +)(port|protocol): (.*)$", "\\g<0>\n\\1\\2: 1", "\\g<0>\n\\1\\2: \\3"),
    "YAML 1.1's booleans": substituted(r"^( +)(app|part): \S+$", r"\1\2: yes", r"\1\2: off", r"\1\2: y", r"\1\2: NO"),
    "a number for a label": substituted(
        r"^( +)(app|part): \S+$", r"\1\2: 7", r"\1\2: 1e3", r"\1\2: 0x1F", r"\1\2: 1_0"
    ),
    "a number otherwise": substituted(
        r"port: (\d+)$", r"port: 0\1", r"port: 0o\1", r"port: +\1", r"port: \1.0", r"port: 1:20", r"port: 8_080"
    ),
    "an anchor": substituted(r"^( +)(matchLabels|podSelector):$", r"\1\2: &here"),
    "an alias": substituted(r"^( +)policyTypes:$", r"\1policyTypes: *there"),
    "a merge": substituted(r"^( +)podSelector:.*$", "\\1<<: {ingress: [{}]}\n\\g<0>"),
    "a tag": substituted(r"port: (\d+)$", r"port: !!str \1", r"port: !!int \1", r"port: !port \1"),
    "a tab": substituted(r"^  (name|podSelector):", "\t\\1:", "  \t\\1:"),
    "a mark of byte order": bytewise(lambda data: b"\xef\xbb\xbf" + data),
    "UTF-16": bytewise(lambda data: data.decode().encode("utf-16")),
    "a byte that is none": bytewise(lambda data: data + b"# \xff\n"),
    "a character that is none": bytewise(lambda data: data + b"# \x00\n"),
    "the end of a line, to some": bytewise(lambda data: data + "# a\u2028b\n".encode()),
    "cut off": wholly(lambda text: text[: 2 * len(text) // 3], lambda text: f"{text}  - \n"),
    "a separator more": substituted(r"^spec:$", "---\nspec:"),
    "a separator less": substituted(r"^---$", "#"),
    "marks of a merge": substituted(r"^spec:$", "<<<<<<< HEAD\nspec:"),
    "a rule in a comment": substituted(r"^  - (from|to):$", r"  #- \1:"),
    "a peer's dash": substituted(r"^      podSelector:$", "    - podSelector:"),
    "further in": substituted(r"^  policyTypes:$", "    policyTypes:"),
    "a template": substituted(r"namespace: (\S+)$", r"namespace: {{ .Values.namespace }}", r"namespace: ${NAMESPACE}"),
}


def respelt(
    text: Mapping[str, bytes],
    random: Random,
    most: int,
    spellings: Mapping[str, Callable[[bytes], Iterable[bytes]]] = SPELLINGS,
) -> Iterator[Mutant]:
    """At most so many of each. What cannot be read has no documents, and nothing is asked of it."""
    for name, operator in spellings.items():
        edits = [(path, data) for path, old in text.items() for data in operator(old)]
        for path, data in random.sample(edits, min(most, len(edits))):
            rest = [one for other, old in text.items() if other != path for one in parsed(old)]
            before, after = parsed(text[path]), _read(data)
            known = () if after is None else after
            was = () if after is None else before
            yield Mutant(name, {**text, path: data}, (*rest, *known), was, known)


def _read(data: bytes) -> tuple[Document, ...] | None:
    """As PyYAML reads it; None where it does not, or where that is no object of a name."""
    try:
        found = tuple(one for one in parsed(data) if one is not None)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return None
    named = (isinstance(one, Mapping) and isinstance(one.get("metadata"), Mapping) for one in found)
    return found if all(named) else None


# What may survive. The first say the same in other words: nothing may ever be noticed of them.
SAME: Mapping[str, str] = {
    "rename a file": "no file's name means anything",
    "all objects in one file": "nor which objects stand together",
    "an object twice, under another name": "policies add up, and the two say the same",
    "an object for each direction": "policies add up",
    "an object for each rule": "policies add up",
    "another default deny": "the floor isolates the same pods, and it allows nothing",
    "rename an object": "no object's name means anything",
    "labels and annotations": "nor what is said of the object",
    "podSelector: in other words": "another spelling of the same selector",
    "podSelector: left out where it is empty": "no podSelector is every pod, as an empty one is",
    "reorder policyTypes": "each direction is there or not",
    "a direction more, without rules": "no rules are no rules, whether they are written or not",
    "reorder rules": "rules are alternatives",
    "a rule twice": "rules are alternatives",
    "a rule for each port": "ports are alternatives, as rules are",
    "a rule for each peer": "peers are alternatives, as rules are",
    "reorder peers": "peers are alternatives",
    "a peer twice": "peers are alternatives",
    "the namespace is the policy's own": "a podSelector alone is of the policy's own namespace",
    "namespaceSelector: in other words": "another spelling of the same selector",
    "every pod of it, in words": "a namespaceSelector alone is every pod",
    "pods: in other words": "another spelling of the same selector",
    "a block in other words": "another spelling of the same addresses",
    "a block as two halves": "blocks add up",
    "no exceptions, in words": "no exceptions are none, whether they are written or not",
    "an exception twice": "exceptions add up",
    "an exception as two halves": "exceptions add up",
    "reorder exceptions": "exceptions add up",
    "reorder ports": "ports are alternatives",
    "a port twice": "ports are alternatives",
    "endPort: the port": "a range of one port",
    "split a range": "ranges add up",
    "drop TCP": "without a protocol it is TCP",
    "extra comments": "for people",
    "as JSON": "JSON is YAML",
    "ends of lines": "to YAML they are the same",
    "another writer": "the same documents",
    "quotes": "what was text is text",
    "empty documents": "they say nothing",
}

_WALLS = "the floor, or what is for the whole namespace, isolates the same pods, in both directions"
_AGAIN = "another rule for these pods lets as much through"
_OWN = "it may be the policy's own namespace"
_DEFAULT = "Ingress, and Egress where there are rules for it; the floor isolates the rest"
_OF_ALL = "rules for all pods of the namespace may let as much through"

# Some of these change nothing, and their operator does not see which.
SOMETIMES: Mapping[str, str] = {
    "drop an object": f"{_WALLS}; {_OF_ALL}",
    "drop a file": f"{_WALLS}; {_OF_ALL}",
    "drop spec": f"no podSelector is every pod, and no types are Ingress; {_WALLS}",
    "two objects' pods swapped": f"{_WALLS}; {_OF_ALL}",
    "drop podSelector": _AGAIN,
    "podSelector: {}": _AGAIN,
    "podSelector: null": _AGAIN,
    "podSelector: others": f"{_WALLS}; {_OF_ALL}",
    "podSelector: a label less": _AGAIN,
    "podSelector: a label more": f"{_WALLS}; {_OF_ALL}",
    "podSelector: Exists": _AGAIN,
    "podSelector: NotIn": f"{_AGAIN}; {_OF_ALL}",
    "podSelector: in more": _AGAIN,
    "podSelector: nobody": f"{_WALLS}; {_OF_ALL}",
    "podSelector: a namespace's label": f"no pod has it; {_WALLS}; {_OF_ALL}",
    "drop policyTypes": _DEFAULT,
    "policyTypes: []": _DEFAULT,
    "policyTypes: one": f"{_WALLS}; the other direction may have no rules",
    "one direction alone": f"{_WALLS}; the other direction may have no rules",
    "drop a direction": _OF_ALL,
    "direction: []": _OF_ALL,
    "direction: null": _OF_ALL,
    "drop a rule": _AGAIN,
    "two rules as one": "they may be on the same ports",
    "drop a peer": _AGAIN,
    "every pod of the namespace, too": _AGAIN,
    "a stranger, too": _AGAIN,
    "selectors apart": _AGAIN,
    "two peers as one": f"of two blocks the second is left; {_AGAIN}",
    "drop namespaceSelector": f"{_OWN}; {_AGAIN}",
    "namespaceSelector: null": f"{_OWN}; {_AGAIN}",
    "another namespace": _AGAIN,
    "namespaceSelector: others": _AGAIN,
    "namespaceSelector: NotIn": _AGAIN,
    "namespaceSelector: another label": _AGAIN,
    "namespaceSelector: a label more": _AGAIN,
    "namespaceSelector: nobody": _AGAIN,
    "namespaceSelector: the short label": _AGAIN,
    "a namespace more": _AGAIN,
    "drop the pods": _AGAIN,
    "pods: {}": _AGAIN,
    "pods: null": _AGAIN,
    "pods: others": _AGAIN,
    "pods: a label less": _AGAIN,
    "pods: a label more": _AGAIN,
    "pods: Exists": _AGAIN,
    "pods: NotIn": _AGAIN,
    "pods: in more": _AGAIN,
    "pods: nobody": _AGAIN,
    "halve a block": _AGAIN,
    "the next block": _AGAIN,
    "widen a block": _AGAIN,
    "a block of the other family": _AGAIN,
    "drop except": _AGAIN,
    "except: []": _AGAIN,
    "drop an exception": _AGAIN,
    "narrow an exception": _AGAIN,
    "widen an exception": _AGAIN,
    "the next exception": _AGAIN,
    "an exception more": f"it may be inside another; {_AGAIN}",
    "drop a port": _AGAIN,
    "a port more": _AGAIN,
    "the next port": _AGAIN,
    "widen a port": _AGAIN,
    "narrow a range": _AGAIN,
    "drop endPort": _AGAIN,
    "another protocol": _AGAIN,
    "drop protocol": _AGAIN,
    "a peer's dash": _AGAIN,
    "cut off": f"between two rules; {_AGAIN}",
}


# --- what is changed ------------------------------------------------------------------------------------


def everything(*, ipv6: bool = True) -> Topology:
    """A topology for which all is emitted that operators change."""
    shop, pay, lab, ops = map(Namespace, ("shop", "pay", "lab", "ops"))
    web, api, jobs = Api("web", namespace=shop), Api("api", namespace=shop), Api("jobs", namespace=shop)
    ledger = Api("ledger", namespace=pay, labels={"app": "ledger", "part": "books"})
    watcher, broken = Api("watcher", namespace=pay), Api("broken", namespace=lab)
    blocks, holes = ["203.0.113.0/24"], ["203.0.113.64/26", "203.0.113.192/28"]
    if ipv6:
        blocks, holes = [*blocks, "2001:db8::/32"], [*holes, "2001:db8:7::/48"]
    office = Office("office", cidrs=blocks, excluding=holes)
    plant = Office("plant", cidrs=["192.0.2.64/26", *(["2001:db8:f::/48"] if ipv6 else [])])
    statements = (
        allow(INTERNET, web.http, why="shoppers"),
        allow(office, web.metrics, why="staff"),
        allow(web, api.http, why="orders"),
        allow(web, api.metrics, why="orders"),
        allow(pay, api.http, why="what was paid"),
        allow(ops, api.metrics, why="metrics"),
        allow(shop, ledger.http, why="prices"),
        allow(jobs, web.http, why="warms caches"),
        allow(api, ledger.passive, why="uploads"),
        allow(api, ledger.media, why="calls"),
        allow(ledger, api.signalling, why="calls"),
        allow(api, office.ipp, why="printers"),
        allow(jobs, plant.ipp, why="labels"),
        allow(watcher, ApiServer().https, why="watches"),
        allow(Nodes(), web.metrics, why="probes"),
        deny(INTERNET, ledger, why="nothing outside"),
        quarantine(broken, why="INC-7"),
    )
    return Topology("everything", statements, governs=[shop, pay, lab], services=[broken])


def platform(version: str = "1.37", *, ipv6: bool = True, node_local: bool = True) -> Platform:
    return Platform(
        "native",
        network=Kubernetes(version),
        pod_cidrs=["10.244.0.0/16", *(["fd00:10::/56"] if ipv6 else [])],
        node_local_dns="169.254.20.10" if node_local else None,
        api_server=ApiServer(cidrs=["192.0.2.10/32"]),
        nodes=Nodes(cidrs=["198.51.100.0/24"]),
        waivers=[Waiver("deny", why="NetworkPolicy only allows")],
    )
