"""What is compiled for Cilium is proven, whatever the topology; and what a version of it cannot say is refused."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cilium_strategies import Case, cilium_cases
from tests.strategies import ON
from zt_dsl import Cilium, HttpApp, HttpsApi, KubeDns, Namespace, Nodes, Platform, Statement, Topology, allow, deny
from zt_dsl.compiler import Ready, build, plan, prove
from zt_dsl.resolve import resolve

# Whole topologies are large to draw.
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
# What a plan may refuse of a topology that was made to be sayable: limits of the engine that depend on chance.
LIMITS = {"ZT313", "ZT315", "ZT318", "ZT319", "ZT326"}


def compiled(case: Case) -> Ready | None:
    resolved = resolve(case.topology, case.platform, on=ON)
    assert resolved.policy is not None, resolved.diagnostics
    planned = plan(resolved.policy)
    if isinstance(planned, Ready):
        return planned
    refused = {diagnostic.code for diagnostic in planned.diagnostics if not diagnostic.code.startswith("ZT4")}
    assert refused <= LIMITS, planned.diagnostics
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(st.sampled_from(["1.16", "1.18", "1.20"]).flatmap(cilium_cases))
def test_what_is_compiled_is_proven(case: Case) -> None:
    ready = compiled(case)
    if ready is None:
        return
    made = build(ready, Path("/"))
    proof = prove(ready, [(name, made.files[name]) for name in made.manifests], emitted=True)
    assert proof.diagnostics == ()


# --- what passes derive, which both sides of a proof have ------------------------------------------------

SHOP = Namespace("shop")
WEB, API = HttpApp("web", namespace=SHOP), HttpApp("api", namespace=SHOP)


def spec_of_web(*statements: Statement, version: str = "1.20", **more: Any) -> Any:
    on = Platform("cilium", network=Cilium(version), pod_cidrs=["10.244.0.0/16"], **more)
    found = resolve(Topology("t", statements, governs=[SHOP]), on, on=ON)
    assert found.policy is not None, found.diagnostics
    ready = plan(found.policy)
    assert isinstance(ready, Ready), ready.diagnostics
    return yaml.safe_load(build(ready, Path("/")).files["shop/web.yaml"])["spec"]


def test_nodes_that_are_denied_are_the_others() -> None:
    """What comes from a pod's own node are probes, too."""
    spec = spec_of_web(allow(API, WEB.http), deny(Nodes(), WEB, why="no agents"))
    assert [rule["fromEntities"] for rule in spec["ingressDeny"]] == [["remote-node"]]
    spec = spec_of_web(allow(API, WEB.http), deny(WEB, Nodes(), why="no agents"))
    assert [rule["toEntities"] for rule in spec["egressDeny"]] == [["host", "remote-node"]]


def test_the_node_local_resolver_is_an_address_and_the_pod_s_own_node() -> None:
    """Which of the two it is to Cilium is a matter of how that was installed."""
    rules = spec_of_web(allow(WEB, API.http), node_local_dns="169.254.20.10")["egress"]
    assert [rule["toCIDRSet"] for rule in rules if "toCIDRSet" in rule] == [[{"cidr": "169.254.20.10/32"}]]
    assert [rule["toEntities"] for rule in rules if "toEntities" in rule] == [["host"]]
    local = [rule["toPorts"] for rule in rules if "toCIDRSet" in rule or "toEntities" in rule]
    assert local[0] == local[1]


def test_names_of_the_cluster_are_looked_up_as_a_search_list_completes_them() -> None:
    """Of eight labels with three of the namespace's domain before the cluster's, which has no more than that."""
    for version, depths in (
        ("1.20", {"**.cluster.local"}),
        ("1.18", {"*." * n + "cluster.local" for n in range(1, 13)}),
    ):
        asked = (allow(WEB, KubeDns().dns.names("a.example.com")), allow(WEB, HttpsApi("b.example.com").https))
        rules = spec_of_web(*asked, version=version)["egress"]
        [names] = [port["rules"]["dns"] for rule in rules for port in rule["toPorts"] if "dns" in port.get("rules", {})]
        found = {next(iter(name.values())) for name in names}
        assert found == {"a.example.com", "b.example.com"} | depths
