"""What is inside a port: HTTP routes, gRPC methods, Kafka topics.

One path language for every engine. A path is `/` and segments: literals, `{name}` for exactly one segment that
is not empty, and `**` as the last for any number of them. A literal is made of the characters that RFC 3986 §3.3
allows in a segment (pchar), less those that some engine gives a meaning of its own: `% * ; { } \\`. It means the
path after normalisation (no query, no dot segments, no doubled slashes), so that what normalisation takes out
cannot be written.
"""

import re

from zt_dsl.ir.traffic import Route
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.names import did_you_mean, near, shown, string, visible, wrong_type
from zt_dsl.source import Span

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
TOPIC_LENGTH = 249

_LITERAL = re.compile(r"[-A-Za-z0-9._~!$&'()+,=:@]*")
_ONE_SEGMENT = re.compile(r"\{([A-Za-z_][-A-Za-z0-9_.]*)\}")
_WILDCARD = re.compile(r"[*{}]")
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_SERVICE = rf"{_IDENTIFIER}(\.{_IDENTIFIER})*"
_GRPC = re.compile(rf"{_SERVICE}/({_IDENTIFIER}|\*)")
_TOPIC = re.compile(r"[A-Za-z0-9._-]+")


# --- HTTP ---------------------------------------------------------------------------------------------


def route(method: object, path: object, at: Span) -> Route | tuple[Finding, ...]:
    """A method (`*` for any) and a path of the neutral path language."""
    verb = http_method(method, string(path) or "/…", at)
    where = http_path(path, at)
    match verb, where:
        case str(), str():
            return Route(verb, where)
        case _:
            return tuple(found for found in (verb, where) if isinstance(found, Finding))


def http_method(value: object, path: str, at: Span) -> str | Finding:
    """One of HTTP's methods (RFC 9110 §9, RFC 5789), which are case-sensitive; or `*`."""
    method = string(value)
    if method is None:
        return wrong_type(value, "an HTTP method", "a string", at, 'write it as a string: "GET"')
    if method in METHODS or method == "*":
        return method
    return Finding(
        "ZT282",
        f"{shown(method)} is not an HTTP method",
        ((at, f"one of {', '.join(METHODS)}, or `*`"),),
        "Methods are compared letter by letter: a rule for any other matches no request, or, read as a "
        "pattern, too many.",
        _method_help(method, visible(path)),
    )


def _method_help(method: str, path: str) -> str:
    words = [word.upper() for word in re.split(r"[|,/\s]+", method[:100]) if word]
    if len(words) > 1 and all(word in METHODS for word in words):
        return "write a route for each: " + ", ".join(f'Route("{word}", "{path}")' for word in words)
    if method.strip().upper() in METHODS:
        return f'write "{method.strip().upper()}"'
    if method.strip().casefold() in ("", ".*", "any", "all", "**"):
        return f'write ANY("{path}") for every method'
    return did_you_mean(near(method, METHODS) or "", f'write "GET", or ANY("{path}") for every method')


def http_path(value: object, at: Span) -> str | Finding:
    """A path of the neutral path language."""
    path = string(value)
    if path is None:
        return wrong_type(value, "a path", "a string", at, 'write it as a string: "/orders/{id}"')
    trouble = _path_trouble(path)
    if trouble:
        return Finding(
            "ZT280",
            f"{shown(path)} is not a path",
            ((at, trouble),),
            "Engines compare the path as it is after normalisation, and differ in what they make of this; it "
            "could match nothing, or a path that nobody meant.",
            did_you_mean(_repaired(path), 'write a path such as "/orders/{id}"'),
        )
    segments = path.split("/")[1:]
    trouble = next((t for i, s in enumerate(segments) if (t := _wildcard_trouble(s, i == len(segments) - 1))), "")
    trouble = trouble or _twice(segments)
    if trouble:
        return Finding(
            "ZT281",
            f"{shown(path)} has a wildcard that is out of place",
            ((at, trouble),),
            "A wildcard is a whole segment: engines differ in what a part of one matches.",
            did_you_mean(
                _replaced(segments), "write `{name}` for one whole segment, and `**` as the last for the rest"
            ),
        )
    return path


def _path_trouble(path: str) -> str:
    if not path.startswith("/"):
        return "it does not start with `/`" if path else "it is empty"
    if "//" in path:
        return "`//`: a segment is empty"
    segments = path.split("/")
    dots = next((s for s in segments if s in (".", "..")), "")
    if dots:
        return f"`{dots}` is resolved before the path is compared"
    wrong = next((c for s in segments for c in _WILDCARD.sub("", _named_out(s)) if not _LITERAL.fullmatch(c)), "")
    meant = {
        "?": "starts a query",
        "#": "starts a fragment",
        "%": "is decoded by some engines",
        ";": "starts a parameter",
    }
    return f"`{visible(wrong)}` {meant.get(wrong, 'cannot stand in a path')}" if wrong else ""


def _named_out(segment: str) -> str:
    """A segment without what stands in braces: that is for the wildcards' own grammar."""
    return re.sub(r"\{[^{}]*\}", "", segment)


def _wildcard_trouble(segment: str, last: bool) -> str:
    if not _WILDCARD.search(segment):
        return ""
    if segment == "**":
        return "" if last else "`**` is not the last segment"
    if _ONE_SEGMENT.fullmatch(segment):
        return ""
    if segment == "*":
        return "`*` is not a wildcard here"
    if "{" in segment and not re.fullmatch(r"\{[^{}]*\}", segment) and re.search(r"\{[^{}]*\}", segment):
        return f"`{visible(segment)}` is a wildcard in a part of a segment"
    return f"`{visible(segment)}` is neither `{{name}}` nor `**`"


def _twice(segments: list[str]) -> str:
    named = [segment for segment in segments if segment.startswith("{")]
    double = next((name for name in named if named.count(name) > 1), "")
    return f"`{visible(double)}` is there twice" if double else ""


def _repaired(path: str) -> str:
    """The path that was probably meant; empty where that would be a guess."""
    bare = re.split(r"[?#]", re.sub(r"\A[A-Za-z]+://[^/]*", "", path.strip()[:500]), maxsplit=1)[0]
    plain = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", re.sub(r";[^/]*", "", bare).replace("\\", "/"))
    kept: list[str] = []
    for segment in plain.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    good = "/" + "/".join(kept) + ("/" if kept and plain.endswith("/") else "")
    return good if good != path and not _path_trouble(good) and not _any_wildcard_trouble(good) else ""


def _any_wildcard_trouble(path: str) -> bool:
    segments = path.split("/")[1:]
    return any(_wildcard_trouble(s, i == len(segments) - 1) for i, s in enumerate(segments)) or bool(_twice(segments))


def _replaced(segments: list[str]) -> str:
    """The path with each misplaced wildcard as the nearest that may stand there."""
    names = iter(["id", *(f"id{n}" for n in range(2, len(segments) + 2))])
    taken = {m[1] for s in segments if (m := _ONE_SEGMENT.fullmatch(s))}
    free = (name for name in names if name not in taken)
    seen: set[str] = set()
    kept: list[str] = []
    for index, segment in enumerate(segments):
        # Never `**` for what is not the last: it would let in more than was written.
        last = index == len(segments) - 1
        rest = re.fullmatch(r"([^*{}]*)(\*\*|\{\*\w*\}|\{\w+:path\})", segment)
        if last and rest:
            kept.extend(part for part in (rest[1], "**") if part)
            break
        wrong = _wildcard_trouble(segment, last) or segment in seen
        kept.append("{" + next(free) + "}" if wrong else segment)
        if segment.startswith("{"):
            seen.add(segment)
    good = "/" + "/".join(kept)
    return good if not _any_wildcard_trouble(good) else ""


# --- gRPC ---------------------------------------------------------------------------------------------


def grpc_method(value: object, at: Span) -> str | Finding:
    """`package.Service/Method`, or `package.Service/*` for all of a service's (the gRPC protocol's own
    spelling over HTTP/2, without its leading slash). A service without a package is allowed, as in protobuf.
    """
    method = string(value)
    if method is None:
        return wrong_type(value, "a gRPC method", "a string", at, 'write it as a string: "shop.Orders/Get"')
    if _GRPC.fullmatch(method):
        return method
    return Finding(
        "ZT283",
        f"{shown(method)} is not a gRPC method",
        ((at, _grpc_trouble(method)),),
        "A method is matched by its full name, letter by letter; any other spelling matches no call.",
        did_you_mean(_grpc_repaired(method), 'write "package.Service/Method", or "package.Service/*" for all'),
    )


def _grpc_trouble(method: str) -> str:
    if not method:
        return "it is empty"
    if method.startswith("/"):
        return "it starts with `/`"
    if "/" not in method:
        return "there is no `/` between the service and the method"
    if method.count("/") > 1:
        return "there is more than one `/`"
    service, _, name = method.partition("/")
    if re.fullmatch(_SERVICE, service) is None:
        return f"{shown(service)} is not the full name of a service"
    return f"{shown(name)} is neither a method's name nor `*`"


def _grpc_repaired(method: str) -> str:
    bare = method.strip()[:500].strip("/").removesuffix("()")
    last = bare.rpartition(".")
    # protobuf's style guide: services and methods start with a capital, packages do not.
    dotted = f"{last[0]}/{last[2]}" if last[0].rpartition(".")[2][:1].isupper() else ""
    hashed = bare.replace("#", "/", 1)
    tried = (bare, dotted, hashed, f"{bare}/*", f"{bare.removesuffix('**').removesuffix('/')}/*")
    return next((good for good in tried if _GRPC.fullmatch(good)), "")


# --- Kafka --------------------------------------------------------------------------------------------


def topic(value: object, at: Span) -> str | Finding:
    """A topic's name, as Kafka's own `Topic.validate` has it: 1 to 249 of `a-z A-Z 0-9 . _ -`, not `.` or `..`."""
    name = string(value)
    if name is None:
        return wrong_type(value, "a Kafka topic", "a string", at, 'write it as a string: "orders"')
    if _TOPIC.fullmatch(name) and len(name) <= TOPIC_LENGTH and name not in (".", ".."):
        return name
    return Finding(
        "ZT284",
        f"{shown(name)} is not a Kafka topic",
        ((at, _topic_trouble(name)),),
        "Kafka has no topic of this name; topics are matched whole, there are no wildcards.",
        did_you_mean(_topic_repaired(name), 'write the name of one topic, such as "orders"'),
    )


def _topic_trouble(name: str) -> str:
    if not name:
        return "it is empty"
    if name in (".", ".."):
        return "a file's name, not a topic's"
    wrong = next((c for c in name if not _TOPIC.fullmatch(c)), "")
    if wrong:
        return f"`{visible(wrong)}` is not allowed"
    return f"it has {len(name)} characters; {TOPIC_LENGTH} are allowed"


def _topic_repaired(name: str) -> str:
    # A pattern names many topics: to drop its star would be a guess.
    if "*" in name or len(name) > TOPIC_LENGTH:
        return ""
    good = re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip()).strip("-")
    return "" if good in ("", ".", "..", name) else good
