"""Settings: the arguments of a topology's function, structured from its annotations."""

import inspect
import typing
from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum

from zt_dsl.source import Location


class Unfit(Exception):  # noqa: N818  # a usage mistake, told as one
    """A setting that the function does not take, lacks, or cannot use."""

    def __init__(self, message: str, help: str, at: Location | None) -> None:
        super().__init__(message)
        self.help = help
        self.at = at


Structure = Callable[[object, object], object]


def structured() -> Structure:
    """Makes a value of a type from a setting: what a command line has is text."""
    import cattrs

    converter = cattrs.Converter()
    # bool("false") is true, and dates have no structure of their own.
    converter.register_structure_hook(bool, _boolean)
    converter.register_structure_hook(date, lambda text, _: date.fromisoformat(str(text)))
    return converter.structure  # type: ignore[return-value]  # of a type that only the annotation knows


def called(function: Callable[..., object], settings: object, structure: Structure) -> object:
    """Call the function with the settings. Raises Unfit where they do not fit its parameters."""
    assert isinstance(settings, Mapping)
    signature = inspect.signature(function)
    at = _place(function)
    try:
        hints = typing.get_type_hints(function)
    except Exception as error:
        raise Unfit(f"its annotations cannot be read: {_said(error)}", "correct the annotation", at) from None
    takes = ", ".join(f"{name}={_shown(hints.get(name))}" for name in signature.parameters) or "nothing"
    for name in settings:
        if name not in signature.parameters:
            raise Unfit(f"it has no parameter {name!r}", f"it takes: {takes}", at)
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in settings and _one(parameter):
            raise Unfit(f"its parameter {name!r} is not set", f"write --set {name}={_shown(hints.get(name))}", at)
    values = {name: _value(name, value, hints.get(name), at, structure) for name, value in settings.items()}
    positional = [
        values.pop(name)
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.POSITIONAL_ONLY and name in values
    ]
    return function(*positional, **values)


def _one(parameter: inspect.Parameter) -> bool:
    return parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _place(function: Callable[..., object]) -> Location | None:
    code = getattr(function, "__code__", None)
    return Location(code.co_filename, code.co_firstlineno) if code is not None else None


def _shown(hint: object) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "|".join(map(str, typing.get_args(hint)))
    return getattr(hint, "__name__", str(hint)).upper() if hint is not None else "VALUE"


def _value(name: str, value: object, hint: object, at: Location | None, structure: Structure) -> object:
    if hint is None:
        return value
    try:
        if typing.get_origin(hint) is typing.Literal:
            return _literal(value, typing.get_args(hint))
        return structure(value, hint)
    except Exception as error:
        raise Unfit(f"its parameter {name!r} cannot be {value!r}: {_said(error)}", _wanted(name, hint), at) from None


def _literal(value: object, allowed: tuple[object, ...]) -> object:
    for one in allowed:
        if value == one or (isinstance(value, str) and value == str(one)):
            return one
    raise ValueError("it is none of those that are allowed")


def _boolean(value: object, _: object) -> bool:
    match value:
        case bool():
            return value
        case "true" | "True" | "yes" | "1":
            return True
        case "false" | "False" | "no" | "0":
            return False
        case _:
            raise ValueError("it is neither true nor false")


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _wanted(name: str, hint: object) -> str:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"write --set {name}={'|'.join(str(member.value) for member in hint)}"
    return f"write --set {name}={_shown(hint)}"
