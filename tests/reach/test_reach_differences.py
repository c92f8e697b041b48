"""`differences` against brute force: every connection of a tiny world, asked one by one with `passes`."""

from collections.abc import Iterable
from functools import lru_cache, partial
from ipaddress import ip_network
from itertools import product
from typing import Literal

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, addresses, parsed
from zt_dsl.ir.languages import SOME_WORD, word
from zt_dsl.ir.paths import PLAIN, Only, name, path, request
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, METADATA_NAME, Selector, Values, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, Ports, Protocol, ports
from zt_dsl.reach.connection import Connection, Far, Named, Pod, Said, passes
from zt_dsl.reach.difference import Difference, differences
from zt_dsl.reach.grants import (
    DIRECTIONS,
    EVERY_ENTITY,
    EVERY_NAME,
    Direction,
    Entities,
    Entity,
    Grant,
    Isolation,
    Names,
    Narrowed,
    Opened,
    Origin,
    Pods,
    Reach,
    Remote,
)

# --- a tiny world ----------------------------------------------------------------------------------
#
# One governed namespace, `n`. Each set below is cut from a few named values; what no set names behaves
# alike, so one stand-in for it makes the enumeration exhaustive.

NAMED = ("1", "2")
VALUES = (None, *NAMED, "unnamed")
NAMES = ("n", "m", "unnamed")
PORTS: tuple[tuple[Protocol, int], ...] = (
    ("TCP", 1), ("TCP", 2), ("TCP", 3), ("TCP", 9), ("UDP", 1), ("UDP", 9), ("SCTP", 1)
)  # fmt: skip
HOSTS = ("10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1", "::1", "2001:db8::1")


def labelled(value: str | None) -> tuple[tuple[str, str], ...]:
    return () if value is None else (("a", value),)


SUBJECTS = tuple(Pod("n", labelled(value)) for value in VALUES)
REMOTES: tuple[Pod | str, ...] = (
    *(Pod(name, labelled(a), labelled(b)) for name, a, b in product(NAMES, VALUES, VALUES)),
    *HOSTS,
)
# A connection of the world: which subject, which remote, which port.
Point = tuple[int, int, int]
NOBODY = partial(Origin, "")
WALL = Isolation("n", "Ingress", EVERYTHING)


def probe(grant: Grant, subject: Pod = SUBJECTS[0], remote: Pod | str = HOSTS[0], port: int = 0) -> bool:
    return passes(Reach((WALL,), (grant,)), Connection(subject, "Ingress", remote, *PORTS[port]))


@lru_cache(maxsize=1 << 12)
def let_through(grant: Grant) -> frozenset[Point]:
    """Which connections a grant lets through. It is a box, so each of its sides can be asked alone."""
    if grant.namespace != "n" or grant.direction != "Ingress":
        return frozenset()
    subjects = grant._replace(remote=EVERY_ADDRESS, opened=EVERY_PORT)
    remotes = grant._replace(subject=EVERYTHING, opened=EVERY_PORT)
    opened = grant._replace(subject=EVERYTHING, remote=EVERY_ADDRESS)
    return frozenset(
        product(
            [number for number, each in enumerate(SUBJECTS) if probe(subjects, subject=each)],
            [number for number, each in enumerate(REMOTES) if probe(remotes, remote=each)],
            [number for number, _ in enumerate(PORTS) if probe(opened, port=number)],
        )
    )


def anonymous(grant: Grant) -> Grant:
    return grant._replace(origin=NOBODY)


def world_of(reach: Reach) -> frozenset[Point]:
    """Every connection of the world that passes."""
    walls = Reach(reach.isolations, ())
    free = [
        number
        for number, subject in enumerate(SUBJECTS)
        if passes(walls, Connection(subject, "Ingress", HOSTS[0], "TCP", 1))
    ]
    opened = frozenset(product(free, range(len(REMOTES)), range(len(PORTS))))
    return opened.union(*(let_through(anonymous(grant)) for grant in reach.grants))


# --- strategies ------------------------------------------------------------------------------------

values = st.builds(Values, st.frozensets(st.sampled_from(NAMED)), others=st.booleans(), absent=st.booleans()).filter(
    lambda each: not each.empty
)
by_label = st.one_of(
    st.just(EVERYTHING),
    st.sampled_from(NAMED).map(lambda value: with_labels((("a", value),))),
    values.map(lambda each: selector((("a", each),))),
)
by_name = st.one_of(
    st.just(EVERYTHING),
    st.sampled_from(NAMES[:2]).map(lambda name: with_labels(((METADATA_NAME, name),))),
    st.builds(
        lambda names, others, absent, labels: selector(((METADATA_NAME, Values(names, others, absent)), *labels.terms)),
        st.frozensets(st.sampled_from(NAMES[:2])),
        st.booleans(),
        st.booleans(),
        by_label,
    ),
)
networks = ("10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31", "10.0.0.1/32", "10.0.0.3/32", "0.0.0.0/0", "::/0")
blocks = st.lists(st.sampled_from(networks), min_size=1, max_size=3).map(parsed)
remotes: st.SearchStrategy[Remote] = st.one_of(st.builds(Pods, by_name, by_label), st.just(EVERY_ADDRESS), blocks)
port_sets = st.one_of(
    st.just(EVERY_PORT),
    st.just(ports((("TCP", FIRST_PORT, LAST_PORT),))),
    st.lists(
        st.sampled_from((("TCP", 1, 1), ("TCP", 2, 3), ("TCP", 1, 3), ("TCP", 3, 3), ("UDP", 1, 1))), min_size=1
    ).map(lambda some: ports(some)),  # type: ignore[arg-type]  # the literals are lost on the way
)
grants = st.lists(
    st.builds(
        Grant,
        st.sampled_from(("n", "n", "n", "m")),
        st.sampled_from(("Ingress", "Ingress", "Ingress", "Egress")),
        by_label,
        remotes,
        port_sets,
        st.just(NOBODY),
    ),
    max_size=5,
).map(lambda some: tuple(grant._replace(origin=partial(Origin, f"g{number}")) for number, grant in enumerate(some)))
walls = st.one_of(
    st.just((EVERYTHING,)), st.just((EVERYTHING,)), st.lists(by_label, max_size=3).map(tuple[Selector, ...])
)


def isolated(subjects: Iterable[Selector], directions: Iterable[Direction] = ("Ingress",)) -> tuple[Isolation, ...]:
    ways = tuple(directions)
    return tuple(Isolation("n", way, subject) for subject in subjects for way in ways)


# Egress is closed on both sides, so that what differs is in the world, which is all Ingress.
reaches = st.builds(
    lambda subjects, granted: Reach(
        (*isolated(subjects), *isolated((EVERYTHING,), ("Egress",))),
        tuple(grant for grant in granted if grant.namespace == "m" or grant.direction == "Ingress"),
    ),
    walls,
    grants,
)


def of(kind: str, found: Iterable[Difference]) -> tuple[Difference, ...]:
    return tuple(each for each in found if each.kind == kind)


# --- properties ------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(reaches, reaches)
def test_there_is_a_difference_exactly_where_brute_force_finds_one(declared: Reach, permitted: Reach) -> None:
    found = differences(declared, permitted, ["n"])
    left, right = world_of(declared), world_of(permitted)
    assert bool(of("wider", found)) == bool(right - left)
    assert bool(of("narrower", found)) == bool(left - right)


@settings(max_examples=60, deadline=None)
@given(reaches, reaches)
def test_each_example_really_differs_and_is_of_its_kind(declared: Reach, permitted: Reach) -> None:
    for each in differences(declared, permitted, ["n"]):
        sides = (passes(declared, each.example), passes(permitted, each.example))
        assert sides == ((False, True) if each.kind == "wider" else (True, False))


@settings(max_examples=60, deadline=None)
@given(reaches, reaches)
def test_each_grant_that_the_other_side_lacks_is_named(declared: Reach, permitted: Reach) -> None:
    found = differences(declared, permitted, ["n"])
    for kind, this, other in (("wider", permitted, declared), ("narrower", declared, permitted)):
        there = world_of(other)
        lacking = {
            grant.origin() for grant in this.grants if grant.namespace == "n" and let_through(anonymous(grant)) - there
        }
        named = {each.origin for each in of(kind, found) if each.origin.what.startswith("g")}
        assert named == lacking


@settings(max_examples=60, deadline=None)
@given(reaches, reaches)
def test_an_example_is_let_through_by_the_grant_that_it_names(declared: Reach, permitted: Reach) -> None:
    for each in differences(declared, permitted, ["n"]):
        side = permitted if each.kind == "wider" else declared
        for grant in side.grants:
            if grant.origin() == each.origin:
                wall = isolated((EVERYTHING,))
                assert passes(Reach(wall, (grant,)), each.example)


@settings(max_examples=60, deadline=None)
@given(reaches, reaches)
def test_the_two_kinds_change_places_with_the_two_sides(declared: Reach, permitted: Reach) -> None:
    there, back = differences(declared, permitted, ["n"]), differences(permitted, declared, ["n"])
    assert of("wider", there) == tuple(evolve(each, kind="wider") for each in of("narrower", back))
    assert of("narrower", there) == tuple(evolve(each, kind="narrower") for each in of("wider", back))


@settings(max_examples=60, deadline=None)
@given(reaches, st.data())
def test_a_reach_equals_itself_cut_up_and_shuffled(reach: Reach, data: st.DataObject) -> None:
    parts = [part for grant in reach.grants for part in cut(grant, data)]
    other = evolve(reach, grants=tuple(data.draw(st.permutations(parts))))
    assert differences(reach, other, ["n"]) == ()


def cut(grant: Grant, data: st.DataObject) -> tuple[Grant, ...]:
    """The same in two grants, along any of its sides."""
    subject = data.draw(by_label)
    match data.draw(st.sampled_from(("whole", "subject", "ports", "remote"))):
        case "subject":
            return (
                grant._replace(subject=grant.subject & subject),
                *(grant._replace(subject=rest) for rest in grant.subject.minus(subject)),
            )
        case "ports":
            some = data.draw(port_sets)
            assert isinstance(grant.opened, Ports)
            return grant._replace(opened=grant.opened & some), grant._replace(opened=grant.opened - some)
        case "remote" if isinstance(grant.remote, Addresses):
            block = data.draw(blocks)
            return grant._replace(remote=grant.remote & block), grant._replace(remote=grant.remote - block)
        case _:
            return (grant,)


# --- a wider world: names, entities, what is said, and what is denied ----------------------------------
#
# Again each set is cut from a few named values, and there is one stand-in for what none names.

FURTHER: tuple[Far, ...] = (
    *(Pod(namespace, labelled(None)) for namespace in ("n", "unnamed")),
    *("10.0.0.1", "192.0.2.1"),
    *map(Named, ("c.io", "a.c.io", "b.a.c.io", "x.io")),
    *(Named(name, "10.0.0.1") for name in ("c.io", "a.c.io", "b.a.c.io", "x.io")),
    *(Named("c.io", address) for address in ("10.0.0.0", "192.0.2.1", "::1")),
    *("host", "health", "init"),
)
# The last two for what every port is besides: see `SPEAKS`.
FURTHER_PORTS: tuple[tuple[Protocol, int], ...] = (("TCP", 1), ("TCP", 9), ("SCTP", 7), ("UDP", 1))
SAYINGS: tuple[Said | None, ...] = (
    None,
    *(
        Said("http", (m, query, *words))
        for m in ("GET", "POST")
        for query in (PLAIN, "?")
        for words in (("a",), ("a", "b"), ("",), ("other",), ("other", "b"))
    ),
    *(Said("dns", words) for words in (("io", "c"), ("io", "c", "a"))),
)
ENDS = tuple(
    Connection(subject, "Ingress", remote, *port, said)
    for subject, remote, port, said in product(SUBJECTS, FURTHER, FURTHER_PORTS, SAYINGS)
)

known_names = st.sampled_from((name("c.io"), name("*.c.io"), name("**.c.io"), EVERY_NAME.names)).map(Names)
some_entities: tuple[Entity, ...] = ("host", "health")
known_entities: st.SearchStrategy[frozenset[Entity]] = st.frozensets(st.sampled_from(some_entities), min_size=1)
further: st.SearchStrategy[Remote] = st.one_of(
    known_names,
    known_entities.map(Entities),
    st.just(Entities(EVERY_ENTITY)),
    st.sampled_from((parsed(("10.0.0.0/30",)), EVERY_ADDRESS)),
    st.sampled_from((Pods(EVERYTHING, EVERYTHING), Pods(with_labels(((METADATA_NAME, "n"),)), EVERYTHING))),
)
some_requests = st.builds(
    request,
    st.sampled_from(("GET", "*")),
    st.sampled_from(("/a", "/a/**", "/**")).map(path),
    st.sampled_from((SOME_WORD, word(PLAIN), SOME_WORD & ~word(PLAIN))),
)
onlys = some_requests.map(partial(Only, "http")) | st.sampled_from(("c.io", "**.io")).map(
    lambda text: Only("dns", name(text))
)
whole_ports = st.sampled_from((EVERY_PORT, ports((("TCP", 1, 1),)), ports((("TCP", 2, LAST_PORT),))))
some_opened: st.SearchStrategy[Opened] = whole_ports | st.builds(Narrowed, whole_ports, onlys)


# No engine denies a name: which addresses it has is known only once it is looked up.
deniable = further.filter(lambda remote: not isinstance(remote, Names))


def further_grants(
    opened: st.SearchStrategy[Opened], most: int, remotes: st.SearchStrategy[Remote]
) -> st.SearchStrategy[tuple[Grant, ...]]:
    subjects = st.one_of(st.just(EVERYTHING), by_label)
    each = st.builds(Grant, st.just("n"), st.just("Ingress"), subjects, remotes, opened, st.just(NOBODY))
    return st.lists(each, max_size=most).map(tuple)


# Where nobody speaks of names and entities they are addresses like any others: here somebody does.
SPEAKS = tuple(
    Grant("n", "Ingress", EVERYTHING, remote, ports((("SCTP", 7, 7),)), NOBODY)
    for remote in (EVERY_NAME, Entities(EVERY_ENTITY))
)


def further_reaches(isolating: st.SearchStrategy[tuple[Selector, ...]]) -> st.SearchStrategy[Reach]:
    return st.builds(
        lambda subjects, granted, denied: Reach(isolated(subjects), (*granted, *SPEAKS), denied),
        isolating,
        further_grants(some_opened, 4, further),
        further_grants(whole_ports, 2, deniable),
    )


def passing(reach: Reach) -> frozenset[Connection]:
    return frozenset(end for end in ENDS if passes(reach, end))


def refusing(reach: Reach) -> frozenset[Connection]:
    """What is denied, whatever is granted."""
    return frozenset(ENDS) - passing(evolve(reach, isolations=(), grants=()))


# Each asks some 6,600 connections four times; of Cilium itself hundreds of pairs are asked (`tests/conformance`).
@settings(max_examples=30, deadline=None)
@given(further_reaches(st.just((EVERYTHING,))), further_reaches(walls))
def test_whatever_is_said_or_denied_brute_force_finds_the_same(declared: Reach, permitted: Reach) -> None:
    """What is declared isolates every pod, as all that is declared does: denials are compared with that in mind."""
    found = differences(declared, permitted, ["n"])
    left, right = passing(declared), passing(permitted)
    assert bool(of("wider", found)) == bool(right - left)
    assert bool(of("narrower", found)) == bool(left - right)
    assert bool(of("undenied", found)) == bool(refusing(declared) - refusing(permitted))
    for each in found:
        sides = (passes(declared, each.example), passes(permitted, each.example))
        expected = {"wider": (False, True), "narrower": (True, False)}
        assert sides == expected.get(each.kind, sides)


# --- what the properties rest on, one by one ----------------------------------------------------------

SHOP = with_labels(((METADATA_NAME, "shop"),))
WEB, DB = with_labels((("app", "web"),)), with_labels((("app", "db"),))
HTTP = ports((("TCP", 80, 80),))
FLOOR = tuple(Isolation("n", way, EVERYTHING) for way in DIRECTIONS)


def grant(subject: Selector, remote: Remote, opened: Ports, what: str = "rule") -> Grant:
    return Grant("n", "Ingress", subject, remote, opened, partial(Origin, what))


def reach(*granted: Grant) -> Reach:
    return Reach(FLOOR, granted)


EQUAL = {
    "nothing": (reach(), reach()),
    "a range in two": (
        reach(grant(WEB, Pods(SHOP, DB), ports((("TCP", 80, 90),)))),
        reach(
            grant(WEB, Pods(SHOP, DB), ports((("TCP", 80, 85),))),
            grant(WEB, Pods(SHOP, DB), ports((("TCP", 84, 90),))),
        ),
    ),
    "a block in two": (
        reach(grant(WEB, parsed(("10.0.0.0/8",)), HTTP)),
        reach(
            grant(WEB, parsed(("10.0.0.0/9",)), HTTP),
            grant(WEB, parsed(("10.128.0.0/9",)), HTTP),
        ),
    ),
    "a hole that another rule fills": (
        reach(grant(WEB, parsed(("10.0.0.0/8",)), HTTP)),
        reach(
            grant(WEB, parsed(("10.0.0.0/8",)) - parsed(("10.1.0.0/16",)), HTTP),
            grant(WEB, parsed(("10.1.0.0/16",)), HTTP),
        ),
    ),
    "everybody, by the presence of a label": (
        reach(grant(WEB, Pods(SHOP, EVERYTHING), HTTP)),
        reach(
            grant(WEB, Pods(SHOP, selector((("x", ANY_VALUE),))), HTTP),
            grant(WEB, Pods(SHOP, selector((("x", ~ANY_VALUE),))), HTTP),
        ),
    ),
    "a narrow rule inside a wide one": (
        reach(grant(WEB, Pods(SHOP, EVERYTHING), HTTP)),
        reach(grant(WEB, Pods(SHOP, EVERYTHING), HTTP), grant(WEB, Pods(SHOP, DB), HTTP)),
    ),
    "a namespace that cannot be": (
        reach(grant(WEB, Pods(selector(((METADATA_NAME, ~ANY_VALUE),)), DB), HTTP)),
        reach(),
    ),
    "nobody": (reach(grant(WEB, Addresses(), HTTP)), reach(grant(WEB & DB, Pods(SHOP, DB), HTTP))),
}


@pytest.mark.parametrize("case", EQUAL)
def test_equal_in_sum_is_equal(case: str) -> None:
    assert differences(*EQUAL[case], ["n"]) == ()


DIFFERENT: dict[str, tuple[Reach, Reach, Literal["wider", "narrower"]]] = {
    "a stranger": (
        reach(grant(WEB, Pods(SHOP, DB), HTTP)), reach(grant(WEB, Pods(SHOP, EVERYTHING), HTTP)), "wider"
    ),
    "any namespace": (
        reach(grant(WEB, Pods(SHOP, DB), HTTP)), reach(grant(WEB, Pods(EVERYTHING, DB), HTTP)), "wider"
    ),
    "one port more": (
        reach(grant(WEB, Pods(SHOP, DB), HTTP)),
        reach(grant(WEB, Pods(SHOP, DB), ports((("TCP", 80, 81),)))),
        "wider",
    ),
    "UDP too": (
        reach(grant(WEB, Pods(SHOP, DB), HTTP)),
        reach(grant(WEB, Pods(SHOP, DB), ports((("TCP", 80, 80), ("UDP", 80, 80))))),
        "wider",
    ),
    "one address more": (
        reach(grant(WEB, addresses((ip_network("10.0.0.0/8"),)) - parsed(("10.0.0.1/32",)), HTTP)),
        reach(grant(WEB, parsed(("10.0.0.0/8",)), HTTP)),
        "wider",
    ),
    "an edge is missing": (reach(grant(WEB, Pods(SHOP, DB), HTTP)), reach(), "narrower"),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_differs_is_found(case: str) -> None:
    declared, permitted, kind = DIFFERENT[case]
    (found,) = differences(declared, permitted, ["n"])
    assert found.kind == kind
    assert (passes(declared, found.example), passes(permitted, found.example)) == (
        kind == "narrower",
        kind == "wider",
    )


def test_the_rule_that_opens_it_is_named_not_its_neighbour() -> None:
    """Two rules with the same pods and peers: the second one opens the port that is too many."""
    edge = grant(WEB, Pods(SHOP, DB), HTTP, "declared")
    extra = grant(WEB, Pods(SHOP, DB), ports((("TCP", 443, 443),)), "extra")
    (found,) = differences(reach(edge), reach(edge, extra), ["n"])
    assert (found.origin.what, found.example.port) == ("extra", 443)


def test_a_namespace_without_isolation_is_wide_open() -> None:
    found = differences(reach(), Reach((), ()), ["n"])
    assert [(each.kind, each.example.direction) for each in found] == [("wider", way) for way in DIRECTIONS]


def test_a_namespace_that_is_isolated_in_part_shows_a_pod_that_is_not() -> None:
    walls = tuple(Isolation("n", way, WEB) for way in DIRECTIONS)
    found = differences(reach(), Reach(walls, ()), ["n"])
    assert [each.kind for each in found] == ["wider", "wider"]
    assert not any(("app", "web") in each.example.subject.labels for each in found)


def test_what_is_refused_where_a_part_is_open_is_still_found() -> None:
    """The pods that are isolated lack their edge, whatever the others may do."""
    walls = tuple(Isolation("n", way, WEB) for way in DIRECTIONS)
    found = differences(reach(grant(WEB, Pods(SHOP, DB), HTTP)), Reach(walls, ()), ["n"])
    assert "narrower" in [each.kind for each in found]


def test_other_namespaces_are_not_judged() -> None:
    foreign = Grant("m", "Ingress", WEB, Pods(SHOP, DB), HTTP, partial(Origin, "foreign"))
    assert differences(reach(), reach(foreign), ["n"]) == ()


def test_many_differences_cost_a_look_up_each() -> None:
    """Two thousand services of one namespace all renamed: every pair would be four million comparisons."""
    import time

    def named(prefix: str) -> Reach:
        pods = [with_labels((("app", f"{prefix}{number}"),)) for number in range(2000)]
        return reach(
            *(grant(pods[n], Pods(SHOP, pods[(n * 7 + k) % 2000]), HTTP) for n in range(2000) for k in (1, 2)),
            *(grant(WEB, Pods(SHOP, each), HTTP) for each in pods),
        )

    old, new = named("old"), named("new")
    began = time.process_time()
    assert len(differences(old, new, ["n"])) == 12000
    assert time.process_time() - began < 20
