"""What Istio's documents let through at pods with a sidecar, as Istio reads them. Knows nothing of `lower.py`.

Every fact about Istio names its source, a file of module istio.io/istio v0.0.0-20260827124520-eed52ebb66ad: M is
`pilot/pkg/security/authz/model/model.go`, B `pilot/pkg/security/authz/builder/builder.go`, P
`pilot/pkg/model/authorization.go`, V `pkg/config/validation/validation.go`, A
`pilot/pkg/security/authn/policy_applier.go`; D is the CustomResourceDefinition, in
`manifests/charts/base/files/crd-all.gen.yaml`. Who the callers are is read in `callers`, what they ask for in
`requests`, the modes of mTLS in `authentication`.

Invariant: a field or form that is not understood is a diagnostic, never ignored. A document with one is no
part of the reach: half a meaning is no meaning.

Boundaries. A pod that has an identity uses it wherever the port takes one. Only TCP is Istio's, and only what comes in:
everything else passes, and all of it at pods without an identity, which have no sidecar. Which port is HTTP's, ports
that are excluded from a sidecar, the identity of a gateway, and settings of istiod are not judged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias, get_args

from attrs import field, frozen

from zt_dsl.backends.istio.authentication import (
    Authentication,
    Mode,
    Region,
    Regions,
    apart,
    disputes,
    mesh_wide,
    regions,
)
from zt_dsl.backends.istio.callers import (
    EVERY_CALLER,
    IDENTIFIED,
    Callers,
    callers,
    names_own,
)
from zt_dsl.backends.istio.requests import requests
from zt_dsl.backends.istio.trees import VANISHES, elements, fields, strings
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, addresses
from zt_dsl.ir.paths import Only
from zt_dsl.ir.platform import Istio, Platform
from zt_dsl.ir.selector import EVERYTHING, Selector, with_labels
from zt_dsl.ir.traffic import FIRST_PORT, LAST_PORT, Ports, ports
from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path, ReadDocument
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import (
    ANONYMOUS,
    EVERY_TCP_PORT,
    SIDECAR,
    Grant,
    Isolation,
    Narrowed,
    Opened,
    Origin,
    Reach,
    shared,
    unseen_by_mesh,
)

API_VERSIONS = ("security.istio.io/v1", "security.istio.io/v1beta1")
AUTHORIZATION, AUTHENTICATION = "AuthorizationPolicy", "PeerAuthentication"


def reach_of(
    documents: Sequence[ReadDocument], governed: frozenset[str], platform: Platform
) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What these documents let through at the pods of the governed namespaces, and what cannot be judged.

    ZT501: not understood. ZT504: outside the governed namespaces. ZT505: a second object of one name. A
    document with any of these is no part of the reach.
    """
    mesh = platform.mesh
    if not isinstance(mesh, Istio) or mesh.mode != "sidecar":
        raise TypeError(f"{platform.name} does not run Istio's sidecars")
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[object, str, str], ReadDocument] = {}
    policies: list[_Policy] = []
    known = _Known(mesh, addresses(platform.pod_cidrs))
    for document in documents:
        problems: Problems = []
        policy = _policy(document, known, problems)
        found = [forms.not_understood(document, problem) for problem in problems]
        if policy:
            key = (type(policy), policy.namespace, policy.name)
            if (twin := first.setdefault(key, document)) is not document:
                found.append(forms.second(document, twin))
            if not _is_of(policy, governed, mesh):
                found.append(forms.outside(document, policy.namespace))
            if not found:
                policies.append(policy)
        diagnostics += found
    authentications = [policy for policy in policies if isinstance(policy, Authentication)]
    disputed = list(_disputed(authentications))
    diagnostics += (_dispute(one, other) for one, other in disputed)
    torn = {id(policy) for pair in disputed for policy in pair}
    whole = [policy for policy in authentications if id(policy) not in torn]
    authorizations = [policy for policy in policies if isinstance(policy, _Authorization)]
    return _reach(authorizations, whole, sorted(governed), mesh), tuple(diagnostics)


def _is_of(policy: "_Policy", governed: frozenset[str], mesh: Istio) -> bool:
    """Governed, or the mode of the whole mesh, where that is written."""
    if policy.namespace in governed:
        return True
    for_mesh = isinstance(policy, Authentication) and policy.subject is None and policy.namespace == mesh.root_namespace
    return for_mesh and mesh.mesh_wide_mtls != "unwritten"


def beyond(documents: Sequence[ReadDocument], platform: Platform) -> Iterator[Diagnostic]:
    """ZT502, ZT503: where the platform says a mode for the whole mesh, whether these documents do. It is in force where
    nothing is governed, of which no reach tells. What cannot be read is told by `reach_of`."""
    mesh = platform.mesh
    if not isinstance(mesh, Istio) or mesh.mesh_wide_mtls == "unwritten":
        return
    known, read = _Known(mesh, addresses(platform.pod_cidrs)), list[Authentication]()
    for document in documents:
        policy = _policy(document, known, []) if document.body.get("kind") == AUTHENTICATION else None
        read += (policy,) if isinstance(policy, Authentication) else ()
    found = mesh_wide(read, mesh.root_namespace)
    wanted, mode = mesh.mesh_wide_mtls.upper(), (found and found.mode) or "PERMISSIVE"
    if mode == wanted:
        return
    more, less = _takes(mode) - _takes(wanted), _takes(wanted) - _takes(mode)
    here = (Label(platform.at, "the platform says so"),) if platform.at.line else ()
    if found is not None:
        here = (forms.label(found.document, ("spec", "mtls"), mode), *here)
    taken = f"takes {' and '.join(sorted(more))}" if more else f"refuses {' and '.join(sorted(less))}"
    said = "nothing says so" if found is None else f"{forms.title(found.document)} says {mode}"
    yield Diagnostic(
        "ZT502" if more else "ZT503",
        f"the mesh {taken} where nothing is governed: the platform says {mesh.mesh_wide_mtls}, and {said}",
        here,
        "What says no mode of its own has that of the whole mesh, also in namespaces of which nothing is read here.",
        "compile again and apply what is written",
    )


def _takes(mode: str) -> frozenset[str]:
    both = {"mTLS": ("STRICT", "PERMISSIVE"), "plain text": ("PERMISSIVE", "DISABLE")}
    return frozenset(what for what, modes in both.items() if mode in modes)


# --- one object --------------------------------------------------------------------------------------

Action = Literal["ALLOW", "DENY"]


@frozen
class _Rule:
    """Whom a rule is about, and what of each of them."""

    callers: Callers
    openeds: tuple[Opened, ...]


@frozen
class _Authorization:
    document: ReadDocument
    namespace: str
    name: str
    subject: Selector
    action: Action
    rules: tuple[_Rule, ...]


_Policy: TypeAlias = _Authorization | Authentication


@frozen
class _Known:
    """The mesh, and what policies repeat, as it was read first, where that was without problems.

    The reader gives equal rules of many documents as one object each. They are known by its identity, which is theirs
    for as long as the documents live; what is in the policy's own namespace because it names none is not.
    """

    mesh: Istio
    pods: Addresses
    rules: dict[tuple[Action, int], _Rule] = field(factory=dict)
    callers: dict[int, Callers] = field(factory=dict)
    openeds: dict[tuple[Action, int], tuple[Opened, ...]] = field(factory=dict)


_TOP = frozenset({"apiVersion", "kind", "metadata", "spec"})
_SPEC = frozenset({"selector", "action", "rules"})
_MTLS_SPEC = frozenset({"selector", "mtls", "portLevelMtls"})
_SELECTOR = frozenset({"matchLabels"})
_MODE = frozenset({"mode"})
_MOST = 512


def _policy(document: ReadDocument, known: _Known, problems: Problems) -> _Policy | None:
    """Its meaning, if there are no problems; None where not even its name is known."""
    kind, version = document.body.get("kind"), document.body.get("apiVersion")
    if kind not in (AUTHORIZATION, AUTHENTICATION) or version not in API_VERSIONS:
        judged = kind in (AUTHORIZATION, AUTHENTICATION)
        says = f"is not judged here, only `{AUTHORIZATION}` and `{AUTHENTICATION}` of `{API_VERSIONS[0]}` are"
        problems.append(Problem(("apiVersion" if judged else "kind",), says, forms.OTHER_KIND))
        return None
    body = fields(document.body, _TOP, (), problems)
    about = body.get("metadata", {})
    namespace, name = forms.metadata(about, problems)
    _check_settings(about, problems)
    if "spec" not in body:
        problems.append(Problem((), "has no spec"))
    at: Path = ("spec",)
    if kind == AUTHENTICATION:
        spec = fields(body.get("spec", {}), _MTLS_SPEC, at, problems)
        policy: _Policy = _authentication(document, namespace, name, spec, known.mesh, problems)
    else:
        spec = fields(body.get("spec", {}), _SPEC, at, problems)
        subject = with_labels(()) if "selector" not in spec else _subject(spec["selector"], (*at, "selector"), problems)
        action = _action(spec, (*at, "action"), problems)
        rules = tuple(_rules(spec, namespace, action, known, problems))
        policy = _Authorization(document, namespace, name, subject, action, rules)
    return policy if namespace and name else None


def _check_settings(tree: Value, problems: Problems) -> None:
    """What of the metadata decides whether a policy is in force (B, isDryRun; `pkg/config/model.go`)."""
    found = tree if isinstance(tree, dict) else {}
    for part, key in (("annotations", "istio.io/dry-run"), ("labels", "istio.io/rev")):
        listed = found.get(part)
        if isinstance(listed, dict) and key in listed:
            says = "decides whether this policy is in force at all"
            problems.append(Problem(("metadata", part, key), says, forms.UNKNOWN))


def _subject(tree: Value, at: Path, problems: Problems) -> Selector:
    """Labels alone; without any it is every pod (P; D)."""
    labels = fields(tree, _SELECTOR, at, problems).get("matchLabels", {})
    exact = forms.labels(labels, (*at, "matchLabels"), problems)
    return with_labels(tuple(sorted(exact.items())))


def _action(spec: Mapping[str, Value], at: Path, problems: Problems) -> Action:
    written = spec.get("action", "ALLOW")
    for action in get_args(Action):
        if written == action:
            found: Action = action
            return found
    problems.append(Problem(at, "is not judged here, only ALLOW and DENY are", forms.UNKNOWN))
    return "ALLOW"


# --- rules -------------------------------------------------------------------------------------------

_RULE = frozenset({"from", "to"})


def _rules(
    spec: Mapping[str, Value], namespace: str, action: Action, known: _Known, problems: Problems
) -> Iterator[_Rule]:
    """Rules are alternatives. Without one nobody is allowed (B), and nothing may be denied (V)."""
    at: Path = ("spec", "rules")
    listed = forms.elements(spec.get("rules"), at, problems)
    if action == "DENY" and not listed:
        problems.append(Problem(("spec",), "has no rules: it denies nothing"))
    if len(listed) > _MOST:
        problems.append(Problem(at, f"has {len(listed)} rules, more than {_MOST}"))
    for index, element in enumerate(listed):
        rule = known.rules.get((action, id(element)))
        yield rule or _rule(element, namespace, action, known, (*at, index), problems)


def _rule(element: Value, namespace: str, action: Action, known: _Known, at: Path, problems: Problems) -> _Rule:
    """Everybody without a `from`, everything of TCP without a `to` (M)."""
    before = len(problems)
    found = fields(element, _RULE, at, problems)
    who, what = found.get("from"), found.get("to")
    own = names_own(who)
    whom = EVERY_CALLER if who is None else known.callers.get(id(who))
    if whom is None:
        many = len(problems)
        whom = callers(who, namespace, known.mesh, (*at, "from"), problems)
        if len(problems) == many and not own:
            known.callers[id(who)] = whom
    # Where it is allowed it shows: no edge is from an address of a pod.
    listed = () if action == "ALLOW" or whom is EVERY_CALLER else whom.anyhow
    if any(
        isinstance(each, Addresses) and each & known.pods and not (whom.anonymous and each == EVERY_ADDRESS)
        for each in listed
    ):
        problems.append(Problem((*at, "from"), "denies addresses of pods", _OF_PODS))
    if isinstance(who, list) and len(who) > _MOST:
        problems.append(Problem((*at, "from"), f"has {len(who)} sources, more than {_MOST}"))
    openeds = (EVERY_TCP_PORT,) if what is None else known.openeds.get((action, id(what)))
    if openeds is None:
        many = len(problems)
        openeds = _openeds(what, action, known.mesh, (*at, "to"), problems)
        if len(problems) == many:
            known.openeds[action, id(what)] = openeds
    rule = _Rule(whom, openeds)
    if len(problems) == before and not own:
        known.rules[action, id(element)] = rule
    return rule


_OF_PODS = "a pod with an identity has an address, too: which, is not in these documents"
_ITEM = frozenset({"operation"})
_OPERATION = frozenset({"ports", "methods", "paths"})
_WIDER = "on TCP a denial drops what is only for HTTP, and denies everything else that it says"
_MIXED = "on TCP a rule with a field for HTTP allows nothing at all, not even its other operations"


def _openeds(tree: Value, action: Action, mesh: Istio, at: Path, problems: Problems) -> tuple[Opened, ...]:
    """Operations are alternatives, the whole ports of all as one set. One with a method or a path is for HTTP, and so
    is then the whole rule (M, Generate)."""
    parts: list[Opened] = [
        part for here, each in elements(tree, at, problems) if (part := _operation(each, mesh, here, problems))
    ]
    narrowed = [part for part in parts if isinstance(part, Narrowed)]
    if narrowed and action == "DENY":
        problems.append(Problem(at, "denies by methods or paths", _WIDER))
    elif narrowed and len(narrowed) < len(parts):
        problems.append(Problem(at, "has operations for HTTP and others", _MIXED))
    if narrowed:
        return tuple(dict.fromkeys(map(shared, narrowed)))
    whole = ports(interval for part in parts if isinstance(part, Ports) for interval in part.intervals)
    return (shared(whole),) if whole else ()


def _operation(tree: Value, mesh: Istio, at: Path, problems: Problems) -> Opened | None:
    """All fields must hold (M)."""
    operation = fields(tree, _ITEM, at, problems).get("operation")
    at = (*at, "operation")
    if operation is None:
        problems.append(Problem(at, "is missing"))
        return None
    found = fields(operation, _OPERATION, at, problems)
    if not found:
        problems.append(Problem(at, "is empty"))
    opened = EVERY_TCP_PORT if "ports" not in found else _ports(found["ports"], (*at, "ports"), problems)
    if found.keys() <= {"ports"}:
        return opened
    return Narrowed(opened, Only("http", requests(found.get("methods"), found.get("paths"), mesh, at, problems)))


def _ports(tree: Value, at: Path, problems: Problems) -> Ports:
    """The workload's own, as strings; nought is none (M; V)."""
    numbers = [_number(written, here, problems) for here, written in strings(tree, at, problems)]
    return ports(("TCP", number, number) for number in numbers if number)


def _number(written: str, at: Path, problems: Problems) -> int:
    if not (
        written.isascii() and written.isdecimal() and str(int(written[:6])) == written and int(written) <= LAST_PORT
    ):
        problems.append(Problem(at, f"is not a decimal number up to {LAST_PORT}: {written[:80]!r}"))
        return 0
    return int(written)


# --- modes -------------------------------------------------------------------------------------------

_MODES: Mapping[str, Mode | None] = {
    "STRICT": "STRICT",
    "PERMISSIVE": "PERMISSIVE",
    "DISABLE": "DISABLE",
    "UNSET": None,
}
_IGNORED = "a policy with a selector is not looked at in the root namespace"


def _authentication(
    document: ReadDocument, namespace: str, name: str, spec: Mapping[str, Value], mesh: Istio, problems: Problems
) -> Authentication:
    """A selector without labels is none; only with one there are modes of ports (A; V)."""
    at: Path = ("spec",)
    subject = _subject(spec["selector"], (*at, "selector"), problems) if "selector" in spec else EVERYTHING
    about = None if subject == EVERYTHING else subject
    mode = _mode(spec["mtls"], (*at, "mtls"), problems) if "mtls" in spec else None
    here = (*at, "portLevelMtls")
    if about is not None and namespace == mesh.root_namespace:
        problems.append(Problem((*at, "selector"), "is in the root namespace", _IGNORED))
    listed: dict[int, Mode | None] = {}
    if "portLevelMtls" in spec:
        found = spec["portLevelMtls"]
        if about is None:
            problems.append(Problem(here, "needs a selector"))
        if not isinstance(found, dict):
            problems.append(forms.wrong_form(found, "a map", here))
            found = {}
        elif not found:
            problems.append(Problem(here, "must not be empty", VANISHES))
        for port, each in found.items():
            number = _number(port, (*here, port), problems)
            if number < FIRST_PORT:
                problems.append(Problem((*here, port), "is not a port"))
            listed[number] = _mode(each, (*here, port), problems)
    return Authentication(document, namespace, name, about, mode, listed)


def _mode(tree: Value, at: Path, problems: Problems) -> Mode | None:
    """None is inherited."""
    written = fields(tree, _MODE, at, problems).get("mode", "UNSET")
    if not isinstance(written, str) or written not in _MODES:
        problems.append(Problem((*at, "mode"), f"must be one of {', '.join(_MODES)}"))
        return None
    return _MODES[written]


def _disputed(policies: Iterable[Authentication]) -> Iterator[tuple[Authentication, Authentication]]:
    for some in _by_namespace(policies).values():
        yield from disputes(some)


def _by_namespace(policies: Iterable[Authentication]) -> dict[str, list[Authentication]]:
    found: dict[str, list[Authentication]] = {}
    for policy in policies:
        found.setdefault(policy.namespace, []).append(policy)
    return found


def _dispute(one: Authentication, other: Authentication) -> Diagnostic:
    says = "says the mTLS mode of some pods"
    labels = (
        forms.label(one.document, ("spec",), says),
        forms.label(other.document, ("spec",), "and so does this, of some of the same"),
    )
    return Diagnostic(
        "ZT501",
        f"{forms.title(one.document)} and {forms.title(other.document)} both say the mTLS mode of some pods",
        labels,
        why="the older one is in force, and no document says which that is",
        help="keep one of the two",
    )


# --- what it comes to --------------------------------------------------------------------------------


def _reach(
    authorizations: Sequence[_Authorization],
    authentications: Sequence[Authentication],
    governed: Sequence[str],
    mesh: Istio,
) -> Reach:
    """A policy of the root namespace is in force in every namespace (P)."""
    own, whole = _by_namespace(authentications), mesh_wide(authentications, mesh.root_namespace)
    modes = {each: regions(own.get(each, ()), whole, mesh.root_namespace) for each in governed}
    isolations: list[Isolation] = []
    grants = unseen_by_mesh(governed)
    denied = [grant for namespace, found in modes.items() for grant in _refused(namespace, found)]
    for policy in authorizations:
        subject = shared(policy.subject & SIDECAR)
        for namespace in governed if policy.namespace == mesh.root_namespace else (policy.namespace,):
            if policy.action == "ALLOW":
                isolations.append(Isolation(namespace, "Ingress", subject))
            into = grants if policy.action == "ALLOW" else denied
            blind = list(modes[namespace]["DISABLE"].meeting(subject))
            for index, rule in enumerate(policy.rules):
                into += _granted(policy, namespace, subject, index, rule, blind)
    return Reach(tuple(isolations), tuple(grants), tuple(denied))


def _refused(namespace: str, modes: Regions) -> Iterator[Grant]:
    """Whoever shows no identity where one is asked for, whatever a policy says: there is no place for plain text."""
    for region in modes["STRICT"].regions:
        origin = partial(_mode_origin, region.document)
        for remote in ANONYMOUS:
            yield Grant(namespace, "Ingress", region.subject, remote, region.ports, origin)


def _mode_origin(document: ReadDocument) -> Origin:
    return Origin(f"{forms.title(document)} mtls", document.path, forms.line(document, ("spec",)))


def _granted(
    policy: _Authorization, namespace: str, subject: Selector, index: int, rule: _Rule, blind: Sequence[Region]
) -> Iterator[Grant]:
    """Where the mode is DISABLE nobody's identity is seen: no caller is known by it, and everybody is anonymous."""
    origin = partial(_origin, policy.document, index)
    for opened in rule.openeds:
        for remote in rule.callers.anyhow:
            yield Grant(namespace, "Ingress", subject, remote, opened, origin)
        if not blind:
            for remote in rule.callers.seen:
                yield Grant(namespace, "Ingress", subject, remote, opened, origin)
            continue
        whole = opened.ports if isinstance(opened, Narrowed) else opened
        for pods, some in apart(subject, whole, blind):
            for remote in rule.callers.seen:
                yield Grant(namespace, "Ingress", shared(pods), remote, _of(opened, some), origin)
        for region in blind if rule.callers.anonymous else ():
            pods, some = subject & region.subject, whole & region.ports
            if not pods.empty and some:
                yield Grant(namespace, "Ingress", shared(pods), IDENTIFIED, _of(opened, some), origin)


def _of(opened: Opened, some: Ports) -> Opened:
    """The same on these ports."""
    return shared(Narrowed(some, opened.only)) if isinstance(opened, Narrowed) else shared(some)


def _origin(document: ReadDocument, index: int) -> Origin:
    """The rule, with its line: the file is read again for it."""
    line = forms.line(document, ("spec", "rules", index))
    return Origin(f"{forms.title(document)} rules[{index}]", document.path, line)
