"""What NetworkPolicy documents let through, as the Kubernetes API reads them. Knows nothing of `lower.py`.

Every fact about the API names its source: T is module k8s.io/api v0.37.2, `networking/v1/types.go`; D and V are
k8s.io/kubernetes v1.37.2, `pkg/apis/networking/v1/defaults.go` and `pkg/apis/networking/validation/validation.go`.
What objects of all kinds have in common is read by `manifests.forms`.

Invariant: a field or form that is not understood is a diagnostic, never ignored. A document with one is no
part of the reach: half a meaning is no meaning.

Boundary: the reach knows TCP, UDP and SCTP, as the API does. Whether a rule without ports lets ICMP through
"may vary across plugins", and is not judged.
"""

from collections.abc import Sequence
from functools import partial

from attrs import evolve, field, frozen

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, united
from zt_dsl.ir.selector import EVERYTHING, METADATA_NAME, Selector, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, PROTOCOLS, Interval, Ports, Protocol, ports
from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path, ReadDocument
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import DIRECTIONS, Direction, Grant, Isolation, Origin, Pods, Reach, Remote, shared

API_VERSION = "networking.k8s.io/v1"
KIND = "NetworkPolicy"


def reach_of(documents: Sequence[ReadDocument], governed: frozenset[str]) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What these documents let through at the pods of the governed namespaces, and what cannot be judged.

    ZT501: not understood. ZT504: outside the governed namespaces. ZT505: a second object of one name. A
    document with any of these is no part of the reach.
    """
    isolations: list[Isolation] = []
    grants: list[Grant] = []
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[str, str], ReadDocument] = {}
    known = _Known()
    for document in documents:
        problems: Problems = []
        policy = _policy(document, known, problems)
        found = [forms.not_understood(document, problem) for problem in problems]
        if policy and (twin := first.setdefault((policy.namespace, policy.name), document)) is not document:
            found.append(forms.second(document, twin))
        if policy and policy.namespace not in governed:
            found.append(forms.outside(document, policy.namespace))
        if policy and not found:
            isolations += policy.isolations
            grants += policy.grants
        diagnostics += found
    return Reach(tuple(isolations), tuple(grants)), tuple(diagnostics)


# --- one object --------------------------------------------------------------------------------------

_TOP = frozenset({"apiVersion", "kind", "metadata", "spec"})
_SPEC = frozenset({"podSelector", "policyTypes", "ingress", "egress"})
_PEERS: dict[Direction, str] = {"Ingress": "from", "Egress": "to"}
_RULE: dict[Direction, frozenset[str]] = {way: frozenset({"ports", peers}) for way, peers in _PEERS.items()}


@frozen
class _Policy:
    namespace: str
    name: str
    isolations: tuple[Isolation, ...]
    grants: tuple[Grant, ...]


@frozen
class _Known:
    """What policies repeat, as it was read first, where that was without problems.

    The reader gives equal rules, peers and ports of many documents as one object each. They are known by its
    identity, which is theirs for as long as the documents live.
    """

    rules: dict[Direction, dict[int, tuple[tuple[Remote, ...], Ports]]] = field(
        factory=lambda: {way: {} for way in DIRECTIONS}
    )
    peers: dict[int, Remote] = field(factory=dict)
    ports: dict[tuple[int, ...], Ports] = field(factory=dict)


def _policy(document: ReadDocument, known: _Known, problems: Problems) -> _Policy | None:
    """Its meaning, if there are no problems; None where not even its name is known."""
    kind, version = document.body.get("kind"), document.body.get("apiVersion")
    if kind != KIND or version != API_VERSION:
        says = f"is not judged here, only `kind: {KIND}` of `apiVersion: {API_VERSION}` is"
        problems.append(Problem(("apiVersion" if kind == KIND else "kind",), says, forms.OTHER_KIND))
        return None
    body = forms.fields(document.body, _TOP, (), problems)
    namespace, name = forms.metadata(body.get("metadata", {}), problems)
    # No spec, no podSelector, null and {} all select every pod: neither is a pointer (T).
    spec = forms.fields(body.get("spec", {}), _SPEC, ("spec",), problems)
    subject = forms.label_selector(spec.get("podSelector", {}), ("spec", "podSelector"), problems)
    isolations: list[Isolation] = []
    grants: list[Grant] = []
    types = _policy_types(spec, problems)
    for way in DIRECTIONS:
        opened = _rules(document, namespace, way, subject, spec.get(way.lower()), known, problems)
        # The rules of a direction that is not among the types must be valid (V) and are not in force (T).
        if way in types:
            isolations.append(Isolation(namespace, way, subject))
            grants += opened
    return _Policy(namespace, name, tuple(isolations), tuple(grants)) if namespace and name else None


def _policy_types(spec: dict[str, Value], problems: Problems) -> tuple[Direction, ...]:
    """Missing or empty: Ingress, and Egress too if there is an egress rule (D, SetDefaults_NetworkPolicy).

    The API accepts a direction that is written twice; nobody means that, so it is not understood here.
    """
    at = ("spec", "policyTypes")
    written = forms.elements(spec.get("policyTypes"), at, problems)
    for index, name in enumerate(written):
        if name not in DIRECTIONS:
            problems.append(Problem((*at, index), "is neither Ingress nor Egress"))
        elif name in written[:index]:
            problems.append(Problem((*at, index), f"is {name} a second time"))
    if not written:
        return DIRECTIONS if spec.get("egress") else ("Ingress",)
    return tuple(way for way in DIRECTIONS if way in written)


def _rules(
    document: ReadDocument,
    namespace: str,
    way: Direction,
    subject: Selector,
    tree: Value,
    known: _Known,
    problems: Problems,
) -> list[Grant]:
    """A list that is missing or empty grants nothing; a rule that is empty grants everything (T)."""
    section = way.lower()
    rules = known.rules[way]
    grants: list[Grant] = []
    for index, element in enumerate(forms.elements(tree, ("spec", section), problems)):
        at = ("spec", section, index)
        remotes, opened = rules.get(id(element)) or _rule(element, namespace, way, known, at, problems)
        origin = partial(_origin, document, section, index)
        grants += [Grant(namespace, way, subject, remote, opened, origin) for remote in remotes]
    return grants


def _origin(document: ReadDocument, section: str, index: int) -> Origin:
    """The rule, with its line: the file is read again for it."""
    line = forms.line(document, ("spec", section, index))
    return Origin(f"{forms.title(document)} {section}[{index}]", document.path, line)


def _rule(
    element: Value, namespace: str, way: Direction, known: _Known, at: Path, problems: Problems
) -> tuple[tuple[Remote, ...], Ports]:
    """Who, and on which ports."""
    before = len(problems)
    fields = forms.fields(element, _RULE[way], at, problems)
    peers = fields.get(_PEERS[way])
    remotes = _remotes(namespace, peers, known, (*at, _PEERS[way]), problems)
    opened = _ports(fields.get("ports"), known, (*at, "ports"), problems)
    if len(problems) == before and isinstance(peers, list) and all(map(_says_where, peers)):
        known.rules[way][id(element)] = (remotes, opened)
    return remotes, opened


def _says_where(peer: Value) -> bool:
    """Whether it is the same in whatever namespace the policy is."""
    return isinstance(peer, dict) and not (peer.get("namespaceSelector") is None and peer.get("ipBlock") is None)


# --- peers -------------------------------------------------------------------------------------------

_PEER = frozenset({"podSelector", "namespaceSelector", "ipBlock"})
_EVERYBODY: tuple[Remote, ...] = (Pods(EVERYTHING, EVERYTHING), EVERY_ADDRESS)


def _remotes(namespace: str, tree: Value, known: _Known, at: Path, problems: Problems) -> tuple[Remote, ...]:
    """Items are alternatives. A missing or empty list is everybody, addresses outside too (T)."""
    items = forms.elements(tree, at, problems)
    if not items:
        return _EVERYBODY
    found = [_peer(namespace, item, known, (*at, index), problems) for index, item in enumerate(items)]
    blocks = [remote for remote in found if isinstance(remote, Addresses)]
    pods = [remote for remote in found if isinstance(remote, Pods)]
    return (*pods, shared(united(blocks))) if blocks else tuple(pods)


def _peer(namespace: str, tree: Value, known: _Known, at: Path, problems: Problems) -> Remote | None:
    """One item: pods by both selectors, or one block of addresses; an empty item is refused (T, V)."""
    found = known.peers.get(id(tree))
    if found is not None:
        return found
    before = len(problems)
    fields = forms.fields(tree, _PEER, at, problems)
    if "ipBlock" in fields:
        if len(fields) > 1:
            problems.append(Problem(at, "has an ipBlock and something else: they cannot be combined"))
        found = forms.ip_block(fields["ipBlock"], (*at, "ipBlock"), problems)
    elif fields:
        found = _pods(namespace, fields, at, problems)
    else:
        problems.append(Problem(at, "names no peer"))
    if found is not None and len(problems) == before and _says_where(tree):
        known.peers[id(tree)] = found
    return found


def _pods(namespace: str, fields: dict[str, Value], at: Path, problems: Problems) -> Remote:
    # A pod selector alone selects in the policy's own namespace, a namespace selector alone every pod (T).
    namespaces, pods = with_labels(((METADATA_NAME, namespace),)), EVERYTHING
    if "namespaceSelector" in fields:
        namespaces = _named(forms.label_selector(fields["namespaceSelector"], (*at, "namespaceSelector"), problems))
    if "podSelector" in fields:
        pods = forms.label_selector(fields["podSelector"], (*at, "podSelector"), problems)
    return shared(Pods(namespaces, pods))


def _named(namespaces: Selector) -> Selector:
    """Their name is a label of all of them (T), and not every label's value is a name: what has another is none."""
    values = dict(namespaces.terms).get(METADATA_NAME)
    if values is None or values.others or all(map(forms.is_namespace, values.values)):
        return namespaces
    possible = evolve(values, values=frozenset(filter(forms.is_namespace, values.values)))
    return selector({**dict(namespaces.terms), METADATA_NAME: possible}.items())


# --- ports -------------------------------------------------------------------------------------------

_PORT = frozenset({"protocol", "port", "endPort"})


def _ports(tree: Value, known: _Known, at: Path, problems: Problems) -> Ports:
    """Items are alternatives. A missing or empty list is every port of every protocol (T)."""
    items = forms.elements(tree, at, problems)
    if not items:
        return EVERY_PORT
    same = tuple(map(id, items))
    found = known.ports.get(same)
    if found is None:
        before = len(problems)
        found = shared(ports([_interval(item, (*at, index), problems) for index, item in enumerate(items)]))
        if len(problems) == before:
            known.ports[same] = found
    return found


def _interval(tree: Value, at: Path, problems: Problems) -> Interval:
    """Without a protocol it is TCP (D); without a port, every port of that protocol (T)."""
    fields = forms.fields(tree, _PORT, at, problems)
    protocol = _protocol(fields.get("protocol", "TCP"), (*at, "protocol"), problems)
    port, end = fields.get("port"), fields.get("endPort")
    if port is None:
        if end is not None:
            problems.append(Problem((*at, "endPort"), "has no port to begin at"))
        return protocol, FIRST_PORT, LAST_PORT
    if isinstance(port, str):
        says = f"is the name {port[:80]!r}, not a number: only numbers can be judged"
        problems.append(Problem((*at, "port"), says, forms.NAMED_PORT))
        return protocol, FIRST_PORT, LAST_PORT
    first = _number(port, (*at, "port"), problems)
    last = first if end is None else _number(end, (*at, "endPort"), problems)
    if first and last and last < first:
        problems.append(Problem((*at, "endPort"), f"is below the port, {first}"))
    return protocol, first, max(first, last)


def _protocol(tree: Value, at: Path, problems: Problems) -> Protocol:
    """Spelt in capitals, and nothing else (V)."""
    for protocol in PROTOCOLS:
        if tree == protocol:
            return protocol
    problems.append(Problem(at, "must be TCP, UDP or SCTP"))
    return "TCP"


def _number(tree: Value, at: Path, problems: Problems) -> int:
    """A port number; 0 where it is not one."""
    if isinstance(tree, bool) or not isinstance(tree, int):
        problems.append(forms.wrong_form(tree, "a number", at))
    elif not 1 <= tree <= LAST_PORT:
        problems.append(Problem(at, f"must be between 1 and {LAST_PORT}"))
    else:
        return tree
    return 0
