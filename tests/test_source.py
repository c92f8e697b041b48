"""Where something was written: exact lines and columns, for what costs next to nothing to remember.

The programs in here mark what they expect: `<<` and `>>` stand around the text that the span must cover.
"""

import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import pytest

from zt_dsl import Edge, Namespace, Service, source
from zt_dsl.model.declared import Declared
from zt_dsl.source import NOWHERE, Location, Span, here, locate

ROOT = Path(__file__).parent.parent
PREAMBLE = (
    "from zt_dsl import GET, HttpApp, HttpPort, Namespace, Postgres, Service, Topology, allow\n"
    "shop = Namespace('shop')\n"
    "web, api, rows = HttpApp('web', namespace=shop), HttpApp('api', namespace=shop), Postgres('r', namespace=shop)\n"
)
Program = Callable[[str], tuple[dict[str, object], list[Location]]]


def unmarked(text: str, path: Path) -> tuple[str, list[Location]]:
    """The text without its marks, and the places that were marked, in the order of their ends."""
    places: list[Location] = []
    opened: list[tuple[int, int]] = []
    kept = ""
    for piece in re.split("(<<|>>)", text):
        line, column = kept.count("\n") + 1, len(kept) - (kept.rfind("\n") + 1)
        if piece == "<<":
            opened.append((line, column))
        elif piece == ">>":
            first_line, first_column = opened.pop()
            places.append(Location(str(path), first_line, first_column, line, column))
        else:
            kept += piece
    assert opened == []
    return kept, places


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs a program of the user's from a file of its own."""
    numbers = itertools.count()

    def run(text: str) -> tuple[dict[str, object], list[Location]]:
        path = tmp_path / f"edges{next(numbers)}.py"
        plain, places = unmarked(PREAMBLE + text, path)
        path.write_text(plain, encoding="utf-8")
        names: dict[str, object] = {"__name__": path.stem}
        exec(compile(plain, str(path), "exec"), names)
        return names, places

    return run


def span_of(made: object) -> Span:
    assert isinstance(made, Declared)
    return made.written_at


def place_of(made: object) -> Location:
    place = locate([span_of(made)])[span_of(made)]
    assert place is not None
    return place


def places_of(made: object) -> list[Location]:
    assert isinstance(made, list)
    return [place_of(one) for one in made]


def target_of(made: object) -> object:
    assert isinstance(made, Edge)
    return made.target


# --- one place -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "x = <<Namespace('shop')>>",
        "x = <<allow(web, api.http)>>",
        "if True:\n    x = [<<allow(web, api.http)>>][0]",
        "x = <<allow(\n    [web,\n     rows],\n    api.http.routes(\n        GET('/')),\n    why='a reason',\n)>>",
        "x = (allow)  # not here\nx = (\n    <<allow(web,\n  api.http)>>\n)",
        "y, x = allow(web, api.http), <<allow(web, api.http)>>",
        "x = <<web.http>>",
        "x = <<web.http.routes(GET('/'))>>",
        "x = web.http.routes(<<GET('/')>>).narrowing.routes[0]",
        "x = <<HttpApp(\n    'other', namespace=Namespace('elsewhere'))>>",
        "x = HttpApp('other', namespace=<<Namespace('elsewhere')>>).namespace",
    ],
)
def test_it_covers_what_was_written(program: Program, text: str) -> None:
    names, (expected,) = program(text)
    assert place_of(names["x"]) == expected


def test_an_edge_and_its_target_have_each_their_own_place(program: Program) -> None:
    names, (target, edge) = program("x = <<allow(\n    web,\n    <<api.http>>,\n    why='a reason')>>")
    assert place_of(names["x"]) == edge
    assert place_of(target_of(names["x"])) == target


@pytest.mark.parametrize(
    "text",
    [
        "é = 1; x = <<Namespace('shop')>>",
        "x = <<Namespace('münchen')>>  # größer",
        "y = '日本語'; x = <<Namespace('日本語')>>",
        "y = '\N{GRINNING FACE}\N{GRINNING FACE}'; x = <<allow(web, api.http, why='\N{GRINNING FACE}')>>",
        "y = 'äöü'; x = <<allow(web,\n    api.http, why='ß')>>",
    ],
)
def test_columns_count_characters(program: Program, text: str) -> None:
    names, (expected,) = program(text)
    assert place_of(names["x"]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x = [<<allow(one, api.http)>> for one in (web, rows)]",
        "x = [\n    <<allow(one, api.http)>>\n    for one in (web, rows)\n]",
        "x = list({n: <<allow(one, api.http)>> for n, one in enumerate((web, rows))}.values())",
        "x = sorted({<<allow(one, api.http)>> for one in (web, rows)}, key=str)",
        "x = list(<<allow(one, api.http)>> for one in (web, rows))",
        "x = list(Topology('t', (<<allow(one, api.http)>> for one in (web, rows)), governs=[shop]).statements)",
        "x = [e for es in [[<<allow(one, api.http)>> for one in (web,)] for _ in 'ab'] for e in es]",
    ],
)
def test_a_comprehension_is_one_place_however_often_it_runs(program: Program, text: str) -> None:
    names, (expected,) = program(text)
    assert places_of(names["x"]) == [expected, expected]


def test_what_a_comprehension_makes_has_one_place_and_no_copies_of_it(program: Program) -> None:
    names, _ = program("x = [allow(one, api.http) for one in (web, rows)]")
    made = names["x"]
    assert isinstance(made, list)
    first, second = locate([one.written_at for one in made]).values()
    assert first is second


def test_a_lambda_is_where_it_is_written(program: Program) -> None:
    names, (expected,) = program("link = lambda one: <<allow(one, api.http)>>\nx = [*map(link, (web, rows))]")
    assert places_of(names["x"]) == [expected, expected]


def test_the_body_of_a_class_is_a_place(program: Program) -> None:
    names, (plain, narrowed) = program(
        "class Shop(Service):\n    http = <<HttpPort(\n        8080)>>\n    é = <<HttpPort(8081)>>\n"
    )
    shop = names["Shop"]
    assert isinstance(shop, type)
    spans = [vars(shop)[name].written_at for name in ("http", "é")]
    assert [locate(spans)[span] for span in spans] == [plain, narrowed]


# --- helpers ---------------------------------------------------------------------------------------


def via(place: Location, *callers: Location) -> Location:
    return Location(place.path, place.line, place.column, place.end_line, place.end_column, callers)


def test_a_helper_shows_its_own_line_and_its_callers(program: Program) -> None:
    names, (own, first, second) = program(
        "def link(one):\n    return <<allow(one, api.http)>>\n"
        "x = [\n    <<link(web)>>,\n    <<link(\n        rows)>>,\n]"
    )
    assert places_of(names["x"]) == [via(own, first), via(own, second)]


def test_callers_come_innermost_first(program: Program) -> None:
    names, (own, inner, outer) = program(
        "def link(one):\n    return <<allow(one, api.http)>>\n"
        "def relink(one):\n    return <<link(one)>>\n"
        "x = <<relink(web)>>"
    )
    assert place_of(names["x"]) == via(own, inner, outer)


def test_a_comprehension_in_a_helper_is_the_helpers_line(program: Program) -> None:
    names, (own, caller) = program(
        "def links(each):\n    return [<<allow(one, api.http)>> for one in each]\nx = <<links([web, rows])>>"
    )
    assert places_of(names["x"]) == [via(own, caller), via(own, caller)]


def test_a_helper_called_in_a_comprehension_shows_the_call(program: Program) -> None:
    names, (own, caller) = program(
        "def link(one):\n    return <<allow(one, api.http)>>\nx = [<<link(one)>> for one in (web, rows)]"
    )
    assert places_of(names["x"]) == [via(own, caller), via(own, caller)]


def test_a_generator_that_we_consume_ends_at_us(program: Program) -> None:
    names, (own,) = program(
        "def links():\n    yield <<allow(web, api.http)>>\nx = list(Topology('t', links(), governs=[shop]).statements)"
    )
    assert places_of(names["x"]) == [own]


def test_what_imports_a_module_is_no_part_of_its_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, (expected,) = unmarked(PREAMBLE + "x = <<allow(web, api.http)>>\n", tmp_path / "imported_edges.py")
    (tmp_path / "imported_edges.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("imported_edges")
    assert place_of(module.x) == expected


def test_a_deep_chain_of_callers_is_cut(program: Program) -> None:
    names, _ = program("def link(depth):\n    return link(depth - 1) if depth else allow(web, api.http)\nx = link(50)")
    span = span_of(names["x"])
    assert len(span.frames) == 8
    assert len(place_of(names["x"]).via) == 7


# --- whose frames ------------------------------------------------------------------------------------


def test_a_package_beside_ours_with_a_longer_name_is_the_users() -> None:
    path = f"{Path(source.__file__).parent}_shop/edges.py"
    names: dict[str, object] = {}
    exec(compile("from zt_dsl import Namespace\nx = Namespace('shop')", path, "exec"), names)
    assert place_of(names["x"]) == Location(path, 2, 4, 2, 21)


def test_here_is_the_caller() -> None:
    span = here()
    line = sys._getframe().f_lineno - 1
    place = locate([span])[span]
    assert place is not None
    assert (place.path, place.line) == (__file__, line)


def test_two_files_with_the_same_text_are_two_places(program: Program) -> None:
    (one, places), (other, other_places) = program("x = <<web.http>>"), program("x = <<web.http>>")
    assert places[0].path != other_places[0].path
    spans = [span_of(one["x"]), span_of(other["x"])]
    found = locate(spans)
    assert [found[span] for span in spans] == [*places, *other_places]


# --- without ---------------------------------------------------------------------------------------------


def test_a_span_without_frames_has_no_place() -> None:
    assert locate([NOWHERE]) == {NOWHERE: None}
    assert locate([]) == {}


def test_a_file_that_is_gone_still_has_lines() -> None:
    names: dict[str, object] = {}
    exec(compile("from zt_dsl import Namespace\nx = Namespace('é')", "gone.py", "exec"), names)
    assert place_of(names["x"]).line == 2
    assert source.source_line("gone.py", 2) == ""


def test_an_interpreter_without_column_tables_gives_the_line(tmp_path: Path) -> None:
    path = tmp_path / "edges.py"
    path.write_text(
        "from zt_dsl import HttpApp, Namespace, allow\nfrom zt_dsl.source import locate\n"
        "def link():\n    return allow(\n        web, web.http)\n"
        "web = HttpApp('web', namespace=Namespace('shop'))\n"
        "x = link()\nplace = locate([x.written_at])[x.written_at]\n"
        "print([(p.line, p.column, p.end_column) for p in (place, *place.via)])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[(4, None, None), (7, None, None)]"


# --- cost: passes and hashes are counted, for seconds depend on the machine --------------------------------


def test_many_spans_cost_one_pass_over_each_code_object(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 20_000
    text = "x = []\n" + "x.append(Namespace('n'))\n" * count
    names, _ = program(text)
    passes: Counter[str] = Counter()
    places = source._places

    def counted(code: CodeType, instructions: set[int]) -> dict[int, Location]:
        passes[code.co_name] += 1
        return places(code, instructions)

    monkeypatch.setattr(source, "_places", counted)
    made = names["x"]
    assert isinstance(made, list)
    found = locate([one.written_at for one in made])
    assert passes == {"<module>": 1}
    first = PREAMBLE.count("\n") + 2
    lines = {place.line for place in found.values() if place}
    assert lines == set(range(first, first + count))


class Noisy:
    """A constant that counts how often a code object that holds it is hashed."""

    hashed = 0

    def __hash__(self) -> int:
        Noisy.hashed += 1
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


def hashes_for(count: int) -> int:
    """How often the constants of a module are hashed to remember and then locate so many places in it."""
    plain = compile(f"x = [Namespace('n') for _ in range({count})]", "edges.py", "exec")
    loud = Noisy()
    consts = tuple(
        const.replace(co_consts=(*const.co_consts, loud)) if isinstance(const, CodeType) else const
        for const in plain.co_consts
    )
    names: dict[str, object] = {"Namespace": Namespace}
    before = Noisy.hashed
    exec(plain.replace(co_consts=consts), names)
    made = names["x"]
    assert isinstance(made, list)
    locate([one.written_at for one in made])
    return Noisy.hashed - before


def test_remembering_a_place_does_not_hash_the_code_around_it() -> None:
    # A code object's hash covers its constants and names: a module of n edges would cost n times n.
    assert hashes_for(500) == hashes_for(5)


def test_a_service_made_in_a_test_knows_its_line() -> None:
    service = Service("web", namespace=Namespace("shop"))
    assert place_of(service).path == __file__
