"""What engines can say, as Markdown tables: what the README and `docs/backends.md` show."""

from collections.abc import Iterable

from zt_dsl.backends.base import Backend, Capability
from zt_dsl.backends.plugins import Plugin


def overview(backends: Iterable[Backend]) -> str:
    """One row a feature, one column an engine: how far it enforces the feature, and in which versions."""
    engines = tuple(backends)
    features = sorted({line.feature for backend in engines for line in backend.capabilities})
    lines = [
        f"| feature | {' | '.join(f'{backend.name} {_from_to(backend.versions)}' for backend in engines)} |",
        f"| --- |{' --- |' * len(engines)}",
        *(f"| `{feature}` | {' | '.join(_support(backend, feature) for backend in engines)} |" for feature in features),
    ]
    return "".join(f"{line}\n" for line in lines)


def _support(backend: Backend, feature: str) -> str:
    """A line for a setting is told where it changes the support."""
    lines = [line for line in backend.capabilities if line.feature == feature]
    plain = {line.support for line in lines if not line.on}
    return "; ".join(_held(line) for line in lines if not line.on or line.support not in plain)


def table(backend: Backend) -> str:
    """One row a feature, and a version that changes it, after a line that says which versions they are for."""
    rows = "\n".join(map(_row, backend.capabilities))
    others = [version for version in backend.versions if version not in backend.judged]
    marked = " The other versions are known from their documentation and source, and reports say so."
    return (
        f"{backend.name}, {_from_to(backend.versions)}. The conformance tests ask the code of "
        f"{', '.join(backend.judged)}.{marked if others else ''}\n\n"
        f"| feature | support | how, or why not | what would carry it |\n| --- | --- | --- | --- |\n{rows}\n"
    )


def catalogue(plugins: Iterable[Plugin]) -> str:
    """One row a network plugin: its target, and what comes of it there."""
    lines = [
        "| plugin | `--target` | enforces | names outside | requests | besides |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {one.name} | `{one.target}` | {one.enforces} | {one.names} | {one.requests} | {one.beside} |"
            for one in plugins
        ),
    ]
    return "".join(f"{line}\n" for line in lines)


def _from_to(versions: tuple[str, ...]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"


def _row(line: Capability) -> str:
    how = f"{line.reason}; needs {line.needs}" if line.needs else line.reason
    return f"| `{line.feature}` | {_held(line)} | {how} | {line.carried_by} |"


def _held(line: Capability) -> str:
    held = [f"{word} {version}" for word, version in (("since", line.since), ("until", line.until)) if version]
    return " ".join((line.support, *held, *((f"with `{line.on}`",) if line.on else ())))
