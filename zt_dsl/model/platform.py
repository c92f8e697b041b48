"""Where it runs: engines with their versions, addresses, and what they may enforce less of."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from attrs import field, frozen

from zt_dsl.model.peers import ApiServer, KubeDns, Nodes
from zt_dsl.model.statements import Target, listed
from zt_dsl.source import Span, here


@frozen
class Kubernetes:
    """NetworkPolicy v1 alone, whatever engine enforces it. `plugin` is that one, where it makes less of it than the
    API says."""

    version: str
    plugin: Literal["antrea", "weave-net"] | None = field(default=None, kw_only=True)
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)


@frozen
class Cilium:
    """CiliumNetworkPolicy."""

    version: str
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)


@frozen(kw_only=True)
class Calico:
    """`edition`: domains need "enterprise". `app_layer`: HTTP rules are enforced (Dikastes)."""

    version: str = field(kw_only=False)
    edition: Literal["open-source", "enterprise"] = "open-source"
    app_layer: bool = False
    tier: str = "default"
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)


@frozen(kw_only=True)
class Istio:
    """PeerAuthentication and AuthorizationPolicy, by sidecars or by ztunnel and waypoints.

    `mesh_wide_mtls` writes a mode for the whole mesh, in its root namespace. It reaches every namespace of the mesh,
    those that no topology governs too, which is why only the platform can say it.
    """

    version: str = field(kw_only=False)
    mode: Literal["sidecar", "ambient"] = "sidecar"
    waypoint: str | None = None
    trust_domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    path_normalization: Literal["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "BASE"
    mesh_wide_mtls: Literal["strict", "permissive", "disable"] | None = None
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)


Feature = Literal[
    "api-server", "cidr", "deny", "dns-names", "egress", "fqdn", "fqdn-wildcard", "grpc-methods",
    "http-routes", "identity", "kafka-topics", "mtls", "port-range", "protocol",
]  # fmt: skip


def _targets(value: Target | Iterable[Target] | None) -> tuple[Target, ...] | None:
    return None if value is None else listed(value)


@frozen(kw_only=True)
class Waiver:
    """This platform may enforce less than the topology says, for one feature, and says why.

    Each edge that needs it is widened to the least that the platform can say and that contains
    it, listed as such in every report and in what is emitted, and proven as widened. `target`: only
    for edges into it; None is every edge, the future ones too. Past `until` compiling fails.
    """

    feature: Feature = field(kw_only=False)
    why: str
    target: tuple[Target, ...] | None = field(default=None, converter=_targets)
    until: date | None = None
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)


def _cidrs(value: Iterable[str]) -> Iterable[str]:
    # A text is iterable too, and its letters are no addresses: resolve reports it.
    return value if isinstance(value, str) else listed(value)


def _waivers(value: Iterable[Waiver]) -> tuple[Waiver, ...]:
    return listed(value)


@frozen(kw_only=True)
class Platform:
    """One cluster's enforcement stack. With `network=None` the mesh alone enforces.

    `pod_cidrs` are the addresses that pods get; `node_local_dns` is the address of a node-local resolver.
    """

    name: str = field(kw_only=False)
    network: Kubernetes | Cilium | Calico | None
    mesh: Istio | None = None
    cluster: str = "default"
    dns: KubeDns = field(factory=KubeDns)
    api_server: ApiServer = field(factory=ApiServer)
    nodes: Nodes = field(factory=Nodes)
    node_local_dns: str | None = None
    pod_cidrs: Iterable[str] = field(default=(), converter=_cidrs)
    waivers: tuple[Waiver, ...] = field(default=(), converter=_waivers)
    written_at: Span = field(factory=here, init=False, eq=False, repr=False)
