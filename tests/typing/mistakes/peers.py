"""Mistakes in peers and places: what each constructor takes, and what is frozen."""

from app.kinds import Desk, Plant, Router, Store, counter, parcels, telemetry
from app.workloads import branch, customs, desk, shelves
from zt_dsl import (
    ApiServer,
    External,
    GrpcApp,
    HttpApp,
    HttpsApi,
    Kafka,
    KubeDns,
    MySql,
    Namespace,
    Network,
    Nodes,
    Postgres,
    Redis,
    Service,
    Tier,
)

Namespace()  # E: call-arg
Namespace(7)  # E: arg-type
Namespace("parcels", "ops")  # E: call-arg
Namespace("parcels", cluster=7)  # E: arg-type
Namespace("parcels", meshed="no")  # E: arg-type
Namespace("parcels", labels={"team": "sorting"})  # E: call-arg
Tier()  # E: call-arg
Tier(1)  # E: arg-type
Tier("counter", order=1)  # E: call-arg
Tier(parcels)  # E: arg-type

Service("desk")  # E: call-arg
Service("desk", parcels)  # E: call-arg
Service(namespace=parcels)  # E: call-arg
Service(desk, namespace=parcels)  # E: arg-type
Service("desk", namespace="parcels")  # E: arg-type
Service("desk", namespace=None)  # E: arg-type
Service("desk", namespace=counter)  # E: arg-type
Service("desk", namespace=parcels, tier="counter")  # E: arg-type
Service("desk", namespace=parcels, tier=parcels)  # E: arg-type
Service("desk", namespace=parcels, labels=["app=desk"])  # E: arg-type
Service("desk", namespace=parcels, labels="app=desk")  # E: arg-type
Service("desk", namespace=parcels, labels={"app": 1})  # E: dict-item
Service("desk", namespace=parcels, service_account=True)  # E: arg-type
Service("desk", namespace=parcels, mtls="off")  # E: arg-type
Service("desk", namespace=parcels, meshed="yes")  # E: arg-type
Service("desk", namespace=parcels, host_network=None)  # E: arg-type
Service("desk", namespace=parcels, hostNetwork=True)  # E: call-arg
Service("desk", namespace=parcels, replicas=2)  # E: call-arg
Desk("desk", http=8080)  # E: call-arg
Desk("desk", namespace=parcels, tire=counter)  # E: call-arg
Store("shelves", tier=shelves)  # E: arg-type
Router("router", "sorting")  # E: arg-type, call-arg  # P: reportCallIssue
HttpApp("shop")  # E: call-arg
GrpcApp("shop", namespace=Namespace)  # E: arg-type
Postgres("rows", namespace=parcels, port=5433)  # E: call-arg
MySql("rows", ns=parcels)  # E: call-arg
Redis("cache", namespace=parcels, cluster="ops")  # E: call-arg
Kafka("bus", namespace=parcels, topics=["events"])  # E: call-arg

External()  # E: call-arg
External("example.org", 443)  # E: call-arg
External(["example.org", "example.com"])  # E: arg-type
External("example.org", namespace=parcels)  # E: call-arg
HttpsApi(443)  # E: arg-type
HttpsApi("example.org", cidrs=["192.0.2.0/24"])  # E: call-arg
Network("branch")  # E: call-arg
Network(cidrs=["192.0.2.0/24"])  # E: call-arg
Network("branch", ["192.0.2.0/24"])  # E: call-arg
Network("branch", cidrs=None)  # E: arg-type
Network("branch", cidrs=[192])  # E: list-item
Network("branch", cidrs={"192.0.2.0/24"})  # E: arg-type
Network("branch", cidrs=["192.0.2.0/24"], excluding=7)  # E: arg-type
Network("branch", cidrs=["192.0.2.0/24"], excluding=[branch])  # E: list-item
Network("branch", cidrs=["192.0.2.0/24"], except_=["192.0.2.1/32"])  # E: call-arg
Plant("conveyor")  # E: call-arg

KubeDns(7)  # E: arg-type
KubeDns(namespace="kube-system")  # E: arg-type
KubeDns(labels=("k8s-app", "kube-dns"))  # E: arg-type
KubeDns(cluster_ip="192.0.2.10")  # E: call-arg
ApiServer(cidrs=[6443])  # E: list-item
ApiServer("kube-apiserver", ["192.0.2.1/32"])  # E: call-arg
ApiServer(host="192.0.2.1")  # E: call-arg
Nodes(None)  # E: arg-type
Nodes(cidrs=24)  # E: arg-type
Nodes(namespace=parcels)  # E: call-arg

desk.labels = {"app": "kiosk"}  # E: misc
desk.namespace = telemetry  # E: misc
desk.host_network = True  # E: misc
customs.name = "example.com"  # E: misc
branch.cidrs = ()  # E: misc
counter.name = "front"  # E: misc
parcels.cluster = "ops"  # E: misc
shelves.colour = "red"  # E: attr-defined
branch.namespace  # E: attr-defined
customs.cidrs  # E: attr-defined
desk.cluster  # E: attr-defined
branch.cidrs.append("192.0.2.0/24")  # E: attr-defined


class Numbered(Desk):
    namespace: str = "parcels"  # E: assignment  # P: reportIncompatibleVariableOverride


class Placeless(Desk):
    namespace: Namespace = "parcels"  # E: assignment


class Layered(Desk):
    tier: Tier = "counter"  # E: assignment
