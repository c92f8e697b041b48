"""Hypothesis strategies: any NetworkPolicy that the API server takes.

Documents are plain dictionaries, as a reader of YAML gives them, in every form that is valid: keys missing,
null, empty or filled. They are not what zt_dsl emits (it never writes an empty list) but what it may have to
read. Everything comes from small alphabets, so that rules of one set overlap, cancel and repeat one another.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias, TypeVar

from hypothesis import strategies as st

from tests.conformance.engines.process import PROTOCOLS, Document, Json

IPNetwork = IPv4Network | IPv6Network
# The way from a document to one of its values: keys of maps, indices of lists.
Path: TypeAlias = tuple[str | int, ...]

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

PORTS = (1, 80, 443, 8080, 65535)
NAMED_PORTS = ("http", "dns")

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


def inside(inner: IPNetwork, outer: IPNetwork) -> bool:
    """Strictly, as an exception has to be."""
    match inner, outer:
        case IPv4Network(), IPv4Network():
            return inner != outer and inner.subnet_of(outer)
        case IPv6Network(), IPv6Network():
            return inner != outer and inner.subnet_of(outer)
        case _:
            return False


def covers_pods(document: Json) -> bool:
    """Whether a block covers the pods' address, so that the two readings differ. Nothing made here does."""
    return any(
        isinstance(value, Mapping) and at[-1:] == ("ipBlock",) and _has_pod_address(value)
        for at, value in parts(document)
    )


def _has_pod_address(block: Mapping[str, Json]) -> bool:
    excepted = block.get("except")
    holes = excepted if isinstance(excepted, Sequence) else ()
    return _is_in(POD_ADDRESS, block.get("cidr")) and not any(_is_in(POD_ADDRESS, hole) for hole in holes)


def _is_in(address: str, cidr: Json) -> bool:
    try:
        return isinstance(cidr, str) and ip_address(address) in ip_network(cidr)
    except ValueError:  # a policy that somebody broke
        return False


# --- documents --------------------------------------------------------------------------------------

_Strategy: TypeAlias = st.SearchStrategy[Json]
_T = TypeVar("_T")


class _Missing(Enum):
    """Instead of a value, for a key that is left out."""

    MISSING = "missing"


def _of_ten(rare: Sequence[st.SearchStrategy[_T]], usual: st.SearchStrategy[_T]) -> st.SearchStrategy[_T]:
    """Each of the rare ones one time in ten. Not by `one_of`, to which the same strategy twice is once."""
    return st.integers(0, 9).flatmap(lambda die: rare[die] if die < len(rare) else usual)


def _object(required: Mapping[str, _Strategy], optional: Mapping[str, _Strategy]) -> _Strategy:
    """A map. An optional key is there eight times in ten, else missing or null, which to the API is the same.

    Left to themselves, optional keys inside optional keys are nearly always gone, and nothing deep is asked.
    """

    def present(entries: Mapping[str, Json | _Missing]) -> Json:
        return {key: value for key, value in entries.items() if not isinstance(value, _Missing)}

    entries: dict[str, st.SearchStrategy[Json | _Missing]] = {
        **required,
        **{key: _of_ten((st.just(_Missing.MISSING), st.none()), some) for key, some in optional.items()},
    }
    return st.fixed_dictionaries(entries).map(present)


def _list(elements: _Strategy, most: int) -> _Strategy:
    """Now and then empty."""
    empty: _Strategy = st.builds(list[Json])
    return _of_ten((empty,), st.lists(elements, min_size=1, max_size=most))


def _requirements(labels: Mapping[str, Sequence[str]]) -> _Strategy:
    """matchExpressions: In and NotIn need values, Exists and DoesNotExist must not have any."""

    def of(key: str) -> _Strategy:
        values: _Strategy = st.lists(st.sampled_from(labels[key]), min_size=1, max_size=2)
        with_values = {"key": st.just(key), "operator": st.sampled_from(("In", "NotIn")), "values": values}
        without = {"key": st.just(key), "operator": st.sampled_from(("Exists", "DoesNotExist"))}
        return _object(with_values, {}) | _object(without, {"values": st.builds(list[Json])})

    return st.one_of([of(key) for key in sorted(labels)])


def label_selectors(labels: Mapping[str, Sequence[str]]) -> _Strategy:
    """Over these labels. It may be empty, and it may contradict itself."""
    exact: _Strategy = st.fixed_dictionaries(
        {}, optional={key: st.sampled_from(values) for key, values in labels.items()}
    )
    expressions = _list(_requirements(labels), 2)
    return st.one_of(
        _object({}, {"matchLabels": exact}),
        _object({"matchExpressions": expressions}, {}),
        _object({"matchLabels": exact}, {"matchExpressions": expressions}),
    )


def _ip_blocks() -> _Strategy:
    """`except` may be any networks strictly inside, even all of the block together."""

    def block(network: IPNetwork) -> _Strategy:
        within = [str(other) for other in NETWORKS if inside(other, network)]
        always = [str(POD_NETWORK)] if inside(POD_NETWORK, network) else []
        drawn = st.lists(st.sampled_from(within), min_size=1, max_size=3) if within else st.builds(list[str])
        holes: _Strategy = drawn.map(lambda chosen: chosen + always)
        cidr: Mapping[str, _Strategy] = {"cidr": st.just(str(network))}
        return _object({**cidr, "except": holes}, {}) if always else _object(cidr, {"except": holes})

    return st.one_of([block(network) for network in NETWORKS])


def peers() -> _Strategy:
    """One item of `from` or `to`: an ipBlock alone, or selectors of which one at least is there."""
    pods = label_selectors(POD_LABELS)
    namespaces = label_selectors(NAMESPACE_LABELS)
    return st.one_of(
        _object({"podSelector": pods}, {}),
        _object({"namespaceSelector": namespaces}, {"ipBlock": st.none()}),
        _object({"namespaceSelector": namespaces, "podSelector": pods}, {}),
        _object({"ipBlock": _ip_blocks()}, {"podSelector": st.none()}),
    )


def ports(*, odd: bool) -> _Strategy:
    """One item of `ports`: a number, a range, every port of a protocol; odd: a name, or null."""

    def up_to(port: int) -> _Strategy:
        last: _Strategy = st.sampled_from([other for other in PORTS if other >= port])
        return _object({"port": st.just(port), "endPort": last}, protocol)

    protocol: Mapping[str, _Strategy] = {"protocol": st.sampled_from(PROTOCOLS)}
    number = _object({"port": st.sampled_from(PORTS)}, {**protocol, "endPort": st.none()})
    span = st.one_of([up_to(port) for port in PORTS])
    whole = _object({}, {**protocol, "port": st.none()})
    by_name = _object({"port": st.sampled_from(NAMED_PORTS)}, protocol)
    return st.one_of(number, span, whole, *([by_name, st.none()] if odd else []))


def _rules(end: str, *, odd: bool) -> _Strategy:
    rule = _object({}, {end: _list(peers(), 3), "ports": _list(ports(odd=odd), 2)})
    # A null item is the empty rule, which lets everything through.
    return _list(_of_ten((st.none(),), rule) if odd else rule, 2)


def _types(*, odd: bool) -> _Strategy:
    """Two at most; odd: the same twice. Often both, so that much is refused."""
    both: _Strategy = st.just(list(DIRECTIONS))
    return both | st.lists(st.sampled_from(DIRECTIONS), max_size=2, unique=not odd)


def specs(*, odd: bool) -> _Strategy:
    """`odd`: also with the forms of `is_odd`."""
    return _object(
        {},
        {
            "podSelector": label_selectors(POD_LABELS),
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
    """What may be in force together: up to four specs, each in one governed namespace or in both.

    `odd` forms are those that the API takes and zt_dsl refuses to read (see `is_odd`). Seven sets in
    eight have no other nulls: a file with nulls goes to the slower of zt_dsl's two readers.
    """
    places = st.lists(st.sampled_from(GOVERNED), min_size=1, max_size=2, unique=True)
    drawn = st.lists(st.tuples(specs(odd=odd), places), min_size=1, max_size=4)
    return st.builds(_placed, drawn, nulls=st.integers(0, 7).map(lambda die: die == 7))


def _placed(drawn: Sequence[tuple[Json, Sequence[str]]], *, nulls: bool) -> list[Document]:
    # A name is an identity: two policies of one name in one namespace cannot be.
    return [
        network_policy(spec if nulls else _without_nulls(spec), namespace, f"policy-{number}")
        for number, (spec, namespaces) in enumerate(drawn)
        for namespace in namespaces
    ]


def _without_nulls(tree: Json) -> Json:
    """Keys that are null are left out; elements of lists stay."""
    match tree:
        case Mapping():
            return {key: _without_nulls(child) for key, child in tree.items() if child is not None}
        case Sequence() if not isinstance(tree, str):
            return [_without_nulls(child) for child in tree]
        case _:
            return tree


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
