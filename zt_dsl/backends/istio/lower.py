"""From the policy to Istio's objects: only translates. What cannot be translated never gets here."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import assert_never

from zt_dsl.backends.comments import named, reason_of, reasons
from zt_dsl.backends.istio.capabilities import MOST_PORTS
from zt_dsl.backends.istio.objects import (
    MAX_RULES,
    Action,
    Anonymous,
    Anything,
    AuthorizationPolicy,
    IPBlocks,
    Operation,
    PeerAuthentication,
    Principals,
    Rule,
    Said,
    Source,
)
from zt_dsl.backends.istio.paths import method_path, paths_of
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
from zt_dsl.ir.mesh import Modes, inhabitants, meshed_places, namespace_mode, overridden, port_mode
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Methods, Narrowing, Port, Routes, Whole
from zt_dsl.manifests.names import NAMESPACE_FILE, directory_name, file_name, object_name
from zt_dsl.manifests.tree import Document

DEFAULT_DENY = "default-deny"
DEFAULT_MODE = "default"

_FLOOR = (
    "Default deny: whatever arrives at a pod of this namespace that has a sidecar. It allows nothing;",
    "what is allowed stands in the files beside it.",
)


def lower(policy: Policy, root: Path) -> Iterator[tuple[str, tuple[Document, ...]]]:
    """The policy's files by path, in the order in which they are to be applied: allows first, floors last.

    One file a workload that has a sidecar, with its AuthorizationPolicy and what differs in its mTLS; one file a
    namespace, with its floor and its mode. Comments name the lines of edges relative to `root`.
    """
    mesh = policy.platform.mesh
    if not isinstance(mesh, Istio):
        raise TypeError(f"{policy.platform.name} has no mesh")
    governed = frozenset(policy.governed)
    arriving: dict[Peer, list[Flow]] = {}
    for flow in policy.flows:
        arriving.setdefault(flow.target, []).append(flow)
    denied: dict[Peer | Everyone, list[Denial]] = {}
    for denial in policy.denials:
        denied.setdefault(denial.target, []).append(denial)
    modes = {each.workload: each for each in overridden(policy)}
    for workload in sorted((each for each in inhabitants(policy) if each.meshed and each.place in governed), key=str):
        documents = (
            *_modes(workload, modes.get(workload)),
            *_denies(mesh, workload, denied.get(workload, ()), root),
            *_allows(policy, mesh, workload, arriving.get(workload, ()), root),
        )
        yield f"{directory_name(workload.place.namespace)}/{file_name(workload.name)}", documents
    for place in meshed_places(policy):
        yield f"{directory_name(place.namespace)}/{NAMESPACE_FILE}", _namespace(policy, place)
    if mesh.mesh_wide_mtls != "unwritten":
        wide = PeerAuthentication(
            ("Every pod of the mesh, also where this topology governs nothing: as the platform says.",),
            mesh.root_namespace,
            DEFAULT_MODE,
            (),
            mesh.mesh_wide_mtls,
        )
        yield f"{directory_name(mesh.root_namespace)}/{NAMESPACE_FILE}", (wide.document(),)


def _namespace(policy: Policy, place: Place) -> tuple[Document, ...]:
    mode = namespace_mode(policy)
    said = PeerAuthentication(
        (f"mTLS of every pod of this namespace that has a sidecar: {mode}.",), place.namespace, DEFAULT_MODE, (), mode
    )
    return said.document(), AuthorizationPolicy(_FLOOR, place.namespace, DEFAULT_DENY, ()).document()


def _modes(workload: Workload, modes: Modes | None) -> Iterator[Document]:
    if modes is not None:
        comments = (f"{workload}: mTLS that differs from its namespace's.",)
        name = object_name("mtls", workload.name)
        yield PeerAuthentication(
            comments, workload.place.namespace, name, workload.labels, modes.mode, modes.ports
        ).document()


# --- who may call --------------------------------------------------------------------------------------

# One rule: who, and what of the ports and requests there.
_Key = tuple[Peer, Source, bool]


def _allows(
    policy: Policy, mesh: Istio, workload: Workload, arriving: Iterable[Flow], root: Path
) -> Iterator[Document]:
    """One rule a caller and protocol, with its ports joined: above it stand the reasons for that caller alone."""
    found: dict[_Key, tuple[list[tuple[Port, Narrowing]], dict[str, None]]] = {}
    for flow in arriving:
        source = _source(flow.source, port_mode(policy, workload, flow.port) == "disable", mesh.trust_domain)
        key = (flow.source, source, isinstance(flow.narrowing, Whole))
        opened, comments = found.setdefault(key, ([], {}))
        opened.append((flow.port, flow.narrowing))
        comments |= dict.fromkeys(reasons(flow, root))
    rules = _once(
        ((*_called(peer, source), *comments), _rule(source, tuple(opened)))
        for (peer, source, _), (opened, comments) in found.items()
    )
    about = f"{workload}: what its edges need, and nothing else." if rules else f"{workload}: nobody may call it."
    return _policies(workload, "ALLOW", about, rules)


def _policies(workload: Workload, action: Action, about: str, rules: tuple[Said, ...]) -> Iterator[Document]:
    """One policy, and further ones where a policy cannot have so many rules: what they allow, or deny, adds up."""
    within = _within(rules)
    word = action.lower()
    for start in range(0, max(1, len(within)), MAX_RULES):
        # No workload's name gives these: theirs follow a dash.
        name = object_name(f"{word}.{start // MAX_RULES + 1}" if start else word, workload.name)
        some = within[start : start + MAX_RULES]
        yield AuthorizationPolicy((about,), workload.place.namespace, name, workload.labels, action, some).document()


def _once(rules: Iterable[Said]) -> tuple[Said, ...]:
    """Rules that say the same are one, with the comments of all: callers that are one to the mesh, as those of two
    clusters are, and those without an identity; and ports of one number."""
    found: dict[tuple[tuple[Source, ...], tuple[Operation, ...] | Anything], tuple[dict[str, None], Rule]] = {}
    for comments, rule in rules:
        known, _ = found.setdefault((rule.sources, rule.operations), ({}, rule))
        known |= dict.fromkeys(comments)
    return tuple((tuple(comments), rule) for comments, rule in found.values())


def _called(peer: Peer, source: Source) -> tuple[str, ...]:
    """What a caller is called whom a rule does not call so."""
    if isinstance(peer, Unidentified):
        return (f"{peer}: the mesh stands alone, and knows nothing else of a caller outside it",)
    if isinstance(source, Anonymous):
        return (f"{peer}, which shows no identity here: the network engine alone knows who it is",)
    return named(peer)


@lru_cache(maxsize=1 << 17)
def _source(peer: Peer, plain_text: bool, trust_domain: str) -> Source:
    match peer:
        case Outside(blocks=blocks) if blocks:
            pairs = tuple(peer.excepted())
            holes = dict.fromkeys(str(hole) for _, some in pairs for hole in some)
            return IPBlocks(tuple(str(block) for block, _ in pairs), tuple(holes))
        case _ if plain_text:
            return Anonymous()
        case Workload(meshed=True):
            return Principals((f"{trust_domain}/ns/{peer.place.namespace}/sa/{peer.service_account}",))
        case EveryPod() if peer.place.meshed:
            return Principals((f"{trust_domain}/ns/{peer.place.namespace}/*",))
        case Workload() | EveryPod() | Outside() | Unidentified():
            return Anonymous()
        case Domain():
            raise ValueError(f"{peer} calls nobody: a name is no identity")
        case _:
            assert_never(peer)


@lru_cache(maxsize=1 << 17)
def _rule(source: Source, opened: tuple[tuple[Port, Narrowing], ...]) -> Rule:
    """Made once, however many policies need it."""
    whole = sorted({number for port, narrowing in opened if isinstance(narrowing, Whole) for number in _numbers(port)})
    operations = [Operation(tuple(whole[start : start + MOST_PORTS])) for start in range(0, len(whole), MOST_PORTS)]
    for port, narrowing in opened:
        operations += _requests(port, narrowing)
    return Rule((source,), tuple(dict.fromkeys(operations)))


def _numbers(port: Port) -> range:
    return range(port.first, port.last + 1)


def _requests(port: Port, narrowing: Narrowing) -> Iterator[Operation]:
    """One operation a method; one that is for every path stands alone, as it names none."""
    asked: dict[str, list[tuple[str, ...]]] = {}
    match narrowing:
        case Routes(routes=routes):
            for route in routes:
                asked.setdefault(route.method, []).append(paths_of(route.path))
        case Methods(methods=methods):
            asked["POST"] = [paths_of(method_path(method)) for method in methods]
        case _:
            return
    for method, paths in asked.items():
        every = any(not each for each in paths)
        listed = () if every else tuple(dict.fromkeys(path for each in paths for path in each))
        # With a method it is HTTP, also where that may be any.
        yield Operation(tuple(_numbers(port)), (method,), listed)


def _within(rules: tuple[Said, ...]) -> tuple[Said, ...]:
    """As many rules as a policy may have. Of more, those that let the same be done are one, for all their callers."""
    if len(rules) <= MAX_RULES:
        return rules
    alike: dict[tuple[Operation, ...] | Anything, list[Said]] = {}
    for said in rules:
        alike.setdefault(said[1].operations, []).append(said)
    joined: list[Said] = []
    for operations, some in alike.items():
        for start in range(0, len(some), MAX_RULES):
            part = some[start : start + MAX_RULES]
            comments = dict.fromkeys(comment for each, _ in part for comment in each)
            sources = tuple(source for _, rule in part for source in rule.sources)
            joined.append((tuple(comments), Rule(sources, operations)))
    return tuple(joined)


# --- who is denied -------------------------------------------------------------------------------------


def _denies(mesh: Istio, workload: Workload, denials: Iterable[Denial], root: Path) -> Iterator[Document]:
    """One policy, with layer-4 fields alone: one that reads requests would deny every connection that has none."""
    rules: list[Said] = []
    for denial in denials:
        if isinstance(denial.source, Everyone):
            raise TypeError(f"{denial.reason.edge} is no denial of a mesh: the plan must have refused it")
        denied = Anything() if isinstance(denial.port, EveryPort) else (Operation(tuple(_numbers(denial.port))),)
        comments = (*named(denial.source), f"DENIED: {reason_of(denial.reason, root)}")
        rules.append((comments, Rule((_source(denial.source, False, mesh.trust_domain),), denied)))
    if rules:
        yield from _policies(workload, "DENY", f"{workload}: what is refused whatever allows it.", _once(rules))
