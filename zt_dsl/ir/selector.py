"""Sets of label sets: what a selector selects, closed under intersection and subtraction.

A selector says, key by key, which values a label set may have there; a key that it does not name may have
any value or be absent. That is exactly what a Kubernetes label selector can say (k8s.io/apimachinery
v0.37.2, `pkg/labels/selector.go`): its requirements are joined by "and", and each is about one key.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from attrs import frozen

METADATA_NAME = "kubernetes.io/metadata.name"
"""The label that the API server sets on each namespace to its name (defaults.go, SetDefaults_Namespace)."""


CLUSTER = "io.cilium.k8s.policy.cluster"
"""Where engines join clusters, the label that says which one a namespace is in, as Cilium spells it
(github.com/cilium/cilium v1.20.2, `pkg/k8s/apis/cilium.io/const.go`, PolicyLabelCluster)."""

SERVICE_ACCOUNT = "projectcalico.org/serviceaccount"
"""The label that says a pod's service account, as Calico spells it (github.com/projectcalico/api v3.31.0,
`pkg/apis/projectcalico/v3/constants.go`, LabelServiceAccount). Nobody can write it to a pod: it says what the pod runs
as."""

IDENTITY = "spiffe://"
"""What says of a pod that it has a mesh identity, and in which trust domain; absent where it has none, and speaks in
plain text. It is no label, and no label can be spelt like it: with it pods are told apart in the same algebra."""


@frozen(cache_hash=True)
class Values:
    """What a label may be: `absent` or not; and one of `values`, or with `others` any value but those."""

    values: frozenset[str]
    others: bool = False
    absent: bool = False

    def __and__(self, other: "Values") -> "Values":
        absent = self.absent and other.absent
        match self.others, other.others:
            case True, True:
                return Values(self.values | other.values, others=True, absent=absent)
            case True, False:
                return Values(other.values - self.values, absent=absent)
            case False, True:
                return Values(self.values - other.values, absent=absent)
            case _:
                return Values(self.values & other.values, absent=absent)

    def __or__(self, other: "Values") -> "Values":
        return ~(~self & ~other)

    def __invert__(self) -> "Values":
        return Values(self.values, others=not self.others, absent=not self.absent)

    @property
    def empty(self) -> bool:
        """No value, and not absent either."""
        return not (self.others or self.absent or self.values)

    def contains(self, value: str | None) -> bool:
        """Whether a label with this value (None: no such label) is inside."""
        if value is None:
            return self.absent
        return (value in self.values) is not self.others

    def example(self) -> str | None:
        """A value that is inside; None where only absence is. Undefined for an empty set."""
        if self.absent:
            return None
        if not self.others:
            return min(self.values)
        names = (f"other{number or ''}" for number in range(len(self.values) + 1))
        return next(name for name in names if self.contains(name))


ANY_VALUE = Values(frozenset(), others=True)
"""Present, with whatever value."""


@frozen(cache_hash=True)
class Selector:
    """The label sets that satisfy every one of `terms`; sorted by key, one term a key, none trivial."""

    terms: tuple[tuple[str, Values], ...] = ()

    def __and__(self, other: "Selector") -> "Selector":
        if not other.terms or self is other:
            return self
        if not self.terms:
            return other
        merged = dict(self.terms)
        for key, values in other.terms:
            known = merged.get(key)
            merged[key] = values if known is None else known & values
        return Selector(tuple(sorted(merged.items(), key=_key)))

    @property
    def empty(self) -> bool:
        """No label set satisfies it."""
        return any(values.empty for _, values in self.terms)

    def contains(self, labels: Mapping[str, str]) -> bool:
        """Whether this label set is selected."""
        return all(values.contains(labels.get(key)) for key, values in self.terms)

    def minus(self, other: "Selector") -> Iterator["Selector"]:
        """What is in this and not in `other`, as selectors that have nothing in common."""
        rest = self
        for key, values in other.terms:
            outside = rest & Selector(((key, ~values),))
            if not outside.empty:
                yield outside
            rest = rest & Selector(((key, values),))
            if rest.empty:
                return

    def example(self) -> dict[str, str]:
        """A label set that is selected. Undefined where none is."""
        found = {key: values.example() for key, values in self.terms}
        return {key: value for key, value in found.items() if value is not None}


def _key(term: tuple[str, Values]) -> str:
    return term[0]


EVERYTHING = Selector()
"""Every label set, the empty one too."""


def selector(terms: Iterable[tuple[str, Values]]) -> Selector:
    """The label sets that satisfy all of these; a key may come more than once."""
    merged: dict[str, Values] = {}
    for key, values in terms:
        merged[key] = merged[key] & values if key in merged else values
    return Selector(tuple(sorted(merged.items(), key=_key)))


@lru_cache(maxsize=1 << 16)
def with_labels(labels: tuple[tuple[str, str], ...]) -> Selector:
    """`matchLabels`: each of these labels, with exactly this value.

    Equal ones are one object, so that comparing them is comparing their identity.
    """
    return selector((key, Values(frozenset((value,)))) for key, value in labels)


def outside(selectors: Iterable[Selector]) -> tuple[Selector, ...]:
    """The label sets that none of these selects, as selectors that have nothing in common.

    Those that ask for one label, of the same key, are one question: of ten thousand services with a label each one
    selector is left, made at once.
    """
    alone: dict[str, Values] = {}
    others: list[Selector] = []
    for each in dict.fromkeys(selectors):
        if len(each.terms) == 1:
            [(key, values)] = each.terms
            alone.setdefault(key, Values(frozenset()))
            alone[key] = alone[key] | values
        else:
            others.append(each)
    left = [Selector(tuple(sorted((key, ~values) for key, values in alone.items())))]
    for taken in others:
        left = [rest for part in left for rest in (part.minus(taken) if not (part & taken).empty else (part,))]
    return tuple(part for part in left if not part.empty)
