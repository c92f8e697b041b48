"""The article's manifests, as they are in `tests/article`, and the topologies that say what they mean.

On the page they had lost their indentation; `tests/article` has it again, and nothing else was changed. The document
about them is docs/six-patterns.md.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml

from examples.six_patterns import pattern1, pattern2, pattern3, pattern4, pattern5, pattern6, pitfalls
from examples.six_patterns import platform as platforms
from tests.conformance.engines.process import Document
from zt_dsl import Platform, Topology
from zt_dsl.compiler import Ready, build, plan
from zt_dsl.resolve import resolve

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "tests" / "article"
ON = date(2026, 11, 23)
"""The day that `make generated` compiles for."""

NAMES = tuple(sorted(path.stem for path in MANIFESTS.glob("*.yaml")))

TOPOLOGIES: Mapping[str, Topology] = MappingProxyType(
    {
        "pattern1": pattern1.topology,
        "pattern2": pattern2.topology,
        "pattern3": pattern3.topology,
        "pattern4": pattern4.topology,
        "pattern5": pattern5.topology,
        "across": pattern5.across_clusters,
        "pattern6": pattern6.topology,
        "pitfalls": pitfalls.topology,
    }
)

NATIVE = (
    ("pattern1", "native"),
    ("pattern2", "native"),
    ("pattern3", "native_without_l7"),
    ("pattern4", "native_without_names"),
    ("pitfalls", "native"),
)
CILIUM = (
    ("pattern1", "cilium"),
    ("pattern2", "cilium"),
    ("pattern3", "cilium_without_topics"),
    ("pattern4", "cilium"),
    ("pitfalls", "cilium"),
)
OLD_CILIUM = (("pattern3", "cilium_1_19"),)
CALICO = (
    ("pattern1", "calico"),
    ("pattern2", "calico"),
    ("pattern3", "calico_without_l7"),
    ("pattern4", "calico_without_names"),
    ("pitfalls", "calico"),
)
KUBERNETES_ISTIO = (("pattern5", "kubernetes_istio"), ("pattern6", "kubernetes_istio_without_names"))
CILIUM_ISTIO = (("across", "cilium_strict_mesh"), ("pattern6", "cilium_istio"))
CALICO_ISTIO = (("pattern5", "calico_istio"), ("pattern6", "calico_istio_without_names"))
STACKS = (*KUBERNETES_ISTIO, *CILIUM_ISTIO, *CALICO_ISTIO)
CARRIED = (*NATIVE, *CILIUM, *OLD_CILIUM, *CALICO, *STACKS)
"""Each pattern with the platforms that carry it, by their names in examples/six_patterns."""


def text(name: str) -> str:
    """A manifest of the article as it is written."""
    return (MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def manifest(name: str) -> Document:
    """A manifest of the article."""
    [document] = parsed(text(name))
    return document


def platform(name: str) -> Platform:
    """A platform of examples/six_patterns by its name there."""
    found: object = getattr(platforms, name)
    assert isinstance(found, Platform)
    return found


@cache
def files(pattern: str, on: str) -> Mapping[str, str]:
    """What `compile` writes for the pattern, by its path below generated/."""
    topology, where = TOPOLOGIES[pattern], platform(on)
    resolved = resolve(topology, where, on=ON)
    assert resolved.policy is not None, resolved.diagnostics
    ready = plan(resolved.policy)
    assert isinstance(ready, Ready), ready.diagnostics
    made = build(ready, ROOT)
    return {f"{topology.name}/{where.name}/{path}": data.decode() for path, data in made.files.items()}


def emitted(pattern: str, on: str) -> list[Document]:
    """The policies among these."""
    documents = [document for path, data in files(pattern, on).items() for document in _policies(path, data)]
    assert documents
    return documents


def _policies(path: str, data: str) -> tuple[Document, ...]:
    # review.md is no YAML, and a Kustomization no policy.
    return parsed(data) if path.endswith(".yaml") and not path.endswith("/kustomization.yaml") else ()


def of_group(group: str, documents: Iterable[Document]) -> list[Document]:
    """Those of one API: `networking.k8s.io`, `cilium.io`, `projectcalico.org`, `security.istio.io`."""
    return [one for one in documents if str(one["apiVersion"]).partition("/")[0] == group]


@cache
def parsed(data: str) -> tuple[Document, ...]:
    """The documents of a YAML text."""
    return tuple(yaml.load_all(data, Loader=yaml.CSafeLoader))
