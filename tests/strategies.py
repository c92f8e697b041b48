"""Hypothesis strategies: valid topologies, with every word of the surface, and platforms to compile them for.

Everything is built so that `resolve` accepts it: what a choice rules out is never offered to the next one,
so that nothing has to be filtered. Names, labels, addresses and ports come from small alphabets, so that they
collide, nest and touch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from ipaddress import ip_network
from typing import Any, TypeVar, cast

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from tests.meaning import Meaning, boundaries, in_force, is_internet, labels_of, port_of, services_of
from zt_dsl import (
    ANY,
    GET,
    INTERNET,
    POST,
    ApiServer,
    DnsPort,
    Edge,
    Endpoint,
    External,
    Feature,
    GrpcApp,
    GrpcPort,
    HttpApp,
    HttpPort,
    HttpsApi,
    Kafka,
    KafkaPort,
    KubeDns,
    Kubernetes,
    Mtls,
    MySql,
    Namespace,
    Network,
    Nodes,
    Peer,
    Platform,
    Port,
    Postgres,
    Redis,
    SctpPort,
    Service,
    Source,
    Statement,
    Target,
    TcpPort,
    Tier,
    TlsPort,
    Topology,
    UdpPort,
    Waiver,
    allow,
    deny,
    never,
    only,
    quarantine,
)
from zt_dsl.model.endpoints import (
    DnsEndpoint,
    GrpcEndpoint,
    HttpEndpoint,
    KafkaEndpoint,
    Methods,
    Names,
    Routes,
    Topics,
)

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

# The day on which everything is compiled; what ends, ends on it or later.
ON = date(2026, 11, 23)
LATER = (ON, date(2027, 6, 30))

# --- the alphabets ------------------------------------------------------------------------------------

GOVERNED = ("shop", "pay", "on")
UNGOVERNED = ("ops", "kube-system")
SERVICES = ("web", "api", "db", "jobs", "08")
TIERS = ("edge", "app", "data")
LABEL_KEYS: Sequence[str] = ("app", "app.kubernetes.io/name")
ELSEWHERE = "west"
# What YAML could take for something else; each is the label of one service at most.
LABEL_VALUES: Sequence[str] = ("null", "1e3", "0x1F", "a.b_c", "")
PORTS = ("main", "bulk", "side")
DIALLED = (None, None, 80, 8443)
MODES: Sequence[Mtls | None] = (None, None, "strict", "permissive", "disable")
PORT_MODES: Sequence[Mtls | None] = (None, None, None, "strict", "permissive", "disable")
NUMBERS = (1, 53, 80, 443, 8080, 9092, 65535)
WHYS = ("", "checkout", "nightly: the # report", "«données»")
VERSIONS = (*(f"1.{minor}" for minor in range(25, 38)), "1.30.4")

PORT_KINDS: Mapping[str, "type[Port[Any]]"] = {
    "tcp": TcpPort,
    "udp": UdpPort,
    "sctp": SctpPort,
    "tls": TlsPort,
    "http": HttpPort,
    "grpc": GrpcPort,
    "kafka": KafkaPort,
    "dns": DnsPort,
}
READY_MADE: Sequence[type[Service]] = (HttpApp, GrpcApp, Postgres, MySql, Redis, Kafka)
HOSTS = ("api.example.com", "*.example.com", "**.example.org", "pay.example.net")

# What may overlap pods and so needs the pod networks to be known, and what may not.
PRIVATE = ("10.0.0.0/8", "10.244.0.0/15", "172.16.0.0/12", "192.168.1.0/24", "100.64.0.0/10", "fd00::/8", "0.0.0.0/1")
PUBLIC = ("203.0.113.0/24", "203.0.113.0/26", "198.51.100.0/25", "192.0.2.7/32", "2001:db8::/32", "2001:db8:1::/48")
WORLD_HOLES: Sequence[tuple[str, ...]] = ((), ("203.0.113.0/25",), ("10.0.0.0/8", "2001:db8::/33"))
NETWORKS = ("office", "plant", "partner", "node-local-dns")
POD_CIDRS: Sequence[tuple[str, ...]] = (
    ("10.244.0.0/16",),
    ("10.244.0.0/17", "10.244.128.0/17"),
    ("10.128.0.0/9", "fd00:10:244::/56"),
    ("fd00:10:244::/56",),
)


# --- choices -------------------------------------------------------------------------------------------

# Made once: Hypothesis validates each strategy that it has not seen, which costs more than the choice.
_COIN = st.booleans()


@cache
def _below(many: int) -> st.SearchStrategy[int]:
    return st.integers(0, many - 1)


def pick(draw: Draw[Any], values: Sequence[T]) -> T:
    """One of them; the first is the simplest."""
    index: int = draw(_below(len(values)))
    return values[index]


def flip(draw: Draw[Any]) -> bool:
    return cast("bool", draw(_COIN))


def some(draw: Draw[Any], values: Sequence[T], least: int, most: int) -> list[T]:
    """Some of them, each once, in any order."""
    left = list(values)
    many = pick(draw, range(least, min(most, len(left)) + 1))
    return [left.pop(draw(_below(len(left)))) for _ in range(many)]


# --- kinds ---------------------------------------------------------------------------------------------


@frozen(cache_hash=True)
class Declaration:
    """A port of a kind that is to be made."""

    name: str
    kind: str
    number: int
    last: int | None = None
    service_port: int | None = None
    mtls: Mtls | None = None

    def port(self) -> "Port[Any]":
        return PORT_KINDS[self.kind](self.number, last=self.last, service_port=self.service_port, mtls=self.mtls)


@cache
def _kind(base: type, ports: tuple[Declaration, ...]) -> type:
    """A class as somebody would have written it: kept, as each costs attrs a millisecond."""
    name = base.__name__ + "".join(port.name.title() for port in ports)
    return type(base)(name, (base,), {port.name: port.port() for port in ports})


def kind(base: type[T], ports: Iterable[Declaration]) -> type[T]:
    return cast("type[T]", _kind(cast("type", base), tuple(ports)))


def declared(draw: Draw[Any], name: str) -> Declaration:
    number = pick(draw, NUMBERS)
    last = None if pick(draw, range(4)) else min(65535, number + pick(draw, (0, 1, 7, 60000)))
    service_port, mtls = pick(draw, DIALLED), pick(draw, PORT_MODES)
    return Declaration(name, pick(draw, tuple(PORT_KINDS)), number, last, service_port, mtls)


def ports(draw: Draw[Any], least: int = 0) -> tuple[Declaration, ...]:
    """Up to three."""
    return tuple(declared(draw, name) for name in PORTS[: pick(draw, range(least, 4))])


def service_kind(draw: Draw[Any]) -> type[Service]:
    """A ready-made one, one with ports of its own, or both at once."""
    bases: Sequence[type[Service]] = (Service, Service, *READY_MADE)
    base = pick(draw, bases)
    own = ports(draw)
    return kind(base, own) if own else base


def endpoints_of(peer: Peer) -> list[Endpoint]:
    names = {name: None for base in type(peer).__mro__ for name, value in vars(base).items() if isinstance(value, Port)}
    return [cast("Endpoint", getattr(peer, name)) for name in names]


# --- what is there ---------------------------------------------------------------------------------------


@frozen
class World:
    """Everything that statements can speak of."""

    cluster: str
    governed: tuple[Namespace, ...]
    others: tuple[Namespace, ...]
    tiers: tuple[Tier, ...]
    services: tuple[Service, ...]
    unreachable: tuple[Service, ...]
    """On the host network, or in another cluster: no edge may name them."""
    externals: tuple[External, ...]
    networks: tuple[Network, ...]
    platform: Platform
    mtls: Mtls | None

    def governs(self, place: Namespace | None) -> bool:
        return place in self.governed

    def members(self, tier: Tier) -> list[Service]:
        return [service for service in (*self.services, *self.unreachable) if service.tier == tier]

    def targets(self) -> list[Endpoint]:
        own = [one for one in (self.platform.api_server, self.platform.nodes) if one.cidrs]
        stand_ins: list[Peer] = [KubeDns(), *(ApiServer() if isinstance(one, ApiServer) else Nodes() for one in own)]
        peers = (*self.services, *self.externals, *self.networks, *stand_ins)
        return [endpoint for peer in peers for endpoint in endpoints_of(peer)]

    def sources(self) -> list[Source]:
        found: list[Source] = [*self.services, *self.governed, *self.others, *self.tiers, *self.networks, KubeDns()]
        if self.platform.pod_cidrs:
            found.append(INTERNET)
        if self.platform.api_server.cidrs:
            found.append(ApiServer())
        if self.platform.nodes.cidrs:
            found.append(Nodes())
        return found

    def place(self, peer: object) -> Namespace | None:
        match peer:
            case KubeDns():
                return self.platform.dns.namespace
            case Service():
                return peer.namespace
            case Namespace():
                return peer
            case _:
                return None

    def meshed(self, source: object) -> bool:
        match source:
            case KubeDns():
                return self._in_mesh(self.platform.dns)
            case Service():
                return self._in_mesh(source)
            case Namespace():
                return source.meshed
            case _:
                return False

    def _in_mesh(self, service: Service) -> bool:
        return service.namespace.meshed if service.meshed is None else service.meshed

    def strict(self, target: Endpoint) -> bool:
        """Whether callers without a certificate are an error."""
        if not isinstance(target.peer, Service) or not self.governs(self.place(target.peer)):
            return False
        service = self.platform.dns if isinstance(target.peer, KubeDns) else target.peer
        return self._in_mesh(service) and (port_of(target, self.platform).mtls or service.mtls or self.mtls) == "strict"

    def may_call(self, source: Source, target: Endpoint) -> bool:
        """Whether an edge is no mistake: an end is governed, callers of strict ports are meshed."""
        if isinstance(source, Tier):
            members = self.members(source)
            return bool(members) and all(one not in self.unreachable and self.may_call(one, target) for one in members)
        governed = self.governs(self.place(source)) or self.governs(self.place(target.peer))
        return governed and (self.meshed(source) or not self.strict(target))

    def crosses(self, source: Source, target: Endpoint) -> bool:
        """Whether the tiers' order stands against it."""
        lower = getattr(target.peer, "tier", None)
        callers = self.members(source) if isinstance(source, Tier) else [source]
        uppers = [tier for caller in callers if (tier := getattr(caller, "tier", None)) is not None]
        order = self.tiers.index
        return lower is not None and any(order(lower) - order(upper) not in (0, 1) for upper in uppers)


@st.composite
def worlds(draw: Draw[Any]) -> World:
    cluster = pick(draw, ("default", "east"))

    def namespace(name: str) -> Namespace:
        written = pick(draw, (None, None, cluster))
        return Namespace(name, cluster=written, meshed=pick(draw, range(5)) > 0)

    governed = tuple(map(namespace, GOVERNED[: pick(draw, range(1, 4))]))
    others = tuple(map(namespace, UNGOVERNED[: pick(draw, range(3))]))
    tiers = tuple(Tier(name) for name in TIERS[: pick(draw, (0, 2, 3))])
    services = _services(draw, (*governed, *others), tiers)
    unreachable: list[Service] = []
    if flip(draw):
        place = pick(draw, (*governed, *others))
        labels = dict.fromkeys(LABEL_KEYS, "agent")
        unreachable.append(Service("agent", namespace=place, labels=labels, host_network=True))
    if flip(draw):
        # The same names as here, in another cluster.
        unreachable.append(HttpApp("web", namespace=Namespace(governed[0].name, cluster=ELSEWHERE)))
    platform = _platforms(draw, cluster, (*governed, *others))
    networks = _networks(draw, tuple(platform.pod_cidrs))
    externals = _externals(draw) if platform.pod_cidrs else ()
    mtls = pick(draw, MODES)
    return World(cluster, governed, others, tiers, services, tuple(unreachable), externals, networks, platform, mtls)


def _services(draw: Draw[Any], places: tuple[Namespace, ...], tiers: tuple[Tier, ...]) -> tuple[Service, ...]:
    found: list[Service] = []
    for place in places:
        names = SERVICES[: pick(draw, range(1 if place is places[0] else 0, 4))]
        # All of a namespace carry one key, with values of their own: no pod can be of two of them.
        key = pick(draw, LABEL_KEYS)
        values = list(LABEL_VALUES)
        pair = flip(draw)
        for index, name in enumerate(names):
            found.append(
                service_kind(draw)(
                    name,
                    namespace=place,
                    tier=pick(draw, (None, *tiers)),
                    labels=_labels(draw, key, name, index, pair, values),
                    service_account=pick(draw, (None, f"{name}-account")),
                    mtls=pick(draw, PORT_MODES),
                    meshed=pick(draw, (None, None, True, False)),
                )
            )
    return tuple(found)


def _labels(
    draw: Draw[Any], key: str, name: str, index: int, pair: bool, values: list[str]
) -> Mapping[str, str] | None:
    if pair and index < 2:
        return {key: "shared", "part": name}  # told apart by the second label alone
    form = pick(draw, range(4))
    if form == 0 and key == "app":
        return None
    if form == 1:
        return {key: values.pop(pick(draw, range(len(values))))}
    return {key: name} if form == 2 else {"track": "stable", key: name}


def _externals(draw: Draw[Any]) -> tuple[External, ...]:
    kinds: Sequence[type[External]] = (HttpsApi, kind(External, ports(draw, 1)))
    return tuple(pick(draw, kinds)(host) for host in some(draw, HOSTS, 0, 2))


def _networks(draw: Draw[Any], pods: tuple[str, ...]) -> tuple[Network, ...]:
    found: list[Network] = []
    for name in NETWORKS[: pick(draw, range(4))]:
        offered = (*PUBLIC, *PRIVATE) if pods else PUBLIC
        blocks: list[str] = []
        for block in some(draw, offered, 1, 3):
            if not any(_meet(block, other) for other in blocks):
                blocks.append(block)
        holes = [hole for block in blocks for hole in _holes(draw, block)]
        made = kind(Network, ports(draw))(name, cidrs=blocks, excluding=holes)
        if _has_addresses(made, pods):
            found.append(made)
    if pods and flip(draw):
        world = kind(Network, ports(draw, 1))
        found.append(world("world", cidrs=INTERNET.cidrs, excluding=pick(draw, WORLD_HOLES)))
    return tuple(found)


def _meet(one: str, other: str) -> bool:
    a, b = ip_network(one), ip_network(other)
    return a.version == b.version and a.overlaps(b)


def _holes(draw: Draw[Any], block: str) -> list[str]:
    """Up to three of a block's quarters, or one of its addresses."""
    network = ip_network(block)
    if network.prefixlen + 2 > network.max_prefixlen or pick(draw, range(3)):
        return []
    if flip(draw):
        return [f"{network.broadcast_address}/{network.max_prefixlen}"]
    return some(draw, [str(quarter) for quarter in network.subnets(2)], 0, 3)


def _has_addresses(network: Network, pods: tuple[str, ...]) -> bool:
    """A part of it that is left over begins where a block does, or behind a hole."""
    meaning = Meaning(Topology("none", (), governs=()), Platform("none", network=Kubernetes("1.37"), pod_cidrs=pods))
    ends = boundaries((*network.cidrs, *network.excluding, *pods))
    return any(meaning.matches(network, address) for address in ends)


def _platforms(draw: Draw[Any], cluster: str, places: tuple[Namespace, ...]) -> Platform:
    return Platform(
        "native",
        network=Kubernetes(pick(draw, VERSIONS)),
        cluster=cluster,
        dns=_resolvers(draw, places),
        api_server=ApiServer(cidrs=pick(draw, ((), ("198.51.100.10/32",), ("192.0.2.0/30", "2001:db8::6/127")))),
        nodes=Nodes(cidrs=pick(draw, ((), ("198.51.100.128/26",)))),
        node_local_dns=pick(draw, (None, "169.254.20.10", "fd00:53::a")),
        pod_cidrs=pick(draw, ((), *POD_CIDRS, *POD_CIDRS)),
    )


def _resolvers(draw: Draw[Any], places: tuple[Namespace, ...]) -> KubeDns:
    """The usual one, or one of another kind, in any namespace, governed ones too."""
    if flip(draw):
        system = [place for place in places if place.name == "kube-system"]
        return KubeDns(namespace=system[0]) if system else KubeDns()
    number, service_port = pick(draw, ((53, None), (5353, 53), (1053, 8053)))
    made = kind(KubeDns, (Declaration("dns", "dns", number, service_port=service_port),))
    place = pick(draw, (*places, Namespace("infra")))
    return made("resolver", namespace=place, labels=pick(draw, ({"dns": "main"}, {"k8s-app": "core", "v": "2"})))


# --- statements -------------------------------------------------------------------------------------------


def _narrowed(draw: Draw[Any], endpoint: Endpoint, platform: Platform) -> Endpoint:
    """The endpoint, whole or narrowed, where its port is one that can be."""
    port = port_of(endpoint, platform)
    if port.last not in (None, port.number) or not flip(draw):
        return endpoint
    match endpoint:
        case HttpEndpoint():
            return endpoint.routes(*some(draw, (GET("/"), POST("/orders/{id}"), ANY("/static/**")), 1, 2))
        case GrpcEndpoint():
            return endpoint.methods(*some(draw, ("shop.Orders/Get", "shop.Orders/*"), 1, 2))
        case KafkaEndpoint():
            topics = some(draw, ("orders", "returns"), 1, 2)
            return endpoint.produce(*topics) if flip(draw) else endpoint.consume(*topics)
        case DnsEndpoint():
            return endpoint.names(*some(draw, ("api.example.com", "**.svc.cluster.local"), 1, 2))
        case _:
            return endpoint


def _written(site: int, sources: list[Source], target: Endpoint, why: str, until: date | None, across: bool) -> Edge:
    """Edges come from more than one line."""
    one_or_many = sources[0] if len(sources) == 1 else sources
    match site:
        case 0:
            return allow(one_or_many, target, why=why, until=until, across_tiers=across)
        case 1:
            return allow(one_or_many, target, why=why, until=until, across_tiers=across)
        case _:
            return allow(iter(sources), target, why=why, until=until, across_tiers=across)


def edges(draw: Draw[Any], world: World) -> list[Edge]:
    """Up to eight; some again, some from several sources, to itself, across tiers, for a time."""
    offered = [
        (target, sources)
        for target in world.targets()
        if (sources := [source for source in world.sources() if world.may_call(source, target)])
    ]
    if not offered:
        return []
    found: list[Edge] = []
    for _ in range(pick(draw, range(9))):
        target, sources = pick(draw, offered)
        chosen: list[Source] = [pick(draw, sources) for _ in range(pick(draw, (1, 1, 2, 3)))]
        across = any(world.crosses(source, target) for source in chosen)
        why = pick(draw, WHYS[1:] if across else WHYS)
        until = pick(draw, (None, None, *LATER))
        site = pick(draw, range(3))
        found.append(_written(site, chosen, _narrowed(draw, target, world.platform), why, until, across))
    if found and flip(draw):
        found.append(pick(draw, found))
    return found


def apart(world: World, one: object, other: object) -> bool:
    """Whether nothing is in both, for sure."""
    here, there = world.place(one), world.place(other)
    if here is not None and there is not None:
        same_place = (here.name, here.cluster or world.cluster) == (there.name, there.cluster or world.cluster)
        return not same_place or (isinstance(one, Service) and isinstance(other, Service) and one != other)
    if here is not None or there is not None:
        return True
    match one, other:
        case External(), External():
            return one.name != other.name and "*" not in one.name + other.name
        case (External(), Network()) | (Network(), External()):
            return not is_internet(one if isinstance(one, Network) else cast("Network", other))
        case Network(), Network():
            return False
        case (Network() as network, ApiServer() | Nodes() as own) | (
            ApiServer() | Nodes() as own,
            Network() as network,
        ):
            # By its addresses, where it is not said which it may be any that is not a pod's.
            written = world.platform.api_server if isinstance(own, ApiServer) else world.platform.nodes
            return not is_internet(network) and not _share(network.cidrs, written.cidrs)
        case _:
            return type(one) is not type(other)


def _share(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether some blocks have an address in common, holes or not."""
    blocks = [(ip_network(one), ip_network(other)) for one in some for other in others]
    return any(one.version == other.version and one.overlaps(other) for one, other in blocks)


def _pairs(world: World, flows: Sequence[tuple[Source, Endpoint]]) -> list[tuple[Source, Peer | Namespace]]:
    """Sources and targets that no edge connects."""
    everyone: tuple[Service | Namespace, ...] = (*world.services, *world.unreachable, *world.governed, *world.others)
    sources: list[Source] = [*everyone, *world.networks, ApiServer(), Nodes()]
    targets: list[Peer | Namespace] = [*everyone, *world.networks, *world.externals, ApiServer()]
    return [
        (source, target)
        for source in sources
        for target in targets
        if all(apart(world, a, source) or apart(world, b.peer, target) for a, b in flows)
    ]


def guardrails(draw: Draw[Any], world: World, written: Sequence[Edge], *, overruled: bool = False) -> list[Statement]:
    """Denials and rules that all of these edges keep. `overruled`: a quarantine cuts a whole namespace's, too."""
    flows = [
        (one, edge.target)
        for edge in written
        for source in edge.sources
        for one in (world.members(source) if isinstance(source, Tier) else [source])
    ]
    found: list[Statement] = []
    pairs = _pairs(world, flows)
    if pairs and flip(draw):
        source, target = pick(draw, pairs)
        at: Target = target
        narrower = [] if isinstance(target, Namespace) else endpoints_of(target)
        if narrower and flip(draw):
            at = pick(draw, narrower)
        found.append(deny(source, [at], why="not theirs"))
    if pairs and flip(draw):
        source, target = pick(draw, pairs)
        found.append(never([source], target, why="not theirs"))
    if flip(draw):
        service = pick(draw, world.services)
        found.append(never(world.governed, service, but=[service], why="by itself alone"))
        callers = [source for edge in written if edge.target.peer == service for source in edge.sources]
        found.append(only([*callers, service], service, why="these alone"))
    if world.unreachable and flip(draw):
        found.append(only(world.governed, world.unreachable, why="nobody calls them"))
    whole = {source.name for edge in written for source in edge.sources if isinstance(source, Namespace)}
    free = [service for service in world.services if overruled or service.namespace.name not in whole]
    if free and not pick(draw, range(4)):
        found.append(quarantine(pick(draw, free), why="INC-7"))
    return found


# --- topologies ---------------------------------------------------------------------------------------------


@frozen
class Case:
    """A topology, a platform whose waivers cover what it needs, and what the two mean."""

    topology: Topology
    platform: Platform
    meaning: Meaning = field(repr=False)


def topologies(draw: Draw[Any], world: World) -> Topology:
    written = edges(draw, world)
    statements: list[Statement] = [*written, *guardrails(draw, world, written)]
    if flip(draw):
        statements.reverse()
    named = services_of(Topology("named", statements, governs=()))
    everyone = (*world.services, *world.unreachable)
    unnamed = [service for service in everyone if service not in named]
    listed = everyone if flip(draw) else unnamed
    return Topology(
        pick(draw, ("shop", "08")),
        statements,
        governs=world.governed,
        services=listed,
        tiers=world.tiers,
        mtls=world.mtls,
    )


@st.composite
def cases(draw: Draw[Any], *, waived: bool = True) -> Case:
    """A valid topology, its platform, and its meaning. Not `waived`: without a single waiver."""
    world = draw(worlds())
    topology = topologies(draw, world)
    platform = evolve_platform(world.platform, _waivers(draw, topology) if waived else ())
    return Case(topology, platform, Meaning(topology, platform))


def evolve_platform(platform: Platform, waivers: Iterable[Waiver]) -> Platform:
    return evolve(platform, waivers=tuple(waivers))


# --- waivers --------------------------------------------------------------------------------------------------


def facets_of(endpoint: Endpoint) -> list[Feature]:
    """What native NetworkPolicy cannot say of an edge to this endpoint."""
    found: list[Feature] = []
    match endpoint.narrowing:
        case Routes():
            found.append("http-routes")
        case Methods():
            found.append("grpc-methods")
        case Topics():
            found.append("kafka-topics")
        case Names():
            found.append("dns-names")
        case _:
            pass
    if isinstance(endpoint.peer, External):
        found.append("fqdn-wildcard" if "*" in endpoint.peer.name else "fqdn")
    return found


def denials_of(topology: Topology) -> list[Statement]:
    return [one for one in topology.statements if type(one).__name__ == "Denial"]


def mtls_demands(topology: Topology) -> set[tuple[object, ...]]:
    """Where strict mTLS is demanded of a governed service: what is said of it, and the line that says so."""
    places = [place.name for place in topology.governs]
    demands: set[tuple[object, ...]] = {("topology",)} if topology.mtls == "strict" else set()
    for service in services_of(topology):
        if service.namespace.name not in places or service.namespace.cluster == ELSEWHERE:
            continue
        if service.mtls == "strict":
            demands.add((service.name, service.written_at.frames))
        for endpoint in endpoints_of(service):
            declaration = getattr(type(service), endpoint.port)
            if declaration.mtls == "strict":
                demands.add((service.name, endpoint.port, declaration.written_at.frames))
    return demands


def needed(topology: Topology) -> list[tuple[Feature, Target | None]]:
    """Each feature that has to be waived, and for which target; None where only a waiver for all will do."""
    found: dict[tuple[Feature, Target | None], None] = {}
    for _, _, endpoint in in_force(topology):
        for feature in facets_of(endpoint):
            found[feature, Endpoint(peer=endpoint.peer, port=endpoint.port)] = None
    for denial in denials_of(topology):
        for target in cast("Any", denial).targets:
            found["deny", None if isinstance(target, Namespace) else target] = None
    if mtls_demands(topology):
        found["mtls", None] = None
    return list(found)


def _waivers(draw: Draw[Any], topology: Topology) -> tuple[Waiver, ...]:
    """For all edges, or for targets, each in one of the ways in which it can be named."""
    by_feature: dict[Feature, list[Target | None]] = {}
    for feature, target in needed(topology):
        by_feature.setdefault(feature, []).append(target)
    found: list[Waiver] = []
    for feature, targets in by_feature.items():
        until = pick(draw, (None, *LATER))
        if None in targets or flip(draw):
            found.append(Waiver(feature, why="later", until=until))
        else:
            known = [_said(draw, target) for target in targets if target is not None]
            found.append(Waiver(feature, why="these, later", target=known, until=until))
    return tuple(found)


def _said(draw: Draw[Any], target: Target) -> Target:
    """The target, or something around it."""
    peer = target.peer if isinstance(target, Endpoint) else target
    ways: list[Target] = [target, peer]
    if isinstance(peer, Service) and not isinstance(peer, KubeDns):
        ways.append(peer.namespace)
        if peer.tier is not None:
            ways.append(peer.tier)
    return pick(draw, ways)


__all__ = ["Case", "World", "cases", "edges", "guardrails", "labels_of", "topologies", "worlds"]
