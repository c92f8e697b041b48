"""Hypothesis strategies: any NetworkPolicy that the API server takes, and the connections to ask about it.

Documents are plain dictionaries, as a reader of YAML gives them, in every form that is valid: keys missing,
null, empty or filled. They are not what zt_dsl emits (it never writes an empty list) but what it may have to
read. Everything comes from small alphabets, so that rules of one set overlap, cancel and repeat one another,
and the connections are put at the edges of the same alphabets.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import product
from typing import TypeAlias

from attrs import frozen
from hypothesis import strategies as st

from tests.conformance.engines.client import (
    PROTOCOLS,
    Address,
    Connection,
    Document,
    Json,
    Peer,
    Pod,
    Protocol,
)

IPNetwork = IPv4Network | IPv6Network

DIRECTIONS = ("Ingress", "Egress")

# --- the alphabets ----------------------------------------------------------------------------------

METADATA_NAME = "kubernetes.io/metadata.name"

# Policies live in the first two; pods in all, and in one that no selector names.
GOVERNED = ("shop", "pay")
NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "shop": {"team": "red", "env": "prod"},
    "pay": {"team": "blue"},
    "ops": {"team": ""},
    "elsewhere": {},
}

# The empty value is valid, and not the same as a label that is not there.
POD_LABELS: Mapping[str, Sequence[str]] = {"app": ("web", "db", ""), "tier": ("one", "two")}
NAMESPACE_LABELS: Mapping[str, Sequence[str]] = {
    METADATA_NAME: ("shop", "pay", "ops"),
    "team": ("red", "blue", ""),
    "env": ("prod",),
}
STRANGE_VALUE = "strange"

PORTS = (1, 80, 443, 8080, 65535)
# The target of a probe may call its port 80 by this name.
NAMED_PORTS = ("http", "dns")
NAMED: Mapping[int, str] = {80: "http"}

# The engine's ipBlocks match the addresses of pods too, as the API's own end-to-end tests demand; zt_dsl
# judges pods by their labels alone, and outside addresses by their address alone. The two readings differ
# only for a pod whose address a block covers, so here no block does: pods have IPv6 addresses in POD_NETWORK,
# which every block around it excepts, while the IPv4 blocks may be as wide as they like.
POD_NETWORK = ip_network("fd00::/8")
POD_ADDRESS = "fd00::1"

NETWORKS: Sequence[IPNetwork] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/0",
            "0.0.0.0/1",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3/32",
            "203.0.113.0/24",
            "203.0.113.0/25",
            "203.0.113.128/25",
            "203.0.113.192/26",
            "203.0.113.255/32",
            "::/0",
            "2000::/3",
            "2001:db8::/32",
            "2001:db8::/33",
            "2001:db8:8000::/33",
            "2001:db8::1/128",
        ),
    )
)


def _inside(inner: IPNetwork, outer: IPNetwork) -> bool:
    match inner, outer:
        case (IPv4Network(), IPv4Network()) | (IPv6Network(), IPv6Network()):
            return inner != outer and outer.supernet_of(inner)  # type: ignore[arg-type]
        case _:
            return False


def _edges(network: IPNetwork) -> Iterable[str]:
    """The first and last address of a network, and their neighbours outside."""
    first, last = int(network.network_address), int(network.broadcast_address)
    beyond = 2**network.max_prefixlen
    kind = type(network.network_address)
    for number in (first - 1, first, last, last + 1):
        if 0 <= number < beyond:
            yield str(kind(number))


ADDRESSES = tuple(
    dict.fromkeys(
        address for network in NETWORKS for address in _edges(network) if not _inside(ip_network(address), POD_NETWORK)
    )
)

PROBED_PORTS = tuple(sorted({port + step for port in PORTS for step in (-1, 0, 1)} & set(range(1, 65536))))


# --- documents --------------------------------------------------------------------------------------


def _object(
    required: Mapping[str, st.SearchStrategy[Json]], optional: Mapping[str, st.SearchStrategy[Json]]
) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(dict(required), optional=dict(optional))


def _list(elements: st.SearchStrategy[Json], most: int) -> st.SearchStrategy[Json]:
    return st.lists(elements, max_size=most)


def _or_null(strategy: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Null is what YAML says of `key:` with nothing behind it. To the API it is a key that is missing."""
    return strategy | st.none()


def _requirements(labels: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Json]:
    """matchExpressions: In and NotIn need values, Exists and DoesNotExist must not have any."""

    def of(key: str) -> st.SearchStrategy[Json]:
        values: st.SearchStrategy[Json] = st.lists(st.sampled_from(labels[key]), min_size=1, max_size=2)
        return _object(
            {"key": st.just(key), "operator": st.sampled_from(("In", "NotIn")), "values": values}, {}
        ) | _object(
            {"key": st.just(key), "operator": st.sampled_from(("Exists", "DoesNotExist"))},
            {"values": st.just([]) | st.none()},
        )

    return st.sampled_from(sorted(labels)).flatmap(of)


def label_selectors(labels: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Json]:
    """Over these labels. Both parts may be missing, empty or contradict each other."""
    exact: st.SearchStrategy[Json] = _object({}, {key: st.sampled_from(labels[key]) for key in labels})
    return _object(
        {},
        {"matchLabels": _or_null(exact), "matchExpressions": _or_null(_list(_requirements(labels), 2))},
    )


def _ip_blocks() -> st.SearchStrategy[Json]:
    """`except` may be any networks strictly inside, even all of the block together."""

    def block(network: IPNetwork) -> st.SearchStrategy[Json]:
        inside = [str(other) for other in NETWORKS if _inside(other, network)]
        always = [str(POD_NETWORK)] if _inside(POD_NETWORK, network) else []
        drawn = st.lists(st.sampled_from(inside), max_size=3) if inside else st.builds(list[str])
        holes: st.SearchStrategy[Json] = drawn.map(lambda chosen: chosen + always)
        cidr: Mapping[str, st.SearchStrategy[Json]] = {"cidr": st.just(str(network))}
        if always:
            return _object({**cidr, "except": holes}, {})
        return _object(cidr, {"except": _or_null(holes)})

    return st.sampled_from(NETWORKS).flatmap(block)


def peers() -> st.SearchStrategy[Json]:
    """One item of `from` or `to`: an ipBlock alone, or selectors of which one at least is there."""
    pods = label_selectors(POD_LABELS)
    namespaces = label_selectors(NAMESPACE_LABELS)
    return st.one_of(
        _object({"podSelector": pods}, {"namespaceSelector": st.none()}),
        _object({"namespaceSelector": namespaces}, {"podSelector": st.none(), "ipBlock": st.none()}),
        _object({"namespaceSelector": namespaces, "podSelector": pods}, {}),
        _object({"ipBlock": _ip_blocks()}, {"podSelector": st.none()}),
    )


def _numbered_ports() -> st.SearchStrategy[Json]:
    def up_to(port: int) -> st.SearchStrategy[Json]:
        last: st.SearchStrategy[Json] = st.sampled_from([other for other in PORTS if other >= port])
        return _object({"port": st.just(port)}, {"endPort": _or_null(last), "protocol": _protocols()})

    return st.sampled_from(PORTS).flatmap(up_to)


def _protocols() -> st.SearchStrategy[Json]:
    return st.sampled_from((*PROTOCOLS, None))


def ports(*, odd: bool) -> st.SearchStrategy[Json]:
    """One item of `ports`: a number, a range, every port of a protocol; odd: a name, or null."""
    whole = _object({}, {"protocol": _protocols(), "port": st.none()})
    by_name = _object({"port": st.sampled_from(NAMED_PORTS)}, {"protocol": _protocols()})
    return st.one_of(_numbered_ports(), whole, *([by_name, st.none()] if odd else []))


def _rules(end: str, *, odd: bool) -> st.SearchStrategy[Json]:
    of_rule = {end: _list(peers(), 2), "ports": _list(ports(odd=odd), 2)}
    rule = _object({}, {key: _or_null(items) for key, items in of_rule.items()})
    # A null item is the empty rule, which lets everything through.
    return _or_null(_list(_or_null(rule) if odd else rule, 2))


def _types(*, odd: bool) -> st.SearchStrategy[Json]:
    """Two at most; odd: the same twice. Empty is the same as missing. Often both, so that much is refused."""
    any_two: st.SearchStrategy[Json] = st.lists(st.sampled_from(DIRECTIONS), max_size=2, unique=not odd)
    return st.just(list(DIRECTIONS)) | _or_null(any_two)


def _spec(*, odd: bool) -> st.SearchStrategy[Json]:
    return _object(
        {},
        {
            "podSelector": _or_null(label_selectors(POD_LABELS)),
            "policyTypes": _types(odd=odd),
            "ingress": _rules("from", odd=odd),
            "egress": _rules("to", odd=odd),
        },
    )


def network_policy(spec: Json, namespace: str = "shop", name: str = "policy") -> Document:
    """The whole document around a spec."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def policy_sets(*, odd: bool) -> st.SearchStrategy[list[Document]]:
    """What may be in force together: none to six policies, each in a governed namespace.

    `odd` forms are those that the API takes and zt_dsl refuses to read (see `is_odd`).
    """
    placed = st.tuples(_spec(odd=odd), st.sampled_from(GOVERNED))
    return st.lists(placed, max_size=6).map(
        lambda drawn: [
            # A name is an identity: two policies of one name in one namespace cannot be.
            network_policy(spec, namespace, f"policy-{number}")
            for number, (spec, namespace) in enumerate(drawn)
        ]
    )


def is_odd(document: Document) -> bool:
    """Whether a valid policy has a form that zt_dsl does not read.

    A null item, which opens everything or every TCP port and looks like nothing; a direction named twice; and
    a named port, of which nobody can say what it opens without knowing the pods.
    """
    at = dict(parts(document))
    types = at.get(("spec", "policyTypes"))
    return (
        any(value is None and isinstance(path[-1], int) for path, value in at.items() if path)
        or (isinstance(types, Sequence) and len(set(types)) < len(types))
        or any(isinstance(value, str) and path[-1] == "port" for path, value in at.items() if path)
    )


# --- documents with one thing changed ---------------------------------------------------------------

Path: TypeAlias = tuple[str | int, ...]

# What people, templates and attackers write where something else belongs.
HOSTILE: Sequence[Json] = (
    None,
    True,
    0,
    -1,
    65536,
    80.0,
    80.5,
    2**31,
    "",
    "80",
    "tcp",
    "Ingress",
    "not a name",
    "-",
    "a/b/c",
    "n" * 64,
    "n" * 254,
    "10.0.0.0",
    "10.0.0.1/8",
    "10.0.0.0/08",
    "010.0.0.0/8",
    "10.0.0.0/33",
    "10.0.0.0/255.0.0.0",
    "::ffff:10.0.0.0/104",
    "2001:DB8::/32",
    "fe80::%eth0/64",
    [],
    [None],
    [{}],
    ["10.0.0.0/8"],
    {},
    {"": ""},
    {"app": None},
    {"app": 1},
    {"matchLabels": {"app": "web"}},
    {"unknown": True},
)
FIELDS = (
    "apiVersion",
    "kind",
    "namespace",
    "spec",
    "podSelector",
    "policyTypes",
    "from",
    "to",
    "ports",
    "ipBlock",
    "except",
    "endPort",
    "matchExpressions",
    "operator",
    "status",
    "PodSelector",
    "unknown",
)


def parts(tree: Json, at: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every value in a document, with the way to it."""
    yield at, tree
    match tree:
        case str():
            return
        case Mapping():
            for key, child in tree.items():
                yield from parts(child, (*at, key))
        case Sequence():
            for index, child in enumerate(tree):
                yield from parts(child, (*at, index))


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


def near_misses() -> st.SearchStrategy[Document]:
    """A policy with one value replaced, added or taken away: mostly not valid any more, sometimes still."""

    def missed(document: Document) -> st.SearchStrategy[Json]:
        paths = [path for path, _ in parts(document) if path]
        maps = [path for path, value in parts(document) if isinstance(value, Mapping)]
        hostile = st.sampled_from(HOSTILE)
        return st.one_of(
            st.builds(replaced, st.just(document), st.sampled_from(paths), hostile),
            st.builds(
                lambda at, key, value: replaced(document, (*at, key), value),
                st.sampled_from(maps),
                st.sampled_from(FIELDS),
                hostile,
            ),
            st.builds(without, st.just(document), st.sampled_from(paths)),
        )

    whole = st.builds(network_policy, _spec(odd=False))
    return whole.flatmap(missed).filter(lambda tree: isinstance(tree, Mapping)).map(_as_document)


def _as_document(tree: Json) -> Document:
    assert isinstance(tree, Mapping)
    return tree


def edited(documents: Sequence[Document]) -> st.SearchStrategy[list[Document]]:
    """The same policies after an edit: one gone, one new, or one part of one taken away. Maybe not valid."""
    new = st.builds(network_policy, _spec(odd=False), st.sampled_from(GOVERNED), st.just("new"))
    edits = [new.map(lambda document: [*documents, document])]
    for index, document in enumerate(documents):
        rest = [*documents[:index], *documents[index + 1 :]]
        paths = [path for path, _ in parts(document) if path[:1] == ("spec",) and len(path) > 1]
        edits.append(st.just(rest))
        if paths:
            shorter = st.builds(without, st.just(document), st.sampled_from(paths)).map(_as_document)
            edits.append(st.builds(lambda one, others: [*others, one], shorter, st.just(rest)))
    return st.one_of(edits)


# --- connections ------------------------------------------------------------------------------------


@frozen
class Port:
    """A port of a target, and what the target calls it."""

    protocol: Protocol
    number: int
    name: str = ""


def _label_sets() -> st.SearchStrategy[dict[str, str]]:
    """Each key with each value that a selector may name, one that none names, or not at all."""
    values = {key: st.sampled_from((*known, STRANGE_VALUE)) for key, known in POD_LABELS.items()}
    return st.fixed_dictionaries({}, optional={**values, "stranger": st.just("yes")})


def pods(namespaces: Iterable[str] = tuple(NAMESPACES)) -> st.SearchStrategy[Pod]:
    """Pods that the selectors select, and strangers."""

    def pod(namespace: str, labels: Mapping[str, str]) -> Pod:
        return Pod(namespace, labels, POD_ADDRESS, NAMESPACES[namespace])

    return st.builds(pod, st.sampled_from(tuple(namespaces)), _label_sets())


def addresses() -> st.SearchStrategy[Address]:
    """Inside, at the edges of and just outside each block and each exception."""
    return st.builds(Address, st.sampled_from(ADDRESSES))


def probed_ports() -> st.SearchStrategy[Port]:
    """The ports that policies name and their neighbours."""

    def port(protocol: Protocol, number: int, named: bool) -> Port:
        return Port(protocol, number, NAMED.get(number, "") if named else "")

    return st.builds(port, st.sampled_from(PROTOCOLS), st.sampled_from(PROBED_PORTS), st.booleans())


def _both_ways(subjects: Iterable[Pod], others: Iterable[Peer], ports: Iterable[Port]) -> list[Connection]:
    return [
        Connection(source, target, port.protocol, port.number, port.name)
        for subject, other, port in product(subjects, others, ports)
        for source, target in ((other, subject), (subject, other))
    ]


def probes() -> st.SearchStrategy[list[Connection]]:
    """Governed pods × peers × ports, each from either side: 48 to 864 connections, some 200 on average."""
    others: st.SearchStrategy[Peer] = pods() | addresses()
    return st.builds(
        _both_ways,
        st.lists(pods(GOVERNED), min_size=1, max_size=3, unique=True),
        st.lists(others, min_size=4, max_size=12, unique=True),
        st.lists(probed_ports(), min_size=6, max_size=12, unique=True),
    )
