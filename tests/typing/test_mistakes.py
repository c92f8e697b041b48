"""The typing mistakes under both checkers: a missing error and an unexpected one both fail.

A marked line says what mypy must report on it, `# E: arg-type` (several codes with commas, and no others).
pyright must report its own rule for the same thing (`RULES`), or what the line says after `# P:`, where
`nothing` is a mistake that pyright cannot see.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

import zt_dsl

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# What each of mypy's codes is called by pyright, where a line does not say otherwise.
RULES = {
    "arg-type": "reportArgumentType",
    "assignment": "reportAssignmentType",
    "attr-defined": "reportAttributeAccessIssue",
    "call-arg": "reportCallIssue",
    "dict-item": "reportArgumentType",
    "list-item": "reportArgumentType",
    "misc": "reportAttributeAccessIssue",
    "name-defined": "reportUndefinedVariable",
}
MARK = re.compile(r"  # E: (?P<codes>[a-z, -]+?)(?:  # P: (?P<rules>\w+))?$")
SAID_BY_MYPY = re.compile(r"^(?P<path>.+?):(?P<line>\d+): error: .*  \[(?P<code>[a-z-]+)\]$")

PLANTED = "mistakes/planted/"
CLEAN = sorted((HERE / "clean").glob("*.py"))

Said = dict[tuple[str, int], frozenset[str]]


@dataclass(frozen=True)
class Judgement:
    """What is marked, and what a checker said, for each line that has either."""

    marked: Said
    said: Said

    def differences(self, folder: str) -> list[str]:
        """Every line of the folder where the two are not the same. `planted` is apart from `mistakes`."""
        return [
            f"{path}:{line}: expected {_named(wanted)}, got {_named(got)}"
            for path, line in sorted(self.marked.keys() | self.said.keys())
            if (PLANTED in path) == (PLANTED in folder)
            and path.startswith(folder)
            and (wanted := self.marked.get((path, line), frozenset()))
            != (got := self.said.get((path, line), frozenset()))
        ]


def _named(said: frozenset[str]) -> str:
    return ", ".join(sorted(said)) or "nothing"


def _marks() -> dict[tuple[str, int], tuple[frozenset[str], frozenset[str]]]:
    """The codes and rules that each marked line expects."""
    found = {}
    for path in sorted(HERE.glob("*/**/*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            mark = MARK.search(line)
            assert (mark is not None) == ("# E:" in line or "# P:" in line), f"{path.name}:{number}: {line}"
            if mark:
                codes = frozenset(mark["codes"].split(", "))
                rules = frozenset({mark["rules"]}) if mark["rules"] else frozenset(RULES[code] for code in codes)
                place = (path.relative_to(HERE).as_posix(), number)
                found[place] = (codes, rules - {"nothing"})
    return found


def _run(checker: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-m", checker, *arguments],
        cwd=cwd,
        # The mistakes import their own package `app`, as a user's would.
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, (ROOT, cwd / "mistakes")))},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in (0, 1):
        pytest.fail(f"{checker} did not run (status {ran.returncode}):\n{ran.stdout}{ran.stderr}", pytrace=False)
    return ran


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the programs, away from the project's own settings for its checkers."""
    copy = tmp_path_factory.mktemp("typing")
    for folder in ("clean", "mistakes"):
        shutil.copytree(HERE / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="session")
def mypy(programs: Path) -> Judgement:
    ran = _run(
        "mypy",
        "--config-file=",
        "--strict",
        "--python-version=3.11",
        "--explicit-package-bases",
        "--no-incremental",
        "--no-pretty",
        "--no-error-summary",
        "--show-error-codes",
        *(path.relative_to(programs).as_posix() for path in sorted(programs.glob("*/**/*.py"))),
        cwd=programs,
    )
    said = defaultdict(set)
    for line in ran.stdout.splitlines():
        error = SAID_BY_MYPY.match(line)
        if error is None:
            assert ": note: " in line, f"mypy said what this test cannot read: {line}"
            continue
        said[error["path"], int(error["line"])].add(error["code"])
    return Judgement(
        {place: codes for place, (codes, _) in _marks().items()},
        {place: frozenset(codes) for place, codes in said.items()},
    )


@pytest.fixture(scope="session")
def pyright(programs: Path) -> Judgement:
    settings = {
        "include": ["clean", "mistakes"],
        "extraPaths": [str(ROOT), "mistakes"],
        "pythonVersion": "3.11",
        "typeCheckingMode": "standard",
    }
    (programs / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    ran = _run("pyright", "--outputjson", f"--pythonpath={sys.executable}", cwd=programs)
    try:
        report = json.loads(ran.stdout)
    except json.JSONDecodeError:
        pytest.fail(f"pyright gave no report; it needs node on the PATH.\n{ran.stdout}{ran.stderr}", pytrace=False)
    assert report["summary"]["filesAnalyzed"] == len(list(programs.glob("*/**/*.py")))
    said = defaultdict(set)
    for found in report["generalDiagnostics"]:
        path = Path(found["file"]).relative_to(programs).as_posix()
        said[path, found["range"]["start"]["line"] + 1].add(found["rule"])
    return Judgement(
        {place: rules for place, (_, rules) in _marks().items()},
        {place: frozenset(rules) for place, rules in said.items()},
    )


def test_there_are_many_mistakes() -> None:
    mistakes = [path for path, _ in _marks() if PLANTED not in path]
    assert len(mistakes) >= 75
    assert [path for path in mistakes if path.startswith("mistakes/app/")] == []


def test_mypy_says_what_is_marked_and_nothing_else(mypy: Judgement) -> None:
    assert mypy.differences("mistakes/") == []


def test_pyright_says_what_is_marked_and_nothing_else(pyright: Judgement) -> None:
    assert pyright.differences("mistakes/") == []


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_mypy_has_nothing_to_say_about_a_correct_program(mypy: Judgement, path: Path) -> None:
    assert mypy.differences(f"clean/{path.name}") == []


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_pyright_has_nothing_to_say_about_a_correct_program(pyright: Judgement, path: Path) -> None:
    assert pyright.differences(f"clean/{path.name}") == []


def test_a_wrong_mark_does_not_pass_under_mypy(mypy: Judgement) -> None:
    assert mypy.differences(PLANTED) == [
        "mistakes/planted/dishonest.py:5: expected arg-type, got nothing",
        "mistakes/planted/dishonest.py:6: expected nothing, got arg-type",
        "mistakes/planted/dishonest.py:7: expected call-arg, got arg-type",
        "mistakes/planted/dishonest.py:9: expected arg-type, got arg-type, call-arg",
    ]


def test_a_wrong_mark_does_not_pass_under_pyright(pyright: Judgement) -> None:
    assert pyright.differences(PLANTED) == [
        "mistakes/planted/dishonest.py:5: expected reportArgumentType, got nothing",
        "mistakes/planted/dishonest.py:6: expected nothing, got reportArgumentType",
        "mistakes/planted/dishonest.py:7: expected reportCallIssue, got reportArgumentType",
        "mistakes/planted/dishonest.py:8: expected reportCallIssue, got reportArgumentType",
        "mistakes/planted/dishonest.py:9: expected reportArgumentType, got reportArgumentType, reportCallIssue",
        "mistakes/planted/dishonest.py:10: expected nothing, got reportArgumentType",
    ]


def test_the_correct_programs_use_every_word_of_the_surface() -> None:
    used = {
        alias.name
        for path in CLEAN
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "zt_dsl"
        for alias in node.names
    }
    assert set(zt_dsl.__all__) - used == set()


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_the_correct_programs_also_run(path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)
