"""Everything in one run, one after the other, and the table in docs/performance.md."""

import argparse
import json
import os
import pickle
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import yaml
from attrs import frozen

from bench import workload

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
CACHE = ROOT / ".cache" / "bench"
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
ENGINES = {"Cilium": "cilium", "Calico": "calico", "Istio": "istio", "Cilium with Istio": "cilium_istio"}
"""Besides NetworkPolicy, with their platforms in the workload."""
SIZES = (100, 1_000, workload.PUBLISHED[0], 10_000)
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


@frozen
class Cost:
    """What a process and its children cost: CPU seconds, and the peak of the largest in MB."""

    cpu: float
    peak: float


def cost(command: Sequence[str], *, cwd: Path, rounds: int, before: Callable[[], None] = lambda: None) -> Cost:
    """The least of several runs. Raises RuntimeError where the command fails."""
    return min((_once(command, cwd, before) for _ in range(rounds)), key=lambda found: found.cpu)


def _once(command: Sequence[str], cwd: Path, before: Callable[[], None]) -> Cost:
    before()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, cwd=cwd, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise RuntimeError(f"{command}: {said.read().decode(errors='replace')[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


# --- peers ----------------------------------------------------------------------------------------------------


def helm() -> Path:
    """The binary, built once."""
    binary = CACHE / "bin" / "helm"
    if not binary.exists():
        print(f"building {HELM}, once", file=sys.stderr)
        subprocess.run(["go", "install", HELM], env={**os.environ, "GOBIN": str(binary.parent)}, check=True)
    return binary


def cdk8s() -> Path:
    """The program, installed and compiled once."""
    folder = CACHE / "cdk8s"
    if not (folder / "main.js").exists():
        print("installing cdk8s, once", file=sys.stderr)
        shutil.copytree(PEERS / "cdk8s", folder, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], cwd=folder, check=True)
        subprocess.run(["npx", "tsc", "--skipLibCheck", "--target", "es2022", "--module", "commonjs",
                        "--moduleResolution", "node10", "--ignoreDeprecations", "6.0", "main.ts"],
                       cwd=folder, check=False)  # fmt: skip
        assert (folder / "main.js").exists()
    return folder / "main.js"


def _objects(out: Path, to: Path) -> None:
    loaded = [
        document
        for path in sorted(out.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    ]
    to.write_bytes(pickle.dumps(loaded))


def _aside(out: Path) -> None:
    """Out of the way, and not deleted before the end.

    ext4 passes over files that were deleted in the last minutes, one by one, when it looks for room for a new one:
    where ten thousand have just gone, making ten thousand cost four seconds more.
    """
    if out.exists():
        out.rename(Path(tempfile.mkdtemp(prefix="before-", dir=out.parent)) / out.name)


def _clear() -> None:
    for folder in CACHE.glob("workload-*/before-*"):
        shutil.rmtree(folder)


# --- the table --------------------------------------------------------------------------------------------------


def measure(count: int, rounds: int, peers: bool) -> dict[str, Cost]:
    """Everybody on the same workload, in one run."""
    folder = CACHE / f"workload-{count}"
    workload.write(count, folder)
    out = folder / "out"
    python = sys.executable
    compile_ = [python, "-m", "zt_dsl", "compile", "workload:topology", "--platform", "workload:platform", "-o", "out"]
    found = {"zt_dsl compile, proof included": cost(compile_, cwd=folder, rounds=rounds, before=lambda: _aside(out))}
    found["zt_dsl compile, nothing changed"] = cost(compile_, cwd=folder, rounds=rounds)
    found["zt_dsl verify"] = cost(
        [python, "-m", "zt_dsl", "verify", "workload:topology", "out", "--platform", "workload:platform"],
        cwd=folder, rounds=rounds,
    )  # fmt: skip
    for name, platform_name in ENGINES.items():
        there = folder / platform_name
        found[f"zt_dsl compile for {name}, proof included"] = cost(
            [*compile_[:5], "--platform", f"workload:{platform_name}", "-o", platform_name],
            cwd=folder, rounds=rounds, before=partial(_aside, there),
        )  # fmt: skip
    if peers:
        objects = folder / "objects.pickle"
        _objects(out, objects)
        found["PyYAML's C dumper, the same objects"] = cost(
            [python, str(PEERS / "pyyaml.py"), str(objects), str(folder / "again.yaml")], cwd=folder, rounds=rounds
        )
        found["helm template, not proven"] = cost(
            [str(helm()), "template", "policies", str(PEERS / "helm"), "-f", "values.json"], cwd=folder, rounds=rounds
        )
        found["cdk8s-plus (TypeScript), not proven"] = cost(
            ["node", str(cdk8s()), "values.json", str(folder / "cdk8s")], cwd=folder, rounds=rounds
        )
    return found


def stages(count: int) -> dict[str, float]:
    """The stages of one compile, in one process."""
    folder = CACHE / f"workload-{count}"
    said = subprocess.run(
        [sys.executable, "-m", "bench.stages", str(folder)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(said.stdout)
    return found


def cold() -> dict[str, Cost]:
    """Starting, beside an interpreter that does nothing."""
    folder = CACHE / "workload-10"
    workload.write(10, folder)
    python = sys.executable
    compile_ = [python, "-m", "zt_dsl", "compile", "workload:topology", "--platform", "workload:platform", "-o", "out"]
    return {
        "python -c pass": cost([python, "-c", "pass"], cwd=folder, rounds=20),
        "python -m zt_dsl --help": cost([python, "-m", "zt_dsl", "--help"], cwd=folder, rounds=20),
        "import zt_dsl and all of its words": cost([python, "-c", "from zt_dsl import *"], cwd=folder, rounds=10),
        "compile 10 services": cost(compile_, cwd=folder, rounds=5),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def report(sizes: Sequence[int], rounds: int, peers: bool) -> str:
    """All tables, as Markdown."""
    started = cold()
    base = started["python -c pass"].cpu
    parts = [
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; CPU seconds (user and system, children included), the least of several runs; "
        "peak memory of the largest process.",
        "### Cold start",
        _table(
            ("", "CPU", "× `python -c pass`"),
            [(name, f"{found.cpu * 1000:.0f} ms", f"{found.cpu / base:.1f}") for name, found in started.items()],
        ),
    ]
    of_stages: dict[int, dict[str, float]] = {}
    for size in sizes:
        print(f"measuring {size:,} services", file=sys.stderr)
        found = measure(size, rounds, peers)
        beside = found.get("helm template, not proven")
        rows = [
            (name, f"{one.cpu:.2f} s", f"{one.peak:.0f} MB", f"{one.cpu / beside.cpu:.2f}" if beside else "")
            for name, one in found.items()
        ]
        parts += [
            f"### {size:,} services, {workload.edges(size):,} edges",
            _table(("", "CPU", "peak", "× helm template"), rows),
        ]
        of_stages[size] = stages(size)
    names = list(of_stages[sizes[0]])
    parts += [
        "### Where it goes",
        "One compile in one process, its stages apart, in CPU milliseconds.",
        _table(
            ("stage", *(f"{size:,}" for size in sizes)),
            [(name, *(f"{of_stages[size][name] * 1000:.0f}" for size in sizes)) for name in names],
        ),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Measure, and put the tables between the marks of docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="measure zt_dsl alone, and print only")
    given = parser.parse_args()
    try:
        text = report(given.sizes, given.rounds, not given.no_peers)
    finally:
        _clear()
    print(text)
    if given.no_peers:
        return
    page = ROOT / "docs" / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    main()
