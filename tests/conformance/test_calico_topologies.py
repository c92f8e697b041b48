"""What is emitted for a topology, asked of Calico's own code, against what its author wrote.

Nothing of zt_dsl judges here: the expected answers come from `tests.meaning`, which reads the model by brute force, and
the others from Felix' calculation graph and checker, which are given the YAML as PyYAML reads it. The engine
refuses what Calico's validator refuses.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from random import Random
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings

from tests.calico_strategies import Case, calico_cases
from tests.conformance.emitted import documents, planned
from tests.conformance.engines import calico_engine as questions
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.process import Document
from tests.conformance.test_topologies import builds, named, platform_of
from tests.meaning import End, Meaning, Pod, Probe, Verdict, port_of, probes, protocols_of, services_of
from zt_dsl import Denial, Endpoint, Platform, Tier, Topology
from zt_dsl.compiler import Ready
from zt_dsl.ir.platform import Calico
from zt_dsl.model import platform as model
from zt_dsl.model.statements import Quarantine

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "500"))
PROBES = 200

TIER: Document = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "Tier",
    "metadata": {"name": "security"},
    "spec": {"order": 100, "defaultAction": "Deny"},
}


# --- the meaning of a denial ---------------------------------------------------------------------------


def members(topology: Topology, end: object) -> list[object]:
    return [one for one in services_of(topology) if one.tier == end] if isinstance(end, Tier) else [end]


def denied(meaning: Meaning, probe: Probe) -> Iterator[tuple[bool, bool]]:
    """For each denial of this connection: whether it stops what leaves, and what arrives."""
    for statement in meaning.topology.statements:
        match statement:
            case Quarantine(sources=(service,)):
                yield meaning.matches(service, probe.source), meaning.matches(service, probe.target)
            case Denial():
                yield from (
                    (True, True)
                    for source in statement.sources
                    for target in statement.targets
                    for one in members(meaning.topology, source)
                    for other in members(meaning.topology, target.peer if isinstance(target, Endpoint) else target)
                    if meaning.matches(one, probe.source)
                    and meaning.matches(other, probe.target)
                    and (not isinstance(target, Endpoint) or on_port(meaning.platform, target, probe))
                )
            case _:
                pass


def on_port(platform: Platform, endpoint: Endpoint, probe: Probe) -> bool:
    port = port_of(endpoint, platform)
    return probe.protocol in protocols_of(port) and port.number <= probe.port <= (port.last or port.number)


def stopped(meaning: Meaning, probe: Probe) -> tuple[bool, bool]:
    """Whether a denial stops it where it leaves, and where it arrives; where nothing is governed nothing does."""
    ends = tuple(denied(meaning, probe))
    return (
        meaning.governs(probe.source) and any(leaving for leaving, _ in ends),
        meaning.governs(probe.target) and any(arriving for _, arriving in ends),
    )


def expected(meaning: Meaning, probe: Probe) -> Verdict:
    said = meaning.allowed(probe.source, probe.target, probe.protocol, probe.port)
    leaving, arriving = stopped(meaning, probe)
    return Verdict(said.egress and not leaving, said.ingress and not arriving)


def left(meaning: Meaning, probe: Probe) -> Verdict:
    """What passes where somebody else allows everything: whatever is not denied."""
    leaving, arriving = stopped(meaning, probe)
    return Verdict(not leaving, not arriving)


def everything(namespace: str, tier: str) -> Document:
    """A policy from elsewhere, where NetworkPolicy of Kubernetes is."""
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": "elsewhere" if tier == "default" else f"{tier}.elsewhere", "namespace": namespace},
        "spec": {
            **({} if tier == "default" else {"tier": tier}),
            "order": 1000,
            "selector": "all()",
            "types": ["Ingress", "Egress"],
            "ingress": [{"action": "Allow"}],
            "egress": [{"action": "Allow"}],
        },
    }


# --- what the engine says ------------------------------------------------------------------------------


def placed(meaning: Meaning, asked: list[Probe]) -> Mapping[Pod, questions.Pod]:
    """Each pod with an address of its own, which no network is left with: Calico knows pods by their addresses."""
    block = max(map(ip_network, meaning.platform.pod_cidrs or ("198.18.0.0/15",)), key=lambda each: each.num_addresses)
    pods = dict.fromkeys(end for probe in asked for end in (probe.source, probe.target) if isinstance(end, Pod))
    # Not from the start, nor to the end: what is asked about there is no pod.
    return {pod: questions.Pod(pod.namespace, pod.labels, str(block[number + 16])) for number, pod in enumerate(pods)}


def answers(engine: CalicoEngine, meaning: Meaning, asked: list[Probe]) -> list[Verdict]:
    pods = placed(meaning, asked)

    def end(one: End) -> questions.Peer:
        return pods[one] if isinstance(one, Pod) else questions.Address(one)

    connections = [
        questions.Connection(end(probe.source), end(probe.target), probe.protocol, probe.port) for probe in asked
    ]
    return [
        Verdict(
            verdict.egress.passes or not isinstance(probe.source, Pod),
            verdict.ingress.passes or not isinstance(probe.target, Pod),
        )
        for probe, verdict in zip(asked, engine.ask(connections), strict=True)
    ]


def differing(asked: list[Probe], mine: list[Verdict], theirs: list[Verdict]) -> dict[Probe, tuple[Verdict, Verdict]]:
    return {probe: (one, other) for probe, one, other in zip(asked, mine, theirs, strict=True) if one != other}


def assert_same(
    engine: CalicoEngine, topology: Topology, platform: Platform, ready: Ready, many: int
) -> tuple[list[Verdict], int]:
    """Asked alone, and, where something is denied, once more beside a policy that allows everything."""
    meaning = Meaning(topology, platform)
    asked = probes(meaning, Random(0), many)
    objects = documents(ready)
    assert all(one["apiVersion"] == "projectcalico.org/v3" for one in objects)
    engine.load([TIER, *objects])
    said = [expected(meaning, probe) for probe in asked]
    assert differing(asked, said, answers(engine, meaning, asked)) == {}
    if ready.policy.denials:
        engine.load([TIER, *objects, *(everything(place, tier_of(ready)) for place in sorted(meaning.governed))])
        passing = [left(meaning, probe) for probe in asked]
        assert differing(asked, passing, answers(engine, meaning, asked)) == {}
        return said, sum(not (verdict.egress and verdict.ingress) for verdict in passing)
    return said, 0


def tier_of(ready: Ready) -> str:
    network = ready.policy.platform.network
    return network.tier if isinstance(network, Calico) else ""


def test_the_engine_says_of_every_topology_what_its_author_wrote(calico_engine: CalicoEngine) -> None:
    seen: Counter[str] = Counter()

    @settings(
        deadline=None,
        max_examples=TOPOLOGIES,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(calico_cases())
    def ask(case: Case) -> None:
        ready = planned(case.topology, case.platform)
        assert isinstance(ready, Ready), ready.diagnostics
        said, denied_ones = assert_same(calico_engine, case.topology, case.platform, ready, PROBES)
        seen["denied"] += denied_ones
        for verdict in said:
            seen["allowed" if verdict.egress and verdict.ingress else "refused"] += 1
        seen["topologies"] += 1
        seen["denials"] += any(isinstance(each, Denial) for each in case.topology.statements)

    ask()
    assert seen["topologies"] >= TOPOLOGIES
    assert seen["denials"] >= 0.1 * TOPOLOGIES
    assert seen["denied"] >= TOPOLOGIES
    assert seen["allowed"] + seen["refused"] >= 150 * seen["topologies"]
    assert min(seen["allowed"], seen["refused"]) >= 0.1 * (seen["allowed"] + seen["refused"])


CALICO = [one for one in builds() if isinstance(platform_of(one).network, model.Calico)]


@pytest.mark.parametrize("wanted", CALICO, ids=lambda it: f"{it['topology']} {it.get('platform', '')}")
def test_the_engine_says_of_every_example_what_its_author_wrote(
    calico_engine: CalicoEngine, wanted: Mapping[str, Any]
) -> None:
    topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
    platform = cast("Platform", named(wanted["platform"], {}))
    ready = planned(topology, platform)
    assert isinstance(ready, Ready), ready.diagnostics
    said, _ = assert_same(calico_engine, topology, platform, ready, 2000)
    assert len(said) >= 700
    assert {Verdict(egress=True, ingress=True), Verdict(egress=False, ingress=False)} <= set(said)


def test_a_planted_bug_is_noticed(calico_engine: CalicoEngine) -> None:
    from examples.online_boutique.platform import calico
    from examples.online_boutique.topology import topology

    ready = planned(topology, calico)
    assert isinstance(ready, Ready)
    said, _ = assert_same(calico_engine, topology, calico, ready, 2000)
    assert len(said) >= 1000
    [layer] = ready.layers
    fewer = evolve(ready, layers=(evolve(layer, policy=evolve(layer.policy, flows=layer.policy.flows[1:])),))
    with pytest.raises(AssertionError):
        assert_same(calico_engine, topology, calico, fewer, 2000)
