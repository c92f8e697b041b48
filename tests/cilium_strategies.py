"""Hypothesis strategies: valid topologies for Cilium, with all that it can say: what is inside connections, names,
denials, other clusters. The worlds are those of `tests.strategies`, with more in them.
"""

from collections.abc import Sequence
from typing import Any

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from tests.cilium_meaning import FAR, Meaning, minor
from tests.meaning import labels_of, port_of, services_of
from tests.strategies import (
    ELSEWHERE,
    LABEL_KEYS,
    WHYS,
    WORLD_HOLES,
    Declaration,
    Draw,
    World,
    apart,
    endpoints_of,
    flip,
    guardrails,
    kind,
    needed,
    pick,
    ports,
    some,
    worlds,
)
from zt_dsl import (
    ANY,
    DELETE,
    GET,
    INTERNET,
    POST,
    ApiServer,
    Cilium,
    Denial,
    Edge,
    Endpoint,
    External,
    Feature,
    HttpsApi,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Peer,
    Platform,
    Route,
    Service,
    Source,
    Statement,
    Tier,
    Topology,
    Waiver,
    allow,
    deny,
)
from zt_dsl.model.endpoints import DnsEndpoint, GrpcEndpoint, HttpEndpoint, KafkaEndpoint

# --- the alphabets ------------------------------------------------------------------------------------

HOSTS = (
    "api.example.com",
    "*.example.com",
    "**.example.com",
    "pay.example.net",
    "**.a.example.org",
    "*.a.example.org",
    "1e3.xn--bcher-kva.example",
)
ROUTES: Sequence[Route] = (
    GET("/"),
    GET("/orders/{id}"),
    POST("/orders"),
    ANY("/static/**"),
    DELETE("/orders/{id}/items/{item}"),
    GET("/orders/"),
    GET("/v1.0/a+b/(c)$!"),
    ANY("/**"),
    POST("/{tenant}/**"),
    GET("/~a@b:c=d,e&f'g_h-i"),
    GET("/" + "long/" * 15 + "er"),  # Envoy takes no longer one
)
METHODS = ("shop.Orders/Get", "shop.Orders/*", "Plain/Do", "a.b_c.S1/M_2", "shop.OrdersAdmin/Get")
LOOKUPS = (
    "api.example.com",
    "*.example.com",
    "**.example.org",
    "**.svc.cluster.local",
    "_http._tcp.web.shop.svc.cluster.local",
    "localhost",
)
# Keys that begin almost as those that never reach an identity, and values that YAML could take for something else.
HOSTILE: Sequence[tuple[str, str]] = (
    ("y", "on"),
    ("example.com/k8s.io", ""),
    ("kubernetes", "null"),
    ("my.k8s.io/part", "0123"),
    ("app.kubernetes.io/part-of", "true"),
    ("annotate", "no"),
    ("pod-template", "1_000"),
    ("controller", "0x10"),
    ("statefulset.kubernetes.io/pod", "web-0"),
)

# One of each that somebody looks into, and two that share a number with others.
SPOKEN: tuple[Declaration, ...] = (
    Declaration("web", "http", 8080),
    Declaration("calls", "grpc", 50051),
    Declaration("secret", "tls", 443),
    Declaration("events", "kafka", 9092),
    Declaration("raw", "tcp", 8080),
    Declaration("lookups", "dns", 5353),
    Declaration("range", "tcp", 8000, 9000),
    Declaration("many", "tls", 8443, 8444),
)


# --- worlds -------------------------------------------------------------------------------------------


def _common_key(services: Sequence[Service], place: Namespace) -> str:
    """The label by which the services of a namespace are told apart."""
    keys = [key for one in services if one.namespace == place for key in labels_of(one) if key in LABEL_KEYS]
    return keys[0] if keys else "app"


def _hostile(draw: Draw[Any], world: World) -> Service:
    """A service with a port of every kind, whose labels are hard to write, or to tell from others."""
    place = pick(draw, (*world.governed, *world.others))
    more = dict(some(draw, HOSTILE, 0, 3))
    made = kind(Service, SPOKEN)
    return made("null", namespace=place, labels={**more, _common_key(world.services, place): "no"})


def _far(draw: Draw[Any], world: World) -> tuple[Service, ...]:
    """Services of other clusters: one that is called as one of ours is, and others."""
    twin = next((one for one in world.services if one.namespace == world.governed[0]), None)
    found: list[Service] = []
    if twin is not None and flip(draw):
        home = Namespace(twin.namespace.name, cluster=FAR)
        found.append(kind(Service, ports(draw, 1))(twin.name, namespace=home, labels=twin.labels))
    if flip(draw):
        found.append(kind(Service, ports(draw, 1))("relay", namespace=Namespace("infra", cluster="south")))
    return tuple(found)


def _in(names: Sequence[str], version: str) -> Sequence[str]:
    """Those that the version has patterns for: `**.` came with 1.19."""
    return names if minor(version) >= 19 else [name for name in names if not name.startswith("**.")]


def _externals(draw: Draw[Any], version: str) -> tuple[External, ...]:
    spoken = kind(External, SPOKEN)
    kinds: Sequence[type[External]] = (HttpsApi, spoken, spoken, kind(External, ports(draw, 1)))
    return tuple(pick(draw, kinds)(host) for host in some(draw, _in(HOSTS, version), 0, 3))


@frozen
class Wide:
    """A world, and what only Cilium knows of it."""

    world: World
    far: tuple[Service, ...]
    namespaces: tuple[Namespace, ...]
    """Of other clusters."""

    def sources(self) -> list[Source]:
        world = self.world
        found: list[Source] = [*world.services, *world.governed, *world.others, *world.tiers, *world.networks]
        found += [*self.namespaces, KubeDns(), ApiServer(), Nodes()]
        return [*found, INTERNET] if world.platform.pod_cidrs else found

    def targets(self) -> list[Endpoint]:
        world = self.world
        peers = (*world.services, *world.externals, *world.networks, KubeDns(), ApiServer(), Nodes())
        return [endpoint for peer in peers for endpoint in endpoints_of(peer) if _is_sayable(endpoint, world.platform)]


@st.composite
def wide_worlds(draw: Draw[Any], version: str) -> Wide:
    world = draw(worlds())
    own = tuple(one for one in world.unreachable if one.namespace.cluster != ELSEWHERE)
    far = tuple(one for one in world.unreachable if one.namespace.cluster == ELSEWHERE)
    if pick(draw, range(3)):
        world = evolve(world, services=(*world.services, _hostile(draw, world)))
    far += _far(draw, world)
    local = pick(draw, (None, "169.254.20.10", "fd00:53::a"))
    platform = evolve(world.platform, network=Cilium(version), node_local_dns=local)
    services = (*world.services, *far)
    if platform.pod_cidrs and flip(draw):
        everywhere = kind(Network, SPOKEN)("everywhere", cidrs=INTERNET.cidrs, excluding=pick(draw, WORLD_HOLES))
        world = evolve(world, networks=(*world.networks, everywhere))
    world = evolve(world, services=services, unreachable=own, externals=_externals(draw, version), platform=platform)
    spaces = (Namespace("shop", cluster=FAR), Namespace("ops", cluster="south"))
    return Wide(world, far, tuple(some(draw, spaces, 0, 1)))


def _is_sayable(target: object, platform: Platform) -> bool:
    """Ranges of ports came with 1.16."""
    if not isinstance(target, Endpoint):
        return True
    assert isinstance(platform.network, Cilium)
    port = port_of(target, platform)
    return minor(platform.network.version) >= 16 or port.last in (None, port.number)


# --- topologies ---------------------------------------------------------------------------------------


def _narrowed(draw: Draw[Any], endpoint: Endpoint, platform: Platform, version: str) -> Endpoint:
    """The endpoint, whole or narrowed, where its port is one that can be."""
    port = port_of(endpoint, platform)
    if port.last not in (None, port.number) or not pick(draw, range(4)):
        return endpoint
    match endpoint:
        case HttpEndpoint():
            return endpoint.routes(*some(draw, ROUTES, 1, 3))
        case GrpcEndpoint():
            return endpoint.methods(*some(draw, METHODS, 1, 2))
        case KafkaEndpoint() if minor(version) >= 20:  # before, topics are rules, and 1.20's code knows none
            return endpoint.produce("orders") if flip(draw) else endpoint.consume("orders", "returns")
        case DnsEndpoint():
            return endpoint.names(*some(draw, _in(LOOKUPS, version), 1, 2)) if flip(draw) else endpoint
        case _:
            return endpoint


def edges_in(draw: Draw[Any], wide: Wide, version: str) -> list[Edge]:
    """Up to ten; some again, some from several sources, and many of what somebody looks into."""
    world = wide.world
    everybody, offered = wide.sources(), wide.targets()
    outside = [each for each in offered if isinstance(each.peer, External)]
    spoken = [each for each in offered if isinstance(each, HttpEndpoint | GrpcEndpoint | KafkaEndpoint)]
    found: list[Edge] = []
    callers: list[Source] = []
    for _ in range(pick(draw, range(2, 11))):
        target = pick(draw, pick(draw, (outside or offered, spoken or offered, offered)))
        sources = [source for source in everybody if world.may_call(source, target)]
        if not sources:
            continue
        again = [source for source in callers if source in sources]
        chosen = [pick(draw, again if again and flip(draw) else sources) for _ in range(pick(draw, (1, 1, 2)))]
        narrowed = _narrowed(draw, target, world.platform, version)
        if isinstance(target, DnsEndpoint) and not all(_governed(world, source) for source in chosen):
            narrowed = target  # what is asked is read where the caller is
        across = any(world.crosses(source, target) for source in chosen)
        why = pick(draw, WHYS[1:] if across else WHYS)
        found.append(allow(chosen, narrowed, why=why, across_tiers=across))
        callers += chosen
    asking = [source for source in callers if _governed(world, source) and world.may_call(source, KubeDns().dns)]
    if asking and not pick(draw, range(3)):
        source, names = pick(draw, asking), some(draw, _in(LOOKUPS, version), 1, 2)
        across = world.crosses(source, KubeDns().dns)
        found.append(allow(source, KubeDns().dns.names(*names), why="these", across_tiers=across))
        if not pick(draw, range(3)):
            found.append(allow(source, KubeDns().dns, why="and all others", across_tiers=across))
    return [*found, pick(draw, found)] if found and flip(draw) else found


def _governed(world: World, source: Source) -> bool:
    members: Sequence[object] = world.members(source) if isinstance(source, Tier) else [source]
    return all(world.governs(world.place(one)) for one in members)


def denials_in(draw: Draw[Any], wide: Wide, written: Sequence[Edge]) -> list[Statement]:
    """Up to two, which no edge crosses. What is derived they may refuse, and addresses that have a name."""
    world = wide.world
    flows = [
        (one, edge.target.peer)
        for edge in written
        for source in edge.sources
        for one in (world.members(source) if isinstance(source, Tier) else [source])
    ]
    asked = any(isinstance(peer, KubeDns) for _, peer in flows)
    pods: tuple[Service | Namespace, ...] = (*world.services, *world.governed, *world.others, *wide.namespaces)
    sources: tuple[Source, ...] = (*pods, *world.networks, ApiServer(), Nodes())
    targets: tuple[Peer | Namespace, ...] = (*pods, *world.networks, Nodes(), *(() if asked else (KubeDns(),)))
    callers = [source for source, _ in flows] or sources
    meeting = [target for target in targets if isinstance(target, KubeDns | Network)]
    found: list[Statement] = []
    # Some that meet what is derived, or what is called by name.
    for calling, called in pick(draw, ((), ((sources, targets),), ((callers, meeting), (sources, targets)))):
        if not called:
            continue
        source, target = pick(draw, calling), pick(draw, called)
        if not all(apart(world, one, source) or apart(world, peer, target) for one, peer in flows):
            continue
        declared = [] if isinstance(target, Namespace) else endpoints_of(target)
        ends = [end for end in declared if _is_sayable(end, world.platform)]
        found.append(deny(source, pick(draw, ends) if ends and flip(draw) else target, why="not theirs"))
    return found


UNSAYABLE: Sequence[Feature] = ("mtls", "kafka-topics")


def waivers(topology: Topology) -> tuple[Waiver, ...]:
    """For what Cilium 1.20 cannot say."""
    return tuple(Waiver(feature, why="later") for feature in UNSAYABLE if feature in dict(needed(topology)))


def _waivers(draw: Draw[Any], topology: Topology) -> tuple[Waiver, ...]:
    """The same; that of topics for all targets, or for each."""
    topics = [target for feature, target in needed(topology) if feature == "kafka-topics" and target is not None]
    single = Waiver("kafka-topics", why="each", target=topics) if topics and flip(draw) else None
    return tuple(single if single and one.feature == "kafka-topics" else one for one in waivers(topology))


@frozen
class Case:
    """A topology, a platform of Cilium whose waivers cover what it needs, and what the two mean."""

    topology: Topology
    platform: Platform
    meaning: Meaning = field(repr=False)


@st.composite
def cilium_cases(draw: Draw[Any], version: str = "1.20") -> Case:
    """A valid topology for Cilium of this version. The plan may still refuse it: two protocols on one port."""
    wide: Wide = draw(wide_worlds(version))
    world = wide.world
    written = edges_in(draw, wide, version)
    # A name can be called, not denied: which addresses it has is known only later.
    rules = [] if pick(draw, range(3)) else guardrails(draw, evolve(world, externals=()), written, overruled=True)
    sayable = [
        rule
        for rule in rules
        if not isinstance(rule, Denial) or all(_is_sayable(target, world.platform) for target in rule.targets)
    ]
    statements: list[Statement] = [*written, *sayable, *denials_in(draw, wide, written)]
    if flip(draw):
        statements.reverse()
    named = services_of(Topology("named", statements, governs=()))
    listed = tuple(one for one in (*world.services, *world.unreachable) if one not in named)
    topology = Topology(
        "shop",
        statements,
        governs=world.governed,
        services=listed,
        tiers=world.tiers,
        mtls=world.mtls,
    )
    platform = evolve(world.platform, waivers=_waivers(draw, topology))
    return Case(topology, platform, Meaning(topology, platform))
