"""What a manifest is made of: scalars, lists and maps, with room for comments. Trees, not kinds."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, TypeAlias, Union

from attrs import frozen


class EmptyMap(Enum):
    """The one way to write `{}`.

    To Kubernetes an empty map means "everything". A map that is empty by accident is refused; whoever means
    it (the selector of a floor) says so with `EMPTY_MAP`.
    """

    EMPTY_MAP = "{}"


EMPTY_MAP: Final = EmptyMap.EMPTY_MAP

# What is written. To the type checker sequences and mappings, because they are covariant (a list of
# `dict[str, str]` is a tree too); at run time only lists, tuples and dicts, the emitter refuses the rest.
Tree: TypeAlias = Union[str, int, bool, EmptyMap, "Sequence[Tree | Item]", "Mapping[str, Tree]"]

# What is read. It may hold what we never write: other people's manifests have nulls, floats, empty lists.
Value: TypeAlias = Union[str, int, bool, float, "list[Value]", "dict[str, Value]", None]


@frozen
class Item:
    """An element of a list, with the comment lines to put above it."""

    comments: tuple[str, ...]
    value: Tree


@frozen
class Document:
    """One YAML document: comment lines, then a map. Neither comment nor order changes what is read."""

    comments: tuple[str, ...]
    body: Mapping[str, Tree]
