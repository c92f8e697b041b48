"""Two reaches compared, exactly: by set algebra over all label sets, addresses and ports.

Almost every end says the same on both sides, grant for grant, and needs no algebra at all. Elsewhere a grant
without a twin is a box (some pods × some peers × some ports), and one corner of it, a single connection, is
looked up on the other side. Nothing lets it through there: it is the counter-example. Something does: that is
subtracted from the box, and each part that is left is asked the same. No part left: the box is covered, whole.

So a difference costs a look-up, however many there are, and only boxes that are cut differently on the two
sides, and equal in sum, cost algebra.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Literal, TypeAlias, assert_never

from attrs import evolve, frozen

from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, addresses, united
from zt_dsl.ir.flow import Labels
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, METADATA_NAME, Selector, selector
from zt_dsl.ir.traffic import EVERY_PORT, Ports, Protocol, ports
from zt_dsl.reach.grants import DIRECTIONS, Direction, Grant, Origin, Pods, Reach, Remote

# A namespace's name label is set by the API server: a namespace without one does not exist.
_NAMED = selector(((METADATA_NAME, ANY_VALUE),))


@frozen
class Pod:
    """A pod, by its labels and those of its namespace besides the name."""

    namespace: str
    labels: Labels
    namespace_labels: Labels = ()


@frozen
class Connection:
    """One connection, seen from one end: for Ingress `remote` calls `subject`, for Egress the reverse.

    `remote` is a pod, or an address outside the cluster. The port is the destination's.
    """

    subject: Pod
    direction: Direction
    remote: Pod | str
    protocol: Protocol
    port: int


@frozen
class Difference:
    """A connection that `origin` lets through on one side, and nothing on the other.

    `wider`: the manifests permit what is not declared. `narrower`: they refuse what is declared.
    """

    kind: Literal["wider", "narrower"]
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
    # The ends at which the two do not isolate and grant the very same: at any other they cannot differ.
    ends = [end for end in every if mine.get(end) != theirs.get(end) or walls.get(end) != others.get(end)]
    if not ends:
        return ()
    unlike = frozenset(ends)
    left, right = _Side(walls, _boxes(declared.grants, unlike)), _Side(others, _boxes(permitted.grants, unlike))
    return (*_beyond(right, left, ends, "wider"), *_beyond(left, right, ends, "narrower"))


_End: TypeAlias = tuple[str, Direction]


def _granted_at(reach: Reach) -> dict[_End, set[tuple[int, int, int]]]:
    """The grants of each end, by the identity of their parts: the same object says the same (`grants.shared`)."""
    granted: dict[_End, set[tuple[int, int, int]]] = {}
    for namespace, way, subject, remote, opened, _ in reach.grants:
        end = granted.get((namespace, way))
        if end is None:
            end = granted[namespace, way] = set()
        end.add((id(subject), id(remote), id(opened)))
    return granted


def _walls(reach: Reach) -> dict[_End, tuple[Selector, ...]]:
    """Which pods of each end are isolated."""
    walls: dict[_End, dict[Selector, None]] = {}
    for isolation in reach.isolations:
        walls.setdefault((isolation.namespace, isolation.direction), {})[isolation.subject] = None
    return {end: (EVERYTHING,) if EVERYTHING in found else tuple(found) for end, found in walls.items()}


# --- what there is -----------------------------------------------------------------------------------


@frozen
class _Box:
    """These pods of an end × these peers × these ports."""

    subject: Selector
    remote: Remote
    ports: Ports


# Each end's boxes by their pods and peers, with all the ports that they have in common and who grants them.
_Boxes: TypeAlias = dict[tuple[Selector, Remote], tuple[Ports, tuple[Grant, ...]]]


@frozen
class _Side:
    # Which pods of an end are isolated; the others let everything through.
    walls: dict[_End, tuple[Selector, ...]]
    boxes: dict[_End, _Boxes]


def _boxes(grants: Iterable[Grant], ends: Container[_End]) -> dict[_End, _Boxes]:
    """What is granted at these ends."""
    table: dict[_End, dict[tuple[Selector, Remote], list[Grant]]] = {}
    outside: dict[_End, dict[tuple[Selector, Ports], list[Grant]]] = {}
    for grant in grants:
        end = (grant.namespace, grant.direction)
        if end not in ends:
            continue
        match grant.remote:
            case Pods():
                table.setdefault(end, {}).setdefault((grant.subject, grant.remote), []).append(grant)
            case Addresses():
                # Blocks of one rule or of many: what counts is their union, for the same pods and ports.
                outside.setdefault(end, {}).setdefault((grant.subject, grant.ports), []).append(grant)
            case _:
                assert_never(grant.remote)
    for end, blocks in outside.items():
        for (subject, _), some in blocks.items():
            remote = united(grant.remote for grant in some if isinstance(grant.remote, Addresses))
            table.setdefault(end, {}).setdefault((subject, remote), []).extend(some)
    return {end: {key: (_ports_of(some), tuple(some)) for key, some in found.items()} for end, found in table.items()}


def _ports_of(grants: list[Grant]) -> Ports:
    if len(grants) == 1:
        return grants[0].ports
    return ports(interval for grant in grants for interval in grant.ports.intervals)


# --- what one side has and the other has not -----------------------------------------------------------


def _beyond(this: _Side, other: _Side, ends: list[_End], kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    for end in ends:
        yield from _open(this, other, end, kind)
    for end in ends:
        yield from _granted(this, other, end, kind)


def _open(this: _Side, other: _Side, end: _End, kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    """Pods that the other side isolates and this one does not: the first of them, if it matters."""
    own, walls = this.walls.get(end, ()), other.walls.get(end, ())
    if EVERYTHING in own or not walls:
        return
    covers = _index((*_everything(own), *_all(other.boxes.get(end, {}))))
    isolated = _by_pins(walls)
    for box in _everything(walls):
        if (corner := _left_over(box, covers, isolated)) is not None:
            origin = Origin(f"no policy isolates these pods for {end[1].lower()}: everything passes")
            yield Difference(kind, _example(end, corner), origin)
            return


def _granted(this: _Side, other: _Side, end: _End, kind: Literal["wider", "narrower"]) -> Iterator[Difference]:
    """Each grant of this side that the other side neither grants nor leaves open."""
    there, walls = other.boxes.get(end, {}), other.walls.get(end, ())
    without_twin = [
        grants
        for key, (opened, grants) in this.boxes.get(end, {}).items()
        if (twin := there.get(key)) is None or twin[0] != opened
    ]
    if not walls or not without_twin:
        return
    covers, isolated = _index(_all(there)), _by_pins(walls)
    for grants in without_twin:
        for grant in grants:
            box = _Box(grant.subject, _named(grant.remote), grant.ports)
            if (corner := _left_over(box, covers, isolated)) is not None:
                yield Difference(kind, _example(end, corner), grant.origin())


def _left_over(box: _Box, covers: "_Index", isolated: "_Walls") -> "_Point | None":
    """A point of `box` that no cover contains, of a pod that is isolated; None where there is none."""
    parts = [box]
    while parts:
        part = parts.pop()
        if _empty(part):
            continue
        corner = _corner(part)
        if (cover := _containing(covers, corner)) is not None:
            parts.extend(_minus(part, cover))
        elif _isolates(isolated, corner.subject):
            return corner
        else:
            # A pod that the other side leaves open. Ask about those of the part that it isolates.
            found = (
                _left_over(evolve(part, subject=part.subject & wall), covers, isolated)
                for wall in _meeting(isolated, part.subject)
            )
            if (point := next(filter(None, found), None)) is not None:
                return point
    return None


def _all(boxes: _Boxes) -> Iterator[_Box]:
    return (_Box(subject, remote, opened) for (subject, remote), (opened, _) in boxes.items())


def _everything(subjects: Iterable[Selector]) -> Iterator[_Box]:
    """All that these pods could let through."""
    for subject in subjects:
        yield _Box(subject, Pods(_NAMED, EVERYTHING), EVERY_PORT)
        yield _Box(subject, EVERY_ADDRESS, EVERY_PORT)


def _named(remote: Remote) -> Remote:
    """Without namespaces that cannot be: those without a name."""
    return Pods(remote.namespace & _NAMED, remote.pods) if isinstance(remote, Pods) else remote


# --- boxes -------------------------------------------------------------------------------------------


def _empty(box: _Box) -> bool:
    match box.remote:
        case Pods(namespace=namespace, pods=pods):
            nobody = namespace.empty or pods.empty
        case Addresses():
            nobody = not box.remote
        case _:
            assert_never(box.remote)
    return nobody or box.subject.empty or not box.ports


def _minus(box: _Box, cover: _Box) -> Iterator[_Box]:
    """What is in `box` and not in `cover`, in boxes that have nothing in common. They must meet."""
    subject, both = box.subject & cover.subject, box.ports & cover.ports
    for outside in box.subject.minus(cover.subject):
        yield evolve(box, subject=outside)
    beyond = box.ports - cover.ports
    if beyond:
        yield _Box(subject, box.remote, beyond)
    for apart in _apart(box.remote, cover.remote):
        yield _Box(subject, apart, both)


def _apart(one: Remote, other: Remote) -> Iterator[Remote]:
    match one, other:
        case Pods(), Pods():
            for namespace in one.namespace.minus(other.namespace):
                yield Pods(namespace, one.pods)
            for pods in one.pods.minus(other.pods):
                yield Pods(one.namespace & other.namespace, pods)
        case Addresses(), Addresses():
            yield one - other
        case _:
            yield one


# --- one point ---------------------------------------------------------------------------------------

_LabelSet: TypeAlias = Mapping[str, str]


@frozen
class _Point:
    """One connection at an end: labels of the subject, of the remote's namespace and pod, or an address."""

    subject: _LabelSet
    remote: tuple[_LabelSet, _LabelSet] | Addresses
    protocol: Protocol
    port: int


def _corner(box: _Box) -> _Point:
    # TCP where there is a choice: what a reader would try first.
    protocol, port, _ = next((i for i in box.ports.intervals if i[0] == "TCP"), box.ports.intervals[0])
    match box.remote:
        case Pods(namespace=namespace, pods=pods):
            return _Point(box.subject.example(), (namespace.example(), pods.example()), protocol, port)
        case Addresses():
            address = addresses((ip_network(box.remote.example()),))
            return _Point(box.subject.example(), address, protocol, port)
        case _:
            assert_never(box.remote)


def _contains(box: _Box, point: _Point) -> bool:
    if not (box.ports.contains(point.protocol, point.port) and box.subject.contains(point.subject)):
        return False
    match box.remote, point.remote:
        case Pods(namespace=namespaces, pods=pods), (namespace, pod):
            return namespaces.contains(namespace) and pods.contains(pod)
        case Addresses(), Addresses():
            return not point.remote - box.remote
        case _:
            return False


# Selectors by the labels that they ask for: which keys, then which values.
_Walls: TypeAlias = dict[tuple[str, ...], dict[tuple[str, ...], list[Selector]]]


def _by_pins(walls: Iterable[Selector]) -> _Walls:
    index: _Walls = {}
    for wall in walls:
        pins = _pins(wall)
        index.setdefault(tuple(pins), {}).setdefault(tuple(pins.values()), []).append(wall)
    return index


def _isolates(isolated: _Walls, subject: _LabelSet) -> bool:
    return any(
        wall.contains(subject)
        for keys, walls in isolated.items()
        for wall in walls.get(tuple(subject.get(key, "") for key in keys), ())
    )


def _meeting(isolated: _Walls, subject: Selector) -> Iterator[Selector]:
    """Those that may select a pod which this one selects; not the many that ask for another value."""
    pins = _pins(subject)
    for keys, walls in isolated.items():
        if pins.keys() >= set(keys):
            yield from walls.get(tuple(pins[key] for key in keys), ())
        else:
            yield from (wall for some in walls.values() for wall in some)


# Boxes by the labels that they ask for, each with one value: which keys (of the subject, the namespace, the
# pod; None for addresses), then which values. A point is in a box only if it has all of them.
_Keys: TypeAlias = tuple[tuple[str, ...], tuple[str, ...] | None, tuple[str, ...]]
_Index: TypeAlias = dict[_Keys, dict[tuple[str, ...], list[_Box]]]


def _index(boxes: Iterable[_Box]) -> _Index:
    index: _Index = {}
    for box in boxes:
        subject = _pins(box.subject)
        match box.remote:
            case Pods(namespace=namespace, pods=pods):
                there, who = _pins(namespace), _pins(pods)
                keys: _Keys = (tuple(subject), tuple(there), tuple(who))
                values = (*subject.values(), *there.values(), *who.values())
            case Addresses():
                keys, values = (tuple(subject), None, ()), tuple(subject.values())
            case _:
                assert_never(box.remote)
        index.setdefault(keys, {}).setdefault(values, []).append(box)
    return index


def _pins(subject: Selector) -> dict[str, str]:
    """The labels that every selected pod has, and their values."""
    return {
        key: min(values.values)
        for key, values in subject.terms
        if len(values.values) == 1 and not values.others and not values.absent
    }


def _containing(index: _Index, point: _Point) -> _Box | None:
    """A box that contains this point."""
    for keys, boxes in index.items():
        values = _values(keys, point)
        for box in boxes.get(values, ()) if values is not None else ():
            if _contains(box, point):
                return box
    return None


def _values(keys: _Keys, point: _Point) -> tuple[str, ...] | None:
    """What the point has under these keys; None where it lacks one."""
    subject, there, who = keys
    match point.remote:
        case Addresses():
            if there is not None:
                return None
            found = [point.subject.get(key) for key in subject]
        case namespace, pod:
            if there is None:
                return None
            found = [point.subject.get(key) for key in subject]
            found += [namespace.get(key) for key in there]
            found += [pod.get(key) for key in who]
    values = tuple(value for value in found if value is not None)
    return values if len(values) == len(found) else None


def _example(end: _End, point: _Point) -> Connection:
    namespace, way = end
    subject = Pod(namespace, _pairs(point.subject))
    match point.remote:
        case Addresses():
            return Connection(subject, way, point.remote.example(), point.protocol, point.port)
        case place, pod:
            others = {key: value for key, value in place.items() if key != METADATA_NAME}
            remote = Pod(place[METADATA_NAME], _pairs(pod), _pairs(others))
            return Connection(subject, way, remote, point.protocol, point.port)


def _pairs(labels: _LabelSet) -> Labels:
    return tuple(sorted(labels.items()))


# --- one connection ----------------------------------------------------------------------------------


def passes(reach: Reach, end: Connection) -> bool:
    """Whether this reach lets one connection through at this end. What the real engines are asked, too."""
    labels = dict(end.subject.labels)
    namespace = end.subject.namespace
    isolated = any(
        i.namespace == namespace and i.direction == end.direction and i.subject.contains(labels)
        for i in reach.isolations
    )
    return not isolated or any(
        grant.namespace == namespace
        and grant.direction == end.direction
        and grant.subject.contains(labels)
        and grant.ports.contains(end.protocol, end.port)
        and _is_among(grant.remote, end.remote)
        for grant in reach.grants
    )


def _is_among(remote: Remote, peer: Pod | str) -> bool:
    match remote, peer:
        case Addresses(), str():
            return ip_network(peer) in remote
        case Pods(), Pod():
            labels = {**dict(peer.namespace_labels), METADATA_NAME: peer.namespace}
            return remote.namespace.contains(labels) and remote.pods.contains(dict(peer.labels))
        case _:
            return False
