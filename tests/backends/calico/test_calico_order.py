"""What zt_dsl reads in Calico's policies, without an engine: what decides between rules, where no proof shows it."""

from collections.abc import Sequence

import pytest

from tests.calico_mutants import platform
from tests.conformance.calico_policies import allow, calico_policy, deny, ingress, passing, tier, to_port
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
    """Whether these policies let this caller in at port 8080 of `web`, on a platform with the tier `security`, which is
    asked first."""
    shop = Namespace("shop")
    web, api = Web("web", namespace=shop), Web("api", namespace=shop)
    ready = planned(Topology("t", [edge(api, web.http, why="t")], governs=[shop]), platform(tier="security"))
    assert isinstance(ready, Ready)
    found: list[ReadDocument] = []
    for number, document in enumerate([tier("security", order=0), *documents]):
        some = read(written(document).encode(), str(number))
        assert not isinstance(some, Diagnostic)
        found += some
    reach, problems = reach_of(found, frozenset({"shop"}), ready.policy.platform)
    assert problems == ()
    return passes(reach, Connection(Pod("shop", (("app", "web"),)), "Ingress", source, "TCP", 8080))


API, DB = (Pod("shop", (("app", name),)) for name in ("api", "db"))
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


@pytest.mark.parametrize(("first", "second"), [("a", "z"), ("z", "a")])
def test_names_decide_between_policies_of_one_order(first: str, second: str) -> None:
    """In whichever order their documents are read."""
    both = [calico_policy(ingress(rule, order=1), name=name) for rule, name in ((EVERYBODY, first), (deny(), second))]
    assert lets(both, API) is lets(both[::-1], API) is (first < second)


FLOOR = calico_policy(ingress(deny(), order=1), name="floor")


def early(*rules: Document, tier: str = "security", **more: str) -> Document:
    return calico_policy(ingress(*rules, tier=tier, order=1, **more), name=f"{tier}.web")


def test_what_is_passed_is_not_allowed_by_a_later_rule_of_its_tier() -> None:
    passed = passing(**to_port(8080), source={"selector": "app == 'api'"})
    assert not lets([early(passed, EVERYBODY), FLOOR], API)
    assert lets([early(passed, EVERYBODY), FLOOR], DB)


def test_a_tier_that_selects_other_pods_is_passed_over_by_what_reaches_it() -> None:
    passed = early(passing(source={"selector": "app == 'api'"}))
    between, others = tier("between", order=5), early(deny(), tier="between", selector="app == 'other'")
    default = calico_policy(ingress(EVERYBODY, order=1))
    assert lets([passed, between, others, default], API)
    assert not lets([passed, between, others, default], DB)
    assert not lets([passed, between, early(deny(), tier="between"), default], API)


@pytest.mark.parametrize(
    ("says", "passed"), [({"defaultAction": "Pass"}, True), ({"defaultAction": "Deny"}, False), ({}, False)]
)
def test_what_nothing_matches_is_denied_at_the_end_of_a_tier_but_where_it_says_pass(
    says: dict[str, str], passed: bool
) -> None:
    own = tier("own", order=5, **says)
    web, default = early(allow(**to_port(9)), tier="own"), calico_policy(ingress(EVERYBODY, order=1))
    assert lets([own, web, default], API) is passed


def test_what_a_tier_denies_is_not_passed_at_its_end() -> None:
    """Also in a later tier, where it is not denied whatever allows it."""
    own, default = tier("own", order=5, defaultAction="Pass"), calico_policy(ingress(EVERYBODY, order=1))
    denied = early(deny(**to_port(8080), source={"selector": "app == 'db'"}), tier="own")
    for before in ([], [early(passing())]):
        assert lets([*before, own, denied, default], API)
        assert not lets([*before, own, denied, default], DB)
