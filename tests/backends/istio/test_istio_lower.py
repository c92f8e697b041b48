"""From the policy to Istio's objects: what no example shows by itself."""

from pathlib import Path

from examples.six_patterns.pattern5 import across_clusters
from examples.six_patterns.platform import cilium_strict_mesh
from tests.conformance.emitted import documents, planned
from zt_dsl.backends.istio.schemas import check
from zt_dsl.compiler import Ready, build

ROOT = Path(__file__).parents[3]


def test_callers_that_are_one_to_the_mesh_share_a_rule() -> None:
    """The frontends of two clusters have one identity. Two rules that are the same fit no schema of ours: compiled
    alone, it was refused as a bug."""
    ready = planned(across_clusters, cilium_strict_mesh)
    assert isinstance(ready, Ready)
    [policy] = [
        one
        for one in documents(ready)
        if (one["kind"], one["metadata"]["name"]) == ("AuthorizationPolicy", "allow-api")
    ]
    rules = policy["spec"]["rules"]
    assert len(rules) == len({repr(rule) for rule in rules}) == 3
    assert check(policy) == ()
    written = build(ready, ROOT).files["production/api.yaml"].decode()
    shared = written[written.index("cluster.local/ns/production/sa/frontend") - 300 :]
    assert "the site is a client of the API" in shared
    assert "when the west is full" in shared
