"""Builds the engines that the conformance tests ask: `python -m tests.conformance.engines.build`.

Each engine is a directory beside this file: a Go module, an ordinary consumer of the engine's own modules,
pinned by its go.sum. Its binary is kept in a cache (`~/.cache/zt_dsl/engines`, or $ZT_DSL_ENGINE_CACHE) under
the hash of all that decides what it does: module files, sources, build flags, Go version and platform. A
changed source is another binary, and the old one is never asked by mistake.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

from attrs import frozen

ENGINES = ("kubernetes", "cilium", "apiserver", "kafka", "calico", "istio")

# The same for every engine, so that they share Go's own build cache: what one compiled, the next one reuses.
FLAGS = ("-p", "2", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")
# Nothing here needs a C compiler, and a go.work above the checkout must not change what is linked.
ENVIRONMENT = {"CGO_ENABLED": "0", "GOWORK": "off"}

_SECONDS_BETWEEN_REPORTS = 10.0
_LINES_OF_A_FAILURE = 30

_NO_GO = """\
The conformance tests need the Go toolchain: the `go` command was not found.
Install Go 1.26 or later (https://go.dev/doc/install), put it on the PATH, and run `make conformance` again.
They are never skipped: without the real engines nothing has judged what zt_dsl emits."""


class CannotBuildError(Exception):
    """The message says what to do about it."""


@frozen
class Target:
    """An engine as it would be built here and now: where its sources are, and where its binary belongs."""

    name: str
    module: Path
    binary: Path

    @property
    def missing(self) -> bool:
        return not self.binary.exists()


def cache() -> Path:
    chosen = os.environ.get("ZT_DSL_ENGINE_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "zt_dsl" / "engines"


def target(name: str) -> Target:
    """Asks Go for its version, which takes some milliseconds, but builds nothing."""
    module = Path(__file__).parent / name
    toolchain = go(module, "env", "GOVERSION", "GOOS", "GOARCH")
    return Target(name, module, cache() / f"{name}-{key(module, toolchain)}")


def sources(module: Path) -> list[Path]:
    """Everything that `go build` reads in the module's directory, modules that stand in for others below it too."""
    return sorted([module / "go.sum", *module.rglob("go.mod"), *module.rglob("*.go")])


def key(module: Path, toolchain: str) -> str:
    """The same for the same contents, wherever the checkout is."""
    digest = hashlib.sha256()
    for part in (toolchain, *FLAGS, *(f"{k}={v}" for k, v in sorted(ENVIRONMENT.items()))):
        digest.update(part.encode() + b"\0")
    for path in sources(module):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(module).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:20]


def go(module: Path, *arguments: str) -> str:
    """What a go command answers in the module's directory, where go.mod may choose the toolchain."""
    try:
        done = subprocess.run(
            ["go", *arguments], cwd=module, env=_environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CannotBuildError(_NO_GO) from error
    if done.returncode:
        # Some commands (`mod download -json`) put their errors where their answers are.
        said = (done.stderr or done.stdout).strip()
        raise CannotBuildError(f"`go {' '.join(arguments)}` in {module} failed:\n{said}")
    return done.stdout


def _environment() -> Mapping[str, str]:
    return os.environ | ENVIRONMENT


def build(wanted: Target, say: Callable[[str], None]) -> None:
    """Compiles under a temporary name and renames: an interrupted build leaves no half binary."""
    started = time.monotonic()
    say(f"{wanted.name}: building; the first time this takes minutes and downloads the modules of its go.sum")
    packages = len(go(wanted.module, "list", "-deps", ".").split())
    say(f"{wanted.name}: {packages} packages are to be linked, {_seconds_since(started)}")
    wanted.binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{wanted.name}-", dir=wanted.binary.parent) as temporary:
        output = Path(temporary) / wanted.name
        _compile(wanted, output, started, packages, say)
        output.replace(wanted.binary)
    say(f"{wanted.name}: built, {_seconds_since(started)}: {wanted.binary}")


def _compile(wanted: Target, output: Path, started: float, packages: int, say: Callable[[str], None]) -> None:
    # -v: Go names each package as it compiles it. What its cache already holds goes unnamed.
    command = ["go", "build", "-v", *FLAGS, "-o", str(output), "."]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=wanted.module,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        reading = threading.Thread(target=_collect, args=(process.stderr, lines))
        reading.start()
        while reading.is_alive():
            reading.join(_SECONDS_BETWEEN_REPORTS)
            if reading.is_alive():
                say(f"{wanted.name}: {len(lines)} of at most {packages} compiled, {_seconds_since(started)}")
    if process.returncode:
        said = "\n".join(lines[-_LINES_OF_A_FAILURE:])
        raise CannotBuildError(f"`{' '.join(command)}` in {wanted.module} failed:\n{said}")


def _collect(stream: IO[str], lines: list[str]) -> None:
    lines.extend(line.rstrip() for line in stream)


def _seconds_since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"


def build_missing(names: Iterable[str], say: Callable[[str], None]) -> None:
    for wanted in map(target, names):
        if wanted.missing:
            build(wanted, say)
        else:
            say(f"{wanted.name}: already built: {wanted.binary}")


def main() -> int:
    def say(line: str) -> None:
        print(f"engines: {line}", file=sys.stderr, flush=True)

    try:
        build_missing(ENGINES, say)
    except CannotBuildError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
