"""What a reviewer should know besides: which ports are guarded by one layer alone, and what a sidecar needs to read."""

from collections.abc import Iterator

from zt_dsl.backends.istio.paths import asked_paths
from zt_dsl.ir.flow import Flow, Outside, Workload, place_of
from zt_dsl.ir.mesh import has_identity, meshed_places, namespace_mode, overridden, port_mode
from zt_dsl.ir.platform import Istio, NoNetwork
from zt_dsl.ir.policy import Policy
from zt_dsl.review import Table


def notes(policy: Policy) -> tuple[Table, ...]:
    """Modes; half-guarded ports; ports whose protocol Istio must know; what a mesh alone leaves open."""
    return tuple(_tables(policy))


def _tables(policy: Policy) -> Iterator[Table]:
    alone = isinstance(policy.platform.network, NoNetwork)
    modes = tuple(_modes(policy))
    if modes:
        yield Table(
            "mTLS",
            "Of pods that have a sidecar, by PeerAuthentication. strict: whoever shows no certificate of the mesh is "
            "refused, whatever calls it today.",
            ("where", "mode", "on its ports"),
            modes,
        )
    half = tuple(dict.fromkeys(row for flow in policy.flows for row in _half_guarded(policy, flow)))
    if half:
        yield Table(
            "Half guarded",
            "The mesh lets whoever shows no identity through to these ports, and a certificate does not say of which "
            "cluster it is: that they are who they should be, the network engine alone says, by labels and addresses.",
            ("target", "port", "mode", "for"),
            half,
        )
    read = tuple(
        dict.fromkeys((str(flow.target), str(flow.port), flow.port.kind) for flow in policy.flows if asked_paths(flow))
    )
    if read:
        yield Table(
            "Ports that the mesh reads",
            "Requests are read on ports that Istio takes for HTTP: name the port of the Service `http-…` or `grpc-…`, "
            "or give it an `appProtocol`. On a port that it takes for TCP these edges are refused.",
            ("target", "port", "protocol"),
            read,
        )
    if alone:
        yield Table(
            "What a mesh alone leaves open",
            "Proven is TCP that arrives at pods with a sidecar, and nothing else.",
            ("what", "who enforces it"),
            (
                ("what governed pods send", "nobody"),
                ("UDP and SCTP", "nobody"),
                ("pods without a sidecar", "nobody"),
                ("ports 15020, 15021 and 15090 of each sidecar: its health and metrics", "nobody"),
            ),
        )


def _modes(policy: Policy) -> Iterator[tuple[str, ...]]:
    mesh = policy.platform.mesh
    if isinstance(mesh, Istio) and mesh.mesh_wide_mtls != "unwritten":
        yield "the whole mesh, also what is not governed, where nothing says another", mesh.mesh_wide_mtls, ""
    yield from ((str(place), namespace_mode(policy), "") for place in meshed_places(policy))
    for modes in overridden(policy):
        yield str(modes.workload), modes.mode, ", ".join(f"{number} {mode}" for number, mode in modes.ports)


def _half_guarded(policy: Policy, flow: Flow) -> Iterator[tuple[str, ...]]:
    if isinstance(flow.target, Workload):
        mode = port_mode(policy, flow.target, flow.port)
        addressed = isinstance(flow.source, Outside) and flow.source.blocks
        where = place_of(flow.source)
        if where is not None and where.cluster != flow.target.place.cluster:
            yield str(flow.target), str(flow.port), mode, f"{flow.source} of cluster {where.cluster}"
        elif mode == "disable" or not (has_identity(flow.source) or addressed):
            yield str(flow.target), str(flow.port), mode, str(flow.source)
