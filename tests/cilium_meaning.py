"""What a topology means on an engine that looks inside connections: the second opinion of `tests.meaning`, carried on.

Here narrowed edges are narrowed, names are names, pods are of a cluster, and nodes and API servers are known
without their addresses. By brute force as there, one connection at a time, and as there without a word of
`zt_dsl.ir`, of the passes, of `reach` or of what is emitted. Questions are those of the engine, whole.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from random import Random
from typing import assert_never

from attrs import Factory, evolve, field, frozen

from tests.conformance.engines.cilium_engine import Address, Connection, Peer, Pod, Request, Reservation, Reserved
from tests.meaning import (
    LAST_PORT,
    NEVER_OUTSIDE,
    PROTOCOLS,
    Protocol,
    boundaries,
    in_any,
    in_force,
    is_internet,
    labels_of,
    near_misses,
    port_of,
    protocols_of,
    services_of,
)
from zt_dsl import (
    ApiServer,
    Cilium,
    Denial,
    Edge,
    Endpoint,
    External,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Platform,
    Route,
    Service,
    Tier,
    TlsPort,
    Topology,
)
from zt_dsl.model.endpoints import Methods, Names, Routes, Topics, Whole
from zt_dsl.model.statements import Quarantine

Place = tuple[str, str]
"""A cluster, and a namespace of it."""

EVERY_NAME = "**"
CLUSTER_NAMES = "**.cluster.local"


@frozen
class Verdict:
    """What each end says of a connection and of what it carries; an end that nobody governs says yes.

    `through`: whether some edge lets all of it through, whichever end looks inside.
    """

    egress: bool
    ingress: bool
    through: bool


# --- what a connection may carry ----------------------------------------------------------------------


@frozen
class Anything:
    """Nobody looks."""


@frozen(cache_hash=True)
class Requests:
    """HTTP requests, to one of these routes."""

    routes: tuple[Route, ...]


@frozen(cache_hash=True)
class Calls:
    """gRPC calls, of one of these methods."""

    methods: tuple[str, ...]


@frozen
class Lookups:
    """Lookups of these names. Not `read`: nobody looks, as nobody needs to know the answers."""

    names: tuple[str, ...]
    read: bool


@frozen
class ServerName:
    """TLS that asks for this name."""

    name: str


Carried = Anything | Requests | Calls | Lookups | ServerName


def carries(allowed: Carried, connection: Connection) -> bool:
    """Whether what the connection carries is among that. What it does not carry yet is not refused yet; TLS always
    asks for a name, and without one for none."""
    request = connection.http
    match allowed:
        case Anything():
            return True
        case Requests(routes=routes):
            return request is None or any(is_request(route, request) for route in routes)
        case Calls(methods=methods):
            return request is None or any(is_call(method, request) for method in methods)
        case Lookups(names=names):
            return not connection.dns or any(is_name(name, connection.dns) for name in names)
        case ServerName(name=name):
            return is_name(name, connection.server_name)
        case _:
            assert_never(allowed)


def is_request(route: Route, request: Request) -> bool:
    """A route says nothing of the query."""
    path, _, _ = request.path.partition("?")
    return route.method in ("*", request.method) and _is_path(route.path.split("/")[1:], path.split("/")[1:])


def _is_path(wanted: Sequence[str], given: Sequence[str]) -> bool:
    if list(wanted) == ["**"]:
        return True
    if not wanted or not given:
        return not wanted and not given
    fits = given[0] != "" if wanted[0].startswith("{") else given[0] == wanted[0]
    return fits and _is_path(wanted[1:], given[1:])


def is_call(method: str, request: Request) -> bool:
    """gRPC over HTTP/2: a POST to the method's full name, and no query."""
    service, _, name = method.partition("/")
    match request.path.split("/"):
        case ["", first, second] if request.method == "POST" and "?" not in request.path:
            return first == service and second != "" and name in ("*", second)
        case _:
            return False


def is_name(pattern: str, name: str) -> bool:
    """`*.` is one label, `**.` one or more, `**` alone is every name. The case of letters is not told apart."""
    first, *rest = pattern.lower().split(".")
    labels = name.lower().removesuffix(".").split(".")
    below = len(labels) - len(rest)
    match first:
        case "**":
            return not rest or (below >= 1 and labels[below:] == rest)
        case "*":
            return below == 1 and labels[1:] == rest
        case _:
            return labels == [first, *rest]


# --- who ----------------------------------------------------------------------------------------------


@frozen
class OwnNode:
    """The node that a pod runs on."""


@frozen
class OtherNodes:
    """All nodes but the one that a pod runs on: whose probes nothing stops."""


@frozen
class Everyone:
    """Whoever it is. Not `with_own_node`: but for that."""

    with_own_node: bool


def is_own_node(end: Peer) -> bool:
    return isinstance(end, Reserved) and "host" in end.names


@frozen
class Flow:
    """From these to those, on these ports, carrying that; read at the source or at the target, never twice."""

    source: object
    target: object
    protocols: tuple[Protocol, ...]
    first: int
    last: int
    carried: Carried
    read_at_target: bool

    def on(self, protocol: Protocol, port: int) -> bool:
        return self.first <= port <= self.last and protocol in self.protocols


@frozen
class Denied:
    """From these to those, on these ports, whatever anybody else allows."""

    source: object
    target: object
    protocols: tuple[Protocol, ...] = PROTOCOLS
    first: int = 1
    last: int = LAST_PORT

    def on(self, protocol: Protocol, port: int) -> bool:
        return self.first <= port <= self.last and protocol in self.protocols


@frozen
class Meaning:
    """What the topology allows on a platform of Cilium whose waivers cover all that needs one."""

    topology: Topology
    platform: Platform
    governed: frozenset[Place] = Factory(
        lambda self: frozenset(map(self.place, self.topology.governs)), takes_self=True
    )
    flows: tuple[Flow, ...] = Factory(lambda self: tuple(self._flows()), takes_self=True)
    denied: tuple[Denied, ...] = Factory(lambda self: tuple(self._denied()), takes_self=True)
    # What was found out once: a topology is asked hundreds of questions about a few ends and ports.
    _known: dict[tuple[int, Peer], bool] = field(factory=dict, init=False, repr=False, eq=False)
    _open: dict[tuple[Protocol, int], tuple[Flow, ...]] = field(factory=dict, init=False, repr=False, eq=False)

    def allowed(self, connection: Connection) -> Verdict:
        """What the egress end and the ingress end say, and both together."""
        source, target = self.governs(connection.source), self.governs(connection.target)
        flows = self.open_for(connection)
        kubelet = is_own_node(connection.source)  # its probes are never refused, whatever they carry
        fits = [carries(flow.carried, connection) for flow in flows]
        leaving = any(fit or flow.read_at_target for flow, fit in zip(flows, fits, strict=True))
        arriving = any(fit or not flow.read_at_target for flow, fit in zip(flows, fits, strict=True))
        stopped, kept_out = self.denied_leaving(connection), self.denied_arriving(connection)
        egress = not source or (leaving and not stopped)
        ingress = not target or ((arriving or kubelet) and not kept_out)
        through = (any(fits) or kubelet) and not stopped and not kept_out
        return Verdict(egress, ingress, through or not (source or target))

    @property
    def either(self) -> tuple[Flow | Denied, ...]:
        return (*self.flows, *self.denied)

    def open_for(self, connection: Connection) -> list[Flow]:
        """The flows of this connection, as far as packets tell."""
        key = (connection.protocol, connection.port)
        if key not in self._open:
            self._open[key] = tuple(flow for flow in self.flows if flow.on(*key))
        return [flow for flow in self._open[key] if self._between(flow, connection)]

    def lookups_read(self, connection: Connection) -> bool | None:
        """Whether lookups on this connection have to pass a proxy, so that the answers are known. None where it
        makes no difference."""
        found = {flow.carried.read if isinstance(flow.carried, Lookups) else None for flow in self.open_for(connection)}
        return found.pop() if len(found) == 1 else None

    def denied_leaving(self, connection: Connection) -> bool:
        """Refused at its source, whatever anybody else allows."""
        return self.governs(connection.source) and any(
            not isinstance(each.source, Everyone) and self._between(each, connection) for each in self.denied
        )

    def denied_arriving(self, connection: Connection) -> bool:
        """The same at its target."""
        return self.governs(connection.target) and any(
            not isinstance(each.target, Everyone) and self._between(each, connection) for each in self.denied
        )

    def _between(self, each: Flow | Denied, connection: Connection) -> bool:
        return (
            each.on(connection.protocol, connection.port)
            and self.matches(each.source, connection.source)
            and self.matches(each.target, connection.target)
        )

    def place(self, namespace: Namespace) -> Place:
        return namespace.cluster or self.platform.cluster, namespace.name

    def place_of(self, end: Pod) -> Place:
        return end.cluster or self.platform.cluster, end.namespace

    def governs(self, end: Peer) -> bool:
        return isinstance(end, Pod) and self.place_of(end) in self.governed

    def matches(self, peer: object, end: Peer) -> bool:
        """Whether this end is one that the peer stands for."""
        key = (id(peer), end)
        if key not in self._known:
            self._known[key] = self._matches(peer, end)
        return self._known[key]

    def _matches(self, peer: object, end: Peer) -> bool:
        match peer, end:
            case Everyone(), _:
                return peer.with_own_node or not is_own_node(end)
            case KubeDns(), Pod() if peer is not self.platform.dns:
                return self._matches(self.platform.dns, end)
            case Service(), Pod():
                labels = labels_of(peer).items()
                return self.place_of(end) == self.place(peer.namespace) and labels <= dict(end.labels).items()
            case Namespace(), Pod():
                return self.place_of(end) == self.place(peer)
            case External(), Address():
                return any(is_name(peer.name, name) for name in end.names)
            case Network(), Address():
                return self._outside(peer, end.ip)
            case ApiServer(), Address():
                return end.kube_apiserver
            case ApiServer(), Reserved():
                return "kube-apiserver" in end.names
            case Nodes(), Reserved():
                return not {"host", "remote-node"}.isdisjoint(end.names)
            case OwnNode(), _:
                return is_own_node(end)
            case OtherNodes(), Reserved():
                return "remote-node" in end.names
            case str(), Address():
                return Address(peer).ip == end.ip
            case _:
                return False

    def _outside(self, network: Network, address: str) -> bool:
        pods = self.platform.pod_cidrs
        if is_internet(network):
            dual = any(":" in pod for pod in pods)
            if in_any(address, NEVER_OUTSIDE) or (":" in address and not dual):
                return False
        return in_any(address, network.cidrs) and not in_any(address, (*network.excluding, *pods))

    # --- edges, and what follows from them ---

    def _flows(self) -> Iterator[Flow]:
        asked = self._asked()
        resolver = port_of(self.platform.dns.dns, self.platform)
        for _, source, target in in_force(self.topology):
            port = port_of(target, self.platform)
            ends = (source, target.peer, protocols_of(port), port.number, port.last or port.number)
            carried = self._carried(target)
            if port is resolver and self._place(source) in self.governed:
                carried = asked[source]
            at_target = isinstance(carried, Requests | Calls) and self._place(target.peer) in self.governed
            yield Flow(*ends, carried, at_target)
        dialled = resolver.service_port or resolver.number
        for caller, carried in asked.items():
            last = resolver.last or resolver.number
            yield Flow(caller, self.platform.dns, ("UDP", "TCP"), resolver.number, last, carried, False)
            if self.platform.node_local_dns is not None:
                # The address; or the node, where it is taken for that.
                for local in (self.platform.node_local_dns, OWN_NODE):
                    yield Flow(caller, local, ("UDP", "TCP"), dialled, dialled, carried, False)

    def _carried(self, target: Endpoint) -> Carried:
        match target.narrowing:
            case Routes(routes=routes):
                return Requests(routes)
            case Methods(methods=methods):
                return Calls(methods)
            case Names(names=names):
                return Lookups(names, read=True)
            case Topics():
                return Anything()  # waived: the whole port
            case Whole():
                pass
            case _:
                assert_never(target.narrowing)
        port = port_of(target, self.platform)
        named = isinstance(target.peer, External) and isinstance(port, TlsPort)
        return (
            ServerName(target.peer.name)
            if named and self._checks(target.peer.name, port.last not in (None, port.number))
            else Anything()
        )

    def _checks(self, name: str, ranged: bool) -> bool:
        """Whether this version compares what TLS asks for with this name: before 1.17 not on a range of ports, and
        before 1.18 it knows no wildcards."""
        network = self.platform.network
        assert isinstance(network, Cilium)
        version = minor(network.version)
        return (version >= 17 or not ranged) and (version >= 18 or "*" not in name)

    def _asked(self) -> dict[object, Lookups]:
        """Who is governed and calls by name, or asks the resolver, with the names that it may look up.

        To know the addresses of a name its lookups have to be read, those of each pod that may call it. What is
        allowed for all of a namespace is allowed each of its pods: unread there, it would be unread for all.
        """
        calls: dict[object, list[Endpoint]] = {}
        for _, source, target in in_force(self.topology):
            if self._place(source) in self.governed and isinstance(target.peer, Service | External):
                calls.setdefault(source, []).append(target)
        needs = {source for source, targets in calls.items() if any(map(self._needs_reading, targets))}
        wide = {self._place(source) for source in calls if isinstance(source, Namespace)}
        read = {self._place(source) for source in needs} & wide
        return {
            source: Lookups(self._names(source, calls), source in needs or self._place(source) in read)
            for source in calls
        }

    def _needs_reading(self, target: Endpoint) -> bool:
        return isinstance(target.peer, External) or self._said(target) not in ((), (EVERY_NAME,))

    def _said(self, target: Endpoint) -> tuple[str, ...]:
        """The names that an edge says are looked up: all of them where it leads to the resolver and says none."""
        if port_of(target, self.platform) is not port_of(self.platform.dns.dns, self.platform):
            return ()
        return target.narrowing.names if isinstance(target.narrowing, Names) else (EVERY_NAME,)

    def _names(self, source: object, calls: Mapping[object, Sequence[Endpoint]]) -> tuple[str, ...]:
        """Any name, until somebody says which: the source itself, the namespace that it is in, or, where it is a
        namespace, one that is in it, for whom any name would be as good as nothing said."""
        here = isinstance(source, Namespace)
        around = [
            one for one in calls if self._place(one) == self._place(source) and isinstance(one, Namespace) != here
        ]
        said = self._said_by(calls[source])
        names_some = [EVERY_NAME not in told for one in (source, *around) if (told := self._said_by(calls[one]))]
        if EVERY_NAME in said or not any(names_some):
            return (EVERY_NAME,)
        needed = [target.peer.name for target in calls[source] if isinstance(target.peer, External)]
        return (*said, *needed, CLUSTER_NAMES)

    def _said_by(self, targets: Iterable[Endpoint]) -> list[str]:
        return [name for target in targets for name in self._said(target)]

    def _place(self, peer: object) -> Place | None:
        match peer:
            case Namespace():
                return self.place(peer)
            case KubeDns():
                return self.place(self.platform.dns.namespace)
            case Service():
                return self.place(peer.namespace)
            case _:
                return None

    # --- denials ---

    def _denied(self) -> Iterator[Denied]:
        for statement in self.topology.statements:
            match statement:
                case Quarantine():
                    for service in self._members(statement.sources):
                        yield Denied(EVERY_CALLER, service)
                        yield Denied(service, EVERYONE)
                case Denial():
                    for source in self._members(statement.sources):
                        for target in self._members(statement.targets):
                            yield self._denial(OTHER_NODES if isinstance(source, Nodes) else source, target)
                case _:
                    pass

    def _denial(self, source: object, target: object) -> Denied:
        if not isinstance(target, Endpoint):
            return Denied(source, target)
        port = port_of(target, self.platform)
        return Denied(source, target.peer, protocols_of(port), port.number, port.last or port.number)

    def _members(self, named: Iterable[object]) -> Iterator[object]:
        known = services_of(self.topology)
        for each in named:
            if isinstance(each, Tier):
                yield from (one for one in known if one.tier == each)
            else:
                yield each


def minor(version: str) -> int:
    return int(version.split(".")[1])


OWN_NODE, OTHER_NODES = OwnNode(), OtherNodes()
EVERYONE, EVERY_CALLER = Everyone(with_own_node=True), Everyone(with_own_node=False)


# --- what to ask --------------------------------------------------------------------------------------

FAR = "far-away"
RESERVATIONS: tuple[tuple[Reservation, ...], ...] = (
    ("host",),
    ("remote-node",),
    ("remote-node", "kube-apiserver"),
    ("kube-apiserver",),
    ("health",),
    ("ingress",),
    ("init",),
    ("unmanaged",),
)
ENTITIES: tuple[Reserved, ...] = tuple(Reserved(names) for names in RESERVATIONS if names != ("kube-apiserver",))
# In no network but INTERNET, and not even there: who is let in here has a name.
ELSEWHERE = ("192.88.99.7", "233.252.0.7", "3fff::7", "169.254.169.254")
API_SERVERS = (Address("192.88.99.10", kube_apiserver=True),)


@cache
def names_near(pattern: str) -> Sequence[str]:
    """Names that a pattern is for, and names that it misses by a label, a letter or a dot."""
    first, _, rest = pattern.partition(".")
    if pattern == EVERY_NAME:
        return ["api.example.com", "localhost"]
    bases = [f"a.{rest}", f"b-1.{rest}", f"a.b.{rest}", rest] if "*" in first else [pattern, f"a.{pattern}", rest]
    base = bases[0]
    other = [f"x{base}", f"{base}.evil.example", base.replace(".", "x", 1), base.upper(), f"a{rest}"]
    return [name for name in (*bases, *other) if name]


@lru_cache(maxsize=1 << 10)
def requests_near(allowed: Carried) -> Sequence[Request]:
    """Requests that are allowed, and requests that miss by a segment, a slash, a letter, a method or a query."""
    match allowed:
        case Requests(routes=routes):
            return [request for route in routes for request in _requests(route.method, route.path)]
        case Calls(methods=methods):
            return [request for method in methods for request in _requests("POST", "/" + method.replace("*", "{m}"))]
        case _:
            return [Request("GET", "/"), Request("POST", "/orders/1?x=1")]


_FILLED = "7%20a"


def _requests(method: str, route: str) -> Iterator[Request]:
    right = "DELETE" if method == "*" else method
    path = re.sub(r"\{[^}]*\}", _FILLED, route)
    for filled in (path.removesuffix("/**") or "/", path.replace("**", ""), path.replace("**", "a/b.c/")):
        yield Request(right, filled)
    plain = path.replace("**", "a")
    above = plain.rpartition("/")[0] or "/x"
    wrong = [f"{plain}/more", f"{plain}/", above, plain.swapcase(), f"/x{plain}", f"{plain}x"]
    odd = [f"{plain}?", f"{plain}?a=b&c=/d", f"{plain}/?q", re.sub(r"[^\w/]", "x", plain)]
    # A segment that is empty: only the last can be.
    odd += [path.removesuffix("/**").removesuffix(_FILLED)] * 2 if _FILLED in path else []
    for tried in (*wrong, *odd, re.sub(r"\{[^}]*\}", "a/b", route).replace("**", "a")):
        if "//" not in tried:  # Envoy would have taken that out before
            yield Request(right, tried)
    for verb in ("GET", "POST", "PUT", right.lower(), f"{right}X"):
        yield Request(verb, plain)


@frozen
class Asked:
    """Everything of a topology that is worth asking about."""

    pods: tuple[Pod, ...]
    addresses: tuple[Address, ...]
    ports: tuple[tuple[Protocol, int], ...]
    names: tuple[str, ...]

    @property
    def everyone(self) -> tuple[tuple[Peer, ...], ...]:
        return (self.pods, self.pods, self.addresses, (*ENTITIES, *API_SERVERS))


def asked(meaning: Meaning) -> Asked:
    """Pods of each service, strangers and their likes in other clusters; addresses at each boundary, with names and
    without; ports at the edges of each range."""
    topology, platform = meaning.topology, meaning.platform
    services = [*services_of(topology), platform.dns]
    governed = sorted(name for _, name in meaning.governed)
    spaces = dict.fromkeys((*(one.namespace.name for one in services), *governed, "other"))
    clusters = dict.fromkeys(("", FAR, *(one.namespace.cluster or platform.cluster for one in services)))
    pods: dict[Pod, None] = {}
    for service in services:
        labels = labels_of(service)
        cluster = service.namespace.cluster or ""
        pods |= dict.fromkeys(Pod(service.namespace.name, labels, cluster=one) for one in clusters)
        near = near_misses(service.namespace.name, labels)
        pods |= dict.fromkeys(Pod(one.namespace, one.labels, cluster=cluster) for one in near)
        pods |= dict.fromkeys(Pod(space, labels) for space in spaces)
    pods |= dict.fromkeys(Pod(space, cluster=one) for space in spaces for one in clusters)
    names = _names_asked(meaning)
    cidrs = [*platform.pod_cidrs, *NEVER_OUTSIDE, *_cidrs(topology)]
    bare = [*boundaries(dict.fromkeys(cidrs)), *ELSEWHERE]
    if platform.node_local_dns is not None:
        bare.append(platform.node_local_dns)
    named = [Address(bare[index * 7 % len(bare)], (name,)) for index, name in enumerate(names)]
    named += [
        Address(ELSEWHERE[index % len(ELSEWHERE)], (name, "shared.example.net")) for index, name in enumerate(names)
    ]
    numbers = {
        number + step
        for flow in meaning.either
        for number in (flow.first, flow.last)
        for step in (-1, 0, 1)
        if 1 <= number + step <= LAST_PORT
    }
    ports: list[tuple[Protocol, int]] = [
        (protocol, number) for number in sorted(numbers or {80}) for protocol in PROTOCOLS
    ]
    return Asked(tuple(pods), (*map(Address, bare), *named), tuple(ports), names)


def _names_asked(meaning: Meaning) -> tuple[str, ...]:
    patterns = [flow.target.name for flow in meaning.flows if isinstance(flow.target, External)]
    patterns += [name for flow in meaning.flows if isinstance(flow.carried, Lookups) for name in flow.carried.names]
    near = [name for pattern in dict.fromkeys(patterns) for name in names_near(pattern)]
    here = ["web.shop.svc.cluster.local", "cluster.local", "xcluster.local", "api.example.com.shop.svc.cluster.local"]
    return tuple(dict.fromkeys((*near, *here)))


def _cidrs(topology: Topology) -> Iterator[str]:
    for statement in topology.statements:
        if isinstance(statement, Edge | Denial):
            targets = (statement.target,) if isinstance(statement, Edge) else statement.targets
            ends = (*statement.sources, *(one.peer if isinstance(one, Endpoint) else one for one in targets))
            for network in (end for end in ends if isinstance(end, Network)):
                yield from (*network.cidrs, *network.excluding)


def probes(meaning: Meaning, random: Random, many: int, denied: float = 0.1) -> list[Connection]:
    """Connections at the edges of what is allowed: most start from one that is, with a part of it changed. `denied` is
    the share of those that start from what is denied, where something is."""
    prober = Prober(meaning, random, asked(meaning), denied)
    found: dict[Connection, None] = {}
    for _ in range(many * 6):
        if len(found) >= many:
            break
        probe = prober.near() if meaning.flows and random.random() < 0.85 else prober.any()
        if isinstance(probe.source, Pod) or isinstance(probe.target, Pod):
            found[probe] = None
    return list(found)


@frozen
class Prober:
    """Makes up connections."""

    meaning: Meaning
    random: Random
    about: Asked
    denied: float
    _likes: dict[int, tuple[Peer, ...]] = field(factory=dict, init=False)

    def any(self) -> Connection:
        protocol, port = self.random.choice(self.about.ports)
        return self.carrying(Connection(self.anyone(), self.anyone(), protocol, port), Anything())

    def anyone(self) -> Peer:
        return self.random.choice(self.random.choice(self.about.everyone))

    def like(self, peer: object) -> Peer:
        """One that the peer stands for, where there is one."""
        if id(peer) not in self._likes:
            pool: Iterable[Peer]
            match peer:
                case Everyone():
                    return self.anyone()
                case Service() | Namespace():
                    pool = self.about.pods
                case External() | Network() | str():
                    pool = self.about.addresses
                case _:
                    pool = (*ENTITIES, *API_SERVERS)
            self._likes[id(peer)] = tuple(end for end in pool if self.meaning.matches(peer, end))
        likes = self._likes[id(peer)]
        return self.random.choice(likes) if likes else self.anyone()

    def near(self) -> Connection:
        random = self.random
        said: Sequence[Flow | Denied] = self.meaning.denied or self.meaning.flows
        flow = random.choice(said if random.random() < self.denied else self.meaning.flows)
        carried = flow.carried if isinstance(flow, Flow) else Anything()
        protocol, port = random.choice(flow.protocols), random.choice((flow.first, flow.last))
        made = self.carrying(Connection(self.like(flow.source), self.like(flow.target), protocol, port), carried)
        match random.randrange(8):
            case 0:
                return evolve(made, source=self.anyone())
            case 1 if isinstance(flow.target, External):
                return evolve(made, target=random.choice([one for one in self.about.addresses if one.names]))
            case 1:
                return evolve(made, target=self.anyone())
            case 2:
                near = (port - 1, port + 1, *(number for _, number in self.about.ports))
                return evolve(made, port=random.choice([n for n in near if 1 <= n <= LAST_PORT]))
            case 3:
                return evolve(made, protocol=random.choice(PROTOCOLS))
            case _:
                return made

    def carrying(self, connection: Connection, allowed: Carried) -> Connection:
        """The same with something in it: what is allowed, or almost."""
        random = self.random
        choice = random.random()
        match allowed:
            case Requests() | Calls():
                return evolve(connection, http=random.choice(requests_near(allowed)))
            case Lookups(names=names):
                tried = self.about.names if names == (EVERY_NAME,) or choice < 0.3 else names_near(random.choice(names))
                return evolve(connection, dns=random.choice(tried))
            case ServerName(name=name):
                known = connection.target.names if isinstance(connection.target, Address) else ()
                tried = known if known and choice < 0.4 else ("", *names_near(name))
                return evolve(connection, server_name=random.choice(tried))
            case Anything():
                if choice < 0.2:
                    return evolve(connection, http=random.choice(requests_near(allowed)))
                return evolve(connection, dns=random.choice(self.about.names)) if choice < 0.3 else connection
            case _:
                assert_never(allowed)
