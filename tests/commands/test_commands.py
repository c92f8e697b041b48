"""The command line, as a user meets it: what it prints, where, and what it exits with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zt_dsl.backends.plugins import PLUGINS
from zt_dsl.commands import run
from zt_dsl.diagnostics.codes import TITLES

MODEL = """
from zt_dsl import GET, HttpApp, Kubernetes, Namespace, Platform, Topology, Waiver, allow

shop = Namespace("shop")
web, api = HttpApp("web", namespace=shop), HttpApp("api", namespace=shop)
topology = Topology("shop", [allow(web, api.http, why="orders")], governs=[shop])
narrowed = Topology("shop", [allow(web, api.http.routes(GET("/orders")), why="orders")], governs=[shop])
native = Platform("native", network=Kubernetes("1.37"))
waived = Platform("waived", network=Kubernetes("1.37"), waivers=[Waiver("http-routes", why="no mesh yet")])
"""
NATIVE = ("shop_model:topology", "--platform", "shop_model:native")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop_model.py").write_text(MODEL)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_compile_writes_proves_and_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", *NATIVE]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert "3 objects in generated/shop/native" in out
    assert "connections permitted as declared" in out
    assert "no layer of this platform enforces identity" in out
    expected = {"kustomization.yaml", "review.md", "shop/_namespace.yaml", "shop/api.yaml", "shop/web.yaml"}
    assert expected | {".zt/manifest.json"} == set(tree(project / "generated/shop/native"))


def test_a_second_run_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["compile", *NATIVE])
    before = tree(project / "generated")

    assert run(["compile", *NATIVE]) == 0

    assert before == tree(project / "generated")
    assert "nothing changed" in capsys.readouterr().out


def test_check_is_clean_after_a_run_and_stale_after_a_change(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["compile", *NATIVE])
    assert run(["compile", *NATIVE, "--check"]) == 0
    (project / "shop_model.py").write_text(MODEL.replace('web, api.http, why="orders"', 'api, web.http, why="turned"'))
    before = tree(project / "generated")
    capsys.readouterr()

    assert run(["compile", *NATIVE, "--check"]) == 2

    assert before == tree(project / "generated")
    err = capsys.readouterr().err
    assert "ZT607" in err
    assert "+++" in err


def test_a_widened_edge_is_in_the_summary_the_review_and_the_yaml(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compile", "shop_model:narrowed", "--platform", "shop_model:waived"]) == 0

    folder = project / "generated/shop/waived"
    for text in (
        capsys.readouterr().out,
        (folder / "review.md").read_text(),
        (folder / "shop/api.yaml").read_text(),
        (folder / "shop/web.yaml").read_text(),
    ):
        assert "GET /orders" in text
        assert "no mesh yet" in text


def test_a_refusal_exits_with_1_and_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "shop_model:narrowed", "--target", "kubernetes"]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert "error[ZT310]" in err
    assert not (project / "generated").exists()


def test_a_module_that_fails_exits_with_4(project: Path) -> None:
    (project / "broken.py").write_text("1 / 0")

    assert run(["compile", "broken:topology", "--target", "kubernetes"]) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["compile"],
        ["compile", "shop_model"],
        ["compile", "shop_model:topology"],
        ["compile", "shop_model:topology", "--platform", "shop_model:native", "--target", "kubernetes"],
        ["compile", "shop_model:topology", "--target", "kubernete"],
        ["compile", "shop_model:topology", "--target", "istio+cilium"],
        ["compile", "shop_model:topology", "--target", "kubernetes", "--on", "soon"],
        ["compile", "shop_model:topology", "--target", "kubernetes", "--set", "env"],
        ["compile", "shop_model:topology", "--target", "kubernetes", "--format", "xml"],
        ["compile", "--target", "kubernetes"],
        ["verify", "shop_model:topology"],
        ["verify", "shop_model:topology", "not-there", "--target", "kubernetes"],
        ["explain-code", "ZT999"],
        ["explain-code"],
    ],
)
def test_usage_exits_with_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 64

    assert capsys.readouterr().err != ""


def test_without_a_platform_the_modules_platforms_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "shop_model:topology"]) == 64

    err = capsys.readouterr().err
    assert "shop_model:native" in err
    assert "shop_model:waived" in err


@pytest.mark.parametrize("target", ["kubernetes+istio", "calico+istio", "cilium+istio", "cilium@1.20+istio@1.31"])
def test_a_target_of_two_layers(target: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "shop_model:topology", "--target", target]) == 0

    assert " with Istio 1.31" in capsys.readouterr().out
    [folder] = (project / "generated/shop").iterdir()
    assert "kind: AuthorizationPolicy" in (folder / "shop/api.yaml").read_text()


def test_a_mesh_alone_is_refused_once_with_the_waivers_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "shop_model:topology", "--target", "istio"]) == 1

    err = capsys.readouterr().err
    assert err.count("error[ZT334]") == 1
    assert 'waivers=[Waiver("egress", why="…"), Waiver("protocol", why="…")]' in err


@pytest.mark.parametrize("target", ["antrea", "weave-net"])
def test_a_plugin_that_enforces_networkpolicy_gets_it(
    target: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("kubernetes", target):
        assert run(["compile", "shop_model:topology", "--target", name]) == 0
    assert f'Kubernetes NetworkPolicy 1.37 with plugin="{target}", which no test here judges' in capsys.readouterr().out

    native, theirs = (tree(project / "generated/shop" / name) for name in ("kubernetes", target))
    policies = {"shop/_namespace.yaml", "shop/api.yaml", "shop/web.yaml"}
    assert policies < theirs.keys()
    assert [name for name in policies if theirs[name] != native[name]] == []

    assert run(["compile", "shop_model:narrowed", "--target", target]) == 1
    assert "error[ZT310]" in capsys.readouterr().err


def test_a_plugin_that_enforces_nothing_is_refused_with_what_would_be_open(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compile", "shop_model:topology", "--target", "flannel"]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert "error[ZT302]: nothing on flannel enforces policies: the default deny of shop" in err
    assert err.count(": not enforced") == 1
    assert "web → api.http: not enforced" in err
    assert not (project / "generated").exists()


def test_every_plugin_is_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    for plugin in PLUGINS:
        assert run(["compile", "shop_model:topology", "--target", plugin.target]) == (plugin.backend == "nothing")
    assert run(["compile", "shop_model:topology", "--target", "kindnet"]) == 64
    assert "antrea, calico, cilium, flannel, istio, kubernetes, weave-net" in capsys.readouterr().err


def test_a_target_with_a_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "shop_model:topology", "--target", "kubernetes@1.25"]) == 0

    assert "known from its documentation" in capsys.readouterr().out


def test_a_version_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "shop_model:topology", "--target", "kubernetes@1.12"]) == 1

    err = capsys.readouterr().err
    assert "ZT301" in err
    assert "1.37" in err


def test_json_and_sarif_are_all_that_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for style, key in (("json", "diagnostics"), ("sarif", "runs")):
        assert run(["compile", "shop_model:narrowed", "--target", "kubernetes", "--format", style]) == 1

        out, err = capsys.readouterr()
        assert err == ""
        assert key in json.loads(out)


def test_builds_of_pyproject_are_all_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(
        """
[[tool.zt_dsl.build]]
topology = "shop_model:topology"
platform = "shop_model:native"

[[tool.zt_dsl.build]]
topology = "shop_model:topology"
target = "kubernetes@1.30"
out = "elsewhere"
"""
    )

    assert run(["compile"]) == 0

    assert len(capsys.readouterr().out.strip().splitlines()) == 2
    assert (project / "elsewhere/shop/api.yaml").is_file()
    assert (project / "generated/shop/native/shop/api.yaml").is_file()


@pytest.mark.parametrize(
    "table",
    [
        'topology = "shop_model:topology"',
        'topology = "shop_model"\ntarget = "kubernetes"',
        'topology = "shop_model:topology"\ntarget = "kubernetes"\nplatform = "shop_model:native"',
        'topology = "shop_model:topology"\ntarget = "kubernetes"\nouts = "x"',
        'topology = "shop_model:topology"\ntarget = 3',
        'topology = "shop_model:topology"\ntarget = "kubernetes"\nset = 3',
        "topology = ",
    ],
)
def test_a_build_that_cannot_be_read_is_told(project: Path, table: str, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(f"[[tool.zt_dsl.build]]\n{table}\n")

    assert run(["compile"]) == 64

    assert "ZT109" in capsys.readouterr().err


def test_a_file_that_was_edited_by_hand_is_kept_until_forced(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["compile", *NATIVE])
    edited = project / "generated/shop/native/shop/api.yaml"
    edited.write_text(edited.read_text().replace("8080", "8081"))
    before = tree(project / "generated")

    assert run(["compile", *NATIVE]) == 2
    assert before == tree(project / "generated")
    assert "ZT602" in capsys.readouterr().err

    assert run(["compile", *NATIVE, "--force"]) == 0
    assert "8080" in edited.read_text()


def test_verify_agrees_and_finds_what_was_edited(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["compile", *NATIVE])
    folder = project / "generated/shop/native"
    capsys.readouterr()
    assert run(["verify", "shop_model:topology", str(folder), "--platform", "shop_model:native"]) == 0
    assert "connections permitted as declared" in capsys.readouterr().out

    (folder / "shop/_namespace.yaml").unlink()

    assert run(["verify", "shop_model:topology", str(folder), "--platform", "shop_model:native"]) == 2
    assert "ZT502" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["extra.yaml", "sub/extra.yml", "extra.json", ".hidden/extra.yaml"])
def test_verify_reads_foreign_documents_too(project: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["compile", *NATIVE])
    folder = project / "generated/shop/native"
    (folder / name).parent.mkdir(exist_ok=True)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open", "namespace": "shop"},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    (folder / name).write_text(json.dumps(policy))

    assert run(["verify", "shop_model:topology", str(folder), "--platform", "shop_model:native"]) == 2

    assert "ZT502" in capsys.readouterr().err


def test_verify_proves_what_kustomize_would_apply(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["compile", *NATIVE])
    folder = project / "generated/shop/native"
    listed, other = folder / "kustomization.yaml", folder / "Kustomization"
    text = listed.read_text()

    def verified() -> int:
        return run(["verify", "shop_model:topology", str(folder), "--platform", "shop_model:native"])

    listed.write_text(text.replace("- shop/_namespace.yaml\n", ""))
    assert verified() == 2
    assert "`resources` leaves out shop/_namespace.yaml" in capsys.readouterr().err
    for line, wrong, said in (
        ("  order: fifo", "  order: [", "cannot be read"),
        ("resources:", "---\nresources:", "has 2 documents"),
    ):
        assert line in text
        listed.write_text(text.replace(line, wrong))
        assert verified() == 2
        assert said in capsys.readouterr().err
    listed.unlink()
    assert verified() == 0
    other.write_text(text)
    assert verified() == 2
    other.unlink()
    listed.symlink_to(folder / "elsewhere")
    assert verified() == 2


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(project: Path, sent: signal.Signals, status: int) -> None:
    """In the longest phase, too: the tree is the old one or the new one."""
    (project / "slow.py").write_text("import pathlib, time; pathlib.Path('begun').touch(); time.sleep(60)")
    command = [sys.executable, "-m", "zt_dsl", "compile", "slow:topology", "--target", "kubernetes"]
    # A job in the background is started with SIGINT ignored, and so would be all that it starts.
    with subprocess.Popen(
        command, stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    ) as child:
        try:
            while not (project / "begun").exists():
                assert child.poll() is None
                time.sleep(0.05)
            child.send_signal(sent)

            assert status == child.wait(timeout=20)
        finally:
            child.kill()
    assert not (project / "generated").exists()


def test_a_reader_that_has_gone_is_no_failure() -> None:
    command = f"{sys.executable} -m zt_dsl codes | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert done.stderr == ""


def test_codes_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["codes"]) == 0

    assert list(TITLES) == [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_explain_code_prints_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain-code", "zt205"]) == 0

    assert capsys.readouterr().out.startswith("# ZT205")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from zt_dsl.commands import run; run(['--help']); "
        "print({'attrs', 'attr', 'cattrs', 'ruamel', 'jsonschema'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == "set()\n"


def test_a_bug_of_ours_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("zt_dsl.commands.compile.plan", broken)

    assert run(["compile", *NATIVE]) == 70

    err = capsys.readouterr().err
    assert "bug in zt_dsl" in err
    assert "Traceback" not in err


def test_a_proof_that_fails_publishes_nothing(
    monkeypatch: pytest.MonkeyPatch, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if lower had a bug: one port is opened that no edge declares."""
    from zt_dsl.manifests import emit as emitter

    honest, opened = emitter.emit, "port: 8080\n      endPort: 8081"
    monkeypatch.setattr(
        "zt_dsl.compiler.emit",
        lambda documents, _=None: honest(documents).replace("port: 8080", opened),
    )

    assert run(["compile", *NATIVE]) == 70

    err = capsys.readouterr().err
    assert "ZT510" in err
    assert "8081" in err
    assert not (project / "generated").exists()


def test_it_runs_as_a_module_and_as_a_script(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zt_dsl", "--version"], capture_output=True, text=True, check=True, env={**os.environ}
    )

    assert done.stdout.startswith("zt_dsl ")
