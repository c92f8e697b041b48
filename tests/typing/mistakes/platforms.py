"""Mistakes in platforms, engines and waivers."""

from datetime import date

from app.kinds import counter, parcels
from app.workloads import api_server, branch, desk, dns, exchange, nodes, router
from zt_dsl import ApiServer, Calico, Cilium, Istio, Kubernetes, Platform, Waiver

Kubernetes()  # E: call-arg
Kubernetes(1.33)  # E: arg-type
Kubernetes("1.33", "calico")  # E: arg-type, call-arg  # P: reportCallIssue
Kubernetes("1.33", plugin="calico")  # E: arg-type
Kubernetes((1, 33))  # E: arg-type
Kubernetes("1.33", distribution="k3s")  # E: call-arg
Cilium(None)  # E: arg-type
Cilium(1.18)  # E: arg-type
Cilium("1.18", edition="enterprise")  # E: call-arg
Calico()  # E: call-arg
Calico(3)  # E: arg-type
Calico("3.31", "enterprise")  # E: call-arg
Calico("3.31", edition="Enterprise")  # E: arg-type
Calico("3.31", app_layer="on")  # E: arg-type
Calico("3.31", tier=counter)  # E: arg-type
Calico("3.31", mode="ambient")  # E: call-arg
Istio()  # E: call-arg
Istio(1.28)  # E: arg-type
Istio("1.28", "ambient")  # E: call-arg
Istio("1.28", mode="ztunnel")  # E: arg-type
Istio("1.28", waypoint=router)  # E: arg-type
Istio("1.28", trust_domain=None)  # E: arg-type
Istio("1.28", root_namespace=parcels)  # E: arg-type
Istio("1.28", path_normalization="merge_slashes")  # E: arg-type
Istio("1.28", path_normalisation="BASE")  # E: call-arg

Platform()  # E: call-arg
Platform("production")  # E: call-arg
Platform("production", Cilium("1.18"))  # E: call-arg
Platform("production", network="cilium")  # E: arg-type
Platform("production", network=Cilium)  # E: arg-type
Platform("production", network=Istio("1.28"))  # E: arg-type
Platform("production", network=[Cilium("1.18"), Calico("3.31")])  # E: arg-type
Platform("production", network=None, mesh=Cilium("1.18"))  # E: arg-type
Platform("production", network=None, mesh="istio")  # E: arg-type
Platform("production", network=None, cluster=None)  # E: arg-type
Platform("production", network=None, dns=desk)  # E: arg-type
Platform("production", network=None, dns="192.0.2.10")  # E: arg-type
Platform("production", network=None, api_server=nodes)  # E: arg-type
Platform("production", network=None, api_server=ApiServer)  # E: arg-type
Platform("production", network=None, nodes=branch)  # E: arg-type
Platform("production", network=None, nodes=["192.0.2.0/24"])  # E: arg-type
Platform("production", network=None, node_local_dns=dns)  # E: arg-type
Platform("production", network=None, pod_cidrs=24)  # E: arg-type
Platform("production", network=None, pod_cidrs=[branch])  # E: list-item
Platform("production", network=None, pod_cidr="192.0.2.0/24")  # E: call-arg
Platform("production", network=None, waivers=Waiver("deny", why="spring"))  # E: arg-type
Platform("production", network=None, waivers=["deny"])  # E: list-item
Platform("production", network=None, waivers={"deny": "spring"})  # E: dict-item
Platform("production", network=None, mesh=Istio("1.28"), mtls="strict")  # E: call-arg

Waiver()  # E: call-arg
Waiver("deny")  # E: call-arg
Waiver("deny", "spring")  # E: call-arg
Waiver("http_routes", why="spring")  # E: arg-type
Waiver("http-route", why="spring")  # E: arg-type
Waiver(["deny", "mtls"], why="spring")  # E: arg-type
Waiver("deny", why=None)  # E: arg-type
Waiver("deny", why="spring", target="router")  # E: arg-type
Waiver("deny", why="spring", target=["router"])  # E: list-item
Waiver("deny", why="spring", target=[[router.grpc]])  # E: list-item
Waiver("deny", why="spring", target=api_server.https.number)  # E: attr-defined
Waiver("deny", why="spring", until="2030-01-31")  # E: arg-type
Waiver("deny", why="spring", until=2030)  # E: arg-type
Waiver("deny", why="spring", expires=date(2030, 1, 31))  # E: call-arg
Waiver("deny", why="spring", edges=[exchange.api])  # E: call-arg
