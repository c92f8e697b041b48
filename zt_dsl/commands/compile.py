"""`compile`: write the policies of a topology, and prove them."""

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve, frozen

from zt_dsl.commands import UsageError
from zt_dsl.commands.options import Format, What, day, engine, loaded, loading, reference, what
from zt_dsl.commands.output import Step, exit_status, progress, say, worst, write
from zt_dsl.commands.summary import Compiled, one_line, summary
from zt_dsl.compiler import Build, Proof, Ready, Refused, build, plan, prove, version_of
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.load import project_root
from zt_dsl.manifests.publish import abandon, commit, difference, stage
from zt_dsl.source import Location
from zt_dsl.version import VERSION


@frozen
class Asked:
    """One build: what to load, where to write (empty: the default), and how."""

    what: What
    out: str
    check: bool
    force: bool


@frozen
class Done:
    """What came of one build. Nothing was compiled where there is an error among the diagnostics."""

    asked: Asked
    diagnostics: tuple[Diagnostic, ...]
    compiled: Compiled | None = None
    seconds: float = 0.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to load, where to write, and how."""
    parser.add_argument(
        "topology",
        metavar="MODULE:NAME",
        nargs="?",
        help="a Topology, or a function that returns one; without it, every [[tool.zt_dsl.build]] of pyproject.toml",
    )
    loading(parser)
    parser.add_argument(
        "-o", "--output", dest="out", metavar="DIR", default=None, help="where to (generated/<topology>/<platform>)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 2 with a diff where it is stale")
    parser.add_argument("--force", action="store_true", help="overwrite generated files that were edited by hand")


def command(given: argparse.Namespace) -> int:
    """Write the policies of a topology, and prove that they permit what it declares and nothing else."""
    root = project_root(Path.cwd())
    style: Format = given.style
    if given.out == "":
        raise UsageError("-o needs a directory: an empty one is a variable that is not set")
    if given.topology is not None:
        asked = [Asked(what(given.topology, given), given.out or "", given.check, given.force)]
    else:
        if given.settings or given.platform or given.target or given.out:
            raise UsageError("--set, --platform, --target and -o need a MODULE:NAME")
        read = list(_builds(root, given))
        wrong = tuple(one for one in read if isinstance(one, Diagnostic))
        if wrong:
            write(wrong, style, root)
            return exit_status(wrong)
        asked = [one for one in read if isinstance(one, Asked)]
    done: list[Done] = []
    for one in asked:
        with progress() as step:
            started = time.perf_counter()
            result = _compile(one, root, step)
            done.append(evolve(result, seconds=time.perf_counter() - started))
    _report(done, style, root)
    return worst([exit_status(one.diagnostics) for one in done])


def _report(done: list[Done], style: Format, root: Path) -> None:
    write(tuple(diagnostic for one in done for diagnostic in one.diagnostics), style, root)
    if style != "text":
        return
    for one in done:
        if one.compiled is None:
            if len(done) > 1:
                print(f"{one.asked.what.topology}: failed, see above", file=sys.stderr)
            continue
        say(summary(one.compiled, one.seconds, root) if len(done) == 1 else one_line(one.compiled, one.seconds))


# --- one build ----------------------------------------------------------------------------------------------


def _compile(asked: Asked, root: Path, step: Step) -> Done:
    found = loaded(asked.what, root, lambda: step("loading"))
    if found.policy is None:
        return Done(asked, found.diagnostics)
    step("compiling")
    ready = plan(found.policy)
    said = (*found.diagnostics, *ready.diagnostics)
    if isinstance(ready, Refused):
        return Done(asked, said)
    built = build(ready, root)
    default = root / "generated" / ready.policy.topology / ready.policy.platform.name
    # As the user would write it: messages name it.
    out = Path(asked.out or os.path.relpath(default))
    result = _check(ready, built, out, step) if asked.check else _publish(ready, built, out, asked, root, step)
    if isinstance(result, Compiled):
        return Done(asked, said, result)
    return Done(asked, (*said, *result))


def _check(ready: Ready, built: Build, out: Path, step: Step) -> Compiled | tuple[Diagnostic, ...]:
    """Prove what would be written, and compare it with what is there."""
    step("proving")
    proof = prove(ready, [(path, built.files[path]) for path in built.manifests], emitted=True)
    if proof.diagnostics:
        return _our_bugs(proof)
    found = difference(out, built.files, meta=_meta(ready))
    match found:
        case Diagnostic():
            return (found,)
        case "":
            return Compiled(ready, built, out, proof, None)
        case _:
            return (_stale(out, found),)


def _stale(out: Path, found: str) -> Diagnostic:
    return Diagnostic(
        "ZT607",
        f"{out} is not what the topology says now" if out.is_dir() else f"{out} is not there yet",
        why="What is committed or applied from there is an older policy, or was edited by hand.",
        help="run the same command without --check, and review the difference",
        detail=found,
    )


def _publish(
    ready: Ready, built: Build, out: Path, asked: Asked, root: Path, step: Step
) -> Compiled | tuple[Diagnostic, ...]:
    """Write to a staging place, prove the bytes that are there, and only then make them the directory."""
    step("writing")
    staged = stage(out, built.files, project=root, meta=_meta(ready), force=asked.force)
    if isinstance(staged, tuple):
        return staged
    try:
        step("proving")
        proof = prove(ready, ((path, staged.read(path)) for path in built.manifests), emitted=True)
    except BaseException:
        abandon(staged)
        raise
    if proof.diagnostics:
        abandon(staged)
        return _our_bugs(proof)
    step("publishing")
    published = commit(staged)
    if isinstance(published, tuple):
        return published
    return Compiled(ready, built, out, proof, published)


def _our_bugs(proof: Proof) -> tuple[Diagnostic, ...]:
    """Wider or narrower than declared is our mistake here: nobody has edited what was just written."""
    return tuple(
        Diagnostic(
            "ZT510",
            f"the proof failed, and nothing was published: {found.message}",
            (),  # the file that it points into was never published
            found.why,
            "this is a bug in zt_dsl: please report it, with the topology if you can",
        )
        for found in proof.diagnostics
    )


def _meta(ready: Ready) -> dict[str, str]:
    platform = ready.policy.platform
    return {
        "zt_dsl": VERSION,
        "topology": ready.policy.topology,
        "platform": platform.name,
        "engine": ", ".join(f"{layer.backend.name} {version_of(layer, platform)}" for layer in ready.layers),
    }


# --- pyproject.toml -------------------------------------------------------------------------------------------

_KEYS = ("topology", "platform", "target", "out", "set")


def _builds(root: Path, given: argparse.Namespace) -> Iterator[Asked | Diagnostic]:
    path = root / "pyproject.toml"
    at = Label(Location(str(path), 1))
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["zt_dsl"]["build"]
    except FileNotFoundError:
        raise UsageError("name a MODULE:NAME: there is no pyproject.toml with a [[tool.zt_dsl.build]]") from None
    except KeyError:
        raise UsageError(f"name a MODULE:NAME: {path.name} has no [[tool.zt_dsl.build]]") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        yield _unreadable(f"pyproject.toml is not valid TOML: {error}", at)
        return
    for number, table in enumerate(tables if isinstance(tables, list) else [tables], 1):
        yield _asked(table, number, at, root, given)


def _asked(table: object, number: int, at: Label, root: Path, given: argparse.Namespace) -> Asked | Diagnostic:
    if not isinstance(table, dict):
        return _unreadable(f"build {number} is not a table", at)
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        return _unreadable(f"build {number} has an unknown key {unknown[0]!r}", at)
    texts = {key: table.get(key, "") for key in _KEYS if key != "set"}
    wrong = [key for key, value in texts.items() if not isinstance(value, str)]
    if wrong:
        return _unreadable(f"build {number}: {wrong[0]!r} is not a text", at)
    settings = table.get("set", {})
    if not isinstance(settings, dict):
        return _unreadable(f"build {number}: 'set' is not a table", at)
    if bool(texts["platform"]) == bool(texts["target"]):
        return _unreadable(f"build {number} needs one of 'platform' and 'target'", at)
    try:
        asked = What(
            reference(texts["topology"]),
            reference(texts["platform"]) if texts["platform"] else "",
            engine(texts["target"]) if texts["target"] else (),
            {str(key): value for key, value in settings.items()},
            day(given.on),
            given.timeout,
        )
    except UsageError as error:
        return _unreadable(f"build {number}: {error}", at)
    return Asked(asked, str(root / texts["out"]) if texts["out"] else "", given.check, given.force)


def _unreadable(message: str, at: Label) -> Diagnostic:
    return Diagnostic(
        "ZT109",
        message,
        (at,),
        "A build that is passed over would leave an old policy in force without a word.",
        '[[tool.zt_dsl.build]] has the keys topology = "package.module:name", platform = "package.module:name" or '
        'target = "kubernetes", and optionally out = "directory" and set = {key = "value"}',
    )
