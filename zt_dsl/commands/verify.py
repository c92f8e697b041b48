"""`verify`: prove a directory of manifests that somebody may have edited."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from zt_dsl.commands import UsageError
from zt_dsl.commands.options import Format, loaded, loading, what
from zt_dsl.commands.output import exit_status, progress, write
from zt_dsl.compiler import Ready, Refused, plan, prove
from zt_dsl.diagnostics import Diagnostic, errors
from zt_dsl.load import project_root

# kubectl applies these; kustomize's own file says what is applied, and is no object.
_SUFFIXES = (".yaml", ".yml", ".json")
_KUSTOMIZE = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is declared, and where the manifests are."""
    parser.add_argument("topology", metavar="MODULE:NAME", help="a Topology, or a function that returns one")
    parser.add_argument("directory", metavar="DIR", type=Path, help="every YAML document in it, foreign ones too")
    loading(parser)


def command(given: argparse.Namespace) -> int:
    """Prove every YAML document under DIR against the topology.

    Exit 2 with counter-examples where they differ. A field or a kind that is not understood is a difference.
    """
    directory: Path = given.directory
    style: Format = given.style
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory")
    started = time.perf_counter()
    root = project_root(Path.cwd())
    with progress() as step:
        found = loaded(what(given.topology, given), root, lambda: step("loading"))
        diagnostics, proof = found.diagnostics, None
        ready = plan(found.policy) if found.policy is not None else Refused(())
        diagnostics = (*diagnostics, *ready.diagnostics)
        if isinstance(ready, Ready):
            step("proving")
            files = list(_files(directory))
            unread = tuple(one for one in files if isinstance(one, Diagnostic))
            proof = prove(ready, (one for one in files if not isinstance(one, Diagnostic)))
            diagnostics = (*diagnostics, *unread, *proof.diagnostics)
    write(diagnostics, style, root)
    if style == "text" and proof is not None and not errors(diagnostics):
        print(
            f"{directory}: {proof.permitted:,} connections permitted as declared, {proof.refused:,} others refused, "
            f"strangers included, {time.perf_counter() - started:.2f} s"
        )
    return exit_status(diagnostics)


def _files(directory: Path) -> Iterator[tuple[str, bytes] | Diagnostic]:
    for path in sorted(directory.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or path.name in _KUSTOMIZE or path.parent.name == ".zt":
            continue
        try:
            if path.is_symlink():
                yield Diagnostic(
                    "ZT500",
                    f"{path} is a symbolic link",
                    why="What it leads to can change without this directory, and may be anything.",
                    help="put the file itself there",
                )
                continue
            if path.is_dir():
                continue
            yield str(path), path.read_bytes()
        except OSError as error:
            yield Diagnostic(
                "ZT500",
                f"{path} cannot be read: {error.strerror}",
                why="A file that is applied and was not read may hold anything.",
                help="make it readable, or remove it",
            )
