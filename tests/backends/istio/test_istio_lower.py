"""From the policy to Istio's objects: what no example shows by itself."""

from pathlib import Path

from examples.six_patterns.pattern5 import across_clusters
from examples.six_patterns.platform import cilium_strict_mesh
from tests.conformance.emitted import planned
from tests.mutants import fields, items, parsed
from zt_dsl.backends.istio.schemas import check
from zt_dsl.compiler import Ready, build
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.read import read

ROOT = Path(__file__).parents[3]


def test_callers_that_are_one_to_the_mesh_share_a_rule() -> None:
    """The frontends of two clusters have one identity. Two rules that are the same fit no schema of ours: compiled
    alone, it was refused as a bug."""
    ready = planned(across_clusters, cilium_strict_mesh)
    assert isinstance(ready, Ready)
    data = build(ready, ROOT).files["production/api.yaml"]
    [policy] = [fields(one["spec"]) for one in parsed(data) if one["kind"] == "AuthorizationPolicy"]
    rules = list(map(repr, items(policy["rules"])))
    assert len(rules) == len(set(rules)) == 3
    found = read(data, "api.yaml")
    assert not isinstance(found, Diagnostic)
    assert [check(one.body) for one in found if one.body["kind"] == "AuthorizationPolicy"] == [()]
    comments = data.decode().partition("cluster.local/ns/production/sa/frontend")[0][-400:]
    assert "the site is a client of the API" in comments
    assert "when the west is full" in comments


def test_the_mode_of_the_mesh_is_written_where_the_platform_says_it() -> None:
    """The namespaces that are governed say their own, so that no proof about them can miss it."""
    ready = planned(across_clusters, cilium_strict_mesh)
    assert isinstance(ready, Ready)
    [data] = [data for path, data in build(ready, ROOT).files.items() if path.startswith("istio-system/")]
    [mode] = [one for one in parsed(data) if one["kind"] == "PeerAuthentication"]
    assert mode["spec"] == {"mtls": {"mode": "STRICT"}}
