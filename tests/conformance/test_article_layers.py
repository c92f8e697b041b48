"""What the article's patterns 5 and 6 mean to the engines, and that what is emitted for them answers rightly.

Statements of docs/six-patterns.md, as in `test_article.py`; here a mesh is asked beside the network engine. A
connection passes where both let it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pytest
from attrs import evolve

from tests.conformance import article
from tests.conformance.article_cluster import (
    API,
    ISTIOD,
    METRICS_SERVER,
    OUTSIDE,
    PATTERN_2,
    POSTGRES,
    PROMETHEUS,
    REDIS,
    RESOLVER,
    STRANGER,
    WEB,
    asked,
    by_sidecar,
    edited,
    encrypted,
    in_production,
    lookup,
    manifests,
    named,
    natively,
    of_calico,
    one,
    through_sidecars,
)
from tests.conformance.engines import crds
from tests.conformance.engines.apiserver_engine import CREATED, ApiServer
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.cilium_engine import Address, CiliumEngine, Connection, Peer, Pod, Request
from tests.conformance.engines.istio_engine import Connection as Arriving
from tests.conformance.engines.istio_engine import Finding, Identity, IstioEngine, Mesh, Mode, Workload
from tests.conformance.engines.istio_engine import Request as HttpRequest
from tests.conformance.engines.kubernetes_engine import KubernetesEngine
from tests.conformance.engines.process import Document, Protocol, RefusedError
from tests.conformance.policies import network_policy
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.read import read

pytestmark = pytest.mark.conformance

MESH = ("default-mtls", "backend-mtls", "backend-authz")

FRONTEND = in_production("frontend", app="web", tier="frontend")
MONITORING = Pod("anywhere", {"app": "prometheus"}, service_account="monitoring")


def ask(method: str, path: str, source: Peer = FRONTEND, target: Pod = API, port: int = 8080) -> Connection:
    return Connection(source, target, port=port, http=Request(method, path))


# --- pattern 5: Istio ---------------------------------------------------------------------------------------


def mode(engine: IstioEngine, target: Pod, port: int = 8080) -> Mode:
    return by_sidecar(engine, Connection(OUTSIDE, target, port=port)).mode


def test_the_manifests_for_the_mesh_are_accepted(istio_engine: IstioEngine, api_server: ApiServer) -> None:
    assert istio_engine.validate(manifests(*MESH)) == [Finding("", ())] * len(MESH)
    api_server.install([crds.istio("1.31"), crds.istio("1.31", "peerauthentications")])
    assert api_server.apply(manifests(*MESH)) == [CREATED] * len(MESH)


def test_strict_in_the_root_namespace_is_for_the_whole_mesh(istio_engine: IstioEngine) -> None:
    istio_engine.load(manifests("default-mtls"))
    for target in (API, PROMETHEUS, ISTIOD, Pod("nobody-thought-of")):
        verdict = by_sidecar(istio_engine, Connection(OUTSIDE, target))
        assert (verdict.mode, verdict.allowed) == ("STRICT", False)
    istio_engine.load(manifests("default-mtls"), Mesh(root_namespace="istio-config"))
    assert [mode(istio_engine, target) for target in (API, PROMETHEUS, ISTIOD)] == [
        "PERMISSIVE",
        "PERMISSIVE",
        "STRICT",
    ]


def test_a_selector_in_the_root_namespace_is_for_nobody(istio_engine: IstioEngine) -> None:
    moved = edited("backend-mtls", "namespace: production", "namespace: istio-system")
    assert istio_engine.validate([moved]) == [Finding("", ())]
    istio_engine.load([moved])
    assert mode(istio_engine, API) == "PERMISSIVE"


def test_the_mode_of_the_port_says_what_is_said_already(istio_engine: IstioEngine) -> None:
    without = edited("backend-mtls", "  portLevelMtls:\n    8080:\n      mode: STRICT\n", "")
    for policies in (manifests("backend-mtls"), [without], manifests("default-mtls")):
        istio_engine.load(policies)
        assert [mode(istio_engine, API, port) for port in (8080, 9090)] == ["STRICT", "STRICT"]


def test_who_shows_no_certificate_is_refused_in_permissive_mode_too(istio_engine: IstioEngine) -> None:
    istio_engine.load(manifests("backend-authz"))
    verdict = by_sidecar(istio_engine, ask("GET", "/api/v1/orders", OUTSIDE))
    assert (verdict.mode, verdict.allowed) == ("PERMISSIVE", False)
    assert by_sidecar(istio_engine, ask("GET", "/api/v1/orders")).allowed


def test_bytes_that_are_no_http_are_refused_to_everybody(istio_engine: IstioEngine) -> None:
    istio_engine.load(manifests("backend-authz"))
    for peer in (FRONTEND, PROMETHEUS, STRANGER, OUTSIDE):
        assert not by_sidecar(istio_engine, Connection(peer, API, port=8080)).allowed


def test_a_rule_that_names_no_port_is_for_each(istio_engine: IstioEngine) -> None:
    istio_engine.load(manifests("backend-authz"))
    for port in (8080, 9090, 6060):
        assert by_sidecar(istio_engine, ask("GET", "/api/v1/orders", port=port)).allowed
        assert by_sidecar(istio_engine, ask("GET", "/metrics", PROMETHEUS, port=port)).allowed


def test_a_path_with_an_asterisk_begins_like_that(istio_engine: IstioEngine) -> None:
    istio_engine.load(manifests("backend-authz"))
    for path in ("/api/v1/", "/api/v1/orders/7/lines", "/api/v1/orders?limit=1"):
        assert by_sidecar(istio_engine, ask("POST", path)).allowed
    for path in ("/api/v1", "/api/v10/orders", "/api/v2/orders"):
        assert not by_sidecar(istio_engine, ask("POST", path)).allowed


def test_a_slash_that_is_escaped_leads_out_of_the_path(istio_engine: IstioEngine) -> None:
    """A sidecar reads the path as the mesh normalises it. As Istio is installed that leaves `%2F` and `//` as they are:
    `test_istio_paths.py` asks a real Envoy."""
    istio_engine.load(manifests("backend-authz"))
    assert by_sidecar(istio_engine, ask("GET", "/api/v1/..%2F..%2Fadmin")).allowed
    assert by_sidecar(istio_engine, ask("GET", "/api/v1//orders")).allowed
    assert not by_sidecar(istio_engine, ask("GET", "//api/v1/orders")).allowed


def test_the_namespace_beside_the_principal_changes_nothing(istio_engine: IstioEngine) -> None:
    without = edited("backend-authz", 'namespaces: ["monitoring"]\n            ', "")
    callers = [
        Identity(namespace, account, domain)
        for namespace in ("monitoring", "production")
        for account in ("prometheus", "grafana")
        for domain in ("cluster.local", "elsewhere.example")
    ]
    asked_of_both = [
        Arriving(caller, Workload("production", API.labels), 8080, by_path)
        for caller in (None, *callers)
        for by_path in (HttpRequest("GET", "/metrics"), HttpRequest("POST", "/metrics"))
    ]
    answers: list[list[bool]] = []
    for policy in (*manifests("backend-authz"), without):
        istio_engine.load([policy])
        answers.append([verdict.allowed for verdict in istio_engine.ask(asked_of_both)])
    assert answers[0] == answers[1]
    assert answers[0].count(True) == 1


def test_workloads_without_a_policy_take_everything(istio_engine: IstioEngine) -> None:
    istio_engine.load(manifests("backend-mtls", "backend-authz"))
    for peer in (STRANGER, OUTSIDE):
        assert by_sidecar(istio_engine, Connection(peer, POSTGRES, port=5432)).allowed
    istio_engine.load(manifests(*MESH))
    assert by_sidecar(istio_engine, Connection(STRANGER, POSTGRES, port=5432)).allowed


# --- pattern 5: Cilium --------------------------------------------------------------------------------------


def as_one_list() -> Document:
    """What was meant by the two keys."""
    return edited("allow-mtls-traffic", "          protocol: TCP\n  ingress:\n", "          protocol: TCP\n")


def test_of_two_keys_of_one_name_the_last_is_read(cilium_engine: CiliumEngine) -> None:
    [policy] = manifests("allow-mtls-traffic")
    assert "fromEndpoints" in str(policy)
    assert "fromRequires" not in str(policy)
    cilium_engine.load([policy])
    assert one(cilium_engine, Connection(MONITORING, API, port=9090)).passes
    assert not one(cilium_engine, Connection(FRONTEND, API, port=8080)).passes


def test_verify_does_not_read_a_file_with_two_keys_of_one_name() -> None:
    refused = read(article.text("allow-mtls-traffic").encode(), "allow-mtls-traffic.yaml")
    assert isinstance(refused, Diagnostic)
    assert (refused.code, "ingress" in str(refused)) == ("ZT500", True)


def test_what_is_left_closes_every_pod_of_the_cluster(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("allow-mtls-traffic"))
    for target, port in ((RESOLVER, 53), (METRICS_SERVER, 10250), (ISTIOD, 15012), (POSTGRES, 5432)):
        assert not one(cilium_engine, Connection(API, target, port=port)).passes


def test_an_account_of_that_name_in_any_namespace_reaches_9090_of_every_pod(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load(manifests("allow-mtls-traffic"))
    for target in (API, RESOLVER, METRICS_SERVER, POSTGRES):
        end = one(cilium_engine, Connection(MONITORING, target, port=9090)).ingress
        # Nor is it asked to show who it is: Cilium has a word for that, `authentication`.
        assert (end.passes, end.authentication) == (True, "")


def test_requirements_of_a_peer_are_refused_since_1_19(cilium_engine: CiliumEngine, api_server: ApiServer) -> None:
    policy = article.manifest("identity-based-policy")
    versions: Sequence[crds.Minor] = ("1.18", "1.19", "1.20")
    for version in versions:
        api_server.install([crds.cilium(version)])
        [applied] = api_server.apply([policy])
        assert (applied.outcome == "created") is (version == "1.18")
        assert (".spec.ingress[0].fromRequires[0]: expected string" in applied.error) is (version != "1.18")
    for refused in (policy, as_one_list()):
        with pytest.raises(RefusedError, match=r"unknown field spec\.ingress\[0\]\.fromRequires\[0\]\.matchLabels"):
            cilium_engine.load([refused])


def test_the_policy_with_two_keys_is_accepted(api_server: ApiServer) -> None:
    api_server.install([crds.cilium("1.20", "ciliumclusterwidenetworkpolicies")])
    assert api_server.apply(manifests("allow-mtls-traffic")) == [CREATED]


# --- pattern 6 ----------------------------------------------------------------------------------------------


def test_the_foundation_is_accepted(kubernetes_engine: KubernetesEngine, api_server: ApiServer) -> None:
    kubernetes_engine.load(manifests("zero-trust-foundation"))
    api_server.clear()
    assert api_server.apply(manifests("zero-trust-foundation")) == [CREATED]


def test_an_empty_list_of_ports_is_every_port(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests("zero-trust-foundation"))
    ports: Sequence[tuple[Protocol, int]] = (("TCP", 22), ("TCP", 5432), ("UDP", 161), ("SCTP", 3868))
    for protocol, port in ports:
        assert asked(kubernetes_engine, Connection(STRANGER, POSTGRES, protocol, port)).ingress
        assert not asked(kubernetes_engine, Connection(PROMETHEUS, POSTGRES, protocol, port)).ingress


def test_by_itself_the_foundation_lets_no_pod_call_another(kubernetes_engine: KubernetesEngine) -> None:
    kubernetes_engine.load(manifests("zero-trust-foundation"))
    for target in (WEB, API, POSTGRES, PROMETHEUS):
        assert not asked(kubernetes_engine, Connection(STRANGER, target, port=8080)).allowed


def test_beside_pattern_2_only_the_callers_own_policy_is_left(kubernetes_engine: KubernetesEngine) -> None:
    for also, answer in (((), False), (("zero-trust-foundation",), True)):
        kubernetes_engine.load(manifests(*PATTERN_2, *also))
        assert asked(kubernetes_engine, Connection(API, REDIS, port=6379)).allowed is answer
        assert asked(kubernetes_engine, Connection(STRANGER, POSTGRES, port=5432)).ingress is answer


def by_endpoints() -> Document:
    """The layer of identities in words that Cilium still has."""
    return edited("identity-based-policy", "fromRequires", "fromEndpoints")


API_WITH_ENV = in_production(app="api", tier="backend", env="production")
WEB_WITH_ENV = in_production("frontend-sa", app="web", tier="frontend", env="production")


def test_the_layer_of_identities_selects_nothing_of_pattern_2(cilium_engine: CiliumEngine) -> None:
    cilium_engine.load([by_endpoints()])
    for target, answer in ((API, True), (API_WITH_ENV, False)):
        assert one(cilium_engine, ask("DELETE", "/admin", STRANGER, target)).passes is answer
    assert one(cilium_engine, ask("GET", "/api/v1/orders", WEB_WITH_ENV, API_WITH_ENV)).passes
    assert not one(cilium_engine, ask("GET", "/api/v1/orders", WEB, API_WITH_ENV)).passes


def test_the_foundation_undoes_the_layer_of_identities(cilium_engine: CiliumEngine) -> None:
    for beside, answer in (((), False), (("zero-trust-foundation",), True)):
        cilium_engine.load([by_endpoints(), *manifests(*beside)])
        for peer in (WEB_WITH_ENV, STRANGER):
            assert one(cilium_engine, ask("DELETE", "/admin", peer, API_WITH_ENV)).ingress.passes is answer


# --- what is emitted ----------------------------------------------------------------------------------------

LEGACY = Pod("legacy", {"app": "batch"}, service_account="batch")
PATTERN_5_API = in_production("api", app="api", tier="backend")
ARCHIVE = in_production("archive", app="archive")
BACKUP = in_production("backup", app="backup")
WEST = in_production("frontend", "west", app="web", tier="frontend")
STRANGER_IN_THE_WEST = in_production("frontend", "west", app="stranger")
# Who has only one of the two: the labels, or the account.
LOOKS_LIKE_THE_FRONTEND = in_production("default", app="web", tier="frontend")
RUNS_AS_THE_FRONTEND = in_production("frontend", app="stranger")
LOOKS_LIKE_PROMETHEUS = evolve(PROMETHEUS, service_account="default")

GATEWAY = Pod("ingress", {"app": "gateway"}, service_account="gateway")
SITE = in_production("frontend-sa", app="web")
SHOP_API = in_production("api", app="api", tier="backend", env="production")
ORDERS_DB = in_production("orders-db", app="orders-db")
OPERATOR = in_production("operator", app="operator")
LOOKS_LIKE_THE_SITE = in_production("default", app="web")
RUNS_AS_THE_SITE = in_production("frontend-sa", app="stranger")
API_SERVER = Address("192.0.2.10", kube_apiserver=True)

# A connection; whether it passes; whether it does where names are waived.
Answers = Iterable[tuple[Connection, bool, bool]]


def passes(*connections: Connection) -> Answers:
    return [(connection, True, True) for connection in connections]


def refused(*connections: Connection) -> Answers:
    return [(connection, False, False) for connection in connections]


def refused_by_name(*connections: Connection) -> Answers:
    return [(connection, False, True) for connection in connections]


def lookups(source: Peer) -> tuple[Connection, Connection]:
    return lookup(source), lookup(source, protocol="TCP")


def of_5(method: str, path: str, source: Peer = FRONTEND, port: int = 8080) -> Connection:
    return ask(method, path, source, PATTERN_5_API, port)


def of_6(method: str, path: str, source: Peer = SITE, port: int = 8080) -> Connection:
    return ask(method, path, source, SHOP_API, port)


def tls(source: Peer, name: str, server_name: str = "", port: int = 443) -> Connection:
    return Connection(source, named(name), port=port, server_name=server_name or name)


PATTERN_5: Answers = (
    *passes(of_5("GET", "/api/v1"), of_5("GET", "/api/v1/orders/7?lines=1"), of_5("POST", "/api/v1/orders")),
    *passes(of_5("GET", "/metrics", PROMETHEUS), of_5("POST", "/imports", LEGACY, 8081)),
    *passes(Connection(PATTERN_5_API, ARCHIVE, port=5432), Connection(LEGACY, ARCHIVE, port=5432)),
    *passes(*lookups(FRONTEND), *lookups(PATTERN_5_API), Connection(PATTERN_5_API, ISTIOD, port=15012)),
    *passes(Connection(BACKUP, ARCHIVE, port=8432)),
    *refused(Connection(BACKUP, ARCHIVE, port=5432), Connection(LEGACY, ARCHIVE, port=8432)),
    *refused(of_5("DELETE", "/api/v1/orders/7"), of_5("GET", "/api/v10"), of_5("GET", "/metrics")),
    *refused(of_5("GET", "/api/v1/orders", PROMETHEUS), of_5("POST", "/metrics", PROMETHEUS)),
    *refused(of_5("GET", "/metrics/internal", PROMETHEUS), of_5("GET", "/metrics", PROMETHEUS, 8081)),
    *refused(of_5("GET", "/imports", LEGACY, 8081), of_5("POST", "/imports", LEGACY), of_5("POST", "/imports")),
    *refused(of_5("POST", "/imports", FRONTEND, 8081), of_5("GET", "/api/v1/orders", FRONTEND, 9090)),
    *refused(of_5("GET", "/api/v1/orders", LOOKS_LIKE_THE_FRONTEND), of_5("GET", "/api/v1", RUNS_AS_THE_FRONTEND)),
    *refused(of_5("GET", "/metrics", LOOKS_LIKE_PROMETHEUS), of_5("GET", "/api/v1/orders", OUTSIDE)),
    *refused(Connection(FRONTEND, PATTERN_5_API, port=8080), Connection(FRONTEND, ARCHIVE, port=5432)),
    *refused(Connection(OUTSIDE, ARCHIVE, port=5432), Connection(PROMETHEUS, ARCHIVE, port=5432)),
    *refused(Connection(PATTERN_5_API, FRONTEND, port=8080), Connection(FRONTEND, OUTSIDE, port=443)),
    *refused(Connection(FRONTEND, METRICS_SERVER, port=15012), Connection(STRANGER, ISTIOD, port=15012)),
)

EXPECTED: dict[str, Answers] = {
    "pattern5": (*PATTERN_5, *refused(of_5("GET", "/api/v1/orders", STRANGER))),
    "across": (
        *PATTERN_5,
        *passes(of_5("GET", "/api/v1/orders", WEST), of_5("POST", "/api/v1/orders", WEST)),
        *refused(of_5("DELETE", "/api/v1/orders/7", WEST), of_5("GET", "/api/v1", STRANGER_IN_THE_WEST)),
    ),
    "pattern6": (
        *passes(Connection(GATEWAY, SITE, port=8080, http=Request("DELETE", "/any"))),
        *passes(of_6("GET", "/api/v1"), of_6("GET", "/api/v1/orders/7"), of_6("POST", "/api/v1/orders?dry_run=1")),
        *passes(Connection(SHOP_API, ORDERS_DB, port=5432), Connection(OPERATOR, API_SERVER, port=6443)),
        *passes(tls(SHOP_API, "api.stripe.com"), *lookups(SITE), *lookups(SHOP_API), *lookups(OPERATOR)),
        *refused(of_6("DELETE", "/api/v1/orders/7"), of_6("POST", "/api/v1/payments"), of_6("GET", "/admin")),
        *refused(of_6("GET", "/api/v1", LOOKS_LIKE_THE_SITE), of_6("GET", "/api/v1", RUNS_AS_THE_SITE)),
        *refused(of_6("GET", "/api/v1", GATEWAY), of_6("GET", "/api/v1", SITE, 9090), of_6("GET", "/api/v1", OUTSIDE)),
        *refused(Connection(SITE, SHOP_API, port=8080), Connection(SITE, ORDERS_DB, port=5432)),
        *refused(Connection(OUTSIDE, ORDERS_DB, port=5432), Connection(OUTSIDE, SITE, port=8080)),
        *refused(Connection(SITE, API_SERVER, port=6443), Connection(OPERATOR, API_SERVER, port=443)),
        *refused(tls(SITE, "api.stripe.com"), tls(SHOP_API, "api.stripe.com", port=80)),
        *refused_by_name(tls(SHOP_API, "attacker.example"), tls(SHOP_API, "api.stripe.com", "attacker.example")),
    ),
}


def by_cilium(engine: CiliumEngine, connections: Iterable[Connection]) -> list[bool]:
    return [verdict.passes for verdict in engine.ask(map(encrypted, connections))]


def by_networkpolicy(engine: KubernetesEngine, connections: Iterable[Connection]) -> list[bool]:
    return [verdict.allowed for verdict in engine.ask(map(natively, connections))]


def by_calico(engine: CalicoEngine, connections: Iterable[Connection]) -> list[bool]:
    return [verdict.passes for verdict in of_calico(engine, connections)]


def wrong(
    mesh: IstioEngine, pattern: str, platform: str, network: Callable[[Iterable[Connection]], list[bool]], names: bool
) -> list[Connection]:
    """The connections that do not pass both layers though they should, or do though they should not."""
    answers = tuple(EXPECTED[pattern])
    connections = [connection for connection, _, _ in answers]
    mesh.load(article.of_group("security.istio.io", article.emitted(pattern, platform)))
    both = map(all, zip(network(connections), through_sidecars(mesh, connections), strict=True))
    return [
        it
        for (it, exactly, waived), found in zip(answers, both, strict=True)
        if found is not (exactly if names else waived)
    ]


def loaded(
    engine: CiliumEngine | KubernetesEngine | CalicoEngine,
    pattern: str,
    platform: str,
    also: Sequence[Document] = (),
) -> None:
    """What the network engine enforces of it is put in force, beside what somebody else wrote."""
    groups = {CiliumEngine: "cilium.io", KubernetesEngine: "networking.k8s.io", CalicoEngine: "projectcalico.org"}
    engine.load([*article.of_group(groups[type(engine)], article.emitted(pattern, platform)), *also])


@pytest.mark.parametrize(("pattern", "platform"), article.CILIUM_ISTIO)
def test_what_is_emitted_for_cilium_and_istio_answers_rightly(
    cilium_engine: CiliumEngine, istio_engine: IstioEngine, pattern: str, platform: str
) -> None:
    loaded(cilium_engine, pattern, platform)
    assert wrong(istio_engine, pattern, platform, partial(by_cilium, cilium_engine), names=True) == []


@pytest.mark.parametrize(("pattern", "platform"), article.KUBERNETES_ISTIO)
def test_what_is_emitted_for_networkpolicy_and_istio_answers_rightly(
    kubernetes_engine: KubernetesEngine, istio_engine: IstioEngine, pattern: str, platform: str
) -> None:
    loaded(kubernetes_engine, pattern, platform)
    assert wrong(istio_engine, pattern, platform, partial(by_networkpolicy, kubernetes_engine), names=False) == []


@pytest.mark.parametrize(("pattern", "platform"), article.CALICO_ISTIO)
def test_what_is_emitted_for_calico_and_istio_answers_rightly(
    calico_engine: CalicoEngine, istio_engine: IstioEngine, pattern: str, platform: str
) -> None:
    loaded(calico_engine, pattern, platform)
    assert wrong(istio_engine, pattern, platform, partial(by_calico, calico_engine), names=False) == []


# A pod, a port of it, and the mode there: the port's own, the service's, the namespace's; and what no topology governs.
MODES: Sequence[tuple[Pod, int, Mode]] = (
    (FRONTEND, 8080, "STRICT"),
    (PATTERN_5_API, 8080, "STRICT"),
    (PATTERN_5_API, 8081, "PERMISSIVE"),
    (ARCHIVE, 5432, "PERMISSIVE"),
    (ARCHIVE, 8432, "STRICT"),
    (STRANGER, 80, "STRICT"),
)


@pytest.mark.parametrize(
    ("pattern", "platform", "elsewhere"),
    [
        ("pattern5", "kubernetes_istio", "PERMISSIVE"),
        ("pattern5", "calico_istio", "PERMISSIVE"),
        ("across", "cilium_strict_mesh", "STRICT"),
    ],
)
def test_the_nearest_mode_is_in_force(istio_engine: IstioEngine, pattern: str, platform: str, elsewhere: Mode) -> None:
    istio_engine.load(article.of_group("security.istio.io", article.emitted(pattern, platform)))
    for pod, port, expected in (*MODES, (PROMETHEUS, 9090, elsewhere)):
        assert mode(istio_engine, pod, port) == expected


def test_a_deny_holds_against_what_others_allow(
    cilium_engine: CiliumEngine,
    calico_engine: CalicoEngine,
    kubernetes_engine: KubernetesEngine,
    istio_engine: IstioEngine,
) -> None:
    everybody: Document = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 5432}]}
    theirs = [network_policy({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [everybody]}, "production")]
    denied = [Connection(OUTSIDE, ORDERS_DB, port=5432), Connection(OUTSIDE, OPERATOR, port=5432)]
    loaded(cilium_engine, "pattern6", "cilium_istio", theirs)
    assert by_cilium(cilium_engine, denied) == [False, True]
    loaded(calico_engine, "pattern6", "calico_istio_without_names", theirs)
    assert by_calico(calico_engine, denied) == [False, True]
    # NetworkPolicy has no deny, which is waived there; what is left is that who comes from outside has no identity.
    loaded(kubernetes_engine, "pattern6", "kubernetes_istio_without_names", theirs)
    assert by_networkpolicy(kubernetes_engine, denied) == [True, True]
    for pattern, platform in article.STACKS:
        if pattern == "pattern6":
            istio_engine.load(article.of_group("security.istio.io", article.emitted(pattern, platform)))
            assert through_sidecars(istio_engine, denied) == [False, False]


def test_what_is_emitted_for_two_layers_is_accepted(api_server: ApiServer) -> None:
    """Objects of Calico are validated by its engine, which refuses to load what its API would not take."""
    api_server.install([crds.cilium("1.20"), crds.istio("1.31"), crds.istio("1.31", "peerauthentications")])
    for pattern, platform in article.STACKS:
        api_server.clear()
        documents = article.emitted(pattern, platform)
        ours = [it for it in documents if it not in article.of_group("projectcalico.org", documents)]
        assert api_server.apply(ours) == [CREATED] * len(ours)
