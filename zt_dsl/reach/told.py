"""A difference, told: one connection, who opens or closes it, and what the other end makes of it."""

from attrs import evolve

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import EveryPod, Peer, Place, Workload, peers_of, place_of, ports_of
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.selector import IDENTITY, SERVICE_ACCOUNT
from zt_dsl.reach.connection import Connection, Far, Named, Pod, passes
from zt_dsl.reach.difference import Difference
from zt_dsl.reach.grants import EVERY_ENTITY, Origin, Reach
from zt_dsl.source import Location


def told(difference: Difference, policy: Policy, permitted: Reach) -> Diagnostic:
    """ZT502 for a connection that only the manifests permit, ZT503 for one that only the policy declares, ZT506 for one
    that is to be refused whatever permits it."""
    example = difference.example
    said = _connection(example, policy)
    origin = difference.origin
    labels = (Label(Location(origin.path, origin.line), origin.what),) if origin.path else ()
    side = "egress" if example.direction == "Egress" else "ingress"
    if difference.kind == "wider":
        return Diagnostic(
            "ZT502",
            f"{said} is permitted and not declared: the {side} end lets it through",
            labels,
            f"{_opener(origin)}.{_other_end(example, policy, permitted)}",
            "declare the edge, or compile again and apply what is written",
        )
    if difference.kind == "undenied":
        return Diagnostic(
            "ZT506",
            f"{said} is to be refused whatever permits it, and the {side} end does not",
            labels,
            f"Declared as {origin.what}; no object denies it, so a policy from elsewhere may permit it.",
            "compile again and apply what is written, or take back what demands it",
        )
    return Diagnostic(
        "ZT503",
        f"{said} is declared and not permitted: the {side} end refuses it",
        labels,
        f"Declared as {origin.what}; no object lets it through.",
        "compile again and apply what is written, or remove the edge",
    )


def half_guarded(difference: Difference, policy: Policy, layer: str) -> Diagnostic:
    """ZT409 for a connection about which one layer says something else than is declared, and the layers together do
    not."""
    said = _connection(difference.example, policy)
    origin = difference.origin
    labels = (Label(Location(origin.path, origin.line), origin.what),) if origin.path else ()
    if difference.kind == "wider":
        message = f"{layer} lets {said} through, which is not declared: another layer alone refuses it"
        why = f"{_opener(origin)}. Of two locks one is open: the connection is refused for as long as the other holds."
    else:
        message = f"{layer} does not do its part of {origin.what} ({said}): another layer alone decides it"
        why = "Of two locks one is missing, and nothing that passes tells it."
    return Diagnostic("ZT409", message, labels, why, "compile again and apply what is written")


def _opener(origin: Origin) -> str:
    # Without a file it is no object but the lack of one, and says so itself.
    return f"Opened by {origin.what}" if origin.path else f"{origin.what[0].upper()}{origin.what[1:]}"


def _other_end(example: Connection, policy: Policy, permitted: Reach) -> str:
    remote = example.remote
    if not isinstance(remote, Pod) or remote.namespace not in {place.namespace for place in policy.governed}:
        return ""
    mirrored = evolve(
        example,
        subject=remote,
        remote=example.subject,
        direction="Ingress" if example.direction == "Egress" else "Egress",
    )
    return "" if passes(permitted, mirrored) else " The other end still refuses it: of two locks one is open."


def _connection(example: Connection, policy: Policy) -> str:
    subject, remote = _pod(example.subject, policy), _remote(example.remote, policy)
    source, target = (subject, remote) if example.direction == "Egress" else (remote, subject)
    said = f" ({example.said})" if example.said else ""
    return f"{source} → {target} port {example.port}/{example.protocol}{said}"


def _remote(remote: Far, policy: Policy) -> str:
    match remote:
        case Pod():
            return _pod(remote, policy)
        case Named():
            return str(remote)
        case _:
            return remote if remote in EVERY_ENTITY else f"address {remote}"


def _pod(pod: Pod, policy: Policy) -> str:
    """The service that it is a pod of, or a stranger, by its labels. With its identity, where there is a mesh."""
    labels = {key: value for key, value in pod.labels if key not in _IDENTITY}
    elsewhere = pod.cluster not in ("", policy.platform.cluster)
    cluster = f" of cluster {pod.cluster}" if elsewhere else ""
    shown_as = _shown(pod, policy)
    for workload in (*policy.workloads, policy.platform.dns):
        if (
            workload.place.namespace == pod.namespace
            and workload.place.cluster == (pod.cluster or policy.platform.cluster)
            and (all(labels.get(k) == v for k, v in workload.labels) or _is_identity(pod, workload))
        ):
            return f"{pod.namespace}/{workload.name}{cluster}{shown_as}"
    shown = ", ".join(f"{key}={value}" for key, value in labels.items()) or "no labels"
    where = (
        f" of a namespace with {', '.join(f'{k}={v}' for k, v in pod.namespace_labels)}" if pod.namespace_labels else ""
    )
    return f"{pod.namespace}/(another pod: {shown}{where}){cluster}{shown_as}"


_IDENTITY = (SERVICE_ACCOUNT, IDENTITY)


def _is_identity(pod: Pod, workload: Workload) -> bool:
    """Whether all that is known of the pod is that it runs as this service."""
    alone = {key for key, _ in pod.labels} <= set(_IDENTITY)
    return alone and (SERVICE_ACCOUNT, workload.service_account) in pod.labels


def _shown(pod: Pod, policy: Policy) -> str:
    if not isinstance(policy.platform.mesh, Istio):
        return ""
    labels = dict(pod.labels)
    if IDENTITY not in labels:
        return " without a mesh identity"
    account = labels.get(SERVICE_ACCOUNT)
    return f" as service account {account}" if account else ""


def counted(policy: Policy) -> tuple[int, int]:
    """How many connections were compared: those permitted, and all others, which are refused.

    Counted over classes: each declared service, a stranger in each governed namespace, one elsewhere, each
    network, the rest of the addresses; and over ports: each that a flow names, and all others as one. The
    comparison itself is not a count: it is by set algebra, over every label set there could be.
    """
    governed = frozenset(policy.governed)
    workloads = set(policy.workloads)
    ends = peers_of(policy.flows)
    peers = set(ends.values())
    workloads |= {peer for peer in peers if isinstance(peer, Workload)}
    outside = sum(1 for peer in peers if place_of(peer) is None)
    mine = sum(1 for workload in workloads if workload.place in governed) + len(governed)
    everyone = len(workloads) + len(governed) + 1 + outside + 1
    opened = {known: port.ports.intervals for known, port in ports_of(policy.flows).items()}
    ports = {interval for intervals in opened.values() for interval in intervals}
    inhabitants: dict[Place, int] = {}
    for workload in workloads:
        inhabitants[workload.place] = inhabitants.get(workload.place, 1) + 1

    def weight(peer: Peer) -> int:
        return inhabitants.get(peer.place, 1) if isinstance(peer, EveryPod) else 1

    weights = {known: weight(peer) for known, peer in ends.items()}
    permitted = sum(
        weights[id(flow.source)] * weights[id(flow.target)] * len(opened[id(flow.port)]) for flow in policy.flows
    )
    pairs = everyone * everyone - (everyone - mine) * (everyone - mine)
    return permitted, pairs * (len(ports) + 1) - permitted
