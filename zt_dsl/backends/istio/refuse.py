"""What Istio cannot say although its table has the feature: ranges that are too long, one
number with two modes, callers that are one to the mesh and may not ask the same."""

from collections.abc import Iterator
from functools import reduce

from attrs import frozen

from zt_dsl.backends.istio.capabilities import MOST_PORTS
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import EveryPod, Flow, Outside, Peer, Place, Workload, place_of
from zt_dsl.ir.languages import Language
from zt_dsl.ir.mesh import (
    PROXY,
    UNCAPTURED,
    Mode,
    has_identity,
    namespace_mode,
    overridden,
    port_mode,
    port_modes,
    workload_mode,
)
from zt_dsl.ir.paths import only
from zt_dsl.ir.platform import NoNetwork
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Methods, Narrowing, Port, Routes, Whole
from zt_dsl.source import Location


def refuse(policy: Policy) -> tuple[Diagnostic, ...]:
    """Of what arrives at sidecars: long ranges; ports of one number that differ in their mode; what is derived and
    would be refused; callers that the mesh takes for one another."""
    return (
        *_long_ranges(policy),
        *_of_the_sidecar(policy),
        *_partly_meshed(policy),
        *_two_modes(policy),
        *_two_services(policy),
        *_asks_in_plain_text(policy),
        *_taken_for_one_another(policy),
    )


def _long_ranges(policy: Policy) -> Iterator[Diagnostic]:
    said = [(flow.reasons[0].edge, flow.port, _at(flow)) for flow in policy.flows]
    said += [
        (f"deny {denial.reason.edge}", denial.port, denial.reason.at)
        for denial in policy.denials
        if isinstance(denial.port, Port)
    ]
    said += [
        (f"the mode of {workload} port {port.name}", port, policy.at)
        for workload, port in port_modes(policy)
        if workload.meshed and "TCP" in port.protocols and port.mtls != workload_mode(policy, workload)
    ]
    for what, port, at in said:
        if port.last - port.first >= MOST_PORTS:
            yield Diagnostic(
                "ZT318",
                f"Istio cannot enforce {what}: ports {port} are more than {MOST_PORTS}",
                (Label(at, f"ports {port}"),),
                "Istio's policies know no ranges, so each port is written by its number.",
                "declare the ports that are in use, or take the service out of the mesh: meshed=False",
            )


def _of_the_sidecar(policy: Policy) -> Iterator[Diagnostic]:
    """A port that the sidecar has itself; or a range that holds one, of which it sees a part."""
    own = UNCAPTURED | PROXY
    for flow in policy.flows:
        if found := sorted(number for number in own if flow.port.first <= number <= flow.port.last):
            reason = flow.reasons[0]
            yield Diagnostic(
                "ZT336",
                f"port {found[0]} of {flow.target} is its sidecar's own: {reason.edge}",
                (Label(reason.at, f"ports {flow.port}"),),
                "The sidecar listens there itself, so that no container can, and it does not read what arrives there.",
                "name the port that the container listens on; 15020, 15021 and 15090, each alone, are the network "
                "engine's",
            )


def _partly_meshed(policy: Policy) -> Iterator[Diagnostic]:
    """A namespace as a source is every pod in it, and to the mesh either identities or callers that show none."""
    told: set[Place] = set()
    for flow in policy.flows:
        if not isinstance(flow.source, EveryPod) or flow.source.place in told:
            continue
        place, reason = flow.source.place, flow.reasons[0]
        other = next((each for each in policy.workloads if each.place == place and each.meshed != place.meshed), None)
        if other is not None:
            told.add(place)
            yield Diagnostic(
                "ZT337",
                f"namespace `{place}` calls as a whole, and is in the mesh in part: {other} is "
                f"{'out of it' if place.meshed else 'in it'}, the rest is not",
                (Label(reason.at, "every pod of the namespace"),),
                "The mesh knows a namespace by the identities in it, or as callers that show none: of one that has "
                "both a part would be refused.",
                "name the services that call as sources, or take all of the namespace into the mesh, or out of it",
            )


def _two_modes(policy: Policy) -> Iterator[Diagnostic]:
    """Modes go by number; two ports of one number are one port to a sidecar."""
    seen: dict[tuple[Workload, int], tuple[Mode, Port]] = {}
    ports = [(workload, port, policy.at) for workload, port in port_modes(policy) if workload.meshed]
    ports += [(flow.target, flow.port, _at(flow)) for flow in policy.flows if isinstance(flow.target, Workload)]
    told: set[tuple[Workload, str, str]] = set()
    for workload, port, at in ports:
        if "TCP" not in port.protocols:
            continue
        mode = port_mode(policy, workload, port)
        for number in range(port.first, port.last + 1):
            known, other = seen.setdefault((workload, number), (mode, port))
            if known != mode and (workload, other.name, port.name) not in told:
                told.add((workload, other.name, port.name))
                yield Diagnostic(
                    "ZT333",
                    f"port {number} of {workload} is {known} as `{other.name}`, and {mode} as `{port.name}`",
                    (Label(at, "here"),),
                    "To a sidecar ports are numbers, and a number has one mode.",
                    f"give both ports the same mode, or let `{port.name}` have another number",
                )


def _two_services(policy: Policy) -> Iterator[Diagnostic]:
    """Services are told apart by their labels; the resolver, whose labels nobody chose, may not be. A pod that is both
    has one mode."""
    resolver = policy.platform.dns
    modes = {each.workload: (each.mode, each.ports) for each in overridden(policy)}
    usual: tuple[Mode, tuple[tuple[int, Mode], ...]] = (namespace_mode(policy), ())
    for workload in policy.workloads:
        if workload.place != resolver.place or not (workload.meshed and resolver.meshed) or workload == resolver:
            continue
        both = workload.selector & resolver.selector
        if not both.empty and modes.get(workload, usual) != modes.get(resolver, usual):
            yield Diagnostic(
                "ZT333",
                f"one pod can be both {workload} and the resolver {resolver}, whose mTLS modes differ",
                (Label(policy.at, "governs them"),),
                "Their labels do not exclude one another, and a pod has one mode on a port.",
                f"give {workload.name} a label of the resolver's with another value, or both the same modes",
            )


def _asks_in_plain_text(policy: Policy) -> Iterator[Diagnostic]:
    """Edges into strict ports from outside the mesh were refused as they were read; what they need is known by now."""
    told: set[tuple[Peer, Peer, Port]] = set()
    for flow in policy.flows:
        target, asked = flow.target, (flow.source, flow.target, flow.port)
        if has_identity(flow.source) or not isinstance(target, Workload) or asked in told:
            continue
        if port_mode(policy, target, flow.port) == "strict":
            told.add(asked)
            yield Diagnostic(
                "ZT292",
                f"`{flow.source}` is outside the mesh, and {target} port {flow.port} is strict, which it needs for "
                f"{flow.reasons[0].derived or flow.reasons[0].edge}",
                (Label(_at(flow), "this edge needs it"),),
                "Strict mTLS refuses every caller that has no certificate of the mesh.",
                f'let {target.name} take both: mtls="permissive"',
            )


def _at(flow: Flow) -> Location:
    return flow.reasons[0].at


# --- callers that are one to the mesh --------------------------------------------------------------------


@frozen
class _Calls:
    """What one caller may ask of one port of a service, in all of its edges; and the first of these."""

    source: Peer
    port: Port
    narrowings: tuple[Narrowing, ...]
    first: Flow


def _taken_for_one_another(policy: Policy) -> Iterator[Diagnostic]:
    """Two layers are a conjunction: the network engine opens the port to each caller, the mesh what may be asked there.
    Where the mesh cannot tell two callers apart, the one may ask what the other may."""
    if isinstance(policy.platform.network, NoNetwork):
        return
    by_target: dict[Peer, dict[tuple[Peer, Port], list[Flow]]] = {}
    for flow in policy.flows:
        by_target.setdefault(flow.target, {}).setdefault((flow.source, flow.port), []).append(flow)
    for target, found in by_target.items():
        if all(isinstance(flow.narrowing, Whole) for some in found.values() for flow in some):
            continue
        calls = [
            _Calls(source, port, tuple(flow.narrowing for flow in some), some[0])
            for (source, port), some in found.items()
        ]
        told: set[frozenset[Peer]] = set()
        for one in calls:
            others = (each for each in calls if each.source != one.source and _meet(one, each))
            other = next((each for each in others if _passes_for(policy, one, each) and not _holds(one, each)), None)
            # Where each may ask what the other may not, it is one mistake.
            if other is not None and (pair := frozenset((one.source, other.source))) not in told:
                told.add(pair)
                yield _one_to_the_mesh(policy, target, one, other)


def _meet(one: _Calls, other: _Calls) -> bool:
    return bool(one.port.ports & other.port.ports)


def _passes_for(policy: Policy, one: _Calls, other: _Calls) -> bool:
    """Whether a caller that the network engine takes for `one` can be `other` to the mesh: by showing no identity,
    where that shows none; or because it is of the same namespace, in another cluster."""
    if not has_identity(other.source) or _mode(policy, other) == "disable":
        # Addresses are no pods', and the mesh knows them, too.
        return not isinstance(other.source, Outside) or not other.source.blocks
    mine, theirs = place_of(one.source), place_of(other.source)
    if mine is None or theirs is None or not has_identity(one.source):
        return False
    same = mine.namespace == theirs.namespace and mine.cluster != theirs.cluster
    accounts = {each.service_account for each in (one.source, other.source) if isinstance(each, Workload)}
    return same and len(accounts) < 2


def _mode(policy: Policy, calls: _Calls) -> Mode:
    target = calls.first.target
    return port_mode(policy, target, calls.port) if isinstance(target, Workload) else "strict"


def _holds(one: _Calls, other: _Calls) -> bool:
    """Whether the one may ask all that the other may."""
    if any(isinstance(each, Whole) for each in one.narrowings):
        return True
    if any(isinstance(each, Whole) for each in other.narrowings):
        return False
    return not _language(other) - _language(one)


def _language(calls: _Calls) -> Language:
    parts = (only(each).language for each in calls.narrowings if isinstance(each, Routes | Methods))
    return reduce(Language.__or__, parts, Language())


def _one_to_the_mesh(policy: Policy, target: Peer, one: _Calls, other: _Calls) -> Diagnostic:
    mine, theirs = one.first.reasons[0], other.first.reasons[0]
    here, there = _told(one.source, target), _told(other.source, target)
    why, instead = _how(_mode(policy, other), one, other, here, there)
    return Diagnostic(
        "ZT335",
        f"the mesh cannot tell {here} from {there} on port {other.port} of {target}, and they may not ask the same",
        (Label(theirs.at, f"{there} may"), Label(mine.at, f"{here} may not")),
        f"{why} The network engine knows both, and sees no requests; the mesh sees requests, and not whose they are. "
        "Together they would let each caller ask what the other may.",
        f"allow both the same, or give one a port of its own; or {instead}",
    )


def _how(mode: Mode, one: _Calls, other: _Calls, here: str, there: str) -> tuple[str, str]:
    """How the one can be taken for the other, and what would tell them apart."""
    if has_identity(one.source) and has_identity(other.source) and mode != "disable":
        return "A certificate names no cluster.", "let them run as accounts of different names"
    if mode == "disable":
        return "The port takes plain text alone, where nobody shows a certificate.", "give the port another mode"
    if has_identity(one.source):
        return (
            f"The port takes plain text, too, as {there} has no certificate: {here} may call like that, and then shows "
            "none, either.",
            f"take {there} into the mesh, and leave the port strict",
        )
    return "Neither shows a certificate.", "take both into the mesh, with accounts of their own"


def _told(source: Peer, target: Peer) -> str:
    """Its name, and its cluster where that is not the target's."""
    place, where = place_of(source), place_of(target)
    elsewhere = place is not None and where is not None and place.cluster != where.cluster
    return f"{source} of cluster {place.cluster}" if place is not None and elsewhere else str(source)
