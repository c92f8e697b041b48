"""The engine's own reading of Istio's filters against a real Envoy that serves them, over mTLS and in plain text.

The policies are any that the filters may come from, also forms that zt_dsl never writes and never reads.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random

import pytest
from attrs import frozen

from tests.conformance.engines.envoy_sidecar import EnvoySidecars, Port
from tests.conformance.engines.istio_engine import MODES, Connection, Identity, IstioEngine, Request, Workload
from tests.conformance.engines.process import Document, Json
from tests.conformance.istio_policies import AUTHORIZATION, istio_policy, mtls

pytestmark = pytest.mark.conformance

CASES = 2 * int(os.environ.get("ZT_DSL_EXAMPLES", "500")) // 5
TARGET = Workload("shop", {"app": "db"})
CLIENTS = (Identity("shop", "web"), Identity("shop", "api"), Identity("evil", "web"), Identity("shop", "web", "td2"))
SOURCE = "127.0.0.9"
HTTP, TCP = 8080, 9090

_SOURCES: Mapping[str, Sequence[str]] = {
    "principals": ("cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/*", "*/sa/web", "*", "td2/ns/shop/sa/web"),
    "namespaces": ("shop", "sh*", "*il", "*", "evil"),
    "serviceAccounts": ("web", "shop/api", "evil/web"),
    "ipBlocks": (SOURCE, "127.0.0.0/24", "10.0.0.0/8"),
}
_OPERATIONS: Mapping[str, Sequence[str]] = {
    "methods": ("GET", "POST", "P*", "*T", "*"),
    "paths": ("/api", "/api/*", "*/x", "*", "/api/{*}", "/api/{**}", "/api/{*}/{*}", "/{*}/v1/{**}", "/admin*", "/a.b"),
    "hosts": ("shop.example", "*.example", "SHOP*", "*"),
    "ports": (str(HTTP), str(TCP), "80", "0"),
}
_METHODS = ("GET", "POST", "PUT")
_HOSTS = ("shop.example", "other.test", "Shop.Example")
_PATHS = (
    *(
        "/",
        "/api",
        "/api/",
        "/api/x",
        "/api/x/y",
        "/admin",
        "/a.b",
        "/aXb",
        "/api/x?q=/admin",
        "/API/x",
        "/api/v1/items",
    ),
    *("/api/[x]", "/api/x*y", "/api/v1/", "/api/x;y", "/api/%2F", "/api/x%20y"),
)


@frozen
class Case:
    """Policies in force, on an address of their own."""

    documents: tuple[Document, ...]
    host: str
    requests: tuple[Request, ...]


def cases(seed: int, number: int) -> Iterator[Case]:
    random = Random(seed)
    # Another run on this machine has other addresses.
    network = 1 + os.getpid() % 250
    for n in range(number):
        requests = [Request(random.choice(_METHODS), random.choice(_PATHS), random.choice(_HOSTS)) for _ in range(8)]
        yield Case(tuple(_policies(random)), f"127.{network}.{n // 250}.{n % 250 + 1}", tuple(requests))


def _policies(random: Random) -> Iterator[Document]:
    for number in range(random.randint(1, 3)):
        spec: dict[str, Json] = {"action": random.choice(["ALLOW", "ALLOW", "DENY"])}
        if spec["action"] == "DENY" or random.random() < 0.9:
            spec["rules"] = [_rule(random) for _ in range(random.randint(1, 3))]
        yield istio_policy(AUTHORIZATION, spec, name=f"policy-{number}")
    yield mtls(random.choice(("PERMISSIVE", "PERMISSIVE", *MODES)))


def _rule(random: Random) -> Document:
    rule: dict[str, Json] = {}
    if random.random() < 0.7:
        rule["from"] = [{"source": _source(random)} for _ in range(random.randint(1, 2))]
    if random.random() < 0.7:
        rule["to"] = [{"operation": _operation(random)} for _ in range(random.randint(1, 2))]
    return rule


def _source(random: Random) -> Document:
    kind = random.choice(tuple(_SOURCES))
    found: dict[str, Json] = {_maybe_not(random, kind): _some(random, _SOURCES[kind])}
    if kind != "ipBlocks" and random.random() < 0.3:
        found["ipBlocks"] = _some(random, _SOURCES["ipBlocks"])
    return found


def _operation(random: Random) -> Document:
    found: dict[str, Json] = {
        _maybe_not(random, key): _some(random, values) for key, values in _OPERATIONS.items() if random.random() < 0.4
    }
    return found or {"ports": [str(HTTP)]}


def _maybe_not(random: Random, key: str) -> str:
    return f"not{key[0].upper()}{key[1:]}" if random.random() < 0.3 else key


def _some(random: Random, values: Sequence[str]) -> list[Json]:
    return [*random.sample(values, random.randint(1, 2))]


@pytest.mark.parametrize("seed", [1])
def test_a_real_envoy_lets_through_what_the_engine_says(istio_engine: IstioEngine, seed: int) -> None:
    asked: list[tuple[Case, Port, Identity | None, list[bool]]] = []
    ports: list[Port] = []
    for case in cases(seed, CASES):
        istio_engine.load(case.documents)
        filters = istio_engine.filters(TARGET, (HTTP, TCP))
        http = Port((case.host, HTTP), filters.modes[0], True, filters.http)
        tcp = Port((case.host, TCP), filters.modes[1], False, filters.tcp)
        ports += (http, tcp)
        for client, port in product((*CLIENTS, None), (http, tcp)):
            requests = case.requests if port.http else (None,)
            verdicts = istio_engine.ask(
                Connection(client, TARGET, port.address[1], request, SOURCE) for request in requests
            )
            asked.append((case, port, client, [verdict.allowed for verdict in verdicts]))
    wrong: list[str] = []
    answers = [answer for _, _, _, expected in asked for answer in expected]
    with EnvoySidecars(istio_engine, ports, CLIENTS, SOURCE) as envoy:
        for case, port, client, expected in asked:
            # Where mTLS is switched off, clients do not speak it.
            spoken = None if port.mode == "DISABLE" else client
            told = (
                list(envoy.ask(spoken, port.address, case.requests))
                if port.http
                else [envoy.sends(spoken, port.address)]
            )
            if told != expected:
                wrong.append(f"{client} on {port.address[1]}, {port.mode}: {told}, not {expected}: {case}")
    assert not wrong, "\n".join(wrong[:5])
    assert len(answers) >= 40 * CASES
    assert 0.1 < sum(answers) / len(answers) < 0.9
