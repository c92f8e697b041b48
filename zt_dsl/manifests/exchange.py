"""The usual way to publish: a whole tree beside the old one, and both change places in one step.

Foreign files have a second name (a hard link) in the new tree. Whatever is put into the old tree while this
happens is found by a second look at it, after the exchange, and moved over.
"""

import errno
import json
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from zt_dsl.manifests.files import (
    FileLayer,
    Kind,
    free_name,
    make_directories,
    make_passable,
    opened,
    remove_if_empty,
    token,
)

# The file system, or the kernel, or who we are, does not allow hard links or exchanges here.
_CANNOT: Final = frozenset(
    {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EBUSY}
)
_PROBE: Final = ".zt-probe"


class Impossible(Exception):  # noqa: N818
    """No exchange here: publish in place."""


@frozen
class Note:
    """What a run leaves behind for the next one, should it be killed.

    `stage` is the inode of the staged directory: it tells on which side of the exchange the run ended.
    `known` says of each path of the old tree what stood there, so that all else is foreign and new.
    """

    stage: int
    known: Mapping[str, str]


def write_stage(
    layer: FileLayer,
    parent: int,
    stage: str,
    lock: int,
    out: int | None,
    files: Mapping[str, bytes],
    own: frozenset[str],
) -> dict[str, str]:
    """Makes the staged tree; the result is what was seen of the foreign part of the old one.

    Raises `Impossible` where this kind of publishing cannot be done here, and OSError.
    """
    layer.make_directory(parent, stage)
    entry = layer.look(parent, stage)
    if entry is None:
        raise FileNotFoundError(errno.ENOENT, "the staged directory is gone", stage)
    layer.clear_note(lock)
    layer.add_note(lock, json.dumps(entry.inode).encode() + b"\n")
    with opened(layer, stage, parent) as root:
        if out is not None:
            _probe(layer, root)
        made: set[str] = set()
        for path, data in files.items():
            directory, _, _ = path.rpartition("/")
            if directory not in made:
                make_directories(layer, root, path)
                made.add(directory)
            layer.write(root, path, data)
        if out is None:
            return {}
        modes: list[tuple[str, int]] = []
        foreign = _link_foreign(layer, out, root, "", own, modes)
        # Deepest first, after everything is in them: a mode may forbid to write.
        for path, mode in reversed(modes):
            layer.set_mode(root, path, mode)
        return foreign


def _probe(layer: FileLayer, root: int) -> None:
    one, other = _PROBE, f"{_PROBE}2"
    layer.make_directory(root, one)
    layer.make_directory(root, other)
    try:
        layer.exchange(root, one, other)
    except OSError as error:
        raise _impossible(error) from error
    layer.remove_directory(root, one)
    layer.remove_directory(root, other)


def _impossible(error: OSError) -> Exception:
    return Impossible(str(error)) if error.errno in _CANNOT else error


def _link_foreign(
    layer: FileLayer, old: int, root: int, prefix: str, own: frozenset[str], modes: list[tuple[str, int]]
) -> dict[str, str]:
    """`own` are the paths of our files and of the directories that are there for them alone."""
    seen: dict[str, str] = {}
    for name, entry in layer.entries(old):
        path = prefix + name
        if entry.kind is Kind.DIRECTORY:
            seen[path] = token(entry)
            with opened(layer, name, old) as inner:
                below = _link_foreign(layer, inner, root, f"{path}/", own, modes)
            seen |= below
            if path not in own:
                make_directories(layer, root, f"{path}/")
            if layer.look(root, path) is not None:
                modes.append((path, entry.mode))
        elif path not in own:
            seen[path] = token(entry)
            make_directories(layer, root, path)
            try:
                layer.link(old, name, root, path)
            except OSError as error:
                raise _impossible(error) from error
    return seen


def exchange(layer: FileLayer, parent: int, stage: str, name: str, lock: int, known: Mapping[str, str]) -> None:
    """The step itself. The note comes first; all of it is on the disk by the `sync` in between."""
    layer.add_note(lock, json.dumps(dict(known)).encode() + b"\n")
    with opened(layer, stage, parent) as root:
        layer.sync(root)
    layer.exchange(parent, stage, name)


def publish_new(layer: FileLayer, parent: int, stage: str, name: str) -> None:
    """Where there is no old tree."""
    with opened(layer, stage, parent) as root:
        layer.sync(root)
    try:
        layer.rename_new(parent, stage, name)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        # An older way: it replaces nothing but an empty directory.
        layer.rename(parent, stage, parent, name)


def decode_note(data: bytes) -> Note | None:
    """None where there is no note, or only the beginning of one."""
    lines = data.split(b"\n")
    try:
        stage = json.loads(lines[0])
        known = json.loads(lines[1]) if len(lines) > 2 else {}
    except ValueError:
        return None
    return Note(stage, known) if isinstance(stage, int) and isinstance(known, dict) else None


def drain(layer: FileLayer, parent: int, stage: str, name: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Ends what an exchange began: the old tree, now at `stage`, is removed.

    What is foreign and new in it is moved over first. The result are the paths of files that had to be kept
    beside one of ours under another name. Can be repeated from wherever it was interrupted.
    """
    kept: list[str] = []
    # Somebody who still has the old directory open may add to it up to the end.
    for _ in range(5):
        with opened(layer, stage, parent) as old, opened(layer, name, parent) as new:
            _remove_known(layer, old, "", known)
            _move_over(layer, old, new, "", known, kept)
        try:
            layer.remove_directory(parent, stage)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        else:
            break
    return tuple(kept)


def _remove_known(layer: FileLayer, old: int, prefix: str, known: Mapping[str, str]) -> None:
    for name, entry in layer.entries(old):
        path = prefix + name
        if known.get(path) not in (token(entry), token(entry, own=True)):
            continue
        if entry.kind is Kind.DIRECTORY:
            make_passable(layer, old, name, entry)
            with opened(layer, name, old) as inner:
                _remove_known(layer, inner, f"{path}/", known)
            remove_if_empty(layer, old, name)
        else:
            layer.remove(old, name)


def _move_over(layer: FileLayer, old: int, new: int, prefix: str, known: Mapping[str, str], kept: list[str]) -> None:
    for name, entry in layer.entries(old):
        path = prefix + name
        there = layer.look(new, name)
        if there is None:
            layer.rename(old, name, new, name)
        elif there.inode == entry.inode:
            layer.remove(old, name)  # the same file: to rename it onto itself does nothing
        elif entry.kind is Kind.DIRECTORY and there.kind is Kind.DIRECTORY:
            with opened(layer, name, old) as inner_old, opened(layer, name, new) as inner_new:
                _move_over(layer, inner_old, inner_new, f"{path}/", known, kept)
            remove_if_empty(layer, old, name)
        elif entry.kind is not Kind.DIRECTORY and known.get(path) == token(there):
            # A foreign file that was replaced after we had linked it: ours is a link to what it was.
            layer.rename(old, name, new, name)
        else:
            beside = free_name(layer, new, name)
            layer.rename(old, name, new, beside)
            kept.append(prefix + beside)
