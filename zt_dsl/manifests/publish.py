"""Files into a directory: all of them or none, and nobody else's touched.

`stage` writes them where nobody looks; the caller reads them back (`Staged.read`) and proves them; `commit`
puts them in place in one step, `abandon` leaves everything as it was. Whatever kills a run, at any moment,
leaves the old tree or the new one, and the next run clears up.

The lock is a sibling of the directory, because the directory itself changes places with another.
"""

import difflib
import errno
import os
import pwd
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from enum import Enum
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests import exchange, journal
from zt_dsl.manifests.files import Entry, FileLayer, Kind, opened_at, remove_if_empty, remove_tree, scan, token
from zt_dsl.manifests.ownership import MANIFEST, Ownership, decode, digest, encode, is_ours, ownership

_PATIENCE: Final = 10.0
_PAUSE: Final = 0.1


@frozen
class Published:
    """What a run did, by path. `kept` are files that somebody put where ours had to go, while it ran: they
    were renamed. `leftover` is a directory that could not be removed; the next run will."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    pruned: tuple[str, ...]
    kept: tuple[str, ...] = ()
    leftover: str = ""


class _Way(Enum):
    NOTHING = "all is as it should be"
    NEW = "there is no directory yet"
    EXCHANGE = "two directories change places"
    IN_PLACE = "file by file, with a journal"


@frozen
class _Plan:
    """`files` with the ownership file last; `before` is all that is in the tree; `stale` are our files that
    are not wanted any more, `changed` those that are new or differ."""

    files: Mapping[str, bytes]
    before: Mapping[str, Entry]
    owned: Ownership
    changed: tuple[str, ...]
    stale: tuple[str, ...]

    def published(self) -> Published:
        unchanged = self.files.keys() - set(self.changed)
        return Published(_ours(self.changed), _ours(unchanged), _ours(self.stale))


def _ours(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(path for path in paths if path != MANIFEST))


@frozen(eq=False)
class Staged:
    """Files that are written but not published. Holds the lock: end it with `commit` or `abandon`."""

    shown: Path
    _plan: _Plan = field(repr=False, alias="plan")
    _way: _Way = field(alias="way")
    _layer: FileLayer = field(repr=False, alias="layer")
    _parent: int = field(repr=False, alias="parent")
    _name: str = field(repr=False, alias="name")
    _lock: int = field(repr=False, alias="lock")
    _out: int | None = field(repr=False, alias="out")
    _foreign: Mapping[str, str] = field(repr=False, alias="foreign")
    _cleanup: ExitStack = field(repr=False, alias="cleanup")

    @property
    def names(self) -> tuple[str, ...]:
        """The files, the ownership file aside."""
        return _ours(self._plan.files)

    def read(self, name: str) -> bytes:
        """The file's bytes, from the disk: what will be published. Raises KeyError, OSError."""
        if name not in self._plan.files:
            raise KeyError(name)
        layer = self._layer
        match self._way, self._out:
            case _Way.NEW | _Way.EXCHANGE, _:
                return layer.read(self._parent, f"{_stage_name(self._name)}/{name}")
            case _Way.IN_PLACE, int(out) if name in self._plan.changed:
                return journal.read_staged(layer, out, name)
            case _, int(out):
                # It stays as it is.
                directory, _, last = name.rpartition("/")
                with opened_at(layer, out, directory) as at:
                    return layer.read(at, last)
            case _:
                raise AssertionError("there is nothing yet, and nothing was staged")


def stage(
    out: Path,
    files: Mapping[str, bytes],
    *,
    project: Path,
    meta: Mapping[str, str] | None = None,
    force: bool = False,
    layer: FileLayer | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Staged | tuple[Diagnostic, ...]:
    """Writes the files beside `out`, whatever is in `out` untouched.

    `files` are by path relative to `out`, with `/`; `meta` goes into the ownership file. `force` overwrites
    what was edited by hand in files that are ours; it never touches foreign ones. Waits ten seconds for
    another run to end, by calling `sleep`.

    Raises ValueError where a path of `files` leads out of `out` or into `.zt`.
    """
    for path in files:
        if not is_ours(path):
            raise ValueError(f"not a path inside the directory: {path!r}")
    target = Path(os.path.abspath(out))  # noqa: PTH100  # not resolved: a link must be seen as one
    if refusal := refuse_directory(out, project):
        return (refusal,)
    with ExitStack() as cleanup:
        try:
            staged = _stage(out, target, files, meta or {}, force, layer or FileLayer(), sleep, cleanup)
        except OSError as error:
            return (_cannot_write(out, error),)
        if isinstance(staged, Staged):
            return evolve(staged, cleanup=cleanup.pop_all())
        return staged


def commit(staged: Staged) -> Published | tuple[Diagnostic, ...]:
    """Publishes. On diagnostics nothing has changed."""
    with staged._cleanup:
        try:
            return _commit(staged)
        except journal.HalfDone as error:
            return (_cannot_write(staged.shown, error, "the next run will complete what this one began"),)
        except OSError as error:
            return (_cannot_write(staged.shown, error),)


def abandon(staged: Staged) -> None:
    """Removes what was staged and gives back the lock. What cannot be removed now, the next run will."""
    staged._cleanup.close()


def difference(
    out: Path, files: Mapping[str, bytes], *, meta: Mapping[str, str] | None = None, layer: FileLayer | None = None
) -> str | Diagnostic:
    """What publishing would change, as a unified diff; empty where it would change nothing. Writes nothing
    and takes no lock. A diagnostic where the directory cannot be read or is not one."""
    layer = layer or FileLayer()
    wanted = {**files, MANIFEST: encode(ownership(files, meta or {}))}
    with ExitStack() as cleanup:
        try:
            root = _open_root(layer, cleanup, os.path.abspath(out))  # noqa: PTH100
        except FileNotFoundError:
            return "".join(_diff(path, None, data) for path, data in sorted(wanted.items()))
        except OSError as error:
            return _cannot_open(out, error)
        try:
            owned = _read_ownership(layer, root, out)
            if isinstance(owned, Diagnostic):
                return owned
            paths = sorted(wanted.keys() | owned.files.keys())
            return "".join(_diff(path, _read_if_there(layer, root, path), wanted.get(path)) for path in paths)
        except OSError as error:
            return _cannot_open(out, error)


def refuse_directory(out: Path, project: Path) -> Diagnostic | None:
    """ZT600 where `out` is a directory that holds more than manifests: `/`, a home, the project, or above."""
    protected = {_real(project): "the project's root", **dict.fromkeys(_homes(), "a home directory")}
    target = _real(out)
    for path, what in protected.items():
        # Also by identity: the same directory may have several names.
        if any(target == above or _same(target, above) for above in (path, *path.parents)):
            text = what if target == path else f"above {what}, {path}"
            return Diagnostic(
                "ZT600",
                f"{out} is {text}",
                why="files that are stale are removed from the directory, and it changes places with a new one",
                help="name a directory of its own, as in `-o generated/shop`",
            )
    return None


def _homes() -> tuple[Path, ...]:
    homes = [os.environ.get("HOME", "")]
    with suppress(KeyError):
        homes.append(pwd.getpwuid(os.getuid()).pw_dir)
    return tuple(_real(Path(home)) for home in homes if home)


def _real(path: Path) -> Path:
    """`Path.resolve` raises where links go in circles."""
    return Path(os.path.realpath(path))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


# --- staging --------------------------------------------------------------------------------------------------


def _stage(
    shown: Path,
    target: Path,
    files: Mapping[str, bytes],
    meta: Mapping[str, str],
    force: bool,
    layer: FileLayer,
    sleep: Callable[[float], None],
    cleanup: ExitStack,
) -> Staged | tuple[Diagnostic, ...]:
    parent = _open_parent(layer, cleanup, target.parent)
    name = target.name
    lock = _locked(layer, parent, _lock_name(name), sleep)
    if lock is None:
        return (_busy(shown),)
    cleanup.callback(_unlock, layer, parent, _lock_name(name), lock)
    if refusal := _recover_exchange(layer, parent, name, lock, shown):
        return (refusal,)

    there = layer.look(parent, name)
    out = None
    if there is not None:
        if there.kind is not Kind.DIRECTORY:
            return (_in_the_way(shown, shown, there),)
        if not layer.writable(parent, name):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        out = layer.open_directory(name, parent)
        cleanup.callback(layer.close, out)
        journal.recover(layer, out)

    plan = _plan(layer, out, shown, files, meta, force)
    if not isinstance(plan, _Plan):
        return plan
    way, foreign = _write(layer, parent, name, lock, out, plan, shown, cleanup)
    return Staged(shown, plan, way, layer, parent, name, lock, out, foreign, cleanup)


def _stage_name(name: str) -> str:
    return f".{name}.zt-stage"


def _lock_name(name: str) -> str:
    return f".{name}.zt-lock"


def _open_parent(layer: FileLayer, cleanup: ExitStack, parent: Path) -> int:
    """Makes what is missing of it, to be removed again if nothing comes to stand in it."""
    missing = [path for path in (parent, *parent.parents) if not path.exists()]
    for path in reversed(missing):
        with suppress(FileExistsError):
            layer.make_directory(None, str(path))
        cleanup.callback(_remove_quietly, layer, str(path))
    # Links above the directory are the user's own affair; from here on it is held by its descriptor.
    directory = layer.open_directory(str(parent.resolve()))
    cleanup.callback(layer.close, directory)
    return directory


def _remove_quietly(layer: FileLayer, path: str) -> None:
    with suppress(OSError):
        layer.remove_directory(None, path)


def _open_root(layer: FileLayer, cleanup: ExitStack, path: str) -> int:
    root = layer.open_directory(path)
    cleanup.callback(layer.close, root)
    return root


def _locked(layer: FileLayer, parent: int, name: str, sleep: Callable[[float], None]) -> int | None:
    """None where another run holds it to the end of our patience."""
    for attempt in range(round(_PATIENCE / _PAUSE) + 1):
        if attempt:
            sleep(_PAUSE)
        file = layer.open_lock(parent, name)
        try:
            # The run that held it may have removed it: then we hold a lock that nobody else can see.
            if layer.try_lock(file) and layer.same(file, layer.look(parent, name)):
                return file
        except BaseException:
            layer.close(file)
            raise
        layer.close(file)
    return None


def _unlock(layer: FileLayer, parent: int, name: str, lock: int) -> None:
    # Not while there is something staged that only its note explains.
    try:
        if not layer.read_note(lock):
            layer.remove(parent, name)
    except OSError:
        pass  # an unlocked lock file is in nobody's way
    finally:
        layer.close(lock)


def _recover_exchange(layer: FileLayer, parent: int, name: str, lock: int, shown: Path) -> Diagnostic | None:
    """Ends what a killed run began. Only what the note in the lock names is ours to remove."""
    stage = _stage_name(name)
    left = layer.look(parent, stage)
    note = exchange.decode_note(layer.read_note(lock))
    if left is not None:
        out = layer.look(parent, name)
        if note is not None and left.inode == note.stage:
            remove_tree(layer, parent, stage)
        elif note is not None and out is not None and out.inode == note.stage:
            exchange.drain(layer, parent, stage, name, note.known)
        else:
            return _unknown_stage(layer, parent, stage, left, shown)
    layer.clear_note(lock)
    return None


def _end_quietly(layer: FileLayer, parent: int, name: str, lock: int, shown: Path) -> None:
    with suppress(OSError):
        _recover_exchange(layer, parent, name, lock, shown)


def _discard_quietly(layer: FileLayer, out: int) -> None:
    with suppress(OSError):
        journal.abandon(layer, out)


def _write(
    layer: FileLayer, parent: int, name: str, lock: int, out: int | None, plan: _Plan, shown: Path, cleanup: ExitStack
) -> tuple[_Way, Mapping[str, str]]:
    if out is not None and not plan.changed and not plan.stale:
        return _Way.NOTHING, {}
    if out is None or layer.mount(out) == layer.mount(parent):
        cleanup.callback(_end_quietly, layer, parent, name, lock, shown)
        try:
            own = _with_parents({*plan.owned.files, MANIFEST})
            foreign = exchange.write_stage(layer, parent, _stage_name(name), lock, out, plan.files, own)
        except exchange.Impossible:
            _recover_exchange(layer, parent, name, lock, shown)
        else:
            return _Way.NEW if out is None else _Way.EXCHANGE, foreign
    assert out is not None
    cleanup.callback(_discard_quietly, layer, out)
    journal.write_stage(layer, out, {path: plan.files[path] for path in plan.changed})
    return _Way.IN_PLACE, {}


def _with_parents(paths: Iterable[str]) -> frozenset[str]:
    found = set(paths)
    for path in paths:
        found.update(_parents(path))
    return frozenset(found)


def _parents(path: str) -> tuple[str, ...]:
    """The directories that lead to it, outermost first."""
    return tuple(path[:at] for at, character in enumerate(path) if character == "/")


# --- what there is to do --------------------------------------------------------------------------------------


def _plan(
    layer: FileLayer, out: int | None, shown: Path, files: Mapping[str, bytes], meta: Mapping[str, str], force: bool
) -> _Plan | tuple[Diagnostic, ...]:
    # The ownership file last: in place, it is what says that the others are there.
    wanted = {**dict(sorted(files.items())), MANIFEST: encode(ownership(files, meta))}
    if out is None:
        return _Plan(wanted, {}, Ownership(), tuple(wanted), ())
    before = scan(layer, out)
    if obstacle := _obstacle(MANIFEST, before, frozenset({MANIFEST})):
        return (_in_the_way(shown, shown / obstacle, before[obstacle]),)
    owned = _read_ownership(layer, out, shown)
    if isinstance(owned, Diagnostic):
        return (owned,)

    ours = frozenset({*owned.files, MANIFEST})
    stale = [path for path in sorted(owned.files) if path not in wanted]
    obstacles = {_obstacle(path, before, ours) for path in wanted}
    obstacles |= {_linked(path, before) for path in stale}
    found = [_in_the_way(shown, shown / path, before[path]) for path in sorted(obstacles - {""})]
    if found:
        return tuple(found)

    changed: list[str] = []
    gone: list[str] = []
    for path in (*wanted, *stale):
        new = wanted.get(path)
        entry = before.get(path)
        if entry is None or entry.kind is not Kind.FILE:
            # Not there; or not a file any more, and then a stale one is no longer ours.
            if new is not None:
                changed.append(path)
            continue
        directory, _, name = path.rpartition("/")
        with opened_at(layer, out, directory) as at:
            old = layer.read(at, name)
            if old == new:
                continue
            if not layer.writable(at, name):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        if path != MANIFEST and digest(old) != owned.files[path] and not force:
            found.append(_edited(shown / path, path, old, new))
        (changed if new is not None else gone).append(path)
    return tuple(found) or _Plan(wanted, before, owned, tuple(changed), tuple(gone))


def _linked(path: str, before: Mapping[str, Entry]) -> str:
    """The symbolic link on the way to our file, or in its place; empty where there is none."""
    steps = (*_parents(path), path)
    return next((step for step in steps if step in before and before[step].kind is Kind.SYMLINK), "")


def _obstacle(path: str, before: Mapping[str, Entry], ours: frozenset[str]) -> str:
    """What stands where a file of ours has to go; empty where nothing does."""
    for step in _parents(path):
        if step in before and before[step].kind is not Kind.DIRECTORY:
            return step
    entry = before.get(path)
    return "" if entry is None or (entry.kind is Kind.FILE and path in ours) else path


def _read_ownership(layer: FileLayer, out: int, shown: Path) -> Ownership | Diagnostic:
    data = _read_if_there(layer, out, MANIFEST)
    if data is None:
        return Ownership()
    owned = decode(data)
    return _broken(shown / MANIFEST, owned) if isinstance(owned, str) else owned


def _read_if_there(layer: FileLayer, out: int, path: str) -> bytes | None:
    directory, _, name = path.rpartition("/")
    try:
        with opened_at(layer, out, directory) as at:
            return layer.read(at, name)
    except FileNotFoundError:
        return None


# --- publishing -----------------------------------------------------------------------------------------------


def _commit(staged: Staged) -> Published | tuple[Diagnostic, ...]:
    layer, plan, name = staged._layer, staged._plan, staged._name
    done = plan.published()
    stage_name = _stage_name(name)
    match staged._way, staged._out:
        case _Way.NOTHING, _:
            return done
        case _Way.EXCHANGE, int(out):
            if conflicts := _conflicts(staged, out):
                return conflicts
            known = {**_known(plan), **staged._foreign}
            exchange.exchange(layer, staged._parent, stage_name, name, staged._lock, known)
            try:
                kept = exchange.drain(layer, staged._parent, stage_name, name, known)
            except OSError:
                # It is published. What is left of the old tree, and what came into it, the next run moves.
                return evolve(done, leftover=str(staged.shown.with_name(stage_name)))
            return evolve(done, kept=kept)
        case _Way.IN_PLACE, int(out):
            if conflicts := _conflicts(staged, out):
                return conflicts
            made = {step for path in plan.changed for step in _parents(path) if step not in plan.before}
            todo = journal.Journal(plan.changed, plan.stale, _known(plan), tuple(sorted(made)))
            kept, finished = journal.publish(layer, out, todo)
            return evolve(done, kept=kept, leftover="" if finished else str(staged.shown / journal.STAGE))
        case _:
            exchange.publish_new(layer, staged._parent, stage_name, name)
            return done


def _known(plan: _Plan) -> dict[str, str]:
    """What stood at the paths of our own files."""
    paths = (*plan.owned.files, MANIFEST)
    return {path: token(plan.before[path], own=True) for path in paths if path in plan.before}


def _conflicts(staged: Staged, out: int) -> tuple[Diagnostic, ...]:
    """What somebody did to our files' places since they were looked at: the proof may have taken seconds."""
    plan = staged._plan
    now = scan(staged._layer, out)
    found: list[Diagnostic] = []
    for path in {**plan.files, **plan.owned.files}:
        entry = now.get(path)
        if entry is None or entry == plan.before.get(path):
            continue
        if path in plan.before and entry.kind is Kind.FILE:
            old = _read_if_there(staged._layer, out, path) or b""
            found.append(_edited(staged.shown / path, path, old, plan.files.get(path)))
        elif entry.kind is not Kind.DIRECTORY or path in plan.files:
            found.append(_in_the_way(staged.shown, staged.shown / path, entry))
    return tuple(found)


# --- what to say ----------------------------------------------------------------------------------------------


def _in_the_way(out: Path, path: Path, entry: Entry) -> Diagnostic:
    match entry.kind:
        case Kind.SYMLINK:
            return Diagnostic(
                "ZT601",
                f"{path} is a symbolic link",
                why="whoever can change where it leads decides what is overwritten",
                help="replace it by what it leads to, or name that directory with `-o`",
            )
        case Kind.FILE | Kind.DIRECTORY:
            what = "a directory" if entry.kind is Kind.DIRECTORY else "a file"
            return Diagnostic(
                "ZT603",
                f"{path} is {what} that zt_dsl did not write, and ours has to go there",
                why="what zt_dsl did not write is never overwritten, with `--force` neither",
                help=f"move it away, or name another directory than {out} with `-o`",
            )


def _edited(path: Path, name: str, old: bytes, new: bytes | None) -> Diagnostic:
    return Diagnostic(
        "ZT602",
        f"{path} was edited by hand",
        why="the next compile would undo the edit",
        help="change the topology instead, or let `--force` overwrite the file",
        detail=_diff(name, old, new),
    )


def _busy(out: Path) -> Diagnostic:
    return Diagnostic(
        "ZT604",
        f"another run is writing to {out}",
        why=f"it did not finish within {_PATIENCE:.0f} seconds",
        help="run again when it has finished",
    )


def _broken(path: Path, problem: str) -> Diagnostic:
    return Diagnostic(
        "ZT606",
        f"{path} cannot be trusted: {problem}",
        why="it says which files are ours; without it, none of them may be overwritten or removed",
        help=f"restore it from version control; or move {path.parent.parent} away and compile again",
    )


def _unknown_stage(layer: FileLayer, parent: int, stage_name: str, left: Entry, shown: Path) -> Diagnostic | None:
    # A run that was killed before it could note anything leaves it empty.
    if left.kind is Kind.DIRECTORY and remove_if_empty(layer, parent, stage_name):
        return None
    path = shown.with_name(stage_name)
    return Diagnostic(
        "ZT603",
        f"{path} is in the way, and nothing says that zt_dsl made it",
        why="the new files are prepared there",
        help="look at what it holds, then move it away",
    )


def _cannot_write(out: Path, error: OSError, state: str = "nothing was changed") -> Diagnostic:
    if error.errno == errno.ELOOP:
        return Diagnostic("ZT601", f"{_named(out, error)} is a symbolic link", why=f"{state}")
    return Diagnostic("ZT605", f"{_named(out, error)}: {error.strerror or error}", why=state)


def _cannot_open(out: Path, error: OSError) -> Diagnostic:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Diagnostic("ZT601", f"{_named(out, error)} is a symbolic link, or no directory")
    return Diagnostic("ZT605", f"{_named(out, error)} cannot be read: {error.strerror or error}")


def _named(out: Path, error: OSError) -> str:
    """System calls name what they were given, which is relative to a directory."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    return str(out.parent / name) if name in (out.name, _lock_name(out.name)) else str(out / name)


def _diff(path: str, old: bytes | None, new: bytes | None) -> str:
    if old == new:
        return ""
    before, after = _lines(old), _lines(new)
    names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
    return "".join(difflib.unified_diff(before, after, *names))


def _lines(data: bytes | None) -> list[str]:
    text = (data or b"").decode(errors="backslashreplace")
    # Only at line feeds: `splitlines` knows nine more ways to end a line.
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, f"{last}\n\\ No newline at end of file\n"] if last else lines
