"""Everything after load, on one page: plan, widen, passes, lower, write, read back, compare."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import assert_never

from attrs import frozen

from zt_dsl.backends.base import Backend, at, judged, sayable
from zt_dsl.backends.plan import Stack, assigned, carrier, refusals
from zt_dsl.checks import CHECKS, unneeded
from zt_dsl.diagnostics import Diagnostic, Label, errors, in_order
from zt_dsl.ir.flow import Widening
from zt_dsl.ir.platform import Calico, Cilium, Istio, Kubernetes, NoMesh, NoNetwork, Platform
from zt_dsl.ir.policy import Asked, Policy
from zt_dsl.manifests.emit import Written, emit
from zt_dsl.manifests.kustomization import kustomization
from zt_dsl.manifests.names import KUSTOMIZATION_FILE, NAMESPACE_FILE
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.manifests.tree import Document
from zt_dsl.passes.derive_mesh import derive_mesh
from zt_dsl.passes.keep_meshed import keep_meshed
from zt_dsl.passes.leave_to_mesh import leave_to_mesh
from zt_dsl.passes.merge import merge
from zt_dsl.passes.order import order
from zt_dsl.passes.widen import widen
from zt_dsl.reach.difference import differences
from zt_dsl.reach.grants import Reach
from zt_dsl.reach.joined import joined
from zt_dsl.reach.told import counted, half_guarded, told
from zt_dsl.review import Table, review
from zt_dsl.source import Location

REVIEW = "review.md"


@frozen
class Layer:
    """One engine of a platform, with its part of the policy: what its own objects are to say, and to be read as."""

    backend: Backend
    policy: Policy


@frozen
class Ready:
    """A policy that its engines can say: waivers applied, passes run. `diagnostics` are warnings.

    A connection has to pass each of the layers: the network engine's, the mesh's, or both, in this order.
    """

    policy: Policy
    layers: tuple[Layer, ...]
    dropped: tuple[Widening, ...]
    diagnostics: tuple[Diagnostic, ...]


@frozen
class Refused:
    """A policy that the platform cannot say, and why."""

    diagnostics: tuple[Diagnostic, ...]


def plan(policy: Policy) -> Ready | Refused:
    """Find the engines, apply the waivers, refuse what is left that no engine says, run the passes."""
    stack, missing = _stack(policy.platform)
    if missing or not stack:
        return Refused(missing or (_unenforced(policy),))
    widened = widen(policy, partial(_says, stack))
    found = in_order(
        (
            *refusals(widened.policy, stack),
            *unneeded(widened.unneeded),
            *(diagnostic for check in CHECKS for diagnostic in check(policy)),
        )
    )
    if errors(found):
        return Refused(found)
    planned = derive_mesh(widened.policy)
    for run in stack[0].passes(sayable(stack[0])):
        planned = run(planned)
    layers = tuple(_layers(stack, planned))
    found = in_order((*found, *(each for layer in layers for each in layer.backend.refuse(layer.policy))))
    if errors(found):
        return Refused(found)
    return Ready(planned, layers, widened.dropped, found)


def _says(stack: Stack, policy: Policy, feature: str, asked: Asked) -> bool:
    return carrier(stack, policy, feature, asked) is not None


def _layers(stack: Stack, planned: Policy) -> Iterable[Layer]:
    """Each engine's part: where there are two, the mesh has what arrives at sidecars, and reads it there."""
    match stack:
        case (network, mesh):
            network_denies = "deny" in sayable(network)
            yield Layer(network, order(merge(leave_to_mesh(planned, denials=not network_denies))))
            yield Layer(mesh, keep_meshed(planned, denials=not network_denies))
        case (alone,) if isinstance(planned.platform.network, NoNetwork):
            yield Layer(alone, keep_meshed(planned, denials=True))
        case (alone,):
            yield Layer(alone, planned)
        case _:
            raise ValueError(f"{len(stack)} engines on one platform")


def _stack(platform: Platform) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """The engines to compile for, each at its version; or why one is missing."""
    here = (Label(platform.at, "this platform"),) if platform.at.line else ()
    # Imported when asked for: each backend costs its classes, about a millisecond apiece.
    engines: list[tuple[Backend, str, frozenset[str]]] = []
    missing: list[Diagnostic] = []
    match platform.network:
        case Kubernetes(version=version, settings=settings):
            from zt_dsl.backends import kubernetes

            engines.append((kubernetes.BACKEND, version, settings))
        case Cilium(version=version):
            from zt_dsl.backends import cilium

            engines.append((cilium.BACKEND, version, _NO_SETTINGS))
        case Calico(version=version, settings=settings):
            from zt_dsl.backends import calico

            engines.append((calico.BACKEND, version, settings))
        case NoNetwork():
            pass
        case _:
            assert_never(platform.network)
    match platform.mesh:
        case Istio(mode="ambient"):
            missing.append(_not_there("Istio's ambient mode", here))
        case Istio(version=version):
            from zt_dsl.backends import istio

            engines.append((istio.BACKEND, version, _NO_SETTINGS))
        case NoMesh():
            pass
        case _:
            assert_never(platform.mesh)
    known = [at(*engine) for engine in engines]
    missing += (
        _unknown_version(engine, version, here)
        for (engine, version, _), found in zip(engines, known, strict=True)
        if found is None
    )
    return tuple(engine for engine in known if engine is not None), tuple(missing)


_NO_SETTINGS: frozenset[str] = frozenset()


def _unenforced(policy: Policy) -> Diagnostic:
    """No engine at all: what would be written is what nobody acts on. Each statement that this is about is shown."""
    said = [(reason.at, f"{reason.edge}: not enforced") for flow in policy.flows for reason in flow.reasons]
    said += [(denial.reason.at, f"deny {denial.reason.edge}: not enforced") for denial in policy.denials]
    denies = ", ".join(map(str, policy.governed))
    return Diagnostic(
        "ZT302",
        f"nothing on {policy.platform.name} enforces policies: the default deny of {denies} and whatever is written "
        "would leave everything open",
        tuple(Label(at, text) for at, text in dict.fromkeys(said)),
        "The API server takes a policy on any cluster; the network plugin acts on it, and this one does not.",
        "run a plugin that does (Cilium, Calico, Antrea), or a mesh: --target cilium, network=Cilium(…)",
    )


def _not_there(name: str, here: tuple[Label, ...]) -> Diagnostic:
    return Diagnostic(
        "ZT300",
        f"the backend for {name} is not there yet",
        here,
        "Nothing can be emitted for it, and a policy with a part left out would be a wider one.",
        "compile for an engine that is there: network=Cilium(…), Calico(…) or Kubernetes(…), mesh=Istio(…) with its "
        "sidecars, or --target cilium+istio",
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
    """The files of a policy. Comments name lines relative to `root`.

    What several layers say of one workload stands in one file, and so does what they say of a namespace.
    """
    policy = ready.policy
    written: Written = {}
    files: dict[str, bytes] = {}
    objects = 0
    for path, documents in _lowered(ready.layers, root):
        files[path] = emit(documents, written).encode()
        objects += len(documents)
    manifests = tuple(files)
    listed = kustomization(
        manifests, (f"{policy.topology} on {policy.platform.name}: allows first, default denies last.",)
    )
    files[KUSTOMIZATION_FILE] = emit((listed,)).encode()
    notes = (_enforcement(ready), *(note for layer in ready.layers for note in layer.backend.notes(layer.policy)))
    files[REVIEW] = review(policy, ready.dropped, engines_of(ready), root, notes).encode()
    return Build(files, manifests, objects)


def _lowered(layers: tuple[Layer, ...], root: Path) -> Iterable[tuple[str, tuple[Document, ...]]]:
    """The files of all layers, in the order in which they are applied: each engine's own, the floors last."""
    if len(layers) == 1:
        return layers[0].backend.lower(layers[0].policy, root)
    found: dict[str, tuple[Document, ...]] = {}
    for layer in layers:
        for path, documents in layer.backend.lower(layer.policy, root):
            found[path] = found.get(path, ()) + documents
    return sorted(found.items(), key=_floors_last)


def _floors_last(file: tuple[str, tuple[Document, ...]]) -> tuple[bool, str]:
    path, _ = file
    return path.endswith(f"/{NAMESPACE_FILE}"), path


def _enforcement(ready: Ready) -> Table:
    """What is enforced, and how: the lines of the engines' tables that this policy needs."""
    stack = tuple(layer.backend for layer in ready.layers)
    lines = assigned(ready.policy, stack)
    rows = tuple(
        (line.feature, *((backend.name,) if len(stack) > 1 else ()), _how(line.reason, line.needs))
        for backend, line in lines
    )
    if len(stack) == 1:
        about = "What the edges ask for, and by what the engine does it."
        return Table("How it is enforced", about, ("what", "how"), rows)
    about = "What the edges ask for, and which layer does it, by what. A connection has to pass both layers."
    return Table("How it is enforced", about, ("what", "layer", "how"), rows)


def _how(reason: str, needs: str) -> str:
    return f"{reason}; needs {needs}" if needs else reason


def engines_of(ready: Ready) -> str:
    """The engines with their versions, as reports name them."""
    return " with ".join(_engine(layer, ready.policy.platform) for layer in ready.layers)


def _engine(layer: Layer, platform: Platform) -> str:
    version = version_of(layer, platform)
    settings = sorted(platform.network.settings) if isinstance(platform.network, Kubernetes | Calico) else []
    beside = f" with {', '.join(settings)}, which no test here judges" if settings else ""
    return f"{layer.backend.name} {version}{judged(layer.backend, version)}" + (
        "" if layer.backend.sees_identity else beside
    )


def version_of(layer: Layer, platform: Platform) -> str:
    """The version of a layer's engine, as it was written."""
    match platform.network, platform.mesh:
        case (Kubernetes() | Cilium() | Calico()) as network, NoMesh():
            return network.version
        case (Kubernetes() | Cilium() | Calico()) as network, Istio() as mesh:
            return mesh.version if layer.backend.sees_identity else network.version
        case NoNetwork(), Istio() as mesh:
            return mesh.version
        case _:
            return ""


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

    Layer by layer: where each says what is its own, their conjunction is the policy's. Where one does not, the layers
    are joined, and it is the conjunction that is compared; what only one of two locks lets through is half guarded.

    `emitted`: we wrote them ourselves, so each has to fit the JSON Schema of what we emit, too.
    """
    policy = ready.policy
    documents: list[list[ReadDocument]] = [[] for _ in ready.layers]
    problems: list[Diagnostic] = []
    for path, data in files:
        match read(data, path):
            case Diagnostic() as unreadable:
                problems.append(unreadable)
            case found:
                for one in found:
                    number = _layer_of(one, ready.layers)
                    documents[number].append(one)
                    backend = ready.layers[number].backend
                    if emitted and backend.check(one.body):
                        problems.append(_misshapen(one, backend))
    namespaces = frozenset(place.namespace for place in policy.governed)
    permitted: list[Reach] = []
    for layer, own in zip(ready.layers, documents, strict=True):
        reach, not_understood = layer.backend.read(own, namespaces, policy.platform)
        permitted.append(reach)
        problems += not_understood
        problems += layer.backend.beyond(own, policy.platform)
    said = _compared(ready, permitted, sorted(namespaces), unread=bool(problems))
    # A mesh alone is asked of what arrives at it, and of nothing else.
    judged_policy = ready.layers[0].policy if len(ready.layers) == 1 else policy
    return Proof(*counted(judged_policy), in_order((*problems, *said)))


def _compared(ready: Ready, permitted: list[Reach], namespaces: list[str], *, unread: bool) -> Iterable[Diagnostic]:
    """`unread`: what was not understood may permit anything: that something is refused cannot be said beside it."""
    declared = [layer.backend.means(layer.policy) for layer in ready.layers]
    alone = [differences(mine, theirs, namespaces) for mine, theirs in zip(declared, permitted, strict=True)]
    if not any(alone):
        return
    if len(ready.layers) == 1:
        [found], [reach] = alone, permitted
    else:
        apart = sorted({each.example.subject.namespace for found in alone for each in found})
        reach = joined(permitted, apart)
        found = differences(joined(declared, apart), reach, apart)
        if not unread:
            passing = {each.example for each in found}
            for layer, some in zip(ready.layers, alone, strict=True):
                for each in some:
                    if each.example not in passing:
                        yield half_guarded(each, ready.policy, layer.backend.name)
    yield from (told(each, ready.policy, reach) for each in found if not unread or each.kind == "wider")


def _layer_of(document: ReadDocument, layers: tuple[Layer, ...]) -> int:
    """Which layer a document belongs to. What is of no engine here is the first one's, which does not know it."""
    group = str(document.body.get("apiVersion", "")).partition("/")[0]
    return next((number for number, layer in enumerate(layers) if group == layer.backend.group), 0)


def _misshapen(document: ReadDocument, backend: Backend) -> Diagnostic:
    return Diagnostic(
        "ZT501",
        f"{document.path} does not fit the schema of what is emitted: {'; '.join(backend.check(document.body))}",
        (Label(Location(document.path, document.line)),),
    )
