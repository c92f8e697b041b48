"""Boxes: some pods of an end × some peers × some ports × what is said there. Their algebra, and an index of many."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import TypeAlias, assert_never

from attrs import evolve, frozen

from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, addresses
from zt_dsl.ir.paths import Only
from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, METADATA_NAME, Selector, selector
from zt_dsl.ir.traffic import EVERY_PORT, WHOLE, Ports, Protocol, Whole
from zt_dsl.reach.connection import Named, Said, says
from zt_dsl.reach.grants import EVERY_ENTITY, EVERY_NAME, Entities, Entity, Grant, Names, Narrowed, Pods, Remote

# A namespace's name label is set by the API server: a namespace without one does not exist.
_NAMED = selector(((METADATA_NAME, ANY_VALUE),))

Inside: TypeAlias = Whole | Only


@frozen
class Box:
    """These pods of an end × these peers × these ports × what is said there."""

    subject: Selector
    remote: Remote
    ports: Ports
    inside: Inside = WHOLE


def box_of(grant: Grant) -> Box:
    opened, inside = parts_of(grant)
    return Box(grant.subject, _known(grant.remote), opened, inside)


def parts_of(grant: Grant) -> tuple[Ports, Inside]:
    opened = grant.opened
    return (opened.ports, opened.only) if isinstance(opened, Narrowed) else (opened, WHOLE)


def _known(remote: Remote) -> Remote:
    """Without namespaces that cannot be: those without a name."""
    return Pods(remote.namespace & _NAMED, remote.pods) if isinstance(remote, Pods) else remote


def everything_of(subjects: Iterable[Selector]) -> Iterator[Box]:
    """All that these pods could let through."""
    for subject in subjects:
        yield Box(subject, Pods(_NAMED, EVERYTHING), EVERY_PORT)
        yield Box(subject, EVERY_ADDRESS, EVERY_PORT)
        yield Box(subject, EVERY_NAME, EVERY_PORT)
        yield Box(subject, Entities(EVERY_ENTITY), EVERY_PORT)


def empty(box: Box) -> bool:
    return box.subject.empty or not box.ports or _nobody(box.remote) or not _something(box.inside)


def _nobody(remote: Remote) -> bool:
    match remote:
        case Pods(namespace=namespace, pods=pods):
            return namespace.empty or pods.empty
        case Addresses():
            return not remote
        case Names(names=names):
            return not names
        case Entities(entities=entities):
            return not entities
        case _:
            assert_never(remote)


def _something(inside: Inside) -> bool:
    return isinstance(inside, Whole) or bool(inside.language)


def minus(box: Box, cover: Box) -> Iterator[Box]:
    """What is in `box` and not in `cover`, in boxes that have nothing in common. They must meet."""
    subject, both = box.subject & cover.subject, box.ports & cover.ports
    for outside in box.subject.minus(cover.subject):
        yield evolve(box, subject=outside)
    beyond = box.ports - cover.ports
    if beyond:
        yield Box(subject, box.remote, beyond, box.inside)
    for apart in _apart(box.remote, cover.remote):
        yield Box(subject, apart, both, box.inside)
    # A cover that holds a corner of the whole port is whole itself (`corner_of`): nothing is left of it then.
    if isinstance(box.inside, Only) and isinstance(cover.inside, Only):
        unsaid = Only(box.inside.speech, box.inside.language - cover.inside.language)
        if unsaid.language and (remote := common(box.remote, cover.remote)) is not None:
            yield Box(subject, remote, both, unsaid)


def _apart(one: Remote, other: Remote) -> Iterator[Remote]:
    match one, other:
        case Pods(), Pods():
            for namespace in one.namespace.minus(other.namespace):
                yield Pods(namespace, one.pods)
            for pods in one.pods.minus(other.pods):
                yield Pods(one.namespace & other.namespace, pods)
        case Addresses(), Addresses():
            yield one - other
        case Names(), Names():
            yield Names(one.names - other.names)
        case Entities(), Entities():
            yield Entities(one.entities - other.entities)
        case _:
            yield one


def common(one: Remote, other: Remote) -> Remote | None:
    """Who is both; None where nobody can be."""
    match one, other:
        case Pods(), Pods():
            return Pods(one.namespace & other.namespace, one.pods & other.pods)
        case Addresses(), Addresses():
            return one & other
        case Names(), Names():
            return Names(one.names & other.names)
        case Entities(), Entities():
            return Entities(one.entities & other.entities)
        case _:
            return None


def denied_of(box: Box, other: Box) -> Box | None:
    """What of `box` a denial of `other` refuses, which is of whole ports; None where that is nothing. A name has
    whatever addresses, those that are denied, too."""
    named = isinstance(box.remote, Names) and isinstance(other.remote, Addresses)
    remote = other.remote if named else common(box.remote, other.remote)
    if remote is None:
        return None
    both = Box(box.subject & other.subject, remote, box.ports & other.ports, box.inside)
    return None if empty(both) else both


# --- one point ---------------------------------------------------------------------------------------

LabelSet: TypeAlias = Mapping[str, str]


@frozen
class Point:
    """One connection at an end: labels of the subject; of the remote's namespace and pod, an address, a name or an
    entity; and the one request that it carries, or None for what no narrowed box holds."""

    subject: LabelSet
    remote: tuple[LabelSet, LabelSet] | Addresses | Named | Entity
    protocol: Protocol
    port: int
    said: Said | None


def corner_of(box: Box) -> Point:
    # TCP where there is a choice: what a reader would try first.
    protocol, port, _ = next((i for i in box.ports.intervals if i[0] == "TCP"), box.ports.intervals[0])
    said = Said(box.inside.speech, box.inside.language.example()) if isinstance(box.inside, Only) else None
    return Point(box.subject.example(), _someone(box.remote), protocol, port, said)


def _someone(remote: Remote) -> tuple[LabelSet, LabelSet] | Addresses | Named | Entity:
    match remote:
        case Pods(namespace=namespace, pods=pods):
            return namespace.example(), pods.example()
        case Addresses():
            return addresses((ip_network(remote.example()),))
        case Names():
            return Named(name_in(remote))
        case Entities(entities=entities):
            return min(entities)
        case _:
            assert_never(remote)


def name_in(names: Names) -> str:
    """One of these names."""
    return ".".join(reversed(names.names.example()))


def _contains(box: Box, point: Point) -> bool:
    if not (box.ports.contains(point.protocol, point.port) and box.subject.contains(point.subject)):
        return False
    if isinstance(box.inside, Only) and not says(box.inside, point.said):
        return False
    match box.remote, point.remote:
        case Pods(namespace=namespaces, pods=pods), (namespace, pod):
            return namespaces.contains(namespace) and pods.contains(pod)
        case Addresses(), Addresses():
            return not point.remote - box.remote
        case Names(names=names), Named(name=name):
            return names.contains(name.split(".")[::-1])
        case Entities(entities=entities), str():
            return point.remote in entities
        case _:
            return False


# Selectors by the labels that they ask for: which keys, then which values.
Walls: TypeAlias = dict[tuple[str, ...], dict[tuple[str, ...], list[Selector]]]


def by_pins(walls: Iterable[Selector]) -> Walls:
    index: Walls = {}
    for wall in walls:
        pins = _pins(wall)
        index.setdefault(tuple(pins), {}).setdefault(tuple(pins.values()), []).append(wall)
    return index


def isolates(isolated: Walls, subject: LabelSet) -> bool:
    return any(
        wall.contains(subject)
        for keys, walls in isolated.items()
        for wall in walls.get(tuple(subject.get(key, "") for key in keys), ())
    )


def meeting_walls(isolated: Walls, subject: Selector) -> Iterator[Selector]:
    """Those that may select a pod which this one selects; not the many that ask for another value."""
    pins = _pins(subject)
    for keys, walls in isolated.items():
        if pins.keys() >= set(keys):
            yield from walls.get(tuple(pins[key] for key in keys), ())
        else:
            yield from (wall for some in walls.values() for wall in some)


# Boxes by the labels that they ask for, each with one value: which keys (of the subject, the namespace, the
# pod; None for what is no pod), then which values. A point is in a box only if it has all of them.
_Keys: TypeAlias = tuple[tuple[str, ...], tuple[str, ...] | None, tuple[str, ...]]
Index: TypeAlias = dict[_Keys, dict[tuple[str, ...], list[Box]]]


def index_of(boxes: Iterable[Box]) -> Index:
    index: Index = {}
    for box in boxes:
        subject = _pins(box.subject)
        match box.remote:
            case Pods(namespace=namespace, pods=pods):
                there, who = _pins(namespace), _pins(pods)
                keys: _Keys = (tuple(subject), tuple(there), tuple(who))
                values = (*subject.values(), *there.values(), *who.values())
            case Addresses() | Names() | Entities():
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


def containing(index: Index, point: Point) -> Box | None:
    """A box that contains this point."""
    for keys, boxes in index.items():
        values = _values(keys, point)
        for box in boxes.get(values, ()) if values is not None else ():
            if _contains(box, point):
                return box
    return None


def _values(keys: _Keys, point: Point) -> tuple[str, ...] | None:
    """What the point has under these keys; None where it lacks one."""
    subject, there, who = keys
    found = [point.subject.get(key) for key in subject]
    if isinstance(point.remote, tuple) is (there is None):
        return None
    if isinstance(point.remote, tuple) and there is not None:
        namespace, pod = point.remote
        found += [namespace.get(key) for key in there]
        found += [pod.get(key) for key in who]
    values = tuple(value for value in found if value is not None)
    return values if len(values) == len(found) else None
