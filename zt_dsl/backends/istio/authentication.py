"""Which mTLS mode each port of a pod has. Knows nothing of what writes PeerAuthentication.

Source: istio.io/istio v0.0.0-20260827124520-eed52ebb66ad, `pilot/pkg/security/authn/policy_applier.go`,
ComposePeerAuthentication: the port's mode, or that of the workload's policy, of the namespace's, of the mesh's,
or PERMISSIVE; where a policy says UNSET, or nothing, that of the next one. Of two policies for one scope the older is
in force, which no document says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, TypeAlias

from attrs import field, frozen

from zt_dsl.ir.selector import Selector
from zt_dsl.ir.traffic import Ports, ports
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.reach.boxes import Walls, by_pins, meeting_walls
from zt_dsl.reach.grants import EVERY_TCP_PORT, SIDECAR, shared

Mode = Literal["STRICT", "PERMISSIVE", "DISABLE"]
MODES: tuple[Mode, ...] = ("STRICT", "PERMISSIVE", "DISABLE")


@frozen
class Authentication:
    """A PeerAuthentication. Without a `subject` it is for its namespace, or in the root namespace for the mesh; None is
    the mode that is inherited."""

    document: ReadDocument
    namespace: str
    name: str
    subject: Selector | None
    mode: Mode | None
    ports: Mapping[int, Mode | None] = field(factory=dict)


@frozen
class Region:
    """These pods of a namespace, and these ports of theirs, by the document that says so."""

    subject: Selector
    ports: Ports
    document: ReadDocument


@frozen
class Found:
    """Some regions, and how to find those of some pods."""

    regions: tuple[Region, ...]
    walls: Walls

    def meeting(self, subject: Selector) -> Iterator[Region]:
        """Those that have a pod of these."""
        if self.regions:
            near = {wall for wall in meeting_walls(self.walls, subject) if not (wall & subject).empty}
            yield from (region for region in self.regions if region.subject in near)


Regions: TypeAlias = Mapping[Mode, Found]


def mesh_wide(policies: Iterable[Authentication], root: str) -> Authentication | None:
    return next((each for each in policies if each.namespace == root and each.subject is None), None)


def regions(policies: Sequence[Authentication], mesh: Authentication | None, root: str) -> Regions:
    """Where the pods of one namespace, of which these policies are, are STRICT, and where DISABLE."""
    own = next((each for each in policies if each.subject is None and each.namespace != root), None)
    stated = next((each for each in (own, mesh) if each is not None and each.mode is not None), None)
    default: Mode = "PERMISSIVE" if stated is None or stated.mode is None else stated.mode
    about = [each for each in policies if each.subject is not None and _differs(each, default)]
    found: dict[Mode, list[Region]] = {"STRICT": [], "DISABLE": []}
    for policy in about:
        for mode, some in found.items():
            opened = _ports(policy, default, mode)
            if opened and policy.subject is not None:
                some.append(Region(shared(policy.subject & SIDECAR), shared(opened), policy.document))
    if stated is not None and default in found:
        for rest in _without((SIDECAR,), (each.subject for each in about if each.subject is not None)):
            found[default].append(Region(shared(rest), EVERY_TCP_PORT, stated.document))
    return {mode: Found(tuple(some), by_pins({each.subject for each in some})) for mode, some in found.items()}


def _differs(policy: Authentication, default: Mode) -> bool:
    return (policy.mode or default) != default or any((mode or default) != default for mode in policy.ports.values())


def _ports(policy: Authentication, default: Mode, wanted: Mode) -> Ports:
    """Those with this mode."""
    whole = policy.mode or default
    listed = {
        mode: ports(("TCP", port, port) for port, each in policy.ports.items() if (each or whole) == mode)
        for mode in MODES
    }
    if whole != wanted:
        return listed[wanted]
    others = [interval for mode in MODES if mode != wanted for interval in listed[mode].intervals]
    return EVERY_TCP_PORT - ports(others)


def _without(left: tuple[Selector, ...], taken: Iterable[Selector]) -> tuple[Selector, ...]:
    for each in taken:
        left = tuple(rest for part in left for rest in part.minus(each))
    return left


def disputes(policies: Iterable[Authentication]) -> Iterator[tuple[Authentication, Authentication]]:
    """Two of one namespace for the same scope, or for some of the same pods with other modes."""
    by_keys: dict[tuple[str, ...], dict[Selector, Authentication]] = {}
    for policy in policies:
        subject = policy.subject or Selector()
        scope = ("",) if policy.subject is None else tuple(key for key, _ in subject.terms)
        known = by_keys.setdefault(scope, {})
        if (other := known.setdefault(subject, policy)) is not policy:
            yield other, policy
    by_keys.pop(("",), None)
    for some, others in combinations(by_keys.values(), 2):
        for one in some.values():
            for another in others.values():
                if _meet(one, another) and (one.mode, one.ports) != (another.mode, another.ports):
                    yield one, another


def _meet(one: Authentication, other: Authentication) -> bool:
    return one.subject is not None and other.subject is not None and not (one.subject & other.subject).empty


def apart(subject: Selector, opened: Ports, without: Iterable[Region]) -> Iterator[tuple[Selector, Ports]]:
    """These pods and ports less those of the regions."""
    pieces = [(subject, opened)]
    for region in without:
        left: list[tuple[Selector, Ports]] = []
        for pods, some in pieces:
            if (pods & region.subject).empty or not some & region.ports:
                left.append((pods, some))
                continue
            left += ((rest, some) for rest in pods.minus(region.subject))
            if beyond := some - region.ports:
                left.append((pods & region.subject, beyond))
        pieces = left
    yield from pieces
