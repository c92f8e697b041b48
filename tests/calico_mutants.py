"""Ways to change Calico's NetworkPolicies that were emitted: what a person, a merge or a bug could do to them.

What an operator is, is in `tests.mutants`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    every_address,
    fields,
    half_block,
    halved_blocks,
    inside,
    instead_of,
    items,
    of_text,
    one_file,
    put,
    renamed_file,
    repeated,
    rotated,
    to,
    wider_block,
)
from zt_dsl import (
    GET,
    INTERNET,
    POST,
    ApiServer,
    Calico,
    HttpPort,
    HttpsApi,
    Namespace,
    Network,
    Nodes,
    Platform,
    SctpPort,
    Service,
    TcpPort,
    Topology,
    UdpPort,
    allow,
    deny,
    quarantine,
)

# --- where things are -----------------------------------------------------------------------------------

WAYS = ("ingress", "egress")
ENDS = ("source", "destination")
NETS = ("nets", "notNets")
API_VERSION, KIND = "projectcalico.org/v3", "NetworkPolicy"
OF_PODS = "projectcalico.org/orchestrator == 'k8s'"
NAME = "projectcalico.org/name"

METADATA: Pattern = ("metadata",)
SPEC: Pattern = ("spec",)
SELECTOR: Pattern = (*SPEC, "selector")
TYPES: Pattern = (*SPEC, "types")
RULES: Pattern = (*SPEC, WAYS)
RULE: Pattern = (*RULES, EACH)
ENTITY: Pattern = (*RULE, ENDS)
PLACE: Pattern = (*ENTITY, "namespaceSelector")
PODS: Pattern = (*ENTITY, "selector")
PORTS: Pattern = (*RULE, "destination", "ports")
PORT: Pattern = (*PORTS, EACH)


def denies(document: Document) -> bool:
    """Whether it is a policy of denials: the emitted ones have rules of one action."""
    spec = fields(document.get("spec", {}))
    rules = [fields(rule) for way in WAYS for rule in items(spec.get(way, ()))]
    return any(rule.get("action") == "Deny" for rule in rules)


def of_rules(action: str, change: Change) -> Operator:
    """The change, of rules with this action alone."""

    def some(tree: Json) -> Iterable[Json]:
        return [new for new in change(tree) if isinstance(new, Mapping)] if fields(tree)["action"] == action else ()

    return inside(RULE, some)


def of_specs(denials: bool, change: Change) -> Operator:
    """The change, of the specs of policies of denials alone; or of the others."""

    def some(tree: Json) -> Iterable[Json]:
        return [fields(new) for new in change(tree) if isinstance(new, Mapping)] if chosen(tree) else ()

    def chosen(tree: Json) -> bool:
        return denies({"spec": tree}) is denials

    return inside(SPEC, some)


# --- selectors --------------------------------------------------------------------------------------------

_TERM = re.compile(r"(\S+) == '([^']*)'")
_AND = " && "
Terms = Sequence[tuple[str, str]]


def terms(text: str) -> list[tuple[str, str]]:
    """The equalities of a selector of ours."""
    return _TERM.findall(text)


def labels(text: str) -> list[tuple[str, str]]:
    """Those that are of the pods' own labels."""
    return [(key, value) for key, value in terms(text) if not key.startswith("projectcalico.org/")]


def said(some: Terms) -> str:
    return _AND.join(f"{key} == '{value}'" for key, value in some) or "all()"


def each_label(change: Callable[[str, str], Iterable[str]]) -> Callable[[str], Iterator[str]]:
    """Another expression for one of the pods' own labels."""

    def changed(text: str) -> Iterator[str]:
        for key, value in labels(text):
            for new in change(key, value):
                yield text.replace(f"{key} == '{value}'", new)

    return changed


def a_label_less(text: str) -> Iterator[str]:
    for dropped in labels(text):
        yield said([term for term in terms(text) if term != dropped])


def a_label_more(text: str) -> Iterator[str]:
    yield f"{text}{_AND}track == 'canary'"


def in_other_words(text: str) -> Iterator[str]:
    """The same pods: other quotes, a set of one, brackets, spaces, another order, twice."""
    if terms(text):
        yield text.replace("'", '"')
        yield re.sub(r"(\S+) == '([^']*)'", r"\1 in {'\2'}", text)
        yield f"({text})"
        yield text.replace(" == ", "==").replace(_AND, "&&")
        yield _AND.join(reversed(text.split(_AND)))
        yield f"{text}{_AND}{text}"
        yield f"!(!({text}))"


def wrong_words(text: str) -> Iterator[str]:
    """What looks like it, and is no selector."""
    if terms(text):
        yield text.replace(" == ", " = ")
        yield text.replace("'", "")
        yield text.replace(_AND, " and ") if _AND in text else f"{text} and all()"
        yield f"{text} #"
    yield "app in ['a']"


# --- changes of rules ---------------------------------------------------------------------------------------


def end_of(rule: Document) -> str:
    """At which end the peer of a rule stands."""
    return "source" if "source" in rule else "destination"


def without_peer(tree: Json) -> Iterator[Json]:
    """For everybody, on the same ports."""
    rule = fields(tree)
    for end in ENDS:
        told = fields(rule.get(end, {}))
        if set(told) - {"ports"}:
            ports: Document = {"ports": told["ports"]} if "ports" in told else {}
            yield {**{key: value for key, value in rule.items() if key != end}, **({end: ports} if ports else {})}
            yield {**rule, end: ports}


def told_as(more: Document, *, without: Sequence[str]) -> Change:
    """A peer that is told otherwise."""

    def change(tree: Json) -> Iterator[Json]:
        entity = fields(tree)
        if set(entity) & set(without):
            yield {**{key: value for key, value in entity.items() if key not in without}, **more}

    return change


def by_service(tree: Json) -> Iterator[Json]:
    """By the name of a Service, whose ports are its own."""
    rule = fields(tree)
    told = fields(rule.get("destination", {}))
    if "source" not in rule and "selector" in told:
        yield {**rule, "destination": {"services": {"name": "db", "namespace": "shop"}}}
        yield {**rule, "destination": {**told, "services": {"name": "db", "namespace": "shop"}}}


def swapped_ends(tree: Json) -> Iterator[Json]:
    """What is said of one end, of the other; ports stay where they are."""
    rule = fields(tree)
    source, target = fields(rule.get("source", {})), fields(rule.get("destination", {}))
    ports = {key: value for key, value in target.items() if key == "ports"}
    bare = {key: value for key, value in target.items() if key != "ports"}
    if source or bare:
        rest = {key: value for key, value in rule.items() if key not in ENDS}
        yield {**rest, **({"source": bare} if bare else {}), "destination": {**source, **ports}}


def ported(tree: Json) -> Iterator[Json]:
    """Its ports at the source's end."""
    rule = fields(tree)
    target = fields(rule.get("destination", {}))
    if "ports" in target:
        bare = {key: value for key, value in target.items() if key != "ports"}
        source = {**fields(rule.get("source", {})), "ports": target["ports"]}
        yield {**rule, "source": source, "destination": bare}
        yield {**rule, "source": source}


def swapped_ways(tree: Json) -> Iterator[Json]:
    """Who may call may be called, and the other way round."""
    spec = fields(tree)
    turned = {"ingress": "egress", "egress": "ingress"}

    def rule(old: Document) -> Document:
        peer = {key: value for key, value in fields(old.get(end_of(old), {})).items() if key != "ports"}
        ports = {key: value for key, value in fields(old.get("destination", {})).items() if key == "ports"}
        rest = {key: value for key, value in old.items() if key not in ENDS}
        if "source" in old:
            return {**rest, "destination": {**peer, **ports}}
        return {**rest, **({"source": peer} if peer else {}), **({"destination": ports} if ports else {})}

    if spec.keys() & set(WAYS):
        yield {
            turned.get(key, key): [rule(fields(each)) for each in items(value)] if key in turned else value
            for key, value in spec.items()
        }


def split_ports(tree: Json) -> Iterator[Json]:
    """A rule for two ports as two rules."""
    rules = items(tree)
    for index, rule in enumerate(map(fields, rules)):
        target = fields(rule.get("destination", {}))
        ports = items(target.get("ports", ()))
        if len(ports) > 1:
            halves = [{**rule, "destination": {**target, "ports": [*some]}} for some in (ports[:1], ports[1:])]
            yield [*rules[:index], *halves, *rules[index + 1 :]]


def first(*more: Json) -> Change:
    """A list with one of these before the rest."""
    return lambda tree: [[each, *items(tree)] for each in more]


# --- changes of ports -------------------------------------------------------------------------------------


def interval(tree: Json) -> tuple[int, int]:
    one, _, other = str(tree).partition(":")
    return int(one), int(other or one)


def spelt(one: int, other: int) -> Json:
    return one if one == other else f"{one}:{other}"


def wider_port(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if other < 65535:
        yield spelt(one, other + 1)
    if one > 1:
        yield spelt(one - 1, other)


def next_port(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    yield spelt(one + 1, other + 1)


def narrower_range(tree: Json) -> Iterator[Json]:
    one, other = interval(tree)
    if one < other:
        yield spelt(one, other - 1)
        yield spelt(one + 1, other)
        yield one


def split_range(tree: Json) -> Iterator[Json]:
    ports = items(tree)
    for index, port in enumerate(ports):
        one, other = interval(port)
        middle = (one + other) // 2
        if one < other:
            yield [*ports[:index], spelt(one, middle), spelt(middle + 1, other), *ports[index + 1 :]]


def other_protocol(protocol: str) -> Iterator[str]:
    yield {"TCP": "UDP", "UDP": "SCTP", "SCTP": "TCP"}[protocol]


def by_number(tree: Json) -> Iterator[Json]:
    yield {"TCP": 6, "UDP": 17, "SCTP": 132}[str(tree)]


def without_ports(tree: Json) -> Iterator[Json]:
    rule = fields(tree)
    target = fields(rule.get("destination", {}))
    if "ports" in target:
        rest = {key: value for key, value in rule.items() if key != "protocol"}
        yield {**rest, "destination": {key: value for key, value in target.items() if key != "ports"}}


def with_prefix(tree: Json) -> Iterator[Json]:
    path = fields(tree)
    if "exact" in path:
        yield {"prefix": path["exact"]}


# --- changes of objects and files -----------------------------------------------------------------------------


def renamed(ending: str) -> Change:
    return of_text(lambda name: (f"{name}{ending}",))


def copied(files: Files) -> Iterator[Files]:
    """An object once more, under another name."""
    for path, documents in files.items():
        for document in documents:
            about = fields(document["metadata"])
            copy = {**document, "metadata": {**about, "name": f"{about['name']}-copy"}}
            yield {**files, path: (*documents, copy)}


def everywhere(tree: Json) -> Iterator[Json]:
    """For the pods of every namespace."""
    document = fields(tree)
    yield {**document, "kind": "GlobalNetworkPolicy", "metadata": {"name": fields(document["metadata"])["name"]}}


def global_here(tree: Json) -> Iterator[Json]:
    """Of the whole cluster, for the pods of this namespace: each peer of ours has its namespace."""
    document = fields(tree)
    about = fields(document["metadata"])
    spec = {**fields(document["spec"]), "namespaceSelector": f"{NAME} == '{about['namespace']}'"}
    yield {**document, "kind": "GlobalNetworkPolicy", "metadata": {"name": about["name"]}, "spec": spec}


def stranger(files: Files) -> Iterator[Files]:
    """An object of our own making, for pods of a governed namespace."""
    namespaces = {str(fields(one["metadata"])["namespace"]) for some in files.values() for one in some}
    spec: Document = {"order": 10, "selector": "all()", "types": ["Ingress"], "ingress": [{"action": "Allow"}]}
    for namespace in sorted(namespaces):
        about = {"name": "stranger", "namespace": namespace}
        yield {**files, "stranger.yaml": ({"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": spec},)}


def swapped_orders(files: Files) -> Iterator[Files]:
    """What allows before what denies."""
    for path, documents in files.items():
        orders = [fields(one["spec"])["order"] for one in documents]
        if len(set(orders)) > 1:
            turned = zip(documents, reversed(orders), strict=True)
            new = tuple({**one, "spec": {**fields(one["spec"]), "order": order}} for one, order in turned)
            yield {**files, path: new}


def in_tier(name: str) -> Change:
    """In another tier, and called after it."""

    def change(tree: Json) -> Iterator[Json]:
        document = fields(tree)
        about = fields(document["metadata"])
        short = str(about["name"]).rpartition(".")[2]
        spec = {key: value for key, value in fields(document["spec"]).items() if key != "tier"}
        prefix = "" if name == "default" else f"{name}."
        yield {
            **document,
            "metadata": {**about, "name": f"{prefix}{short}"},
            "spec": spec if name == "default" else {"tier": name, **spec},
        }

    return change


# --- the operators --------------------------------------------------------------------------------------

_ALLOW: Document = {"action": "Allow"}
_DENY: Document = {"action": "Deny"}
_UNKNOWN: Document = {"unknown": "field"}
_EVERY_NET: Document = {"nets": ["0.0.0.0/0"]}
_BY_PODS = ("namespaceSelector", "selector")

OPERATORS: Mapping[str, Operator] = {
    # Objects and files.
    "drop an object": inside((), drop),
    "drop a file": dropped_file,
    "rename a file": renamed_file,
    "all objects in one file": one_file,
    "a file twice": again,
    "an object twice, under another name": copied,
    "an object twice, in another namespace": another_object({"namespace": "pay"}),
    "a stranger's object": stranger,
    "move an object to another namespace": elsewhere,
    "rename an object": inside((*METADATA, "name"), renamed("-2")),
    "a name that is none": inside((*METADATA, "name"), both(renamed("_2"), renamed(".a.b"))),
    "labels and annotations": inside(METADATA, put({"labels": {"team": "red"}, "annotations": {"note": "reviewed"}})),
    "drop the namespace of an object": inside((*METADATA, "namespace"), drop),
    "another kind": inside((), both(put({"kind": "NetworkPolicies"}), put({"kind": "Policy"}))),
    "StagedNetworkPolicy": inside((), put({"kind": "StagedNetworkPolicy"})),
    "GlobalNetworkPolicy": inside((), everywhere),
    "GlobalNetworkPolicy for this namespace": inside((), global_here),
    "another apiVersion": inside(
        ("apiVersion",), to("crd.projectcalico.org/v1", "projectcalico.org/v4", "networking.k8s.io/v1")
    ),
    "drop spec": inside(SPEC, drop),
    "an unknown field of an object": inside((), both(put(_UNKNOWN), put({"status": {}}))),
    "an unknown field of spec": inside(SPEC, both(put(_UNKNOWN), put({"policyTypes": ["Ingress"]}))),
    "an unknown field of a rule": inside(RULE, both(put(_UNKNOWN), put({"ports": [80]}))),
    "an unknown field of a peer": inside(ENTITY, both(put(_UNKNOWN), put({"podSelector": {}}))),
    "a field of global policies": inside(
        SPEC, both(put({"namespaceSelector": "all()"}), put({"doNotTrack": True}), put({"preDNAT": False}))
    ),
    # Tiers and order.
    "another tier": inside((), both(in_tier("security"), in_tier("default"))),
    "drop tier": inside((*SPEC, "tier"), drop),
    "an unknown tier": inside((), in_tier("nowhere")),
    "a tier and no prefix": inside(SPEC, put({"tier": "security"})),
    "drop order": inside((*SPEC, "order"), drop),
    "order: as text": inside((*SPEC, "order"), lambda order: (str(order),)),
    "order: a fraction more": inside((*SPEC, "order"), lambda order: (float(str(order)) + 0.5,)),
    "order: allows before denials": of_specs(False, put({"order": 50})),
    "order: denials after allows": of_specs(True, put({"order": 2000})),
    "order: the same for all": inside((*SPEC, "order"), to(500)),
    "order: swapped": swapped_orders,
    # Whom a policy is about.
    "selector: all()": inside(SELECTOR, to("all()")),
    "selector: empty": inside(SELECTOR, to("")),
    "drop selector": inside(SELECTOR, drop),
    "selector: others": inside(SELECTOR, of_text(each_label(lambda k, v: (f"{k} == '{v}x'", f"{k}x == '{v}'")))),
    "selector: a label less": inside(SELECTOR, of_text(a_label_less)),
    "selector: a label more": inside(SELECTOR, of_text(a_label_more)),
    "selector: has()": inside(SELECTOR, of_text(each_label(lambda k, _: (f"has({k})",)))),
    "selector: !=": inside(
        SELECTOR, of_text(each_label(lambda k, v: (f"{k} != '{v}'", f"!({k} == '{v}')", f"{k} not in {{'{v}'}}")))
    ),
    "selector: in more": inside(SELECTOR, of_text(each_label(lambda k, v: (f"{k} in {{'{v}', 'other'}}",)))),
    "selector: or": inside(SELECTOR, of_text(lambda text: (f"{text} || track == 'canary'",))),
    "selector: a beginning": inside(
        SELECTOR, of_text(each_label(lambda k, v: (f"{k} starts with '{v}'", f"{k} contains '{v}'")))
    ),
    "selector: in other words": inside(SELECTOR, of_text(in_other_words)),
    "selector: in wrong words": inside(SELECTOR, of_text(wrong_words)),
    "selector: global()": inside(SELECTOR, to("global()")),
    "selector: no text": inside(SELECTOR, to({"matchLabels": {"app": "web"}}, True)),
    "serviceAccountSelector": inside(SPEC, put({"serviceAccountSelector": f"{NAME} == 'robot'"})),
    # Types and directions.
    "drop types": inside(TYPES, drop),
    "types: []": inside(TYPES, to([])),
    "types: one": inside(TYPES, to(["Ingress"], ["Egress"])),
    "types: in small letters": inside(TYPES, to(["ingress", "egress"])),
    "types: twice": inside(TYPES, repeated),
    "reorder types": inside(TYPES, rotated),
    "drop a direction": inside(RULES, drop),
    "direction: []": inside(RULES, to([])),
    "direction: null": inside(RULES, to(None)),
    "direction: [{}]": inside(RULES, to([{}])),
    "direction: everything": inside(RULES, to([_ALLOW])),
    "swap ingress and egress": inside(SPEC, swapped_ways),
    # Rules.
    "drop a rule": inside(RULE, drop),
    "reorder rules": inside(RULES, rotated),
    "a rule twice": inside(RULES, repeated),
    "split a rule": inside(RULES, split_ports),
    "everything before the rules": inside(RULES, first(_ALLOW)),
    "everything after the rules": inside(RULES, also(_ALLOW)),
    "a denial of everybody before the rules": inside(RULES, first(_DENY)),
    "a denial of everybody after the rules": inside(RULES, also(_DENY)),
    "everybody passes after the rules": inside(RULES, also({"action": "Pass"})),
    "a log before the rules": inside(RULES, first({"action": "Log"})),
    "metadata of a rule": inside(RULE, put({"metadata": {"annotations": {"note": "reviewed"}}})),
    # Actions.
    "Allow becomes Deny": of_rules("Allow", put({"action": "Deny"})),
    "Allow becomes Pass": of_rules("Allow", put({"action": "Pass"})),
    "Allow becomes Log": of_rules("Allow", put({"action": "Log"})),
    "Deny becomes Allow": of_rules("Deny", put({"action": "Allow"})),
    "Deny becomes Pass": of_rules("Deny", put({"action": "Pass"})),
    "Deny becomes Log": of_rules("Deny", put({"action": "Log"})),
    "an unknown action": inside((*RULE, "action"), of_text(lambda action: (action.lower(), "Reject"))),
    "drop action": inside((*RULE, "action"), drop),
    # Peers.
    "drop the peer": inside(RULE, without_peer),
    "source: null": inside((*RULE, "source"), to(None)),
    "swap source and destination": inside(RULE, swapped_ends),
    "drop namespaceSelector": inside(PLACE, drop),
    "namespaceSelector: empty": inside(PLACE, to("")),
    "namespaceSelector: all()": inside(PLACE, to("all()", f"has({NAME})")),
    "namespaceSelector: global()": inside(PLACE, to("global()")),
    "another namespace": inside(PLACE, to(f"{NAME} == 'elsewhere'", f"{NAME} == 'pay'")),
    "all but the namespace": inside(PLACE, of_text(lambda text: (text.replace("==", "!="), f"!({text})"))),
    "a namespace more": inside(
        PLACE, of_text(lambda text: (f"{text} || {NAME} == 'elsewhere'", f"{text} || team == 'red'"))
    ),
    "namespaceSelector: a label more": inside(PLACE, of_text(lambda text: (f"{text} && team == 'red'",))),
    "the namespace by its label": inside(
        PLACE, of_text(lambda text: (text.replace(NAME, "kubernetes.io/metadata.name"),))
    ),
    "namespaceSelector: in other words": inside(PLACE, of_text(in_other_words)),
    "namespaceSelector: in wrong words": inside(PLACE, of_text(wrong_words)),
    "drop the pods": inside(PODS, drop),
    "pods: empty": inside(PODS, to("")),
    "pods: all()": inside(PODS, to("all()")),
    "pods: the orchestrator alone": inside(PODS, to(OF_PODS)),
    "pods: without the orchestrator": inside(
        PODS, of_text(lambda text: (text.replace(f"{OF_PODS}{_AND}", "").replace(OF_PODS, "all()"),))
    ),
    "pods: others": inside(PODS, of_text(each_label(lambda k, v: (f"{k} == '{v}x'", f"{k}x == '{v}'")))),
    "pods: a label less": inside(PODS, of_text(a_label_less)),
    "pods: a label more": inside(PODS, of_text(a_label_more)),
    "pods: has()": inside(PODS, of_text(each_label(lambda k, _: (f"has({k})",)))),
    "pods: !=": inside(PODS, of_text(each_label(lambda k, v: (f"{k} != '{v}'", f"{k} not in {{'{v}'}}")))),
    "pods: in more": inside(PODS, of_text(each_label(lambda k, v: (f"{k} in {{'{v}', 'other'}}",)))),
    "pods: or": inside(PODS, of_text(lambda text: (f"{text} || track == 'canary'",))),
    "pods: a beginning": inside(PODS, of_text(each_label(lambda k, v: (f"{k} starts with '{v}'",)))),
    "pods: in other words": inside(PODS, of_text(in_other_words)),
    "pods: in wrong words": inside(PODS, of_text(wrong_words)),
    "notSelector": inside(ENTITY, told_as({"notSelector": "track == 'canary'"}, without=("selector",))),
    "a service account more": inside(ENTITY, told_as({"serviceAccounts": {"names": ["robot"]}}, without=("selector",))),
    "serviceAccounts: empty": inside(
        ENTITY,
        both(
            told_as({"serviceAccounts": {}}, without=("selector",)),
            told_as({"serviceAccounts": {"names": []}}, without=("selector",)),
        ),
    ),
    "services": inside(RULE, by_service),
    "pods become addresses": inside(ENTITY, told_as(_EVERY_NET, without=_BY_PODS)),
    "pods and addresses": inside(ENTITY, told_as(_EVERY_NET, without=("selector",))),
    "addresses become pods": inside(ENTITY, told_as({"namespaceSelector": "all()", "selector": OF_PODS}, without=NETS)),
    "domains": inside(ENTITY, told_as({"domains": ["api.example.com"]}, without=(*_BY_PODS, *NETS))),
    # Addresses.
    "drop nets": inside((*ENTITY, "nets"), drop),
    "nets: []": inside((*ENTITY, "nets"), to([])),
    "drop a net": inside((*ENTITY, "nets", EACH), drop),
    "a net more": inside((*ENTITY, "nets"), also("192.0.2.0/24")),
    "a net with host bits": inside((*ENTITY, "nets"), also("192.0.2.1/24")),
    "nets of both families": inside((*ENTITY, "nets"), both(also("192.0.2.0/24"), also("2001:db8:9::/48"))),
    "widen a net": inside((*ENTITY, "nets", EACH), of_text(wider_block)),
    "halve a net": inside((*ENTITY, "nets", EACH), of_text(half_block)),
    "every address": inside((*ENTITY, "nets", EACH), of_text(every_address)),
    "a net as two halves": inside((*ENTITY, "nets"), halved_blocks),
    "reorder nets": inside((*ENTITY, NETS), rotated),
    "drop notNets": inside((*ENTITY, "notNets"), drop),
    "notNets: []": inside((*ENTITY, "notNets"), to([])),
    "notNets: everything": inside((*ENTITY, "notNets"), to(["0.0.0.0/0"])),
    "drop an exception": inside((*ENTITY, "notNets", EACH), drop),
    "narrow an exception": inside((*ENTITY, "notNets", EACH), of_text(half_block)),
    "widen an exception": inside((*ENTITY, "notNets", EACH), of_text(wider_block)),
    "an exception as two halves": inside((*ENTITY, "notNets"), halved_blocks),
    "ipVersion": inside(RULE, both(put({"ipVersion": 4}), put({"ipVersion": 6}))),
    # Ports and protocols.
    "drop ports": inside(PORTS, drop),
    "ports: []": inside(PORTS, to([])),
    "ports: null": inside(PORTS, to(None)),
    "drop a port": inside(PORT, drop),
    "widen a port": inside(PORT, wider_port),
    "narrow a range": inside(PORT, narrower_range),
    "the next port": inside(PORT, next_port),
    "split a range": inside(PORTS, split_range),
    "reorder ports": inside(PORTS, rotated),
    "a port as text": inside(PORT, lambda port: (str(port),)),
    "a port's name": inside(PORT, to("http")),
    "a port that is none": inside(PORT, to(0, 70000, "8000-8010", "9:8", "http:8")),
    "notPorts": inside((*RULE, "destination"), told_as({"notPorts": [1]}, without=("ports",))),
    "the ports of the source": inside(RULE, ported),
    "drop protocol": inside((*RULE, "protocol"), drop),
    "another protocol": inside((*RULE, "protocol"), of_text(other_protocol)),
    "a protocol in small letters": inside((*RULE, "protocol"), of_text(lambda protocol: (protocol.lower(),))),
    "a protocol by number": inside((*RULE, "protocol"), by_number),
    "notProtocol": inside(RULE, instead_of("protocol", {"notProtocol": "UDP"})),
    "drop protocol and ports": inside(RULE, without_ports),
    "icmp": inside(RULE, put({"icmp": {"type": 8}})),
    # What is said on a port.
    "http": of_rules("Allow", put({"http": {"methods": ["GET"]}})),
}


# What is emitted where Calico's application layer reads requests; and names, in the Enterprise edition. No engine here
# has either.
HTTP: Pattern = (*RULE, "http")
UNJUDGED_OPERATORS: Mapping[str, Operator] = {
    "drop http": inside(HTTP, drop),
    "http: {}": inside(HTTP, to({})),
    "http: null": inside(HTTP, to(None)),
    "drop methods": inside((*HTTP, "methods"), drop),
    "methods: []": inside((*HTTP, "methods"), to([])),
    "methods: *": inside((*HTTP, "methods"), to(["*"])),
    "another method": inside((*HTTP, "methods", EACH), to("PATCH")),
    "drop a method": inside((*HTTP, "methods", EACH), drop),
    "drop paths": inside((*HTTP, "paths"), drop),
    "paths: []": inside((*HTTP, "paths"), to([])),
    "drop a path": inside((*HTTP, "paths", EACH), drop),
    "a prefix for a path": inside((*HTTP, "paths", EACH), with_prefix),
    "every path": inside((*HTTP, "paths", EACH), to({"prefix": "/"})),
    "a longer path": inside((*HTTP, "paths", EACH, ("exact", "prefix")), of_text(lambda path: (f"{path}x",))),
    "drop domains": inside((*ENTITY, "domains"), drop),
    "domains: []": inside((*ENTITY, "domains"), to([])),
    "drop a domain": inside((*ENTITY, "domains", EACH), drop),
    "what is below a domain": inside((*ENTITY, "domains", EACH), of_text(lambda name: (f"*.{name}",))),
    "another domain": inside((*ENTITY, "domains", EACH), of_text(lambda name: (f"{name}.evil",))),
    "every domain": inside((*ENTITY, "domains", EACH), to("*.com", "*")),
}


# What may survive. The first say the same in other words: nothing may ever be noticed of them.
SAME: Mapping[str, str] = {
    "rename a file": "no file's name means anything",
    "all objects in one file": "nor which objects stand together",
    "an object twice, under another name": "the first of two that match decides, and they say the same",
    "rename an object": "names order policies of one order, and those have one action",
    "labels and annotations": "nor what is said of the object",
    "selector: in other words": "another spelling of the same expression",
    "reorder types": "each direction is there or not",
    "reorder rules": "all rules of a policy have one action",
    "a rule twice": "the first that matches decides",
    "split a rule": "ports are alternatives, as rules of one action are",
    "metadata of a rule": "for people",
    "namespaceSelector: in other words": "another spelling of the same expression",
    "the namespace by its label": "the API server gives each namespace its name as a label",
    "pods: in other words": "another spelling of the same expression",
    "a net as two halves": "blocks add up",
    "reorder nets": "blocks add up, and so do exceptions",
    "an exception as two halves": "exceptions add up",
    "split a range": "ranges add up",
    "reorder ports": "ports are alternatives",
    "a port as text": "Calico reads a number in quotes as a number",
    "a protocol by number": "its number is its name",
    "extra comments": "for people",
    "as JSON": "JSON is YAML",
}

_WALLS = "the floor isolates the same pods, in both directions"
_AGAIN = "another rule for these pods lets as much through, or denies as much"
_MORE_DENIED = "of a denial: it denies more then, of what nothing lets through"
_NOTHING = "the policy, or the direction, may have no rules that this is about"
_ORDER = "no denial is about what is allowed, and all come before the policies of Kubernetes"
_LATER = "behind the last rule of all nothing is asked any more"

# Some of these change nothing, and their operator does not see which.
SOMETIMES: Mapping[str, str] = {
    "drop an object": f"{_AGAIN}; {_WALLS}",
    "drop a rule": _AGAIN,
    "drop spec": "the floor of a namespace has no rules: without them it is for every pod, too",
    "an object twice, in another namespace": f"{_AGAIN}; {_WALLS}",
    "a stranger's object": "in the default tier nothing is asked that an earlier tier has denied",
    "another tier": "what its pods' other policies say in an earlier tier decides",
    "GlobalNetworkPolicy for this namespace": "each peer has its namespace in it, and so is the same from everywhere",
    "drop order": f"{_ORDER}; allows and floors may come last",
    "order: a fraction more": _ORDER,
    "order: allows before denials": _ORDER,
    "order: the same for all": _ORDER,
    "order: swapped": _ORDER,
    "selector: all()": f"{_NOTHING}; {_AGAIN}",
    "selector: empty": f"no selector is all(); {_NOTHING}; {_AGAIN}",
    "drop selector": f"no selector is all(); {_NOTHING}; {_AGAIN}",
    "selector: a label less": f"{_NOTHING}; {_AGAIN}; {_MORE_DENIED}",
    "selector: a label more": f"{_NOTHING}; {_AGAIN}",
    "selector: has()": f"{_NOTHING}; {_AGAIN}; {_MORE_DENIED}",
    "selector: in more": f"{_NOTHING}; {_AGAIN}; {_MORE_DENIED}",
    "selector: or": f"{_NOTHING}; {_AGAIN}; {_MORE_DENIED}",
    "serviceAccountSelector": f"{_NOTHING}; {_AGAIN}",
    "drop types": "with rules of both directions, or of egress alone beside the floor, the types are as they were",
    "types: one": f"{_WALLS}; the other direction may have no rules",
    "everything after the rules": f"{_AGAIN}; {_LATER}",
    "a denial of everybody before the rules": f"{_AGAIN}; {_MORE_DENIED}",
    "a denial of everybody after the rules": "what no rule matched is denied at the end of the tier anyway",
    "everybody passes after the rules": f"{_AGAIN}; {_LATER}",
    "a log before the rules": "it is written down, and the next rule is asked",
    "Allow becomes Pass": "what passes the last tier with policies is allowed: no policy of a later one is known",
    "Allow becomes Log": _AGAIN,
    "Deny becomes Allow": "a denial of everybody may stand before it",
    "Deny becomes Pass": "a denial of everybody may stand before it",
    "Deny becomes Log": "a denial of everybody may stand before it",
    "drop namespaceSelector": f"where it is the policy's own; {_AGAIN}",
    "namespaceSelector: empty": f"where it is the policy's own; {_AGAIN}",
    "namespaceSelector: all()": f"{_MORE_DENIED}; {_AGAIN}",
    "a namespace more": f"{_MORE_DENIED}; {_AGAIN}",
    "drop the pods": f"all of the namespace are meant; {_AGAIN}",
    "pods: empty": f"all of the namespace are meant; {_AGAIN}",
    "pods: all()": f"all of the namespace are meant; {_AGAIN}",
    "pods: the orchestrator alone": f"all of the namespace are meant; {_AGAIN}",
    "pods: without the orchestrator": f"of a denial: sets of networks are denied, too; {_MORE_DENIED}",
    "pods: a label more": _AGAIN,
    "pods: has()": f"{_MORE_DENIED}; {_AGAIN}",
    "pods: in more": f"{_MORE_DENIED}; {_AGAIN}",
    "pods: or": f"{_MORE_DENIED}; {_AGAIN}",
    "a net more": f"{_MORE_DENIED}; {_AGAIN}",
    "nets of both families": f"it may have become more of one family; {_MORE_DENIED}; {_AGAIN}",
    "halve a net": _AGAIN,
    "drop notNets": f"{_MORE_DENIED}; {_AGAIN}",
    "drop an exception": f"{_MORE_DENIED}; {_AGAIN}",
    "narrow an exception": f"{_MORE_DENIED}; {_AGAIN}",
    "widen an exception": _AGAIN,
    "ipVersion": "it may be that of the nets",
    "drop ports": _MORE_DENIED,
    "another protocol": _AGAIN,
    "notPorts": _MORE_DENIED,
    "ports: null": _MORE_DENIED,
    "namespaceSelector: a label more": _AGAIN,
    "another namespace": _AGAIN,
    "all but the namespace": f"{_MORE_DENIED}; {_AGAIN}",
    "pods: others": _AGAIN,
    "pods: !=": f"{_MORE_DENIED}; {_AGAIN}",
    "pods: a label less": f"{_MORE_DENIED}; {_AGAIN}",
    "pods: a beginning": f"{_MORE_DENIED}; {_AGAIN}",
    "selector: a beginning": f"{_NOTHING}; {_AGAIN}; {_MORE_DENIED}",
    "notSelector": f"{_MORE_DENIED}; {_AGAIN}",
    "a service account more": _AGAIN,
    "widen a port": f"{_MORE_DENIED}; {_AGAIN}",
    "drop a port": _AGAIN,
    "the next port": _AGAIN,
    "drop protocol and ports": _MORE_DENIED,
    "drop the peer": _MORE_DENIED,
    "widen a net": f"{_MORE_DENIED}; {_AGAIN}",
}


# --- what is changed ------------------------------------------------------------------------------------


class Api(Service):
    http = HttpPort(8080)
    metrics = HttpPort(9090)
    passive = TcpPort(30000, last=30009)
    media = UdpPort(5004)
    signalling = SctpPort(2905)


class Office(Network):
    ipp = TcpPort(631)


def everything() -> Topology:
    """A topology for which all is emitted that operators change."""
    shop, pay, ops = Namespace("shop"), Namespace("pay"), Namespace("ops")
    web, api, jobs = Api("web", namespace=shop), Api("api", namespace=shop), Api("jobs", namespace=shop)
    ledger = Api("ledger", namespace=pay, labels={"app": "ledger", "part": "books"})
    watcher, broken = Api("watcher", namespace=pay), Api("broken", namespace=shop)
    office = Office("office", cidrs=["203.0.113.0/24", "2001:db8::/32"], excluding=["203.0.113.64/26"])
    statements = (
        allow(INTERNET, web.http, why="shoppers"),
        allow(office, web.metrics, why="staff"),
        allow(web, api.http, why="orders"),
        allow(web, api.metrics, why="orders"),
        allow(pay, api.http, why="what was paid"),
        allow(ops, api.metrics, why="metrics"),
        allow(shop, ledger.http, why="prices"),
        allow(api, ledger.passive, why="uploads"),
        allow(api, ledger.media, why="calls"),
        allow(ledger, api.signalling, why="calls"),
        allow(api, office.ipp, why="printers"),
        allow(watcher, ApiServer().https, why="watches"),
        allow(Nodes(), web.metrics, why="probes"),
        deny(INTERNET, ledger, why="nothing outside"),
        deny(ops, pay, why="not theirs"),
        deny(jobs, api.http, why="not theirs"),
        quarantine(broken, why="INC-7"),
    )
    return Topology("everything", statements, governs=[shop, pay], services=[broken])


def requests() -> Topology:
    """One with requests and names, which only the application layer and the Enterprise edition read."""
    shop = Namespace("shop")
    web, api = Api("web", namespace=shop), Api("api", namespace=shop)
    routes = (GET("/orders"), GET("/orders/"), POST("/orders/**"), GET("/static/**"))
    statements = (
        allow(web, api.http.routes(*routes), why="orders"),
        allow(api, HttpsApi("api.example.com").https, why="calls out"),
        allow(api, HttpsApi("**.example.org").https, why="calls out"),
    )
    return Topology("requests", statements, governs=[shop])


def platform(version: str = "3.31", tier: str = "default") -> Platform:
    return Platform(
        "calico",
        network=Calico(version, tier=tier),
        pod_cidrs=["10.244.0.0/16", "fd00:10::/56"],
        node_local_dns="169.254.20.10",
        api_server=ApiServer(cidrs=["192.0.2.10/32"]),
        nodes=Nodes(cidrs=["198.51.100.0/24"]),
    )


def reading_platform() -> Platform:
    """One that reads requests and names."""
    return Platform("calico", network=Calico("3.32", edition="enterprise", app_layer=True), pod_cidrs=["10.244.0.0/16"])
