"""Options that several commands take, and what they mean."""

import argparse
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from attrs import frozen

from zt_dsl.commands import UsageError
from zt_dsl.load import TIMEOUT, Request, load, today
from zt_dsl.load import Loaded as Loaded

Format = Literal["text", "json", "sarif"]
FORMATS: tuple[Format, ...] = get_args(Format)

NEWEST = {"kubernetes": "1.37", "cilium": "1.20", "calico": "3.32", "istio": "1.31"}
"""The newest version that is known of each engine: what a `--target` without a version stands for."""


@frozen
class What:
    """What to load, before the module was looked at."""

    topology: str
    platform: str
    engine: tuple[tuple[str, str], ...]
    settings: dict[str, object]
    on: date
    timeout: float


def loading(parser: argparse.ArgumentParser) -> None:
    """The options that say what is loaded."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="K=V",
        dest="settings",
        help="an argument of the topology's function",
    )
    parser.add_argument("--platform", metavar="MODULE:NAME", default="", help="the platform to compile for")
    parser.add_argument(
        "--target",
        metavar="NAME[@VERSION]",
        default="",
        help="or an engine with all defaults: kubernetes, cilium, calico, istio, or network+istio",
    )
    parser.add_argument("--on", metavar="DATE", default="", help="the day `until` is compared with (today, in UTC)")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help=f"for the user's modules ({TIMEOUT:g})"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="text", dest="style", help="how diagnostics are written (text)"
    )


def what(topology: str, given: argparse.Namespace) -> What:
    """The options, read. Raises UsageError for what is none."""
    if given.platform and given.target:
        raise UsageError("--platform and --target exclude each other: name one of them")
    if not 0 < given.timeout < float("inf"):
        raise UsageError(f"--timeout {given.timeout:g} is no number of seconds above 0")
    return What(
        reference(topology),
        reference(given.platform) if given.platform else "",
        engine(given.target) if given.target else (),
        dict(map(setting, given.settings)),
        day(given.on),
        given.timeout,
    )


def reference(text: str) -> str:
    """A "module:name". Raises UsageError for anything else."""
    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"{text!r} is not MODULE:NAME; write it as package.module:name")
    return text


def setting(text: str) -> tuple[str, object]:
    """A "k=v". Raises UsageError for anything else."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text!r} is not K=V")
    return key, value


def day(text: str) -> date:
    """A day, today in UTC by default. Raises UsageError where it is none."""
    if not text:
        return today()
    # Python takes other spellings of a date too, of which a reader may be unsure.
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise UsageError(f"--on {text!r} is not a date; write it as 2027-06-30")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--on {text!r}: {error}") from None


def engine(text: str) -> tuple[tuple[str, str], ...]:
    """A target's engines with their versions. Raises UsageError for a name that is none."""
    found: list[tuple[str, str]] = []
    for part in text.split("+"):
        name, at, version = part.partition("@")
        if at and not version:
            raise UsageError(f"--target {text!r}: a version follows the @")
        if name not in NEWEST:
            raise UsageError(f"--target {text!r}: {name!r} is none of {', '.join(NEWEST)}, or network+istio")
        found.append((name, version or NEWEST[name]))
    names = [name for name, _ in found]
    if len(names) > 2 or (len(names) == 2 and (names[0] == "istio" or names[1] != "istio")):
        raise UsageError(f"--target {text!r}: it is one engine, or a network engine and istio: cilium+istio")
    return tuple(found)


def loaded(asked: What, root: Path, tick: Callable[[], None]) -> Loaded:
    """Load and resolve. Raises UsageError, naming the module's platforms, where none was asked for."""
    request = Request(asked.topology, asked.platform, asked.engine, asked.settings, asked.on.isoformat(), str(root))
    found = load(request, timeout=asked.timeout, tick=tick)
    if not asked.platform and not asked.engine and not found.diagnostics:
        module = asked.topology.partition(":")[0]
        known = "; ".join(f"--platform {name}" for name in found.platforms)
        there = f"the module has: {known}" if known else f"{module} has no Platform"
        raise UsageError(f"say where it is to run: {there}, or --target kubernetes for all defaults")
    return found
