"""The same application for everyone: N services with five outgoing edges each, fifty services a namespace."""

import json
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

EDGES = 5
PER_NAMESPACE = 50
PORT = 8080


@frozen
class Named:
    """A service of the workload."""

    name: str
    namespace: str


def services(count: int) -> list[Named]:
    """All of them, spread over the namespaces in turn."""
    spaces = max(1, count // PER_NAMESPACE)
    return [Named(f"svc-{index}", f"team-{index % spaces}") for index in range(count)]


def edges(count: int) -> Iterator[tuple[int, int]]:
    """Who calls whom, by index: five different others each."""
    for index in range(count):
        for call in range(EDGES):
            yield index, (index * 7 + call * 13 + 1) % count


def model(count: int) -> str:
    """The workload as a module of zt_dsl, as a user would write it with loops."""
    return f"""\
from zt_dsl import HttpPort, Kubernetes, Namespace, Platform, Service, Topology, allow

N = {count}


class App(Service):
    http = HttpPort({PORT})


spaces = [Namespace(f"team-{{index}}") for index in range(max(1, N // {PER_NAMESPACE}))]
services = [App(f"svc-{{index}}", namespace=spaces[index % len(spaces)]) for index in range(N)]
edges = [
    allow(services[index], services[(index * 7 + call * 13 + 1) % N].http, why=f"call {{call}}")
    for index in range(N)
    for call in range({EDGES})
]
topology = Topology("workload", edges, governs=spaces, services=services)
platform = Platform("native", network=Kubernetes("1.37"), pod_cidrs=["10.244.0.0/16"])
"""


def values(count: int) -> dict[str, object]:
    """The workload as data for templates: the callers of each service are worked out already, in their favour."""
    named = services(count)
    callers: dict[int, list[int]] = {index: [] for index in range(count)}
    calls: dict[int, list[int]] = {index: [] for index in range(count)}
    for source, target in edges(count):
        if target not in calls[source]:
            calls[source].append(target)
            callers[target].append(source)

    def peers(indices: list[int]) -> list[dict[str, str]]:
        return [{"name": named[index].name, "namespace": named[index].namespace} for index in indices]

    return {
        "port": PORT,
        "services": [
            {
                "name": service.name,
                "namespace": service.namespace,
                "callers": peers(callers[index]),
                "calls": peers(calls[index]),
            }
            for index, service in enumerate(named)
        ],
        "namespaces": sorted({service.namespace for service in named}),
    }


def write(count: int, folder: Path) -> None:
    """The workload in both forms, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workload.py").write_text(model(count))
    (folder / "values.json").write_text(json.dumps(values(count)))
