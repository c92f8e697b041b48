"""DNS, derived: whoever has an edge to a service or an external name must be able to ask for the name.

To the platform's resolver alone, by its labels in its namespace, on the port of its kind over UDP and TCP;
and to the node-local resolver's address, where there is one. Never a whole namespace.
"""

from attrs import evolve

from zt_dsl.ir.flow import Domain, Flow, Outside, Peer, Reason, Workload, place_of
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Port

_FOR = "DNS: the names of the services and hosts that it calls"


def derive_dns(policy: Policy) -> Policy:
    """Add the flows to the resolver that the edges of governed pods need."""
    governed = frozenset(policy.governed)
    calls: dict[Peer, list[Reason]] = {}
    for flow in policy.flows:
        if _by_name(flow, policy.platform.dns):
            calls.setdefault(flow.source, []).append(flow.reasons[0])
    first = {source: min(reasons, key=_place) for source, reasons in calls.items() if place_of(source) in governed}
    # Whoever has an edge to the resolver has said what it may ask: nothing is added beside that.
    there = {flow for flow in policy.flows if flow.port.kind == "dns"}
    platform = policy.platform
    said = {flow.source for flow in there if flow.target == platform.dns and flow.port == platform.dns_port}
    derived = tuple(
        flow
        for source, reason in first.items()
        for flow in _lookups(policy, source, Reason(reason.why, reason.at, reason.edge, _FOR))
        if flow not in there and not (source in said and flow.target == platform.dns)
    )
    return evolve(policy, flows=policy.flows + derived)


def _by_name(flow: Flow, resolver: Workload) -> bool:
    # What was derived for the resolver itself is no call; the rest that is derived is looked up like any other.
    if flow.target == resolver and any(reason.derived for reason in flow.reasons):
        return False
    # A name that a waiver widened to INTERNET is still called by its name.
    return isinstance(flow.target, (Workload, Domain)) or any(w.feature.startswith("fqdn") for w in flow.widenings)


def _place(reason: Reason) -> tuple[tuple[tuple[str, int, int], ...], str]:
    at = reason.at
    callers = [(via.path, via.line, via.column or 0) for via in at.via]
    return ((at.path, at.line, at.column or 0), *callers), reason.edge


def _lookups(policy: Policy, source: Peer, reason: Reason) -> tuple[Flow, ...]:
    platform = policy.platform
    port = platform.dns_port
    pods = Flow(source, platform.dns, port, WHOLE, (reason,))
    if not platform.node_local_dns:
        return (pods,)
    # The node-local resolver listens where clients dial, whatever the port of the resolver's own pods.
    local = Outside("node-local-dns", "node-local-dns", platform.node_local_dns)
    dialled = Port(port.name, "dns", port.service_port, port.service_port, port.service_port)
    return (pods, Flow(source, local, dialled, WHOLE, (reason,)))
