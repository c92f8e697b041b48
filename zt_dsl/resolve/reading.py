"""Model values read into IR values, each object once, with what is wrong with it."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, TypeVar

from attrs import define, field

from zt_dsl.ir.flow import Domain, EveryPod, Outside, Peer, Place, Workload
from zt_dsl.ir.platform import Platform
from zt_dsl.ir.traffic import Port as StrictPort
from zt_dsl.ir.traffic import PortKind
from zt_dsl.model.endpoints import DnsPort, GrpcPort, HttpPort, KafkaPort, SctpPort, TlsPort, UdpPort
from zt_dsl.model.peers import (
    INTERNET,
    RESOLVERS_OWN,
    ApiServer,
    External,
    KubeDns,
    Namespace,
    Network,
    Nodes,
    Service,
    Tier,
)
from zt_dsl.model.peers import Peer as ModelPeer
from zt_dsl.model.ports import Mtls, Port
from zt_dsl.resolve import hosts, names, networks, ports
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import shown
from zt_dsl.source import NOWHERE, Span

# Of whatever endpoint: a port is not covariant in its own.
AnyPort: TypeAlias = Port[Any]

M = TypeVar("M")
T = TypeVar("T")

KINDS: dict[PortKind, type] = {
    "udp": UdpPort,
    "sctp": SctpPort,
    "tls": TlsPort,
    "http": HttpPort,
    "grpc": GrpcPort,
    "kafka": KafkaPort,
    "dns": DnsPort,
}
MODES: tuple[Mtls, ...] = ("strict", "permissive", "disable")


@define
class Reading:
    """One run of resolve: what was read so far, by the identity of the model's objects, and the findings.

    A value that is wrong is read as None once it has been reported; whatever needs it is passed over, so
    that one mistake is told once.
    """

    cluster: str
    findings: list[Finding] = field(factory=list)
    # The keys are id()s: deep hashes of model values are slow, and a wrong value may have none. The
    # objects are kept, so that no id is given out twice.
    read: dict[int, tuple[object, object]] = field(factory=dict)
    tiers: dict[str, Span] = field(factory=dict)
    services: dict[tuple[str, str, str], tuple[Service, Workload]] = field(factory=dict)
    named: dict[tuple[str, str], tuple[object, Span]] = field(factory=dict)
    # The kinds of the platform's own resolver, API server and nodes: edges to any lead to their ports.
    own: dict[type, type] = field(factory=dict)
    # What edges name again and again, where it is right: sources, and ports of peers by their names.
    sources: dict[int, tuple[object, tuple[Peer, ...]]] = field(factory=dict)
    targets: dict[tuple[int, str], tuple[ModelPeer, Peer, StrictPort]] = field(factory=dict)

    def once(self, model: M, read: Callable[["Reading", M], T | None]) -> T | None:
        """What this object was read as; reads it on first sight."""
        known = self.read.get(id(model))
        if known is None:
            known = self.read[id(model)] = (model, read(self, model))
        return known[1]  # type: ignore[return-value]  # one object is always read by one function

    def keep(self, result: T | Finding | tuple[Finding, ...]) -> T | None:
        """The value; or None, with its findings noted."""
        match result:
            case Finding():
                self.findings.append(result)
                return None
            case tuple() if result and isinstance(result[0], Finding):
                self.findings.extend(finding for finding in result if isinstance(finding, Finding))
                return None
            case _:
                return result  # type: ignore[return-value]  # what is no finding is the value

    def found(self, code: str, message: str, *at: tuple[Span, str], why: str = "", help: str = "") -> None:
        """Note a finding."""
        self.findings.append(Finding(code, message, at, why, help))


def span_of(model: object) -> Span:
    """Where a model object was written; NOWHERE for what is no model object."""
    found = getattr(model, "written_at", NOWHERE)
    return found if isinstance(found, Span) else NOWHERE


# --- places -------------------------------------------------------------------------------------------


def place(reading: Reading, namespace: object, at: Span) -> Place | None:
    """A namespace, in its cluster."""
    if not isinstance(namespace, Namespace):
        reading.found(
            "ZT206",
            f"a namespace is a Namespace, not {shown(namespace)}",
            (at, "here"),
            why="Policies are made for each namespace by its name; this value has none to go by.",
            help='write `Namespace("…")`, once, and use that value',
        )
        return None
    return reading.once(namespace, _place)


def _place(reading: Reading, namespace: Namespace) -> Place | None:
    at = namespace.written_at
    name = reading.keep(names.dns_label(namespace.name, "namespace", at))
    cluster = reading.cluster
    if namespace.cluster is not None:
        cluster = reading.keep(names.dns_label(namespace.cluster, "cluster", at)) or ""
    meshed = reading.keep(names.boolean(namespace.meshed, "meshed", at))
    if name is None or not cluster or meshed is None:
        return None
    found = Place(cluster, name, meshed)
    return _one_identity(reading, "namespace", f"{cluster}/{name}", found, at)


def _one_identity(reading: Reading, what: str, identity: str, found: T, at: Span) -> T:
    """The same identity must be the same thing, wherever it is declared."""
    known, first = reading.named.setdefault((what, identity), (found, at))
    if isinstance(known, type(found)) and known == found:
        return known  # equal ones are one object from here on
    reading.found(
        "ZT220",
        f"two {what}s are called `{identity.rpartition('/')[2]}` and are not the same",
        (at, "this one differs"),
        (first, "from this one"),
        why="A name is an identity: reports, files and policies cannot tell the two apart.",
        help=_TO_THE_RESOLVER if first == RESOLVERS_OWN.written_at else _ONCE,
    )
    return found


_ONCE = "declare it once and import it, or give one of them another name"
_TO_THE_RESOLVER = (
    "the other is where the platform's resolver is; tell it: Platform(…, dns=KubeDns(namespace=…)), with this namespace"
)


# --- services -----------------------------------------------------------------------------------------


def workload(reading: Reading, service: Service) -> Workload | None:
    """A service, as its pods."""
    return reading.once(service, _workload)


def _workload(reading: Reading, service: Service) -> Workload | None:
    at = service.written_at
    for kind in type(service).__mro__:
        kind_traps(reading, kind)
    name = reading.keep(names.dns_label(service.name, "service", at))
    where = place(reading, service.namespace, at)
    account = name
    if service.service_account is not None:
        account = reading.keep(names.account(service.service_account, at))
    labels = _labels(reading, service, name)
    level = tier(reading, service.tier, at) if service.tier is not None else ""
    mode: Mtls | Literal["inherited"] = "inherited"
    if service.mtls is not None:
        checked: Mtls | Finding = names.choice(service.mtls, MODES, "mtls", at)
        written_mode: Mtls | None = reading.keep(checked)
        mode = written_mode or "inherited"
    meshed = where.meshed if where else True
    if service.meshed is not None:
        written = reading.keep(names.boolean(service.meshed, "meshed", at))
        meshed = meshed if written is None else written
    for declaration in declared_ports(type(service)).values():
        strict_port(reading, declaration)
    on_host = reading.keep(names.boolean(service.host_network, "host_network", at))
    if not (name and where and account and labels) or level is None or on_host is None:
        return None
    found = Workload(where, name, labels, account, level, mode, meshed)
    if isinstance(service, KubeDns):
        return found
    identity = (where.cluster, where.namespace, name)
    first, known = reading.services.setdefault(identity, (service, found))
    if first is not service and (known != found or not _same(first, service)):
        reading.found(
            "ZT220",
            f"two services are called `{name}` in namespace `{where}` and are not the same",
            (at, f"this {type(service).__name__} differs"),
            (first.written_at, f"from this {type(first).__name__}"),
            why="A name is an identity: the two would share one file and one policy.",
            help=_ONCE,
        )
        return found
    return known  # equal ones are one object from here on


def _same(one: Service, other: Service) -> bool:
    try:
        return one == other
    except Exception:
        return False


def _labels(reading: Reading, service: Service, name: str | None) -> tuple[tuple[str, str], ...] | None:
    if service.labels is None:
        return None if name is None else (("app", name),)
    pairs = reading.keep(names.label_pairs(service.labels, service.written_at))
    if pairs == ():
        reading.found(
            "ZT224",
            f"service `{service.name}` selects every pod of its namespace",
            (service.written_at, "its labels are empty"),
            why="A service is the pods that carry its labels; without labels it is the whole namespace.",
            help='leave `labels` out for {"app": name}, or write the labels of its pods; '
            "the namespace itself can be a source: allow(namespace, …)",
        )
        return None
    return pairs


def kind_traps(reading: Reading, kind: type) -> None:
    """Report the port declarations of a kind that do not do what they look like."""
    for trap in vars(kind).get("traps", ()):
        finding = (
            Finding(
                "ZT212",
                f"`{trap.owner}.{trap.port}` is annotated, and so a field and not a port",
                ((trap.written_at, "declared with an annotation"),),
                "An annotated name in a class body becomes an argument of the constructor; "
                f"`service.{trap.port}` is then the declaration, and no edge can lead to it.",
                f"write `{trap.port} = …` without the annotation",
            )
            if trap.kind == "annotated"
            else Finding(
                "ZT213",
                f"`{trap.owner}.{trap.port}` is hidden by the field `{trap.port}`",
                ((trap.written_at, "this port cannot be reached"),),
                f"Every service has a field `{trap.port}`: `service.{trap.port}` is that, never the port.",
                f"give the port another name, such as `{trap.port}_port`",
            )
        )
        if finding not in reading.findings:
            reading.findings.append(finding)


def tier(reading: Reading, value: object, at: Span) -> str | None:
    """The name of a tier."""
    if not isinstance(value, Tier):
        reading.found(
            "ZT206",
            f"a tier is a Tier, not {shown(value)}",
            (at, "here"),
            why="Tiers are ordered by the topology; a value that is no Tier has no place in that order.",
            help='write `Tier("…")`',
        )
        return None
    name = reading.once(value, _tier_name)
    if name is not None:
        reading.tiers.setdefault(name, at)
    return name


def _tier_name(reading: Reading, tier: Tier) -> str | None:
    return reading.keep(names.dns_label(tier.name, "tier", tier.written_at))


# --- ports ---------------------------------------------------------------------------------------------


# Classes are few and stay as they are; a service asks for its own each time.
_ports_of: dict[type, dict[str, AnyPort]] = {}


def declared_ports(kind: type) -> dict[str, AnyPort]:
    """The ports of a kind, inherited ones too, by name."""
    known = _ports_of.get(kind)
    if known is not None:
        return known
    found: dict[str, AnyPort] = {}
    for base in reversed(kind.__mro__):
        found.update((name, value) for name, value in vars(base).items() if isinstance(value, Port))
    _ports_of[kind] = found
    return found


def strict_port(reading: Reading, declaration: AnyPort) -> StrictPort | None:
    """A port declaration, as numbers that can be matched."""
    return reading.once(declaration, _strict_port)


def _strict_port(reading: Reading, declaration: AnyPort) -> StrictPort | None:
    kinds: list[PortKind] = [name for name, port in KINDS.items() if isinstance(declaration, port)]
    kind = kinds[0] if kinds else "tcp"
    return reading.keep(ports.port(declaration, kind, declaration.written_at))


# --- peers ----------------------------------------------------------------------------------------------


def peer(reading: Reading, platform: Platform, model: ModelPeer) -> Peer | None:
    """A peer that ports can be read from; the platform's own stand for themselves."""
    match model:
        case KubeDns():
            return platform.dns
        case ApiServer():
            return platform.api_server
        case Nodes():
            return platform.nodes
        case Service():
            return workload(reading, model)
        case Network():
            return outside(reading, model)
        case External():
            return reading.once(model, _domain)
        case _:
            reading.found(
                "ZT242",
                f"{shown(model)} is no kind of peer that a policy can be made for",
                (model.written_at, "declared here"),
                why="Only a Service, an External, a Network or one of the platform's own has pods or addresses.",
                help="derive its kind from Service, External or Network",
            )
            return None


def _domain(reading: Reading, external: External) -> Domain | None:
    for kind in type(external).__mro__:
        kind_traps(reading, kind)
    for declaration in declared_ports(type(external)).values():
        strict_port(reading, declaration)
    return reading.keep(hosts.host(external.name, external.written_at))


def outside(reading: Reading, network: Network) -> Outside | None:
    """A network; INTERNET where its CIDRs are those of INTERNET."""
    return reading.once(network, _outside)


def _outside(reading: Reading, network: Network) -> Outside | None:
    at = network.written_at
    for kind in type(network).__mro__:
        kind_traps(reading, kind)
    for declaration in declared_ports(type(network)).values():
        strict_port(reading, declaration)
    internet = network.cidrs == INTERNET.cidrs
    name = reading.keep(names.dns_label(network.name, "network", at))
    read = reading.keep(networks.network_blocks(network.cidrs, network.excluding, at, world_allowed=internet))
    if name is None or read is None:
        return None
    blocks, holes = read
    found = Outside(name, "internet" if internet else "network", blocks, holes)
    return _one_identity(reading, "network", name, found, at)


def source_peers(
    reading: Reading, platform: Platform, source: object, members: dict[str, list[Workload]]
) -> Iterable[Peer] | None:
    """What a source stands for; a Tier for each of its services. None: it is no source, or a wrong one."""
    match source:
        case Namespace():
            where = place(reading, source, source.written_at)
            return None if where is None else (EveryPod(where),)
        case Tier():
            name = tier(reading, source, source.written_at)
            return None if name is None else members.get(name, [])
        case Service() | Network() | ApiServer() | Nodes():
            found = peer(reading, platform, source)
            return None if found is None else (found,)
        case _:
            return None
