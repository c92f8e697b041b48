"""The child process: imports the user's modules, resolves, sends what came of it, and ends."""

import gc
import importlib
import inspect
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import date
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import IO, NoReturn, TypeVar

import attrs

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.load import Loaded, Request
from zt_dsl.load.problems import exited, missing, no_such_name, raised, syntax, users, worded, wrong_kind
from zt_dsl.load.settings import Unfit, called, structured
from zt_dsl.model.platform import Calico, Cilium, Istio, Kubernetes, Platform
from zt_dsl.model.recording import recording
from zt_dsl.model.topology import Topology
from zt_dsl.resolve import resolve

T = TypeVar("T")


class _Failed(Exception):  # noqa: N818  # carries a diagnostic out of the user's code, nothing else
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def serve(request: Request, answering: int) -> NoReturn:
    """Answer the request through a pipe, and end the process."""
    _apart(answering)
    own = os.getpid()
    gc.disable()  # a short life that only allocates: collecting costs as much as loading
    try:
        loaded = _load(request)
    except _Failed as failed:
        loaded = Loaded(None, (failed.diagnostic,))
    except Exception as error:
        if os.environ.get("ZT_DSL_TRACEBACK"):
            traceback.print_exc()
        # Values of the user's own kinds may raise while we look at them: that is still the user's code.
        theirs = users(error)
        root, name = Path(request.root), request.topology
        loaded = Loaded(None, (raised(error, name, root),)) if theirs else Loaded(None, (), bug=worded(error))
    if os.getpid() != own:
        os._exit(0)  # a fork that the user's code made: its parent answers
    with os.fdopen(answering, "wb") as answer:
        _send(loaded, answer)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing of the user's may run any more: no atexit, no thread that would not end


class _Calls(dict[type, Callable[[object], tuple[type, tuple[object, ...]]]]):
    """How values of ours are pickled: as a call of their class with their fields.

    What attrs would write instead is a state with the names of the fields; setting it costs three times as much.
    """

    def __missing__(self, kind: type) -> Callable[[object], tuple[type, tuple[object, ...]]]:
        if not attrs.has(kind):
            raise KeyError(kind)  # it goes the usual way
        fields = _fields(kind)
        self[kind] = lambda value: (kind, fields(value))
        return self[kind]


def _fields(kind: type[attrs.AttrsInstance]) -> Callable[[object], tuple[object, ...]]:
    names = [field.name for field in attrs.fields(kind)]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)  # attrgetter takes no fewer


def _send(loaded: Loaded, answer: IO[bytes]) -> None:
    pickler = pickle.Pickler(answer, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _Calls()
    pickler.dump(loaded)


def _apart(answering: int) -> None:
    """What the user's code prints is not our output, there is nothing for it to read, and no file of ours is open."""
    os.closerange(3, answering)
    os.closerange(answering + 1, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)


def _load(request: Request) -> Loaded:
    root = Path(request.root)
    for folder in (str(root), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    with recording() as recorded:
        module_name, _, name = request.topology.partition(":")
        module = _user(lambda: importlib.import_module(module_name), root, module_name)
        if not request.platform and not request.engine:
            return Loaded(None, (), _platforms(module, module_name))
        topology = _named(module, module_name, name, Topology, request.settings, root)
        platform = _target(request.engine) if request.engine else _platform(request.platform, root)
    resolved = resolve(topology, platform, on=date.fromisoformat(request.on), recorded=recorded)
    return Loaded(resolved.policy, resolved.diagnostics)


def _platforms(module: ModuleType, module_name: str) -> tuple[str, ...]:
    return tuple(f"{module_name}:{name}" for name, value in vars(module).items() if isinstance(value, Platform))


def _platform(reference: str, root: Path) -> Platform:
    module_name, _, name = reference.partition(":")
    module = _user(lambda: importlib.import_module(module_name), root, module_name)
    return _named(module, module_name, name, Platform, {}, root)


def _target(engine: tuple[tuple[str, str], ...]) -> Platform:
    network: Kubernetes | Cilium | Calico | None = None
    mesh = None
    for name, version in engine:
        match name:
            case "cilium":
                network = Cilium(version)
            case "calico":
                network = Calico(version)
            case "istio":
                mesh = Istio(version)
            case "flannel":
                pass  # it enforces nothing
            case "antrea" | "weave-net":
                network = Kubernetes(version, plugin=name)
            case _:
                network = Kubernetes(version)
    return Platform("-".join(name for name, _ in engine), network=network, mesh=mesh)


def _named(module: ModuleType, module_name: str, name: str, kind: type[T], settings: object, root: Path) -> T:
    if not isinstance(module, ModuleType):  # it may have put anything in its place
        raise _Failed(wrong_kind(module_name, name, module, kind))
    if name not in vars(module):
        raise _Failed(no_such_name(module, module_name, name, kind))
    found: object = vars(module)[name]
    if inspect.iscoroutinefunction(found):
        raise _Failed(wrong_kind(module_name, name, found, kind))
    if inspect.isroutine(found):
        function = found
        # Ours, and so imported before the user's function runs: what is missing there is the user's.
        structure = structured()
        try:
            found = _user(lambda: called(function, settings, structure), root, module_name)
        except Unfit as unfit:
            raise _Failed(
                Diagnostic(
                    "ZT108",
                    f"{module_name}:{name} cannot be called: {unfit}",
                    (Label(unfit.at),) if unfit.at else (),
                    "A topology that is a function takes its arguments from --set (or `set` in pyproject.toml).",
                    unfit.help,
                )
            ) from None
    elif settings and isinstance(found, kind):
        raise _Failed(
            Diagnostic(
                "ZT108",
                f"{module_name}:{name} takes no settings: it is a {kind.__name__}, not a function",
                why="A setting that is passed over would be a policy that nobody asked for.",
                help=f"name a function that takes them and returns a {kind.__name__}, or leave --set out",
            )
        )
    if not isinstance(found, kind):
        raise _Failed(wrong_kind(module_name, name, found, kind))
    return found


def _user(run: Callable[[], T], root: Path, module_name: str) -> T:
    """Run the user's code; whatever it raises becomes a diagnostic at the user's own line."""
    try:
        return run()
    except (_Failed, Unfit):
        raise
    except SyntaxError as error:
        raise _Failed(syntax(error, module_name)) from None
    except ModuleNotFoundError as error:
        raise _Failed(missing(error, module_name, root)) from None
    except SystemExit as error:
        raise _Failed(exited(error, module_name, root)) from None
    except BaseException as error:  # KeyboardInterrupt too: the user's code may raise anything
        if os.environ.get("ZT_DSL_TRACEBACK"):
            traceback.print_exc()
        raise _Failed(raised(error, module_name, root)) from None
