"""One process of each engine for the whole session. Without its binary the tests fail; they never skip."""

from collections.abc import Iterator

import pytest

from tests.conformance.engines import build
from tests.conformance.engines.client import KubernetesEngine


@pytest.fixture(scope="session")
def kubernetes_engine() -> Iterator[KubernetesEngine]:
    try:
        target = build.target("kubernetes")
    except build.CannotBuildError as error:
        pytest.fail(str(error), pytrace=False)
    if target.missing:
        pytest.fail(
            f"The {target.name} engine is not built, or its sources changed since: run `make conformance`, "
            f"which builds what is missing and then runs these tests. Expected: {target.binary}",
            pytrace=False,
        )
    with KubernetesEngine(target.binary) as engine:
        yield engine
