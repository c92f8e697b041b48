"""NetworkPolicy of projectcalico.org/v3 as it is emitted, named as upstream names it
(github.com/projectcalico/api v3.31.0, `pkg/apis/projectcalico/v3`).

Narrower than upstream on purpose: no list may be empty, both types and the order are always written, no peer may be
without its namespace, an allow always has a peer, a protocol and ports, the blocks of a rule are of one family. What
cannot be said here cannot be emitted.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal, assert_never

from attrs import field, frozen

from zt_dsl.ir.traffic import LAST_PORT, Protocol
from zt_dsl.manifests.tree import Document, Item, Tree

Labels = tuple[tuple[str, str], ...]

API_VERSION: Final = "projectcalico.org/v3"

MAX_HTTP: Final = 20
"""Methods, and paths, of one rule (v3.32.1, `policy_common.go`, HTTPMatch)."""
MAX_PATH: Final = 1024
"""Letters of a path (v3.32.1, `policy_common.go`, HTTPPath)."""

# What policies made of Kubernetes' own ask of pods, too (v3.31.0, `libcalico-go/lib/backend/k8s/conversion`,
# k8sSelectorToCalico): without it a NetworkSet of the namespace that has the labels is selected like a pod.
_OF_PODS: Final = "projectcalico.org/orchestrator == 'k8s'"
_ALL: Final = "all()"


def _not_empty(instance: object, attribute: object, value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError(f"{instance!r}: {attribute!r} is empty, and an empty list means everything")


# --- selectors -----------------------------------------------------------------------------------------


def selector(labels: Labels) -> str:
    """The pods that have all of these labels; every pod without any.

    A value stands in quotes and has none inside: the grammar has no escapes (v3.31.0,
    `libcalico-go/lib/selector/tokenizer`). Raises ValueError for one with a quote, which is no label's value.
    """
    return " && ".join(_equal(key, value) for key, value in labels) or _ALL


def _equal(key: str, value: str) -> str:
    if "'" in value:
        raise ValueError(f"{value!r} cannot be quoted: it is no label's value")
    return f"{key} == '{value}'"


# --- peers ---------------------------------------------------------------------------------------------


@frozen(cache_hash=True)
class Pods:
    """The pods with these labels in one namespace; without labels all of its pods."""

    namespace: str
    labels: Labels

    def tree(self) -> dict[str, Tree]:
        """As YAML has it. Both selectors are equalities joined by "and", which is what Felix has an index for."""
        own = f"{_OF_PODS} && {selector(self.labels)}" if self.labels else _OF_PODS
        return {"namespaceSelector": _equal("projectcalico.org/name", self.namespace), "selector": own}


@frozen(cache_hash=True)
class Nets:
    """Addresses of one family, less those of `excepted`, each of which lies strictly inside one of the blocks."""

    blocks: tuple[IPv4Network | IPv6Network, ...] = field(validator=_not_empty)
    excepted: tuple[IPv4Network | IPv6Network, ...] = ()

    def __attrs_post_init__(self) -> None:
        if len({block.version for block in (*self.blocks, *self.excepted)}) != 1:
            raise ValueError(f"{self!r}: a rule may not mix IPv4 and IPv6")

    def tree(self) -> dict[str, Tree]:
        """As YAML has it."""
        excepted: dict[str, Tree] = {"notNets": list(map(str, self.excepted))} if self.excepted else {}
        return {"nets": list(map(str, self.blocks)), **excepted}


@frozen(cache_hash=True)
class Domains:
    """Addresses that were looked up under one of these names, in the Enterprise edition. They are called, and never
    call; `*.` is one or more labels."""

    names: tuple[str, ...] = field(validator=_not_empty)

    def tree(self) -> dict[str, Tree]:
        """As YAML has it."""
        return {"domains": list(self.names)}


@frozen(cache_hash=True)
class Anyone:
    """Whoever it is: only ever denied."""

    def tree(self) -> dict[str, Tree]:
        """As YAML has it: a rule that says nothing of its peer is for everyone."""
        return {}


Peers = Pods | Nets | Domains | Anyone


# --- ports ---------------------------------------------------------------------------------------------


@frozen(cache_hash=True, order=True)
class Ports:
    """One port, or from the first to the last."""

    first: int
    last: int

    def tree(self) -> Tree:
        """As YAML has it."""
        if not 1 <= self.first <= self.last <= LAST_PORT:
            raise ValueError(f"{self!r} is no range of ports")
        return self.first if self.first == self.last else f"{self.first}:{self.last}"


@frozen(cache_hash=True)
class HTTPPath:
    """A path to its end, or with what is below it, segment by segment."""

    match: Literal["exact", "prefix"]
    path: str

    def tree(self) -> Tree:
        """As YAML has it."""
        return {self.match: self.path}


def _at_most(instance: object, attribute: object, value: tuple[object, ...]) -> None:
    if not 0 < len(value) <= MAX_HTTP:
        raise ValueError(f"{instance!r}: {attribute!r} has {len(value)} elements, and Calico takes 1 to {MAX_HTTP}")


@frozen(cache_hash=True)
class HTTPMatch:
    """Only requests with one of these methods, `*` for any, to one of these paths."""

    methods: tuple[str, ...] = field(validator=_at_most)
    paths: tuple[HTTPPath, ...] = field(validator=_at_most)

    def tree(self) -> Tree:
        """As YAML has it."""
        return {"methods": list(self.methods), "paths": [path.tree() for path in self.paths]}


@frozen
class Whole:
    """Everything on the port."""


# --- rules and policies --------------------------------------------------------------------------------

Direction = Literal["ingress", "egress"]


@frozen(eq=False)
class Allow:
    """These ports of one protocol of these peers. One rule may be in many policies."""

    direction: Direction
    peers: Pods | Nets | Domains
    protocol: Protocol
    ports: tuple[Ports, ...] = field(validator=_not_empty)
    http: HTTPMatch | Whole = field(factory=Whole)


@frozen(eq=False)
class Deny:
    """These ports of one protocol of these peers; or, without a protocol, whatever they send."""

    direction: Direction
    peers: Pods | Nets | Anyone
    protocol: Protocol | Literal[""] = ""
    ports: tuple[Ports, ...] = ()

    def __attrs_post_init__(self) -> None:
        if bool(self.protocol) is not bool(self.ports):
            raise ValueError(f"{self!r}: ports are those of a protocol")


Rule = Allow | Deny


@lru_cache(maxsize=1 << 17)
def _tree(rule: Rule) -> Tree:
    """As YAML has it. Made once, as its parts are: whoever writes the same tree again may write the same lines."""
    protocol: dict[str, Tree] = {"protocol": rule.protocol} if rule.protocol else {}
    ports: dict[str, Tree] = {"ports": [port.tree() for port in rule.ports]} if rule.ports else {}
    peers = rule.peers.tree()
    ends: dict[str, dict[str, Tree]] = (
        {"source": peers, "destination": ports} if rule.direction == "ingress" else {"destination": {**peers, **ports}}
    )
    said: dict[str, Tree] = {end: tree for end, tree in ends.items() if tree}
    match rule:
        case Allow(http=HTTPMatch() as http):
            return {"action": "Allow", **protocol, **said, "http": http.tree()}
        case Allow():
            return {"action": "Allow", **protocol, **said}
        case Deny():
            return {"action": "Deny", **protocol, **said}
        case _:
            assert_never(rule)


Said = tuple[tuple[str, ...], Rule]
"""A rule, and the comments that go above it in this policy."""


@frozen
class NetworkPolicy:
    """One policy, for both directions. Without labels it is for every pod of its namespace.

    In the tier `default` neither the tier nor its name before the policy's is written, the one form that every version
    takes: v3.28 has no `tier` and no dot in a name (`libcalico-go/lib/validator/v3`, networkPolicyNameRegex). In any
    other the name begins with the tier's, which v3.29 to v3.31 ask for (v3.31.0, `libcalico-go/lib/names`,
    ValidateTieredPolicyName) and v3.32 takes.
    """

    comments: tuple[str, ...]
    namespace: str
    tier: str
    name: str
    order: int
    labels: Labels
    ingress: tuple[Said, ...] = ()
    egress: tuple[Said, ...] = ()

    def document(self) -> Document:
        """As YAML has it. A direction without rules is left out: the types say that the policy is for it."""
        tiered = self.tier != "default"
        spec: dict[str, Tree] = {
            **({"tier": self.tier} if tiered else {}),
            "order": self.order,
            "selector": selector(self.labels),
            "types": ["Ingress", "Egress"],
        }
        if self.ingress:
            spec["ingress"] = [Item(comments, _tree(rule)) for comments, rule in self.ingress]
        if self.egress:
            spec["egress"] = [Item(comments, _tree(rule)) for comments, rule in self.egress]
        name = f"{self.tier}.{self.name}" if tiered else self.name
        return Document(
            self.comments,
            {
                "apiVersion": API_VERSION,
                "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": spec,
            },
        )
