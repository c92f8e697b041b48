"""What is compiled for Cilium is proven, whatever the topology; and what a version of it cannot say is refused."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cilium_strategies import Case, cilium_cases
from tests.strategies import ON
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
