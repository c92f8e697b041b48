"""Edges, read into flows: one for each source and target, with the reason that every pass carries on."""

from collections.abc import Mapping
from datetime import date
from typing import assert_never

from attrs import frozen

from zt_dsl.ir import traffic
from zt_dsl.ir.flow import Flow, Peer, Place, Reason, Workload, place_of
from zt_dsl.ir.platform import Platform
from zt_dsl.model.endpoints import Endpoint, Methods, Names, Route, Routes, Topics, Whole
from zt_dsl.model.peers import External, Service, Tier
from zt_dsl.model.peers import Peer as ModelPeer
from zt_dsl.model.ports import Port
from zt_dsl.model.statements import Edge
from zt_dsl.resolve import hosts, names, ports, protocols
from zt_dsl.resolve.dates import day, past
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import shown
from zt_dsl.resolve.reading import (
    Reading,
    declared_ports,
    peer,
    source_peers,
    span_of,
    strict_port,
)
from zt_dsl.source import Location, Span


@frozen
class Written:
    """An edge as it was read: its flows, and what guardrails need to know of it."""

    edge: Edge
    flows: tuple[Flow, ...]
    across_tiers: bool


def edge(
    reading: Reading,
    platform: Platform,
    written: Edge,
    members: dict[str, list[Workload]],
    places: Mapping[Span, Location],
    on: date,
) -> Written:
    """One edge's flows; none where it is wrong, which is then reported."""
    at = written.written_at
    why = reading.keep(names.text(written.why, "why", at))
    until = day(reading, written.until, at)
    if until is not None and past(until, on):
        reading.found(
            "ZT243",
            f"the edge {described(written)} ended on {until.isoformat()}",
            (at, "past its date"),
            why="It was allowed for a time. What was applied stays in force until the next publishing.",
            help="remove the edge, or agree on a new date and write it here",
        )
    across = bool(reading.keep(names.boolean(written.across_tiers, "across_tiers", at)))
    if across and why is not None and not why.strip():
        reading.found(
            "ZT246",
            f"the edge {described(written)} crosses tiers without a reason",
            (at, "across_tiers=True needs a `why`"),
            why="It breaks the order of the architecture; whoever reviews it must see what for.",
            help='write why="…"',
        )
    if not written.sources:
        reading.found(
            "ZT240",
            f"the edge to {_target_text(written.target)} has no source",
            (at, "from nobody"),
            why="An empty list of sources allows nothing; elsewhere it is how a rule becomes “from everybody”.",
            help="name a source, or remove the edge",
        )
    target = _target(reading, platform, written.target, at)
    sources: list[Peer] = []
    for source in written.sources:
        sources.extend(_sources(reading, platform, source, members, at))
    if target is None or why is None:
        return Written(written, (), across)
    whom, port, narrowing = target
    reasons = (Reason(why, places[at], described(written)),)
    flows = [Flow(source, whom, port, narrowing, reasons) for source in dict.fromkeys(sources)]
    return Written(written, tuple(flows), across)


def described(written: Edge) -> str:
    """An edge in a few words, as a reader would say it."""
    # In an order of their own: a set of sources has none.
    sources = ", ".join(sorted(map(_name, written.sources))) or "nobody"
    return f"{sources} → {_target_text(written.target)}"


def _target_text(target: object) -> str:
    if isinstance(target, Endpoint):
        return f"{_name(target.peer)}.{target.port}"
    return _name(target)


def _name(value: object) -> str:
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else shown(value)


def _sources(
    reading: Reading, platform: Platform, source: object, members: dict[str, list[Workload]], at: Span
) -> tuple[Peer, ...]:
    known = reading.sources.get(id(source))
    if known is not None:
        return known[1]
    before = len(reading.findings)
    found = source_peers(reading, platform, source, members)
    if found is None:
        if len(reading.findings) == before and not _known_wrong(reading, source):
            _no_source(reading, source, at)
        return ()
    if isinstance(source, Tier) and not found:
        reading.found(
            "ZT240",
            f"tier `{source.name}` has no services",
            (at, "an edge from nobody"),
            why="A tier stands for its services; without any this edge allows nothing.",
            help="list the services that have this tier in the topology's `services`, or remove the edge",
        )
        return ()
    peers = tuple(found)
    reading.sources[id(source)] = (source, peers)
    return peers


def _known_wrong(reading: Reading, model: object) -> bool:
    known = reading.read.get(id(model))
    return known is not None and known[1] is None


def _no_source(reading: Reading, source: object, at: Span) -> None:
    match source:
        case External():
            message, help = (
                f"`{source.name}` cannot be the source of an edge",
                "a caller from outside is its addresses: Network(…, cidrs=[…]), or INTERNET",
            )
        case Endpoint():
            message, help = (
                f"`{_target_text(source)}` is a port, and ports do not call",
                "write the service as the source and the port it calls as the target",
            )
        case str():
            message, help = f"{shown(source)} is a text, not a source", _near(reading, source)
        case _:
            message, help = (
                f"{shown(source)} cannot be the source of an edge",
                "a source is a Service, a Namespace, a Tier, a Network, an ApiServer or Nodes",
            )
    reading.found(
        "ZT242", message, (at, "in this edge"),
        why="Policies know callers by the labels of their pods or by their addresses, by nothing else.",
        help=help,
    )  # fmt: skip


def _near(reading: Reading, text: str) -> str:
    known = sorted({model.name for model, _ in reading.services.values() if isinstance(model.name, str)})
    meant = names.near(text, known)
    if meant is not None:
        return f"did you mean the service `{meant}`? write its value, not its name"
    return "write the value that was declared, not its name"


# --- targets -----------------------------------------------------------------------------------------


def _target(
    reading: Reading, platform: Platform, target: object, at: Span
) -> tuple[Peer, traffic.Port, traffic.Narrowing] | None:
    if not isinstance(target, Endpoint) or not isinstance(target.peer, ModelPeer):
        _no_target(reading, target, at)
        return None
    known = reading.targets.get((id(target.peer), target.port))
    if known is None:
        read_port = endpoint_port(reading, target, at)
        read_peer = peer(reading, platform, target.peer)
        if read_peer is None or read_port is None:
            return None
        known = reading.targets[id(target.peer), target.port] = (target.peer, read_peer, read_port)
    _, whom, port = known
    narrowing = narrowed(reading, target, port)
    return None if narrowing is None else (whom, port, narrowing)


def endpoint_port(reading: Reading, target: Endpoint, at: Span) -> traffic.Port | None:
    """The port that an endpoint names; of what is the platform's own, as the platform declares it."""
    platforms = (own for kind, own in reading.own.items() if isinstance(target.peer, kind))
    declaration = declared_ports(next(platforms, type(target.peer))).get(target.port)
    if declaration is None:
        reading.found(
            "ZT242",
            f"`{_name(target.peer)}` has no port called {shown(target.port)}",
            (at, "in this statement"),
            why="An edge leads to one declared port; a port that nobody declared has no number.",
            help="read the endpoint from the peer: `peer.port`",
        )
        return None
    return strict_port(reading, declaration)


def _no_target(reading: Reading, target: object, at: Span) -> None:
    match target:
        case Port():
            message = f"{shown(target)} is the declaration of a port, not an endpoint"
            help = "read it from a value of its kind, `api.http`, not from the class"
        case Service() | External() | ModelPeer():
            known = sorted(declared_ports(type(target)))
            message = f"`{_name(target)}` is a peer; an edge leads to one of its ports"
            help = f"write `{_name(target)}.{known[0]}`" if known else "give its kind a port, such as HttpPort(8080)"
        case str():
            message, help = f"{shown(target)} is a text, not an endpoint", _near(reading, target)
        case _:
            message = f"{shown(target)} cannot be the target of an edge"
            help = "a target is an endpoint, read from a peer: `api.http`"
    reading.found(
        "ZT242", message, (at, "in this edge"),
        why="Every rule names a protocol and a port; without one it would have to open all of them.",
        help=help,
    )  # fmt: skip


def narrowed(reading: Reading, target: Endpoint, port: traffic.Port) -> traffic.Narrowing | None:
    """What narrows a port from the inside; None where that is wrong, which is then reported."""
    narrowing = target.narrowing
    if isinstance(narrowing, Whole):
        return traffic.WHOLE
    at = span_of(target)
    fits = {Routes: "http", Methods: "grpc", Topics: "kafka", Names: "dns"}.get(type(narrowing))
    if fits != port.kind or not ports.narrowable(port):
        reading.found(
            "ZT214",
            f"port {port} cannot be narrowed",
            (at, "narrowed here"),
            why="An engine reads requests on one port of one protocol; a range, or another protocol, has no "
            "requests to tell apart.",
            help="declare the one port as HttpPort, GrpcPort, KafkaPort or DnsPort, or allow the port whole",
        )
        return None
    match narrowing:
        case Routes(routes=routes):
            read = [_route(reading, route, at) for route in routes]
            good = [route for route in read if route is not None]
            return traffic.Routes(tuple(sorted(set(good), key=str))) if len(good) == len(read) else None
        case Methods(methods=methods):
            kept = _all(reading, [protocols.grpc_method(method, at) for method in methods])
            return None if kept is None else traffic.Methods(kept)
        case Topics(topics=topics, role=role):
            kept = _all(reading, [protocols.topic(topic, at) for topic in topics])
            return None if kept is None else traffic.Topics(role, kept)
        case Names(names=lookups):
            kept = _all(reading, [hosts.lookup(name, at) for name in lookups])
            return None if kept is None else traffic.Lookups(kept)
        case _:
            assert_never(narrowing)


def _route(reading: Reading, route: object, at: Span) -> traffic.Route | None:
    if isinstance(route, Route):
        return reading.keep(protocols.route(route.method, route.path, route.written_at))
    reading.found(
        "ZT206",
        f"a route is a Route, not {shown(route)}",
        (at, "in this endpoint"),
        why="A route is a method and a path; a bare text leaves one of them open.",
        help='write GET("/path"), POST("/path"), … or ANY("/path")',
    )
    return None


def _all(reading: Reading, read: list[str | Finding]) -> tuple[str, ...] | None:
    kept = [reading.keep(one) for one in read]
    good = [one for one in kept if one is not None]
    return tuple(sorted(set(good))) if len(good) == len(kept) else None


# --- what is judged of all edges --------------------------------------------------------------------


def governed_end(reading: Reading, written: Written, governed: frozenset[Place]) -> None:
    """An edge with no end in a governed namespace is enforced by nothing."""
    for flow in written.flows:
        if place_of(flow.source) not in governed and place_of(flow.target) not in governed:
            reading.found(
                "ZT233",
                f"no end of the edge {described(written.edge)} is governed",
                (written.edge.written_at, "nothing would enforce it"),
                why="Policies are made for governed namespaces alone; neither side of this edge is in one.",
                help="add a namespace of one end to the topology's `governs`, or remove the edge",
            )
            return


def tier_order(reading: Reading, written: Written, order: tuple[str, ...]) -> None:
    """Between services that have a tier an edge may stay in it or go down one."""
    if written.across_tiers or not order:
        return
    index = {name: level for level, name in enumerate(order)}
    for flow in written.flows:
        match flow.source, flow.target:
            case Workload(tier=upper), Workload(tier=lower) if upper in index and lower in index:
                if index[lower] - index[upper] not in (0, 1):
                    reading.found(
                        "ZT244",
                        f"the edge {described(written.edge)} leads from tier `{upper}` to tier `{lower}`",
                        (written.edge.written_at, f"{flow.source.name} → {flow.target.name}"),
                        why=f"The topology's order is {' → '.join(order)}: an edge may stay in its tier "
                        "or go down one.",
                        help="call through the tier between, or say across_tiers=True with a `why`",
                    )
                    return
            case _:
                pass
