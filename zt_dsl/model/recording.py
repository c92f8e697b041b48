"""Services and statements made while a user's modules are imported.

The model keeps no registry. `load` switches this recorder on while it imports, so that what was made and
then forgotten can be told: a statement that is thrown away, a service that no statement names.
"""

from collections.abc import Iterator
from contextlib import contextmanager

_recorded: list[object] | None = None


def record(made: object) -> None:
    """Remember it, where a recording is on."""
    if _recorded is not None:
        _recorded.append(made)


@contextmanager
def recording() -> Iterator[list[object]]:
    """Everything that is recorded inside the block, in order."""
    global _recorded
    before, _recorded = _recorded, []
    try:
        yield _recorded
    finally:
        _recorded = before
