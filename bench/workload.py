"""The same application for everyone: N services, fifty a namespace, with five outgoing edges each; and one as large as
the largest that was ever published."""

import json
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

CALLS = 5
PUBLISHED = (1_500, 9_300)
"""Services and edges of Monzo ("We built network isolation for 1,500 services", 2019)."""
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


def edges(count: int) -> int:
    """How many edges there are between so many services."""
    return PUBLISHED[1] if count == PUBLISHED[0] else count * CALLS


def calls(count: int) -> Iterator[tuple[int, int]]:
    """Who calls whom, by index: different others, as many for each as for the next, or one more."""
    for edge in range(edges(count)):
        call, index = divmod(edge, count)
        yield index, (index * 7 + call * 13 + 1) % count


def model(count: int) -> str:
    """The workload as a module of zt_dsl, as a user would write it with loops."""
    return f"""\
from zt_dsl import Calico, Cilium, HttpPort, Istio, Kubernetes, Namespace, Platform, Service, Topology, Waiver, allow

N = {count}


class App(Service):
    http = HttpPort({PORT})


spaces = [Namespace(f"team-{{index}}") for index in range(max(1, N // {PER_NAMESPACE}))]
services = [App(f"svc-{{index}}", namespace=spaces[index % len(spaces)]) for index in range(N)]
edges = [
    allow(services[edge % N], services[(edge % N * 7 + edge // N * 13 + 1) % N].http, why=f"call {{edge // N}}")
    for edge in range({edges(count)})
]
topology = Topology("workload", edges, governs=spaces, services=services)
platform = Platform("native", network=Kubernetes("1.37"), pod_cidrs=["10.244.0.0/16"])
cilium = Platform("cilium", network=Cilium("1.20"), pod_cidrs=["10.244.0.0/16"])
calico = Platform("calico", network=Calico("3.31"), pod_cidrs=["10.244.0.0/16"])
istio = Platform(
    "istio",
    network=None,
    mesh=Istio("1.31"),
    waivers=[Waiver("egress", why="measured alone"), Waiver("protocol", why="measured alone")],
)
cilium_istio = Platform("cilium-istio", network=Cilium("1.20"), mesh=Istio("1.31"), pod_cidrs=["10.244.0.0/16"])
"""


def values(count: int) -> dict[str, object]:
    """The workload as data for templates: the callers of each service are worked out already, in their favour."""
    named = services(count)
    callers: dict[int, list[int]] = {index: [] for index in range(count)}
    called: dict[int, list[int]] = {index: [] for index in range(count)}
    for source, target in calls(count):
        if target not in called[source]:
            called[source].append(target)
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
                "calls": peers(called[index]),
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
