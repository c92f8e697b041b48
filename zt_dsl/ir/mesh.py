"""What a mesh sees of a policy: who has an identity, where a connection arrives at a sidecar, and each port's mode."""

from collections.abc import Container, Iterable, Iterator
from typing import Literal, assert_never

from attrs import frozen

from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, Place, Unidentified, Workload
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Port

Mode = Literal["strict", "permissive", "disable"]
"""Of a port: with a certificate of the mesh alone; with or without; in plain text alone."""


def has_identity(peer: Peer) -> bool:
    """Whether its pods have a certificate of the mesh. What is outside has none."""
    match peer:
        case Workload(meshed=meshed):
            return meshed
        case EveryPod(place=place):
            return place.meshed
        case Outside() | Domain() | Unidentified():
            return False
        case _:
            assert_never(peer)


UNCAPTURED = frozenset((15020, 15021, 15090))
"""A sidecar's own metrics and health: what calls them goes past it, in plain text (istio v1.31,
`manifests/charts/istio-control/istio-discovery/files/injection-template.yaml`, excludeInboundPorts)."""

PROXY = frozenset((15000, 15001, 15004, 15006, 15008, 15009, 15053))
"""What else a sidecar listens on: no service can (istio.io, Application Requirements, "Ports used by Istio")."""


def arrives_in_mesh(flow: Flow, governed: Container[Place]) -> bool:
    """Whether a mesh sees it where it arrives: at the sidecar of a governed pod, over TCP. It sees nothing that
    leaves, neither UDP nor SCTP, and none of the ports that a sidecar leaves out."""
    target = flow.target
    return isinstance(target, Workload) and target.meshed and target.place in governed and is_captured(flow.port)


def is_captured(port: Port) -> bool:
    """Whether a sidecar sees what arrives on this port, or on some of this range."""
    if port.first == port.last and port.first in UNCAPTURED:
        return False
    return "TCP" in port.protocols


def unidentified(policy: Policy, flow: Flow) -> bool:
    """Whether a mesh that sees it arrive cannot tell who its source is: pods without an identity, or a port in plain
    text, where nobody shows one. Addresses it knows by themselves."""
    if isinstance(flow.source, Outside | Unidentified) or not isinstance(flow.target, Workload):
        return False
    if not arrives_in_mesh(flow, policy.governed):
        return False
    return not has_identity(flow.source) or port_mode(policy, flow.target, flow.port) == "disable"


def encrypted(policy: Policy, flow: Flow) -> bool:
    """Whether sidecars at both ends encrypt it, so that nobody between them can read it. Of a service that is not
    governed, its mode is not known, and sidecars encrypt wherever they can."""
    target = flow.target
    if not (has_identity(flow.source) and has_identity(target)) or not isinstance(target, Workload):
        return False
    return target.place not in policy.governed or port_mode(policy, target, flow.port) != "disable"


def inhabitants(policy: Policy) -> tuple[Workload, ...]:
    """The services of the topology, and the resolver, which stands in no topology and is called by everybody."""
    resolver = policy.platform.dns
    return policy.workloads if resolver in policy.workloads else (*policy.workloads, resolver)


def meshed_places(policy: Policy) -> tuple[Place, ...]:
    """The governed namespaces where a mesh has anything to say: those with pods that have a sidecar."""
    inhabited = {workload.place for workload in inhabitants(policy) if workload.meshed}
    return tuple(place for place in policy.governed if place.meshed or place in inhabited)


# --- modes ---------------------------------------------------------------------------------------------


def namespace_mode(policy: Policy) -> Mode:
    """The mode of what says nothing: the topology's, and strict where that says nothing either."""
    return "strict" if policy.mtls == "unwritten" else policy.mtls


def workload_mode(policy: Policy, workload: Workload) -> Mode:
    """The mode of a service's ports that say nothing."""
    return namespace_mode(policy) if workload.mtls == "inherited" else workload.mtls


def port_mode(policy: Policy, workload: Workload, port: Port) -> Mode:
    """The mode of a port: its own goes before the service's, and that before the topology's."""
    return workload_mode(policy, workload) if port.mtls == "inherited" else port.mtls


def port_modes(policy: Policy) -> tuple[tuple[Workload, Port], ...]:
    """The ports that say a mode of their own, the resolver's too."""
    platform = policy.platform
    own = () if platform.dns_port.mtls == "inherited" else ((platform.dns, platform.dns_port),)
    return (*policy.port_modes, *own)


@frozen
class Modes:
    """The modes of one workload that are not its namespace's: its own, and those of the numbers that differ from it."""

    workload: Workload
    mode: Mode
    ports: tuple[tuple[int, Mode], ...]


def overridden(policy: Policy) -> Iterator[Modes]:
    """Of each meshed workload of a governed namespace what it has of its own, in the order of `inhabitants`."""
    usual = namespace_mode(policy)
    written: dict[Workload, list[Port]] = {}
    for workload, port in port_modes(policy):
        written.setdefault(workload, []).append(port)
    governed = frozenset(policy.governed)
    for workload in inhabitants(policy):
        if not workload.meshed or workload.place not in governed:
            continue
        own = workload_mode(policy, workload)
        ports = _differing(policy, workload, written.get(workload, ()), own)
        if own != usual or ports:
            yield Modes(workload, own, ports)


def _differing(policy: Policy, workload: Workload, written: Iterable[Port], own: Mode) -> tuple[tuple[int, Mode], ...]:
    found: dict[int, Mode] = {}
    for port in written:
        mode = port_mode(policy, workload, port)
        if mode != own and "TCP" in port.protocols:
            found |= dict.fromkeys(range(port.first, port.last + 1), mode)
    return tuple(sorted(found.items()))
