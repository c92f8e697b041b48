"""What is let through at the pods of a namespace by Calico's policies, in the order in which they are asked.

Source: github.com/projectcalico/calico v3.31.0: C is `app-policy/checker/check.go`, S `felix/calc/policy_sorter.go`.

The first rule that matches decides (C, checkRules). A tier is asked only about pods that one of its policies selects
in that direction (S); what nothing there matches is denied at its end, unless the tier says Pass. What passes is for
the next tier, and behind the last for the profile of the namespace, which allows everything
(`libcalico-go/lib/backend/k8s/conversion`, NamespaceToProfile).

Allowing adds up, so an earlier rule that allows takes nothing from a later one, and what is passed may hold what was
allowed before. Only what denies and what passes is cut out of what comes behind it: a set of policies that only
allow needs no algebra.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from attrs import evolve, frozen

from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses
from zt_dsl.ir.paths import Only
from zt_dsl.ir.selector import EVERYTHING, Selector
from zt_dsl.ir.traffic import EVERY_PORT
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.reach.boxes import Box, box_of, denied_of, empty, minus
from zt_dsl.reach.grants import (
    EVERY_ENTITY,
    EVERY_NAME,
    OWN_NODE,
    Direction,
    Entities,
    Grant,
    Names,
    Narrowed,
    Opened,
    Origin,
    Pods,
    Remote,
)

Action = Literal["Allow", "Deny", "Pass"]

DEFAULT = "default"

_PODS_AND_ADDRESSES: tuple[Remote, ...] = (Pods(EVERYTHING, EVERYTHING), EVERY_ADDRESS, EVERY_NAME)
EVERYBODY: Mapping[Direction, tuple[Remote, ...]] = {
    # What a pod's own node says to it is let in before any policy is asked (`felix/rules/endpoints.go`).
    "Ingress": (*_PODS_AND_ADDRESSES, Entities(EVERY_ENTITY - OWN_NODE)),
    "Egress": (*_PODS_AND_ADDRESSES, Entities(EVERY_ENTITY)),
}


@frozen
class Tier:
    """Where a tier is among the others, and whether what nothing matches in it is denied."""

    order: float
    denies: bool = True


class Rule(NamedTuple):
    """What is done with connections with these peers, on these ports."""

    action: Action
    remotes: tuple[Remote, ...]
    openeds: tuple[Opened, ...]


@frozen
class Applied:
    """A policy at pods of one namespace, in one direction. `name` is what decides between policies of one order."""

    document: ReadDocument
    tier: str
    order: float
    name: str
    subjects: tuple[Selector, ...]
    rules: Sequence[tuple[Rule, Callable[[], Origin]]]


@frozen
class Verdicts:
    """What these policies grant and deny; `unsure` are those of names that an earlier rule for addresses is about."""

    grants: Sequence[Grant]
    denied: Sequence[Grant] = ()
    unsure: Sequence[Applied] = ()


# Kubernetes' own policies are policies of this order in the default tier, and only allow
# (`libcalico-go/lib/backend/k8s/conversion`, K8sNetworkPolicyToCalico).
_OF_KUBERNETES = 1000


def judged(namespace: str, way: Direction, policies: Sequence[Applied], tiers: Mapping[str, Tier]) -> Verdicts:
    """What these policies, all there are for this end, let through at pods that one of them selects.

    Denied, whatever another policy allows, is what a rule denies that no rule before it allows or passes, in a policy
    that comes before Kubernetes' own.
    """
    names = {policy.tier for policy in policies}
    if len(names) == 1 and all(tiers[name].denies for name in names) and _only_allow(policies):
        return Verdicts([grant for policy in policies for _, grant in _grants(namespace, way, policy)])
    work = _Work(namespace, way, tiers, [], [], [])
    ordered = sorted(policies, key=lambda policy: (tiers[policy.tier].order, policy.tier, policy.order, policy.name))
    asked = [(tiers[name], list(group)) for name, group in groupby(ordered, lambda policy: policy.tier)]
    reached: Sequence[Grant] | None = None
    for number, (tier, group) in enumerate(asked, 1):
        reached = _through(work, tier, group, reached, last=number == len(asked))
    isolated = list(dict.fromkeys(subject for policy in policies for subject in policy.subjects))
    work.allowed.extend(
        grant for grant in reached or () if any(not (grant.subject & subject).empty for subject in isolated)
    )
    return Verdicts(work.allowed, work.denied, work.unsure)


def _only_allow(policies: Iterable[Applied]) -> bool:
    return all(rule.action == "Allow" for policy in policies for rule, _ in policy.rules)


def _grants(namespace: str, way: Direction, policy: Applied) -> Iterable[tuple[Action, Grant]]:
    for rule, origin in policy.rules:
        for opened in rule.openeds:
            for remote in rule.remotes:
                for subject in policy.subjects:
                    yield rule.action, Grant(namespace, way, subject, remote, opened, origin)


@frozen
class _Work:
    """What is found on the way."""

    namespace: str
    way: Direction
    tiers: Mapping[str, Tier]
    allowed: list[Grant]
    denied: list[Grant]
    unsure: list[Applied]


def _through(
    work: _Work, tier: Tier, policies: Sequence[Applied], reached: Sequence[Grant] | None, *, last: bool
) -> Sequence[Grant]:
    """Asks one tier of what has reached it (None: everything), and gives what goes on to the next."""
    cuts: list[Box] = []  # what is denied or passed so far, but for what is denied whatever allows it
    denials: list[Box] = []
    opened: list[Box] = []  # what is allowed or passed so far
    passed: list[Grant] = []
    for policy in policies:
        for action, grant in _grants(work.namespace, work.way, policy):
            match action:
                case "Allow":
                    opened.append(box_of(grant))
                    found = _within(work, policy, _without(work, policy, grant, cuts), reached)
                    work.allowed.extend(found)
                case "Deny":
                    box = box_of(grant)
                    denials.append(box)
                    # Of tiers with one order the names decide (`felix/calc/policy_sorter.go`, TierLess).
                    default = (work.tiers[DEFAULT].order, DEFAULT)
                    before = policy.order < _OF_KUBERNETES and (tier.order, policy.tier) <= default
                    meeting = [each for each in opened if denied_of(each, box) is not None]
                    if reached is None and before and not meeting:
                        work.denied.append(grant)
                        continue
                    cuts.append(box)
                    if reached is None and before and all(type(each.remote) is type(box.remote) for each in meeting):
                        # The rest of it is denied whatever allows it; of a port that is let through in part, nothing.
                        whole = [evolve(each, inside=box.inside) for each in meeting]
                        work.denied.extend(_without(work, policy, grant, whole))
                case "Pass":
                    passed += _within(work, policy, _without(work, policy, grant, denials), reached)
                    cuts.append(box_of(grant))
                    opened.append(box_of(grant))
    subjects = list(dict.fromkeys(subject for policy in policies for subject in policy.subjects))
    if not tier.denies:
        for rest in _everything(work, subjects, _by_tier):
            passed += _within(work, policies[0], _without(work, policies[0], rest, denials), reached)
    if reached is not None:
        passed += [piece for grant in reached for piece in _of_others(grant, subjects)]
    elif not last:
        passed += _everything(work, _others(EVERYTHING, subjects), _by_nobody)
    return passed


def _everything(work: _Work, subjects: Iterable[Selector], origin: Callable[[], Origin]) -> list[Grant]:
    return [
        Grant(work.namespace, work.way, subject, remote, EVERY_PORT, origin)
        for subject in subjects
        for remote in EVERYBODY[work.way]
    ]


def _by_tier() -> Origin:
    return Origin("a tier whose defaultAction is Pass")


def _by_nobody() -> Origin:
    return Origin("a tier that selects other pods")


def _others(subject: Selector, subjects: Iterable[Selector]) -> list[Selector]:
    """The pods of `subject` that none of these select."""
    left = [subject]
    for each in subjects:
        left = [piece for rest in left for piece in rest.minus(each)]
    return left


def _of_others(grant: Grant, subjects: Iterable[Selector]) -> list[Grant]:
    return [grant._replace(subject=piece) for piece in _others(grant.subject, subjects)]


def _without(work: _Work, policy: Applied, grant: Grant, covers: Iterable[Box]) -> list[Grant]:
    """What of it none of these covers, which are of whole ports; itself where none has anything of it."""
    left, cut = [box_of(grant)], False
    for cover in covers:
        kept: list[Box] = []
        for box in left:
            if _common(work, policy, box, cover) is None:
                kept.append(box)
                continue
            cut = True
            kept += (piece for piece in minus(box, cover) if not empty(piece))
        left = kept
    return [_again(grant, box) for box in left] if cut else [grant]


def _within(work: _Work, policy: Applied, grants: Sequence[Grant], reached: Sequence[Grant] | None) -> Sequence[Grant]:
    """What of these has reached the tier."""
    if reached is None:
        return grants
    there = [box_of(each) for each in reached]
    met = ((grant, _common(work, policy, box_of(grant), each)) for grant in grants for each in there)
    return [_again(grant, both) for grant, both in met if both is not None]


def _common(work: _Work, policy: Applied, box: Box, other: Box) -> Box | None:
    """What both hold. Whether an address of a name is among some addresses is not known; among all of them it is, and
    whatever is said of all of them is said of all names, too."""
    both = denied_of(box, other)
    if both is None or not (isinstance(box.remote, Names) and isinstance(other.remote, Addresses)):
        return both
    if box.remote != EVERY_NAME and other.remote != EVERY_ADDRESS and all(policy is not each for each in work.unsure):
        work.unsure.append(policy)
    return None


def _again(grant: Grant, box: Box) -> Grant:
    inside = box.inside
    opened: Opened = Narrowed(box.ports, inside) if isinstance(inside, Only) else box.ports
    return grant._replace(subject=box.subject, remote=box.remote, opened=opened)
