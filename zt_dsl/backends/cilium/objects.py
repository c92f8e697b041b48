"""CiliumNetworkPolicy as it is emitted, named as upstream names it (github.com/cilium/cilium v1.20.2,
`pkg/policy/api`).

Narrower than upstream on purpose: no list may be empty, no port may be missing, no peer may be without its
namespace and its cluster, and each rule names peers of one kind. What cannot be said here cannot be emitted.
"""

from functools import lru_cache
from typing import Final, Literal, assert_never

from attrs import field, frozen

from zt_dsl.ir.traffic import Protocol
from zt_dsl.manifests.tree import EMPTY_MAP, Document, Item, Tree

Labels = tuple[tuple[str, str], ...]
Entity = Literal["world", "kube-apiserver", "host", "remote-node", "health", "init", "ingress", "unmanaged", "all"]

API_VERSION: Final = "cilium.io/v2"
MAX_PORTS: Final = 40
"""Of one element of `toPorts` (`pkg/policy/api/rule_validation.go`, maxPorts)."""

# Labels of pods come from Kubernetes; a key without its source would match one of any source.
_K8S: Final = "k8s:"
_NAMESPACE: Final = "k8s:io.kubernetes.pod.namespace"
_CLUSTER: Final = "k8s:io.cilium.k8s.policy.cluster"


def _not_empty(instance: object, attribute: object, value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError(f"{instance!r}: {attribute!r} is empty, and an empty list may mean everything")


# --- peers ---------------------------------------------------------------------------------------------


@frozen(cache_hash=True)
class PodSelector:
    """The pods with these labels in one namespace of one cluster; without labels all of its pods."""

    cluster: str
    namespace: str
    labels: Labels

    def tree(self) -> Tree:
        """As YAML has it."""
        own = {_K8S + key: value for key, value in self.labels}
        return {"matchLabels": {**own, _NAMESPACE: self.namespace, _CLUSTER: self.cluster}}


@frozen(cache_hash=True)
class AnyPod:
    """Every pod of every namespace of every cluster: only ever denied."""

    def tree(self) -> Tree:
        """As YAML has it. Without the keys Cilium would add the policy's own namespace and cluster."""
        return {"matchExpressions": [{"key": key, "operator": "Exists"} for key in (_NAMESPACE, _CLUSTER)]}


@frozen(cache_hash=True)
class CIDRRule:
    """Addresses outside the cluster, less those of `excepted`, each of which lies strictly inside."""

    cidr: str
    excepted: tuple[str, ...]

    def tree(self) -> Tree:
        """As YAML has it."""
        return {"cidr": self.cidr, **({"except": list(self.excepted)} if self.excepted else {})}


@frozen(cache_hash=True)
class FQDNSelector:
    """One name, or with a wildcard the names below one."""

    name: str

    def tree(self) -> Tree:
        """As YAML has it."""
        return {"matchPattern" if "*" in self.name else "matchName": self.name}


@frozen(cache_hash=True)
class Pods:
    """Pods that one of these selects."""

    selectors: tuple[PodSelector | AnyPod, ...] = field(validator=_not_empty)


@frozen(cache_hash=True)
class CIDRs:
    """Addresses of one of these."""

    rules: tuple[CIDRRule, ...] = field(validator=_not_empty)


@frozen(cache_hash=True)
class FQDNs:
    """Addresses that were looked up under one of these names. They are called, and never call."""

    names: tuple[FQDNSelector, ...] = field(validator=_not_empty)


@frozen(cache_hash=True)
class Entities:
    """Who Cilium has reserved identities for."""

    entities: tuple[Entity, ...] = field(validator=_not_empty)


Peers = Pods | CIDRs | FQDNs | Entities


# --- ports ---------------------------------------------------------------------------------------------


@frozen(cache_hash=True)
class PortProtocol:
    """One port, or with `end_port` above it a range of ports, of one protocol."""

    port: int
    protocol: Protocol
    end_port: int

    def tree(self) -> Tree:
        """As YAML has it: upstream's port is a string, its end port is not."""
        end: dict[str, Tree] = {"endPort": self.end_port} if self.end_port != self.port else {}
        return {"port": str(self.port), **end, "protocol": self.protocol}


@frozen(cache_hash=True)
class HTTPRule:
    """One route: the method, empty for any, and an expression for the whole path."""

    method: str
    path: str

    def tree(self) -> Tree:
        """As YAML has it."""
        return {**({"method": self.method} if self.method else {}), "path": self.path}


@frozen(cache_hash=True)
class KafkaRule:
    """One topic, in one role."""

    role: Literal["produce", "consume"]
    topic: str

    def tree(self) -> Tree:
        """As YAML has it."""
        return {"role": self.role, "topic": self.topic}


@frozen(cache_hash=True)
class HTTPRules:
    """Only these requests."""

    rules: tuple[HTTPRule, ...] = field(validator=_not_empty)


@frozen(cache_hash=True)
class KafkaRules:
    """Only these topics."""

    rules: tuple[KafkaRule, ...] = field(validator=_not_empty)


@frozen(cache_hash=True)
class DNSRules:
    """Only lookups of these names."""

    names: tuple[FQDNSelector, ...] = field(validator=_not_empty)


@frozen(cache_hash=True)
class ServerNames:
    """Only TLS that asks for one of these names."""

    names: tuple[str, ...] = field(validator=_not_empty)


@frozen
class Whole:
    """Everything on the port."""


Rules = Whole | HTTPRules | KafkaRules | DNSRules | ServerNames


def _at_most(instance: object, attribute: object, value: tuple[object, ...]) -> None:
    if not 0 < len(value) <= MAX_PORTS:
        raise ValueError(f"{instance!r}: {attribute!r} has {len(value)} elements, and Cilium takes 1 to {MAX_PORTS}")


@frozen(cache_hash=True)
class PortRule:
    """Ports, and what is let through on them."""

    ports: tuple[PortProtocol, ...] = field(validator=_at_most)
    rules: Rules

    def tree(self) -> Tree:
        """As YAML has it."""
        ports: dict[str, Tree] = {"ports": [port.tree() for port in self.ports]}
        match self.rules:
            case Whole():
                return ports
            case HTTPRules(rules=rules):
                return {**ports, "rules": {"http": [rule.tree() for rule in rules]}}
            case KafkaRules(rules=topics):
                return {**ports, "rules": {"kafka": [rule.tree() for rule in topics]}}
            case DNSRules(names=names):
                return {**ports, "rules": {"dns": [name.tree() for name in names]}}
            case ServerNames(names=server_names):
                return {**ports, "serverNames": list(server_names)}
            case _:
                assert_never(self.rules)


# --- rules and policies --------------------------------------------------------------------------------

Direction = Literal["from", "to"]


@frozen(eq=False)
class Rule:
    """Peers and ports of one direction. One rule may be in many policies.

    A deny may be for every port: it has no port rules then. An allow always has some.
    """

    direction: Direction
    peers: Peers
    to_ports: tuple[PortRule, ...]


@lru_cache(maxsize=1 << 17)
def _tree(rule: Rule) -> Tree:
    """As YAML has it. Made once, as its parts are: whoever writes the same tree again may write the same lines."""
    ports: dict[str, Tree] = {"toPorts": [_part(part) for part in rule.to_ports]} if rule.to_ports else {}
    match rule.peers:
        case Pods(selectors=selectors):
            return {f"{rule.direction}Endpoints": [_part(part) for part in selectors], **ports}
        case CIDRs(rules=rules):
            return {f"{rule.direction}CIDRSet": [_part(part) for part in rules], **ports}
        case FQDNs(names=names):
            return {"toFQDNs": [_part(part) for part in names], **ports}
        case Entities(entities=entities):
            return {f"{rule.direction}Entities": list(entities), **ports}
        case _:
            assert_never(rule.peers)


@lru_cache(maxsize=1 << 17)
def _part(part: PodSelector | AnyPod | CIDRRule | FQDNSelector | PortRule) -> Tree:
    return part.tree()


Said = tuple[tuple[str, ...], Rule]
"""A rule, and the comments that go above it in this policy."""


@frozen
class CiliumNetworkPolicy:
    """One policy, for both directions. Without labels it is for every pod of its namespace.

    `default_deny`: whether the version has `enableDefaultDeny`; it is written then, for both directions.
    """

    comments: tuple[str, ...]
    namespace: str
    name: str
    labels: Labels
    default_deny: bool
    ingress: tuple[Said, ...] = ()
    egress: tuple[Said, ...] = ()
    ingress_deny: tuple[Said, ...] = ()
    egress_deny: tuple[Said, ...] = ()

    def document(self) -> Document:
        """As YAML has it. A direction without rules has an empty one, which allows nothing and isolates the pods."""
        own = {_K8S + key: value for key, value in self.labels}
        spec: dict[str, Tree] = {"endpointSelector": {"matchLabels": own} if own else EMPTY_MAP}
        if self.default_deny:
            spec["enableDefaultDeny"] = {"ingress": True, "egress": True}
        spec["ingress"] = _section(self.ingress) or [EMPTY_MAP]
        if self.ingress_deny:
            spec["ingressDeny"] = _section(self.ingress_deny)
        spec["egress"] = _section(self.egress) or [EMPTY_MAP]
        if self.egress_deny:
            spec["egressDeny"] = _section(self.egress_deny)
        return Document(
            self.comments,
            {
                "apiVersion": API_VERSION,
                "kind": "CiliumNetworkPolicy",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": spec,
            },
        )


def _section(rules: tuple[Said, ...]) -> list[Item]:
    return [Item(comments, _tree(rule)) for comments, rule in rules]
