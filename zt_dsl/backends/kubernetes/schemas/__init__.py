"""JSON Schemas of what this backend emits: the structure, checked apart from what it means."""

import json
import re
from collections.abc import Hashable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zt_dsl.ir.selector import METADATA_NAME
from zt_dsl.manifests.tree import Value

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

# Shapes of documents that the schema has accepted.
_accepted: set[Hashable] = set()
# A number for each shape of an element: hashed in place of the shape. Never forgotten, as they are in `_accepted`.
_shapes: dict[Hashable, int] = {}
# The number of an element's shape by its identity, and the elements themselves, so that their ids stay theirs.
_elements: dict[int, int] = {}
_kept: list[Value] = []
_MANY = 1 << 17


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
_REPEATED = frozenset({"ingress", "egress", "from", "to", "ports"})


def _shape(key: str, value: Value) -> Hashable:
    """A document with a sign in place of each value that the schema accepts for sure under this key.

    Invariant: two documents of one shape get the same answer from the schema. What it may refuse (an
    unusual string, the order of a list that it asks for) stays in the shape as it is.
    """
    match value:
        case str():
            pattern = _USUAL.get(key)
            return str if pattern is not None and pattern.fullmatch(value) else value
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
        case list() if key in _REPEATED:
            return frozenset([_elements.get(id(child)) or _element(child) for child in value])
        case list():
            # To the schema neither the order of the others matters nor how often an element is there.
            return frozenset([_shape(key, child) for child in value])
        case bool() | float() | None:
            return type(value), value
        case _:
            return int if 1 <= value <= 65535 else (int, value)


def _element(value: Value) -> int:
    """The number of its shape, from 1. The reader gives what policies repeat as one object, which is looked at once."""
    number = _shapes.setdefault(_shape("", value), len(_shapes) + 1)
    if len(_kept) > _MANY:
        _elements.clear()
        _kept.clear()
    _kept.append(value)
    _elements[id(value)] = number
    return number
