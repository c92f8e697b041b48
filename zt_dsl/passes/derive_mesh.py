"""What the mesh needs of the network, derived: each sidecar asks istiod for its configuration and its certificate.

To istiod alone, by its labels in the mesh's root namespace, on port 15012 (istio.io, Application Requirements, "Ports
used by Istio"). Nothing else of it crosses the network on a port of its own: between sidecars the pod's own port
is dialled, and probes of the kubelet, which go to 15020 and 15021 instead, come from the pod's own node, which no
engine here stops.
"""

from attrs import evolve

from zt_dsl.ir.flow import Flow, Peer, Place, Reason, Workload, place_of
from zt_dsl.ir.mesh import has_identity, inhabitants
from zt_dsl.ir.platform import Istio, NoNetwork
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Port

_FOR = "Istio: its sidecar gets configuration and certificates from istiod"
_XDS = Port("xds", "tls", 15012, 15012, 15012)


def derive_mesh(policy: Policy) -> Policy:
    """Add the flow to istiod that the sidecar of each governed pod needs, where a network engine would refuse it."""
    mesh = policy.platform.mesh
    if not isinstance(mesh, Istio) or isinstance(policy.platform.network, NoNetwork):
        return policy
    governed = frozenset(policy.governed)
    istiod = control_plane(policy, mesh)
    first: dict[Peer, Reason] = {
        workload: Reason("", policy.at, f"{workload} in the mesh", _FOR)
        for workload in inhabitants(policy)
        if workload.meshed and workload.place in governed
    }
    for flow in policy.flows:
        for peer in (flow.source, flow.target):
            if place_of(peer) in governed and has_identity(peer) and not flow.derived:
                known = first.get(peer)
                if known is None or known.at == policy.at or _written(flow.reasons[0]) < _written(known):
                    first[peer] = evolve(flow.reasons[0], derived=_FOR)
    cut = {each.workload for each in policy.quarantined}
    there = frozenset((flow.source, flow.target, flow.port) for flow in policy.flows)
    derived = tuple(
        Flow(source, istiod, _XDS, WHOLE, (reason,))
        for source, reason in first.items()
        if source not in cut and source != istiod and (source, istiod, _XDS) not in there
    )
    return evolve(policy, flows=policy.flows + derived)


def control_plane(policy: Policy, mesh: Istio) -> Workload:
    """istiod, as its chart labels it; the topology's own service of those labels, if it has one."""
    labels = (("app", "istiod"),)
    place = next((each for each in policy.governed if each.namespace == mesh.root_namespace), None)
    place = place or Place(policy.platform.cluster, mesh.root_namespace, meshed=False)
    for workload in policy.workloads:
        if workload.place.namespace == mesh.root_namespace and workload.labels == labels:
            return workload
    return Workload(place, "istiod", labels, "istiod", meshed=False)


def _written(reason: Reason) -> tuple[tuple[tuple[str, int, int], ...], str, str]:
    places = ((at.path, at.line, at.column or 0) for at in (reason.at, *reason.at.via))
    return tuple(places), reason.edge, reason.why
