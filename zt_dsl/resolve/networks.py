"""Networks: CIDR blocks and addresses, as written and as meant.

A block is an address, `/` and a prefix length, its host bits zero (RFC 4632, RFC 4291). What one reader takes
for one network and another reader for another is refused, with both readings.
"""

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from zt_dsl.ir.addresses import IPV4, IPV6, Addresses, IPNetwork, addresses, collapsed
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import sequence, shown, string, visible, wrong_type
from zt_dsl.source import Span

Blocks = tuple[IPNetwork, ...]

_MAPPED = IPv6Network("::ffff:0:0/96")
_DOTTED = re.compile(r"[0-9]+(\.[0-9]+){3}")
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")


def network_blocks(
    cidrs: object, excluding: object, at: Span, *, world_allowed: bool = False
) -> tuple[Blocks, Blocks] | tuple[Finding, ...]:
    """The blocks of a Network and the holes in them: collapsed, sorted, each hole strictly inside one block.

    `world_allowed`: the CIDRs are those of INTERNET, which is the word for every address.
    """
    blocks = _listed(cidrs, "cidrs", at)
    holes = _listed(excluding, "excluding", at)
    wrong = (*(f for f in blocks if isinstance(f, Finding)), *(f for f in holes if isinstance(f, Finding)))
    if wrong:
        return wrong
    written = tuple(b for b in blocks if not isinstance(b, Finding))
    excluded = tuple(h for h in holes if not isinstance(h, Finding))
    if not written:
        return (_empty("it names no addresses", 'write at least one block: cidrs=["203.0.113.0/24"]', at),)
    if not world_allowed and (world := _world(addresses(written), at, bool(excluded))):
        return (world,)
    found = _hole_findings(written, excluded, at)
    return found or (collapsed(written), collapsed(excluded))


def cidr_list(value: object, what: str, at: Span) -> Blocks | tuple[Finding, ...]:
    """Blocks, collapsed and sorted; possibly none. `what` is the argument: `pod_cidrs`, `cidrs`."""
    blocks = _listed(value, what, at)
    wrong = tuple(found for found in blocks if isinstance(found, Finding))
    if wrong:
        return wrong
    given = tuple(block for block in blocks if not isinstance(block, Finding))
    covered = addresses(given)
    if given and (not IPV4 - covered or not IPV6 - covered):
        return (
            Finding(
                "ZT272",
                f"`{what}` holds every address there is",
                ((at, "the whole internet"),),
                "What is everywhere cannot be told from the internet, which edges must be able to leave out.",
                f"write the blocks that are really used, from the cluster's own configuration: {what}=[…]",
            ),
        )
    return collapsed(given)


def address(value: object, at: Span) -> IPNetwork | Finding:
    """One address, such as that of a node-local resolver, as a block of one."""
    text = string(value)
    if text is None:
        return wrong_type(value, "an address", "a string", at, 'write it as a string: "169.254.20.10"')
    bare, slash, prefix = text.partition("/")
    found = _two_readings(text, at) or _parsed(bare)
    if isinstance(found, Finding):
        return found
    one = found is not None and not (found.is_unspecified or found.is_multicast)
    if found is not None and one and (not slash or prefix == str(found.max_prefixlen)):
        return ip_network(found)
    return Finding(
        "ZT270",
        f"{shown(text)} is not the address of a host",
        ((at, "a block of many addresses" if one else "not an address that a pod can call"),),
        "The resolver is permitted by exactly one address.",
        f'write the address alone: "{found}"' if one else 'write an address such as "169.254.20.10"',
    )


def _listed(value: object, what: str, at: Span) -> list[IPNetwork | Finding]:
    items = sequence(value)
    if items is not None:
        return [_block(item, what, at) for item in items]
    text = string(value)
    # A string is a sequence of strings to Python and to mypy: cidrs="10.0.0.0/8" passes both.
    write = f'{what}=["{visible(text)}"]' if text is not None else f'{what}=["203.0.113.0/24"]'
    return [wrong_type(value, f"`{what}`", "a list of CIDR blocks", at, f"write {write}")]


def _block(value: object, what: str, at: Span) -> IPNetwork | Finding:
    text = string(value)
    if text is None:
        known = isinstance(value, IPv4Network | IPv6Network)
        write = f'"{value}"' if known else 'it as a string: "203.0.113.0/24"'
        return wrong_type(value, f"a block of `{what}`", "a string", at, f"write {write}")
    ambiguous = _two_readings(text, at)
    if ambiguous:
        return ambiguous
    bare, _, prefix = text.partition("/")
    found = _parsed(bare)
    if found is None or not _PREFIX.fullmatch(prefix) or int(prefix) > found.max_prefixlen:
        return Finding(
            "ZT270",
            f"{shown(text)} is not a CIDR block",
            ((at, _block_trouble(found, text)),),
            "Engines take blocks alone; what each makes of anything else differs, or is nothing.",
            _block_help(found, text),
        )
    return ip_network(f"{found}/{prefix}")


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _block_trouble(found: IPv4Address | IPv6Address | None, text: str) -> str:
    if found is None:
        return "there is no IP address before the `/`" if "/" in text else "not an IP address"
    _, slash, prefix = text.partition("/")
    if not slash:
        return "an address, without a prefix length"
    return f"`/{visible(prefix)}` is not a prefix length from 0 to {found.max_prefixlen}"


def _block_help(found: IPv4Address | IPv6Address | None, text: str) -> str:
    if found is None:
        letters = any(c.isalpha() for c in text) and ":" not in text
        return 'a name is an External: External("…")' if letters else 'write a block such as "203.0.113.0/24"'
    if "/" not in text:
        return f'write "{found}/{found.max_prefixlen}" for this one address'
    try:
        # A netmask (10.0.0.0/255.0.0.0) is known to Python and not to Kubernetes.
        return f'did you mean "{ip_network(text.strip(), strict=False)}"?'
    except ValueError:
        return f'write "{found}/{found.max_prefixlen}" for this one address'


# --- two readings -------------------------------------------------------------------------------------


def _two_readings(text: str, at: Span) -> Finding | None:
    """Where readers differ: zones, leading zeros, IPv4 inside IPv6, bits of a host in a network."""
    bare, slash, prefix = text.partition("/")
    return (
        _zone(text, bare, slash + prefix, at)
        or _leading_zeros(text, bare, slash + prefix, at)
        or _mapped(text, bare, prefix, at)
        or (_host_bits(text, bare, prefix, at) if slash else None)
    )


def _ambiguous(text: str, label: str, help: str, at: Span) -> Finding:
    return Finding(
        "ZT271",
        f"{shown(text)} has two readings",
        ((at, label),),
        "Kubernetes and the engines do not agree on it: one would refuse it, another open something else.",
        help,
    )


def _zone(text: str, bare: str, rest: str, at: Span) -> Finding | None:
    unzoned, percent, zone = bare.partition("%")
    if not percent or not isinstance(_parsed(unzoned), IPv6Address):
        return None
    label = f"`%{visible(zone)}` is an interface of one machine"
    return _ambiguous(text, label, f'write it without the zone: "{unzoned}{rest}"', at)


def _leading_zeros(text: str, bare: str, rest: str, at: Span) -> Finding | None:
    prefix = rest.removeprefix("/")
    found = _parsed(bare)
    if found is not None and re.fullmatch(r"0[0-9]{1,3}", prefix) and int(prefix) <= found.max_prefixlen:
        return _ambiguous(text, f"`/{prefix}` has a leading zero", f'write "{bare}/{int(prefix)}"', at)
    octets = bare.split(".")
    if not _DOTTED.fullmatch(bare) or len(bare) > 40 or all(o == "0" or o[0] != "0" for o in octets):
        return None
    decimal = ".".join(str(int(o)) for o in octets)
    octal = ".".join(str(_octal(o)) for o in octets)
    if _parsed(decimal) is None:
        return None
    if _parsed(octal) is None or octal == decimal:
        return _ambiguous(text, "a leading zero", f'write "{decimal}{rest}"', at)
    label = f"decimal it is {decimal}{rest}, octal {octal}{rest}"
    return _ambiguous(text, label, f'write "{decimal}{rest}" or "{octal}{rest}"', at)


def _octal(octet: str) -> int:
    return int(octet, 8) if octet[0] == "0" and not set(octet) & {"8", "9"} else int(octet)


def _mapped(text: str, bare: str, prefix: str, at: Span) -> Finding | None:
    found = _parsed(bare)
    if not isinstance(found, IPv6Address) or found not in _MAPPED or found.ipv4_mapped is None:
        return None
    length = int(prefix) if _PREFIX.fullmatch(prefix) and int(prefix) <= 128 else 128
    if length < _MAPPED.prefixlen:
        return None
    v4 = ip_network(f"{found.ipv4_mapped}/{length - 96}", strict=False)
    label = f"as IPv6 it is {found}/{length}, as IPv4 {v4}"
    return _ambiguous(text, label, f'write the IPv4 network: "{v4}"', at)


def _host_bits(text: str, bare: str, prefix: str, at: Span) -> Finding | None:
    found = _parsed(bare)
    if found is None or not _PREFIX.fullmatch(prefix) or int(prefix) > found.max_prefixlen:
        return None
    network = ip_network(f"{found}/{prefix}", strict=False)
    if network.network_address == found:
        return None
    alone = f"{found}/{found.max_prefixlen}"
    label = f"the network is {network}, the address {alone}"
    return _ambiguous(text, label, f'write "{network}" for the network, "{alone}" for the one address', at)


# --- sets ---------------------------------------------------------------------------------------------


def _world(covered: Addresses, at: Span, with_holes: bool) -> Finding | None:
    families = [name for name, family in (("IPv4", IPV4), ("IPv6", IPV6)) if not family - covered]
    if not families:
        return None
    return Finding(
        "ZT272",
        f"this network is every {' and every '.join(families)} address",
        ((at, "the whole internet"),),
        "Every address takes in the cluster's own pods on some engines and not on others; INTERNET means the "
        "same on all: what is outside the cluster.",
        "write INTERNET's own blocks: cidrs=INTERNET.cidrs, and keep `excluding`"
        if with_holes
        else "write INTERNET, or the networks that are meant",
    )


def _hole_findings(written: Blocks, excluded: Blocks, at: Span) -> tuple[Finding, ...]:
    covered = addresses(written)
    blocks = collapsed(written)
    found = tuple(
        _hole(hole, trouble, at)
        for hole in dict.fromkeys(excluded)
        if (trouble := _hole_trouble(hole, covered, (*written, *blocks)))
    )
    if found:
        return found
    if not covered - addresses(excluded):
        return (_empty("all of its addresses are excluded", "leave a part of them, or leave it out", at),)
    whole = tuple(hole for hole in collapsed(excluded) if hole in blocks)
    return tuple(_hole(hole, "together the exclusions are one of its blocks", at) for hole in whole)


def _hole_trouble(hole: IPNetwork, covered: Addresses, blocks: Blocks) -> str:
    if hole in blocks:
        return "it is one of `cidrs`"
    if hole in covered:
        return ""
    return "a part of it lies outside" if addresses((hole,)) & covered else "it lies outside"


def _hole(hole: IPNetwork, trouble: str, at: Span) -> Finding:
    return Finding(
        "ZT273",
        f"the exclusion `{hole}` does not lie inside the network",
        ((at, trouble),),
        "An exclusion that takes nothing away, or all of a block, is not what somebody meant to write; "
        "Kubernetes refuses it too.",
        f'take "{hole}" out of `cidrs` as well as of `excluding`'
        if "cidrs" in trouble or "blocks" in trouble
        else f'exclude a smaller block than "{hole}", or add it to `cidrs`'
        if "part" in trouble
        else f'leave "{hole}" out of `excluding`: it is not in `cidrs`',
    )


def _empty(label: str, help: str, at: Span) -> Finding:
    return Finding(
        "ZT274",
        "this network has no addresses",
        ((at, label),),
        "To Kubernetes an empty list of peers means everybody: no policy is ever made from one.",
        help,
    )
