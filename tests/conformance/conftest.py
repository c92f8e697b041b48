"""One process of each engine for the whole session. Without its binary the tests fail; they never skip."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import page
from tests.conformance.engines import build
from tests.conformance.engines.apiserver_engine import ApiServer
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.cilium_engine import CiliumEngine
from tests.conformance.engines.envoy import Envoy
from tests.conformance.engines.istio_engine import IstioEngine
from tests.conformance.engines.kafka_engine import KafkaEngine
from tests.conformance.engines.kubernetes_engine import KubernetesEngine
from tests.conformance.engines.process import ASKED

# --- what was asked: python -m tests.conformance.page --------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-page", default="", help="write what was asked, and what came of it, to this page")


@pytest.fixture(autouse=True)
def asked(request: pytest.FixtureRequest) -> Iterator[None]:
    """How often each engine was asked for a test, told with its result."""
    before = Counter(ASKED)
    yield
    for (engine, what), many in (ASKED - before).items():
        request.node.user_properties.append((page.PROPERTY, (engine, what, many)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    page.remember(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Those of a worker are with the one that has started it.
    if not hasattr(session.config, "workerinput") and (there := session.config.getoption("--conformance-page")):
        page.write(Path(str(there)))


# --- engines --------------------------------------------------------------------------------------------


def binary(name: str) -> Path:
    """Where the engine is, built from the sources that are here now."""
    try:
        target = build.target(name)
    except build.CannotBuildError as error:
        pytest.fail(str(error), pytrace=False)
    if target.missing:
        pytest.fail(
            f"The {target.name} engine is not built, or its sources changed since: run `make conformance`, "
            f"which builds what is missing and then runs these tests. Expected: {target.binary}",
            pytrace=False,
        )
    return target.binary


@pytest.fixture(scope="session")
def kubernetes_engine() -> Iterator[KubernetesEngine]:
    with KubernetesEngine(binary("kubernetes")) as engine:
        yield engine


@pytest.fixture(scope="session")
def cilium_engine() -> Iterator[CiliumEngine]:
    with CiliumEngine(binary("cilium")) as engine:
        yield engine


@pytest.fixture(scope="session")
def calico_engine() -> Iterator[CalicoEngine]:
    with CalicoEngine(binary("calico")) as engine:
        yield engine


@pytest.fixture(scope="session")
def envoy() -> Iterator[Envoy]:
    with Envoy() as engine:
        yield engine


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    with ApiServer(binary("apiserver")) as engine:
        yield engine


@pytest.fixture(scope="session")
def istio_engine() -> Iterator[IstioEngine]:
    with IstioEngine(binary("istio")) as engine:
        yield engine


@pytest.fixture(scope="session")
def kafka_engine() -> Iterator[KafkaEngine]:
    with KafkaEngine(binary("kafka")) as engine:
        yield engine
