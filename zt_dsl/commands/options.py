"""Options that several commands take, and what they mean."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

import click
from attrs import frozen

from zt_dsl.load import TIMEOUT, Request, load, today
from zt_dsl.load import Loaded as Loaded

F = TypeVar("F", bound=Callable[..., object])
Format = Literal["text", "json", "sarif"]

NEWEST = {"kubernetes": "1.37", "cilium": "1.20", "calico": "3.31", "istio": "1.31"}
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


def loading(function: F) -> F:
    """The options that say what is loaded."""
    options = (
        click.option("--set", "settings", multiple=True, metavar="K=V", help="An argument of the topology's function."),
        click.option("--platform", metavar="MODULE:NAME", help="The platform to compile for."),
        click.option(
            "--target",
            metavar="NAME[@VERSION]",
            help="Or an engine with all defaults: kubernetes, cilium, calico, istio, or network+istio.",
        ),
        click.option("--on", metavar="DATE", help="The day that `until` is compared with (default: today, UTC)."),
        click.option("--timeout", type=float, default=TIMEOUT, show_default=True, help="Seconds for the modules."),
        click.option(
            "--format",
            "style",
            type=click.Choice(["text", "json", "sarif"]),
            default="text",
            show_default=True,
            help="How diagnostics are written.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def what(
    topology: str,
    settings: tuple[str, ...],
    platform: str | None,
    target: str | None,
    on: str | None,
    timeout: float,
) -> What:
    """The options, read. Raises UsageError for what is none."""
    if platform and target:
        raise click.UsageError("--platform and --target exclude each other: name one of them")
    return What(
        reference(topology),
        reference(platform) if platform else "",
        engine(target) if target else (),
        dict(map(setting, settings)),
        day(on),
        timeout,
    )


def reference(text: str) -> str:
    """A "module:name". Raises UsageError for anything else."""
    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise click.UsageError(f"{text!r} is not MODULE:NAME; write it as package.module:name")
    return text


def setting(text: str) -> tuple[str, object]:
    """A "k=v". Raises UsageError for anything else."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"--set {text!r} is not K=V")
    return key, value


def day(text: str | None) -> date:
    """A day, today in UTC by default. Raises UsageError where it is none."""
    try:
        return date.fromisoformat(text) if text else today()
    except ValueError:
        raise click.UsageError(f"--on {text!r} is not a date; write it as 2027-06-30") from None


def engine(text: str) -> tuple[tuple[str, str], ...]:
    """A target's engines with their versions. Raises UsageError for a name that is none."""
    found: list[tuple[str, str]] = []
    for part in text.split("+"):
        name, _, version = part.partition("@")
        if name not in NEWEST:
            raise click.UsageError(f"--target {text!r}: {name!r} is none of {', '.join(NEWEST)}, or network+istio")
        found.append((name, version or NEWEST[name]))
    names = [name for name, _ in found]
    if len(names) > 2 or (len(names) == 2 and (names[0] == "istio" or names[1] != "istio")):
        raise click.UsageError(f"--target {text!r}: it is one engine, or a network engine and istio: cilium+istio")
    return tuple(found)


def loaded(asked: What, root: Path) -> Loaded:
    """Load and resolve. Raises UsageError, naming the module's platforms, where none was asked for."""
    request = Request(asked.topology, asked.platform, asked.engine, asked.settings, asked.on.isoformat(), str(root))
    found = load(request, timeout=asked.timeout)
    if not asked.platform and not asked.engine and not found.diagnostics:
        module = asked.topology.partition(":")[0]
        known = "; ".join(f"--platform {name}" for name in found.platforms)
        there = f"the module has: {known}" if known else f"{module} has no Platform"
        raise click.UsageError(f"say where it is to run: {there}, or --target kubernetes for all defaults")
    return found
