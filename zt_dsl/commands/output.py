"""How commands speak: diagnostics in three formats, progress on a terminal, and the exit status."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from zt_dsl.commands import OUR_BUG, USAGE
from zt_dsl.commands.options import Format
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.version import VERSION

# What a run ends with where several things are wrong: the first of these that occurs.
_WORST_FIRST = (OUR_BUG, USAGE, 4, 1, 3, 2, 0)


def exit_status(diagnostics: Sequence[Diagnostic]) -> int:
    """The exit status that these diagnostics stand for; warnings stand for none."""
    return worst([_status(diagnostic.code) for diagnostic in diagnostics])


def worst(statuses: Sequence[int]) -> int:
    """The one that a run with several results ends with."""
    return next((status for status in _WORST_FIRST if status in statuses), 0)


def _status(code: str) -> int:
    match code:
        case "ZT510":
            return OUR_BUG
        case "ZT108" | "ZT109":
            return USAGE
        case "ZT602" | "ZT607":
            return 2
    return {"1": 4, "2": 1, "3": 1, "4": 0, "5": 2, "6": 3}[code[2]]


def say(text: str) -> None:
    """Print on stdout. That nobody reads it, or that it is full, changes nothing of what was done and found."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        print(f"what was to be printed could not be: {error.strerror}", file=sys.stderr)


def _silence() -> None:
    """From here on stdout goes nowhere: what it still holds would fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def write(diagnostics: Sequence[Diagnostic], style: Format, root: Path) -> None:
    """Write them: as text to stderr, in the other formats to stdout, where nothing else goes then."""
    match style:
        case "json":
            from zt_dsl.diagnostics.json import as_json

            say(as_json(diagnostics, root=root))
        case "sarif":
            from zt_dsl.diagnostics.sarif import as_sarif

            say(as_sarif(diagnostics, root=root, version=VERSION))
        case "text":
            if diagnostics:
                from zt_dsl.diagnostics.text import rendered

                print(rendered(diagnostics, root=root, color=_in_color()), file=sys.stderr)


def _in_color() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


class Step(Protocol):
    """Says what is being done now; called again and again while it is."""

    def __call__(self, doing: str, /) -> None: ...


@contextmanager
def progress() -> Iterator[Step]:
    """Steps are shown on stderr once a run takes longer than a second, and only on a terminal."""
    started = time.monotonic()
    shown = ""

    def step(doing: str) -> None:
        nonlocal shown
        if sys.stderr.isatty() and doing != shown and time.monotonic() - started > 1.0:
            shown = doing
            print(f"\r\x1b[2K{doing} …", end="", file=sys.stderr, flush=True)

    try:
        yield step
    finally:
        if shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
