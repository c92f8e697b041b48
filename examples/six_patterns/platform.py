"""Where the patterns run: NetworkPolicy, Cilium before and after it lost Kafka, Calico; and Istio beside each.

A waiver that nothing needs is a warning (ZT401). So each engine is here without any, for the patterns that it says
exactly, and beside that once more for each pattern that it says less of, with what that pattern agrees to lose.
"""

from zt_dsl import ApiServer, Calico, Cilium, Istio, Kubernetes, Platform, Waiver

PODS = ["10.244.0.0/16"]

# Patterns 1 and 2 and the pitfalls speak of pods and ports: NetworkPolicy says all of that, and Cilium too.
native = Platform("native", network=Kubernetes("1.37"))

# Names are exact here: pattern 4, too.
cilium = Platform("cilium", network=Cilium("1.20"), pod_cidrs=PODS)

# Pattern 3, all of it: the last Cilium that reads Kafka.
cilium_1_19 = Platform("cilium-1-19", network=Cilium("1.19"), pod_cidrs=PODS)

# Pattern 3 on today's Cilium: routes and names are exact, and of the topics the broker's port is left.
topics = Waiver("kafka-topics", why="Kafka's own ACLs hold the topics")
cilium_without_topics = Platform("cilium", network=Cilium("1.20"), pod_cidrs=PODS, waivers=[topics])

# Patterns 3 and 4 without Cilium. What is left of routes and topics is the port, and of a name every address outside.
routes = Waiver("http-routes", why="the API checks its own routes")
names = Waiver("fqdn", why="the firewall at the border holds the names")
wildcards = Waiver("fqdn-wildcard", why="the firewall at the border holds the names")
native_without_l7 = Platform("native", network=Kubernetes("1.37"), pod_cidrs=PODS, waivers=[routes, topics, names])
native_without_names = Platform("native", network=Kubernetes("1.37"), pod_cidrs=PODS, waivers=[names, wildcards])

# Calico in its open-source edition says what NetworkPolicy says, and denies, too.
calico = Platform("calico", network=Calico("3.31"), pod_cidrs=PODS)
calico_without_l7 = Platform("calico", network=Calico("3.31"), pod_cidrs=PODS, waivers=[routes, topics, names])
calico_without_names = Platform("calico", network=Calico("3.31"), pod_cidrs=PODS, waivers=[names, wildcards])

# Patterns 5 and 6: a mesh beside each network engine. Identities and requests are the mesh's, the rest the network's.
# `**` is exact only where the mesh decodes %2F, which it does not as it is installed.
mesh = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES")
strict_mesh = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES", mesh_wide_mtls="strict")
API_SERVER = ApiServer(cidrs=["192.0.2.10/32"])
denied = Waiver("deny", why="admission refuses policies that are not ours")

cilium_istio = Platform("cilium-istio", network=Cilium("1.20"), mesh=mesh, pod_cidrs=PODS)
cilium_strict_mesh = Platform("cilium-istio", network=Cilium("1.20"), mesh=strict_mesh)
kubernetes_istio = Platform("kubernetes-istio", network=Kubernetes("1.37"), mesh=mesh)
calico_istio = Platform("calico-istio", network=Calico("3.32"), mesh=mesh)
# What neither layer says: Calico and NetworkPolicy know no names, and NetworkPolicy has no deny.
calico_istio_without_names = Platform(
    "calico-istio", network=Calico("3.32"), mesh=mesh, pod_cidrs=PODS, api_server=API_SERVER, waivers=[names]
)
kubernetes_istio_without_names = Platform(
    "kubernetes-istio",
    network=Kubernetes("1.37"),
    mesh=mesh,
    pod_cidrs=PODS,
    api_server=API_SERVER,
    waivers=[names, denied],
)
