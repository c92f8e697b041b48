"""Whether two narrowed edges can let the same request through: what guardrails and denials ask.

The language of paths: `/` and segments, each a literal or `{x}`, which is exactly one segment that is not empty;
`**`, only as the last, is any number of segments, none included. What is matched is a normalised path: only its
last segment may be empty (a trailing slash, which counts except below `**`). Names of gRPC methods end in a method
or `*`; topics are literals; looked-up names start with a label, `*.` (one label) or `**.` (one or more).

All of it is exact: true where, and only where, some request is in both.
"""

from typing import assert_never

from zt_dsl.ir.traffic import Lookups, Methods, Narrowing, Route, Routes, Topics, Whole

_REST = "**"


def overlaps(one: Route, other: Route) -> bool:
    """Whether some request, a method and a path, is in both."""
    same_method = one.method == other.method or "*" in (one.method, other.method)
    return same_method and _segments_overlap(one.path.split("/")[1:], other.path.split("/")[1:])


def _segments_overlap(one: list[str], other: list[str]) -> bool:
    for mine, theirs in zip(one, other, strict=False):
        if _REST in (mine, theirs):
            return True
        if not _segment_overlaps(mine, theirs):
            return False
    # The shorter is at its end: the longer can end here only where nothing but `**` is left of it.
    left = one[len(other) :] or other[len(one) :]
    return not left or left == [_REST]


def _segment_overlaps(one: str, other: str) -> bool:
    match one.startswith("{"), other.startswith("{"):
        case True, True:
            return True
        case True, False:
            return other != ""
        case False, True:
            return one != ""
        case _:
            return one == other


def topics_overlap(one: Topics, other: Topics) -> bool:
    """Whether some topic is in both, in the same role."""
    return one.role == other.role and not set(one.topics).isdisjoint(other.topics)


def lookups_overlap(one: str, other: str) -> bool:
    """Whether some name is in both: `api.x`, `*.x` (one label before `x`), `**.x` (one or more)."""
    mine, theirs = one.split(".")[::-1], other.split(".")[::-1]
    # From the right, a wildcard is the last of its name's labels, and stands for one label at least.
    for a, b in zip(mine, theirs, strict=False):
        if _REST in (a, b):
            return True
        if "*" not in (a, b) and a != b:
            return False
    return len(mine) == len(theirs)


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
