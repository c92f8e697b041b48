"""Ways to change Istio's policies that were emitted: what a person, a merge or a bug could do to them.

What an operator is, is in `tests.mutants`. On a platform with a network engine, too, they change the mesh's objects
alone.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal

from tests.conformance.engines.process import Document, Json
from tests.conformance.istio_policies import AUTHENTICATION, AUTHORIZATION, istio_policy
from tests.mutants import (
    EACH,
    Change,
    Files,
    Gone,
    Operator,
    Pattern,
    also,
    both,
    drop,
    every_address,
    fields,
    half_block,
    halved_blocks,
    inside,
    items,
    joined,
    of_text,
    one_file,
    places,
    put,
    renamed_file,
    repeated,
    replaced,
    rotated,
    to,
    wider_block,
)
from zt_dsl import (
    ANY,
    GET,
    INTERNET,
    POST,
    Cilium,
    GrpcPort,
    HttpPort,
    Istio,
    Namespace,
    Network,
    Platform,
    Service,
    TcpPort,
    Topology,
    Waiver,
    allow,
    deny,
)

GROUP, API_VERSION = "security.istio.io", "security.istio.io/v1"
ROOT = "istio-system"


def is_istios(document: Document) -> bool:
    return str(document.get("apiVersion", "")).startswith(GROUP)


def about(kind: str, pattern: Pattern, change: Change) -> Operator:
    """The change, wherever the pattern fits in a document of this kind; of both kinds where it is empty."""

    def edited(tree: Json) -> Iterator[Json | Gone]:
        document = fields(tree)
        if is_istios(document) and kind in ("", document["kind"]):
            for at, value in places(document, pattern):
                yield from (replaced(document, at, new) if at else new for new in change(value) if new != value)

    return inside((), edited)


def policy(pattern: Pattern, change: Change) -> Operator:
    return about(AUTHORIZATION, pattern, change)


def modes(pattern: Pattern, change: Change) -> Operator:
    return about(AUTHENTICATION, pattern, change)


# --- where things are -----------------------------------------------------------------------------------

METADATA: Pattern = ("metadata",)
SPEC: Pattern = ("spec",)
SELECTOR: Pattern = (*SPEC, "selector")
LABELS: Pattern = (*SELECTOR, "matchLabels")
RULES: Pattern = (*SPEC, "rules")
RULE: Pattern = (*RULES, EACH)
FROM: Pattern = (*RULE, "from")
SOURCE: Pattern = (*FROM, EACH, "source")
PRINCIPALS: Pattern = (*SOURCE, "principals")
PRINCIPAL: Pattern = (*PRINCIPALS, EACH)
BLOCKS: Pattern = (*SOURCE, "ipBlocks")
EXCEPTED: Pattern = (*SOURCE, "notIpBlocks")
TO: Pattern = (*RULE, "to")
OPERATION: Pattern = (*TO, EACH, "operation")
PORTS: Pattern = (*OPERATION, "ports")
PORT: Pattern = (*PORTS, EACH)
METHODS: Pattern = (*OPERATION, "methods")
PATHS: Pattern = (*OPERATION, "paths")
PATH: Pattern = (*PATHS, EACH)
MODE: Pattern = (*SPEC, "mtls", "mode")
LISTED: Pattern = (*SPEC, "portLevelMtls")

MODES = ("STRICT", "PERMISSIVE", "DISABLE")


# --- changes ----------------------------------------------------------------------------------------------


def a_label_changed(tree: Json) -> Iterator[Json]:
    labels = fields(tree)
    for key, value in labels.items():
        yield {**labels, key: f"{value}x"}
        yield {f"{k}x" if k == key else k: v for k, v in labels.items()}


def a_label_less(tree: Json) -> Iterator[Json]:
    labels = fields(tree)
    for dropped in labels:
        yield {key: value for key, value in labels.items() if key != dropped}


def parts(principal: str) -> tuple[str, str, str]:
    """Trust domain, namespace and account."""
    domain, _, rest = principal.partition("/ns/")
    namespace, _, account = rest.partition("/sa/")
    return domain, namespace, account or rest.partition("/")[2]


def wider_principals(principal: str) -> Iterator[str]:
    domain, namespace, account = parts(principal)
    yield "*"
    yield f"{domain}/*"
    yield f"{domain}/ns/{namespace}/*"
    yield f"*/ns/{namespace}/sa/{account}"
    yield f"*/sa/{account}"
    yield f"{principal.removesuffix('*')}*"


def other_principals(principal: str) -> Iterator[str]:
    domain, namespace, account = parts(principal)
    yield f"{domain}/ns/{namespace}/sa/robot"
    yield f"{domain}/ns/elsewhere/sa/{account}"
    yield f"far.example/ns/{namespace}/sa/{account}"
    yield f"{principal}x"


def wrong_principals(principal: str) -> Iterator[str]:
    yield f"spiffe://{principal}"
    yield principal.upper()
    yield principal.replace("/sa/", "/")
    yield f"{parts(principal)[1]}/{parts(principal)[2]}"


def as_names(tree: Json) -> Iterator[Json]:
    """Service accounts and namespaces, which are of any trust domain."""
    source = fields(tree)
    for principal in map(str, items(source.get("principals", ()))):
        _, namespace, account = parts(principal)
        yield {"namespaces": [namespace]}
        if account != "*":
            yield {"serviceAccounts": [f"{namespace}/{account}"]}


def told_as(key: str, *others: Document) -> Change:
    """A source that says this, told otherwise."""
    return lambda tree: list(others) if key in fields(tree) else []


def split(key: str) -> Change:
    """A list of a rule with more than one, as two rules."""

    def change(tree: Json) -> Iterator[Json]:
        rules = items(tree)
        for index, rule in enumerate(map(fields, rules)):
            some = items(rule.get(key, ()))
            if len(some) > 1:
                halves = [{**rule, key: [some[0]]}, {**rule, key: [*some[1:]]}]
                yield [*rules[:index], *halves, *rules[index + 1 :]]

    return change


def apart(tree: Json) -> Iterator[Json]:
    """Who, and what, in two rules: anybody may do that, and they may do anything."""
    rules = items(tree)
    for index, rule in enumerate(map(fields, rules)):
        if "from" in rule and "to" in rule:
            yield [*rules[:index], {"from": rule["from"]}, {"to": rule["to"]}, *rules[index + 1 :]]


def crossed(tree: Json) -> Iterator[Json]:
    """Two rules as one: each may do what the other may."""
    rules = list(map(fields, items(tree)))
    for index, (one, other) in enumerate(pairwise(rules)):
        if all("from" in rule and "to" in rule for rule in (one, other)):
            both_of = {key: [*items(one[key]), *items(other[key])] for key in ("from", "to")}
            yield [*rules[:index], both_of, *rules[index + 2 :]]


def without_http(tree: Json) -> Iterator[Json]:
    operation = fields(tree)
    if operation.keys() - {"ports"}:
        yield {"ports": operation["ports"]}


def ports_apart(tree: Json) -> Iterator[Json]:
    """An operation for two ports as two."""
    listed = items(tree)
    for index, each in enumerate(map(fields, listed)):
        operation = fields(each["operation"])
        ports = items(operation["ports"])
        if len(ports) > 1:
            halves = [{"operation": {**operation, "ports": [*some]}} for some in (ports[:1], ports[1:])]
            yield [*listed[:index], *halves, *listed[index + 1 :]]


def other_templates(path: str) -> Iterator[str]:
    """A template in other words, or none any more."""
    if "{*}" in path:
        yield path.replace("{*}", "*")
        yield path.replace("{*}", "{**}")
        yield path.replace("{*}", "{id}")
    if path.endswith("/*"):
        yield f"{path.removesuffix('/*')}/{{**}}"


def wider_paths(path: str) -> Iterator[str]:
    yield "*"
    yield "/*"
    above = path.removesuffix("/*").rpartition("/")[0]
    yield f"{above}/*"
    yield f"{path.removesuffix('*')}*"
    if "{" not in path and not path.endswith("*"):
        yield f"*{path}"


def other_paths(path: str) -> Iterator[str]:
    yield f"{path}x" if not path.endswith("*") else f"{path.removesuffix('*')}x/*"
    yield path.swapcase()
    yield f"{path.removesuffix('*')}?x=1"


def renamed(old: str, new: str) -> Change:
    """A field by another name."""

    def change(tree: Json) -> Iterator[Json]:
        if old in fields(tree):
            yield {new if key == old else key: value for key, value in fields(tree).items()}

    return change


def negated(tree: Json) -> Iterator[Json]:
    """All but those."""
    if "principals" in fields(tree):
        yield {"notPrincipals": fields(tree)["principals"]}


def without_one(tree: Json) -> Iterator[Json]:
    listed = fields(tree)
    if len(listed) > 1:
        for dropped in listed:
            yield {key: value for key, value in listed.items() if key != dropped}


def next_ports(tree: Json) -> Iterator[Json]:
    listed = fields(tree)
    for moved_one in listed:
        yield {str(int(key) + 1) if key == moved_one else key: value for key, value in listed.items()}


def other_modes(tree: Json) -> Iterator[Json]:
    listed = fields(tree)
    for changed in listed:
        for mode in MODES:
            if mode != fields(listed[changed])["mode"]:
                yield {key: {"mode": mode} if key == changed else value for key, value in listed.items()}


def one_more(tree: Json) -> Iterator[Json]:
    """The mode of a port that had none of its own."""
    listed = fields(fields(tree).get("portLevelMtls", {}))
    for mode in MODES:
        yield {**fields(tree), "portLevelMtls": {**listed, "7070": {"mode": mode}}}


def copied(files: Files) -> Iterator[Files]:
    """An object once more, under another name."""
    for path, documents in files.items():
        for document in documents:
            if document.get("kind") == AUTHORIZATION:
                metadata = fields(document["metadata"])
                copy = {**document, "metadata": {**metadata, "name": f"{metadata['name']}-copy"}}
                yield {**files, path: (*documents, copy)}


def copied_modes(files: Files) -> Iterator[Files]:
    """Of two for one scope the older is in force, which no document says."""
    for path, documents in files.items():
        for document in documents:
            if document.get("kind") == AUTHENTICATION:
                metadata = fields(document["metadata"])
                copy = {**document, "metadata": {**metadata, "name": f"{metadata['name']}-copy"}}
                yield {**files, path: (*documents, copy)}


def to_root(files: Files) -> Iterator[Files]:
    """A copy in the root namespace, from where it is in force everywhere."""
    for path, documents in files.items():
        for document in documents:
            if is_istios(document):
                yield {**files, path: (*documents, {**document, "metadata": {"name": "copy", "namespace": ROOT}})}


def moved(files: Files) -> Iterator[Files]:
    mine = [one for some in files.values() for one in some if is_istios(one)]
    namespaces = sorted({str(fields(one["metadata"])["namespace"]) for one in mine})
    yield from about("", (*METADATA, "namespace"), of_text(lambda _: (*namespaces, "elsewhere", ROOT)))(files)


def dropped_file(files: Files) -> Iterator[Files]:
    """What the mesh says in a file."""
    for path, documents in files.items():
        left = tuple(document for document in documents if not is_istios(document))
        if left != documents:
            yield {**files, path: left} if left else {key: some for key, some in files.items() if key != path}


def again(files: Files) -> Iterator[Files]:
    """A file that was copied and never changed."""
    for path, documents in files.items():
        mine = tuple(document for document in documents if is_istios(document))
        if mine:
            yield {**files, f"copy-of-{path.replace('/', '-')}": mine}


def stranger(files: Files) -> Iterator[Files]:
    """An object of our own making, for pods of a governed namespace."""
    mine = [one for some in files.values() for one in some if is_istios(one)]
    for namespace in sorted({str(fields(one["metadata"])["namespace"]) for one in mine}):
        yield {**files, "stranger.yaml": (istio_policy(AUTHORIZATION, {"rules": [{}]}, namespace, "stranger"),)}


def other_mode(*, of_mesh: bool) -> Change:
    """Of the mesh as a whole, or of one namespace or workload."""

    def change(tree: Json) -> Iterator[Json | Gone]:
        document = fields(tree)
        if (fields(document["metadata"]).get("namespace") == ROOT) is of_mesh:
            for at, value in places(document, MODE):
                yield from (replaced(document, at, mode) for mode in MODES if mode != value)

    return change


def wide_modes(mode: str) -> Operator:
    """The mode of the whole mesh."""

    def change(files: Files) -> Iterator[Files]:
        yield {**files, "wide.yaml": (istio_policy(AUTHENTICATION, {"mtls": {"mode": mode}}, ROOT, "wide"),)}

    return change


# --- the operators --------------------------------------------------------------------------------------

_UNKNOWN: Document = {"unknown": "field"}
_ANY_SOURCE: Json = {"source": {"principals": ["*"]}}
_EVERY_BLOCK: Document = {"ipBlocks": ["0.0.0.0/0"]}
_GATEWAY: Json = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}

OPERATORS: Mapping[str, Operator] = {
    # Objects and files.
    "drop an object": about("", (), drop),
    "drop a file": dropped_file,
    "rename a file": renamed_file,
    "all objects in one file": one_file,
    "a file twice": again,
    "an object twice, under another name": copied,
    "modes twice, under another name": copied_modes,
    "a copy in the root namespace": to_root,
    "a stranger's object": stranger,
    "move an object to another namespace": moved,
    "rename an object": about("", (*METADATA, "name"), of_text(lambda name: (f"{name}-2",))),
    "labels and annotations": about(
        "", METADATA, put({"labels": {"team": "red"}, "annotations": {"note": "reviewed"}})
    ),
    "a dry run": about("", METADATA, put({"annotations": {"istio.io/dry-run": "true"}})),
    "a revision": about("", METADATA, put({"labels": {"istio.io/rev": "canary"}})),
    "drop the namespace of an object": about("", (*METADATA, "namespace"), drop),
    "another kind": about("", ("kind",), to("RequestAuthentication", "AuthorizationPolicies", "NetworkPolicy")),
    "the other kind": joined(policy(("kind",), to(AUTHENTICATION)), modes(("kind",), to(AUTHORIZATION))),
    "an older apiVersion": about("", ("apiVersion",), to("security.istio.io/v1beta1")),
    "another apiVersion": about("", ("apiVersion",), to("security.istio.io/v1alpha1", "networking.istio.io/v1")),
    "drop spec": about("", SPEC, drop),
    "spec: null": about("", SPEC, to(None)),
    "an unknown field of an object": about("", (), put(_UNKNOWN)),
    "an unknown field of spec": about("", SPEC, both(put(_UNKNOWN), put({"podSelector": {}}))),
    "an unknown field of a rule": policy(RULE, both(put(_UNKNOWN), put({"ports": ["80"]}))),
    "an unknown field of a source": policy(SOURCE, put(_UNKNOWN)),
    "an unknown field of an operation": policy(OPERATION, put(_UNKNOWN)),
    # Whom a policy is about.
    "drop selector": about("", SELECTOR, drop),
    "selector: {}": about("", SELECTOR, to({})),
    "selector: null": about("", SELECTOR, to(None)),
    "matchLabels: {}": about("", LABELS, to({})),
    "selector: others": about("", LABELS, a_label_changed),
    "selector: a label less": about("", LABELS, a_label_less),
    "selector: a label more": about("", LABELS, put({"track": "canary"})),
    "selector: a star": about("", LABELS, lambda tree: [{**fields(tree), key: "*"} for key in fields(tree)]),
    "selector: of everything": about("", SPEC, put({"selector": {"matchLabels": {"track": "canary"}}})),
    "matchExpressions": about("", SELECTOR, to({"matchExpressions": [{"key": "app", "operator": "Exists"}]})),
    "targetRefs": policy(SPEC, both(put({"targetRefs": [_GATEWAY]}), put({"targetRef": _GATEWAY}))),
    # Actions.
    "drop action": policy((*SPEC, "action"), drop),
    "ALLOW becomes DENY": policy((*SPEC, "action"), of_text(lambda action: ("DENY",) * (action == "ALLOW"))),
    "DENY becomes ALLOW": policy((*SPEC, "action"), of_text(lambda action: ("ALLOW",) * (action == "DENY"))),
    "another action": policy((*SPEC, "action"), to("AUDIT", "allow")),
    "a floor that denies": policy(SPEC, lambda spec: [{"action": "DENY"}] if not spec else []),
    "a floor that allows": policy(SPEC, lambda spec: [] if spec else [{"rules": [{}]}]),
    "a floor in other words": policy(SPEC, lambda spec: [] if spec else [{"action": "ALLOW"}]),
    # Rules.
    "drop rules": policy(RULES, drop),
    "rules: []": policy(RULES, to([])),
    "rules: null": policy(RULES, to(None)),
    "rules: [{}]": policy(RULES, to([{}])),
    "rules: [null]": policy(RULES, to([None])),
    "drop a rule": policy(RULE, drop),
    "an empty rule more": policy(RULES, also({})),
    "a rule for everybody more": policy(RULES, also({"from": [_ANY_SOURCE]})),
    "reorder rules": policy(RULES, rotated),
    "a rule twice": policy(RULES, repeated),
    "a rule as two": policy(RULES, both(split("from"), split("to"))),
    "who and what apart": policy(RULES, apart),
    "two rules as one": policy(RULES, crossed),
    # Callers.
    "drop from": policy(FROM, drop),
    "from: []": policy(FROM, to([])),
    "from: null": policy(FROM, to(None)),
    "from: [null]": policy(FROM, to([None])),
    "from: [{}]": policy(FROM, to([{}])),
    "source: {}": policy(SOURCE, to({})),
    "drop a source": policy((*FROM, EACH), drop),
    "a source more": policy(FROM, also(_ANY_SOURCE, {"source": {"namespaces": ["elsewhere"]}})),
    "reorder callers": joined(policy(FROM, rotated), policy(PRINCIPALS, rotated), policy(BLOCKS, rotated)),
    "drop principals": policy(PRINCIPALS, drop),
    "principals: []": policy(PRINCIPALS, to([])),
    "principals: [null]": policy(PRINCIPALS, to([None])),
    "principals: text": policy(PRINCIPALS, to("*")),
    "wider principals": policy(PRINCIPAL, of_text(wider_principals)),
    "other principals": policy(PRINCIPAL, of_text(other_principals)),
    "wrong principals": policy(PRINCIPAL, of_text(wrong_principals)),
    "a principal more": policy(PRINCIPALS, also("cluster.local/ns/elsewhere/sa/robot", "")),
    "notPrincipals instead": policy(SOURCE, negated),
    "namespaces instead": policy(SOURCE, as_names),
    "namespaces besides": policy(SOURCE, put({"namespaces": ["elsewhere"]})),
    "nobody's identity instead": policy(SOURCE, told_as("principals", {"notPrincipals": ["*"]})),
    "any identity instead of none": policy(SOURCE, told_as("notPrincipals", {"principals": ["*"]})),
    "addresses instead": policy(SOURCE, told_as("principals", _EVERY_BLOCK)),
    "notPrincipals: less": policy((*SOURCE, "notPrincipals"), to(["cluster.local/*"], ["cluster.local/ns/shop/*"], [])),
    "drop notPrincipals": policy((*SOURCE, "notPrincipals"), drop),
    # Addresses.
    "drop ipBlocks": policy(BLOCKS, drop),
    "ipBlocks: []": policy(BLOCKS, to([])),
    "drop a block": policy((*BLOCKS, EACH), drop),
    "a block more": policy(BLOCKS, also("192.0.2.0/24", "2001:db8:9::/48")),
    "a block that is none": policy(BLOCKS, also("192.0.2.0/33", "example.com", "")),
    "widen a block": policy((*BLOCKS, EACH), of_text(wider_block)),
    "halve a block": policy((*BLOCKS, EACH), of_text(half_block)),
    "every address": policy((*BLOCKS, EACH), of_text(every_address)),
    "a block as two halves": joined(policy(BLOCKS, halved_blocks), policy(EXCEPTED, halved_blocks)),
    "drop notIpBlocks": policy(EXCEPTED, drop),
    "notIpBlocks: []": policy(EXCEPTED, to([])),
    "drop an exception": policy((*EXCEPTED, EACH), drop),
    "narrow an exception": policy((*EXCEPTED, EACH), of_text(half_block)),
    "widen an exception": policy((*EXCEPTED, EACH), of_text(wider_block)),
    # What they may do.
    "drop to": policy(TO, drop),
    "to: []": policy(TO, to([])),
    "to: null": policy(TO, to(None)),
    "to: [null]": policy(TO, to([None])),
    "operation: {}": policy(OPERATION, to({})),
    "drop an operation": policy((*TO, EACH), drop),
    "an operation more": policy(TO, also({"operation": {"ports": ["9999"]}})),
    "reorder operations": joined(policy(TO, rotated), policy(METHODS, rotated), policy(PATHS, rotated)),
    "ports in two operations": policy(TO, ports_apart),
    # Ports.
    "drop ports": policy(PORTS, drop),
    "ports: []": policy(PORTS, to([])),
    "ports: [null]": policy(PORTS, to([None])),
    "drop a port": policy(PORT, drop),
    "another port": policy(PORT, of_text(lambda port: (str(int(port) + 1), "80", "443"))),
    "a port more": policy(PORTS, also("9999", "0", "15006")),
    "port 0": policy(PORT, to("0")),
    "a port as a number": policy(PORT, lambda port: (int(str(port)),)),
    "a port that is none": policy(PORT, of_text(lambda port: (f"0{port}", "http", "*", f"{port}-{port}", "70000"))),
    "notPorts": policy(OPERATION, both(put({"notPorts": ["1"]}), renamed("ports", "notPorts"))),
    "hosts": policy(OPERATION, put({"hosts": ["api.example.com"]})),
    # Requests.
    "drop methods and paths": policy(OPERATION, without_http),
    "drop methods": policy(METHODS, drop),
    "methods: []": policy(METHODS, to([])),
    "another method": policy((*METHODS, EACH), of_text(lambda method: ("PATCH", method.lower(), f"{method}X"))),
    "a method more": policy(METHODS, also("PATCH", "*")),
    "every method": policy((*METHODS, EACH), to("*")),
    "notMethods": policy(OPERATION, renamed("methods", "notMethods")),
    "methods where there were none": policy(
        OPERATION, lambda tree: [{**fields(tree), "methods": ["GET"]}] if "methods" not in fields(tree) else []
    ),
    "drop paths": policy(PATHS, drop),
    "paths: []": policy(PATHS, to([])),
    "drop a path": policy(PATH, drop),
    "a path more": policy(PATHS, also("/evil", "/evil/*")),
    "wider paths": policy(PATH, of_text(wider_paths)),
    "other paths": policy(PATH, of_text(other_paths)),
    "other templates": policy(PATH, of_text(other_templates)),
    "templates that are none": policy(PATH, to("/a/{*", "/{*}x/a", "/{**}/{**}", "/a{*}", "/{name}")),
    "notPaths": policy(OPERATION, both(put({"notPaths": ["/x"]}), renamed("paths", "notPaths"))),
    # Modes.
    "another mode": modes((), other_mode(of_mesh=False)),
    "another mode of the mesh": modes((), other_mode(of_mesh=True)),
    "mode: UNSET": modes(MODE, to("UNSET")),
    "a mode that is none": modes(MODE, to("strict", "MUTUAL", True)),
    "drop mode": modes(MODE, drop),
    "drop mtls": modes((*SPEC, "mtls"), drop),
    "drop portLevelMtls": modes(LISTED, drop),
    "portLevelMtls: {}": modes(LISTED, to({})),
    "drop a port's mode": modes(LISTED, without_one),
    "another port's mode": modes(LISTED, next_ports),
    "a port's other mode": modes(LISTED, other_modes),
    "a port's mode that is none": modes(LISTED, lambda tree: [{key: {"mode": "strict"} for key in fields(tree)}]),
    "a port's mode more": modes(SPEC, one_more),
    "the mode of the mesh": joined(*map(wide_modes, MODES)),
}

# What the engine does not judge: conditions, tokens, what a proxy before the sidecar tells, and policies elsewhere.
UNJUDGED_OPERATORS: Mapping[str, Operator] = {
    "a custom action": policy((*SPEC, "action"), to("CUSTOM")),
    "remoteIpBlocks": policy(SOURCE, renamed("ipBlocks", "remoteIpBlocks")),
    "request principals": policy(SOURCE, put({"requestPrincipals": ["*"]})),
    "when": policy(RULE, put({"when": [{"key": "request.headers[x-token]", "values": ["1"]}]})),
}


# What may survive. The first say the same in other words: nothing may ever be noticed of them.
SAME: Mapping[str, str] = {
    "rename a file": "no file's name means anything",
    "all objects in one file": "nor which objects stand together",
    "an object twice, under another name": "rules add up, and so do denials",
    "rename an object": "no object's name means anything",
    "labels and annotations": "nor what is said of the object",
    "an older apiVersion": "both are served, and are stored as one",
    "a floor in other words": "ALLOW is what a policy without an action does",
    "drop action": "ALLOW is what a policy without an action does",
    "reorder rules": "rules are alternatives",
    "a rule twice": "rules are alternatives",
    "a rule as two": "sources and operations are alternatives, as rules are",
    "reorder callers": "callers are alternatives",
    "a block as two halves": "blocks add up",
    "reorder operations": "operations are alternatives, and so is what they list",
    "ports in two operations": "operations are alternatives, as ports are",
    "extra comments": "for people",
    "as JSON": "JSON is YAML",
}

_FLOOR = "it may be one without rules, and the floor refuses the same"
_AGAIN = "another rule for these pods lets as much through, or denies as much"
_MORE_DENIED = "of a denial: it denies more then, of what nothing lets through"
_STRICT = "who calls from an address has no identity, and a strict port takes nobody without one"
_USUAL = "it may be what the namespace says, or the mesh"

# Some of these change nothing, and their operator does not see which.
SOMETIMES: Mapping[str, str] = {
    "another mode of the mesh": "namespaces that are governed say their own",
    "drop an object": f"{_FLOOR}; {_AGAIN}",
    "drop a file": f"{_FLOOR}; {_AGAIN}",
    "drop selector": f"{_FLOOR}; {_STRICT}; {_MORE_DENIED}",
    "selector: {}": f"{_FLOOR}; {_STRICT}; {_MORE_DENIED}",
    "matchLabels: {}": f"{_FLOOR}; {_STRICT}; {_MORE_DENIED}",
    "selector: a label less": f"{_FLOOR}; {_STRICT}; {_MORE_DENIED}",
    "selector: a label more": f"{_FLOOR}; {_USUAL}",
    "selector: of everything": f"{_FLOOR}; of a floor: each workload's own policy refuses the same; {_USUAL}",
    "drop a rule": f"{_STRICT}; {_AGAIN}",
    "two rules as one": "they may have the callers, or what these may do, in common",
    "who and what apart": f"{_MORE_DENIED}; {_AGAIN}",
    "drop from": f"{_MORE_DENIED}; on a port without mTLS everybody is anonymous",
    "a source more": f"{_MORE_DENIED}; on a port without mTLS nobody shows an identity",
    "namespaces instead": _MORE_DENIED,
    "a block more": f"{_STRICT}; {_MORE_DENIED}; {_AGAIN}",
    "drop a block": f"{_STRICT}; {_AGAIN}",
    "halve a block": f"{_STRICT}; {_AGAIN}",
    "drop notIpBlocks": f"{_STRICT}; {_MORE_DENIED}",
    "drop an exception": f"{_STRICT}; {_MORE_DENIED}",
    "narrow an exception": f"{_STRICT}; {_MORE_DENIED}",
    "drop to": f"{_MORE_DENIED}; {_STRICT}",
    "an operation more": f"{_MORE_DENIED}; {_STRICT}",
    "a port more": f"0 is no port; {_MORE_DENIED}; {_STRICT}",
    "drop methods": "every method may be allowed there, and paths are of HTTP, too",
    "other templates": "`/*` and `/{**}` at the end are the same, but for what no client sends",
    "mode: UNSET": _USUAL,
    "drop mode": _USUAL,
    "drop mtls": _USUAL,
    "drop portLevelMtls": _USUAL,
    "drop a port's mode": f"{_USUAL}; no policy may allow anything there",
    "a port's other mode": "PERMISSIVE and DISABLE are the same where no policy knows anybody, or allows anything",
    "a port's mode more": f"{_USUAL}; no policy may allow anything there",
}


# --- what is changed ------------------------------------------------------------------------------------


class _Api(Service):
    http = HttpPort(8080)
    grpc = GrpcPort(50051)
    metrics = HttpPort(9090)
    db = TcpPort(5432)


class _Front(Service):
    """What callers outside the mesh may reach."""

    http = HttpPort(8080, mtls="permissive")
    metrics = HttpPort(9090, mtls="permissive")
    grpc = GrpcPort(50051, mtls="permissive")


class _Office(Network):
    ipp = TcpPort(631)


SHOP, PAY, OPS = Namespace("shop"), Namespace("pay"), Namespace("ops")
OLD = Namespace("old", meshed=False)
ROUTES = (GET("/orders/{id}"), POST("/orders"), ANY("/static/**"), GET("/v1.0/a"))


def callers(*, legacy: bool = True) -> Topology:
    """Callers of all kinds: services, namespaces, addresses, and `legacy`, which has no sidecar."""
    web, api = _Front("web", namespace=SHOP), _Api("api", namespace=SHOP, service_account="robot-of-api")
    ledger = _Api("ledger", namespace=PAY, labels={"app": "ledger", "part": "books"})
    office = _Office("office", cidrs=["203.0.113.0/24", "2001:db8::/32"], excluding=["203.0.113.64/26"])
    statements = (
        allow(INTERNET, web.http, why="shoppers"),
        allow(office, web.metrics, why="staff"),
        allow(web, api.http.routes(*ROUTES), why="orders"),
        allow(web, api.grpc.methods("shop.Orders/Place", "shop.Stock/*"), why="orders"),
        allow(OPS, api.metrics.routes(GET("/metrics")), why="metrics"),
        allow(PAY, api.http.routes(GET("/orders/{id}")), why="what was paid"),
        allow(api, ledger.db, why="books"),
        allow(api, ledger.metrics, why="books"),
        allow(SHOP, ledger.http, why="prices"),
        *([allow(_Api("legacy", namespace=OLD), web.grpc, why="batches")] if legacy else []),
    )
    return Topology("callers", statements, governs=[SHOP, PAY])


def denials() -> Topology:
    """What is denied, by identity and by address; and a service that nobody may call."""
    web, api, jobs = _Front("web", namespace=SHOP), _Api("api", namespace=SHOP), _Api("jobs", namespace=SHOP)
    ledger, alone = _Api("ledger", namespace=PAY), _Api("alone", namespace=PAY)
    statements = (
        allow(web, api.http, why="orders"),
        allow(api, ledger.db, why="books"),
        allow(INTERNET, web.http, why="shoppers"),
        deny(jobs, api.grpc, why="not theirs"),
        deny(OPS, ledger, why="not theirs"),
        deny(INTERNET, ledger, why="nothing outside"),
    )
    return Topology("denials", statements, governs=[SHOP, PAY], services=[alone])


def strict(*, plain: bool = True) -> Topology:
    """Modes of services and of ports; `plain` is one without any mTLS, which knows nobody's identity."""

    class Open(Service):
        http = HttpPort(8080)
        metrics = HttpPort(9090, mtls="permissive")
        plain = TcpPort(7000, mtls="disable")

    web = _Api("web", namespace=SHOP)
    api, old = Open("api", namespace=SHOP), _Api("old", namespace=PAY, mtls="permissive")
    statements = (
        allow(web, api.http.routes(GET("/a/{id}"), POST("/a")), why="orders"),
        allow(OPS, api.metrics, why="metrics"),
        allow(web, old.http, why="an old service"),
        allow(api, old.db, why="an old service"),
        *([allow(web, api.plain, why="an old protocol")] if plain else []),
    )
    return Topology("strict", statements, governs=[SHOP, PAY])


def platform(*, wide: Literal["strict", "permissive"] | None = None, trust_domain: str = "cluster.local") -> Platform:
    """A mesh alone."""
    mesh = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES", mesh_wide_mtls=wide, trust_domain=trust_domain)
    waivers = [
        Waiver("egress", why="the firewall at the border holds what leaves"),
        Waiver("protocol", why="nothing of it speaks UDP or SCTP"),
    ]
    return Platform("istio", network=None, mesh=mesh, pod_cidrs=["10.244.0.0/16", "fd00:10::/56"], waivers=waivers)


def stack() -> Platform:
    """A mesh beside Cilium."""
    mesh = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES")
    return Platform("cilium-istio", network=Cilium("1.20"), mesh=mesh, pod_cidrs=["10.244.0.0/16", "fd00:10::/56"])
