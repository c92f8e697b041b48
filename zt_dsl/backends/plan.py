"""The plan: each facet of a policy is given to the engine that does it exactly, or refused.

A facet is what one feature of a capability table is about: the routes of an edge, its name, its port range, a deny.
"""

from collections.abc import Iterator

from attrs import frozen

from zt_dsl.backends.base import Backend, Capability, capability, unsayable
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import PRIVATE, Addresses, addresses
from zt_dsl.ir.flow import Domain, Everyone, Flow, Outside, Place, narrowed_end, peers_of, place_of, ports_of
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Port, Whole
from zt_dsl.passes.widen import feature_of, name_feature, waived_as

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
    "mtls": "ZT317",
    "port-range": "ZT318",
}


_ROLES = {"api-server": "api-server", "nodes": "nodes"}


@frozen
class _Facet:
    """What one edge, deny or demand asks of one feature: `what` in words, `whose` it is, where it was written."""

    feature: str
    whose: str
    what: str
    label: Label


def assigned(policy: Policy, backend: Backend) -> tuple[Capability, ...]:
    """The lines of the engine's table by which this policy is enforced, in the table's order."""
    asked = {facet.feature for facet in _facets(policy)}
    asked |= {"egress"} if policy.flows else set()
    lines = tuple(line for line in backend.capabilities if line.feature in asked and line.support == "exact")
    # What a name is without them is for every reader of a report to know.
    named = any(isinstance(flow.target, Domain) and isinstance(flow.narrowing, Whole) for flow in policy.flows)
    return lines + tuple(line for line in backend.capabilities if named and line.feature == "addresses-of-names")


def refusals(policy: Policy, backend: Backend) -> tuple[Diagnostic, ...]:
    """What is still asked for, with the waivers applied, and this engine cannot say: one an edge and facet."""
    refused = unsayable(backend)
    found: dict[tuple[str, object, str], Diagnostic] = {}
    for facet in _facets(policy):
        if facet.feature in refused:
            key = (facet.feature, facet.label.location, facet.whose)
            found.setdefault(key, _refusal(backend, facet))
    return (
        *found.values(),
        *(() if "dns-names" in refused else _unread(policy, backend)),
        *(() if "deny" in refused else _denied_names(policy, backend)),
        *_addresses_known(policy, backend),
        *(() if backend.joins_clusters else _other_clusters(policy, backend)),
    )


def _facets(policy: Policy) -> Iterator[_Facet]:
    # Most flows ask for nothing: whole ports of services. Peers and ports are few, and looked at once.
    outside = {known for known, peer in peers_of(policy.flows).items() if isinstance(peer, Outside | Domain)}
    ranges = {known for known, port in ports_of(policy.flows).items() if port.first != port.last}
    for flow in policy.flows:
        if (
            flow.narrowing is WHOLE
            and id(flow.source) not in outside
            and id(flow.target) not in outside
            and id(flow.port) not in ranges
        ):
            continue
        for feature, what in _asked(flow):
            for reason in flow.reasons:
                yield _Facet(feature, reason.edge, f"{reason.edge}: {what}", Label(reason.at, what))
    for denial in policy.denials:
        edge = denial.reason.edge
        yield _Facet("deny", edge, f"deny {edge}", Label(denial.reason.at, "denied here"))
        if isinstance(denial.port, Port) and denial.port.first != denial.port.last:
            said = Label(denial.reason.at, f"ports {denial.port}")
            yield _Facet("port-range", edge, f"deny {edge}: ports {denial.port}", said)
    for demand in policy.mtls_demands:
        said = Label(demand.at, "strict mTLS is demanded here")
        yield _Facet("mtls", demand.of, f"strict mTLS of {demand.of}", said)


def _asked(flow: Flow) -> list[tuple[str, str]]:
    asked = []
    if feature := feature_of(flow):
        asked.append((feature, f"only {flow.narrowing}"))
    if feature := name_feature(flow):
        asked.append((feature, f"the name {flow.target}"))
    if flow.port.first != flow.port.last:
        asked.append(("port-range", f"ports {flow.port}"))
    outside = [peer for peer in (flow.source, flow.target) if isinstance(peer, Outside)]
    asked += [(_ROLES.get(peer.role, "cidr"), f"of {peer.name}") for peer in outside]
    return asked


def _refusal(backend: Backend, facet: _Facet) -> Diagnostic:
    line = capability(backend, facet.feature)
    waiver = f'agree to less: Waiver("{waived_as(facet.feature)}", why="…") in the platform\'s waivers'
    return Diagnostic(
        _CODES[facet.feature],
        f"{backend.name} cannot enforce {facet.what}",
        (facet.label,),
        line.reason,
        f"{line.carried_by}; or {waiver}" if facet.feature != "port-range" else line.carried_by,
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


def _denied_names(policy: Policy, backend: Backend) -> Iterator[Diagnostic]:
    for denial in policy.denials:
        if isinstance(denial.target, Domain):
            yield Diagnostic(
                "ZT316",
                f"{backend.name} cannot deny the name {denial.target}",
                (Label(denial.reason.at, "denied here"),),
                "A deny is for pods and addresses; which addresses a name has is known only once it is looked up.",
                "leave the deny out: what no edge allows is refused already",
            )


def _addresses_known(policy: Policy, backend: Backend) -> Iterator[Diagnostic]:
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
            elif end.role in ("internet", "api-server", "nodes") and "deny" not in unsayable(backend):
                # Without addresses a deny would be one of nobody, and nothing would say so.
                problem = _address_problem(backend, f"the deny {denial.reason.edge}", label, end, pods)
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


def _other_clusters(policy: Policy, backend: Backend) -> Iterator[Diagnostic]:
    denials = () if "deny" in unsayable(backend) else policy.denials
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
        yield Diagnostic(
            "ZT324",
            f"{backend.name} cannot tell clusters apart: {peer} of the {word} {reason.edge} is in `{place.cluster}`",
            (Label(reason.at, f"the platform is `{policy.platform.cluster}`"),),
            "Its selectors know pods of their own cluster only; the rule would be for pods of the same name here.",
            "compile it for an engine that joins clusters (Cilium with Cluster Mesh), or use a Network with the "
            "other cluster's addresses",
        )
