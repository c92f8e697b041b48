"""Where a policy runs: the engines and their versions, the platform's own peers, and its waivers."""

from typing import Literal

from attrs import frozen

from zt_dsl.ir.addresses import IPNetwork
from zt_dsl.ir.flow import Outside, Peer, Place, Workload
from zt_dsl.ir.traffic import Port
from zt_dsl.source import Location


@frozen
class Kubernetes:
    """NetworkPolicy v1 alone; `plugin` is empty where nobody says which enforces it."""

    version: str
    plugin: Literal["antrea", "weave-net", ""] = ""

    @property
    def settings(self) -> frozenset[str]:
        """The plugin, as users write it, where there is one."""
        return frozenset((f'plugin="{self.plugin}"',)) if self.plugin else frozenset()


@frozen
class Cilium:
    """CiliumNetworkPolicy."""

    version: str


ENTERPRISE = 'edition="enterprise"'
APP_LAYER = "app_layer=True"
"""What changes what Calico can say, as users write it."""


@frozen
class Calico:
    """Calico's own policies."""

    version: str
    edition: Literal["open-source", "enterprise"]
    app_layer: bool
    tier: str

    @property
    def settings(self) -> frozenset[str]:
        """Which of `ENTERPRISE` and `APP_LAYER` it has."""
        given = ((ENTERPRISE, self.edition == "enterprise"), (APP_LAYER, self.app_layer))
        return frozenset(setting for setting, there in given if there)


@frozen
class NoNetwork:
    """No network engine: the mesh alone enforces."""


Network = Kubernetes | Cilium | Calico | NoNetwork


@frozen
class Istio:
    """Istio; `waypoint` is empty where none is named. `mesh_wide_mtls` is the mode that is written for the whole mesh,
    in its root namespace, whatever is governed."""

    version: str
    mode: Literal["sidecar", "ambient"]
    waypoint: str
    trust_domain: str
    root_namespace: str
    path_normalization: Literal["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]
    mesh_wide_mtls: Literal["strict", "permissive", "disable", "unwritten"] = "unwritten"


@frozen
class NoMesh:
    """No mesh: no layer of this platform enforces identity."""


Mesh = Istio | NoMesh


@frozen
class EveryTarget:
    """A waiver for every edge."""


@frozen
class Into:
    """A waiver for edges into one peer, or into every service of a place."""

    target: Peer | Place
    port: str | Literal["*"]
    """The name of the port; `*` is every port."""


@frozen
class Waiver:
    """A feature that this platform may enforce less of. `until` is an ISO date, or empty."""

    feature: str
    why: str
    until: str
    scope: EveryTarget | tuple[Into, ...]
    at: Location


@frozen
class Platform:
    """One cluster's enforcement stack."""

    name: str
    network: Network
    mesh: Mesh
    cluster: str
    dns: Workload
    dns_port: Port
    api_server: Outside
    nodes: Outside
    node_local_dns: tuple[IPNetwork, ...]
    """At most one, a single address; none where there is no node-local resolver."""
    pod_cidrs: tuple[IPNetwork, ...]
    waivers: tuple[Waiver, ...]
    at: Location
