"""Files and characters as a reader of a diagnostic sees them, the same in text, JSON and SARIF."""

from pathlib import Path

from zt_dsl.source import Location


def shown_path(path: str, root: Path) -> str:
    """A file as it is called from the project's root.

    One that lies elsewhere keeps its whole path: a diagnostic is for somebody who wants to open the file here,
    unlike what is emitted (`zt_dsl.source.relative`), which must not depend on the machine.
    """
    found, root = Path(path), root.absolute()
    return found.relative_to(root).as_posix() if found.is_relative_to(root) else path


def visible(text: str) -> str:
    """One line of text with nothing in it that a terminal would obey, or that a reader could not see.

    Names, messages and source lines may come from someone hostile: an escape sequence repaints the screen,
    a direction mark shows code in another order than Python reads it, a newline forges a line of ours.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def scalar(text: str) -> str:
    """The text without lone surrogates, which strict readers of JSON refuse."""
    return text.encode(errors="backslashreplace").decode()


def place_of(location: Location) -> tuple[int, int | None, int | None, int | None]:
    """Line, column, end line and end column as editors count: from 1, the end column being one past the last."""
    column, end = location.column, location.end_column
    return (
        location.line,
        None if column is None else column + 1,
        location.end_line,
        None if end is None else end + 1,
    )
