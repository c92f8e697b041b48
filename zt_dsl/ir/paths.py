"""Whether two narrowed edges can let the same request through: what guardrails and denials ask.

The language of paths: `/` and segments, each a literal or `{x}`, which is exactly one segment that is not empty;
`**`, only as the last, is any number of segments, none included. What is matched is a normalised path: only its
last segment may be empty (a trailing slash, which counts except below `**`). Names of gRPC methods end in a method
or `*`; topics are literals; looked-up names start with a label, `*.` (one label) or `**.` (one or more).

All of it is exact: true where, and only where, some request is in both (`languages`).
"""

from functools import lru_cache
from typing import assert_never

from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, word
from zt_dsl.ir.selector import Values
from zt_dsl.ir.traffic import Lookups, Methods, Narrowing, Route, Routes, Topics, Whole

_REST = "**"


@lru_cache(maxsize=1 << 12)
def path(text: str) -> Language:
    """The normalised paths that a route's path is for."""
    *segments, last = text.split("/")[1:]
    if last == _REST:
        return Language((Words(tuple(map(_segment, segments)), ANY_WORD),))
    return Language((Words(tuple(map(_segment, (*segments, last)))),))


def _segment(text: str) -> Values:
    return SOME_WORD if text.startswith("{") else word(text)


@lru_cache(maxsize=1 << 12)
def name(text: str) -> Language:
    """The names that a lookup is for, as their labels from the right: `api.x`, `*.x` (one label before `x`), `**.x`
    (one or more)."""
    labels = text.split(".")[::-1]
    words = tuple(SOME_WORD if label in ("*", _REST) else word(label) for label in labels)
    return Language((Words(words, SOME_WORD if labels[-1] == _REST else None),))


def overlaps(one: Route, other: Route) -> bool:
    """Whether some request, a method and a path, is in both."""
    same_method = one.method == other.method or "*" in (one.method, other.method)
    return same_method and bool(path(one.path) & path(other.path))


def topics_overlap(one: Topics, other: Topics) -> bool:
    """Whether some topic is in both, in the same role."""
    return one.role == other.role and not set(one.topics).isdisjoint(other.topics)


def lookups_overlap(one: str, other: str) -> bool:
    """Whether some name is in both."""
    return bool(name(one) & name(other))


def overlaps_narrowing(one: Narrowing, other: Narrowing) -> bool:
    """Whether something on a port is in both."""
    match one, other:
        case (Whole(), _) | (_, Whole()):
            return True
        case Topics(), Topics():
            return topics_overlap(one, other)
        case Lookups(names=mine), Lookups(names=theirs):
            return any(lookups_overlap(a, b) for a in mine for b in theirs)
        case ((Routes() | Methods()), (Routes() | Methods())):
            return any(overlaps(a, b) for a in _as_routes(one) for b in _as_routes(other))
        case _:
            return False


def _as_routes(narrowing: Routes | Methods) -> tuple[Route, ...]:
    """gRPC is HTTP: a call is a POST to `/package.Service/Method`."""
    match narrowing:
        case Routes(routes=routes):
            return routes
        case Methods(methods=methods):
            return tuple(Route("POST", "/" + method.replace("/*", "/{method}")) for method in methods)
        case _:
            assert_never(narrowing)
