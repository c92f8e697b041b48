"""Hypothesis strategies: any policies of Calico's that it takes, of the forms that zt_dsl reads; and what to ask.

Documents are plain dictionaries, as a reader of YAML gives them. They are not what zt_dsl emits but what it may have
to read: rules deny, pass and repeat one another, tiers come before and behind. Everything comes from small alphabets,
so that rules of one set meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, product
from typing import TypeVar

from hypothesis import strategies as st

from tests.conformance.calico_policies import calico_policy, global_policy, tier
from tests.conformance.edits import replaced, without
from tests.conformance.engines.calico_engine import Address, Connection, Peer, Pod
from tests.conformance.engines.process import Document, Json, Protocol
from tests.conformance.policies import parts
from zt_dsl.ir.flow import Outside, Place, Workload
from zt_dsl.ir.platform import Calico, NoMesh, Platform
from zt_dsl.ir.traffic import Port
from zt_dsl.source import Location

_Strategy = st.SearchStrategy[Json]
_Text = st.SearchStrategy[str]

# --- the alphabets ----------------------------------------------------------------------------------

# Policies live in the first two; pods in all, and in one that no selector names.
GOVERNED = ("shop", "pay")
NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "shop": {"team": "red", "env": "prod"},
    "pay": {"team": "blue"},
    "ops": {"team": ""},
    "elsewhere": {},
}
POD_LABELS: Mapping[str, Sequence[str]] = {"app": ("web", "db", ""), "role": ("one", "two")}
ACCOUNTS = ("default", "robot")
# None of these holds an address that a pod has.
BLOCKS: Mapping[str, Sequence[str]] = {
    "128.0.0.0/1": ("203.0.113.0/24",),
    "203.0.113.0/24": ("203.0.113.0/25", "203.0.113.128/25", "203.0.113.9/32"),
    "203.0.113.8/29": ("203.0.113.8/30",),
    "203.0.113.9/32": (),
}
BLOCKS_6: Mapping[str, Sequence[str]] = {
    "2001:db8::/32": ("2001:db8::/33", "2001:db8:8000::/33"),
    "2001:db8::9/128": (),
}
ADDRESSES = ("203.0.113.9", "203.0.113.200", "198.51.100.1", "2001:db8::9", "2001:db8:8000::1")
PORTS: Sequence[tuple[Protocol, int]] = (("TCP", 80), ("TCP", 81), ("UDP", 80), ("SCTP", 443))
ORDERS = (None, None, -1, 1, 1, 1.5, 999, 1000, 1001)
TIERS = ("default", "security", "late")
IN_SOME = "has(projectcalico.org/namespace)"


def platform_of(
    version: str = "3.31", *, enterprise: bool = False, app_layer: bool = False, tier: str = "default"
) -> Platform:
    """One that runs this Calico. Nothing else of it decides what policies mean."""
    written = Location("platform.py", 1)
    network = Calico(version, "enterprise" if enterprise else "open-source", app_layer, tier)
    resolver = Workload(Place("", "kube-system"), "dns", (("k8s-app", "kube-dns"),), "coredns")
    nobody = Outside("api-server", "api-server", ()), Outside("nodes", "nodes", ())
    port = Port("dns", "dns", 53, 53, 53)
    return Platform("calico", network, NoMesh(), "", resolver, port, *nobody, (), (), (), written)


# --- selectors ---------------------------------------------------------------------------------------


def _asked_of(key: str, values: Sequence[str]) -> _Text:
    value = st.sampled_from(values)
    some = st.lists(value, max_size=2, unique=True).map(lambda chosen: ", ".join(f'"{each}"' for each in chosen))
    return st.one_of(
        value.map(lambda each: f"{key} == '{each}'"),
        value.map(lambda each: f'{key}!="{each}"'),
        some.map(lambda listed: f"{key} in {{{listed}}}"),
        some.map(lambda listed: f"{key} not in {{ {listed} }}"),
        st.sampled_from([f"has({key})", f"!has( {key} )"]),
    )


def _combined(leaves: _Text) -> _Text:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"{pair[0]} && {pair[1]}"),
            st.tuples(inner, inner).map(lambda pair: f"{pair[0]} || {pair[1]}"),
            inner.map(lambda each: f"!({each})"),
            inner.map(lambda each: f"({each})"),
        ),
        max_leaves=4,
    )


def _of_pods() -> _Text:
    """Of what a pod has, or has from where it is."""
    return _combined(
        st.one_of(
            *(_asked_of(key, values) for key, values in POD_LABELS.items()),
            _asked_of("projectcalico.org/serviceaccount", ACCOUNTS),
            st.sampled_from(
                ["all()", "projectcalico.org/orchestrator == 'k8s'", "projectcalico.org/orchestrator != 'k8s'"]
            ),
        )
    )


def _of_places() -> _Text:
    """Of namespaces, and of nothing that is in none."""
    asked = _combined(
        st.one_of(
            _asked_of("team", ("red", "blue", "")),
            _asked_of("projectcalico.org/name", ("shop", "pay", "ops")),
            _asked_of("kubernetes.io/metadata.name", ("shop", "ops")),
        )
    )
    return st.one_of(asked.map(lambda each: f"has(projectcalico.org/name) && ({each})"), st.just("all()"))


# --- rules -------------------------------------------------------------------------------------------


def _nets(blocks: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Document]:
    def excepted(chosen: list[str]) -> st.SearchStrategy[Document]:
        holes = sorted(set(chain.from_iterable(blocks[each] for each in chosen)))
        nets: Document = {"nets": chosen}
        if not holes:
            return st.just(nets)
        some = st.lists(st.sampled_from(holes), min_size=1, max_size=2, unique=True)
        return st.one_of(st.just(nets), some.map(lambda left_out: {**nets, "notNets": left_out}))

    return st.lists(st.sampled_from(sorted(blocks)), min_size=1, max_size=2, unique=True).flatmap(excepted)


def _entities(*, everywhere: bool) -> st.SearchStrategy[Document]:
    places = _of_places()
    accounts: _Strategy = st.lists(st.sampled_from(ACCOUNTS), min_size=1, unique=True).map(
        lambda names: {"names": names}
    )
    told: dict[str, _Strategy] = {"selector": _of_pods(), "notSelector": _of_pods(), "serviceAccounts": accounts}
    placed = st.fixed_dictionaries({"namespaceSelector": places}, optional=told)
    pods: list[st.SearchStrategy[Document]] = [placed]
    if everywhere:
        pods.append(_of_pods().map(lambda each: {"selector": f"{IN_SOME} && ({each})"}))
    else:
        pods += [st.fixed_dictionaries({key: value}) for key, value in told.items()]
    return st.one_of(*[st.just({})] * 4, *pods, *pods, _nets(BLOCKS), _nets(BLOCKS_6))


def _traffic() -> st.SearchStrategy[Document]:
    """Protocol, and ports of the destination."""
    port: _Strategy = st.sampled_from([80, 81, "80", "80:81", "1:79", 443])
    some: _Strategy = st.lists(port, min_size=1, max_size=2)
    protocol: _Strategy = st.sampled_from(["TCP", "TCP", "UDP", "SCTP", 6])
    other: _Strategy = st.sampled_from(["TCP", "UDP", "ICMP", 132])
    return st.one_of(
        *[st.just({})] * 4,
        st.fixed_dictionaries({"protocol": st.one_of(protocol, other)}),
        st.fixed_dictionaries({"notProtocol": other}),
        st.fixed_dictionaries({"protocol": protocol, "ports": some}),
        st.fixed_dictionaries({"protocol": protocol, "notPorts": some}),
    )


def _rules(way: str, *, everywhere: bool) -> st.SearchStrategy[list[Document]]:
    far = "source" if way == "ingress" else "destination"
    action = st.sampled_from(["Allow", "Allow", "Deny", "Pass", "Pass", "Log"])

    def built(drawn: tuple[str, Document, Document]) -> Document:
        action, entity, traffic = drawn
        ported = {key: value for key, value in traffic.items() if key in ("ports", "notPorts")}
        rule: dict[str, Json] = {"action": action, **{k: v for k, v in traffic.items() if k not in ported}}
        if entity:
            rule[far] = entity
        if ported:
            near = rule.get("destination", {})
            assert isinstance(near, Mapping)
            rule["destination"] = {**near, **ported}
        return rule

    return st.lists(st.tuples(action, _entities(everywhere=everywhere), _traffic()).map(built), max_size=3)


# --- policies ----------------------------------------------------------------------------------------


def specs(*, everywhere: bool) -> st.SearchStrategy[Document]:
    def built(drawn: tuple[str, str, list[Document], list[Document], str | None, float | None]) -> Document:
        types, selector, incoming, outgoing, account, order = drawn
        # Without types, which directions an empty list means depends on how the API is served.
        both = (("ingress", incoming), ("egress", outgoing))
        sections: dict[str, Json] = {section: rules for section, rules in both if rules or types}
        if types:
            sections["types"] = types.split()
        if selector:
            sections["selector"] = selector
        if account is not None:
            sections["serviceAccountSelector"] = account
        if order is not None:
            sections["order"] = order
        return sections

    selector = st.one_of(*[st.just("")] * 3, _of_pods())
    if everywhere:
        selector = selector.map(lambda each: f"{IN_SOME} && ({each})" if each else IN_SOME)
    return st.tuples(
        st.sampled_from(["", "Ingress", "Egress", "Ingress Egress", "Egress Ingress"]),
        selector,
        _rules("ingress", everywhere=everywhere),
        _rules("egress", everywhere=everywhere),
        st.sampled_from([None, None, None, None, None, "projectcalico.org/name == 'robot'"]),
        st.sampled_from(ORDERS),
    ).map(built)


def _placed_specs() -> st.SearchStrategy[tuple[str, Document]]:
    """With the namespace; none for a policy of the whole cluster."""
    named = st.sampled_from(["projectcalico.org/name == 'pay'", "all()", "kubernetes.io/metadata.name != 'shop'"])
    everywhere = st.tuples(specs(everywhere=True), st.one_of(st.none(), named)).map(
        lambda drawn: ("", drawn[0] if drawn[1] is None else {**drawn[0], "namespaceSelector": drawn[1]})
    )
    here = st.tuples(st.sampled_from(("shop", "shop", "pay")), specs(everywhere=False))
    return st.one_of(here, here, everywhere)


def policy_sets(most: int = 4) -> st.SearchStrategy[list[Document]]:
    """Policies of all kinds in three tiers, and those tiers."""
    tiers = st.tuples(st.sampled_from(TIERS), st.booleans()).map(
        lambda drawn: ("default", drawn[1]) if drawn[1] else drawn
    )
    one = st.tuples(_placed_specs(), tiers)
    ends = st.tuples(st.sampled_from(["Deny", "Deny", "Pass"]), st.sampled_from(["Deny", "Pass"]))
    order = st.permutations(range(most))
    return st.tuples(st.lists(one, min_size=min(2, most), max_size=most), ends, order).map(_documents)


def _documents(
    drawn: tuple[list[tuple[tuple[str, Document], tuple[str, bool]]], tuple[str, str], Sequence[int]],
) -> list[Document]:
    chosen, (security, late), numbers = drawn
    documents: list[Document] = [tier("security", order=100, defaultAction=security), tier("late", defaultAction=late)]
    for ((namespace, spec), (own, short)), number in zip(chosen, numbers, strict=False):
        name = f"p{number}" if short else f"{own}.p{number}"
        placed = spec if own == "default" else {**spec, "tier": own}
        documents.append(calico_policy(placed, namespace, name) if namespace else global_policy(placed, name))
    return documents


# --- one thing changed --------------------------------------------------------------------------------

_ANYWHERE: Sequence[Json] = (
    *(None, True, 0, 1, 80.5, 2**31, "", "-", "not a name", "n" * 254, "all()", "app = 'x'", "global()"),
    *([], [None], [{}], {}, {"unknown": True}, "Allow", "TCP", ["Ingress"], "has(app)", "0.0.0.0/0", "10.0.0.1/8"),
)
_FIELDS = (
    *("selector", "notSelector", "namespaceSelector", "serviceAccounts", "nets", "notNets", "ports", "notPorts"),
    *("domains", "services", "http", "icmp", "notICMP", "ipVersion", "protocol", "metadata", "tier", "order", "types"),
    *("doNotTrack", "preDNAT", "applyOnForward", "performanceHints", "serviceAccountSelector", "action"),
)
_VALUES: Mapping[str, Sequence[Json]] = {
    "selector": (
        "app contains 'w'",
        "all() || has(app)",
        "app in {'a',}",
        "app",
        "pcns.team == 'red'",
        "(((has(app)))",
    ),
    "namespaceSelector": ("team != 'red'", "!all()", "all() && has(team)", "global() || has(a)"),
    "nets": (["10.0.0.0/8", "::/0"], ["0.0.0.0/0"], ["203.0.113.9"]),
    "notNets": (["0.0.0.0/0"], ["::/0"], ["203.0.113.0/24"]),
    "ports": ([0], [65535], [65536], ["9:8"], ["http"], ["080"], ["80-81"], [True], [80.0]),
    "protocol": ("tcp", "ICMP", "UDPLite", 0, 17, 256, "6"),
    "serviceAccounts": ({"names": []}, {"names": ["Foo Bar"]}, {"selector": "all()"}, {"names": ["robot"]}),
    "http": ({"methods": ["GET"]}, {"paths": [{"exact": "/a"}]}),
    "metadata": ({"annotations": {"a b": "c"}}, {"annotations": {"a": "c"}}),
    "ipVersion": (4, 6, 5),
    "tier": ("default", "security", "nowhere"),
    "types": (["Ingress", "Ingress"], ["ingress"], ["Egress"]),
    "name": ("p1", "default.p1", "late.p1", "a.b.c", "knp.default.x", "Upper"),
    "services": ({"name": "db"},),
    "icmp": ({"type": 8},),
}


def near_misses() -> st.SearchStrategy[list[Document]]:
    """A set with one thing replaced, added or taken away in one of its documents."""
    return policy_sets(2).flatmap(_with_an_edit)


def _with_an_edit(documents: list[Document]) -> st.SearchStrategy[list[Document]]:
    def edited(number: int) -> st.SearchStrategy[list[Document]]:
        document = documents[number]
        places = [at for at, _ in parts(document) if at]
        maps = [at for at, value in parts(document) if isinstance(value, Mapping)]
        put = st.sampled_from(places).flatmap(
            lambda at: st.sampled_from((*_VALUES.get(str(at[-1]), ()), *_ANYWHERE)).map(
                lambda value: replaced(document, at, value)
            )
        )
        taken = st.sampled_from(places).map(lambda at: without(document, at))
        added = st.tuples(st.sampled_from(maps), st.sampled_from(_FIELDS)).flatmap(
            lambda where: st.sampled_from((*_VALUES.get(where[1], ()), *_ANYWHERE[:4])).map(
                lambda value: replaced(document, (*where[0], where[1]), value)
            )
        )
        return st.one_of(put, taken, added).map(lambda changed: _with(documents, number, changed))

    return st.integers(0, len(documents) - 1).flatmap(edited)


def _with(documents: list[Document], number: int, changed: Json) -> list[Document]:
    assert isinstance(changed, Mapping)
    return [changed if index == number else document for index, document in enumerate(documents)]


def comparisons() -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
    """Two sets: of one rule's difference, or of nothing in common."""
    edited = policy_sets(3).flatmap(lambda documents: st.tuples(st.just(documents), _with_an_edit(documents)))
    return st.one_of(edited, st.tuples(policy_sets(3), policy_sets(3)))


# --- what to ask ---------------------------------------------------------------------------------------


def _label_sets() -> list[dict[str, str]]:
    sets: list[dict[str, str]] = [{}]
    for key, values in POD_LABELS.items():
        sets += [{**labels, key: value} for labels in sets for value in values]
    return sets


PODS: Sequence[Pod] = [
    Pod(namespace, labels, f"10.0.{number // 250}.{number % 250 + 1}", NAMESPACES[namespace], account)
    for number, (namespace, labels, account) in enumerate(product(NAMESPACES, _label_sets(), ACCOUNTS))
]
# Most policies are about those of the first.
SUBJECTS: Sequence[Pod] = [pod for pod in PODS if pod.namespace == GOVERNED[0]] * 2 + [
    pod for pod in PODS if pod.namespace == GOVERNED[1]
]


def probes(*, few: bool = False) -> st.SearchStrategy[list[Connection]]:
    """Between some pods that are governed, and others and addresses, both ways."""
    subjects, others, outside, asked = (2, 2, 1, 2) if few else (3, 3, 2, 3)
    addresses = _distinct(ADDRESSES, outside).map(lambda ips: list(map(Address, ips)))
    drawn = st.tuples(_distinct(SUBJECTS, subjects), _distinct(PODS, others), addresses, _distinct(PORTS, asked))
    return drawn.map(lambda found: _both_ways(found[0], [*found[1], *found[2]], found[3]))


_T = TypeVar("_T")


def _distinct(known: Sequence[_T], count: int) -> st.SearchStrategy[list[_T]]:
    return st.lists(st.sampled_from(known), min_size=count, max_size=count, unique=True)


def _both_ways(
    subjects: Iterable[Pod], others: Sequence[Peer], asked: Sequence[tuple[Protocol, int]]
) -> list[Connection]:
    found: list[Connection] = []
    for subject, other, (protocol, port) in product(subjects, others, asked):
        if subject != other:
            found += [Connection(subject, other, protocol, port), Connection(other, subject, protocol, port)]
    return found
