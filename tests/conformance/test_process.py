"""That an engine which refuses, or dies, is an error with its words."""

from pathlib import Path

import pytest

from tests.conformance.engines.process import EngineDiedError, Process, RefusedError

pytestmark = pytest.mark.conformance


def engine(directory: Path, script: str) -> Process:
    """A process that is no engine: a shell script."""
    binary = directory / "engine"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return Process(binary)


@pytest.mark.parametrize("script", ["echo 'out of memory' >&2; exit 3", "read line; echo 'out of memory' >&2; exit 3"])
def test_a_process_that_dies_is_reported_with_its_last_words(tmp_path: Path, script: str) -> None:
    with engine(tmp_path, script) as dying, pytest.raises(EngineDiedError, match="exit status 3: out of memory"):
        dying.answer({"op": "version"})


def test_a_refusal_carries_the_engine_s_words_and_its_warnings(tmp_path: Path) -> None:
    reply = """{"error": "no", "warnings": ["one", "two"]}"""
    with (
        engine(tmp_path, f"read line; echo '{reply}'") as refusing,
        pytest.raises(RefusedError, match=r"^no$") as refused,
    ):
        refusing.answer({"op": "load"})
    assert refused.value.warnings == ("one", "two")
