"""What Istio cannot say although its table has the feature: ranges that are too long, a mesh's own root namespace, one
number with two modes."""

from collections.abc import Iterator

from zt_dsl.backends.istio.capabilities import MOST_PORTS
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import Flow, Workload
from zt_dsl.ir.mesh import Mode, meshed_places, namespace_mode, overridden, port_mode, port_modes
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Port
from zt_dsl.source import Location


def refuse(policy: Policy) -> tuple[Diagnostic, ...]:
    """Of what arrives at sidecars: long ranges; the root namespace; ports of one number that differ in their mode."""
    return (*_long_ranges(policy), *_root_namespace(policy), *_two_modes(policy), *_two_services(policy))


def _long_ranges(policy: Policy) -> Iterator[Diagnostic]:
    for flow in policy.flows:
        if flow.port.last - flow.port.first >= MOST_PORTS:
            reason = flow.reasons[0]
            yield Diagnostic(
                "ZT318",
                f"Istio cannot enforce {reason.edge}: ports {flow.port} are more than {MOST_PORTS}",
                (Label(reason.at, f"ports {flow.port}"),),
                "An AuthorizationPolicy knows no ranges, so each port is written by its number.",
                "declare the ports that are in use, or take the service out of the mesh: meshed=False",
            )


def _root_namespace(policy: Policy) -> Iterator[Diagnostic]:
    mesh = policy.platform.mesh
    if not isinstance(mesh, Istio):
        return
    for place in meshed_places(policy):
        if place.namespace == mesh.root_namespace:
            yield Diagnostic(
                "ZT332",
                f"`{place}` is the root namespace of the mesh: what is written there holds for every namespace",
                (Label(policy.at, "governs it"),),
                "A default deny in the root namespace denies the whole mesh, and a mode there is the whole mesh's.",
                f'its own pods have no sidecar: declare Namespace("{place}", meshed=False)',
            )


def _two_modes(policy: Policy) -> Iterator[Diagnostic]:
    """Modes go by number; two ports of one number are one port to a sidecar."""
    seen: dict[tuple[Workload, int], tuple[Mode, Port]] = {}
    ports = [(workload, port, policy.at) for workload, port in port_modes(policy) if workload.meshed]
    ports += [(flow.target, flow.port, _at(flow)) for flow in policy.flows if isinstance(flow.target, Workload)]
    told: set[tuple[Workload, int]] = set()
    for workload, port, at in ports:
        if "TCP" not in port.protocols:
            continue
        mode = port_mode(policy, workload, port)
        for number in range(port.first, min(port.last, port.first + MOST_PORTS) + 1):
            known, other = seen.setdefault((workload, number), (mode, port))
            if known != mode and (workload, number) not in told:
                told.add((workload, number))
                yield Diagnostic(
                    "ZT333",
                    f"port {number} of {workload} is {known} as `{other.name}`, and {mode} as `{port.name}`",
                    (Label(at, "here"),),
                    "To a sidecar ports are numbers, and a number has one mode.",
                    f"give both ports the same mode, or let `{port.name}` have another number",
                )


def _two_services(policy: Policy) -> Iterator[Diagnostic]:
    """Services are told apart by their labels; the resolver, whose labels nobody chose, may not be. A pod that is both
    has one mode."""
    resolver = policy.platform.dns
    modes = {each.workload: (each.mode, each.ports) for each in overridden(policy)}
    usual: tuple[Mode, tuple[tuple[int, Mode], ...]] = (namespace_mode(policy), ())
    for workload in policy.workloads:
        if workload.place != resolver.place or not (workload.meshed and resolver.meshed) or workload == resolver:
            continue
        both = workload.selector & resolver.selector
        if not both.empty and modes.get(workload, usual) != modes.get(resolver, usual):
            yield Diagnostic(
                "ZT333",
                f"one pod can be both {workload} and the resolver {resolver}, whose mTLS modes differ",
                (Label(policy.at, "governs them"),),
                "Their labels do not exclude one another, and a pod has one mode on a port.",
                f"give {workload.name} a label of the resolver's with another value, or both the same modes",
            )


def _at(flow: Flow) -> Location:
    return flow.reasons[0].at
