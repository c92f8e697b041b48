"""What CiliumNetworkPolicy documents let through, as Cilium reads them. Knows nothing of `lower.py`.

Every fact about Cilium names its source, a file of module github.com/cilium/cilium v1.20.2: R is
`pkg/policy/api/rule_validation.go`, A the other files of `pkg/policy/api`, P `pkg/policy/utils/parserules.go`, U
`pkg/k8s/apis/cilium.io/utils/utils.go`, F `pkg/labelsfilter/filter.go`, M `pkg/fqdn/matchpattern/matchpattern.go`, L
`pkg/policy/l4.go`, D the CustomResourceDefinition `client/crds/v2/ciliumnetworkpolicies.yaml`. Where a version decides,
the last release of each minor version from 1.15 on was read.

Invariant: a field or form that is not understood is a diagnostic, never ignored. A document with one is no
part of the reach: half a meaning is no meaning.

Boundaries. A pod's own node may always call it, as the agent has it under Kubernetes. Names are of letters, digits,
`-` and `_`, and paths are normalised. Which address a name had when, ICMP, the limit that Envoy has on the size of an
expression, and settings of the agent that change what a policy means (which labels are in identities,
`policy-cidr-match-mode`) are not judged.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import combinations, product, starmap
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from zt_dsl.backends.cilium.matches import EVERY_PATH, methods, paths
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.addresses import EVERY_ADDRESS, Addresses, addresses, united
from zt_dsl.ir.languages import SOME_WORD, Language, Words, word
from zt_dsl.ir.paths import Only, Speech
from zt_dsl.ir.platform import Cilium, Platform
from zt_dsl.ir.selector import ANY_VALUE, CLUSTER, EVERYTHING, METADATA_NAME, Selector, Values, selector, with_labels
from zt_dsl.ir.traffic import EVERY_PORT, FIRST_PORT, LAST_PORT, PROTOCOLS, Interval, Ports, Protocol, ports
from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path, ReadDocument
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import (
    API_SERVERS,
    EVERY_ENTITY,
    EVERY_NAME,
    NODES,
    OWN_NODE,
    Direction,
    Entities,
    Entity,
    Grant,
    Isolation,
    Names,
    Narrowed,
    Opened,
    Origin,
    Pods,
    Reach,
    Remote,
    own_node,
    shared,
)

API_VERSION = "cilium.io/v2"
KIND = "CiliumNetworkPolicy"

# The first minor version with each, and the last with Kafka.
_END_PORT = (1, 16)
_DEFAULT_DENY = (1, 16)
_SERVER_NAME_PATTERNS = (1, 18)
_DEEP_PATTERNS = (1, 19)
_LOCAL_CLUSTER = (1, 19)
_KAFKA = (1, 19)
_CLUSTER_MESH = (1, 20)
_OPEN_PROXIES = (1, 20)


def reach_of(
    documents: Sequence[ReadDocument], governed: frozenset[str], platform: Platform
) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """What these documents let through at the pods of the governed namespaces, and what cannot be judged.

    ZT501: not understood. ZT504: outside the governed namespaces. ZT505: a second object of one name. A
    document with any of these is no part of the reach.
    """
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[str, str], ReadDocument] = {}
    policies: list[_Policy] = []
    known = _Known(_agent(platform))
    for document in documents:
        problems: Problems = []
        policy = _policy(document, known, problems)
        found = [forms.not_understood(document, problem) for problem in problems]
        if policy and (twin := first.setdefault((policy.namespace, policy.name), document)) is not document:
            found.append(forms.second(document, twin))
        if policy and policy.namespace not in governed:
            found.append(forms.outside(document, policy.namespace))
        if policy and not found:
            policies.append(policy)
        diagnostics += found
    torn: set[int] = set()
    for one, other, why in _conflicts(policies):
        torn |= {id(one.rule.document), id(other.document)}
        diagnostics.append(_conflict(one, other, why))
    whole = [policy for policy in policies if id(policy.document) not in torn] if torn else policies
    # Under Kubernetes the agent lets a pod's own node in, after all rules (`pkg/policy/repository.go`, AllowLocalhost).
    nodes = own_node(sorted(governed))
    reach = Reach(
        tuple(isolation for policy in whole for isolation in policy.isolations),
        (*nodes, *(grant for policy in whole for grant in policy.grants)),
        tuple(grant for policy in whole for grant in policy.denied),
    )
    return reach, tuple(diagnostics)


# --- what the agent is -------------------------------------------------------------------------------

_IGNORED = "the API server drops or refuses what its version of the definition does not know: the rule is another then"
_CLUSTER_OF_PODS = Pods(selector(((CLUSTER, ANY_VALUE),)), EVERYTHING)
_EVERYBODY: tuple[Remote, ...] = (_CLUSTER_OF_PODS, EVERY_ADDRESS, EVERY_NAME, Entities(EVERY_ENTITY))


@frozen
class _Agent:
    """What decides about meanings and is in no document: the version, and which cluster this is."""

    version: tuple[int, int]
    cluster: str
    entities: Mapping[str, tuple[Remote, ...]]


def _agent(platform: Platform) -> _Agent:
    network = platform.network
    if not isinstance(network, Cilium):
        raise TypeError(f"{platform.name} does not run Cilium")
    major, minor = (int(part) for part in network.version.split(".")[:2])
    return _Agent((major, minor), platform.cluster, _entities((major, minor), platform.cluster))


def _entities(version: tuple[int, int], cluster: str) -> Mapping[str, tuple[Remote, ...]]:
    """A, entity.go. A pod has the label of its cluster, and what is reserved has none. An API server outside is an
    address as well as that, and of the cluster wherever it is."""
    outside: frozenset[Entity] = frozenset(("outside API server",))
    alone: tuple[Entity, ...] = ("health", "ingress", "init", "unmanaged")
    here = Pods(with_labels(((CLUSTER, cluster),)), EVERYTHING)
    found: dict[str, tuple[Remote, ...]] = {
        "all": _EVERYBODY,
        "world": (EVERY_ADDRESS, EVERY_NAME, Entities(outside)),
        "cluster": (here, Entities(EVERY_ENTITY)),
        "host": (Entities(OWN_NODE),),
        "remote-node": (Entities(NODES - OWN_NODE),),
        "kube-apiserver": (Entities(API_SERVERS),),
        "none": (),
        **{entity: (Entities(frozenset[Entity]((entity,))),) for entity in alone},
    }
    if version >= _CLUSTER_MESH:
        found["cluster-mesh"] = (_CLUSTER_OF_PODS, Entities(EVERY_ENTITY))
    return found


# --- one object --------------------------------------------------------------------------------------


def _fields(tree: Value, known: frozenset[str], at: Path, problems: Problems) -> dict[str, Value]:
    """The fields of a map. Where a definition does not allow null, and Cilium's does nowhere, it is refused."""
    found = forms.fields(tree, known, at, problems)
    if found is not tree and isinstance(tree, dict):
        problems += (Problem((*at, key), "is null") for key, value in tree.items() if value is None)
    return found


def _check_nulls(tree: Value, at: Path, problems: Problems) -> None:
    """The same of what is read by `forms`, all the way down."""
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            if value is None:
                problems.append(Problem((*at, key), "is null"))
            _check_nulls(value, (*at, key), problems)


_Section = Literal["ingress", "egress", "ingressDeny", "egressDeny"]
_SECTIONS: tuple[tuple[_Section, Direction], ...] = (
    ("ingress", "Ingress"),
    ("egress", "Egress"),
    ("ingressDeny", "Ingress"),
    ("egressDeny", "Egress"),
)
_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "specs"})
_SPEC = frozenset({"endpointSelector", "enableDefaultDeny", "description", *(section for section, _ in _SECTIONS)})
_WAYS = frozenset({"ingress", "egress"})
_PEERS: Mapping[_Section, frozenset[str]] = {
    "ingress": frozenset({"fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet"}),
    "egress": frozenset({"toEndpoints", "toEntities", "toCIDR", "toCIDRSet", "toFQDNs"}),
    "ingressDeny": frozenset({"fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet"}),
    "egressDeny": frozenset({"toEndpoints", "toEntities", "toCIDR", "toCIDRSet"}),
}
_RULE: Mapping[_Section, frozenset[str]] = {section: peers | {"toPorts"} for section, peers in _PEERS.items()}

# Who a rule is for, and what each of them may do.
_Rule: TypeAlias = tuple[tuple[Remote, ...], tuple[Opened, ...]]


class _Ruled(NamedTuple):
    """A rule that allows, and where it is."""

    document: ReadDocument
    at: Path
    subject: Selector
    remotes: tuple[Remote, ...]
    openeds: tuple[Opened, ...]


class _Filter(NamedTuple):
    """What a rule sends through a proxy, which reads what is said there."""

    rule: _Ruled
    narrowed: Narrowed


@frozen
class _Policy:
    document: ReadDocument
    namespace: str
    name: str
    isolations: tuple[Isolation, ...]
    grants: tuple[Grant, ...]
    denied: tuple[Grant, ...]
    rules: tuple[tuple[Direction, _Ruled], ...]


@frozen
class _Known:
    """The agent, and what policies repeat, as it was read first, where that was without problems.

    The reader gives equal rules, peers and ports of many documents as one object each. They are known by its
    identity, which is theirs for as long as the documents live; what is in the policy's own namespace because it
    names none, by that namespace too.
    """

    agent: _Agent
    rules: dict[_Section, dict[int, _Rule]] = field(factory=lambda: {section: {} for section, _ in _SECTIONS})
    peers: dict[int, Remote] = field(factory=dict)
    ports: dict[tuple[_Section, tuple[int, ...]], tuple[Opened, ...]] = field(factory=dict)


@frozen
class _Spec:
    """Where a part of a policy is, whom it is about, and what was found of it."""

    document: ReadDocument
    at: Path
    namespace: str
    subject: Selector
    isolations: list[Isolation]
    grants: list[Grant]
    denied: list[Grant]
    rules: list[tuple[Direction, _Ruled]]


def _policy(document: ReadDocument, known: _Known, problems: Problems) -> _Policy | None:
    """Its meaning, if there are no problems; None where not even its name is known."""
    kind, version = document.body.get("kind"), document.body.get("apiVersion")
    if kind != KIND or version != API_VERSION:
        says = f"is not judged here, only `kind: {KIND}` of `apiVersion: {API_VERSION}` is"
        problems.append(Problem(("apiVersion" if kind == KIND else "kind",), says, forms.OTHER_KIND))
        return None
    body = _fields(document.body, _TOP, (), problems)
    namespace, name = forms.metadata(body.get("metadata", {}), problems)
    isolations: list[Isolation] = []
    grants: list[Grant] = []
    denied: list[Grant] = []
    rules: list[tuple[Direction, _Ruled]] = []
    parts: list[tuple[Path, Value]] = [(("spec",), body["spec"])] if "spec" in body else []
    parts += ((("specs", i), each) for i, each in enumerate(forms.elements(body.get("specs"), ("specs",), problems)))
    if not parts:
        problems.append(Problem((), "has neither a spec nor specs"))
    for at, tree in parts:
        written = _fields(tree, _SPEC, at, problems)
        subject = _subject(written.get("endpointSelector"), namespace, known.agent, (*at, "endpointSelector"), problems)
        spec = _Spec(document, at, namespace, subject, isolations, grants, denied, rules)
        _read_spec(spec, written, known, problems)
    if not (namespace and name):
        return None
    return _Policy(document, namespace, name, tuple(isolations), tuple(grants), tuple(denied), tuple(rules))


def _read_spec(spec: _Spec, written: dict[str, Value], known: _Known, problems: Problems) -> None:
    """A direction with a rule, one that denies counts too, is isolated unless it says otherwise; without one it is not,
    whatever it says (R, Sanitize; `pkg/policy/repository.go`)."""
    at = spec.at
    if not isinstance(written.get("description", ""), str):
        problems.append(forms.wrong_form(written["description"], "a string", (*at, "description")))
    left_open = _left_open(written, known.agent, (*at, "enableDefaultDeny"), problems)
    ways: dict[Direction, None] = {}
    for section, way in _SECTIONS:
        if section not in written:
            continue
        here = (*at, section)
        for index, element in enumerate(forms.elements(written[section], here, problems)):
            ways[way] = None
            rule = known.rules[section].get(id(element))
            if rule is None:
                rule = _rule(element, spec.namespace, section, known, (*here, index), problems)
            _grant(spec, section, way, index, rule)
            if way in left_open:
                _check_left_open(rule, known.agent, (*here, index), problems)
    if not ways:
        problems.append(Problem(at, "has no rule: there must be one at least"))
    spec.isolations.extend(Isolation(spec.namespace, way, spec.subject) for way in ways if way not in left_open)


def _left_open(written: dict[str, Value], agent: _Agent, at: Path, problems: Problems) -> frozenset[Direction]:
    """The directions that this policy says it does not isolate."""
    if "enableDefaultDeny" not in written:
        return frozenset()
    if agent.version < _DEFAULT_DENY:
        problems.append(Problem(at, "is not there before Cilium 1.16", _IGNORED))
    found = _fields(written["enableDefaultDeny"], _WAYS, at, problems)
    for key, value in found.items():
        if not isinstance(value, bool):
            problems.append(forms.wrong_form(value, "a boolean", (*at, key)))
    ways: tuple[tuple[str, Direction], ...] = (("ingress", "Ingress"), ("egress", "Egress"))
    return frozenset(way for key, way in ways if found.get(key) is False)


def _check_left_open(rule: _Rule, agent: _Agent, at: Path, problems: Problems) -> None:
    """A proxy refuses what none of its rules lets through, also where nothing isolates the pod. Since 1.20, and in the
    later releases of the versions before, it is given a rule for everything then: but not for server names (L)."""
    for opened in rule[1]:
        if isinstance(opened, Narrowed) and (agent.version < _OPEN_PROXIES or opened.only.speech == "tls"):
            says = "filters what is said in a direction that is left open"
            problems.append(Problem(at, says, "the proxy may refuse the rest all the same: nothing would be left open"))


def _grant(spec: _Spec, section: _Section, way: Direction, index: int, rule: _Rule) -> None:
    remotes, openeds = rule
    namespace, subject = spec.namespace, spec.subject
    origin = partial(_origin, spec.document, spec.at, section, index)
    into = spec.denied
    if section in ("ingress", "egress"):
        into = spec.grants
        spec.rules.append((way, _Ruled(spec.document, (*spec.at, section, index), subject, remotes, openeds)))
    for opened in openeds:
        into += [Grant(namespace, way, subject, remote, opened, origin) for remote in remotes]


def _origin(document: ReadDocument, at: Path, section: str, index: int) -> Origin:
    """The rule, with its line: the file is read again for it."""
    line = forms.line(document, (*at, section, index))
    inside = f"specs[{at[1]}] " if len(at) > 1 else ""
    return Origin(f"{forms.title(document)} {inside}{section}[{index}]", document.path, line)


def _rule(element: Value, namespace: str, section: _Section, known: _Known, at: Path, problems: Problems) -> _Rule:
    """P, RulesToPolicyEntries: who, and on which ports.

    Without peers it is everybody on these ports, and without ports nobody (L); so it is for `toFQDNs: []` (P,
    mergeEndpointSelectors). Any other list of peers that is empty is nobody.
    """
    before = len(problems)
    fields = _fields(element, _RULE[section], at, problems)
    kinds = [key for key in fields if key != "toPorts"]
    if len(kinds) > 1:
        problems.append(Problem(at, f"has {kinds[0]} and {kinds[1]}: they cannot be combined"))
    openeds = _to_ports(fields.get("toPorts"), section, known, (*at, "toPorts"), problems)
    remotes: tuple[Remote, ...]
    if not kinds or (kinds[0] == "toFQDNs" and fields["toFQDNs"] == []):
        remotes = _EVERYBODY
        openeds = openeds if fields.get("toPorts") else ()
    else:
        remotes = _remotes(namespace, kinds[0], fields[kinds[0]], known, (*at, kinds[0]), problems)
    rule = (remotes, openeds)
    if len(problems) == before and not (kinds and kinds[0].endswith("Endpoints") and _own(fields[kinds[0]], known)):
        known.rules[section][id(element)] = rule
    return rule


def _own(peers: Value, known: _Known) -> bool:
    """Whether one of these peers is another in another namespace: then it is not known by itself."""
    return isinstance(peers, list) and any(id(peer) not in known.peers for peer in peers)


# --- peers -------------------------------------------------------------------------------------------


def _remotes(namespace: str, kind: str, tree: Value, known: _Known, at: Path, problems: Problems) -> tuple[Remote, ...]:
    """Items are alternatives."""
    items = [((*at, index), item) for index, item in enumerate(forms.elements(tree, at, problems))]
    match kind:
        case "fromEndpoints" | "toEndpoints":
            return tuple(_pods(namespace, item, known, here, problems) for here, item in items)
        case "fromEntities" | "toEntities":
            return _joined(_entity(item, known.agent, here, problems) for here, item in items)
        case "fromCIDR" | "toCIDR":
            return _blocks(addresses(forms.cidr(item, here, problems)) for here, item in items)
        case "fromCIDRSet" | "toCIDRSet":
            for here, item in items:
                _check_nulls(item, here, problems)
            return _blocks(forms.ip_block(item, here, problems) for here, item in items)
        case _:
            return tuple(shared(Names(_fqdn(item, known.agent, here, problems))) for here, item in items)


def _blocks(blocks: Iterable[Addresses]) -> tuple[Remote, ...]:
    """A block is never a pod, nor a node, nor another peer that Cilium knows by itself."""
    found = shared(united(blocks))
    return (found,) if found else ()


def _entity(tree: Value, agent: _Agent, at: Path, problems: Problems) -> tuple[Remote, ...]:
    found = agent.entities.get(tree) if isinstance(tree, str) else None
    if found is None:
        problems.append(Problem(at, f"is not an entity that Cilium {_dotted(agent.version)} knows"))
    return found or ()


def _joined(groups: Iterable[tuple[Remote, ...]]) -> tuple[Remote, ...]:
    """Each peer once, and what has a name to the engine as one."""
    found = list(dict.fromkeys(remote for group in groups for remote in group))
    named: frozenset[Entity] = frozenset().union(*(each.entities for each in found if isinstance(each, Entities)))
    others = [remote for remote in found if not isinstance(remote, Entities)]
    return tuple(map(shared, (*others, Entities(named)) if named else others))


def _fqdn(tree: Value, agent: _Agent, at: Path, problems: Problems) -> Language:
    """A, fqdn.go: a name, or a pattern of names."""
    fields = _fields(tree, _NAME, at, problems)
    if len(fields) != 1:
        problems.append(Problem(at, "must have one of matchName and matchPattern"))
        return Language()
    [(key, written)] = fields.items()
    return _names(written, agent, (*at, key), problems, patterns=key == "matchPattern")


_NAME = frozenset({"matchName", "matchPattern"})
_IS_NAME = re.compile(r"(?:[-a-zA-Z0-9_]+\.)*[-a-zA-Z0-9_]+\.?")
_IS_PATTERN = re.compile(r"(?:[-a-zA-Z0-9_*]+\.)*[-a-zA-Z0-9_*]+\.?")
_MAX_NAME = 255


def _is_name(text: str) -> bool:
    return len(text) <= _MAX_NAME and _IS_NAME.fullmatch(text) is not None


def _is_pattern(text: str) -> bool:
    return len(text) <= _MAX_NAME and _IS_PATTERN.fullmatch(text) is not None


def _names(tree: Value, agent: _Agent, at: Path, problems: Problems, *, patterns: bool) -> Language:
    """M, ToAnchoredRegexp: in whatever case, `*` stands for characters of one label; `**.` before all others, since
    1.19, for one label or more; a `*` alone is every name."""
    wanted = "a name or a pattern of names" if patterns else "a name"
    written = forms.text(tree, _is_pattern if patterns else _is_name, wanted, at, problems)
    if not written:
        return Language()
    if "**" in written and agent.version < _DEEP_PATTERNS:
        problems.append(Problem(at, "has `**`, which is there since Cilium 1.19: before it is `*`", _IGNORED))
    labels = written.lower().removesuffix(".").split(".")
    if any("*" in each and each.strip("*") for each in labels):
        problems.append(Problem(at, "has a `*` beside other characters of a label", _INEXACT))
    elif "***" in labels[0] or any("**" in each for each in labels[1:]):
        problems.append(Problem(at, "has a `**` where it is not what it looks like", _INEXACT))
    return _language_of(tuple(labels))


_INEXACT = "only `*` for one whole label, and `**` for one or more in front of all others, can be compared exactly"


@lru_cache(maxsize=1 << 12)
def _language_of(labels: tuple[str, ...]) -> Language:
    """Names as their labels from the right."""
    if labels in (("*",), ("**",)):
        return EVERY_NAME.names
    words = tuple(SOME_WORD if "*" in each else word(each) for each in reversed(labels))
    return Language((Words(words, SOME_WORD if labels[0] == "**" else None),))


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


# --- selectors ---------------------------------------------------------------------------------------

_NAMESPACE = "io.kubernetes.pod.namespace"
_NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels."
_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
# Labels of pods that are in no identity, by what they begin with (F, defaultLabelPrefixCfg).
_DROPPED = re.compile(
    r"io\.kubernetes|kubernetes\.io|statefulset\.kubernetes\.io/pod-name|apps\.kubernetes\.io/pod-index"
    r"|batch\.kubernetes\.io/(?:job-completion-index|controller-uid)|.*beta\.kubernetes\.io|k8s\.io"
    r"|pod-template-generation|pod-template-hash|controller-revision-hash|controller-uid|annotation|etcd_node"
    r"|topology\.kubernetes\.io"
)
_IN_NO_IDENTITY = "Cilium leaves this label out of identities: to the agent no pod has it"
_NO_POD = "what Cilium knows by itself, and addresses, have labels too: this may select some that are no pod"
_ONE_KEY = "to the agent it is one key of a map: one of the two values is dropped, in no order"
# A, selector.go and `pkg/labels/validation.go`: the source of a label, before its key.
_SOURCES = frozenset({"k8s", "any"})


@lru_cache(maxsize=1 << 12)
def _is_key(key: str) -> bool:
    source, colon, bare = key.rpartition(":")
    return forms.is_key(bare) and (not colon or (source.isalnum() and source.isascii()))


def _terms(tree: Value, at: Path, problems: Problems) -> Iterator[tuple[str, Values]]:
    """What a selector asks for, without sources: pods have their labels from Kubernetes alone."""
    _check_nulls(tree, at, problems)
    exact = tree.get("matchLabels") if isinstance(tree, dict) else None
    if isinstance(exact, dict) and any(f"any:{key}" in exact for key in exact):
        problems.append(Problem((*at, "matchLabels"), "names a label twice, with `any:` and without", _ONE_KEY))
    for key, values in forms.requirements(tree, at, problems, _is_key):
        source, _, bare = key.rpartition(":")
        if source and source not in _SOURCES:
            problems.append(Problem(at, f"names a label of the source `{source}`", _NO_POD))
        elif bare != _NAMESPACE and _DROPPED.match(bare):
            problems.append(Problem(at, f"names `{bare}`", _IN_NO_IDENTITY))
        if bare != _ACCOUNT:
            yield bare, values
        elif values != ANY_VALUE:
            # Every pod has one.
            yield bare, values & ANY_VALUE


def _selector(terms: list[tuple[str, Values]]) -> Selector:
    """The one object for it, where it asks for labels alone: so those of topologies are."""
    if not terms:
        return EVERYTHING
    exact = {key: min(values.values) for key, values in terms if len(values.values) == 1 and values.values}
    if len(exact) == len(terms) and not any(values.others or values.absent for _, values in terms):
        return with_labels(tuple(sorted(exact.items())))
    return shared(selector(terms))


def _subject(tree: Value, namespace: str, agent: _Agent, at: Path, problems: Problems) -> Selector:
    """Pods of the policy's own namespace, always; another one that is named here is dropped, with no more than a
    warning (U, ParseToCiliumRule)."""
    if tree is None:
        problems.append(Problem(at, "is missing"))
        return EVERYTHING
    own = {_NAMESPACE: namespace, CLUSTER: agent.cluster, _NAMESPACE_LABEL + METADATA_NAME: namespace}
    terms: list[tuple[str, Values]] = []
    for key, values in _terms(tree, at, problems):
        if key in own or key.startswith(_NAMESPACE_LABEL):
            # Of its own namespace and cluster are all pods that it can select.
            if key not in own or values != Values(frozenset((own[key],))):
                problems.append(Problem(at, f"names `{key}`", _ELSEWHERE))
        else:
            terms.append((key, values))
    return _selector(terms)


_ELSEWHERE = "a policy is about pods of its own namespace and cluster, whatever its endpointSelector says of others"


def _pods(namespace: str, tree: Value, known: _Known, at: Path, problems: Problems) -> Remote:
    """Of its own namespace where none is named, nor a label of one; of its own cluster, since 1.19, where none is
    named (U, getEndpointSelector)."""
    found = known.peers.get(id(tree))
    if found is not None:
        return found
    before = len(problems)
    places: list[tuple[str, Values]] = []
    pods: list[tuple[str, Values]] = []
    for key, values in _terms(tree, at, problems):
        if key == _NAMESPACE:
            places.append((METADATA_NAME, values))
        elif key.startswith(_NAMESPACE_LABEL):
            places.append((key.removeprefix(_NAMESPACE_LABEL), values))
        elif key == CLUSTER:
            places.append((CLUSTER, values))
        else:
            pods.append((key, values))
    own = all(key == CLUSTER for key, _ in places)
    if own:
        places.append((METADATA_NAME, Values(frozenset((namespace,)))))
    if all(key != CLUSTER for key, _ in places):
        of_this = known.agent.version >= _LOCAL_CLUSTER
        places.append((CLUSTER, Values(frozenset((known.agent.cluster,))) if of_this else ANY_VALUE))
        named = of_this or any(not values.absent for key, values in places if key != CLUSTER)
    else:
        named = any(not values.absent for _, values in places)
        # A pod is of some cluster.
        places.append((CLUSTER, ANY_VALUE))
    if not named:
        problems.append(Problem(at, "names no namespace and no cluster that its pods are in", _NO_POD))
    found = shared(Pods(_merged(places), _merged(pods)))
    if len(problems) == before and not own:
        known.peers[id(tree)] = found
    return found


def _merged(terms: list[tuple[str, Values]]) -> Selector:
    """All of these as one selector; a key may come more than once."""
    return _selector(list(selector(terms).terms))


# --- ports -------------------------------------------------------------------------------------------

_TO_PORT: Mapping[_Section, frozenset[str]] = {
    "ingress": frozenset({"ports", "rules", "serverNames"}),
    "egress": frozenset({"ports", "rules", "serverNames"}),
    "ingressDeny": frozenset({"ports"}),
    "egressDeny": frozenset({"ports"}),
}
_PORT = frozenset({"port", "endPort", "protocol"})
_MAX_PORTS = 40
_PORTS: TypeAlias = tuple[Opened, ...]


def _to_ports(tree: Value, section: _Section, known: _Known, at: Path, problems: Problems) -> tuple[Opened, ...]:
    """Items are alternatives. A missing or empty list is every port of every protocol (L)."""
    items = forms.elements(tree, at, problems)
    if not items:
        return (EVERY_PORT,)
    same = (section, tuple(map(id, items)))
    found = known.ports.get(same)
    if found is None:
        before = len(problems)
        parts = [_to_port(item, section, known.agent, (*at, index), problems) for index, item in enumerate(items)]
        found = tuple(_openeds([part for part in parts if part is not None]))
        if len(problems) == before:
            known.ports[same] = found
    return found


def _openeds(parts: list[Opened]) -> Iterator[Opened]:
    """The whole ports as one set, and each narrowing as it is."""
    whole = [part for part in parts if isinstance(part, Ports)]
    if whole:
        yield shared(ports(interval for part in whole for interval in part.intervals))
    for part in parts:
        if isinstance(part, Narrowed):
            yield shared(part)


def _to_port(tree: Value, section: _Section, agent: _Agent, at: Path, problems: Problems) -> Opened | None:
    """Some ports, and what may be said there; None where there are no ports: then it allows nothing (L)."""
    fields = _fields(tree, _TO_PORT[section], at, problems)
    listed = forms.elements(fields.get("ports"), (*at, "ports"), problems)
    if len(listed) > _MAX_PORTS:
        problems.append(Problem((*at, "ports"), f"has {len(listed)} ports, more than {_MAX_PORTS}"))
    found = ports([i for n, each in enumerate(listed) for i in _intervals(each, agent, (*at, "ports", n), problems)])
    only = _only(fields, section, agent, at, problems)
    if only is None:
        return found or None
    if not listed:
        problems.append(Problem(at, "has no ports for its rules"))
    for index, each in enumerate(listed):
        _check_narrowed(each, only.speech, (*at, "ports", index), problems)
    return Narrowed(found, only)


def _intervals(tree: Value, agent: _Agent, at: Path, problems: Problems) -> list[Interval]:
    """A number as a string; nought is every port (R). Without a protocol, or with ANY, it is each of them (A,
    l4.go)."""
    fields = _fields(tree, _PORT, at, problems)
    protocols = _protocols(fields.get("protocol", "ANY"), (*at, "protocol"), problems)
    first = _number(fields.get("port"), (*at, "port"), problems)
    end = fields.get("endPort")
    if end is None:
        low, high = (first, first) if first else (FIRST_PORT, LAST_PORT)
        return [(protocol, low, high) for protocol in protocols]
    here = (*at, "endPort")
    if agent.version < _END_PORT:
        problems.append(Problem(here, "is not there before Cilium 1.16", _IGNORED))
    if isinstance(end, bool) or not isinstance(end, int):
        problems.append(forms.wrong_form(end, "a number", here))
    elif not first or not first <= end <= LAST_PORT:
        problems.append(Problem(here, f"must be between the port and {LAST_PORT}"))
    else:
        return [(protocol, first, end) for protocol in protocols]
    return []


def _protocols(tree: Value, at: Path, problems: Problems) -> tuple[Protocol, ...]:
    """Spelt in capitals, and nothing else (D)."""
    if tree == "ANY":
        return PROTOCOLS
    for protocol in PROTOCOLS:
        if tree == protocol:
            return (protocol,)
    problems.append(Problem(at, "must be TCP, UDP, SCTP or ANY"))
    return ()


_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")
_SERVICE_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?")


def _number(tree: Value, at: Path, problems: Problems) -> int:
    """A port's number in decimal; the agent takes `0120` for 80 (R)."""
    if isinstance(tree, str) and _SERVICE_NAME.fullmatch(tree):
        says = f"is the name {tree[:80]!r}, not a number: only numbers can be judged"
        problems.append(Problem(at, says, forms.NAMED_PORT))
        return 0
    written = forms.text(tree, _is_port, f"a decimal number up to {LAST_PORT}", at, problems)
    return int(written or "0")


def _is_port(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and int(text) <= LAST_PORT


# --- what is said ------------------------------------------------------------------------------------

_PARSERS = frozenset({"http", "dns", "kafka"})


def _only(fields: dict[str, Value], section: _Section, agent: _Agent, at: Path, problems: Problems) -> Only | None:
    """What may be said on the ports; None for everything. An empty list of rules is none (L)."""
    names = fields.get("serverNames")
    if "rules" not in fields:
        return None if names is None else _server_names(names, agent, (*at, "serverNames"), problems)
    if names is not None:
        problems.append(Problem(at, "has serverNames and rules: they cannot be combined"))
    at = (*at, "rules")
    rules = _fields(fields["rules"], _PARSERS, at, problems)
    if len(rules) != 1:
        problems.append(Problem(at, "must have rules of one kind"))
        return None
    [(kind, tree)] = rules.items()
    here = (*at, kind)
    if kind == "kafka" and agent.version > _KAFKA:
        problems.append(Problem(here, "is gone since Cilium 1.20", _IGNORED))
    if kind == "dns" and section != "egress":
        problems.append(Problem(here, "is only for what goes out"))
    items = [((*here, index), item) for index, item in enumerate(forms.elements(tree, here, problems))]
    if not items:
        return None
    match kind:
        case "http":
            return Only("http", _union(_request(item, at, problems) for at, item in items))
        case "dns":
            return Only("dns", _union(_fqdn(item, agent, at, problems) for at, item in items))
        case _:
            return Only("kafka", _union(_topic(item, at, problems) for at, item in items))


def _union(languages: Iterable[Language]) -> Language:
    return Language(tuple(dict.fromkeys(part for each in languages for part in each.parts)))


def _check_narrowed(tree: Value, speech: Speech, at: Path, problems: Problems) -> None:
    """DNS on one port; the rest on TCP (R, PortRule.sanitize). Not on all ports: what is no port has no proxy."""
    fields = tree if isinstance(tree, dict) else {}
    if fields.get("port") == "0":
        problems.append(Problem((*at, "port"), "is every port: rules are for some"))
    if speech == "dns" and fields.get("endPort") is not None:
        problems.append(Problem((*at, "endPort"), "is not for rules about DNS"))
    if speech != "dns" and fields.get("protocol") != "TCP":
        problems.append(Problem((*at, "protocol"), "must be TCP: what is said is read there alone"))


def _server_names(tree: Value, agent: _Agent, at: Path, problems: Problems) -> Only:
    """TLS that asks for one of these (A, l4.go, ServerName), since 1.18 also by patterns."""
    found: list[Language] = []
    items = forms.elements(tree, at, problems)
    if not items:
        problems.append(Problem(at, "must not be empty"))
    for index, item in enumerate(items):
        here = (*at, index)
        found.append(_names(item, agent, here, problems, patterns=True))
        if agent.version < _SERVER_NAME_PATTERNS and isinstance(item, str) and "*" in item:
            problems.append(Problem(here, "has a `*`, which is one there since Cilium 1.18", _IGNORED))
    return Only("tls", _union(found))


_TOPIC = frozenset({"role", "topic"})
_IS_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,255}")


def _is_topic(text: str) -> bool:
    return _IS_TOPIC.fullmatch(text) is not None


def _topic(tree: Value, at: Path, problems: Problems) -> Language:
    """A role, which is the requests that it needs, and a topic (github.com/cilium/proxy, `pkg/policy/api/kafka`)."""
    fields = _fields(tree, _TOPIC, at, problems)
    role = fields.get("role")
    if role not in ("produce", "consume"):
        problems.append(Problem((*at, "role"), "must be produce or consume"))
    topic = forms.text(fields.get("topic"), _is_topic, "a topic", (*at, "topic"), problems)
    return Language((Words((word(str(role)), word(topic))),))


# --- requests ----------------------------------------------------------------------------------------

_REQUEST = frozenset({"method", "path"})
_UNREAD = "only expressions that mean whole segments of a path, and any query or none, can be compared exactly"


def _request(tree: Value, at: Path, problems: Problems) -> Language:
    """Both must match; one that is missing or empty always does (A, http.go)."""
    fields = _fields(tree, _REQUEST, at, problems)
    said = _expression(fields.get("method"), methods, (*at, "method"), problems)
    asked = _expression(fields.get("path"), paths, (*at, "path"), problems)
    found = [
        evolve(each, words=(method, query, *each.words))
        for method in ((SOME_WORD,) if said is None else said)
        for query, each in (EVERY_PATH if asked is None else asked)
    ]
    return Language(tuple(found))


_T = TypeVar("_T")


def _expression(tree: Value, read: Callable[[str], _T | None], at: Path, problems: Problems) -> _T | None:
    """What it means; None where it is missing, or cannot be read."""
    if tree is None or tree == "":
        return None
    if not isinstance(tree, str):
        problems.append(forms.wrong_form(tree, "a string", at))
        return None
    found = read(tree)
    if found is None:
        problems.append(Problem(at, f"cannot be read exactly: {tree[:80]!r}", _UNREAD))
    return found


# --- rules that undo one another ---------------------------------------------------------------------

# Of the rules for one port of some pods, the one whose meaning the other takes away; and how.
_Torn: TypeAlias = tuple[_Filter, _Ruled, str]
_Filters: TypeAlias = dict[Ports, list[_Filter]]
_SAYS = {"http": "HTTP requests", "dns": "DNS lookups", "tls": "server names", "kafka": "Kafka topics"}
_ONE_PROXY = "a port has one proxy: the agent takes the one that it sees first, in no order, or no policy at all"
_STILL_ASKED = "the proxy for DNS knows the rules of its port alone, and refuses what the wider rule would let through"
_STILL_NAMED = "what is allowed whole for the very same peers is filtered all the same, as if the other rule were all"


def _conflicts(policies: Iterable[_Policy]) -> Iterator[_Torn]:
    """Pairs of rules that do not add up, unlike all others."""
    every: dict[tuple[str, Direction], list[_Ruled]] = {}
    for policy in policies:
        for way, rule in policy.rules:
            every.setdefault((policy.namespace, way), []).append(rule)
    for rules in every.values():
        kinds: dict[Speech, _Filters] = {}
        for rule in rules:
            for opened in rule.openeds:
                if type(opened) is Narrowed and rule.remotes:
                    filters = kinds.setdefault(opened.only.speech, {})
                    filters.setdefault(opened.ports, []).append(_Filter(rule, opened))
        for one, other in combinations(kinds.values(), 2):
            yield from _two_proxies(one, other)
        if "dns" in kinds:
            yield from _still_asked(kinds["dns"], rules)
        if "tls" in kinds:
            yield from _still_named(kinds["tls"], rules)


def _two_proxies(one: _Filters, other: _Filters) -> Iterator[_Torn]:
    """Two kinds for one port of the same pods, for whatever peers (`pkg/endpoint/bpf.go`; L, mergePortProto). For each
    of the one the first of the other."""
    for opened, filters in one.items():
        near = [each for known, some in other.items() if known & opened for each in some]
        for each in filters:
            if (found := _first(each.rule, (other.rule for other in near))) is not None:
                yield each, found, _ONE_PROXY


def _still_asked(filters: _Filters, rules: Sequence[_Ruled]) -> Iterator[_Torn]:
    """A rule for more than the port, which a lookup passes first: only one for the very port lets every name through
    (`pkg/fqdn/dnsproxy`)."""
    wide: dict[Ports, list[_Ruled]] = {}
    for rule in rules:
        # What looks like a range here may be neighbours, each of which stands for itself.
        if any(isinstance(opened, Ports) and _has_range(opened) for opened in rule.openeds):
            wide.setdefault(_ranges(rule), []).append(rule)
    for opened, some in filters.items():
        near = [rule for known, found in wide.items() if known & opened for rule in found]
        for each in some:
            same = (rule for rule in near if any(starmap(_may_be_one, product(each.rule.remotes, rule.remotes))))
            if (found := _first(each.rule, same)) is not None:
                yield each, found, _STILL_ASKED


# Of what was understood, the version no longer matters.
_ANY_AGENT = _Agent(_END_PORT, "", {})


def _has_range(opened: Ports) -> bool:
    return any(first < last for _, first, last in opened.intervals)


def _ranges(rule: _Ruled) -> Ports:
    """The whole ports of a rule that is understood, without those that it names one by one."""
    tree: object = rule.document.body
    for step in rule.at:
        tree = tree[step]  # type: ignore[index]  # it was read there
    items = tree.get("toPorts") if isinstance(tree, dict) else None
    if not isinstance(items, list) or not items:
        return EVERY_PORT
    whole = [item for item in items if isinstance(item, dict) and not item.keys() & {"rules", "serverNames"}]
    listed = [each for item in whole for each in forms.elements(item.get("ports"), (), [])]
    found = [interval for each in listed for interval in _intervals(each, _ANY_AGENT, (), [])]
    return ports(interval for interval in found if interval[1] < interval[2])


def _still_named(filters: _Filters, rules: Sequence[_Ruled]) -> Iterator[_Torn]:
    """A rule for the same port and the same peers, as Cilium knows them: by what selects them (L, mergePortProto)."""
    whole: dict[object, list[tuple[Ports, _Ruled]]] = {}
    for rule in rules:
        for opened in rule.openeds:
            if isinstance(opened, Ports):
                for remote in rule.remotes:
                    whole.setdefault(_selected(remote), []).append((opened, rule))
    for opened, some in filters.items():
        for each in some:
            same = (
                rule
                for remote in each.rule.remotes
                for known, rule in whole.get(_selected(remote), ())
                if known & opened
            )
            if (found := _first(each.rule, same)) is not None:
                yield each, found, _STILL_NAMED


def _selected(remote: Remote) -> object:
    """Equal where the same may have selected them: blocks and entities of a rule are each selected alone."""
    return type(remote) if isinstance(remote, Addresses | Entities) else remote


def _first(rule: _Ruled, others: Iterable[_Ruled]) -> _Ruled | None:
    """The first that is about some of the same pods."""
    subject = rule.subject
    return next((o for o in others if o.subject is subject or not (o.subject & subject).empty), None)


def _may_be_one(one: Remote, other: Remote) -> bool:
    """Whether something may be both: an address has names besides, any of them, and may be an API server's."""
    match one, other:
        case Pods(), Pods():
            return not ((one.namespace & other.namespace).empty or (one.pods & other.pods).empty)
        case Pods(), _:
            return False
        case _, Pods():
            return False
        case Addresses(), Addresses():
            return bool(one & other)
        case Entities(), Entities():
            return bool(one.entities & other.entities)
        case _:
            return _is_outside(one) and _is_outside(other)


def _is_outside(remote: Remote) -> bool:
    return not isinstance(remote, Entities) or "outside API server" in remote.entities


def _conflict(one: _Filter, other: _Ruled, why: str) -> Diagnostic:
    says = f"filters {_SAYS[one.narrowed.only.speech]} on {one.narrowed.ports}"
    what = f"{forms.title(one.rule.document)} {says}, and {forms.title(other.document)} undoes it for some pods"
    labels = (
        forms.label(one.rule.document, one.rule.at, says),
        forms.label(other.document, other.at, "the other rule for a port of some of these pods"),
    )
    return Diagnostic("ZT501", what, labels, why=why, help="give the two different ports, or say both in the same way")
