"""`verify`: prove a directory of manifests that somebody may have edited."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path

import click

from zt_dsl.commands.options import Format, loaded, loading, what
from zt_dsl.commands.output import exit_status, progress, write
from zt_dsl.compiler import plan, prove
from zt_dsl.diagnostics import Diagnostic, errors
from zt_dsl.load import project_root

# kubectl applies these; kustomize's own file says what is applied, and is no object.
_SUFFIXES = (".yaml", ".yml", ".json")
_KUSTOMIZE = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@click.command("verify")
@click.argument("topology", metavar="MODULE:NAME")
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@loading
def command(
    topology: str,
    directory: Path,
    settings: tuple[str, ...],
    platform: str | None,
    target: str | None,
    on: str | None,
    timeout: float,
    style: Format,
) -> int:
    """Prove every YAML document under DIR, foreign ones too, against the topology.

    Exit 2 with counter-examples where they differ. A field or a kind that is not understood is a difference.
    """
    gc.disable()
    started = time.perf_counter()
    root = project_root(Path.cwd())
    with progress() as step:
        found = loaded(what(topology, settings, platform, target, on, timeout), root)
        diagnostics = found.diagnostics
        planned = plan(found.policy) if found.policy is not None else None
        if planned is not None:
            diagnostics = (*diagnostics, *planned.diagnostics)
        proof = None
        if planned is not None and planned.policy is not None:
            step("proving")
            files = list(_files(directory))
            unread = tuple(one for one in files if isinstance(one, Diagnostic))
            proof = prove(planned, (one for one in files if not isinstance(one, Diagnostic)))
            diagnostics = (*diagnostics, *unread, *proof.diagnostics)
    write(diagnostics, style, root)
    if style == "text" and proof is not None and not errors(diagnostics):
        click.echo(
            f"{directory}: {proof.permitted:,} connections permitted as declared, {proof.refused:,} others refused, "
            f"strangers included, {time.perf_counter() - started:.2f} s"
        )
    return exit_status(diagnostics)


def _files(directory: Path) -> Iterator[tuple[str, bytes] | Diagnostic]:
    for path in sorted(directory.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or path.name in _KUSTOMIZE or path.parent.name == ".zt":
            continue
        try:
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
