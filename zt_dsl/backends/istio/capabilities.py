"""What Istio's sidecars can say, 1.22 to 1.31: of TCP that arrives at a pod that has one, and of nothing else."""

from zt_dsl.backends.base import Capability
from zt_dsl.backends.istio.paths import asked_paths, exactly
from zt_dsl.ir.flow import Denial, Everyone, EveryPort, Flow, Outside, Workload
from zt_dsl.ir.mesh import (
    UNCAPTURED,
    arrives_in_mesh,
    has_identity,
    overridden,
    port_mode,
    unidentified,
    workload_mode,
)
from zt_dsl.ir.platform import Istio, NoNetwork
from zt_dsl.ir.policy import Asked, MtlsDemand, Policy
from zt_dsl.ir.traffic import Port

VERSIONS = tuple(f"1.{minor}" for minor in range(22, 32))
"""1.22 is the first with templates in paths."""

JUDGED = ("1.31",)
"""The conformance tests ask the code of this version, and a real Envoy that serves what it builds."""

MOST_PORTS = 256
"""A range of ports is written number by number: Istio knows none."""

_INBOUND = "An AuthorizationPolicy is for what arrives; of what leaves a pod a sidecar is no boundary."
_NETWORK = "a network engine beside it would enforce it: network=Cilium(…)"
_NAMES = "What a pod calls by name leaves it, and a sidecar is no boundary for that."
_NO_TOPICS = "A sidecar reads no Kafka: to an AuthorizationPolicy a topic is nothing."

CAPABILITIES = (
    Capability("addresses-of-names", "never", _NAMES),
    Capability("api-server", "exact", "by its addresses", needs="the platform's `api_server` addresses"),
    Capability("cidr", "exact", "ipBlocks with notIpBlocks", needs="`pod_cidrs`, where a network may hold pods"),
    Capability(
        "deny", "exact", "a DENY policy, which overrules every ALLOW", needs="a TCP port of a pod that has a sidecar"
    ),
    Capability("deny-names", "never", _NAMES, "leave the deny out: what no edge allows is refused already"),
    Capability("dns-any-depth", "wider", _NAMES, "Cilium would filter the lookups"),
    Capability("dns-names", "wider", _NAMES, "Cilium would filter the lookups"),
    Capability("egress", "never", _INBOUND, _NETWORK),
    Capability("fqdn", "wider", _NAMES, "Cilium (toFQDNs) beside it would enforce it"),
    Capability("fqdn-any-depth", "wider", _NAMES, "Cilium 1.19 (toFQDNs with a pattern) beside it would enforce it"),
    Capability("fqdn-wildcard", "wider", _NAMES, "Cilium (toFQDNs with a pattern) beside it would enforce it"),
    Capability("grpc-methods", "exact", "a POST to the method's path, read by the sidecar where it arrives"),
    Capability(
        "http-routes",
        "exact",
        "method and path, read by the sidecar where the request arrives",
        needs="`path_normalization` DECODE_AND_MERGE_SLASHES for `{x}` and `**`",
    ),
    Capability("identity", "exact", "a caller is the service account in its certificate, whatever its labels"),
    Capability("kafka-topics", "wider", _NO_TOPICS, "Kafka's own ACLs would enforce it; Cilium did until 1.19"),
    Capability("mtls", "exact", "PeerAuthentication, for the namespace, the workload and the port"),
    Capability("nodes", "exact", "by their addresses", needs="the platform's `nodes` addresses"),
    Capability("port-range", "exact", f"each port by its number, {MOST_PORTS} at most"),
    Capability("protocol", "never", "A sidecar sees TCP alone: UDP and SCTP go past it.", _NETWORK),
    Capability("server-names", "never", _NAMES, "Cilium would check them"),
    Capability("server-names-range", "never", _NAMES, "Cilium 1.17 would check them"),
    Capability("server-names-wildcard", "never", _NAMES, "Cilium 1.18 would check them"),
)


def carries(policy: Policy, feature: str, asked: Asked) -> bool:
    """Whether a sidecar is there for it, and can say it exactly."""
    return why_not(policy, feature, asked) == NOTHING


NOTHING = ("", "")


def why_not(policy: Policy, feature: str, asked: Asked) -> tuple[str, str]:
    """Why a sidecar is not there for it, and what to do instead; nothing where it is."""
    match asked:
        case Flow() if feature in ("http-routes", "grpc-methods"):
            return _unread(policy, asked)
        case Flow() if feature == "identity":
            return (
                _UNTOLD if isinstance(policy.platform.network, NoNetwork) and unidentified(policy, asked) else NOTHING
            )
        case Denial() if feature == "deny":
            return _undenied(policy, asked)
        case MtlsDemand():
            return _in_plain_text(policy, asked)
        case _:
            return NOTHING


_UNTOLD = (
    "A mesh knows callers by their certificates, and not by labels: of who shows none it knows no more.",
    "take the caller into the mesh (meshed=True), or let a network engine stand beside the mesh: network=Cilium(…)",
)


def _in_plain_text(policy: Policy, demand: MtlsDemand) -> tuple[str, str]:
    """Where no certificate is asked for, whatever mode is written."""
    if demand.workloads and not any(workload.meshed for workload in demand.workloads):
        return "It has no sidecar, and so no certificate.", "take it into the mesh, or leave its mode out"
    for workload, port in policy.port_modes:
        if port.name == demand.port and workload in demand.workloads:
            if port.protocols != ("TCP",):
                return "A sidecar sees TCP alone: whoever calls over another protocol shows no certificate.", _NO_MODE
            if own := _past_the_sidecar(port):
                return own, _NO_MODE
    return NOTHING


_NO_MODE = "leave the mode of this port out"


def _past_the_sidecar(port: Port) -> str:
    """What of a port its sidecar does not see, in words."""
    found = sorted(number for number in UNCAPTURED if port.first <= number <= port.last)
    return f"Port {found[0]} is a sidecar's own: what calls it goes past the mesh, in plain text." if found else ""


def _unread(policy: Policy, flow: Flow) -> tuple[str, str]:
    if not arrives_in_mesh(flow, frozenset(policy.governed)):
        ours = isinstance(flow.target, Workload)
        return (
            "A sidecar reads requests where they arrive: at a pod of a governed namespace that is in the mesh.",
            "govern the namespace that is called and take it into the mesh, or allow the port whole"
            if ours
            else "allow the port whole: what is outside the cluster has no sidecar",
        )
    mesh = policy.platform.mesh
    if isinstance(mesh, Istio):
        for path in asked_paths(flow):
            if not exactly(path, mesh.path_normalization):
                return _undecoded(path, mesh.path_normalization), _DECODE
    return NOTHING


def _undecoded(path: str, normalization: str) -> str:
    return (
        f"With path_normalization {normalization} the mesh leaves %2F in a path as it is: no slash to the sidecar, and "
        f"one to a service that decodes it, so `{path}` would hold more than it says."
    )


_DECODE = (
    "set pathNormalization DECODE_AND_MERGE_SLASHES in the mesh's configuration, and write "
    'path_normalization="DECODE_AND_MERGE_SLASHES" in the platform; or name paths without `{x}` and `**`'
)


def _undenied(policy: Policy, denial: Denial) -> tuple[str, str]:
    """A DENY holds exactly where no caller can go without the identity that it names, and TCP is all there is."""
    target = denial.target
    if not isinstance(target, Workload) or not target.meshed or target.place not in policy.governed:
        return (
            "A DENY policy is for what arrives at a pod of a governed namespace that is in the mesh.",
            _DENIES,
        )
    if isinstance(denial.port, EveryPort) and "protocol" not in policy.given_up:
        return (
            "A sidecar sees TCP alone: a deny for every port would leave UDP and SCTP as they are.",
            f"deny the TCP ports of {target.name} one by one, each by its name; or {_DENIES}",
        )
    if isinstance(denial.port, Port) and denial.port.protocols != ("TCP",):
        return "A sidecar sees TCP alone.", _DENIES
    if isinstance(denial.port, Port) and (own := _past_the_sidecar(denial.port)):
        return own, _DENIES
    match denial.source:
        case Outside(blocks=blocks):
            return NOTHING if blocks else ("Its addresses are not known.", "tell them in the platform")
        case Everyone():
            return "A DENY policy is for what arrives; a quarantine is for both ways.", _DENIES
        case source if has_identity(source):
            if _strict(policy, target, denial.port):
                return NOTHING
            where = "a port" if isinstance(denial.port, EveryPort) else f"port {denial.port}"
            why = f"In plain text nobody shows an identity to deny, and {where} of {target.name} is not strict."
            return why, f"make it strict; or {_DENIES}"
        case source:
            return f"{source} is outside the mesh, and shows no identity to deny.", _DENIES


def _strict(policy: Policy, workload: Workload, port: Port | EveryPort) -> bool:
    if isinstance(port, Port):
        return port_mode(policy, workload, port) == "strict"
    own = next((modes.ports for modes in overridden(policy) if modes.workload == workload), ())
    return workload_mode(policy, workload) == "strict" and all(mode == "strict" for _, mode in own)


_DENIES = "let a network engine that denies (Cilium, Calico) enforce it"
