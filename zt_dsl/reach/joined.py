"""Several layers as one: a connection passes where each of them lets it through.

What one layer leaves open, the others alone decide. Grants meet pairwise, pods with pods and requests with requests,
and what any layer denies is denied. So the result is a reach like any other, exact, and is compared like any other.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce

from zt_dsl.ir.paths import Only
from zt_dsl.ir.selector import EVERYTHING, Selector, outside
from zt_dsl.ir.traffic import EVERY_PORT
from zt_dsl.reach.boxes import by_pins, common, meeting_walls, parts_of
from zt_dsl.reach.grants import (
    DIRECTIONS,
    EVERYBODY,
    Direction,
    Grant,
    Narrowed,
    Opened,
    Origin,
    Reach,
)


def joined(layers: Sequence[Reach], namespaces: Iterable[str]) -> Reach:
    """What passes all of these layers, at the pods of these namespaces."""
    return reduce(partial(_both, tuple(dict.fromkeys(namespaces))), layers)


def _both(namespaces: tuple[str, ...], one: Reach, other: Reach) -> Reach:
    grants = tuple(grant for each in namespaces for way in DIRECTIONS for grant in _meeting(each, way, one, other))
    isolations = tuple(dict.fromkeys((*one.isolations, *other.isolations)))
    return Reach(isolations, grants, (*one.denied, *other.denied))


def _meeting(namespace: str, way: Direction, one: Reach, other: Reach) -> Iterator[Grant]:
    theirs: dict[Selector, list[Grant]] = {}
    for grant in _at(namespace, way, other):
        theirs.setdefault(grant.subject, []).append(grant)
    # Of thousands of services the few that a pod of this one may be, too.
    index = by_pins(theirs)
    for grant in _at(namespace, way, one):
        for pods in meeting_walls(index, grant.subject):
            subject = grant.subject & pods
            for against in () if subject.empty else theirs[pods]:
                remote = common(grant.remote, against.remote)
                opened = _opened(grant, against)
                if remote is not None and opened is not None:
                    yield Grant(namespace, way, subject, remote, opened, partial(_origin, grant, against))


def _at(namespace: str, way: Direction, reach: Reach) -> tuple[Grant, ...]:
    """The grants of this end; and, for pods that the layer does not isolate, everything."""
    granted = tuple(grant for grant in reach.grants if grant.namespace == namespace and grant.direction == way)
    walls = [i.subject for i in reach.isolations if i.namespace == namespace and i.direction == way]
    left_open = outside(walls) if walls else (EVERYTHING,)
    return granted + tuple(
        Grant(namespace, way, pods, remote, EVERY_PORT, _open) for pods in left_open for remote in EVERYBODY
    )


def _origin(one: Grant, other: Grant) -> Origin:
    """Both rules, where both were written: to let it through it takes both, and either may be the one that is wrong."""
    mine, theirs = one.origin(), other.origin()
    if not mine.path or not theirs.path:
        return mine if mine.path else theirs
    if mine == theirs:
        return mine
    return Origin(f"{mine.what} together with {theirs.what}", theirs.path, theirs.line)


def _open() -> Origin:
    return Origin("a layer that does not isolate these pods")


def _opened(one: Grant, other: Grant) -> Opened | None:
    """What both let through on a port; None where that is nothing."""
    (mine, inside), (theirs, also_inside) = parts_of(one), parts_of(other)
    both = mine & theirs
    if not both:
        return None
    match inside, also_inside:
        case Only(), Only():
            if inside.speech != also_inside.speech:
                return None
            language = inside.language & also_inside.language
            return Narrowed(both, Only(inside.speech, language)) if language else None
        case Only(), _:
            return Narrowed(both, inside)
        case _, Only():
            return Narrowed(both, also_inside)
        case _:
            return both
