"""The examples: what is committed in generated/ is what they compile to, and they say what they are meant to."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from attrs import evolve

import zt_dsl
from examples import tour
from examples.bookinfo import platform as bookinfo_platform
from examples.bookinfo.topology import topology as bookinfo_topology
from examples.online_boutique import platform as boutique_platform
from examples.online_boutique.topology import topology as boutique_topology
from examples.shop import edges as shop_edges
from examples.shop import platform as shop_platform
from examples.shop import topology as shop_topology
from examples.shop import workloads as shop
from examples.six_patterns import pitfalls
from examples.six_patterns.platform import native
from zt_dsl import Cilium, Edge, Platform, Statement, Topology, allow, quarantine
from zt_dsl.compiler import Ready, Refused, plan
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.policy import Policy
from zt_dsl.resolve import resolve

ROOT = Path(__file__).parent.parent
ON = "2026-11-23"
"""The day that `make generated` compiles for."""

BUILDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["zt_dsl"]["build"]


def compiled(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zt_dsl", "compile", "--on", ON, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@cache
def policy(topology: Topology, platform: Platform) -> Policy:
    found = resolve(topology, platform, on=date.fromisoformat(ON))
    assert found.diagnostics == ()
    assert found.policy is not None
    return found.policy


def codes(diagnostics: tuple[Diagnostic, ...]) -> Counter[str]:
    return Counter(diagnostic.code for diagnostic in diagnostics)


def refused_without_waivers(topology: Topology, platform: Platform) -> Counter[str]:
    known = policy(topology, platform)
    return codes(plan(evolve(known, platform=evolve(known.platform, waivers=()))).diagnostics)


def name_of(build: dict[str, object]) -> str:
    return f"{build['topology']} on {build['platform']}"


# --- what is committed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", BUILDS, ids=name_of)
def test_generated_is_what_the_example_compiles_to(build: dict[str, dict[str, str] | str], tmp_path: Path) -> None:
    topology, platform, settings = build["topology"], build["platform"], build.get("set", {})
    assert isinstance(topology, str)
    assert isinstance(platform, str)
    assert isinstance(settings, dict)
    chosen = [f"--set={key}={value}" for key, value in settings.items()]
    done = compiled(topology, "--platform", platform, *chosen, "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    name = done.stdout.partition(":")[0]
    where, _, on_platform = name.partition(" on ")
    committed = tree(ROOT / "generated" / where / on_platform)
    now = tree(tmp_path / "out")
    stale = sorted(path for path in {*committed, *now} if committed.get(path) != now.get(path))
    assert not stale, f"generated/{where}/{on_platform} is stale: run `make generated` and review the difference"


def test_check_finds_nothing_to_do() -> None:
    done = compiled("--check")
    assert done.returncode == 0, f"{done.stderr}\nrun `make generated` and review the difference"
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(BUILDS)


def test_every_folder_of_generated_has_its_build() -> None:
    folders = {manifest.parent.parent for manifest in (ROOT / "generated").glob("*/*/.zt/manifest.json")}
    assert len(folders) == len(BUILDS)
    assert {path for path in (ROOT / "generated").glob("*/*") if path.is_dir()} == folders


def test_no_object_and_no_report_names_a_folder_of_the_machine() -> None:
    for path, data in tree(ROOT / "generated").items():
        assert str(ROOT).encode() not in data, path


# --- online_boutique ------------------------------------------------------------------------------------------


def boutique() -> Policy:
    from examples.online_boutique.platform import native as platform
    from examples.online_boutique.topology import topology

    return policy(topology, platform)


def test_online_boutique_is_the_demo_as_it_is_documented() -> None:
    found = boutique()
    assert found.edges == 17
    assert {workload.name: workload.service_account for workload in found.workloads} == {
        name: name if name != "redis-cart" else "default"
        for name in (
            "adservice", "cartservice", "checkoutservice", "currencyservice", "emailservice", "frontend",
            "loadgenerator", "paymentservice", "productcatalogservice", "recommendationservice", "redis-cart",
            "shippingservice",
        )
    }  # fmt: skip
    assert {(str(flow.target).rpartition("/")[2], str(flow.port)) for flow in found.flows} == {
        ("adservice", "9555/TCP"), ("cartservice", "7070/TCP"), ("checkoutservice", "5050/TCP"),
        ("currencyservice", "7000/TCP"), ("emailservice", "8080/TCP"), ("frontend", "8080/TCP"),
        ("paymentservice", "50051/TCP"), ("productcatalogservice", "3550/TCP"),
        ("recommendationservice", "8080/TCP"), ("redis-cart", "6379/TCP"), ("shippingservice", "50051/TCP"),
    }  # fmt: skip


def test_online_boutique_needs_its_waiver_and_no_other() -> None:
    from examples.online_boutique.platform import native as platform
    from examples.online_boutique.topology import topology

    # Every call but three is narrowed to its RPCs: from the internet, from the load generator, and to Redis.
    assert refused_without_waivers(topology, platform) == {"ZT311": 14}
    assert plan(boutique()).diagnostics == ()


def test_online_boutique_calls_nothing_outside_and_stores_call_nobody() -> None:
    sources = Counter(str(flow.source) for flow in boutique().flows)
    assert "online-boutique/redis-cart" not in sources
    assert "online-boutique/paymentservice" not in sources
    assert not any(str(flow.target) == "internet" for flow in boutique().flows)


# --- shop ---------------------------------------------------------------------------------------------------------


def test_shop_is_refused_without_its_waivers_edge_by_edge() -> None:
    refused = refused_without_waivers(shop_topology.topology(), shop_platform.native)
    assert refused == {
        "ZT310": 19,  # routes: three edges, and /metrics of sixteen services
        "ZT311": 3,
        "ZT312": 2,
        "ZT314": 2,
        "ZT315": 1,
        "ZT316": 1,
        "ZT317": 1,
    }


def test_the_shop_on_cilium_wants_mtls_and_since_1_20_topics_waived_and_nothing_else() -> None:
    topology, platform = shop_topology.topology(), shop_platform.cilium
    assert refused_without_waivers(topology, platform) == {"ZT312": 2, "ZT317": 1}
    assert refused_without_waivers(topology, evolve(platform, network=Cilium("1.19"))) == {"ZT317": 1}


def test_each_waiver_of_the_shop_is_needed() -> None:
    prod = policy(shop_topology.topology(), shop_platform.native)
    dev = policy(shop_topology.topology("dev"), shop_platform.dev)
    assert plan(prod).diagnostics == ()
    assert plan(dev).diagnostics == ()
    assert dev.edges == prod.edges + 1, "developers look at the catalog from the office"


# What each platform cannot say of an example, with no waiver: edges and demands by code.
WITHOUT_WAIVERS: Sequence[tuple[Topology, Platform, dict[str, int]]] = (
    (shop_topology.topology(), shop_platform.production, {"ZT312": 2}),
    (shop_topology.topology(), shop_platform.calico_istio, {"ZT312": 2, "ZT314": 2, "ZT315": 1}),
    (shop_topology.topology(), shop_platform.kubernetes_istio, {"ZT312": 2, "ZT314": 2, "ZT315": 1, "ZT316": 1}),
    (
        shop_topology.topology(),
        shop_platform.istio,
        # Topics and names; a deny of every port, as UDP is not the mesh's; sixteen callers in plain text; what leaves.
        {"ZT312": 2, "ZT314": 2, "ZT315": 1, "ZT316": 1, "ZT331": 16, "ZT334": 1},
    ),
    (boutique_topology, boutique_platform.cilium_istio, {}),
    (boutique_topology, boutique_platform.calico_istio, {}),
    (boutique_topology, boutique_platform.kubernetes_istio, {}),
    (boutique_topology, boutique_platform.istio, {"ZT334": 1}),
    (bookinfo_topology, bookinfo_platform.cilium, {}),
    (bookinfo_topology, bookinfo_platform.cilium_istio, {}),
    (bookinfo_topology, bookinfo_platform.calico_istio, {}),
    (bookinfo_topology, bookinfo_platform.kubernetes_istio, {}),
    (bookinfo_topology, bookinfo_platform.istio, {"ZT334": 1}),
    (bookinfo_topology, bookinfo_platform.calico, {"ZT310": 5}),
    (bookinfo_topology, bookinfo_platform.native, {"ZT310": 5}),
)


@pytest.mark.parametrize(
    ("topology", "platform", "refused"), WITHOUT_WAIVERS, ids=lambda value: getattr(value, "name", "")
)
def test_an_example_has_exactly_the_waivers_that_a_platform_needs(
    topology: Topology, platform: Platform, refused: dict[str, int]
) -> None:
    assert (refused_without_waivers(topology, platform) if refused else {}) == refused
    # A waiver that nothing needs would be a warning.
    assert plan(policy(topology, platform)).diagnostics == ()
    for waiver in platform.waivers:
        others = tuple(other for other in platform.waivers if other is not waiver)
        assert isinstance(plan(policy(topology, evolve(platform, waivers=others))), Refused), waiver.feature


def with_one_more(statement: Statement) -> tuple[Policy | None, tuple[Diagnostic, ...]]:
    topology = shop_topology.topology()
    more = evolve(topology, statements=(*topology.statements, statement))
    found = resolve(more, shop_platform.native, on=date.fromisoformat(ON))
    return found.policy, found.diagnostics


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        (allow(shop.web, shop.ledger.grpc, why="a short cut"), {"ZT247": 1}),
        (allow(shop.web, shop.orders_db.sql, why="a short cut"), {"ZT244": 1, "ZT248": 1}),
        (allow(shop.cards, shop.ledger_db.sql, why="a short cut"), {"ZT248": 1}),
        (allow(shop.capacity_report, shop.ledger_db.sql, why="a short cut"), {"ZT248": 2}),
        (allow(shop.orders_db, shop.stripe.https, why="a way out"), {"ZT247": 1}),
        (allow(zt_dsl.INTERNET, shop.bus.broker, why="a way in"), {"ZT248": 1, "ZT249": 1, "ZT292": 1}),
    ],
    ids=lambda value: value.why if isinstance(value, Edge) else None,
)
def test_the_guardrails_of_the_shop_hold(edge: Edge, expected: dict[str, int]) -> None:
    _, diagnostics = with_one_more(edge)
    assert codes(diagnostics) == expected


def test_a_quarantine_suspends_the_edges_of_its_service() -> None:
    found, diagnostics = with_one_more(quarantine(shop.carriers, why="INC-2107"))
    assert diagnostics == ()
    assert found is not None
    (cut,) = found.quarantined
    assert len(cut.suspended) == 4  # dispatcher and prometheus to it; it to its rows and to the carriers
    assert not any("fulfilment/carriers" in (str(flow.source), str(flow.target)) for flow in found.flows)


def test_a_house_rule_is_a_loop_over_statements() -> None:
    unexplained = [edge for edge in shop_edges.edges if not edge.why]
    assert unexplained == []


# --- tour -----------------------------------------------------------------------------------------------------------


def test_the_tour_uses_every_word() -> None:
    read = ast.parse((ROOT / "examples" / "tour.py").read_text())
    used = Counter(node.id for node in ast.walk(read) if isinstance(node, ast.Name))
    missing = [word for word in zt_dsl.__all__ if not used[word]]
    assert missing == []


def test_the_tour_needs_every_waiver_that_it_has() -> None:
    assert plan(policy(tour.topology, tour.native)).diagnostics == ()
    needed = {waiver.feature for waiver in tour.native.waivers}
    assert needed == {
        "http-routes", "grpc-methods", "kafka-topics", "dns-names", "fqdn", "fqdn-wildcard", "deny", "mtls",
    }  # fmt: skip


def test_the_tour_on_calico_needs_every_waiver_but_one() -> None:
    assert plan(policy(tour.topology, tour.with_calico)).diagnostics == ()
    needed = Counter(waiver.feature for waiver in tour.native.waivers)
    needed.subtract(waiver.feature for waiver in tour.with_calico.waivers)
    assert +needed == {"deny": 1}


def test_the_tour_on_two_layers_wants_topics_waived_and_nothing_else() -> None:
    assert refused_without_waivers(tour.topology, tour.with_mesh) == {"ZT312": 2}
    assert plan(policy(tour.topology, tour.with_mesh)).diagnostics == ()


def test_an_engine_that_is_not_there_yet_is_refused() -> None:
    found = resolve(tour.topology, tour.mesh_alone, on=date.fromisoformat(ON))
    assert found.policy is not None
    assert set(codes(plan(found.policy).diagnostics)) == {"ZT300"}


# --- six patterns -----------------------------------------------------------------------------------------------------


def test_pattern_1_opens_dns_to_the_resolver_and_nothing_else() -> None:
    from examples.six_patterns.pattern1 import topology

    ready = plan(policy(topology, native))
    assert isinstance(ready, Ready)
    planned = ready.policy
    assert {(str(flow.source), str(flow.target), str(flow.port)) for flow in planned.flows} == {
        ("production/*", "kube-system/kube-dns", "53/UDP+TCP")
    }


def test_pattern_2_opens_both_ends_and_gives_dns_to_callers_alone() -> None:
    text = {path: data.decode() for path, data in tree(ROOT / "generated" / "six-patterns-2" / "native").items()}
    assert "app: redis" in text["production/api.yaml"]
    assert "app: api" in text["production/redis.yaml"]
    callers = {path for path, data in text.items() if path.endswith(".yaml") and "k8s-app: kube-dns" in data}
    assert callers == {"production/api.yaml", "production/web.yaml"}


@pytest.mark.parametrize(
    ("pitfall", "code"),
    [(pitfalls.deny_beside_allow, "ZT249"), (pitfalls.deny_by_engine, "ZT316"), (pitfalls.kube_system, "ZT230")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_pitfall_is_refused(pitfall: object, code: str) -> None:
    name = getattr(pitfall, "__name__", "")
    done = compiled(f"examples.six_patterns.pitfalls:{name}", "--target", "kubernetes", "-o", "nowhere")
    assert done.returncode == 1
    assert f"error[{code}]" in done.stderr
    assert not (ROOT / "nowhere").exists()
