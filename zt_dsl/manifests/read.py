"""YAML files to documents, as strictly as a proof needs it. Shares no code with `emit.py`.

Two readers. The line reader knows the subset of block YAML in which no two readers can differ, reads it fast,
and gives up on the first line that it is not sure of; then the whole file goes to the full reader, which
parses it as YAML 1.1 and as YAML 1.2 and refuses what is not the same in both.
"""

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from attrs import field, frozen

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.manifests.tree import Value
from zt_dsl.source import Location

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

# From the root of a document to a value: keys of maps and indices of lists.
Path: TypeAlias = tuple[str | int, ...]

# A file beyond this is no manifest; the full reader is some 50 times slower than the line reader.
MAX_BYTES: Final = 16 << 20
MAX_BYTES_FULL: Final = 2 << 20
MAX_DEPTH: Final = 64

# Where the entries of a container were written: (id of the container, key or index) -> line. It is by id
# because that costs nothing while reading; it is only valid for as long as the containers live.
_Lines: TypeAlias = dict[tuple[int, str | int], int]


@frozen
class ReadDocument:
    """A document as every reader would read it.

    `line` is its first line that is not a comment, counted from 1 in the file `path`.
    """

    path: str
    line: int
    body: dict[str, Value]
    _text: str = field(repr=False, eq=False, alias="text")
    _index: int = field(repr=False, eq=False, alias="index")


def read(data: bytes, path: str) -> tuple[ReadDocument, ...] | Diagnostic:
    """The documents of a file, empty ones left out; or ZT500 where readers could disagree."""
    text = _text(data, path)
    if isinstance(text, Diagnostic):
        return text
    try:
        found = _read(text, None)
    except _Refused as refused:
        return _cannot(path, refused.line, refused.message)
    return tuple(ReadDocument(path, line, body, text, i) for i, (line, body) in enumerate(found))


def line_of(document: ReadDocument, path: Path) -> int:
    """The line on which the value at `path` is written; for an element of a list, where it starts.

    Reads the file's text again: cheap for the few counter-examples that are printed, while reading ten
    thousand documents pays nothing for it. Raises KeyError where there is no such value.
    """
    documents, lines = _with_lines(document._text)
    line, body = documents[document._index]
    node: Value = body
    for step in path:
        line = lines[id(node), step]
        node = _child(node, step)
    return line


def _child(node: Value, step: str | int) -> Value:
    match node, step:
        case dict(), str():
            return node[step]
        case list(), int():
            return node[step]
        case _:
            raise KeyError(step)


class _Refused(Exception):  # noqa: N818
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Unsure(Exception):  # noqa: N818
    """The line reader leaves the file to the full reader."""


_Documents: TypeAlias = list[tuple[int, dict[str, Value]]]


def _read(text: str, lines: _Lines | None) -> _Documents:
    try:
        return _read_lines(text, lines)
    except _Unsure:
        return _read_fully(text, lines)


@lru_cache(maxsize=4)
def _with_lines(text: str) -> tuple[_Documents, _Lines]:
    lines: _Lines = {}
    return _read(text, lines), lines


def _cannot(path: str, line: int, message: str) -> Diagnostic:
    return Diagnostic(
        "ZT500",
        f"{path} cannot be read: {message}",
        (Label(Location(path, line), message),),
        why="what readers understand differently, or not at all, proves nothing",
    )


# --- the text ----------------------------------------------------------------------------------------------

# Control characters, line breaks of one YAML version only, byte order marks and what is no character.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\r]")


def _text(data: bytes, path: str) -> str | Diagnostic:
    if len(data) > MAX_BYTES:
        return _cannot(path, 1, f"{len(data):,} bytes are more than the {MAX_BYTES:,} that a manifest may have")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _cannot(path, data.count(b"\n", 0, error.start) + 1, f"not UTF-8: byte 0x{data[error.start]:02x}")
    text = text.replace("\r\n", "\n")
    if odd := _FORBIDDEN.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        return _cannot(path, line, f"the character U+{ord(odd[0]):04X}")
    return text


# --- the line reader -------------------------------------------------------------------------------------

_BARE = r"[A-Za-z][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*"
_DOUBLE = r'"(?:[^"\\]|\\["\\nt]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*"'
_SINGLE = r"'(?:[^']|'')*'"
_STRING = f"{_BARE}|{_DOUBLE}|{_SINGLE}"
_SCALAR = rf"{_STRING}|0|-?[1-9][0-9]{{0,17}}|\{{\}}|\[\]"
_LINE = re.compile(
    rf"(?P<indent> *)(?:(?P<alone>-)|(?P<dash>- )(?P<item>{_SCALAR})"
    rf"|(?P<dash_key>- )?(?P<key>{_STRING}):(?: (?P<value>{_SCALAR}))?)"
)
_COMMENT = re.compile(" *(?:#.*)?")
_NOT_STRINGS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_ESCAPED = re.compile(r"\\(?:x(..)|u(....)|U(........)|(.))")
_SHORT = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


class _Mark(Enum):
    """Instead of a value on a line that is remembered: a container has to be made anew each time."""

    NESTED = "on the lines below"
    MAP = "{}"
    LIST = "[]"


_NESTED: Final = _Mark.NESTED
_Container: TypeAlias = "list[Value] | dict[str, Value]"
# Indentation, whether an element of a list starts here, the key (None: a bare element), the value.
_Parsed: TypeAlias = tuple[int, bool, str | None, str | int | bool | _Mark]
# A key or an element whose value is on the lines below: its indentation, its container, the key.
_Waiting: TypeAlias = tuple[int, _Container, str | None]


# An element of a list at the indentation of a policy's rules, with all of its lines; or any one line.
_CHUNK = re.compile(r"  - [^\n]*\n(?:    [^\n]*\n)+|[^\n]*\n|[^\n]+")
# More than is open around such an element in any policy: what is that deep is left to the full reader.
_AROUND = 8


@lru_cache(maxsize=1 << 17)
def _block(text: str) -> Value:
    """The element that these lines are. Raises `_Unsure`.

    Policies repeat their rules: what lets a caller in is the same in each service that it calls. An element may
    be read on its own, because nothing above it changes what its lines say, which are all deeper than its dash.
    It is shared between documents: nobody may change what was read.
    """
    ((_, document),) = _read_lines(f"block:\n{text}", {}, MAX_DEPTH - _AROUND)
    (element,) = cast("list[Value]", document["block"])
    return element


def _read_lines(text: str, lines: _Lines | None, deepest: int = MAX_DEPTH) -> _Documents:
    """Raises `_Unsure` at the first line that is not in the subset.

    Without `lines` to note, elements that were read before are not read again.
    """
    documents: _Documents = []
    start = number = 0
    body: dict[str, Value] = {}
    # The containers that are open, outermost first, with the indentation of their entries.
    stack: list[tuple[int, _Container]] = [(0, body)]
    waiting: _Waiting | None = None

    # One more separator ends the last document.
    for chunk in (*(_CHUNK.findall(text) if lines is None else text.split("\n")), "---"):
        number += 1
        line = chunk.rstrip("\n")
        if "\n" in line:
            if waiting:
                stack.append((2, _opened(waiting, 2, True)))
                waiting = None
            if len(stack) > _AROUND:
                raise _Unsure
            around = _container(stack, 2, True)
            if isinstance(around, list):  # as `_container` has seen to
                around.append(_block(chunk))
            number += line.count("\n")
            continue
        if line == "---":
            if waiting:
                raise _Unsure
            if body:
                documents.append((start, body))
            start, body = 0, {}
            stack = [(0, body)]
            continue
        parsed = _parse(line)
        if parsed is None:
            continue
        indent, dash, key, written = parsed
        start = start or number
        if waiting:
            stack.append((indent, _opened(waiting, indent, dash)))
            waiting = None
        container = _container(stack, indent, dash)
        if isinstance(container, list):
            if lines is not None:
                lines[id(container), len(container)] = number
            if key is None:
                container.append(_fresh(written) if isinstance(written, _Mark) else written)
                if written is _NESTED:
                    waiting = (indent, container, None)
                continue
            # An element that is a map: its first key is on the dash's line.
            indent += 2
            element: dict[str, Value] = {}
            container.append(element)
            container = element
            stack.append((indent, container))
        if key is None or key in container or len(stack) > deepest:
            raise _Unsure
        if lines is not None:
            lines[id(container), key] = number
        container[key] = _fresh(written) if isinstance(written, _Mark) else written
        if written is _NESTED:
            waiting = (indent, container, key)
    return documents


def _opened(waiting: _Waiting, indent: int, dash: bool) -> _Container:
    """The container that begins on this line, put where it was announced."""
    outer, holder, key = waiting
    opened: _Container = [] if dash else {}
    if isinstance(holder, dict) and key is not None:
        # A list may stand at its key's own indentation.
        if indent < outer or (indent == outer and not dash):
            raise _Unsure
        holder[key] = opened
    elif isinstance(holder, list) and indent > outer:
        holder[-1] = opened
    else:
        raise _Unsure
    return opened


def _container(stack: list[tuple[int, _Container]], indent: int, dash: bool) -> _Container:
    """The open container that an entry at this indentation belongs to; closes those further in."""
    while stack[-1][0] > indent:
        stack.pop()
    at, container = stack[-1]
    if not dash and isinstance(container, list):
        # A list at its key's indentation ends where the next key begins.
        stack.pop()
        at, container = stack[-1]
    if at != indent or dash != isinstance(container, list):
        raise _Unsure
    return container


def _fresh(mark: _Mark) -> Value:
    match mark:
        case _Mark.NESTED:
            return None  # its place, until it is opened
        case _Mark.MAP:
            return {}
        case _Mark.LIST:
            return []


@lru_cache(maxsize=1 << 17)
def _parse(line: str) -> _Parsed | None:
    """One line of the subset; None for a comment or an empty line. Policies repeat most of their lines."""
    found = _LINE.fullmatch(line)
    if not found:
        if _COMMENT.fullmatch(line):
            return None
        raise _Unsure
    indent = len(found["indent"])
    if found["alone"]:
        return indent, True, None, _Mark.NESTED
    if found["dash"]:
        return indent, True, None, _scalar(found["item"])
    key = _scalar(found["key"])
    if not isinstance(key, str):
        raise _Unsure
    written = found["value"]
    return indent, bool(found["dash_key"]), key, _Mark.NESTED if written is None else _scalar(written)


def _scalar(written: str) -> str | int | bool | _Mark:
    match written[0]:
        case '"':
            return _ESCAPED.sub(_unescape, written[1:-1])
        case "'":
            return written[1:-1].replace("''", "'")
        case "{":
            return _Mark.MAP
        case "[":
            return _Mark.LIST
        case first if not first.isalpha():
            return int(written)
        case _ if written in ("true", "false"):
            return written == "true"
        case _ if written.lower() in _NOT_STRINGS:
            raise _Unsure
        case _:
            return written


def _unescape(found: re.Match[str]) -> str:
    if found[4]:
        return _SHORT[found[4]]
    code = int(found[1] or found[2] or found[3], 16)
    # Half a surrogate pair, or beyond Unicode.
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        raise _Unsure
    return chr(code)


# --- the full reader ---------------------------------------------------------------------------------------

# Where every version of YAML, and JSON, agree on a number or a null.
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
_NULLS = frozenset({"null", "~", ""})
# Strings to one version and not to another reader of the same version: single letters, exponents, base 8.
_DISPUTED = re.compile(r"[yYnN]|[-+]?[.0-9][0-9_.]*(?:[eE][-+]?[0-9]+)?|0[obx][0-9A-Fa-f_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"


def _read_fully(text: str, lines: _Lines | None) -> _Documents:
    """Raises `_Refused`."""
    if len(text) > MAX_BYTES_FULL:
        raise _Refused(1, f"{len(text):,} characters of YAML that is not plain block style")
    from ruamel.yaml.error import YAMLError  # slow to import, and our own output never needs it

    try:
        old, new = (list(_agreed(text, version)) for version in ((1, 1), (1, 2)))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise _Refused(mark.line + 1 if mark else 1, str(problem)) from None
    except RecursionError:
        raise _Refused(1, "nested too deeply") from None
    for one, other in zip_longest(old, new):
        if one != other:
            line = min(event.line for event in (one, other) if event)
            raise _Refused(line, "YAML 1.1 and YAML 1.2 read this differently; put it in quotes")
    return _assembled(new, lines)


class _Kind(Enum):
    MAP = "a map"
    LIST = "a list"
    END = "the end of either"
    SCALAR = "a scalar"
    DOCUMENT = "the start of a document"


@frozen
class _Event:
    kind: _Kind
    line: int
    value: str | int | bool | float | None = None


def _agreed(text: str, version: tuple[int, int]) -> Iterator[_Event]:
    """What the parser of one version of YAML sees. Raises `_Refused` for all that a manifest may not use."""
    from ruamel.yaml import YAML
    from ruamel.yaml import events as seen
    from ruamel.yaml.nodes import ScalarNode

    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    depth = 0
    for event in yaml.parse(text):
        line = event.start_mark.line + 1
        _check_features(event, line)
        match event:
            case seen.DocumentStartEvent():
                if event.version or event.tags:
                    raise _Refused(line, "a directive (`%YAML`, `%TAG`)")
                yield _Event(_Kind.DOCUMENT, line)
            case seen.MappingStartEvent() | seen.SequenceStartEvent():
                depth += 1
                if depth > MAX_DEPTH:
                    raise _Refused(line, f"nested more than {MAX_DEPTH} deep")
                yield _Event(_Kind.MAP if isinstance(event, seen.MappingStartEvent) else _Kind.LIST, line)
            case seen.MappingEndEvent() | seen.SequenceEndEvent():
                depth -= 1
                yield _Event(_Kind.END, line)
            case seen.ScalarEvent():
                tag = str(yaml.resolver.resolve(ScalarNode, event.value, event.implicit))
                if _SURROGATE.search(event.value):
                    raise _Refused(line, "half a surrogate pair")
                plain = event.style is None
                yield _Event(_Kind.SCALAR, line, _plain(event.value, tag, line) if plain else event.value)


def _check_features(event: "Event", line: int) -> None:
    if getattr(event, "anchor", None):
        raise _Refused(line, "an anchor or an alias (`&x`, `*x`); write the value out")
    if getattr(event, "ctag", None) or getattr(event, "tag", None):
        raise _Refused(line, "a tag (`!x`)")


def _plain(written: str, tag: str, line: int) -> str | int | bool | float | None:
    match tag.removeprefix(_TAG):
        case "str" if not _DISPUTED.fullmatch(written):
            return written
        case "bool" if written in ("true", "false"):
            return written == "true"
        case "int" if _INTEGER.fullmatch(written):
            return int(written)
        case "float" if _FLOAT.fullmatch(written):
            return float(written)
        case "null" if written in _NULLS:
            return None
        case "merge":
            raise _Refused(line, "a merge key (`<<`); write the keys out")
        case _:
            raise _Refused(line, f"`{written}` is not the same to every reader; put it in quotes")


def _assembled(events: list[_Event], lines: _Lines | None) -> _Documents:
    documents: _Documents = []
    stream = iter(events)
    for event in stream:
        if event.kind is not _Kind.DOCUMENT:
            raise _Refused(event.line, "more than one value in a document")
        root = next(stream)
        body = _built(root, stream, lines)
        if isinstance(body, dict):
            if body:
                documents.append((root.line, body))
        elif body is not None:
            raise _Refused(root.line, "a document that is not a map")
    return documents


def _built(event: _Event, stream: Iterator[_Event], lines: _Lines | None) -> Value:
    match event.kind:
        case _Kind.SCALAR:
            return event.value
        case _Kind.MAP:
            return _built_map(stream, lines)
        case _Kind.LIST:
            elements: list[Value] = []
            for element in stream:
                if element.kind is _Kind.END:
                    break
                if lines is not None:
                    lines[id(elements), len(elements)] = element.line
                elements.append(_built(element, stream, lines))
            return elements
        case _:
            raise _Refused(event.line, "a document without a value")


def _built_map(stream: Iterator[_Event], lines: _Lines | None) -> dict[str, Value]:
    entries: dict[str, Value] = {}
    for key in stream:
        if key.kind is _Kind.END:
            break
        name = key.value
        if key.kind is not _Kind.SCALAR or not isinstance(name, str):
            raise _Refused(key.line, "a key that is not a string; put it in quotes")
        if name in entries:
            raise _Refused(key.line, f"the key `{name}` is there twice")
        if lines is not None:
            lines[id(entries), name] = key.line
        entries[name] = _built(next(stream), stream, lines)
    return entries
