"""Everything after load, on one page: plan, widen, passes, lower, write, read back, compare."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import assert_never

from attrs import frozen

from zt_dsl.backends.base import Backend, at, judged, sayable, unsayable
from zt_dsl.backends.plan import assigned, refusals
from zt_dsl.checks import CHECKS, unneeded
from zt_dsl.diagnostics import Diagnostic, Label, errors, in_order
from zt_dsl.ir.flow import Widening
from zt_dsl.ir.platform import Calico, Cilium, Istio, Kubernetes, NoMesh, NoNetwork, Platform
from zt_dsl.ir.policy import Policy
from zt_dsl.manifests.emit import Written, emit
from zt_dsl.manifests.kustomization import kustomization
from zt_dsl.manifests.names import KUSTOMIZATION_FILE
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.passes.widen import widen
from zt_dsl.reach.declared import reach_of
from zt_dsl.reach.difference import differences
from zt_dsl.reach.told import counted, told
from zt_dsl.review import Table, review
from zt_dsl.source import Location

REVIEW = "review.md"


@frozen
class Ready:
    """A policy that its engine can say: waivers applied, passes run. `diagnostics` are warnings."""

    policy: Policy
    backend: Backend
    dropped: tuple[Widening, ...]
    diagnostics: tuple[Diagnostic, ...]


@frozen
class Refused:
    """A policy that the platform cannot say, and why."""

    diagnostics: tuple[Diagnostic, ...]


def plan(policy: Policy) -> Ready | Refused:
    """Find the engine, apply the waivers, refuse what is left that it cannot say, run the passes."""
    backend = _backend(policy)
    if isinstance(backend, tuple):
        return Refused(backend)
    widened = widen(policy, unsayable(backend))
    found = in_order(
        (
            *refusals(widened.policy, backend),
            *unneeded(widened.unneeded),
            *(diagnostic for check in CHECKS for diagnostic in check(policy)),
        )
    )
    if errors(found):
        return Refused(found)
    planned = widened.policy
    for run in backend.passes(sayable(backend)):
        planned = run(planned)
    found = in_order((*found, *backend.refuse(planned)))
    if errors(found):
        return Refused(found)
    return Ready(planned, backend, widened.dropped, found)


def _backend(policy: Policy) -> Backend | tuple[Diagnostic, ...]:
    """The engine to compile for; or why there is none."""
    platform = policy.platform
    missing: list[str] = []
    match platform.network:
        case Kubernetes() | Cilium() | Calico():
            pass
        case NoNetwork():
            pass
        case _:
            assert_never(platform.network)
    match platform.mesh:
        case Istio():
            missing.append("Istio")
        case NoMesh():
            pass
        case _:
            assert_never(platform.mesh)
    here = (Label(platform.at, "this platform"),) if platform.at.line else ()
    if missing or isinstance(platform.network, NoNetwork):
        return tuple(_not_there(name, here) for name in missing or ["a platform without any engine"])
    # Imported when asked for: each backend costs its classes, about a millisecond apiece.
    settings: frozenset[str] = frozenset()
    if isinstance(platform.network, Cilium):
        from zt_dsl.backends.cilium import BACKEND
    elif isinstance(platform.network, Calico):
        from zt_dsl.backends.calico import BACKEND

        settings = platform.network.settings
    else:
        from zt_dsl.backends.kubernetes import BACKEND
    known = at(BACKEND, version_of(platform), settings)
    return (_unknown_version(BACKEND, version_of(platform), here),) if known is None else known


def _not_there(name: str, here: tuple[Label, ...]) -> Diagnostic:
    return Diagnostic(
        "ZT300",
        f"the backend for {name} is not there yet",
        here,
        "Nothing can be emitted for it, and a policy with a part left out would be a wider one.",
        "compile for an engine that is there, without a mesh: network=Cilium(…), Calico(…) or Kubernetes(…), "
        "or --target cilium",
    )


def _unknown_version(backend: Backend, version: str, here: tuple[Label, ...]) -> Diagnostic:
    return Diagnostic(
        "ZT301",
        f"{backend.name} is not known in version {version!r}",
        here,
        "What an engine makes of a policy depends on its version; for one that is not known nothing is promised.",
        f"write one of {', '.join(backend.versions)}",
    )


# --- build ----------------------------------------------------------------------------------------------


@frozen
class Build:
    """What is to be published: files by path, `manifests` of them in the order in which they are applied."""

    files: Mapping[str, bytes]
    manifests: tuple[str, ...]
    objects: int


def build(ready: Ready, root: Path) -> Build:
    """The files of a policy. Comments name lines relative to `root`."""
    policy, backend = ready.policy, ready.backend
    written: Written = {}
    files: dict[str, bytes] = {}
    objects = 0
    for path, documents in backend.lower(policy, root):
        files[path] = emit(documents, written).encode()
        objects += len(documents)
    manifests = tuple(files)
    listed = kustomization(
        manifests, (f"{policy.topology} on {policy.platform.name}: allows first, default denies last.",)
    )
    version = version_of(policy.platform)
    engine = f"{backend.name} {version}{judged(backend, version)}"
    files[KUSTOMIZATION_FILE] = emit((listed,)).encode()
    notes = (_enforcement(policy, backend), *backend.notes(policy))
    files[REVIEW] = review(policy, ready.dropped, engine, root, notes).encode()
    return Build(files, manifests, objects)


def _enforcement(policy: Policy, backend: Backend) -> Table:
    """What is enforced, and how: the lines of the engine's table that this policy needs."""
    lines = assigned(policy, backend)
    rows = tuple((line.feature, f"{line.reason}; needs {line.needs}" if line.needs else line.reason) for line in lines)
    return Table("How it is enforced", "What the edges ask for, and by what the engine does it.", ("what", "how"), rows)


def version_of(platform: Platform) -> str:
    """The version of its network engine, as it was written; empty where the mesh alone enforces."""
    return "" if isinstance(platform.network, NoNetwork) else platform.network.version


# --- proof -----------------------------------------------------------------------------------------------


@frozen
class Proof:
    """What was compared: all connections of the policy, as `reach.told.counted` counts them.

    `permitted` are the connections that are declared and permitted; `refused` all others between the classes.
    """

    permitted: int
    refused: int
    diagnostics: tuple[Diagnostic, ...]


def prove(ready: Ready, files: Iterable[tuple[str, bytes]], *, emitted: bool = False) -> Proof:
    """Read these files back and compare what they permit with what the policy declares, in both directions.

    `emitted`: we wrote them ourselves, so each has to fit the JSON Schema of what we emit, too.
    """
    policy, backend = ready.policy, ready.backend
    documents: list[ReadDocument] = []
    problems: list[Diagnostic] = []
    for path, data in files:
        match read(data, path):
            case Diagnostic() as unreadable:
                problems.append(unreadable)
            case found:
                documents.extend(found)
                problems.extend(_misshapen(one, backend) for one in found if emitted and backend.check(one.body))
    namespaces = frozenset(place.namespace for place in policy.governed)
    permitted, not_understood = backend.read(documents, namespaces, policy.platform)
    # What was not understood may permit anything: that something is refused cannot be said beside it.
    unread = bool(problems or not_understood)
    declared = reach_of(policy, joins_clusters=backend.joins_clusters, knows_nodes=backend.knows_nodes)
    said = (
        told(difference, policy, permitted)
        for difference in differences(declared, permitted, sorted(namespaces))
        if not unread or difference.kind == "wider"
    )
    return Proof(*counted(policy), in_order((*problems, *not_understood, *said)))


def _misshapen(document: ReadDocument, backend: Backend) -> Diagnostic:
    return Diagnostic(
        "ZT501",
        f"{document.path} does not fit the schema of what is emitted: {'; '.join(backend.check(document.body))}",
        (Label(Location(document.path, document.line)),),
    )
