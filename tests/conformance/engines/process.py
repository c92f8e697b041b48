"""A process that answers questions: JSON lines in and out, and the values that all engines' questions are made of.

What each engine links and what its requests look like is said in the first comment of its Go module.
"""

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias, TypeVar

from attrs import frozen

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
Document: TypeAlias = Mapping[str, Json]
Protocol = Literal["TCP", "UDP", "SCTP"]
Labels = tuple[tuple[str, str], ...]
_End = TypeVar("_End")

PROTOCOLS: tuple[Protocol, ...] = ("TCP", "UDP", "SCTP")


class RefusedError(Exception):
    """The engine answered that it does not take this: for `load`, that the API server would not.

    `warnings`: what it logged about policies that it does take, which is refused too.
    """

    def __init__(self, words: str, warnings: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.warnings = warnings


class EngineDiedError(Exception):
    """The engine did not answer at all."""


def labels(given: Mapping[str, str] | Labels) -> Labels:
    return tuple(sorted(given.items() if isinstance(given, Mapping) else given))


def address(given: str) -> str:
    return str(ip_address(given))


@frozen
class Versions:
    """What is linked into the binary: the Go version, and the version of each module by its path."""

    go: str
    modules: Mapping[str, str]


def numbered(ends: Iterable[tuple[_End, _End]]) -> dict[_End, int]:
    """Each end of these connections once, in the order in which a question lists them."""
    return {end: number for number, end in enumerate(dict.fromkeys(chain.from_iterable(ends)))}


# --- how often --------------------------------------------------------------------------------------------

ASKED: Counter[tuple[str, str]] = Counter()
"""How often each engine was asked in this process, by its name and what for. `docs/conformance.md` is made of it."""

_WHAT = {"ask": "verdicts", "apply": "manifests", "validate": "manifests", "load": "policy sets"}
# The lists of questions that a request may hold. One without is one question.
_LISTS = ("connections", "queries", "requests", "manifests", "documents")


def count(engine: str, request: Document) -> None:
    """A request that is answered; a refusal is an answer, too."""
    operation = str(request.get("op", ""))
    if operation in _WHAT:
        lists = [found for name in _LISTS if isinstance(found := request.get(name), Sequence)]
        ASKED[engine, _WHAT[operation]] += len(lists[0]) if lists and operation != "load" else 1


class Process:
    """An engine that runs: one answer a question. Ends with its `with` block."""

    def __init__(self, binary: Path) -> None:
        self._name = binary.name.rpartition("-")[0]
        # A file, not a pipe: nobody reads it meanwhile, and a full pipe would stop the engine.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends its input, which is how an engine is told to stop."""
        self._process.communicate()
        self._errors.close()

    def answer(self, request: Document) -> Mapping[str, Json]:
        """One request, one reply. Raises RefusedError with the engine's words where the reply is an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise EngineDiedError(self._last_words())
        reply: Json = json.loads(line)
        assert isinstance(reply, Mapping)
        count(self._name, request)
        if "error" in reply:
            warnings = reply.get("warnings", ())
            assert isinstance(warnings, Sequence)
            raise RefusedError(str(reply["error"]), tuple(map(str, warnings)))
        return reply

    def versions(self) -> Versions:
        """What is really linked, which is what the verdicts are about."""
        reply = self.answer({"op": "version"})
        modules = reply["modules"]
        assert isinstance(modules, Mapping)
        return Versions(str(reply["go"]), {path: str(version) for path, version in modules.items()})

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        return f"exit status {status}: {self._errors.read().decode(errors='replace').strip()}"
