"""What NetworkPolicy documents let through, as the Kubernetes API reads them. Knows nothing of `lower.py`.

Every fact about the API names its source: T is module k8s.io/api v0.37.2, `networking/v1/types.go`; D and V are
k8s.io/kubernetes v1.37.2, `pkg/apis/networking/v1/defaults.go` and `pkg/apis/networking/validation/validation.go`;
M is k8s.io/apimachinery v0.37.2, `pkg/apis/meta/v1/validation/validation.go`; L its `pkg/labels/selector.go`.

Invariant: a field or form that is not understood is a diagnostic, never ignored. A document with one is no
part of the reach: half a meaning is no meaning.

Boundary: the reach knows TCP, UDP and SCTP, as the API does. Whether a rule without ports lets ICMP through
"may vary across plugins", and is not judged.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from ipaddress import IPv6Network, ip_network

from attrs import field, frozen

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, IPNetwork, addresses, united
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, METADATA_NAME, Selector, Values, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, PROTOCOLS, Interval, Ports, Protocol, ports
from zt_dsl.manifests.read import Path, ReadDocument, line_of
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import DIRECTIONS, Direction, Grant, Isolation, Origin, Pods, Reach, Remote, shared
from zt_dsl.source import Location

API_VERSION = "networking.k8s.io/v1"
KIND = "NetworkPolicy"


def reach_of(documents: Sequence[ReadDocument], governed: frozenset[str]) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What these documents let through at the pods of the governed namespaces, and what cannot be judged.

    ZT501: not understood. ZT504: outside the governed namespaces. ZT505: a second object of one name. A
    document with any of these is no part of the reach.
    """
    isolations: list[Isolation] = []
    grants: list[Grant] = []
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[str, str], ReadDocument] = {}
    known = _Known()
    for document in documents:
        problems: _Problems = []
        policy = _policy(document, known, problems)
        found = [_not_understood(document, problem) for problem in problems]
        if policy and (twin := first.setdefault((policy.namespace, policy.name), document)) is not document:
            found.append(_second(document, twin))
        if policy and policy.namespace not in governed:
            found.append(_outside(document, policy.namespace))
        if policy and not found:
            isolations += policy.isolations
            grants += policy.grants
        diagnostics += found
    return Reach(tuple(isolations), tuple(grants)), tuple(diagnostics)


# --- problems ----------------------------------------------------------------------------------------

_OTHER_KIND = (
    "policies of different kinds add up, so one that is not understood may permit anything; "
    "and an object that is no policy has no place among them"
)
_UNKNOWN = "a field that is not understood may permit or refuse anything"
_REFUSED = "the API server refuses this, or reads it as something other than it seems"
_NAMED_PORT = "a named port is whatever port each pod calls so: without the pods nobody can say what it opens"
_UNPLACED = "without a namespace it lands in whatever namespace the person who applies it has selected"


@frozen
class _Problem:
    at: Path
    says: str
    why: str = _REFUSED


_Problems = list[_Problem]


def _not_understood(document: ReadDocument, problem: _Problem) -> Diagnostic:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.at).lstrip(".")
    return Diagnostic(
        "ZT501",
        f"{_title(document)}: {f'`{where}` ' if where else ''}{problem.says}",
        (_label(document, problem.at, problem.says),),
        why=problem.why,
    )


def _outside(document: ReadDocument, namespace: str) -> Diagnostic:
    return Diagnostic(
        "ZT504",
        f"{_title(document)} is outside the governed namespaces",
        (_label(document, ("metadata", "namespace"), f"`{namespace}` is not governed"),),
        why="nothing says what is right there, so nothing there is proven",
        help=f"govern `{namespace}`, or move the object out of this directory",
    )


def _second(document: ReadDocument, first: ReadDocument) -> Diagnostic:
    name = ("metadata", "name")
    return Diagnostic(
        "ZT505",
        f"{_title(document)} is there twice",
        (_label(document, name, "the second"), _label(first, name, "the first")),
        why="applying one replaces the other: what is in force depends on the order",
        help="rename one, or merge their rules",
    )


def _label(document: ReadDocument, path: Path, text: str) -> Label:
    return Label(Location(document.path, _line(document, path)), text)


def _line(document: ReadDocument, path: Path) -> int:
    """The line of a value; where there is none (a field is missing), of what should hold it."""
    while path:
        try:
            return line_of(document, path)
        except KeyError:
            path = path[:-1]
    return document.line


def _title(document: ReadDocument) -> str:
    kind, metadata = document.body.get("kind"), document.body.get("metadata")
    about = metadata if isinstance(metadata, dict) else {}
    names = (about.get("namespace"), about.get("name"))
    words = (kind, "/".join(name for name in names if isinstance(name, str) and name))
    return " ".join(word for word in words if isinstance(word, str) and word) or "this document"


# --- forms -------------------------------------------------------------------------------------------

_FORMS = {bool: "a boolean", int: "a number", float: "a fraction", str: "a string", list: "a list", dict: "a map"}


def _not(tree: Value, wanted: str, at: Path) -> _Problem:
    return _Problem(at, f"must be {wanted}, not {_FORMS.get(type(tree), 'null')}")


def _fields(tree: Value, known: frozenset[str], at: Path, problems: _Problems) -> dict[str, Value]:
    """The fields of a map that are not null: to the API's decoder null is the same as not there."""
    if not isinstance(tree, dict):
        problems.append(_not(tree, "a map", at))
        return {}
    if not tree.keys() <= known:
        says = "is not a field that is understood here"
        problems += (_Problem((*at, key), says, _UNKNOWN) for key in sorted(tree.keys() - known))
    if None in tree.values():
        return {key: value for key, value in tree.items() if value is not None}
    return tree


def _elements(tree: Value, at: Path, problems: _Problems) -> list[Value]:
    """The elements of a list; none where it is missing, as to the API a missing list is an empty one."""
    if tree is None or isinstance(tree, list):
        return tree or []
    problems.append(_not(tree, "a list", at))
    return []


def _text(
    tree: Value, valid: Callable[[str], bool], wanted: str, at: Path, problems: _Problems, missing: str = _REFUSED
) -> str:
    """A string of this form; empty where it is not one."""
    if tree is None:
        problems.append(_Problem(at, "is missing", missing))
    elif not isinstance(tree, str):
        problems.append(_not(tree, "a string", at))
    elif not valid(tree):
        problems.append(_Problem(at, f"is not {wanted}: {tree[:80]!r}"))
    else:
        return tree
    return ""


_DNS_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*"
_NAME = "[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_IS_DNS_LABEL = re.compile(_DNS_LABEL)
_IS_SUBDOMAIN = re.compile(_SUBDOMAIN)
_IS_KEY = re.compile(rf"(?:(?P<prefix>{_SUBDOMAIN})/)?(?P<name>{_NAME})")
_IS_LABEL_VALUE = re.compile(rf"(?:{_NAME})?")


def _is_namespace(text: str) -> bool:
    return len(text) <= 63 and _IS_DNS_LABEL.fullmatch(text) is not None


def _is_object_name(text: str) -> bool:
    return len(text) <= 253 and _IS_SUBDOMAIN.fullmatch(text) is not None


@lru_cache(maxsize=1 << 12)
def _is_key(key: str) -> bool:
    """A label's key: an optional prefix of at most 253 characters and a name of at most 63 (M)."""
    found = _IS_KEY.fullmatch(key) if len(key) <= 317 else None
    return found is not None and len(found["prefix"] or "") <= 253 and len(found["name"]) <= 63


@lru_cache(maxsize=1 << 17)
def _is_label_value(text: str) -> bool:
    """At most 63 characters; the empty string is one (M)."""
    return len(text) <= 63 and _IS_LABEL_VALUE.fullmatch(text) is not None


# --- one object --------------------------------------------------------------------------------------

_TOP = frozenset({"apiVersion", "kind", "metadata", "spec"})
_METADATA = frozenset({"name", "namespace", "labels", "annotations"})
_SPEC = frozenset({"podSelector", "policyTypes", "ingress", "egress"})
_PEERS: dict[Direction, str] = {"Ingress": "from", "Egress": "to"}
_RULE: dict[Direction, frozenset[str]] = {way: frozenset({"ports", peers}) for way, peers in _PEERS.items()}
# apimachinery v0.37.2, pkg/api/validation/objectmeta.go, TotalAnnotationSizeLimitB.
_MAX_ANNOTATIONS = 256 << 10


@frozen
class _Policy:
    namespace: str
    name: str
    isolations: tuple[Isolation, ...]
    grants: tuple[Grant, ...]


@frozen
class _Known:
    """What policies repeat, as it was read first, where that was without problems.

    The reader gives equal rules, peers and ports of many documents as one object each. They are known by its
    identity, which is theirs for as long as the documents live.
    """

    rules: dict[Direction, dict[int, tuple[tuple[Remote, ...], Ports]]] = field(
        factory=lambda: {way: {} for way in DIRECTIONS}
    )
    peers: dict[int, Remote] = field(factory=dict)
    ports: dict[tuple[int, ...], Ports] = field(factory=dict)


def _policy(document: ReadDocument, known: _Known, problems: _Problems) -> _Policy | None:
    """Its meaning, if there are no problems; None where not even its name is known."""
    kind, version = document.body.get("kind"), document.body.get("apiVersion")
    if kind != KIND or version != API_VERSION:
        says = f"is not judged here, only `kind: {KIND}` of `apiVersion: {API_VERSION}` is"
        problems.append(_Problem(("apiVersion" if kind == KIND else "kind",), says, _OTHER_KIND))
        return None
    body = _fields(document.body, _TOP, (), problems)
    namespace, name = _metadata(body.get("metadata", {}), problems)
    # No spec, no podSelector, null and {} all select every pod: neither is a pointer (T).
    spec = _fields(body.get("spec", {}), _SPEC, ("spec",), problems)
    subject = _selector(spec.get("podSelector", {}), ("spec", "podSelector"), problems)
    isolations: list[Isolation] = []
    grants: list[Grant] = []
    types = _policy_types(spec, problems)
    for way in DIRECTIONS:
        opened = _rules(document, namespace, way, subject, spec.get(way.lower()), known, problems)
        # The rules of a direction that is not among the types must be valid (V) and are not in force (T).
        if way in types:
            isolations.append(Isolation(namespace, way, subject))
            grants += opened
    return _Policy(namespace, name, tuple(isolations), tuple(grants)) if namespace and name else None


def _metadata(tree: Value, problems: _Problems) -> tuple[str, str]:
    """The namespace and the name; V (ValidateNetworkPolicyName) and M say what they may be."""
    at = ("metadata",)
    fields = _fields(tree, _METADATA, at, problems)
    wanted = "a DNS label of at most 63 characters"
    namespace = _text(fields.get("namespace"), _is_namespace, wanted, (*at, "namespace"), problems, missing=_UNPLACED)
    wanted = "a DNS subdomain of at most 253 characters"
    name = _text(fields.get("name"), _is_object_name, wanted, (*at, "name"), problems)
    _labels(fields.get("labels", {}), (*at, "labels"), problems)
    if "annotations" in fields:
        _check_annotations(fields["annotations"], (*at, "annotations"), problems)
    return namespace, name


def _check_annotations(tree: Value, at: Path, problems: _Problems) -> None:
    size = 0
    annotations = tree if isinstance(tree, dict) else _fields(tree, frozenset(), at, problems)
    for key, value in annotations.items():
        if not _is_key(key.lower()):
            problems.append(_Problem((*at, key), "is not an annotation's key"))
        if isinstance(value, str):
            size += len((key + value).encode(errors="replace"))
        else:
            problems.append(_not(value, "a string", (*at, key)))
    if size > _MAX_ANNOTATIONS:
        problems.append(_Problem(at, f"has {size:,} bytes, more than {_MAX_ANNOTATIONS:,}"))


def _policy_types(spec: dict[str, Value], problems: _Problems) -> tuple[Direction, ...]:
    """Missing or empty: Ingress, and Egress too if there is an egress rule (D, SetDefaults_NetworkPolicy).

    The API accepts a direction that is written twice; nobody means that, so it is not understood here.
    """
    at = ("spec", "policyTypes")
    written = _elements(spec.get("policyTypes"), at, problems)
    for index, name in enumerate(written):
        if name not in DIRECTIONS:
            problems.append(_Problem((*at, index), "is neither Ingress nor Egress"))
        elif name in written[:index]:
            problems.append(_Problem((*at, index), f"is {name} a second time"))
    if not written:
        return DIRECTIONS if spec.get("egress") else ("Ingress",)
    return tuple(way for way in DIRECTIONS if way in written)


def _rules(
    document: ReadDocument,
    namespace: str,
    way: Direction,
    subject: Selector,
    tree: Value,
    known: _Known,
    problems: _Problems,
) -> list[Grant]:
    """A list that is missing or empty grants nothing; a rule that is empty grants everything (T)."""
    section = way.lower()
    rules = known.rules[way]
    grants: list[Grant] = []
    for index, element in enumerate(_elements(tree, ("spec", section), problems)):
        at = ("spec", section, index)
        remotes, opened = rules.get(id(element)) or _rule(element, namespace, way, known, at, problems)
        origin = partial(_origin, document, section, index)
        grants += [Grant(namespace, way, subject, remote, opened, origin) for remote in remotes]
    return grants


def _origin(document: ReadDocument, section: str, index: int) -> Origin:
    """The rule, with its line: the file is read again for it."""
    line = _line(document, ("spec", section, index))
    return Origin(f"{_title(document)} {section}[{index}]", document.path, line)


def _rule(
    element: Value, namespace: str, way: Direction, known: _Known, at: Path, problems: _Problems
) -> tuple[tuple[Remote, ...], Ports]:
    """Who, and on which ports."""
    before = len(problems)
    fields = _fields(element, _RULE[way], at, problems)
    peers = fields.get(_PEERS[way])
    remotes = _remotes(namespace, peers, known, (*at, _PEERS[way]), problems)
    opened = _ports(fields.get("ports"), known, (*at, "ports"), problems)
    if len(problems) == before and isinstance(peers, list) and all(map(_says_where, peers)):
        known.rules[way][id(element)] = (remotes, opened)
    return remotes, opened


def _says_where(peer: Value) -> bool:
    """Whether it is the same in whatever namespace the policy is."""
    return isinstance(peer, dict) and not (peer.get("namespaceSelector") is None and peer.get("ipBlock") is None)


# --- peers -------------------------------------------------------------------------------------------

_PEER = frozenset({"podSelector", "namespaceSelector", "ipBlock"})
_IP_BLOCK = frozenset({"cidr", "except"})
_EVERYBODY: tuple[Remote, ...] = (Pods(EVERYTHING, EVERYTHING), EVERY_ADDRESS)


def _remotes(namespace: str, tree: Value, known: _Known, at: Path, problems: _Problems) -> tuple[Remote, ...]:
    """Items are alternatives. A missing or empty list is everybody, addresses outside too (T)."""
    items = _elements(tree, at, problems)
    if not items:
        return _EVERYBODY
    found = [_peer(namespace, item, known, (*at, index), problems) for index, item in enumerate(items)]
    blocks = [remote for remote in found if isinstance(remote, Addresses)]
    pods = [remote for remote in found if isinstance(remote, Pods)]
    return (*pods, shared(united(blocks))) if blocks else tuple(pods)


def _peer(namespace: str, tree: Value, known: _Known, at: Path, problems: _Problems) -> Remote | None:
    """One item: pods by both selectors, or one block of addresses; an empty item is refused (T, V)."""
    found = known.peers.get(id(tree))
    if found is not None:
        return found
    before = len(problems)
    fields = _fields(tree, _PEER, at, problems)
    if "ipBlock" in fields:
        if len(fields) > 1:
            problems.append(_Problem(at, "has an ipBlock and something else: they cannot be combined"))
        found = _ip_block(fields["ipBlock"], (*at, "ipBlock"), problems)
    elif fields:
        found = _pods(namespace, fields, at, problems)
    else:
        problems.append(_Problem(at, "names no peer"))
    if found is not None and len(problems) == before and _says_where(tree):
        known.peers[id(tree)] = found
    return found


def _pods(namespace: str, fields: dict[str, Value], at: Path, problems: _Problems) -> Remote:
    # A pod selector alone selects in the policy's own namespace, a namespace selector alone every pod (T).
    namespaces, pods = with_labels(((METADATA_NAME, namespace),)), EVERYTHING
    if "namespaceSelector" in fields:
        namespaces = _selector(fields["namespaceSelector"], (*at, "namespaceSelector"), problems)
    if "podSelector" in fields:
        pods = _selector(fields["podSelector"], (*at, "podSelector"), problems)
    return shared(Pods(namespaces, pods))


def _ip_block(tree: Value, at: Path, problems: _Problems) -> Addresses:
    """A block less its exceptions, each of which is inside it and smaller (V, ValidateIPBlock)."""
    fields = _fields(tree, _IP_BLOCK, at, problems)
    block = addresses(_cidr(fields.get("cidr"), (*at, "cidr"), problems))
    holes: list[Addresses] = []
    for index, text in enumerate(_elements(fields.get("except"), (*at, "except"), problems)):
        here = (*at, "except", index)
        hole = addresses(_cidr(text, here, problems))
        if hole - block or not block - hole:
            problems.append(_Problem(here, "is not a strict part of the block"))
        holes.append(hole)
    return block - united(holes)


def _cidr(tree: Value, at: Path, problems: _Problems) -> tuple[IPNetwork, ...]:
    """The network, or nothing where it is not one."""
    wanted = "a network in CIDR form, without leading zeros, host bits or IPv4 inside IPv6"
    text = _text(tree, _is_cidr, wanted, at, problems)
    return (ip_network(text),) if text else ()


# Python's parser also takes an address without a length, and a mask for a length.
_CIDR = re.compile(r"[0-9A-Fa-f.:]+/(?:0|[1-9][0-9]{0,2})")


def _is_cidr(text: str) -> bool:
    """As the API has it since 1.36, where the gate StrictIPCIDRValidation is on by default (V)."""
    try:
        network = ip_network(text) if _CIDR.fullmatch(text) else None
    except ValueError:
        return False
    if isinstance(network, IPv6Network):
        return network.network_address.ipv4_mapped is None
    return network is not None


# --- selectors ---------------------------------------------------------------------------------------

_SELECTOR = frozenset({"matchLabels", "matchExpressions"})
_EXPRESSION = frozenset({"key", "operator", "values"})


def _selector(tree: Value, at: Path, problems: _Problems) -> Selector:
    """Each label and each expression must hold; an empty selector selects everything (M, L)."""
    fields = _fields(tree, _SELECTOR, at, problems)
    labels = _labels(fields.get("matchLabels", {}), (*at, "matchLabels"), problems)
    by_labels = with_labels(tuple(sorted(labels.items())))
    if "matchExpressions" not in fields:
        return by_labels
    here = (*at, "matchExpressions")
    expressions = _elements(fields["matchExpressions"], here, problems)
    return by_labels & selector(_expression(each, (*here, index), problems) for index, each in enumerate(expressions))


def _labels(tree: Value, at: Path, problems: _Problems) -> dict[str, str]:
    if not isinstance(tree, dict):
        problems.append(_not(tree, "a map", at))
        return {}
    if not all(map(_is_key, tree)):
        problems += (_Problem((*at, key), "is not a label's key") for key in tree if not _is_key(key))
    return {key: _label_value(value, (*at, key), problems) for key, value in tree.items()}


def _label_value(tree: Value, at: Path, problems: _Problems) -> str:
    if isinstance(tree, str) and _is_label_value(tree):
        return tree
    return _text(tree, _is_label_value, "a label's value", at, problems)


def _expression(tree: Value, at: Path, problems: _Problems) -> tuple[str, Values]:
    """NotIn and DoesNotExist also hold where there is no such label (L, Requirement.Matches)."""
    fields = _fields(tree, _EXPRESSION, at, problems)
    key = _text(fields.get("key"), _is_key, "a label's key", (*at, "key"), problems)
    here = (*at, "values")
    listed = enumerate(_elements(fields.get("values"), here, problems))
    values = frozenset([_label_value(value, (*here, index), problems) for index, value in listed])
    match fields.get("operator"):
        case ("In" | "NotIn") as operator if not values:
            problems.append(_Problem(here, f"must not be empty with {operator}"))
        case ("Exists" | "DoesNotExist") as operator if values:
            problems.append(_Problem(here, f"must be empty with {operator}"))
        case "In":
            return key, Values(values)
        case "NotIn":
            return key, ~Values(values)
        case "Exists":
            return key, ANY_VALUE
        case "DoesNotExist":
            return key, ~ANY_VALUE
        case _:
            problems.append(_Problem((*at, "operator"), "must be In, NotIn, Exists or DoesNotExist"))
    return key, ANY_VALUE


# --- ports -------------------------------------------------------------------------------------------

_PORT = frozenset({"protocol", "port", "endPort"})


def _ports(tree: Value, known: _Known, at: Path, problems: _Problems) -> Ports:
    """Items are alternatives. A missing or empty list is every port of every protocol (T)."""
    items = _elements(tree, at, problems)
    if not items:
        return EVERY_PORT
    same = tuple(map(id, items))
    found = known.ports.get(same)
    if found is None:
        before = len(problems)
        found = shared(ports([_interval(item, (*at, index), problems) for index, item in enumerate(items)]))
        if len(problems) == before:
            known.ports[same] = found
    return found


def _interval(tree: Value, at: Path, problems: _Problems) -> Interval:
    """Without a protocol it is TCP (D); without a port, every port of that protocol (T)."""
    fields = _fields(tree, _PORT, at, problems)
    protocol = _protocol(fields.get("protocol", "TCP"), (*at, "protocol"), problems)
    port, end = fields.get("port"), fields.get("endPort")
    if port is None:
        if end is not None:
            problems.append(_Problem((*at, "endPort"), "has no port to begin at"))
        return protocol, FIRST_PORT, LAST_PORT
    if isinstance(port, str):
        says = f"is the name {port[:80]!r}, not a number: only numbers can be judged"
        problems.append(_Problem((*at, "port"), says, _NAMED_PORT))
        return protocol, FIRST_PORT, LAST_PORT
    first = _number(port, (*at, "port"), problems)
    last = first if end is None else _number(end, (*at, "endPort"), problems)
    if first and last and last < first:
        problems.append(_Problem((*at, "endPort"), f"is below the port, {first}"))
    return protocol, first, max(first, last)


def _protocol(tree: Value, at: Path, problems: _Problems) -> Protocol:
    """Spelt in capitals, and nothing else (V)."""
    for protocol in PROTOCOLS:
        if tree == protocol:
            return protocol
    problems.append(_Problem(at, "must be TCP, UDP or SCTP"))
    return "TCP"


def _number(tree: Value, at: Path, problems: _Problems) -> int:
    """A port number; 0 where it is not one."""
    if isinstance(tree, bool) or not isinstance(tree, int):
        problems.append(_not(tree, "a number", at))
    elif not 1 <= tree <= LAST_PORT:
        problems.append(_Problem(at, f"must be between 1 and {LAST_PORT}"))
    else:
        return tree
    return 0
