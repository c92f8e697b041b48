"""Publishing where directories cannot be exchanged: a mount point, another kernel, no hard links.

The new files are staged in `.zt/stage` inside the directory, so that each can be renamed to its place. The
journal says what has to be done; once it is there the run will be completed, by the next one if need be, and
until then nothing has happened.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from attrs import asdict, frozen

from zt_dsl.manifests.files import (
    FileLayer,
    Kind,
    free_name,
    make_directories,
    opened,
    opened_at,
    remove_if_empty,
    remove_tree,
    token,
)
from zt_dsl.manifests.ownership import DIRECTORY

STAGE: Final = f"{DIRECTORY}/stage"
_NEW: Final = f"{STAGE}/new"
_OLD: Final = f"{STAGE}/old"
_JOURNAL: Final = f"{STAGE}/journal"


class HalfDone(OSError):  # noqa: N818
    """Neither done nor undone; the journal is there, and the next run completes it."""


@frozen
class Journal:
    """What has to be done: `new` files to put in place, in this order, and `stale` ones to take away.

    `known` says what stood at the paths of our files, `made` which directories were not there before.
    """

    new: tuple[str, ...]
    stale: tuple[str, ...]
    known: Mapping[str, str]
    made: tuple[str, ...]


def write_stage(layer: FileLayer, out: int, files: Mapping[str, bytes]) -> None:
    """Raises OSError."""
    make_directories(layer, out, f"{_NEW}/")
    layer.make_directory(out, _OLD)
    with opened_at(layer, out, _NEW) as root:
        for path, data in files.items():
            make_directories(layer, root, path)
            layer.write(root, path, data)


def read_staged(layer: FileLayer, out: int, path: str) -> bytes:
    """Raises OSError."""
    return layer.read(out, f"{_NEW}/{path}")


def publish(layer: FileLayer, out: int, journal: Journal) -> tuple[tuple[str, ...], bool]:
    """Does what the journal says; the result are the files that had to be kept under another name, and
    whether all was cleared away too.

    Raises OSError, after undoing what was done; `HalfDone` if that could not be done either.
    """
    with opened_at(layer, out, STAGE) as stage:
        layer.write(stage, "journal.tmp", json.dumps(asdict(journal)).encode())
        layer.sync(stage)
        layer.rename(stage, "journal.tmp", stage, "journal")
    try:
        kept = _forward(layer, out, journal)
    except BaseException as error:
        try:
            _backward(layer, out, journal)
            discard(layer, out)
        except OSError as second:
            raise HalfDone(*second.args) from error
        raise
    try:
        _finish(layer, out, journal)
    except OSError:
        return kept, False
    return kept, True


def recover(layer: FileLayer, out: int) -> None:
    """Completes what a run began that was killed; or clears away what it had only prepared."""
    for path in (DIRECTORY, STAGE):
        entry = layer.look(out, path)
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return
    try:
        written = json.loads(layer.read(out, _JOURNAL))
    except FileNotFoundError:
        discard(layer, out)
        return
    journal = Journal(tuple(written["new"]), tuple(written["stale"]), written["known"], tuple(written["made"]))
    _forward(layer, out, journal)
    _finish(layer, out, journal)


def abandon(layer: FileLayer, out: int) -> None:
    """Clears away what was staged, unless it has begun to be published: then it has to be completed."""
    if layer.look(out, _JOURNAL) is None:
        discard(layer, out)


def discard(layer: FileLayer, out: int) -> None:
    """Clears away what was staged. The journal goes first: without it, nothing is to be done."""
    with suppress(FileNotFoundError), opened(layer, DIRECTORY, out) as zt:
        with suppress(FileNotFoundError):
            layer.remove(zt, "stage/journal")
        remove_tree(layer, zt, "stage")
    remove_if_empty(layer, out, DIRECTORY)


def _forward(layer: FileLayer, out: int, journal: Journal) -> tuple[str, ...]:
    kept: list[str] = []
    for path in journal.stale:
        # Its directory may be gone already: the run that was killed had come to the end.
        with suppress(FileNotFoundError), _directory_of(layer, out, path) as (directory, name):
            entry = layer.look(directory, name)
            if entry is not None and token(entry, own=True) == journal.known.get(path):
                _set_aside(layer, out, directory, name, path)
    for path in journal.new:
        make_directories(layer, out, path)
        if layer.look(out, f"{_NEW}/{path}") is None:
            continue  # done by the run that was killed
        with _directory_of(layer, out, path) as (directory, name):
            entry = layer.look(directory, name)
            if entry is not None and token(entry, own=True) == journal.known.get(path):
                _set_aside(layer, out, directory, name, path)
            elif entry is not None:
                # Foreign, or edited, and newer than our plan.
                beside = free_name(layer, directory, name)
                layer.rename(directory, name, directory, beside)
                kept.append(path[: -len(name)] + beside)
            layer.rename(out, f"{_NEW}/{path}", directory, name)
    return tuple(kept)


def _set_aside(layer: FileLayer, out: int, directory: int, name: str, path: str) -> None:
    make_directories(layer, out, f"{_OLD}/{path}")
    layer.rename(directory, name, out, f"{_OLD}/{path}")


def _backward(layer: FileLayer, out: int, journal: Journal) -> None:
    for path in reversed(journal.new):
        with suppress(FileNotFoundError), _directory_of(layer, out, path) as (directory, name):
            if layer.look(out, f"{_NEW}/{path}") is None:
                layer.rename(directory, name, out, f"{_NEW}/{path}")
    for path in (*journal.new, *journal.stale):
        with suppress(FileNotFoundError), _directory_of(layer, out, path) as (directory, name):
            if layer.look(out, f"{_OLD}/{path}") is not None:
                layer.rename(out, f"{_OLD}/{path}", directory, name)
    for made in reversed(journal.made):
        remove_if_empty(layer, out, made)


def _finish(layer: FileLayer, out: int, journal: Journal) -> None:
    """Directories that held nothing but stale files go; those of other people do not."""
    parents = {path[:at] for path in journal.stale for at in range(len(path)) if path[at] == "/"}
    for parent in sorted(parents, reverse=True):
        remove_if_empty(layer, out, parent)
    discard(layer, out)


@contextmanager
def _directory_of(layer: FileLayer, out: int, path: str) -> Iterator[tuple[int, str]]:
    directory, _, name = path.rpartition("/")
    with opened_at(layer, out, directory) as at:
        yield at, name
