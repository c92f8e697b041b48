"""Where it runs."""

from zt_dsl import Kubernetes, Platform, Waiver

native = Platform(
    "native",
    network=Kubernetes("1.37"),
    pod_cidrs=["10.244.0.0/16"],
    waivers=[Waiver("grpc-methods", why="NetworkPolicy sees ports, not methods; there is no mesh yet")],
)
