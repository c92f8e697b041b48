"""What Cilium cannot say although its table has the feature: limits, and rules that would undo one another."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from attrs import frozen

from zt_dsl.backends.cilium import entries
from zt_dsl.backends.cilium.capabilities import has_default_deny
from zt_dsl.backends.cilium.expressions import LARGEST_PROGRAMME, fits, method_expression, path_expression
from zt_dsl.backends.denied import denied_needs
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import (
    Everyone,
    EveryPod,
    Flow,
    Outside,
    Peer,
    Place,
    Reason,
    Workload,
    narrowed_end,
    peers_of,
    place_of,
)
from zt_dsl.ir.paths import Speech, only
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Lookups, Methods, Port, Ports, Routes, ServerNames, Whole


def refuse(policy: Policy) -> tuple[Diagnostic, ...]:
    """Labels that are no part of an identity, paths that are too long, two protocols that are read on one port, names
    that are read there for pods that need not have them, policy maps that are full."""
    return (
        *_unseen_labels(policy),
        *_long_paths(policy),
        *_two_protocols(policy),
        *_two_ends(policy),
        *_still_named(policy),
        *_ranges(policy),
        *_unfiltered(policy),
        *denied_needs(policy),
        *_denied_probes(policy),
        *entries.told(policy),
    )


# --- labels --------------------------------------------------------------------------------------------

# Keys that begin so are kept out of identities, unless a longer one below lets them in (github.com/cilium/cilium
# v1.20.2, `pkg/labelsfilter/filter.go`, defaultLabelPrefixCfg).
_IGNORED = re.compile(
    r"io\.kubernetes|kubernetes\.io|statefulset\.kubernetes\.io/pod-name|apps\.kubernetes\.io/pod-index"
    r"|batch\.kubernetes\.io/job-completion-index|batch\.kubernetes\.io/controller-uid|.*beta\.kubernetes\.io"
    r"|k8s\.io|pod-template-generation|pod-template-hash|controller-revision-hash|controller-uid|annotation|etcd_node"
    r"|topology\.kubernetes\.io"
)


def _unseen_labels(policy: Policy) -> Iterator[Diagnostic]:
    peers = (peer for peer in peers_of(policy.flows).values() if isinstance(peer, Workload))
    workloads = dict.fromkeys((*policy.workloads, *peers))
    first = {peer: flow for flow in reversed(policy.flows) for peer in (flow.source, flow.target)}
    for workload in workloads:
        for key, _ in workload.labels:
            if _IGNORED.match(key):
                at = first[workload].reasons[0].at if workload in first else policy.at
                yield Diagnostic(
                    "ZT325",
                    f"Cilium does not see the label `{key}` of {workload}",
                    (Label(at, f"{workload} is selected by it"),),
                    "It is kept out of the identities of pods, so a selector with it selects none: the edges of the "
                    "service would be dead, and its own policy without effect.",
                    'select the service by labels of the application: labels={"app": "…"}',
                )


# --- paths ---------------------------------------------------------------------------------------------


def _long_paths(policy: Policy) -> Iterator[Diagnostic]:
    for flow in policy.flows:
        for said, expression in _expressions(flow):
            if not fits(expression):
                reason = flow.reasons[0]
                yield Diagnostic(
                    "ZT319",
                    f"Cilium cannot enforce {reason.edge}: {said} is too long for an expression",
                    (Label(reason.at, f"only {said}"),),
                    f"Its proxy takes expressions of at most {LARGEST_PROGRAMME} instructions, one for each character "
                    "and some for each parameter; a longer one makes it refuse the whole policy of the pod.",
                    "end the route earlier with `/**`, shorten the path, or allow the port whole",
                )


def _expressions(flow: Flow) -> Iterator[tuple[str, str]]:
    match flow.narrowing:
        case Routes(routes=routes):
            yield from ((str(route), path_expression(route.path)) for route in routes)
        case Methods(methods=methods):
            yield from ((method, method_expression(method)) for method in methods)
        case _:
            pass


# --- rules that undo one another -----------------------------------------------------------------------


@frozen
class _Callers:
    """Flows by one of their peers. Of thousands, those that may be about the same pods as a given peer are few."""

    flows: Mapping[Peer, Sequence[Flow]]

    def of(self, peer: Peer) -> Iterator[Flow]:
        """The flows of this peer; of its whole namespace; and where it is one, of all that are in it."""
        place = place_of(peer)
        if isinstance(peer, EveryPod):
            yield from (flow for each, some in self.flows.items() if place_of(each) == place for flow in some)
            return
        yield from self.flows.get(peer, ())
        if place is not None:
            yield from self.flows.get(EveryPod(place), ())


def _callers(flows: Iterable[tuple[Peer, Flow]]) -> _Callers:
    found: dict[Peer, list[Flow]] = {}
    for peer, flow in flows:
        found.setdefault(peer, []).append(flow)
    return _Callers(found)


def _meet(flow: Flow, other: Flow) -> Ports:
    """The ports that both are for."""
    return flow.port.ports & other.port.ports


def _port(flow: Flow, other: Flow) -> str:
    """The first that both are for."""
    protocol, number, _ = _meet(flow, other).intervals[0]
    return f"{number}/{protocol}"


def _two_protocols(policy: Policy) -> Iterator[Diagnostic]:
    """One port of a pod has one proxy, whoever is at the other end. Of two the agent keeps the one that it happens to
    see first (v1.20.2, `pkg/policy/l4.go`), and the other's rules are void."""
    governed = frozenset(policy.governed)
    read: dict[str, dict[Speech, list[tuple[Peer, Flow]]]] = {}
    for flow in policy.flows:
        if not isinstance(flow.narrowing, Whole):
            way = narrowed_end(flow, governed)
            subject = flow.target if way == "Ingress" else flow.source
            read.setdefault(way, {}).setdefault(only(flow.narrowing).speech, []).append((subject, flow))
    told: set[tuple[Place | None, str, str]] = set()
    for end, spoken in read.items():
        for one, other in combinations(spoken.values(), 2):
            known = _callers(one)
            for subject, flow in other:
                found = next((each for each in known.of(subject) if _meet(each, flow)), None)
                # Once a port of a namespace: the rest of them are told by the same two edges.
                if found is not None and (once := (place_of(subject), end, _port(found, flow))) not in told:
                    told.add(once)
                    yield _both_read(subject, f"{_port(found, flow)}, {end.lower()}", flow, found)


def _two_ends(policy: Policy) -> Iterator[Diagnostic]:
    """Two protocols on one port of one peer, read at different ends: each end passes the port whole for the other's
    sake, and what neither allows passes both."""
    governed = frozenset(policy.governed)
    narrowed = [flow for flow in policy.flows if not isinstance(flow.narrowing, Whole)]
    known = _callers((flow.source, flow) for flow in narrowed if narrowed_end(flow, governed) == "Ingress")
    for flow in narrowed:
        if isinstance(flow.narrowing, Lookups) and place_of(flow.target) in governed:
            same = (each for each in known.of(flow.source) if each.target == flow.target and _meet(each, flow))
            if (other := next(same, None)) is not None:
                yield _both_read(flow.target, f"{other.port}, between both ends", other, flow)


def _both_read(subject: Peer, where: str, flow: Flow, other: Flow) -> Diagnostic:
    one, another = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT326",
        f"Cilium cannot read two protocols on one port: {another.edge} ({other.narrowing}) and {one.edge} "
        f"({flow.narrowing}), both at {subject} port {where}",
        (Label(one.at, f"only {flow.narrowing}"), Label(another.at, f"only {other.narrowing}")),
        "One port of a pod has one proxy, whoever is at the other end. Of two the agent keeps the one that it sees "
        "first, and what the other was to refuse passes.",
        "allow one of the two whole, or let the services use different ports",
    )


def _still_named(policy: Policy) -> Iterator[Diagnostic]:
    """One name, one port: a rule that reads the names of TLS stays in force for pods to which another rule allows the
    port whole (v1.20.2, `pkg/policy/l4.go`, mergePortProto)."""
    read = [flow for flow in policy.flows if isinstance(flow.narrowing, ServerNames)]
    named = {flow.target for flow in read}
    whole = [flow for flow in policy.flows if isinstance(flow.narrowing, Whole) and flow.target in named]
    known = _callers((flow.source, flow) for flow in whole)
    for flow in read:
        same = (each for each in known.of(flow.source) if each.target == flow.target and _meet(each, flow))
        if (other := next(same, None)) is not None:
            yield _also_whole(flow, other)


def _also_whole(flow: Flow, other: Flow) -> Diagnostic:
    read, whole = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT326",
        f"Cilium cannot allow {whole.edge} whole: for {read.edge} the same port of {flow.target} is read",
        (Label(whole.at, "the whole port"), Label(read.at, f"only {flow.narrowing}")),
        "For one name and port Cilium joins the rules of a pod, and checks what TLS asks for as soon as one does.",
        "give the two ports different numbers; the same number, and no range, for the same callers is whole for both",
    )


# --- lookups -------------------------------------------------------------------------------------------


def _ranges(policy: Policy) -> Iterator[Diagnostic]:
    """Lookups are filtered on single ports; and a version without ranges has none for derived flows either."""
    told: set[Port] = set()
    for flow in policy.flows:
        if flow.port.first == flow.port.last or flow.port in told:
            continue
        reason = flow.reasons[0]
        if isinstance(flow.narrowing, Lookups) or (flow.derived and not has_default_deny(policy.platform)):
            told.add(flow.port)
            yield Diagnostic(
                "ZT313" if isinstance(flow.narrowing, Lookups) else "ZT318",
                f"Cilium cannot filter lookups on a range of ports: {flow.target} has {flow.port}",
                (Label(reason.at, f"{reason.edge} needs lookups"), Label(policy.platform.at, "this platform")),
                "A DNS rule is for one port; the resolver's is a range.",
                "declare the one port that the resolver listens on: dns = DnsPort(53)",
            )


def _unfiltered(policy: Policy) -> Iterator[Diagnostic]:
    """Lookups that are narrowed for a service, and not for its whole namespace, or the other way round."""
    said: list[Flow] = []
    wide: list[tuple[Peer, Flow]] = []
    for flow in policy.flows:
        if isinstance(flow.narrowing, Lookups) and "**" in flow.narrowing.names:
            wide.append((flow.source, flow))
        elif isinstance(flow.narrowing, Lookups) and not flow.derived:
            said.append(flow)
    known = _callers(wide)
    for flow in said:
        others = (each for each in known.of(flow.source) if each.source != flow.source)
        same = (each for each in others if each.target == flow.target and each.port == flow.port)
        if (other := next(same, None)) is not None:
            yield _any_name(flow, other)


def _any_name(flow: Flow, other: Flow) -> Diagnostic:
    narrowed, wide = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT402",
        f"the lookups of {flow.source} are narrowed, and {other.source} may look up any name",
        (Label(narrowed.at, "narrowed here"), Label(wide.at, "this edge needs lookups, and says of no names which")),
        "Allows add up: an edge of the whole namespace, or of a service in it, lets every name through.",
        "say for the other edge's source, too, which names it looks up, or name the services instead of the namespace",
    )


# --- denials -------------------------------------------------------------------------------------------


def _denied_probes(policy: Policy) -> Iterator[Diagnostic]:
    """A node that runs an API server is one entity: who denies the API server denies the kubelet there, too."""
    governed = frozenset(policy.governed)
    told: set[Reason] = set()
    for denial in policy.denials:
        caller, called = denial.source, denial.target
        if not isinstance(caller, Outside) or caller.role != "api-server" or isinstance(called, Everyone):
            continue
        if place_of(called) in governed and denial.reason not in told:
            told.add(denial.reason)
            yield Diagnostic(
                "ZT408",
                f"the deny {denial.reason.edge} refuses probes where {called} runs beside an API server",
                (Label(denial.reason.at, "denied here"),),
                "To Cilium a node that runs an API server is that API server, and a deny overrules what lets the "
                "kubelet in: pods on such a node fail their probes, and are restarted.",
                "leave the deny out, since what no edge allows is refused already; or keep these pods off such nodes",
            )
