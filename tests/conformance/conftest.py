"""One process of each engine for the whole session. Without its binary the tests fail; they never skip."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.engines import build
from tests.conformance.engines.apiserver_engine import ApiServer
from tests.conformance.engines.calico_engine import CalicoEngine
from tests.conformance.engines.cilium_engine import CiliumEngine
from tests.conformance.engines.envoy import Envoy
from tests.conformance.engines.istio_engine import IstioEngine
from tests.conformance.engines.kafka_engine import KafkaEngine
from tests.conformance.engines.kubernetes_engine import KubernetesEngine


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
