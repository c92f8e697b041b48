"""Reading objects of the Kubernetes API: maps, lists and strings, names, labels, selectors, blocks of addresses.

What every reader of documents that proves needs, whatever the kind. Every fact names its source: V is
k8s.io/kubernetes v1.37.2, `pkg/apis/networking/validation/validation.go`; M is k8s.io/apimachinery v0.37.2,
`pkg/apis/meta/v1/validation/validation.go`; L its `pkg/labels/selector.go`.

Invariant: a field or form that is not understood is a problem, never ignored. So each of these takes the list of
problems and adds what it finds; what it returns then is a guess, and only good for finding more of them.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Network, ip_network

from attrs import frozen

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import Addresses, IPNetwork, addresses, united
from zt_dsl.ir.selector import ANY_VALUE, Selector, Values, selector, with_labels
from zt_dsl.manifests.read import Path, ReadDocument, line_of
from zt_dsl.manifests.tree import Value
from zt_dsl.source import Location

# --- problems ----------------------------------------------------------------------------------------

OTHER_KIND = (
    "policies of different kinds add up, so one that is not understood may permit anything; "
    "and an object that is no policy has no place among them"
)
UNKNOWN = "a field that is not understood may permit or refuse anything"
REFUSED = "the API server refuses this, or reads it as something other than it seems"
NAMED_PORT = "a named port is whatever port each pod calls so: without the pods nobody can say what it opens"
_UNPLACED = "without a namespace it lands in whatever namespace the person who applies it has selected"


@frozen
class Problem:
    """What is wrong with the value at a path of a document."""

    at: Path
    says: str
    why: str = REFUSED


Problems = list[Problem]


def not_understood(document: ReadDocument, problem: Problem) -> Diagnostic:
    """ZT501."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.at).lstrip(".")
    return Diagnostic(
        "ZT501",
        f"{title(document)}: {f'`{where}` ' if where else ''}{problem.says}",
        (label(document, problem.at, problem.says),),
        why=problem.why,
    )


def outside(document: ReadDocument, namespace: str) -> Diagnostic:
    """ZT504."""
    return Diagnostic(
        "ZT504",
        f"{title(document)} is outside the governed namespaces",
        (label(document, ("metadata", "namespace"), f"`{namespace}` is not governed"),),
        why="nothing says what is right there, so nothing there is proven",
        help=f"govern `{namespace}`, or move the object out of this directory",
    )


def second(document: ReadDocument, first: ReadDocument) -> Diagnostic:
    """ZT505."""
    name = ("metadata", "name")
    return Diagnostic(
        "ZT505",
        f"{title(document)} is there twice",
        (label(document, name, "the second"), label(first, name, "the first")),
        why="applying one replaces the other: what is in force depends on the order",
        help="rename one, or merge their rules",
    )


def label(document: ReadDocument, path: Path, words: str) -> Label:
    """These words, at the line of a value."""
    return Label(Location(document.path, line(document, path)), words)


def line(document: ReadDocument, path: Path) -> int:
    """The line of a value; where there is none (a field is missing), of what should hold it."""
    while path:
        try:
            return line_of(document, path)
        except KeyError:
            path = path[:-1]
    return document.line


def title(document: ReadDocument) -> str:
    """What a person would call it: its kind, and its name."""
    kind, about = document.body.get("kind"), document.body.get("metadata")
    known = about if isinstance(about, dict) else {}
    names = (known.get("namespace"), known.get("name"))
    words = (kind, "/".join(name for name in names if isinstance(name, str) and name))
    return " ".join(word for word in words if isinstance(word, str) and word) or "this document"


# --- forms -------------------------------------------------------------------------------------------

_FORMS = {bool: "a boolean", int: "a number", float: "a fraction", str: "a string", list: "a list", dict: "a map"}


def wrong_form(tree: Value, wanted: str, at: Path) -> Problem:
    """It is no such thing as is wanted here."""
    return Problem(at, f"must be {wanted}, not {_FORMS.get(type(tree), 'null')}")


def fields(tree: Value, known: frozenset[str], at: Path, problems: Problems) -> dict[str, Value]:
    """The fields of a map that are not null: to the API's decoder null is the same as not there."""
    if not isinstance(tree, dict):
        problems.append(wrong_form(tree, "a map", at))
        return {}
    if not tree.keys() <= known:
        says = "is not a field that is understood here"
        problems += (Problem((*at, key), says, UNKNOWN) for key in sorted(tree.keys() - known))
    if None in tree.values():
        return {key: value for key, value in tree.items() if value is not None}
    return tree


def elements(tree: Value, at: Path, problems: Problems) -> list[Value]:
    """The elements of a list; none where it is missing, as to the API a missing list is an empty one."""
    if tree is None or isinstance(tree, list):
        return tree or []
    problems.append(wrong_form(tree, "a list", at))
    return []


def text(
    tree: Value, valid: Callable[[str], bool], wanted: str, at: Path, problems: Problems, missing: str = REFUSED
) -> str:
    """A string of this form; empty where it is not one."""
    if tree is None:
        problems.append(Problem(at, "is missing", missing))
    elif not isinstance(tree, str):
        problems.append(wrong_form(tree, "a string", at))
    elif not valid(tree):
        problems.append(Problem(at, f"is not {wanted}: {tree[:80]!r}"))
    else:
        return tree
    return ""


# --- names and labels --------------------------------------------------------------------------------

_DNS_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*"
_NAME = "[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_IS_DNS_LABEL = re.compile(_DNS_LABEL)
_IS_SUBDOMAIN = re.compile(_SUBDOMAIN)
_IS_KEY = re.compile(rf"(?:(?P<prefix>{_SUBDOMAIN})/)?(?P<name>{_NAME})")
_IS_LABEL_VALUE = re.compile(rf"(?:{_NAME})?")


def is_namespace(written: str) -> bool:
    """A name that a namespace can have: an RFC 1123 label (M)."""
    return len(written) <= 63 and _IS_DNS_LABEL.fullmatch(written) is not None


def _is_object_name(written: str) -> bool:
    return len(written) <= 253 and _IS_SUBDOMAIN.fullmatch(written) is not None


@lru_cache(maxsize=1 << 12)
def is_key(key: str) -> bool:
    """A label's key: an optional prefix of at most 253 characters and a name of at most 63 (M)."""
    found = _IS_KEY.fullmatch(key) if len(key) <= 317 else None
    return found is not None and len(found["prefix"] or "") <= 253 and len(found["name"]) <= 63


@lru_cache(maxsize=1 << 17)
def is_label_value(written: str) -> bool:
    """At most 63 characters; the empty string is one (M)."""
    return len(written) <= 63 and _IS_LABEL_VALUE.fullmatch(written) is not None


def labels(tree: Value, at: Path, problems: Problems, valid: Callable[[str], bool] = is_key) -> dict[str, str]:
    """Labels, with keys that are valid."""
    if not isinstance(tree, dict):
        problems.append(wrong_form(tree, "a map", at))
        return {}
    if not all(map(valid, tree)):
        problems += (Problem((*at, key), "is not a label's key") for key in tree if not valid(key))
    return {key: _label_value(value, (*at, key), problems) for key, value in tree.items()}


def _label_value(tree: Value, at: Path, problems: Problems) -> str:
    if isinstance(tree, str) and is_label_value(tree):
        return tree
    return text(tree, is_label_value, "a label's value", at, problems)


_METADATA = frozenset({"name", "namespace", "labels", "annotations"})
# apimachinery v0.37.2, pkg/api/validation/objectmeta.go, TotalAnnotationSizeLimitB.
_MAX_ANNOTATIONS = 256 << 10


def metadata(tree: Value, problems: Problems) -> tuple[str, str]:
    """The namespace and the name of a policy, which is a DNS subdomain (V, ValidateNetworkPolicyName; M; for custom
    resources apiextensions-apiserver v0.37.2, `pkg/registry/customresource/validator.go`)."""
    at = ("metadata",)
    found = fields(tree, _METADATA, at, problems)
    wanted = "a DNS label of at most 63 characters"
    namespace = text(found.get("namespace"), is_namespace, wanted, (*at, "namespace"), problems, missing=_UNPLACED)
    wanted = "a DNS subdomain of at most 253 characters"
    name = text(found.get("name"), _is_object_name, wanted, (*at, "name"), problems)
    labels(found.get("labels", {}), (*at, "labels"), problems)
    if "annotations" in found:
        _check_annotations(found["annotations"], (*at, "annotations"), problems)
    return namespace, name


def _check_annotations(tree: Value, at: Path, problems: Problems) -> None:
    size = 0
    annotations = tree if isinstance(tree, dict) else fields(tree, frozenset(), at, problems)
    for key, value in annotations.items():
        if not is_key(key.lower()):
            problems.append(Problem((*at, key), "is not an annotation's key"))
        if isinstance(value, str):
            size += len((key + value).encode(errors="replace"))
        else:
            problems.append(wrong_form(value, "a string", (*at, key)))
    if size > _MAX_ANNOTATIONS:
        problems.append(Problem(at, f"has {size:,} bytes, more than {_MAX_ANNOTATIONS:,}"))


# --- selectors ---------------------------------------------------------------------------------------

_SELECTOR = frozenset({"matchLabels", "matchExpressions"})
_EXPRESSION = frozenset({"key", "operator", "values"})


def label_selector(tree: Value, at: Path, problems: Problems) -> Selector:
    """Each label and each expression must hold; an empty selector selects everything (M, L)."""
    found = fields(tree, _SELECTOR, at, problems)
    exact = labels(found.get("matchLabels", {}), (*at, "matchLabels"), problems)
    by_labels = with_labels(tuple(sorted(exact.items())))
    if "matchExpressions" not in found:
        return by_labels
    return by_labels & selector(_expressions(found["matchExpressions"], (*at, "matchExpressions"), problems, is_key))


def requirements(
    tree: Value, at: Path, problems: Problems, valid: Callable[[str], bool] = is_key
) -> list[tuple[str, Values]]:
    """What a selector asks for, key by key as they are written; a key may come more than once."""
    found = fields(tree, _SELECTOR, at, problems)
    exact = labels(found.get("matchLabels", {}), (*at, "matchLabels"), problems, valid)
    return [
        *((key, Values(frozenset((value,)))) for key, value in sorted(exact.items())),
        *_expressions(found.get("matchExpressions"), (*at, "matchExpressions"), problems, valid),
    ]


def _expressions(
    tree: Value, at: Path, problems: Problems, valid: Callable[[str], bool]
) -> Iterable[tuple[str, Values]]:
    found = elements(tree, at, problems)
    return [_expression(each, (*at, index), problems, valid) for index, each in enumerate(found)]


def _expression(tree: Value, at: Path, problems: Problems, valid: Callable[[str], bool]) -> tuple[str, Values]:
    """NotIn and DoesNotExist also hold where there is no such label (L, Requirement.Matches)."""
    found = fields(tree, _EXPRESSION, at, problems)
    key = text(found.get("key"), valid, "a label's key", (*at, "key"), problems)
    here = (*at, "values")
    listed = enumerate(elements(found.get("values"), here, problems))
    values = frozenset([_label_value(value, (*here, index), problems) for index, value in listed])
    match found.get("operator"):
        case ("In" | "NotIn") as operator if not values:
            problems.append(Problem(here, f"must not be empty with {operator}"))
        case ("Exists" | "DoesNotExist") as operator if values:
            problems.append(Problem(here, f"must be empty with {operator}"))
        case "In":
            return key, Values(values)
        case "NotIn":
            return key, ~Values(values)
        case "Exists":
            return key, ANY_VALUE
        case "DoesNotExist":
            return key, ~ANY_VALUE
        case _:
            problems.append(Problem((*at, "operator"), "must be In, NotIn, Exists or DoesNotExist"))
    return key, ANY_VALUE


# --- blocks of addresses -----------------------------------------------------------------------------

_IP_BLOCK = frozenset({"cidr", "except"})


def ip_block(tree: Value, at: Path, problems: Problems) -> Addresses:
    """A block less its exceptions, each of which is inside it and smaller (V, ValidateIPBlock)."""
    found = fields(tree, _IP_BLOCK, at, problems)
    block = addresses(cidr(found.get("cidr"), (*at, "cidr"), problems))
    holes: list[Addresses] = []
    for index, written in enumerate(elements(found.get("except"), (*at, "except"), problems)):
        here = (*at, "except", index)
        hole = addresses(cidr(written, here, problems))
        if hole - block or not block - hole:
            problems.append(Problem(here, "is not a strict part of the block"))
        holes.append(hole)
    return block - united(holes)


def cidr(tree: Value, at: Path, problems: Problems) -> tuple[IPNetwork, ...]:
    """The network, or nothing where it is not one."""
    wanted = "a network in CIDR form, without leading zeros, host bits or IPv4 inside IPv6"
    written = text(tree, _is_cidr, wanted, at, problems)
    return (ip_network(written),) if written else ()


# Python's parser also takes an address without a length, and a mask for a length.
_CIDR = re.compile(r"[0-9A-Fa-f.:]+/(?:0|[1-9][0-9]{0,2})")


def _is_cidr(written: str) -> bool:
    """As the API has it since 1.36, where the gate StrictIPCIDRValidation is on by default (V)."""
    try:
        network = ip_network(written) if _CIDR.fullmatch(written) else None
    except ValueError:
        return False
    if isinstance(network, IPv6Network):
        return network.network_address.ipv4_mapped is None
    return network is not None
