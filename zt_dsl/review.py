"""`review.md`: what is in force, for reviewers who read no Python."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, Place, Widening, Workload, place_of
from zt_dsl.ir.platform import NoMesh
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Whole
from zt_dsl.source import Location, relative

NO_IDENTITY = "No layer of this platform enforces identity: a pod is who its labels say it is."


def review(policy: Policy, dropped: tuple[Widening, ...], engine: str, root: Path) -> str:
    """The policy as tables: edges, derived flows, what is widened and what is suspended. Markdown."""
    edges = [flow for flow in policy.flows if not _derived(flow)]
    derived = [flow for flow in policy.flows if _derived(flow)]
    governed = frozenset(policy.governed)
    lines = [
        f"# {policy.topology} on {policy.platform.name}",
        "",
        f"Engine: {engine}. Governed: {', '.join(map(str, policy.governed))}. In these namespaces whatever is not "
        "in a table below is refused, in both directions.",
        "",
        *([NO_IDENTITY, ""] if says_no_identity(policy, dropped) else []),
        "## Edges",
        "",
        *_table(_HEAD, (_row(flow, governed, root) for flow in edges)),
        "## Derived",
        "",
        "Nobody wrote these; the edges above need them.",
        "",
        *_table(_HEAD, (_row(flow, governed, root) for flow in derived)),
    ]
    waived = by_waiver(policy, dropped)
    if waived:
        lines += ["## Widened", "", "Less is enforced here than was written; each by a waiver of the platform.", ""]
    for (feature, why, until, at), facets in waived.items():
        lines += [
            f"### {feature}",
            "",
            f"Why: {_cell(why)}. Until: {until or 'no end'}. Waived at {_at(at, root)}.",
            "",
            *_table(("edge", "was", "is"), facets),
        ]
    if policy.quarantined:
        lines += [
            "## In quarantine",
            "",
            "Their edges are suspended. Policies from elsewhere are not overruled: this engine cannot deny; and what "
            "is connected already may stay so.",
            "",
            *_table(
                ("service", "suspended edges", "why", "written at"),
                (
                    (str(q.workload), str(len(q.suspended)), q.reason.why, _at(q.reason.at, root))
                    for q in policy.quarantined
                ),
            ),
        ]
    silent = _without_edges(policy)
    if silent:
        lines += ["## Without edges", "", f"Nothing is allowed from or to: {', '.join(silent)}.", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def says_no_identity(policy: Policy, dropped: tuple[Widening, ...]) -> bool:
    no_mesh = isinstance(policy.platform.mesh, NoMesh)
    return no_mesh and (policy.mtls == "unwritten" or any(w.feature == "mtls" for w in dropped))


def _derived(flow: Flow) -> bool:
    return all(reason.derived for reason in flow.reasons)


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


def _row(flow: Flow, governed: frozenset[Place], root: Path) -> tuple[str, ...]:
    only = "the whole port" if isinstance(flow.narrowing, Whole) else str(flow.narrowing)
    why = dict.fromkeys(reason.derived or reason.why or "no reason was given" for reason in flow.reasons)
    at = dict.fromkeys(_at(reason.at, root) for reason in flow.reasons)
    return (
        _peer(flow.source),
        _peer(flow.target),
        str(flow.port),
        f"{only}, widened (see below)" if flow.widenings else only,
        "; ".join(why),
        ", ".join(at),
        _enforced(flow, governed),
    )


def _peer(peer: Peer) -> str:
    match peer:
        case Workload() | EveryPod() | Domain():
            return str(peer)
        case Outside(role="internet", name="internet"):
            return str(peer)
        case Outside():
            holes = f" less {', '.join(map(str, peer.holes))}" if peer.holes else ""
            return f"{peer.name} ({', '.join(map(str, peer.blocks))}{holes})"


def _enforced(flow: Flow, governed: frozenset[Place]) -> str:
    at_source, at_target = place_of(flow.source) in governed, place_of(flow.target) in governed
    if at_source and at_target:
        return "both ends"
    return f"{flow.source}'s end only" if at_source else f"{flow.target}'s end only"


def _at(at: Location, root: Path) -> str:
    caller = "".join(f", called at {relative(via.path, root)}:{via.line}" for via in at.via[:1])
    return f"{relative(at.path, root)}:{at.line}{caller}"


def _without_edges(policy: Policy) -> list[str]:
    busy: set[Peer] = {peer for flow in policy.flows for peer in (flow.source, flow.target)}
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
