"""What zt_dsl reads in Istio's policies, without an engine: forms, diagnostics, and what each form comes to."""

import json
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any, Literal

import pytest
from attrs import evolve

from zt_dsl.backends.istio.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import EVERY_ADDRESS
from zt_dsl.ir.flow import Outside, Place, Workload
from zt_dsl.ir.paths import PLAIN
from zt_dsl.ir.platform import Istio, Kubernetes, NoMesh, NoNetwork, Platform
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, IDENTITY, METADATA_NAME, SERVICE_ACCOUNT, selector, with_labels
from zt_dsl.ir.traffic import Port
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.connection import Connection, Pod, Said, passes
from zt_dsl.reach.grants import EVERY_ENTITY, EVERY_NAME, Entities, Narrowed, Pods, Reach
from zt_dsl.source import Location

Tree = dict[str, Value]

GOVERNED = frozenset({"shop", "pay"})
ROOT, OWN = "istio-system", "own.example"
MESHED = selector(((IDENTITY, ANY_VALUE),))
Normalization = Literal["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]
MESH = Istio("1.31", "sidecar", "", OWN, ROOT, "DECODE_AND_MERGE_SLASHES", "strict")


def platform_of(mesh: Istio | NoMesh = MESH) -> Platform:
    at = Location("platform.py", 1)
    resolver = Workload(Place("here", "kube-system"), "dns", (), "coredns")
    nobody = Outside("api-server", "api-server", ()), Outside("nodes", "nodes", ())
    network = NoNetwork() if isinstance(mesh, Istio) else Kubernetes("1.35")
    dns = Port("dns", "dns", 53, 53, 53)
    return Platform("istio", network, mesh, "here", resolver, dns, *nobody, (), (), (), at)


def policy(spec: Value, namespace: str = "shop", name: str = "web", kind: str = "AuthorizationPolicy") -> Tree:
    metadata: Value = {"name": name, "namespace": namespace}
    return {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def modes(spec: Value, namespace: str = "shop", name: str = "modes") -> Tree:
    return policy(spec, namespace, name, "PeerAuthentication")


def documents(*bodies: Tree) -> tuple[ReadDocument, ...]:
    """As a file has them. JSON is YAML, and a quoted string is a string in both."""
    found = read("\n---\n".join(map(json.dumps, bodies)).encode(), "a.yaml")
    assert not isinstance(found, Diagnostic), found
    return found


def understood(
    *bodies: Tree, mesh: Istio = MESH, governed: Iterable[str] = GOVERNED
) -> tuple[Reach, tuple[Diagnostic, ...]]:
    return reach_of(documents(*bodies), frozenset(governed), platform_of(mesh))


def meaning(*bodies: Tree, mesh: Istio = MESH, governed: Iterable[str] = GOVERNED) -> Reach:
    """Without what holds for every pod: what is not TCP passes."""
    reach, diagnostics = understood(*bodies, mesh=mesh, governed=governed)
    assert diagnostics == ()
    return evolve(reach, grants=tuple(g for g in reach.grants if not str(g.opened).startswith("SCTP")))


def codes(*bodies: Tree, mesh: Istio = MESH) -> list[str]:
    return [diagnostic.code for diagnostic in understood(*bodies, mesh=mesh)[1]]


def rule(*sources: Tree, **operation: Value) -> Tree:
    to: Tree = {"to": [{"operation": operation}]} if operation else {}
    return {"from": [{"source": source} for source in sources], **to} if sources else to


def allowed(*rules: Value, **more: Value) -> Tree:
    return policy({**more, "rules": list(rules)})


def remotes(source: Tree, mesh: Istio = MESH) -> list[object]:
    return [grant.remote for grant in meaning(allowed(rule(source)), mesh=mesh).grants]


def lets(
    reach: Reach, client: str | Pod, port: int = 8080, said: Said | None = None, app: str = "db", place: str = "shop"
) -> bool:
    subject = Pod(place, (("app", app), (IDENTITY, OWN)))
    return passes(reach, Connection(subject, "Ingress", client, "TCP", port, said))


def identified(account: str = "web", namespace: str = "shop", domain: str = OWN) -> Pod:
    return Pod(namespace, ((SERVICE_ACCOUNT, account), (IDENTITY, domain)))


UNMESHED = Pod("shop", (("app", "web"),))


# --- what isolates -----------------------------------------------------------------------------------


def test_nothing_is_isolated_without_a_policy() -> None:
    reach, diagnostics = understood()
    assert (reach.isolations, reach.denied, diagnostics) == ((), (), ())
    assert lets(reach, UNMESHED)


@pytest.mark.parametrize("spec", [{}, {"rules": []}, {"action": "ALLOW"}])
def test_an_allow_policy_isolates_pods_with_a_sidecar(spec: Tree) -> None:
    reach = meaning(policy(spec))
    [isolation] = reach.isolations
    assert (isolation.namespace, isolation.direction, isolation.subject) == ("shop", "Ingress", MESHED)
    assert not lets(reach, identified())
    without = Connection(UNMESHED, "Ingress", identified(), "TCP", 8080)
    assert passes(reach, without)


def test_what_is_not_tcp_passes_whatever_a_policy_says() -> None:
    reach, _ = understood(policy({}))
    subject = Pod("shop", ((IDENTITY, OWN),))
    for client in (UNMESHED, identified(), "203.0.113.1", "host"):
        assert passes(reach, Connection(subject, "Ingress", client, "UDP", 53))
        assert not passes(reach, Connection(subject, "Ingress", client, "TCP", 53))


def test_a_denial_isolates_nobody_and_overrules() -> None:
    reach = meaning(policy({"action": "DENY", "rules": [rule({"namespaces": ["pay"]}, ports=["8080"])]}))
    assert reach.isolations == ()
    assert lets(reach, identified())
    assert not lets(reach, identified(namespace="pay"))
    assert lets(reach, identified(namespace="pay"), port=80)


def test_a_policy_of_a_governed_root_namespace_is_in_force_everywhere() -> None:
    reach = meaning(policy({}, ROOT), governed=(*GOVERNED, ROOT))
    assert {isolation.namespace for isolation in reach.isolations} == {*GOVERNED, ROOT}


# --- who ---------------------------------------------------------------------------------------------


def place(namespace: str) -> Pods:
    return Pods(with_labels(((METADATA_NAME, namespace),)), MESHED)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"principals": [f"{OWN}/ns/shop/sa/web"]},
            Pods(with_labels(((METADATA_NAME, "shop"),)), with_labels(((SERVICE_ACCOUNT, "web"), (IDENTITY, OWN)))),
        ),
        (
            {"principals": ["cluster.local/ns/shop/sa/web"]},
            Pods(with_labels(((METADATA_NAME, "shop"),)), with_labels(((SERVICE_ACCOUNT, "web"), (IDENTITY, OWN)))),
        ),
        (
            {"principals": ["cluster.local/ns/shop/*"]},
            Pods(with_labels(((METADATA_NAME, "shop"),)), with_labels(((IDENTITY, "cluster.local"),))),
        ),
        ({"principals": ["*"]}, Pods(EVERYTHING, MESHED)),
        ({"namespaces": ["shop"]}, place("shop")),
        (
            {"serviceAccounts": ["web"]},
            Pods(
                place("shop").namespace,
                selector(((SERVICE_ACCOUNT, with_labels((("", "web"),)).terms[0][1]), (IDENTITY, ANY_VALUE))),
            ),
        ),
    ],
)
def test_an_identity_is_what_a_pod_is(source: Tree, expected: Pods) -> None:
    assert remotes(source) == [expected]


def test_an_account_alone_is_of_the_policy_s_own_namespace() -> None:
    """Also where the same rule, one object to the reader, was in another before."""
    element = rule({"serviceAccounts": ["web"]})
    first, second = policy({"rules": [element]}), policy({"rules": [element]}, "pay")
    reach = meaning(first, second)
    for namespace in ("shop", "pay"):
        assert lets(reach, identified(namespace=namespace), place=namespace)
        assert not lets(reach, identified(namespace="ops"), place=namespace)


def test_whoever_has_no_identity_is_everybody_else() -> None:
    nobody = selector(((IDENTITY, ~ANY_VALUE),))
    assert remotes({"notPrincipals": ["*"]}) == [
        Pods(EVERYTHING, nobody), EVERY_ADDRESS, EVERY_NAME, Entities(EVERY_ENTITY)
    ]  # fmt: skip


def test_blocks_are_addresses() -> None:
    reach = meaning(allowed(rule({"ipBlocks": ["203.0.113.0/24", "198.51.100.7"], "notIpBlocks": ["203.0.113.0/25"]})))
    assert [lets(reach, at) for at in ("203.0.113.200", "203.0.113.1", "198.51.100.7")] == [True, False, True]


NOT_WHO: dict[str, Tree] = {
    "a scheme": {"principals": ["spiffe://own.example/ns/shop/sa/web"]},
    "a part of an account": {"principals": ["own.example/ns/shop/sa/w*"]},
    "a part of a trust domain": {"principals": ["own*"]},
    "an end": {"principals": ["*/sa/web"]},
    "somebody else": {"notPrincipals": ["own.example/ns/shop/sa/web"]},
    "other namespaces": {"notNamespaces": ["shop"]},
    "any namespace": {"namespaces": ["*"]},
    "a part of a namespace": {"namespaces": ["sh*"]},
    "a namespace that is in others": {"namespaces": ["sa"]},
    "two kinds": {"principals": ["*"], "namespaces": ["shop"]},
    "identities and blocks": {"principals": ["*"], "ipBlocks": ["10.0.0.0/8"]},
    "all but a block": {"notIpBlocks": ["10.0.0.0/8"]},
    "host bits": {"ipBlocks": ["10.0.0.1/8"]},
    "what a proxy says": {"remoteIpBlocks": ["10.0.0.0/8"]},
    "a token": {"requestPrincipals": ["*"]},
    "nobody": {"principals": []},
    "nobody beside": {"principals": [], "namespaces": ["shop"]},
    "nothing": {},
    "null": {"principals": None, "namespaces": ["shop"]},
    "trust domains": {"trustDomains": ["a"]},
}


@pytest.mark.parametrize("source", NOT_WHO.values(), ids=NOT_WHO.keys())
def test_callers_that_cannot_be_said_are_not_understood(source: Tree) -> None:
    assert set(codes(allowed(rule(source)))) == {"ZT501"}
    assert meaning_of_the_rest(allowed(rule(source))) == ()


def meaning_of_the_rest(*bodies: Tree) -> tuple[object, ...]:
    return understood(*bodies)[0].isolations


@pytest.mark.parametrize(
    ("source", "before", "since"),
    [
        ({"serviceAccounts": ["shop/web"]}, "1.24", "1.25"),
        ({"serviceAccounts": ["shop/web.one"]}, "1.29", "1.30"),
        ({"principals": ["*/ns/shop/sa/web.one"]}, "1.30", "1.31"),
    ],
)
def test_what_a_version_does_not_have_is_not_understood(source: Tree, before: str, since: str) -> None:
    document = allowed(rule(source))
    assert codes(document, mesh=evolve(MESH, version=before)) == ["ZT501"]
    assert codes(document, mesh=evolve(MESH, version=since)) == []


# --- what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        [{"from": []}],
        [{"to": []}],
        [None],
        [{"from": None}],
        [{"from": [{}]}],
        [{"to": [{}]}],
        [{"to": [{"operation": {}}]}],
        [rule(ports=[])],
        [rule(ports=["http"])],
        [rule(ports=["080"])],
        [rule(ports=["65536"])],
        [rule(ports=[80])],
        [rule(notPorts=["80"])],
        [rule(hosts=["a.example"])],
        [rule(methods=["G*"])],
        [rule(notPaths=["/a"])],
        [{"when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}],
        [{"to": [{"operation": {"ports": ["80"]}}, {"operation": {"methods": ["GET"]}}]}],
    ],
)
def test_rules_that_mean_another_thing_are_not_understood(rules: list[Value]) -> None:
    assert set(codes(allowed(*rules))) == {"ZT501"}


def test_port_nought_is_none() -> None:
    assert meaning(allowed(rule(ports=["0"]))).grants == ()


def request(path: str, method: str = "GET", query: str = PLAIN) -> Said:
    return Said("http", (method, query, *path.split("/")[1:]))


@pytest.mark.parametrize(
    ("paths", "inside", "outside"),
    [
        (["/a"], ["/a"], ["/a/", "/b"]),
        (["/a/"], ["/a/"], ["/a"]),
        (["/a/*"], ["/a/", "/a/b", "/a/b/c"], ["/a", "/ab"]),
        (["/a/{**}"], ["/a/", "/a/b", "/a/b/c"], ["/a"]),
        (["/{*}/b"], ["/a/b"], ["/a/b/", "/b"]),
        (["/a/{*}"], ["/a/b"], ["/a/", "/a", "/a/b/"]),
        (["/{*}/{**}"], ["/a/", "/a/b"], ["/", "/a"]),
        (["/*"], ["/", "/a", "/a/b"], []),
    ],
)
def test_paths(paths: list[Value], inside: list[str], outside: list[str]) -> None:
    reach = meaning(allowed(rule(paths=paths)))
    asked = [*inside, *outside]
    assert [path for path in asked if lets(reach, UNMESHED, said=request(path))] == inside
    assert [path for path in asked if lets(reach, UNMESHED, said=request(path, "POST", "q"))] == inside
    assert not lets(reach, UNMESHED)


@pytest.mark.parametrize(
    "path",
    ["a", "*", "/a*", "*/a", "/a/*/b", "/{*}x", "/{**}/x", "//", "/a/../b", "/a%2Fb", "/a?b", "/a;b", "/[a]", ""],
)
def test_paths_that_cannot_be_said_are_not_understood(path: str) -> None:
    assert set(codes(allowed(rule(paths=[path])))) == {"ZT501"}


@pytest.mark.parametrize("normalization", ["NONE", "BASE", "MERGE_SLASHES"])
@pytest.mark.parametrize(
    ("path", "known"), [("/a", True), ("/*", True), ("/a/*", False), ("/{*}", False), ("/{**}", False)]
)
def test_what_stands_for_several_paths_is_understood_where_slashes_are_unescaped(
    normalization: Normalization, path: str, known: bool
) -> None:
    document = allowed(rule(paths=[path]))
    assert codes(document, mesh=evolve(MESH, path_normalization=normalization)) == ([] if known else ["ZT501"])
    assert codes(document) == []


def test_requests_are_narrowed_on_their_ports() -> None:
    [grant, *_] = meaning(allowed(rule(ports=["80"], methods=["GET"]))).grants
    assert isinstance(grant.opened, Narrowed)
    assert str(grant.opened.ports) == "TCP 80"


@pytest.mark.parametrize("operation", [{"methods": ["GET"]}, {"paths": ["/a"], "ports": ["80"]}])
def test_a_denial_of_requests_is_not_understood(operation: Tree) -> None:
    assert codes(policy({"action": "DENY", "rules": [rule(**operation)]})) == ["ZT501"]


@pytest.mark.parametrize(
    "spec",
    [
        {"action": "AUDIT"},
        {"action": "CUSTOM", "provider": {"name": "x"}},
        {"action": "DENY"},
        {"targetRefs": [{"kind": "Service", "name": "db"}]},
        {"selector": {"matchLabels": {"app": "*"}}},
        {"selector": {"matchExpressions": []}},
        {"rules": None},
        {"rulez": []},
    ],
)
def test_specs_that_are_not_understood(spec: Tree) -> None:
    assert set(codes(policy(spec))) == {"ZT501"}


# --- what is repeated --------------------------------------------------------------------------------


def once(*policies: tuple[str, str, str], rule: str) -> tuple[ReadDocument, ...]:
    """Policies of these namespaces, names and actions that have one rule, which is one object to the reader."""
    text = "---\n".join(
        f"""apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {name}
  namespace: {namespace}
spec:
  action: {action}
  rules:
{rule}"""
        for namespace, name, action in policies
    )
    found = read(text.encode(), "a.yaml")
    assert not isinstance(found, Diagnostic), found
    bodies: list[Any] = [one.body for one in found]
    [same] = {id(body["spec"]["rules"][0]) for body in bodies}
    assert same
    return found


def test_an_account_alone_is_of_each_policy_s_own_namespace_also_in_a_rule_that_is_repeated() -> None:
    """Wherever in the rule it stands."""
    rule = f"""  - from:
    - source:
        principals:
        - {OWN}/ns/ops/sa/scraper
    - source:
        serviceAccounts:
        - web
"""
    found = once(("shop", "one", "ALLOW"), ("pay", "two", "ALLOW"), rule=rule)
    reach, diagnostics = reach_of(found, GOVERNED, platform_of())
    assert diagnostics == ()
    for place, other in (("shop", "pay"), ("pay", "shop")):
        assert lets(reach, identified(namespace=place), place=place)
        assert not lets(reach, identified(namespace=other), place=place)
        assert lets(reach, identified("scraper", "ops"), place=place)


def test_a_denial_of_requests_that_are_allowed_elsewhere_is_not_understood() -> None:
    rule = """  - to:
    - operation:
        methods:
        - GET
"""
    found = once(("shop", "one", "ALLOW"), ("shop", "two", "DENY"), rule=rule)
    assert [each.code for each in reach_of(found, GOVERNED, platform_of())[1]] == ["ZT501"]


@pytest.mark.parametrize(
    ("action", "block", "known"),
    [("DENY", "10.244.7.0/24", False), ("DENY", "203.0.113.0/24", True), ("ALLOW", "10.244.7.0/24", True)],
)
def test_a_denial_of_addresses_of_pods_is_not_understood(action: str, block: str, known: bool) -> None:
    document = policy({"action": action, "rules": [rule({"ipBlocks": [block]})]})
    on = evolve(platform_of(), pod_cidrs=(ip_network("10.244.0.0/16"),))
    assert [each.code for each in reach_of(documents(document), GOVERNED, on)[1]] == ([] if known else ["ZT501"])


# --- modes -------------------------------------------------------------------------------------------


def strict_of(reach: Reach, app: str = "db", port: int = 8080) -> bool:
    return not lets(reach, UNMESHED, port, app=app)


def mode(written: str) -> Tree:
    return {"mtls": {"mode": written}}


def about(app: str, written: str, ports: dict[str, str] | None = None) -> Tree:
    spec: Tree = {**mode(written), "selector": {"matchLabels": {"app": app}}}
    return spec if ports is None else {**spec, "portLevelMtls": {port: {"mode": each} for port, each in ports.items()}}


def test_strict_refuses_whoever_has_no_identity() -> None:
    reach = meaning(modes(mode("STRICT")))
    for client in (UNMESHED, "203.0.113.1", "host"):
        assert not lets(reach, client)
        assert lets(reach, client, place="pay")
    assert lets(reach, identified())


def test_the_narrowest_scope_decides() -> None:
    mesh, own = modes(mode("STRICT"), ROOT), modes(mode("PERMISSIVE"))
    assert strict_of(meaning(mesh))
    assert not strict_of(meaning(mesh, own))
    assert strict_of(meaning(mesh, modes(mode("UNSET"))))
    db = modes(about("db", "STRICT", {"8080": "PERMISSIVE", "80": "UNSET"}), name="db")
    reach = meaning(mesh, own, db)
    assert [strict_of(reach, port=port) for port in (8080, 80, 443)] == [False, True, True]
    assert not strict_of(reach, app="web")


def test_the_namespace_s_mode_is_not_that_of_a_workload_with_its_own() -> None:
    reach = meaning(modes(mode("STRICT")), modes(about("db", "PERMISSIVE"), name="db"))
    assert not strict_of(reach)
    assert strict_of(reach, app="web")


def test_no_identity_is_seen_where_it_is_disabled() -> None:
    by_web = allowed(rule({"principals": [f"{OWN}/ns/shop/sa/web"]}))
    reach = meaning(by_web, modes(about("db", "UNSET", {"8080": "DISABLE"})))
    assert [lets(reach, identified(), port) for port in (8080, 80)] == [False, True]
    anonymous = policy({"rules": [rule({"notPrincipals": ["*"]})]}, name="anonymous")
    reach = meaning(anonymous, modes(about("db", "UNSET", {"8080": "DISABLE"})))
    assert [lets(reach, identified(), port) for port in (8080, 80)] == [True, False]
    assert lets(reach, UNMESHED, 80)


@pytest.mark.parametrize(
    "pair",
    [
        (modes(mode("STRICT"), name="a"), modes(mode("STRICT"), name="b")),
        (modes(about("db", "STRICT"), name="a"), modes(about("db", "DISABLE"), name="b")),
        (
            modes(about("db", "STRICT"), name="a"),
            modes({"selector": {"matchLabels": {"tier": "one"}}, **mode("DISABLE")}, name="b"),
        ),
        (modes(mode("STRICT"), ROOT, "a"), modes(mode("DISABLE"), ROOT, "b")),
    ],
)
def test_two_for_some_of_the_same_pods_are_a_diagnostic(pair: tuple[Tree, Tree]) -> None:
    assert codes(*pair) == ["ZT501"]


@pytest.mark.parametrize(
    "document",
    [
        modes({**mode("STRICT"), "portLevelMtls": {"80": {"mode": "DISABLE"}}}),
        modes({**about("db", "STRICT"), "portLevelMtls": {}}),
        modes(about("db", "STRICT", {"0": "DISABLE"})),
        modes(about("db", "STRICT", {"http": "DISABLE"})),
        modes(mode("Strict")),
        modes({"mtls": None}),
        policy({**mode("STRICT"), "selector": {"matchLabels": {"app": "db"}}}, ROOT, kind="PeerAuthentication"),
    ],
)
def test_modes_that_are_not_understood(document: Tree) -> None:
    assert "ZT501" in codes(document)


# --- documents ---------------------------------------------------------------------------------------


def test_the_mode_of_the_mesh_is_read_where_it_is_written() -> None:
    unwritten = evolve(MESH, mesh_wide_mtls="unwritten")
    assert codes(modes(mode("STRICT"), ROOT), mesh=unwritten) == ["ZT504"]
    assert codes(policy({}, ROOT)) == ["ZT504"]
    assert codes(policy({}, "ops")) == ["ZT504"]


def test_a_second_object_of_one_name_is_a_diagnostic() -> None:
    older = {**policy({}), "apiVersion": "security.istio.io/v1beta1"}
    assert codes(policy({}), older) == ["ZT505"]
    assert codes(policy({}, name="a"), modes(mode("STRICT"), name="a")) == []


@pytest.mark.parametrize(("part", "key"), [("annotations", "istio.io/dry-run"), ("labels", "istio.io/rev")])
def test_what_may_put_a_policy_out_of_force_is_not_understood(part: str, key: str) -> None:
    document = policy({})
    metadata: Value = {"name": "web", "namespace": "shop", part: {key: "true"}}
    assert codes({**document, "metadata": metadata}) == ["ZT501"]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("RequestAuthentication", "security.istio.io/v1"),
        ("AuthorizationPolicy", "security.istio.io/v1alpha1"),
        ("NetworkPolicy", "networking.k8s.io/v1"),
    ],
)
def test_another_kind_is_not_understood(kind: str, version: str) -> None:
    assert codes({**policy({}), "kind": kind, "apiVersion": version}) == ["ZT501"]


def test_without_sidecars_there_is_nothing_to_read() -> None:
    for mesh in (NoMesh(), evolve(MESH, mode="ambient")):
        with pytest.raises(TypeError):
            reach_of((), GOVERNED, platform_of(mesh))


def test_a_difference_is_told_with_the_rule_and_its_line() -> None:
    found = documents(policy({}, name="first"), allowed(rule({"namespaces": ["shop"]})))
    reach, _ = reach_of(found, GOVERNED, platform_of())
    origin = next(
        grant.origin() for grant in reach.grants if isinstance(grant.remote, Pods) and grant.remote == place("shop")
    )
    assert (origin.what, origin.path) == ("AuthorizationPolicy shop/web rules[0]", "a.yaml")
    assert origin.line > 1
