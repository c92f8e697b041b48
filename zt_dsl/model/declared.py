"""The base of everything that is declared: frozen, hashable, equal by value, knows where it was written."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Literal, dataclass_transform

import attrs
from attrs import field, frozen

from zt_dsl.model.ports import Port
from zt_dsl.model.recording import record
from zt_dsl.source import Span, here


@frozen
class Trap:
    """A port declaration that Python and mypy accept and that does not do what it looks like."""

    kind: Literal["annotated", "shadowed"]
    owner: str
    port: str
    written_at: Span


def texts(value: Sequence[str]) -> Sequence[str]:
    """A sequence of strings as a tuple, so that it can be hashed; anything else as it is, for `resolve`."""
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else value


def _fixed(labels: object) -> object:
    """A copy that nobody can change; what is no mapping is left for `resolve` to report."""
    return MappingProxyType(dict(labels)) if isinstance(labels, Mapping) else labels


def _pairs(labels: object) -> object:
    """What equality and hash compare: mappings cannot be hashed."""
    if not isinstance(labels, Mapping):
        return labels
    try:
        return frozenset(labels.items())
    except TypeError:  # a wrong value, which `resolve` reports; two of them can be compared all the same
        return dict(labels)


def _kept(_: type, fields: "list[attrs.Attribute[object]]") -> "list[attrs.Attribute[object]]":
    """Lists and mappings are kept so that they can be hashed, also where a kind overrides their default.

    By name, not by `field(converter=...)`: that would be lost where a kind writes `labels` anew, and pyright
    would refuse the new one.
    """
    return [_held(one) for one in fields]


def _held(one: "attrs.Attribute[object]") -> "attrs.Attribute[object]":
    match one.name:
        case "labels":
            return one.evolve(converter=_fixed, eq_key=_pairs)
        case "cidrs" | "excluding":
            return one.evolve(converter=texts)
    return one


def _freeze(cls: type) -> "tuple[attrs.Attribute[object], ...]":
    # slots=False: slotted bases with fields do not combine (`class Database(Scraped, Postgres)`).
    # eq and unsafe_hash are forced: a subclass that overrode them would not be a value any more.
    attrs.define(
        cls,
        field_transformer=_kept,
        frozen=True,
        kw_only=True,
        slots=False,
        eq=True,
        unsafe_hash=True,
        cache_hash=True,
    )
    fields: tuple[attrs.Attribute[object], ...] = attrs.fields(cls)
    return fields


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Declared:
    """A frozen value: hashable, and two that are equal are the same thing wherever they are made.

    Subclasses are frozen attrs classes without having to say so. `written_at` is no part of equality.
    """

    traps: ClassVar[tuple[Trap, ...]] = ()

    written_at: Span = field(factory=here, init=False, eq=False, repr=False)

    def __init_subclass__(cls) -> None:
        """Make the subclass a frozen attrs class and note the traps of its body."""
        super().__init_subclass__()
        ports = {name: value for name, value in vars(cls).items() if isinstance(value, Port)}
        own = cls.__annotations__ if "__annotations__" in vars(cls) else {}
        hidden = set(ports) & {attribute.name for attribute in _freeze(cls)}
        cls.traps = tuple(
            Trap("annotated" if name in own else "shadowed", cls.__name__, name, ports[name].written_at)
            for name in sorted(hidden)
        )
        if cls.traps:
            record(cls)


# The base itself is not its own subclass.
_freeze(Declared)


class Source(Declared):
    """What may be on the left of an edge."""
