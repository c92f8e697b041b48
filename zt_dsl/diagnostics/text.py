"""Diagnostics for people: the layout of rustc, which shows the user's own lines and marks what is meant in them.

Rows are made here rather than by a library (rich draws, wraps and highlights on its own terms, and takes longer to
import than all of this takes to run): the layout is exact to the column, and colour is a style on each piece that is
dropped or written at the very end, so that both forms are the same text.
"""

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from attrs import frozen

from zt_dsl.diagnostics import Diagnostic, Label, in_order
from zt_dsl.diagnostics.places import shown_path, visible
from zt_dsl.diagnostics.snippet import (
    NARROWEST,
    TAB,
    Mark,
    Read,
    Row,
    Style,
    cross,
    first_line,
    marked,
    read_lines,
    source,
)
from zt_dsl.source import Location

# Where no terminal tells its width: what rustc takes, wider than any line that a formatter leaves.
_WIDTH = 140
_LISTED = 24
_NOTES = 6
_CODES: dict[str, str] = {
    "error": "1;31",
    "warning": "1;33",
    "frame": "1;34",
    "strong": "1",
    "removed": "31",
    "added": "32",
}


def rendered(diagnostics: Iterable[Diagnostic], *, root: Path, color: bool, width: int | None = None) -> str:
    """All of them, in order, and a summary; without a newline at its end, and empty where there are none.

    Paths are shown from `root`. `width` is that of the terminal, None where there is none: source lines that are
    longer are trimmed around what is marked; prose is left to the terminal.
    """
    found = in_order(tuple(diagnostics))
    if not found:
        return ""
    read: Read = cache(partial(read_lines, root))  # for this call alone: the files may have changed before the next
    paper = _Paper(root, max(width or _WIDTH, NARROWEST), read)
    rows: list[Row] = []
    for group in _folded(found):
        rows += [*_block(group, paper), []]
    return "\n".join(_written(row, color) for row in [*rows, *_summary(found)])


@frozen
class _Paper:
    """What every block is drawn with."""

    root: Path
    width: int
    read: Read


def _written(row: Row, color: bool) -> str:
    if not color:
        return "".join(piece for piece, _ in row).rstrip()
    runs = itertools.groupby(row, lambda piece: piece[1])
    styled = ((style, "".join(piece for piece, _ in pieces)) for style, pieces in runs)
    return "".join(f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style else text for style, text in styled)


def _summary(diagnostics: Sequence[Diagnostic]) -> list[Row]:
    wrong = [each for each in diagnostics if each.severity == "error"]
    counts = [_count(len(wrong), "error"), _count(len(diagnostics) - len(wrong), "warning")]
    style: Style = "error" if wrong else "warning"
    code = visible((wrong or diagnostics)[0].code)
    return [
        [(style, style), (": " + ", ".join(filter(None, counts)), "strong")],
        [(f"for an explanation of a code: python -m zt_dsl explain-code {code}", "")],
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


# --- folding ------------------------------------------------------------------------------------------


def _folded(diagnostics: Iterable[Diagnostic]) -> Iterable[list[Diagnostic]]:
    """One group for all that a helper made on one line, so that a loop over 40 services is not 40 blocks.

    What else they point to and print must be the same, or folding would hide it.
    """
    groups: dict[object, list[Diagnostic]] = {}
    for each in diagnostics:
        at = each.labels[0].location if each.labels and each.labels[0].location.path else None
        key = (each.code, at, each.labels[1:], each.detail) if at else each
        groups.setdefault(key, []).append(each)
    return groups.values()


def _differing(messages: Sequence[str]) -> list[str]:
    """Of each message what the others do not say too; all of it where that leaves nothing."""
    split = [message.split(" ") for message in messages]
    before = _common(split)
    after = _common([words[before:][::-1] for words in split])
    middles = [" ".join(words[before : len(words) - after]).rstrip(":,;") for words in split]
    return middles if all(middles) else list(messages)


def _common(lists: Sequence[Sequence[str]]) -> int:
    """How many words they all begin with."""
    return sum(1 for _ in itertools.takewhile(lambda words: len(set(words)) == 1, zip(*lists, strict=False)))


def _others(group: Sequence[Diagnostic]) -> list[str]:
    """The rest of a group: what its message says, and its label where the first one's is not its own."""
    told = _differing([each.message for each in group])
    own = group[0].labels[0].text
    texts = [each.labels[0].text for each in group]
    return [
        f"{short} ({text})" if text not in ("", own) and text not in each.message else short
        for each, short, text in zip(group[1:], told[1:], texts[1:], strict=True)
    ]


# --- a block ------------------------------------------------------------------------------------------


def _block(group: Sequence[Diagnostic], paper: _Paper) -> Iterator[Row]:
    first = group[0]
    style: Style = first.severity
    name = f"{style}[{visible(first.code)}]"
    head, *more = map(visible, first.message.split("\n"))
    yield [(name, style), (f": {head}", "strong")]
    # A message of several lines (an exception's) stays visibly inside its own block.
    for line in more:
        yield [(" " * (len(name) + 2) + line, "strong")]
    placed = [_placed(label, index == 0, style, paper) for index, label in enumerate(_distinct(first.labels))]
    gutter = max([1, *(len(str(line)) for each in placed for line in each.numbers)])
    yield from _snippets(placed, gutter, paper)
    yield from _called(placed, gutter, paper)
    yield from _notes(group, gutter, paper)
    if first.detail:
        yield []
        yield from map(_diff_row, first.detail.rstrip("\n").split("\n"))


def _distinct(labels: Iterable[Label]) -> Iterable[Label]:
    """Without repetitions, and those of an unknown place last."""
    return sorted(dict.fromkeys(labels), key=lambda label: not label.location.path)


def _notes(group: Sequence[Diagnostic], gutter: int, paper: _Paper) -> Iterator[Row]:
    others = _others(group) if len(group) > 1 else []
    if others:
        unlisted = len(others) - _LISTED
        listed = others[:_LISTED] + ([f"and {unlisted} more (all of them: --format json)"] if unlisted > 0 else [])
        text = f"and {len(others)} more at this line: {', '.join(map(visible, listed))}"
        room = max(paper.width - gutter - 3, NARROWEST)
        yield from _note("", textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False), gutter)
    for name, texts in (("why", [each.why for each in group]), ("help", [each.help for each in group])):
        distinct = list(dict.fromkeys(filter(None, texts)))
        for text in distinct[:_NOTES]:
            yield from _note(f"{name}: ", text.split("\n"), gutter)
        if len(distinct) > _NOTES:
            yield from _note(f"{name}: ", [f"{len(distinct) - _NOTES} more (all of them: --format json)"], gutter)


def _note(name: str, lines: Sequence[str], gutter: int) -> Iterator[Row]:
    yield [(" " * gutter, ""), (" = ", "frame"), (name, "strong"), (visible(lines[0]), "")]
    for line in lines[1:]:
        yield [(" " * (gutter + 3 + len(name)) + visible(line), "")]


def _diff_row(line: str) -> Row:
    style: Style = "added" if line.startswith("+") else "removed" if line.startswith("-") else ""
    return [(visible(line.replace("\t", TAB)), style)]


# --- the user's own lines -----------------------------------------------------------------------------


@frozen
class _Placed:
    """A label and what of it can be shown. `mark` is None where its file or its line is not there (any more)."""

    label: Label
    where: str
    mark: Mark | None
    callers: tuple[tuple[str, Mark | None, str], ...]

    @property
    def numbers(self) -> Iterator[int]:
        """The lines that are shown for it."""
        for mark in (self.mark, *(mark for _, mark, _ in self.callers)):
            if mark is not None:
                yield mark.end_line


def _placed(label: Label, primary: bool, style: Style, paper: _Paper) -> _Placed:
    at = label.location
    text, lines = visible(label.text), paper.read(at.path)
    mark = marked(at, lines, text, style, "^") if primary else marked(at, lines, text, "frame", "-")
    callers = tuple(_caller(via, paper) for via in at.via)
    return _Placed(label, _where(at, paper.root), mark, callers)


def _caller(via: Location, paper: _Paper) -> tuple[str, Mark | None, str]:
    lines = paper.read(via.path)
    mark = marked(via, lines, "", "frame", "-")
    # One line of it, however long the call is: it leads there, no more.
    return _where(via, paper.root), None if mark is None else first_line(mark, lines), via.path


def _where(at: Location, root: Path) -> str:
    numbers = [at.line] if at.line > 0 else []
    if numbers and at.column is not None:
        numbers.append(at.column + 1)
    return ":".join([visible(shown_path(at.path, root)), *map(str, numbers)])


def _snippets(placed: Sequence[_Placed], gutter: int, paper: _Paper) -> Iterator[Row]:
    """`-->` and the primary's file, then `:::` and each other one; a place that cannot be shown is named."""
    shown = [each for each in placed if each.mark is not None]
    arrow = "-->"
    for section in _sections(placed):
        if arrow == ":::" and shown:
            yield _bar(gutter)
        yield [(" " * gutter + arrow, "frame"), (f" {section[0].where}", "")]
        marks = [each.mark for each in section if each.mark is not None]
        if marks:
            yield _bar(gutter)
            yield from source(marks, paper.read(section[0].label.location.path), gutter, paper.width)
        elif section[0].label.text:
            yield from _note("", [section[0].label.text], gutter)
        arrow = ":::"
    for each in placed:
        if not each.label.location.path and each.label.text:
            yield from _note("note: ", [each.label.text], gutter)
    if shown and not any(each.callers for each in placed):
        yield _bar(gutter)


def _bar(gutter: int) -> Row:
    return [(" " * gutter + " |", "frame")]


def _sections(placed: Iterable[_Placed]) -> list[list[_Placed]]:
    """Labels that are drawn together: of one file, and no two spans of several lines that cross each other."""
    sections: list[list[_Placed]] = []
    for each in placed:
        if not each.label.location.path:
            continue
        for section in sections:
            if _together(each, section):
                section.append(each)
                break
        else:
            sections.append([each])
    return sections


def _together(placed: _Placed, section: Sequence[_Placed]) -> bool:
    if placed.mark is None or section[0].label.location.path != placed.label.location.path:
        return False
    marks = [each.mark for each in section if each.mark is not None]
    return bool(marks) and not any(cross(placed.mark, mark) for mark in marks)


def _called(placed: Sequence[_Placed], gutter: int, paper: _Paper) -> Iterator[Row]:
    """The callers of a helper, innermost first: its own line is not the one that a reader has to change."""
    found = False
    for index, each in enumerate(placed):
        for where, mark, path in each.callers:
            if not found and any(other.mark is not None for other in placed):
                yield _bar(gutter)
            found = True
            text = f"called at {where}" if index == 0 or not each.where else f"{each.where} is called at {where}"
            yield from _note("note: ", [text], gutter)
            if mark is not None:
                yield _bar(gutter)
                yield from source([mark], paper.read(path), gutter, paper.width)
                yield _bar(gutter)
