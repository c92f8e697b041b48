"""What Calico's policies let through, as Calico reads them. Knows nothing of `lower.py`.

Every fact about Calico names its source, a file of modules github.com/projectcalico/api and
github.com/projectcalico/calico at v3.31.0: V is `libcalico-go/lib/validator/v3/validator.go`, N
`libcalico-go/lib/names/policy.go`, R `libcalico-go/lib/backend/syncersv1/updateprocessors/rules.go`, G
`globalnetworkpolicyprocessor.go` beside it, T `api/pkg/apis/projectcalico/v3`, P `api/pkg/lib/numorstring`. What of
3.32 differs was read in its sources and release notes, and run by nobody here. In which order policies are asked is
in `tiers.py`, the language of selectors in `selectors.py`.

Invariant: a field or form that is not understood is a diagnostic, never ignored. A document with one is no
part of the reach: half a meaning is no meaning.

Boundaries. To Calico a block of addresses is pods' addresses, too; here pods are told by labels alone, and a denial of
what the platform's `pod_cidrs` hold is not understood. Network sets
and host endpoints may have the labels that pods have: those of a namespace are taken to have others. ICMP and other
protocols than TCP, UDP and SCTP are not judged, nor what a pod's own node says to it, which no policy refuses. A tier
that is in no document is the platform's own: it denies at its end, and is asked before the default tier.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from math import inf, isfinite
from typing import TypeAlias

from attrs import evolve, field, frozen

from zt_dsl.backends.calico.network_sets import ORCHESTRATOR
from zt_dsl.backends.calico.selectors import EVERY, Union, Unread, both, read, read_outside
from zt_dsl.backends.calico.tiers import DEFAULT, EVERYBODY, Action, Applied, Rule, Tier, judged
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import IPV4, IPV6, Addresses, addresses
from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, language, word
from zt_dsl.ir.paths import Only
from zt_dsl.ir.platform import Calico, Platform
from zt_dsl.ir.selector import (
    ANY_VALUE,
    EVERYTHING,
    METADATA_NAME,
    SERVICE_ACCOUNT,
    Selector,
    Values,
    selector,
    with_labels,
)
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, PROTOCOLS, Ports, Protocol, ports
from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path, ReadDocument
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import (
    DIRECTIONS,
    Direction,
    Grant,
    Isolation,
    Names,
    Narrowed,
    Opened,
    Origin,
    Pods,
    Reach,
    Remote,
    shared,
)

API_VERSION = "projectcalico.org/v3"
NAMESPACED, GLOBAL, TIER = "NetworkPolicy", "GlobalNetworkPolicy", "Tier"

# The first minor version with each.
_TIERS = (3, 29)
_TWO_NAMES = (3, 30)
_REQUESTS = (3, 32)


def reach_of(
    documents: Sequence[ReadDocument], governed: frozenset[str], platform: Platform
) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What these documents let through at the pods of the governed namespaces, and what cannot be judged.

    ZT501: not understood. ZT504: outside the governed namespaces. ZT505: a second object of one name. A
    document with any of these is no part of the reach.
    """
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[str, str, str], ReadDocument] = {}
    policies: list[_Policy] = []
    known = _Known(_felix(platform, documents), governed)
    for document in documents:
        problems: Problems = []
        read_here = _object(document, known, problems)
        found = [forms.not_understood(document, problem) for problem in problems]
        if read_here and (twin := first.setdefault(read_here.key, document)) is not document:
            found.append(forms.second(document, twin))
        if isinstance(read_here, _Policy):
            if read_here.namespace and read_here.namespace not in governed:
                found.append(forms.outside(document, read_here.namespace))
            if not found:
                policies.append(read_here)
        diagnostics += found
    reach, unsure = _reach(policies, known.felix)
    return reach, (*diagnostics, *map(_unsure, unsure))


def _reach(policies: Iterable["_Policy"], felix: "_Felix") -> tuple[Reach, list[ReadDocument]]:
    ends: dict[tuple[str, Direction], list[Applied]] = {}
    isolations: list[Isolation] = []
    for policy in policies:
        for namespace, subjects in policy.subjects.items():
            for way, rules in policy.rules.items():
                isolations.extend(Isolation(namespace, way, subject) for subject in subjects)
                named = Applied(policy.document, policy.tier, policy.order, policy.sorts_as, subjects, rules)
                ends.setdefault((namespace, way), []).append(named)
    grants: list[Grant] = []
    denied: list[Grant] = []
    unsure: dict[int, ReadDocument] = {}
    for (namespace, way), applied in ends.items():
        verdicts = judged(namespace, way, applied, felix.tiers)
        unsure |= {id(each.document): each.document for each in verdicts.unsure}
        grants += verdicts.grants
        denied += verdicts.denied
    return Reach(tuple(isolations), tuple(grants), tuple(denied)), list(unsure.values())


def _unsure(document: ReadDocument) -> Diagnostic:
    says = "allows names, behind a rule that denies or passes addresses"
    why = "whether an address of the name is among those depends on the answers of the resolver"
    return forms.not_understood(document, Problem((), says, why))


# --- what Felix is -----------------------------------------------------------------------------------

_IGNORED = "the API server drops or refuses what its version does not know: the policy is another then"


@frozen
class _Felix:
    """What decides about meanings and is in no policy: the platform's engine, and its tiers by name. `unplaced` is the
    platform's own where it is not written: it is asked before `default`, and nothing says before which others."""

    version: tuple[int, int]
    network: Calico
    tiers: Mapping[str, Tier]
    pods: Addresses
    unplaced: str


# T, tier.go: DefaultTierOrder.
_DEFAULT_TIER = Tier(1_000_000.0)


def _felix(platform: Platform, documents: Iterable[ReadDocument]) -> _Felix:
    network = platform.network
    if not isinstance(network, Calico):
        raise TypeError(f"{platform.name} does not run Calico")
    major, minor = (int(part) for part in network.version.split(".")[:2])
    written = dict(tier for document in documents if (tier := _tier(document, [])) is not None)
    own = {network.tier: Tier(0.0)} if network.tier else {}
    tiers = {**own, **written, DEFAULT: _DEFAULT_TIER}
    unplaced = "" if network.tier in {DEFAULT, *written} else network.tier
    return _Felix((major, minor), network, tiers, addresses(platform.pod_cidrs), unplaced)


_TOP = frozenset({"apiVersion", "kind", "metadata", "spec"})
_TIER_SPEC = frozenset({"order", "defaultAction"})
# Tiers that Calico makes, or that policies of other kinds are in (N; 3.32 calls them otherwise).
_ELSEWHOSE = frozenset(
    {"adminnetworkpolicy", "baselineadminnetworkpolicy", "kube-admin", "kube-baseline", "allow-tigera", "calico-system"}
)
_IS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_MAX_TIER = 63


def _is_tier(text: str) -> bool:
    return len(text) <= _MAX_TIER and _IS_LABEL.fullmatch(text) is not None and text not in _ELSEWHOSE


def _tier(document: ReadDocument, problems: Problems) -> tuple[str, Tier] | None:
    """Without an order it is behind all others (`felix/calc/policy_sorter.go`, TierLess); it denies at its end unless
    it says Pass (V, validateTier)."""
    if document.body.get("kind") != TIER or document.body.get("apiVersion") != API_VERSION:
        return None
    body = forms.fields(document.body, _TOP, (), problems)
    name = _metadata_of_all(body.get("metadata", {}), problems)
    at: Path = ("spec",)
    spec = forms.fields(body.get("spec", {}), _TIER_SPEC, at, problems)
    order = _order(spec.get("order"), (*at, "order"), problems)
    action = spec.get("defaultAction", "Deny")
    if action not in ("Deny", "Pass"):
        problems.append(Problem((*at, "defaultAction"), "must be Deny or Pass"))
    if name and not _is_tier(name):
        problems.append(Problem(("metadata", "name"), "is no tier that can be judged here"))
    if name == DEFAULT and (order != _DEFAULT_TIER.order or action != "Deny"):
        problems.append(Problem(at, f"is not what the default tier is: {_DEFAULT_TIER.order:.0f}, and it denies"))
    return (name, Tier(order, denies=action != "Pass")) if name else None


def _order(tree: Value, at: Path, problems: Problems) -> float:
    """Any number; without one it is behind all others (T)."""
    if tree is None:
        return inf
    if isinstance(tree, bool) or not isinstance(tree, int | float):
        problems.append(forms.wrong_form(tree, "a number", at))
    elif isinstance(tree, float) and not isfinite(tree):
        problems.append(Problem(at, "is no number that can be written in JSON"))
    else:
        return float(tree)
    return inf


def _metadata_of_all(tree: Value, problems: Problems) -> str:
    """The name of an object that is in no namespace."""
    if isinstance(tree, dict) and tree.get("namespace") is not None:
        problems.append(Problem(("metadata", "namespace"), "is there, and such an object is in none"))
    of_all = {**tree, "namespace": DEFAULT} if isinstance(tree, dict) else tree
    _, name = forms.metadata(of_all, problems)
    return name


# --- one object --------------------------------------------------------------------------------------

_SPEC = frozenset(
    {"tier", "order", "selector", "serviceAccountSelector", "types", "ingress", "egress", "performanceHints"}
)
_HOSTS = ("doNotTrack", "preDNAT", "applyOnForward")
_GLOBAL_SPEC = _SPEC | {"namespaceSelector", *_HOSTS}
_Rules: TypeAlias = list[tuple[Rule, Callable[[], Origin]]]


@frozen
class _Named:
    """An object that is only there to be named once."""

    key: tuple[str, str, str]


@frozen
class _Policy:
    """`namespace` is empty where it is about every one; `subjects` are its pods in each that is governed."""

    document: ReadDocument
    key: tuple[str, str, str]
    namespace: str
    sorts_as: str
    tier: str
    order: float
    subjects: Mapping[str, tuple[Selector, ...]]
    rules: Mapping[Direction, _Rules]


_Scope: TypeAlias = str | None
"""The namespace that a selector without a namespaceSelector is about; None in a policy of the whole cluster."""


@frozen
class _Known:
    """The engine, and what policies repeat, as it was read first, where that was without problems.

    The reader gives equal rules and peers of many documents as one object each. They are known by its identity, which
    is theirs for as long as the documents live; and by their scope, if they are others in another.
    """

    felix: _Felix
    governed: frozenset[str]
    rules: dict[tuple[Direction, bool, str, int], Rule | None] = field(factory=dict)
    peers: dict[tuple[_Scope, Value, Value], tuple[Remote, ...]] = field(factory=dict)
    """By what is written of them: most are told by two texts."""


def _object(document: ReadDocument, known: _Known, problems: Problems) -> _Policy | _Named | None:
    """Its meaning, if there are no problems; None where not even its name is known."""
    kind, version = document.body.get("kind"), document.body.get("apiVersion")
    if version != API_VERSION or kind not in (NAMESPACED, GLOBAL, TIER):
        says = f"is not judged here, only {NAMESPACED}, {GLOBAL} and {TIER} of `apiVersion: {API_VERSION}` are"
        problems.append(Problem(("apiVersion" if version != API_VERSION else "kind",), says, forms.OTHER_KIND))
        return None
    if kind != TIER:
        return _policy(document, known, problems, everywhere=kind == GLOBAL)
    if known.felix.version < _TIERS:
        problems.append(Problem(("kind",), "is not there before Calico 3.29", _IGNORED))
    tier = _tier(document, problems)
    return _Named((TIER, "", tier[0])) if tier else None


def _policy(document: ReadDocument, known: _Known, problems: Problems, *, everywhere: bool) -> _Policy | None:
    body = forms.fields(document.body, _TOP, (), problems)
    metadata = body.get("metadata", {})
    if everywhere:
        namespace, name = "", _metadata_of_all(metadata, problems)
    else:
        namespace, name = forms.metadata(metadata, problems)
    at: Path = ("spec",)
    spec = forms.fields(body.get("spec", {}), _GLOBAL_SPEC if everywhere else _SPEC, at, problems)
    tier = _tier_of(spec, known.felix, (*at, "tier"), problems)
    short = _short_name(name, tier, problems)
    order = _order(spec.get("order"), (*at, "order"), problems)
    _check_hints(spec, at, problems)
    subjects = _everywhere(spec, known, at, problems) if everywhere else _here(spec, namespace, known, at, problems)
    rules: dict[Direction, _Rules] = {}
    types = _types(spec, (*at, "types"), problems)
    for way in DIRECTIONS:
        found = _rules(document, None if everywhere else namespace, way, spec.get(way.lower()), known, problems)
        # Rules of a direction that is not among the types must be valid (V) and are not in force (R).
        if way in types:
            rules[way] = found
    if not name or not (everywhere or namespace):
        return None
    # Before 3.30 both spellings are one object, which is stored with the prefix (N).
    filed = name if known.felix.version >= _TWO_NAMES else f"{tier}.{short}"
    key = (GLOBAL if everywhere else NAMESPACED, namespace, filed)
    # By the name that Felix knows it by (`networkpolicyprocessor.go`, convertNetworkPolicyV3ToV1Key).
    sorts_as = f"{namespace}/{filed}" if namespace else filed
    return _Policy(document, key, namespace, sorts_as, tier, order, subjects, rules)


def _tier_of(spec: dict[str, Value], felix: _Felix, at: Path, problems: Problems) -> str:
    written = spec.get("tier")
    if written is None:
        return DEFAULT
    tier = forms.text(written, _is_tier, "a tier that can be judged here", at, problems)
    if felix.version < _TIERS:
        problems.append(Problem(at, "is not there before Calico 3.29", _IGNORED))
    elif tier and tier not in felix.tiers:
        says = f"is `{tier}`, which is in none of these documents"
        problems.append(
            Problem(at, says, "in which order a tier is asked, and what it does at its end, it says itself")
        )
    elif tier not in ("", DEFAULT, felix.unplaced) and felix.unplaced:
        says = f"is `{tier}`, and the platform's own `{felix.unplaced}` is in none of these documents"
        problems.append(Problem(at, says, "which of the two is asked first, and alone if it decides, cannot be known"))
    return tier if tier in felix.tiers else DEFAULT


def _short_name(name: str, tier: str, problems: Problems) -> str:
    """A policy is called `tier.name`; in the default tier `name` will do (N, ValidateTieredPolicyName; V)."""
    prefix, dot, short = name.rpartition(".")
    if name and (not _IS_LABEL.fullmatch(short) or prefix != (tier if dot else "") or (not dot and tier != DEFAULT)):
        says = f"is not `{tier}.` and a name without dots"
        why = "Calico before 3.32 takes the tier from the name, whatever the policy says"
        problems.append(Problem(("metadata", "name"), says, why))
    return short


def _check_hints(spec: dict[str, Value], at: Path, problems: Problems) -> None:
    """What changes no meaning (T); and what is about host endpoints, where it is not switched off."""
    hints = forms.elements(spec.get("performanceHints"), (*at, "performanceHints"), problems)
    if hints and hints != ["AssumeNeededOnEveryNode"]:
        problems.append(Problem((*at, "performanceHints"), "is not understood here"))
    for key in _HOSTS:
        if spec.get(key, False) is not False:
            problems.append(Problem((*at, key), "is for host endpoints, which are not judged here", _NO_POD))


def _types(spec: dict[str, Value], at: Path, problems: Problems) -> tuple[Direction, ...]:
    """Missing: Ingress if there are no egress rules, Egress if there are no others, else both
    (`libcalico-go/lib/clientv3/globalnetworkpolicy.go`, defaultPolicyTypesField). To an API server with Calico's own
    definitions, since 3.32, a list that is empty is one that is there."""
    written = spec.get("types")
    if written is None:
        empty = [way.lower() for way in DIRECTIONS if spec.get(way.lower()) == []]
        if empty:
            says = f"are missing, and `{empty[0]}` is empty"
            problems.append(Problem(at, says, "which directions are meant then depends on how the API is served"))
        if not spec.get("egress"):
            return ("Ingress",)
        return DIRECTIONS if spec.get("ingress") else ("Egress",)
    listed = forms.elements(written, at, problems)
    for index, name in enumerate(listed):
        if name not in DIRECTIONS:
            problems.append(Problem((*at, index), "is neither Ingress nor Egress"))
        elif name in listed[:index]:
            problems.append(Problem((*at, index), f"is {name} a second time"))
    if not listed:
        problems.append(Problem(at, "must not be empty", _EMPTY))
    return tuple(way for way in DIRECTIONS if way in listed)


_EMPTY = "a list that is empty looks like nothing, and means everything"


# --- labels ------------------------------------------------------------------------------------------

_NO_POD = "network sets and host endpoints have labels, too: this may mean some, which are no pods"
_ELSEWHERE = "what labels the policy's own namespace has is not in these documents"
# Labels that Calico gives each pod (`libcalico-go/lib/backend/k8s/conversion`), T: constants.go.
_IN_NAMESPACE = "projectcalico.org/namespace"
# Labels of its namespace and of its service account, and what each of those is called.
_OF_NAMESPACE, _OF_ACCOUNT = "pcns.", "pcsa."
_NAMES = "projectcalico.org/name"
_NAME_OF_NAMESPACE = frozenset({_OF_NAMESPACE + _NAMES, _OF_NAMESPACE + METADATA_NAME, _IN_NAMESPACE})
_NAME_OF_ACCOUNT = _OF_ACCOUNT + _NAMES

_IN_SOME_NAMESPACE: Union = (selector(((_IN_NAMESPACE, ANY_VALUE),)),)


def _expression(
    tree: Value,
    at: Path,
    problems: Problems,
    prefix: str = "",
    reader: Callable[[str], Union | Unread] = read,
) -> Union:
    """What it selects, by labels as pods have them; everything where there is none."""
    if tree is None or tree == "":
        return EVERY
    if not isinstance(tree, str):
        problems.append(forms.wrong_form(tree, "a string", at))
        return EVERY
    found = reader(tree)
    if isinstance(found, Unread):
        problems.append(Problem(at, found.says, forms.REFUSED if found.refused else _INEXACT))
        return EVERY
    return _prefixed(found, prefix) if prefix else found


_INEXACT = "only what can be told by whole values of labels can be compared exactly"


@lru_cache(maxsize=1 << 14)
def _prefixed(union: Union, prefix: str) -> Union:
    """The same of what pods are in, or run as. There `all()` is whatever is in one at all (R, getEndpointSelector)."""
    if prefix == _OF_NAMESPACE and union == EVERY:
        return _IN_SOME_NAMESPACE
    return tuple(selector((prefix + key, values) for key, values in each.terms) for each in union)


def _selector(terms: list[tuple[str, Values]]) -> Selector:
    """The one object for it, where it asks for labels alone: so those of topologies are."""
    if not terms:
        return EVERYTHING
    exact = {key: min(values.values) for key, values in terms if len(values.values) == 1 and not values.others}
    if len(exact) == len(terms) and not any(values.absent for _, values in terms):
        return with_labels(tuple(sorted(exact.items())))
    return shared(selector(terms))


def _of_pod(each: Selector, at: Path, problems: Problems) -> tuple[list[tuple[str, Values]], list[tuple[str, Values]]]:
    """What it asks for of the pod's namespace, and of the pod."""
    places: list[tuple[str, Values]] = []
    pods: list[tuple[str, Values]] = []
    for key, values in each.terms:
        if key in _NAME_OF_NAMESPACE:
            places.append((METADATA_NAME, values & ANY_VALUE))
        elif key.startswith(_OF_NAMESPACE):
            places.append((key.removeprefix(_OF_NAMESPACE), values))
        elif key == ORCHESTRATOR:
            if not values.contains("k8s"):
                pods.append((key, _NONE))
        elif key in (SERVICE_ACCOUNT, _NAME_OF_ACCOUNT):
            # Every pod runs as some account: one without a name is one with whatever other name.
            if values != ANY_VALUE:
                pods.append((SERVICE_ACCOUNT, evolve(values, absent=values.others)))
        elif key.startswith(_OF_ACCOUNT):
            problems.append(
                Problem(at, f"names `{key.removeprefix(_OF_ACCOUNT)}`, a label of service accounts", _LABELS)
            )
        else:
            pods.append((key, values))
    return places, pods


_LABELS = "service accounts are told by their names here: what labels they have is not in these documents"
_NONE = Values(frozenset())


def _is_in_namespace(each: Selector) -> bool:
    """Whether what it selects is in some namespace."""
    return any(not values.absent for key, values in each.terms if key == _IN_NAMESPACE or key.startswith(_OF_NAMESPACE))


# --- whom a policy is about --------------------------------------------------------------------------


def _subject(spec: dict[str, Value], at: Path, problems: Problems) -> Union:
    own = _expression(spec.get("selector"), (*at, "selector"), problems)
    account = spec.get("serviceAccountSelector")
    return both(own, _expression(account, (*at, "serviceAccountSelector"), problems, _OF_ACCOUNT))


def _here(
    spec: dict[str, Value], namespace: str, known: _Known, at: Path, problems: Problems
) -> Mapping[str, tuple[Selector, ...]]:
    """Pods of its own namespace (`networkpolicyprocessor.go`, ConvertNetworkPolicyV3ToV1Value)."""
    subjects = _in(namespace, _subject(spec, at, problems), (*at, "selector"), problems)
    return {namespace: subjects} if subjects and namespace in known.governed else {}


def _everywhere(
    spec: dict[str, Value], known: _Known, at: Path, problems: Problems
) -> Mapping[str, tuple[Selector, ...]]:
    """Pods of any namespace, by their labels and those of it (G)."""
    places = _expression(spec.get("namespaceSelector"), (*at, "namespaceSelector"), problems, _OF_NAMESPACE)
    union = both(_subject(spec, at, problems), places)
    if not all(map(_is_in_namespace, union)):
        problems.append(Problem((*at, "selector"), "may select host endpoints", _HOST))
    found: dict[str, tuple[Selector, ...]] = {}
    for namespace in sorted(known.governed):
        if subjects := _in(namespace, union, (*at, "selector"), problems):
            found[namespace] = subjects
    return found


_HOST = "a policy that also governs nodes can cut them off; `has(projectcalico.org/namespace) && …` is about pods alone"


def _in(namespace: str, union: Union, at: Path, problems: Problems) -> tuple[Selector, ...]:
    """Those of its pods that are in this namespace."""
    found: list[Selector] = []
    for each in union:
        places, pods = _of_pod(each, at, problems)
        if any(key != METADATA_NAME for key, _ in places):
            problems.append(Problem(at, "selects by labels of the namespace", _ELSEWHERE))
        subject = _selector(pods)
        if not subject.empty and all(values.contains(namespace) for key, values in places if key == METADATA_NAME):
            found.append(subject)
    return tuple(dict.fromkeys(found))


# --- rules -------------------------------------------------------------------------------------------

_RULE = frozenset({"action", "ipVersion", "protocol", "notProtocol", "source", "destination", "http", "metadata"})
_ACTIONS: Mapping[object, Action] = {"Allow": "Allow", "Deny": "Deny", "Pass": "Pass"}


def _rules(
    document: ReadDocument, scope: _Scope, way: Direction, tree: Value, known: _Known, problems: Problems
) -> _Rules:
    section = way.lower()
    found: _Rules = []
    for index, element in enumerate(forms.elements(tree, ("spec", section), problems)):
        rule = _rule(element, scope, way, known, ("spec", section, index), problems)
        if rule is not None:
            found.append((rule, partial(_origin, document, section, index)))
    return found


def _origin(document: ReadDocument, section: str, index: int) -> Origin:
    """The rule, with its line: the file is read again for it."""
    line = forms.line(document, ("spec", section, index))
    return Origin(f"{forms.title(document)} {section}[{index}]", document.path, line)


def _rule(element: Value, scope: _Scope, way: Direction, known: _Known, at: Path, problems: Problems) -> Rule | None:
    """What it does with whom, on which ports; None where it only writes to a log."""
    alike = (way, scope is None, "", id(element))
    here = (way, scope is None, scope or "", id(element))
    for same in (alike, here):
        if same in known.rules:
            return known.rules[same]
    before = len(problems)
    fields = forms.fields(element, _RULE, at, problems)
    near, far = ("destination", "source") if way == "Ingress" else ("source", "destination")
    entities = {side: _entity(fields.get(side), side, known.felix, (*at, side), problems) for side in (near, far)}
    for key in entities[near].keys() - _PORTS:
        problems.append(Problem((*at, near, key), "is about the policy's own pods: its selector is the place for that"))
    opened = _ports(fields, entities["destination"], at, problems)
    remotes = _remotes(entities[far], scope, way, known, (*at, far), problems)
    remotes = _of_version(fields.get("ipVersion"), entities[far], remotes, (*at, "ipVersion"), problems)
    openeds = _narrowed(fields, opened, way, known.felix, at, problems)
    _check_notes(fields.get("metadata"), (*at, "metadata"), problems)
    action = fields.get("action")
    if action not in (*_ACTIONS, "Log"):
        problems.append(Problem((*at, "action"), "must be Allow, Deny, Pass or Log"))
    if "domains" in entities[far] and action != "Allow":
        problems.append(Problem((*at, far, "domains"), "is only for rules that allow"))
    # Where it is allowed it shows: no edge is to an address of a pod.
    listed = remotes if action in ("Deny", "Pass") and entities[far] else ()
    if any(isinstance(each, Addresses) and each & known.felix.pods for each in listed):
        problems.append(Problem((*at, far), "is about addresses of pods, and no rule to allow them", _UNTOLD))
    said = _ACTIONS.get(action, "Allow") if isinstance(action, str) else "Allow"
    rule = None if action == "Log" else Rule(said, remotes, openeds)
    if len(problems) == before:
        known.rules[here if _is_of_scope(entities[far]) else alike] = rule
    return rule


def _is_of_scope(entity: dict[str, Value]) -> bool:
    """Whether it is another in another namespace."""
    return "namespaceSelector" not in entity and not entity.keys().isdisjoint(_SELECTING)


_NOTES = frozenset({"annotations"})


def _check_notes(tree: Value, at: Path, problems: Problems) -> None:
    """What is said of a rule changes nothing; its keys have to be keys (V, validateRuleMetadata)."""
    if tree is None:
        return
    notes = forms.fields(tree, _NOTES, at, problems).get("annotations", {})
    here = (*at, "annotations")
    if not isinstance(notes, dict):
        problems.append(forms.wrong_form(notes, "a map", here))
        return
    for key, value in notes.items():
        if not forms.is_key(key.lower()):
            problems.append(Problem((*here, key), "is not an annotation's key"))
        if not isinstance(value, str):
            problems.append(forms.wrong_form(value, "a string", (*here, key)))


# --- peers -------------------------------------------------------------------------------------------

_PORTS = frozenset({"ports", "notPorts"})
_SELECTING = frozenset({"selector", "notSelector", "serviceAccounts"})
_TEXTS = frozenset({"selector", "namespaceSelector"})
_NETS = frozenset({"nets", "notNets"})
_ENTITY = _NETS | _SELECTING | {"namespaceSelector"}


def _entity(tree: Value, side: str, felix: _Felix, at: Path, problems: Problems) -> dict[str, Value]:
    if tree is None:
        return {}
    known = _ENTITY
    if side == "destination":
        known = known | _PORTS
        if felix.network.edition == "enterprise":
            known = known | {"domains"}
    if isinstance(tree, dict) and "domains" in tree and "domains" not in known:  # null, too: a field is there or not
        problems.append(Problem((*at, "domains"), _NO_DOMAINS[felix.network.edition], _DOMAINS))
    elif side == "source" and isinstance(tree, dict) and (ported := sorted(_PORTS & tree.keys())):
        problems.append(Problem((*at, ported[0]), "is about the ports that clients call from", _CLIENTS))
    found = forms.fields(tree, known | {"domains"} | _PORTS, at, problems)
    # An empty string is no selector to Go, nor to Calico (R).
    return {key: value for key, value in found.items() if value != ""}


_NO_DOMAINS = {
    "open-source": "is only there in Calico Enterprise",
    "enterprise": "is only for what goes out",
}
_DOMAINS = "dropped, as some ways to apply it do, the rule is for everybody"
_CLIENTS = "a client calls from whatever port is free"


def _remotes(
    entity: dict[str, Value], scope: _Scope, way: Direction, known: _Known, at: Path, problems: Problems
) -> tuple[Remote, ...]:
    """All that is said of one must hold (T, EntityRule); nothing is everybody. A selector means pods, and where it
    names no namespaces those of the policy's own, if it has one (R, getEndpointSelector)."""
    told = entity.keys() - _PORTS
    if not told:
        return EVERYBODY[way]
    kinds = [kind for kind in (_NETS, _SELECTING | {"namespaceSelector"}, frozenset({"domains"})) if told & kind]
    if len(kinds) > 1:
        one, other = (min(told & kind) for kind in kinds[:2])
        problems.append(Problem(at, f"has {one} and {other}: only what is both is meant, which is next to nobody"))
    if told & _NETS:
        return _blocks(entity, at, problems)
    if "domains" in told:
        return (shared(Names(_domains(entity["domains"], (*at, "domains"), problems))),)
    if told <= _TEXTS and all(isinstance(entity[key], str) for key in told):
        places = entity.get("namespaceSelector")
        same = (scope if places is None else None, entity.get("selector"), places)
        found = known.peers.get(same)
        if found is None:
            before = len(problems)
            found = _pods(entity, scope, at, problems)
            if len(problems) == before:
                known.peers[same] = found
        return found
    return _pods(entity, scope, at, problems)


def _listed(tree: Value, at: Path, problems: Problems) -> Iterator[tuple[Path, Value]]:
    found = forms.elements(tree, at, problems)
    if not found and tree is not None:
        problems.append(Problem(at, "must not be empty", _EMPTY))
    return (((*at, index), each) for index, each in enumerate(found))


def _blocks(entity: dict[str, Value], at: Path, problems: Problems) -> tuple[Remote, ...]:
    """Networks without host bits, all of one version (V, validateRule)."""
    sides = [
        addresses(
            [
                net
                for here, each in _listed(entity.get(key), (*at, key), problems)
                for net in forms.cidr(each, here, problems)
            ]
        )
        for key in ("nets", "notNets")
    ]
    if "nets" not in entity:
        problems.append(Problem((*at, "notNets"), "is there without nets", _UNTOLD))
    if all((sides[0] | sides[1]) & version for version in (IPV4, IPV6)):
        problems.append(Problem(at, "has networks of IPv4 and of IPv6: a rule is for one of them"))
    if sides[1] in (IPV4, IPV6):
        problems.append(Problem((*at, "notNets"), "leaves nothing"))
    found = shared(sides[0] - sides[1])
    return (found,) if found else ()


_UNTOLD = "to Calico pods have addresses, too: whether some are among those is not in these documents"


def _pods(entity: dict[str, Value], scope: _Scope, at: Path, problems: Problems) -> tuple[Remote, ...]:
    union = _expression(entity.get("selector"), (*at, "selector"), problems)
    union = both(union, _accounts(entity.get("serviceAccounts"), (*at, "serviceAccounts"), problems))
    if "notSelector" in entity:
        here = (*at, "notSelector")
        union = both(union, _expression(entity["notSelector"], here, problems, reader=read_outside))
    if "namespaceSelector" in entity:
        here = (*at, "namespaceSelector")
        union = both(union, _expression(entity["namespaceSelector"], here, problems, _OF_NAMESPACE))
    elif scope is not None:
        union = both(union, _in_own(scope))
    if not all(map(_is_in_namespace, union)):
        problems.append(Problem(at, "may mean what is in no namespace", _NO_POD))
    found: list[Remote] = []
    for each in union:
        places, pods = _of_pod(each, at, problems)
        remote = Pods(_selector(list(selector(places).terms)), _selector(list(selector(pods).terms)))
        if not (remote.namespace.empty or remote.pods.empty):
            found.append(shared(remote))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1 << 12)
def _in_own(namespace: str) -> Union:
    return (with_labels(((_IN_NAMESPACE, namespace),)),)


_ACCOUNTS = frozenset({"names", "selector"})
_IS_SUBDOMAIN = re.compile(rf"{_IS_LABEL.pattern}(?:\.{_IS_LABEL.pattern})*")
# A longer one is no label's value: Felix then takes the account for missing (`felix/calc`, ValidationFilter).
_MAX_ACCOUNT = 63


def _is_account(text: str) -> bool:
    return len(text) <= _MAX_ACCOUNT and _IS_SUBDOMAIN.fullmatch(text) is not None


def _accounts(tree: Value, at: Path, problems: Problems) -> Union:
    """Pods that run as one of these; by name, and by labels of the account, if both are given (R). The name is a
    label of the pod (`workloadendpointprocessor.go`)."""
    if tree is None:
        return EVERY
    fields = forms.fields(tree, _ACCOUNTS, at, problems)
    if not fields:
        problems.append(Problem(at, "names no account", _EMPTY))
    union = _expression(fields.get("selector"), (*at, "selector"), problems, _OF_ACCOUNT)
    if "names" not in fields:
        return union
    here = (*at, "names")
    wanted = f"a service account of at most {_MAX_ACCOUNT} characters"
    names = [
        forms.text(each, _is_account, wanted, where, problems)
        for where, each in _listed(fields["names"], here, problems)
    ]
    return both(union, (selector(((SERVICE_ACCOUNT, Values(frozenset(names))),)),))


def _of_version(
    tree: Value, entity: dict[str, Value], remotes: tuple[Remote, ...], at: Path, problems: Problems
) -> tuple[Remote, ...]:
    """Addresses of the one version. What addresses a pod has, nobody here knows."""
    if tree is None:
        return remotes
    versions = {4: IPV4, 6: IPV6}
    if isinstance(tree, bool) or tree not in versions:
        problems.append(Problem(at, "must be 4 or 6"))
    elif not entity.keys() & _NETS:
        problems.append(Problem(at, "is there without nets", "which pods have addresses of which version is not known"))
    elif any(isinstance(remote, Addresses) and remote - versions[int(str(tree))] for remote in remotes):
        problems.append(Problem(at, "is not the version of the nets"))
    return remotes


# --- names -------------------------------------------------------------------------------------------

_IS_DOMAIN = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\.)*[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_MAX_DOMAIN = 253


def _is_domain(text: str) -> bool:
    return len(text) <= _MAX_DOMAIN and _IS_DOMAIN.fullmatch(text) is not None


def _domains(tree: Value, at: Path, problems: Problems) -> Language:
    """A name, or `*.` and a name: one label before it, or more (Calico Enterprise 3.21, "DNS policy": a `*` "matches 1
    or more path components at that position"). In between it is some too, which no language here can say."""
    wanted = "a name in small letters, or `*.` and a name"
    written = [forms.text(each, _is_domain, wanted, here, problems) for here, each in _listed(tree, at, problems)]
    return language(_domain(text) for text in written if text)


def _domain(text: str) -> Words:
    words = tuple(SOME_WORD if label == "*" else word(label) for label in reversed(text.split(".")))
    return Words(words, SOME_WORD if text.startswith("*") else None)


# --- ports -------------------------------------------------------------------------------------------

_NUMBERS: Mapping[object, Protocol] = {6: "TCP", 17: "UDP", 132: "SCTP"}
_UNJUDGED = frozenset({"ICMP", "ICMPv6", "UDPLite"})


def _ports(fields: dict[str, Value], destination: dict[str, Value], at: Path, problems: Problems) -> Ports:
    """Ports are of the destination, and need a protocol (V, validateRule). Without one it is every protocol."""
    protocols: tuple[Protocol, ...] = _protocols(fields.get("protocol"), PROTOCOLS, (*at, "protocol"), problems)
    if "notProtocol" in fields:
        others = _protocols(fields["notProtocol"], (), (*at, "notProtocol"), problems)
        protocols = tuple[Protocol, ...](protocol for protocol in protocols if protocol not in others)
    here = (*at, "destination")
    if destination.keys() & _PORTS and "protocol" not in fields:
        problems.append(Problem(here, "has ports, and the rule no protocol"))
    elif destination.keys() & _PORTS and not protocols:
        problems.append(Problem(here, "has ports of a protocol that has none"))
    found = EVERY_PORT if len(protocols) == len(PROTOCOLS) else _of(protocols, ((FIRST_PORT, LAST_PORT),))
    if "ports" in destination:
        found = _of(protocols, _numbers(destination["ports"], (*here, "ports"), problems))
    if "notPorts" in destination:
        found = found - _of(protocols, _numbers(destination["notPorts"], (*here, "notPorts"), problems))
    return shared(found)


def _of(protocols: Iterable[Protocol], numbers: Sequence[tuple[int, int]]) -> Ports:
    return ports((protocol, first, last) for protocol in protocols for first, last in numbers)


def _protocols(tree: Value, missing: tuple[Protocol, ...], at: Path, problems: Problems) -> tuple[Protocol, ...]:
    """Spelt in capitals, or by number (V, validateProtocol); none of those that are judged where it is another."""
    if tree is None:
        return missing
    for protocol in PROTOCOLS:
        if tree == protocol:
            return (protocol,)
    if isinstance(tree, int) and not isinstance(tree, bool) and 1 <= tree <= 255:
        return (_NUMBERS[tree],) if tree in _NUMBERS else ()
    if not isinstance(tree, str) or tree not in _UNJUDGED:
        problems.append(Problem(at, "must be TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number up to 255"))
    return ()


_IS_PORTS = re.compile(r"([1-9][0-9]{0,4})(?::([1-9][0-9]{0,4}))?")
_IS_PORT_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


def _numbers(tree: Value, at: Path, problems: Problems) -> list[tuple[int, int]]:
    """Each a number, or `first:last` (P, PortFromString)."""
    found: list[tuple[int, int]] = []
    for here, each in _listed(tree, at, problems):
        if isinstance(each, bool) or not isinstance(each, int | str):
            problems.append(forms.wrong_form(each, "a port, or `first:last`", here))
            continue
        matched = _IS_PORTS.fullmatch(str(each))
        first, last = (int(matched[1]), int(matched[2] or matched[1])) if matched else (0, 0)
        if FIRST_PORT <= first <= last <= LAST_PORT:
            found.append((first, last))
        elif isinstance(each, str) and not each.isdigit() and _IS_PORT_NAME.fullmatch(each):
            says = f"is the name {each[:80]!r}, not a number: only numbers can be judged"
            problems.append(Problem(here, says, forms.NAMED_PORT))
        else:
            problems.append(Problem(here, f"must be a port up to {LAST_PORT}, or `first:last`"))
    return found


# --- requests ----------------------------------------------------------------------------------------

_HTTP = frozenset({"methods", "paths"})
_WHOLE_PORT = "where nothing but Felix enforces, the rule allows the whole port"


def _narrowed(
    fields: dict[str, Value], opened: Ports, way: Direction, felix: _Felix, at: Path, problems: Problems
) -> tuple[Opened, ...]:
    """Only with the application layer's own enforcement, which works since 3.32: before, and without it, the rule is
    for the whole port (`app-policy/checker/match.go`, matchHTTP)."""
    if "http" not in fields:
        return (opened,) if opened else ()
    here = (*at, "http")
    if not felix.network.app_layer or felix.version < _REQUESTS:
        says = "is not enforced" if felix.network.app_layer else "is enforced by nobody on this platform"
        problems.append(Problem(here, f"{says}: that needs Calico 3.32 with its application layer", _WHOLE_PORT))
    if way != "Ingress" or fields.get("action") != "Allow" or fields.get("protocol") not in ("TCP", 6):
        problems.append(Problem(here, "is only for rules that allow what comes in over TCP"))
    http = forms.fields(fields["http"], _HTTP, here, problems)
    methods: Sequence[Values] = (SOME_WORD,)
    if "methods" in http:
        methods = [
            _method(each, where, problems) for where, each in _listed(http["methods"], (*here, "methods"), problems)
        ]
    paths = [Words((ANY_WORD,), ANY_WORD)]
    if "paths" in http:
        listed = _listed(http["paths"], (*here, "paths"), problems)
        paths = [words for where, each in listed for words in _path(each, where, problems)]
    found = language(evolve(path, words=(method, SOME_WORD, *path.words)) for method in methods for path in paths)
    return (shared(Narrowed(opened, Only("http", found))),) if opened and found else ()


_IS_METHOD = re.compile(r"[A-Z]+|\*")


def _method(tree: Value, at: Path, problems: Problems) -> Values:
    written = forms.text(
        tree, lambda text: _IS_METHOD.fullmatch(text) is not None, "a method in capitals", at, problems
    )
    return SOME_WORD if written == "*" else word(written)


_PATH = frozenset({"exact", "prefix"})
_IS_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()+,=:@-]+)*/?")
_MAX_PATH = 1024


def _is_path(text: str) -> bool:
    dotted = any(segment in (".", "..") for segment in text.split("/"))
    return bool(text) and len(text) <= _MAX_PATH and _IS_PATH.fullmatch(text) is not None and not dotted


def _path(tree: Value, at: Path, problems: Problems) -> tuple[Words, ...]:
    """As 3.32 has it: the request's path and the rule's are made plain in the same way, which takes a slash at the end
    away, and a prefix is one of whole segments (github.com/projectcalico/calico pull request 12532)."""
    fields = forms.fields(tree, _PATH, at, problems)
    if len(fields) != 1:
        problems.append(Problem(at, "must have one of exact and prefix"))
        return ()
    [(kind, written)] = fields.items()
    text = forms.text(written, _is_path, "a plain path", (*at, kind), problems)
    segments = tuple(word(segment) for segment in text.split("/") if segment)
    if kind == "prefix":
        return (Words(segments or (ANY_WORD,), ANY_WORD),)
    end = word("")
    return (Words(segments), Words((*segments, end))) if segments else (Words((end,)),)
