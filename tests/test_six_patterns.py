"""docs/six-patterns.md and what stands behind it: what it shows is there, what it states is a test.

The tests themselves ask the engines (`tests/conformance/test_article.py`, and `test_article_layers.py` for patterns 5
and 6). Here nothing is asked: a document and the names in it are compared, and the topologies are planned.

Comments before a block and in the prose are for the tests here:

    <!-- article: kafka-policy -->                 the block is of tests/article/kafka-policy.yaml
    <!-- emitted: six-patterns-1/native/… -->       it is of what is emitted, by its path below generated/
    <!-- test: test_it -->                          the statement is this test of those two files
    <!-- checked: test_it -->                       it is this test here
    <!-- read: api/pkg -->                          it was read in somebody's source, and is no test
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from tests.conformance import article
from tests.conformance.engines.process import Json
from zt_dsl import Istio
from zt_dsl.compiler import Ready, Refused, plan
from zt_dsl.resolve import resolve

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "six-patterns.md"
STATEMENTS = tuple(ROOT / "tests" / "conformance" / name for name in ("test_article.py", "test_article_layers.py"))

_BLOCK = re.compile(
    r"<!-- (?P<what>article|emitted): (?P<name>[^ ]+) -->\n```yaml\n(?P<text>.*?)^```\n", re.DOTALL | re.MULTILINE
)
_MARK = re.compile(r"<!-- (?P<what>test|checked|read): (?P<name>[^ ]+) -->")
_ELISION = "# …\n"


def prose() -> str:
    return _BLOCK.sub("", DOCUMENT.read_text(encoding="utf-8"))


def marked(what: str) -> set[str]:
    return {found["name"] for found in _MARK.finditer(prose()) if found["what"] == what}


def statements_in(path: Path) -> set[str]:
    read = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in read.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def shown(what: str) -> list[tuple[str, str]]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return [(found["name"], found["text"]) for found in _BLOCK.finditer(text) if found["what"] == what]


def emitted() -> dict[str, str]:
    return {path: data for pattern, on in article.CARRIED for path, data in article.files(pattern, on).items()}


# --- the document ---------------------------------------------------------------------------------------------


def test_the_document_states_what_is_tested_and_nothing_else() -> None:
    assert marked("test") == set().union(*map(statements_in, STATEMENTS))


def test_what_it_says_is_checked_is_checked_here() -> None:
    assert marked("checked") <= statements_in(Path(__file__))


def test_every_item_of_a_list_says_who_shows_it() -> None:
    items = re.findall(r"^- .*?(?=^- |^\n|\Z)", prose(), re.DOTALL | re.MULTILINE)
    assert len(items) >= 30
    assert [item for item in items if not _MARK.search(item)] == []


def in_order(excerpt: str, whole: str) -> bool:
    """Whether the pieces between elisions are lines of the whole, each below the one before."""
    rest = "\n" + whole
    for piece in excerpt.split(_ELISION):
        _, found, rest = rest.partition("\n" + piece)
        if not found:
            return False
        rest = "\n" + rest
    return True


@pytest.mark.parametrize(("name", "text"), shown("article"), ids=[name for name, _ in shown("article")])
def test_a_manifest_is_shown_as_it_is(name: str, text: str) -> None:
    assert in_order(text, article.text(name))


def test_excerpts_of_what_is_emitted_are_of_it() -> None:
    files = emitted()
    blocks = shown("emitted")
    assert len(blocks) >= 5
    assert [name for name, text in blocks if not in_order(text, files[name])] == []


def test_an_excerpt_that_is_not_of_a_file_is_found() -> None:
    whole = "a: 1\nb: 2\nc: 3\n"
    assert in_order("a: 1\n", whole)
    assert in_order(f"a: 1\n{_ELISION}c: 3\n", whole)
    for other in ("a: 2\n", "a: 1\nc: 3\n", f"c: 3\n{_ELISION}a: 1\n", ": 1\n"):
        assert not in_order(other, whole)


def test_every_manifest_of_the_article_is_named() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in article.NAMES if f"`{name}`" not in text and f"article: {name} -->" not in text] == []


def test_the_paths_that_it_names_are_written_by_a_pattern() -> None:
    written = [f"generated/{path}" for path in emitted()]
    named = re.findall(r"`(generated/[^`]+)`", prose())
    assert len(named) >= 7
    assert [path for path in named if not any(one == path or one.startswith(f"{path}/") for one in written)] == []


# --- the topologies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "on"), article.CARRIED)
def test_a_pattern_is_carried_and_needs_each_waiver_of_its_platform(pattern: str, on: str) -> None:
    resolved = resolve(article.TOPOLOGIES[pattern], article.platform(on), on=article.ON)
    assert resolved.diagnostics == ()
    assert resolved.policy is not None
    ready = plan(resolved.policy)
    assert isinstance(ready, Ready)
    assert ready.diagnostics == ()


@pytest.mark.parametrize(
    ("pattern", "on", "expected"),
    [
        ("pattern3", "native", {"ZT310": 1, "ZT312": 4, "ZT314": 4}),
        ("pattern3", "cilium", {"ZT312": 4}),
        ("pattern4", "native", {"ZT314": 3, "ZT315": 1}),
        ("pattern4", "calico", {"ZT314": 3, "ZT315": 1}),
        ("pattern5", "native", {"ZT317": 3, "ZT310": 3}),
        ("pattern5", "cilium", {"ZT317": 3}),
        ("pattern5", "calico", {"ZT317": 3, "ZT310": 3}),
        ("across", "kubernetes_istio", {"ZT324": 1}),
        ("across", "calico_istio", {"ZT324": 1}),
        ("pattern6", "kubernetes_istio", {"ZT314": 1, "ZT316": 1, "ZT320": 1}),
        ("pattern6", "calico_istio", {"ZT314": 1, "ZT320": 1, "ZT322": 1}),
    ],
)
def test_a_pattern_is_refused_where_nothing_carries_it(pattern: str, on: str, expected: dict[str, int]) -> None:
    resolved = resolve(article.TOPOLOGIES[pattern], article.platform(on), on=article.ON)
    assert resolved.policy is not None
    refused = plan(resolved.policy)
    assert isinstance(refused, Refused)
    assert Counter(diagnostic.code for diagnostic in refused.diagnostics) == expected


def test_any_depth_is_refused_where_the_mesh_leaves_slashes_escaped() -> None:
    stack = article.platform("kubernetes_istio")
    as_installed = evolve(stack, mesh=Istio("1.31"))
    resolved = resolve(article.TOPOLOGIES["pattern5"], as_installed, on=article.ON)
    assert resolved.policy is not None
    refused = plan(resolved.policy)
    assert isinstance(refused, Refused)
    assert Counter(diagnostic.code for diagnostic in refused.diagnostics) == {"ZT310": 1}


def test_the_audit_policy_names_neither_patch_nor_a_mesh() -> None:
    policy = article.manifest("audit-policy")
    assert values(policy, "verbs") == [["create", "update", "delete"]] * 2
    assert values(policy, "group") == ["networking.k8s.io", "cilium.io"]


def test_every_platform_carries_a_pattern() -> None:
    from examples.six_patterns import platform
    from zt_dsl import Platform

    there = {name for name, value in vars(platform).items() if isinstance(value, Platform)}
    assert there == {on for _, on in article.CARRIED}


def nested(value: Json) -> Iterator[Json]:
    yield value
    match value:
        case dict():
            for child in value.values():
                yield from nested(child)
        case list():
            for child in value:
                yield from nested(child)
        case _:
            return


def values(document: Json, key: str) -> list[Json]:
    """What stands under the key, wherever it is."""
    return [value[key] for value in nested(document) if isinstance(value, dict) and key in value]


@pytest.mark.parametrize(("pattern", "on"), article.CARRIED)
def test_no_emitted_list_is_empty_and_no_rule_is_without_ports(pattern: str, on: str) -> None:
    peers = {"from", "to", "fromEndpoints", "toEndpoints", "fromEntities", "toEntities", "toFQDNs", "toCIDRSet"}
    for document in article.emitted(pattern, on):
        spec = document["spec"]
        assert isinstance(spec, dict)
        # A denial is of every port, and the widest of all.
        allows = {key: value for key, value in spec.items() if not key.endswith("Deny")}
        for value in nested(allows):
            assert value != []
            if not isinstance(value, dict):
                continue
            if value.get("action") == "Allow" or "operation" in value:
                assert values(value, "ports")
            elif peers & set(value):
                # In a mesh it is the operations of a rule that say which.
                assert (
                    {"to"} & set(value)
                    if document["kind"] == "AuthorizationPolicy"
                    else {"ports", "toPorts"} & set(value)
                )
