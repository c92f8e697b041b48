"""Diagnostics as text, as JSON, and the pages of their codes. Layouts are written by hand, row by row."""

import json
import re
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zt_dsl.diagnostics import Diagnostic, Label, in_order, pages
from zt_dsl.diagnostics.codes import TITLES
from zt_dsl.diagnostics.json import as_json
from zt_dsl.diagnostics.text import rendered
from zt_dsl.source import Location

EDGES = """\
from zt_dsl import GET, allow

def scrape(targets):
    return [allow(prometheus, t.metrics, why="metrics") for t in targets]

edges = [
    allow(ingress, web.http, why="shoppers"),
    allow(
        web,
        api.http.routes(GET("/api/v1/**")),
        why="checkout",
    ),
    *scrape([web, api]),
]
topology = Topology(
    "shop",
    govern=[shop],
    services=[web],
    statements=edges,
    dns=None,
    mtls="strict",
)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "edges.py").write_text(EDGES, encoding="utf-8")
    return tmp_path


def marked(root: Path, name: str, text: str, *, column: int | None = 0, end: int | None = None) -> Location:
    """A place on line 1 of a file that holds the text."""
    (root / name).write_text(text, encoding="utf-8")
    return Location(str(root / name), 1, column, 1, end)


def edges(root: Path, *numbers: int | None, via: tuple[Location, ...] = ()) -> Location:
    line, column, end_line, end_column = numbers
    assert line is not None
    return Location(str(root / "shop/edges.py"), line, column, end_line, end_column, via)


def block(root: Path, *diagnostics: Diagnostic, width: int | None = None) -> str:
    """What is rendered, less the summary."""
    text = rendered(diagnostics, root=root, color=False, width=width)
    body, summary, explanation = text.rsplit("\n", 2)
    assert summary.startswith(("error: ", "warning: "))
    assert explanation.startswith("for an explanation of a code: python -m zt_dsl explain-code ZT")
    assert not any(row != row.rstrip() for row in text.split("\n"))
    return body.rstrip("\n")


def rows(text: str) -> str:
    """A layout as it is written here: without the first newline, and the indentation of the last."""
    lines = text.split("\n")
    indent = len(lines[-1])
    return "\n".join(line[indent:] for line in lines[1:-1])


# --- layouts ------------------------------------------------------------------------------------------


def test_one_line(root: Path) -> None:
    at = edges(root, 7, 4, 7, 44)
    found = Diagnostic("ZT310", "it cannot say this", (Label(at, "only GET /"),), "It sees ports.", "write less")
    assert block(root, found) == rows("""
        error[ZT310]: it cannot say this
         --> shop/edges.py:7:5
          |
        7 |     allow(ingress, web.http, why="shoppers"),
          |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ only GET /
          |
          = why: It sees ports.
          = help: write less
        """)


def test_a_span_that_begins_with_its_line(root: Path) -> None:
    found = Diagnostic("ZT310", "it cannot say this", (Label(edges(root, 8, 4, 12, 5), "this edge"),))
    assert block(root, found) == rows("""
        error[ZT310]: it cannot say this
          --> shop/edges.py:8:5
           |
        8  | /     allow(
        9  | |         web,
        10 | |         api.http.routes(GET("/api/v1/**")),
        11 | |         why="checkout",
        12 | |     ),
           | |_____^ this edge
           |
        """)


def test_a_long_span_that_begins_within_its_line(root: Path) -> None:
    found = Diagnostic("ZT317", "no mTLS", (Label(edges(root, 15, 11, 22, 1), "demanded here"),))
    assert block(root, found) == rows("""
        error[ZT317]: no mTLS
          --> shop/edges.py:15:12
           |
        15 |   topology = Topology(
           |  ____________^
        16 | |     "shop",
        ...  |
        21 | |     mtls="strict",
        22 | | )
           | |_^ demanded here
           |
        """)


def test_two_places_on_one_line(root: Path) -> None:
    primary, other = Label(edges(root, 7, 19, 7, 27), "the port"), Label(edges(root, 7, 10, 7, 17), "the source")
    assert block(root, Diagnostic("ZT233", "neither is governed", (primary, other))) == rows("""
        error[ZT233]: neither is governed
         --> shop/edges.py:7:20
          |
        7 |     allow(ingress, web.http, why="shoppers"),
          |           -------  ^^^^^^^^ the port
          |           |
          |           the source
          |
        """)


def test_three_places_on_one_line_hang_from_the_right(root: Path) -> None:
    found = Diagnostic(
        "ZT233",
        "neither is governed",
        (
            Label(edges(root, 7, 4, 7, 9), "this statement"),
            Label(edges(root, 7, 10, 7, 17), "the source"),
            Label(edges(root, 7, 19, 7, 27), "the target"),
        ),
    )
    assert block(root, found) == rows("""
        error[ZT233]: neither is governed
         --> shop/edges.py:7:5
          |
        7 |     allow(ingress, web.http, why="shoppers"),
          |     ^^^^^ -------  -------- the target
          |     |     |
          |     |     the source
          |     this statement
          |
        """)


def test_places_apart_in_one_file(root: Path) -> None:
    """A gap of one line is shown, a longer one is left out."""
    primary, other = Label(edges(root, 13, 4, 13, 22), "again"), Label(edges(root, 4, 12, 4, 17), "first")
    third = Label(edges(root, 15, 0, 15, 8))
    assert block(root, Diagnostic("ZT220", "twice", (primary, other, third))) == rows("""
        error[ZT220]: twice
          --> shop/edges.py:13:5
           |
        4  |     return [allow(prometheus, t.metrics, why="metrics") for t in targets]
           |             ----- first
        ...
        13 |     *scrape([web, api]),
           |     ^^^^^^^^^^^^^^^^^^ again
        14 | ]
        15 | topology = Topology(
           | --------
           |
        """)


def test_a_mark_inside_a_long_span(root: Path) -> None:
    span, inner = Label(edges(root, 15, 0, 22, 1), "the topology"), Label(edges(root, 18, 13, 18, 18), "web")
    assert block(root, Diagnostic("ZT226", "unlisted", (span, inner))) == rows("""
        error[ZT226]: unlisted
          --> shop/edges.py:15:1
           |
        15 | / topology = Topology(
        16 | |     "shop",
        17 | |     govern=[shop],
        18 | |     services=[web],
           | |              ----- web
        ...  |
        21 | |     mtls="strict",
        22 | | )
           | |_^ the topology
           |
        """)


def test_spans_that_cross_are_drawn_apart(root: Path) -> None:
    outer, inner = Label(edges(root, 6, 0, 14, 1), "the list"), Label(edges(root, 8, 4, 9, 11), "its edge")
    assert block(root, Diagnostic("ZT249", "a deny crosses an allow", (outer, inner))) == rows("""
        error[ZT249]: a deny crosses an allow
          --> shop/edges.py:6:1
           |
        6  | / edges = [
        7  | |     allow(ingress, web.http, why="shoppers"),
        ...  |
        13 | |     *scrape([web, api]),
        14 | | ]
           | |_^ the list
           |
          ::: shop/edges.py:8:5
           |
        8  | /     allow(
        9  | |         web,
           | |___________- its edge
           |
        """)


def test_another_file(root: Path) -> None:
    other = marked(root, "kinds.py", "web = HttpApp('web')\n", column=6, end=20)
    found = Diagnostic("ZT221", "the same pods", (Label(edges(root, 13, 4, 13, 11), "here"), Label(other, "and here")))
    assert block(root, found) == rows("""
        error[ZT221]: the same pods
          --> shop/edges.py:13:5
           |
        13 |     *scrape([web, api]),
           |     ^^^^^^^ here
           |
          ::: kinds.py:1:7
           |
        1  | web = HttpApp('web')
           |       -------------- and here
           |
        """)


def test_callers(root: Path) -> None:
    """A caller is shown by its first line, and for a label that is not the first it is said whose it is."""
    caller = edges(root, 13, 5, 13, 23)
    primary, other = (
        Label(edges(root, 4, 12, 4, 17, via=(caller,)), "made here"),
        Label(edges(root, 7, 4, 7, 9, via=(edges(root, 15, 11, 22, 1),))),
    )
    assert block(root, Diagnostic("ZT220", "twice", (primary, other), help="drop one")) == rows("""
        error[ZT220]: twice
          --> shop/edges.py:4:13
           |
        4  |     return [allow(prometheus, t.metrics, why="metrics") for t in targets]
           |             ^^^^^ made here
        ...
        7  |     allow(ingress, web.http, why="shoppers"),
           |     -----
           |
           = note: called at shop/edges.py:13:6
           |
        13 |     *scrape([web, api]),
           |      ------------------
           |
           = note: shop/edges.py:7:5 is called at shop/edges.py:15:12
           |
        15 | topology = Topology(
           |            ---------
           |
           = help: drop one
        """)


def test_a_line_without_columns(root: Path) -> None:
    assert block(root, Diagnostic("ZT500", "unread", (Label(edges(root, 7, None, None, None), "this"),))) == rows("""
        error[ZT500]: unread
         --> shop/edges.py:7
          |
        7 |     allow(ingress, web.http, why="shoppers"),
          |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this
          |
        """)


def test_tabs_wide_and_combining_characters(root: Path) -> None:
    text = "\tx = ('商店', 'cafe\u0301', web)"
    at = marked(root, "wide.py", text, column=text.index("web"), end=text.index("web") + 3)
    other = Location(at.path, 1, text.index("'商"), 1, text.index("',") + 1)
    assert block(root, Diagnostic("ZT206", "wrong", (Label(at, "this"), Label(other)))) == rows("""
        error[ZT206]: wrong
         --> wide.py:1:22
          |
        1 |     x = ('商店', 'cafe\u0301', web)
          |          ------          ^^^ this
          |
        """)


def test_a_long_line_is_trimmed_around_its_span(root: Path) -> None:
    text = "a = [" + "x, " * 60 + "here, " + "y, " * 60 + "]"
    start = text.index("here")
    found = Diagnostic("ZT242", "not this", (Label(marked(root, "long.py", text, column=start, end=start + 4), "it"),))
    assert block(root, found, width=44) == rows("""
        error[ZT242]: not this
         --> long.py:1:186
          |
        1 | ...x, x, x, x, x, here, y, y, y, y, y...
          |                   ^^^^ it
          |
        """)


def test_a_long_line_is_cut_behind_a_span_at_its_beginning(root: Path) -> None:
    found = Diagnostic("ZT242", "not this", (Label(marked(root, "l.py", "here " + "y, " * 60, column=0, end=4)),))
    assert block(root, found, width=30) == rows("""
        error[ZT242]: not this
         --> l.py:1:1
          |
        1 | here y, y, y, y, y, ...
          | ^^^^
          |
        """)


def test_files_and_lines_that_are_not_there(root: Path) -> None:
    gone, beyond = Location(str(root / "gone.py"), 3, 4), edges(root, 999, 0, 999, 1)
    found = Diagnostic("ZT500", "unread", (Label(gone, "was here"), Label(beyond), Label(Location("", 0), "somewhere")))
    assert block(root, found) == rows("""
        error[ZT500]: unread
         --> gone.py:3:5
          = was here
         ::: shop/edges.py:999:1
          = note: somewhere
        """)


def test_a_file_outside_of_the_root_keeps_its_path(root: Path) -> None:
    found = Diagnostic("ZT605", "no space", (Label(Location("/nowhere/at/all", 0)),))
    assert block(root, found) == "error[ZT605]: no space\n --> /nowhere/at/all"


def test_no_place_at_all(root: Path) -> None:
    assert block(root, Diagnostic("ZT101", "there is no module `shop`", help="install\nit")) == rows("""
        error[ZT101]: there is no module `shop`
          = help: install
                  it
        """)


def test_what_is_hostile_is_shown_and_not_obeyed(root: Path) -> None:
    text = "x = '\x1b[2J\u202e\x9b'"
    at = marked(root, "bad\x07.py", text, column=4, end=len(text))
    found = Diagnostic(
        "ZT201", "`a\x1b]0;b\nerror: 0 errors`", (Label(at, "\r\ttext"),), "\x00", "\u2028", "+\x1b[1m\n"
    )
    assert block(root, found) == rows("""
        error[ZT201]: `a\\x1b]0;b
                      error: 0 errors`
         --> bad\\x07.py:1:5
          |
        1 | x = '\\x1b[2J\\u202e\\x9b'
          |     ^^^^^^^^^^^^^^^^^^^ \\r\\ttext
          |
          = why: \\x00
          = help: \\u2028

        +\\x1b[1m
        """)


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        ("latin.yaml", b"caf\xe9: 1", "caf\ufffd: 1"),
        ("latin.py", b"# coding: latin-1\rx = 'caf\xe9'", "# coding: latin-1"),
        ("unknown.py", b"# coding: klingon\nx = 1", "# coding: klingon"),
        ("rot.py", b"# coding: rot13\nx = 1", "# coding: rot13"),
        ("marked.py", b"\xef\xbb\xbfx = 1", "x = 1"),
        ("feed.py", b"a\x0cb\x85", "a\\x0cb\ufffd"),
    ],
)
def test_files_that_are_not_plain_utf_8(root: Path, name: str, data: bytes, shown: str) -> None:
    (root / name).write_bytes(data)
    found = Diagnostic("ZT500", "unread", (Label(Location(str(root / name), 1)),))
    assert f"1 | {shown}" in block(root, found).split("\n")


def test_an_encoding_that_the_file_declares(root: Path) -> None:
    (root / "latin.py").write_bytes(b"# coding: latin-1\r\nx = 'caf\xe9', 1")
    at = Location(str(root / "latin.py"), 2, 12, 2, 13)
    assert block(root, Diagnostic("ZT500", "unread", (Label(at),))).split("\n")[3:5] == [
        "2 | x = 'café', 1",
        "  |             ^",
    ]


def test_what_is_no_file_is_not_read(root: Path) -> None:
    strange = ("/dev/zero", "\0", str(root / ("a" * 300)), str(root))
    text = block(root, Diagnostic("ZT500", "unread", tuple(Label(Location(path, 1)) for path in strange)))
    assert [row[:16] for row in text.split("\n")[1:]] == [
        " --> /dev/zero:1",
        " ::: \\x00:1",
        " ::: aaaaaaaaaaa",
        " ::: .:1",
    ]


def test_a_diff_is_printed_as_it_is(root: Path) -> None:
    detail = "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n"
    found = Diagnostic("ZT602", "edited", help="use --force", detail=detail)
    assert block(root, found) == f"error[ZT602]: edited\n  = help: use --force\n\n{detail.rstrip()}"
    colored = rendered([found], root=root, color=True)
    assert "\n\x1b[31m-old\x1b[0m\n\x1b[32m+new\x1b[0m\n same\n" in colored


# --- folding, order, summary --------------------------------------------------------------------------


def from_helper(root: Path, name: str, **changed: str) -> Diagnostic:
    at = edges(root, 4, 12, 4, 17, via=(edges(root, 13, 5, 13, 23),))
    message = f"native cannot enforce prometheus → {name}: only GET /metrics"
    return Diagnostic(
        "ZT310", message, (Label(at, changed.get("text", "only GET")),), "why", changed.get("help", "help")
    )


def test_what_a_helper_made_on_one_line_is_one_block(root: Path) -> None:
    found = [from_helper(root, f"{name}.metrics") for name in ("api", "orders-db", "web")]
    assert block(root, *found) == rows("""
        error[ZT310]: native cannot enforce prometheus → api.metrics: only GET /metrics
          --> shop/edges.py:4:13
           |
        4  |     return [allow(prometheus, t.metrics, why="metrics") for t in targets]
           |             ^^^^^ only GET
           |
           = note: called at shop/edges.py:13:6
           |
        13 |     *scrape([web, api]),
           |      ------------------
           |
           = and 2 more at this line: orders-db.metrics, web.metrics
           = why: why
           = help: help
        """)
    assert rendered(found, root=root, color=False).split("\n")[-2] == "error: 3 errors"


def test_folding_hides_nothing(root: Path) -> None:
    found = [from_helper(root, "a"), from_helper(root, "b", text="odd", help="other"), from_helper(root, "c")]
    text = block(root, *found)
    assert "   = and 2 more at this line: b (odd), c\n" in text
    assert text.endswith("   = help: help\n   = help: other")


def test_messages_with_nothing_of_their_own_are_listed_whole(root: Path) -> None:
    at = edges(root, 7, 4, 7, 9)
    found = [Diagnostic("ZT206", message, (Label(at),)) for message in ("not a port", "not a port number")]
    assert "= and 1 more at this line: not a port number" in block(root, *found)


def test_a_long_list_is_wrapped_and_cut_with_a_count(root: Path) -> None:
    text = block(root, *(from_helper(root, f"svc-{n:03}.metrics") for n in range(100)), width=80)
    assert "= and 99 more at this line: svc-001.metrics, svc-002.metrics," in text
    assert "svc-024.metrics, and 75 more (all of them:" in re.sub(r"\s+", " ", text)
    assert all(len(row) <= 80 for row in text.split("\n")[12:])


def test_many_kinds_of_help_are_cut_with_a_count(root: Path) -> None:
    text = block(root, *(from_helper(root, str(n), help=f"help {n}") for n in range(9)))
    assert text.endswith("= help: help 5\n   = help: 3 more (all of them: --format json)")


@pytest.mark.parametrize(
    "other",
    [
        Diagnostic("ZT311", "message 2", (Label(Location("a.py", 1)),)),
        Diagnostic("ZT310", "message 2", (Label(Location("a.py", 2)),)),
        Diagnostic("ZT310", "message 2", (Label(Location("a.py", 1, via=(Location("b.py", 1),))),)),
        Diagnostic("ZT310", "message 2", (Label(Location("a.py", 1)), Label(Location("c.py", 1), "and this"))),
        Diagnostic("ZT310", "message 2", (Label(Location("a.py", 1)),), detail="+ a"),
        Diagnostic("ZT310", "message 2"),
    ],
)
def test_what_is_not_the_same_place_is_not_folded(root: Path, other: Diagnostic) -> None:
    text = block(root, Diagnostic("ZT310", "message 1", (Label(Location("a.py", 1)),)), other)
    assert {"error[ZT310]: message 1", f"error[{other.code}]: message 2"} <= set(text.split("\n"))


def test_order_is_that_of_the_files(root: Path) -> None:
    found = [
        Diagnostic("ZT310", "third", (Label(edges(root, 7, 4, 7, 9)),)),
        Diagnostic("ZT201", "second", (Label(edges(root, 4, 12, 4, 17)),)),
        Diagnostic("ZT401", "first"),
        Diagnostic("ZT310", "third", (Label(edges(root, 7, 4, 7, 9)),)),
    ]
    heads = [row for row in block(root, *found).split("\n") if row.startswith(("error", "warning"))]
    assert heads == ["warning[ZT401]: first", "error[ZT201]: second", "error[ZT310]: third"]
    assert as_json(found, root=root) == as_json(found[::-1], root=root)


@pytest.mark.parametrize(
    ("codes", "summary", "explained"),
    [
        (["ZT401"], "warning: 1 warning", "ZT401"),
        (["ZT401", "ZT402"], "warning: 2 warnings", "ZT401"),
        (["ZT401", "ZT501"], "error: 1 error, 1 warning", "ZT501"),
        (["ZT310", "ZT311"], "error: 2 errors", "ZT310"),
    ],
)
def test_summary(root: Path, codes: list[str], summary: str, explained: str) -> None:
    text = rendered([Diagnostic(code, "message") for code in codes], root=root, color=False)
    assert text.split("\n")[-3:] == [
        "",
        summary,
        f"for an explanation of a code: python -m zt_dsl explain-code {explained}",
    ]


def test_nothing_is_rendered_for_nothing(root: Path) -> None:
    assert rendered([], root=root, color=True) == ""


def test_colour_is_only_that(root: Path) -> None:
    found = Diagnostic("ZT401", "unused", (Label(edges(root, 8, 4, 12, 5), "here"),), "why", "help", "-a\n+b")
    colored = rendered([found], root=root, color=True)
    assert colored.startswith("\x1b[1;33mwarning[ZT401]\x1b[0m\x1b[1m: unused\x1b[0m\n")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [row.rstrip() for row in plain.split("\n")] == rendered([found], root=root, color=False).split("\n")


def test_a_narrow_terminal_breaks_nothing(root: Path) -> None:
    found = Diagnostic("ZT310", "message", (Label(edges(root, 8, 4, 12, 5), "here"), Label(edges(root, 4, 60, 4, 70))))
    for width in range(1, 60):
        assert "message" in block(root, found, width=width)


# --- anything -----------------------------------------------------------------------------------------

SOURCES = {
    "edges.py": EDGES,
    "odd.py": "\t商\u0301x\x1b[2J\n\n\u202e" + "long 商 " * 60 + "\n\x0c\ta\u200d\n",
    "none.py": "",
}
ODD = st.sampled_from(["", "商店", "\x1b[31m", "a\nb", "{0} [x](1)"])
TEXTS = st.text(max_size=8) | ODD
# Names can hold lone surrogates: file names that are not UTF-8, literals of Python.
HOSTILE = TEXTS | st.text(st.characters(exclude_categories=[]), max_size=8) | st.just("\ud800\udc9f")
numbers = st.integers(-3, 30) | st.integers(150, 600)
maybe = st.none() | numbers


def places(folder: Path, texts: st.SearchStrategy[str], nested: int = 1) -> st.SearchStrategy[Location]:
    names = st.sampled_from([*(str(folder / name) for name in SOURCES), str(folder / "gone.py"), "<string>", ""])
    via = st.lists(places(folder, texts, nested - 1), max_size=1).map(tuple) if nested else st.just(())
    return st.builds(Location, names | texts, numbers, maybe, maybe, maybe, via)


@cache  # a strategy that is made anew is also worked out anew
def findings(folder: Path, texts: st.SearchStrategy[str] = HOSTILE) -> st.SearchStrategy[list[Diagnostic]]:
    labels = st.lists(st.builds(Label, places(folder, texts), texts), max_size=3).map(tuple)
    codes = st.sampled_from(sorted(TITLES))
    return st.lists(st.builds(Diagnostic, codes, texts, labels, texts, texts, texts), max_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sources")
    for name, text in SOURCES.items():
        (made / name).write_text(text, encoding="utf-8")
    return made


@settings(max_examples=100, deadline=None)
@given(data=st.data(), color=st.booleans(), width=st.none() | st.integers(1, 200))
def test_anything_can_be_rendered(folder: Path, data: st.DataObject, color: bool, width: int | None) -> None:
    found = data.draw(findings(folder))
    text = rendered(found, root=folder, color=color, width=width)
    allowed = "\n\x1b" if color else "\n"
    controls = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert controls <= set(allowed)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "\x1b" not in plain
    text.encode()  # no lone surrogate is left
    unfolded = {(each.code, each.labels[0].location) for each in found if each.labels}
    if len(unfolded) == len(found):
        for each in found:
            shown = [escaped(line) for line in each.message.split("\n")]
            assert f"{each.severity}[{each.code}]: {shown[0]}".rstrip() in [row.rstrip() for row in plain.split("\n")]
            assert all(line.rstrip() in plain for line in shown)


def escaped(line: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


# --- JSON ---------------------------------------------------------------------------------------------


def test_json(root: Path) -> None:
    at = edges(root, 4, 12, 4, 17, via=(Location("/elsewhere/run.py", 8),))
    found = Diagnostic("ZT401", "a → b", (Label(at, "here"),), "why", "help", "+ a")
    text = as_json([found], root=root)
    assert text.isascii()
    assert json.loads(text) == {
        "version": 1,
        "diagnostics": [
            {
                "code": "ZT401",
                "severity": "warning",
                "message": "a → b",
                "why": "why",
                "help": "help",
                "detail": "+ a",
                "labels": [
                    {
                        "path": "shop/edges.py",
                        "line": 4,
                        "column": 13,
                        "endLine": 4,
                        "endColumn": 18,
                        "text": "here",
                        "via": [
                            {"path": "/elsewhere/run.py", "line": 8, "column": None, "endLine": None, "endColumn": None}
                        ],
                    }
                ],
            }
        ],
    }


def test_json_of_nothing(root: Path) -> None:
    assert json.loads(as_json([], root=root)) == {"version": 1, "diagnostics": []}


def test_json_holds_no_lone_surrogate(root: Path) -> None:
    assert "\\ud800" not in as_json([Diagnostic("ZT201", "\ud800")], root=root).replace("\\\\", "")


def location_from(place: dict[str, object], folder: Path, via: tuple[Location, ...] = ()) -> Location:
    path, line, column, end_line, end = (place[key] for key in ("path", "line", "column", "endLine", "endColumn"))
    assert isinstance(path, str)
    assert isinstance(line, int)
    assert column is None or isinstance(column, int)
    assert end_line is None or isinstance(end_line, int)
    assert end is None or isinstance(end, int)
    whole = str(folder / path) if path in (*SOURCES, "gone.py") else path
    return Location(
        whole, line, None if column is None else column - 1, end_line, None if end is None else end - 1, via
    )  # fmt: skip


@settings(deadline=None)
@given(data=st.data())
def test_json_is_the_whole_of_it(folder: Path, data: st.DataObject) -> None:
    found = data.draw(findings(folder, TEXTS))
    read = []
    for each in json.loads(as_json(found, root=folder))["diagnostics"]:
        labels = []
        for label in each["labels"]:
            via = tuple(location_from(caller, folder) for caller in label["via"])
            labels.append(Label(location_from(label, folder, via), label["text"]))
        more = (each[key] for key in ("why", "help", "detail"))
        read.append(Diagnostic(each["code"], each["message"], tuple(labels), *more))
    assert tuple(read) == in_order(tuple(found))


# --- pages --------------------------------------------------------------------------------------------


def test_pages_of_an_installed_wheel_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, checkout = tmp_path / "pages", tmp_path / "docs"
    monkeypatch.setattr(pages, "_FOLDERS", (installed, checkout))
    assert pages.page("ZT310") is None
    checkout.mkdir()
    (checkout / "ZT310.md").write_text("# über", encoding="utf-8")
    assert pages.page("ZT310") == "# über"
    installed.mkdir()
    (installed / "ZT310.md").write_text("# installed", encoding="utf-8")
    assert pages.page("ZT310") == "# installed"


@pytest.mark.parametrize("code", ["", "ZT999", "../ZT310", "ZT310\0", "zt310"])
def test_no_page_for_what_is_no_code(code: str) -> None:
    assert pages.page(code) is None
