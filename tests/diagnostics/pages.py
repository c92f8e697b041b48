"""The manual's pages, read and run: what is written there is what happens.

A page is `# CODE: title`, a paragraph, and three sections: why it matters, wrong, right. Comments before a block
are for this runner:

    <!-- file: shop.py -->     what the block is called; without it, topology.py
    <!-- on: 2027-01-01 -->    the day that `until` is compared with
    <!-- judged: resolve -->   a right model that the engine at hand cannot say (ZT3xx)
    <!-- locked: out -->       another run holds this directory
    <!-- planted: bug -->      the backend opens a port that nobody declared

A section with a console block runs its commands in a directory that holds its files; those of what is wrong are
there for what is right, too. In another section the program runs in this process, as far as the proof.
"""

import fcntl
import gc
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from attrs import evolve, field, frozen

import zt_dsl.backends.kubernetes
from zt_dsl import Kubernetes, Platform, Topology
from zt_dsl.commands import compile as compile_command
from zt_dsl.commands import options, run, verify
from zt_dsl.commands.options import Format
from zt_dsl.compiler import Ready, build, plan, prove
from zt_dsl.diagnostics import Diagnostic, errors
from zt_dsl.diagnostics.text import rendered
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import LAST_PORT
from zt_dsl.load import TIMEOUT, Loaded, Request
from zt_dsl.manifests import publish
from zt_dsl.manifests.tree import Document
from zt_dsl.model.recording import recording
from zt_dsl.resolve import resolve

FOLDER = Path(__file__).parents[2] / "docs" / "diagnostics"
SECTIONS = ("Why it matters", "Wrong", "Right")
TODAY = date(2026, 7, 1)
NEWEST = "1.37"

_TITLE = re.compile(r"# (?P<code>ZT\d{3}): (?P<title>.+)")
_DIRECTIVE = re.compile(r"<!-- (?P<key>\w+): (?P<value>.+) -->")
_DIRECTIVES = frozenset({"file", "on", "judged", "locked", "planted"})


class BrokenPageError(Exception):
    """A page that cannot be read."""


@frozen
class Block:
    """What stands between fences, and the directives above it."""

    language: str
    text: str
    said: Mapping[str, str] = field(factory=dict)


@frozen
class Page:
    code: str
    title: str
    about: str
    prose: Mapping[str, str]
    blocks: Mapping[str, tuple[Block, ...]]


@frozen
class Outcome:
    """What there was to say, as values and as a reader sees it. `status` is that of the last command."""

    diagnostics: tuple[Diagnostic, ...]
    text: str
    status: int = 0


# --- reading --------------------------------------------------------------------------------------------------


def read(text: str) -> Page:
    """Raises BrokenPageError for what is no page."""
    lines = iter(text.splitlines())
    title = _TITLE.fullmatch(next(lines, ""))
    if not title:
        raise BrokenPageError("the first line is not `# CODE: title`")
    prose: dict[str, list[str]] = {"": []}
    blocks: dict[str, list[Block]] = {"": []}
    section = ""
    said: dict[str, str] = {}
    for line in lines:
        if line.startswith("## "):
            section = line.removeprefix("## ")
            if section in prose:
                raise BrokenPageError(f"`{section}` is there twice")
            prose[section], blocks[section] = [], []
        elif directive := _DIRECTIVE.fullmatch(line):
            if directive["key"] not in _DIRECTIVES:
                raise BrokenPageError(f"an unknown directive: {line}")
            said[directive["key"]] = directive["value"]
        elif line.startswith("```"):
            blocks[section].append(Block(line.removeprefix("```"), _fenced(lines), said))
            said = {}
        elif line:
            prose[section].append(line)
    if said:
        raise BrokenPageError(f"directives without a block: {said}")
    if tuple(prose) != ("", *SECTIONS):
        raise BrokenPageError(f"the sections are {', '.join(filter(None, prose))}")
    whole = {name: " ".join(lines) for name, lines in prose.items()}
    return Page(title["code"], title["title"], whole[""], whole, {name: tuple(found) for name, found in blocks.items()})


def _fenced(lines: Iterator[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line == "```":
            return "".join(f"{one}\n" for one in kept)
        kept.append(line)
    raise BrokenPageError("a block that does not end")


# --- running --------------------------------------------------------------------------------------------------


def outcome(page: Page, section: str, folder: Path) -> Outcome:
    """What comes of a section's blocks. `folder` is empty; files are written there."""
    blocks = page.blocks[section]
    consoles = [block for block in blocks if block.language == "console"]
    programs = [block for block in blocks if block.language not in ("text", "console")]
    if consoles and section == "Right":
        programs = [*(block for block in page.blocks["Wrong"] if "file" in block.said), *programs]
    said = {key: value for block in blocks for key, value in block.said.items() if key != "file"}
    # So that the project's root is found here, whatever lies above.
    (folder / "pyproject.toml").touch()
    for block in programs:
        path = folder / block.said.get("file", "topology.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    if consoles:
        about_loading = page.code.startswith("ZT1") and section == "Wrong"
        loads = None if about_loading else _loaded_here
        with _conditions(folder, said, loads):
            return _console(consoles[0], folder)
    if len(programs) != 1:
        raise BrokenPageError(f"`{section}` has {len(programs)} programs and no console")
    return _in_process(programs[0], said, folder)


def _in_process(block: Block, said: Mapping[str, str], folder: Path) -> Outcome:
    path = folder / block.said.get("file", "topology.py")
    names: dict[str, object] = {"__name__": "topology"}
    with recording() as recorded:
        exec(compile(block.text, str(path), "exec"), names)
    topology, platform = names["topology"], names.get("platform", Platform("kubernetes", network=Kubernetes(NEWEST)))
    assert isinstance(topology, Topology)
    assert isinstance(platform, Platform)
    on = date.fromisoformat(said["on"]) if "on" in said else TODAY
    resolved = resolve(topology, platform, on=on, recorded=recorded)
    diagnostics = resolved.diagnostics
    if resolved.policy is not None:
        planned = plan(resolved.policy)
        if said.get("judged") == "resolve":
            refused = [diagnostic.code for diagnostic in planned.diagnostics]
            assert any(code.startswith("ZT3") for code in refused), "it can be planned: take `judged` out"
            assert all(code.startswith("ZT3") for code in refused), refused
        else:
            diagnostics += planned.diagnostics
        if isinstance(planned, Ready):
            built = build(planned, folder)
            diagnostics += prove(planned, [(name, built.files[name]) for name in built.manifests]).diagnostics
    return Outcome(diagnostics, rendered(diagnostics, root=folder, color=False), 1 if errors(diagnostics) else 0)


# --- the console ----------------------------------------------------------------------------------------------


def _console(block: Block, folder: Path) -> Outcome:
    """Commands after `$ `; what stands below one must be in what it prints, line by line."""
    shown = ""
    diagnostics: list[Diagnostic] = []
    status = 0
    printed: list[str] = []
    for line in block.text.splitlines():
        if line == "$ echo $?":
            printed = [str(status)]
        elif line.startswith("$ "):
            text, status, found = _command(line.removeprefix("$ "), folder)
            shown += text
            diagnostics += found
            printed = text.splitlines()
        elif line:
            assert line in printed, f"{line!r} is not printed; this is:\n" + "\n".join(printed)
            printed = printed[printed.index(line) + 1 :]
    return Outcome(tuple(diagnostics), shown, status)


def _command(command: str, folder: Path) -> tuple[str, int, list[Diagnostic]]:
    words = shlex.split(command)
    if words[:3] != ["python", "-m", "zt_dsl"]:
        done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout, 0, []
    found: list[Diagnostic] = []
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(out):
        for module in (compile_command, verify):
            patch.setattr(module, "write", _heard(found, module.write))
        try:
            status = run(words[3:])
        finally:
            gc.enable()  # commands live too short to collect
    # Absolute, where a path comes from the current folder: a page is about no folder of a test.
    text = out.getvalue().replace(f"{folder}/", "").replace(str(folder), ".")
    return text, status, found


def _heard(found: list[Diagnostic], write: Callable[..., None]) -> Callable[..., None]:
    def heard(diagnostics: tuple[Diagnostic, ...], style: Format, root: Path) -> None:
        found.extend(diagnostics)
        write(diagnostics, style, root)

    return heard


@contextmanager
def _conditions(folder: Path, said: Mapping[str, str], load: Callable[..., Loaded] | None) -> Iterator[None]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        if load is not None:
            patch.setattr(options, "load", load)
        if "planted" in said:
            patch.setattr(zt_dsl.backends.kubernetes, "BACKEND", _with_a_bug())
        if "locked" in said:
            patch.setattr(publish, "_PATIENCE", 0.0)
            stack.enter_context(_locked(folder / f".{said['locked']}.zt-lock"))
        stack.callback(_forget_modules, folder)
        yield


def _loaded_here(request: Request, *, timeout: float = TIMEOUT, tick: Callable[[], None] = lambda: None) -> Loaded:
    """As the child process does, without its start: what is shown there is not about loading."""
    from zt_dsl.load import child

    del timeout, tick
    _forget_modules(Path(request.root))
    return child._load(request)


def _forget_modules(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _with_a_bug() -> object:
    backend = zt_dsl.backends.kubernetes.BACKEND

    def lower(policy: Policy, root: Path) -> Iterable[tuple[str, tuple[Document, ...]]]:
        first = policy.flows[0]
        opened = evolve(first, port=evolve(first.port, last=LAST_PORT))
        return backend.lower(evolve(policy, flows=(opened, *policy.flows)), root)

    return evolve(backend, lower=lower)
