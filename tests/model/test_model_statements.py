"""Statements: one or many become tuples, and each knows where it was written."""

from collections.abc import Callable, Iterable
from datetime import date

import pytest

from zt_dsl import (
    INTERNET,
    Denial,
    Edge,
    Guardrail,
    HttpApp,
    Namespace,
    Platform,
    Postgres,
    Service,
    Statement,
    Tier,
    Topology,
    Waiver,
    allow,
    deny,
    never,
    only,
    quarantine,
)
from zt_dsl.model.recording import record, recording
from zt_dsl.model.statements import Never, Only, Quarantine
from zt_dsl.source import locate

shop = Namespace("shop")
web, api = HttpApp("web", namespace=shop), HttpApp("api", namespace=shop)
rows = Postgres("rows", namespace=shop)

MANY: list[Callable[[], Iterable[HttpApp]]] = [
    lambda: [web, api],
    lambda: (web, api),
    lambda: iter([web, api]),
    lambda: (one for one in (web, api)),
    lambda: {web: 1, api: 2},
    lambda: {web: 1, api: 2}.keys(),
    lambda: filter(None, [web, api]),
]


@pytest.mark.parametrize("many", MANY)
def test_many_are_a_tuple_in_their_order(many: Callable[[], Iterable[HttpApp]]) -> None:
    assert allow(many(), rows.sql).sources == (web, api)
    assert deny(many(), many(), why="") == deny((web, api), (web, api), why="")
    assert never(many(), many(), why="", but=many()) == never([web, api], [web, api], why="", but=[web, api])
    assert only(many(), many(), why="") == only([web, api], [web, api], why="")
    assert Waiver("deny", why="", target=many()).target == (web, api)
    assert Topology("t", [], governs=[shop], services=many()).services == (web, api)


@pytest.mark.parametrize("one", [web, shop, Tier("front"), INTERNET])
def test_one_is_a_tuple_of_one(one: Service | Namespace | Tier) -> None:
    assert allow(one, rows.sql) == allow([one], rows.sql)
    assert deny(one, rows, why="") == deny([one], [rows], why="")
    assert never(one, rows, why="", but=web) == never([one], [rows], why="", but=[web])
    assert only(one, rows.sql, why="") == only([one], [rows.sql], why="")
    assert Waiver("deny", why="", target=rows) == Waiver("deny", why="", target=[rows])


def test_a_single_service_is_not_taken_apart() -> None:
    assert allow(web, rows.sql).sources == (web,)
    # A text is no list: it is kept, for resolve to report.
    assert Platform("p", network=None, pod_cidrs="10.0.0.0/8").pod_cidrs == "10.0.0.0/8"


def test_none_of_them_is_an_empty_tuple() -> None:
    assert allow([], rows.sql).sources == ()
    assert Waiver("deny", why="", target=[]).target == ()
    assert Waiver("deny", why="").target is None
    topology = Topology("t", [], governs=[])
    assert (topology.statements, topology.governs, topology.services, topology.tiers) == ((), (), (), ())


def test_an_edge_holds_what_was_said() -> None:
    edge = allow([web, api], rows.sql, why="orders", until=date(2030, 1, 31), across_tiers=True)
    assert isinstance(edge, Edge)
    assert (edge.sources, edge.target, edge.why) == ((web, api), rows.sql, "orders")
    assert (edge.until, edge.across_tiers) == (date(2030, 1, 31), True)
    plain = allow(web, rows.sql)
    assert (plain.why, plain.until, plain.across_tiers) == ("", None, False)


def test_each_function_makes_its_statement() -> None:
    denied, cut = deny(web, rows, why="a"), quarantine(web, why="b")
    nobody, alone = never(web, rows, why="c", but=api), only(web, rows, why="d")
    assert (type(denied), type(cut), type(nobody), type(alone)) == (Denial, Quarantine, Never, Only)
    assert isinstance(cut, Denial)
    assert isinstance(nobody, Never)
    assert isinstance(alone, Guardrail)
    assert (cut.sources, cut.targets) == ((web,), (web,))
    assert nobody.but == (api,)
    assert [statement.why for statement in (denied, cut, nobody, alone)] == ["a", "b", "c", "d"]


def test_the_statements_of_a_topology_can_be_read() -> None:
    edges = [allow(web, rows.sql), allow(api, rows.sql)]
    topology = Topology("t", (edge for edge in edges), governs=(one for one in [shop]), tiers=iter([Tier("a")]))
    assert topology.statements == tuple(edges)
    assert (topology.governs, topology.tiers) == ((shop,), (Tier("a"),))
    assert list(topology.statements) == list(topology.statements)


def line_of(made: Statement) -> int:
    place = locate([made.written_at])[made.written_at]
    assert place is not None
    assert place.path == __file__
    return place.line


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: allow(web, rows.sql), id="allow"),
        pytest.param(lambda: deny(web, rows, why=""), id="deny"),
        pytest.param(lambda: quarantine(web, why=""), id="quarantine"),
        pytest.param(lambda: never(web, rows, why=""), id="never"),
        pytest.param(lambda: only(web, rows, why=""), id="only"),
    ],
)
def test_it_was_written_where_the_user_wrote_it(made: Callable[[], Statement]) -> None:
    assert line_of(made()) == made.__code__.co_firstlineno


# --- recording --------------------------------------------------------------------------------------------


def test_a_recording_has_services_and_statements_in_their_order() -> None:
    with recording() as recorded:
        service = Service("a", namespace=shop)
        edge = allow(service, rows.sql)
        made = [
            service,
            edge,
            deny(service, rows, why=""),
            quarantine(service, why=""),
            never(service, rows, why=""),
            only(service, rows, why=""),
        ]
    assert recorded == made
    assert [one is other for one, other in zip(recorded, made, strict=True)] == [True] * len(made)


def test_a_recording_has_nothing_else() -> None:
    with recording() as recorded:
        Namespace("x")
        Tier("x")
        Topology("t", [], governs=[])
        web.http.peer.name.upper()
    assert recorded == []


def test_equal_things_are_each_recorded() -> None:
    with recording() as recorded:
        allow(web, rows.sql)
        allow(web, rows.sql)
    assert len(recorded) == 2


def test_nothing_is_recorded_outside() -> None:
    with recording() as recorded:
        pass
    allow(web, rows.sql)
    record("nothing is on")
    assert recorded == []


def test_an_inner_recording_keeps_its_own() -> None:
    with recording() as outer:
        record("before")
        with recording() as inner:
            record("inside")
        record("after")
    assert (outer, inner) == (["before", "after"], ["inside"])


def test_a_recording_ends_with_an_exception() -> None:
    def breaks() -> None:
        with recording() as inner:
            inside.append(inner)
            raise KeyError

    inside: list[list[object]] = []
    with recording() as outer:
        with pytest.raises(KeyError):
            breaks()
        record("after")
    assert (outer, inside) == (["after"], [[]])
