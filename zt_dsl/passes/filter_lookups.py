"""Names as one unit: a service that calls a host by its name asks for that name through the engine's DNS proxy.

Only from lookups that it has seen does an engine know which addresses a name has. So whoever has an edge to an
external name, or says which names it looks up, has its flows to the resolver narrowed to lookups: to any name, until
an edge says which; from then on to these, to the names that its other edges need, and to the cluster's own.
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
    names = {source: _names(asks[source], calls.get(source, set()), own, source in widened) for source in filtered}

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


def _names(flows: Iterable[Flow], called: set[str], own: frozenset[str], widened: bool) -> tuple[str, ...]:
    said = {name for flow in flows if isinstance(flow.narrowing, Lookups) for name in flow.narrowing.names}
    if not said or widened or any(_whole(flow) and not flow.derived for flow in flows):
        return (ANY_NAME,)
    return (ANY_NAME,) if ANY_NAME in said else tuple(sorted(said | called | own))


def _whole(flow: Flow) -> bool:
    return isinstance(flow.narrowing, Whole)
