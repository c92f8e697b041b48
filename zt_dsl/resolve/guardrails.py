"""Rules about edges: never, only, deny and quarantine. They are held against flows, groups expanded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import assert_never

from attrs import evolve, frozen

from zt_dsl.ir import traffic
from zt_dsl.ir.flow import Denial, Domain, EveryPod, EveryPort, Flow, Outside, Peer, Reason, Workload
from zt_dsl.ir.paths import names_overlap, overlaps
from zt_dsl.ir.platform import Platform
from zt_dsl.ir.policy import Quarantined
from zt_dsl.model import statements as model
from zt_dsl.model.endpoints import Endpoint, Whole
from zt_dsl.model.peers import Namespace, Service, Tier
from zt_dsl.model.peers import Peer as ModelPeer
from zt_dsl.resolve import names
from zt_dsl.resolve.edges import Written, described, endpoint_port, narrowed
from zt_dsl.resolve.names import shown
from zt_dsl.resolve.reading import Reading, peer, place, source_peers, span_of, tier, workload
from zt_dsl.source import Location, Span


@frozen
class Scope:
    """A part of what a statement speaks of: one peer, and one port of it or every one."""

    peer: Peer
    port: traffic.Port | EveryPort
    narrowing: traffic.Narrowing


@frozen
class Rule:
    """A statement about edges, with its groups expanded."""

    statement: model.Denial | model.Guardrail
    sources: tuple[Peer, ...]
    targets: tuple[Scope, ...]
    but: tuple[Scope, ...]
    why: str


def rule(
    reading: Reading,
    platform: Platform,
    statement: model.Denial | model.Guardrail,
    members: dict[str, list[Workload]],
) -> Rule | None:
    """A deny, a quarantine or a guardrail, read; None where it is wrong, which is then reported."""
    at = statement.written_at
    before = len(reading.findings)
    why = reading.keep(names.text(statement.why, "why", at))
    if why is not None and not why.strip():
        reading.found(
            "ZT246",
            f"{_word(statement)} has no reason",
            (at, "its `why` is empty"),
            why="It overrules other people's edges; they must be able to see what for.",
            help='write why="…"',
        )
    sources: list[Peer] = []
    for source in statement.sources:
        found = source_peers(reading, platform, source, members)
        if found is None and not _reported(reading, source):
            _cannot_stand(reading, source, "source", statement)
        sources.extend(found or ())
    # A quarantine's one service is its source and its target: what is wrong with it is told once.
    cut = isinstance(statement, model.Quarantine)
    targets = () if cut else _scopes(reading, platform, statement.targets, members, statement)
    but: tuple[Scope, ...] = ()
    if isinstance(statement, model.Never):
        but = _scopes(reading, platform, statement.but, members, statement)
    wrong = len(reading.findings) > before
    if not wrong and not (sources and (cut or targets)):
        reading.found(
            "ZT240",
            f"{_word(statement)} speaks of nobody: it has no {'target' if sources else 'source'}",
            (at, "holds for nothing"),
            why="A rule about nothing holds nothing back, and looks as if it did.",
            help="name whom it is about; a tier stands for the services that have it and that the topology knows",
        )
        wrong = True
    return None if wrong or not why else Rule(statement, tuple(sources), targets, but, why)


def _word(statement: model.Denial | model.Guardrail) -> str:
    match statement:
        case model.Quarantine():
            return "a quarantine"
        case model.Denial():
            return "a deny"
        case model.Never():
            return "a never"
        case _:
            return "an only"


def _reported(reading: Reading, value: object) -> bool:
    known = reading.read.get(id(value))
    return known is not None and known[1] is None


def _cannot_stand(reading: Reading, value: object, where: str, statement: model.Statement) -> None:
    reading.found(
        "ZT242",
        f"{shown(value)} cannot be a {where} of {_word(statement)}",  # type: ignore[arg-type]
        (statement.written_at, "in this statement"),
        why="A rule that speaks of nothing would hold nothing back, and look as if it did.",
        help="a source is a Service, Namespace, Tier, Network, ApiServer or Nodes; a target also an External "
        "or an endpoint",
    )


def _scopes(
    reading: Reading,
    platform: Platform,
    values: Sequence[object],
    members: dict[str, list[Workload]],
    statement: model.Denial | model.Guardrail,
) -> tuple[Scope, ...]:
    whole = traffic.Whole()
    found: list[Scope] = []
    for value in values:
        match value:
            case Endpoint(peer=ModelPeer() as owner, narrowing=narrowing):
                whom, port = (
                    peer(reading, platform, owner),
                    endpoint_port(reading, value, statement.written_at),
                )
                if isinstance(statement, model.Denial) and not isinstance(narrowing, Whole):
                    reading.found(
                        "ZT214",
                        f"{_word(statement)} cannot be narrowed",
                        (span_of(value), "narrowed here"),
                        why="A deny works on connections: no engine denies one request and lets the next pass.",
                        help="deny the port whole, or allow only the routes that are wanted",
                    )
                    continue
                inside = narrowed(reading, value, port) if port else None
                if whom is not None and port is not None and inside is not None:
                    found.append(Scope(whom, port, inside))
            case Namespace():
                where = place(reading, value, value.written_at)
                found.extend(() if where is None else (Scope(EveryPod(where), EveryPort(), whole),))
            case Tier():
                name = tier(reading, value, value.written_at)
                found.extend(Scope(member, EveryPort(), whole) for member in members.get(name or "", ()))
            case ModelPeer():
                whom = peer(reading, platform, value)
                found.extend(() if whom is None else (Scope(whom, EveryPort(), whole),))
            case _:
                _cannot_stand(reading, value, "target", statement)
    return tuple(found)


# --- do they meet? ----------------------------------------------------------------------------------


def meets(one: Peer, other: Peer) -> bool:
    """Whether some pod, address or name is in both."""
    match one, other:
        case Workload(), Workload():
            return one == other
        case (EveryPod(place=there), Workload(place=here)) | (Workload(place=here), EveryPod(place=there)):
            return here == there
        case EveryPod(), EveryPod():
            return one.place == other.place
        case Outside(), Outside():
            if "api-server" in (one.role, other.role) or "nodes" in (one.role, other.role):
                return one.role == other.role
            return bool(one.addresses & other.addresses)
        case (Outside(role=role), Domain()) | (Domain(), Outside(role=role)):
            return role == "internet"
        case Domain(), Domain():
            return names_overlap(str(one), str(other))
        case _:
            return False


def denied_with(one: Peer, other: Peer) -> bool:
    """Whether a deny of the one is one of the other, too: besides what they share by what they are, their addresses.

    Guardrails speak of what their author means: INTERNET, and not the API server. A deny is in force by address where
    the API server and the nodes have some. Where nobody says which, the API server may be anywhere outside.
    """
    if meets(one, other):
        return True
    match one, other:
        case Outside(), Outside():
            anywhere = {one.role, other.role} == {"internet", "api-server"} and not (one.blocks and other.blocks)
            return anywhere or bool(one.addresses & other.addresses)
        case _:
            return False


def within(one: Peer, other: Peer) -> bool:
    """Whether everything in `one` is in `other`."""
    match one, other:
        case Workload(place=here), EveryPod(place=there):
            return here == there
        case Outside(role="network" | "internet"), Outside(role="network" | "internet"):
            return not one.addresses - other.addresses
        case _:
            return one == other


Meets = Callable[[Peer, Peer], bool]


def _reaches(flow: Flow, scope: Scope, meet: Meets = meets) -> bool:
    return meet(flow.target, scope.peer) and _same_port(flow, scope)


def _same_port(flow: Flow, scope: Scope) -> bool:
    match scope.port:
        case EveryPort():
            return True
        case traffic.Port():
            return bool(flow.port.ports & scope.port.ports) and overlaps(flow.narrowing, scope.narrowing)
        case _:
            assert_never(scope.port)


def _breaks(rule: Rule, flow: Flow) -> bool:
    match rule.statement:
        case model.Only():
            return any(_reaches(flow, scope) for scope in rule.targets) and not any(
                within(flow.source, source) for source in rule.sources
            )
        case model.Never():
            excused = any(
                within(flow.source, scope.peer) or (within(flow.target, scope.peer) and _same_port(flow, scope))
                for scope in rule.but
            )
            return not excused and _crosses(rule, flow)
        case model.Quarantine():
            return False
        case _:
            return _crosses(rule, flow)


def _crosses(rule: Rule, flow: Flow) -> bool:
    return _crosses_as(_meets(rule), rule, flow)


def _crosses_as(meet: Meets, rule: Rule, flow: Flow) -> bool:
    return any(meet(flow.source, source) for source in rule.sources) and any(
        _reaches(flow, scope, meet) for scope in rule.targets
    )


def _shared(rule: Rule, flow: Flow) -> Peer:
    """The end of a flow that a deny has by its addresses alone."""
    return flow.target if any(meets(flow.source, source) for source in rule.sources) else flow.source


def _meets(rule: Rule) -> Meets:
    return denied_with if isinstance(rule.statement, model.Denial) else meets


# --- holding edges against them ---------------------------------------------------------------------


def hold(reading: Reading, rules: Sequence[Rule], edges: Iterable[Written]) -> None:
    """Report each edge that breaks a rule, with both lines."""
    if not rules:
        return
    ends: dict[Peer, list[tuple[Written, Flow]]] = {}
    for written in edges:
        for flow in written.flows:
            ends.setdefault(flow.target, []).append((written, flow))
    for rule_ in rules:
        meet = _meets(rule_)
        touched = [target for target in ends if any(meet(target, scope.peer) for scope in rule_.targets)]
        broken: dict[int, tuple[Written, Flow]] = {}
        for target in touched:
            for written, flow in ends[target]:
                if id(written) not in broken and _breaks(rule_, flow):
                    broken[id(written)] = (written, flow)
        for written, flow in broken.values():
            _broken(reading, rule_, written, flow)


def _broken(reading: Reading, rule_: Rule, written: Written, flow: Flow) -> None:
    match rule_.statement:
        case model.Never():
            code, message = "ZT247", f"the edge {described(written.edge)} does what a `never` forbids"
            help = "remove the edge, or name what is excused in the guardrail's `but`"
        case model.Only():
            code, message = "ZT248", f"the edge {described(written.edge)} is not among what an `only` lets in"
            help = "remove the edge, or add its source to the guardrail"
        case _:
            code, message = "ZT249", f"the edge {described(written.edge)} crosses a deny"
            help = "remove one of the two: what is denied is refused even where an edge allows it"
            if not any(_crosses_as(meets, rule_, each) for each in written.flows):
                message += f": addresses of {_shared(rule_, flow)} are among those that are denied"
                help = "deny a Network that leaves these out with excluding=[…], or remove one of the two"
    reading.found(
        code,
        message,
        (written.edge.written_at, f"{flow.source} → {flow.target}"),
        (rule_.statement.written_at, f"because of this: {rule_.why}"),
        why="A rule about edges holds for every edge, also for those that were written after it.",
        help=help,
    )


def denials(rules: Iterable[Rule], places: Mapping[Span, Location]) -> tuple[Denial, ...]:
    """What is refused even where another policy allows it, pair by pair."""
    return tuple(
        Denial(source, scope.peer, scope.port, Reason(rule_.why, places[at], denied(rule_.statement)))
        for rule_ in rules
        if isinstance(rule_.statement, model.Denial) and not isinstance(rule_.statement, model.Quarantine)
        for at in (rule_.statement.written_at,)
        for source in rule_.sources
        for scope in rule_.targets
    )


def denied(statement: model.Denial | model.Guardrail) -> str:
    """A deny in a few words."""
    sources = ", ".join(str(getattr(source, "name", source)) for source in statement.sources)
    targets = ", ".join(
        f"{target.peer.name}.{target.port}" if isinstance(target, Endpoint) else str(getattr(target, "name", target))
        for target in statement.targets
    )
    return f"{sources} ✗ {targets}"


# --- quarantine -------------------------------------------------------------------------------------


def quarantines(
    reading: Reading,
    statements: Iterable[model.Quarantine],
    edges: Sequence[Written],
    places: Mapping[Span, Location],
) -> tuple[tuple[Quarantined, ...], tuple[Written, ...]]:
    """Services that are cut off, and the edges without the flows that are suspended by it."""
    cut: dict[Workload, model.Quarantine] = {}
    # Of several for one service the first in the file speaks, wherever in the list it stands.
    for statement in sorted(
        statements, key=lambda one: (places[one.written_at].path, places[one.written_at].line, one.why)
    ):
        service = statement.sources[0]
        found = workload(reading, service) if isinstance(service, Service) else None
        if found is not None:
            cut.setdefault(found, statement)
    if not cut:
        return (), tuple(edges)
    suspended: dict[Workload, list[Flow]] = {found: [] for found in cut}
    left: list[Written] = []
    for written in edges:
        kept: list[Flow] = []
        for flow in written.flows:
            ends = [end for end in (flow.source, flow.target) if isinstance(end, Workload) and end in cut]
            for end in ends:
                suspended[end].append(flow)
            if not ends:
                kept.append(flow)
        left.append(evolve(written, flows=tuple(kept)))
    return tuple(
        Quarantined(
            found, tuple(suspended[found]), Reason(statement.why, places[statement.written_at], f"quarantine {found}")
        )
        for found, statement in cut.items()
    ), tuple(left)  # fmt: skip
