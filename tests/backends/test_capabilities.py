"""Every cell of the capability tables: what is exact compiles and is proven, what is not is refused by its code."""

from collections.abc import Sequence
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest

from tests.backends.cells import CELLS
from zt_dsl import ApiServer, Calico, Cilium, Feature, Istio, Kubernetes, Nodes, Platform, Waiver
from zt_dsl.backends import calico, cilium, istio, kubernetes
from zt_dsl.backends.base import Backend, Capability, at, capability
from zt_dsl.backends.plan import _CODES as CODES
from zt_dsl.compiler import Ready, build, plan, prove
from zt_dsl.ir.platform import APP_LAYER, ENTERPRISE
from zt_dsl.resolve import resolve

BACKENDS = (kubernetes.BACKEND, cilium.BACKEND, calico.BACKEND, istio.BACKEND)
PODS = ("10.244.0.0/16",)


def network(backend: Backend, version: str, on: str) -> Kubernetes | Cilium | Calico:
    match backend.name:
        case "Cilium":
            return Cilium(version)
        case "Calico":
            return Calico(
                version, edition="enterprise" if on == ENTERPRISE else "open-source", app_layer=on == APP_LAYER
            )
        case _:
            return Kubernetes(version, plugin="weave-net" if on == 'plugin="weave-net"' else None)


# What a mesh alone is always waived for: without these it is refused, whatever the cell asks.
ALONE: Sequence[Feature] = ("egress", "protocol")


def platform(backend: Backend, version: str, on: str) -> Platform:
    mesh = Istio(version, path_normalization="DECODE_AND_MERGE_SLASHES") if backend.sees_identity else None
    return Platform(
        "p",
        network=None if mesh else network(backend, version, on),
        mesh=mesh,
        pod_cidrs=PODS,
        api_server=ApiServer(cidrs=["192.0.2.10/32"]),
        nodes=Nodes(cidrs=["198.51.100.0/24"]),
        waivers=[Waiver(feature, why="measured") for feature in ALONE] if mesh else [],
    )


def cells() -> list[tuple[Backend, str, Capability]]:
    """Each line, in the first and the last version that it holds for."""
    return [
        (backend, version, line)
        for backend in BACKENDS
        for line in backend.capabilities
        for version in dict.fromkeys((line.since or backend.versions[0], line.until or backend.versions[-1]))
    ]


@pytest.mark.parametrize(
    ("backend", "version", "line"),
    [pytest.param(*cell, id=f"{cell[0].name} {cell[1]} {cell[2].feature} {cell[2].on}".rstrip()) for cell in cells()],
)
def test_a_cell_is_what_is_done(backend: Backend, version: str, line: Capability) -> None:
    cell = CELLS[line.feature]
    resolved = resolve(cell.topology(), platform(backend, version, line.on), on=date(2026, 11, 23))
    assert resolved.policy is not None, resolved.diagnostics
    planned = plan(resolved.policy)
    if line.support != "exact" and cell.code:
        assert cell.code in {diagnostic.code for diagnostic in planned.diagnostics}
        assert not isinstance(planned, Ready)
        told = next(diagnostic for diagnostic in planned.diagnostics if diagnostic.code == cell.code)
        assert told.why == line.reason
        assert line.carried_by in told.help
        return
    if not isinstance(planned, Ready):
        # The cell of a gate beside this one refuses it: an engine without names has no server names either.
        assert line.support != "exact", planned.diagnostics
        return
    made = build(planned, Path("/"))
    proof = prove(planned, [(name, made.files[name]) for name in made.manifests], emitted=True)
    assert proof.diagnostics == ()
    assert proof.permitted > 0 or line.support != "exact"
    text = "".join(made.files[name].decode() for name in made.manifests)
    if cell.emits:
        assert (cell.emits in text) is (line.support == "exact")


def test_every_feature_has_a_cell_and_every_engine_a_line() -> None:
    for backend in BACKENDS:
        assert {line.feature for line in backend.capabilities} == set(CELLS)
        settings = sorted({line.on for line in backend.capabilities} - {""})
        for version in backend.versions:
            for switched_on in (some for many in range(len(settings) + 1) for some in combinations(settings, many)):
                found = at(backend, version, frozenset(switched_on))
                assert found is not None
                features = [line.feature for line in found.capabilities]
                assert sorted(features) == sorted(CELLS), f"{backend.name} {version} {switched_on}: one line a feature"


def test_a_line_with_a_setting_takes_the_place_of_the_one_without() -> None:
    for switched_on, supports in (
        (frozenset[str](), ("wider", "wider")),
        (frozenset({ENTERPRISE}), ("exact", "wider")),
        (frozenset({APP_LAYER}), ("wider", "exact")),
        (frozenset({ENTERPRISE, APP_LAYER}), ("exact", "exact")),
    ):
        found = at(calico.BACKEND, "3.32.1", switched_on)
        assert found is not None
        assert tuple(capability(found, feature).support for feature in ("fqdn", "http-routes")) == supports


def test_every_refusal_has_a_code() -> None:
    for backend in BACKENDS:
        refused = {line.feature for line in backend.capabilities if line.support != "exact"}
        assert {feature for feature in refused if CELLS[feature].code} == refused & CODES.keys()
