"""Port declarations, as numbers that can be matched.

A port is 1 to 65535 (k8s.io/apimachinery 0.37.0, `IsValidPortNum`). Zero is no port: one engine refuses it and
another takes it for all of them.
"""

from typing import Literal

from zt_dsl.ir.traffic import LAST_PORT, Port, PortKind
from zt_dsl.model.ports import Port as Declaration
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import choice, integer, literal, only_looks_right, string, wrong_type
from zt_dsl.source import Span

Mtls = Literal["strict", "permissive", "disable", "inherited"]
_WRITTEN: tuple[Literal["strict", "permissive", "disable"], ...] = ("strict", "permissive", "disable")


def port(declaration: object, kind: PortKind, at: Span) -> Port | tuple[Finding, ...]:
    """A declaration as the port that it declares. `kind` is what is spoken on it."""
    if not issubclass(type(declaration), Declaration):
        return (wrong_type(declaration, "a port", "a port declaration", at, "write http = HttpPort(8080)"),)
    # A subclass may have overridden __init__ and left slots unset: what is missing is of the wrong type.
    written = {slot: getattr(declaration, slot, None) for slot in ("name", "number", "last", "service_port", "mtls")}
    name = _name(written["name"], at)
    first = number(written["number"], "a port", at)
    last = None if written["last"] is None else number(written["last"], "`last`", at)
    dialled = None if written["service_port"] is None else number(written["service_port"], "`service_port`", at)
    mtls: Mtls | Finding = "inherited" if written["mtls"] is None else choice(written["mtls"], _WRITTEN, "mtls", at)
    backwards = _backwards(type(declaration).__name__, first, last, at)
    if (
        isinstance(name, Finding)
        or isinstance(first, Finding)
        or isinstance(last, Finding)
        or isinstance(dialled, Finding)
        or isinstance(mtls, Finding)
        or backwards
    ):
        results = (name, first, last, backwards, dialled, mtls)
        return tuple(found for found in results if isinstance(found, Finding))
    return Port(name, kind, first, first if last is None else last, first if dialled is None else dialled, mtls)


def number(value: object, what: str, at: Span) -> int | Finding:
    """A port number: an int that is no bool, 1 to 65535."""
    found = integer(value)
    if found is not None and 1 <= found <= LAST_PORT:
        return found
    return Finding(
        "ZT210",
        f"{literal(value)} is not a port number",
        ((at, f"{what} is a whole number from 1 to {LAST_PORT}"),),
        "A number that one engine refuses, another takes for every port: 0 is such a one.",
        _number_help(value),
    )


def _number_help(value: object) -> str:
    if type(value) is bool:
        return "True and False are numbers to Python; write the port that the container listens on"
    text = string(value)
    if text is not None and text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= LAST_PORT:
        return f"write the number, without quotes: {int(text)}"
    if type(value) is float and value.is_integer() and 1 <= value <= LAST_PORT:
        return f"write the number, without a fraction: {int(value)}"
    return "write the port that the container listens on, such as 8080"


def _backwards(kind: str, first: int | Finding, last: int | Finding | None, at: Span) -> Finding | None:
    if not isinstance(first, int) or not isinstance(last, int) or first <= last:
        return None
    return Finding(
        "ZT211",
        f"the port range {first} to {last} runs backwards",
        ((at, f"`last` is less than {first}"),),
        "Some engines refuse such a range and some keep one port of it.",
        f"did you mean {kind}({last}, last={first})?",
    )


def _name(value: object, at: Span) -> str | Finding:
    """The attribute's name: Python takes identifiers of any script, and reports must not mislead."""
    name = string(value)
    if name is None:
        return wrong_type(value, "the name of a port", "a string", at, "declare it in a class: http = HttpPort(8080)")
    return name if name.isascii() else only_looks_right(name, "port name", at)


def narrowable(port: Port) -> bool:
    """Whether what is inside can be told apart: one port, of a protocol that somebody looks into."""
    return port.first == port.last and port.kind in ("http", "grpc", "kafka", "dns")
