"""NetworkPolicy as it is emitted, named as upstream names it (k8s.io/api v0.37.2, `networking/v1/types.go`).

Narrower than upstream on purpose: no list may be empty, no port may be missing, no peer may be without its
namespace, both policyTypes are always written. What cannot be said here cannot be emitted.
"""

from functools import lru_cache

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


@frozen
class Rule:
    """Peers and ports of one direction, with the comments that go above them."""

    comments: tuple[str, ...]
    peers: tuple[NetworkPolicyPeer, ...] = field(validator=_not_empty)
    ports: tuple[NetworkPolicyPort, ...] = field(validator=_not_empty)

    def item(self, word: str) -> Item:
        """As YAML has it; `word` is what the peers stand under, `from` or `to`."""
        return Item(self.comments, _rule(word, self.peers, self.ports))


@lru_cache(maxsize=1 << 16)
def _rule(word: str, peers: tuple[NetworkPolicyPeer, ...], ports: tuple[NetworkPolicyPort, ...]) -> Tree:
    """Rules that say the same are one tree: whoever writes them may write it once."""
    return {word: [peer.tree() for peer in peers], "ports": [port.tree() for port in ports]}


@frozen
class NetworkPolicy:
    """One policy, for both directions. Without labels it is for every pod of its namespace."""

    comments: tuple[str, ...]
    namespace: str
    name: str
    pod_labels: Labels
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()

    def document(self) -> Document:
        """As YAML has it. A direction without rules is left out: the policy types isolate it."""
        spec: dict[str, Tree] = {
            "podSelector": {"matchLabels": dict(self.pod_labels)} if self.pod_labels else EMPTY_MAP,
            "policyTypes": ["Ingress", "Egress"],
        }
        if self.ingress:
            spec["ingress"] = [rule.item("from") for rule in self.ingress]
        if self.egress:
            spec["egress"] = [rule.item("to") for rule in self.egress]
        return Document(
            self.comments,
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": spec,
            },
        )
