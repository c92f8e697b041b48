"""Ways to change CiliumNetworkPolicies that were emitted: what a person, a merge or a bug could do to them.

What an operator is, is in `tests.mutants`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network

from tests.conformance.engines.process import Document, Json
from tests.mutants import (
    EACH,
    Change,
    Files,
    Operator,
    Pattern,
    again,
    also,
    another_object,
    both,
    drop,
    dropped_file,
    elsewhere,
    fields,
    inside,
    instead_of,
    items,
    joined,
    of_text,
    one_file,
    put,
    renamed_file,
    repeated,
    rotated,
    to,
)
from zt_dsl import (
    ANY,
    GET,
    INTERNET,
    POST,
    ApiServer,
    Cilium,
    GrpcPort,
    HttpPort,
    HttpsApi,
    Kafka,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Platform,
    SctpPort,
    Service,
    TcpPort,
    TlsPort,
    Topology,
    UdpPort,
    allow,
    deny,
    quarantine,
)

# --- where things are -----------------------------------------------------------------------------------

ALLOWS = ("ingress", "egress")
DENIES = ("ingressDeny", "egressDeny")
SECTIONS = (*ALLOWS, *DENIES)
ENDPOINTS = ("fromEndpoints", "toEndpoints")
CIDRS = ("fromCIDRSet", "toCIDRSet")
ENTITIES = ("fromEntities", "toEntities")
PEERS = (*ENDPOINTS, *CIDRS, *ENTITIES, "toFQDNs")
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
CLUSTER = "k8s:io.cilium.k8s.policy.cluster"
NAME_OF_NAMESPACE = "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name"
API_VERSION, KIND = "cilium.io/v2", "CiliumNetworkPolicy"

SPEC: Pattern = ("spec",)
SELECTOR: Pattern = (*SPEC, "endpointSelector")
RULE: Pattern = (*SPEC, SECTIONS, EACH)
ALLOW: Pattern = (*SPEC, ALLOWS, EACH)
POD: Pattern = (*RULE, ENDPOINTS, EACH)
LABELS: Pattern = (*POD, "matchLabels")
BLOCK: Pattern = (*RULE, CIDRS, EACH)
NAME: Pattern = (*RULE, "toFQDNs", EACH)
TO_PORT: Pattern = (*RULE, "toPorts", EACH)
PORT: Pattern = (*TO_PORT, "ports", EACH)
HTTP: Pattern = (*TO_PORT, "rules", "http", EACH)
DNS: Pattern = (*TO_PORT, "rules", "dns", EACH)
KAFKA: Pattern = (*TO_PORT, "rules", "kafka", EACH)
SERVER_NAME: Pattern = (*TO_PORT, "serverNames", EACH)


def kinds(rule: Document) -> list[str]:
    return [key for key in rule if key in PEERS]


def side(key: str) -> str:
    """The same at the other end: `fromEntities` for `toEntities`."""
    return f"to{key.removeprefix('from')}" if key.startswith("from") else f"from{key.removeprefix('to')}"


# --- changes of peers and ports ---------------------------------------------------------------------------


def without_peers(tree: Json) -> Iterator[Json]:
    rule = fields(tree)
    if kinds(rule):
        yield {key: value for key, value in rule.items() if key not in PEERS}


def instead(peers: Mapping[str, Json], *, of: Iterable[str] = PEERS) -> Change:
    """A rule for others: `CIDRSet: [...]` becomes `fromCIDRSet` where the rule has `from…`."""

    def change(tree: Json) -> Iterator[Json]:
        rule = fields(tree)
        for kind in set(kinds(rule)) & set(of):
            way = "from" if kind.startswith("from") else "to"
            others = {key: value for key, value in rule.items() if key not in PEERS}
            new = {**{f"{way}{key}": value for key, value in peers.items()}, **others}
            if new != rule:
                yield new

    return change


def two_kinds(tree: Json) -> Iterator[Json]:
    """Addresses beside what the rule has: the two cannot be in one rule."""
    rule = fields(tree)
    for kind in kinds(rule):
        way = "from" if kind.startswith("from") else "to"
        more: Document = {f"{way}Entities": ["world"]} if kind in CIDRS else {f"{way}CIDR": ["192.0.2.0/24"]}
        yield {**rule, **more}


def as_cidrs(tree: Json) -> Iterator[Json]:
    """Blocks without exceptions, in the shorter spelling."""
    rule = fields(tree)
    for kind in set(kinds(rule)) & set(CIDRS):
        blocks = list(map(fields, items(rule[kind])))
        if all("except" not in block for block in blocks):
            rest = {key: value for key, value in rule.items() if key != kind}
            yield {kind.removesuffix("Set"): [block["cidr"] for block in blocks], **rest}


def name_of_namespace(tree: Json) -> Iterator[Json]:
    """The namespace by the label that the API server gives it, instead of by its name."""
    if NAMESPACE in fields(tree):
        yield {NAME_OF_NAMESPACE if key == NAMESPACE else key: value for key, value in fields(tree).items()}


def own(labels: Document) -> list[str]:
    """The labels of the pods themselves."""
    return [key for key in labels if key not in (NAMESPACE, CLUSTER)]


def a_label_less(tree: Json) -> Iterator[Json]:
    labels = fields(tree)
    for dropped in own(labels):
        yield {key: value for key, value in labels.items() if key != dropped}


def a_label_changed(tree: Json) -> Iterator[Json]:
    labels = fields(tree)
    for key in own(labels):
        yield {**labels, key: f"{labels[key]}x"}


def a_key_changed(tree: Json) -> Iterator[Json]:
    labels = fields(tree)
    for changed in own(labels):
        yield {f"{key}x" if key == changed else key: value for key, value in labels.items()}


def as_expression(tree: Json) -> Iterator[Json]:
    """A label as an expression: In with its one value."""
    selector = fields(tree)
    labels = fields(selector.get("matchLabels", {}))
    for key in own(labels):
        expression = {"key": key, "operator": "In", "values": [labels[key]]}
        rest = {other: value for other, value in labels.items() if other != key}
        yield {**({"matchLabels": rest} if rest else {}), "matchExpressions": [expression]}


def asking(*expressions: Document) -> Change:
    """A selector that asks for one thing more."""

    def change(tree: Json) -> Iterator[Json]:
        selector = fields(tree)
        for each in expressions:
            yield {**selector, "matchExpressions": [*items(selector.get("matchExpressions", ())), each]}

    return change


def negated(tree: Json) -> Iterator[Json]:
    """All but those with this label."""
    selector = fields(tree)
    labels = fields(selector.get("matchLabels", {}))
    for key in own(labels):
        rest = {other: value for other, value in labels.items() if other != key}
        expression = {"key": key, "operator": "NotIn", "values": [labels[key]]}
        yield {**selector, "matchLabels": rest, "matchExpressions": [expression]}


def any_source(tree: Json) -> Iterator[Json]:
    """Keys without their source, which then may be any: pods have labels of one source alone."""
    yield {key.removeprefix("k8s:"): value for key, value in fields(tree).items()}


def wider_block(tree: Json) -> Iterator[Json]:
    block = fields(tree)
    network = ip_network(str(block["cidr"]))
    if network.prefixlen:
        yield {**block, "cidr": str(network.supernet())}


def half_block(tree: Json) -> Iterator[Json]:
    block = fields(tree)
    network = ip_network(str(block["cidr"]))
    if network.prefixlen < network.max_prefixlen and "except" not in block:
        yield {**block, "cidr": str(next(network.subnets()))}


def halved_blocks(tree: Json) -> Iterator[Json]:
    """Two halves for a block."""
    blocks = items(tree)
    for index, block in enumerate(map(fields, blocks)):
        network = ip_network(str(block["cidr"]))
        if network.prefixlen < network.max_prefixlen and "except" not in block:
            halves = [{"cidr": str(half)} for half in network.subnets()]
            yield [*blocks[:index], *halves, *blocks[index + 1 :]]


def narrower_exception(tree: Json) -> Iterator[Json]:
    excepted = items(tree)
    for index, each in enumerate(excepted):
        network = ip_network(str(each))
        if network.prefixlen < network.max_prefixlen:
            yield [*excepted[:index], str(next(network.subnets())), *excepted[index + 1 :]]


def number(port: Document) -> int:
    return int(str(port["port"]))


def last(port: Document) -> int:
    return int(str(port.get("endPort", port["port"])))


def wider_port(tree: Json) -> Iterator[Json]:
    port = fields(tree)
    if last(port) < 65535:
        yield {**port, "endPort": last(port) + 1}
    if number(port) > 1:
        yield {**port, "port": str(number(port) - 1), "endPort": last(port)}


def next_port(tree: Json) -> Iterator[Json]:
    port = fields(tree)
    end: Document = {"endPort": last(port) + 1} if "endPort" in port else {}
    yield {**port, "port": str(number(port) + 1), **end}


def narrower_range(tree: Json) -> Iterator[Json]:
    port = fields(tree)
    if number(port) < last(port):
        yield {**port, "endPort": last(port) - 1}
        yield {**port, "port": str(number(port) + 1)}
        yield {key: value for key, value in port.items() if key != "endPort"}


def split_range(tree: Json) -> Iterator[Json]:
    """A range as two."""
    ports = items(tree)
    for index, port in enumerate(map(fields, ports)):
        middle = (number(port) + last(port)) // 2
        if number(port) < last(port):
            low = {**port, "endPort": middle}
            high = {**port, "port": str(middle + 1), "endPort": last(port)}
            yield [*ports[:index], low, high, *ports[index + 1 :]]


def other_protocol(tree: Json) -> Iterator[Json]:
    port = fields(tree)
    yield {**port, "protocol": {"TCP": "UDP", "UDP": "SCTP", "SCTP": "TCP"}[str(port["protocol"])]}


# --- changes of what is said ------------------------------------------------------------------------------

QUERY = "([?].*)?"


def without_query(path: str) -> Iterator[str]:
    if path.endswith(QUERY):
        yield path.removesuffix(QUERY)


def with_query(path: str) -> Iterator[str]:
    if not path.endswith(QUERY):
        yield f"{path}{QUERY}"


def shorter_path(path: str) -> Iterator[str]:
    """What is above the last slash, and whatever is below it."""
    above = path.removesuffix(QUERY).removesuffix("(/[^?#]*)?").rpartition("/")[0]
    if not above.endswith("[^"):
        yield f"{above}/[^?#]*{QUERY}"


def longer_path(path: str) -> Iterator[str]:
    bare = path.removesuffix(QUERY)
    if not bare.endswith("(/[^?#]*)?"):
        yield f"{bare}x{path[len(bare) :]}"


def other_case(path: str) -> Iterator[str]:
    yield path.swapcase()


def by_pattern(tree: Json) -> Iterator[Json]:
    """Names below a name instead of it."""
    name = fields(tree).get("matchName")
    if name is not None:
        yield {"matchPattern": f"*.{name}"}


def any_depth(tree: Json) -> Iterator[Json]:
    written = fields(tree)
    name = str(written.get("matchName", written.get("matchPattern")))
    if not name.startswith("**") and name != "*":
        yield {"matchPattern": f"**.{name.removeprefix('*.')}"}


def one_label(tree: Json) -> Iterator[Json]:
    """One label where there may be more."""
    pattern = str(fields(tree).get("matchPattern", ""))
    if pattern.startswith("**."):
        yield {"matchPattern": pattern.removeprefix("*")}


def parent(tree: Json) -> Iterator[Json]:
    """All names of what is above this one."""
    written = fields(tree)
    name = str(written.get("matchName", written.get("matchPattern")))
    above = name.removeprefix("**.").removeprefix("*.").partition(".")[2]
    if above:
        yield {"matchPattern": f"**.{above}"}


def other_name(tree: Json) -> Iterator[Json]:
    [(key, name)] = fields(tree).items()
    if name != "*":
        yield {key: f"{name}.evil.example"}


def same_name(tree: Json) -> Iterator[Json]:
    """As a pattern without a star, in capitals, with the root's dot."""
    name = fields(tree).get("matchName")
    if name is not None:
        yield {"matchPattern": name}
        yield {"matchName": str(name).upper()}
        yield {"matchName": f"{name}."}


def twins(rules: Sequence[Json]) -> Iterator[Document]:
    """For each rule that looks at what is said one that does not, for the same peers and ports."""
    for rule in map(fields, rules):
        parts = list(map(fields, items(rule.get("toPorts", ()))))
        if any("rules" in part or "serverNames" in part for part in parts):
            yield {**rule, "toPorts": [{"ports": part["ports"]} for part in parts]}


def with_twin(tree: Json) -> Iterator[Json]:
    for rule in twins(items(tree)):
        yield [*items(tree), rule]


def twin_elsewhere(files: Files) -> Iterator[Files]:
    """An object beside it, for the same pods, with such a rule."""
    for path, documents in files.items():
        for document in documents:
            spec, about = fields(document["spec"]), fields(document["metadata"])
            for section in ALLOWS:
                for rule in twins(items(spec.get(section, ()))):
                    more = {"endpointSelector": spec["endpointSelector"], section: [rule]}
                    other = {**document, "metadata": {**about, "name": f"{about['name']}-twin"}, "spec": more}
                    yield {**files, path: (*documents, other)}


# --- changes of sections, objects and files -----------------------------------------------------------------


def swapped_sections(tree: Json) -> Iterator[Json]:
    """Who may call may be called, and the other way round."""
    spec = fields(tree)
    turned = {"ingress": "egress", "egress": "ingress", "ingressDeny": "egressDeny", "egressDeny": "ingressDeny"}

    def rule(old: Document) -> Document:
        return {side(key) if key in PEERS else key: value for key, value in old.items()}

    yield {
        turned.get(key, key): [rule(fields(each)) for each in items(value)] if key in turned else value
        for key, value in spec.items()
    }


def moved(source: Sequence[str], target: Sequence[str], *, bare: bool) -> Change:
    """A rule out of one section into another; `bare`: without what is said on its ports."""

    def stripped(rule: Document) -> Document:
        if not bare or "toPorts" not in rule:
            return rule
        return {**rule, "toPorts": [{"ports": fields(part)["ports"]} for part in items(rule["toPorts"])]}

    def change(tree: Json) -> Iterator[Json]:
        spec = fields(tree)
        for one, other in zip(source, target, strict=True):
            rules = items(spec.get(one, ()))
            for index, rule in enumerate(map(fields, rules)):
                rest = [*rules[:index], *rules[index + 1 :]]
                there = [*items(spec.get(other, ())), stripped(rule)]
                yield {key: value for key, value in {**spec, one: rest, other: there}.items() if value != []}

    return change


def copied(source: Sequence[str], target: Sequence[str]) -> Change:
    """A rule that allows, denied besides."""

    def change(tree: Json) -> Iterator[Json]:
        spec = fields(tree)
        for one, other in zip(source, target, strict=True):
            for rule in map(fields, items(spec.get(one, ()))):
                if "toFQDNs" not in rule and "toPorts" in rule:
                    ports = [{"ports": fields(part)["ports"]} for part in items(rule["toPorts"])]
                    yield {**spec, other: [*items(spec.get(other, ())), {**rule, "toPorts": ports}]}

    return change


def split_peers(tree: Json) -> Iterator[Json]:
    """A rule for two peers as two rules."""
    rules = items(tree)
    for index, rule in enumerate(map(fields, rules)):
        for kind in kinds(rule):
            peers = items(rule[kind])
            if len(peers) > 1:
                halves = [{**rule, kind: [peers[0]]}, {**rule, kind: [*peers[1:]]}]
                yield [*rules[:index], *halves, *rules[index + 1 :]]


def split_ports(tree: Json) -> Iterator[Json]:
    """An element of toPorts with two ports as two."""
    parts = items(tree)
    for index, part in enumerate(map(fields, parts)):
        ports = items(part["ports"])
        if len(ports) > 1:
            halves = [{**part, "ports": [ports[0]]}, {**part, "ports": [*ports[1:]]}]
            yield [*parts[:index], *halves, *parts[index + 1 :]]


def stranger(files: Files) -> Iterator[Files]:
    """An object of our own making, for pods of a governed namespace."""
    namespaces = {str(fields(one["metadata"])["namespace"]) for some in files.values() for one in some}
    spec: Document = {"endpointSelector": {}, "ingress": [{"fromEntities": ["cluster"]}], "egress": [{}]}
    for namespace in sorted(namespaces):
        about = {"name": "stranger", "namespace": namespace}
        yield {**files, "stranger.yaml": ({"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": spec},)}


def everywhere(tree: Json) -> Iterator[Json]:
    document = fields(tree)
    name = fields(document["metadata"])["name"]
    yield {**document, "kind": "CiliumClusterwideNetworkPolicy", "metadata": {"name": name}}


def in_specs(tree: Json) -> Iterator[Json]:
    """Its one spec in `specs`; or each section in a spec of its own."""
    document = fields(tree)
    spec = fields(document["spec"])
    rest = {key: value for key, value in document.items() if key != "spec"}
    others = {key: value for key, value in spec.items() if key not in SECTIONS}
    apart = [{**others, key: spec[key]} for key in SECTIONS if key in spec]
    yield {**rest, "specs": [spec]}
    yield {**rest, "specs": apart}
    yield {**document, "specs": [spec]}


# --- the operators --------------------------------------------------------------------------------------

_ANY_PORT: Document = {"port": "0"}
_EVERY_BLOCK: Json = [{"cidr": "0.0.0.0/0"}]
_UNKNOWN: Document = {"unknown": "field"}

OPERATORS: Mapping[str, Operator] = {
    # Objects and files.
    "drop an object": inside((), drop),
    "drop a file": dropped_file,
    "rename a file": renamed_file,
    "all objects in one file": one_file,
    "a file twice": again,
    "an object twice, under another name": another_object({"name": "copy"}),
    "an object twice, in another namespace": another_object({"namespace": "pay"}),
    "a stranger's object": stranger,
    "move an object to another namespace": elsewhere,
    "rename an object": inside(("metadata", "name"), of_text(lambda name: (f"{name}-2",))),
    "labels and annotations": inside(
        ("metadata",), put({"labels": {"team": "red"}, "annotations": {"note": "reviewed"}})
    ),
    "drop the namespace of an object": inside(("metadata", "namespace"), drop),
    "another kind": inside((), both(everywhere, put({"kind": "CiliumNetworkPolicies"}))),
    "another apiVersion": inside(("apiVersion",), to("cilium.io/v3", "networking.k8s.io/v1")),
    "specs instead of spec": inside((), in_specs),
    "drop spec": inside(SPEC, drop),
    "description": inside(SPEC, put({"description": "what it needs"})),
    "an unknown field of an object": inside((), both(put(_UNKNOWN), put({"status": {}}))),
    "an unknown field of spec": inside(SPEC, both(put(_UNKNOWN), put({"podSelector": {}}))),
    "an unknown field of a rule": inside(RULE, both(put(_UNKNOWN), put({"from": []}))),
    "an unknown field of a port": inside(PORT, put(_UNKNOWN)),
    # Whom a policy is about.
    "endpointSelector: every pod": inside(SELECTOR, to({})),
    "endpointSelector: others": inside((*SELECTOR, "matchLabels"), both(a_label_changed, a_key_changed)),
    "endpointSelector: a label less": inside((*SELECTOR, "matchLabels"), a_label_less),
    "endpointSelector: a label more": inside(SELECTOR, put({"matchLabels": {"k8s:track": "canary"}})),
    "endpointSelector: all but those": inside(SELECTOR, negated),
    "endpointSelector: Exists": inside(SELECTOR, asking({"key": "k8s:track", "operator": "Exists"})),
    "endpointSelector: DoesNotExist": inside(SELECTOR, asking({"key": "k8s:track", "operator": "DoesNotExist"})),
    "endpointSelector: in other words": joined(
        inside((*SELECTOR, "matchLabels"), any_source), inside(SELECTOR, as_expression)
    ),
    "endpointSelector: another namespace": inside(SELECTOR, put({"matchLabels": {NAMESPACE: "elsewhere"}})),
    "drop endpointSelector": inside(SELECTOR, drop),
    "nodeSelector": inside(SPEC, instead_of("endpointSelector", {"nodeSelector": {}})),
    # Default deny.
    "drop enableDefaultDeny": joined(
        inside((*SPEC, "enableDefaultDeny"), drop), inside((*SPEC, "enableDefaultDeny", ALLOWS), drop)
    ),
    "enableDefaultDeny: false": inside((*SPEC, "enableDefaultDeny", ALLOWS), to(False)),
    "enableDefaultDeny: no boolean": inside((*SPEC, "enableDefaultDeny", ALLOWS), to("true", 1)),
    # Sections and rules.
    "drop a section": inside((*SPEC, SECTIONS), drop),
    "section: []": inside((*SPEC, SECTIONS), to([])),
    "section: [{}]": inside((*SPEC, SECTIONS), to([{}])),
    "swap ingress and egress": inside(SPEC, swapped_sections),
    "drop a rule": inside(RULE, drop),
    "an empty rule more": inside((*SPEC, ALLOWS), also({})),
    "reorder rules": inside((*SPEC, SECTIONS), rotated),
    "a rule twice": inside((*SPEC, SECTIONS), repeated),
    "split a rule": inside((*SPEC, SECTIONS), split_peers),
    "an L4 twin in the policy": inside((*SPEC, ALLOWS), with_twin),
    "an L4 twin in another policy": twin_elsewhere,
    # Denials.
    "drop a denial": joined(inside((*SPEC, DENIES), drop), inside((*SPEC, DENIES, EACH), drop)),
    "a denial for some ports": inside(
        (*SPEC, DENIES, EACH), put({"toPorts": [{"ports": [{"port": "1", "protocol": "TCP"}]}]})
    ),
    "a denial becomes an allow": inside(SPEC, moved(DENIES, ALLOWS, bare=False)),
    "an allow becomes a denial": inside(SPEC, moved(ALLOWS, DENIES, bare=True)),
    "a denial beside an allow": inside(SPEC, copied(ALLOWS, DENIES)),
    "a denial of everybody": inside(
        SPEC, both(put({"ingressDeny": [{"fromEntities": ["all"]}]}), put({"egressDeny": [{"toEntities": ["world"]}]}))
    ),
    # Peers.
    "drop all peers": inside(RULE, without_peers),
    "drop a peer": inside((*RULE, PEERS, EACH), drop),
    "fromEndpoints: []": inside((*RULE, ENDPOINTS), to([])),
    "fromEndpoints: [{}]": inside((*RULE, ENDPOINTS), to([{}])),
    "fromCIDRSet: []": inside((*RULE, CIDRS), to([])),
    "fromEntities: []": inside((*RULE, ENTITIES), to([])),
    "toFQDNs: []": inside((*RULE, "toFQDNs"), to([])),
    "reorder peers": inside((*RULE, PEERS), rotated),
    "two kinds of peers": inside(ALLOW, two_kinds),
    "fromEndpoints to fromCIDRSet": inside(RULE, instead({"CIDRSet": _EVERY_BLOCK}, of=ENDPOINTS)),
    "fromEndpoints to fromEntities": inside(RULE, instead({"Entities": ["cluster"]}, of=ENDPOINTS)),
    "fromCIDRSet to fromEntities": inside(RULE, instead({"Entities": ["world"]}, of=CIDRS)),
    "fromCIDRSet to fromCIDR": inside(RULE, as_cidrs),
    "toFQDNs to toCIDRSet": inside(RULE, instead({"CIDRSet": _EVERY_BLOCK}, of=("toFQDNs",))),
    "toFQDNs to toEntities": inside(RULE, instead({"Entities": ["world"]}, of=("toFQDNs",))),
    "toServices": inside(
        RULE, instead({"Services": [{"k8sService": {"serviceName": "db", "namespace": "shop"}}]}, of=("toEndpoints",))
    ),
    "drop the namespace key": inside((*LABELS, NAMESPACE), drop),
    "another namespace": inside((*LABELS, NAMESPACE), to("elsewhere")),
    "the namespace's name as its label": inside(LABELS, name_of_namespace),
    "drop the cluster key": inside((*LABELS, CLUSTER), drop),
    "another cluster": inside((*LABELS, CLUSTER), to("far-away")),
    "drop a label": inside(LABELS, a_label_less),
    "another label": inside(LABELS, both(a_label_changed, a_key_changed)),
    "a label more": inside(LABELS, put({"k8s:track": "canary"})),
    "a service account more": inside(LABELS, put({"k8s:io.cilium.k8s.policy.serviceaccount": "robot"})),
    "matchLabels: {}": inside(LABELS, to({})),
    "drop matchLabels": inside(LABELS, drop),
    "keys without their source": inside(LABELS, any_source),
    "labels as expressions": inside(POD, as_expression),
    "matchExpressions: Exists": inside(POD, asking({"key": "k8s:track", "operator": "Exists"})),
    "matchExpressions: NotIn": joined(
        inside(POD, negated), inside(POD, asking({"key": "k8s:track", "operator": "NotIn", "values": ["canary"]}))
    ),
    "matchExpressions: DoesNotExist": inside(POD, asking({"key": "k8s:track", "operator": "DoesNotExist"})),
    "drop matchExpressions": inside((*POD, "matchExpressions"), both(drop, to([]))),
    "drop an expression": inside((*POD, "matchExpressions", EACH), drop),
    "drop except": inside((*BLOCK, "except"), drop),
    "except: []": inside((*BLOCK, "except"), to([])),
    "drop an exception": inside((*BLOCK, "except", EACH), drop),
    "narrow an exception": inside((*BLOCK, "except"), narrower_exception),
    "reorder exceptions": inside((*BLOCK, "except"), rotated),
    "widen a block": inside(BLOCK, wider_block),
    "halve a block": inside(BLOCK, half_block),
    "a block as two halves": inside((*RULE, CIDRS), halved_blocks),
    "every address": inside((*BLOCK, "cidr"), of_text(lambda cidr: ("::/0" if ":" in cidr else "0.0.0.0/0",))),
    "an entity more": inside((*RULE, ENTITIES), also("world", "cluster", "all", "host", "health")),
    "another entity": inside((*RULE, ENTITIES), to(["world"], ["cluster"], ["all"], ["none"], ["init"])),
    "kube-apiserver to all": inside((*RULE, ENTITIES, EACH), of_text(lambda e: ("all",) * (e == "kube-apiserver"))),
    "an entity less": inside((*RULE, ENTITIES, EACH), drop),
    "an unknown entity": inside((*RULE, ENTITIES), also("everybody")),
    # Ports.
    "drop toPorts": inside((*RULE, "toPorts"), drop),
    "toPorts: []": inside((*RULE, "toPorts"), to([])),
    "ports: []": inside((*TO_PORT, "ports"), to([])),
    "drop ports": inside((*TO_PORT, "ports"), drop),
    "drop an element of toPorts": inside(TO_PORT, drop),
    "drop a port": inside(PORT, drop),
    "widen a port": inside(PORT, wider_port),
    "narrow a range": inside(PORT, narrower_range),
    "the next port": inside(PORT, next_port),
    "port 0": inside(PORT, put(_ANY_PORT)),
    "a port as a number": inside((*PORT, "port"), lambda port: (int(str(port)),)),
    "a port with a nought in front": inside((*PORT, "port"), of_text(lambda port: (f"0{port}",))),
    "a port's name": inside((*PORT, "port"), to("http")),
    "drop protocol": inside((*PORT, "protocol"), drop),
    "protocol: ANY": inside((*PORT, "protocol"), to("ANY")),
    "another protocol": inside(PORT, other_protocol),
    "protocol in small letters": inside((*PORT, "protocol"), of_text(lambda text: (text.lower(),))),
    "endPort equal to the port": inside(PORT, lambda tree: ({**fields(tree), "endPort": last(fields(tree))},)),
    "split a range": inside((*TO_PORT, "ports"), split_range),
    "split ports": inside((*RULE, "toPorts"), split_ports),
    "reorder ports": joined(inside((*TO_PORT, "ports"), rotated), inside((*RULE, "toPorts"), rotated)),
    # Requests.
    "drop rules": inside((*TO_PORT, "rules"), drop),
    "rules: {}": inside((*TO_PORT, "rules"), to({})),
    "http: []": inside((*TO_PORT, "rules", "http"), to([])),
    "http: [{}]": inside((*TO_PORT, "rules", "http"), to([{}])),
    "drop a request": inside(HTTP, drop),
    "reorder requests": inside((*TO_PORT, "rules", "http"), rotated),
    "unescape a path": inside((*HTTP, "path"), of_text(lambda path: (path.replace("\\.", "."),))),
    "drop the query": inside((*HTTP, "path"), of_text(without_query)),
    "let a query through": inside((*HTTP, "path"), of_text(with_query)),
    "path: .*": inside((*HTTP, "path"), to(".*", "/.*")),
    "a path's prefix": inside((*HTTP, "path"), of_text(shorter_path)),
    "a longer path": inside((*HTTP, "path"), of_text(longer_path)),
    "a path in other letters": inside((*HTTP, "path"), of_text(other_case)),
    "anchors around a path": inside((*HTTP, "path"), of_text(lambda path: (f"^{path}$", f"(?:{path})"))),
    "a path with a look-ahead": inside((*HTTP, "path"), of_text(lambda path: (f"(?!x){path}",))),
    "drop path": inside((*HTTP, "path"), drop),
    "drop method": inside((*HTTP, "method"), drop),
    "another method": inside((*HTTP, "method"), of_text(lambda method: ("PUT", method.lower(), f"{method}|PUT"))),
    "method: .*": inside((*HTTP, "method"), to(".*")),
    "host": inside(HTTP, put({"host": "example.com"})),
    "headers": inside(HTTP, put({"headers": ["X-Token: 1"]})),
    # Names.
    "dns: []": inside((*TO_PORT, "rules", "dns"), to([])),
    "drop a name that is looked up": inside(DNS, drop),
    "look up every name": inside(DNS, to({"matchPattern": "*"})),
    "look up what is below a name": inside(DNS, both(by_pattern, any_depth, parent)),
    "look up other names": inside(DNS, both(other_name, one_label)),
    "reorder names": joined(inside((*TO_PORT, "rules", "dns"), rotated), inside((*TO_PORT, "serverNames"), rotated)),
    "a name in other words": joined(inside(DNS, same_name), inside(NAME, same_name)),
    "call every name": inside(NAME, to({"matchPattern": "*"})),
    "call what is below a name": inside(NAME, both(by_pattern, any_depth, parent)),
    "call other names": inside(NAME, both(other_name, one_label)),
    "a name more": inside((*RULE, "toFQDNs"), also({"matchName": "evil.example"})),
    "matchName with a star": inside(NAME, to({"matchName": "*.example.com"})),
    "drop serverNames": inside((*TO_PORT, "serverNames"), drop),
    "serverNames: []": inside((*TO_PORT, "serverNames"), to([])),
    "drop a server name": inside(SERVER_NAME, drop),
    "another server name": inside(SERVER_NAME, of_text(lambda name: (f"x{name.removeprefix('**.')}", f"{name}.evil"))),
    "serverNames: *": joined(
        inside((*TO_PORT, "serverNames"), to(["*"])), inside((*TO_PORT, "serverNames"), also("*"))
    ),
    # What is judged by none of it.
    "authentication": inside(ALLOW, put({"authentication": {"mode": "required"}})),
    "icmps": inside(ALLOW, instead_of("toPorts", {"icmps": [{"fields": [{"type": 8}]}]})),
    "a listener": inside(
        TO_PORT,
        put({"listener": {"envoyConfig": {"kind": "CiliumEnvoyConfig", "name": "own"}, "name": "own", "priority": 1}}),
    ),
}

# Of versions that have rules about Kafka, the last of which is 1.19.
KAFKA_OPERATORS: Mapping[str, Operator] = {
    "kafka: []": inside((*TO_PORT, "rules", "kafka"), to([])),
    "drop a topic": inside(KAFKA, drop),
    "another topic": inside((*KAFKA, "topic"), of_text(lambda topic: (f"{topic}x", ""))),
    "another role": inside((*KAFKA, "role"), of_text(lambda _: ("produce", "consume"))),
    "drop role": inside((*KAFKA, "role"), drop),
    "drop topic": inside((*KAFKA, "topic"), drop),
    "a topic by apiKey": inside(KAFKA, instead_of("role", {"apiKey": "fetch"})),
    "drop the rules about topics": inside((*TO_PORT, "rules"), drop),
}


# What may survive. The first say the same in other words: nothing may ever be noticed of them.
SAME: Mapping[str, str] = {
    "rename a file": "no file's name means anything",
    "all objects in one file": "nor which objects stand together",
    "an object twice, under another name": "allows add up, and denials do",
    "rename an object": "no object's name means anything",
    "labels and annotations": "nor what is said of the object",
    "specs instead of spec": "each of `specs` is as `spec` is, and what is said twice is said",
    "description": "for people",
    "endpointSelector: in other words": "In with one value, or a key of any source: pods have labels of one source",
    "drop enableDefaultDeny": "a direction with a rule is isolated unless it says otherwise",
    "an empty rule more": "it is for nobody, and the direction has a rule already",
    "reorder rules": "rules are alternatives",
    "a rule twice": "rules are alternatives",
    "split a rule": "peers are alternatives, as rules are",
    "reorder peers": "peers are alternatives",
    "fromCIDRSet to fromCIDR": "the same blocks, where nothing is excepted",
    "the namespace's name as its label": "the API server gives each namespace its name as a label",
    "keys without their source": "pods have labels of one source",
    "labels as expressions": "In with one value",
    "reorder exceptions": "exceptions add up",
    "a block as two halves": "blocks add up",
    "split a range": "ranges add up",
    "split ports": "elements of toPorts are alternatives, as ports are",
    "reorder ports": "ports are alternatives",
    "reorder requests": "requests are alternatives",
    "anchors around a path": "the whole path is compared anyway",
    "reorder names": "names are alternatives",
    "a name in other words": "a pattern without a star, capitals, the root's dot",
    "extra comments": "for people",
    "as JSON": "JSON is YAML",
}

_WALLS = "another policy isolates the same pods: the default deny, or one for all of the namespace"
_EMPTY = "the section may be one empty rule, which allows nothing, and others isolate the pods"
_AGAIN = "another rule for these pods lets as much through, or denies as much"
_DENIED = "what it lets through may be denied besides, and nothing lets through what it denies"
_MORE_DENIED = "of a denial: it denies more then, of what nothing lets through"
_OWN = "where nothing is said it is the policy's own, and so it may be here"

# Some of these change nothing, and their operator does not see which.
SOMETIMES: Mapping[str, str] = {
    "drop an object": f"{_EMPTY}; {_WALLS}",
    "drop a file": f"{_EMPTY}; {_WALLS}",
    "an object twice, in another namespace": _AGAIN,
    "endpointSelector: every pod": f"{_EMPTY}; {_AGAIN}",
    "endpointSelector: a label less": f"{_EMPTY}; {_AGAIN}",
    "endpointSelector: a label more": f"{_EMPTY}; {_WALLS}",
    "endpointSelector: others": f"{_EMPTY}; {_WALLS}",
    "endpointSelector: Exists": f"{_EMPTY}; {_WALLS}",
    "endpointSelector: DoesNotExist": f"{_EMPTY}; {_WALLS}",
    "enableDefaultDeny: false": _WALLS,
    "drop a section": _EMPTY,
    "section: []": _EMPTY,
    "section: [{}]": _AGAIN,
    "drop a rule": f"{_EMPTY}; {_AGAIN}",
    "swap ingress and egress": "both may say the same",
    "an allow becomes a denial": f"the empty rule, which denies nothing; {_WALLS}",
    "a denial beside an allow": _DENIED,
    "a denial of everybody": "nothing was let through in that direction",
    "a denial becomes an allow": _DENIED,
    "drop a denial": _AGAIN,
    "drop all peers": _AGAIN,
    "drop a peer": _AGAIN,
    "fromEndpoints: []": _AGAIN,
    "fromEndpoints: [{}]": _AGAIN,
    "fromCIDRSet: []": _AGAIN,
    "fromEntities: []": _AGAIN,
    "fromEndpoints to fromCIDRSet": f"{_AGAIN}; {_MORE_DENIED}",
    "fromEndpoints to fromEntities": f"{_AGAIN}; {_MORE_DENIED}",
    "fromCIDRSet to fromEntities": _MORE_DENIED,
    "drop the namespace key": _OWN,
    "drop the cluster key": _OWN,
    "another namespace": _AGAIN,
    "another cluster": _AGAIN,
    "drop a label": f"{_AGAIN}; {_MORE_DENIED}",
    "another label": _AGAIN,
    "a label more": _AGAIN,
    "a service account more": _AGAIN,
    "matchLabels: {}": f"all of its namespace may be in another rule; {_MORE_DENIED}",
    "drop matchLabels": f"all of its namespace may be in another rule; {_MORE_DENIED}",
    "matchExpressions: Exists": _AGAIN,
    "matchExpressions: NotIn": _AGAIN,
    "matchExpressions: DoesNotExist": _AGAIN,
    "drop matchExpressions": _AGAIN,
    "drop an expression": _AGAIN,
    "drop except": _MORE_DENIED,
    "except: []": _MORE_DENIED,
    "drop an exception": _MORE_DENIED,
    "narrow an exception": _MORE_DENIED,
    "widen a block": f"{_MORE_DENIED}; {_AGAIN}",
    "halve a block": _AGAIN,
    "every address": _MORE_DENIED,
    "an entity more": f"{_MORE_DENIED}; {_AGAIN}",
    "another entity": f"{_MORE_DENIED}; {_AGAIN}",
    "an entity less": _AGAIN,
    "drop toPorts": _MORE_DENIED,
    "toPorts: []": _MORE_DENIED,
    "drop ports": _AGAIN,
    "ports: []": _AGAIN,
    "drop an element of toPorts": _AGAIN,
    "drop a port": _AGAIN,
    "widen a port": f"{_MORE_DENIED}; {_AGAIN}",
    "narrow a range": _AGAIN,
    "the next port": _AGAIN,
    "port 0": _MORE_DENIED,
    "drop protocol": _MORE_DENIED,
    "protocol: ANY": _MORE_DENIED,
    "another protocol": _AGAIN,
    "endPort equal to the port": "a range of one port, where nothing is read that takes no ranges",
    "drop rules": _AGAIN,
    "http: []": _AGAIN,
    "http: [{}]": "every request may be among them",
    "drop a request": _AGAIN,
    "drop the query": _AGAIN,
    "let a query through": _AGAIN,
    "a longer path": _AGAIN,
    "a path's prefix": _AGAIN,
    "a path in other letters": _AGAIN,
    "path: .*": "every path may be among them",
    "drop path": "every path may be among them",
    "drop method": _AGAIN,
    "another method": _AGAIN,
    "method: .*": _AGAIN,
    "drop a name that is looked up": _AGAIN,
    "look up every name": _AGAIN,
    "look up what is below a name": _AGAIN,
    "look up other names": _AGAIN,
    "dns: []": _AGAIN,
}


# --- what is changed ------------------------------------------------------------------------------------


class _Api(Service):
    http = HttpPort(8080)
    grpc = GrpcPort(50051)
    metrics = HttpPort(9090)
    webhook = TlsPort(9443)
    passive = TcpPort(30000, last=30009)
    media = UdpPort(5004)
    signalling = SctpPort(2905)


class _Office(Network):
    ipp = TcpPort(631)


def everything() -> Topology:
    """A topology for which all is emitted that operators change."""
    shop, pay, ops = Namespace("shop"), Namespace("pay"), Namespace("ops")
    web, api, jobs = _Api("web", namespace=shop), _Api("api", namespace=shop), _Api("jobs", namespace=shop)
    ledger = _Api("ledger", namespace=pay, labels={"app": "ledger", "part": "books"})
    watcher, broken = _Api("watcher", namespace=pay), _Api("broken", namespace=shop)
    relay = _Api("relay", namespace=Namespace("infra", cluster="far-away"))
    office = _Office("office", cidrs=["203.0.113.0/24", "2001:db8::/32"], excluding=["203.0.113.64/26"])
    routes = (GET("/orders/{id}"), POST("/orders"), ANY("/static/**"), GET("/v1.0/a+b"))
    statements = (
        allow(INTERNET, web.http, why="shoppers"),
        allow(office, web.metrics, why="staff"),
        allow(web, api.http.routes(*routes), why="orders"),
        allow(web, api.grpc.methods("shop.Orders/Place", "shop.Stock/*"), why="orders"),
        allow(pay, api.http.routes(GET("/orders/{id}")), why="what was paid"),
        allow(ops, api.metrics.routes(GET("/metrics")), why="metrics"),
        allow(relay, api.signalling, why="calls"),
        allow(api, ledger.passive, why="uploads"),
        allow(api, ledger.media, why="calls"),
        allow(api, relay.http, why="relays"),
        allow(api, office.ipp, why="printers"),
        allow(api, HttpsApi("api.example.com").https, why="calls out"),
        allow(api, HttpsApi("**.example.org").https, why="calls out"),
        allow(web, HttpsApi("*.example.net").https, why="calls out"),
        allow(jobs, KubeDns().dns.names("api.example.com", "**.example.org", "localhost"), why="asks"),
        allow(watcher, ApiServer().https, why="watches"),
        allow(ApiServer(), watcher.webhook, why="admission"),
        allow(Nodes(), web.metrics, why="probes"),
        deny(INTERNET, ledger, why="nothing outside"),
        deny(ops, pay, why="not theirs"),
        deny(jobs, api.grpc, why="not theirs"),
        quarantine(broken, why="INC-7"),
    )
    return Topology("everything", statements, governs=[shop, pay], services=[broken])


def topics() -> Topology:
    """One with rules about Kafka, for versions that have them."""
    shop = Namespace("shop")
    web, bus = _Api("web", namespace=shop), Kafka("bus", namespace=shop)
    orders, returns = bus.broker.produce("orders"), bus.broker.consume("orders", "returns")
    return Topology("topics", [allow(web, orders, why="events"), allow(web, returns, why="events")], governs=[shop])


def platform(version: str = "1.20") -> Platform:
    return Platform("cilium", network=Cilium(version), pod_cidrs=["10.244.0.0/16"], node_local_dns="169.254.20.10")
