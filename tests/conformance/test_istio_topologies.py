"""What is emitted for a topology on Istio, asked of Istio's own code, against what its author wrote.

Nothing of zt_dsl judges here: the expected answers come from `tests.mesh_meaning`, which reads the model by brute
force, and the others from istiod's code, which is given the mesh's objects as PyYAML reads them, whether a network
engine stands beside the mesh or not.
"""

import os
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.cilium_meaning import Calls, Requests
from tests.conformance.emitted import documents, planned
from tests.conformance.engines.istio_engine import Connection, IstioEngine, Mesh
from tests.conformance.engines.process import Document
from tests.mesh_meaning import Meaning, probes
from tests.mesh_strategies import Beside, Case, mesh_cases
from zt_dsl.compiler import Ready

pytestmark = pytest.mark.conformance

TOPOLOGIES = int(os.environ.get("ZT_DSL_TOPOLOGIES", "540"))
PROBES = 200
GROUP = "security.istio.io/v1"
# What the plan may refuse: two modes on one number; callers that are one to the mesh, and may not ask the same; beside
# Cilium two protocols on one port, where one can be read.
REFUSED = {"ZT333", "ZT335", "ZT326"}
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


@pytest.mark.parametrize("network", NETWORKS)
def test_istio_says_of_every_topology_what_its_author_wrote(istio_engine: IstioEngine, network: Beside) -> None:
    seen: Counter[str] = Counter()
    many = int(TOPOLOGIES * 1.3 * NETWORKS[network])

    @settings(
        deadline=None,
        max_examples=many,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(mesh_cases(network))
    def every(case: Case) -> None:
        ask(istio_engine, case, PROBES, seen)

    every()
    print(seen)
