"""What is emitted for a topology on Istio, asked of Istio's own code, against what its author wrote.

Nothing of zt_dsl judges here: the expected answers come from `tests.mesh_meaning`, which reads the model by brute
force, and the others from istiod's code, which is given the mesh's objects as PyYAML reads them, whether a network
engine stands beside the mesh or not.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.cilium_meaning import Calls, Requests
from tests.conformance.emitted import documents, planned
from tests.conformance.engines import crds
from tests.conformance.engines.apiserver_engine import CREATED, UNCHANGED, ApiServer
from tests.conformance.engines.crds import IstioMinor
from tests.conformance.engines.istio_engine import Connection, IstioEngine, Mesh
from tests.conformance.engines.process import Document
from tests.conformance.test_topologies import every_build, named, platform_of
from tests.meaning import in_force
from tests.mesh_meaning import Meaning, beside, probes
from tests.mesh_strategies import Beside, Case, mesh_cases
from zt_dsl import Topology
from zt_dsl.compiler import Ready
from zt_dsl.model.endpoints import Methods, Routes

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "640"))
PROBES, APPLIED = 200, 25
GROUP = "security.istio.io/v1"
# What the plan may refuse: two modes on one number; callers that are one to the mesh, and may not ask the same; a
# namespace that calls and is in the mesh in part; beside Cilium two protocols on one port, where one can be read.
REFUSED = {"ZT333", "ZT335", "ZT337", "ZT326"}
NETWORKS: Mapping[Beside, float] = {"nobody": 0.4, "kubernetes": 0.4, "cilium": 0.2}


def compiled(case: Case) -> list[Document] | None:
    """What is emitted for the mesh; None where the plan has a reason to refuse."""
    ready = planned(case.topology, case.platform)
    if not isinstance(ready, Ready):
        assert {found.code for found in ready.diagnostics if found.code.startswith("ZT3")} <= REFUSED, ready.diagnostics
        return None
    return [document for document in documents(ready) if document["apiVersion"] == GROUP]


def settings_of(meaning: Meaning) -> Mesh:
    return Mesh(meaning.mesh.root_namespace, meaning.mesh.trust_domain)


def kinds(meaning: Meaning, connection: Connection, passes: bool) -> list[str]:
    """What a connection is an example of."""
    word = "passes" if passes else "refused"
    target = connection.target
    own = [flow for flow in meaning.flows if flow.on(connection.port) and meaning.selects(flow.target, target)]
    read = {type(flow.carried).__name__ for flow in own} & {Requests.__name__, Calls.__name__}
    found = [word, f"{meaning.mode(target, connection.port)} {word}", *(f"{name} {word}" for name in read)]
    found.append(f"{'identity' if connection.client else 'plain text'} {word}")
    if any(flow.on(connection.port) and meaning.selects(flow.target, target) for flow in meaning.denied):
        found.append("denied port")
    return found


def ask(engine: IstioEngine, case: Case, many: int, seen: Counter[str]) -> None:
    objects = compiled(case)
    if objects is None:
        seen["not compiled"] += 1
        return
    meaning = case.meaning
    engine.load(objects, settings_of(meaning))
    findings = engine.validate(objects)
    assert [found for found in findings if found.error or found.warnings] == []
    connections = probes(meaning, Random(0), many)
    wrong: dict[Connection, Any] = {}
    for connection, answer in zip(connections, engine.ask(connections), strict=True):
        expected = meaning.allowed(connection)
        seen.update(kinds(meaning, connection, expected))
        if answer.allowed is not expected or answer.mode != meaning.mode(connection.target, connection.port):
            wrong[connection] = (expected, answer)
    assert wrong == {}
    seen["topologies"] += bool(connections)
    seen["without a sidecar"] += not connections


def every(cases: SearchStrategy[Case], many: int, ask: Callable[[Case], None]) -> None:
    settings(
        deadline=None,
        max_examples=many,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )(given(cases)(ask))()


@pytest.mark.parametrize("network", NETWORKS)
def test_istio_says_of_every_topology_what_its_author_wrote(
    istio_engine: IstioEngine, network: Beside, record_testsuite_property: Callable[[str, object], None]
) -> None:
    seen: Counter[str] = Counter()
    many = int(TOPOLOGIES * NETWORKS[network])
    every(mesh_cases(network), int(1.4 * many), lambda case: ask(istio_engine, case, PROBES, seen))
    record_testsuite_property(f"topologies on Istio beside {network}", dict(seen))
    assert seen["topologies"] >= 0.9 * many
    asked = seen["passes"] + seen["refused"]
    assert asked >= 0.9 * PROBES * seen["topologies"]
    assert min(seen["passes"], seen["refused"]) >= 0.05 * asked
    kinds = ("identity", "plain text", "STRICT", "PERMISSIVE", "Requests", "Calls")
    for kind in kinds if network == "nobody" else (*kinds, "DISABLE"):
        assert min(seen[f"{kind} passes"], seen[f"{kind} refused"]) > 0, seen
    # Beside Cilium it is Cilium that denies.
    assert (seen["denied port"] > 0) is (network != "cilium")


ALONE = [one for one in every_build() if platform_of(one).mesh is not None and platform_of(one).network is None]


@pytest.mark.parametrize("wanted", ALONE, ids=lambda it: f"{it['topology']} {it['platform']}")
def test_istio_says_of_every_example_what_its_author_wrote(
    istio_engine: IstioEngine, wanted: Mapping[str, Any]
) -> None:
    topology = cast("Topology", named(wanted["topology"], wanted.get("set", {})))
    platform = platform_of(wanted)
    seen: Counter[str] = Counter()
    ask(istio_engine, Case(topology, platform, Meaning(topology, platform), beside(topology, platform)), 500, seen)
    assert seen["topologies"] == 1
    assert min(seen["passes"], seen["refused"]) > 0


# --- the API server ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", ["1.24", "1.31"])
def test_what_is_emitted_is_created_and_a_second_time_unchanged(api_server: ApiServer, minor: IstioMinor) -> None:
    api_server.install(crds.istio(minor, plural) for plural in ("authorizationpolicies", "peerauthentications"))
    seen: Counter[str] = Counter()

    def applied(case: Case) -> None:
        objects = compiled(case)
        if objects is not None:
            api_server.clear()
            assert api_server.apply(objects) == [CREATED] * len(objects)
            assert api_server.apply(objects) == [UNCHANGED] * len(objects)
            seen["objects"] += len(objects)

    every(mesh_cases("kubernetes"), APPLIED, applied)
    assert seen["objects"] >= 4 * APPLIED


# --- paths ------------------------------------------------------------------------------------------------


def test_a_path_that_may_hold_more_is_refused_and_no_other() -> None:
    """Without a waiver: exactly where the mesh leaves `%2F` as it is, and somebody may ask for more than one path."""
    seen: Counter[str] = Counter()

    def refused(case: Case) -> None:
        unwaived = [one for one in case.platform.waivers if one.feature not in ("http-routes", "grpc-methods")]
        platform = evolve(case.platform, waivers=unwaived)
        found = planned(case.topology, platform).diagnostics
        codes = {one.code for one in found} & {"ZT310", "ZT311"}
        narrowed = [
            target for _, _, target in in_force(case.topology) if isinstance(target.narrowing, Routes | Methods)
        ]
        assert bool(codes) is any(not case.meaning.is_read(target) for target in narrowed), found
        seen["refused" if codes else "taken" if narrowed else "nothing asked"] += 1

    every(mesh_cases("kubernetes"), APPLIED * 12, refused)
    assert min(seen["refused"], seen["taken"]) >= 5, seen
