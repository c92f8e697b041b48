"""Known answers of Istio's own code: what is refused, what is taken in silence, and what a sidecar lets through."""

from collections.abc import Mapping

import pytest

from tests.conformance.engines.istio_engine import Connection, Identity, IstioEngine, Mesh, Request, Verdict, Workload
from tests.conformance.engines.process import Document, Json, RefusedError
from tests.conformance.istio_policies import (
    AUTHENTICATION,
    AUTHORIZATION,
    allow,
    deny,
    istio_policy,
    mtls,
    operation,
    selector,
    source,
)

pytestmark = pytest.mark.conformance

WEB, API, FAR = Identity("shop", "web"), Identity("shop", "api"), Identity("shop", "web", "far.example")
EVIL = Identity("evil", "web")
DB = Workload("shop", {"app": "db"})
ROOT = "istio-system"
BY_WEB = source(principals=["cluster.local/ns/shop/sa/web"])


def verdict(engine: IstioEngine, connection: Connection, *documents: Document, mesh: Mesh | None = None) -> Verdict:
    engine.load(documents, mesh or Mesh())
    [found] = engine.ask([connection])
    return found


def passes(
    engine: IstioEngine,
    *documents: Document,
    client: Identity | None = WEB,
    port: int = 8080,
    http: Request | None = None,
    address: str = "10.244.0.9",
    target: Workload = DB,
) -> bool:
    return verdict(engine, Connection(client, target, port, http, address), *documents).allowed


def error(engine: IstioEngine, document: Document) -> str:
    [found] = engine.validate([document])
    return found.error


# --- the engine -----------------------------------------------------------------------------------------


def test_the_version_is_the_one_that_the_tests_speak_of(istio_engine: IstioEngine) -> None:
    assert istio_engine.versions().modules["istio.io/istio"] == "v0.0.0-20260827124520-eed52ebb66ad"


def test_a_request_that_is_none_is_an_error_and_no_end(istio_engine: IstioEngine) -> None:
    requests: list[Document] = [{"op": "x"}, {"op": 1}, {"op": "ask", "nonsense": 1}]
    for request in (*requests, {"op": "certificates", "names": ["\x00"]}):
        with pytest.raises(RefusedError):
            istio_engine.answer(request)
    assert passes(istio_engine)


def test_nothing_is_in_force_after_a_load_that_failed(istio_engine: IstioEngine) -> None:
    istio_engine.load([allow()])
    with pytest.raises(RefusedError, match="policy 1"):
        istio_engine.load([allow(), allow({"from": [{}]}, name="other")])
    with pytest.raises(RefusedError, match="no policies are loaded"):
        istio_engine.ask([Connection(WEB, DB)])


def test_a_second_object_of_one_name_is_refused(istio_engine: IstioEngine) -> None:
    with pytest.raises(RefusedError, match="exists"):
        istio_engine.load([allow(), allow()])


# --- what is taken --------------------------------------------------------------------------------------

REFUSED: Mapping[str, Document] = {
    "a port that is a number": allow(operation(ports=[8080])),
    "a range of ports": allow(operation(ports=["8080-8090"])),
    "a port with a name": allow(operation(ports=["http"])),
    "a port too large": allow(operation(ports=["65536"])),
    "a template with a name": allow(operation(paths=["/x/{id}"])),
    "a template beside letters": allow(operation(paths=["/f/{*}.txt"])),
    "a rest that is not last": allow(operation(paths=["/{**}/x/{*}"])),
    "a block too long": allow(source(ipBlocks=["10.0.0.0/33"])),
    "a name for a block": allow(source(ipBlocks=["example.com"])),
    "accounts and namespaces": allow(source(serviceAccounts=["web"], namespaces=["shop"])),
    "a star in an account": allow(source(serviceAccounts=["*"])),
    "too many accounts": allow(source(serviceAccounts=[f"a{n}" for n in range(17)])),
    "an empty source": allow(source()),
    "an empty operation": allow(operation()),
    "a from without a source": allow({"from": [{}]}),
    "an empty list alone": allow(source(principals=[])),
    "an empty principal": allow(source(principals=[""])),
    "a selector and a target": allow(selector=selector(app="db"), targetRefs=[{"kind": "Service", "name": "db"}]),
    "a star in a label": allow(selector=selector(app="*")),
    "a long label": allow(selector=selector(app="a" * 64)),
    "an action in small letters": allow(action="allow"),
    "a deny without rules": istio_policy(AUTHORIZATION, {"action": "DENY"}),
    "a custom action without a provider": allow({}, action="CUSTOM"),
    "a condition without values": allow({"when": [{"key": "source.ip"}]}),
    "an unknown condition": allow({"when": [{"key": "source.moon", "values": ["full"]}]}),
    "an unknown field": istio_policy(AUTHORIZATION, {"rulez": []}),
    "port modes of a namespace": mtls("STRICT", ports={"80": "DISABLE"}),
    "port modes of none": mtls("STRICT", about={"app": "db"}, ports={}),
    "port nought's mode": mtls("STRICT", about={"app": "db"}, ports={"0": "DISABLE"}),
    "the mode of a port too large": mtls("STRICT", about={"app": "db"}, ports={"70000": "DISABLE"}),
    "an unknown mode": mtls("Strict"),
    "a kind that is none": istio_policy("AuthorisationPolicy", {}),
    "a name that is none": allow(name="a_b"),
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(istio_engine: IstioEngine, document: Document) -> None:
    assert error(istio_engine, document)
    with pytest.raises(RefusedError):
        istio_engine.load([document])


WARNED: Mapping[str, tuple[Document, str]] = {
    "a deny of methods alone": (deny(operation(methods=["POST"])), "deny all traffic to TCP ports"),
    "a selector of everything": (allow(selector={}), "workload selector"),
}


@pytest.mark.parametrize(("document", "words"), WARNED.values(), ids=WARNED.keys())
def test_what_is_warned_of(istio_engine: IstioEngine, document: Document, words: str) -> None:
    [found] = istio_engine.validate([document])
    assert not found.error
    assert words in "".join(found.warnings)


TAKEN: Mapping[str, Document] = {
    "nobody in from": allow({"from": []}),
    "nothing in to": allow({"to": []}),
    "an empty list beside another": allow(source(namespaces=["x"], principals=[])),
    "a star in the middle": allow(operation(paths=["/a/*/b"])),
    "a method in small letters": allow(operation(methods=["get"])),
    "port nought": allow(operation(ports=["0"])),
    "a port with noughts": allow(operation(ports=["0080"])),
    "a principal with a scheme": allow(source(principals=["spiffe://cluster.local/ns/shop/sa/web"])),
    "a block with host bits": allow(source(ipBlocks=["10.0.0.5/8"])),
    "an address": allow(source(ipBlocks=["10.0.0.5"])),
    "a selector in the root namespace": mtls("STRICT", namespace=ROOT, about={"app": "db"}),
    "no mode": istio_policy(AUTHENTICATION, {}),
}


@pytest.mark.parametrize("document", TAKEN.values(), ids=TAKEN.keys())
def test_what_is_taken_in_silence(istio_engine: IstioEngine, document: Document) -> None:
    [found] = istio_engine.validate([document])
    assert (found.error, found.warnings) == ("", ())


def test_two_policies_for_one_scope_are_taken(istio_engine: IstioEngine) -> None:
    istio_engine.load([mtls("STRICT"), mtls("DISABLE", name="other")])


# --- who ------------------------------------------------------------------------------------------------


def test_without_an_allow_policy_everything_passes(istio_engine: IstioEngine) -> None:
    assert passes(istio_engine, client=None)
    assert passes(istio_engine, deny(source(namespaces=["evil"])))


@pytest.mark.parametrize("spec", [{}, {"rules": []}, {"action": "ALLOW"}])
def test_an_allow_policy_without_rules_lets_nobody_in(istio_engine: IstioEngine, spec: Document) -> None:
    assert not passes(istio_engine, istio_policy(AUTHORIZATION, spec))


@pytest.mark.parametrize("rule", [{}, {"from": []}, {"to": []}])
def test_a_rule_without_callers_lets_everybody_in(istio_engine: IstioEngine, rule: Document) -> None:
    assert passes(istio_engine, allow(rule), client=None)


def test_an_empty_list_beside_another_vanishes(istio_engine: IstioEngine) -> None:
    assert passes(istio_engine, allow(source(namespaces=["evil"], principals=[])), client=EVIL)
    assert passes(istio_engine, allow(operation(paths=["/a"], ports=[])), port=1, http=Request(path="/a"))


@pytest.mark.parametrize(
    ("fields", "let"),
    [
        ({"principals": ["cluster.local/ns/shop/sa/web"]}, {WEB}),
        ({"principals": ["spiffe://cluster.local/ns/shop/sa/web"]}, set[Identity | None]()),
        ({"principals": ["cluster.local/ns/shop/*"]}, {WEB, API}),
        ({"principals": ["cluster.local/*"]}, {WEB, API, EVIL}),
        ({"principals": ["*/ns/shop/sa/web"]}, {WEB, FAR}),
        ({"principals": ["*"]}, {WEB, API, EVIL, FAR}),
        ({"namespaces": ["shop"]}, {WEB, API, FAR}),
        ({"namespaces": ["s*p"]}, {WEB, API, FAR}),
        ({"serviceAccounts": ["web"]}, {WEB, FAR}),
        ({"serviceAccounts": ["evil/web"]}, {EVIL}),
        ({"trustDomains": ["cluster.local"]}, {WEB, API, EVIL}),
        ({"notPrincipals": ["*"]}, {None}),
        ({"notPrincipals": ["cluster.local/ns/shop/sa/web"]}, {API, EVIL, FAR, None}),
        ({"notNamespaces": ["shop"]}, {EVIL, None}),
    ],
)
def test_who_is_let_in(istio_engine: IstioEngine, fields: dict[str, Json], let: set[Identity | None]) -> None:
    istio_engine.load([allow(source(**fields))])
    clients = (WEB, API, EVIL, FAR, None)
    verdicts = istio_engine.ask(Connection(client, DB) for client in clients)
    assert {client for client, found in zip(clients, verdicts, strict=True) if found.allowed} == let


def test_blocks_are_of_the_address_that_the_sidecar_sees(istio_engine: IstioEngine) -> None:
    policy = allow(source(ipBlocks=["10.0.0.0/8"], notIpBlocks=["10.1.0.0/16"]))
    assert passes(istio_engine, policy, address="10.0.0.1", client=None)
    assert not passes(istio_engine, policy, address="10.1.0.1", client=None)
    assert not passes(istio_engine, policy, address="192.0.2.1", client=None)


def test_a_dot_of_an_account_is_a_dot(istio_engine: IstioEngine) -> None:
    """Before 1.30 it was any character (CVE-2026-39350)."""
    for fields in ({"serviceAccounts": ["a.b"]}, {"principals": ["*/ns/shop/sa/a.b"]}):
        policy = allow(source(**fields))
        assert passes(istio_engine, policy, client=Identity("shop", "a.b"))
        assert not passes(istio_engine, policy, client=Identity("shop", "axb"))


def test_a_namespace_that_is_called_as_a_part_of_an_identity_is_more_than_itself(istio_engine: IstioEngine) -> None:
    """It is looked for as `/ns/…/` anywhere in the identity."""
    assert passes(istio_engine, allow(source(namespaces=["sa"])), client=Identity("ns", "web"))
    assert passes(istio_engine, allow(source(namespaces=["ns"])), client=Identity("shop", "web", "ns"))


# --- the trust domain -----------------------------------------------------------------------------------


def test_cluster_local_is_whatever_the_trust_domain_is(istio_engine: IstioEngine) -> None:
    """Where the principal has its five parts; a prefix is taken as it is written."""
    there = Mesh(trust_domain="far.example")

    def lets(principal: str) -> list[bool]:
        istio_engine.load([allow(source(principals=[principal]))], there)
        return [found.allowed for found in istio_engine.ask([Connection(WEB, DB), Connection(FAR, DB)])]

    assert lets("cluster.local/ns/shop/sa/web") == [False, True]
    assert lets("far.example/ns/shop/sa/web") == [False, True]
    assert lets("cluster.local/ns/shop/*") == [True, False]
    assert lets("cluster.local/ns/shop/sa/*") == [False, True]


def test_another_trust_domain_is_itself(istio_engine: IstioEngine) -> None:
    policy = allow(source(principals=["far.example/ns/shop/sa/web"]))
    assert passes(istio_engine, policy, client=FAR)
    assert not passes(istio_engine, policy, client=WEB)


# --- what -----------------------------------------------------------------------------------------------


def test_deny_comes_before_allow(istio_engine: IstioEngine) -> None:
    policies = (allow({}), deny(operation(ports=["8080"])))
    assert not passes(istio_engine, *policies)
    assert passes(istio_engine, *policies, port=9090)


def test_ports_are_the_workload_s_own(istio_engine: IstioEngine) -> None:
    assert passes(istio_engine, allow(operation(ports=["8080"])))
    assert not passes(istio_engine, allow(operation(ports=["80"])))
    assert not passes(istio_engine, allow(operation(ports=["0"])))


def test_one_field_of_http_takes_a_whole_rule_from_tcp(istio_engine: IstioEngine) -> None:
    mixed = {
        "to": [{"operation": {"ports": ["8080"], "methods": ["GET"]}}, {"operation": {"ports": ["5432"]}}],
    }
    assert not passes(istio_engine, allow(mixed), port=5432)
    assert passes(istio_engine, allow(mixed), port=5432, http=Request("POST", "/"))
    apart = [{"to": [each]} for each in mixed["to"]]
    assert passes(istio_engine, allow(*apart), port=5432)


def test_a_denial_of_methods_is_of_everything_on_tcp(istio_engine: IstioEngine) -> None:
    assert not passes(istio_engine, deny(operation(methods=["POST"])))
    assert passes(istio_engine, deny(operation(methods=["POST"])), http=Request("GET", "/"))
    assert not passes(istio_engine, deny(operation(methods=["POST"], ports=["8080"])))


@pytest.mark.parametrize(
    ("path", "inside", "outside"),
    [
        ("/a", ["/a", "/a?b"], ["/a/", "/A", "/ab"]),
        ("/a/*", ["/a/", "/a/b", "/a/b/c", "/a/[b]"], ["/a", "/ab"]),
        ("/a*", ["/a", "/ab", "/a/b"], ["/"]),
        ("*/b", ["/b", "/a/b"], ["/b/"]),
        ("/a/{*}", ["/a/b", "/a/b?c=/d", "/a/*"], ["/a", "/a/", "/a/b/", "/a/[b]"]),
        ("/a/{**}", ["/a/", "/a/b", "/a/b/"], ["/a", "/a/[b]"]),
        ("/{*}/b/{**}", ["/a/b/", "/a/b/c/d"], ["/a/b", "//b/"]),
        ("/a/*/b", ["/a/*/b"], ["/a/x/b"]),
    ],
)
def test_paths(istio_engine: IstioEngine, path: str, inside: list[str], outside: list[str]) -> None:
    istio_engine.load([allow(operation(paths=[path]))])
    asked = [*inside, *outside]
    verdicts = istio_engine.ask(Connection(WEB, DB, http=Request("GET", each)) for each in asked)
    assert [each for each, found in zip(asked, verdicts, strict=True) if found.allowed] == inside


def test_methods_are_of_one_case(istio_engine: IstioEngine) -> None:
    assert passes(istio_engine, allow(operation(methods=["GET"])), http=Request("GET", "/"))
    assert not passes(istio_engine, allow(operation(methods=["get"])), http=Request("GET", "/"))
    assert passes(istio_engine, allow(operation(methods=["*"])), http=Request("PUT", "/"))


# --- where ----------------------------------------------------------------------------------------------


def test_a_policy_of_the_root_namespace_is_in_force_everywhere(istio_engine: IstioEngine) -> None:
    assert not passes(istio_engine, allow(namespace=ROOT))
    assert not passes(istio_engine, allow(namespace=ROOT, selector=selector(app="db")))
    assert passes(istio_engine, allow(namespace=ROOT, selector=selector(app="web")))
    assert passes(istio_engine, allow(namespace=ROOT), allow({}))
    assert passes(istio_engine, allow(namespace="elsewhere"))


def test_a_selector_of_everything_selects_everything(istio_engine: IstioEngine) -> None:
    assert not passes(istio_engine, allow(selector={}))
    assert not passes(istio_engine, allow(selector={"matchLabels": {}}))


def test_a_dry_run_is_not_in_force(istio_engine: IstioEngine) -> None:
    dry = allow()
    metadata = dry["metadata"]
    assert isinstance(metadata, dict)
    assert passes(istio_engine, {**dry, "metadata": {**metadata, "annotations": {"istio.io/dry-run": "true"}}})


# --- mTLS -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("documents", "modes"),
    [
        ([], ["PERMISSIVE", "PERMISSIVE"]),
        ([mtls("STRICT", ROOT)], ["STRICT", "STRICT"]),
        ([mtls("STRICT", ROOT), mtls("UNSET")], ["STRICT", "STRICT"]),
        ([mtls("", ROOT), mtls("")], ["PERMISSIVE", "PERMISSIVE"]),
        ([mtls("STRICT", ROOT), mtls("DISABLE")], ["DISABLE", "DISABLE"]),
        ([mtls("STRICT"), mtls("DISABLE", name="db", about={"app": "db"})], ["DISABLE", "DISABLE"]),
        (
            [mtls("STRICT"), mtls("UNSET", name="db", about={"app": "db"}, ports={"9090": "DISABLE"})],
            ["STRICT", "DISABLE"],
        ),
        (
            [mtls("STRICT"), mtls("PERMISSIVE", name="db", about={"app": "db"}, ports={"9090": "UNSET"})],
            ["PERMISSIVE"] * 2,
        ),
        ([mtls("STRICT"), mtls("DISABLE", name="db", about={"app": "web"})], ["STRICT", "STRICT"]),
        ([mtls("STRICT", ROOT, about={"app": "db"})], ["PERMISSIVE", "PERMISSIVE"]),
        ([mtls("STRICT", about={})], ["STRICT", "STRICT"]),
        # The oldest of each scope is the one in force.
        ([mtls("STRICT"), mtls("DISABLE", name="another")], ["STRICT", "STRICT"]),
        (
            [mtls("DISABLE", name="b", about={"app": "db"}), mtls("STRICT", name="a", about={"app": "db"})],
            ["DISABLE"] * 2,
        ),
    ],
)
def test_modes(istio_engine: IstioEngine, documents: list[Document], modes: list[str]) -> None:
    istio_engine.load(documents)
    assert list(istio_engine.filters(DB, (8080, 9090)).modes) == modes


def test_plain_text_is_refused_where_it_is_strict(istio_engine: IstioEngine) -> None:
    assert not passes(istio_engine, mtls("STRICT"), client=None)
    assert not passes(istio_engine, mtls("STRICT"), allow({}), client=None)
    assert passes(istio_engine, mtls("STRICT"), allow({}), client=WEB)


def test_no_identity_is_seen_where_it_is_disabled(istio_engine: IstioEngine) -> None:
    assert not passes(istio_engine, mtls("DISABLE"), allow(BY_WEB))
    assert passes(istio_engine, mtls("DISABLE"), allow(source(notPrincipals=["*"])))
    assert passes(istio_engine, mtls("PERMISSIVE"), allow(BY_WEB))
