"""The same input gives the same bytes: whatever the hash seed, the locale, the time zone, the day, the options."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

MODULE = """
from datetime import date

from zt_dsl import *

shop, pay = Namespace("shop"), Namespace("pay")
edge, core = Tier("Ünder"[1:].lower() and "edge"), Tier("core")


class Api(HttpApp):
    media = UdpPort(30000, last=30010)


web = Api("web", namespace=shop, tier=edge)
api = Api("api", namespace=shop, tier=core, labels={"İ".lower()[:1]: "on", "app": "I"})
bank = GrpcApp("bank", namespace=pay)
stripe = HttpsApi("api.stripe.com")
office = Network("office", cidrs=["203.0.113.0/24", "10.0.0.0/8"], excluding=["10.1.0.0/16", "10.3.0.0/16"])


def called(*sources):
    return [allow(source, api.http.routes(GET("/İ"[:1])), why="ı, I, İ and i") for source in sources]


topology = Topology(
    "determined",
    [
        *called(web, bank),
        allow(edge, api.media),
        allow([web, api, pay], bank.grpc, why="money", until=date(2027, 6, 30)),
        allow(shop, stripe.https),
        allow([office, INTERNET], web.http),
    ],
    governs=[shop, pay],
    tiers=[edge, core],
)
platform = Platform(
    "native",
    network=Kubernetes("1.37"),
    pod_cidrs=["10.244.0.0/16"],
    waivers=[Waiver(feature, why="later", until=date(2027, 6, 30)) for feature in ("http-routes", "fqdn")],
)
"""


def compiled(
    at: Path, run: str, *options: str, on: str = "2026-11-23", text: str = MODULE, **environment: str
) -> Mapping[str, bytes]:
    """What a run of its own writes, by path."""
    (at / "determined.py").write_text(text, encoding="utf-8")
    out = at / f"out-{run}"
    command = [sys.executable, *options, "-m", "zt_dsl", "compile", "determined:topology"]
    done = subprocess.run(
        [*command, "--platform", "determined:platform", "--on", on, "-o", str(out)],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(at), "PYTHONHASHSEED": "0", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    found = compiled(tmp_path_factory.mktemp("reference"), "reference")
    assert {"shop/web.yaml", "shop/_namespace.yaml", "pay/bank.yaml", "kustomization.yaml", "review.md"} <= found.keys()
    return found


RUNS: Mapping[str, tuple[tuple[str, ...], str, Mapping[str, str]]] = {
    "seed 1, Turkish": ((), "2026-11-23", {"PYTHONHASHSEED": "1", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"}),
    "seed 2, Japanese": ((), "2026-11-23", {"PYTHONHASHSEED": "2", "LC_ALL": "ja_JP", "TZ": "Pacific/Kiritimati"}),
    "seed 3, no locale, -O": (("-O",), "2026-11-23", {"PYTHONHASHSEED": "3", "LC_ALL": "C", "TZ": "UTC+12"}),
    "seed 4, -OO": (("-OO",), "2026-11-23", {"PYTHONHASHSEED": "4", "LC_ALL": "POSIX", "TZ": "Etc/GMT-14"}),
    "seed 5, another day": ((), "2027-06-30", {"PYTHONHASHSEED": "5", "COLUMNS": "20", "NO_COLOR": "1"}),
}


@pytest.mark.parametrize("run", RUNS)
def test_the_output_is_the_same(run: str, reference: Mapping[str, bytes], tmp_path: Path) -> None:
    options, on, environment = RUNS[run]
    assert compiled(tmp_path, "again", *options, on=on, **environment) == reference


def test_the_day_of_the_run_is_nowhere_in_the_output(reference: Mapping[str, bytes]) -> None:
    assert [path for path, data in reference.items() if b"2026" in data] == []


def test_sources_may_be_a_set(tmp_path: Path) -> None:
    text = MODULE.replace("allow([office, INTERNET], web.http)", "allow({office, INTERNET}, web.http)")
    first = compiled(tmp_path, "first", text=text)
    assert [compiled(tmp_path, seed, text=text, PYTHONHASHSEED=seed) == first for seed in ("1", "2", "3")] == [True] * 3


def test_a_terminal_of_ascii_is_no_reason_to_fail(reference: Mapping[str, bytes], tmp_path: Path) -> None:
    assert compiled(tmp_path, "ascii", PYTHONUTF8="0", LC_ALL="POSIX", PYTHONIOENCODING="ascii") == reference
