"""The reach of a policy as its mesh sees it: TCP that arrives at pods with a sidecar, from whom by identity.

It is one of two locks, or the only one where a mesh alone enforces. A caller with an identity is known by its
service account, and no label counts; of who has none the mesh knows the address at most. What a strict port refuses, it
refuses whatever allows it: that is a denial of everyone without an identity.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import assert_never

from zt_dsl.ir.flow import (
    Denial,
    Domain,
    Everyone,
    EveryPod,
    EveryPort,
    Flow,
    Outside,
    Peer,
    Place,
    Unidentified,
    Workload,
)
from zt_dsl.ir.mesh import Mode, Modes, arrives_in_mesh, meshed_places, namespace_mode, overridden, port_mode
from zt_dsl.ir.paths import only
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.selector import IDENTITY, METADATA_NAME, SERVICE_ACCOUNT, Selector, outside, with_labels
from zt_dsl.ir.traffic import Ports, Whole, ports
from zt_dsl.reach.grants import (
    ANONYMOUS,
    EVERY_TCP_PORT,
    EVERYBODY,
    SIDECAR,
    Grant,
    Isolation,
    Narrowed,
    Opened,
    Origin,
    Pods,
    Reach,
    Remote,
    shared,
    unseen_by_mesh,
)


def mesh_reach_of(policy: Policy) -> Reach:
    """What arrives at the governed pods that have a sidecar, and passes it. Of a policy whose narrowings are those that
    the mesh reads.

    Raises TypeError where the platform has no mesh.
    """
    mesh = policy.platform.mesh
    if not isinstance(mesh, Istio):
        raise TypeError(f"{policy.platform.name} has no mesh")
    governed = frozenset(policy.governed)
    grants = unseen_by_mesh(sorted(place.namespace for place in policy.governed))
    for flow in policy.flows:
        if arrives_in_mesh(flow, governed) and isinstance(flow.target, Workload):
            opened, subject = _opened(flow), _subject(flow.target.selector)
            mode = port_mode(policy, flow.target, flow.port)
            origin = partial(_origin, flow)
            for remote in _remotes(flow.source, mode, mesh.trust_domain):
                grants.append(Grant(flow.target.place.namespace, "Ingress", subject, remote, opened, origin))
    isolations = tuple(Isolation(place.namespace, "Ingress", SIDECAR) for place in meshed_places(policy))
    denied = (*_strict(policy), *_denials(policy, mesh.trust_domain))
    return Reach(isolations, tuple(grants), denied)


@lru_cache(maxsize=1 << 17)
def _subject(pods: Selector) -> Selector:
    """Those of these pods that have a sidecar."""
    return shared(pods & SIDECAR)


def _opened(flow: Flow) -> Opened:
    opened = shared(flow.port.ports & EVERY_TCP_PORT)
    if isinstance(flow.narrowing, Whole):
        return opened
    # Paths are matched without their query, so a call of gRPC may have one: no server has a method for it.
    return shared(Narrowed(opened, only(flow.narrowing, any_query=True)))


def _origin(flow: Flow) -> Origin:
    written = flow.reasons[0].at
    return Origin(f"{flow.source} → {flow.target} {flow.port}", written.path, written.line)


@lru_cache(maxsize=1 << 17)
def _remotes(source: Peer, mode: Mode, trust_domain: str) -> tuple[Remote, ...]:
    """Who a source is to the mesh. Addresses are known on every port. On one in plain text nobody shows an identity, so
    whoever else it is, it is everybody; elsewhere whoever has none is not known at all."""
    match source:
        case Outside() if source.blocks:
            return (shared(source.addresses),)
        case _ if mode == "disable":
            return EVERYBODY
        case Workload(meshed=True):
            return (_identity(source.place, ((SERVICE_ACCOUNT, source.service_account), (IDENTITY, trust_domain))),)
        case EveryPod() if source.place.meshed:
            return (_identity(source.place, ((IDENTITY, trust_domain),)),)
        case Workload() | EveryPod() | Domain() | Outside() | Unidentified():
            return ANONYMOUS
        case _:
            assert_never(source)


def _identity(place: Place, pods: tuple[tuple[str, str], ...]) -> Remote:
    return shared(Pods(with_labels(((METADATA_NAME, place.namespace),)), with_labels(pods)))


# --- what is denied ------------------------------------------------------------------------------------


def _strict(policy: Policy) -> Iterator[Grant]:
    """Whoever has no identity, wherever a port is strict: at all pods but those of services with modes of their own,
    and at these on the ports that are."""
    usual = namespace_mode(policy)
    own: dict[Place, list[Modes]] = {place: [] for place in meshed_places(policy)}
    for modes in overridden(policy):
        own[modes.workload.place].append(modes)
    for place, some in own.items():
        if usual == "strict":
            for rest in outside(modes.workload.selector for modes in some):
                yield from _refused(policy, place, _subject(rest), EVERY_TCP_PORT)
        for modes in some:
            if strict := _strict_ports(modes):
                yield from _refused(policy, place, _subject(modes.workload.selector), strict)


def _strict_ports(modes: Modes) -> Ports:
    others = ports(("TCP", number, number) for number, _ in modes.ports)
    own = ports(("TCP", number, number) for number, mode in modes.ports if mode == "strict")
    return (EVERY_TCP_PORT - others) | own if modes.mode == "strict" else own


def _refused(policy: Policy, place: Place, subject: Selector, refused: Ports) -> Iterator[Grant]:
    origin = partial(_demanded, policy)
    refused = shared(refused)
    return (Grant(place.namespace, "Ingress", subject, remote, refused, origin) for remote in ANONYMOUS)


def _demanded(policy: Policy) -> Origin:
    return Origin("strict mTLS: whoever has no identity is refused", policy.at.path, policy.at.line)


def _denials(policy: Policy, trust_domain: str) -> Iterator[Grant]:
    """The mesh's own: the plan leaves it those denials alone that it can say."""
    for denial in policy.denials:
        if not isinstance(denial.target, Workload) or isinstance(denial.source, Everyone):
            raise TypeError(f"{denial.reason.edge} is no denial of a mesh: the plan must have refused it")
        subject, origin = _subject(denial.target.selector), partial(_denier, denial)
        asked = EVERY_TCP_PORT if isinstance(denial.port, EveryPort) else denial.port.ports & EVERY_TCP_PORT
        for remote in _remotes(denial.source, "strict", trust_domain):
            yield Grant(denial.target.place.namespace, "Ingress", subject, remote, shared(asked), origin)


def _denier(denial: Denial) -> Origin:
    at = denial.reason.at
    return Origin(denial.reason.edge, at.path, at.line)
