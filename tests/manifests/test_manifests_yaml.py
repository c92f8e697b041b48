"""What is written is what is read: by our own reader, by ruamel.yaml as 1.1 and as 1.2, and by PyYAML."""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests import read as reading
from zt_dsl.manifests.emit import EmptyList, UnmarkedEmptyMap, Unwritable, emit
from zt_dsl.manifests.read import ReadDocument, line_of, read
from zt_dsl.manifests.tree import EMPTY_MAP, Document, EmptyMap, Item, Tree, Value

Reader = Callable[[str], list[object]]


def ours(text: str) -> list[object]:
    documents = read(text.encode(), "x.yaml")
    assert not isinstance(documents, Diagnostic), documents
    return [document.body for document in documents]


def line_reader(text: str) -> list[object]:
    """Without the full reader to fall back on: our own output never needs it."""
    return [body for _, body in reading._read_lines(text, None)]


def ruamel(version: tuple[int, int]) -> Reader:
    def load(text: str) -> list[object]:
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        return list(reader.load_all(text))

    return load


def pyyaml(text: str) -> list[object]:
    return list(yaml.load_all(text, yaml.CSafeLoader))


READERS: dict[str, Reader] = {
    "line reader": line_reader,
    "ours": ours,
    "ruamel 1.1": ruamel((1, 1)),
    "ruamel 1.2": ruamel((1, 2)),
    "PyYAML": pyyaml,
}

# --- hostile strings ------------------------------------------------------------------------------------------

BY_HAND = """
|~|null|Null|NULL|y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|OFF|true|True|TRUE|false|nan|NaN|.nan|.NaN|inf|.inf
-.inf|+.INF|0|-0|+0|00|08|0123|0o17|0O17|0x1F|0b11|1_000|1e3|1E5|1.5e+3|1.|.5|.|..|-|--|---|...|?|:|::|a:|a: b|a:b
:a|1:20|22:22|12:30:45|2020-01-01|2001-12-14t21:59:43.10-05:00|=|<<|*|&a|*a|!|!!|!!str x|!!python/object:os.system
%YAML 1.1|@|`|#|# x|a #b|a# b|{|}|{}|[|]|[]|[a]|{a: b}|,|a,b|>|>-|'|''|"|""|\\|\\n|a'b|a"b|- a|? a|-a|?a|::/0|10.0.0.0/8
spiffe://td/ns/a|*.stripe.com|{{ .Values.x }}|${VAR}|$(id)|a\\b|\\x41|\\u0041|app.kubernetes.io/name|C:\\con|../x|/x
""".replace("\n", "|").split("|")
CODES = """
00 01 07 08 09 0a 0b 0c 0d 1b 1f 20 7f 80 85 9f a0 ad df e9 130 131 301 430 61c 180e 200b 200e 200f 2028 2029 202a 202e
2060 2066 2069 3000 6f22 d7ff e000 fdd0 feff fff9 fffd fffe ffff 1f600 1fffe e0001 10ffff
"""
ODD = [chr(int(code, 16)) for code in CODES.split()]
LONG = ["x" * 4000, "a " * 2000, "é" * 900, "\n" * 400]


def hostile(count: int) -> list[str]:
    """The strings above, alone and in one another's company; the same ones on every run."""
    rng = random.Random(20)
    pieces = [*BY_HAND, *ODD, "a", "B", "7", "x y", ": ", " #", "\n---\n", "\n...\n", "\nkey: value", "\n- item", "  "]
    found = dict.fromkeys([*BY_HAND, *ODD, *LONG, *(f"a{odd}b" for odd in ODD), *(f"{odd}# x: y" for odd in ODD)])
    while len(found) < count:
        found["".join(rng.choices(pieces, k=rng.randint(1, 5)))] = None
    return list(found)


def batches(strings: list[str], size: int) -> Iterator[list[str]]:
    return (strings[at : at + size] for at in range(0, len(strings), size))


HOSTILE = hostile(10_200)


@pytest.mark.no_cover  # as all that chance finds (tests/conftest.py)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_ten_thousand_hostile_strings_come_back_as_they_were(reader: Reader) -> None:
    assert len(HOSTILE) >= 10_000
    for strings in batches(HOSTILE, 600):
        keys = {string: "v" for string in strings if len(string) < 150}
        text = emit(
            [Document((), {"values": {f"k{i}": s for i, s in enumerate(strings)}, "list": strings, "keys": keys})]
        )
        (read_back,) = cast("list[dict[str, object]]", reader(text))
        assert list(cast("dict[str, str]", read_back["values"]).values()) == strings
        assert read_back["list"] == strings
        assert read_back["keys"] == keys


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_comment_cannot_be_left(reader: Reader) -> None:
    for strings in batches(HOSTILE, 1500):
        comments = tuple(strings)
        text = emit(
            [Document(comments, {"a": [Item(comments, "x"), Item(comments, {"b": "c"})]}), Document(comments, {"d": 1})]
        )
        assert reader(text) == [{"a": ["x", {"b": "c"}]}, {"d": 1}]
        # What stays in it is visible: nothing that a terminal, or another reader, could act on.
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text)


def test_half_a_surrogate_pair_in_a_comment_is_shown() -> None:
    assert emit([Document(("path \udcff",), {"a": "b"})]) == "# path \\uDCFF\na: b\n"


# --- trees ----------------------------------------------------------------------------------------------------

TEXT = st.one_of(st.sampled_from(BY_HAND), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
COMMENTS = st.lists(st.text(max_size=12), max_size=2).map(tuple)
SCALARS: st.SearchStrategy[Tree] = st.one_of(TEXT, st.booleans(), st.integers(-(2**53), 2**53), st.just(EMPTY_MAP))
TREES: st.SearchStrategy[Tree] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(st.one_of(inner, st.builds(Item, COMMENTS, inner)), min_size=1, max_size=4),
        st.dictionaries(TEXT, inner, min_size=1, max_size=4),
    ),
    max_leaves=20,
)
DOCUMENTS = st.lists(
    st.builds(Document, COMMENTS, st.dictionaries(TEXT, TREES, min_size=1, max_size=4)), min_size=1, max_size=3
)


def plain(tree: Tree | Item) -> Value:
    """The tree as it should be read: without comments."""
    match tree:
        case Item():
            return plain(tree.value)
        case EmptyMap():
            return {}
        case str() | bool() | int():
            return tree
        case Mapping():
            return {key: plain(value) for key, value in tree.items()}
        case _:
            return [plain(element) for element in tree]


@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_what_is_written_is_what_every_reader_reads(documents: list[Document]) -> None:
    text = emit(documents)
    expected = [plain(document.body) for document in documents]
    for name, reader in READERS.items():
        assert reader(text) == expected, name


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_both_of_our_readers_see_the_same_and_at_the_same_lines(documents: list[Document]) -> None:
    text = emit(documents)
    by_line: reading._Lines = {}
    by_events: reading._Lines = {}
    fast, full = reading._read_lines(text, by_line), reading._read_fully(text, by_events)
    assert fast == full
    for (_, one), (_, other) in zip(fast, full, strict=True):
        assert positions(one, by_line) == positions(other, by_events)


def positions(node: Value, lines: reading._Lines) -> list[int]:
    match node:
        case dict():
            steps: list[tuple[str | int, Value]] = list(node.items())
        case list():
            steps = list(enumerate(node))
        case _:
            return []
    # A list inside a list starts where its dash is, or where its own first dash is: as one likes.
    nested = isinstance(node, list)
    here = [lines[id(node), step] for step, child in steps if not (nested and isinstance(child, list))]
    return here + [line for _, child in steps for line in positions(child, lines)]


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, UnmarkedEmptyMap),
        ({"a": {}}, UnmarkedEmptyMap),
        ({"a": [{}]}, UnmarkedEmptyMap),
        ({"a": []}, EmptyList),
        ({"a": ()}, EmptyList),
        ({"a": [[]]}, EmptyList),
        ({"a": [Item((), [])]}, EmptyList),
        ({"a": [{"b": {"c": []}}]}, EmptyList),
        ({"a": None}, Unwritable),
        ({"a": [None]}, Unwritable),
        ({"a": 1.5}, Unwritable),
        ({"a": 2**63}, Unwritable),
        ({"a": {1, 2}}, Unwritable),
        ({"a": b"x"}, Unwritable),
        ({"a": [Item((), Item((), "x"))]}, Unwritable),  # type: ignore[arg-type]
        ({1: "a"}, Unwritable),
        ({True: "a"}, Unwritable),
        ({"a": "\ud800"}, Unwritable),
        ({"k" * 2000: "a"}, Unwritable),
    ],
)  # fmt: skip
def test_the_emitter_refuses(body: dict[str, Tree], error: type[Unwritable]) -> None:
    with pytest.raises(error):
        emit([Document((), body)])


def test_the_error_names_the_place() -> None:
    with pytest.raises(EmptyList, match="'ingress:'"):
        emit([Document((), {"spec": {"policyTypes": ["Ingress"], "ingress": []}})])


def test_the_layout() -> None:
    body: dict[str, Tree] = {
        "kind": "NetworkPolicy",
        "spec": {
            "podSelector": EMPTY_MAP,
            "ingress": [Item(("why · shop.py:3",), {"ports": [{"port": 80}]})],
            "x": [["a"]],
        },
    }
    assert emit([Document(("first",), body), Document((), {"on": "off", "b": True})]) == (
        "# first\n"
        "kind: NetworkPolicy\n"
        "spec:\n"
        "  podSelector: {}\n"
        "  ingress:\n"
        "  # why · shop.py:3\n"
        "  - ports:\n"
        "    - port: 80\n"
        "  x:\n"
        "  -\n"
        "    - a\n"
        "---\n"
        '"on": "off"\n'
        "b: true\n"
    )
    assert emit([]) == ""


REFUSED: list[tuple[bytes, int, str]] = [
    (b"a: 1\na: 2\n", 2, "twice"),
    (b"a:\n  b: 1\n  'b': 2\n", 3, "twice"),
    (b"{a: 1, a: 2}\n", 1, "twice"),
    (b"a: &x 1\nb: *x\n", 1, "anchor"),
    (b"a: *x\n", 1, "anchor"),
    (b"a: !!str 1\n", 1, "tag"),
    (b"a: !custom {b: 1}\n", 1, "tag"),
    (b"a: !!python/object/apply:os.system [id]\n", 1, "tag"),
    (b"a: ! x\n", 1, "tag"),
    (b"a: {<<: {b: 1}}\n", 1, "merge"),
    (b"%YAML 1.1\n---\na: 1\n", 2, "directive"),
    (b"%TAG ! tag:x,2000:\n---\na: 1\n", 2, "directive"),
    (b"a: yes\n", 1, "not the same"),
    (b"a: n\n", 1, "not the same"),
    (b"b: 1\na: Off\n", 2, "not the same"),
    (b"a: True\n", 1, "not the same"),
    (b"a: 012\n", 1, "not the same"),
    (b"a: 0o7\n", 1, "not the same"),
    (b"a: 0x1f\n", 1, "not the same"),
    (b"a: 1_000\n", 1, "not the same"),
    (b"a: 1e3\n", 1, "not the same"),
    (b"a: 22:22\n", 1, "not the same"),
    (b"a: +1\n", 1, "not the same"),
    (b"a: -0\n", 1, "not the same"),
    (b"a: 99999999999999999999\n", 1, "not the same"),
    (b"a: .inf\n", 1, "not the same"),
    (b"a: 2020-01-01\n", 1, "not the same"),
    (b"a: =\n", 1, "not the same"),
    (b"a: NULL\n", 1, "not the same"),
    (b"on: 1\n", 1, "not the same"),
    (b"1: a\n", 1, "not a string"),
    (b"true: a\n", 1, "not a string"),
    (b"~: a\n", 1, "not a string"),
    (b"? {a: 1}\n: b\n", 1, "not a string"),
    (b"- a\n", 1, "not a map"),
    (b"just text\n", 1, "not a map"),
    (b"a: 1\n---\n- b\n", 3, "not a map"),
    (b"a: 'x\n", 2, "end of stream"),
    (b"a: b: c\n", 1, "not allowed"),
    (b"a:\n\t- b\n", 2, ""),
    (b"a: \x00\n", 1, "U+0000"),
    (b"a: 1\n# \x07\n", 2, "U+0007"),
    (b"\xef\xbb\xbfa: 1\n", 1, "U+FEFF"),
    ("a: 1\n# x\u2028evil: true\n".encode(), 2, "U+2028"),
    ("a: 1\n# x\x85evil: true\n".encode(), 2, "U+0085"),
    (b"a: 1\n# x\revil: true\n", 2, "U+000D"),
    (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    (b"a: \xed\xa0\x80\n", 1, "not UTF-8"),
    ("a: 1\n".encode("utf-16"), 1, "not UTF-8"),
    (b'a: "\\ud800"\n', 1, "surrogate"),
    (b'"\\uDfff": a\n', 1, "surrogate"),
    (b"a: " + b"[" * 70 + b"]" * 70 + b"\n", 1, "deep"),
    (b"a: " + b"[" * 5000, 1, "deep"),
    (b"".join(b" " * i + b"a:\n" for i in range(80)), 65, "deep"),
    (b"#" * (reading.MAX_BYTES + 1), 1, "bytes"),
    (b"a: [x]\n#" + b"x" * reading.MAX_BYTES_FULL, 1, "characters"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "line", "message"), REFUSED, ids=[repr(data[:24]) for data, _, _ in REFUSED])
def test_the_reader_refuses(data: bytes, line: int, message: str) -> None:
    found = read(data, "dir/x.yaml")
    assert isinstance(found, Diagnostic)
    assert found.code == "ZT500"
    assert message in found.message
    assert (found.labels[0].location.path, found.labels[0].location.line) == ("dir/x.yaml", line)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_character_is_refused_or_read(end: str) -> None:
    """Controls save for tab and the ends of lines, line breaks of one YAML version only, and what is no character."""
    refused = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF} - {0x09, 0x0A}
    for code in [*range(0x180), *range(0x2000, 0x2070), 0xD7FF, *range(0xE000, 0xE010), *range(0xFE00, 0x10010)]:
        found = read(f"a: 1{end}# x{chr(code)}y{end}".encode() if code != 0x0A else b"a: 1\n", "x.yaml")
        assert isinstance(found, Diagnostic) == (code in refused), hex(code)


def test_two_versions_that_differ_in_any_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """We know of no such text; should there be one, it is refused."""
    seen = reading._agreed
    monkeypatch.setattr(reading, "_agreed", lambda text, version: seen(text.replace("1", str(version[1])), version))
    found = read(b"b: [x]\na: [1]\n", "x.yaml")
    assert isinstance(found, Diagnostic)
    assert "YAML 1.1 and YAML 1.2" in found.message
    assert found.labels[0].location.line == 2


ACCEPTED: list[tuple[bytes, list[Value]]] = [
    (b"", []),
    (b"# nothing\n---\n---\n", []),
    (b"---\n---\na: 1\n---\n# b\n", [{"a": 1}]),
    (b"a: 1\n...\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
    (b"a: 1\r\nb:\r\n- c\r\n", [{"a": 1, "b": ["c"]}]),
    (b"a:\nb: ~\nc: null\n", [{"a": None, "b": None, "c": None}]),
    (b"a:\nb: 1\n", [{"a": None, "b": 1}]),
    (b"a:\n  b:\n  c: 1\nd:\n", [{"a": {"b": None, "c": 1}, "d": None}]),
    (b"a:\n- b:\n  c: 1\n- d:\n- e\n", [{"a": [{"b": None, "c": 1}, {"d": None}, "e"]}]),
    (b"a:\n- b\nc:\n  - d\n", [{"a": ["b"], "c": ["d"]}]),
    (b"a: []\nb: {}\nc: [1, 'x', {d: e}]\n", [{"a": [], "b": {}, "c": [1, "x", {"d": "e"}]}]),
    (b"a: 1.5\nb: -3\nc: false\n", [{"a": 1.5, "b": -3, "c": False}]),
    (b"a: |\n  x\n  y\nb: >-\n  x\n  y\n", [{"a": "x\ny\n", "b": "x y"}]),
    (b"a: 10.0.0.0/8\nb: some words # why\n", [{"a": "10.0.0.0/8", "b": "some words"}]),
    (b"a: 'it''s'\nb: \"\\x41\\u00e9\\U0001F600\\e\"\n", [{"a": "it's", "b": "Aé\U0001f600\x1b"}]),
    (b'{"a": ["b", {"c": true}]}', [{"a": ["b", {"c": True}]}]),
    (b"a:\n- b: 1\n  c: 2\n- d:\n  - e\n  f: g\n", [{"a": [{"b": 1, "c": 2}, {"d": ["e"], "f": "g"}]}]),
    (b"a:\n    b:\n          c: d\n", [{"a": {"b": {"c": "d"}}}]),
    (b"a: x\n  y\n", [{"a": "x y"}]),
    (b"a:\n  x\n", [{"a": "x"}]),
    (b"a: '1'\n'on': \"no\"\n", [{"a": "1", "on": "no"}]),
    (b"a:\n- - b\n  - c\n-\n  - d\n", [{"a": [["b", "c"], ["d"]]}]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), ACCEPTED, ids=[repr(data[:24]) for data, _ in ACCEPTED])
def test_the_reader_reads_what_people_write(data: bytes, expected: list[Value]) -> None:
    found = read(data, "x.yaml")
    assert not isinstance(found, Diagnostic), found
    assert [document.body for document in found] == expected


PIECES = (
    """
a:|b:|  a:|  b: 1|- a|- a: b|  - c|- a:|  c: d|    e: f|    - g|a: b|c: {}|-|  -|    h: i|# x||---|  # y|d: []|- |a: "x"
e: yes|f: g: h|  i|'j': k
""".strip()
    .replace("\n", "|")
    .split("|")
)
LINES = st.lists(st.sampled_from(PIECES), max_size=9)


@settings(max_examples=600, deadline=None)
@given(LINES)
def test_the_line_reader_never_guesses(lines: list[str]) -> None:
    """Whatever it accepts, the full reader accepts too, and sees the same."""
    text = "\n".join(lines)
    try:
        fast = reading._read_lines(text, None)
    except reading._Unsure:
        return
    assert fast == reading._read_fully(text, None)


RULES = """\
spec:
  ingress:
  # call 1 · shop.py:3
  - from:
    - namespaceSelector: {}
      podSelector:
        matchLabels:
          app: web
    - ipBlock:
        cidr: "10.0.0.0/8"
    ports:
    - protocol: TCP
      port: 80
    - protocol: UDP
      port: 53
  # call 2 · shop.py:4
  # twice
  - from:
    - podSelector: {}
    ports:
    - protocol: TCP
      port: 80
  egress:
  - to:
    - ipBlock:
        cidr: "10.0.0.0/8"
---
kind: B
spec:
  egress:
  - to:
    - ipBlock:
        cidr: "10.0.0.0/8"
"""
LINES_OF_RULES = RULES.splitlines()
BETWEEN = (
    """
|---|--- |---x| ---|# x|  # x|    # x|      # x|   # x|\t- a|  - |  -|    -|  - x|    - x|  - a: 1|   - a: 1|    a: 1
      a: 1|   a: 1|- a: 1|a: 1|  a:|  b: &x 1|    b: *x|    c: yes|    d: [x]|    'from': 1|    "ports": 1|  - - x
    e: x |
""".strip("\n")
    .replace("\n", "|")
    .split("|")
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Rules with lines taken away, added, repeated, moved in or out: they look like policies and are not."""
    lines = list(LINES_OF_RULES)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(("add", "delete", "repeat", "deeper", "shallower"))):
            case "add":
                lines.insert(at, draw(st.sampled_from([*BETWEEN, *LINES_OF_RULES])))
            case "delete" if len(lines) > 1:
                del lines[at]
            case "repeat":
                to = draw(st.integers(at, min(at + 7, len(lines))))
                lines[to:to] = lines[at:to]
            case "deeper":
                lines[at] = " " * draw(st.integers(1, 2)) + lines[at]
            case _:
                lines[at] = lines[at].removeprefix(" " * draw(st.integers(1, 2)))
    return "\n".join(lines) + draw(st.sampled_from(("\n", "", "\n\n", "\n---", "\n---\n---\n")))


@settings(max_examples=600, deadline=None)
@given(damaged())
def test_a_rule_that_was_read_before_is_never_guessed_either(text: str) -> None:
    """Read once more it is the same, or as unsure; and the same with lines noted, where nothing is remembered."""
    first, again, noted = (line_reader_or_unsure(text, note=note) for note in (False, False, True))
    assert first == again
    assert first in ("unsure", noted)
    if noted != "unsure":
        assert noted == reading._read_fully(text, None)


def line_reader_or_unsure(text: str, *, note: bool) -> object:
    try:
        return reading._read_lines(text, {} if note else None)
    except reading._Unsure:
        return "unsure"


@pytest.mark.parametrize("midst", ["\n", "# x\n", "    # x\n", "        # x\n"])
@pytest.mark.parametrize("above", ["      podSelector:\n", "    - ipBlock:\n", "    ports:\n", "      port: 80\n"])
def test_a_comment_or_an_empty_line_amid_a_rule_needs_no_full_reader(
    above: str, midst: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(reading, "_read_fully")
    assert ours(RULES.replace(above, midst + above, 1)) == ours(RULES)


def test_a_long_run_of_comments_costs_as_much_as_it_is_long() -> None:
    def cost(lines: int) -> float:
        times: list[float] = []
        for run in range(3):
            text = f"a: {run + 1}\n" + "  # why\n" * lines
            started = time.process_time()
            assert line_reader(text) == [{"a": run + 1}]
            times.append(time.process_time() - started)
        return min(times)

    # Four times the lines: some four times as much, and not sixteen.
    assert cost(40_000) < 9 * cost(10_000)


def test_a_key_that_not_every_reader_takes_is_left_to_the_full_reader() -> None:
    with pytest.raises(reading._Unsure):
        line_reader(f"{'k' * 1025}: 1\n")


@pytest.mark.parametrize("end", ["\n", "", "\n---\n", "\n\n# the end"])
def test_rules_need_no_full_reader_however_the_file_ends(end: str) -> None:
    text = RULES.removesuffix("\n") + end
    assert reading._read_lines(text, None) == reading._read_fully(text, None)
    assert [line for line, _ in reading._read_lines(text, None)] == [1, 28]
    crlf = read(text.replace("\n", "\r\n").encode(), "x.yaml")
    assert not isinstance(crlf, Diagnostic)
    assert [document.body for document in crlf] == line_reader(text)


def test_equal_rules_peers_and_ports_are_one_object() -> None:
    text = RULES.replace("kind: B\n", "")
    first, second = cast("list[dict[str, dict[str, list[dict[str, list[object]]]]]]", line_reader(text))
    web, shop = first["spec"]["ingress"]
    assert first["spec"]["egress"][0] is second["spec"]["egress"][0]
    assert web["ports"][0] is shop["ports"][0]
    assert web["ports"][1] is not shop["ports"][0]
    assert web["from"][1] is second["spec"]["egress"][0]["to"][0]


def test_the_same_lines_at_another_indentation_are_another_element() -> None:
    inner = "a:\n  b:\n  - c:\n    - d: 1\n      e: 2\n"
    outer = "a:\n  - d: 1\n      e: 2\n"
    assert line_reader(inner) == [{"a": {"b": [{"c": [{"d": 1, "e": 2}]}]}}]
    with pytest.raises(reading._Unsure):
        reading._read_lines(outer, None)


@pytest.mark.parametrize("depth", [5, 31, 32, 60, 63, 64, 65, 70])
@pytest.mark.parametrize("opening", ["-\n", "- a:\n", "a:\n"])
def test_whatever_nests_the_line_reader_stops_where_the_full_one_does(opening: str, depth: int) -> None:
    step = 4 if opening == "- a:\n" else 2
    nested = "".join(" " * (step * level) + opening for level in range(1, depth))
    text = f"x:\n{nested}{' ' * (step * depth)}a: 1\n"
    try:
        full: object = reading._read_fully(text, None)
    except reading._Refused:
        full = "refused"
    for note in (False, True):
        found = line_reader_or_unsure(text, note=note)
        # An element that is remembered has a little less room.
        assert found == full or (found == "unsure" and (full == "refused" or depth > 25))


# --- lines -----------------------------------------------------------------------------------------

POLICY = """\
# floor
kind: A
spec:
  ingress:
  # web asks · shop.py:3
  #  twice
  - from:
    - podSelector: {}
    ports:
    - port: 80
  - from:
    - podSelector: {}
---
# second
kind: B
spec: [1, {a: b}]
"""


def documents(text: str) -> tuple[ReadDocument, ...]:
    found = read(text.encode(), "x.yaml")
    assert not isinstance(found, Diagnostic)
    return found


@pytest.mark.parametrize("flow", ["", "flow: [x]\n"], ids=["line reader", "full reader"])
def test_lines(flow: str) -> None:
    first, second = documents(POLICY.replace("kind: A\n", f"kind: A\n{flow}") if flow else POLICY)
    more = 1 if flow else 0
    assert (first.line, second.line) == (2, 15 + more)
    assert line_of(first, ("spec", "ingress", 0)) == 7 + more
    assert line_of(first, ("spec", "ingress", 0, "ports", 0, "port")) == 10 + more
    assert line_of(first, ("spec", "ingress", 1)) == 11 + more
    assert line_of(second, ("spec", 1, "a")) == 16 + more
    with pytest.raises(KeyError):
        line_of(first, ("spec", "egress"))
