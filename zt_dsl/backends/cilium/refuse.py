"""What Cilium cannot say although its table has the feature: limits, and rules that would undo one another."""

import re
from collections.abc import Iterator
from typing import Literal

from zt_dsl.backends.cilium import entries
from zt_dsl.backends.cilium.capabilities import has_default_deny
from zt_dsl.backends.cilium.expressions import LARGEST_PROGRAMME, fits, method_expression, path_expression
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import (
    Everyone,
    EveryPod,
    EveryPort,
    Flow,
    Outside,
    Peer,
    Place,
    Workload,
    narrowed_end,
    peers_of,
    place_of,
)
from zt_dsl.ir.paths import Speech, only
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Lookups, Methods, Port, Protocol, Routes, ServerNames, Whole


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
        *_denied_needs(policy),
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


# --- two protocols on one port -------------------------------------------------------------------------

_Where = tuple[Place, Literal["Ingress", "Egress"], Protocol, int]


def _two_protocols(policy: Policy) -> Iterator[Diagnostic]:
    """One port of a pod has one proxy, whoever is at the other end. Of two the agent keeps the one that it happens to
    see first (v1.20.2, `pkg/policy/l4.go`), and the other's rules are void."""
    governed = frozenset(policy.governed)
    read: dict[_Where, list[tuple[Peer, Speech, Flow]]] = {}
    for flow in policy.flows:
        if isinstance(flow.narrowing, Whole):
            continue
        way = narrowed_end(flow, governed)
        subject = flow.target if way == "Ingress" else flow.source
        place = place_of(subject)
        if place is None:
            continue
        speech = only(flow.narrowing).speech
        for protocol in flow.port.protocols:
            for number in range(flow.port.first, flow.port.last + 1):
                read.setdefault((place, way, protocol, number), []).append((subject, speech, flow))
    for (_, way, protocol, number), some in read.items():
        for index, (subject, speech, flow) in enumerate(some):
            other = next((o for s, spoken, o in some[:index] if spoken != speech and _meet(s, subject)), None)
            if other is not None:
                yield _both_read(subject, way.lower(), f"{number}/{protocol}", flow, other)
                break


def _two_ends(policy: Policy) -> Iterator[Diagnostic]:
    """Two protocols on one port of one peer, read at different ends: each end passes the port whole for the other's
    sake, and what neither allows passes both."""
    governed = frozenset(policy.governed)
    narrowed = [flow for flow in policy.flows if not isinstance(flow.narrowing, Whole)]
    leaving = [flow for flow in narrowed if isinstance(flow.narrowing, Lookups) and place_of(flow.target) in governed]
    for flow in leaving:
        for other in narrowed:
            same = other.target == flow.target and other.port.ports & flow.port.ports
            if same and narrowed_end(other, governed) == "Ingress" and _meet_anywhere(flow.source, other.source):
                yield _both_read(flow.target, "between both ends", str(other.port), other, flow)
                break


def _meet_anywhere(one: Peer, other: Peer) -> bool:
    return place_of(one) == place_of(other) and _meet(one, other)


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
    asking = [flow for flow in policy.flows if isinstance(flow.narrowing, Lookups)]
    wide = [flow for flow in asking if "**" in _looked_up(flow)]
    for flow in asking:
        if "**" in _looked_up(flow):
            continue
        for other in wide:
            same = other.target == flow.target and other.port == flow.port and other.source != flow.source
            if same and _meet_anywhere(flow.source, other.source):
                yield _any_name(flow, other)
                break


def _looked_up(flow: Flow) -> tuple[str, ...]:
    return flow.narrowing.names if isinstance(flow.narrowing, Lookups) else ()


def _any_name(flow: Flow, other: Flow) -> Diagnostic:
    narrowed, wide = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT402",
        f"the lookups of {flow.source} are narrowed, and {other.source} may look up any name",
        (Label(narrowed.at, "narrowed here"), Label(wide.at, "this edge needs lookups, and says of no names which")),
        "Allows add up: an edge of the whole namespace, or of a service in it, lets every name through.",
        "say for the other edge's source, too, which names it looks up, or name the services instead of the namespace",
    )


def _denied_needs(policy: Policy) -> Iterator[Diagnostic]:
    """What a deny refuses of the flows that edges need."""
    derived = [flow for flow in policy.flows if flow.derived]
    for denial in policy.denials:
        for flow in derived:
            source, target = denial.source, denial.target
            if isinstance(source, Everyone) or isinstance(target, Everyone) or not _overlap(source, flow.source):
                continue
            if _overlap(target, flow.target) and (isinstance(denial.port, EveryPort) or _same_port(denial.port, flow)):
                reason = flow.reasons[0]
                yield Diagnostic(
                    "ZT406",
                    f"the deny {denial.reason.edge} refuses what {reason.edge} needs: {flow.source} → {flow.target} "
                    f"{flow.port}",
                    (Label(denial.reason.at, "denied here"), Label(reason.at, f"needs {flow.port} of {flow.target}")),
                    "A deny overrules every allow, those that were derived for other edges, too: what this edge "
                    "calls by name is not found any more.",
                    "deny the services that are meant, or leave the edge out",
                )
                break


def _same_port(port: Port, flow: Flow) -> bool:
    return bool(port.ports & flow.port.ports)


def _overlap(one: Peer, other: Peer) -> bool:
    match one, other:
        case Outside(blocks=()), _:
            local = isinstance(other, Outside) and {one.role, other.role} == {"nodes", "node-local-dns"}
            return local or one == other
        case Outside(), Outside():
            return bool(one.addresses & other.addresses)
        case _:
            return _meet_anywhere(one, other) if place_of(one) is not None else one == other


def _still_named(policy: Policy) -> Iterator[Diagnostic]:
    """One name, one port: a rule that reads the names of TLS stays in force for pods to which another rule allows the
    port whole (v1.20.2, `pkg/policy/l4.go`, mergePortProto)."""
    read = [flow for flow in policy.flows if isinstance(flow.narrowing, ServerNames)]
    named = {flow.target for flow in read}
    whole = [flow for flow in policy.flows if isinstance(flow.narrowing, Whole) and flow.target in named]
    for flow in read:
        for other in whole:
            same = other.target == flow.target and other.port.ports & flow.port.ports
            places = place_of(flow.source), place_of(other.source)
            if same and places[0] == places[1] and _meet(flow.source, other.source):
                yield _also_whole(flow, other)
                break


def _also_whole(flow: Flow, other: Flow) -> Diagnostic:
    read, whole = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT326",
        f"Cilium cannot allow {whole.edge} whole: for {read.edge} the same port of {flow.target} is read",
        (Label(whole.at, "the whole port"), Label(read.at, f"only {flow.narrowing}")),
        "For one name and port Cilium joins the rules of a pod, and checks what TLS asks for as soon as one does.",
        "give the two ports different numbers; the same number, and no range, for the same callers is whole for both",
    )


def _meet(one: Peer, other: Peer) -> bool:
    return one == other or isinstance(one, EveryPod) or isinstance(other, EveryPod)


def _both_read(subject: Peer, way: str, port: str, flow: Flow, other: Flow) -> Diagnostic:
    one, another = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT326",
        f"Cilium cannot read two protocols on one port: {another.edge} ({other.narrowing}) and {one.edge} "
        f"({flow.narrowing}), both at {subject} port {port}, {way}",
        (Label(one.at, f"only {flow.narrowing}"), Label(another.at, f"only {other.narrowing}")),
        "One port of a pod has one proxy, whoever is at the other end. Of two the agent keeps the one that it sees "
        "first, and what the other was to refuse passes.",
        "allow one of the two whole, or let the services use different ports",
    )
