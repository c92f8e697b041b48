"""What is emitted for a topology, asked of the engine, against what its author wrote.

Nothing of zt_dsl judges here: the expected answers come from `tests.meaning`, which reads the model by brute
force, and the others from cyclonus' matcher, which is given the YAML as PyYAML reads it.
"""

import importlib
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from random import Random
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conformance.emitted import ROOT, emitted
from tests.conformance.engines import kubernetes_engine as questions
from tests.conformance.engines.kubernetes_engine import KubernetesEngine
from tests.meaning import End, Meaning, Pod, Probe, Verdict, probes
from tests.strategies import Case, cases
from zt_dsl import Kubernetes, Platform, Topology

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "400"))
PROBES = 200


def address_of_pods(platform: Platform) -> str:
    """An address that no network is left with: the engine's ipBlocks match pods by their address too."""
    return str(ip_network(next(iter(platform.pod_cidrs), "198.18.0.0/15"))[1])


def as_asked(probe: Probe, address: str) -> questions.Connection:
    def end(one: End) -> questions.Peer:
        return questions.Pod(one.namespace, one.labels, address) if isinstance(one, Pod) else questions.Address(one)

    return questions.Connection(end(probe.source), end(probe.target), probe.protocol, probe.port)


def answers(engine: KubernetesEngine, meaning: Meaning, asked: Iterable[Probe]) -> list[Verdict]:
    """The engine's, at the ends that are governed; it knows of no others."""
    address = address_of_pods(meaning.platform)
    connections = [as_asked(probe, address) for probe in asked]
    return [
        Verdict(
            answer.egress or not isinstance(connection.source, questions.Pod),
            answer.ingress or not isinstance(connection.target, questions.Pod),
        )
        for connection, answer in zip(connections, engine.ask(connections), strict=True)
    ]


def assert_same(engine: KubernetesEngine, topology: Topology, platform: Platform, many: int) -> list[Verdict]:
    meaning = Meaning(topology, platform)
    asked = probes(meaning, Random(0), many)
    expected = [meaning.allowed(probe.source, probe.target, probe.protocol, probe.port) for probe in asked]
    engine.load(emitted(topology, platform))
    answered = answers(engine, meaning, asked)
    wrong = {
        probe: (mine, theirs) for probe, mine, theirs in zip(asked, expected, answered, strict=True) if mine != theirs
    }
    assert wrong == {}
    return expected


def test_the_engine_says_of_every_topology_what_its_author_wrote(kubernetes_engine: KubernetesEngine) -> None:
    seen: Counter[str] = Counter()

    @settings(
        deadline=None,
        max_examples=TOPOLOGIES,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(cases())
    def ask(case: Case) -> None:
        for verdict in assert_same(kubernetes_engine, case.topology, case.platform, PROBES):
            seen["allowed" if verdict.egress and verdict.ingress else "refused"] += 1
        seen["topologies"] += 1

    ask()
    assert seen["topologies"] >= min(TOPOLOGIES, 300)
    assert seen["allowed"] + seen["refused"] >= 150 * seen["topologies"]
    assert min(seen["allowed"], seen["refused"]) >= 0.1 * (seen["allowed"] + seen["refused"])


def every_build() -> list[Mapping[str, Any]]:
    settings_of = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return list(settings_of["tool"]["zt_dsl"]["build"])


def builds() -> list[Mapping[str, Any]]:
    """Those for a network engine alone. What has a mesh is asked of in `test_istio_topologies` and `test_stacks`."""
    return [one for one in every_build() if platform_of(one).mesh is None]


def platform_of(build: Mapping[str, Any]) -> Platform:
    return cast("Platform", named(build["platform"], {}))


def named(where: str, arguments: Mapping[str, object]) -> object:
    module, _, name = where.partition(":")
    found = getattr(importlib.import_module(module), name)
    return found(**arguments) if callable(found) else found


NATIVE = [one for one in builds() if isinstance(platform_of(one).network, Kubernetes)]


@pytest.mark.parametrize("wanted", NATIVE, ids=lambda it: f"{it['topology']} {it.get('platform', '')}")
def test_the_engine_says_of_every_example_what_its_author_wrote(
    kubernetes_engine: KubernetesEngine, wanted: Mapping[str, Any]
) -> None:
    topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
    platform = cast("Platform", named(wanted["platform"], {}))
    expected = assert_same(kubernetes_engine, topology, platform, 3000)
    assert len(expected) >= 1000
    assert {Verdict(egress=True, ingress=True), Verdict(egress=False, ingress=False)} <= set(expected)
