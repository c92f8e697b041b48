"""A network engine and a mesh: which layer carries what, what is refused, and what the proof says of two locks."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mesh_strategies import Beside, Case, mesh_cases
from tests.strategies import ON, Declaration, kind
from zt_dsl import (
    ANY,
    GET,
    INTERNET,
    POST,
    ApiServer,
    Calico,
    Cilium,
    DnsPort,
    GrpcApp,
    HttpApp,
    HttpPort,
    Istio,
    Kafka,
    KubeDns,
    Kubernetes,
    Namespace,
    Network,
    Platform,
    Service,
    Statement,
    TcpPort,
    Topology,
    UdpPort,
    Waiver,
    allow,
    deny,
    quarantine,
)
from zt_dsl.compiler import Ready, build, plan, prove
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Whole
from zt_dsl.passes.derive_mesh import derive_mesh
from zt_dsl.passes.keep_meshed import keep_meshed
from zt_dsl.passes.leave_to_mesh import leave_to_mesh
from zt_dsl.resolve import resolve

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
EVERY: Sequence[Beside] = ("nobody", "kubernetes", "cilium", "calico")
NETWORKS: Mapping[str, Kubernetes | Cilium | Calico] = {
    "kubernetes": Kubernetes("1.37"),
    "cilium": Cilium("1.20"),
    "calico": Calico("3.31"),
}

SHOP, PAY, OLD = Namespace("shop"), Namespace("pay"), Namespace("old", meshed=False)
WEB, API = HttpApp("web", namespace=SHOP), HttpApp("api", namespace=SHOP)
LEGACY = HttpApp("legacy", namespace=OLD)
CALLS = GrpcApp("calls", namespace=PAY)


class Ledger(Service):
    http = HttpPort(8080)
    scrape = HttpPort(9090, mtls="permissive")
    plain = HttpPort(7000, mtls="disable")
    wide = TcpPort(30000, last=31000)


LEDGER = Ledger("ledger", namespace=PAY)
DECODED = Istio("1.31", path_normalization="DECODE_AND_MERGE_SLASHES")


def stack(network: str = "kubernetes", mesh: Istio = DECODED, **more: Any) -> Platform:
    engine = NETWORKS.get(network)
    return Platform("stack", network=engine, mesh=mesh, pod_cidrs=["10.244.0.0/16"], **more)


def policy(topology: Topology, platform: Platform) -> Policy:
    found = resolve(topology, platform, on=ON)
    assert found.policy is not None, found.diagnostics
    return found.policy


def planned(*statements: Statement, on: Platform | None = None, **more: Any) -> Ready:
    topology = Topology("t", statements, **{"governs": [SHOP, PAY], **more})
    ready = plan(policy(topology, on or stack()))
    assert isinstance(ready, Ready), ready.diagnostics
    return ready


def refused(*statements: Statement, on: Platform | None = None, **more: Any) -> list[tuple[str, str]]:
    topology = Topology("t", statements, **{"governs": [SHOP, PAY], **more})
    found = resolve(topology, on or stack(), on=ON)
    ready = plan(found.policy) if found.policy is not None else None
    assert not isinstance(ready, Ready)
    diagnostics = found.diagnostics if ready is None else ready.diagnostics
    return [(each.code, each.message) for each in diagnostics]


def codes(*statements: Statement, on: Platform | None = None, **more: Any) -> list[str]:
    return [code for code, _ in refused(*statements, on=on, **more)]


# --- which layer carries what -----------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS)
def test_the_mesh_reads_requests_and_the_network_has_the_whole_port(network: str) -> None:
    edges = [allow(WEB, LEDGER.http.routes(GET("/orders/{id}"))), allow(WEB, CALLS.grpc.methods("shop.Orders/Get"))]
    below, mesh = planned(*edges, on=stack(network)).layers
    assert all(isinstance(flow.narrowing, Whole) for flow in below.policy.flows)
    assert sorted(str(flow.narrowing) for flow in mesh.policy.flows) == ["GET /orders/{id}", "shop.Orders/Get"]


def test_cilium_reads_what_arrives_at_no_sidecar() -> None:
    report = HttpApp("report", namespace=PAY, meshed=False)
    below, mesh = planned(allow(WEB, report.http.routes(GET("/x"))), on=stack("cilium")).layers
    assert "GET /x" in {str(flow.narrowing) for flow in below.policy.flows}
    assert mesh.policy.flows == ()


@pytest.mark.parametrize(("network", "layer"), [("kubernetes", 1), ("cilium", 0), ("calico", 0)])
def test_a_denial_is_of_one_layer_and_the_network_s_where_it_can(network: str, layer: int) -> None:
    layers = planned(allow(WEB, LEDGER.http), deny(API, LEDGER.http, why="no"), on=stack(network)).layers
    assert [len(each.policy.denials) for each in layers] == [int(layer == 0), int(layer == 1)]


@pytest.mark.parametrize("network", NETWORKS)
def test_each_pod_with_a_sidecar_may_ask_istiod_and_that_alone(network: str) -> None:
    report = HttpApp("report", namespace=PAY, meshed=False)
    on = stack(network, Istio("1.31", root_namespace="mesh"))
    flows = planned(allow(WEB, LEDGER.http), allow(report, LEDGER.scrape), on=on).layers[0].policy.flows
    asking = [flow for flow in flows if str(flow.target) == "mesh/istiod"]
    assert {str(flow.source) for flow in asking} == {"shop/web", "pay/ledger"}
    assert {(flow.port.first, flow.port.last, flow.port.protocols) for flow in asking} == {(15012, 15012, ("TCP",))}
    assert all(flow.reasons[0].derived for flow in asking)


@pytest.mark.parametrize("network", NETWORKS)
def test_who_calls_nobody_and_is_called_by_nobody_asks_istiod_too(network: str) -> None:
    flows = planned(allow(WEB, LEDGER.http), on=stack(network), services=[API]).layers[0].policy.flows
    asking = {str(flow.source) for flow in flows if str(flow.target) == "istio-system/istiod"}
    assert asking == {"shop/web", "shop/api", "pay/ledger"}


@pytest.mark.parametrize("network", NETWORKS)
def test_who_is_in_quarantine_may_not_ask_istiod_either(network: str) -> None:
    statements = [allow(WEB, LEDGER.http), allow(API, LEDGER.http), quarantine(API, why="INC-7")]
    flows = planned(*statements, on=stack(network)).layers[0].policy.flows
    assert {str(flow.source) for flow in flows if str(flow.target) == "istio-system/istiod"} == {
        "shop/web",
        "pay/ledger",
    }


def test_a_mesh_alone_asks_for_no_way_to_istiod() -> None:
    waivers = [Waiver("egress", why="later"), Waiver("protocol", why="later")]
    [mesh] = planned(allow(WEB, LEDGER.http), on=stack("nobody", waivers=waivers)).layers
    assert [str(flow.target) for flow in mesh.policy.flows] == ["pay/ledger"]


# --- what is refused --------------------------------------------------------------------------------------


def test_a_caller_outside_the_mesh_and_a_strict_port_are_both_named() -> None:
    [(code, message)] = refused(allow(LEGACY, LEDGER.http))
    assert code == "ZT292"
    assert "old/legacy" in message
    assert "`ledger` port 8080" in message


@pytest.mark.parametrize("mode", ["strict", "permissive", "disable", None])
@pytest.mark.parametrize("governs", [[SHOP], [SHOP, PAY]], ids=["elsewhere", "governed"])
def test_strict_mtls_that_is_written_nowhere_is_told(mode: Any, governs: list[Namespace]) -> None:
    """Of a namespace that is not governed there is no PeerAuthentication."""
    ledger = HttpApp("books", namespace=PAY, mtls=mode)
    topology = Topology("t", [allow(WEB, ledger.http), allow(WEB, LEDGER.http)], governs=governs)
    told = [each for each in resolve(topology, stack(), on=ON).diagnostics if each.code == "ZT410"]
    expected = ["books"] if mode == "strict" and PAY not in governs else []
    assert [each.message.split("`")[1] for each in told] == expected


def test_a_strict_port_that_is_written_nowhere_is_told_with_its_service() -> None:
    class Vault(Service):
        http = HttpPort(8200, mtls="strict")
        scrape = HttpPort(9090, mtls="permissive")

    vault = Vault("vault", namespace=PAY)
    topology = Topology("t", [allow(WEB, vault.http)], governs=[SHOP])
    [told] = [each for each in resolve(topology, stack(), on=ON).diagnostics if each.code == "ZT410"]
    assert [label.text for label in told.labels] == ["is to be strict", "of this service"]


@pytest.mark.parametrize("network", NETWORKS)
def test_lookups_from_outside_the_mesh_need_a_resolver_that_takes_them(network: str) -> None:
    """Of what is derived, too, nothing may be said to be permitted that a strict sidecar refuses."""
    resolver = KubeDns("resolver", namespace=PAY, labels={"app": "resolver"})
    here = evolve(stack(network), dns=resolver)
    [(code, message)] = refused(allow(LEGACY, LEDGER.scrape), on=here, governs=[PAY, OLD])
    assert code == "ZT292"
    assert "`old/legacy` is outside the mesh, and pay/resolver port 53/UDP+TCP is strict" in message
    both = KubeDns("resolver", namespace=PAY, labels={"app": "resolver"}, mtls="permissive")
    assert planned(allow(LEGACY, LEDGER.scrape), on=evolve(here, dns=both), governs=[PAY, OLD])
    assert planned(allow(WEB, LEDGER.scrape), on=here)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("normalization", ["NONE", "BASE", "MERGE_SLASHES"])
@pytest.mark.parametrize("source", [WEB, LEGACY], ids=["meshed", "unmeshed"])
@pytest.mark.parametrize("port", ["scrape", "plain"])
def test_a_path_that_an_undecoded_slash_would_widen_is_refused(
    network: str, normalization: Any, source: Service, port: str
) -> None:
    """Also where the network engine could read it: what arrives at a sidecar is the sidecar's to read, and it would be
    left to a template that holds more than it says."""
    on = stack(network, Istio("1.31", path_normalization=normalization))
    end = getattr(LEDGER, port)
    assert codes(allow(source, end.routes(GET("/static/**"))), on=on) == ["ZT310"]
    planned(allow(source, end.routes(GET("/orders"))), on=on)


def test_methods_of_a_whole_service_are_refused_likewise() -> None:
    assert codes(allow(WEB, CALLS.grpc.methods("shop.Orders/*")), on=stack(mesh=Istio("1.31"))) == ["ZT311"]


def test_requests_that_sidecars_encrypt_are_read_by_nobody_else() -> None:
    far = HttpApp("far", namespace=Namespace("far"))
    assert codes(allow(WEB, far.http.routes(GET("/x"))), on=stack("cilium")) == ["ZT310"]


@pytest.mark.parametrize(
    "denial",
    [
        deny(WEB, LEDGER, why="every port"),
        deny(WEB, LEDGER.scrape, why="permissive"),
        deny(LEGACY, LEDGER.http, why="no identity"),
        deny(WEB, LEGACY.http, why="not in the mesh"),
    ],
    ids=lambda denial: denial.why,
)
def test_a_denial_that_a_mesh_cannot_say_is_refused(denial: Statement) -> None:
    assert codes(allow(WEB, LEDGER.http) if denial.why != "every port" else allow(API, LEDGER.http), denial) == [
        "ZT316"
    ]


def test_a_denial_of_what_is_not_tcp_alone_or_not_governed_is_refused() -> None:
    named: Any = kind(Service, (Declaration("dns", "dns", 5353),))("named", namespace=PAY)
    far = HttpApp("far", namespace=Namespace("far"))
    for end in (named.dns, far.http):
        assert codes(allow(API, LEDGER.http), deny(WEB, end, why="no")) == ["ZT316"]


def test_a_denial_of_every_port_is_for_a_service_that_is_strict_on_each() -> None:
    on = stack("nobody", waivers=[Waiver("egress", why="later"), Waiver("protocol", why="later")])
    assert codes(allow(API, LEDGER.http), deny(WEB, LEDGER, why="no"), on=on) == ["ZT316"]
    planned(allow(API, CALLS.grpc), deny(WEB, CALLS, why="no"), on=on)
    assert codes(allow(API, CALLS.grpc), deny(WEB, CALLS, why="no"), on=on, mtls="permissive") == ["ZT316"]


def test_who_has_no_sidecar_cannot_be_strict() -> None:
    outside = HttpApp("outside", namespace=PAY, meshed=False, mtls="strict")
    assert codes(allow(WEB, outside.http)) == ["ZT317"]


def test_ranges_that_are_too_long_are_refused_in_edges_denials_and_modes() -> None:
    class Loose(Service):
        wide = TcpPort(30000, last=31000, mtls="permissive")

    assert codes(allow(WEB, LEDGER.wide)) == ["ZT318"]
    assert codes(allow(WEB, LEDGER.http), deny(API, LEDGER.wide, why="no")) == ["ZT318"]
    assert codes(allow(WEB, LEDGER.http), services=[Loose("loose", namespace=PAY)]) == ["ZT318"]


@pytest.mark.parametrize(("last", "expected"), [(30255, []), (30256, ["ZT318"])])
def test_so_many_ports_are_written_one_by_one(last: int, expected: list[str]) -> None:
    service: Any = kind(Service, (Declaration("wide", "tcp", 30000, last),))("wide", namespace=PAY)
    edge = allow(WEB, service.wide)
    if expected:
        assert codes(edge) == expected
    else:
        planned(edge)


def test_two_ports_of_one_number_have_one_mode() -> None:
    def twice(mode: Any) -> Any:  # a kind made here, whose ports no checker knows
        declared = (Declaration("one", "tcp", 8080), Declaration("other", "http", 8080, mtls=mode))
        return kind(Service, declared)("twice", namespace=PAY)

    assert codes(allow(WEB, twice("permissive").one)) == ["ZT333"]
    planned(allow(WEB, twice("strict").one))


def test_one_number_has_one_mode_however_far_into_a_range() -> None:
    class Odd(Service):
        wide = TcpPort(8000, last=9000, mtls="strict")
        http = HttpPort(8600, mtls="permissive")

    assert codes(allow(WEB, LEDGER.http), services=[Odd("odd", namespace=PAY)]) == ["ZT333"]


def test_a_mesh_alone_says_what_it_does_not_see_once_and_each_end_that_it_does_not() -> None:
    report = HttpApp("report", namespace=PAY, meshed=False)
    assert codes(allow(WEB, report.http), on=stack("nobody")) == ["ZT334", "ZT331"]


def test_a_mesh_alone_opens_a_port_in_plain_text_to_a_network_by_its_addresses() -> None:
    """And not to everybody, as to pods, of whom nobody shows an identity there."""
    waivers = [Waiver("egress", why="later"), Waiver("protocol", why="later")]
    office = Network("office", cidrs=["203.0.113.0/24"])
    made = build(planned(allow(office, LEDGER.plain), on=stack("nobody", waivers=waivers)), Path("/"))
    assert b"203.0.113.0/24" in made.files["pay/ledger.yaml"]
    assert b"notPrincipals" not in made.files["pay/ledger.yaml"]
    assert codes(allow(WEB, LEDGER.plain), on=stack("nobody", waivers=waivers)) == ["ZT331"]


def test_services_that_share_an_account_are_one_caller_in_the_mesh_alone() -> None:
    def pair(**more: Any) -> list[Service]:
        return [HttpApp(name, namespace=SHOP, service_account="shared", **more) for name in ("one", "other")]

    assert codes(allow(pair(), LEDGER.http)) == ["ZT225"]
    planned(allow(pair(meshed=False), LEDGER.scrape))
    planned(allow(pair(), LEDGER.http), on=Platform("native", network=Kubernetes("1.37"), waivers=[]))


class Shared(Service):
    """Its ports let callers in that show no identity."""

    http = HttpPort(8080, mtls="permissive")
    plain = HttpPort(7000, mtls="disable")
    around = TcpPort(8000, last=8100, mtls="permissive")
    beside = TcpPort(9000, last=9100, mtls="permissive")


SHARED = Shared("shared", namespace=PAY)
BATCH = HttpApp("batch", namespace=OLD)
OFFICE = Network("office", cidrs=["203.0.113.0/24"])
FAR_WEB = HttpApp("web", namespace=Namespace("shop", cluster="west"))
A, B = GET("/a"), GET("/b")


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([allow(LEGACY, SHARED.http.routes(A)), allow(BATCH, SHARED.http.routes(A))], []),
        ([allow(LEGACY, SHARED.http.routes(A)), allow(BATCH, SHARED.http.routes(B))], ["ZT335"]),
        ([allow(LEGACY, SHARED.http.routes(A)), allow(BATCH, SHARED.http.routes(A, B))], ["ZT335"]),
        # Who has an identity may leave it out; who has none can show none.
        ([allow(WEB, SHARED.http.routes(A, B)), allow(LEGACY, SHARED.http.routes(A))], []),
        ([allow(WEB, SHARED.http.routes(A)), allow(LEGACY, SHARED.http.routes(A, B))], ["ZT335"]),
        ([allow(WEB, SHARED.http.routes(A)), allow(LEGACY, SHARED.http)], ["ZT335"]),
        ([allow(WEB, SHARED.http), allow(LEGACY, SHARED.http.routes(A))], []),
        ([allow(WEB, SHARED.http.routes(A)), allow(API, SHARED.http.routes(B))], []),
        # In plain text nobody shows one.
        ([allow(WEB, SHARED.plain.routes(A)), allow(API, SHARED.plain.routes(B))], ["ZT335"]),
        # Ports are numbers, whatever they are called.
        ([allow(WEB, SHARED.http.routes(A)), allow(LEGACY, SHARED.around)], ["ZT335"]),
        ([allow(WEB, SHARED.http.routes(A)), allow(LEGACY, SHARED.beside)], []),
        # Addresses are told apart by themselves.
        ([allow(WEB, SHARED.http.routes(A)), allow(OFFICE, SHARED.http.routes(B))], []),
        # One account of one namespace in two clusters is one identity.
        ([allow(WEB, LEDGER.http.routes(A)), allow(FAR_WEB, LEDGER.http.routes(A))], []),
        ([allow(WEB, LEDGER.http.routes(A)), allow(FAR_WEB, LEDGER.http.routes(B))], ["ZT335"]),
        ([allow(API, LEDGER.http.routes(A)), allow(FAR_WEB, LEDGER.http.routes(B))], []),
    ],
)
def test_callers_that_are_one_to_the_mesh_may_ask_the_same(edges: list[Statement], expected: list[str]) -> None:
    """Each layer says its own, so that no proof shows what the two come to."""
    if expected:
        assert codes(*edges, on=stack("cilium")) == expected
    else:
        planned(*edges, on=stack("cilium"))


def test_ambient_is_not_there_yet() -> None:
    assert codes(allow(WEB, LEDGER.http), on=stack(mesh=Istio("1.31", mode="ambient"))) == ["ZT300"]


def test_topics_are_refused() -> None:
    bus = Kafka("bus", namespace=PAY)
    assert codes(allow(WEB, bus.broker.produce("orders"))) == ["ZT312"]


def test_topics_are_read_by_a_network_engine_that_can_but_not_between_sidecars() -> None:
    on = Platform("old", network=Cilium("1.19"), mesh=DECODED, pod_cidrs=["10.244.0.0/16"])
    bus, apart = Kafka("bus", namespace=PAY), Kafka("apart", namespace=PAY, meshed=False)
    assert codes(allow(WEB, bus.broker.produce("orders")), on=on) == ["ZT312"]
    planned(allow(WEB, apart.broker.produce("orders")), on=on)


def test_a_mesh_alone_governs_no_namespace_without_sidecars() -> None:
    waivers = [Waiver("egress", why="later"), Waiver("protocol", why="later")]
    on = stack("nobody", waivers=waivers)
    assert refused(allow(WEB, LEDGER.http), on=on, governs=[SHOP, PAY, OLD], services=[LEGACY]) == [
        ("ZT331", "`old` is governed, and its pods have no sidecar")
    ]
    inside = HttpApp("inside", namespace=OLD, meshed=True)
    planned(allow(WEB, LEDGER.http), on=on, governs=[SHOP, PAY, OLD], services=[inside])


# --- passes -----------------------------------------------------------------------------------------------


def test_a_namespace_that_has_one_without_an_identity_in_it_is_refused_beside_what_that_one_may() -> None:
    agent = HttpApp("agent", namespace=SHOP, meshed=False)
    edges = [allow(agent, LEDGER.scrape.routes(GET("/metrics"))), allow(SHOP, LEDGER.scrape)]
    assert codes(*edges, on=stack("cilium")) == ["ZT402", "ZT337"]


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(st.sampled_from(EVERY).flatmap(mesh_cases))
def test_the_passes_of_a_mesh_are_idempotent(case: Case) -> None:
    found = derive_mesh(policy(case.topology, case.platform))
    assert derive_mesh(found) == found
    for denials in (True, False):
        left, kept = leave_to_mesh(found, denials=denials), keep_meshed(found, denials=denials)
        assert leave_to_mesh(left, denials=denials) == left
        assert keep_meshed(kept, denials=denials) == kept


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(st.sampled_from(EVERY).flatmap(mesh_cases))
def test_the_same_topology_in_another_order_is_the_same_files(case: Case) -> None:
    orders: list[Callable[[Iterable[Any]], tuple[Any, ...]]] = [tuple, lambda some: tuple(reversed(tuple(some)))]
    # Both made on one line: where a topology is written stands in its files.
    one, other = (
        plan(
            policy(
                evolve(
                    case.topology,
                    statements=turned(case.topology.statements),
                    services=turned(case.topology.services),
                    governs=turned(case.topology.governs),
                ),
                case.platform,
            )
        )
        for turned in orders
    )
    assert isinstance(one, Ready) is isinstance(other, Ready)
    if isinstance(one, Ready) and isinstance(other, Ready):
        assert build(one, Path("/")).files == build(other, Path("/")).files


# --- proof ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", EVERY)
def test_what_is_compiled_is_proven(network: Beside) -> None:
    seen: Counter[bool] = Counter()

    @settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
    @given(mesh_cases(network))
    def proven(case: Case) -> None:
        ready = plan(policy(case.topology, case.platform))
        seen[isinstance(ready, Ready)] += 1
        if isinstance(ready, Ready):
            made = build(ready, Path("/"))
            assert prove(ready, [(name, made.files[name]) for name in made.manifests], emitted=True).diagnostics == ()

    proven()
    assert seen[True] >= 5  # two in three are, of a few dozen that are not drawn independently


def verified(ready: Ready, *changes: tuple[str, str, str]) -> list[str]:
    """The codes that the proof has for the files with these changes: of a file, what, and into what."""
    made = build(ready, Path("/"))
    files: Mapping[str, str] = {name: made.files[name].decode() for name in made.manifests}
    changed = dict(files)
    for name, old, new in changes:
        assert old in changed[name], changed[name]
        changed[name] = changed[name].replace(old, new)
    proof = prove(ready, [(name, text.encode()) for name, text in changed.items()])
    return sorted({each.code for each in proof.diagnostics})


BOTH = [allow(WEB, LEDGER.http.routes(GET("/orders/{id}"))), allow(API, LEDGER.http.routes(POST("/orders")))]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_lock_that_is_open_while_the_other_holds_is_told(network: str) -> None:
    ready = planned(*BOTH, on=stack(network))
    assert verified(ready) == []
    assert verified(ready, ("pay/ledger.yaml", '- "8080"', '- "8081"\n        - "8080"')) == ["ZT409"]


@pytest.mark.parametrize("network", NETWORKS)
def test_what_opens_both_is_an_error(network: str) -> None:
    """One who is `web` by its labels and `api` by its certificate, or somebody else: identity is the mesh's to tell."""
    ready = planned(*BOTH, on=stack(network))
    wide = ("pay/ledger.yaml", "cluster.local/ns/shop/sa/web", '"cluster.local/ns/shop/*"')
    assert "ZT502" in verified(ready, wide)
    assert "ZT502" in verified(ready, ("pay/ledger.yaml", "/orders/{*}", "/orders/{**}"))


def test_what_one_lock_refuses_is_missing() -> None:
    ready = planned(*BOTH)
    assert "ZT503" in verified(ready, ("pay/ledger.yaml", "cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/sa/x"))


def test_a_mode_that_is_gone_is_told() -> None:
    ready = planned(*BOTH)
    assert verified(ready, ("pay/_namespace.yaml", "mode: STRICT", "mode: PERMISSIVE")) != []


# --- what a sidecar leaves out, and who calls as a whole ------------------------------------------------------


class Measured(Service):
    """15020 is the sidecar's own, and left out by it: Prometheus reads it there."""

    merged = HttpPort(15020)
    api = HttpPort(8080, mtls="permissive")
    media = UdpPort(5004)
    many = TcpPort(30000, last=30003)
    more = TcpPort(40000, last=40255)
    proxy = TcpPort(15006)


MEASURED = Measured("measured", namespace=SHOP)
OUTSIDER = HttpApp("outsider", namespace=SHOP, meshed=False)


def codes_of(*statements: Statement, network: str = "kubernetes", **more: Any) -> list[str]:
    mesh = Istio("1.31", path_normalization="BASE")
    platform = Platform("p", network=NETWORKS[network], mesh=mesh, pod_cidrs=["10.244.0.0/16"])
    found = resolve(Topology("t", statements, governs=[SHOP], **more), platform, on=ON)
    if found.policy is None:
        return [each.code for each in found.diagnostics]
    ready = plan(found.policy)
    if not isinstance(ready, Ready):
        return [each.code for each in ready.diagnostics]
    made = build(ready, Path("/"))
    return [
        each.code
        for each in prove(ready, [(path, made.files[path]) for path in made.manifests], emitted=True).diagnostics
    ]


def test_what_a_sidecar_leaves_out_is_the_network_s_alone() -> None:
    """Nobody reads requests there but Cilium, nothing is strict, and the caller needs no identity."""
    assert codes_of(allow(LEGACY, MEASURED.merged, why="metrics")) == []
    assert codes_of(allow(LEGACY, MEASURED.merged.routes(GET("/stats")), why="metrics")) == ["ZT310"]
    assert codes_of(allow(LEGACY, MEASURED.merged.routes(GET("/stats")), why="metrics"), network="cilium") == []
    assert codes_of(allow(WEB, MEASURED.proxy, why="a mistake")) == ["ZT336"]


@pytest.mark.parametrize("own", [15000, 15001, 15004, 15006, 15008, 15009, 15053])
def test_a_port_of_the_sidecar_s_own_is_refused_wherever_in_a_range_it_stands(own: int) -> None:
    for first, last in ((own, own), (own - 1, own), (own, own + 1), (own - 1, own + 1)):
        service: Any = kind(Service, (Declaration("some", "tcp", first, last),))("some", namespace=SHOP)
        assert codes_of(allow(WEB, service.some, why="a mistake")) == ["ZT336"]


def test_what_a_sidecar_never_sees_cannot_be_strict() -> None:
    assert codes_of(allow(LEGACY, MEASURED.media, why="calls")) == []


def test_many_ports_of_one_caller_are_said_in_parts() -> None:
    assert codes_of(allow(WEB, MEASURED.many, why="some"), allow(WEB, MEASURED.more, why="and more")) == []


def test_every_path_is_exact_however_paths_are_normalised() -> None:
    assert codes_of(allow(WEB, MEASURED.api.routes(GET("/**"), ANY("/**")), why="anything")) == []
    assert codes_of(allow(WEB, MEASURED.api.routes(GET("/a/**")), why="below a")) == ["ZT310"]


def test_a_namespace_that_calls_is_in_the_mesh_or_out_of_it() -> None:
    assert codes_of(allow(SHOP, MEASURED.api, why="all"), services=[WEB]) == []
    assert codes_of(allow(SHOP, MEASURED.api, why="all"), services=[OUTSIDER]) == ["ZT337"]


# --- what a mesh's denials and demands are, and where it has none ----------------------------------------------


WEST = Namespace("shop", cluster="west")
WESTERN = HttpApp("api", namespace=WEST)


@pytest.mark.parametrize("source", [WEST, WESTERN], ids=["namespace", "service"])
def test_a_mesh_denies_nobody_of_another_cluster(source: Namespace | Service) -> None:
    """A certificate says no cluster: the DENY would be one of the namesake here, whose edge is declared."""
    assert codes(allow(API, LEDGER.http), deny(source, LEDGER.http, why="west")) == ["ZT324"]
    assert planned(allow(API, LEDGER.http), deny(source, LEDGER.http, why="west"), on=stack("cilium"))


def test_a_deny_by_the_mesh_needs_to_know_where_pods_and_the_api_server_are() -> None:
    blind = Platform("p", network=Kubernetes("1.37"), mesh=DECODED)
    assert codes(allow(API, LEDGER.http), deny(INTERNET, LEDGER.http, why="x"), on=blind) == ["ZT322"]
    assert codes(allow(API, LEDGER.http), deny(ApiServer(), LEDGER.http, why="x"), on=blind) == ["ZT316"]


class Odd(Service):
    own = TcpPort(15020, mtls="strict")
    around = TcpPort(15000, last=15100)
    media = UdpPort(5004, mtls="strict")
    lookups = DnsPort(53, mtls="strict")
    http = HttpPort(8080, mtls="strict")


ODD = Odd("odd", namespace=SHOP)


@pytest.mark.parametrize("port", ["own", "around"])
def test_what_goes_past_a_sidecar_is_not_denied_there(port: str) -> None:
    end = {"own": MEASURED.merged, "around": ODD.around}[port]
    waivers = [Waiver("mtls", why="not here")] if port == "around" else []
    found = codes(allow(WEB, API.http), deny(API, end, why="x"), on=stack(waivers=waivers), services=[MEASURED])
    assert found == ["ZT316"]


@pytest.mark.parametrize("network", NETWORKS)
def test_strict_mtls_is_of_tcp_that_a_sidecar_sees(network: str) -> None:
    found = refused(allow(WEB, ODD.http), on=stack(network))
    assert [code for code, _ in found] == ["ZT317"] * 3
    assert {message.rpartition(".")[2] for _, message in found} == {"own", "media", "lookups"}


def test_a_mesh_alone_says_nothing_of_what_goes_past_it() -> None:
    waivers = [Waiver("egress", why="later"), Waiver("protocol", why="later")]
    on = stack("nobody", waivers=waivers)
    assert codes(allow(WEB, MEASURED.merged), allow(WEB, MEASURED.api), on=on) == ["ZT331"]


@pytest.mark.parametrize(
    ("wanted", "written", "expected"),
    [
        ("strict", "STRICT", []),
        ("strict", "PERMISSIVE", ["ZT502"]),
        ("strict", "DISABLE", ["ZT502"]),
        ("strict", "", ["ZT502"]),
        ("permissive", "STRICT", ["ZT503"]),
        ("permissive", "", []),
        ("permissive", "DISABLE", ["ZT503"]),
        ("disable", "PERMISSIVE", ["ZT502"]),
        ("disable", "STRICT", ["ZT502"]),
    ],
)
def test_the_mode_of_the_whole_mesh_is_the_platform_s(wanted: Any, written: str, expected: list[str]) -> None:
    """It is in force where nothing is governed, and no connection there is compared."""
    ready = planned(*BOTH, on=stack(mesh=evolve(DECODED, mesh_wide_mtls=wanted)))
    made = build(ready, Path("/"))
    files = {name: made.files[name] for name in made.manifests}
    path = next(name for name in files if name.startswith("istio-system/"))
    text = files.pop(path).decode()
    if written:
        files[path] = text.replace(f"mode: {wanted.upper()}", f"mode: {written}").encode()
    assert [each.code for each in prove(ready, files.items()).diagnostics] == expected


def test_a_review_says_every_mode_and_who_passes_a_lock_that_knows_no_cluster() -> None:
    strict = evolve(DECODED, mesh_wide_mtls="strict")
    ready = planned(allow(API, LEDGER.http), allow(WESTERN, LEDGER.http), on=stack("cilium", mesh=strict))
    tables = {table.title: table.rows for table in ready.layers[1].backend.notes(ready.layers[1].policy)}
    assert [row[1] for row in tables["mTLS"]] == ["strict", "strict", "strict", "strict"]
    assert tables["mTLS"][-1] == ("pay/ledger", "strict", "7000 disable, 9090 permissive")
    assert tables["Half guarded"] == (("pay/ledger", "8080/TCP", "strict", "shop/api of cluster west"),)
