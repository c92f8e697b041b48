"""Identity before anything else: services that a pod could both be cannot be told apart by any policy."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from zt_dsl.ir.flow import Workload
from zt_dsl.model.peers import Service
from zt_dsl.resolve.finding import Finding

Named = tuple[Service, Workload]


def indistinguishable(services: Iterable[Named]) -> Iterator[Finding]:
    """Pairs of one namespace whose selectors one pod can satisfy: equal, nested, or overlapping."""
    by_place: dict[object, list[Named]] = {}
    for named in services:
        by_place.setdefault(named[1].place, []).append(named)
    for group in by_place.values():
        seen: set[tuple[str, str]] = set()
        for one, other in _together(group, frozenset()):
            pair = (one[1].name, other[1].name)
            if pair not in seen:
                seen.add(pair)
                yield _told(one, other)


def _together(group: Sequence[Named], told: frozenset[str]) -> Iterator[tuple[Named, Named]]:
    """Pairs that agree on every label that both have.

    Two services with different values of one key are apart. Bucketing by the most common key leaves only
    the pairs inside a bucket, and those with the few that lack the key: no search through all pairs.
    """
    if len(group) < 2:
        return
    keys = Counter(key for _, workload in group for key, _ in workload.labels if key not in told)
    if not keys:
        # All of these are alike. Each is told with its neighbour: told in all pairs, a copied label would bury
        # everything else.
        yield from itertools.pairwise(group)
        return
    key = min(keys, key=lambda k: (-keys[k], k))
    buckets: dict[str | None, list[Named]] = {}
    for named in group:
        buckets.setdefault(dict(named[1].labels).get(key), []).append(named)
    lacking = buckets.pop(None, [])
    for bucket in buckets.values():
        yield from _together([*bucket, *lacking], told | {key})
    if not buckets or len(lacking) > 1:
        yield from _together(lacking, told | {key})


def contained(resolver: Named, services: Iterable[Named]) -> Iterator[Finding]:
    """Services of the resolver's namespace that are it, or a part of it, or that it is a part of.

    Labels that merely do not exclude one another are no mistake here: the resolver's are not the user's to choose.
    """
    pods = dict(resolver[1].labels).items()
    for named in services:
        labels = dict(named[1].labels).items()
        if named[1].place == resolver[1].place and (labels <= pods or pods <= labels):
            yield _told(named, resolver)


def _told(one: Named, other: Named) -> Finding:
    a, b = dict(one[1].labels), dict(other[1].labels)
    if a == b:
        code, said = "ZT221", "select the same pods"
    elif a.items() <= b.items() or b.items() <= a.items():
        wide, narrow = (one, other) if a.items() <= b.items() else (other, one)
        code, said = "ZT222", f"overlap: every pod of `{narrow[1].name}` is one of `{wide[1].name}` too"
    else:
        code, said = "ZT223", "can both match one pod"
    return Finding(
        code,
        f"services `{one[1].name}` and `{other[1].name}` of namespace `{one[1].place}` {said}",
        (
            (one[0].written_at, f"selects {_text(a)}"),
            (other[0].written_at, f"selects {_text(b)}"),
        ),
        "Policies know pods by their labels alone: such a pod gets the edges of both services.",
        _apart(one[1], other[1], a, b),
    )


def _text(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _apart(one: Workload, other: Workload, a: dict[str, str], b: dict[str, str]) -> str:
    shared = sorted(a.keys() & b.keys())
    lone = sorted(a.keys() ^ b.keys())
    if shared:
        key = "app" if "app" in shared else shared[0]
        return f"give the two different values of one label, such as `{key}`: {key}={one.name} and {key}={other.name}"
    key = "app" if "app" in lone else lone[0]
    return f"give both the label `{key}`, with different values: {key}={one.name} and {key}={other.name}"


def shared_accounts(services: Iterable[Named]) -> Iterator[Finding]:
    """Services of one namespace with one service account: under a mesh they are one identity. Outside it they have
    none."""
    first: dict[tuple[object, str], Named] = {}
    for named in services:
        service, workload = named
        if not workload.meshed:
            continue
        known = first.setdefault((workload.place, workload.service_account), named)
        if known[1] != workload:
            yield Finding(
                "ZT225",
                f"services `{known[1].name}` and `{workload.name}` share the service account "
                f"`{workload.service_account}`",
                ((service.written_at, "this one"), (known[0].written_at, "and this one")),
                "The mesh knows callers by their service account: what one may do, the other may.",
                'give each its own: service_account="…"',
            )
