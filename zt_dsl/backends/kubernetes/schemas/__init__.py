"""JSON Schemas of what this backend emits: the structure, checked apart from what it means."""

import json
import re
from collections.abc import Hashable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zt_dsl.ir.selector import METADATA_NAME
from zt_dsl.manifests.tree import Value

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

# Shapes of documents that the schema has accepted.
_accepted: set[Hashable] = set()
_elements: dict[tuple[str, int], tuple[Value, Hashable]] = {}
_MANY = 1 << 16


def check(document: Mapping[str, Value]) -> tuple[str, ...]:
    """What is wrong with it, one line each, with its place in the document; nothing where it fits.

    The schema takes some 3 ms a document, so it is asked once for each shape.
    """
    seen = _shape("", dict(document))
    if seen in _accepted:
        return ()
    found = tuple(f"{error.json_path}: {error.message}" for error in _validator().iter_errors(document))
    if not found:
        _accepted.add(seen)
    return found


@cache
def _validator() -> "Draft202012Validator":
    from jsonschema import Draft202012Validator  # slow to import, and `--help` does not need it

    schema = json.loads((files(__name__) / "networkpolicy.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


# --- shapes ------------------------------------------------------------------------------------------

_WORD = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_USUAL = {
    "name": _WORD,
    "namespace": _WORD,
    METADATA_NAME: _WORD,
    "cidr": re.compile(r"[0-9a-f.:]+/(?:0|[1-9][0-9]{0,2})"),
    "except": re.compile(r"[0-9a-f.:]+/(?:0|[1-9][0-9]{0,2})"),
    # Under a key of the user's own.
    "label": re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"),
}
_LABELS = frozenset({"matchLabels", "labels"})
_RULES = frozenset({"ingress", "egress"})
_REPEATED = frozenset({"from", "to", "ports"})


def _shape(key: str, value: Value) -> Hashable:
    """A document with a sign in place of each value that the schema accepts for sure under this key.

    Invariant: two documents of one shape get the same answer from the schema. What it may refuse (an
    unusual string, the order of a list that it asks for) stays in the shape as it is.
    """
    match value:
        case dict() if key in _LABELS:
            return tuple(
                [
                    (name, _shape(METADATA_NAME if name == METADATA_NAME else "label", text))
                    for name, text in value.items()
                ]
            )
        case dict():
            return tuple([(name, _shape(name, child)) for name, child in value.items()])
        case list() if key == "policyTypes":
            return tuple([_shape(key, child) for child in value])
        case list() if key in _RULES or key in _REPEATED:
            return frozenset([_element(key, child) for child in value])
        case list():
            # To the schema neither the order of the others matters nor how often an element is there.
            return frozenset([_shape(key, child) for child in value])
        case str():
            return _sign(key, value)
        case bool() | float() | None:
            return type(value), value
        case _:
            return int if 1 <= value <= 65535 else (int, value)


def _element(key: str, value: Value) -> Hashable:
    """Policies repeat their peers and ports: each is looked at once. `repr` is fast and tells trees apart."""
    # The reader gives equal rules of many documents as one object, which is kept here so that its id is its own.
    known = _elements.get((key, id(value)))
    if known is None or known[0] is not value:
        if len(_elements) > _MANY:
            _elements.clear()
        known = _elements[key, id(value)] = (value, _shape(key, value))
    return known[1]


@lru_cache(maxsize=1 << 17)
def _sign(key: str, text: str) -> Hashable:
    pattern = _USUAL.get(key)
    return str if pattern is not None and pattern.fullmatch(text) else text
