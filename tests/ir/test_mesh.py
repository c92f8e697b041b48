"""Who has an identity, where a mesh sees what arrives, and which mode a port has."""

import pytest
from attrs import evolve

from tests.strategies import ON, Declaration, kind
from zt_dsl import HttpPort, Istio, KubeDns, Kubernetes, Namespace, Platform, Service, TcpPort, Topology, UdpPort, allow
from zt_dsl.ir.flow import Domain, EveryPod, Outside, Place
from zt_dsl.ir.mesh import (
    arrives_in_mesh,
    encrypted,
    has_identity,
    inhabitants,
    is_captured,
    meshed_places,
    overridden,
    port_mode,
)
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Port
from zt_dsl.model.ports import Mtls
from zt_dsl.resolve import resolve

SHOP, PAY, OLD = Namespace("shop"), Namespace("pay"), Namespace("old", meshed=False)


class Api(Service):
    http = HttpPort(8080)
    own = TcpPort(9090, last=9092, mtls="permissive")
    media = UdpPort(9091, mtls="disable")


WEB = Api("web", namespace=SHOP)


def policy(target: Service, *, mtls: Mtls | None = None, port: str = "http", dns: KubeDns | None = None) -> Policy:
    topology = Topology("t", [allow(WEB, getattr(target, port))], governs=[SHOP, PAY, OLD], mtls=mtls)
    platform = Platform("p", network=Kubernetes("1.37"), mesh=Istio("1.31"), dns=dns or KubeDns())
    found = resolve(topology, platform, on=ON)
    assert found.policy is not None, found.diagnostics
    return found.policy


@pytest.mark.parametrize(
    ("service", "topology", "expected"),
    [
        (None, None, "strict"),
        (None, "permissive", "permissive"),
        ("disable", "permissive", "disable"),
        ("strict", "disable", "strict"),
    ],
)
def test_a_port_is_as_its_service_and_that_as_its_topology_and_strict_where_none_says(
    service: Mtls | None, topology: Mtls | None, expected: Mtls
) -> None:
    found = policy(Api("api", namespace=PAY, mtls=service), mtls=topology)
    [flow] = found.flows
    [target] = [each for each in found.workloads if each.name == "api"]
    assert port_mode(found, target, flow.port) == expected
    assert port_mode(found, target, evolve(flow.port, mtls="permissive")) == "permissive"


def test_what_a_workload_has_of_its_own_is_by_number_and_of_tcp() -> None:
    [api, web] = overridden(policy(Api("api", namespace=PAY, mtls="disable")))
    assert (str(api.workload), api.mode) == ("pay/api", "disable")
    assert api.ports == web.ports == tuple((number, "permissive") for number in (9090, 9091, 9092))
    assert (str(web.workload), web.mode) == ("shop/web", "strict")


def test_what_is_no_tcp_has_no_mode_of_a_number() -> None:
    media = kind(Service, (Declaration("media", "udp", 5004, mtls="disable"), Declaration("http", "http", 8080)))
    found = policy(media("media", namespace=PAY))
    assert [str(each.workload) for each in overridden(found)] == ["shop/web"]


def test_a_workload_outside_the_mesh_has_no_modes() -> None:
    assert [str(each.workload) for each in overridden(policy(Api("api", namespace=PAY, meshed=False)))] == ["shop/web"]


def test_the_resolver_has_modes_where_it_is_governed() -> None:
    made = kind(KubeDns, (Declaration("dns", "dns", 53, mtls="disable"),))
    dns = made("resolver", namespace=PAY, labels={"app": "resolver"}, mtls="permissive")
    found = policy(Api("api", namespace=PAY), dns=dns)
    assert str(inhabitants(found)[-1]) == "pay/resolver"
    [modes] = [each for each in overridden(found) if each.workload.name == "resolver"]
    assert (modes.mode, modes.ports) == ("permissive", ((53, "disable"),))


def test_places_are_in_the_mesh_where_anybody_there_is() -> None:
    assert [str(place) for place in meshed_places(policy(Api("api", namespace=PAY)))] == ["pay", "shop"]
    found = policy(Api("api", namespace=OLD, meshed=True))
    assert [str(place) for place in meshed_places(found)] == ["old", "pay", "shop"]


@pytest.mark.parametrize(
    ("target", "port", "arrives"),
    [
        (Api("api", namespace=PAY), "http", True),
        (Api("api", namespace=PAY), "media", False),
        (Api("api", namespace=PAY, meshed=False), "http", False),
        (Api("api", namespace=OLD, meshed=True), "http", True),
        (Api("api", namespace=Namespace("far")), "http", False),
    ],
)
def test_a_mesh_sees_tcp_that_arrives_at_a_governed_pod_with_a_sidecar(
    target: Service, port: str, arrives: bool
) -> None:
    found = policy(target, port=port)
    [flow] = found.flows
    assert arrives_in_mesh(flow, frozenset(found.governed)) is arrives


@pytest.mark.parametrize("own", [15020, 15021, 15090])
def test_each_port_that_a_sidecar_leaves_out_is_no_sidecar_s_and_no_range_is(own: int) -> None:
    def captured(first: int, last: int) -> bool:
        return is_captured(Port("own", "tcp", first, last, first))

    assert not captured(own, own)
    assert captured(own, own + 1)
    assert captured(own - 1, own)
    assert captured(own + 2, own + 2)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Api("api", namespace=PAY), True),
        (Api("api", namespace=PAY, mtls="permissive"), True),
        (Api("api", namespace=PAY, mtls="disable"), False),
        (Api("api", namespace=PAY, meshed=False), False),
        (Api("api", namespace=Namespace("far"), mtls="disable"), True),  # whose mode is nobody's here to say
    ],
)
def test_sidecars_encrypt_what_is_between_them_but_on_a_port_in_plain_text(target: Service, expected: bool) -> None:
    found = policy(target)
    [flow] = found.flows
    assert encrypted(found, flow) is expected
    assert not encrypted(found, evolve(flow, source=EveryPod(Place("default", "old", meshed=False))))


def test_what_is_outside_has_no_identity() -> None:
    assert not has_identity(Outside("office", "network", ()))
    assert not has_identity(Domain("example.com", "exactly"))
    assert has_identity(EveryPod(Place("default", "shop")))
    assert not has_identity(EveryPod(Place("default", "old", meshed=False)))
