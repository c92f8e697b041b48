"""Hypothesis strategies: valid topologies for a mesh, alone or beside a network engine. The worlds are those of
`tests.strategies` and `tests.cilium_strategies`, with callers that a mesh tells apart and ports that it reads.
"""

from collections.abc import Sequence
from typing import Any, Literal

from attrs import evolve, field, frozen
from hypothesis import assume
from hypothesis import strategies as st

from tests.cilium_strategies import Wide, common_key, denials_in, edges_in, wide_worlds
from tests.meaning import labels_of, port_of, protocols_of, services_of
from tests.mesh_meaning import Meaning, beside, has_identity, is_meshed, ports_of
from tests.strategies import Declaration, Draw, World, apart, endpoints_of, flip, guardrails, kind, pick
from zt_dsl import (
    ApiServer,
    Calico,
    Cilium,
    DnsPort,
    Edge,
    Endpoint,
    Feature,
    GrpcPort,
    HttpPort,
    Istio,
    KafkaPort,
    KubeDns,
    Kubernetes,
    Mtls,
    Namespace,
    Nodes,
    Platform,
    SctpPort,
    Service,
    Source,
    Statement,
    Tier,
    TlsPort,
    Topology,
    UdpPort,
    Waiver,
    deny,
)

Beside = Literal["nobody", "kubernetes", "cilium", "calico"]
"""Who enforces beside the mesh."""

NETWORKS = {
    "nobody": None,
    "kubernetes": Kubernetes("1.37"),
    "cilium": Cilium("1.20"),
    "calico": Calico("3.31"),
}
VERSIONS = ("1.31", "1.31", "1.31", "1.22", "1.27")
LONGEST = 256
DECODED: Literal["DECODE_AND_MERGE_SLASHES"] = "DECODE_AND_MERGE_SLASHES"
KINDS = {UdpPort: "udp", SctpPort: "sctp", TlsPort: "tls", HttpPort: "http", GrpcPort: "grpc", KafkaPort: "kafka"}
WAIVED: Sequence[Feature] = (
    "http-routes", "grpc-methods", "kafka-topics", "dns-names", "fqdn", "fqdn-wildcard", "deny", "mtls",
)  # fmt: skip


# --- worlds -------------------------------------------------------------------------------------------


def _short(service: Service) -> Service:
    """The same with ranges of ports as long as a mesh takes them. What is as it should be stays what it is."""
    if all((port.last or port.number) - port.number < LONGEST for port in ports_of(service)):
        return service
    declared = [
        Declaration(
            endpoint.port,
            _kind_of(port := getattr(type(service), endpoint.port)),
            port.number,
            None if port.last is None else min(port.last, port.number + LONGEST - 1),
            port.service_port,
            port.mtls,
        )
        for endpoint in endpoints_of(service)
    ]
    return kind(Service, declared)(
        service.name,
        namespace=service.namespace,
        tier=service.tier,
        labels=service.labels,
        service_account=service.service_account,
        mtls=service.mtls,
        meshed=service.meshed,
        host_network=service.host_network,
    )


def _kind_of(port: object) -> str:
    if isinstance(port, DnsPort):
        return "dns"
    return next((word for each, word in KINDS.items() if isinstance(port, each)), "tcp")


def _worlds(draw: Draw[Any], network: Beside) -> Wide:
    """For a network engine that is not Cilium: one cluster, and names only where they can be waived."""
    wide: Wide = draw(wide_worlds("1.20"))
    world = wide.world
    far = () if network != "cilium" else tuple(map(_short, wide.far))
    own = tuple(_short(one) for one in world.services if one not in wide.far)
    world = evolve(world, services=(*own, *far), unreachable=tuple(map(_short, world.unreachable)))
    if network == "nobody":
        inhabited = {one.namespace.name for one in own if is_meshed(one)}
        governed = tuple(each for each in world.governed if each.meshed or each.name in inhabited)
        assume(governed)  # alone, a mesh has nothing to say of pods without a sidecar
        others = tuple(each for each in world.governed if each not in governed)
        world = evolve(world, governed=governed, others=(*world.others, *others))
    return Wide(_placed(draw, world, network), far, wide.namespaces if network == "cilium" else ())


def _placed(draw: Draw[Any], world: World, network: Beside) -> World:
    drawn = world.platform
    platform = evolve(
        drawn,
        dns=_resolver(draw, world),
        name=f"{network}-istio",
        mesh=Istio(
            pick(draw, VERSIONS),
            trust_domain=pick(draw, ("cluster.local", "prod.example")),
            root_namespace=pick(draw, ("istio-system", "istio-system", "ops")),
            path_normalization=pick(draw, (DECODED, DECODED, DECODED, "BASE", "NONE", "MERGE_SLASHES")),
            mesh_wide_mtls=pick(draw, (None, None, "strict", "permissive")),
        ),
        waivers=[Waiver(feature, why="later") for feature in _waived(network)],
    )
    if network == "cilium":
        return evolve(world, platform=platform)
    return evolve(
        world,
        externals=world.externals if drawn.pod_cidrs else (),
        # Until the topology is made: its ports are drawn for Cilium.
        platform=evolve(
            platform,
            api_server=drawn.api_server if drawn.api_server.cidrs else ApiServer(cidrs=["192.0.2.10/32"]),
            nodes=drawn.nodes if drawn.nodes.cidrs else Nodes(cidrs=["198.51.100.0/24"]),
        ),
    )


def _resolver(draw: Draw[Any], world: World) -> KubeDns:
    """Told apart from the services around it, more often than not: where it is not, they may have no modes of their
    own. Now and then with a mode, and with one that takes plain text where somebody who is governed has no other."""
    drawn = world.platform.dns
    labels = dict(labels_of(drawn))
    if pick(draw, range(4)):
        labels[common_key(world.services, drawn.namespace)] = "resolver"
    in_plain_text = [one for one in world.services if world.governs(one.namespace) and not is_meshed(one)]
    strict = world.governs(drawn.namespace) and world.mtls in (None, "strict")
    refused = strict and (in_plain_text or any(not each.meshed for each in world.governed))
    modes: Sequence[Mtls | None] = ("permissive", "disable") if refused else (None, None, "permissive", "disable")
    return type(drawn)(drawn.name, namespace=drawn.namespace, labels=labels, mtls=pick(draw, modes))


def _waived(network: Beside) -> Sequence[Feature]:
    return {
        "nobody": (*WAIVED, "egress", "protocol"),
        "kubernetes": WAIVED,
        "cilium": ("http-routes", "grpc-methods", "kafka-topics", "mtls"),
        "calico": tuple(feature for feature in WAIVED if feature != "deny"),
    }[network]


# --- topologies ---------------------------------------------------------------------------------------


def _enforced(world: World, edge: Edge) -> bool:
    """Whether a mesh alone can tell the callers of what arrives at governed services, and sees what arrives there."""
    target, platform = edge.target, world.platform
    peer = platform.dns if isinstance(target.peer, KubeDns) else target.peer
    if not isinstance(peer, Service) or not world.governs(peer.namespace):
        return True
    if "TCP" not in protocols_of(port_of(target, platform)):
        return True
    mode = port_of(target, platform).mtls or peer.mtls or world.mtls
    callers = [one for source in edge.sources for one in _members(world, source)]
    pods = [one for one in callers if isinstance(one, Service | Namespace)]
    told = all(has_identity(one, platform) and mode != "disable" for one in pods)
    return is_meshed(peer) and told


def _members(world: World, source: Source) -> Sequence[Source]:
    return world.members(source) if isinstance(source, Tier) else [source]


def _tcp_denials(draw: Draw[Any], world: World, written: Sequence[Edge]) -> list[Statement]:
    """Up to two of what a mesh can deny, which no edge crosses: a TCP port of a service."""
    flows = [(one, edge.target.peer) for edge in written for source in edge.sources for one in _members(world, source)]
    targets: list[Endpoint] = [
        end
        for one in world.services
        for end in endpoints_of(one)
        if protocols_of(port_of(end, world.platform)) == ("TCP",)
    ]
    sources: list[Source] = [*world.services, *world.governed, *world.others, *world.networks, ApiServer(), Nodes()]
    found: list[Statement] = []
    for _ in range(pick(draw, (0, 1, 2))):
        if targets:
            source, target = pick(draw, sources), pick(draw, targets)
            if all(apart(world, one, source) or apart(world, peer, target.peer) for one, peer in flows):
                found.append(deny(source, target, why="not theirs"))
    return found


@frozen
class Case:
    """A topology, a platform with a mesh whose waivers cover what it needs, and what the two mean to the mesh; and the
    topology that is left to the network engine."""

    topology: Topology
    platform: Platform
    meaning: Meaning = field(repr=False)
    beside: Topology = field(repr=False)


@st.composite
def mesh_cases(draw: Draw[Any], network: Beside) -> Case:
    """A valid topology. The plan may still refuse it: two modes on one number, two protocols on one port."""
    wide = _worlds(draw, network)
    world = evolve(wide.world, mtls=wide.world.mtls or "strict")  # which is what a mesh takes silence for
    written = edges_in(draw, evolve(wide, world=world), "1.20")
    if network == "nobody":
        written = [edge for edge in written if _enforced(world, edge)]
    overruled = network in ("cilium", "calico")
    rules = [] if pick(draw, range(3)) else guardrails(draw, evolve(world, externals=()), written, overruled=overruled)
    rules += denials_in(draw, wide, written) if network == "cilium" else _tcp_denials(draw, world, written)
    statements: list[Statement] = [*written, *rules]
    if flip(draw):
        statements.reverse()
    named = services_of(Topology("named", statements, governs=()))
    listed = tuple(one for one in (*world.services, *world.unreachable) if one not in named)
    topology = Topology(
        "shop", statements, governs=world.governed, services=listed, tiers=world.tiers, mtls=wide.world.mtls
    )
    platform = evolve(world.platform, network=NETWORKS[network])
    return Case(topology, platform, Meaning(topology, platform), beside(topology, platform))
