"""What one end of a connection lets through, in one form for topologies and for manifests.

A reach is judged end by end: a connection passes when each end that a topology governs passes it, so two
reaches that agree at every end agree on every connection.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

from attrs import frozen

from zt_dsl.ir.addresses import Addresses
from zt_dsl.ir.selector import Selector
from zt_dsl.ir.traffic import Ports

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
    """Pods that `pods` selects, in namespaces that `namespace` selects by their labels."""

    namespace: Selector
    pods: Selector


Remote = Pods | Addresses
_Part = TypeVar("_Part", Selector, Remote, Ports)
_shared: dict[object, object] = {}


def shared(part: _Part) -> _Part:
    """The one object for all that are equal to this: grants that are made of such are compared by identity."""
    return _shared.setdefault(part, part)  # type: ignore[return-value]  # what is equal is of the same class


@frozen
class Isolation:
    """These pods of a namespace refuse, in this direction, what no grant lets through."""

    namespace: str
    direction: Direction
    subject: Selector


class Grant(NamedTuple):
    """These pods of a namespace may be reached by (Ingress) or reach (Egress) these peers.

    `ports` are always the destination's: for Egress the remote peer's, for Ingress the subject's own. `origin`
    says who grants it, when it is asked for: of the very many the few that are printed.
    """

    # Not attrs: there are hundreds of thousands, and one is made in half the time.

    namespace: str
    direction: Direction
    subject: Selector
    remote: Remote
    ports: Ports
    origin: Callable[[], Origin]


@frozen
class Reach:
    """Everything that passes: what is not isolated, and what is granted. Grants add up."""

    isolations: tuple[Isolation, ...]
    grants: tuple[Grant, ...]
