"""What zt_dsl reads in Calico's policies, without an engine: what decides between rules, where no proof shows it."""

from collections.abc import Sequence

import pytest

from tests.calico_mutants import platform
from tests.conformance.calico_policies import allow, calico_policy, deny, ingress, passing, to_port
from tests.conformance.emitted import planned
from tests.conformance.engines.process import Document
from tests.conformance.test_semantics import written
from zt_dsl import HttpPort, Namespace, Service, Topology
from zt_dsl import allow as edge
from zt_dsl.backends.calico.semantics import reach_of
from zt_dsl.compiler import Ready
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.reach.connection import Connection, Pod, passes


class Web(Service):
    http = HttpPort(8080)


def lets(documents: Sequence[Document], source: Pod | str) -> bool:
    """Whether these policies let this caller in at port 8080 of `web`, on a platform with the tier `security`."""
    shop = Namespace("shop")
    web, api = Web("web", namespace=shop), Web("api", namespace=shop)
    ready = planned(Topology("t", [edge(api, web.http, why="t")], governs=[shop]), platform(tier="security"))
    assert isinstance(ready, Ready)
    found: list[ReadDocument] = []
    for number, document in enumerate(documents):
        some = read(written(document).encode(), str(number))
        assert not isinstance(some, Diagnostic)
        found += some
    reach, problems = reach_of(found, frozenset({"shop"}), ready.policy.platform)
    assert problems == ()
    return passes(reach, Connection(Pod("shop", (("app", "web"),)), "Ingress", source, "TCP", 8080))


API = Pod("shop", (("app", "api"),))
EVERYBODY: Document = allow(**to_port(8080))


def test_a_peer_without_a_namespace_is_of_the_policys_own() -> None:
    policy = calico_policy(ingress(allow(**to_port(8080), source={"selector": "app == 'api'"})))
    assert lets([policy], API)
    assert not lets([policy], Pod("elsewhere", API.labels))


@pytest.mark.parametrize(("first", "second"), [(100, 200), (200, 100), (0.5, 1)])
def test_order_decides_between_policies_and_their_names_do_not(first: float, second: float) -> None:
    allows = calico_policy(ingress(EVERYBODY, order=first), name="z")
    denies = calico_policy(ingress(deny(), order=second), name="a")
    assert lets([allows, denies], API) is (first < second)


@pytest.mark.parametrize(("rule", "passed"), [(passing(**to_port(8080)), False), (EVERYBODY, True)])
def test_what_is_passed_is_asked_of_the_next_tier(rule: Document, passed: bool) -> None:
    early = calico_policy(ingress(rule, tier="security", order=1), name="security.web")
    floor = calico_policy(ingress(deny(), order=1), name="floor")
    assert lets([early, floor], API) is passed


@pytest.mark.parametrize("rule", [deny(source={"nets": ["0.0.0.0/0"]}), passing(source={"nets": ["10.244.7.0/24"]})])
def test_a_denial_of_addresses_of_pods_is_not_understood(rule: Document) -> None:
    """To Calico pods have addresses: a denial of INTERNET without its exceptions is one of pods, too."""
    with pytest.raises(AssertionError, match="addresses of pods"):
        lets([calico_policy(ingress(rule, EVERYBODY))], API)
