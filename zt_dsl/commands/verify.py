"""`verify`: prove a directory of manifests that somebody may have edited."""

import argparse
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from zt_dsl.commands import UsageError
from zt_dsl.commands.options import Format, loaded, loading, what
from zt_dsl.commands.output import exit_status, progress, say, write
from zt_dsl.compiler import Ready, Refused, plan, prove
from zt_dsl.diagnostics import Diagnostic, errors
from zt_dsl.load import project_root
from zt_dsl.manifests.kustomization import misapplied
from zt_dsl.manifests.names import KUSTOMIZATION_FILE
from zt_dsl.manifests.read import read

# kubectl applies these.
_SUFFIXES = (".yaml", ".yml", ".json")
# What is no object of a cluster: what says which are applied, and our own ownership file.
_NO_OBJECTS = (KUSTOMIZATION_FILE, ".zt/manifest.json")
# kustomize goes by this, too (kustomize v5, `api/konfig/general.go`); its third name is read as a manifest.
_OTHER_NAME = "Kustomization"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is declared, and where the manifests are."""
    parser.add_argument("topology", metavar="MODULE:NAME", help="a Topology, or a function that returns one")
    parser.add_argument("directory", metavar="DIR", type=Path, help="every YAML document in it, foreign ones too")
    loading(parser)


def command(given: argparse.Namespace) -> int:
    """Prove every YAML document under DIR against the topology, and that kustomize would apply them as they are.

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
            read_here = {Path(one[0]).relative_to(directory).as_posix() for one in files if isinstance(one, tuple)}
            diagnostics = (*diagnostics, *unread, *proof.diagnostics)
            if not errors(diagnostics):
                # A file too many or too few is one mistake, and not a second one in the list of files.
                diagnostics = (*diagnostics, *_applied(directory, read_here))
    write(diagnostics, style, root)
    if style == "text" and proof is not None and not errors(diagnostics):
        say(
            f"{directory}: {proof.permitted:,} connections permitted as declared, {proof.refused:,} others refused, "
            f"strangers included, {time.perf_counter() - started:.2f} s"
        )
    return exit_status(diagnostics)


def _files(directory: Path) -> Iterator[tuple[str, bytes] | Diagnostic]:
    """Every file under it that kubectl would apply; a diagnostic for what cannot be judged. Nothing is passed over."""
    unread: list[Diagnostic] = []

    def failed(error: OSError) -> None:
        unread.append(_unread(error.filename, f"cannot be read: {error.strerror}", "make it readable, or remove it"))

    for folder, folders, names in os.walk(directory, onerror=failed):
        folders.sort()
        for name in sorted((*folders, *names)):
            path = Path(folder, name)
            applied = path.suffix.lower() in _SUFFIXES and path.relative_to(directory).as_posix() not in _NO_OBJECTS
            if path.is_symlink() and (applied or path.is_dir()):
                yield _unread(path, "is a symbolic link: what it leads to may be anything", "put the file itself there")
            elif applied and not path.is_dir():
                yield _read(path)
    yield from unread


def _applied(directory: Path, files: Collection[str]) -> Iterator[Diagnostic]:
    """What kustomize would make of them, where it is told how."""
    if (other := directory / _OTHER_NAME).is_file():
        yield _unread(other, f"is read by kustomize in the place of {KUSTOMIZATION_FILE}", "remove it")
    path = directory / KUSTOMIZATION_FILE
    if path.is_symlink():
        yield _unread(path, "is a symbolic link: what it leads to may be anything", "put the file itself there")
    elif path.exists():
        match _read(path):
            case Diagnostic() as unread:
                yield unread
            case name, data:
                found = read(data, name)
                if isinstance(found, Diagnostic):
                    yield found
                elif len(found) != 1:
                    yield _unread(path, f"has {len(found)} documents", "leave the one that lists the files")
                else:
                    yield from misapplied(found[0], files)


def _read(path: Path) -> tuple[str, bytes] | Diagnostic:
    try:
        # A pipe would be waited for: only what is a file is opened.
        return (str(path), path.read_bytes()) if path.is_file() else _unread(path, "is no file", "remove it")
    except OSError as error:
        return _unread(path, f"cannot be read: {error.strerror}", "make it readable, or remove it")


def _unread(path: Path | str, message: str, help: str) -> Diagnostic:
    return Diagnostic("ZT500", f"{path} {message}", (), "What is applied and was not read may hold anything.", help)
