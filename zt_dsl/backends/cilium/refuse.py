"""What Cilium cannot say although its table has the feature: limits, and rules that would undo one another."""

import re
from collections.abc import Iterator
from typing import Literal

from zt_dsl.backends.cilium import entries
from zt_dsl.backends.cilium.expressions import LARGEST_PROGRAMME, fits, method_expression, path_expression
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import EveryPod, Flow, Peer, Place, Workload, narrowed_end, peers_of, place_of
from zt_dsl.ir.paths import Speech, only
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Methods, Protocol, Routes, ServerNames, Whole


def refuse(policy: Policy) -> tuple[Diagnostic, ...]:
    """Labels that are no part of an identity, paths that are too long, two protocols that are read on one port, names
    that are read there for pods that need not have them, policy maps that are full."""
    return (
        *_unseen_labels(policy),
        *_long_paths(policy),
        *_two_protocols(policy),
        *_still_named(policy),
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
                yield _both_read(subject, way, f"{number}/{protocol}", flow, other)
                break


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
        "give the two ports different numbers, or write both for the same callers",
    )


def _meet(one: Peer, other: Peer) -> bool:
    return one == other or isinstance(one, EveryPod) or isinstance(other, EveryPod)


def _both_read(subject: Peer, way: str, port: str, flow: Flow, other: Flow) -> Diagnostic:
    one, another = flow.reasons[0], other.reasons[0]
    return Diagnostic(
        "ZT326",
        f"Cilium cannot read two protocols on one port: {another.edge} ({other.narrowing}) and {one.edge} "
        f"({flow.narrowing}), both at {subject} port {port}, {way.lower()}",
        (Label(one.at, f"only {flow.narrowing}"), Label(another.at, f"only {other.narrowing}")),
        "One port of a pod has one proxy, whoever is at the other end. Of two the agent keeps the one that it sees "
        "first, and what the other was to refuse passes.",
        "allow one of the two whole, or let the services use different ports",
    )
