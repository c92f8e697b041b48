"""Names of hosts: those of an External, and the lookups that a DNS edge is narrowed to.

A host name is labels of letters, digits and `-`, at most 63 characters each and 253 together (RFC 1123 §2.1,
RFC 1035 §2.3.4), in lower case and without the trailing dot. Before it may stand `*.` for exactly one label, or
`**.` for one or more.
"""

import re
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING

from attrs import frozen

from zt_dsl.ir.addresses import IPNetwork
from zt_dsl.ir.flow import Domain
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import (
    LABEL_LENGTH,
    code_point,
    did_you_mean,
    latin,
    shown,
    string,
    visible,
    wrong_type,
)
from zt_dsl.source import Span

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

HOST_LENGTH = 253

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# A lookup may be for a service's record: `_http._tcp.web.shop.svc.cluster.local` (RFC 2782).
_LOOKUP_LABEL = re.compile(r"_?[a-z0-9]([-a-z0-9_]*[a-z0-9])?")
_URL_PARTS = re.compile(r"[/:@?#\\\[\]]")
_SCHEME = re.compile(r"[A-Za-z][-+.A-Za-z0-9]*:[/\\]{1,2}")
# What a browser or `inet_aton` would read as an IPv4 address: the last label is a number (WHATWG URL §3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SERVICE = re.compile(r"([^.*]+)\.([^.*]+)\.svc(\.cluster\.local)?")


@frozen
class _Trouble:
    """What is wrong with a name, before it is known whose name it is."""

    code: str
    says: str
    label: str
    why: str
    help: str


@frozen
class _Name:
    """A name that keeps the grammar: `wildcard` is empty, `*` or `**`."""

    wildcard: str
    rest: str

    def __str__(self) -> str:
        return f"{self.wildcard}.{self.rest}" if self.wildcard else self.rest


def host(value: object, at: Span) -> Domain | Finding:
    """The name of an External: outside the cluster, exact or under a wildcard."""
    text = string(value)
    if text is None:
        return wrong_type(value, "the name of an External", "a string", at, 'write it as a string: "api.stripe.com"')
    found = _name(text, _LABEL)
    if isinstance(found, _Name):
        found = _inside(found) or _public(found) or found
    if isinstance(found, _Trouble):
        return _finding(found, text, found.code, at)
    match found.wildcard:
        case "**":
            return Domain(found.rest, "any-depth")
        case "*":
            return Domain(found.rest, "one-label")
        case _:
            return Domain(found.rest, "exactly")


def lookup(value: object, at: Span) -> str | Finding:
    """A name that may be looked up, in its canonical spelling. It may be one of the cluster's, and a
    wildcard may stand before any name: to ask is not to connect.
    """
    text = string(value)
    if text is None:
        return wrong_type(value, "a name to look up", "a string", at, 'write it as a string: "api.stripe.com"')
    found = _name(text, _LOOKUP_LABEL)
    if isinstance(found, _Trouble):
        return _finding(found, text, "ZT285", at)
    return str(found)


def _finding(trouble: _Trouble, text: str, code: str, at: Span) -> Finding:
    return Finding(code, f"{shown(text)} {trouble.says}", ((at, trouble.label),), trouble.why, trouble.help)


# --- the grammar --------------------------------------------------------------------------------------


def _name(text: str, label: re.Pattern[str]) -> _Name | _Trouble:
    return _not_a_name(text) or _split(text, label)


def _not_a_name(text: str) -> _Trouble | None:
    bare = _without_url_parts(text)
    address = _address(text) or _address(bare)
    if address is not None:
        return _Trouble(
            "ZT265",
            "is an address, not a name",
            "an IP address",
            "A name is matched by what a resolver answers for it, and nobody asks for an address.",
            f'write Network("…", cidrs=["{address}"]), with the ports in a subclass',
        )
    if not text.isascii():
        return _not_ascii(text, bare)
    if _URL_PARTS.search(text):
        good = _suggestion(bare)
        return _Trouble(
            "ZT260",
            "is not a host name",
            _url_trouble(text),
            "An edge permits a host by its name and a port by the kind that is called; the rest of an address "
            "is not seen by the layers that enforce it.",
            did_you_mean(good, 'write the name alone, such as "api.stripe.com"').replace('"', "`"),
        )
    return None


def _without_url_parts(text: str) -> str:
    """What is left without scheme, user, port, path, query and fragment."""
    rest = _SCHEME.sub("", text.strip(), count=1)
    rest = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return re.sub(r":[0-9]*\Z", "", rest)


def _url_trouble(text: str) -> str:
    if _SCHEME.match(text):
        return "it has a scheme"
    for mark, trouble in (("@", "user"), ("?", "query"), ("#", "fragment"), ("/", "path"), ("\\", "path")):
        if mark in text:
            return f"it has a {trouble}"
    return "it has a port" if re.search(r":[0-9]+\Z", text) else f"`{_found(text)}` is not allowed"


def _found(text: str) -> str:
    mark = _URL_PARTS.search(text)
    return mark.group() if mark else ""


def _address(text: str) -> IPNetwork | str | None:
    """The network that an address, a CIDR block or what a browser takes for one stands for."""
    try:
        return ip_network(text.strip("[]").removesuffix("."), strict=False)
    except ValueError:
        last = text.lower().removesuffix(".").rpartition(".")[2]
        plain = all(c.isalnum() or c in ".-*_" for c in text) and text.isascii()
        return "203.0.113.7/32" if plain and _NUMBER.fullmatch(last) else None


def _not_ascii(text: str, bare: str) -> _Trouble:
    wrong = next(c for c in text if not c.isascii())
    encoded = _a_labels(bare)
    look = latin(bare).lower()
    alike = f' Or is it "{look}" that you mean?' if _suggestion(look) == look != encoded else ""
    return _Trouble(
        "ZT262",
        f"is not ASCII: it holds {code_point(wrong)}",
        f"character {text.index(wrong) + 1}",
        "DNS and the engines know such a name only in its ASCII form, and two that look alike are two names; "
        "which one is meant is yours to say.",
        (f'if this name is meant, write "{encoded}".{alike}' if encoded else f"write the ASCII name.{alike}"),
    )


def _a_labels(text: str) -> str:
    """The ASCII form of an international name (IDNA 2003, Python's own codec); empty where it has none."""
    wildcard, dot, rest = text.partition(".") if text.startswith("*") else ("", "", text)
    try:
        encoded = rest.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return _suggestion(f"{wildcard}{dot}{encoded}")


def _parts(text: str) -> _Name:
    """The name in canonical spelling and its wildcard, whether or not the rest keeps the grammar."""
    name = text.lower().removesuffix(".")
    first, dot, rest = name.partition(".")
    return _Name(first, rest) if first in ("*", "**") and dot else _Name("", name)


def _split(text: str, label: re.Pattern[str]) -> _Name | _Trouble:
    name = _parts(text)
    if "*" in name.rest:
        return _misplaced(str(name))
    trouble = _malformed(name, label)
    if trouble:
        return _Trouble(
            "ZT261",
            "is not a valid host name",
            trouble,
            "No resolver answers for such a name, so the edge would permit nothing.",
            did_you_mean(_repaired(str(name)), 'write a name such as "api.stripe.com"'),
        )
    return name


def _misplaced(name: str) -> _Trouble:
    if set(name) == {"*"}:
        return _Trouble(
            "ZT263",
            "is every name",
            "a wildcard for everything",
            "An edge to every name is an edge to the whole internet, and should say so.",
            "write INTERNET for every address; or leave `.names(…)` out for every lookup",
        )
    before, _, after = name.rpartition("*")
    _, _, below = after.partition(".")
    good = _suggestion(f"{'**' if '.' in before else '*'}.{below}")
    return _Trouble(
        "ZT263",
        "has a wildcard that is out of place",
        "`*` or `**` can only be the whole of the first label",
        "Engines differ in what they make of it, so there is no one meaning to enforce.",
        did_you_mean(
            "" if _public(_parts(good)) else good,
            'put the wildcard first: "*.example.com" for one label, "**.example.com" for any number',
        ),
    )


def _malformed(name: _Name, label: re.Pattern[str]) -> str:
    if not name.rest:
        return "it is empty"
    if len(str(name)) > HOST_LENGTH:
        return f"it has {len(str(name))} characters; {HOST_LENGTH} are allowed"
    return next((trouble for part in name.rest.split(".") if (trouble := _label_trouble(part, label))), "")


def _label_trouble(part: str, label: re.Pattern[str]) -> str:
    if not part:
        return "a label is empty: two dots in a row, or one at the start"
    if len(part) > LABEL_LENGTH:
        return f"the label {shown(part)} has {len(part)} characters; {LABEL_LENGTH} are allowed"
    if label.fullmatch(part):
        return ""
    wrong = next((c for c in part if not (c.isalnum() or c == "-")), "")
    if wrong:
        return f"`{visible(wrong)}` is not allowed"
    return f"the label {shown(part)} starts or ends with `-`"


def _repaired(name: str) -> str:
    words = (re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in name.replace("*.", "", 1).split("."))
    return _suggestion(".".join(word for word in words if word)) if len(name) <= HOST_LENGTH else ""


def _suggestion(text: str) -> str:
    """The text in its canonical spelling where it is a good name; otherwise empty."""
    name = _parts(text)
    # A name of one label would only be refused again: it is the cluster's own.
    good = text.isascii() and "." in str(name) and "*" not in name.rest and not _malformed(name, _LABEL)
    return str(name) if good else ""


# --- what is not outside ------------------------------------------------------------------------------


def _inside(name: _Name) -> _Trouble | None:
    dotted = f".{name.rest}"
    single = not name.wildcard and "." not in name.rest
    if not single and not dotted.endswith((".svc", ".cluster.local")):
        return None
    service = _SERVICE.fullmatch(name.rest)
    write = f'Service("{service[1]}", namespace=Namespace("{service[2]}"))' if service else 'Service("…", namespace=…)'
    if single:
        write = f'Service("{name.rest}", namespace=…)'
    return _Trouble(
        "ZT266",
        "is a name inside the cluster",
        "a name of one label is looked up in the cluster" if single else "the cluster's own domain",
        "An engine matches an external name by addresses outside the cluster; it would never match a pod.",
        f"declare {write}, with its ports in a subclass, and call that",
    )


@cache
def _public_suffixes() -> "PublicSuffixList":
    # 10,000 rules: read only where somebody writes a wildcard.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(only_icann=True)


def _public(name: _Name) -> _Trouble | None:
    if not name.wildcard or _public_suffixes().publicsuffix(name.rest) != name.rest:
        return None
    return _Trouble(
        "ZT264",
        "covers every domain that anybody registers",
        f"`{name.rest}` is a public suffix",
        "Whoever buys a domain below it would be let in (publicsuffix.org, ICANN section).",
        f'name the domain that is meant: "{name.wildcard}.example.{name.rest}"; or write INTERNET',
    )
