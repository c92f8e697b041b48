"""JSON Schemas of what backends emit: the structure, checked apart from what it means."""

import json
import re
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zt_dsl.manifests.tree import Value

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

WORD = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
CIDR = re.compile(r"[0-9a-f.:]+/(?:0|[1-9][0-9]{0,2})")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

_MANY = 1 << 17


@cache
def validator(package: str, name: str) -> "Draft202012Validator":
    """The validator for a schema that lies in a package."""
    from jsonschema import Draft202012Validator  # slow to import, and `--help` does not need it

    return Draft202012Validator(json.loads((files(package) / name).read_text(encoding="utf-8")))


def checker(
    package: str,
    name: str,
    *,
    usual: Mapping[str, re.Pattern[str]],
    repeated: frozenset[str],
    ordered: frozenset[str] = frozenset(),
    labels: frozenset[str] = frozenset({"matchLabels", "labels"}),
) -> Callable[[Mapping[str, Value]], tuple[str, ...]]:
    """What says what is wrong with a document, one line each, with its place; nothing where it fits.

    The schema takes some 3 ms a document, so it is asked once for each shape: a document with a sign in place of each
    value that the schema accepts for sure under its key. `usual` are such values; under a key of the user's own, in a
    map whose key is one of `labels`, any usual value of a label is one, unless `usual` has the key itself. The lists
    under `repeated` hold what many documents have in common; those under `ordered` are asked for in one order.

    Invariant: two documents of one shape get the same answer from the schema. What it may refuse (an unusual string,
    an order that it asks for) stays in the shape as it is.
    """
    # Shapes of documents that the schema has accepted.
    accepted: set[Hashable] = set()
    # A number for each shape of an element: hashed in place of the shape. Never forgotten, as they are in `accepted`.
    shapes: dict[Hashable, int] = {}
    # The number of an element's shape by its identity, and the elements themselves, so that their ids stay theirs.
    elements: dict[int, int] = {}
    kept: list[Value] = []

    def check(document: Mapping[str, Value]) -> tuple[str, ...]:
        seen = shape("", dict(document))
        if seen in accepted:
            return ()
        found = tuple(f"{error.json_path}: {error.message}" for error in validator(package, name).iter_errors(document))
        if not found:
            accepted.add(seen)
        return found

    def shape(key: str, value: Value) -> Hashable:
        match value:
            case str():
                pattern = usual.get(key)
                return str if pattern is not None and pattern.fullmatch(value) else value
            case dict() if key in labels:
                return tuple([(own, label(own, text)) for own, text in value.items()])
            case dict():
                return tuple([(own, shape(own, child)) for own, child in value.items()])
            case list() if key in ordered:
                return tuple([shape(key, child) for child in value])
            case list() if key in repeated:
                return frozenset([elements.get(id(child)) or element(child) for child in value])
            case list():
                # To the schema neither the order of the others matters nor how often an element is there.
                return frozenset([shape(key, child) for child in value])
            case bool() | float() | None:
                return type(value), value
            case _:
                return int if 1 <= value <= 65535 else (int, value)

    def label(key: str, value: Value) -> Hashable:
        if key not in usual and isinstance(value, str):
            return str if _LABEL_VALUE.fullmatch(value) else value
        return shape(key, value)

    def element(value: Value) -> int:
        """The number of its shape, from 1. The reader gives what policies repeat as one object, looked at once."""
        number = shapes.setdefault(shape("", value), len(shapes) + 1)
        if len(kept) > _MANY:
            elements.clear()
            kept.clear()
        kept.append(value)
        elements[id(value)] = number
        return number

    return check
