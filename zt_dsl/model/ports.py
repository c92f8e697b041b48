"""A port: written once, in a class body; read from an instance. Its kinds stand beside their endpoints."""

from copy import copy
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, Self, TypeVar, cast, overload

from zt_dsl.source import Span, here

if TYPE_CHECKING:
    from zt_dsl.model.endpoints import Endpoint
    from zt_dsl.model.peers import Peer

Mtls = Literal["strict", "permissive", "disable"]

E = TypeVar("E", bound="Endpoint")


class Port(Generic[E]):
    """A port declaration. `Api.http` is the declaration, `api.http` the endpoint.

    `number` is the port the container listens on (Kubernetes' targetPort), the one that every
    engine matches; `last` makes it a range; `service_port` is what clients dial, where it
    differs; `mtls` is this port's mode: it goes before the service's, and that before the
    topology's. A port that a source outside the mesh calls cannot be strict.
    """

    endpoint: "ClassVar[type[Endpoint]]"

    __slots__ = ("last", "mtls", "name", "number", "service_port", "written_at")

    name: str
    number: int
    last: int | None
    service_port: int | None
    mtls: Mtls | None
    written_at: Span

    def __init__(
        self,
        number: int,
        *,
        last: int | None = None,
        service_port: int | None = None,
        mtls: Mtls | None = None,
    ) -> None:
        self.name = ""
        self.number = number
        self.last = last
        self.service_port = service_port
        self.mtls = mtls
        self.written_at = here()

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name in ("", name):
            self.name = name
            return
        again = copy(self)  # one declaration under two names: an endpoint goes by the name that its kind knows
        again.name = name
        setattr(owner, name, again)

    @overload
    def __get__(self, peer: None, owner: type["Peer"]) -> Self: ...
    @overload
    def __get__(self, peer: "Peer", owner: type["Peer"]) -> E: ...
    def __get__(self, peer: "Peer | None", owner: type["Peer"]) -> Self | E:
        if peer is None:
            return self
        return cast("E", self.endpoint(peer=peer, port=self.name))

    def __repr__(self) -> str:
        until = "" if self.last is None else f", last={self.last}"
        return f"{type(self).__name__}({self.number}{until})"
