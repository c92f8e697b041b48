"""The platform, read: engines, its own peers, addresses and waivers."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, get_args

from zt_dsl.ir import platform as ir
from zt_dsl.ir.addresses import IPNetwork
from zt_dsl.ir.flow import Outside, Workload
from zt_dsl.ir.traffic import Port
from zt_dsl.model import platform as model
from zt_dsl.model.endpoints import Endpoint
from zt_dsl.model.peers import ApiServer, KubeDns, Namespace, Nodes, Service, Tier
from zt_dsl.model.peers import Peer as ModelPeer
from zt_dsl.resolve import names, networks
from zt_dsl.resolve.dates import day, past
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import shown
from zt_dsl.resolve.reading import Reading, declared_ports, peer, place, strict_port, workload
from zt_dsl.source import Location, Span

FEATURES = get_args(model.Feature)


def platform(reading: Reading, written: model.Platform, places: Mapping[Span, Location]) -> ir.Platform | None:
    """The platform without its waivers, which speak of the topology's peers and are read after those."""
    at = written.written_at
    name = reading.keep(names.dns_label(written.name, "platform", at))
    cluster = reading.keep(names.dns_label(written.cluster, "cluster", at))
    network, mesh = _network(reading, written.network, at), _mesh(reading, written.mesh, at)
    resolver = _resolver(reading, written.dns, at)
    api_server = _own(reading, written.api_server, ApiServer, "api-server", at)
    nodes = _own(reading, written.nodes, Nodes, "nodes", at)
    pod_cidrs = reading.keep(networks.cidr_list(written.pod_cidrs, "pod_cidrs", at))
    local: tuple[IPNetwork, ...] = ()
    if written.node_local_dns is not None:
        address = networks.address(written.node_local_dns, at)
        if isinstance(address, Finding):
            reading.findings.append(address)
        else:
            local = (address,)
    if not (name and cluster and network and mesh and resolver and api_server and nodes) or pod_cidrs is None:
        return None
    dns, dns_port = resolver
    return ir.Platform(
        name, network, mesh, cluster, dns, dns_port, api_server, nodes, local, pod_cidrs, (), places[at]
    )  # fmt: skip


def _network(reading: Reading, written: object, at: Span) -> ir.Network | None:
    match written:
        case None:
            return ir.NoNetwork()
        case model.Kubernetes(version=version, plugin=named):
            text = reading.keep(names.text(version, "version", written.written_at))
            plugins = ("antrea", "weave-net")
            known = "" if named is None else reading.keep(names.choice(named, plugins, "plugin", written.written_at))
            return None if text is None or known is None else ir.Kubernetes(text, named or "")
        case model.Cilium(version=version):
            text = reading.keep(names.text(version, "version", written.written_at))
            return None if text is None else ir.Cilium(text)
        case model.Calico():
            text = reading.keep(names.text(written.version, "version", written.written_at))
            tier = reading.keep(names.dns_label(written.tier, "tier", written.written_at))
            alp = reading.keep(names.boolean(written.app_layer, "app_layer", written.written_at))
            editions = ("open-source", "enterprise")
            edition = reading.keep(names.choice(written.edition, editions, "edition", written.written_at))
            if text is None or tier is None or alp is None or edition is None:
                return None
            return ir.Calico(text, written.edition, alp, tier)
        case _:
            reading.found(
                "ZT206",
                f"`network` is an engine, not {shown(written)}",
                (at, "in this platform"),
                why="Which policies are made, and what they can say, depends on the engine and its version.",
                help='write network=Kubernetes("1.37"), Cilium("1.20"), Calico("3.31"), or None for a mesh alone',
            )
            return None


def _mesh(reading: Reading, written: object, at: Span) -> ir.Mesh | None:
    match written:
        case None:
            return ir.NoMesh()
        case model.Istio():
            place_ = written.written_at
            version = reading.keep(names.text(written.version, "version", place_))
            root = reading.keep(names.dns_label(written.root_namespace, "root namespace", place_))
            mode = reading.keep(names.choice(written.mode, ("sidecar", "ambient"), "mode", place_))
            domain = reading.keep(names.trust_domain(written.trust_domain, place_))
            paths = ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
            normal = reading.keep(names.choice(written.path_normalization, paths, "path_normalization", place_))
            wide: object = "unwritten"
            if written.mesh_wide_mtls is not None:
                modes = ("strict", "permissive", "disable")
                wide = reading.keep(names.choice(written.mesh_wide_mtls, modes, "mesh_wide_mtls", place_))
            waypoint: str | None = ""
            if written.waypoint is not None:
                waypoint = reading.keep(names.dns_label(written.waypoint, "waypoint", place_))
            if None in (version, root, mode, domain, normal, waypoint, wide):
                return None
            return ir.Istio(
                written.version, written.mode, written.waypoint or "", written.trust_domain,
                written.root_namespace, written.path_normalization, written.mesh_wide_mtls or "unwritten",
            )  # fmt: skip
        case _:
            reading.found(
                "ZT206",
                f"`mesh` is an Istio or None, not {shown(written)}",
                (at, "in this platform"),
                why="Whether identities are enforced depends on the mesh and its version.",
                help='write mesh=Istio("1.31"), or leave it out',
            )
            return None


def _resolver(reading: Reading, written: object, at: Span) -> tuple[Workload, Port] | None:
    if not isinstance(written, KubeDns):
        _own_kind(reading, written, "dns", "KubeDns", at)
        return None
    reading.own[KubeDns] = type(written)
    pods = workload(reading, written)
    port = strict_port(reading, declared_ports(type(written))["dns"])
    return None if pods is None or port is None else (pods, port)


def _own(
    reading: Reading,
    written: object,
    kind: type[ApiServer] | type[Nodes],
    role: Literal["api-server", "nodes"],
    at: Span,
) -> Outside | None:
    if not isinstance(written, ApiServer | Nodes) or not isinstance(written, kind):
        _own_kind(reading, written, role.replace("-", "_"), kind.__name__, at)
        return None
    reading.own[kind] = type(written)
    name = reading.keep(names.dns_label(written.name, kind.__name__, written.written_at))
    blocks = reading.keep(networks.cidr_list(written.cidrs, "cidrs", written.written_at))
    return None if name is None or blocks is None else Outside(name, role, blocks)


def _own_kind(reading: Reading, written: object, what: str, kind: str, at: Span) -> None:
    reading.found(
        "ZT206",
        f"`{what}` is a {kind}, not {shown(written)}",
        (at, "in this platform"),
        why="It stands for one of the platform's own peers in every edge that names it.",
        help=f"write {what}={kind}(…), or leave it out for the default",
    )


# --- waivers -------------------------------------------------------------------------------------------


def waivers(
    reading: Reading,
    written: model.Platform,
    read: ir.Platform,
    members: dict[str, list[Workload]],
    places: Mapping[Span, Location],
    on: date,
) -> tuple[ir.Waiver, ...]:
    """The platform's waivers, with their targets expanded."""
    found = (_waiver(reading, waiver, written, read, members, places, on) for waiver in written.waivers)
    return tuple(waiver for waiver in found if waiver is not None)


def _waiver(
    reading: Reading,
    waiver: object,
    written: model.Platform,
    read: ir.Platform,
    members: dict[str, list[Workload]],
    places: Mapping[Span, Location],
    on: date,
) -> ir.Waiver | None:
    if not isinstance(waiver, model.Waiver):
        reading.found(
            "ZT206",
            f"a platform's waivers are Waivers, not {shown(waiver)}",
            (written.written_at, "in this platform"),
            why="What is enforced less of is listed in every report, with its reason.",
            help='write waivers=[Waiver("http-routes", why="…")]',
        )
        return None
    at = waiver.written_at
    if waiver.feature not in FEATURES:
        reading.found(
            "ZT291",
            f"`{waiver.feature}` is not a feature that can be waived",
            (at, "this waiver changes nothing"),
            why="A waiver that names nothing would look like a decision that somebody took.",
            help=f"features: {', '.join(FEATURES)}",
        )
        return None
    why = reading.keep(names.text(waiver.why, "why", at))
    if why is not None and not why.strip():
        reading.found(
            "ZT246",
            "a waiver has no reason",
            (at, "its `why` is empty"),
            why="Less is enforced because of it; whoever reviews the report must see why.",
            help='write why="…"',
        )
    until = day(reading, waiver.until, at)
    if until is not None and past(until, on):
        reading.found(
            "ZT290",
            f"the waiver for `{waiver.feature}` ended on {until.isoformat()}",
            (at, "past its date"),
            why="It was granted for a time; what it excused is enforced less than was agreed.",
            help="make the platform enforce it, or agree on a new date and write it here",
        )
    scope = _scope(reading, waiver, read, members)
    if not why or scope is None:
        return None
    return ir.Waiver(waiver.feature, why, until.isoformat() if until else "", scope, places[at])


def _scope(
    reading: Reading, waiver: model.Waiver, read: ir.Platform, members: dict[str, list[Workload]]
) -> ir.EveryTarget | tuple[ir.Into, ...] | None:
    if waiver.target is None:
        return ir.EveryTarget()
    into: list[ir.Into] = []
    for target in waiver.target:
        found = _into(reading, target, read, members)
        if found is None:
            return None
        into.extend(found)
    return tuple(into)


def _into(
    reading: Reading, target: object, read: ir.Platform, members: dict[str, list[Workload]]
) -> tuple[ir.Into, ...] | None:
    match target:
        case Endpoint(peer=owner, port=port) if isinstance(owner, ModelPeer):
            whom = peer(reading, read, owner)
            return None if whom is None else (ir.Into(whom, str(port)),)
        case Namespace():
            where = place(reading, target, target.written_at)
            return None if where is None else (ir.Into(where, "*"),)
        case Tier():
            return tuple(ir.Into(member, "*") for member in members.get(str(target.name), ()))
        case Service() | ModelPeer():
            whom = peer(reading, read, target)
            return None if whom is None else (ir.Into(whom, "*"),)
        case _:
            reading.found(
                "ZT242",
                f"{shown(target)} cannot be the target of a waiver",
                why="A waiver is for edges into a peer, a port, a tier or a namespace.",
                help="name one of those, or leave `target` out for every edge",
            )
            return None
