"""Names as one unit: a service that calls a host by its name asks for that name through the engine's DNS proxy.

Only from lookups that it has seen does an engine know which addresses a name has. So whoever has an edge to an
external name, or says which names it looks up, has its flows to the resolver narrowed to lookups: to any name, until
an edge says which; from then on to these, to the names that its other edges need, and to the cluster's own.

An edge of a whole namespace is one of each of its pods, and allows add up. So what a namespace's edge says holds for
its services, and as soon as one service says it, what is derived for the namespace is what the namespace's edges need:
any name there would be any name for that service, too.
"""

from collections.abc import Collection, Iterable

from attrs import evolve

from zt_dsl.ir.flow import Domain, EveryPod, Flow, Outside, Peer, place_of
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Lookups, Whole

ANY_NAME = "**"

_CLUSTER = "cluster.local"
_DEEPEST = 12
"""Labels before the cluster's domain: a name of eight, as the search list of a pod completes it, has eleven."""


def filter_lookups(policy: Policy, sayable: Collection[str]) -> Policy:
    """Narrow the flows to the platform's resolver to the lookups that their sources need.

    `sayable` are the features that the engine says exactly. One that has no `**.` is given the cluster's own names
    depth by depth.
    """
    own = _cluster_names("dns-any-depth" in sayable)
    governed = frozenset(policy.governed)
    asks: dict[Peer, list[Flow]] = {}
    calls: dict[Peer, set[str]] = {}
    widened: set[Peer] = set()
    for flow in policy.flows:
        if place_of(flow.source) not in governed:
            continue
        if _to_resolver(flow, policy):
            asks.setdefault(flow.source, []).append(flow)
        elif isinstance(flow.target, Domain):
            calls.setdefault(flow.source, set()).add(str(flow.target))
        elif any(widening.feature.startswith("fqdn") for widening in flow.widenings):
            # A name that a waiver widened to INTERNET is looked up still, and nobody knows its like by name.
            widened.add(flow.source)
    filtered = _filtered(asks, calls)
    said = {source: _said(flows) for source, flows in asks.items()}
    anything = widened | {source for source, flows in asks.items() if any(map(_any, flows))}
    says = {source for source in asks if said[source] and source not in anything}
    namespaces = {source.place for source in says if isinstance(source, EveryPod)}
    services = {place_of(source) for source in says if not isinstance(source, EveryPod)}

    def names_of(source: Peer) -> tuple[str, ...]:
        beside = place_of(source) in (services if isinstance(source, EveryPod) else namespaces)
        if source in anything or not (source in says or beside):
            return (ANY_NAME,)
        return tuple(sorted(said[source] | calls.get(source, set()) | own))

    names = {source: names_of(source) for source in filtered}

    def narrowed(flow: Flow) -> Flow:
        if flow.source not in names or not _to_resolver(flow, policy):
            return flow
        return evolve(flow, narrowing=Lookups(names[flow.source]))

    return evolve(policy, flows=tuple(map(narrowed, policy.flows)))


def _cluster_names(any_depth: bool) -> frozenset[str]:
    """The cluster's own names: what Kubernetes' part of a pod's search list makes of any name is among them. Domains
    that a node's own resolv.conf adds are not."""
    if any_depth:
        return frozenset((f"**.{_CLUSTER}",))
    return frozenset("*." * depth + _CLUSTER for depth in range(1, _DEEPEST + 1))


def _to_resolver(flow: Flow, policy: Policy) -> bool:
    platform = policy.platform
    if isinstance(flow.target, Outside):
        return flow.target.role == "node-local-dns"
    return flow.target == platform.dns and flow.port.kind == "dns"


def _filtered(asks: dict[Peer, list[Flow]], calls: dict[Peer, set[str]]) -> set[Peer]:
    """Whose lookups must be seen. A whole namespace's flow holds for each of its pods, and one that is not read lets
    every lookup of theirs through unread: there it is all of them, or none."""
    own = {source for source, flows in asks.items() if source in calls or not all(map(_whole, flows))}
    everyone = {source.place for source in asks if isinstance(source, EveryPod)}
    read = {place_of(source) for source in own} & everyone
    return own | {source for source in asks if place_of(source) in read}


def _said(flows: Iterable[Flow]) -> frozenset[str]:
    """The names that edges say are looked up."""
    return frozenset(name for flow in flows if isinstance(flow.narrowing, Lookups) for name in flow.narrowing.names)


def _any(flow: Flow) -> bool:
    """Whether somebody wrote that every name may be looked up."""
    if isinstance(flow.narrowing, Lookups):
        return ANY_NAME in flow.narrowing.names
    return not flow.derived


def _whole(flow: Flow) -> bool:
    return isinstance(flow.narrowing, Whole)
