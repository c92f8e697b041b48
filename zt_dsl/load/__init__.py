"""From "package.module:name" and settings to a policy, by a child process that loads and resolves.

Boundary: the user's code runs in the child alone. Only IR and diagnostics come back, on a pipe of their own;
model objects never do, and what the user's code prints goes to stderr.
"""

import contextlib
import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO

from attrs import asdict, frozen

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.policy import Policy

TIMEOUT = 60.0
"""Seconds that a user's modules may take, unless the command says otherwise."""


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


def load(request: Request, *, timeout: float = TIMEOUT) -> Loaded:
    """Load and resolve in a child process, which gets `timeout` seconds.

    A module that raises, exits, hangs or is missing is a ZT1xx diagnostic; this function does not raise for
    anything that the user's code does. Raises RuntimeError for a failure of ours in the child.
    """
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "zt_dsl.load.child", str(writing)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=2,  # what the user's modules print is not our output
        pass_fds=(writing,),
        start_new_session=True,  # so that whatever it started ends with it
    ) as child:
        os.close(writing)
        try:
            _ask(child, request)
            answer = _answer(reading, child, time.monotonic() + timeout)
        finally:
            os.close(reading)
            _end(child)
    if answer is None:
        return Loaded(None, (_too_slow(request, timeout),))
    loaded = _loaded(answer) or Loaded(None, (_ended(request, child.returncode),))
    if loaded.bug:
        raise RuntimeError(loaded.bug)
    return loaded


def _ask(child: subprocess.Popen[bytes], request: Request) -> None:
    asking: IO[bytes] | None = child.stdin
    assert asking is not None
    try:
        asking.write(json.dumps(asdict(request)).encode())
        asking.close()
    except BrokenPipeError:
        pass  # it has ended already; its status says why


def _answer(reading: int, child: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """All that the child sent; None where the time was over first."""
    os.set_blocking(reading, False)
    chunks: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while True:
            ended = child.poll() is not None
            # A process that the user's code left behind may hold the pipe open: the child's end is the end.
            if selector.select(0 if ended else 0.05):
                chunk = os.read(reading, 1 << 20)
                if not chunk:
                    return b"".join(chunks)
                chunks.append(chunk)
            elif ended:
                return b"".join(chunks)
            if time.monotonic() > deadline:
                return None


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Unpickler(pickle.Unpickler):
    """Makes values of the IR and diagnostics, and nothing else: a pickle could name any function.

    Only classes, and only where they are defined: a name with a dot in it would lead through a module's imports
    to whatever they have, and `load` itself imports `os`.
    """

    def find_class(self, module: str, name: str) -> type:
        ours = module.startswith("zt_dsl.ir.") or module in ("zt_dsl.diagnostics", "zt_dsl.source", "zt_dsl.load")
        if ours or (module == "ipaddress" and name in ("IPv4Network", "IPv6Network")):
            found = getattr(sys.modules.get(module) or import_module(module), name, None)
            if isinstance(found, type) and found.__module__ == module and found.__qualname__ == name:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a policy")


def _loaded(answer: bytes) -> Loaded | None:
    try:
        loaded = _Unpickler(BytesIO(answer)).load()
    except (EOFError, pickle.UnpicklingError, AttributeError, IndexError, ValueError):
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
