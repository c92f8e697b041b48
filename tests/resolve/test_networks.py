"""Networks: tables of what is refused and kept, and what holds for any input."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.ir.addresses import addresses
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.networks import address, cidr_list, network_blocks
from zt_dsl.source import NOWHERE

ANYTHING = st.one_of(
    st.text(alphabet="0123456789./:afx%", max_size=24), st.text(), st.none(), st.integers(), st.binary(),
    st.lists(st.text(alphabet="0123456789./:a", max_size=20) | st.none(), max_size=3), st.just(object()),
)  # fmt: skip
V4 = st.integers(8, 32).flatmap(
    lambda length: st.integers(0, 2**length - 1).map(lambda n: IPv4Network((n << (32 - length), length)))
)
V6 = st.integers(8, 128).flatmap(
    lambda length: st.integers(0, 2**length - 1).map(lambda n: IPv6Network((n << (128 - length), length)))
)


def codes(result: object) -> list[str]:
    assert isinstance(result, tuple)
    assert result
    return [found.code for found in result if isinstance(found, Finding)]


def kept(cidrs: object, excluding: object = (), *, world_allowed: bool = False) -> tuple[list[str], list[str]]:
    result = network_blocks(cidrs, excluding, NOWHERE, world_allowed=world_allowed)
    assert not codes(result), result
    blocks, holes = result
    assert not isinstance(blocks, Finding)
    assert not isinstance(holes, Finding)
    return [str(b) for b in blocks], [str(h) for h in holes]


def test_blocks_are_canonical_sorted_and_collapsed() -> None:
    assert kept(["2001:DB8::/32", "10.0.0.0/8"]) == (["10.0.0.0/8", "2001:db8::/32"], [])
    assert kept(("10.128.0.0/9", "10.0.0.0/9", "10.1.0.0/16")) == (["10.0.0.0/8"], [])
    assert kept(["10.0.0.0/8"], ["10.2.0.0/16", "10.2.0.0/24", "10.1.0.0/16"])[1] == [
        "10.1.0.0/16",
        "10.2.0.0/16",
    ]
    assert kept(["203.0.113.7/32", "::1/128"])[0] == ["203.0.113.7/32", "::1/128"]


def test_the_internet_is_every_address_where_it_is_meant() -> None:
    world = ("0.0.0.0/0", "::/0")
    assert kept(world, world_allowed=True) == (list(world), [])
    assert kept(world, ["10.0.0.0/8"], world_allowed=True)[1] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("block", "code", "help"),
    [
        ("10.0.0.1", "ZT270", '"10.0.0.1/32"'),
        ("2001:db8::1", "ZT270", '"2001:db8::1/128"'),
        ("10.0.0.0/33", "ZT270", '"10.0.0.0/32"'),
        ("10.0.0.0/", "ZT270", "10.0.0.0"),
        ("10.0.0.0/-1", "ZT270", "10.0.0.0"),
        ("10.0.0.0/255.0.0.0", "ZT270", '"10.0.0.0/8"'),
        ("10.0.0.0/8\n", "ZT270", '"10.0.0.0/8"'),
        ("10.0.0.0/٨", "ZT270", "10.0.0.0"),
        ("10.0.0.0-10.0.0.9", "ZT270", "such as"),
        ("10.0.0/24", "ZT270", "such as"),
        ("api.stripe.com", "ZT270", "External"),
        ("", "ZT270", "such as"),
        ("/8", "ZT270", "such as"),
        ("10.0.0.5/24", "ZT271", '"10.0.0.0/24" for the network, "10.0.0.5/32" for the one address'),
        ("2001:db8::1/64", "ZT271", '"2001:db8::/64"'),
        ("::ffff:10.0.0.0/104", "ZT271", '"10.0.0.0/8"'),
        ("::ffff:10.0.0.1", "ZT271", '"10.0.0.1/32"'),
        ("::ffff:10.0.0.1/104", "ZT271", '"10.0.0.0/8"'),
        ("fe80::1%eth0/128", "ZT271", '"fe80::1/128"'),
        ("010.0.0.0/8", "ZT271", '"10.0.0.0/8" or "8.0.0.0/8"'),
        ("10.0.0.08/32", "ZT271", '"10.0.0.8/32"'),
        ("10.0.0.01/32", "ZT271", '"10.0.0.1/32"'),
        ("999.0.0.01/32", "ZT270", "such as"),
        ("10.0.0.0/099", "ZT270", "10.0.0.0"),
        ("::ffff:10.0.0.0/90", "ZT271", '"::ffc0:0:0/90"'),
        ("10.0.0.0/08", "ZT271", '"10.0.0.0/8"'),
        (None, "ZT206", "string"),
        (IPv4Network("10.0.0.0/8"), "ZT206", '"10.0.0.0/8"'),
        (8, "ZT206", "string"),
    ],
)
def test_a_bad_block_is_refused_wherever_it_stands(block: object, code: str, help: str) -> None:
    for result in (
        network_blocks([block], (), NOWHERE),
        network_blocks(["10.0.0.0/8"], [block], NOWHERE),
        cidr_list([block], "pod_cidrs", NOWHERE),
    ):
        assert codes(result) == [code]
        finding = result[0]
        assert isinstance(finding, Finding)
        assert help in finding.help


def test_both_readings_are_shown() -> None:
    finding = network_blocks(["010.0.0.0/8"], (), NOWHERE)[0]
    assert isinstance(finding, Finding)
    assert finding.at[0][1] == "decimal it is 10.0.0.0/8, octal 8.0.0.0/8"


@pytest.mark.parametrize(
    ("cidrs", "excluding", "code", "help"),
    [
        (["0.0.0.0/0"], [], "ZT272", "INTERNET"),
        (["::/0"], [], "ZT272", "INTERNET"),
        (["0.0.0.0/0", "::/0"], [], "ZT272", "INTERNET"),
        (["0.0.0.0/1", "128.0.0.0/1"], [], "ZT272", "INTERNET"),
        (["8000::/1", "::/1", "10.0.0.0/8"], [], "ZT272", "INTERNET"),
        (["0.0.0.0/0"], ["10.0.0.0/8"], "ZT272", "cidrs=INTERNET.cidrs"),
        (["10.0.0.0/8"], ["11.0.0.0/8"], "ZT273", "leave"),
        (["10.0.0.0/8"], ["::/8"], "ZT273", "leave"),
        (["10.0.0.0/8"], ["10.0.0.0/7"], "ZT273", "smaller"),
        (["10.0.0.0/8"], ["10.0.0.0/8"], "ZT273", "take"),
        (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/9"], "ZT273", "take"),
        (["10.0.0.0/8", "192.168.0.0/16"], ["10.0.0.0/9", "10.128.0.0/9"], "ZT273", "take"),
        (["10.0.0.0/8"], ["10.0.0.0/9", "10.128.0.0/9"], "ZT274", "leave"),
        ([], [], "ZT274", "at least one"),
        ((), ["10.0.0.0/8"], "ZT274", "at least one"),
        ("10.0.0.0/8", [], "ZT206", 'cidrs=["10.0.0.0/8"]'),
        (["10.0.0.0/8"], "10.0.0.0/9", "ZT206", 'excluding=["10.0.0.0/9"]'),
        (None, [], "ZT206", "cidrs="),
        ({"10.0.0.0/8": 1}, [], "ZT206", "cidrs="),
    ],
)
def test_a_bad_set_of_blocks_is_refused(cidrs: object, excluding: object, code: str, help: str) -> None:
    result = network_blocks(cidrs, excluding, NOWHERE)
    assert codes(result) == [code]
    assert isinstance(result[0], Finding)
    assert help in result[0].help


def test_all_mistakes_are_told_at_once() -> None:
    assert codes(network_blocks(["x", "10.0.0.1/8"], [3], NOWHERE)) == ["ZT270", "ZT271", "ZT206"]
    assert codes(network_blocks(["10.0.0.0/8"], ["11.0.0.0/8", "12.0.0.0/8"], NOWHERE)) == ["ZT273", "ZT273"]


@given(ANYTHING, ANYTHING)
def test_anything_is_blocks_or_findings(cidrs: object, excluding: object) -> None:
    for result in (network_blocks(cidrs, excluding, NOWHERE), cidr_list(cidrs, "cidrs", NOWHERE)):
        for finding in result:
            if isinstance(finding, Finding):
                assert finding.message
                assert finding.why
                assert finding.help
                f"{finding.message}{finding.help}{finding.at[0][1]}".encode()


@given(st.lists(V4 | V6, min_size=1, max_size=6), st.lists(V4 | V6, max_size=4))
def test_what_is_accepted_means_what_was_written(blocks: list[object], holes: list[object]) -> None:
    written = [str(block) for block in blocks], [str(hole) for hole in holes]
    result = network_blocks(*written, NOWHERE)
    if codes(result):
        return
    found, left_out = kept(*written)
    assert addresses(map(ip_network, found)) == addresses(map(ip_network, written[0]))
    assert addresses(map(ip_network, left_out)) == addresses(map(ip_network, written[1]))
    # A fixed point, whose holes lie each strictly inside one block: what Kubernetes asks of `except`.
    assert kept(found, left_out) == (found, left_out)
    for hole in map(ip_network, left_out):
        assert any(
            hole != block and addresses((hole,)) - addresses((block,)) == addresses(())
            for block in map(ip_network, found)
        )


@given(V4, st.integers(1, 6), st.integers(0, 2**32))
def test_a_hole_inside_is_always_accepted(block: IPv4Network, deeper: int, which: int) -> None:
    length = min(32, block.prefixlen + deeper)
    if length == block.prefixlen or "::ffff" in str(block):
        return
    start = int(block.network_address) + ((which % 2 ** (length - block.prefixlen)) << (32 - length))
    hole = IPv4Network((start, length))
    assert kept([str(block)], [str(hole)]) == ([str(block)], [str(hole)])


def test_a_list_of_blocks_may_be_empty() -> None:
    assert cidr_list((), "pod_cidrs", NOWHERE) == ()
    assert cidr_list(["10.0.1.0/24", "10.0.0.0/24"], "pod_cidrs", NOWHERE) == (IPv4Network("10.0.0.0/23"),)


@pytest.mark.parametrize(
    ("value", "code"),
    [("10.0.0.0/8", "ZT206"), (None, "ZT206"), (["0.0.0.0/0"], "ZT272"), (["::/1", "8000::/1"], "ZT272")],
)
def test_a_bad_list_of_blocks_is_refused(value: object, code: str) -> None:
    assert codes(cidr_list(value, "pod_cidrs", NOWHERE)) == [code]


@pytest.mark.parametrize(
    ("written", "block"),
    [
        ("169.254.20.10", "169.254.20.10/32"),
        ("169.254.20.10/32", "169.254.20.10/32"),
        ("FD00::A", "fd00::a/128"),
    ],
)
def test_an_address_is_a_block_of_one(written: str, block: str) -> None:
    assert address(written, NOWHERE) == ip_network(block)


@pytest.mark.parametrize(
    ("written", "code", "help"),
    [
        ("169.254.20.0/24", "ZT270", '"169.254.20.0"'),
        ("169.254.20.10/24", "ZT271", '"169.254.20.10/32"'),
        ("resolver", "ZT270", "such as"),
        ("", "ZT270", "such as"),
        ("0.0.0.0", "ZT270", "such as"),
        ("224.0.0.1", "ZT270", "such as"),
        ("169.254.020.10", "ZT271", '"169.254.20.10"'),
        ("fe80::1%lo", "ZT271", '"fe80::1"'),
        ("::ffff:169.254.20.10", "ZT271", "169.254.20.10/32"),
        (None, "ZT206", "string"),
    ],
)
def test_a_bad_address_is_refused(written: object, code: str, help: str) -> None:
    finding = address(written, NOWHERE)
    assert isinstance(finding, Finding)
    assert finding.code == code
    assert help in finding.help


@given(ANYTHING)
def test_an_accepted_address_is_one(value: object) -> None:
    found = address(value, NOWHERE)
    assert isinstance(found, Finding) or found.num_addresses == 1
