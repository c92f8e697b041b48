"""The contract's own example and mistakes, held against the real package."""

import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
from attrs import evolve

from zt_dsl import Kubernetes, Platform, Topology, Waiver
from zt_dsl.compiler import Ready, Refused, build, plan, prove
from zt_dsl.model.recording import recording
from zt_dsl.resolve import Resolved, resolve

HERE = Path(__file__).parent
ON = date(2026, 11, 23)
WAIVED = ("http-routes", "grpc-methods", "kafka-topics", "fqdn", "fqdn-wildcard", "deny", "mtls")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Topology:
    """`shop` as `topology()` returns it, with nothing left of an earlier import."""
    monkeypatch.syspath_prepend(str(HERE))
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)
    found: Topology = import_module("shop.topology").topology()
    return found


def resolved(shop: Topology, platform: Platform) -> Resolved:
    with recording():
        return resolve(shop, platform, on=ON)


def test_native_refuses_exactly_what_it_cannot_say(shop: Topology) -> None:
    """One diagnostic an edge and facet, and one for the topology's mTLS."""
    found = resolved(shop, Platform("native", network=Kubernetes("1.37")))
    assert found.diagnostics == ()
    assert found.policy is not None

    planned = plan(found.policy)

    assert isinstance(planned, Refused)
    expected = {"ZT310": 5, "ZT311": 1, "ZT312": 1, "ZT314": 1, "ZT315": 1, "ZT316": 1, "ZT317": 1}
    assert expected == Counter(d.code for d in planned.diagnostics)


def test_with_waivers_and_pod_networks_it_compiles_and_is_proven(shop: Topology) -> None:
    platform = Platform(
        "native",
        network=Kubernetes("1.37"),
        pod_cidrs=["10.244.0.0/16"],
        waivers=[Waiver(feature, why="the mesh comes in spring") for feature in WAIVED],  # type: ignore[arg-type]
    )
    found = resolved(shop, platform)
    assert found.policy is not None

    planned = plan(found.policy)
    assert isinstance(planned, Ready)
    built = build(planned, HERE)
    proof = prove(planned, [(path, built.files[path]) for path in built.manifests])

    assert planned.diagnostics == ()
    assert proof.diagnostics == ()
    assert built.objects == 7


def test_every_single_waiver_is_needed(shop: Topology) -> None:
    for left_out in WAIVED:
        platform = Platform(
            "native",
            network=Kubernetes("1.37"),
            pod_cidrs=["10.244.0.0/16"],
            waivers=[Waiver(feature, why="spring") for feature in WAIVED if feature != left_out],  # type: ignore[arg-type]
        )
        found = resolved(shop, platform)
        assert found.policy is not None

        planned = plan(found.policy)

        assert isinstance(planned, Refused), left_out


def test_production_is_refused_for_what_its_layers_cannot_say_and_is_proven_when_that_is_answered(
    shop: Topology,
) -> None:
    """`{id}` where the mesh leaves %2F in paths, topics where Cilium has none any more, and where pods are."""
    production = import_module("shop.topology").production
    found = resolved(shop, production)
    assert found.policy is not None
    assert Counter(d.code for d in plan(found.policy).diagnostics) == {"ZT310": 1, "ZT312": 1, "ZT322": 1}

    answered = evolve(
        production,
        mesh=evolve(production.mesh, path_normalization="DECODE_AND_MERGE_SLASHES"),
        pod_cidrs=["10.244.0.0/16"],
        waivers=[Waiver("kafka-topics", why="Kafka's own ACLs hold the topics")],
    )
    found = resolved(shop, answered)
    assert found.policy is not None
    ready = plan(found.policy)
    assert isinstance(ready, Ready)
    assert ready.diagnostics == ()
    made = build(ready, Path("/"))
    assert prove(ready, [(path, made.files[path]) for path in made.manifests], emitted=True).diagnostics == ()


def test_every_mistake_of_the_contract_is_caught() -> None:
    """By mypy --strict, each with the code that its line names, and nothing else."""
    environment = {**os.environ, "MYPYPATH": f"{HERE}{os.pathsep}{HERE.parent.parent}"}
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--config-file",
        os.devnull,
        "--cache-dir",
        os.devnull,
    ]
    said = subprocess.run(
        [*command, "--explicit-package-bases", "mistakes.py"],
        cwd=HERE, env=environment, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip

    got = {(int(m[1]), m[2]) for m in re.finditer(r"^mistakes\.py:(\d+): error: .*\[([\w-]+)\]$", said, re.MULTILINE)}
    lines = (HERE / "mistakes.py").read_text().splitlines()
    wanted = {(n, m[1]) for n, line in enumerate(lines, 1) if (m := re.search(r"# E: ([\w-]+)", line))}

    assert len(wanted) == 40
    assert set() == wanted - got
    assert set() == {error for error in got if error[0] not in {line for line, _ in wanted}}
