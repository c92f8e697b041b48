"""Waivers applied: each facet that is waived is replaced by the least that contains it and can be said.

Routes, methods, topics and lookups become the whole port; a name becomes that port of INTERNET; a caller that a mesh
alone cannot tell becomes whoever shows no identity; a deny and a demand for mTLS become nothing. What no waiver covers
stays, for the plan to refuse.
"""

from collections.abc import Callable
from ipaddress import ip_network
from typing import assert_never

from attrs import evolve, frozen

from zt_dsl.ir.flow import (
    Denial,
    Domain,
    Everyone,
    EveryPod,
    Flow,
    Outside,
    Peer,
    Place,
    Unidentified,
    Widening,
    Workload,
)
from zt_dsl.ir.mesh import unidentified
from zt_dsl.ir.platform import EveryTarget, Into, NoNetwork, Waiver
from zt_dsl.ir.policy import Asked, MtlsDemand, Policy
from zt_dsl.ir.traffic import WHOLE, Lookups, Methods, Port, Routes, ServerNames, Topics, Whole

INTERNET = Outside("internet", "internet", (ip_network("0.0.0.0/0"), ip_network("::/0")))
"""As the surface's INTERNET, before a platform's pods are excepted from it."""


@frozen
class Widened:
    """The policy with its waivers applied, and what became of them.

    `dropped` are denials and demands that are given up; `unneeded` are waivers that nothing needed.
    """

    policy: Policy
    dropped: tuple[Widening, ...]
    unneeded: tuple[Waiver, ...]


_WAIVED_AS = {"fqdn-any-depth": "fqdn-wildcard", "dns-any-depth": "dns-names", "deny-names": "deny"}
"""Features that a waiver names by another's name: an engine may have one, and not the other."""


OF_THE_PLATFORM = {
    "egress": ("what governed pods send", "a governed pod may send anything to anybody"),
    "protocol": ("UDP and SCTP", "UDP and SCTP are open, whoever sends them"),
}
"""What is asked of a platform whatever the edges are, and what becomes of it where it is waived."""


def waived_as(feature: str) -> str:
    """What a waiver for this feature is called."""
    return _WAIVED_AS.get(feature, feature)


def feature_of(flow: Flow) -> str:
    """The feature that says how this flow is narrowed, or what its target is; empty where nothing is asked."""
    match flow.narrowing:
        case Whole():
            return ""
        case Routes():
            return "http-routes"
        case Methods():
            return "grpc-methods"
        case Topics():
            return "kafka-topics"
        case Lookups(names=names):
            return "dns-any-depth" if any(name.startswith("**.") for name in names) else "dns-names"
        case ServerNames():
            return "server-names"
        case _:
            assert_never(flow.narrowing)


def identity_feature(policy: Policy, flow: Flow) -> str:
    """The feature that a source asks for which a mesh has to tell apart alone; empty where it need not, or can."""
    return "identity" if isinstance(policy.platform.network, NoNetwork) and unidentified(policy, flow) else ""


def denied_feature(denial: Denial) -> str:
    """The feature that a deny asks for."""
    return "deny-names" if isinstance(denial.target, Domain) else "deny"


def name_feature(flow: Flow) -> str:
    """The feature that a named target asks for; empty where the target is no name."""
    target = flow.target
    if not isinstance(target, Domain):
        return ""
    return {"exactly": "fqdn", "one-label": "fqdn-wildcard", "any-depth": "fqdn-any-depth"}[target.match]


def widen(policy: Policy, says: Callable[[Policy, str, Asked], bool]) -> Widened:
    """Apply the platform's waivers for what its engines cannot say: `says` tells whether one can, of a feature and of
    what asks for it."""
    waivers = policy.platform.waivers
    used: set[int] = set()

    def waiver_for(feature: str, asked: Asked, target: Peer | Everyone, port: str) -> Waiver | None:
        if not feature or says(policy, feature, asked):
            return None
        found = None
        for index, waiver in enumerate(waivers):
            if waiver.feature == waived_as(feature) and _covers(waiver, target, port):
                used.add(index)
                found = found or waiver
        return found

    def platform_wide(feature: str, asked: Asked) -> Waiver | None:
        """One for every target: what is no edge's can be waived by no other."""
        for index, waiver in enumerate(waivers):
            if waiver.feature == feature and isinstance(waiver.scope, EveryTarget) and not says(policy, feature, asked):
                used.add(index)
                return waiver
        return None

    dropped: dict[Widening, None] = {}
    given_up: set[str] = set()
    for feature, (was, now) in OF_THE_PLATFORM.items():
        if (wide := platform_wide(feature, policy)) is not None:
            given_up.add(feature)
            dropped[_widening(wide, was, now)] = None
    # What is given up for the platform is no longer asked of anything on it.
    policy = evolve(policy, given_up=frozenset(given_up))
    flows: list[Flow] = []
    for flow in policy.flows:
        # Asked before the name is gone: a waiver's target is the peer that the edge was written for.
        by_name = waiver_for(name_feature(flow), flow, flow.target, flow.port.name)
        by_rule = waiver_for(feature_of(flow), flow, flow.target, flow.port.name)
        by_identity = waiver_for(identity_feature(policy, flow), flow, flow.target, flow.port.name)
        wider = flow
        if by_rule is not None:
            now = f"the whole port {flow.port}"
            wider = evolve(
                wider, narrowing=WHOLE, widenings=(*wider.widenings, _widening(by_rule, str(flow.narrowing), now))
            )
        if by_name is not None:
            was, now = f"{flow.target} port {flow.port}", f"INTERNET port {flow.port}"
            wider = evolve(wider, target=INTERNET, widenings=(*wider.widenings, _widening(by_name, was, now)))
        if by_identity is not None:
            was, now = f"from {flow.source}", f"from {Unidentified()}"
            wider = evolve(wider, source=Unidentified(), widenings=(*wider.widenings, _widening(by_identity, was, now)))
        flows.append(wider)
    denials: list[Denial] = []
    for denial in policy.denials:
        port = denial.port.name if isinstance(denial.port, Port) else "*"
        found = waiver_for(denied_feature(denial), denial, denial.target, port)
        if found is None:
            denials.append(denial)
        else:
            dropped[
                _widening(found, f"deny {denial.reason.edge}", "nothing is denied; only what is allowed passes")
            ] = None
    demands: list[MtlsDemand] = []
    for demand in policy.mtls_demands:
        found_for = [waiver_for("mtls", demand, workload, demand.port) for workload in demand.workloads]
        if demand.workloads and all(found_for) and found_for[0] is not None:
            dropped[_widening(found_for[0], f"strict mTLS of {demand.of}", "no identity is enforced")] = None
        elif not demand.workloads and (everywhere := platform_wide("mtls", demand)) is not None:
            dropped[_widening(everywhere, f"strict mTLS of {demand.of}", "no identity is enforced")] = None
        else:
            demands.append(demand)
    return Widened(
        evolve(
            policy,
            flows=tuple(flows),
            denials=tuple(denials),
            mtls_demands=tuple(demands),
        ),
        tuple(sorted(dropped, key=str)),
        tuple(waiver for index, waiver in enumerate(waivers) if index not in used),
    )


def _widening(waiver: Waiver, was: str, now: str) -> Widening:
    return Widening(waiver.feature, was, now, waiver.why, waiver.until, waiver.at)


def _covers(waiver: Waiver, target: Peer | Everyone, port: str) -> bool:
    match waiver.scope:
        case EveryTarget():
            return True
        case scope:
            return any(_into(into, target, port) for into in scope)


def _into(into: Into, target: Peer | Everyone, port: str) -> bool:
    if into.port not in ("*", port):
        return False
    match into.target, target:
        case Place() as place, Workload(place=where) | EveryPod(place=where):
            return place == where
        case there, here:
            return there == here
