"""AuthorizationPolicy and PeerAuthentication as they are emitted, named as upstream names them.

Source: istio.io/api v1.31, `security/v1/authorization_policy.proto` and `peer_authentication.proto`. Narrower than
upstream on purpose: no list may be empty (protobuf loses one, and a rule without callers is a rule for everybody),
every rule says who and on which ports, and no selector is empty. What cannot be said here cannot be emitted.
"""

from functools import lru_cache
from typing import Literal

from attrs import field, frozen

from zt_dsl.ir.mesh import Mode
from zt_dsl.manifests.tree import EMPTY_MAP, Document, Item, Tree

Labels = tuple[tuple[str, str], ...]
Action = Literal["ALLOW", "DENY"]

MAX_RULES = 512
"""Rules of a policy, and callers of a rule (istio v1.31, `manifests/charts/base/files/crd-all.gen.yaml`)."""


def _not_empty(instance: object, attribute: object, value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError(f"{instance!r}: {attribute!r} is empty, and an empty list would mean everything")


@frozen(cache_hash=True)
class Principals:
    """Whoever shows one of these identities, `trust-domain/ns/namespace/sa/account`; a last `*` is any account."""

    principals: tuple[str, ...] = field(validator=_not_empty)

    def tree(self) -> Tree:
        """As YAML has it."""
        return {"principals": list(self.principals)}


@frozen(cache_hash=True)
class Anonymous:
    """Whoever shows no identity: "no principal that is any"."""

    def tree(self) -> Tree:
        """As YAML has it."""
        return {"notPrincipals": ["*"]}


@frozen(cache_hash=True)
class IPBlocks:
    """Whoever calls from these addresses, less those of `excepted`."""

    blocks: tuple[str, ...] = field(validator=_not_empty)
    excepted: tuple[str, ...] = ()

    def tree(self) -> Tree:
        """As YAML has it."""
        tree: dict[str, Tree] = {"ipBlocks": list(self.blocks)}
        if self.excepted:
            tree["notIpBlocks"] = list(self.excepted)
        return tree


Source = Principals | Anonymous | IPBlocks


@frozen(cache_hash=True)
class Operation:
    """Ports, and what is asked there: without methods everything, with `*` every request of HTTP and nothing else.

    Without paths it is every path.
    """

    ports: tuple[int, ...] = field(validator=_not_empty)
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def tree(self) -> Tree:
        """As YAML has it. Ports are strings there."""
        tree: dict[str, Tree] = {"ports": [str(port) for port in self.ports]}
        if self.methods:
            tree["methods"] = list(self.methods)
        if self.paths:
            tree["paths"] = list(self.paths)
        return tree


@frozen
class Anything:
    """Whatever is asked, on each port that the sidecar sees."""


@frozen(eq=False)
class Rule:
    """Callers, and what they may do. One rule may be in many policies."""

    sources: tuple[Source, ...] = field(validator=_not_empty)
    operations: tuple[Operation, ...] | Anything

    def __attrs_post_init__(self) -> None:
        if self.operations == ():
            raise ValueError(f"{self.sources} may do nothing, and an empty list would mean everything")


@lru_cache(maxsize=1 << 17)
def _tree(rule: Rule) -> Tree:
    """As YAML has it. Made once: whoever writes the same tree again may write the same lines."""
    tree: dict[str, Tree] = {"from": [{"source": _part(source)} for source in rule.sources]}
    if not isinstance(rule.operations, Anything):
        tree["to"] = [{"operation": _part(operation)} for operation in rule.operations]
    return tree


@lru_cache(maxsize=1 << 17)
def _part(part: Source | Operation) -> Tree:
    return part.tree()


Said = tuple[tuple[str, ...], Rule]
"""A rule, and the comments that go above it in this policy."""


@frozen
class AuthorizationPolicy:
    """Of the pods with these labels, or without labels of every pod of the namespace.

    Without rules it allows nothing, and by being there it refuses what no other allows.
    """

    comments: tuple[str, ...]
    namespace: str
    name: str
    labels: Labels
    action: Action = "ALLOW"
    rules: tuple[Said, ...] = ()

    def document(self) -> Document:
        """As YAML has it. What would be empty is left out: `spec: {}` is the floor, and means just this."""
        if self.action == "DENY" and not self.rules:
            raise ValueError(f"{self.namespace}/{self.name} denies nothing")
        spec: dict[str, Tree] = {"selector": {"matchLabels": dict(self.labels)}} if self.labels else {}
        if self.labels or self.rules:
            spec["action"] = self.action
        if self.rules:
            spec["rules"] = [Item(comments, _tree(rule)) for comments, rule in self.rules]
        return _document("AuthorizationPolicy", self.comments, self.namespace, self.name, spec or EMPTY_MAP)


@frozen
class PeerAuthentication:
    """The mode of the pods with these labels, or without labels of all of them; `ports` are those that differ."""

    comments: tuple[str, ...]
    namespace: str
    name: str
    labels: Labels
    mode: Mode
    ports: tuple[tuple[int, Mode], ...] = ()

    def document(self) -> Document:
        """As YAML has it. Raises ValueError for ports of no workload, which the API server refuses."""
        if self.ports and not self.labels:
            raise ValueError(f"{self.namespace}/{self.name}: the mode of a port is for a workload")
        spec: dict[str, Tree] = {"selector": {"matchLabels": dict(self.labels)}} if self.labels else {}
        spec["mtls"] = {"mode": self.mode.upper()}
        if self.ports:
            spec["portLevelMtls"] = {str(port): {"mode": mode.upper()} for port, mode in self.ports}
        return _document("PeerAuthentication", self.comments, self.namespace, self.name, spec)


def _document(kind: str, comments: tuple[str, ...], namespace: str, name: str, spec: Tree) -> Document:
    return Document(
        comments,
        {
            "apiVersion": "security.istio.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        },
    )
