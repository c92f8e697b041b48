"""The sets that everything is made of: one law a test, against membership asked point by point."""

from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.ir.addresses import EVERY_ADDRESS, IPV4, IPV6, Addresses, IPNetwork, addresses, collapsed, united
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, Selector, Values, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, PROTOCOLS, Ports, ports

# --- values --------------------------------------------------------------------------------------------

# One value that no set below names stands for all others.
VALUES = (None, "a", "b", "c", "unnamed")
values = st.builds(Values, st.frozensets(st.sampled_from(("a", "b", "c"))), others=st.booleans(), absent=st.booleans())


def value_members(one: Values) -> set[str | None]:
    return {value for value in VALUES if one.contains(value)}


@given(values, values)
def test_values_and_is_intersection(one: Values, other: Values) -> None:
    assert value_members(one & other) == value_members(one) & value_members(other)


@given(values)
def test_values_not_is_complement(one: Values) -> None:
    assert value_members(~one) == set(VALUES) - value_members(one)


@given(values)
def test_values_not_not_is_itself(one: Values) -> None:
    assert ~~one == one


@given(values)
def test_values_and_is_idempotent(one: Values) -> None:
    assert one & one == one


@given(values, values)
def test_values_and_commutes(one: Values, other: Values) -> None:
    assert one & other == other & one


@given(values, values, values)
def test_values_and_is_associative(one: Values, other: Values, third: Values) -> None:
    assert (one & other) & third == one & (other & third)


@given(values, values)
def test_values_de_morgan(one: Values, other: Values) -> None:
    either = value_members(one) | value_members(other)
    assert value_members(~(~one & ~other)) == either


@given(values)
def test_values_contradiction_is_empty(one: Values) -> None:
    assert (one & ~one).empty


@given(values)
def test_values_are_empty_when_they_have_no_member(one: Values) -> None:
    assert one.empty == (not value_members(one))


@given(values)
def test_values_example_is_inside(one: Values) -> None:
    assert one.empty or one.contains(one.example())


# --- selectors -----------------------------------------------------------------------------------------

KEYS = ("k", "l")
LABEL_SETS = tuple(
    {key: value for key, value in zip(KEYS, chosen, strict=True) if value is not None}
    for chosen in product(VALUES, repeat=len(KEYS))
)
terms = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=4)
selectors = terms.map(selector)


def label_sets(one: Selector) -> set[int]:
    return {number for number, labels in enumerate(LABEL_SETS) if one.contains(labels)}


@given(terms)
def test_selector_is_all_of_its_terms(given_terms: list[tuple[str, Values]]) -> None:
    expected = {
        number
        for number, labels in enumerate(LABEL_SETS)
        if all(each.contains(labels.get(key)) for key, each in given_terms)
    }
    assert label_sets(selector(given_terms)) == expected


@given(selectors, selectors)
def test_selector_and_is_intersection(one: Selector, other: Selector) -> None:
    assert label_sets(one & other) == label_sets(one) & label_sets(other)


@given(selectors)
def test_everything_is_the_identity_of_and(one: Selector) -> None:
    assert one & EVERYTHING == one == EVERYTHING & one


@given(selectors)
def test_selector_and_is_idempotent(one: Selector) -> None:
    assert one & one == one


@given(selectors, selectors)
def test_selector_and_commutes(one: Selector, other: Selector) -> None:
    assert one & other == other & one


@given(selectors, selectors, selectors)
def test_selector_and_is_associative(one: Selector, other: Selector, third: Selector) -> None:
    assert (one & other) & third == one & (other & third)


@given(selectors)
def test_selector_is_empty_when_it_has_no_member(one: Selector) -> None:
    assert one.empty == (not label_sets(one))


@given(selectors, selectors)
def test_selector_minus_is_difference(one: Selector, other: Selector) -> None:
    left: set[int] = set().union(*(label_sets(part) for part in one.minus(other)))
    assert left == label_sets(one) - label_sets(other)


@given(selectors, selectors)
def test_selector_minus_is_in_parts_that_do_not_meet(one: Selector, other: Selector) -> None:
    parts = [label_sets(part) for part in one.minus(other)]
    assert sum(map(len, parts)) == len(set().union(*parts))


@given(selectors, selectors)
def test_selector_minus_gives_no_empty_part(one: Selector, other: Selector) -> None:
    assert not any(part.empty for part in one.minus(other))


@given(selectors)
def test_nothing_is_left_of_a_selector_minus_itself(one: Selector) -> None:
    assert not list(one.minus(one))


@given(selectors)
def test_selector_example_is_selected(one: Selector) -> None:
    assert one.empty or one.contains(one.example())


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(("a", "b"))))
def test_labels_select_the_label_sets_that_hold_them(labels: dict[str, str]) -> None:
    expected = {n for n, each in enumerate(LABEL_SETS) if labels.items() <= each.items()}
    assert label_sets(with_labels(tuple(labels.items()))) == expected


def test_not_any_value_is_absent() -> None:
    assert value_members(~ANY_VALUE) == {None}


# --- addresses -----------------------------------------------------------------------------------------

# Around both ends of both families: 255.255.255.255 and :: are neighbours only in our numbering.
NUMBERS = (*range(8), *range(2**32 - 8, 2**32))
NUMBERS6 = (*range(8), *range(2**128 - 8, 2**128))
POINTS: tuple[IPv4Address | IPv6Address, ...] = (*map(IPv4Address, NUMBERS), *map(IPv6Address, NUMBERS6))
networks = st.one_of(
    st.tuples(st.sampled_from(NUMBERS), st.integers(29, 32)).map(
        lambda chosen: ip_network((chosen[0], chosen[1]), strict=False)
    ),
    st.tuples(st.sampled_from(NUMBERS6), st.integers(125, 128)).map(
        lambda chosen: ip_network((IPv6Address(chosen[0]), chosen[1]), strict=False)
    ),
    st.sampled_from((ip_network("0.0.0.0/0"), ip_network("::/0"), ip_network("0.0.0.0/1"))),
)
blocks = st.lists(networks, max_size=5)
address_sets = blocks.map(addresses)


def members(one: Addresses) -> set[object]:
    return {point for point in POINTS if ip_network(point) in one}


@given(blocks)
def test_addresses_are_the_union_of_their_networks(some: list[IPNetwork]) -> None:
    assert members(addresses(some)) == {point for point in POINTS if any(point in n for n in some)}


@given(address_sets, address_sets)
def test_addresses_or_is_union(one: Addresses, other: Addresses) -> None:
    assert members(one | other) == members(one) | members(other)


@given(address_sets, address_sets)
def test_addresses_and_is_intersection(one: Addresses, other: Addresses) -> None:
    assert members(one & other) == members(one) & members(other)


@given(address_sets, address_sets)
def test_addresses_minus_is_difference(one: Addresses, other: Addresses) -> None:
    assert members(one - other) == members(one) - members(other)


@given(st.lists(address_sets, max_size=4))
def test_united_is_or_of_all(sets: list[Addresses]) -> None:
    joined = Addresses()
    for each in sets:
        joined |= each
    assert united(sets) == joined


@given(address_sets, address_sets)
def test_addresses_commute(one: Addresses, other: Addresses) -> None:
    assert (one | other, one & other) == (other | one, other & one)


@given(address_sets)
def test_addresses_are_idempotent(one: Addresses) -> None:
    assert one | one == one & one == one


@given(address_sets)
def test_no_addresses_and_every_address_are_identities(one: Addresses) -> None:
    assert one | Addresses() == one & EVERY_ADDRESS == one - Addresses() == one


@given(address_sets, address_sets)
def test_addresses_de_morgan(one: Addresses, other: Addresses) -> None:
    assert EVERY_ADDRESS - (one | other) == (EVERY_ADDRESS - one) & (EVERY_ADDRESS - other)


@given(address_sets, address_sets)
def test_equal_addresses_have_one_form(one: Addresses, other: Addresses) -> None:
    """Sets with the same members are equal, however they came about."""
    assert (one - other) | (one & other) == one


@given(address_sets)
def test_addresses_ascend_with_gaps(one: Addresses) -> None:
    for (_, high), (low, _) in zip(one.ranges, one.ranges[1:], strict=False):
        assert low > high + 1 or (high, low) == (2**32 - 1, 2**32)


@given(address_sets)
def test_addresses_come_back_from_their_networks(one: Addresses) -> None:
    assert addresses(one.networks()) == one


@given(blocks)
def test_collapsed_networks_are_the_fewest(some: list[IPNetwork]) -> None:
    assert collapsed(some) == addresses(some).networks()


@given(address_sets)
def test_addresses_example_is_inside(one: Addresses) -> None:
    assert not one or ip_network(one.example()) in one


def test_the_two_families_are_every_address() -> None:
    assert IPV4 | IPV6 == EVERY_ADDRESS
    assert not IPV4 & IPV6


# --- ports ---------------------------------------------------------------------------------------------

NUMBERED = (*range(FIRST_PORT, 7), *range(LAST_PORT - 3, LAST_PORT + 1))
intervals = st.tuples(st.sampled_from(PROTOCOLS), st.sampled_from(NUMBERED), st.sampled_from(NUMBERED)).map(
    lambda chosen: (chosen[0], *sorted(chosen[1:]))
)
interval_lists = st.lists(intervals, max_size=5)
port_sets = interval_lists.map(lambda some: ports((p, int(a), int(b)) for p, a, b in some))


def port_members(one: Ports) -> set[object]:
    return {point for point in product(PROTOCOLS, NUMBERED) if one.contains(*point)}


@given(port_sets, port_sets)
def test_ports_or_is_union(one: Ports, other: Ports) -> None:
    assert port_members(one | other) == port_members(one) | port_members(other)


@given(port_sets, port_sets)
def test_ports_and_is_intersection(one: Ports, other: Ports) -> None:
    assert port_members(one & other) == port_members(one) & port_members(other)


@given(port_sets, port_sets)
def test_ports_minus_is_difference(one: Ports, other: Ports) -> None:
    assert port_members(one - other) == port_members(one) - port_members(other)


@given(port_sets, port_sets)
def test_ports_commute(one: Ports, other: Ports) -> None:
    assert (one | other, one & other) == (other | one, other & one)


@given(port_sets)
def test_ports_are_idempotent(one: Ports) -> None:
    assert one | one == one & one == one


@given(port_sets)
def test_no_ports_and_every_port_are_identities(one: Ports) -> None:
    assert one | Ports() == one & EVERY_PORT == one - Ports() == one


@given(port_sets, port_sets)
def test_ports_de_morgan(one: Ports, other: Ports) -> None:
    assert EVERY_PORT - (one & other) == (EVERY_PORT - one) | (EVERY_PORT - other)


@given(port_sets, port_sets)
def test_equal_ports_have_one_form(one: Ports, other: Ports) -> None:
    assert (one - other) | (one & other) == one


@given(port_sets)
def test_ports_keep_a_gap(one: Ports) -> None:
    for (protocol, _, last), (following, first, _) in zip(one.intervals, one.intervals[1:], strict=False):
        assert protocol != following or first > last + 1


def test_protocols_do_not_touch() -> None:
    """The last port of one protocol is no neighbour of the first of the next."""
    assert len(ports([("SCTP", LAST_PORT, LAST_PORT), ("TCP", 0, 0)]).intervals) == 2
