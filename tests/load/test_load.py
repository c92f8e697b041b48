"""The user's module, in a child process: whatever it does, there is a diagnostic and no traceback."""

import pickle
import pkgutil
from importlib import import_module
from io import BytesIO
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import attrs
import pytest

import zt_dsl.ir
import zt_dsl.load
from zt_dsl.load import Loaded, Request, child, load

TOPOLOGY = """
from typing import Literal
from zt_dsl import HttpApp, Kubernetes, Namespace, Platform, Topology, allow

shop = Namespace("shop")
web, api = HttpApp("web", namespace=shop), HttpApp("api", namespace=shop)
edges = [allow(web, api.http, why="orders")]
topology = Topology("shop", edges, governs=[shop])
native = Platform("native", network=Kubernetes("1.37"))


def by_env(env: Literal["dev", "prod"], count: int = 1, loud: bool = False) -> Topology:
    return Topology(f"shop-{env}-{count}-{'loud' if loud else 'quiet'}", edges, governs=[shop])
"""


def loaded(folder: Path, source: str, topology: str = "m:topology", **changed: object) -> Loaded:
    (folder / "m.py").write_text(source)
    given: dict[str, object] = {
        "topology": topology,
        "platform": "",
        "engine": (("kubernetes", "1.37"),),
        "settings": {},
        "on": "2026-11-23",
        "root": str(folder),
        **changed,
    }
    timeout = given.pop("timeout", 30.0)
    assert isinstance(timeout, float)
    return load(Request(**given), timeout=timeout)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("import os\nraise ValueError('no')", "ZT103", 2),
        ("def f():\n    1 / 0\nf()", "ZT103", 2),
        ("import sys\n\nsys.exit(0)", "ZT104", 3),
        ("raise SystemExit('bye')", "ZT104", 1),
        ("import os; os._exit(0)", "ZT104", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ZT104", None),
        ("def f(:\n", "ZT102", 1),
        ("x = (\n", "ZT102", 1),
        ("import not_installed_anywhere", "ZT101", 1),
        ("raise KeyboardInterrupt", "ZT103", 1),
        ("x = 1", "ZT106", None),
        ("topology = 3", "ZT107", None),
        ("from zt_dsl import Topology as topology", "ZT107", None),
        ("def topology(): return 3", "ZT107", None),
        ("def topology():\n    raise RuntimeError", "ZT103", 2),
        ("import time; time.sleep(60)", "ZT105", None),
        ("while True: pass", "ZT105", None),
    ],
)
def test_whatever_the_module_does_is_a_diagnostic(tmp_path: Path, source: str, code: str, line: int | None) -> None:
    found = loaded(tmp_path, source, timeout=1.5 if code == "ZT105" else 30.0)

    assert found.policy is None
    assert [code] == [d.code for d in found.diagnostics]
    assert ([] if line is None else [line]) == [label.location.line for d in found.diagnostics for label in d.labels]


def test_a_module_that_is_missing_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("")

    found = loaded(tmp_path, TOPOLOGY, "shopp:topology")

    assert [d.code for d in found.diagnostics] == ["ZT101"]
    assert "shop" in found.diagnostics[0].help


def test_a_circular_import_is_told_at_the_users_line(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("from m import topology\n")

    found = loaded(tmp_path, "from other import topology\n")

    assert [d.code for d in found.diagnostics] == ["ZT103"]
    assert "other.py" in found.diagnostics[0].labels[0].location.path


def test_a_package_without_the_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()

    found = loaded(tmp_path, TOPOLOGY, "package:topology")

    assert [d.code for d in found.diagnostics] == ["ZT106"]


def test_a_child_that_has_answered_may_end_slowly(tmp_path: Path) -> None:
    """As one does whose coverage is measured, which writes its data then."""
    slow = """
import os, time, pathlib

end = os._exit

def slowly(status: int) -> None:
    time.sleep(0.7)
    pathlib.Path(__file__).with_name("ended").touch()
    end(status)

os._exit = slowly
"""
    found = loaded(tmp_path, TOPOLOGY + slow)

    assert found.policy is not None
    assert (tmp_path / "ended").exists()


def test_only_values_of_the_ir_come_back(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOPOLOGY)

    assert found.policy is not None
    assert found.diagnostics == ()
    assert type(found.policy).__module__ == "zt_dsl.ir.policy"


def test_an_answer_that_is_no_policy_is_refused(tmp_path: Path) -> None:
    """The user's code may find the pipe; what it writes there is never run."""
    forged = f"""
import os, pickle
class Evil:
    def __reduce__(self):
        return (open, ({str(tmp_path / "made")!r}, "w"))
for number in range(3, 64):
    try:
        os.write(number, pickle.dumps(Evil()))
    except OSError:
        pass
os._exit(0)
"""

    found = loaded(tmp_path, forged)

    assert [d.code for d in found.diagnostics] == ["ZT104"]
    assert not (tmp_path / "made").exists()


def test_a_class_of_ours_that_is_no_value_is_refused() -> None:
    with pytest.raises(pickle.UnpicklingError):
        zt_dsl.load._Unpickler(BytesIO()).find_class("zt_dsl.load", "_Unpickler")


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


LAST_ADDRESS = text("broadcast_address") + b"\x8a\x05\xff\xff\xff\xff\x00"
NETWORK = text("ipaddress") + text("IPv4Network") + b"\x93"


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(NETWORK + text("198.51.0.0/24") + b"\x85R}" + LAST_ADDRESS + b"sb", id="written to the value"),
        pytest.param(NETWORK + text("10.0.0.0/8") + b"\x85\x81", id="made without its constructor"),
    ],
)
def test_a_pickle_cannot_change_what_a_network_is(hostile: bytes) -> None:
    """A network whose last address is another is a proof that passes for another policy."""
    with pytest.raises(pickle.UnpicklingError):
        zt_dsl.load._Unpickler(BytesIO(b"\x80\x05" + hostile + b".")).load()


def test_a_pickle_cannot_write_to_a_class() -> None:
    before = vars(IPv4Network).copy()
    hostile = b"\x80\x05" + NETWORK + b"N}" + LAST_ADDRESS + b"s\x86b."
    assert not isinstance(zt_dsl.load._Unpickler(BytesIO(hostile)).load(), type)
    assert vars(IPv4Network) == before


def test_a_network_that_nobody_wrote_to_is_one() -> None:
    sent = [IPv4Network("198.51.0.0/24"), IPv6Network("2001:db8::/128")]
    assert zt_dsl.load._Unpickler(BytesIO(pickle.dumps(sent))).load() == sent


def values_of_ours() -> list[type]:
    rooms = [f"zt_dsl.ir.{module.name}" for module in pkgutil.iter_modules(zt_dsl.ir.__path__)]
    return [
        kind
        for module in map(import_module, (*rooms, "zt_dsl.diagnostics", "zt_dsl.source", "zt_dsl.load"))
        for kind in vars(module).values()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("kind", values_of_ours())
def test_each_value_is_made_of_its_fields_in_order(kind: type[attrs.AttrsInstance]) -> None:
    """So that the pipe can carry it as a call."""
    assert all(field.init and not field.kw_only and field.converter is None for field in attrs.fields(kind))
    fields = tuple(range(len(attrs.fields(kind))))

    made = kind(*fields)

    assert child._Calls()[kind](made) == (kind, fields)


def test_what_it_prints_is_not_our_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loaded(tmp_path, "print('hello')\n" + TOPOLOGY)

    out, err = capfd.readouterr()
    assert out == ""
    assert err == "hello\n"


def test_it_gets_nothing_to_read(tmp_path: Path) -> None:
    found = loaded(tmp_path, "input()\n" + TOPOLOGY)

    assert [d.code for d in found.diagnostics] == ["ZT103"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"env": "dev"}, "shop-dev-1-quiet"),
        ({"env": "prod", "count": "3", "loud": "true"}, "shop-prod-3-loud"),
        ({"env": "prod", "count": 3, "loud": False}, "shop-prod-3-quiet"),
        ({"env": "dev", "loud": "false"}, "shop-dev-1-quiet"),
    ],
)
def test_settings_are_structured_from_the_annotations(tmp_path: Path, settings: dict[str, object], name: str) -> None:
    found = loaded(tmp_path, TOPOLOGY, "m:by_env", settings=settings)

    assert found.diagnostics == ()
    assert found.policy is not None
    assert name == found.policy.topology


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "'env' is not set"),
        ({"env": "prd"}, "cannot be 'prd'"),
        ({"env": "dev", "count": "many"}, "cannot be 'many'"),
        ({"env": "dev", "loud": "perhaps"}, "cannot be 'perhaps'"),
        ({"env": "dev", "size": "3"}, "no parameter 'size'"),
    ],
)
def test_settings_that_do_not_fit_are_usage(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    found = loaded(tmp_path, TOPOLOGY, "m:by_env", settings=settings)

    assert [d.code for d in found.diagnostics] == ["ZT108"]
    assert said in found.diagnostics[0].message


def test_the_platforms_of_the_module_are_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOPOLOGY, engine=())

    assert found.platforms == ("m:native",)


def test_a_platform_may_come_from_another_module(tmp_path: Path) -> None:
    (tmp_path / "where.py").write_text(
        'from zt_dsl import Kubernetes, Platform\nhere = Platform("here", network=Kubernetes("1.30"))\n'
    )

    found = loaded(tmp_path, TOPOLOGY, engine=(), platform="where:here")

    assert found.policy is not None
    assert found.policy.platform.name == "here"


def test_a_statement_that_is_thrown_away_is_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOPOLOGY + '\nallow(api, web.http, why="lost")\n')

    assert [(d.code, d.labels[0].location.line) for d in found.diagnostics] == [("ZT241", 15)]


def test_statements_that_are_bound_and_unused_are_nobodys_mistake(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOPOLOGY + '\ndebug = [allow(api, web.http, why="kept")]\n')

    assert found.diagnostics == ()


def test_a_service_of_a_governed_namespace_that_is_forgotten_is_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOPOLOGY + '\nworker = HttpApp("worker", namespace=shop)\n')

    assert [(d.code, d.labels[0].location.line) for d in found.diagnostics] == [("ZT226", 15)]


def test_a_service_elsewhere_that_is_unused_is_nobodys_mistake(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOPOLOGY + '\nworker = HttpApp("worker", namespace=Namespace("elsewhere"))\n')

    assert found.diagnostics == ()


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    source = f"""
import subprocess, sys, time
later = "import time, pathlib; time.sleep(3); pathlib.Path({str(tmp_path / "late")!r}).touch()"
subprocess.Popen([sys.executable, "-c", later])
{TOPOLOGY}
"""
    import time

    found = loaded(tmp_path, source)
    time.sleep(3.5)

    assert found.policy is not None
    assert not (tmp_path / "late").exists()
