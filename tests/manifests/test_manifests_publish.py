"""Whatever stops a run, at whatever step: the old tree or the new one, and nobody else's files touched."""

import contextlib
import errno
import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pytest

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.files import FileLayer
from zt_dsl.manifests.ownership import decode, encode, ownership
from zt_dsl.manifests.publish import Published, Staged, abandon, commit, difference, stage

Files = Mapping[str, bytes]
Tree = dict[str, str]

OLD: Files = {
    "ns/web.yaml": b"old web\n",
    "ns/same.yaml": b"same\n",
    "gone/api.yaml": b"old api\n",
    "review.md": b"old\n",
}
NEW: Files = {
    "ns/web.yaml": b"new web\n",
    "ns/same.yaml": b"same\n",
    "more/db.yaml": b"new db\n",
    "review.md": b"new\n",
}
FOREIGN = {"README": "mine", "ns/mine.txt": "also mine", "deep/er/notes.yaml": "a: b"}


class Crash(BaseException):
    """The process is gone: nothing after this runs, no `except`, no `finally`."""


class Layer(FileLayer):
    """Counts the steps, and stops before the one that it is told to.

    An OSError stops one step. A crash stops every later step too, and closes what was open, as a kernel does.
    """

    def __init__(
        self,
        at: int | None = None,
        error: int | None = None,
        in_place: bool = False,
        kill: bool = False,
        hooks: Mapping[str, Callable[[], None]] | None = None,
        only: str = "",
    ) -> None:
        self.steps: list[str] = []
        self.at, self.error, self.in_place, self.kill = at, error, in_place, kill
        self.hooks = hooks or {}
        self.only = only
        self.dead = False
        self.open: list[int] = []

    def __getattribute__(self, name: str) -> object:
        method = object.__getattribute__(self, name)
        if name.startswith("_") or name not in FileLayer.__dict__:
            return method

        def step(*args: object) -> object:
            return self._step(name, method, args)

        return step

    def _step(self, name: str, method: Callable[..., object], args: tuple[object, ...]) -> object:
        if self.dead:
            raise Crash
        if not self.only or name == self.only:
            self.steps.append(name)
            if len(self.steps) - 1 == self.at:
                self._stop()
        if hook := self.hooks.get(name):
            hook()
        # A disk need not be waited for to find out in which order things are done.
        result = None if name == "sync" else self._do(name, method, args)
        if name in ("open_directory", "open_lock") and isinstance(result, int):
            self.open.append(result)
        if name == "close":
            self.open.remove(int(str(args[0])))
        return result

    def _do(self, name: str, method: Callable[..., object], args: tuple[object, ...]) -> object:
        if name == "exchange" and self.in_place:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), args[1])
        return method(*args)

    def _stop(self) -> None:
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error), "some-file")
        self.dead = True
        for file in self.open:
            os.close(file)
        raise Crash


class World:
    """A directory with an old tree in it, foreign files too."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = root / "project"
        self.out = self.project / "generated" / "out"
        self.project.mkdir()
        manifest = {".zt/manifest.json": encode(ownership(OLD, {}))}
        for name, data in {**OLD, **manifest, **{name: text.encode() for name, text in FOREIGN.items()}}.items():
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.out / "empty").mkdir(mode=0o750)
        (self.out / "README").chmod(0o640)
        (self.out / "link").symlink_to("nowhere")
        self.old = self.tree()
        self.inodes = {name: (self.out / name).stat().st_ino for name in FOREIGN}

    def stage(
        self, files: Files, layer: FileLayer | None = None, force: bool = False
    ) -> Staged | tuple[Diagnostic, ...]:
        return stage(self.out, files, project=self.project, layer=layer or Layer(), force=force, sleep=lambda _: None)

    def publish(
        self, files: Files, layer: FileLayer | None = None, force: bool = False
    ) -> Published | tuple[Diagnostic, ...]:
        staged = self.stage(files, layer, force)
        if not isinstance(staged, Staged):
            return staged
        try:
            assert {name: staged.read(name) for name in staged.names} == files
        except OSError:
            abandon(staged)
            raise
        return commit(staged)

    def tree(self, in_place: bool = False) -> Tree:
        """All that is in the directory, without what a journal leaves for the next run."""
        found: Tree = {}
        for directory, directories, names in os.walk(self.out):
            for name in (*directories, *names):
                path = f"{directory}/{name}"
                status = os.lstat(path)
                what = str(Path(path).readlink()) if stat.S_ISLNK(status.st_mode) else ""
                if stat.S_ISREG(status.st_mode):
                    what = Path(path).read_text()
                found[path.removeprefix(f"{self.out}/")] = f"{oct(status.st_mode)} {what}"
        if in_place:
            found = {name: what for name, what in found.items() if not name.startswith(".zt/stage")}
        return found

    def new(self) -> Tree:
        """What the tree has to be after `NEW`, worked out from what it was."""
        published = {name: f"0o100644 {data.decode()}" for name, data in NEW.items()}
        manifest = {".zt/manifest.json": "0o100644 " + encode(ownership(NEW, {})).decode()}
        kept = {name: what for name, what in self.old.items() if name not in (*OLD, "gone")}
        return {**kept, "more": "0o40755 ", **published, **manifest}

    def siblings(self) -> list[str]:
        return sorted(path.name for path in self.out.parent.iterdir())

    def foreign_intact(self) -> bool:
        same = {name: (self.out / name).stat().st_ino for name in FOREIGN} == self.inodes
        return same and all((self.out / name).read_text() == text for name, text in FOREIGN.items())


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[World]:
    def fresh() -> Iterator[World]:
        for number in itertools.count():
            root = tmp_path / str(number)
            root.mkdir()
            yield World(root)
            shutil.rmtree(root)

    return fresh()


def codes(result: object) -> list[str]:
    assert isinstance(result, tuple), result
    return [diagnostic.code for diagnostic in result]


# --- without anything in the way ------------------------------------------------------------------------------


@pytest.mark.parametrize("in_place", [False, True])
def test_publishing(world: World, in_place: bool) -> None:
    assert world.publish(OLD) == Published((), tuple(sorted(OLD)), ())
    done = world.publish(NEW, Layer(in_place=in_place))
    assert done == Published(("more/db.yaml", "ns/web.yaml", "review.md"), ("ns/same.yaml",), ("gone/api.yaml",))
    assert world.tree() == world.new()
    assert world.foreign_intact()
    assert world.siblings() == ["out"]


def test_the_real_layer_too(world: World) -> None:
    assert isinstance(world.publish(NEW, FileLayer()), Published)
    assert world.tree() == world.new()


def test_nothing_to_do_changes_nothing(world: World) -> None:
    inode = world.out.stat().st_ino
    layer = Layer()
    done = world.publish(OLD, layer)
    assert done == Published((), tuple(sorted(OLD)), ())
    assert world.out.stat().st_ino == inode
    assert not {"exchange", "rename", "write", "link"} & set(layer.steps)


def test_abandoned(world: World) -> None:
    for in_place in (False, True):
        staged = world.stage(NEW, Layer(in_place=in_place))
        assert isinstance(staged, Staged)
        abandon(staged)
        assert world.tree() == world.old
        assert world.siblings() == ["out"]


def test_a_new_directory_and_its_parents(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "out"
    staged = stage(out, NEW, project=tmp_path)
    assert isinstance(staged, Staged)
    abandon(staged)
    assert list(tmp_path.iterdir()) == []
    staged = stage(out, NEW, project=tmp_path)
    assert isinstance(staged, Staged)
    assert isinstance(commit(staged), Published)
    assert {name: (out / name).read_bytes() for name in NEW} == NEW
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_meta_alone_is_a_change(world: World) -> None:
    staged = stage(world.out, OLD, project=world.project, meta={"compiler": "2"})
    assert isinstance(staged, Staged)
    done = commit(staged)
    assert isinstance(done, Published)
    assert done.written == ()
    owned = decode((world.out / ".zt/manifest.json").read_bytes())
    assert not isinstance(owned, str)
    assert owned.meta == {"compiler": "2"}


@pytest.mark.parametrize("path", ["/x", "../x", "a/../x", "a//b", ".zt/x", "", "a/", "a\0", "a\\b"])
def test_a_path_that_leads_out_is_a_bug(world: World, path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        world.stage({path: b""})


# --- every step, stopped --------------------------------------------------------------------------------------


# A crash before a step that only looks is the crash before the next one that does something.
LOOKS = {"look", "entries", "read", "read_note", "mount", "same", "writable", "open_directory", "close"}


def steps(worlds: Iterator[World], in_place: bool, without: Collection[str] = ()) -> list[int]:
    """The steps of a run that meets nothing, by number."""
    layer = Layer(in_place=in_place)
    assert isinstance(next(worlds).publish(NEW, layer), Published)
    return [at for at, name in enumerate(layer.steps) if name not in without]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_crash_at_every_step(worlds: Iterator[World], in_place: bool) -> None:
    points = steps(worlds, in_place, without=LOOKS)
    assert len(points) > 40
    outcomes: set[str] = set()
    for at, world in zip(points, worlds, strict=False):
        new = world.new()
        with pytest.raises(Crash):
            world.publish(NEW, Layer(at, in_place=in_place))
        assert world.foreign_intact(), at
        now = world.tree()
        if not in_place:
            assert now in (world.old, new), at
            outcomes.add("old" if now == world.old else "new")
        # The next run wants something else: it must first come to the old tree or to the new one.
        layer = Layer(in_place=in_place)
        staged = world.stage(NEW, layer)
        assert isinstance(staged, Staged), (at, staged)
        now = world.tree(in_place)
        assert now in (world.old, new), at
        outcomes.add("old" if now == world.old else "new")
        assert isinstance(commit(staged), Published)
        assert world.tree() == new
        assert world.foreign_intact()
        assert world.siblings() == ["out"], at
        assert layer.open == []
    assert outcomes == {"old", "new"}


@pytest.mark.parametrize("in_place", [False, True])
def test_an_error_at_every_step(worlds: Iterator[World], in_place: bool) -> None:
    error = errno.EIO
    points = steps(worlds, in_place, without={"close"})
    assert len(points) > 80
    for at, world in zip(points, worlds, strict=False):
        new = world.new()
        layer = Layer(at, error=error, in_place=in_place)
        try:
            result = world.publish(NEW, layer)
        except OSError:
            assert layer.steps[at] in ("read", "open_directory"), "only the caller's own `staged.read` raises"
            result = ()
        assert world.foreign_intact(), at
        assert layer.open == [], (at, layer.steps[at])
        if isinstance(result, Published):
            assert world.tree() == new or result.leftover or layer.steps[at] in ("remove", "rmdir"), at
        else:
            assert codes(result) in (["ZT605"], [])
            assert all(os.strerror(error) in diagnostic.message for diagnostic in result)
            assert world.tree(in_place) == world.old, (at, layer.steps[at])
        assert isinstance(world.publish(NEW, Layer(in_place=in_place)), Published)
        assert world.tree() == new
        assert world.siblings() == ["out"]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_full_disk_stays_full(worlds: Iterator[World], in_place: bool) -> None:
    """Not one write fails but all from some point on; taking away still works."""
    for at, world in zip(range(7), worlds, strict=False):
        written = itertools.count()

        def full(written: Iterator[int] = written, at: int = at) -> None:
            if next(written) >= at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")

        hooks = dict.fromkeys(["write", "make_directory", "add_note"], full)
        result = world.publish(NEW, Layer(in_place=in_place, hooks=hooks))
        assert codes(result) == ["ZT605"]
        assert world.tree() == world.old
        assert world.siblings() == ["out"]


@pytest.mark.parametrize("error", [errno.EPERM, errno.EMLINK, errno.EXDEV])
def test_no_hard_links(world: World, error: int) -> None:
    layer = Layer(1, error=error, only="link")
    assert isinstance(world.publish(NEW, layer), Published)
    assert world.tree() == world.new()
    assert world.siblings() == ["out"]


def test_a_read_only_file_system_and_another_device(world: World) -> None:
    for error, step in ((errno.EROFS, "open_lock"), (errno.EROFS, "make_directory"), (errno.EXDEV, "exchange")):
        at = 1 if step == "exchange" else 0
        assert codes(world.publish(NEW, Layer(at, error=error, only=step))) == ["ZT605"]
        assert world.tree() == world.old
        assert world.siblings() == ["out"]


def test_what_may_not_be_written_is_not_replaced(world: World) -> None:
    class ReadOnly(Layer):
        def __init__(self, protected: str) -> None:
            super().__init__()
            self.protected = protected

        def writable(self, at: int, name: str) -> bool:  # noqa: ARG002
            return name != self.protected

    for protected in ("out", "web.yaml", "api.yaml"):
        assert codes(world.publish(NEW, ReadOnly(protected))) == ["ZT605"]
        assert world.tree() == world.old
    assert isinstance(world.publish(NEW, ReadOnly("same.yaml")), Published)


@pytest.mark.parametrize("in_place", [False, True])
def test_an_interrupt_cleans_up_after_itself(worlds: Iterator[World], in_place: bool) -> None:
    for step, world in zip(["write", "rename", "exchange", "sync", "remove", "link", "add_note"], worlds, strict=False):
        interrupts: Iterator[BaseException | None] = itertools.chain([KeyboardInterrupt()], itertools.repeat(None))

        def interrupt(interrupts: Iterator[BaseException | None] = interrupts) -> None:
            if error := next(interrupts):
                raise error

        layer = Layer(in_place=in_place, hooks={step: interrupt})
        staged = None
        with contextlib.suppress(KeyboardInterrupt):
            staged = world.stage(NEW, layer)
            assert isinstance(staged, Staged)
            commit(staged)
        assert layer.open == [], step
        assert world.siblings() == ["out"], step
        assert world.tree(in_place) in (world.old, world.new())
        assert isinstance(world.publish(NEW), Published)
        assert world.tree() == world.new()


def killed(world: World, at: int, in_place: bool) -> int:
    """The status of a process that runs into a real SIGKILL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork where there are threads
        child = os.fork()
    if child == 0:
        try:
            world.publish(NEW, Layer(at, kill=True, in_place=in_place))
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("in_place", [False, True])
def test_killed(worlds: Iterator[World], in_place: bool) -> None:
    points = steps(worlds, in_place, without=LOOKS)[:: 4 if in_place else 3]
    assert len(points) >= 14
    for at, world in zip(points, worlds, strict=False):
        status = killed(world, at, in_place)
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert world.foreign_intact()
        if not in_place:
            assert world.tree() in (world.old, world.new())
        staged = world.stage(NEW)
        assert isinstance(staged, Staged)
        assert world.tree(in_place) in (world.old, world.new()), at
        assert isinstance(commit(staged), Published)
        assert world.tree() == world.new()
        assert world.siblings() == ["out"]


# --- two at once ----------------------------------------------------------------------------------------------

HOLDING = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from zt_dsl.manifests.publish import stage, commit
staged = stage(Path({out!r}), {{"first.yaml": b"1"}}, project=Path({project!r}))
print("staged", flush=True)
sys.stdin.readline()
commit(staged)
print("done", flush=True)
"""


@pytest.fixture
def holder(world: World) -> Iterator[subprocess.Popen[str]]:
    script = HOLDING.format(root=str(Path(__file__).parents[2]), out=str(world.out), project=str(world.project))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "staged\n"
        yield process
        process.kill()


def test_the_second_run_waits_ten_seconds(world: World, holder: subprocess.Popen[str]) -> None:
    pauses: list[float] = []
    result = stage(world.out, NEW, project=world.project, sleep=pauses.append)
    assert codes(result) == ["ZT604"]
    assert sum(pauses) == pytest.approx(10)
    assert world.tree() == world.old


def test_the_second_run_goes_on_where_the_first_ends(world: World, holder: subprocess.Popen[str]) -> None:
    def let_it_end(_: float) -> None:
        if holder.poll() is None:
            holder.communicate("\n")

    staged = stage(world.out, NEW, project=world.project, sleep=let_it_end)
    assert isinstance(staged, Staged)
    assert (world.out / "first.yaml").exists()
    done = commit(staged)
    assert isinstance(done, Published)
    assert done.pruned == ("first.yaml",)
    assert world.foreign_intact()
    assert world.siblings() == ["out"]


# --- somebody else at work in the directory, while we run -----------------------------------------------------


def busy_hands(world: World) -> None:
    (world.out / "added.txt").write_text("added")
    (world.out / "ns" / "added.txt").write_text("added")
    (world.out / "gone" / "added.txt").write_text("added")
    (world.out / "newdir").mkdir(mode=0o500)
    (world.out / "README").write_text("written to")
    replacement = world.out / "deep" / "er" / "tmp"
    replacement.write_text("replaced")
    replacement.rename(world.out / "deep" / "er" / "notes.yaml")


def their_work_is_there(world: World) -> None:
    for name in ("added.txt", "ns/added.txt", "gone/added.txt"):
        assert (world.out / name).read_text() == "added"
    assert (world.out / "newdir").stat().st_mode & 0o777 == 0o500
    assert (world.out / "README").read_text() == "written to"
    assert (world.out / "deep/er/notes.yaml").read_text() == "replaced"


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("step", ["", "exchange", "sync"])
def test_foreign_files_that_come_meanwhile(world: World, in_place: bool, step: str) -> None:
    layer = Layer(in_place=in_place)
    staged = world.stage(NEW, layer)
    assert isinstance(staged, Staged)
    once = iter([lambda: busy_hands(world)])
    if step and not (in_place and step == "exchange"):
        layer.hooks = {step: lambda: next(once, lambda: None)()}
    else:
        busy_hands(world)
    done = commit(staged)
    assert isinstance(done, Published)
    assert done.kept == ()
    their_work_is_there(world)
    assert {name: (world.out / name).read_bytes() for name in NEW} == NEW
    assert not (world.out / "gone/api.yaml").exists()
    assert world.siblings() == ["out"]


def test_foreign_files_that_come_meanwhile_survive_a_crash_at_every_step(worlds: Iterator[World]) -> None:
    layer = Layer()
    staged = next(worlds).stage(NEW, layer)
    before = len(layer.steps)
    assert isinstance(staged, Staged)
    assert isinstance(commit(staged), Published)
    for at, world in zip(range(before, len(layer.steps)), worlds, strict=False):
        crashing = Layer(at)
        staged = world.stage(NEW, crashing)
        assert isinstance(staged, Staged)
        came: list[World] = []

        def come(world: World = world, came: list[World] = came) -> None:
            busy_hands(world)
            came.append(world)

        crashing.hooks = {"exchange": come}
        with pytest.raises(Crash):
            commit(staged)
        if not came:
            continue  # it ended before anybody came
        assert isinstance(world.publish(NEW), Published)
        their_work_is_there(world)
        assert world.siblings() == ["out"]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_put_where_ours_goes(world: World, in_place: bool) -> None:
    def put() -> None:
        (world.out / "more").mkdir(exist_ok=True)
        (world.out / "more" / "db.yaml").write_text("theirs")

    staged = world.stage(NEW, Layer(in_place=in_place))
    assert isinstance(staged, Staged)
    put()
    assert codes(commit(staged)) == ["ZT603"]
    assert (world.out / "more/db.yaml").read_text() == "theirs"
    shutil.rmtree(world.out / "more")
    assert world.tree() == world.old

    # Too late to refuse: nothing is lost.
    layer = Layer(in_place=in_place)
    staged = world.stage(NEW, layer)
    assert isinstance(staged, Staged)
    layer.hooks = {"sync": put}
    done = commit(staged)
    assert isinstance(done, Published)
    assert done.kept == ("more/db.yaml.zt-kept",)
    assert (world.out / "more/db.yaml.zt-kept").read_text() == "theirs"
    assert (world.out / "more/db.yaml").read_bytes() == NEW["more/db.yaml"]


def test_our_file_edited_meanwhile(world: World) -> None:
    staged = world.stage(NEW)
    assert isinstance(staged, Staged)
    (world.out / "ns/web.yaml").write_text("edited!!\n")
    result = commit(staged)
    assert codes(result) == ["ZT602"]
    assert (world.out / "ns/web.yaml").read_text() == "edited!!\n"
    assert world.siblings() == ["out"]


# --- ownership ------------------------------------------------------------------------------------------------


def test_an_edit_by_hand(world: World) -> None:
    (world.out / "ns/web.yaml").write_text("mine\n")
    (world.out / "gone/api.yaml").write_text("mine too\n")
    edited = world.tree()
    result = world.publish(NEW)
    assert codes(result) == ["ZT602", "ZT602"]
    assert isinstance(result, tuple)
    assert result[0].detail == "--- a/ns/web.yaml\n+++ b/ns/web.yaml\n@@ -1 +1 @@\n-mine\n+new web\n"
    assert result[1].detail == "--- a/gone/api.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-mine too\n"
    assert world.tree() == edited
    assert isinstance(world.publish(NEW, force=True), Published)
    assert world.tree() == world.new()


def test_an_edit_that_is_what_we_would_write(world: World) -> None:
    (world.out / "ns/web.yaml").write_bytes(NEW["ns/web.yaml"])
    assert isinstance(world.publish(NEW), Published)


def test_a_file_of_ours_that_was_removed_comes_back(world: World) -> None:
    (world.out / "ns/web.yaml").unlink()
    done = world.publish(OLD)
    assert isinstance(done, Published)
    assert done.written == ("ns/web.yaml",)
    assert world.tree() == world.old


@pytest.mark.parametrize("force", [False, True])
def test_a_foreign_file_in_the_way(world: World, force: bool) -> None:
    (world.out / "more").mkdir()
    (world.out / "more/db.yaml").write_text("theirs")
    before = world.tree()
    assert codes(world.publish(NEW, force=force)) == ["ZT603"]
    assert world.tree() == before
    shutil.rmtree(world.out / "more")
    (world.out / "more").write_text("a file, not a directory")
    assert codes(world.publish(NEW, force=force)) == ["ZT603"]
    (world.out / "more").unlink()
    (world.out / "more/db.yaml").mkdir(parents=True)
    assert codes(world.publish(NEW, force=force)) == ["ZT603"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["ns/web.yaml", "more/db.yaml", "ns", "more", "gone", ".zt", ".zt/manifest.json"])
def test_a_symbolic_link_in_the_way(world: World, name: str, force: bool) -> None:
    elsewhere = world.root / "elsewhere"
    path = world.out / name
    if path.is_dir() or path.exists():
        path.rename(elsewhere)
    else:
        path.parent.mkdir(exist_ok=True)
    path.symlink_to(elsewhere)
    before = world.tree()
    assert codes(world.publish(NEW, force=force)) == ["ZT601"]
    assert world.tree() == before


def test_the_directory_is_a_link_or_a_file(world: World) -> None:
    real = world.out.rename(world.root / "real")
    world.out.symlink_to(real)
    assert codes(world.publish(NEW)) == ["ZT601"]
    found = difference(world.out, NEW)
    assert isinstance(found, Diagnostic)
    assert found.code == "ZT601"
    world.out.unlink()
    world.out.write_text("a file")
    assert codes(world.publish(NEW)) == ["ZT603"]
    world.out.unlink()
    world.out.symlink_to(world.out)
    assert codes(world.publish(NEW)) == ["ZT601"]


def test_a_link_put_in_between_check_and_use(world: World) -> None:
    """A directory of ours is replaced by a link after it was seen to be one: what it leads to stays untouched."""
    outside = world.root / "outside"
    outside.mkdir()
    (outside / "web.yaml").write_text("outside")

    def swap() -> None:
        if not (world.out / "ns").is_symlink():
            (world.out / "ns").rename(world.root / "ns")
            (world.out / "ns").symlink_to(outside)

    for step, in_place in itertools.product(("write", "sync", "link"), (False, True)):
        with contextlib.suppress(OSError):
            world.publish(NEW, Layer(in_place=in_place, hooks={step: swap}))
        assert (outside / "web.yaml").read_text() == "outside"
        assert [path.name for path in outside.iterdir()] == ["web.yaml"]
        if (world.root / "ns").exists():
            # What it was swapped for may have been moved aside by now; put everything back.
            for path in world.out.glob("ns*"):
                path.unlink() if path.is_symlink() else shutil.rmtree(path)
            (world.root / "ns").rename(world.out / "ns")
        assert isinstance(world.publish(OLD, force=True), Published)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 2}',
        b"[" * 100_000,
        b"\xff",
        encode(ownership(OLD, {})).replace(b"gone/api.yaml", b"gone/apx.yaml"),
        encode(ownership({"../x": b""}, {})),
        encode(ownership({"/etc/passwd": b""}, {})),
        encode(ownership({".zt/manifest.json": b""}, {})),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_broken_ownership_file(world: World, broken: bytes, force: bool) -> None:
    (world.out / ".zt/manifest.json").write_bytes(broken)
    result = world.publish(NEW, force=force)
    assert codes(result) == ["ZT606"]
    assert isinstance(result, tuple)
    assert "version control" in result[0].help
    found = difference(world.out, NEW)
    assert isinstance(found, Diagnostic)
    assert found.code == "ZT606"


@pytest.mark.parametrize("name", [".out.zt-stage"])
def test_a_directory_that_only_has_the_name_of_ours(world: World, name: str) -> None:
    theirs = world.out.parent / name
    theirs.mkdir()
    (theirs / "file").write_text("theirs")
    assert codes(world.publish(NEW)) == ["ZT603"]
    assert (theirs / "file").read_text() == "theirs"
    assert world.tree() == world.old
    (theirs / "file").unlink()
    assert isinstance(world.publish(NEW), Published)


def test_directories_that_hold_more_than_manifests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    home = world.root / "home" / "user"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    alias = world.root / "alias"
    alias.symlink_to(world.project)
    for out in (Path("/"), home, home.parent, world.project, world.root, world.project / "x" / "..", alias, home / "."):
        assert codes(stage(out, NEW, project=world.project)) == ["ZT600"], out
    monkeypatch.chdir(world.project)
    assert codes(stage(Path(), NEW, project=world.project)) == ["ZT600"]
    for out in (home / "out", world.project / "out", world.root / "other"):
        staged = stage(out, NEW, project=world.project)
        assert isinstance(staged, Staged)
        abandon(staged)


# --- what --check shows ---------------------------------------------------------------------------------------


def test_a_difference(world: World) -> None:
    before = world.tree()
    assert difference(world.out, OLD) == ""
    found = difference(world.out, NEW)
    assert isinstance(found, str)
    assert "--- a/ns/web.yaml\n+++ b/ns/web.yaml\n@@ -1 +1 @@\n-old web\n+new web\n" in found
    assert "--- a/gone/api.yaml\n+++ /dev/null\n" in found
    assert "--- /dev/null\n+++ b/more/db.yaml\n" in found
    assert "same" not in found.replace('"ns/same.yaml"', "")
    assert world.tree() == before
    assert world.siblings() == ["out"]
    fresh = difference(world.root / "none", {"a": b"no newline"})
    assert isinstance(fresh, str)
    assert "+no newline\n\\ No newline at end of file\n" in fresh
    assert not (world.root / "none").exists()
