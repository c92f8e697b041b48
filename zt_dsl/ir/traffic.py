"""What passes: protocols and ports as a set algebra, and what narrows a port from the inside."""

from collections.abc import Iterable
from typing import Literal

from attrs import frozen

Protocol = Literal["TCP", "UDP", "SCTP"]
PROTOCOLS: tuple[Protocol, ...] = ("TCP", "UDP", "SCTP")
FIRST_PORT, LAST_PORT = 1, 65535

Interval = tuple[Protocol, int, int]


@frozen(cache_hash=True)
class Ports:
    """A set of (protocol, port): inclusive intervals, sorted, with a gap between any two of a protocol."""

    intervals: tuple[Interval, ...] = ()

    def __or__(self, other: "Ports") -> "Ports":
        if self == other:
            return self
        return ports(self.intervals + other.intervals)

    def __sub__(self, other: "Ports") -> "Ports":
        left: list[Interval] = []
        for protocol, first, last in self.intervals:
            low = first
            for other_protocol, other_first, other_last in other.intervals:
                if other_protocol != protocol or other_last < low or other_first > last:
                    continue
                if low < other_first:
                    left.append((protocol, low, other_first - 1))
                low = other_last + 1
            if low <= last:
                left.append((protocol, low, last))
        return Ports(tuple(left))

    def __and__(self, other: "Ports") -> "Ports":
        return self - (self - other)

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def contains(self, protocol: Protocol, port: int) -> bool:
        """Whether this port of this protocol is inside."""
        return any(p == protocol and first <= port <= last for p, first, last in self.intervals)

    def __str__(self) -> str:
        return ", ".join(
            f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"
            for protocol, first, last in self.intervals
        )


def ports(intervals: Iterable[Interval]) -> Ports:
    """The union of these intervals."""
    joined: list[Interval] = []
    for protocol, first, last in sorted(intervals):
        if joined and joined[-1][0] == protocol and first <= joined[-1][2] + 1:
            joined[-1] = (protocol, joined[-1][1], max(last, joined[-1][2]))
        else:
            joined.append((protocol, first, last))
    return Ports(tuple(joined))


EVERY_PORT = ports((protocol, FIRST_PORT, LAST_PORT) for protocol in PROTOCOLS)
"""Every port of every protocol that Kubernetes knows. Nobody can dial port 0, and no rule can name it: a rule
without ports and one for 1 to 65535 permit the same connections."""

# --- inside the protocol ---------------------------------------------------------------------------


@frozen(cache_hash=True)
class Whole:
    """Everything on the port."""


WHOLE = Whole()
"""The one that most flows have: shared, it is made, sent and printed once."""


@frozen(cache_hash=True)
class Route:
    """`method` is `*` for any; `path` is in the neutral path language."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{'any method' if self.method == '*' else self.method} {self.path}"


@frozen(cache_hash=True)
class Routes:
    """Only these HTTP requests."""

    routes: tuple[Route, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.routes))


@frozen(cache_hash=True)
class Methods:
    """Only these gRPC methods, `package.Service/Method` or `package.Service/*`."""

    methods: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.methods)


@frozen(cache_hash=True)
class Topics:
    """Only these Kafka topics, in this role."""

    role: Literal["produce", "consume"]
    topics: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role} {', '.join(self.topics)}"


@frozen(cache_hash=True)
class Lookups:
    """Only lookups of these DNS names; `**` is every name."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "any name" if "**" in self.names else ", ".join(self.names)


@frozen(cache_hash=True)
class ServerNames:
    """Only TLS that asks for one of these names (SNI): what an external name is on a TLS port, if it is checked."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"TLS to {', '.join(self.names)}"


Narrowing = Whole | Routes | Methods | Topics | Lookups | ServerNames

PortKind = Literal["tcp", "udp", "sctp", "tls", "http", "grpc", "kafka", "dns"]


@frozen(cache_hash=True)
class Port:
    """A declared port of a peer: the container's numbers, `first` to `last` inclusive.

    `service_port` is what clients dial: the same as `first` unless it was written.
    """

    name: str
    kind: PortKind
    first: int
    last: int
    service_port: int
    mtls: Literal["strict", "permissive", "disable", "inherited"] = "inherited"

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """What it speaks below: DNS is UDP and TCP, SCTP and UDP themselves, the rest TCP."""
        match self.kind:
            case "udp":
                return ("UDP",)
            case "sctp":
                return ("SCTP",)
            case "dns":
                return ("UDP", "TCP")
            case _:
                return ("TCP",)

    @property
    def ports(self) -> Ports:
        """As a set."""
        return ports((protocol, self.first, self.last) for protocol in self.protocols)

    def __str__(self) -> str:
        numbers = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{numbers}/{'+'.join(self.protocols)}"
