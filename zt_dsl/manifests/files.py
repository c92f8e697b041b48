"""The system calls that publishing makes, each by directory descriptor, none through a symbolic link.

In one place so that tests can make any of them fail, at any moment.
"""

import ctypes
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Final

from attrs import field, frozen

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE: Final = 1 << 16  # bytes: all of a usual manifest
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2


class Kind(Enum):
    """What stands at a name. Sockets and the like are `FILE`: we only ever link, move and unlink them."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"


@frozen
class Entry:
    """What stands at a name; equal as long as nobody has written to it or put something else there."""

    kind: Kind
    inode: int
    size: int
    changed: int
    mode: int = field(eq=False)


def _entry(status: os.stat_result) -> Entry:
    mode = status.st_mode
    kind = Kind.DIRECTORY if stat.S_ISDIR(mode) else Kind.SYMLINK if stat.S_ISLNK(mode) else Kind.FILE
    return Entry(kind, status.st_ino, status.st_size, status.st_mtime_ns, stat.S_IMODE(mode))


class FileLayer:
    """Each method is one step that a disk, a kernel or a kill can stop. All raise OSError."""

    def open_directory(self, name: str, at: int | None = None) -> int:
        """ELOOP or ENOTDIR where `name` is a symbolic link; a swap between check and use is caught here."""
        return os.open(name, _DIRECTORY, dir_fd=at)

    def close(self, directory: int) -> None:
        os.close(directory)

    def look(self, at: int, name: str) -> Entry | None:
        """None where nothing is there."""
        try:
            return _entry(os.stat(name, dir_fd=at, follow_symlinks=False))
        except FileNotFoundError:
            return None

    def entries(self, directory: int) -> list[tuple[str, Entry]]:
        """In order of name."""
        with os.scandir(directory) as found:
            return sorted((one.name, _entry(one.stat(follow_symlinks=False))) for one in found)

    def read(self, at: int, name: str) -> bytes:
        # Not blocking: a pipe that stands where a file is expected must not hang the run.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        file = os.open(name, flags, dir_fd=at)
        try:
            return b"".join(iter(lambda: os.read(file, _AT_ONCE), b""))
        finally:
            os.close(file)

    def write(self, at: int, name: str, data: bytes) -> None:
        """A new file; EEXIST where anything is there, a symbolic link too."""
        file = os.open(name, _NEW_FILE, 0o666, dir_fd=at)
        try:
            written = os.write(file, data)
            while written < len(data):
                written += os.write(file, data[written:])
        finally:
            os.close(file)

    def writable(self, at: int, name: str) -> bool:
        return os.access(name, os.W_OK, dir_fd=at, effective_ids=True)

    def make_directory(self, at: int | None, name: str) -> None:
        os.mkdir(name, 0o777, dir_fd=at)

    def set_mode(self, at: int, name: str, mode: int) -> None:
        os.chmod(name, mode, dir_fd=at)

    def link(self, at: int, name: str, to: int, new: str) -> None:
        """A second name for the same file; of a symbolic link itself, not of where it leads."""
        os.link(name, new, src_dir_fd=at, dst_dir_fd=to, follow_symlinks=False)

    def rename(self, at: int, name: str, to: int, new: str) -> None:
        os.rename(name, new, src_dir_fd=at, dst_dir_fd=to)

    def exchange(self, at: int, one: str, other: str) -> None:
        """Both names change places in one step; ENOSYS where the system cannot do that."""
        _renameat2(at, one, other, _RENAME_EXCHANGE)

    def rename_new(self, at: int, name: str, new: str) -> None:
        """EEXIST where `new` is taken, be it by an empty directory."""
        _renameat2(at, name, new, _RENAME_NOREPLACE)

    def remove(self, at: int, name: str) -> None:
        os.unlink(name, dir_fd=at)

    def remove_directory(self, at: int | None, name: str) -> None:
        os.rmdir(name, dir_fd=at)

    def sync(self, directory: int) -> None:
        """All that was written to the file system is on the disk.

        One `syncfs` for the staged tree: an fsync each costs 0.4 ms, four seconds for ten thousand files.
        """
        syncfs = getattr(_libc(), "syncfs", None)
        if syncfs is None or syncfs(directory) != 0:
            _fsync_tree(self, directory)

    def mount(self, directory: int) -> str:
        """Which mount the directory belongs to. Device numbers do not tell: a bind mount has its source's."""
        try:
            info = Path(f"/proc/self/fdinfo/{directory}").read_text("ascii")
        except FileNotFoundError:
            return str(os.fstat(directory).st_dev)
        return next((line for line in info.splitlines() if line.startswith("mnt_id:")), "")

    def open_lock(self, at: int, name: str) -> int:
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=at)

    def try_lock(self, file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def same(self, file: int, entry: Entry | None) -> bool:
        """Whether the open file is still what stands at its name."""
        return entry is not None and os.fstat(file).st_ino == entry.inode

    def read_note(self, file: int) -> bytes:
        return os.pread(file, os.fstat(file).st_size, 0)

    def clear_note(self, file: int) -> None:
        os.ftruncate(file, 0)

    def add_note(self, file: int, data: bytes) -> None:
        """Appends to what a next run has to know; it is in the lock file itself."""
        start = os.fstat(file).st_size
        written = 0
        while written < len(data):
            written += os.pwrite(file, data[written:], start + written)


@contextmanager
def opened(layer: FileLayer, name: str, at: int | None = None) -> Iterator[int]:
    """The directory's descriptor, closed afterwards."""
    directory = layer.open_directory(name, at)
    try:
        yield directory
    finally:
        layer.close(directory)


@contextmanager
def opened_at(layer: FileLayer, root: int, path: str) -> Iterator[int]:
    """A directory below `root`, each step of the way checked to be no symbolic link; `""` is `root` itself."""
    with ExitStack() as stack:
        directory = root
        for name in path.split("/") if path else ():
            directory = stack.enter_context(opened(layer, name, directory))
        yield directory


def scan(layer: FileLayer, directory: int, prefix: str = "") -> dict[str, Entry]:
    """All that is in the tree, by path; symbolic links are named and not followed."""
    found: dict[str, Entry] = {}
    for name, entry in layer.entries(directory):
        found[prefix + name] = entry
        if entry.kind is Kind.DIRECTORY:
            with opened(layer, name, directory) as inner:
                found |= scan(layer, inner, f"{prefix}{name}/")
    return found


def token(entry: Entry, *, own: bool = False) -> str:
    """What stood at a path, short enough to be noted for every path of a tree.

    Of our own files also whether anybody wrote to them since. Of a foreign one the new tree holds the very
    same file: what is written to it is not lost.
    """
    written = f":{entry.size}:{entry.changed}" if own else ""
    return f"{entry.kind.value}:{entry.inode}{written}"


def remove_tree(layer: FileLayer, at: int, name: str) -> None:
    """The directory and all that is in it. Names only: a file that has another name elsewhere lives on."""
    entry = layer.look(at, name)
    if entry is None:
        return
    make_passable(layer, at, name, entry)
    with opened(layer, name, at) as directory:
        for inner, found in layer.entries(directory):
            if found.kind is Kind.DIRECTORY:
                remove_tree(layer, directory, inner)
            else:
                layer.remove(directory, inner)
    layer.remove_directory(at, name)


def make_passable(layer: FileLayer, at: int, name: str, entry: Entry) -> None:
    """A directory that is about to be emptied may be read-only, as the foreign one that it stands for is."""
    if entry.mode & 0o700 != 0o700:
        layer.set_mode(at, name, 0o700)


def remove_if_empty(layer: FileLayer, at: int, name: str) -> bool:
    """Whether the directory is gone."""
    try:
        layer.remove_directory(at, name)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def free_name(layer: FileLayer, at: int, name: str) -> str:
    """A name beside `name` for what must be kept but cannot stay; no tool takes it for a manifest."""
    candidates = (f"{name}.zt-kept{number or ''}" for number in count())
    return next(candidate for candidate in candidates if layer.look(at, candidate) is None)


def make_directories(layer: FileLayer, root: int, path: str) -> None:
    """The directories that lead to the file `path` below `root`."""
    step = -1
    while (step := path.find("/", step + 1)) >= 0:
        with suppress(FileExistsError):
            layer.make_directory(root, path[:step])


def _fsync_tree(layer: FileLayer, directory: int) -> None:
    for name, entry in layer.entries(directory):
        match entry.kind:
            case Kind.DIRECTORY:
                with opened(layer, name, directory) as inner:
                    _fsync_tree(layer, inner)
            case Kind.FILE:
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)
            case Kind.SYMLINK:
                pass
    os.fsync(directory)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _renameat2(at: int, one: str, other: str, flags: int) -> None:
    call = getattr(_libc(), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), one)
    if call(at, os.fsencode(one), at, os.fsencode(other), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), one, None, other)
