"""Values are values: equal means the same thing, wherever and however it was made; and nothing changes them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl import (
    GET,
    INTERNET,
    POST,
    ApiServer,
    Calico,
    Cilium,
    Declared,
    Endpoint,
    External,
    GrpcApp,
    HttpApp,
    HttpPort,
    HttpsApi,
    Istio,
    Kafka,
    KubeDns,
    Kubernetes,
    Mtls,
    Namespace,
    Network,
    Nodes,
    Platform,
    Postgres,
    Redis,
    Route,
    Service,
    Tier,
    Topology,
    Waiver,
    allow,
    deny,
    never,
    only,
    quarantine,
)
from zt_dsl.model.endpoints import Methods, Names, Routes, Topics, Whole

names = st.text(max_size=4)
optional = st.none() | names
cidrs = st.lists(names, max_size=3)
spelling: st.SearchStrategy[Callable[[list[str]], Sequence[str]]] = st.sampled_from([list, tuple])


@attrs.frozen
class Written:
    """What somebody writes to make a service: plain data, from which one can be made time and again."""

    kind: type[Service]
    name: str
    namespace: tuple[str, str | None, bool]
    tier: str | None
    labels: dict[str, str] | None
    account: str | None
    mtls: Mtls | None
    meshed: bool | None
    host_network: bool


written = st.builds(
    Written,
    kind=st.sampled_from([Service, HttpApp, Redis]),
    name=names,
    namespace=st.tuples(names, optional, st.booleans()),
    tier=optional,
    labels=st.none() | st.dictionaries(names, names, max_size=3),
    account=optional,
    mtls=st.sampled_from(["strict", "permissive", "disable", None]),
    meshed=st.sampled_from([True, False, None]),
    host_network=st.booleans(),
)


def service(of: Written, *, backwards: bool = False) -> Service:
    """A service made from nothing but its data, its labels in one order or the other."""
    name, cluster, meshed = of.namespace
    pairs = None if of.labels is None else list(of.labels.items())
    if pairs is not None and backwards:
        pairs.reverse()
    return of.kind(
        of.name,
        namespace=Namespace(name, cluster=cluster, meshed=meshed),
        tier=None if of.tier is None else Tier(of.tier),
        labels=None if pairs is None else dict(pairs),
        service_account=of.account,
        mtls=of.mtls,
        meshed=of.meshed,
        host_network=of.host_network,
    )


@settings(deadline=None)
@given(written)
def test_a_service_made_twice_is_one(data: Written) -> None:
    one, other = service(data), service(data, backwards=True)
    assert one == other
    assert hash(one) == hash(other)
    assert {one: "here"}[other] == "here"


@settings(deadline=None)
@given(written, written)
def test_services_are_equal_exactly_where_they_are_written_alike(one: Written, other: Written) -> None:
    assert (service(one) == service(other)) == (one == other)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": HttpApp},
        {"name": "b"},
        {"namespace": ("x", "eu", True)},
        {"namespace": ("x", None, False)},
        {"tier": "t"},
        {"labels": {}},
        {"labels": {"app": "a"}},
        {"account": "a"},
        {"mtls": "strict"},
        {"meshed": True},
        {"host_network": True},
    ],
)
def test_everything_that_is_written_counts(change: dict[str, Any]) -> None:
    data = Written(Service, "a", ("x", None, True), None, None, None, None, None, False)
    assert service(data) == service(attrs.evolve(data))
    assert service(data) != service(attrs.evolve(data, **change))


@settings(deadline=None)
@given(names, cidrs, cidrs, spelling, spelling)
def test_a_list_of_addresses_is_a_tuple_of_addresses(
    name: str,
    within: list[str],
    excluding: list[str],
    one: Callable[[list[str]], Sequence[str]],
    other: Callable[[list[str]], Sequence[str]],
) -> None:
    first = Network(name, cidrs=one(within), excluding=other(excluding))
    second = Network(name, cidrs=other(within), excluding=one(excluding))
    assert first == second
    assert hash(first) == hash(second)
    assert (first.cidrs, first.excluding) == (tuple(within), tuple(excluding))
    assert ApiServer(cidrs=one(within)) == ApiServer(cidrs=other(within))
    assert Nodes(cidrs=one(within)) == Nodes(cidrs=other(within))


@settings(deadline=None)
@given(names, st.lists(names, min_size=1, max_size=3))
def test_an_endpoint_made_twice_is_one(name: str, paths: list[str]) -> None:
    def made() -> Endpoint:
        return HttpApp(name, namespace=Namespace("x")).http.routes(*[GET(path) for path in paths])

    assert made() == made()
    assert hash(made()) == hash(made())
    assert made() != HttpApp(name, namespace=Namespace("x")).http
    assert made() != HttpApp(name, namespace=Namespace("x")).http.routes(GET("/another path"), *map(GET, paths))


@settings(deadline=None)
@given(names, st.sampled_from(["produce", "consume"]))
def test_a_role_is_part_of_the_value(topic: str, role: Literal["produce", "consume"]) -> None:
    broker = Kafka("bus", namespace=Namespace("x")).broker
    endpoint = broker.produce(topic) if role == "produce" else broker.consume(topic)
    assert (endpoint == broker.produce(topic)) == (role == "produce")
    assert (endpoint == broker.consume(topic)) == (role == "consume")


def test_the_same_words_in_another_place_are_another_thing() -> None:
    different: list[object] = [
        Namespace("x"),
        Tier("x"),
        External("x"),
        HttpsApi("x"),
        Service("x", namespace=Namespace("x")),
        HttpApp("x", namespace=Namespace("x")),
        Postgres("x", namespace=Namespace("x")),
        Network("x", cidrs=()),
        ApiServer("x"),
        Nodes("x"),
        KubeDns("x"),
        Route("GET", "x"),
        "x",
    ]
    assert len(set(different)) == len(different)
    assert [one for one in different for other in different if one is not other and one == other] == []


def test_where_it_was_written_is_no_part_of_it() -> None:
    one = Namespace("shop")
    other = Namespace("shop")
    assert one.written_at is not other.written_at
    assert one.written_at != other.written_at
    assert one == other
    assert "written_at" not in repr(one)


def test_every_statement_is_a_value() -> None:
    def statements() -> list[Declared]:
        web, rows = (
            HttpApp("web", namespace=Namespace("shop")),
            Postgres("rows", namespace=Namespace("shop")),
        )
        return [
            allow([web, INTERNET], rows.sql, why="rows"),
            deny(web, rows, why="rows"),
            quarantine(web, why="rows"),
            never(web, rows, why="rows"),
            never(web, rows, why="rows", but=web),
            only(web, rows, why="rows"),
        ]

    assert statements() == statements()
    assert len({*statements(), *statements()}) == 6


def test_platforms_and_topologies_are_values() -> None:
    def made() -> list[object]:
        web = HttpApp("web", namespace=Namespace("shop"))
        return [
            Topology("shop", (allow(one, web.http) for one in [web]), governs=[Namespace("shop")]),
            Platform("p", network=Calico("3.31"), mesh=Istio("1.28"), waivers=[Waiver("deny", why="spring")]),
            Kubernetes("1.33"),
            Cilium("1.33"),
        ]

    assert made() == made()
    assert len({*made(), *made()}) == 4


def test_a_narrowed_endpoint_holds_all_that_was_named() -> None:
    shop = Namespace("shop")
    broker = Kafka("bus", namespace=shop).broker
    assert HttpApp("web", namespace=shop).http.routes(GET("/a"), POST("/b")).narrowing == Routes(
        (GET("/a"), POST("/b"))
    )
    assert GrpcApp("calls", namespace=shop).grpc.methods("a.B/C", "a.B/D").narrowing == Methods(("a.B/C", "a.B/D"))
    assert broker.produce("orders", "refunds").narrowing == Topics("produce", ("orders", "refunds"))
    assert broker.consume("orders", "refunds").narrowing == Topics("consume", ("orders", "refunds"))
    assert KubeDns().dns.names("example.org", "*.example.com").narrowing == Names(("example.org", "*.example.com"))
    assert broker.narrowing == Whole()


# --- nothing changes them -------------------------------------------------------------------------


def test_changing_what_was_handed_over_changes_nothing() -> None:
    labels, within, excluding = {"app": "web"}, ["10.0.0.0/8"], ["10.1.0.0/16"]
    web = HttpApp("web", namespace=Namespace("shop"), labels=labels)
    office = Network("office", cidrs=within, excluding=excluding)
    sources: list[HttpApp | Network] = [web, office]
    edge = allow(sources, web.http)
    statements, governs = [edge], [Namespace("shop")]
    topology = Topology("shop", statements, governs=governs)
    targets, waivers, pods = [web.http], [Waiver("deny", why="spring")], ["10.0.0.0/8"]
    waiver = Waiver("deny", why="spring", target=targets)
    platform = Platform("p", network=None, waivers=waivers, pod_cidrs=pods)
    made = [web, office, edge, topology, waiver, platform]
    before = [(hash(one), repr(one)) for one in made]
    labels["app"] = "other"
    labels["colour"] = "red"
    within.append("0.0.0.0/0")
    for changed in (excluding, sources, statements, governs, targets, waivers, pods):
        changed.clear()
    assert [(hash(one), repr(one)) for one in made] == before


def test_labels_that_were_handed_over_cannot_be_changed() -> None:
    web = HttpApp("web", namespace=Namespace("shop"), labels={"app": "web"})
    assert web.labels == {"app": "web"}
    assert isinstance(web.labels, MappingProxyType)


ONE_OF_EACH: list[Any] = [
    Namespace("shop"),
    Tier("front"),
    HttpApp("web", namespace=Namespace("shop")),
    External("example.org"),
    INTERNET,
    KubeDns(),
    ApiServer(),
    Nodes(),
    GET("/"),
    HttpApp("web", namespace=Namespace("shop")).http,
    HttpApp("web", namespace=Namespace("shop")).http.routes(GET("/")).narrowing,
    allow([], HttpApp("web", namespace=Namespace("shop")).http),
    deny(INTERNET, INTERNET, why=""),
    quarantine(Redis("redis", namespace=Namespace("shop")), why=""),
    never(INTERNET, INTERNET, why=""),
    only(INTERNET, INTERNET, why=""),
    Topology("shop", [], governs=[]),
    Kubernetes("1.33"),
    Cilium("1.18"),
    Calico("3.31"),
    Istio("1.28"),
    Waiver("deny", why=""),
    Platform("p", network=None),
]


@pytest.mark.parametrize("made", ONE_OF_EACH, ids=lambda made: type(made).__name__)
def test_it_is_frozen(made: Any) -> None:
    fields = [attribute.name for attribute in attrs.fields(type(made))]
    assert fields != []
    for name in fields:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(made, name, getattr(made, name))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(made, name)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.another = 1


# --- kinds that users write -------------------------------------------------------------------------


class Scraped(Service):
    namespace: Namespace = Namespace("shop")
    metrics = HttpPort(9090)


class Database(Scraped, Postgres):
    metrics = HttpPort(9187)


class Owned(Service):
    """A kind with a field of its own, and with none of the defaults that it could have."""

    owner: str


class Contrary(Service):
    """A kind that would like to be no value."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 1


class Unhashable(Service):
    def __eq__(self, other: object) -> bool:
        return False


def test_a_kind_that_overrides_a_default_has_it() -> None:
    assert Scraped("web").namespace == Namespace("shop")
    assert Scraped("web", namespace=Namespace("other")).namespace == Namespace("other")
    assert Scraped("web") == Scraped("web", namespace=Namespace("shop"))
    assert Scraped("web") != Scraped("web", namespace=Namespace("other"))


def test_a_kind_of_two_kinds_has_the_defaults_and_ports_of_both() -> None:
    rows = Database("rows")
    assert rows.namespace == Namespace("shop")
    assert (Database.metrics.number, Database.sql.number, Scraped.metrics.number) == (9187, 5432, 9090)
    assert (rows.sql.port, rows.metrics.port) == ("sql", "metrics")
    assert rows == Database("rows")
    assert rows != Scraped("rows")


def test_a_kind_may_have_fields_of_its_own() -> None:
    one = Owned("web", namespace=Namespace("shop"), owner="us")
    assert one == Owned("web", namespace=Namespace("shop"), owner="us")
    assert one != Owned("web", namespace=Namespace("shop"), owner="them")
    assert one.owner == "us"


def test_a_kind_cannot_stop_being_a_value() -> None:
    shop = Namespace("shop")
    one, other = Contrary("a", namespace=shop), Contrary("b", namespace=shop)
    assert not one == other  # noqa: SIM201 — each operator for itself
    assert one != other
    assert Contrary("a", namespace=shop) == one
    assert len({one, other, Contrary("a", namespace=shop)}) == 2
    assert len({Unhashable("a", namespace=shop), Unhashable("a", namespace=shop)}) == 1


class Green(Service):
    labels: Mapping[str, str] | None = {"colour": "green"}


class Lab(Network):
    cidrs: Sequence[str] = ["192.0.2.0/24"]
    excluding: Sequence[str] = ["192.0.2.1/32"]


class Workers(Nodes):
    cidrs: Sequence[str] = ["192.0.2.64/26"]


def test_a_kind_that_overrides_labels_stays_a_value() -> None:
    labels = {"colour": "red"}
    one, red = Green("a", namespace=Namespace("x")), Green("a", namespace=Namespace("x"), labels=labels)
    labels["colour"] = "blue"
    assert len({one, Green("a", namespace=Namespace("x")), red}) == 2
    assert (one.labels, red.labels) == ({"colour": "green"}, {"colour": "red"})
    assert isinstance(one.labels, MappingProxyType)


def test_a_kind_that_overrides_addresses_stays_a_value() -> None:
    assert Lab("lab") == Lab("lab", cidrs=("192.0.2.0/24",), excluding=("192.0.2.1/32",))
    assert (Lab("lab").cidrs, Lab("lab").excluding) == (("192.0.2.0/24",), ("192.0.2.1/32",))
    assert len({Lab("lab"), Lab("lab"), Workers(), Workers()}) == 2
