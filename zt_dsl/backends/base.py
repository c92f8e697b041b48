"""What a backend is, and the plan: which facets of a policy its engine can say, and what becomes of the rest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import PRIVATE, Addresses, addresses
from zt_dsl.ir.flow import Flow, Outside, Place, place_of
from zt_dsl.ir.policy import Policy
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.manifests.tree import Document, Value
from zt_dsl.passes.widen import feature_of, name_feature
from zt_dsl.reach.grants import Reach

Support = Literal["exact", "narrower", "wider", "never"]


@frozen
class Capability:
    """What one engine makes of one feature.

    `reason` says why, in words; `carried_by` what would say it exactly; `since` and `until` are the first and
    the last version it holds for, empty where it holds for all that are known. `needs` is what the platform
    has to tell for it.
    """

    feature: str
    support: Support
    reason: str
    carried_by: str = ""
    since: str = ""
    until: str = ""
    needs: str = ""


@frozen
class Backend:
    """One engine: what it can say, and how policies become its objects and are read back.

    `versions` are those that are known, oldest first; `judged` those whose own code the conformance tests run.
    `lower` yields files, each by its path relative to the output directory, in the order in which they are to be
    applied; `read` is the independent reader. `check` says where a document does not fit the JSON Schema
    of what is emitted.
    """

    name: str
    versions: tuple[str, ...]
    judged: tuple[str, ...]
    capabilities: tuple[Capability, ...]
    lower: Callable[[Policy, Path], Iterable[tuple[str, tuple[Document, ...]]]]
    read: Callable[[Sequence[ReadDocument], frozenset[str]], tuple[Reach, tuple[Diagnostic, ...]]]
    check: Callable[[Mapping[str, Value]], tuple[str, ...]]


def capability(backend: Backend, feature: str) -> Capability:
    """The engine's line for a feature. Raises KeyError for a feature that its table has forgotten."""
    for line in backend.capabilities:
        if line.feature == feature:
            return line
    raise KeyError(feature)


def unsayable(backend: Backend) -> frozenset[str]:
    """The features that this engine does not do exactly."""
    return frozenset(line.feature for line in backend.capabilities if line.support != "exact")


# --- the plan -----------------------------------------------------------------------------------------

_CODES = {
    "http-routes": "ZT310",
    "grpc-methods": "ZT311",
    "kafka-topics": "ZT312",
    "dns-names": "ZT313",
    "fqdn": "ZT314",
    "fqdn-wildcard": "ZT315",
    "deny": "ZT316",
    "mtls": "ZT317",
}


def refusals(policy: Policy, backend: Backend) -> tuple[Diagnostic, ...]:
    """What is still asked for, with the waivers applied, and this engine cannot say: one an edge and facet."""
    refused = unsayable(backend)
    found: dict[tuple[str, object, str], Diagnostic] = {}
    for flow in policy.flows:
        for feature, what in _asked(flow, refused):
            for reason in flow.reasons:
                key = (feature, reason.at, reason.edge)
                found.setdefault(key, _refusal(backend, feature, f"{reason.edge}: {what}", Label(reason.at, what)))
    for denial in policy.denials if "deny" in refused else ():
        key = ("deny", denial.reason.at, denial.reason.edge)
        label = Label(denial.reason.at, "denied here")
        found.setdefault(key, _refusal(backend, "deny", f"deny {denial.reason.edge}", label))
    for demand in policy.mtls_demands if "mtls" in refused else ():
        label = Label(demand.at, "strict mTLS is demanded here")
        found[("mtls", demand.at, demand.of)] = _refusal(backend, "mtls", f"strict mTLS of {demand.of}", label)
    return (*found.values(), *_addresses_known(policy, backend), *_other_clusters(policy, backend))


def _asked(flow: Flow, refused: frozenset[str]) -> list[tuple[str, str]]:
    asked = []
    if (feature := feature_of(flow)) in refused:
        asked.append((feature, f"only {flow.narrowing}"))
    if (feature := name_feature(flow)) in refused:
        asked.append((feature, f"the name {flow.target}"))
    return asked


def _refusal(backend: Backend, feature: str, what: str, label: Label) -> Diagnostic:
    line = capability(backend, feature)
    return Diagnostic(
        _CODES[feature],
        f"{backend.name} cannot enforce {what}",
        (label,),
        line.reason,
        f'{line.carried_by}; or agree to less: Waiver("{feature}", why="…") in the platform\'s waivers',
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
            diagnostic = _address_problem(backend, flow, peer, pods)
            if diagnostic is not None and diagnostic not in told:
                told.add(diagnostic)
                yield diagnostic


def _address_problem(backend: Backend, flow: Flow, peer: Outside, pods: Addresses) -> Diagnostic | None:
    reason = flow.reasons[0]
    label = Label(reason.at, f"to or from {peer.name}")
    match peer.role:
        case "api-server" | "nodes" if not peer.blocks:
            code, kind, word = (
                ("ZT320", "ApiServer", "api_server") if peer.role == "api-server" else ("ZT321", "Nodes", "nodes")
            )
            return Diagnostic(
                code,
                f"{backend.name} needs the addresses of {peer.name} for the edge {reason.edge}",
                (label,),
                "It matches what is no pod by addresses alone, and the platform tells none.",
                f'write {word}={kind}(cidrs=["192.0.2.10/32"]) in the platform, with the real addresses',
            )
        case "api-server" | "nodes" if peer.addresses & pods:
            return _among_pods(peer.name, label)
        case "internet" | "network":
            mine = peer.addresses
            if not pods and (peer.role == "internet" or mine & PRIVATE):
                return Diagnostic(
                    "ZT322",
                    f"{peer.name} may hold pods: the edge {reason.edge} needs the platform's pod networks",
                    (label,),
                    "A rule for addresses lets pods through that have such an address, whatever their labels. "
                    "Where the pod networks are known they are excepted.",
                    'write pod_cidrs=["10.244.0.0/16"] in the platform, with the cluster\'s own ranges',
                )
            if pods and not mine - pods:
                return Diagnostic(
                    "ZT323",
                    f"{peer.name} lies wholly inside the pod networks",
                    (label,),
                    "Its addresses are those of pods, and pods are known by their labels: nothing of it is left.",
                    "name the services that are meant, or correct the network's cidrs",
                )
            return None
        case _:
            return None


def _among_pods(name: str, label: Label) -> Diagnostic:
    return Diagnostic(
        "ZT322",
        f"addresses of {name} are among the platform's pod networks",
        (label,),
        "A rule for them lets every pod through that has such an address, whatever its labels.",
        "correct the addresses, or the platform's `pod_cidrs`: no pod on the pod network has a node's address",
    )


def _other_clusters(policy: Policy, backend: Backend) -> Iterator[Diagnostic]:
    told: set[tuple[Place, object]] = set()
    for flow in policy.flows:
        for peer in (flow.source, flow.target):
            place = place_of(peer)
            if place is None or place.cluster == policy.platform.cluster:
                continue
            reason = flow.reasons[0]
            if (place, reason) in told:
                continue
            told.add((place, reason))
            yield Diagnostic(
                "ZT324",
                f"{backend.name} cannot tell clusters apart: {peer} of the edge {reason.edge} is in `{place.cluster}`",
                (Label(reason.at, f"the platform is `{policy.platform.cluster}`"),),
                "Its selectors know pods of their own cluster only; the rule would be for pods of the same name here.",
                "compile it for an engine that joins clusters (Cilium with Cluster Mesh), or use a Network with the "
                "other cluster's addresses",
            )
