"""Names, labels, texts and plain values: the leaves of a model, whatever was written there.

Every function takes any object (a type is a promise that `cast` breaks) and never raises. Each returns the
strict value, or a `Finding`; where one value can hold several mistakes, a tuple of them.

The grammars are those of k8s.io/apimachinery 0.37.0, `pkg/util/validation`: `IsDNS1123Label`,
`IsQualifiedName` and `IsValidLabelValue`.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from attrs import evolve

from zt_dsl.ir.flow import Labels
from zt_dsl.resolve.finding import Finding
from zt_dsl.source import Span

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253
_SHOWN = 60
# More than anybody writes; a range() of a billion is a sequence too.
_MANY = 1_000_000

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
# Helm and Go templates; Flux's and the shell's substitution.
_TEMPLATE = re.compile(r"\{\{|\$\{")

# Cilium and Calico set these on the endpoints that they make of pods, and look them up by these keys: a
# selector of one's own on them matches nothing, or says of a pod what only the engine may say.
_ENGINES_KEYS = ("io.kubernetes.", "io.cilium.", "projectcalico.org/", "pcns.", "pcsa.")
# Cilium spells a label with its source: `k8s:app` is the pod's `app`, `reserved:host` is no pod's.
_ENGINES_SOURCES = (
    "any",
    "cidr",
    "cidrgroup",
    "cni",
    "container",
    "fqdn",
    "k8s",
    "node",
    "reserved",
    "unspec",
)
_NAMESPACE_KEY = "kubernetes.io/metadata.name"

# Letters that are drawn as Latin ones (Unicode TR39), as far as compatibility forms do not fold them.
_DRAWN_AS = {
    **dict(zip("абгдеһіјкӏмнорԛѕтԝхуһԁ", "a6rdehijklmhopqstwxyhd", strict=True)),
    **dict(zip("АВЕНІЈКМОРЅТХУ", "ABEHIJKMOPSTXY", strict=True)),
    **dict(zip("αβγεηικνορτυχωϲ", "abyenikvoptuxwc", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    **dict(zip("ıɡøłđ‐‑‒–—―−", "igold-------", strict=True)),
    "с": "c",
    "С": "C",
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
}
# Drawn by nobody: two texts that look the same are not. A joiner (U+200C, U+200D) shapes what is around it.
_UNSEEN = frozenset("\u00ad\u061c\u180e\u200b\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\ufff9\ufffa\ufffb")
# Turning the text around them, so that what one reads is not what is there (CVE-2021-42574, Trojan Source).
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

L = TypeVar("L", bound=str)


# --- any object ---------------------------------------------------------------------------------------


def string(value: object) -> str | None:
    """The value as a plain `str`, where it is one (or of a subclass, such as a StrEnum)."""
    # By its type alone: what `__class__`, `__str__` and `__eq__` of a stranger say is not to be trusted.
    if type(value) is str:
        return value
    return str.__str__(cast("str", value)) if issubclass(type(value), str) else None


def integer(value: object) -> int | None:
    """The value as a plain `int`, where it is one. A bool is an int to Python, and a mistake to us."""
    kind = type(value)
    return int.__int__(cast("int", value)) if issubclass(kind, int) and kind is not bool else None


def sequence(value: object) -> tuple[object, ...] | None:
    """The items of a list, a tuple or a set. A string is none: its letters are nobody's CIDRs."""
    if not issubclass(type(value), list | tuple | set | frozenset | Sequence):
        return None
    if issubclass(type(value), str | bytes | bytearray | memoryview):
        return None
    try:
        items = cast("Sequence[object]", value)
        return tuple(items) if len(items) <= _MANY else None
    except Exception:
        return None


def shown(value: object) -> str:
    """A wrong value as messages print it: in backticks, on one line, cut where it is long.

    What has no readable literal is told by its type: an address in memory says nothing, and changes.
    """
    text = string(value)
    if text is not None:
        return f"`{visible(text)}`" if text else '`""`'
    if type(value) in (bool, int, float, bytes, type(None), list, tuple, dict, set, frozenset):
        try:
            text = repr(value)
        except Exception:
            text = " at 0x"
        if " at 0x" not in text:
            return f"`{visible(text)}`"
    # `type(value).__name__` would ask a metaclass of the user's.
    name = cast("str", type.__dict__["__name__"].__get__(type(value)))
    return f"a value of type `{visible(name)}`"


def literal(value: object) -> str:
    """As `shown`, and a string in its quotes: where what is wrong may be that it is one."""
    text = string(value)
    return shown(value) if text is None else f'`"{visible(text)}"`'


def visible(text: str) -> str:
    """The text with what cannot be seen spelt out, cut where it is long."""
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return "".join(c if c.isprintable() else _escaped(c) for c in short)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def code_point(character: str) -> str:
    """`U+0430 CYRILLIC SMALL LETTER A`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def wrong_type(value: object, what: str, wanted: str, at: Span, suggestion: str) -> Finding:
    """A value of another type than its annotation: past mypy by a cast, or by code that mypy never saw."""
    return Finding(
        "ZT206",
        f"{what} must be {wanted}, not {literal(value)}",
        ((at, f"{literal(value)} is not {wanted}"),),
        "zt_dsl never guesses what a value of another type was meant to be: a guess could open a connection.",
        suggestion,
    )


def near(text: str, allowed: Sequence[str]) -> str | None:
    """The one of `allowed` that was probably meant."""
    # Only a run with mistakes pays for the import.
    from difflib import get_close_matches

    by_fold = {word.casefold(): word for word in reversed(allowed)}
    found = get_close_matches(text[:LABEL_LENGTH].strip().casefold(), by_fold, n=1)
    return by_fold[found[0]] if found else None


# --- names --------------------------------------------------------------------------------------------


def dns_label(value: object, what: str, at: Span) -> str | Finding:
    """A name: an RFC 1123 label, as Kubernetes wants for namespaces and as we do for all that becomes a file.

    `what` says whose name it is: "service", "namespace", "tier". No word is reserved (`on`, `null`, `08`,
    `con` are names): quoting is the emitter's business.
    """
    name = string(value)
    if name is None:
        written = integer(value)
        quoted = f'write it in quotes: "{written}"' if written is not None and 0 <= written < 10**9 else ""
        return wrong_type(value, f"a {what} name", "a string", at, quoted or 'write it as a string: "web"')
    if not name.isascii():
        return only_looks_right(name, f"{what} name", at, _as_label(name))
    if _DNS_LABEL.fullmatch(name) is None:
        long = f", and has {len(name)} characters" if len(name) > LABEL_LENGTH else ""
        return Finding(
            "ZT201",
            f"{shown(name)} is not a valid {what} name{long}",
            ((at, _label_trouble(name)),),
            "Kubernetes refuses it: a name is lower-case letters, digits and `-`, and starts and ends with a "
            f"letter or digit, at most {LABEL_LENGTH} characters (RFC 1123).",
            did_you_mean(_as_label(name), 'write a name such as "web"'),
        )
    if len(name) > LABEL_LENGTH:
        return Finding(
            "ZT202",
            f"the {what} name {shown(name)} has {len(name)} characters; {LABEL_LENGTH} are allowed",
            ((at, f"{len(name) - LABEL_LENGTH} too many"),),
            "Kubernetes refuses a longer one (RFC 1123), and a name that is cut could become another's.",
            f'shorten it, for example to "{_as_label(name)}"',
        )
    return name


_LONGEST_ACCOUNT = 253


def account(value: object, at: Span) -> str | Finding:
    """A service account's name, which Kubernetes lets be any DNS subdomain. Engines differ in what one is to them with
    dots, or a long one (istio, CVE-2026-39350; calico v3.31.0, `libcalico-go/lib/backend/k8s/conversion`)."""
    found, name = dns_label(value, "service account", at), string(value)
    if (
        not isinstance(found, Finding)
        or name is None
        or not (len(name) <= _LONGEST_ACCOUNT and _SUBDOMAIN.fullmatch(name))
    ):
        return found
    why = (
        "Kubernetes allows it, and to Istio before 1.30 a dot in it is any character (CVE-2026-39350): other accounts "
        "would be let in, too."
        if "." in name
        else f"Kubernetes allows it, and Calico knows no account of a pod whose name is longer than {LABEL_LENGTH}."
    )
    return evolve(found, why=why)


def did_you_mean(suggestion: str, otherwise: str) -> str:
    """`did you mean "web"?`, or the other sentence where nothing can be suggested."""
    return f'did you mean "{suggestion}"?' if suggestion else otherwise


def latin(text: str) -> str:
    """The text in the Latin letters that it looks like; what looks like none is left out."""
    folded = unicodedata.normalize("NFKD", "".join(_DRAWN_AS.get(c, c) for c in text))
    return "".join(_DRAWN_AS.get(c, c) for c in folded if _DRAWN_AS.get(c, c).isascii())


def _as_label(text: str) -> str:
    """The nearest valid name; empty where nothing is left of the text."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", latin(text[:1000]))
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:LABEL_LENGTH].rstrip("-")


def _label_trouble(name: str) -> str:
    if not name:
        return "it is empty"
    wrong = next((c for c in name if not (c.islower() or c.isdigit() or c == "-")), "")
    if not wrong:
        return "starts with `-`" if name.startswith("-") else "ends with `-`"
    if wrong.isupper():
        return f"`{wrong}` is upper case"
    if wrong.isspace() and wrong.isprintable():
        return "it holds a space"
    return f"`{visible(wrong)}` is not allowed"


def only_looks_right(name: str, what: str, at: Span, suggestion: str = "") -> Finding:
    """A name with a character that is not ASCII, by its code point."""
    wrong = next(c for c in name if not c.isascii())
    drawn = latin(wrong)
    looks = (
        f"looks like the letter `{drawn}` and is not"
        if wrong in _DRAWN_AS and drawn.isalpha()
        else "cannot be seen"
        if not wrong.isprintable() or wrong in _UNSEEN | _TURNING
        else "is not ASCII"
    )
    others = sum(not c.isascii() for c in name) - 1
    return Finding(
        "ZT203",
        f"{shown(name)} is not a valid {what}: it holds {code_point(wrong)}",
        ((at, f"character {name.index(wrong) + 1} {looks}" + (f"; {others} more" if others else "")),),
        "Kubernetes refuses it, and a reader cannot tell it from the name that it looks like.",
        did_you_mean(suggestion, "type it again, with ASCII letters, digits and `-`"),
    )


# --- labels -------------------------------------------------------------------------------------------


def label_pairs(value: object, at: Span) -> Labels | tuple[Finding, ...]:
    """Labels as pairs, sorted by key. Empty for an empty mapping, which is the caller's to judge.

    A value may be empty, and may start as anything but `-`, `_` and `.`; both are Kubernetes' own rules.
    """
    if not issubclass(type(value), Mapping):
        return (wrong_type(value, "labels", "a mapping", at, 'write it as {"app": "web"}'),)
    try:
        items = [(key, found) for key, found in cast("Mapping[object, object]", value).items()]
    except Exception:
        return (wrong_type(value, "labels", "a mapping", at, 'write it as {"app": "web"}'),)
    findings = [finding for pair in items for finding in _pair_findings(*pair, at)]
    if findings:
        return tuple(findings)
    return tuple(sorted({string(key) or "": string(found) or "" for key, found in items}.items()))


def _pair_findings(key: object, value: object, at: Span) -> list[Finding]:
    results = (_label_key(key, at), _label_value(value, string(key) or "", at))
    return [result for result in results if result is not None]


def _label_key(value: object, at: Span) -> Finding | None:
    key = string(value)
    if key is None:
        return wrong_type(value, "a label key", "a string", at, 'write it as a string: "app"')
    if not key.isascii():
        return only_looks_right(key, "label key", at, _as_key(latin(key)))
    owner = _reserved_for(key)
    if owner:
        return Finding(
            "ZT205",
            f"the label key {shown(key)} is reserved",
            ((at, f"this key is {owner}"),),
            "A selector on a key that is not the pods' own matches nothing, or pods that nobody meant.",
            'select by a label of the pods\' own template, such as "app" or "app.kubernetes.io/name"',
        )
    trouble = _key_trouble(key)
    if not trouble:
        return None
    return Finding(
        "ZT204",
        f"{shown(key)} is not a valid label key",
        ((at, trouble),),
        "Kubernetes refuses it, so no pod can carry it: a key is a name of at most 63 letters, digits, `-`, "
        "`_` and `.`, after a DNS prefix and `/` if it has one.",
        did_you_mean(_as_key(key), 'write a key such as "app"'),
    )


def _reserved_for(key: str) -> str:
    if key == _NAMESPACE_KEY:
        return "a namespace's, set by the API server"
    source, colon, _ = key.partition(":")
    if colon and source in _ENGINES_SOURCES:
        return "Cilium's own spelling"
    return "set by the network engine" if key.startswith(_ENGINES_KEYS) else ""


def _key_trouble(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return "it holds more than one `/`"
    if slash and len(prefix) > SUBDOMAIN_LENGTH:
        return f"its prefix has {len(prefix)} characters; {SUBDOMAIN_LENGTH} are allowed"
    if slash and _SUBDOMAIN.fullmatch(prefix) is None:
        return f"{shown(prefix)} before the `/` is not a DNS name in lower case"
    if not name:
        return "there is no name after the `/`" if slash else "it is empty"
    return _qualified_trouble(name)


def _as_key(text: str) -> str:
    """The nearest valid key, with its prefix where that is good; empty where nothing is left of the text."""
    prefix, _, name = text.rpartition("/")
    key = f"{prefix}/{_as_qualified(name)}"
    nearest = key if not _key_trouble(key) else _as_qualified(name)
    return "" if _reserved_for(nearest) else nearest


def _qualified_trouble(name: str) -> str:
    if len(name) > LABEL_LENGTH:
        return f"{len(name)} characters; {LABEL_LENGTH} are allowed"
    if _QUALIFIED.fullmatch(name):
        return ""
    wrong = next((c for c in name if not (c.isalnum() or c in "-_.")), "")
    if wrong:
        return f"`{visible(wrong)}` is not allowed"
    return "it must start and end with a letter or digit"


def _label_value(value: object, key: str, at: Span) -> Finding | None:
    text = string(value)
    of = f"the value of the label {shown(key)}"
    if text is None:
        scalar = shown(value).strip("`").lower() if type(value) in (bool, int, float) else ""
        quoted = scalar if _QUALIFIED.fullmatch(scalar) else "web"
        return wrong_type(value, of, "a string", at, f'write it in quotes: "{quoted}"')
    if text == "":
        return None
    if not text.isascii():
        return only_looks_right(text, "label value", at, _as_qualified(latin(text)))
    trouble = _qualified_trouble(text)
    if not trouble:
        return None
    return Finding(
        "ZT204",
        f"{shown(text)} is not a valid label value",
        ((at, f"of the label {shown(key)}: {trouble}"),),
        "Kubernetes refuses it, so no pod can carry it: a value is at most 63 letters, digits, `-`, `_` and "
        "`.`, and starts and ends with a letter or digit.",
        did_you_mean(_as_qualified(text), "copy the value from the pods' own template"),
    )


def _as_qualified(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text[:1000]).strip("-_.")[:LABEL_LENGTH].rstrip("-_.")


# --- texts --------------------------------------------------------------------------------------------


_TRUST_DOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9._]{0,253}[a-z0-9])?")


def trust_domain(value: object, at: Span) -> str | Finding:
    """The first part of a mesh's identities (SPIFFE ID, section 2.1). A `*` in it would be any other."""
    found = text(value, "trust domain", at)
    if isinstance(found, Finding) or _TRUST_DOMAIN.fullmatch(found):
        return found
    return Finding(
        "ZT201",
        f"{shown(value)} is not a trust domain",
        ((at, "in this mesh"),),
        "It is the first part of every identity that policies name: small letters, digits, `.`, `-` and `_`.",
        'write it as the mesh has it: trust_domain="cluster.local"',
    )


def text(value: object, what: str, at: Span) -> str | Finding:
    """A text for people, such as a `why`: one line, in Unicode's composed form (NFC).

    It ends up in YAML comments, terminals and reviews: a line break could end the comment and turn the rest
    of it into policy, and a turning or unseen character would show reviewers another text than is there.
    """
    found = string(value)
    if found is None:
        return wrong_type(value, f"`{what}`", "a string", at, f'write {what}="…", in one sentence')
    if found.isascii() and found.isprintable():
        return found
    wrong = [c for c in found if not c.isprintable() and _unfit(c)]
    if wrong:
        return Finding(
            "ZT207",
            f"`{what}` holds {code_point(wrong[0]) if unicodedata.name(wrong[0], '') else _control(wrong[0])}",
            ((at, f"character {found.index(wrong[0]) + 1} of {shown(found)}"),),
            "The text becomes a YAML comment and a line of the review: such a character could end the line, or "
            "show a reviewer something else than is there.",
            f'write it on one line: "{_in_one_line(found) or "…"}"',
        )
    return unicodedata.normalize("NFC", found)


def _unfit(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or character in _UNSEEN
        or character in _TURNING
        # Invisible copies of ASCII, which people use to hide text; and what is no character at all.
        or "\U000e0000" <= character <= "\U000e0fff"
        or "\ufdd0" <= character <= "\ufdef"
        or ord(character) & 0xFFFE == 0xFFFE
    )


def _control(character: str) -> str:
    known = {
        "\n": " (a line break)",
        "\r": " (a carriage return)",
        "\t": " (a tab)",
        "\x85": " (a line break)",
    }
    return f"U+{ord(character):04X}{known.get(character, ' (a control character)')}"


def _in_one_line(found: str) -> str:
    kept = "".join(" " if c.isspace() else "" if _unfit(c) else c for c in found[:1000])
    short = " ".join(kept.split())
    return short if len(short) <= _SHOWN else short[: _SHOWN - 1] + "…"


# --- plain values -------------------------------------------------------------------------------------


def boolean(value: object, what: str, at: Span) -> bool | Finding:
    """True or False, and nothing that only behaves like them."""
    if value is True or value is False:
        return value
    word = (string(value) or shown(value)).strip("` ").casefold()
    meant = "True" if word in ("true", "yes", "on", "1") else "False" if word in ("false", "no", "off", "0") else ""
    suggestion = f"write {what}={meant}" if meant else f"write {what}=True or {what}=False"
    return wrong_type(value, f"`{what}`", "True or False", at, suggestion)


def choice(value: object, allowed: tuple[L, ...], what: str, at: Span) -> L | Finding:
    """One of the words that are allowed, spelt exactly so."""
    written = string(value)
    for word in allowed:
        if word == written:
            return word
    words = ", ".join(f'"{word}"' for word in allowed)
    meant = near(written, allowed) if written is not None else None
    return wrong_type(
        value,
        f"`{what}`",
        f"one of {words}",
        at,
        did_you_mean(meant or "", f"write {what}= and one of {words}"),
    )
