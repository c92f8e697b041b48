"""Names, labels, texts and plain values: tables of what is refused and kept, and what holds for any input."""

import enum
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import (
    boolean,
    choice,
    dns_label,
    label_pairs,
    sequence,
    shown,
    text,
)
from zt_dsl.source import NOWHERE

# k8s.io/apimachinery 0.37.0, pkg/util/validation/validation.go.
DNS_1123 = re.compile(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
LABEL_VALUE = re.compile(r"\A(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")
QUALIFIED = re.compile(r"\A([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")

ANYTHING = st.one_of(
    st.text(), st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.lists(st.text(), max_size=3),
    st.dictionaries(st.text() | st.integers(), st.text() | st.none(), max_size=3), st.just(object()),
)  # fmt: skip


class _Meta(type):
    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError


class Hostile(metaclass=_Meta):
    """Raises whatever it is asked, what its class and its name are too."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise RuntimeError

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError


class HostileText(str):
    """A string that lies about itself."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


class Unreadable(list[str]):
    """A list that cannot be read."""

    def __len__(self) -> int:
        raise RuntimeError


class Colour(enum.StrEnum):
    RED = "red"


def refused(result: object) -> Finding:
    assert isinstance(result, Finding), result
    return complete(result)


def complete(finding: Finding) -> Finding:
    assert finding.message
    assert finding.why.endswith(".")
    assert finding.help
    assert all(label for _, label in finding.at)
    for words in (finding.message, finding.why, finding.help, *(label for _, label in finding.at)):
        words.encode()
        assert "\n" not in words
    return finding


@pytest.mark.parametrize("name", ["web", "on", "no", "y", "1e3", "08", "null", "con", "a" * 63, "a--b", "0"])
def test_a_good_name_is_kept(name: str) -> None:
    assert dns_label(name, "service", NOWHERE) == name


@pytest.mark.parametrize(
    ("name", "code", "help"),
    [
        ("Web_App", "ZT201", 'did you mean "web-app"?'),
        ("WebApp", "ZT201", '"web-app"'),
        ("web app", "ZT201", '"web-app"'),
        ("-web", "ZT201", '"web"'),
        ("web-", "ZT201", '"web"'),
        ("web\n", "ZT201", '"web"'),
        ("a/b", "ZT201", '"a-b"'),
        ("..", "ZT201", "such as"),
        (".hidden", "ZT201", '"hidden"'),
        ("~", "ZT201", "such as"),
        ("", "ZT201", "such as"),
        ("a" * 64, "ZT202", "a" * 63),
        ("A" * 70, "ZT201", "a" * 63),
        ("аpi", "ZT203", 'did you mean "api"?'),
        ("a\u200bpi", "ZT203", '"api"'),
        ("api\u202e", "ZT203", '"api"'),
        ("cafe\u0301", "ZT203", '"cafe"'),
        ("ｗｅｂ", "ZT203", '"web"'),
        ("日本", "ZT203", "type it again"),
        ("\ud800", "ZT203", "type it again"),
        (8080, "ZT206", '"8080"'),
        (None, "ZT206", "string"),
        (b"web", "ZT206", "string"),
        pytest.param(10**5000, "ZT206", "string", id="huge"),
    ],
)
def test_a_bad_name_is_refused(name: object, code: str, help: str) -> None:
    finding = refused(dns_label(name, "service", NOWHERE))
    assert finding.code == code
    assert help in finding.help


def test_the_messages_of_names_stand_on_their_own() -> None:
    assert refused(dns_label("Web_App", "service", NOWHERE)).message == "`Web_App` is not a valid service name"
    assert "has 64 characters; 63" in refused(dns_label("a" * 64, "service", NOWHERE)).message
    assert "has 70 characters" in refused(dns_label("A" * 70, "service", NOWHERE)).message
    assert "U+0430 CYRILLIC SMALL LETTER A" in refused(dns_label("аpi", "service", NOWHERE)).message
    assert "\\u202e" in refused(dns_label("api\u202e", "service", NOWHERE)).message
    assert refused(dns_label("аpі", "tier", NOWHERE)).at[0][1].endswith("; 1 more")


def test_strings_of_other_types_are_plain_after() -> None:
    kept = dns_label(Colour.RED, "service", NOWHERE)
    assert (kept, type(kept)) == ("red", str)
    assert type(dns_label(HostileText("web"), "service", NOWHERE)) is str


@given(ANYTHING)
def test_an_accepted_name_is_kubernetes_own(value: object) -> None:
    match dns_label(value, "service", NOWHERE):
        case Finding() as finding:
            complete(finding)
        case name:
            assert DNS_1123.match(name)
            assert len(name) <= 63
            assert name == value


@given(st.from_regex(DNS_1123))
def test_every_name_of_kubernetes_is_accepted(name: str) -> None:
    assert isinstance(dns_label(name, "service", NOWHERE), str) == (len(name) <= 63)


@given(st.text())
def test_a_suggested_name_is_a_good_one(name: str) -> None:
    match dns_label(name, "service", NOWHERE):
        case Finding(help=help) if "did you mean" in help:
            assert isinstance(dns_label(help.split('"')[1], "service", NOWHERE), str)
        case _:
            pass


# --- labels -------------------------------------------------------------------------------------------


def codes(result: object) -> list[str]:
    assert isinstance(result, tuple)
    return [complete(found).code if isinstance(found, Finding) else "" for found in result]


@pytest.mark.parametrize(
    "key",
    ["app", "k8s-app", "app.kubernetes.io/name", "App_1.x", "a" * 63, "x" * 63 + "." + "y" * 63 + "/z", "on"],
)
def test_ordinary_label_keys_are_kept(key: str) -> None:
    assert label_pairs({key: "web"}, NOWHERE) == ((key, "web"),)


def test_labels_are_sorted_and_a_value_may_be_empty() -> None:
    assert label_pairs({"b": "", "a": "V_1.2"}, NOWHERE) == (("a", "V_1.2"), ("b", ""))
    assert label_pairs({}, NOWHERE) == ()


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "ZT204"), ("a b", "ZT204"), ("-a", "ZT204"), ("a" * 64, "ZT204"), ("a/b/c", "ZT204"), ("/a", "ZT204"),
        ("x/", "ZT204"), ("X.io/a", "ZT204"), ("a" * 254 + "/a", "ZT204"), ("a:b", "ZT204"), ("a\n", "ZT204"),
        ("k8s:app", "ZT205"), ("reserved:host", "ZT205"), ("any:app", "ZT205"),
        ("io.kubernetes.pod.namespace", "ZT205"), ("io.cilium.k8s.policy.cluster", "ZT205"),
        ("io.cilium.k8s.namespace.labels.team", "ZT205"), ("kubernetes.io/metadata.name", "ZT205"),
        ("projectcalico.org/namespace", "ZT205"), ("аpp", "ZT203"), (1, "ZT206"), (None, "ZT206"),
    ],
)  # fmt: skip
def test_bad_label_keys_are_refused(key: object, code: str) -> None:
    assert codes(label_pairs({key: "web"}, NOWHERE)) == [code]


@pytest.mark.parametrize(
    ("value", "code", "help"),
    [
        ('x" || all() || "', "ZT204", '"x-all"'),
        ("x' || all()", "ZT204", '"x-all"'),
        ("a b", "ZT204", '"a-b"'),
        ("-a", "ZT204", '"a"'),
        ("a" * 64, "ZT204", "a" * 63),
        ("a/b", "ZT204", '"a-b"'),
        ("web\n", "ZT204", '"web"'),
        ("**", "ZT204", "copy the value"),
        ("wеb", "ZT203", '"web"'),
        (True, "ZT206", '"true"'),
        (1, "ZT206", '"1"'),
        (None, "ZT206", "quotes"),
        pytest.param(10**5000, "ZT206", "quotes", id="huge"),
    ],
)
def test_bad_label_values_are_refused(value: object, code: str, help: str) -> None:
    result = label_pairs({"app": value}, NOWHERE)
    assert codes(result) == [code]
    assert isinstance(result[0], Finding)
    assert help in result[0].help


@pytest.mark.parametrize(
    ("key", "help"),
    [
        ("example.com/my key", '"example.com/my-key"'),
        ("Example.com/my key", '"my-key"'),
        ("аpp", '"app"'),
        ("\r\x80", "ASCII"),
        ("io.kubernetes.x y", "such as"),
        ("io.kubernetеs.x", "ASCII"),
    ],
)
def test_a_suggested_key_is_a_good_one(key: str, help: str) -> None:
    (finding,) = label_pairs({key: "web"}, NOWHERE)
    assert isinstance(finding, Finding)
    assert help in finding.help


def test_all_mistakes_of_a_mapping_are_told_at_once() -> None:
    assert codes(label_pairs({"k8s:a": "b c", "d e": 1}, NOWHERE)) == ["ZT205", "ZT204", "ZT204", "ZT206"]


@pytest.mark.parametrize("value", [None, "app=web", [("app", "web")], 3])
def test_labels_are_a_mapping(value: object) -> None:
    assert codes(label_pairs(value, NOWHERE)) == ["ZT206"]


def test_a_mapping_that_raises_is_refused() -> None:
    class Broken(dict[str, str]):
        def items(self) -> object:  # type: ignore[override]
            raise RuntimeError

    assert codes(label_pairs(Broken(a="b"), NOWHERE)) == ["ZT206"]


@given(st.dictionaries(ANYTHING.filter(lambda v: v.__hash__ is not None), ANYTHING, max_size=3))
def test_accepted_labels_are_kubernetes_own(labels: dict[object, object]) -> None:
    result = label_pairs(labels, NOWHERE)
    pairs = [found for found in result if not isinstance(found, Finding)]
    assert not pairs or len(pairs) == len(labels)
    for key, value in pairs:
        assert QUALIFIED.match(key)
        assert LABEL_VALUE.match(value)
        assert len(value) <= 63
    assert not pairs or label_pairs(dict(pairs), NOWHERE) == result


# --- texts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("good", ["pays", "50 % · {x} # not: a comment", "cafe\u0301", "🏳️\u200d🌈", "סיבה", ""])
def test_a_text_is_kept_in_its_composed_form(good: str) -> None:
    assert text(good, "why", NOWHERE) == unicodedata.normalize("NFC", good)


@pytest.mark.parametrize(
    ("wrong", "code_point"),
    [
        ("a\nb", "U+000A"), ("a\rb", "U+000D"), ("a\tb", "U+0009"), ("a\0b", "U+0000"), ("a\x7fb", "U+007F"),
        ("a\x85b", "U+0085"), ("a\u2028b", "U+2028"), ("a\u2029b", "U+2029"), ("\ufeffa", "U+FEFF"),
        ("a\u202eb", "U+202E"), ("a\u2066b", "U+2066"), ("a\u200bb", "U+200B"), ("a\ud800b", "U+D800"),
        ("a\U000e0041b", "U+E0041"), ("a\uffffb", "U+FFFF"), ("\n", "U+000A"),
    ],
)  # fmt: skip
def test_a_text_with_what_cannot_be_seen_is_refused(wrong: str, code_point: str) -> None:
    finding = refused(text(wrong, "why", NOWHERE))
    assert finding.code == "ZT207"
    assert code_point in finding.message
    assert finding.help.startswith('write it on one line: "')


def test_a_text_is_a_string() -> None:
    assert refused(text(None, "why", NOWHERE)).code == "ZT206"


@given(ANYTHING)
def test_an_accepted_text_is_one_line_and_a_fixed_point(value: object) -> None:
    match text(value, "why", NOWHERE):
        case Finding() as finding:
            complete(finding)
        case kept:
            assert len(kept.splitlines()) <= 1
            assert text(kept, "why", NOWHERE) == kept


# --- plain values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "help"),
    [
        ("yes", "=True"),
        (1, "=True"),
        (0, "=False"),
        ("off", "=False"),
        (None, "True or"),
        (1.0, "True or"),
        ([], "or"),
    ],
)
def test_a_boolean_is_nothing_else(value: object, help: str) -> None:
    assert boolean(True, "meshed", NOWHERE) is True
    assert boolean(False, "meshed", NOWHERE) is False
    finding = refused(boolean(value, "meshed", NOWHERE))
    assert finding.code == "ZT206"
    assert help in finding.help


@pytest.mark.parametrize(
    ("value", "help"),
    [("Strict", '"strict"?'), ("premissive", '"permissive"?'), ("x", "one of"), (None, "one of")],
)
def test_a_choice_is_spelt_exactly(value: object, help: str) -> None:
    modes = ("strict", "permissive", "disable")
    assert choice("strict", modes, "mtls", NOWHERE) == "strict"
    finding = refused(choice(value, modes, "mtls", NOWHERE))
    assert finding.code == "ZT206"
    assert help in finding.help


def test_hostile_objects_are_findings() -> None:
    # In a loop: pytest asks its parameters for their class.
    values: list[object] = [Hostile(), HostileText("\ud800 a"), [Hostile()], {"a": Hostile()}]
    for value in values:
        assert refused(dns_label(value, "service", NOWHERE)).code in ("ZT203", "ZT206")
        refused(text(value, "why", NOWHERE))
        refused(boolean(value, "meshed", NOWHERE))
        refused(choice(value, ("a", "b"), "mtls", NOWHERE))
        assert codes(label_pairs({"app": value}, NOWHERE))
        assert codes(label_pairs(value, NOWHERE))


@given(ANYTHING)
def test_plain_values_are_strict(value: object) -> None:
    assert isinstance(boolean(value, "x", NOWHERE), Finding) == (value is not True and value is not False)
    assert isinstance(choice(value, ("a", ""), "x", NOWHERE), Finding) == (value not in ("a", ""))


def test_what_is_shown_is_short_stable_and_printable() -> None:
    assert shown("a" * 100) == f"`{'a' * 59}…`"
    assert shown("") == '`""`'
    assert shown(object()) == "a value of type `object`"
    assert shown([object()]) == "a value of type `list`"
    assert shown(Hostile()) == "a value of type `Hostile`"
    assert shown("\U000e0041\u202e\x07") == "`\\U000e0041\\u202e\\x07`"


def test_a_string_is_no_list_and_a_billion_is_too_many() -> None:
    assert sequence(["a"]) == ("a",)
    assert sequence("ab") is None
    assert sequence(b"ab") is None
    assert sequence(range(10**9)) is None
    assert sequence({"a": 1}) is None
    assert sequence(Unreadable()) is None
