"""The plan: each facet of a policy is given to the layer that does it exactly, or refused.

A facet is what one feature of a capability table is about: the routes of an edge, its name, its port range, a deny. A
stack is the engines of a platform, each of which has to let a connection through: so it is enough that one of them
refuses what a facet refuses. Routes and methods are read by a mesh where they arrive at it, and by no other there.
"""

from collections.abc import Iterator, Sequence

from attrs import frozen

from zt_dsl.backends.base import Backend, Capability, capability, sayable, unsayable
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import PRIVATE, Addresses, addresses
from zt_dsl.ir.flow import (
    Domain,
    Everyone,
    EveryPod,
    Flow,
    Outside,
    Place,
    Workload,
    narrowed_end,
    peers_of,
    place_of,
    ports_of,
)
from zt_dsl.ir.mesh import arrives_in_mesh, encrypted, is_captured, meshed_places
from zt_dsl.ir.platform import NoNetwork
from zt_dsl.ir.policy import Asked, Policy
from zt_dsl.ir.traffic import WHOLE, Port, Whole
from zt_dsl.passes.widen import OF_THE_PLATFORM, denied_feature, feature_of, identity_feature, name_feature, waived_as

_CODES = {
    "http-routes": "ZT310",
    "grpc-methods": "ZT311",
    "kafka-topics": "ZT312",
    "dns-names": "ZT313",
    "fqdn": "ZT314",
    "fqdn-wildcard": "ZT315",
    "fqdn-any-depth": "ZT315",
    "dns-any-depth": "ZT313",
    "deny": "ZT316",
    "deny-names": "ZT316",
    "mtls": "ZT317",
    "port-range": "ZT318",
}


_UNTOLD = "ZT331"
"""Identity is asked for where a mesh stands alone, and nowhere else: no network engine is refused for it."""

_ROLES = {"api-server": "api-server", "nodes": "nodes"}


Stack = tuple[Backend, ...]
"""The engines of a platform, after `at`: a network engine, a mesh, or both, in this order."""

_READ_WHERE_THEY_ARRIVE = frozenset(("http-routes", "grpc-methods"))
_READ_IN_PLAIN_TEXT = _READ_WHERE_THEY_ARRIVE | {"kafka-topics"}


@frozen
class _Facet:
    """What one edge, deny or demand asks of one feature: `what` in words, `whose` it is, where it was written."""

    feature: str
    asked: Asked
    whose: str
    what: str
    label: Label


def carrier(stack: Stack, policy: Policy, feature: str, asked: Asked) -> Backend | None:
    """The layer that does it exactly, for what asks; None where none does.

    Requests are read by a mesh wherever they arrive at it, and by no other there: what the mesh cannot say, nobody can.
    Between sidecars they are encrypted, too, and no network engine can read them.
    """
    for backend in reversed(stack) if feature in _READ_WHERE_THEY_ARRIVE else stack:
        hidden = not backend.sees_identity and isinstance(asked, Flow) and _is_hidden(stack, policy, feature, asked)
        if not hidden and capability(backend, feature).support == "exact" and backend.carries(policy, feature, asked):
            return backend
    return None


def _is_hidden(stack: Stack, policy: Policy, feature: str, flow: Flow) -> bool:
    """Whether no network engine may read it: a mesh reads it where it arrives, or sidecars encrypt it."""
    if not stack[-1].sees_identity:
        return False
    if feature in _READ_WHERE_THEY_ARRIVE and arrives_in_mesh(flow, policy.governed):
        return True
    return feature in _READ_IN_PLAIN_TEXT and encrypted(policy, flow)


def assigned(policy: Policy, stack: Stack) -> tuple[tuple[Backend, Capability], ...]:
    """The lines of the engines' tables by which this policy is enforced, in the tables' order."""
    asked = {
        (id(layer), facet.feature)
        for facet in _facets(policy)
        if (layer := carrier(stack, policy, facet.feature, facet.asked)) is not None
    }
    if policy.flows and (layer := carrier(stack, policy, "egress", policy)) is not None:
        asked.add((id(layer), "egress"))
    if "identity" in {line.feature for line in stack[-1].capabilities if line.support == "exact"}:
        asked.add((id(stack[-1]), "identity"))
    lines = [(layer, line) for layer in stack for line in layer.capabilities]
    found = [(layer, line) for layer, line in lines if (id(layer), line.feature) in asked and line.support == "exact"]
    # What a name is without them is for every reader of a report to know.
    named = any(isinstance(flow.target, Domain) and isinstance(flow.narrowing, Whole) for flow in policy.flows)
    found += [(layer, line) for layer, line in lines[: len(stack[0].capabilities)] if named and line.feature == _NAMED]
    return tuple(found)


_NAMED = "addresses-of-names"


def refusals(policy: Policy, stack: Stack) -> tuple[Diagnostic, ...]:
    """What is still asked for, with the waivers applied, and no layer can say: one an edge and facet."""
    first = stack[0]
    refused = unsayable(first)
    denier = next((layer for layer in stack if "deny" in sayable(layer)), None)
    found: dict[tuple[str, object, str], Diagnostic] = {}
    for facet in _facets(policy):
        if carrier(stack, policy, facet.feature, facet.asked) is None:
            key = (facet.feature, facet.label.location, facet.whose)
            found.setdefault(key, _refusal(stack, policy, facet))
    return (
        *found.values(),
        *(() if "dns-names" in refused else _unread(policy, first)),
        *(_let_out(policy, first) if "deny" in refused else ()),
        *(_alone(policy, first) if first.sees_identity else ()),
        *_addresses_known(policy, first, denier),
        *(() if first.joins_clusters else _other_clusters(policy, first, denier)),
    )


def _facets(policy: Policy) -> Iterator[_Facet]:
    # Most flows ask for nothing: whole ports of services. Peers and ports are few, and looked at once.
    outside = {known for known, peer in peers_of(policy.flows).items() if isinstance(peer, Outside | Domain)}
    ranges = {known for known, port in ports_of(policy.flows).items() if port.first != port.last}
    alone = isinstance(policy.platform.network, NoNetwork)
    for flow in policy.flows:
        if (
            flow.narrowing is WHOLE
            and not alone
            and id(flow.source) not in outside
            and id(flow.target) not in outside
            and id(flow.port) not in ranges
        ):
            continue
        for feature, what in _asked(policy, flow):
            for reason in flow.reasons:
                yield _Facet(feature, flow, reason.edge, f"{reason.edge}: {what}", Label(reason.at, what))
    for denial in policy.denials:
        edge = denial.reason.edge
        yield _Facet(denied_feature(denial), denial, edge, f"deny {edge}", Label(denial.reason.at, "denied here"))
        if isinstance(denial.port, Port) and denial.port.first != denial.port.last:
            said = Label(denial.reason.at, f"ports {denial.port}")
            yield _Facet("port-range", denial, edge, f"deny {edge}: ports {denial.port}", said)
    for demand in policy.mtls_demands:
        said = Label(demand.at, "strict mTLS is demanded here")
        yield _Facet("mtls", demand, demand.of, f"strict mTLS of {demand.of}", said)


def _asked(policy: Policy, flow: Flow) -> list[tuple[str, str]]:
    asked = []
    if feature := identity_feature(policy, flow):
        asked.append((feature, f"that it is {flow.source} who calls"))
    if feature := feature_of(flow):
        asked.append((feature, f"only {flow.narrowing}"))
    if feature := name_feature(flow):
        asked.append((feature, f"the name {flow.target}"))
    if flow.port.first != flow.port.last:
        asked.append(("port-range", f"ports {flow.port}"))
    outside = [peer for peer in (flow.source, flow.target) if isinstance(peer, Outside)]
    asked += [(_ROLES.get(peer.role, "cidr"), f"of {peer.name}") for peer in outside]
    return asked


def _refusal(stack: Stack, policy: Policy, facet: _Facet) -> Diagnostic:
    """In the words of the engine that comes nearest to it: the first that could, were it there for it."""
    able = [each for each in stack if capability(each, facet.feature).support == "exact"]
    backend = able[-1] if able else stack[0]
    line = capability(backend, facet.feature)
    why, instead = backend.why_not(policy, facet.feature, facet.asked) if able else (line.reason, line.carried_by)
    if able and len(stack) > 1 and backend is stack[0]:
        why, instead = _ENCRYPTED
    waiver = f'agree to less: Waiver("{waived_as(facet.feature)}", why="…") in the platform\'s waivers'
    return Diagnostic(
        _UNTOLD if facet.feature == "identity" else _CODES[facet.feature],
        f"{' with '.join(each.name for each in stack)} cannot enforce {facet.what}",
        (facet.label,),
        why,
        instead if facet.feature == "port-range" else "; or ".join(filter(None, (instead, waiver))),
    )


_ENCRYPTED = (
    "Sidecars encrypt what is between them, so the network engine reads nothing of it; and where it arrives the mesh "
    "does not say it.",
    "govern the namespace that is called, where the mesh reads requests",
)


# --- a mesh alone --------------------------------------------------------------------------------------


def _alone(policy: Policy, mesh: Backend) -> Iterator[Diagnostic]:
    """What a mesh does not see at all is refused once for the platform, or given up by its waivers; and what arrives
    where it sees nothing, for each edge."""
    missing = [feature for feature in OF_THE_PLATFORM if feature not in policy.given_up]
    if missing:
        waivers = ", ".join(f'Waiver("{feature}", why="…")' for feature in missing)
        yield Diagnostic(
            "ZT334",
            f"{mesh.name} alone enforces neither {_neither(missing)}",
            (Label(policy.platform.at, "no network engine stands beside the mesh"),) if policy.platform.at.line else (),
            " ".join(capability(mesh, feature).reason for feature in missing),
            f"add a network engine, such as network=Cilium(…); or agree to less: waivers=[{waivers}]",
        )
    governed = frozenset(policy.governed)
    for place in policy.governed:
        if place not in meshed_places(policy):
            yield _unenforced(f"`{place}` is governed, and its pods have no sidecar", Label(policy.at, "governs it"))
    for flow in policy.flows:
        target, reason = flow.target, flow.reasons[0]
        if not isinstance(target, Workload) or target.place not in governed or "TCP" not in flow.port.protocols:
            continue
        if not target.meshed:
            told = f"nothing enforces what arrives at {target}, which has no sidecar: {reason.edge}"
            yield _unenforced(told, Label(reason.at, f"{target} is outside the mesh"))
        elif not is_captured(flow.port):
            yield Diagnostic(
                "ZT331",
                f"nothing enforces who calls port {flow.port} of {target}: {reason.edge}",
                (Label(reason.at, "goes past the sidecar"),),
                "The sidecar itself listens there, for probes and metrics, and leaves the port to whoever calls.",
                "leave the edge out: the port is open as it is; or let a network engine stand beside the mesh: "
                "network=Cilium(…)",
            )


def _neither(features: Sequence[str]) -> str:
    said = {"egress": "what governed pods send", "protocol": "UDP and SCTP"}
    return " nor ".join(said[feature] for feature in features)


def _unenforced(what: str, label: Label) -> Diagnostic:
    return Diagnostic(
        "ZT331",
        what,
        (label,),
        "A mesh sees what arrives at a pod with a sidecar, and knows callers by their certificates, not by labels.",
        "take it into the mesh (meshed=True), or let a network engine stand beside the mesh: network=Cilium(…)",
    )


def _unread(policy: Policy, backend: Backend) -> Iterator[Diagnostic]:
    """Lookups are read where the caller is: where nothing is governed there, nobody reads them."""
    governed = frozenset(policy.governed)
    for flow in policy.flows:
        if isinstance(flow.narrowing, Whole) or narrowed_end(flow, governed) == "Ingress":
            continue
        if place_of(flow.source) not in governed:
            reason = flow.reasons[0]
            inside = place_of(flow.source) is not None
            yield Diagnostic(
                "ZT313",
                f"{backend.name} cannot enforce {reason.edge}: only {flow.narrowing}",
                (Label(reason.at, f"no policy is made where {flow.source} is"),),
                "Lookups are filtered where they are made, and nothing is governed there.",
                "govern the caller's namespace, or allow the port whole" if inside else "allow the port whole",
            )


def _let_out(policy: Policy, backend: Backend) -> Iterator[Diagnostic]:
    """Who is in quarantine keeps what its whole namespace has, where no deny overrules that."""
    for cut in policy.quarantined:
        for flow in policy.flows:
            if isinstance(flow.source, EveryPod) and flow.source.place == cut.workload.place:
                edge = flow.reasons[0]
                yield Diagnostic(
                    "ZT250",
                    f"`{cut.workload.name}` is in quarantine, and the edge {edge.edge} is from its whole namespace",
                    (
                        Label(edge.at, f"every pod of {cut.workload.place}, this one too"),
                        Label(cut.reason.at, "quarantined here"),
                    ),
                    f"A selector for every pod of a namespace cannot leave one service out, and {backend.name} has no "
                    "deny that would.",
                    "name the services of the namespace as the edge's sources while the quarantine lasts",
                )


def _addresses_known(policy: Policy, backend: Backend, denier: Backend | None) -> Iterator[Diagnostic]:
    """Of edges, for the network engine; of denials, for the layer that has them."""
    pods = addresses(policy.platform.pod_cidrs)
    if addresses(policy.platform.node_local_dns) & pods:
        yield _among_pods("the node-local resolver", Label(policy.platform.at, "this platform"))
    told: set[Diagnostic] = set()
    for flow in policy.flows:
        for peer in (flow.source, flow.target):
            if not isinstance(peer, Outside):
                continue
            reason = flow.reasons[0]
            label = Label(reason.at, f"to or from {peer.name}")
            diagnostic = _address_problem(backend, f"the edge {reason.edge}", label, peer, pods)
            if diagnostic is not None and diagnostic not in told:
                told.add(diagnostic)
                yield diagnostic
    for denial in policy.denials:
        for end in (denial.source, denial.target):
            if not isinstance(end, Outside):
                continue
            label = Label(denial.reason.at, f"to or from {end.name}")
            if end.role == "network" and pods and not end.addresses - pods:
                yield _of_pods(end.name, label)
            elif denier is None or not denier.carries(policy, denied_feature(denial), denial):
                continue
            elif end.role in ("internet", "api-server", "nodes"):
                # Without addresses a deny would be one of nobody, and nothing would say so.
                problem = _address_problem(denier, f"the deny {denial.reason.edge}", label, end, pods)
                if problem is not None and problem not in told:
                    told.add(problem)
                    yield problem


def _address_problem(backend: Backend, what: str, label: Label, peer: Outside, pods: Addresses) -> Diagnostic | None:
    match peer.role:
        case "api-server" | "nodes" if backend.knows_nodes:
            return None
        case "api-server" | "nodes" if not peer.blocks:
            code, kind, word = (
                ("ZT320", "ApiServer", "api_server") if peer.role == "api-server" else ("ZT321", "Nodes", "nodes")
            )
            return Diagnostic(
                code,
                f"{backend.name} needs the addresses of {peer.name} for {what}",
                (label,),
                "It matches what is no pod by addresses alone, and the platform tells none.",
                f'write {word}={kind}(cidrs=["192.0.2.10/32"]) in the platform, with the real addresses',
            )
        case "api-server" | "nodes" if peer.addresses & pods:
            return _among_pods(peer.name, label)
        case "internet" | "network":
            mine = peer.addresses
            if not pods and (peer.role == "internet" or mine & PRIVATE):
                return _may_hold_pods(peer.name, what, label)
            if pods and not mine - pods:
                return _of_pods(peer.name, label)
            return None
        case _:
            return None


def _may_hold_pods(name: str, what: str, label: Label) -> Diagnostic:
    return Diagnostic(
        "ZT322",
        f"{name} may hold pods: {what} needs the platform's pod networks",
        (label,),
        "A rule for addresses lets pods through that have such an address, whatever their labels. "
        "Where the pod networks are known they are excepted.",
        'write pod_cidrs=["10.244.0.0/16"] in the platform, with the cluster\'s own ranges',
    )


def _of_pods(name: str, label: Label) -> Diagnostic:
    return Diagnostic(
        "ZT323",
        f"{name} lies wholly inside the pod networks",
        (label,),
        "Its addresses are those of pods, and pods are known by their labels: nothing of it is left.",
        "name the services that are meant, or correct the network's cidrs",
    )


def _among_pods(name: str, label: Label) -> Diagnostic:
    return Diagnostic(
        "ZT322",
        f"addresses of {name} are among the platform's pod networks",
        (label,),
        "A rule for them lets every pod through that has such an address, whatever its labels.",
        "correct the addresses, or the platform's `pod_cidrs`: no pod on the pod network has a node's address",
    )


def _other_clusters(policy: Policy, backend: Backend, denier: Backend | None) -> Iterator[Diagnostic]:
    """Of edges, for the network engine, and of denials, whichever layer has them: a certificate knows no cluster."""
    denials = () if denier is None else policy.denials
    said = (
        *((peer, flow.reasons[0], "edge") for flow in policy.flows for peer in (flow.source, flow.target)),
        *((end, denial.reason, "deny") for denial in denials for end in (denial.source, denial.target)),
    )
    told: set[tuple[Place, object]] = set()
    for peer, reason, word in said:
        place = None if isinstance(peer, Everyone) else place_of(peer)
        if place is None or place.cluster == policy.platform.cluster or (place, reason) in told:
            continue
        told.add((place, reason))
        whose = denier if word == "deny" and denier is not None else backend
        yield Diagnostic(
            "ZT324",
            f"{whose.name} cannot tell clusters apart: {peer} of the {word} {reason.edge} is in `{place.cluster}`",
            (Label(reason.at, f"the platform is `{policy.platform.cluster}`"),),
            "Its selectors know pods of their own cluster only; the rule would be for pods of the same name here.",
            "compile it for an engine that joins clusters (Cilium with Cluster Mesh), or use a Network with the "
            "other cluster's addresses",
        )
