"""Where it runs: on Cilium, which says all of it; and wherever there is no more than NetworkPolicy."""

from zt_dsl import Calico, Cilium, Kubernetes, Platform, Waiver

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
