"""Policies with one thing changed: broken, edited, or said in other words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_network
from itertools import product

from hypothesis import strategies as st

from tests.conformance.engines.process import Document, Json
from tests.conformance.policies import DIRECTIONS, GOVERNED, Path, covers_pods, network_policy, parts, specs

# --- trees ------------------------------------------------------------------------------------------


def replaced(tree: Json, at: Path, value: Json) -> Json:
    """The same tree with another value there; for a map also under a key that it does not have."""
    if not at:
        return value
    match tree:
        case Mapping():
            key = str(at[0])
            return {**tree, key: replaced(tree.get(key), at[1:], value)}
        case Sequence() if not isinstance(tree, str):
            return [replaced(child, at[1:], value) if i == at[0] else child for i, child in enumerate(tree)]
        case _:
            raise KeyError(at)


def without(tree: Json, at: Path) -> Json:
    """The same tree without the entry there, of a map or of a list. `at` is not empty."""
    match tree:
        case Mapping():
            if len(at) == 1:
                return {key: child for key, child in tree.items() if key != at[0]}
            return {key: without(child, at[1:]) if key == at[0] else child for key, child in tree.items()}
        case Sequence() if not isinstance(tree, str):
            if len(at) == 1:
                return [child for index, child in enumerate(tree) if index != at[0]]
            return [without(child, at[1:]) if index == at[0] else child for index, child in enumerate(tree)]
        case _:
            raise KeyError(at)


def _map(tree: Json) -> Document:
    assert isinstance(tree, Mapping)
    return tree


def _items(tree: Json) -> Sequence[Json]:
    """The elements of a list; none where it is missing, null or empty."""
    assert tree is None or (isinstance(tree, Sequence) and not isinstance(tree, str))
    return tree or []


# --- broken -----------------------------------------------------------------------------------------

# What people, templates and attackers write where something else belongs.
_ANYWHERE: Sequence[Json] = (
    *(None, True, 0, 1, 80.0, 80.5, 2**31, "", "-", "a/b/c", "not a name", "n" * 64, "n" * 254),
    *([], [None], [{}], {}, {"": ""}, {"app": None}, {"app": 1}, {"app": "web"}, {"unknown": True}),
)
_NUMBERS: Sequence[Json] = (0, -1, 1, 79, 65535, 65536, 2**31, 80.0, "80", "http", "HTTP", True)
_NETWORKS: Sequence[Json] = (
    *("10.0.0.0", "10.0.0.0/8", "10.0.0.1/8", "10.0.0.0/08", "010.0.0.0/8", "10.0.0.0/33", "10.0.0.0/255.0.0.0"),
    *("0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "2001:DB8::/32", "2001:db8::1/32", "fe80::%eth0/64"),
)
_IN_PLACE_OF: Mapping[str, Sequence[Json]] = {
    "port": _NUMBERS,
    "endPort": _NUMBERS,
    "cidr": _NETWORKS,
    "except": _NETWORKS,
    "protocol": ("tcp", "ICMP", "UDP", 6),
    "operator": ("in", "In", "NotIn", "Exists", "DoesNotExist", "Gt"),
    "values": ("web", "not a value", "-web", "n" * 63, "n" * 64, ["web"]),
    "key": ("app", "example.org/app", "Example.org/app", "a/b/c", "/app", "app/", "n" * 64),
    "app": ("not a value", "web-", "n" * 63, "n" * 64),
    "policyTypes": ("ingress", "Both", "Ingress", "Egress"),
    "name": ("a.b", "a..b", "A", "under_score", "n" * 253, "n" * 254),
    "namespace": ("pay", "a.b", "Shop", "n" * 64),
    "kind": ("networkpolicy", "Ingress"),
    "apiVersion": ("extensions/v1beta1", "networking.k8s.io/v1beta1"),
}
# Beside what is there: valid somewhere, if not there.
_BESIDE: Sequence[tuple[str, Json]] = (
    ("podSelector", {}),
    ("namespaceSelector", {"matchLabels": {"team": "red"}}),
    ("ipBlock", {"cidr": "203.0.113.0/24"}),
    ("except", ["203.0.113.0/25"]),
    ("port", 443),
    ("endPort", 442),
    ("protocol", "UDP"),
    ("values", ["web"]),
    ("operator", "Exists"),
    ("matchLabels", {"app": "web"}),
    ("from", []),
    ("to", [{}]),
    ("policyTypes", ["Egress"]),
    ("ingress", [{}]),
    ("name", "other"),
    ("status", {}),
    ("PodSelector", {}),
    ("unknown", None),
)


def near_misses() -> st.SearchStrategy[Document]:
    """A policy with one value replaced, added or taken away: mostly not valid any more, sometimes still."""

    def missed(document: Document) -> st.SearchStrategy[Json]:
        paths = [path for path, _ in parts(document) if path]
        maps = [path for path, value in parts(document) if isinstance(value, Mapping)]
        anywhere, somewhere = st.sampled_from(paths), st.sampled_from(maps)
        return st.one_of(
            st.builds(replaced, st.just(document), anywhere, st.sampled_from(_ANYWHERE)),
            anywhere.flatmap(
                lambda at: st.builds(
                    replaced, st.just(document), st.just(at), st.sampled_from(_IN_PLACE_OF.get(_field(at), _ANYWHERE))
                )
            ),
            st.builds(
                lambda at, beside: replaced(document, (*at, beside[0]), beside[1]),
                somewhere,
                st.sampled_from(_BESIDE),
            ),
            st.builds(without, st.just(document), anywhere),
        )

    whole = st.builds(network_policy, specs(odd=False))
    return whole.flatmap(missed).filter(lambda tree: not covers_pods(tree)).map(_map)


def _field(at: Path) -> str:
    """The field that a value is in, be it in a list."""
    return next((step for step in reversed(at) if isinstance(step, str)), "")


# --- edited -----------------------------------------------------------------------------------------


# Once: a strategy as large as this takes longer to make than to draw from.
_NEW = st.builds(network_policy, specs(odd=False), st.sampled_from(GOVERNED), st.just("new"))


def edited(documents: Sequence[Document]) -> st.SearchStrategy[list[Document]]:
    """One policy more, one less, or one with a part of its spec taken away; that may not be valid any more."""
    edits = [_NEW.map(lambda document: [*documents, document])]
    for index, document in enumerate(documents):
        rest = [*documents[:index], *documents[index + 1 :]]
        edits.append(st.just(rest))
        paths = [path for path, _ in parts(document) if path[:1] == ("spec",) and len(path) > 1]
        if paths:
            shorter = st.builds(without, st.just(document), st.sampled_from(paths))
            edits.append(st.builds(_with, st.just(rest), shorter))
    return st.one_of(edits).filter(lambda after: not any(map(covers_pods, after)))


def _with(documents: Sequence[Document], another: Json) -> list[Document]:
    return [*documents, _map(another)]


# --- in other words ---------------------------------------------------------------------------------


def _explicit_types(spec: Document) -> Document:
    """The default written out: Ingress, and Egress where there is an egress rule."""
    default = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return {**spec, "policyTypes": spec.get("policyTypes") or default}


def _rule_by_rule(change: Callable[[str, Document], Iterable[Json]]) -> Callable[[Document], Document]:
    """Puts what `change` makes of a rule (and the key of its peers) in its place."""

    def of_spec(spec: Document) -> Document:
        sections = {
            section: [new for rule in _items(spec[section]) for new in change(end, _map(rule))]
            for section, end in (("ingress", "from"), ("egress", "to"))
            if section in spec
        }
        return {**spec, **sections}

    return of_spec


def _split(end: str, rule: Document) -> Iterable[Json]:
    """A rule is the product of its peers and its ports: one rule for each pair, the last pair first."""
    peers = [{end: [peer]} for peer in _items(rule.get(end))] or [{}]
    ports = [{"ports": [port]} for port in _items(rule.get("ports"))] or [{}]
    return [{**peer, **port} for peer, port in reversed(list(product(peers, ports)))]


def _halved(end: str, rule: Document) -> Iterable[Json]:
    """Each range as its first port and the rest, each block without exceptions as its two halves."""
    changed = {
        end: [half for peer in _items(rule.get(end)) for half in _half_blocks(_map(peer))],
        "ports": [half for port in _items(rule.get("ports")) for half in _half_ranges(_map(port))],
    }
    return [{key: items for key, items in changed.items() if items}]


def _half_blocks(peer: Document) -> Iterable[Json]:
    block = peer.get("ipBlock")
    if block is None or _map(block).get("except"):
        return [peer]
    network = ip_network(str(_map(block)["cidr"]))
    if network.prefixlen == network.max_prefixlen:
        return [peer]
    return [{"ipBlock": {"cidr": str(half)}} for half in network.subnets()]


def _half_ranges(port: Document) -> Iterable[Json]:
    first, last = port.get("port"), port.get("endPort")
    if not isinstance(first, int) or not isinstance(last, int) or first == last:
        return [port]
    return [{**port, "endPort": first}, {**port, "port": first + 1}]


def _as_expressions(spec: Document) -> Document:
    """`matchLabels` as the expressions that it is short for, and NotIn of two values as two NotIns."""
    tree: Json = spec
    selectors = ("podSelector", "namespaceSelector")
    for at, selector in list(parts(spec)):
        if at and at[-1] in selectors and selector is not None:
            tree = replaced(tree, at, {"matchExpressions": list(_expressions(_map(selector)))})
    return _map(tree)


def _expressions(selector: Document) -> Iterable[Json]:
    for key, value in _map(selector.get("matchLabels") or {}).items():
        yield {"key": key, "operator": "In", "values": [value]}
    for expression in map(_map, _items(selector.get("matchExpressions"))):
        if expression["operator"] == "NotIn":
            yield from ({**expression, "values": [value]} for value in _items(expression["values"]))
        else:
            yield expression


def _one_direction(direction: str) -> Callable[[Document], Document]:
    return lambda spec: {**_explicit_types(spec), "policyTypes": [direction]}


def _by_direction(document: Document) -> list[Document]:
    """A policy of two directions is two policies of one."""
    types = _items(_explicit_types(_map(document["spec"]))["policyTypes"])
    return [_with_spec(document, _one_direction(each), f"-{each.lower()}") for each in DIRECTIONS if each in types]


def _with_spec(document: Document, change: Callable[[Document], Document], suffix: str = "") -> Document:
    metadata = _map(document["metadata"])
    return {
        **document,
        "metadata": {**metadata, "name": f"{metadata['name']}{suffix}"},
        "spec": change(_map(document["spec"])),
    }


_REWORDINGS: Sequence[Callable[[Document], Document]] = (
    _explicit_types,
    _rule_by_rule(_split),
    _rule_by_rule(_halved),
    _as_expressions,
)


def reworded(documents: Sequence[Document]) -> st.SearchStrategy[list[Document]]:
    """The same meaning in other words, by some of the rules above; not of odd forms."""

    def say(chosen: Iterable[Callable[[Document], Document]], apart: bool) -> list[Document]:
        said = list(documents)
        for change in chosen:
            said = [_with_spec(document, change) for document in said]
        return [each for one in said for each in _by_direction(one)] if apart else said

    return st.builds(say, st.lists(st.sampled_from(_REWORDINGS), min_size=1, max_size=3), st.booleans())
