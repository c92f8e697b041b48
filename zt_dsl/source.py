"""Where the user wrote it.

A `Span` is taken each time that a model object is made, so it has to be nearly free: it keeps the code
objects and the instruction offsets of the frames, nothing else. Lines and columns are worked out later, for
many spans at once, in one pass over each code object (`locate`): asked one by one they cost a scan each,
which is quadratic in the length of a module.
"""

import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

from attrs import frozen

_PACKAGE = str(Path(__file__).parent / "_")[:-1]  # with its separator: `zt_dsl_shop` beside it is not ours
# attrs compiles the constructors that it generates under this name; they are ours, not the user's.
_GENERATED = "<attrs generated"
# Frames that are a part of the function or module around them, not a call that a reader would recognise.
_INLINE = ("<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>", "<lambda>")
_DEPTH = 8
# inspect.CO_OPTIMIZED, without the import: set for functions, not for the bodies of modules and classes.
_FUNCTION = 0x1


class _Files(dict[str, bool]):
    """Whether a file is ours, by its name, for each that was ever on the stack.

    A look-up in C is the hot path of `here`. Never by code object: its hash covers all of a module's constants,
    and two files with the same text have equal ones.
    """

    def __missing__(self, name: str) -> bool:
        ours = self[name] = name.startswith((_PACKAGE, _GENERATED, "<frozen"))
        return ours


_ours = _Files()


@frozen(eq=False)
class Span:
    """Where something was written: innermost frame first, each as its code object and `f_lasti`."""

    frames: tuple[tuple[CodeType, int], ...]


@frozen
class Location:
    """A place in a file. Lines count from 1 and columns from 0, in characters as Python counts them.

    `column` and `end_column` are None where the interpreter keeps no column tables (`-X no_debug_ranges`).
    `via` are the callers, innermost first: a helper shows its own line and its caller's.
    """

    path: str
    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    via: tuple["Location", ...] = ()


NOWHERE = Span(())


def here() -> Span:
    """The user's frames at this moment: from the innermost that is not ours out to its module's own.

    It stops at the first of our frames again (the loader), so that a span is the user's code alone.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _ours[frame.f_code.co_filename]:
        frame = frame.f_back
    found: list[tuple[CodeType, int]] = []
    while frame is not None and not _ours[(code := frame.f_code).co_filename]:
        found.append((code, frame.f_lasti))
        if not code.co_flags & _FUNCTION or len(found) == _DEPTH:
            break  # the body of a module or class: what imported it is no part of where it is written
        frame = frame.f_back
    return Span(tuple(found))


def _wanted(spans: Iterable[Span]) -> dict[int, tuple[CodeType, set[int]]]:
    """The instructions to find in each code object, which goes by its identity (the spans keep it alive)."""
    wanted: dict[int, tuple[CodeType, set[int]]] = {}
    for span in spans:
        for code, instruction in span.frames:
            known = wanted.get(id(code))
            if known is None:
                known = wanted[id(code)] = (code, set())
            known[1].add(instruction)
    return wanted


def _places(code: CodeType, instructions: set[int]) -> dict[int, Location]:
    places: dict[int, Location] = {}
    for index, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        instruction = 2 * index
        if instruction in instructions:
            places[instruction] = Location(
                code.co_filename, line or code.co_firstlineno, _characters(code, line, column), end_line,
                _characters(code, end_line, end_column),
            )  # fmt: skip
    return places


def _characters(code: CodeType, line: int | None, column: int | None) -> int | None:
    """Python's tables count bytes of UTF-8; people and editors count characters."""
    if line is None or not column:
        return column
    text = source_line(code.co_filename, line)
    return column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))


def source_line(path: str, line: int) -> str:
    """The text of a line, without its end; empty where there is no such line."""
    import linecache

    return linecache.getline(path, line).rstrip("\r\n")


def locate(spans: Iterable[Span]) -> dict[Span, Location | None]:
    """Lines and columns of many spans, with one pass over each code object. None: no user frame."""
    unique = set(spans)
    places = {known: _places(*wanted) for known, wanted in _wanted(unique).items()}
    return {span: _location(span, places) for span in unique}


def _location(span: Span, places: dict[int, dict[int, Location]]) -> Location | None:
    first: Location | None = None
    callers: list[Location] = []
    inline = False
    for code, instruction in span.frames:
        place = places[id(code)].get(instruction) or Location(code.co_filename, code.co_firstlineno)
        if first is None:
            first = place
        elif not inline:
            callers.append(place)
        # A comprehension's frame and the function that holds it are one place to a reader: keep the inner.
        inline = code.co_name in _INLINE
    if first is None or not callers:
        return first  # one value for all that was written there
    return Location(first.path, first.line, first.column, first.end_line, first.end_column, tuple(callers))


@lru_cache(maxsize=4096)
def relative(path: str, root: Path) -> str:
    """A file as it is called from the project's root; one that lies elsewhere, without this machine's folders.

    What is emitted must not depend on where the project is checked out.
    """
    found = Path(path)
    if found.is_relative_to(root):
        return found.relative_to(root).as_posix()
    parts = found.parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return "/".join(parts[parts.index(folder) + 1 :])
    return found.name


def written_at(at: Location, root: Path) -> str:
    """A place in the user's files, as `file:line` from the project's root; its caller's, too."""
    written = f"{relative(at.path, root)}:{at.line}"
    for via in at.via[:1]:
        return f"{written}, called at {relative(via.path, root)}:{via.line}"
    return written
