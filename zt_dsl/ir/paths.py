"""What a narrowing lets through, as a language: a set of lists of words, one list a request.

A route or a gRPC method is the request's method, whether it has a query (`PLAIN`: it has none; any other word: it
has one), and the segments of its path; a lookup or a server name is the labels of the name from the right; a topic
is the role and the topic. Routes are for requests with and without a query; calls of gRPC have none.

Everything about narrowings is decided there, exactly: whether two overlap, whether one holds another, and what is in
one alone (`languages`).

The language of paths: `/` and segments, each a literal or `{x}`, which is exactly one segment that is not empty;
`**`, only as the last, is any number of segments, none included. What is matched is a normalised path: only its
last segment may be empty (a trailing slash, which counts except below `**`). Names of gRPC methods end in a method
or `*`; topics are literals; names start with a label, `*.` (one label) or `**.` (one or more).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, assert_never

from attrs import evolve, frozen

from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, word
from zt_dsl.ir.selector import Values
from zt_dsl.ir.traffic import Lookups, Methods, Narrowing, Route, Routes, ServerNames, Topics, Whole

Speech = Literal["http", "dns", "tls", "kafka"]

PLAIN = "plain"
"""The second word of an HTTP request that has no query."""

_REST = "**"


@frozen(cache_hash=True)
class Only:
    """Requests of one protocol, and nothing else: `language` holds what they say."""

    speech: Speech
    language: Language


@lru_cache(maxsize=1 << 16)
def only(narrowing: Routes | Methods | Topics | Lookups | ServerNames, *, any_query: bool = False) -> Only:
    """What this narrowing lets through. `any_query`: as an engine says it that reads no query, not of calls either."""
    match narrowing:
        case Routes(routes=routes):
            return Only("http", _united(request(route.method, path(route.path)) for route in routes))
        case Methods(methods=methods):
            query = SOME_WORD if any_query else word(PLAIN)
            return Only("http", _united(_call(method, query) for method in methods))
        case Topics(role=role, topics=topics):
            return Only("kafka", Language((Words((word(role), Values(frozenset(topics)))),)))
        case Lookups(names=names):
            return Only("dns", _united(map(name, names)))
        case ServerNames(names=names):
            return Only("tls", _united(map(name, names)))
        case _:
            assert_never(narrowing)


def _united(languages: Iterable[Language]) -> Language:
    return Language(tuple(dict.fromkeys(part for each in languages for part in each.parts)))


def request(method: str, paths: Language, query: Values = SOME_WORD) -> Language:
    """HTTP requests with this method, or `*` for any, to one of these paths; `query` says with or without a query,
    by default both."""
    first = SOME_WORD if method == "*" else word(method)
    return Language(tuple(evolve(part, words=(first, query, *part.words)) for part in paths.parts))


def _call(method: str, query: Values) -> Language:
    """gRPC is HTTP: a call is a POST to `/package.Service/Method`, without a query where that is read."""
    return request("POST", path("/" + method.replace("/*", "/{method}")), query)


@lru_cache(maxsize=1 << 12)
def path(text: str) -> Language:
    """The normalised paths that a route's path is for."""
    *segments, last = text.split("/")[1:]
    if last == _REST:
        # A path has one segment at least: `/` is an empty one.
        return Language((Words(tuple(map(_segment, segments)) or (ANY_WORD,), ANY_WORD),))
    return Language((Words(tuple(map(_segment, (*segments, last)))),))


def _segment(text: str) -> Values:
    return SOME_WORD if text.startswith("{") else word(text)


@lru_cache(maxsize=1 << 12)
def name(text: str) -> Language:
    """The names that a lookup is for, as their labels from the right: `api.x`, `*.x` (one label before `x`), `**.x`
    (one or more); `**` alone is every name."""
    labels = text.split(".")[::-1]
    words = tuple(SOME_WORD if label in ("*", _REST) else word(label) for label in labels)
    return Language((Words(words, SOME_WORD if labels[-1] == _REST else None),))


def overlaps(one: Narrowing, other: Narrowing) -> bool:
    """Whether something on a port is in both."""
    if isinstance(one, Whole) or isinstance(other, Whole):
        return True
    mine, theirs = only(one), only(other)
    return mine.speech == theirs.speech and bool(mine.language & theirs.language)


def routes_overlap(one: Route, other: Route) -> bool:
    """Whether some request, a method and a path, is in both."""
    return overlaps(Routes((one,)), Routes((other,)))


def names_overlap(one: str, other: str) -> bool:
    """Whether some name is in both."""
    return bool(name(one) & name(other))
