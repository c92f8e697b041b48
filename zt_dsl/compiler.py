"""Everything after load, on one page: plan, widen, passes, lower, write, read back, compare."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import assert_never

from attrs import evolve, frozen

from zt_dsl.backends.base import Backend, refusals, unsayable
from zt_dsl.checks import CHECKS, unneeded
from zt_dsl.diagnostics import Diagnostic, Label, errors, in_order
from zt_dsl.ir.platform import Calico, Cilium, Istio, Kubernetes, NoMesh, NoNetwork
from zt_dsl.ir.policy import Policy
from zt_dsl.manifests.emit import Written, emit
from zt_dsl.manifests.kustomization import kustomization
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.passes import PASSES
from zt_dsl.passes.widen import Widened, widen
from zt_dsl.reach.declared import reach_of
from zt_dsl.reach.difference import differences
from zt_dsl.reach.told import counted, told
from zt_dsl.review import review
from zt_dsl.source import Location

KUSTOMIZATION = "kustomization.yaml"
REVIEW = "review.md"


@frozen
class Planned:
    """A policy that the platform's engine can say: waivers applied, passes run.

    No policy where there is an error among the diagnostics.
    """

    policy: Policy | None
    backend: Backend | None
    widened: Widened | None
    diagnostics: tuple[Diagnostic, ...]


def plan(policy: Policy) -> Planned:
    """Find the engine, apply the waivers, refuse what is left that it cannot say, run the passes."""
    backend, problems = _backend(policy)
    if backend is None:
        return Planned(None, None, None, problems)
    widened = widen(policy, unsayable(backend))
    found = in_order(
        (
            *refusals(widened.policy, backend),
            *unneeded(widened.unneeded),
            *(diagnostic for check in CHECKS for diagnostic in check(policy)),
        )
    )
    if errors(found):
        return Planned(None, backend, widened, found)
    planned = widened.policy
    for run in PASSES:
        planned = run(planned)
    return Planned(planned, backend, widened, found)


def _backend(policy: Policy) -> tuple[Backend | None, tuple[Diagnostic, ...]]:
    platform = policy.platform
    missing: list[str] = []
    version = ""
    match platform.network:
        case Kubernetes():
            version = platform.network.version
        case Cilium():
            missing.append("Cilium")
        case Calico():
            missing.append("Calico")
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
    at = (Label(platform.at, "this platform"),) if platform.at.line else ()
    if missing or isinstance(platform.network, NoNetwork):
        return None, tuple(_not_there(name, at) for name in missing or ["a platform without any engine"])
    # Imported when asked for: each backend costs its classes, about a millisecond apiece.
    from zt_dsl.backends.kubernetes import BACKEND

    known = re.fullmatch(r"(\d+\.\d+)(\.\d+)?", version)
    if known is None or known[1] not in BACKEND.versions:
        return None, (_unknown_version(BACKEND, version, at),)
    return BACKEND, ()


def _not_there(name: str, at: tuple[Label, ...]) -> Diagnostic:
    return Diagnostic(
        "ZT300",
        f"the backend for {name} is not there yet",
        at,
        "Nothing can be emitted for it, and a policy with a part left out would be a wider one.",
        "compile for native NetworkPolicy: network=Kubernetes(…) without a mesh, or --target kubernetes",
    )


def _unknown_version(backend: Backend, version: str, at: tuple[Label, ...]) -> Diagnostic:
    return Diagnostic(
        "ZT301",
        f"{backend.name} is not known in version {version!r}",
        at,
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


def build(planned: Planned, root: Path) -> Build:
    """The files of a plan without errors. Comments name lines relative to `root`."""
    policy, backend, widened = planned.policy, planned.backend, planned.widened
    assert policy is not None
    assert backend is not None
    assert widened is not None
    documents = backend.lower(policy, root)
    written: Written = {}
    files = {path: emit(of_path, written).encode() for path, of_path in documents.items()}
    listed = kustomization(
        tuple(files), (f"{policy.topology} on {policy.platform.name}: allows first, default denies last.",)
    )
    engine = f"{backend.name} {_version(policy)}"
    files[KUSTOMIZATION] = emit((listed,)).encode()
    files[REVIEW] = review(policy, widened.dropped, engine, root).encode()
    return Build(files, tuple(documents), sum(map(len, documents.values())))


def _version(policy: Policy) -> str:
    network = policy.platform.network
    return "" if isinstance(network, NoNetwork) else network.version


# --- proof -----------------------------------------------------------------------------------------------


@frozen
class Proof:
    """What was compared: all connections of the policy, over `classes` of pods and addresses.

    `permitted` are the connections that are declared and permitted; `refused` all others between the classes.
    """

    permitted: int
    refused: int
    diagnostics: tuple[Diagnostic, ...]


def prove(planned: Planned, files: Iterable[tuple[str, bytes]], *, emitted: bool = False) -> Proof:
    """Read these files back and compare what they permit with what the policy declares, in both directions.

    `emitted`: we wrote them ourselves, so each has to fit the JSON Schema of what we emit, too.
    """
    policy, backend = planned.policy, planned.backend
    assert policy is not None
    assert backend is not None
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
    permitted, not_understood = backend.read(documents, namespaces)
    # What was not understood may permit anything: that something is refused cannot be said beside it.
    unread = bool(problems or not_understood)
    said = (
        told(evolve(difference, origin=backend.located(difference.origin)), policy, permitted)
        for difference in differences(reach_of(policy), permitted, sorted(namespaces))
        if not (unread and difference.kind == "narrower")
    )
    return Proof(*counted(policy), in_order((*problems, *not_understood, *said)))


def _misshapen(document: ReadDocument, backend: Backend) -> Diagnostic:
    return Diagnostic(
        "ZT501",
        f"{document.path} does not fit the schema of what is emitted: {'; '.join(backend.check(document.body))}",
        (Label(Location(document.path, document.line)),),
    )
