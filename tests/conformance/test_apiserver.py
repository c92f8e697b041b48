"""What a real API server takes: known answers about it, and then everything under generated/.

The answers are about storing: what is created, what a second apply changes, what is warned of. What a policy that
was taken means, other engines say. For Cilium there is an answer for each minor release, by the definitions that
the release itself installs; for Calico by definitions that are made of its OpenAPI, as its own cannot be had.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from tests.calico_strategies import Case as CalicoCase
from tests.calico_strategies import calico_cases
from tests.cilium_strategies import Case as CiliumCase
from tests.cilium_strategies import cilium_cases
from tests.conformance import calico_policies as calico
from tests.conformance import istio_policies as istio
from tests.conformance.cilium_policies import about, cilium_policy, clusterwide_policy, http, ports, selector
from tests.conformance.emitted import documents as documents_of
from tests.conformance.emitted import emitted, planned
from tests.conformance.engines import build, crds
from tests.conformance.engines.apiserver_engine import CREATED, UNCHANGED, ApiServer, Applied
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.crds import IstioMinor, Minor
from tests.conformance.engines.process import Document, Json, RefusedError
from tests.conformance.policies import network_policy
from tests.conformance.refusals import REFUSED, in_short
from tests.strategies import Case, cases
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready

pytestmark = pytest.mark.conformance

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "generated"
TOPOLOGIES = 25
# Whole topologies are large to draw.
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
MINORS: tuple[Minor, ...] = tuple(crds.RELEASES)
_Minor = TypeVar("_Minor", bound=str)

WEB = network_policy({"podSelector": selector(app="web"), "policyTypes": ["Ingress"]})


def one(server: ApiServer, manifest: Document, manager: str = "zt_dsl") -> Applied:
    [applied] = server.apply([manifest], manager)
    return applied


@pytest.fixture
def cleared(api_server: ApiServer) -> ApiServer:
    """The server without objects, and without definitions of its user's."""
    api_server.install([])
    return api_server


# --- the server -----------------------------------------------------------------------------------------


def test_the_versions_are_those_that_the_tests_speak_of(api_server: ApiServer) -> None:
    linked = api_server.versions().modules
    assert linked["k8s.io/kubernetes"] == "v1.37.2"
    assert linked["k8s.io/apiextensions-apiserver"] == linked["k8s.io/apiserver"] == "v0.37.2"
    assert linked["go.etcd.io/etcd/server/v3"] == "v3.7.0"


def test_what_is_applied_twice_is_created_and_then_unchanged(cleared: ApiServer) -> None:
    assert cleared.apply([WEB, WEB]) == [CREATED, UNCHANGED]
    changed = network_policy({"podSelector": selector(app="db"), "policyTypes": ["Ingress"]})
    assert one(cleared, changed).outcome == "changed"


def test_an_empty_list_is_a_change_each_time(cleared: ApiServer) -> None:
    """Which is why nothing that is emitted has one."""
    empty = network_policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": []})
    assert [applied.outcome for applied in cleared.apply([empty] * 3)] == ["created", "changed", "changed"]


def test_an_unknown_field_is_refused_and_nothing_is_stored(cleared: ApiServer) -> None:
    refused = one(cleared, network_policy({"podSelector": {}, "ingres": []}))
    assert refused.outcome == "refused"
    assert ".spec.ingres" in refused.error
    assert one(cleared, WEB) == CREATED


@pytest.mark.parametrize("policy", REFUSED, ids=in_short)
def test_what_the_engine_of_network_policy_refuses_is_refused(cleared: ApiServer, policy: Document) -> None:
    assert one(cleared, policy).outcome == "refused"


def test_a_warning_is_told_and_the_policy_taken(cleared: ApiServer) -> None:
    """An IPv6 block in capitals is valid; the server would rather have it in small letters."""
    block = {"ipBlock": {"cidr": "2001:DB8::/32"}}
    applied = one(cleared, network_policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block]}]}))
    [warning] = applied.warnings
    assert applied.outcome == "created"
    assert "2001:DB8::/32" in warning


def test_a_refusal_in_the_middle_does_not_keep_the_rest(cleared: ApiServer) -> None:
    bad = network_policy({"podSelector": {}, "policyTypes": ["Sideways"]})
    outcomes = [applied.outcome for applied in cleared.apply([WEB, bad, WEB])]
    assert outcomes == ["created", "refused", "unchanged"]


def test_what_another_manager_owns_is_not_taken_over(cleared: ApiServer) -> None:
    assert one(cleared, WEB, manager="somebody") == CREATED
    refused = one(cleared, network_policy({"podSelector": selector(app="db"), "policyTypes": ["Ingress"]}))
    assert (refused.outcome, refused.status) == ("refused", 409)


def test_a_namespace_is_made_where_one_is_missing_and_goes_when_all_is_cleared(cleared: ApiServer) -> None:
    metadata: Document = {"name": "shop", "labels": {"team": "red"}}
    namespace: Document = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    assert one(cleared, WEB) == CREATED
    # It is there already, but without the label.
    assert one(cleared, namespace).outcome == "changed"
    cleared.clear()
    assert cleared.apply([namespace, WEB]) == [CREATED, CREATED]


@pytest.mark.parametrize(
    "document",
    [
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "shop"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolitics", "metadata": {"name": "web"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web", "namespace": "shop"}},
    ],
)
def test_what_cannot_be_sent_is_refused_too(cleared: ApiServer, document: Document) -> None:
    assert one(cleared, document).outcome == "refused"


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with ApiServer(build.target("apiserver").binary) as server:
        assert one(server, WEB) == CREATED
        [directory] = tmp_path.iterdir()
        assert (directory / "etcd").is_dir()
    assert list(tmp_path.iterdir()) == []


# --- definitions ----------------------------------------------------------------------------------------


def test_a_kind_is_known_for_as_long_as_its_definition_is_in_force(cleared: ApiServer) -> None:
    policy = cilium_policy(about("web", ingress=[{}]))
    assert (one(cleared, policy).outcome, one(cleared, policy).status) == ("refused", 404)
    cleared.install([crds.cilium("1.20")])
    assert cleared.apply([policy, policy]) == [CREATED, UNCHANGED]
    # The same once more: the definition stays, and its objects go.
    cleared.install([crds.cilium("1.20")])
    assert one(cleared, policy) == CREATED
    cleared.install([])
    assert one(cleared, policy).status == 404


def test_a_policy_for_the_whole_cluster_has_no_namespace(cleared: ApiServer) -> None:
    cleared.install([crds.cilium("1.20", "ciliumclusterwidenetworkpolicies")])
    policy = clusterwide_policy(about("web", ingress=[{}]))
    assert cleared.apply([policy, policy]) == [CREATED, UNCHANGED]
    cleared.clear()
    assert one(cleared, policy) == CREATED


def test_what_is_no_definition_is_an_error(cleared: ApiServer) -> None:
    with pytest.raises(RefusedError, match="not a CustomResourceDefinition"):
        cleared.install([yaml.safe_dump(dict(WEB))])


def test_a_module_with_another_sum_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZT_DSL_ENGINE_CACHE", str(tmp_path))
    release = crds.Release(crds.RELEASES["1.20"].version, "h1:" + "A" * 43 + "=")
    with pytest.raises(build.CannotBuildError, match="has the sum h1:dqiEGIcXc"):
        crds.download(release)
    assert not list((tmp_path / "crds").iterdir())


def test_what_is_kept_is_not_downloaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*asked: object) -> str:
        raise build.CannotBuildError(str(asked))

    kept = crds.cilium("1.20")
    monkeypatch.setattr(build, "go", unreachable)
    assert crds.cilium("1.20") == kept


def test_without_the_module_there_is_no_definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZT_DSL_ENGINE_CACHE", str(tmp_path))
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOPROXY", "off")
    with pytest.raises(build.CannotBuildError, match="GOPROXY=off"):
        crds.cilium("1.20")


def since(minor: Minor) -> tuple[Minor, ...]:
    return MINORS[MINORS.index(minor) :]


def until(minor: Minor) -> tuple[Minor, ...]:
    return MINORS[: MINORS.index(minor) + 1]


def rules(section: str, **rule: Json) -> Document:
    return about("web", **{section: [rule]})


def section(name: str, more: Document) -> Document:
    return about("web", **{name: [more]})


MANY = ports(*range(1, 42))
KAFKA = ports(9092, rules={"kafka": [{"topic": "orders"}]})
LONG_NAME = ".".join(["a" * 60] * 5)

# What a CiliumNetworkPolicy says, and the minors whose definition takes it.
TAKEN: Mapping[str, tuple[Document, tuple[Minor, ...]]] = {
    "peers": (rules("ingress", fromEndpoints=[selector(app="db")]), MINORS),
    "http": (section("ingress", http({"method": "GET", "path": "/"})), MINORS),
    "http in a denial": (section("ingressDeny", http({})), ()),
    "server names in a denial": (section("egressDeny", ports(443, serverNames=["example.com"])), ()),
    "toFQDNs in a denial": (rules("egressDeny", toFQDNs=[{"matchName": "example.com"}]), ()),
    "an unknown field": (rules("ingress", fromEndpointz=[{}]), ()),
    "an unknown entity": (rules("ingress", fromEntities=["world-ipv4"]), ()),
    "a port that is a number": (rules("ingress", toPorts=[{"ports": [{"port": 80}]}]), ()),
    "a protocol in small letters": (section("ingress", ports(80, protocol="tcp")), ()),
    "a port that there is not": (section("ingress", ports(70000)), MINORS),
    "neither endpointSelector nor nodeSelector": ({"ingress": [{}]}, ()),
    "a pattern of a name": (rules("egress", toFQDNs=[{"matchPattern": "*.example.com"}]), MINORS),
    "two asterisks": (rules("egress", toFQDNs=[{"matchPattern": "**.example.com"}]), MINORS),
    "a name that is none": (rules("egress", toFQDNs=[{"matchPattern": "exa$mple.com"}]), ()),
    "an asterisk in matchName": (rules("egress", toFQDNs=[{"matchName": "*.example.com"}]), ()),
    "authentication": (rules("ingress", fromEndpoints=[{}], authentication={"mode": "required"}), MINORS),
    "icmps": (rules("ingress", icmps=[{"fields": [{"type": 8, "family": "IPv4"}]}]), MINORS),
    "a server name": (section("egress", ports(443, serverNames=["example.com"])), MINORS),
    # 1.16
    "enableDefaultDeny": (about("web", ingress=[{}], enableDefaultDeny={"ingress": False}), since("1.16")),
    "endPort": (rules("ingress", toPorts=[{"ports": [{"port": "80", "endPort": 90}]}]), since("1.16")),
    "toNodes": (rules("egress", toNodes=[selector(zone="a")]), since("1.16")),
    "ICMP by name": (rules("ingress", icmps=[{"fields": [{"type": "EchoRequest"}]}]), since("1.16")),
    "41 ports": (section("ingress", MANY), until("1.15")),
    "41 ports in a denial": (section("ingressDeny", MANY), MINORS),
    "matchName and matchPattern": (
        rules("egress", toFQDNs=[{"matchName": "example.com", "matchPattern": "*.example.com"}]),
        until("1.15"),
    ),
    "http and dns": (section("egress", ports(80, rules={"http": [{}], "dns": [{"matchPattern": "*"}]})), until("1.15")),
    # 1.17
    "no section": (about("web"), until("1.16")),
    "only enableDefaultDeny": (about("web", enableDefaultDeny={"ingress": True}), ("1.16",)),
    "cidrGroupSelector": (rules("egress", toCIDRSet=[{"cidrGroupSelector": selector(of="us")}]), since("1.17")),
    "a name of 304 characters": (rules("egress", toFQDNs=[{"matchName": LONG_NAME}]), until("1.16")),
    # 1.18
    "log": (about("web", ingress=[{}], log={"value": "web"}), since("1.18")),
    "no server names": (section("egress", ports(443, serverNames=[])), until("1.17")),
    "a server name that is none": (section("egress", ports(443, serverNames=["exa$mple.com"])), until("1.17")),
    # 1.19
    "no port": (rules("ingress", toPorts=[{"ports": [{"protocol": "TCP"}]}]), since("1.19")),
    "VRRP": (section("ingress", ports(0, protocol="VRRP")), since("1.19")),
    "fromRequires": (rules("ingress", fromRequires=[selector(app="db")]), until("1.18")),
    # 1.20
    "kafka": (section("ingress", KAFKA), until("1.19")),
    "l7proto": (section("ingress", ports(80, rules={"l7proto": "r2d2", "l7": [{"cmd": "READ"}]})), until("1.19")),
    "cluster-mesh": (rules("ingress", fromEntities=["cluster-mesh"]), since("1.20")),
    "GRE": (section("ingress", ports(0, protocol="GRE")), since("1.20")),
    "an asterisk in a server name": (
        section("egress", ports(443, serverNames=["a*.example.com"])),
        (*until("1.17"), "1.20"),
    ),
}


@pytest.fixture(scope="module", params=MINORS)
def minor(request: pytest.FixtureRequest) -> Minor:
    """For a whole module, so that pytest asks one minor after the other: their definitions change less often."""
    return cast("Minor", request.param)


def test_each_minor_s_own_definition_says_what_it_takes(api_server: ApiServer, minor: Minor) -> None:
    api_server.install([crds.cilium(minor)])
    asked = [cilium_policy(spec, name=f"policy-{number}") for number, (spec, _) in enumerate(TAKEN.values())]
    answers = dict(zip(TAKEN, api_server.apply(asked), strict=True))
    assert {name for name, applied in answers.items() if applied == CREATED} == {
        name for name, (_, minors) in TAKEN.items() if minor in minors
    }
    assert {applied.outcome for applied in answers.values()} == {"created", "refused"}


def test_that_a_policy_says_something_is_asked_since_120(api_server: ApiServer, minor: Minor) -> None:
    """`has(self.spec) || has(self.specs)`: a rule in CEL, which only an API server runs."""
    policy = {key: value for key, value in cilium_policy({}).items() if key != "spec"}
    listed = policy | {"specs": [about("web", ingress=[{}])]}
    api_server.install([crds.cilium(minor)])
    assert one(api_server, policy).outcome == ("refused" if minor == "1.20" else "created")
    api_server.clear()
    assert one(api_server, listed) == CREATED


def test_a_field_that_cilium_lacks_is_refused_by_its_name(api_server: ApiServer) -> None:
    api_server.install([crds.cilium("1.15")])
    refused = one(api_server, cilium_policy(about("web", ingress=[{}], enableDefaultDeny={"ingress": False})))
    assert ".spec.enableDefaultDeny" in refused.error


# --- Istio ----------------------------------------------------------------------------------------------

ISTIO_MINORS: tuple[IstioMinor, ...] = tuple(crds.ISTIO_RELEASES)
# What each of Istio's definitions takes: a policy, and the first of those minors.
ISTIO_TAKEN: Mapping[str, tuple[Document, IstioMinor]] = {
    "nothing": (istio.allow(), "1.24"),
    "principals": (istio.allow(istio.source(principals=["cluster.local/ns/shop/sa/web"])), "1.24"),
    "accounts": (istio.allow(istio.source(serviceAccounts=["web"])), "1.26"),
    "trust domains": (istio.allow(istio.source(trustDomains=["td"])), "1.30"),
    "templates": (istio.allow(istio.operation(paths=["/a/{*}", "/b/{**}"])), "1.24"),
    "modes": (istio.mtls("STRICT", about={"app": "db"}, ports={"8080": "DISABLE"}), "1.24"),
}
ISTIO_REFUSED: Mapping[str, Document] = {
    "a port that is a number": istio.allow(istio.operation(ports=[8080])),
    "an unknown field": istio.istio_policy(istio.AUTHORIZATION, {"rulez": []}),
    "an unknown action": istio.allow(action="allow"),
    "an unknown mode": istio.mtls("Strict"),
    "a selector and a target": istio.allow(selector={}, targetRefs=[{"kind": "Service", "name": "db"}]),
    "modes of ports without a selector": istio.mtls("STRICT", ports={"8080": "DISABLE"}),
}


@pytest.mark.parametrize("minor", ISTIO_MINORS)
def test_each_minor_of_istio_says_what_it_takes(api_server: ApiServer, minor: IstioMinor) -> None:
    api_server.install([crds.istio(minor, plural) for plural in ("authorizationpolicies", "peerauthentications")])
    for name, (policy, since) in ISTIO_TAKEN.items():
        taken = ISTIO_MINORS.index(since) <= ISTIO_MINORS.index(minor)
        assert (one(api_server, policy).outcome != "refused") is taken, name
    for name, policy in ISTIO_REFUSED.items():
        assert one(api_server, policy).outcome == "refused", name


# --- Calico ---------------------------------------------------------------------------------------------


@pytest.fixture
def calico_server(api_server: ApiServer, calico_engine: CalicoEngine) -> ApiServer:
    """The server with the definitions that are made of Calico's OpenAPI, and without objects."""
    api_server.install(calico_engine.definitions().values())
    return api_server


WEB_ON_CALICO = calico.calico_policy(calico.ingress(calico.allow(**calico.to_port(8080))))


def of_rule(**fields: Json) -> Document:
    return calico.calico_policy(calico.ingress(calico.allow(**fields)))


# What Calico's schema has. An empty list is no change the second time: a custom resource is stored as it was sent.
CALICO_TAKEN: Mapping[str, Document] = {
    "a port that is a number": WEB_ON_CALICO,
    "a range of ports": of_rule(**calico.to_port("8000:8010")),
    "a port with a name": of_rule(**calico.to_port("http", 443)),
    "a protocol that is a number": of_rule(protocol=6),
    "an order that is no whole number": calico.calico_policy(calico.ingress(calico.allow(), order=0.5)),
    "http": of_rule(http={"methods": ["GET"], "paths": [{"exact": "/"}, {"prefix": "/static/"}]}),
    "annotations of a rule": of_rule(metadata={"annotations": {"edge": "web"}}),
    "no rules": calico.calico_policy(calico.ingress()),
    "no peer": of_rule(source={}),
    "a policy of the whole cluster": calico.global_policy(calico.ingress(namespaceSelector="all()")),
    "a tier": calico.tier("security", order=100, defaultAction="Deny"),
}
# What it has not, and the words of the refusal.
CALICO_REFUSED: Mapping[str, tuple[Document, str]] = {
    "names, which the Enterprise edition has": (
        calico.calico_policy(calico.egress(calico.allow(destination={"domains": ["example.com"]}))),
        ".spec.egress[0].destination.domains: field not declared in schema",
    ),
    "an unknown field of a tier": (calico.tier("security", weight=1), ".spec.weight: field not declared in schema"),
    "a field of the other kind of policy": (
        calico.calico_policy(calico.ingress(namespaceSelector="all()")),
        ".spec.namespaceSelector: field not declared in schema",
    ),
    "a status": ({**WEB_ON_CALICO, "status": {}}, ".status: field not declared in schema"),
    "a pattern of a path": (of_rule(http={"paths": [{"regex": "/"}]}), ".paths[0].regex: field not declared"),
    "no action": (calico.calico_policy(calico.ingress({})), "spec.ingress[0].action: Required value"),
    "an order in quotes": (calico.calico_policy(calico.ingress(order="1")), ".spec.order: expected numeric"),
    "half a port": (of_rule(**calico.to_port(80), source={"ports": [80.5]}), "must be of type integer,string"),
    "a port that is null": (of_rule(source={"ports": [None]}), "must be of type integer,string"),
}
# Values, of which the OpenAPI says nothing, and what Calico's own code has against them.
CALICO_VALUES: Mapping[str, tuple[Document, str]] = {
    "an unknown action": (calico.calico_policy(calico.ingress({"action": "Permit"})), "Tag: action"),
    "what is no selector": (calico.calico_policy(calico.ingress(selector="app = 'web'")), "Tag: selector"),
    "an unknown type": (calico.calico_policy({"types": ["Sideways"]}), "Tag: policyType"),
    "a port that there is not": (of_rule(**calico.to_port(70000)), "cannot unmarshal number 70000"),
    "a tier that allows": (calico.tier("security", defaultAction="Allow"), "Tag: oneof"),
    "a name without its tier": (
        calico.calico_policy(calico.ingress(tier="default"), name="security.web"),
        "Incorrectly formatted policy name",
    ),
}


@pytest.mark.parametrize("policy", CALICO_TAKEN.values(), ids=CALICO_TAKEN)
def test_what_calico_s_schema_has_is_created_once(calico_server: ApiServer, policy: Document) -> None:
    assert calico_server.apply([policy] * 3) == [CREATED, UNCHANGED, UNCHANGED]


@pytest.mark.parametrize(("policy", "words"), CALICO_REFUSED.values(), ids=CALICO_REFUSED)
def test_what_calico_s_schema_lacks_is_refused(calico_server: ApiServer, policy: Document, words: str) -> None:
    refused = one(calico_server, policy)
    assert refused.outcome == "refused"
    assert words in refused.error


@pytest.mark.parametrize(("policy", "words"), CALICO_VALUES.values(), ids=CALICO_VALUES)
def test_a_value_is_calico_s_own_affair(
    calico_server: ApiServer, calico_engine: CalicoEngine, policy: Document, words: str
) -> None:
    """The schema takes it, and the validator, which Calico's own server asks, does not."""
    assert one(calico_server, policy) == CREATED
    with pytest.raises(RefusedError, match=words):
        calico_engine.load([policy])


def fields(schema: Mapping[str, Json], path: str = "") -> Iterator[tuple[str, Json]]:
    """Each field of a schema, by its path, and its type."""
    yield path, "integer or string" if schema.get("x-kubernetes-int-or-string") else schema["type"]
    below = {f".{name}": of for name, of in cast("Document", schema.get("properties", {})).items()}
    for name, of in (below | {"[]": schema.get("items"), "{}": schema.get("additionalProperties")}).items():
        if of is not None:
            yield from fields(cast("Document", of), path + name)


def schema_of(definition: str) -> Document:
    [version] = yaml.safe_load(definition)["spec"]["versions"]
    return cast("Document", version["schema"]["openAPIV3Schema"])


def test_calico_s_definitions_have_the_fields_that_calico_stores(calico_engine: CalicoEngine) -> None:
    """All of them and no others, of the same types: nothing was lost or invented on the way from its OpenAPI."""
    made = calico_engine.definitions()
    assert set(made) == {"networkpolicies", "globalnetworkpolicies", "tiers"}
    for plural, definition in made.items():
        stored = dict(fields(schema_of(crds.calico_storage(plural))))
        assert dict(fields(schema_of(definition))) == stored
        assert stored[".spec.order"] == "number"


# --- what is emitted ------------------------------------------------------------------------------------


def platforms() -> Sequence[Path]:
    """A directory for each topology and platform: where kustomize is told what to apply."""
    return sorted(path.parent for path in GENERATED.rglob("kustomization.yaml"))


def in_order(platform: Path) -> list[Path]:
    """The files that kustomize applies, in its order."""
    return [platform / name for name in yaml.safe_load(_text(platform / "kustomization.yaml"))["resources"]]


def on_disk(platform: Path) -> set[Path]:
    return set(platform.rglob("*.yaml")) - {platform / "kustomization.yaml"}


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def documents(path: Path) -> list[Document]:
    return list(yaml.load_all(_text(path), Loader=yaml.CSafeLoader))


def in_force(platform: Path, of_calico: Mapping[str, str]) -> Sequence[str]:
    """The definitions of each kind that is emitted, of the releases that this platform has, or the last.

    Whatever the platform, so that they change seldom, which takes the server longer than the manifests.
    """
    istio = minor_of(platform, "Istio", ISTIO_MINORS)
    return (
        crds.cilium(minor_of(platform, "Cilium", MINORS)),
        crds.istio(istio, "authorizationpolicies"),
        crds.istio(istio, "peerauthentications"),
        of_calico["networkpolicies"],
    )


def minor_of(platform: Path, engine: str, known: Sequence[_Minor]) -> _Minor:
    """The release of an engine that it was compiled for, as its report has it; the last, where it is another engine."""
    said = re.search(rf"(?m)^Engine: .*?\b{engine} (\d+\.\d+)", _text(platform / "review.md"))
    return next(minor for minor in reversed(known) if said is None or minor == said[1])


def test_every_build_has_a_directory() -> None:
    builds = tomllib.loads(_text(ROOT / "pyproject.toml"))["tool"]["zt_dsl"]["build"]
    assert len(platforms()) == len(builds) > 0


def test_every_manifest_is_in_the_directory_of_a_build() -> None:
    """And so it is applied: below, each directory is, with whatever is in it."""
    of_builds = [path for platform in platforms() for path in on_disk(platform)]
    assert sorted(of_builds) == sorted(path for path in GENERATED.rglob("*.yaml") if path.name != "kustomization.yaml")


def test_every_kind_that_is_emitted_is_in_a_build() -> None:
    """Of one that no example has, nothing would be applied."""
    manifests = [document for platform in platforms() for path in in_order(platform) for document in documents(path)]
    assert {(str(manifest["apiVersion"]), str(manifest["kind"])) for manifest in manifests} == {
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("projectcalico.org/v3", "NetworkPolicy"),
        ("security.istio.io/v1", "AuthorizationPolicy"),
        ("security.istio.io/v1", "PeerAuthentication"),
    }


@pytest.mark.parametrize("platform", platforms(), ids=lambda path: path.relative_to(GENERATED).as_posix())
def test_what_is_emitted_is_created_and_a_second_time_unchanged(
    api_server: ApiServer, calico_engine: CalicoEngine, platform: Path
) -> None:
    files = in_order(platform)
    assert sorted(files) == sorted(on_disk(platform))
    manifests = [document for path in files for document in documents(path)]
    # Counted without a parser: nothing on the way has lost one.
    assert len(manifests) == sum(len(re.findall(r"(?m)^kind: ", _text(path))) for path in files) > 0
    api_server.install(in_force(platform, calico_engine.definitions()))
    for expected in (CREATED, UNCHANGED):
        answers = api_server.apply(manifests)
        assert [applied for applied in answers if applied != expected] == []
        assert len(answers) == len(manifests)


# --- generated topologies -------------------------------------------------------------------------------


def sayable(topology: Topology, platform: Platform) -> list[Document]:
    """The manifests of a topology; none where the plan refuses it."""
    ready = planned(topology, platform)
    return documents_of(ready) if isinstance(ready, Ready) else []


def assert_created_once(server: ApiServer, manifests: Sequence[Document]) -> None:
    server.clear()
    assert server.apply(manifests) == [CREATED] * len(manifests)
    assert server.apply(manifests) == [UNCHANGED] * len(manifests)


@pytest.mark.parametrize("minor", MINORS)
def test_what_is_emitted_for_any_topology_is_created_once(api_server: ApiServer, minor: Minor) -> None:
    """For Cilium by the definitions of each of its releases: no field that it lacks, and no warning."""
    api_server.install([crds.cilium(minor)])

    @settings(max_examples=TOPOLOGIES, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
    @given(cilium_cases(minor))
    def asked(case: CiliumCase) -> None:
        assert_created_once(api_server, sayable(case.topology, case.platform))

    asked()


def test_network_policies_of_any_topology_are_created_once(cleared: ApiServer) -> None:
    @settings(max_examples=TOPOLOGIES, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
    @given(cases())
    def asked(case: Case) -> None:
        assert_created_once(cleared, sayable(case.topology, case.platform))

    asked()


def test_what_is_emitted_for_calico_for_any_topology_is_created_once(calico_server: ApiServer) -> None:
    """In whichever tier it is, and for any of its versions: the fields are those of 3.31."""

    @settings(max_examples=TOPOLOGIES, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
    @given(calico_cases())
    def asked(case: CalicoCase) -> None:
        manifests = emitted(case.topology, case.platform)
        assert {str(manifest["apiVersion"]) for manifest in manifests} == {calico.API_VERSION}
        assert_created_once(calico_server, manifests)

    asked()
