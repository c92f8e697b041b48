"""NetworkPolicy as it is emitted, named as upstream names it (k8s.io/api v0.37.2, `networking/v1/types.go`).

Narrower than upstream on purpose: no list may be empty, no port may be missing, no peer may be without its
namespace, both policyTypes are always written. What cannot be said here cannot be emitted.
"""

from functools import lru_cache
from typing import Literal

from attrs import field, frozen

from zt_dsl.ir.selector import METADATA_NAME
from zt_dsl.ir.traffic import Protocol
from zt_dsl.manifests.tree import EMPTY_MAP, Document, Item, Tree

Labels = tuple[tuple[str, str], ...]


def _not_empty(instance: object, attribute: object, value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError(f"{instance!r}: {attribute!r} is empty, and an empty list would mean everything")


@frozen(cache_hash=True)
class NetworkPolicyPort:
    """One port, or with `end_port` above it a range of ports, of one protocol."""

    port: int
    protocol: Protocol
    end_port: int

    def tree(self) -> Tree:
        """As YAML has it."""
        tree: dict[str, Tree] = {"protocol": self.protocol, "port": self.port}
        if self.end_port != self.port:
            tree["endPort"] = self.end_port
        return tree


@frozen(cache_hash=True)
class PodPeer:
    """The pods with these labels in one namespace; without labels all of its pods."""

    namespace: str
    labels: Labels

    def tree(self) -> Tree:
        """As YAML has it: both selectors in one item, which joins them by "and"."""
        tree: dict[str, Tree] = {"namespaceSelector": {"matchLabels": {METADATA_NAME: self.namespace}}}
        if self.labels:
            tree["podSelector"] = {"matchLabels": dict(self.labels)}
        return tree


@frozen(cache_hash=True)
class IPBlock:
    """Addresses, less those of `excepted`, each of which lies strictly inside."""

    cidr: str
    excepted: tuple[str, ...]

    def tree(self) -> Tree:
        """As YAML has it."""
        block: dict[str, Tree] = {"cidr": self.cidr}
        if self.excepted:
            block["except"] = list(self.excepted)
        return {"ipBlock": block}


NetworkPolicyPeer = PodPeer | IPBlock


@frozen(eq=False)
class Rule:
    """Peers and ports of one direction: the peers stand under `word`. One rule may be in many policies."""

    word: Literal["from", "to"]
    peers: tuple[NetworkPolicyPeer, ...] = field(validator=_not_empty)
    ports: tuple[NetworkPolicyPort, ...] = field(validator=_not_empty)


@lru_cache(maxsize=1 << 17)
def _tree(rule: Rule) -> Tree:
    """As YAML has it. Made once, as its parts are: whoever writes the same tree again may write the same lines."""
    return {rule.word: [_part(peer) for peer in rule.peers], "ports": [_part(port) for port in rule.ports]}


@lru_cache(maxsize=1 << 17)
def _part(part: NetworkPolicyPeer | NetworkPolicyPort) -> Tree:
    return part.tree()


Said = tuple[tuple[str, ...], Rule]
"""A rule, and the comments that go above it in this policy."""


@frozen
class NetworkPolicy:
    """One policy, for both directions. Without labels it is for every pod of its namespace."""

    comments: tuple[str, ...]
    namespace: str
    name: str
    pod_labels: Labels
    ingress: tuple[Said, ...] = ()
    egress: tuple[Said, ...] = ()

    def document(self) -> Document:
        """As YAML has it. A direction without rules is left out: the policy types isolate it."""
        spec: dict[str, Tree] = {
            "podSelector": {"matchLabels": dict(self.pod_labels)} if self.pod_labels else EMPTY_MAP,
            "policyTypes": ["Ingress", "Egress"],
        }
        if self.ingress:
            spec["ingress"] = [Item(comments, _tree(rule)) for comments, rule in self.ingress]
        if self.egress:
            spec["egress"] = [Item(comments, _tree(rule)) for comments, rule in self.egress]
        return Document(
            self.comments,
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": spec,
            },
        )
