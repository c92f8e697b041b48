"""What holds for every test."""

import pytest
from hypothesis import settings

# A machine that is busy is no failure.
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")


@pytest.hookimpl(trylast=True)  # Hypothesis marks its tests in this hook, too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What chance finds counts for no coverage: the figure is of examples that somebody chose, the same in each run.
    And to trace these tests, which run the same lines thousands of times, takes three times as long."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")
    # To fork a process costs what it holds by then: a second after some thousand tests, a tenth of it at first.
    items.sort(key=lambda item: item.path.parent.name not in ("load", "commands"))
