"""What a topology means, read straight from the values that its author wrote: a second opinion for the tests.

It follows "What allowed means" in the design, by brute force, one connection at a time. It knows nothing of
`zt_dsl.ir`, of the passes, of `reach` or of what is emitted: whoever made the same mistake here and there would
have made it twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from random import Random
from typing import Any, Literal

from attrs import Factory, field, frozen

from zt_dsl import (
    INTERNET,
    ApiServer,
    Denial,
    DnsPort,
    Edge,
    Endpoint,
    External,
    Guardrail,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Platform,
    Port,
    SctpPort,
    Service,
    Source,
    Tier,
    Topology,
    UdpPort,
)
from zt_dsl.model.statements import Quarantine

Protocol = Literal["TCP", "UDP", "SCTP"]
PROTOCOLS: tuple[Protocol, ...] = ("TCP", "UDP", "SCTP")
LAST_PORT = 65535

# INTERNET is everything but these and the pods: loopback, link-local and multicast.
NEVER_OUTSIDE = ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8")

IPNetwork = IPv4Network | IPv6Network
IPAddress = IPv4Address | IPv6Address


Labels = tuple[tuple[str, str], ...]


def _labels(given: Mapping[str, str] | Labels) -> Labels:
    return tuple(sorted(given.items() if isinstance(given, Mapping) else given))


@frozen(cache_hash=True)
class Pod:
    """A pod of the platform's own cluster, by its namespace and labels."""

    namespace: str
    labels: Labels = field(default=(), converter=_labels)


End = Pod | str
"""A pod, or an address that is no pod's."""


@frozen(cache_hash=True)
class Probe:
    """One connection to ask about; the port is the target's own."""

    source: End
    target: End
    protocol: Protocol
    port: int


@frozen
class Verdict:
    """What each end says of it. An end that nobody governs says yes."""

    egress: bool
    ingress: bool


# --- addresses ---------------------------------------------------------------------------------------

_network = lru_cache(maxsize=None)(ip_network)


@lru_cache(maxsize=1 << 16)
def _address(text: str) -> IPAddress:
    return ip_address(text)


def in_any(address: str, cidrs: Iterable[str]) -> bool:
    return any(_address(address) in _network(cidr) for cidr in cidrs)


def is_internet(network: Network) -> bool:
    return tuple(network.cidrs) == tuple(INTERNET.cidrs)


# --- what was written --------------------------------------------------------------------------------


def services_of(topology: Topology) -> list[Service]:
    """Those that the topology lists and those that a statement names, each once; not the resolver."""
    named: list[object] = list(topology.services)
    for statement in topology.statements:
        match statement:
            case Edge():
                named += (*statement.sources, statement.target.peer)
            case Denial() | Guardrail():
                targets = (*statement.targets, *getattr(statement, "but", ()))
                named += statement.sources
                named += (target.peer if isinstance(target, Endpoint) else target for target in targets)
            case _:
                pass
    found = (one for one in named if isinstance(one, Service) and not isinstance(one, KubeDns))
    return list(dict.fromkeys(found))


def in_force(topology: Topology) -> list[tuple[Edge, Source, Endpoint]]:
    """Each edge's sources, with a tier's services for the tier, and without those that are cut off."""
    known = services_of(topology)
    cut: list[object] = [statement.sources[0] for statement in topology.statements if isinstance(statement, Quarantine)]
    return [
        (edge, source, edge.target)
        for edge in topology.statements
        if isinstance(edge, Edge) and edge.target.peer not in cut
        for written in edge.sources
        for source in ([one for one in known if one.tier == written] if isinstance(written, Tier) else [written])
        if source not in cut
    ]


def labels_of(service: Service) -> Mapping[str, str]:
    return {"app": service.name} if service.labels is None else service.labels


def port_of(endpoint: Endpoint, platform: Platform) -> "Port[Any]":
    """The declaration. The resolver, the API server and the nodes are the platform's own, port and all."""
    match endpoint.peer:
        case KubeDns():
            kind: type = type(platform.dns)
        case ApiServer():
            kind = type(platform.api_server)
        case Nodes():
            kind = type(platform.nodes)
        case _:
            kind = type(endpoint.peer)
    declared = getattr(kind, endpoint.port)
    assert isinstance(declared, Port)
    return declared


def protocols_of(port: "Port[Any]") -> tuple[Protocol, ...]:
    match port:
        case UdpPort():
            return ("UDP",)
        case SctpPort():
            return ("SCTP",)
        case DnsPort():
            return ("UDP", "TCP")
        case _:
            return ("TCP",)


@frozen
class _Allowed:
    """From these to those, on these ports."""

    source: object
    target: object
    protocols: tuple[Protocol, ...]
    first: int
    last: int


# --- the meaning -------------------------------------------------------------------------------------


@frozen
class Meaning:
    """What the topology allows on a platform of native NetworkPolicy whose waivers cover all that needs one."""

    topology: Topology
    platform: Platform
    governed: frozenset[str] = Factory(
        lambda self: frozenset(place.name for place in self.topology.governs), takes_self=True
    )
    flows: tuple[_Allowed, ...] = Factory(lambda self: tuple(self._flows()), takes_self=True)

    def allowed(self, source: End, target: End, protocol: Protocol, port: int) -> Verdict:
        """What the egress end and the ingress end say."""
        passes = any(
            protocol in flow.protocols
            and flow.first <= port <= flow.last
            and self.matches(flow.source, source)
            and self.matches(flow.target, target)
            for flow in self.flows
        )
        return Verdict(passes or not self.governs(source), passes or not self.governs(target))

    def governs(self, end: End) -> bool:
        return isinstance(end, Pod) and end.namespace in self.governed

    def matches(self, peer: object, end: End) -> bool:
        """Whether this pod or address is one that the peer stands for."""
        match peer, end:
            case KubeDns(), Pod() if peer is not self.platform.dns:
                return self.matches(self.platform.dns, end)
            case Service(), Pod():
                return end.namespace == peer.namespace.name and labels_of(peer).items() <= dict(end.labels).items()
            case Namespace(), Pod():
                return end.namespace == peer.name
            case External(), str():
                return self._outside(INTERNET, end)  # a name that is waived is that port of INTERNET
            case Network(), str():
                return self._outside(peer, end)
            case ApiServer(), str():
                return in_any(end, self.platform.api_server.cidrs)
            case Nodes(), str():
                return in_any(end, self.platform.nodes.cidrs)
            case str(), str():
                return _address(peer) == _address(end)
            case _:
                return False

    def _outside(self, network: Network, address: str) -> bool:
        pods = self.platform.pod_cidrs
        if is_internet(network):
            dual = any(_network(pod).version == 6 for pod in pods)
            if in_any(address, NEVER_OUTSIDE) or (_address(address).version == 6 and not dual):
                return False
        return in_any(address, network.cidrs) and not in_any(address, (*network.excluding, *pods))

    def _flows(self) -> Iterator[_Allowed]:
        callers: dict[object, None] = {}
        for _, source, target in in_force(self.topology):
            port = port_of(target, self.platform)
            last = port.number if port.last is None else port.last
            yield _Allowed(source, target.peer, protocols_of(port), port.number, last)
            place = self._place(source)
            if place is not None and place.name in self.governed and isinstance(target.peer, Service | External):
                callers[source] = None
        # DNS: for whoever is governed and calls by name.
        dns = port_of(self.platform.dns.dns, self.platform)
        dialled = dns.service_port or dns.number
        for caller in callers:
            yield _Allowed(caller, self.platform.dns, ("UDP", "TCP"), dns.number, dns.last or dns.number)
            if self.platform.node_local_dns is not None:
                yield _Allowed(caller, self.platform.node_local_dns, ("UDP", "TCP"), dialled, dialled)

    def _place(self, source: object) -> Namespace | None:
        match source:
            case Namespace():
                return source
            case KubeDns():
                return self.platform.dns.namespace
            case Service():
                return source.namespace
            case _:
                return None


# --- what to ask --------------------------------------------------------------------------------------


def boundaries(cidrs: Iterable[str]) -> list[str]:
    """The first and the last address of each block, and their neighbours outside."""
    found: dict[str, None] = {}
    for block in map(_network, cidrs):
        kind = type(block.network_address)
        first, last = int(block.network_address), int(block.broadcast_address)
        for number in (first - 1, first, last, last + 1):
            if 0 <= number < 2**block.max_prefixlen:
                found[str(kind(number))] = None
    return list(found)


def near_misses(namespace: str, labels: Mapping[str, str]) -> list[Pod]:
    """Pods that carry almost these labels, or these in almost this namespace."""
    missed = [
        {**labels, "extra": "yes"},
        *({k: v for k, v in labels.items() if k != key} for key in labels),
        *({**labels, key: value} for key in labels for value in (f"{labels[key]}x", "")),
        {key.upper(): value for key, value in labels.items()},
    ]
    near = [Pod(namespace, one) for one in missed]
    return [*near, Pod(f"{namespace}-2", labels), Pod("elsewhere", labels)]


@frozen
class Asked:
    """Everything of a topology that is worth asking about."""

    pods: tuple[Pod, ...]
    addresses: tuple[str, ...]
    ports: tuple[tuple[Protocol, int], ...]


def asked(meaning: Meaning) -> Asked:
    """Pods of each service and strangers, addresses at each boundary, ports at the edges of each class."""
    topology, platform = meaning.topology, meaning.platform
    services = [*services_of(topology), platform.dns]
    places = dict.fromkeys((*(one.namespace.name for one in services), *sorted(meaning.governed), "elsewhere"))
    pods: dict[Pod, None] = {}
    for service in services:
        labels = labels_of(service)
        pods[Pod(service.namespace.name, labels)] = None
        pods |= dict.fromkeys(near_misses(service.namespace.name, labels))
        pods |= dict.fromkeys(Pod(place, labels) for place in places)
    pods |= dict.fromkeys(Pod(place) for place in places)
    cidrs = [*platform.pod_cidrs, *platform.api_server.cidrs, *platform.nodes.cidrs, *NEVER_OUTSIDE]
    for statement in topology.statements:
        if isinstance(statement, Edge):
            networks = [end for end in (*statement.sources, statement.target.peer) if isinstance(end, Network)]
            cidrs += (cidr for network in networks for cidr in (*network.cidrs, *network.excluding))
    if platform.node_local_dns is not None:
        cidrs.append(str(ip_network(platform.node_local_dns)))
    numbers = {
        number + step
        for flow in meaning.flows
        for number in (flow.first, flow.last)
        for step in (-1, 0, 1)
        if 1 <= number + step <= LAST_PORT
    }
    ports: list[tuple[Protocol, int]] = [
        (protocol, number) for number in sorted(numbers or {80}) for protocol in PROTOCOLS
    ]
    return Asked(tuple(pods), tuple(boundaries(dict.fromkeys(cidrs))), tuple(ports))


def probes(meaning: Meaning, random: Random, many: int) -> list[Probe]:
    """Connections at the edges of what is allowed: most start from one that is, with a part changed."""
    about = asked(meaning)
    everyone: tuple[End, ...] = (*about.pods, *about.addresses)
    ends: dict[object, list[End]] = {}

    def like(peer: object) -> End:
        """One that the peer stands for, where there is one."""
        if peer not in ends:
            ends[peer] = [end for end in everyone if meaning.matches(peer, end)]
        return random.choice(ends[peer]) if ends[peer] else anyone()

    def anyone() -> End:
        return random.choice(about.pods) if random.random() < 0.6 else random.choice(about.addresses)

    found: dict[Probe, None] = {}
    for _ in range(many * 4):
        if len(found) >= many:
            break
        protocol, port = random.choice(about.ports)
        source, target = anyone(), anyone()
        if meaning.flows and random.random() < 0.8:
            flow = random.choice(meaning.flows)
            source = source if random.random() < 0.25 else like(flow.source)
            target = target if random.random() < 0.25 else like(flow.target)
            if random.random() < 0.75:
                protocol = random.choice(flow.protocols)
                port = random.choice([n for n in (flow.first, flow.last, flow.last + 1) if n <= LAST_PORT])
        if isinstance(source, Pod) or isinstance(target, Pod):
            found[Probe(source, target, protocol, port)] = None
    return list(found)
