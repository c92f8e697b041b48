"""The user's own lines as text, with marks under them: what stands in the middle of a block."""

import contextlib
import io
import itertools
import re
import tokenize
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from zt_dsl.diagnostics.places import visible
from zt_dsl.source import Location

NARROWEST = 20
TAB = "    "
# A span of more lines shows its first and last two.
_WHOLE_SPAN = 6
_LARGEST_FILE = 16 * 2**20

Style = Literal["", "error", "warning", "frame", "strong", "removed", "added"]
# Pieces of text, each with its style. In a row of marks each piece is one column wide.
Row = list[tuple[str, Style]]
Read = Callable[[str], Sequence[str]]


@frozen
class Mark:
    """What is marked, in lines that exist: columns count characters from 0, the end column is one past the last."""

    line: int
    start: int
    end_line: int
    end: int
    text: str
    style: Style
    sign: Literal["^", "-"]

    @property
    def tall(self) -> bool:
        """Whether it spans several lines."""
        return self.end_line > self.line


def marked(at: Location, lines: Sequence[str], text: str, style: Style, sign: Literal["^", "-"]) -> Mark | None:
    """A place in a file as it is now: what does not fit it is cut, and where its line is not there, None."""
    if not 1 <= at.line <= len(lines):
        return None
    first = lines[at.line - 1]
    end_line = min(max(at.end_line or at.line, at.line), len(lines))
    last = lines[end_line - 1]
    if at.column is None:
        # Without columns (`-X no_debug_ranges`, a line of YAML) the lines as a whole are meant.
        start, end = len(first) - len(first.lstrip()), len(last.rstrip())
    else:
        start = min(max(at.column, 0), len(first))
        end = len(last.rstrip()) if end_line > at.line else start + 1
        if at.end_column is not None:
            end = min(at.end_column, len(last))
    least = 1 if end_line > at.line else start + 1
    return Mark(at.line, start, end_line, max(end, least), text, style, sign)


def first_line(mark: Mark, lines: Sequence[str]) -> Mark:
    """The mark cut to one line."""
    if not mark.tall:
        return mark
    end = max(len(lines[mark.line - 1].rstrip()), mark.start + 1)
    return evolve(mark, end_line=mark.line, end=end)


def cross(one: Mark, other: Mark) -> bool:
    """Whether both span several lines and share one: their bars would need two lanes."""
    return one.tall and other.tall and one.line <= other.end_line and other.line <= one.end_line


# --- drawing ------------------------------------------------------------------------------------------


def source(marks: Sequence[Mark], lines: Sequence[str], gutter: int, width: int) -> Iterator[Row]:
    """The lines that are marked with their marks. A span of several lines is a bar in a lane of its own."""
    tall = [mark for mark in marks if mark.tall]
    room = max(width - gutter - 3 - (2 if tall else 0), NARROWEST)
    previous = 0
    for number in _shown(marks):
        inside = next((mark for mark in tall if mark.line < number <= mark.end_line), None)
        begins = next((mark for mark in tall if mark.line == number), None)
        if previous and number > previous + 1:
            yield [("...", "frame"), *_lane("|", inside, gutter)]
        previous = number
        # At most one span of several lines touches a line: `cross` ones are drawn apart.
        flat = [mark for mark in marks if not mark.tall and mark.line == number]
        view = _view(lines[number - 1], _focus(flat, inside, begins, number), room)
        # A span that begins with its line needs no row to lead to its beginning.
        leads = begins is not None and not lines[number - 1][: begins.start].strip()
        bar = inside or (begins if leads else None)
        lane = _lane("|" if inside else "/", bar) if tall else []
        under = _lane("|", bar) if tall else []
        edge: Row = [(" " * gutter + " | ", "frame")]
        yield [(f"{number:<{gutter}} | ", "frame"), *lane, (view.text, "")]
        for row in _mark_rows(flat, view):
            yield [*edge, *under, *row]
        if inside is not None and inside.end_line == number:
            # Under the last character, not after it.
            reach = "|" + "_" * (view.at(max(inside.end - 1, 0)) + 1) + inside.sign
            yield [*edge, (f"{reach} {inside.text}", inside.style)]
        if begins is not None and not leads:
            yield [*edge, (" " + "_" * (view.at(begins.start) + 1) + begins.sign, begins.style)]


def _lane(sign: str, mark: Mark | None, indent: int = 0) -> Row:
    return [(" " * indent, ""), (f"{sign} ", mark.style)] if mark is not None else [("  ", "")]


def _shown(marks: Iterable[Mark]) -> list[int]:
    """The lines to show: what is marked, the ends of long spans, and no gap of a single line."""
    wanted: set[int] = set()
    for mark in marks:
        if mark.end_line - mark.line < _WHOLE_SPAN:
            wanted.update(range(mark.line, mark.end_line + 1))
        else:
            wanted.update((mark.line, mark.line + 1, mark.end_line - 1, mark.end_line))
    return sorted(wanted | {number + 1 for number in wanted if number + 2 in wanted})


def _focus(flat: Sequence[Mark], inside: Mark | None, begins: Mark | None, number: int) -> tuple[int, int]:
    """The characters of a line that have to be seen."""
    ends = [(mark.start, mark.end) for mark in flat]
    if inside is not None and inside.end_line == number:
        ends.append((max(inside.end - 1, 0), inside.end))
    if begins is not None:
        ends.append((begins.start, begins.start + 1))
    return (min(start for start, _ in ends), max(end for _, end in ends)) if ends else (0, 0)


@frozen
class _View:
    """A line as it is shown, and where its characters are: `columns[i]` is where character i begins."""

    text: str
    columns: tuple[int, ...]
    shift: int
    limit: int

    def at(self, character: int) -> int:
        """The column of a character of the line; the nearest that is shown where it was trimmed away."""
        return min(max(self.columns[min(character, len(self.columns) - 1)] - self.shift, 0), self.limit)


def _view(line: str, focus: tuple[int, int], room: int) -> _View:
    pieces = [TAB if char == "\t" else visible(char) for char in line.rstrip()]
    columns = (0, *itertools.accumulate(map(_columns, pieces)))
    # One place behind the end: what is missing there can be pointed at.
    if columns[-1] <= room:
        return _View("".join(pieces), columns, 0, columns[-1])
    start, end = (columns[min(place, len(pieces))] for place in focus)
    inner = room - 6  # "..." at both ends
    middle = max(inner - (end - start), 8) // 2
    left = 0 if end <= inner else max(min(start - middle, columns[-1] - inner), 0)
    first = next(index for index, column in enumerate(columns) if column >= left)
    last = max(index for index, column in enumerate(columns) if column <= columns[first] + inner)
    before = "..." if first else ""
    text = before + "".join(pieces[first:last]) + ("..." if last < len(pieces) else "")
    return _View(text, columns, columns[first] - len(before), columns[last] - columns[first] + len(before))


def _columns(piece: str) -> int:
    """How many columns of a terminal one character takes, as it is shown."""
    if piece.isascii():
        return len(piece)
    if unicodedata.category(piece) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(piece) in ("W", "F") else 1


def _mark_rows(marks: Sequence[Mark], view: _View) -> Iterator[Row]:
    """The row of carets and dashes, with the text of the last one behind it and those of the others hung below."""
    if not marks:
        return
    spans = [(view.at(mark.start), max(view.at(mark.end), view.at(mark.start) + 1), mark) for mark in marks]
    row: Row = []
    for start, end, mark in sorted(spans, key=lambda span: span[2].sign == "^"):  # the primary's over the others'
        _put(row, start, mark.sign * (end - start), mark.style)
    spans.sort(key=lambda span: (span[1], span[0], span[2].sign == "^"))
    *hanging, (_, _, last) = spans
    if last.text:
        _put(row, len(row), f" {last.text}", last.style)
    yield row
    hanging = sorted((span for span in hanging if span[2].text), key=lambda span: span[0])
    if hanging:
        yield _hooks(hanging)
    while hanging:
        start, _, mark = hanging.pop()
        row = _hooks(hanging)[:start]
        _put(row, start, mark.text, mark.style)
        yield row


def _hooks(spans: Iterable[tuple[int, int, Mark]]) -> Row:
    row: Row = []
    for start, _, mark in spans:
        _put(row, start, "|", mark.style)
    return row


def _put(row: Row, column: int, text: str, style: Style) -> None:
    row.extend((" ", "") for _ in range(column - len(row)))
    row[column : column + len(text)] = [(char, style) for char in text]


# --- files --------------------------------------------------------------------------------------------


def read_lines(root: Path, path: str) -> Sequence[str]:
    """The lines of a file as Python counts them; none where it cannot be read.

    `linecache` is not asked: it gives up on a file that is not UTF-8, looks for relative names all over
    `sys.path`, and remembers.
    """
    try:
        file = root / path
        if not file.is_file():  # a device or a pipe would hang us
            return ()
        with file.open("rb") as opened:
            data = opened.read(_LARGEST_FILE)
    except (OSError, ValueError):
        return ()
    # Python breaks lines here and nowhere else; `splitlines` also breaks at a form feed.
    return re.split(r"\r\n|\r|\n", _decoded(data, file.suffix == ".py"))


def _decoded(data: bytes, python: bool) -> str:
    encoding = "utf-8-sig"
    if python:
        with contextlib.suppress(SyntaxError):  # an unknown or a wrong one: show what can be shown
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    try:
        return data.decode(encoding, errors="replace")
    except (LookupError, ValueError):  # `rot13` and its kind are no encodings of text
        return data.decode("utf-8-sig", errors="replace")
