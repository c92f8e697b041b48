"""Diagnostics as SARIF 2.1.0, for code scanning services and editors.

Section numbers are those of the OASIS standard. Columns are in code points, as Python counts them.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from urllib.parse import quote

from zt_dsl.diagnostics import Diagnostic, in_order
from zt_dsl.diagnostics.codes import TITLES, severity
from zt_dsl.diagnostics.pages import page
from zt_dsl.diagnostics.places import place_of, scalar, shown_path
from zt_dsl.source import Location

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
# A message may name another place: file:line, file:line:column.
_NAMED_PLACE = re.compile(r"(\.(?:py|ya?ml|toml)):\d+(?::\d+)?\b")

Json = dict[str, object]


def as_sarif(diagnostics: Iterable[Diagnostic], *, root: Path, version: str) -> str:
    """The document, in ASCII and without a newline at its end; `version` is that of zt_dsl."""
    found = in_order(tuple(diagnostics))
    codes = sorted({each.code for each in found})
    driver = {"name": "zt_dsl", "version": version, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        # Whoever reads it says where the root is: the document is the same on every machine.
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the project."}}},
        "columnKind": "unicodeCodePoints",
        "results": _results(found, codes, root),
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> Json:
    rule: Json = {
        "id": scalar(code),
        "shortDescription": {"text": TITLES.get(code, scalar(code))},
        "defaultConfiguration": {"level": severity(code)},
    }
    text = page(code)
    return rule if text is None else {**rule, "help": {"text": text, "markdown": text}}


def _results(diagnostics: tuple[Diagnostic, ...], codes: list[str], root: Path) -> list[Json]:
    seen: Counter[str] = Counter()
    results: list[Json] = []
    for each in diagnostics:
        identity = _fingerprint(each, root)
        seen[identity] += 1
        results.append(_result(each, codes.index(each.code), f"{identity}:{seen[identity]}", root))
    return results


def _result(diagnostic: Diagnostic, rule: int, fingerprint: str, root: Path) -> Json:
    homeless = [label.text for label in diagnostic.labels if not label.location.path]
    parts = (diagnostic.message, *homeless, diagnostic.why, f"help: {diagnostic.help}" if diagnostic.help else "")
    first, others = diagnostic.labels[:1], diagnostic.labels[1:]
    primary = [place for label in first for place in _place(label.location, label.text, root)]
    related = [place for label in others for place in _place(label.location, label.text, root)]
    callers = [
        place for label in diagnostic.labels for via in label.location.via for place in _place(via, "called here", root)
    ]
    result: Json = {
        "ruleId": scalar(diagnostic.code),
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": _message("\n".join(part for part in parts if part)),
        "locations": primary,
        "partialFingerprints": {"diagnostic/v1": fingerprint},
    }
    if related or callers:
        result["relatedLocations"] = [{"id": i, **each} for i, each in enumerate([*related, *callers], 1)]
    if diagnostic.detail:
        result["properties"] = {"detail": scalar(diagnostic.detail)}
    return result


def _message(text: str) -> Json:
    """Plain text, so that nothing in it is a placeholder (§3.11.5) or a link that a user's name made (§3.11.6)."""
    return {"text": scalar(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _place(location: Location, text: str, root: Path) -> list[Json]:
    """One location, or none where it is not known."""
    if not location.path:
        return []
    physical: Json = {"artifactLocation": _artifact(location.path, root)}
    region = _region(location)
    if region:
        physical["region"] = region
    return [{"physicalLocation": physical, **({"message": _message(text)} if text else {})}]


def _artifact(path: str, root: Path) -> Json:
    shown = shown_path(path, root)
    uri = _uri(shown)
    if PurePath(shown).is_absolute():
        return {"uri": f"file://{uri}"}
    return {"uri": uri, "uriBaseId": _ROOT}


def _uri(path: str) -> str:
    """Percent-encoded bytes: those of the file's name where it has any, else of its nearest likeness."""
    try:
        return quote(path.encode(errors="surrogateescape"))
    except UnicodeEncodeError:
        return quote(scalar(path))


def _region(location: Location) -> Json:
    """As much of the region as is known and makes sense: an end before its start is no end."""
    line, column, end_line, end_column = place_of(location)
    if line < 1:
        return {}
    region: Json = {"startLine": line}
    if column is not None and column >= 1:
        region["startColumn"] = column
    if end_line is None or end_line < line:
        return region
    region["endLine"] = end_line
    if "startColumn" in region and end_column is not None and (end_line, end_column) > (line, column or 1):
        region["endColumn"] = max(end_column, 1)
    return region


def _fingerprint(diagnostic: Diagnostic, root: Path) -> str:
    """What makes this diagnostic the same one after lines were added above it: everything but numbers of lines."""
    places = [(shown_path(label.location.path, root), label.text) for label in diagnostic.labels]
    message = _NAMED_PLACE.sub(r"\1", diagnostic.message)
    return hashlib.sha256(repr((diagnostic.code, message, places)).encode()).hexdigest()[:32]
