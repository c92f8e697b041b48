"""Two reaches compared, exactly: by set algebra over all label sets, addresses, names, ports and requests.

Almost every end says the same on both sides, grant for grant, and needs no algebra at all. Elsewhere a grant
without a twin is a box (`boxes`), and one corner of it, a single connection, is looked up on the other side. Nothing
lets it through there: it is the counter-example. Something does: that is subtracted from the box, and each part
that is left is asked the same. No part left: the box is covered, whole.

So a difference costs a look-up, however many there are, and only boxes that are cut differently on the two
sides, and equal in sum, cost algebra.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Literal, TypeAlias, assert_never

from attrs import evolve, frozen

from zt_dsl.ir.addresses import Addresses, united
from zt_dsl.ir.flow import Labels
from zt_dsl.ir.selector import CLUSTER, EVERYTHING, METADATA_NAME, Selector
from zt_dsl.ir.traffic import Ports, ports
from zt_dsl.reach.boxes import (
    Box,
    Index,
    Inside,
    LabelSet,
    Point,
    Walls,
    box_of,
    by_pins,
    containing,
    corner_of,
    denied_of,
    empty,
    everything_of,
    index_of,
    isolates,
    meeting_walls,
    minus,
    name_in,
    parts_of,
)
from zt_dsl.reach.connection import Connection, Far, Named, Pod
from zt_dsl.reach.grants import (
    DIRECTIONS,
    Direction,
    Entities,
    Entity,
    Grant,
    Names,
    Origin,
    Pods,
    Reach,
    Remote,
)


@frozen
class Difference:
    """A connection that `origin` lets through on one side, and nothing on the other.

    `wider`: the manifests permit what is not declared. `narrower`: they refuse what is declared. `undenied`: it is
    declared to be refused whatever allows it, and no object does that.
    """

    kind: Literal["wider", "narrower", "undenied"]
    example: Connection
    origin: Origin


def differences(declared: Reach, permitted: Reach, namespaces: Iterable[str]) -> tuple[Difference, ...]:
    """Everything in which they differ, judged at the pods of these namespaces; none: they are equal.

    One difference for each grant that is not covered by the other side, with one counter-example; and one for
    each end where the other side refuses something and this one does not isolate the pods.
    """
    every: list[_End] = [(namespace, way) for namespace in dict.fromkeys(namespaces) for way in DIRECTIONS]
    walls, others = _walls(declared), _walls(permitted)
    mine, theirs = _granted_at(declared), _granted_at(permitted)
    # The ends at which the two do not isolate, grant and deny the very same: at any other they cannot differ.
    ends = [end for end in every if mine.get(end) != theirs.get(end) or walls.get(end) != others.get(end)]
    if not ends:
        return ()
    unlike = frozenset(ends)
    left, right = _side(walls, declared, unlike), _side(others, permitted, unlike)
    return (
        *_beyond(right, left, ends, "wider"),
        *_beyond(left, right, ends, "narrower"),
        *_undenied(left, right, ends),
    )


_End: TypeAlias = tuple[str, Direction]


def _granted_at(reach: Reach) -> dict[_End, set[tuple[int, ...]]]:
    """The grants of each end, by the identity of their parts: the same object says the same (`grants.shared`). Of
    what is denied, which is little, a mark goes with them."""
    granted: dict[_End, set[tuple[int, ...]]] = {}
    for namespace, way, subject, remote, opened, _ in reach.grants:
        end = granted.get((namespace, way))
        if end is None:
            end = granted[namespace, way] = set()
        end.add((id(subject), id(remote), id(opened)))
    for namespace, way, subject, remote, opened, _ in reach.denied:
        granted.setdefault((namespace, way), set()).add((id(subject), id(remote), id(opened), -1))
    return granted


def _walls(reach: Reach) -> dict[_End, tuple[Selector, ...]]:
    """Which pods of each end are isolated."""
    walls: dict[_End, dict[Selector, None]] = {}
    for isolation in reach.isolations:
        walls.setdefault((isolation.namespace, isolation.direction), {})[isolation.subject] = None
    return {end: _outermost(tuple(found)) for end, found in walls.items()}


def _outermost(walls: tuple[Selector, ...]) -> tuple[Selector, ...]:
    """Without those inside a wall that asks for less: a floor, of every pod or of those with a sidecar."""
    floors = [wall for wall in walls if len(wall.terms) < 2]
    if not floors or len(walls) == 1:
        return walls
    asked = [(floor, set(floor.terms)) for floor in floors]
    return tuple(
        wall for wall in walls if not any(terms < set(wall.terms) for floor, terms in asked if floor is not wall)
    )


# --- what there is -----------------------------------------------------------------------------------


# Each end's boxes by their pods, peers and what is said, with all the ports that they have in common and who grants
# them.
_Boxes: TypeAlias = dict[tuple[Selector, Remote, Inside], tuple[Ports, tuple[Grant, ...]]]


@frozen
class _Side:
    # Which pods of an end are isolated; the others let everything through that is not denied.
    walls: dict[_End, tuple[Selector, ...]]
    boxes: dict[_End, _Boxes]
    denied: dict[_End, _Boxes]


def _side(walls: dict[_End, tuple[Selector, ...]], reach: Reach, ends: Container[_End]) -> _Side:
    return _Side(walls, _boxes(reach.grants, ends), _boxes(reach.denied, ends))


def _boxes(grants: Iterable[Grant], ends: Container[_End]) -> dict[_End, _Boxes]:
    """What is granted at these ends."""
    table: dict[_End, dict[tuple[Selector, Remote, Inside], list[Grant]]] = {}
    outside: dict[_End, dict[tuple[Selector, Ports, Inside], list[Grant]]] = {}
    for grant in grants:
        end = (grant.namespace, grant.direction)
        if end not in ends:
            continue
        opened, inside = parts_of(grant)
        match grant.remote:
            case Pods() | Names() | Entities():
                table.setdefault(end, {}).setdefault((grant.subject, grant.remote, inside), []).append(grant)
            case Addresses():
                # Blocks of one rule or of many: what counts is their union, for the same pods and ports.
                outside.setdefault(end, {}).setdefault((grant.subject, opened, inside), []).append(grant)
            case _:
                assert_never(grant.remote)
    for end, blocks in outside.items():
        for (subject, _, inside), some in blocks.items():
            remote = united(grant.remote for grant in some if isinstance(grant.remote, Addresses))
            table.setdefault(end, {}).setdefault((subject, remote, inside), []).extend(some)
    return {end: {key: (_ports_of(some), tuple(some)) for key, some in found.items()} for end, found in table.items()}


def _ports_of(grants: list[Grant]) -> Ports:
    if len(grants) == 1:
        return parts_of(grants[0])[0]
    return ports(interval for grant in grants for interval in parts_of(grant)[0].intervals)


# --- what one side has and the other has not -----------------------------------------------------------


def _beyond(this: _Side, other: _Side, ends: list[_End], kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    for end in ends:
        yield from _open(this, other, end, kind)
    for end in ends:
        yield from _granted(this, other, end, kind)
        yield from _overruled(this, other, end, kind)


def _open(this: _Side, other: _Side, end: _End, kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    """Pods that the other side isolates and this one does not: the first of them, if it matters."""
    own, walls = this.walls.get(end, ()), other.walls.get(end, ())
    if EVERYTHING in own or not walls:
        return
    there = (*_all(other.boxes.get(end, {})), *_all(this.denied.get(end, {})))
    # Where nobody speaks of names and entities, they are addresses like any others.
    kinds = (Pods, Addresses, Names, Entities) if any(map(_beyond_addresses, there)) else (Pods, Addresses)
    covers, isolated = index_of((*everything_of(own), *there)), by_pins(walls)
    for box in everything_of(walls):
        if not isinstance(box.remote, kinds):
            continue
        if (corner := _left_over(box, covers, isolated)) is not None:
            origin = Origin(f"no policy isolates these pods for {end[1].lower()}: everything passes")
            yield Difference(kind, _example(end, corner), origin)
            return


def _granted(this: _Side, other: _Side, end: _End, kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    """Each grant of this side that the other side neither grants nor leaves open, if this side does not deny it."""
    there, walls = other.boxes.get(end, {}), other.walls.get(end, ())
    without_twin = [
        grants
        for key, (opened, grants) in this.boxes.get(end, {}).items()
        if (twin := there.get(key)) is None or twin[0] != opened
    ]
    if not walls or not without_twin:
        return
    covers, isolated = index_of((*_all(there), *_all(this.denied.get(end, {})))), by_pins(walls)
    for grants in without_twin:
        for grant in grants:
            if (corner := _left_over(box_of(grant), covers, isolated)) is not None:
                yield Difference(kind, _example(end, corner), grant.origin())


def _overruled(this: _Side, other: _Side, end: _End, kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    """Each grant of this side that the other side denies, and this one does not."""
    denied = tuple(_all(other.denied.get(end, {})))
    own = this.denied.get(end, {})
    if not denied:
        return
    covers, everybody = index_of(_all(own)), by_pins((EVERYTHING,))
    for _, grants in this.boxes.get(end, {}).values():
        for grant in grants:
            box = box_of(grant)
            meeting = (denied_of(box, each) for each in denied)
            found = (_left_over(both, covers, everybody) for both in meeting if both is not None)
            if (corner := next(filter(None, found), None)) is not None:
                yield Difference(kind, _named(_example(end, corner), box), grant.origin())


def _undenied(declared: _Side, permitted: _Side, ends: list[_End]) -> Iterator[Difference]:
    """What is declared to be denied, and is not. More may be: what nothing allows is refused without it."""
    everybody = by_pins((EVERYTHING,))
    for end in ends:
        covers = index_of(_all(permitted.denied.get(end, {})))
        for _, grants in declared.denied.get(end, {}).values():
            for grant in grants:
                if (corner := _left_over(box_of(grant), covers, everybody)) is not None:
                    yield Difference("undenied", _example(end, corner), grant.origin())


def _left_over(box: Box, covers: Index, isolated: Walls) -> Point | None:
    """A point of `box` that no cover contains, of a pod that is isolated; None where there is none."""
    parts = [box]
    while parts:
        part = parts.pop()
        if empty(part):
            continue
        corner = corner_of(part)
        if (cover := containing(covers, corner)) is not None:
            parts.extend(minus(part, cover))
        elif isolates(isolated, corner.subject):
            return corner
        else:
            # A pod that the other side leaves open. Ask about those of the part that it isolates.
            found = (
                _left_over(evolve(part, subject=part.subject & wall), covers, isolated)
                for wall in meeting_walls(isolated, part.subject)
            )
            if (point := next(filter(None, found), None)) is not None:
                return point
    return None


def _beyond_addresses(box: Box) -> bool:
    return isinstance(box.remote, (Names, Entities))


def _all(boxes: _Boxes) -> Iterator[Box]:
    return (Box(subject, remote, opened, inside) for (subject, remote, inside), (opened, _) in boxes.items())


def _example(end: _End, point: Point) -> Connection:
    namespace, way = end
    subject = Pod(namespace, _pairs(point.subject))
    return Connection(subject, way, _far(point.remote), point.protocol, point.port, point.said)


def _named(example: Connection, granted: Box) -> Connection:
    """What is denied by its address is granted by its name."""
    if isinstance(granted.remote, Names) and isinstance(example.remote, str):
        return evolve(example, remote=Named(name_in(granted.remote), example.remote))
    return example


def _far(remote: tuple[LabelSet, LabelSet] | Addresses | Named | Entity) -> Far:
    match remote:
        case Addresses():
            return remote.example()
        case (place, pod):
            others = {key: value for key, value in place.items() if key not in (METADATA_NAME, CLUSTER)}
            return Pod(place[METADATA_NAME], _pairs(pod), _pairs(others), place.get(CLUSTER, ""))
        case _:
            return remote


def _pairs(labels: LabelSet) -> Labels:
    return tuple(sorted(labels.items()))
