"""What a backend is: an engine's capabilities, and how policies become its objects and are read back."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.platform import Platform
from zt_dsl.ir.policy import Asked, Policy
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.manifests.tree import Document, Value
from zt_dsl.passes import Pass
from zt_dsl.reach.declared import reach_of
from zt_dsl.reach.grants import Reach
from zt_dsl.review import Table

Support = Literal["exact", "narrower", "wider", "never"]


def _everywhere(policy: Policy, feature: str, asked: Asked) -> bool:  # noqa: ARG001  # a network engine is
    return True


def _nothing(documents: Sequence[ReadDocument], platform: Platform) -> Iterable[Diagnostic]:  # noqa: ARG001  # reach tells all
    return ()


def _nowhere(policy: Policy, feature: str, asked: Asked) -> tuple[str, str]:  # noqa: ARG001  # it is never asked
    return "", ""


@frozen
class Capability:
    """What one engine makes of one feature.

    `reason` says why, in words; `carried_by` what would say it exactly; `since` and `until` are the first and
    the last version it holds for, empty where it holds for all that are known. `on` is a setting of the platform's
    engine, as users write it: a line with one holds where it is set, in the place of the feature's line without.
    `needs` is what the platform has to tell for it, or what has to be switched on.
    """

    feature: str
    support: Support
    reason: str
    carried_by: str = ""
    since: str = ""
    until: str = ""
    on: str = ""
    needs: str = ""


@frozen
class Backend:
    """One engine: what it can say, and how policies become its objects and are read back.

    `versions` are those that are known, oldest first; `judged` those whose own code the conformance tests run.
    `passes` are for the features that this version says exactly. `refuse` is asked after them, for what no table
    has a line for. `lower` yields files, each by its path relative to the output directory, in the order in which
    they are to be applied; `read` is the independent reader. `check` says where a document does not fit the JSON
    Schema of what is emitted. `notes` are what a reviewer should know besides. `joins_clusters`: it tells pods of one
    cluster from those of another; `knows_nodes`: it knows nodes and API servers by itself, and needs no addresses.
    `beyond` is asked of what was read, too: what of it no reach tells, about others than pods of governed namespaces.
    """

    name: str
    group: str
    versions: tuple[str, ...]
    judged: tuple[str, ...]
    capabilities: tuple[Capability, ...]
    passes: Callable[[frozenset[str]], tuple[Pass, ...]]
    refuse: Callable[[Policy], Iterable[Diagnostic]]
    lower: Callable[[Policy, Path], Iterable[tuple[str, tuple[Document, ...]]]]
    read: Callable[[Sequence[ReadDocument], frozenset[str], Platform], tuple[Reach, tuple[Diagnostic, ...]]]
    check: Callable[[Mapping[str, Value]], tuple[str, ...]]
    notes: Callable[[Policy], tuple[Table, ...]]
    joins_clusters: bool = False
    knows_nodes: bool = False
    carries: Callable[[Policy, str, Asked], bool] = _everywhere
    why_not: Callable[[Policy, str, Asked], tuple[str, str]] = _nowhere
    means: Callable[[Policy], Reach] = reach_of
    sees_identity: bool = False
    beyond: Callable[[Sequence[ReadDocument], Platform], Iterable[Diagnostic]] = _nothing


def capability(backend: Backend, feature: str) -> Capability:
    """The engine's line for a feature, after `at`. Raises KeyError for a feature that its table has forgotten."""
    for line in backend.capabilities:
        if line.feature == feature:
            return line
    raise KeyError(feature)


def sayable(backend: Backend) -> frozenset[str]:
    """The features that this engine does exactly, after `at`."""
    return frozenset(line.feature for line in backend.capabilities if line.support == "exact")


def unsayable(backend: Backend) -> frozenset[str]:
    """The features that this engine does not do exactly, after `at`."""
    return frozenset(line.feature for line in backend.capabilities if line.support != "exact")


# --- versions ------------------------------------------------------------------------------------------

_VERSION = re.compile(r"(\d+\.\d+)(\.\d+)?")


def minor_of(version: str) -> str:
    """`1.20` of `1.20.2`; empty where it is no version."""
    found = _VERSION.fullmatch(version)
    return found[1] if found else ""


def at(backend: Backend, version: str, settings: frozenset[str] = frozenset()) -> Backend | None:
    """The engine with the lines that hold in this version and with these settings alone, one a feature; None where the
    version is not known."""
    minor = minor_of(version)
    if minor not in backend.versions:
        return None
    here = backend.versions.index(minor)
    held = [line for line in backend.capabilities if _holds(line, backend, here) and line.on in {"", *settings}]
    set_on = {line.feature for line in held if line.on}
    return evolve(backend, capabilities=tuple(line for line in held if line.on or line.feature not in set_on))


def _holds(line: Capability, backend: Backend, here: int) -> bool:
    first = backend.versions.index(line.since) if line.since else 0
    last = backend.versions.index(line.until) if line.until else here
    return first <= here <= last


def judged(backend: Backend, version: str) -> str:
    """What to say beside a version whose own code no test runs; empty beside the others."""
    if minor_of(version) in backend.judged:
        return ""
    return f" (known from its documentation; judged: {', '.join(backend.judged)})"
