"""Hypothesis strategies: the connections to ask about, put at the edges of the policies' alphabets."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import product

from attrs import frozen
from hypothesis import strategies as st

from tests.conformance.engines.kubernetes_engine import Address, Connection, Peer, Pod
from tests.conformance.engines.process import PROTOCOLS, Protocol
from tests.conformance.policies import (
    GOVERNED,
    NAMESPACES,
    NETWORKS,
    POD_ADDRESS,
    POD_LABELS,
    POD_NETWORK,
    PORTS,
    IPNetwork,
    inside,
)

# What no selector names.
STRANGE_VALUE = "strange"
# The target of a connection may call its port 80 by this name.
NAMED: Mapping[int, str] = {80: "http"}


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
        address for network in NETWORKS for address in _edges(network) if not inside(ip_network(address), POD_NETWORK)
    )
)

PROBED_PORTS = tuple(sorted({port + step for port in PORTS for step in (-1, 0, 1)} & set(range(1, 65536))))


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
