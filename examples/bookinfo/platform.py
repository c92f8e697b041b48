"""Where it runs: on a mesh, as it was made for, alone and beside each network engine; and without one."""

from zt_dsl import Calico, Cilium, Istio, Kubernetes, Platform, Waiver

# `{id}` and `**` are exact only where the mesh decodes %2F: meshConfig.pathNormalization says so, too.
mesh = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES")

istio = Platform(
    "istio",
    network=None,
    mesh=mesh,
    waivers=[
        Waiver("egress", why="a demo: what the services send is nobody's secret"),
        Waiver("protocol", why="they speak HTTP alone"),
    ],
)
cilium_istio = Platform("cilium-istio", network=Cilium("1.20"), mesh=mesh)
calico_istio = Platform("calico-istio", network=Calico("3.32"), mesh=mesh)
kubernetes_istio = Platform("kubernetes-istio", network=Kubernetes("1.37"), mesh=mesh)

# Without a mesh: Cilium reads the routes itself; the others see the port alone.
cilium = Platform("cilium", network=Cilium("1.20"))
routes = Waiver("http-routes", why="there is no mesh on this cluster")
calico = Platform("calico", network=Calico("3.32"), waivers=[routes])
native = Platform("native", network=Kubernetes("1.37"), waivers=[routes])
