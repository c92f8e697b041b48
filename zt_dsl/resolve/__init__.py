"""From the lenient model to the strict IR: everything that can be wrong with a model, told at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from attrs import evolve, frozen

from zt_dsl.diagnostics import Diagnostic, Label, errors, in_order
from zt_dsl.ir.flow import EveryPod, Flow, Outside, Place, Workload
from zt_dsl.ir.mesh import is_captured
from zt_dsl.ir.platform import Istio, Platform
from zt_dsl.ir.policy import MtlsDemand, Policy
from zt_dsl.ir.traffic import Port
from zt_dsl.model import platform as model_platform
from zt_dsl.model.endpoints import Endpoint
from zt_dsl.model.peers import KubeDns, Namespace, Service
from zt_dsl.model.ports import Mtls
from zt_dsl.model.statements import Denial, Edge, Guardrail, Quarantine, Statement
from zt_dsl.model.topology import Topology
from zt_dsl.resolve import guardrails, names
from zt_dsl.resolve.edges import Written, edge, governed_end, tier_order
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.identity import contained, indistinguishable, shared_accounts
from zt_dsl.resolve.names import shown
from zt_dsl.resolve.platform import platform as read_platform
from zt_dsl.resolve.platform import waivers
from zt_dsl.resolve.reading import MODES, Reading, declared_ports, place, strict_port, tier, workload
from zt_dsl.resolve.traps import traps
from zt_dsl.source import NOWHERE, Location, Span, locate

SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")


@frozen
class Resolved:
    """The policy, and what there is to say of it. No policy where there is an error."""

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...]


def resolve(
    topology: Topology, platform: model_platform.Platform, *, on: date, recorded: Sequence[object] = ()
) -> Resolved:
    """The topology on the platform, as a policy that cannot be wrong; or every mistake in it.

    `on` is the day that `until` is compared with. `recorded` are the services and statements that were made
    while the user's modules were imported (see `model.recording`).
    """
    places = _places(topology, platform)
    cluster = platform.cluster if isinstance(platform.cluster, str) else "default"
    reading = Reading(cluster)
    name = reading.keep(names.dns_label(topology.name, "topology", topology.written_at))
    read = read_platform(reading, platform, places)
    governed = _governed(reading, topology, read)
    services = _services(reading, topology)
    order = tuple(level for level in (tier(reading, value, topology.written_at) for value in topology.tiers) if level)
    if read is None or name is None:
        return _resolved(reading, None)
    members = _members(services)
    _identities(reading, read, platform.dns)
    edges, rules, cut = _statements(reading, topology, read, members, places, on)
    ruled = frozenset(governed)
    hosted = {found: service for service, found in reading.services.values() if service.host_network is True}
    for written in edges:
        # Where `governs` itself is wrong, that is told, and not each edge that follows from it.
        if governed and len(governed) == len(topology.governs):
            governed_end(reading, written, ruled)
        tier_order(reading, written, order)
        _host_network(reading, written, hosted)
        _outside_the_mesh(reading, written, topology, read, ruled)
    _unheard(reading, ruled)
    _tiers_listed(reading, order)
    guardrails.hold(reading, rules, edges)
    quarantined, left = guardrails.quarantines(reading, cut, edges, places)
    traps(reading, recorded, ruled)
    mode: Mtls | None = topology.mtls
    if mode is not None:
        checked: Mtls | Finding = names.choice(mode, MODES, "mtls", topology.written_at)
        mode = reading.keep(checked)
    with_waivers = evolve(read, waivers=waivers(reading, platform, read, members, places, on))
    known = tuple(sorted((found for _, found in reading.services.values()), key=str))
    policy = Policy(
        name,
        tuple(sorted(ruled, key=str)),
        known,
        tuple(flow for written in left for flow in written.flows),
        guardrails.denials(rules, places),
        quarantined,
        mode or "unwritten",
        _demands(reading, topology, ruled, places),
        _port_modes(reading, ruled),
        with_waivers,
        sum(len(written.edge.sources) for written in edges),
        places[topology.written_at],
    )
    return _resolved(reading, policy)


# --- where things are ---------------------------------------------------------------------------------

_UNKNOWN = Location("", 0)


class _Places(dict[Span, Location]):
    """Locations by span; what has no frame of the user's is nowhere."""

    def __missing__(self, span: Span) -> Location:
        found = locate((span,))[span] or _UNKNOWN
        self[span] = found
        return found


def _places(topology: Topology, platform: model_platform.Platform) -> Mapping[Span, Location]:
    spans = [statement.written_at for statement in topology.statements if isinstance(statement, Statement)]
    found = locate((*spans, topology.written_at, platform.written_at))
    return _Places({span: location or _UNKNOWN for span, location in found.items()})


# What follows from each of these is not told beside it: that would be one mistake told twice.
_FOLLOWS = {
    "ZT206": ("ZT226",),
    "ZT212": ("ZT226", "ZT242"),
    "ZT213": ("ZT226", "ZT242"),
    "ZT240": ("ZT226",),
    "ZT242": ("ZT226",),
}


def _resolved(reading: Reading, policy: Policy | None) -> Resolved:
    told = {finding.code for finding in reading.findings}
    followed = {code for cause in told for code in _FOLLOWS.get(cause, ())}
    diagnostics = in_order(diagnosed(finding for finding in reading.findings if finding.code not in followed))
    return Resolved(None if errors(diagnostics) else policy, diagnostics)


def diagnosed(findings: Iterable[Finding]) -> tuple[Diagnostic, ...]:
    """Findings with their places, worked out for all of them at once."""
    findings = tuple(findings)
    places = locate(span for finding in findings for span, _ in finding.at)
    return tuple(
        Diagnostic(
            finding.code,
            finding.message,
            tuple(Label(at, text) for span, text in finding.at if (at := places[span]) is not None),
            finding.why,
            finding.help,
        )
        for finding in findings
    )


# --- what is governed, and who is there --------------------------------------------------------------


def _governed(reading: Reading, topology: Topology, platform: Platform | None) -> list[Place]:
    at = topology.written_at
    if not topology.governs:
        reading.found(
            "ZT232",
            f"topology `{topology.name}` governs no namespace",
            (at, "`governs` is empty"),
            why="Nothing would be refused anywhere; that must not happen by accident.",
            help="write governs=[namespace, …]",
        )
    root = platform.mesh.root_namespace if platform and isinstance(platform.mesh, Istio) else None
    governed: list[Place] = []
    for namespace in topology.governs:
        where = place(reading, namespace, at)
        if where is None:
            continue
        if where.namespace in SYSTEM_NAMESPACES or where.namespace == root:
            reading.found(
                "ZT230",
                f"namespace `{where}` cannot be governed",
                (namespace.written_at if isinstance(namespace, Namespace) else at, "declared here"),
                (at, "governed by this topology"),
                why="Refusing everything there stops what the cluster itself runs on: its resolver, its leases, "
                "its mesh.",
                help="take it out of `governs`; edges may still lead to its services",
            )
        elif where.cluster != reading.cluster:
            reading.found(
                "ZT231",
                f"namespace `{where}` is in cluster `{where.cluster}`, and the platform is `{reading.cluster}`",
                (namespace.written_at, "declared here"),
                (at, "governed by this topology"),
                why="Policies are applied to one cluster; nothing that is emitted would reach that one.",
                help=f"compile it for a platform with cluster={where.cluster!r}, or take it out of `governs`",
            )
        else:
            governed.append(where)
    return governed


def _services(reading: Reading, topology: Topology) -> list[Workload]:
    """Every service that the topology lists or a statement names: each is read here, before any edge is."""
    named: dict[int, Service] = {}
    for service in topology.services:
        if isinstance(service, Service):
            named[id(service)] = service
        else:
            reading.found(
                "ZT206",
                f"`services` lists services, not {shown(service)}",
                (topology.written_at, "in this topology"),
                why="Only a service has pods that a policy can select.",
                help="take it out of the list",
            )
    for statement in topology.statements:
        for value in _spoken_of(statement):
            peer = value.peer if isinstance(value, Endpoint) else value
            if isinstance(peer, Service) and not isinstance(peer, KubeDns):
                named[id(peer)] = peer
    found = (workload(reading, service) for service in named.values())
    return list(dict.fromkeys(one for one in found if one is not None))


def _spoken_of(statement: object) -> tuple[object, ...]:
    match statement:
        case _ if not _complete(statement):
            return ()
        case Edge(sources=sources, target=target):
            return (*sources, target)
        case Denial(sources=sources, targets=targets) | Guardrail(sources=sources, targets=targets):
            return (*sources, *targets, *getattr(statement, "but", ()))
        case _:
            return ()


def _complete(statement: object) -> bool:
    """Whether it was made by allow(), deny() and their like: those make tuples of whatever they get."""
    if type(statement) is Edge:  # nearly all of them, and without the parts of the others
        return isinstance(statement.sources, tuple)
    return (
        isinstance(statement, Statement)
        and isinstance(getattr(statement, "sources", ()), tuple)
        and isinstance(getattr(statement, "targets", ()), tuple)
        and isinstance(getattr(statement, "but", ()), tuple)
    )


def _members(services: Iterable[Workload]) -> dict[str, list[Workload]]:
    members: dict[str, list[Workload]] = {}
    for found in services:
        if found.tier:
            members.setdefault(found.tier, []).append(found)
    return members


def _identities(reading: Reading, platform: Platform, resolver: KubeDns) -> None:
    services = tuple(reading.services.values())
    reading.findings.extend(shared_accounts(services) if isinstance(platform.mesh, Istio) else ())
    dns = platform.dns
    alike = reading.services.get((dns.place.cluster, dns.place.namespace, dns.name))
    if alike is not None and alike[1] != dns:
        reading.found(
            "ZT220",
            f"service `{dns.name}` in namespace `{dns.place}` is called as the platform's resolver is, and differs",
            (alike[0].written_at, "this one differs"),
            (resolver.written_at, "from the resolver"),
            why="A name is an identity: the two would share one file and one policy.",
            help="write the platform's resolver in its place, or give one of the two another name",
        )
    elif alike is None:
        reading.findings.extend(contained((resolver, dns), services))
    reading.findings.extend(indistinguishable(services))


# --- statements ---------------------------------------------------------------------------------------


def _statements(
    reading: Reading,
    topology: Topology,
    platform: Platform,
    members: dict[str, list[Workload]],
    places: Mapping[Span, Location],
    on: date,
) -> tuple[list[Written], list[guardrails.Rule], list[Quarantine]]:
    edges: list[Written] = []
    rules: list[guardrails.Rule] = []
    cut: list[Quarantine] = []
    for statement in topology.statements:
        match statement:
            case _ if not _complete(statement):
                _no_statement(reading, topology, statement)
            case Edge():
                edges.append(edge(reading, platform, statement, members, places, on))
            case Quarantine():
                if guardrails.rule(reading, platform, statement, members) is not None:
                    cut.append(statement)
            case Denial() | Guardrail():
                rule = guardrails.rule(reading, platform, statement, members)
                rules.extend(() if rule is None else (rule,))
            case _:
                _no_statement(reading, topology, statement)
    return edges, rules, cut


def _no_statement(reading: Reading, topology: Topology, value: object) -> None:
    reading.found(
        "ZT242",
        f"{shown(value)} is no statement",
        (topology.written_at, "in this topology"),
        why="A topology is made of edges, denials and guardrails; anything else would be ignored.",
        help="list what allow(), deny(), quarantine(), never() and only() return; unpack lists with *",
    )


def _tiers_listed(reading: Reading, order: tuple[str, ...]) -> None:
    for name, at in reading.tiers.items():
        if name not in order:
            reading.found(
                "ZT245",
                f"tier `{name}` is not among the topology's tiers",
                (at, "used here"),
                why="Whether an edge may lead from one tier to another depends on their order.",
                help=f"list it, in order: tiers=[…, {name}, …]",
            )


def _host_network(reading: Reading, written: Written, hosted: Mapping[Workload, Service]) -> None:
    """The edge's own ends, and those that a tier stands for."""
    if not hosted:
        return
    target = written.edge.target
    direct = (*written.edge.sources, target.peer if isinstance(target, Endpoint) else None)
    ends = {id(end): end for end in direct if isinstance(end, Service) and end.host_network is True}
    for flow in written.flows:
        for peer in (flow.source, flow.target):
            if isinstance(peer, Workload) and peer in hosted:
                ends[id(hosted[peer])] = hosted[peer]
    for end in ends.values():
        reading.found(
            "ZT227",
            f"`{end.name}` is on the host network: its pods are the node",
            (written.edge.written_at, "in this edge"),
            (end.written_at, "declared with host_network=True"),
            why="Its connections carry the node's address, and no engine can tell it from its node.",
            help="write Nodes(cidrs=[…]) in its place, or a Network with the addresses of those nodes",
        )


# --- mTLS -----------------------------------------------------------------------------------------------


def _demands(
    reading: Reading, topology: Topology, governed: frozenset[Place], places: Mapping[Span, Location]
) -> tuple[MtlsDemand, ...]:
    mine = [(service, found) for service, found in reading.services.values() if found.place in governed]
    demands: list[MtlsDemand] = []
    if topology.mtls == "strict":
        everyone = tuple(sorted((found for _, found in mine), key=str))
        demands.append(MtlsDemand(f"topology {topology.name}", everyone, "*", places[topology.written_at]))
    for service, found in mine:
        if found.mtls == "strict":
            demands.append(MtlsDemand(f"service {found.name}", (found,), "*", places[service.written_at]))
        for name, declaration in declared_ports(type(service)).items():
            if declaration.mtls == "strict":
                at = places[declaration.written_at]
                demands.append(MtlsDemand(f"port {found.name}.{name}", (found,), name, at))
    return tuple(sorted(demands, key=lambda demand: (demand.of, demand.at.path, demand.at.line)))


def _unheard(reading: Reading, governed: frozenset[Place]) -> None:
    """A mode is written where its pods are, and nothing is written for a namespace that is not governed. Without
    another mode nothing is less safe; without strict mTLS, somebody counts on what is not there."""
    if not governed:
        return  # that is told, and not what follows from it
    for service, found in reading.services.values():
        if found.place in governed:
            continue
        ports = declared_ports(type(service)).values()
        strict = [(each.written_at, "is to be strict") for each in ports if each.mtls == "strict"]
        if strict or found.mtls == "strict":
            reading.found(
                "ZT410",
                f"strict mTLS of `{found.name}` has no effect: namespace `{found.place}` is not governed",
                *strict,
                (service.written_at, "is to be strict" if found.mtls == "strict" else "of this service"),
                why="Nothing is written for a namespace that is not governed: its pods take plain text, too, where "
                "nobody else says that they must not.",
                help=f"govern `{found.place}`, or leave its mode to the topology that does",
            )


def _port_modes(reading: Reading, governed: frozenset[Place]) -> tuple[tuple[Workload, Port], ...]:
    """The ports of governed services that say a mode, whether an edge is about them or not."""
    found: list[tuple[Workload, Port]] = []
    for service, whose in reading.services.values():
        if whose.place in governed:
            declared = declared_ports(type(service)).values()
            ports = (strict_port(reading, each) for each in declared if each.mtls is not None)
            found += ((whose, port) for port in ports if port is not None)
    return tuple(sorted(found, key=str))


def _outside_the_mesh(
    reading: Reading,
    written: Written,
    topology: Topology,
    platform: Platform,
    governed: frozenset[Place],
) -> None:
    for flow in written.flows:
        if _in_the_mesh(flow) or not is_captured(flow.port):
            continue
        target = flow.target
        if not isinstance(target, Workload) or target.place not in governed or not target.meshed:
            continue
        if _mode(flow, target, topology, platform) == "strict":
            reading.found(
                "ZT292",
                f"`{flow.source}` is outside the mesh, and `{target.name}` port {flow.port} is strict",
                (written.edge.written_at, "this call would be refused"),
                why="Strict mTLS refuses every caller that has no certificate of the mesh.",
                help=f'declare the port with mtls="permissive": …Port({flow.port.first}, mtls="permissive")',
            )
            return


def _mode(flow: Flow, target: Workload, topology: Topology, platform: Platform) -> str:
    """The port's mode, else the service's, else the topology's; strict where a mesh decides."""
    written = next((mode for mode in (flow.port.mtls, target.mtls) if mode != "inherited"), topology.mtls)
    return written or ("strict" if isinstance(platform.mesh, Istio) else "unwritten")


def _in_the_mesh(flow: Flow) -> bool:
    match flow.source:
        case Workload(meshed=meshed):
            return meshed
        case EveryPod(place=where):
            return where.meshed
        case Outside():
            return False
        case _:
            return True


__all__ = ["NOWHERE", "Resolved", "diagnosed", "resolve", "strict_port"]
