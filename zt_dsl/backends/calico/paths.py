"""A route as Calico's HTTP rules have it: a path to its end, or with what is below it.

What is matched is normalised first (github.com/projectcalico/calico v3.32.1, `app-policy/checker/match.go`,
normalizeHTTPPath): the query is cut, the path decoded once, `;parameters` are taken out, dot segments resolved and
slashes merged, and a slash at the end counts for nothing. So a path to its end is two of ours, with the slash and
without; a prefix ends at a segment (segmentPrefixMatch), as `/**` does.
"""

from collections.abc import Iterable

from zt_dsl.backends.calico.objects import HTTPPath
from zt_dsl.ir.languages import Language
from zt_dsl.ir.paths import only
from zt_dsl.ir.traffic import Route, Routes

_REST = "/**"


def path_of(route: Route) -> HTTPPath:
    """The path of this route, for all that `unsaid` finds nothing to say against."""
    if route.path.endswith(_REST):
        return HTTPPath("prefix", route.path.removesuffix(_REST) or "/")
    return HTTPPath("exact", route.path.rstrip("/") or "/")


def unsaid(routes: Routes) -> tuple[Route, ...]:
    """The routes that would let through more than all of them say together."""
    declared = only(routes).language
    return tuple(
        route
        for route in routes.routes
        if "{" in route.path or only(Routes(tuple(_matched(route)))).language - declared != Language()
    )


def _matched(route: Route) -> Iterable[Route]:
    """What a rule for this route lets through."""
    yield route
    if not route.path.endswith(_REST) and route.path != "/":
        path = route.path.rstrip("/")
        yield from (Route(route.method, path), Route(route.method, f"{path}/"))
