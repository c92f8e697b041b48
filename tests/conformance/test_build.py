"""That an engine which is not there is a loud failure, and that a changed one is another binary."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.engines import build

pytestmark = pytest.mark.conformance


def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | changed
    return subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_without_go_the_build_says_what_to_install(tmp_path: Path) -> None:
    done = run("tests.conformance.engines.build", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "Install Go" in done.stderr


@pytest.mark.parametrize("missing", ["PATH", "ZT_DSL_ENGINE_CACHE"])
def test_without_an_engine_the_tests_fail_and_do_not_skip(tmp_path: Path, missing: str) -> None:
    versions = "tests/conformance/test_engine.py::test_the_versions_are_those_that_the_tests_speak_of"
    done = run("pytest", "-p", "no:cacheprovider", versions, **{missing: str(tmp_path)})
    assert done.returncode == 1
    assert "make conformance" in done.stdout
    assert "1 error" in done.stdout


def test_an_engine_that_is_there_is_not_built_again() -> None:
    done = run("tests.conformance.engines.build")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("already built") == len(build.ENGINES)


def test_a_binary_is_named_after_all_that_goes_into_it(tmp_path: Path) -> None:
    module = Path(build.__file__).parent / "kubernetes"
    copy = tmp_path / "kubernetes"
    shutil.copytree(module, copy)
    assert build.key(copy, "go1.26.0 linux amd64") == build.key(module, "go1.26.0 linux amd64")
    assert build.key(copy, "go1.26.1 linux amd64") != build.key(module, "go1.26.0 linux amd64")
    for path in build.sources(module):
        shutil.copytree(module, copy, dirs_exist_ok=True)
        changed = copy / path.relative_to(module)
        changed.write_bytes(changed.read_bytes() + b"\n")
        assert build.key(copy, "go1.26.0 linux amd64") != build.key(module, "go1.26.0 linux amd64")


def test_an_engine_that_does_not_compile_is_an_error_with_its_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "go.mod").write_text("module zt_dsl.test/broken\n\ngo 1.26.0\n")
    (broken / "main.go").write_text("package main\n\nfunc main() { judge() }\n")
    target = build.Target("broken", broken, tmp_path / "cache" / "broken")
    with pytest.raises(build.CannotBuildError, match="undefined: judge"):
        build.build(target, lambda _: None)
    assert target.missing
    assert not list((tmp_path / "cache").iterdir())
