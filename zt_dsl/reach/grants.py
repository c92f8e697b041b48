"""What one end of a connection lets through, in one form for topologies and for manifests.

A reach is judged end by end: a connection passes when each end that a topology governs passes it, so two
reaches that agree at every end agree on every connection.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeVar

from attrs import frozen

from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses
from zt_dsl.ir.languages import SOME_WORD, Language, Words
from zt_dsl.ir.paths import Only
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, IDENTITY, Selector, Values, selector
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, Ports, ports

Direction = Literal["Ingress", "Egress"]
DIRECTIONS: tuple[Direction, ...] = ("Ingress", "Egress")


@frozen
class Origin:
    """What opens it: `what` in words (object and rule, or edge), at a line of a file (0: no line)."""

    what: str
    path: str = ""
    line: int = 0


@frozen(cache_hash=True)
class Pods:
    """Pods that `pods` selects, in namespaces that `namespace` selects by their labels.

    Where engines join clusters, `ir.selector.CLUSTER` is one of these: the cluster that the namespace is in.
    """

    namespace: Selector
    pods: Selector


@frozen(cache_hash=True)
class Names:
    """Whatever addresses the resolver answered for one of these names."""

    names: Language


Entity = Literal[
    "host", "host that is an API server", "other node", "other node that is an API server", "outside API server",
    "health", "ingress", "init", "unmanaged",
]  # fmt: skip
"""What an engine knows by itself, and neither by labels of pods nor by addresses. `host` is the pod's own node."""

OWN_NODE: frozenset[Entity] = frozenset(("host", "host that is an API server"))
_OTHER_NODES: frozenset[Entity] = frozenset(("other node", "other node that is an API server"))
NODES: frozenset[Entity] = OWN_NODE | _OTHER_NODES
API_SERVERS: frozenset[Entity] = frozenset(
    ("host that is an API server", "other node that is an API server", "outside API server")
)
_FURTHER: frozenset[Entity] = frozenset(("health", "ingress", "init", "unmanaged"))
EVERY_ENTITY: frozenset[Entity] = NODES | API_SERVERS | _FURTHER


@frozen(cache_hash=True)
class Entities:
    """All of these."""

    entities: frozenset[Entity]


Remote = Pods | Addresses | Names | Entities

EVERY_NAME = Names(Language((Words((SOME_WORD,), SOME_WORD),)))


@frozen(cache_hash=True)
class Narrowed:
    """On these ports, only what `only` holds."""

    ports: Ports
    only: Only


Opened = Ports | Narrowed
_OWN_NODE = Entities(OWN_NODE)
_Part = TypeVar("_Part", Selector, Remote, Ports, Narrowed)
_shared: dict[object, object] = {}


def shared(part: _Part) -> _Part:
    """The one object for all that are equal to this: grants that are made of such are compared by identity."""
    return _shared.setdefault(part, part)  # type: ignore[return-value]  # what is equal is of the same class


EVERYBODY: tuple[Remote, ...] = (
    shared(Pods(EVERYTHING, EVERYTHING)),
    shared(EVERY_ADDRESS),
    shared(EVERY_NAME),
    shared(Entities(EVERY_ENTITY)),
)
"""Whoever there is, where engines do not join clusters."""


@frozen
class Isolation:
    """These pods of a namespace refuse, in this direction, what no grant lets through."""

    namespace: str
    direction: Direction
    subject: Selector


class Grant(NamedTuple):
    """These pods of a namespace may be reached by (Ingress) or reach (Egress) these peers.

    The ports of `opened` are always the destination's: for Egress the remote peer's, for Ingress the subject's own.
    `origin` says who grants it, when it is asked for: of the very many the few that are printed.
    """

    # Not attrs: there are hundreds of thousands, and one is made in half the time.

    namespace: str
    direction: Direction
    subject: Selector
    remote: Remote
    opened: Opened
    origin: Callable[[], Origin]


def own_node(namespaces: Iterable[str]) -> list[Grant]:
    """A pod's own node may call it, unless that is denied: the kubelet's probes need no edge."""
    return [Grant(each, "Ingress", EVERYTHING, _OWN_NODE, EVERY_PORT, _by_own_node) for each in namespaces]


def _by_own_node() -> Origin:
    return Origin("a pod's own node calls it")


# --- what a mesh sees ---------------------------------------------------------------------------------

SIDECAR = shared(selector(((IDENTITY, ANY_VALUE),)))
"""Pods that have a mesh identity, and so a sidecar: of the others a mesh sees nothing that arrives."""

ANONYMOUS: tuple[Remote, ...] = (
    shared(Pods(EVERYTHING, selector(((IDENTITY, Values(frozenset(), absent=True)),)))),
    *EVERYBODY[1:],
)
"""Whoever has no mesh identity, and speaks in plain text."""

EVERY_TCP_PORT = shared(ports((("TCP", FIRST_PORT, LAST_PORT),)))
_UNSEEN = shared(EVERY_PORT - EVERY_TCP_PORT)


def unseen_by_mesh(namespaces: Iterable[str]) -> list[Grant]:
    """A mesh sees TCP alone: as far as it is asked, everything else passes."""
    return [
        Grant(each, "Ingress", EVERYTHING, remote, _UNSEEN, _by_no_mesh) for each in namespaces for remote in EVERYBODY
    ]


def _by_no_mesh() -> Origin:
    return Origin("the mesh sees neither UDP nor SCTP")


@frozen
class Reach:
    """Everything that passes: what is not isolated, and what is granted. Grants add up; what is in `denied`, whole
    ports alone, is refused whatever grants it, and where nothing is isolated, too."""

    isolations: tuple[Isolation, ...]
    grants: tuple[Grant, ...]
    denied: tuple[Grant, ...] = ()
