"""Sets of IP addresses, as sorted ranges of integers that neither overlap nor touch."""

from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_network,
    summarize_address_range,
)

from attrs import frozen

IPNetwork = IPv4Network | IPv6Network
# IPv6 addresses are counted on from the last IPv4 one, so that one list of ranges holds both.
_IPV6 = 1 << 32
_END = _IPV6 + (1 << 128)

Range = tuple[int, int]

_EXAMPLES = (int(IPv4Address("203.0.113.1")), _IPV6 + int(IPv6Address("2001:db8::1")))


@frozen(cache_hash=True)
class Addresses:
    """A set of addresses: inclusive ranges, ascending, with a gap between any two."""

    ranges: tuple[Range, ...] = ()

    def __or__(self, other: "Addresses") -> "Addresses":
        return Addresses(_joined(self.ranges + other.ranges))

    def __and__(self, other: "Addresses") -> "Addresses":
        return self - (self - other)

    def __sub__(self, other: "Addresses") -> "Addresses":
        return Addresses(tuple(_without(self.ranges, other.ranges)))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, network: object) -> bool:
        return isinstance(network, IPv4Network | IPv6Network) and not addresses((network,)) - self

    def networks(self) -> tuple[IPNetwork, ...]:
        """The fewest CIDR blocks that make up this set, in order; IPv4 first."""
        return tuple(block for low, high in self.ranges for block in _blocks(low, high))

    def example(self) -> str:
        """An address inside; one that is reserved for examples (RFC 5737, RFC 3849) where there is such."""
        inside = (at for at in _EXAMPLES if any(low <= at <= high for low, high in self.ranges))
        found = next(inside, self.ranges[0][0])
        return str(IPv4Address(found) if found < _IPV6 else IPv6Address(found - _IPV6))


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    joined: list[Range] = []
    for low, high in sorted(ranges):
        # 255.255.255.255 and :: are neighbours in the numbering, not in any network.
        if joined and low <= joined[-1][1] + 1 and not (low == _IPV6 and joined[-1][1] == _IPV6 - 1):
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _without(ranges: Iterable[Range], holes: tuple[Range, ...]) -> Iterator[Range]:
    """Both ascend, so that no hole is looked at again once a range lies beyond it."""
    passed = 0
    for first, high in ranges:
        low = first
        while passed < len(holes) and holes[passed][1] < low:
            passed += 1
        for index in range(passed, len(holes)):
            hole_low, hole_high = holes[index]
            if hole_low > high:
                break
            if low < hole_low:
                yield low, hole_low - 1
            low = hole_high + 1
        if low <= high:
            yield low, high


def _range(network: IPNetwork) -> Range:
    shift = 0 if network.version == 4 else _IPV6
    return int(network.network_address) + shift, int(network.broadcast_address) + shift


def _blocks(low: int, high: int) -> Iterator[IPNetwork]:
    if high < _IPV6:
        yield from summarize_address_range(IPv4Address(low), IPv4Address(high))
    else:
        yield from summarize_address_range(IPv6Address(low - _IPV6), IPv6Address(high - _IPV6))


def addresses(networks: Iterable[IPNetwork]) -> Addresses:
    """The union of these networks."""
    return Addresses(_joined(map(_range, networks)))


def united(sets: Iterable[Addresses]) -> Addresses:
    """The union of these sets, at once: one by one, thousands of blocks cost a sort each."""
    return Addresses(_joined(span for each in sets for span in each.ranges))


def parsed(cidrs: Iterable[str]) -> Addresses:
    """The union of these CIDR blocks. Raises ValueError where one is not canonical."""
    return addresses(ip_network(cidr) for cidr in cidrs)


def collapsed(networks: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    """The same addresses in the fewest blocks, IPv4 first, ascending."""
    given = tuple(networks)
    v4 = collapse_addresses(n for n in given if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in given if isinstance(n, IPv6Network))
    return (*v4, *v6)


IPV4 = Addresses(((0, _IPV6 - 1),))
IPV6 = Addresses(((_IPV6, _END - 1),))
EVERY_ADDRESS = Addresses(((0, _IPV6 - 1), (_IPV6, _END - 1)))

# The same on every engine: what is never "outside", though an address of it may be dialled.
NEVER_OUTSIDE = parsed(("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8"))
"""Loopback, link-local (169.254/16 holds clouds' metadata services) and multicast."""

PRIVATE = parsed(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
"""RFC 1918, shared (RFC 6598) and unique local (RFC 4193) addresses: where pods get theirs."""
