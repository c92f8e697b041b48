"""The documents are what the program says: their blocks are run, their tables printed, their links followed.

Comments before a block are for this runner; a document's blocks share one directory, which holds the examples:

    <!-- file: guestbook.py -->    write the block to this file
    <!-- run -->                   run its `$ ` lines; what they print follows each
    <!-- same: out/db.yaml -->     it is this file, once a command has written it

`<!-- capabilities -->` stands before the table of all engines, `<!-- capabilities: cilium -->` before that of one, and
`<!-- plugins -->` before that of network plugins.
After a change of wording, `python tests/test_docs.py` writes what the program says now into the documents: review that
difference.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zt_dsl.backends import calico, cilium, istio, kubernetes
from zt_dsl.backends.capability_table import catalogue, overview, table
from zt_dsl.backends.plugins import PLUGINS
from zt_dsl.commands import OUR_BUG, USAGE

BACKENDS = {
    "kubernetes": kubernetes.BACKEND,
    "cilium": cilium.BACKEND,
    "calico": calico.BACKEND,
    "istio": istio.BACKEND,
}
ROOT = Path(__file__).parent.parent
RUN = tuple(ROOT / name for name in ("README.md", "docs/tour.md", "docs/backends.md"))
LINKED = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)

_BLOCK = re.compile(
    r"<!-- (?P<what>file|run|same)(?:: (?P<name>[^ ]+))? -->\n```(?P<language>\w+)\n(?P<text>.*?)```\n", re.DOTALL
)
_TABLE = re.compile(
    r"<!-- (?P<what>capabilities|plugins)(?:: (?P<engine>\w+))? -->\n.*?<!-- /(?P=what) -->\n", re.DOTALL
)
_SECONDS = re.compile(r"\b\d+\.\d\d s\b")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def replayed(text: str, folder: Path) -> str:
    """The document, with what its blocks give now in the place of what they say."""
    blocks = list(_BLOCK.finditer(text))
    now: dict[int, str] = {}
    for found in blocks:
        if found["what"] == "file":
            (folder / found["name"]).write_text(found["text"])
        elif found["what"] == "run":
            now[found.start()] = "".join(_session(found["text"], folder))
        # A file may be shown above the command that writes it, but not after another command has changed it.
        for shown in blocks:
            if shown["what"] == "same" and shown.start() not in now and (folder / shown["name"]).exists():
                now[shown.start()] = (folder / shown["name"]).read_text()

    def block(found: re.Match[str]) -> str:
        return found[0].replace(f"\n{found['text']}```\n", f"\n{now.get(found.start(), found['text'])}```\n")

    return _TABLE.sub(_tables, _BLOCK.sub(block, text))


def _tables(found: re.Match[str]) -> str:
    first = found[0].partition("\n")[0]
    if found["what"] == "plugins":
        said = catalogue(PLUGINS)
    else:
        said = table(BACKENDS[found["engine"]]) if found["engine"] else overview(BACKENDS.values())
    return f"{first}\n{said}<!-- /{found['what']} -->\n"


def _session(said: str, folder: Path) -> Iterator[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    for line in said.splitlines():
        if not line.startswith("$ "):
            continue
        done = subprocess.run(
            ["bash", "-c", line[2:]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        yield f"{line}\n{_SECONDS.sub('0.30 s', done.stdout)}"


def workplace(folder: Path) -> Path:
    """A directory like a user's, with the examples in it."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_a_document_says_what_the_program_says(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    assert _BLOCK.search(text) or _TABLE.search(text)
    assert replayed(text, workplace(tmp_path)) == text, "run `python tests/test_docs.py` and review the difference"


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for found in _LINK.finditer(_CODE.sub("", path.read_text())):
        target, _, anchor = found["target"].partition("#")
        if "://" in target:
            continue
        there = path.parent / target if target else path
        assert there.exists(), found[0]
        if anchor:
            assert anchor in _anchors(there), found[0]


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_every_exit_status() -> None:
    text = (ROOT / "README.md").read_text()
    section = text.partition("## Exit status")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d+)", section, re.MULTILINE) == ["0", "1", "2", "3", "4", str(USAGE), str(OUR_BUG), "130"]


def test_the_readmes_own_topology_has_ten_lines() -> None:
    text = (ROOT / "README.md").read_text()
    own = text.partition("## Your own, in ten lines")[2].partition("```python\n")[2].partition("```")[0]
    assert len([line for line in own.splitlines() if line]) == 10


def main() -> None:
    """Write what the program says now into the documents."""
    for path in RUN:
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(replayed(path.read_text(), workplace(Path(folder))))


if __name__ == "__main__":
    main()
