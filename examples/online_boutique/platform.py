"""Where it runs: on Cilium, which says all of it; and wherever there is no more than NetworkPolicy."""

from zt_dsl import Calico, Cilium, Istio, Kubernetes, Platform, Waiver

cilium = Platform("cilium", network=Cilium("1.20"), pod_cidrs=["10.244.0.0/16"])

native = Platform(
    "native",
    network=Kubernetes("1.37"),
    pod_cidrs=["10.244.0.0/16"],
    waivers=[Waiver("grpc-methods", why="NetworkPolicy sees ports, not methods; there is no mesh yet")],
)

calico = Platform(
    "calico",
    network=Calico("3.31"),
    pod_cidrs=["10.244.0.0/16"],
    waivers=[Waiver("grpc-methods", why="Calico's dataplane sees ports, not methods; there is no mesh yet")],
)

# With a mesh nothing is waived, whatever the network engine is: the sidecars read the methods.
mesh = Istio("1.31")
cilium_istio = Platform("cilium-istio", network=Cilium("1.20"), mesh=mesh, pod_cidrs=["10.244.0.0/16"])
calico_istio = Platform("calico-istio", network=Calico("3.31"), mesh=mesh, pod_cidrs=["10.244.0.0/16"])
kubernetes_istio = Platform("kubernetes-istio", network=Kubernetes("1.37"), mesh=mesh, pod_cidrs=["10.244.0.0/16"])

# The mesh alone holds what arrives, and nothing of what leaves.
istio = Platform(
    "istio",
    network=None,
    mesh=mesh,
    pod_cidrs=["10.244.0.0/16"],
    waivers=[
        Waiver("egress", why="a demo: nothing of it is worth sending anywhere"),
        Waiver("protocol", why="none of the services speaks UDP or SCTP"),
    ],
)
