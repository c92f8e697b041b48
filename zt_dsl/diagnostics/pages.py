"""The page of a code: what is wrong, why it matters, wrong and right."""

from pathlib import Path

from zt_dsl.diagnostics.codes import TITLES

_HERE = Path(__file__).parent
# An installed wheel carries the pages beside this file; a checkout has them where people edit them.
_FOLDERS = (_HERE / "pages", _HERE.parent.parent / "docs" / "diagnostics")


def page(code: str) -> str | None:
    """The text of a code's page. None: there is no such code (which may be anything a user typed), or no page."""
    if code not in TITLES:
        return None
    for folder in _FOLDERS:
        found = folder / f"{code}.md"
        if found.is_file():
            return found.read_text(encoding="utf-8")
    return None
