"""The package against the contract of its surface: what is there keeps its name, its order and its defaults."""

import inspect
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import cast, get_args

import pytest

import zt_dsl

ROOT = Path(__file__).parent.parent.parent

# As the contract writes them, annotations aside; `...` is a default that is not plain.
_PORT = "(number, *, last=None, service_port=None, mtls=None)"
_SERVICE = "tier=None, labels=None, service_account=None, mtls=None, meshed=None, host_network=False"
CALLABLES = {
    "ANY": "(path)",
    "ApiServer": "(name='kube-apiserver', *, cidrs=())",
    "Calico": "(version, *, edition='open-source', app_layer=False, tier='default')",
    "Cilium": "(version)",
    "DELETE": "(path)",
    "Declared": "()",
    "Denial": "(*, why, sources, targets)",
    "DnsEndpoint": "(*, peer, port, narrowing=...)",
    "DnsEndpoint.names": "(self, first, /, *more)",
    "DnsPort": _PORT,
    "Edge": "(*, why, sources, target, until, across_tiers=False)",
    "Endpoint": "(*, peer, port, narrowing=...)",
    "External": "(name)",
    "GET": "(path)",
    "GrpcApp": f"(name, *, namespace, {_SERVICE})",
    "GrpcEndpoint": "(*, peer, port, narrowing=...)",
    "GrpcEndpoint.methods": "(self, first, /, *more)",
    "GrpcPort": _PORT,
    "Guardrail": "(*, why, sources, targets)",
    "HEAD": "(path)",
    "HttpApp": f"(name, *, namespace, {_SERVICE})",
    "HttpEndpoint": "(*, peer, port, narrowing=...)",
    "HttpEndpoint.routes": "(self, first, /, *more)",
    "HttpPort": _PORT,
    "HttpsApi": "(name)",
    "Istio": (
        "(version, *, mode='sidecar', waypoint=None, trust_domain='cluster.local', "
        "root_namespace='istio-system', path_normalization='BASE', mesh_wide_mtls=None)"
    ),
    "Kafka": f"(name, *, namespace, {_SERVICE})",
    "KafkaEndpoint": "(*, peer, port, narrowing=...)",
    "KafkaEndpoint.consume": "(self, first, /, *more)",
    "KafkaEndpoint.produce": "(self, first, /, *more)",
    "KafkaPort": _PORT,
    "KubeDns": (
        "(name='kube-dns', *, tier=None, service_account=None, mtls=None, meshed=None, "
        "host_network=False, namespace=..., labels=...)"
    ),
    "Kubernetes": "(version, *, plugin=None)",
    "MySql": f"(name, *, namespace, {_SERVICE})",
    "Namespace": "(name, *, cluster=None, meshed=True)",
    "Network": "(name, *, cidrs, excluding=())",
    "Nodes": "(name='nodes', *, cidrs=())",
    "OPTIONS": "(path)",
    "PATCH": "(path)",
    "POST": "(path)",
    "PUT": "(path)",
    "Peer": "(name)",
    "Platform": (
        "(name, *, network, mesh=None, cluster='default', dns=..., api_server=..., nodes=..., "
        "node_local_dns=None, pod_cidrs=(), waivers=())"
    ),
    "Port": _PORT,
    "Port.__get__": "(self, peer, owner)",
    "Postgres": f"(name, *, namespace, {_SERVICE})",
    "Redis": f"(name, *, namespace, {_SERVICE})",
    "Route": "(method, path)",
    "SctpEndpoint": "(*, peer, port, narrowing=...)",
    "SctpPort": _PORT,
    "Service": f"(name, *, namespace, {_SERVICE})",
    "Source": "()",
    "Statement": "(*, why)",
    "TcpEndpoint": "(*, peer, port, narrowing=...)",
    "TcpPort": _PORT,
    "Tier": "(name)",
    "TlsEndpoint": "(*, peer, port, narrowing=...)",
    "TlsPort": _PORT,
    "Topology": "(name, statements, *, governs, services=(), tiers=(), mtls=None)",
    "UdpEndpoint": "(*, peer, port, narrowing=...)",
    "UdpPort": _PORT,
    "Waiver": "(feature, *, why, target=None, until=None)",
    "allow": "(source, target, *, why='', until=None, across_tiers=False)",
    "deny": "(source, target, *, why)",
    "never": "(source, target, *, why, but=())",
    "only": "(source, target, *, why)",
    "quarantine": "(service, *, why)",
}
BASES = {
    "ApiServer": ("Source", "Peer"),
    "Denial": ("Statement",),
    "DnsEndpoint": ("Endpoint",),
    "DnsPort": ("Port",),
    "Edge": ("Statement",),
    "Endpoint": ("Declared",),
    "External": ("Peer",),
    "GrpcApp": ("Service",),
    "GrpcEndpoint": ("Endpoint",),
    "GrpcPort": ("Port",),
    "Guardrail": ("Statement",),
    "HttpApp": ("Service",),
    "HttpEndpoint": ("Endpoint",),
    "HttpPort": ("Port",),
    "HttpsApi": ("External",),
    "Kafka": ("Service",),
    "KafkaEndpoint": ("Endpoint",),
    "KafkaPort": ("Port",),
    "KubeDns": ("Service",),
    "MySql": ("Service",),
    "Namespace": ("Source",),
    "Network": ("Source", "Peer"),
    "Nodes": ("Source", "Peer"),
    "Peer": ("Declared",),
    "Postgres": ("Service",),
    "Redis": ("Service",),
    "Route": ("Declared",),
    "SctpEndpoint": ("Endpoint",),
    "SctpPort": ("Port",),
    "Service": ("Source", "Peer"),
    "Source": ("Declared",),
    "Statement": ("Declared",),
    "TcpEndpoint": ("Endpoint",),
    "TcpPort": ("Port",),
    "Tier": ("Source",),
    "TlsEndpoint": ("Endpoint",),
    "TlsPort": ("Port",),
    "UdpEndpoint": ("Endpoint",),
    "UdpPort": ("Port",),
}
LITERALS = {
    "Feature": (
        *("api-server", "cidr", "deny", "dns-names", "egress", "fqdn", "fqdn-wildcard", "grpc-methods"),
        *("http-routes", "identity", "kafka-topics", "mtls", "port-range", "protocol"),
    ),
    "Method": ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"),
    "Mtls": ("strict", "permissive", "disable"),
}
PORTS = {
    "ApiServer.https": ("TlsPort", 6443),
    "GrpcApp.grpc": ("GrpcPort", 50051),
    "HttpApp.http": ("HttpPort", 8080),
    "HttpsApi.https": ("TlsPort", 443),
    "Kafka.broker": ("KafkaPort", 9092),
    "KubeDns.dns": ("DnsPort", 53),
    "MySql.sql": ("TcpPort", 3306),
    "Nodes.kubelet": ("TlsPort", 10250),
    "Postgres.sql": ("TcpPort", 5432),
    "Redis.resp": ("TcpPort", 6379),
}
METHODS = {
    "ANY": "*",
    "DELETE": "DELETE",
    "GET": "GET",
    "HEAD": "HEAD",
    "OPTIONS": "OPTIONS",
    "PATCH": "PATCH",
    "POST": "POST",
    "PUT": "PUT",
}


def word(path: str) -> object:
    found: object = zt_dsl
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _class(name: str) -> type:
    return cast("type", word(name))


def written(found: object) -> str:
    """Its parameters as the contract writes them: without annotations, plain defaults spelt out."""
    assert callable(found)
    plain = (str, int, bool, tuple, type(None))
    return str(
        inspect.Signature(
            [
                parameter.replace(
                    annotation=inspect.Parameter.empty,
                    default=parameter.default
                    if parameter.default is inspect.Parameter.empty or isinstance(parameter.default, plain)
                    else ...,
                )
                for parameter in inspect.signature(found).parameters.values()
            ]
        )
    ).replace("Ellipsis", "...")


@pytest.mark.parametrize(("name", "parameters"), CALLABLES.items())
def test_it_takes_what_the_contract_says(name: str, parameters: str) -> None:
    assert written(word(name)) == parameters


@pytest.mark.parametrize(("name", "bases"), BASES.items())
def test_it_stands_where_the_contract_says(name: str, bases: tuple[str, ...]) -> None:
    assert _class(name).__bases__ == tuple(word(base) for base in bases)


@pytest.mark.parametrize(("name", "words"), LITERALS.items())
def test_it_has_the_words_of_the_contract(name: str, words: tuple[str, ...]) -> None:
    assert get_args(word(name)) == words


@pytest.mark.parametrize(("path", "kind", "number"), [(path, *port) for path, port in PORTS.items()])
def test_a_ready_made_kind_has_its_port(path: str, kind: str, number: int) -> None:
    port = word(path)
    assert isinstance(port, zt_dsl.Port)
    assert (type(port), port.number, port.last, port.service_port, port.mtls) == (word(kind), number, None, None, None)


@pytest.mark.parametrize(("name", "method"), METHODS.items())
def test_a_method_makes_its_route(name: str, method: str) -> None:
    make = word(name)
    assert callable(make)
    made = make("/orders/{id}")
    assert isinstance(made, zt_dsl.Route)
    assert (made.method, made.path) == (method, "/orders/{id}")


def test_target_is_the_union_of_the_contract() -> None:
    assert get_args(zt_dsl.Target) == (zt_dsl.Endpoint, zt_dsl.Peer, zt_dsl.Tier, zt_dsl.Namespace)


def test_the_internet_is_a_network() -> None:
    assert type(zt_dsl.INTERNET) is zt_dsl.Network


def test_the_platforms_own_are_what_clusters_have() -> None:
    dns = zt_dsl.KubeDns()
    assert (dns.name, dns.namespace, dict(dns.labels or {})) == (
        "kube-dns",
        zt_dsl.Namespace("kube-system"),
        {"k8s-app": "kube-dns"},
    )
    platform = zt_dsl.Platform("p", network=None)
    assert (platform.dns, platform.api_server, platform.nodes) == (dns, zt_dsl.ApiServer(), zt_dsl.Nodes())


def test_the_contract_is_exported_whole_and_nothing_else_is() -> None:
    contract = {name.partition(".")[0] for name in CALLABLES} | {*LITERALS, "Target", "INTERNET"}
    assert set(zt_dsl.__all__) == contract
    assert len(zt_dsl.__all__) == len(contract)
    assert dir(zt_dsl) == sorted(zt_dsl.__all__)


@pytest.mark.parametrize("name", zt_dsl.__all__)
def test_everything_exported_is_there_and_looked_up_once(name: str) -> None:
    found = word(name)
    assert vars(zt_dsl)[name] is found


def test_a_word_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="module 'zt_dsl' has no attribute 'Workload'"):
        word("Workload")


def loaded_by(statement: str, *modules: str) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after the statement."""
    program = f"import sys\n{statement}\nprint(*[name for name in {modules!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_importing_the_package_loads_nothing() -> None:
    assert loaded_by("import zt_dsl", "zt_dsl", "zt_dsl.model", "attrs", "attr", "click", "rich") == ["zt_dsl"]


def test_importing_a_word_loads_the_model_alone() -> None:
    statement = "from zt_dsl import allow"
    heavy = ("cattrs", "ruamel", "ruamel.yaml", "jsonschema", "click", "rich", "yaml")
    rooms = ("zt_dsl.resolve", "zt_dsl.ir", "zt_dsl.backends", "zt_dsl.compiler", "zt_dsl.commands")
    assert loaded_by(statement, "attrs", *heavy, *rooms) == ["attrs"]


def test_it_says_that_it_is_typed() -> None:
    assert resources.files(zt_dsl).joinpath("py.typed").is_file()
