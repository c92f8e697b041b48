"""Diagnostics for programs: a small JSON document whose form is stable.

    {"version": 1, "diagnostics": [
      {"code": "ZT310", "severity": "error", "message": "…", "why": "…", "help": "…", "detail": "…",
       "labels": [{"path": "shop/edges.py", "line": 17, "column": 5, "endLine": 21, "endColumn": 6,
                   "text": "…", "via": [{"path": …, "line": …, "column": …, "endLine": …, "endColumn": …}]}]}]}

Every key is always there; a text that is not given is "". The first label is the place to look at. Paths are
relative to the root, with `/`; a file outside of it keeps its whole path. Lines and columns count from 1, columns
in code points; `endColumn` is one past the last; what is not known is null. `via` are the callers, innermost first.
Keys may be added within a version; none is removed or given another meaning.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from zt_dsl.diagnostics import Diagnostic, Label, in_order
from zt_dsl.diagnostics.places import place_of, scalar, shown_path
from zt_dsl.source import Location

VERSION = 1


def as_json(diagnostics: Iterable[Diagnostic], *, root: Path) -> str:
    """The document, without a newline at its end.

    It is ASCII: no locale can break it, and no text in it reaches a terminal as a control sequence.
    """
    found = [_diagnostic(each, root) for each in in_order(tuple(diagnostics))]
    return json.dumps({"version": VERSION, "diagnostics": found}, indent=2)


def _diagnostic(diagnostic: Diagnostic, root: Path) -> dict[str, object]:
    return {
        "code": scalar(diagnostic.code),
        "severity": diagnostic.severity,
        "message": scalar(diagnostic.message),
        "why": scalar(diagnostic.why),
        "help": scalar(diagnostic.help),
        "detail": scalar(diagnostic.detail),
        "labels": [_label(label, root) for label in diagnostic.labels],
    }


def _label(label: Label, root: Path) -> dict[str, object]:
    via = [_place(caller, root) for caller in label.location.via]
    return {**_place(label.location, root), "text": scalar(label.text), "via": via}


def _place(location: Location, root: Path) -> dict[str, object]:
    line, column, end_line, end_column = place_of(location)
    path = scalar(shown_path(location.path, root))
    return {"path": path, "line": line, "column": column, "endLine": end_line, "endColumn": end_column}
