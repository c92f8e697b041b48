"""From "package.module:name" and settings to a policy, by a child process that loads and resolves.

Boundary: the user's code runs in the child alone. Only IR and diagnostics come back, on a pipe of their own;
model objects never do, and what the user's code prints goes to stderr.
"""

import contextlib
import os
import pickle
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from importlib import import_module
from io import BytesIO
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import NoReturn

from attrs import frozen, has

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import IPNetwork
from zt_dsl.ir.policy import Policy

OUR_BUG = 70
TIMEOUT = 60.0
"""Seconds that a user's modules may take, unless the command says otherwise."""
_ENDING = 5.0
"""Seconds that the child may take to end when it has answered."""


@frozen
class Request:
    """What to load. `platform` is "module:name"; `engine` is what a `--target` stands for; one of them is set.

    Neither: the child answers with the platforms that the topology's module has.
    """

    topology: str
    platform: str
    engine: tuple[tuple[str, str], ...]
    settings: Mapping[str, object]
    on: str
    root: str


@frozen
class Loaded:
    """The policy, where everything was right; what there is to say; and the platforms of the module."""

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...]
    platforms: tuple[str, ...] = ()
    bug: str = ""
    """What failed in our own code, where something did: the user's code is never to blame for it."""


def load(request: Request, *, timeout: float = TIMEOUT, tick: Callable[[], None] = lambda: None) -> Loaded:
    """Load and resolve in a child process, which gets `timeout` seconds; `tick` is called while waiting.

    A module that raises, exits, hangs or is missing is a ZT1xx diagnostic; this function does not raise for
    anything that the user's code does. Raises RuntimeError for a failure of ours in the child.

    The child is forked, not started anew: it begins with the IR and the diagnostics imported, which is half of
    what it needs. Nothing has been started in this process by then that a fork would lose.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _become(request, reading, writing)
    os.close(writing)
    status: int | None = None
    try:
        answer, status = _answer(reading, child, time.monotonic() + timeout, tick)
    finally:
        os.close(reading)
        status = _end(child, status)
    if answer is None:
        return Loaded(None, (_too_slow(request, timeout),))
    loaded = _loaded(answer) or Loaded(None, (_ended(request, status),))
    if loaded.bug:
        raise RuntimeError(loaded.bug)
    return loaded


def _become(request: Request, reading: int, writing: int) -> NoReturn:
    """The child's whole life. It never returns into what the parent was doing."""
    try:
        os.setsid()  # so that whatever it starts ends with it
        os.close(reading)
        from zt_dsl.load.child import serve

        serve(request, writing)
    finally:
        os._exit(OUR_BUG)


def _answer(reading: int, child: int, deadline: float, tick: Callable[[], None]) -> tuple[bytes | None, int | None]:
    """All that the child sent, None where the time was over first; and its wait status, if it has ended."""
    os.set_blocking(reading, False)
    chunks: list[bytes] = []
    status: int | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while True:
            if status is None:
                ended, found = os.waitpid(child, os.WNOHANG)
                status = found if ended else None
            # A process that the user's code left behind may hold the pipe open: the child's end is the end.
            if selector.select(0 if status is not None else 0.05):
                chunk = os.read(reading, 1 << 20)
                if not chunk:
                    # Closed by its end, as a rule: how it ended is what there is to tell.
                    return b"".join(chunks), _ended_soon(child) if status is None else status
                chunks.append(chunk)
            elif status is not None:
                return b"".join(chunks), status
            if time.monotonic() > deadline:
                return None, status
            tick()


def _ended_soon(child: int) -> int | None:
    """Its wait status. What measures or traces the child may write a file at its end, on a busy machine for seconds:
    killed meanwhile, it would leave half of one."""
    over = time.monotonic() + _ENDING
    while time.monotonic() < over:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.005)
    return None


def _end(child: int, status: int | None) -> int:
    """End the child and all that it started; its exit status, negative for a signal."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # it may not have had its own group yet
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


class _Unpickler(pickle.Unpickler):
    """Makes values of the IR and diagnostics, and nothing else: a pickle could name any function.

    Only classes, and only where they are defined: a name with a dot in it would lead through a module's imports
    to whatever they have, and `load` itself imports `os`. What the pickle gets is never the class, which it could
    set attributes of, but a function that calls it.
    """

    def __init__(self, answer: BytesIO) -> None:
        super().__init__(answer)
        self._networks: list[tuple[IPNetwork, dict[str, object]]] = []

    def load(self) -> object:
        """The value. Raises whatever is wrong with the pickle."""
        found: object = super().load()
        # Unlike ours, these have a dictionary that a pickle can write to after they were made.
        for network, made in self._networks:
            if vars(network).keys() != made.keys() or any(vars(network)[key] is not made[key] for key in made):
                raise pickle.UnpicklingError(f"{network} is no network as it was made")
        return found

    def _network(self, kind: type[IPNetwork], text: str) -> IPNetwork:
        network = kind(text)
        self._networks.append((network, dict(vars(network))))
        return network

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        ours = module.startswith("zt_dsl.ir.") or module in ("zt_dsl.diagnostics", "zt_dsl.source", "zt_dsl.load")
        if module == "ipaddress" and name in ("IPv4Network", "IPv6Network"):
            family: type[IPNetwork] = IPv4Network if name == "IPv4Network" else IPv6Network
            return lambda text: self._network(family, text)
        if ours:
            found = getattr(sys.modules.get(module) or import_module(module), name, None)
            if (
                isinstance(found, type)
                and (found.__module__, found.__qualname__) == (module, name)
                and has(found)  # not a class of ours that is no value, such as this one
            ):
                kind: type = found
                return lambda *fields: kind(*fields)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a policy")


def _loaded(answer: bytes) -> Loaded | None:
    try:
        loaded = _Unpickler(BytesIO(answer)).load()
    except Exception:  # whatever was written there, by whomever, is no answer
        return None
    return loaded if isinstance(loaded, Loaded) else None


def _too_slow(request: Request, timeout: float) -> Diagnostic:
    return Diagnostic(
        "ZT105",
        f"loading {request.topology} took longer than {timeout:g} second{'' if timeout == 1 else 's'}",
        why="The module runs in a process of its own; it was ended, so that a build cannot hang.",
        help="look for a loop, a request to a network or a wait for input at import; or allow more: --timeout 300",
    )


def _ended(request: Request, status: int) -> Diagnostic:
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return Diagnostic(
        "ZT104",
        f"loading {request.topology} ended the process {how}",
        why="A module that describes a topology must come to its end; status 0 is no topology either.",
        help="remove the call of os._exit(), exec or the like; a crash of an extension module looks the same",
    )


def project_root(start: Path) -> Path:
    """The nearest folder above that has a pyproject.toml, or the folder itself."""
    return next((folder for folder in (start, *start.parents) if (folder / "pyproject.toml").is_file()), start)


def today() -> date:
    """Today's date in UTC: the same on every machine of a team."""
    from datetime import UTC, datetime

    return datetime.now(UTC).date()
