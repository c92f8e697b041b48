"""What a topology means to a mesh, read straight from the values that its author wrote: who may call a pod, as the
sidecar there sees it. And what it means to the network engine beside the mesh, as one more topology.

By brute force, one connection at a time, as `tests.meaning` and `tests.cilium_meaning`, and as there without a word of
`zt_dsl.ir`, of the passes, of `reach` or of what is emitted. A connection passes a stack where both let it through.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from random import Random
from typing import Any

from attrs import Factory, evolve, field, frozen

from tests.cilium_meaning import Anything, Calls, Carried, Requests, is_call, is_request, requests_near
from tests.conformance.engines.cilium_engine import Request as Sent
from tests.conformance.engines.istio_engine import Connection, Identity, Mode, Request, Workload
from tests.meaning import (
    LAST_PORT,
    NEVER_OUTSIDE,
    Labels,
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
    Calico,
    Cilium,
    Denial,
    Edge,
    Endpoint,
    External,
    Istio,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Platform,
    Port,
    Service,
    Tier,
    TlsPort,
    Topology,
    allow,
)
from zt_dsl.model.endpoints import Methods, Routes
from zt_dsl.model.statements import Quarantine

STRANGER, FOREIGN = "stranger", "far.example"
DECODED = "DECODE_AND_MERGE_SLASHES"


class Istiod(Service):
    """What each sidecar asks for its configuration and its certificate."""

    xds = TlsPort(15012)


@frozen
class Flow:
    """Who may call a service with a sidecar, on these ports of TCP, with what."""

    source: object
    target: Service
    first: int
    last: int
    carried: Carried

    def on(self, port: int) -> bool:
        return self.first <= port <= self.last


@frozen
class Meaning:
    """What the topology means to the mesh of a platform whose waivers cover all that needs one."""

    topology: Topology
    platform: Platform
    governed: Mapping[str, Namespace] = Factory(
        lambda self: {place.name: place for place in self.topology.governs}, takes_self=True
    )
    services: tuple[Service, ...] = Factory(
        lambda self: (*services_of(self.topology), self.platform.dns), takes_self=True
    )
    flows: tuple[Flow, ...] = Factory(lambda self: tuple(self._flows()), takes_self=True)
    denied: tuple[Flow, ...] = Factory(lambda self: tuple(self._denied()), takes_self=True)

    @property
    def mesh(self) -> Istio:
        assert self.platform.mesh is not None
        return self.platform.mesh

    # --- one connection ---

    def allowed(self, connection: Connection) -> bool:
        """Whether the sidecar where it arrives lets it through; without one nobody looks."""
        pod = connection.target
        if not self.has_sidecar(pod.namespace, pod.labels):
            return True
        mode = self.mode(pod, connection.port)
        if mode == "STRICT" and connection.client is None:
            return False
        seen = evolve(connection, client=None) if mode == "DISABLE" else connection
        if any(self._is_of(each, seen) and self.is_from(each.source, seen) for each in self.denied):
            return False
        return any(
            self._is_of(flow, seen)
            and ((mode == "DISABLE" and not self._is_addressed(flow.source)) or self.is_from(flow.source, seen))
            and holds(flow.carried, seen.http)
            for flow in self.flows
        )

    def has_sidecar(self, namespace: str, labels: Labels) -> bool:
        """Whether a pod of the platform's own cluster is judged by the mesh."""
        service = self.service_of(namespace, labels)
        place = self.governed.get(namespace)
        return place is not None and (place.meshed if service is None else is_meshed(service))

    def service_of(self, namespace: str, labels: Labels) -> Service | None:
        return next((one for one in self.services if self._selects(one, namespace, labels)), None)

    def mode(self, pod: Workload, number: int) -> Mode:
        """Of a port number, whether it is declared or not."""
        service = self.service_of(pod.namespace, pod.labels)
        return self._mode(service, number)

    def _mode(self, service: Service | None, number: int) -> Mode:
        said = self.topology.mtls
        if service is not None:
            own = [
                port.mtls
                for port in ports_of(service)
                if port.mtls and "TCP" in protocols_of(port) and port.number <= number <= (port.last or port.number)
            ]
            said = next(iter(own), service.mtls or said)
        return _MODES[said or "strict"]

    def _selects(self, service: Service, namespace: str, labels: Labels) -> bool:
        own = self.is_own(service.namespace)
        return own and service.namespace.name == namespace and labels_of(service).items() <= dict(labels).items()

    def selects(self, service: Service, pod: Workload) -> bool:
        """Whether the pod is one of the service."""
        return self._selects(service, pod.namespace, pod.labels)

    def _is_of(self, flow: Flow, connection: Connection) -> bool:
        return flow.on(connection.port) and self.selects(flow.target, connection.target)

    def is_from(self, source: object, connection: Connection) -> bool:
        """Whether the caller is one that the source stands for, by its certificate or by its address."""
        client, domain = connection.client, self.mesh.trust_domain
        match source:
            case KubeDns() if source is not self.platform.dns:
                return self.is_from(self.platform.dns, connection)
            case Service():
                return client == identity_of(source, domain)
            case Namespace() if source.meshed:
                return client is not None and (client.namespace, client.trust_domain) == (source.name, domain)
            case Namespace():
                return client is None
            case ApiServer() | Nodes() if isinstance(self.platform.network, Cilium):
                return client is None
            case ApiServer():
                return in_any(connection.address, self.platform.api_server.cidrs)
            case Nodes():
                return in_any(connection.address, self.platform.nodes.cidrs)
            case Network():
                return outside(self.platform, source, connection.address)
            case _:
                raise AssertionError(source)

    def _is_addressed(self, source: object) -> bool:
        """Whether the mesh knows it by its address, whatever the port takes."""
        known = not isinstance(self.platform.network, Cilium)
        return isinstance(source, Network) or (known and isinstance(source, ApiServer | Nodes))

    # --- edges, and what follows from them ---

    def _flows(self) -> Iterator[Flow]:
        for _, source, target in in_force(self.topology):
            yield from self._arriving(source, target, self.carried(target))
        for caller in lookups(self.topology, self.platform):
            yield from self._arriving(caller, self.platform.dns.dns, Anything())

    def _arriving(self, source: object, target: Endpoint, carried: Carried) -> Iterator[Flow]:
        peer = self.platform.dns if isinstance(target.peer, KubeDns) else target.peer
        port = port_of(target, self.platform)
        if isinstance(peer, Service) and self.is_ours(peer) and "TCP" in protocols_of(port):
            yield Flow(source, peer, port.number, port.last or port.number, carried)

    def is_own(self, place: Namespace) -> bool:
        return (place.cluster or self.platform.cluster) == self.platform.cluster

    def is_governed(self, place: Namespace) -> bool:
        return self.is_own(place) and place.name in self.governed

    def is_ours(self, service: Service) -> bool:
        """Governed, and with a sidecar."""
        return self.is_governed(service.namespace) and is_meshed(service)

    def carried(self, target: Endpoint) -> Carried:
        """What the sidecar reads; the whole port where it reads nothing."""
        if not self.is_read(target):
            return Anything()
        match target.narrowing:
            case Routes(routes=routes):
                return Requests(routes)
            case Methods(methods=methods):
                return Calls(methods)
            case _:
                return Anything()

    def is_read(self, target: Endpoint) -> bool:
        """Whether requests of this edge are read by a sidecar: routes and methods alone, where it is there for them,
        and no path of them is one that a service could take for another than the sidecar does."""
        peer = self.platform.dns if isinstance(target.peer, KubeDns) else target.peer
        if not isinstance(peer, Service) or not self.is_ours(peer):
            return False
        match target.narrowing:
            case Routes(routes=routes):
                return self.mesh.path_normalization == DECODED or not any(map(_is_template, (r.path for r in routes)))
            case Methods(methods=methods):
                return self.mesh.path_normalization == DECODED or not any(m.endswith("/*") for m in methods)
            case _:
                return False

    def _denied(self) -> Iterator[Flow]:
        """The mesh's own: where no engine beside it denies, and nobody who is meant can be taken for another."""
        if isinstance(self.platform.network, Cilium | Calico):
            return
        for statement in self.topology.statements:
            if not isinstance(statement, Denial) or isinstance(statement, Quarantine):
                continue
            for source in members(self.topology, statement.sources):
                for target in members(self.topology, statement.targets):
                    if isinstance(target, Endpoint) and self.is_denied(source, target):
                        port = port_of(target, self.platform)
                        assert isinstance(target.peer, Service)
                        yield Flow(source, target.peer, port.number, port.last or port.number, Anything())
                    if isinstance(target, Service) and self.is_denied_whole(source, target):
                        yield Flow(source, target, 1, 65535, Anything())

    def is_denied_whole(self, source: object, target: Service) -> bool:
        """On every port: that is every port of TCP, where UDP and SCTP are given up."""
        given_up = {waiver.feature for waiver in self.platform.waivers if waiver.target is None}
        if self.platform.network is not None or "protocol" not in given_up or not self.is_ours(target):
            return False
        match source:
            case Network():
                return True
            case ApiServer() | Nodes():
                return bool((self.platform.api_server if isinstance(source, ApiServer) else self.platform.nodes).cidrs)
            case _:
                strict = all(self._mode(target, number) == "STRICT" for number in range(1, 65536))
                return has_identity(source, self.platform) and strict

    def is_denied(self, source: object, target: Endpoint) -> bool:
        port = port_of(target, self.platform)
        if not isinstance(target.peer, Service) or not self.is_ours(target.peer) or protocols_of(port) != ("TCP",):
            return False
        match source:
            case Network():
                return True
            case ApiServer() | Nodes():
                return bool((self.platform.api_server if isinstance(source, ApiServer) else self.platform.nodes).cidrs)
            case _:
                own = port.mtls or target.peer.mtls or self.topology.mtls or "strict"
                return has_identity(source, self.platform) and own == "strict"


_MODES: Mapping[str, Mode] = {"strict": "STRICT", "permissive": "PERMISSIVE", "disable": "DISABLE"}


def holds(carried: Carried, http: Request | None) -> bool:
    """Whether this is let through where that is. Bytes that are no HTTP are no request, and no query matters."""
    if isinstance(carried, Anything):
        return True
    if http is None:
        return False
    path, _, _ = http.path.partition("?")
    sent = Sent(http.method, path)
    match carried:
        case Requests(routes=routes):
            return any(is_request(route, sent) for route in routes)
        case Calls(methods=methods):
            return any(is_call(method, sent) for method in methods)
        case _:
            raise AssertionError(carried)


def _is_template(path: str) -> bool:
    return "{" in path or (path.endswith("**") and path != "/**")  # `/**` is every path, however it is written


# --- what was written -----------------------------------------------------------------------------------


def ports_of(service: Service) -> "list[Port[Any]]":
    declared: dict[str, object] = {}
    for base in reversed(type(service).__mro__):
        declared |= vars(base)
    return [port for port in declared.values() if isinstance(port, Port)]


def is_meshed(service: Service) -> bool:
    return service.namespace.meshed if service.meshed is None else service.meshed


def identity_of(service: Service, trust_domain: str) -> Identity | None:
    account = service.service_account or service.name
    return Identity(service.namespace.name, account, trust_domain) if is_meshed(service) else None


def has_identity(source: object, platform: Platform) -> bool:
    match source:
        case KubeDns():
            return is_meshed(platform.dns)
        case Service():
            return is_meshed(source)
        case Namespace():
            return source.meshed
        case _:
            return False


def members(topology: Topology, named: Iterable[object]) -> Iterator[object]:
    """With a tier's services for the tier."""
    for each in named:
        if isinstance(each, Tier):
            yield from (one for one in services_of(topology) if one.tier == each)
        else:
            yield each


def outside(platform: Platform, network: Network, address: str) -> bool:
    pods = platform.pod_cidrs
    if is_internet(network):
        dual = any(":" in pod for pod in pods)
        if in_any(address, NEVER_OUTSIDE) or (":" in address and not dual):
            return False
    return in_any(address, network.cidrs) and not in_any(address, (*network.excluding, *pods))


def _place(source: object, platform: Platform) -> Namespace | None:
    match source:
        case Namespace():
            return source
        case KubeDns():
            return platform.dns.namespace
        case Service():
            return source.namespace
        case _:
            return None


# --- the network engine beside it -------------------------------------------------------------------------


def in_mesh(topology: Topology, platform: Platform) -> list[Service | Namespace]:
    """Who asks istiod: each governed service with a sidecar, the resolver too, and namespaces that edges are from.
    Where nobody polices what leaves, nobody has to be let out."""
    if platform.network is None:
        return []
    found: dict[Service | Namespace, None] = dict.fromkeys([*services_of(topology), KubeDns()])
    for _, source, _ in in_force(topology):
        found |= {source: None} if isinstance(source, Service | Namespace) else {}
    governed = {(place.cluster or platform.cluster, place.name) for place in topology.governs}
    return [
        each
        for each in found
        if (place := _place(each, platform)) is not None
        and (place.cluster or platform.cluster, place.name) in governed
        and has_identity(each, platform)
    ]


def beside(topology: Topology, platform: Platform) -> Topology:
    """The topology that is left to the network engine: whole ports where a sidecar reads requests or encrypts them, or
    nobody reads them; and from each pod with a sidecar to istiod."""
    mesh = Meaning(topology, platform)
    root = Namespace(mesh.mesh.root_namespace)
    istiod = Istiod("istiod", namespace=root, labels={"app": "istiod"})
    edges = [
        allow(source, target if is_left(mesh, source, target) else whole(target), why=edge.why)
        for edge, source, target in in_force(topology)
    ]
    edges += [allow(each, istiod.xds, why="mesh") for each in in_mesh(topology, platform)]
    others = [each for each in topology.statements if not isinstance(each, Edge)]
    return evolve(topology, statements=(*edges, *others), services=services_of(topology))


def whole(target: Endpoint) -> Endpoint:
    found = getattr(target.peer, target.port)
    assert isinstance(found, Endpoint)
    return found


def is_left(mesh: Meaning, source: object, target: Endpoint) -> bool:
    """Whether what is inside stays as it is for the network engine: a name that is looked up always; requests where no
    sidecar is to read them, and none to encrypt them."""
    if not isinstance(target.narrowing, Routes | Methods):
        return True
    peer = target.peer
    if not isinstance(mesh.platform.network, Cilium):
        return False  # waived, where the mesh does not read it
    if not isinstance(peer, Service):
        return True
    return not mesh.is_ours(peer) and not (has_identity(source, mesh.platform) and is_meshed(peer))


def lookups(topology: Topology, platform: Platform) -> list[object]:
    """Who asks the resolver for names: whoever is governed and calls by name, istiod's too."""
    governed = {(place.cluster or platform.cluster, place.name) for place in topology.governs}
    calling: list[object] = [
        source for _, source, target in in_force(topology) if isinstance(target.peer, Service | External)
    ]
    cut = [each.sources[0] for each in topology.statements if isinstance(each, Quarantine)]
    calling += [each for each in in_mesh(topology, platform) if each not in cut]
    return [
        caller
        for caller in dict.fromkeys(calling)
        if (place := _place(caller, platform)) is not None
        and (place.cluster or platform.cluster, place.name) in governed
    ]


# --- what to ask ------------------------------------------------------------------------------------------


def pod_address(platform: Platform) -> str:
    """An address that no network is left with."""
    return str(ip_network(next(iter(platform.pod_cidrs), "198.18.0.0/15"))[1])


@frozen
class Asked:
    """Everything of a topology that is worth asking a sidecar about."""

    pods: tuple[Workload, ...]
    clients: tuple[Identity | None, ...]
    addresses: tuple[str, ...]
    ports: tuple[int, ...]


def asked(meaning: Meaning) -> Asked:
    """Pods of each service with a sidecar, and strangers; identities of services, of strangers and of elsewhere;
    addresses at each boundary; ports at the edges of each range."""
    platform, domain = meaning.platform, meaning.mesh.trust_domain
    pods: dict[Workload, None] = {}
    clients: dict[Identity | None, None] = {None: None}
    for service in meaning.services:
        namespace, labels = service.namespace.name, labels_of(service)
        pods[Workload(namespace, labels)] = None
        pods |= {Workload(near.namespace, near.labels): None for near in near_misses(namespace, labels)}
        pods |= {Workload(place, labels): None for place in meaning.governed}
        account = service.service_account or service.name
        for name in (account, service.name, f"{account}x", account[:-1], STRANGER):
            clients |= {Identity(namespace, name or STRANGER, each): None for each in (domain, FOREIGN)}
        clients |= {Identity(place, account, domain): None for place in (f"{namespace}-2", "elsewhere")}
    pods |= {Workload(place): None for place in meaning.governed}
    clients |= {Identity(place, STRANGER, domain): None for place in (*meaning.governed, "kube-system", "ops")}
    cidrs = [*platform.pod_cidrs, *platform.api_server.cidrs, *platform.nodes.cidrs, *NEVER_OUTSIDE]
    for statement in meaning.topology.statements:
        if isinstance(statement, Edge | Denial):
            for network in (end for end in statement.sources if isinstance(end, Network)):
                cidrs += (*network.cidrs, *network.excluding)
    numbers = {15012, 15020} | {
        number + step
        for flow in (*meaning.flows, *meaning.denied)
        for number in (flow.first, flow.last)
        for step in (-1, 0, 1)
    }
    for service in meaning.services:
        numbers |= {port.number for port in ports_of(service) if meaning.is_ours(service)}
    judged = tuple(pod for pod in pods if meaning.has_sidecar(pod.namespace, pod.labels))
    return Asked(
        judged,
        tuple(clients),
        tuple(boundaries(dict.fromkeys(cidrs))),
        tuple(sorted(number for number in numbers if 1 <= number <= LAST_PORT)),
    )


def probes(meaning: Meaning, random: Random, many: int) -> list[Connection]:
    """Connections at the edges of what a sidecar lets through: most start from one that passes, with a part changed."""
    about = asked(meaning)
    if not about.pods:
        return []
    prober = Prober(meaning, random, about)
    found: dict[Connection, None] = {}
    for _ in range(many * 6):
        if len(found) >= many:
            break
        found[prober.near() if prober.flows and random.random() < 0.9 else prober.any()] = None
    return list(found)


@frozen
class Prober:
    """Makes up connections to pods with a sidecar."""

    meaning: Meaning
    random: Random
    about: Asked
    flows: tuple[Flow, ...] = Factory(lambda self: (*self.meaning.flows, *self.meaning.denied), takes_self=True)
    _callers: dict[int, Sequence[tuple[Identity | None, str]]] = field(factory=dict, init=False)
    _pods: dict[int, Sequence[Workload]] = field(factory=dict, init=False)

    def any(self) -> Connection:
        random = self.random
        http = random.choice((None, Request("GET", "/"), Request("POST", "/orders/1?x=1")))
        client, address = self.anyone()
        return Connection(client, random.choice(self.about.pods), random.choice(self.about.ports), http, address)

    def near(self) -> Connection:
        random = self.random
        flow = random.choice(self.flows)
        target = self.like(flow.target) if random.random() < 0.9 else random.choice(self.about.pods)
        port = random.choice((flow.first, flow.last)) if random.random() < 0.9 else random.choice(self.about.ports)
        client, address = self.caller(flow.source) if random.random() < 0.8 else self.anyone()
        return Connection(client, target, port, inside(random, flow.carried), address)

    def anyone(self) -> tuple[Identity | None, str]:
        """With an identity or without one, a pod or an address."""
        client = self.random.choice(self.about.clients) if self.random.random() < 0.7 else None
        pods = pod_address(self.meaning.platform)
        return client, self.random.choice(
            self.about.addresses
        ) if client is None and self.random.random() < 0.6 else pods

    def caller(self, source: object) -> tuple[Identity | None, str]:
        """One that the source stands for, where there is one."""
        if id(source) not in self._callers:
            pods, anywhere = pod_address(self.meaning.platform), self.about.pods[0]
            everyone = [(client, pods) for client in self.about.clients]
            everyone += [(None, address) for address in self.about.addresses]
            self._callers[id(source)] = [
                (client, address)
                for client, address in everyone
                if self.meaning.is_from(source, Connection(client, anywhere, address=address))
            ]
        callers = self._callers[id(source)]
        return self.random.choice(callers) if callers else self.anyone()

    def like(self, service: Service) -> Workload:
        """One of its pods that have a sidecar, its own one more often than not."""
        if id(service) not in self._pods:
            own = [pod for pod in self.about.pods if self.meaning.selects(service, pod)]
            self._pods[id(service)] = [*own[:1] * len(own), *own] or self.about.pods
        return self.random.choice(self._pods[id(service)])


def inside(random: Random, carried: Carried) -> Request | None:
    """A request that is let through there, or almost; now and then none."""
    sent = random.choice(requests_near(carried))
    if random.random() < (0.5 if isinstance(carried, Anything) else 0.1):
        return None
    return Request(sent.method, sent.path)
