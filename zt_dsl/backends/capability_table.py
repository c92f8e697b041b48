"""A backend's capabilities as a Markdown table: what the README and `docs/backends.md` show."""

from zt_dsl.backends.base import Backend, Capability


def table(backend: Backend) -> str:
    """One row a feature, after a line that says which versions they are for."""
    rows = "\n".join(map(_row, backend.capabilities))
    return (
        f"{backend.name}, {_from_to(backend.versions)}. The conformance tests ask the code of "
        f"{', '.join(backend.judged)}.\n\n"
        f"| feature | support | how, or why not | what would carry it |\n| --- | --- | --- | --- |\n{rows}\n"
    )


def _from_to(versions: tuple[str, ...]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"


def _row(line: Capability) -> str:
    held = [f"{word} {version}" for word, version in (("since", line.since), ("until", line.until)) if version]
    how = f"{line.reason}; needs {line.needs}" if line.needs else line.reason
    return f"| `{line.feature}` | {', '.join((line.support, *held))} | {how} | {line.carried_by} |"
