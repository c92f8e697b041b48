"""Hypothesis strategies: any NetworkPolicy that the API server takes.

Documents are plain dictionaries, as a reader of YAML gives them, in every form that is valid: keys missing,
null, empty or filled. They are not what zt_dsl emits (it never writes an empty list) but what it may have to
read. Everything comes from small alphabets, so that rules of one set overlap, cancel and repeat one another.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

from hypothesis import strategies as st

from tests.conformance.engines.client import PROTOCOLS, Document, Json

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


# --- documents --------------------------------------------------------------------------------------


def _object(
    required: Mapping[str, st.SearchStrategy[Json]], optional: Mapping[str, st.SearchStrategy[Json]]
) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(dict(required), optional=dict(optional))


def _list(elements: st.SearchStrategy[Json], most: int) -> st.SearchStrategy[Json]:
    return st.lists(elements, max_size=most)


def _or_null(strategy: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Sometimes null: what YAML makes of `key:` with nothing behind it, and to the API a missing key."""
    return st.one_of(strategy, strategy, strategy, st.none())


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
        within = [str(other) for other in NETWORKS if inside(other, network)]
        always = [str(POD_NETWORK)] if inside(POD_NETWORK, network) else []
        drawn = st.lists(st.sampled_from(within), max_size=3) if within else st.builds(list[str])
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


def specs(*, odd: bool) -> st.SearchStrategy[Json]:
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
    placed = st.tuples(specs(odd=odd), st.sampled_from(GOVERNED))
    return st.lists(placed, max_size=6).map(
        lambda drawn: [
            # A name is an identity: two policies of one name in one namespace cannot be.
            network_policy(spec, namespace, f"policy-{number}")
            for number, (spec, namespace) in enumerate(drawn)
        ]
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
