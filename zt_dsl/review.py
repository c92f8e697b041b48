"""`review.md`: what is in force, for reviewers who read no Python."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from attrs import frozen

from zt_dsl.ir.flow import (
    Denial,
    Domain,
    Everyone,
    EveryPod,
    EveryPort,
    Flow,
    Outside,
    Peer,
    Unidentified,
    Widening,
    Workload,
    peers_of,
    place_of,
)
from zt_dsl.ir.mesh import arrives_in_mesh
from zt_dsl.ir.platform import Istio, NoMesh, NoNetwork
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Port, Whole
from zt_dsl.source import Location, written_at

ARRIVING = "TCP that arrives at pods with a sidecar: the mesh stands alone, and sees nothing else"
NO_IDENTITY = "No layer of this platform enforces identity: a pod is who its labels say it is."


@frozen
class Table:
    """A section of its own: a title, a paragraph, and rows under a head."""

    title: str
    about: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def review(
    policy: Policy, dropped: tuple[Widening, ...], engine: str, root: Path, notes: tuple[Table, ...] = ()
) -> str:
    """The policy as tables: edges, derived flows, what is widened and what is suspended. Markdown.

    `notes` are what the engine has to say besides.
    """
    edges: list[Flow] = []
    derived: list[Flow] = []
    for flow in policy.flows:
        (derived if flow.derived else edges).append(flow)
    ends = _ends(policy)
    lines = [
        f"# {policy.topology} on {policy.platform.name}",
        "",
        f"Engine: {engine}. Governed: {', '.join(map(str, policy.governed))}. {_refused(policy)}",
        "",
        *([NO_IDENTITY, ""] if says_no_identity(policy, dropped) else []),
        "## Edges",
        "",
        *_table(_HEAD, (_row(flow, policy, ends, root) for flow in edges)),
        "## Derived",
        "",
        "Nobody wrote these; the edges above need them.",
        "",
        *_table(_HEAD, (_row(flow, policy, ends, root) for flow in derived)),
    ]
    if policy.denials:
        lines += [
            "## Denied",
            "",
            "Refused even where a policy from elsewhere allows it.",
            "",
            *_table(
                ("source", "target", "port", "why", "written at"), (_denied(each, root) for each in policy.denials)
            ),
        ]
    waived = by_waiver(policy, dropped)
    if waived:
        lines += ["## Widened", "", "Less is enforced here than was written; each by a waiver of the platform.", ""]
    for (feature, why, until, at), facets in waived.items():
        lines += [
            f"### {feature}",
            "",
            f"Why: {_cell(why)}. Until: {until or 'no end'}. Waived at {written_at(at, root)}.",
            "",
            *_table(("edge", "was", "is"), facets),
        ]
    if policy.quarantined:
        lines += [
            "## In quarantine",
            "",
            f"Their edges are suspended. {_overruled(policy)}; and what is connected already may stay so.",
            "",
            *_table(
                ("service", "suspended edges", "why", "written at"),
                (
                    (str(q.workload), str(len(q.suspended)), q.reason.why, written_at(q.reason.at, root))
                    for q in policy.quarantined
                ),
            ),
        ]
    for note in notes:
        lines += [f"## {note.title}", "", note.about, "", *_table(note.head, note.rows)]
    silent = _without_edges(policy)
    if silent:
        lines += ["## Without edges", "", f"Nothing is allowed from or to: {', '.join(silent)}.", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _refused(policy: Policy) -> str:
    if isinstance(policy.platform.network, NoNetwork):
        return f"Judged is {ARRIVING}. Of that, whatever is not in a table below is refused."
    both = "In these namespaces whatever is not in a table below is refused, in both directions."
    if isinstance(policy.platform.mesh, Istio):
        return (
            f"{both} What arrives at a sidecar has to pass the mesh, too: there a caller is who its certificate says, "
            "and its labels only open the port. A pod without a sidecar is held by the network engine alone."
        )
    return both


def _overruled(policy: Policy) -> str:
    if any(isinstance(denial.source, Everyone) for denial in policy.denials):
        return "Policies from elsewhere are overruled: everyone is denied, both ways, but for probes of the own node"
    return "Policies from elsewhere are not overruled: this engine cannot deny"


def says_no_identity(policy: Policy, dropped: tuple[Widening, ...]) -> bool:
    no_mesh = isinstance(policy.platform.mesh, NoMesh)
    return no_mesh and (policy.mtls == "unwritten" or any(w.feature == "mtls" for w in dropped))


# What a peer is called in a cell, and whether its end is enforced; by identity, because flows share their peers.
_Ends = dict[int, tuple[str, bool]]


def _ends(policy: Policy) -> _Ends:
    governed = frozenset(policy.governed)
    here = policy.platform.cluster
    return {known: (_named(peer, here), place_of(peer) in governed) for known, peer in peers_of(policy.flows).items()}


def _named(peer: Peer, here: str) -> str:
    """What a peer is called, and its cluster, where that is another."""
    place = place_of(peer)
    return _peer(peer) if place is None or place.cluster == here else f"{_peer(peer)} of cluster {place.cluster}"


_HEAD = ("source", "target", "port", "only", "why", "written at", "enforced by")


def by_waiver(
    policy: Policy, dropped: tuple[Widening, ...]
) -> dict[tuple[str, str, str, Location], list[tuple[str, str, str]]]:
    """What is widened, as (edge, was, is), under the waiver that widens it: (feature, why, until, where)."""
    found: dict[tuple[str, str, str, Location], list[tuple[str, str, str]]] = {}
    for flow in policy.flows:
        for w in flow.widenings:
            facet = (f"{flow.source} → {flow.target}", w.was, w.now)
            found.setdefault((w.feature, w.why, w.until, w.at), []).append(facet)
    for w in dropped:
        found.setdefault((w.feature, w.why, w.until, w.at), []).append(("", w.was, w.now))
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][3].path, item[0][3].line)))


def _row(flow: Flow, policy: Policy, ends: _Ends, root: Path) -> tuple[str, ...]:
    source, at_source = ends[id(flow.source)]
    target, at_target = ends[id(flow.target)]
    only = "the whole port" if isinstance(flow.narrowing, Whole) else str(flow.narrowing)
    return (
        source,
        target,
        _port(flow.port),
        f"{only}, widened (see below)" if flow.widenings else only,
        _joined("; ", [reason.derived or reason.why or "no reason was given" for reason in flow.reasons]),
        _joined(", ", [written_at(reason.at, root) for reason in flow.reasons]),
        _enforced(flow, policy, at_source, at_target),
    )


def _enforced(flow: Flow, policy: Policy, at_source: bool, at_target: bool) -> str:
    sidecar = isinstance(policy.platform.mesh, Istio) and arrives_in_mesh(flow, policy.governed)
    if isinstance(policy.platform.network, NoNetwork):
        return f"{flow.target}'s sidecar" if sidecar else "nobody"
    ends = "both ends" if at_source and at_target else f"{flow.source if at_source else flow.target}'s end only"
    return f"{ends}, and its sidecar" if sidecar else ends


def _denied(denial: Denial, root: Path) -> tuple[str, ...]:
    port = "every port" if isinstance(denial.port, EveryPort) else _port(denial.port)
    source = denial.source if isinstance(denial.source, Everyone) else _peer(denial.source)
    target = denial.target if isinstance(denial.target, Everyone) else _peer(denial.target)
    return str(source), str(target), port, denial.reason.why, written_at(denial.reason.at, root)


def _joined(by: str, texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else by.join(dict.fromkeys(texts))


@lru_cache(maxsize=1 << 10)
def _port(port: Port) -> str:
    return str(port)


def _peer(peer: Peer) -> str:
    match peer:
        case Workload() | EveryPod() | Domain() | Unidentified():
            return str(peer)
        case Outside(role="internet", name="internet"):
            return str(peer)
        case Outside():
            holes = f" less {', '.join(map(str, peer.holes))}" if peer.holes else ""
            return f"{peer.name} ({', '.join(map(str, peer.blocks))}{holes})" if peer.blocks else peer.name


def _without_edges(policy: Policy) -> list[str]:
    busy = set(peers_of(policy.flows).values())
    busy |= {found.workload for found in policy.quarantined}
    governed = frozenset(policy.governed)
    return [str(found) for found in policy.workloads if found.place in governed and found not in busy]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    empty = True
    for row in rows:
        empty = False
        yield f"| {' | '.join(map(_cell, row))} |"
    if empty:
        yield f"| none |{' |' * (len(head) - 1)}"
    yield ""


# What Markdown would take for something else in a cell: text of users goes in there.
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\|<>`[]&_~*"} | {"\n": " ", "\r": " "})


@lru_cache(maxsize=1 << 17)
def _cell(text: str) -> str:
    return text.translate(_SPECIAL)
