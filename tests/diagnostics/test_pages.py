"""The diagnostics manual: a page for each code, true to the word."""

import re
from pathlib import Path

import pytest

from tests.diagnostics.pages import FOLDER, BrokenPageError, Outcome, Page, outcome, read
from zt_dsl.diagnostics import errors
from zt_dsl.diagnostics.codes import TITLES, severity
from zt_dsl.diagnostics.pages import page as printed

FILES = sorted(path.stem for path in FOLDER.glob("ZT*.md"))
# What a page must not hold: folders of some machine, and servers of some network.
MACHINE = re.compile(
    r"(?<![\w.])/(?:home|root|tmp|usr|opt|srv|mnt|work|Users|private|var)\b"
    r"|localhost|127\.0\.0\.1|\b\w+\.(?:internal|local|lan)\b"
)
# The cluster's own domain is no machine's.
NO_MACHINE = re.compile(r"svc\.cluster\.local")
CLASSES = {
    "ZT1": "Loading",
    "ZT2": "Model",
    "ZT3": "Plan and backends",
    "ZT4": "Legal but unwise",
    "ZT5": "Manifests read back, and proof",
    "ZT6": "Publishing",
}
PAGES = [code for code in FILES if code in TITLES]


def text(code: str) -> str:
    return (FOLDER / f"{code}.md").read_text(encoding="utf-8")


def test_every_code_has_a_page() -> None:
    assert sorted(set(TITLES) - set(FILES)) == []


def test_every_page_has_a_code() -> None:
    assert sorted(set(FILES) - set(TITLES)) == []
    assert {path.name for path in FOLDER.iterdir()} == {"README.md", *(f"{code}.md" for code in FILES)}


@pytest.mark.parametrize("code", PAGES)
def test_a_page_says_what_why_wrong_and_right(code: str) -> None:
    page = read(text(code))
    assert (page.code, page.title) == (code, TITLES[code])
    assert page.about
    assert page.prose["Why it matters"]
    assert not page.blocks[""]
    assert not page.blocks["Why it matters"]


@pytest.mark.parametrize("code", PAGES)
def test_a_page_can_be_read_anywhere(code: str) -> None:
    lines = text(code).splitlines()
    assert [line for line in lines if MACHINE.search(NO_MACHINE.sub("", line))] == []
    assert [line for line in lines if line != line.rstrip() or "\t" in line] == []
    # Beyond this a page scrolls sideways.
    assert [line for line in lines if line.startswith(("from", "topology", "    ")) and len(line) > 120] == []


@pytest.mark.parametrize("code", PAGES)
def test_what_is_printed_at_a_terminal_is_the_page(code: str) -> None:
    shown = printed(code)
    assert shown is not None
    assert shown.splitlines()[0] == f"# {code}: {TITLES[code]}"


@pytest.mark.parametrize("code", PAGES)
def test_wrong_is_wrong_for_this_reason_alone(code: str, tmp_path: Path) -> None:
    page = read(text(code))
    found = outcome(page, "Wrong", tmp_path)
    assert [diagnostic.code for diagnostic in found.diagnostics] == [code], found.text
    assert bool(found.status) is bool(errors(found.diagnostics)), found.text
    assert f"{severity(code)}[{code}]: " in found.text
    _as_shown(page, found)


def _as_shown(page: Page, found: Outcome) -> None:
    """A text block is how the message begins, line by line; a program without one would show nothing."""
    shown = [block.text for block in page.blocks["Wrong"] if block.language == "text"]
    if any(block.language == "console" for block in page.blocks["Wrong"]):
        assert not shown  # the console has it
        said = next(block.text for block in page.blocks["Wrong"] if block.language == "console")
        assert f"\n{severity(page.code)}[{page.code}]: " in said
        assert "\n$ echo $?\n" in said
    else:
        assert len(shown) == 1
        assert f"{found.text}\n".startswith(shown[0]), found.text


@pytest.mark.parametrize("code", PAGES)
def test_right_is_right(code: str, tmp_path: Path) -> None:
    found = outcome(read(text(code)), "Right", tmp_path)
    assert not found.diagnostics, found.text
    assert not found.status, found.text


def test_the_index_has_every_code() -> None:
    rows: dict[str, tuple[str, str, str]] = {}
    section = ""
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif row := re.fullmatch(r"\| \[(ZT\d{3})\]\((.+)\) \| (.+) \| (\w+) \|", line):
            assert row[2] == f"{row[1]}.md"
            assert row[1] not in rows
            rows[row[1]] = (section.partition(":")[2].strip(), row[3], row[4])
    assert rows == {code: (CLASSES[code[:3]], title, severity(code)) for code, title in TITLES.items()}
    assert list(rows) == list(TITLES)


# --- the runner itself --------------------------------------------------------------------------------------

GOOD = """# ZT201: a title

What.

## Why it matters

Why.

## Wrong

```python
topology = 1
```

## Right

<!-- on: 2027-01-01 -->
```python
topology = 2
```
"""


def test_a_page_is_read() -> None:
    page = read(GOOD)
    assert (page.code, page.title, page.about, page.prose["Why it matters"]) == ("ZT201", "a title", "What.", "Why.")
    assert page.blocks["Right"][0].said == {"on": "2027-01-01"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# ZT201: a title", "# a title"),
        ("## Why it matters", "## Why"),
        ("## Why it matters\n\nWhy.\n\n", ""),
        ("## Right", "## Wrong"),
        ("<!-- on:", "<!-- onn:"),
        ("topology = 2\n```", "topology = 2"),
        ("```python\ntopology = 2\n```\n", ""),
    ],
)
def test_what_is_no_page_is_refused(old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(BrokenPageError):
        read(GOOD.replace(old, new))
