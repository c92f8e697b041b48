"""Paths as regular expressions, the only way in which Cilium's rules say which requests pass.

Cilium's proxy compares an expression with all of `:path`, which carries the query, after it has normalised the path
(github.com/cilium/cilium v1.20.2, `pkg/envoy/policy/envoy_l7_rules_translator.go` and, for `--http-normalize-path`,
`pkg/envoy/model.go`). So there are no anchors, and the query has to be let through. Go compiles what is written here
when the agent takes a policy, RE2 when Envoy does: only what both read alike is used.
"""

import re

LARGEST_PROGRAMME = 100
"""Envoy refuses an expression whose programme is larger, and with it the whole policy of an endpoint (v1.40.0, runtime
key `re2.max_program_size.error_level`, which Cilium does not set)."""

# A path ends where a query or a fragment starts. Envoy answers 400 to a fragment, unless it is told otherwise.
_SEGMENT = "[^/?#]+"
_EVERYTHING = "[^?#]*"
_BELOW = f"(/{_EVERYTHING})?"
# `.` is every character but a line's end, which no request line can hold. `[?]` needs no backslash in YAML.
_QUERY = "([?].*)?"
_SPECIAL = re.compile(r"[\\.+*?()\[\]{}|^$]")


def path_expression(path: str) -> str:
    """What a request's `:path` is, for a route's path: the query may be any, or none."""
    above, _, last = path.rpartition("/")
    if last != "**":
        return _segments(path) + _QUERY
    # Below the root there is always a slash: the empty path is none.
    return (_segments(above) + _BELOW if above else f"/{_EVERYTHING}") + _QUERY


def method_expression(method: str) -> str:
    """The same for a gRPC method. A call has no query (gRPC over HTTP2, "Path → "/" Service-Name "/" {method name}"):
    with one a server looks for a method of another name."""
    service, _, name = method.rpartition("/")
    return f"/{_literal(service)}/{_SEGMENT if name == '*' else _literal(name)}"


def _segments(path: str) -> str:
    return "/".join(_SEGMENT if segment.startswith("{") else _literal(segment) for segment in path.split("/"))


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


# --- size ---------------------------------------------------------------------------------------------

# Four of RE2's instructions are in every programme: to fail, to match, and two to start anywhere. A character of a
# literal is one. A class of all characters but some is many: each of its ranges, as bytes of UTF-8.
_ALWAYS = 4
_SIZES = {_SEGMENT: 11, _BELOW: 13, _EVERYTHING: 9, _QUERY: 12}
_PART = re.compile("|".join(map(re.escape, _SIZES)) + r"|\\?.")


def programme_size(expression: str) -> int:
    """How many instructions RE2 makes of one of the expressions above, never less than Envoy counts.

    Exact where RE2 reads UTF-8, as in google-re2 1.1.20251105 and in Envoy before CVE-2026-73552 (v1.37.6, v1.39.1).
    Since then Envoy reads Latin-1, which takes six less for each of the four parts above; what fits has to fit both.
    """
    return _ALWAYS + sum(_SIZES.get(part, 1) for part in _PART.findall(expression))


def fits(expression: str) -> bool:
    """Whether Envoy takes it. A path of literals may have up to 84 characters, a call's up to 96, each with its
    slashes."""
    return programme_size(expression) <= LARGEST_PROGRAMME
