"""YAML files to documents, as strictly as a proof needs it. Shares no code with `emit.py`.

Two readers. The line reader knows the subset of block YAML in which no two readers can differ, reads it fast,
and gives up on the first line that it is not sure of; then the whole file goes to the full reader, which
parses it as YAML 1.1 and as YAML 1.2 and refuses what is not the same in both.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeAlias

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


_Document: TypeAlias = tuple[int, dict[str, Value]]
_Documents: TypeAlias = list[_Document]


def _read(text: str, lines: _Lines | None) -> _Documents:
    # An element with an empty line or a comment in its midst is not found whole among those that are remembered:
    # then it is read line by line, as if to note its lines.
    for noted in (None, {}) if lines is None else (lines,):
        with suppress(_Unsure):
            return _read_lines(text, noted)
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
_PLAIN = b"\t\n" + bytes(range(0x20, 0x7F))


def _text(data: bytes, path: str) -> str | Diagnostic:
    if len(data) > MAX_BYTES:
        return _cannot(path, 1, f"{len(data):,} bytes are more than the {MAX_BYTES:,} that a manifest may have")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _cannot(path, data.count(b"\n", 0, error.start) + 1, f"not UTF-8: byte 0x{data[error.start]:02x}")
    # The search is slow, so it first looks at the few characters that are not ASCII, or that may be forbidden.
    if _FORBIDDEN.search(data.translate(None, _PLAIN).decode()):
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
    # Indentation; then a dash alone, an element that is a scalar, or a key that may begin an element, and its value.
    rf"( *)(?:(-)|- ({_SCALAR})|(- )?({_STRING}):(?: ({_SCALAR}))?)"
)
# Comments and empty lines say nothing, nor does a separator: only one before or after all else of a document is not
# split off.
_SILENT = re.compile("---| *(?:#.*)?")
# Beyond 1,024 characters some readers take no key.
_LONGEST_KEY = 1000
_NOT_STRINGS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_ESCAPED = re.compile(r"\\(?:x(..)|u(....)|U(........)|(.))")
_SHORT = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


class _Mark(Enum):
    """Instead of a value on a line that is remembered: a container has to be made anew each time."""

    NESTED = "on the lines below"
    MAP = "{}"
    LIST = "[]"


_NESTED: Final = _Mark.NESTED
# Indentation, whether an element of a list starts here, the key (None: a bare element), the value.
_Parsed: TypeAlias = tuple[int, bool, str | None, Value | _Mark]
# Below every document: further out than anything, so that each container ends before it.
_END: _Parsed = (-1, False, None, None)


def _read_lines(text: str, lines: _Lines | None) -> _Documents:
    """Raises `_Unsure` at the first line that is not in the subset."""
    documents: _Documents = []
    number = 1
    for part in text.split("\n---\n"):
        if found := _read_document(part, number, lines):
            documents.append(found)
        number += part.count("\n") + 2
    return documents


def _read_document(text: str, first: int, lines: _Lines | None) -> _Document | None:
    """The document whose first line has this number; None where it is empty.

    Without `lines` to note, elements that were read before are not read again.
    """
    written = _entries(text, 2) if lines is None else [*map(_parse, text.split("\n"))]
    entries = [*filter(None, written), _END]
    start = entries[0]
    if start is _END:
        return None
    if start[0] or start[1]:
        raise _Unsure
    notes = None if lines is None else _Notes(lines, [at for at, entry in enumerate(written, first) if entry])
    body, end = _map(entries, 0, 0, MAX_DEPTH, notes)
    if entries[end] is not _END:
        raise _Unsure
    return first + written.index(start), body


# --- what policies repeat

# An element of a list at one of the indentations where policies have their rules, and those their peers and ports:
# all of its lines, which are deeper than its dash, without the comments above it.
_ELEMENTS = {
    # More comments than these are lines of their own: each run of them is tried from every line of it.
    indent: re.compile(rf"\n(?: {{{indent}}}#.*\n){{0,16}}+( {{{indent}}}- .*(?:\n {{{indent + 2}}}.*)++)")
    for indent in (2, 4)
}


def _entries(text: str, indent: int) -> list[_Parsed | None]:
    """The lines of a text, and as if they were one line the elements of a list at this indentation."""
    pieces = _ELEMENTS[indent].split(text) if indent in _ELEMENTS else [text]
    entries = [*map(_parse, pieces[0].split("\n"))]
    for at in range(1, len(pieces), 2):
        entries.append((indent, True, None, _element(pieces[at])))
        if between := pieces[at + 1]:
            entries += map(_parse, between.split("\n"))
    return entries


@lru_cache(maxsize=1 << 17)
def _element(text: str) -> Value:
    """The element that these lines are, the first with its dash and the others deeper. Raises `_Unsure`.

    Policies repeat their rules: what lets a caller in is the same in each service that it calls. An element may
    be read on its own, because nothing above it changes what its lines say, which are all deeper than its dash.
    It is shared between documents: nobody may change what was read.
    """
    indent = text.index("-")
    entries = [*filter(None, _entries(text, indent + 2)), _END]
    # Around it are at most a map and a list for each indentation up to its own.
    (element,), end = _list(entries, 0, indent, MAX_DEPTH - 2 * (indent + 1), None)
    if entries[end] is not _END:
        raise _Unsure
    return element


# --- lines to trees


@frozen
class _Notes:
    """Where to note lines, and the line of each entry."""

    lines: _Lines
    numbers: list[int]


def _map(entries: list[_Parsed], at: int, indent: int, room: int, notes: _Notes | None) -> tuple[dict[str, Value], int]:
    """The map whose first key is at this entry, and where it ends. Raises `_Unsure`.

    A line that belongs to no open container ends each of them, and so the document before its end.
    """
    if not room:
        raise _Unsure
    found: dict[str, Value] = {}
    while True:
        _, _, key, written = entries[at]
        if key is None or key in found:
            raise _Unsure
        if notes is not None:
            notes.lines[id(found), key] = notes.numbers[at]
        at += 1
        if written is _NESTED:
            found[key], at = _nested(entries, at, indent, indent + 1, room - 1, notes)
        else:
            found[key] = _fresh(written) if isinstance(written, _Mark) else written
        below, dash, _, _ = entries[at]
        if below != indent or dash:
            return found, at


def _list(entries: list[_Parsed], at: int, indent: int, room: int, notes: _Notes | None) -> tuple[list[Value], int]:
    """The list whose first element is at this entry, and where it ends. Raises `_Unsure`."""
    if not room:
        raise _Unsure
    found: list[Value] = []
    value: Value
    while True:
        below, dash, key, written = entries[at]
        if below != indent or not dash:
            return found, at
        if notes is not None:
            notes.lines[id(found), len(found)] = notes.numbers[at]
        if key is not None:
            # An element that is a map: its first key is on the dash's line.
            value, at = _map(entries, at, indent + 2, room - 1, notes)
        elif written is _NESTED:
            value, at = _nested(entries, at + 1, indent + 1, indent + 1, room - 1, notes)
        else:
            value = _fresh(written) if isinstance(written, _Mark) else written
            at += 1
        found.append(value)


def _nested(
    entries: list[_Parsed], at: int, list_from: int, map_from: int, room: int, notes: _Notes | None
) -> tuple[Value, int]:
    """The container that begins here. A list may stand at its key's own indentation."""
    indent, dash, _, _ = entries[at]
    if indent < (list_from if dash else map_from):
        raise _Unsure
    return _list(entries, at, indent, room, notes) if dash else _map(entries, at, indent, room, notes)


def _fresh(mark: _Mark) -> Value:
    return {} if mark is _Mark.MAP else []


@lru_cache(maxsize=1 << 17)
def _parse(line: str) -> _Parsed | None:
    """One line of the subset; None where it says nothing. Policies repeat most of their lines."""
    if _SILENT.fullmatch(line):
        return None
    found = _LINE.fullmatch(line)
    if not found:
        raise _Unsure
    indent, alone, item, dash, key, written = found.groups()
    if alone:
        return len(indent), True, None, _NESTED
    if item:
        return len(indent), True, None, _scalar(item)
    name = _scalar(key)
    if not isinstance(name, str) or len(key) > _LONGEST_KEY:
        raise _Unsure
    return len(indent), dash is not None, name, _NESTED if written is None else _scalar(written)


def _scalar(written: str) -> str | int | bool | _Mark:
    match written[0]:
        case first if first.isalpha():
            if written.lower() not in _NOT_STRINGS:
                return written
            if written not in ("true", "false"):
                raise _Unsure
            return written == "true"
        case '"':
            return _ESCAPED.sub(_unescape, written[1:-1])
        case "'":
            return written[1:-1].replace("''", "'")
        case "{":
            return _Mark.MAP
        case "[":
            return _Mark.LIST
        case _:
            return int(written)


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
