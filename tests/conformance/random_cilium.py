"""Hypothesis strategies: any CiliumNetworkPolicy that Cilium takes, of the forms that zt_dsl reads; and what to ask.

Documents are plain dictionaries, as a reader of YAML gives them. They are not what zt_dsl emits but what it may have
to read: lists are empty, rules deny, cancel and repeat one another. Everything comes from small alphabets, so that
rules of one set meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, product

from hypothesis import strategies as st

from tests.conformance.cilium_policies import CLUSTER, NAMESPACE, NAMESPACE_LABEL, SERVICE_ACCOUNT, cilium_policy
from tests.conformance.edits import replaced, without
from tests.conformance.engines.cilium_engine import Address, Connection, Peer, Pod, Request, Reserved
from tests.conformance.engines.process import PROTOCOLS, Document, Json, Protocol
from tests.conformance.policies import Path, parts
from zt_dsl.ir.flow import Outside, Place, Workload
from zt_dsl.ir.platform import Cilium, NoMesh, Platform
from zt_dsl.ir.traffic import Port
from zt_dsl.source import Location

_Strategy = st.SearchStrategy[Json]

# --- the alphabets ----------------------------------------------------------------------------------

HERE, FAR = "default", "far"
# Policies live in the first two; pods in all, and in one that no selector names.
GOVERNED = ("shop", "pay")
NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "shop": {"team": "red", "env": "prod"},
    "pay": {"team": "blue"},
    "ops": {"team": ""},
    "elsewhere": {},
}
POD_LABELS: Mapping[str, Sequence[str]] = {"app": ("web", "db", ""), "tier": ("one", "two")}
ACCOUNTS = ("default", "robot")
# What a selector of peers may ask for, besides pods' own labels: each crosses namespaces or clusters, or does not.
PLACES: Mapping[str, Sequence[str]] = {
    NAMESPACE: ("shop", "pay", "ops"),
    f"{NAMESPACE_LABEL}team": ("red", "blue", ""),
    f"{NAMESPACE_LABEL}kubernetes.io/metadata.name": ("shop", "ops"),
    CLUSTER: (HERE, FAR),
    SERVICE_ACCOUNT: ACCOUNTS,
}
PREFIXES = ("", "k8s:", "any:")

ENTITIES = (
    *("all", "world", "cluster", "cluster-mesh", "host", "remote-node", "kube-apiserver"),
    *("health", "ingress", "init", "unmanaged", "none"),
)
BLOCKS: Mapping[str, Sequence[str]] = {
    "0.0.0.0/0": ("203.0.113.0/24", "128.0.0.0/1"),
    "203.0.113.0/24": ("203.0.113.0/25", "203.0.113.128/25", "203.0.113.9/32"),
    "203.0.113.8/29": ("203.0.113.8/30",),
    "203.0.113.9/32": (),
    "::/0": ("2001:db8::/33",),
    "2001:db8::/32": ("2001:db8::/33", "2001:db8:8000::/33"),
}

# A port is for one kind of proxy, mostly: see `_kind`.
PORTS = (53, 80, 443, 8080)
RANGES = ((80, 80), (79, 81), (50, 60), (443, 8080), (1, 65535), (8081, 65535))
REQUESTS: Sequence[Document] = (
    {},
    {"method": "GET"},
    {"method": "GET|HEAD"},
    {"path": r"/a([?].*)?"},
    {"path": r"/a(\?.*)?", "method": "(GET|POST)"},
    {"path": "^/b(?:[?].*)?$", "method": "POST"},
    {"path": "/a/[^/?#]+([?].*)?"},
    {"path": "/a(/[^?#]*)?([?].*)?", "method": "GET"},
    {"path": "/a/.*"},
    {"path": "/a"},
    {"path": "/a(/.*)?", "method": "GET"},
    {"path": "/b[?].*|/a/b"},
    {"path": ".*", "method": ".*"},
    {"path": "/([?].*)?"},
    {"path": "/(a|b)/(c|d)?([?].*)?"},
    {"path": r"(/v1[.]0|/v1\.1)/x([?].*)?"},
)
NAMES: Sequence[Document] = (
    {"matchName": "c.io"},
    {"matchName": "a.c.io"},
    {"matchName": "A.C.io."},
    {"matchPattern": "c.io"},
    {"matchPattern": "*.c.io"},
    {"matchPattern": "**.c.io"},
    {"matchPattern": "a.*.io"},
    {"matchPattern": "**.*.io"},
    {"matchPattern": "*"},
    {"matchPattern": "**"},
)
SERVER_NAMES = ("c.io", "a.c.io", "*.c.io", "**.c.io", "a.*.io", "*", "D.io.")


def platform_of(version: str = "1.20", cluster: str = HERE) -> Platform:
    """One that runs this Cilium. Nothing else of it decides what policies mean."""
    written = Location("platform.py", 1)
    resolver = Workload(Place(cluster, "kube-system"), "dns", (("k8s-app", "kube-dns"),), "coredns")
    nobody = Outside("api-server", "api-server", ()), Outside("nodes", "nodes", ())
    port = Port("dns", "dns", 53, 53, 53)
    return Platform("cilium", Cilium(version), NoMesh(), cluster, resolver, port, *nobody, (), (), (), written)


# --- documents --------------------------------------------------------------------------------------


def _rarely(rare: _Strategy, usual: _Strategy, times: int = 1) -> _Strategy:
    """The rare one so many times in ten."""
    return st.integers(0, 9).flatmap(lambda die: rare if die < times else usual)


def _keys(key: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f"{prefix}{key}" for prefix in PREFIXES])


def _requirement(key: str, values: Sequence[str]) -> _Strategy:
    several: _Strategy = st.lists(st.sampled_from(values), min_size=1, max_size=2)
    return st.one_of(
        st.fixed_dictionaries({"key": _keys(key), "operator": st.sampled_from(("In", "NotIn")), "values": several}),
        st.fixed_dictionaries({"key": _keys(key), "operator": st.sampled_from(("Exists", "DoesNotExist"))}),
    )


def _selector(known: Mapping[str, Sequence[str]]) -> _Strategy:
    """Over these labels: it may be empty, and it may contradict itself."""
    label = st.sampled_from(sorted(known)).flatmap(lambda key: st.tuples(_keys(key), st.sampled_from(known[key])))
    # `app` and `any:app` are one key to the agent, which drops one of the two: see the test of that name.
    labels = st.lists(label, max_size=3, unique_by=lambda pair: pair[0].removeprefix("any:"))
    exact: _Strategy = labels.map(lambda pairs: {"matchLabels": dict(pairs)} if pairs else {})
    expressions: _Strategy = st.lists(
        st.one_of([_requirement(key, known[key]) for key in sorted(known)]), min_size=1, max_size=2
    ).map(lambda each: {"matchExpressions": each})
    both = st.tuples(exact, expressions).map(lambda pair: {**_map(pair[0]), **_map(pair[1])})
    return st.one_of(exact, exact, expressions, both)


def _map(tree: Json) -> Document:
    assert isinstance(tree, Mapping)
    return tree


def _block() -> _Strategy:
    def of(block: str) -> _Strategy:
        alone: _Strategy = st.just({"cidr": block})
        holes = BLOCKS[block]
        if not holes:
            return alone
        excepted = st.lists(st.sampled_from(holes), max_size=2, unique=True)
        return st.builds(lambda some: {"cidr": block, "except": some}, excepted) | alone

    return st.sampled_from(sorted(BLOCKS)).flatmap(of)


def _some(items: _Strategy, most: int = 2) -> _Strategy:
    """Now and then nothing."""
    nobody: _Strategy = st.builds(list[Json])
    return _rarely(nobody, st.lists(items, min_size=1, max_size=most))


_BROAD: Sequence[Document] = (
    {},
    {"matchExpressions": [{"key": NAMESPACE, "operator": "Exists"}]},
    {"matchExpressions": [{"key": CLUSTER, "operator": "Exists"}]},
    {"matchLabels": {f"{NAMESPACE_LABEL}team": "red"}},
    {"matchLabels": {"app": "web"}},
)


def _peers(end: str, *, denies: bool) -> st.SearchStrategy[Document]:
    """One kind of peers, or none."""
    kinds: list[st.SearchStrategy[Document]] = [
        st.fixed_dictionaries({f"{end}Endpoints": _some(_selector({**POD_LABELS, **PLACES}), 3)}),
        st.fixed_dictionaries({f"{end}Endpoints": _some(_selector(POD_LABELS))}),
        st.fixed_dictionaries({f"{end}Entities": _some(st.sampled_from(ENTITIES))}),
        st.fixed_dictionaries({f"{end}CIDR": _some(st.sampled_from(sorted(BLOCKS)))}),
        st.fixed_dictionaries({f"{end}CIDRSet": _some(_block())}),
        st.just({}),
    ]
    if end == "to" and not denies:
        kinds.append(st.fixed_dictionaries({"toFQDNs": _some(st.sampled_from(NAMES))}))
    # Left to chance alone, most rules are for nobody.
    everybody: Document = {f"{end}Entities": ["all"]}
    broad = st.sampled_from([everybody, *({f"{end}Endpoints": [each]} for each in _BROAD)])
    return st.booleans().flatmap(lambda often: broad if often else st.one_of(kinds))


def _whole() -> _Strategy:
    """Ports without rules."""
    protocol = st.sampled_from(({}, {"protocol": "ANY"}, *({"protocol": each} for each in PROTOCOLS)))
    number = st.sampled_from([{"port": str(port)} for port in (*PORTS, 0)])
    span = st.sampled_from([{"port": str(first), "endPort": last} for first, last in RANGES])
    item: _Strategy = st.builds(lambda port, said: {**port, **said}, number | span, protocol)
    return st.builds(lambda listed: {"ports": listed}, st.lists(item, min_size=1, max_size=2))


def _said(way: str) -> _Strategy:
    """Ports with rules: each kind on a port of its own, one time in forty on another's."""
    tcp: Document = {"protocol": "TCP"}
    stray = st.integers(0, 39).map(lambda die: die == 0)

    def ports(usual: Sequence[Document], strange: Sequence[Document]) -> st.SearchStrategy[list[Document]]:
        return stray.flatmap(lambda die: st.lists(st.sampled_from(strange if die else usual), min_size=1, max_size=2))

    web: Sequence[Document] = ({"port": "80", **tcp}, {"port": "8080", **tcp}, {"port": "79", "endPort": 81, **tcp})
    secure = ({"port": "443", **tcp},)
    resolving = (
        {"port": "53"},
        {"port": "53", "protocol": "UDP"},
        {"port": "53", "protocol": "ANY"},
        {"port": "53", **tcp},
    )
    requests: _Strategy = st.builds(
        lambda listed, rules: {"ports": listed, "rules": {"http": rules}},
        ports(web, secure),
        _rarely(st.builds(list[Json]), st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=2)),
    )
    names: _Strategy = st.builds(
        lambda listed, rules: {"ports": listed, "serverNames": rules},
        ports(secure, ({"port": "80", **tcp},)),
        st.lists(st.sampled_from(SERVER_NAMES), min_size=1, max_size=2),
    )
    lookups: _Strategy = st.builds(
        lambda listed, rules: {"ports": listed, "rules": {"dns": rules}},
        ports(resolving, ({"port": "80", **tcp},)),
        _rarely(st.builds(list[Json]), st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)),
    )
    return st.one_of(requests, names, lookups) if way == "egress" else st.one_of(requests, names)


def _to_ports(way: str, *, denies: bool) -> _Strategy:
    nothing: _Strategy = st.sampled_from(({}, {"ports": []}))
    item = _whole() if denies else _rarely(_whole(), _said(way), 4)
    return _some(_rarely(nothing, item))


def _rules(way: str, *, denies: bool) -> _Strategy:
    end = "from" if way == "ingress" else "to"

    def rule(peers: Document, ports: Json, with_ports: bool) -> Json:
        return {**peers, "toPorts": ports} if with_ports else peers

    drawn: _Strategy = st.builds(
        rule, _peers(end, denies=denies), _to_ports(way, denies=denies), st.integers(0, 3).map(bool)
    )
    return st.lists(drawn, min_size=1, max_size=2)


def specs() -> st.SearchStrategy[Document]:
    """One part of a policy: a direction or both, denials now and then."""

    def spec(subject: Json, sections: Document, left_open: Json) -> Document:
        # What filters server names, and leaves the rest open, does not: the reader refuses it.
        said = {"endpointSelector": subject, **sections}
        return said if left_open is None or "serverNames" in str(sections) else {**said, "enableDefaultDeny": left_open}

    every = {
        "ingress": _rules("ingress", denies=False),
        "egress": _rules("egress", denies=False),
        "ingressDeny": _rules("ingress", denies=True),
        "egressDeny": _rules("egress", denies=True),
    }
    usual = st.sampled_from(
        (
            *(("ingress", "egress"),) * 6,
            *(("ingress",), ("egress",), ("ingress", "ingressDeny"), ("egress", "egressDeny")),
            *(("ingressDeny",), ("egressDeny",), tuple(every)),
        )
    )
    sections = usual.flatmap(lambda chosen: st.fixed_dictionaries({section: every[section] for section in chosen}))
    ways = st.fixed_dictionaries({}, optional={"ingress": st.booleans(), "egress": st.booleans()})
    # Nearly every pod is meant by some policy, and only by a few at once.
    often = st.sampled_from(({}, {"matchLabels": {"app": "web"}}, {"matchLabels": {"k8s:app": "db"}}))
    return st.builds(spec, _rarely(_selector(POD_LABELS), often, 3), sections, _rarely(ways, st.none(), 2))


def policy_sets(most: int = 3) -> st.SearchStrategy[list[Document]]:
    """What may be in force together, each in one governed namespace or in both; some in parts."""
    places = st.lists(st.sampled_from(GOVERNED), min_size=1, max_size=2, unique=True)
    parts = st.lists(specs(), min_size=1, max_size=2)
    return st.builds(_placed, st.lists(st.tuples(parts, places), min_size=1, max_size=most))


def _placed(drawn: Iterable[tuple[Sequence[Document], Sequence[str]]]) -> list[Document]:
    # A name is an identity: two policies of one name in one namespace cannot be.
    return [
        policy_of(parts, namespace, f"policy-{number}")
        for number, (parts, namespaces) in enumerate(drawn)
        for namespace in namespaces
    ]


def policy_of(parts: Sequence[Document], namespace: str = "shop", name: str = "policy") -> Document:
    """With one spec, or with several."""
    whole = cilium_policy(parts[0], namespace, name)
    if len(parts) == 1:
        return whole
    return {**{key: value for key, value in whole.items() if key != "spec"}, "specs": list(parts)}


# --- broken and edited ------------------------------------------------------------------------------

# What people, templates and attackers write where something else belongs.
_ANYWHERE: Sequence[Json] = (
    *(None, True, 0, 1, 80.5, "", "-", "a/b/c", "not a name", "n" * 64, "n" * 256),
    *([], [None], [{}], {}, {"": ""}, {"app": None}, {"app": 1}, {"app": "web"}, {"unknown": True}),
)
_IN_PLACE_OF: Mapping[str, Sequence[Json]] = {
    "port": ("0", "80", "65535", "65536", 80, "", "080", "0x50", "http", "HTTP", "80-81", "-1"),
    "endPort": (0, 79, 81, 65535, 65536, "81", -1),
    "protocol": ("tcp", "ICMP", "UDP", "ANY", "SCTP", "VRRP", 6, ""),
    "cidr": ("10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "0.0.0.0/0", "2001:DB8::/32"),
    "except": ("10.0.0.0/8", "203.0.113.0/24", "203.0.113.9/32"),
    "matchName": ("*.c.io", "c..io", ".c.io", "c.io/", "C.IO", "-", "n" * 256),
    "matchPattern": ("*.c.io", "*c.io", "a*.c.io", "**", "**.", "***.c.io", "a.**.io", "c io", "*.*"),
    "path": ("/a", "/a.*", "(", "[", "/(?!a).*", "/a(?i)b([?].*)?", "/a/[^/]+([?].*)?", "/a//b([?].*)?", "a([?].*)?"),
    "method": ("get", "(", "GE.", "[GP]ET", "GET ", "PUT|"),
    "operator": ("in", "In", "NotIn", "Exists", "DoesNotExist", "Gt"),
    "key": ("app", "k8s:app", "x:app", "k8s:any:app", ":app", "reserved:host", "a b", "kubernetes.io/os"),
    "fromEntities": ("everybody", "world-ipv4", "All", "host"),
    "toEntities": ("everybody", "world-ipv6", "", "kube-apiserver"),
    "namespace": ("pay", "a.b", "Shop", "n" * 64),
    "name": ("a.b", "a..b", "A", "under_score", "n" * 254),
    "kind": ("CiliumClusterwideNetworkPolicy", "NetworkPolicy"),
    "apiVersion": ("cilium.io/v2alpha1", "networking.k8s.io/v1"),
}
# Beside what is there: valid somewhere, if not there.
_BESIDE: Sequence[tuple[str, Json]] = (
    *(("fromEndpoints", [{}]), ("toEndpoints", [{}]), ("fromEntities", ["world"]), ("toCIDR", ["203.0.113.0/24"])),
    *(("toFQDNs", [{"matchName": "c.io"}]), ("toServices", []), ("fromGroups", []), ("toNodes", [{}])),
    *(("toPorts", [{"ports": [{"port": "80"}]}]), ("ports", [{"port": "80"}]), ("endPort", 90), ("port", "81")),
    *(("rules", {"http": [{}]}), ("rules", {"dns": [{"matchPattern": "*"}]}), ("rules", {}), ("protocol", "UDP")),
    *(("serverNames", ["c.io"]), ("serverNames", []), ("icmps", [{"fields": [{"type": 8}]}])),
    *(("authentication", {"mode": "required"}), ("headers", ["X-Key: secret"]), ("host", "c.io"), ("l7proto", "x")),
    *(("enableDefaultDeny", {"ingress": "no"}), ("enableDefaultDeny", {"ingress": False}), ("nodeSelector", {})),
    *(("specs", []), ("status", {}), ("unknown", None), ("description", "words"), ("labels", [{"key": "a"}])),
    *(("matchLabels", {"app": "web"}), ("values", ["web"]), ("cidrGroupRef", "partners"), ("FromEndpoints", [{}])),
    *(("log", {"value": "n" * 33}), ("ingress", [{}]), ("egressDeny", [{}]), ("ingressDeny", [])),
)


def field_of(at: Path) -> str:
    """The field that a value is in, be it in a list."""
    return next((step for step in reversed(at) if isinstance(step, str)), "")


def near_misses() -> st.SearchStrategy[Document]:
    """A policy with one value replaced, added or taken away: mostly not valid any more, sometimes still."""

    def missed(document: Document) -> st.SearchStrategy[Json]:
        every = list(parts(document))
        paths = [path for path, _ in every if path]
        maps = [path for path, value in every if isinstance(value, Mapping)]
        named = [path for path in paths if field_of(path) in _IN_PLACE_OF]
        anywhere = st.sampled_from(paths)
        return st.one_of(
            st.builds(replaced, st.just(document), anywhere, st.sampled_from(_ANYWHERE)),
            st.sampled_from(named).flatmap(
                lambda at: st.builds(
                    replaced, st.just(document), st.just(at), st.sampled_from(_IN_PLACE_OF[field_of(at)])
                )
            ),
            st.builds(
                lambda at, beside: replaced(document, (*at, beside[0]), beside[1]),
                st.sampled_from(maps),
                st.sampled_from(_BESIDE),
            ),
            st.builds(without, st.just(document), anywhere),
        )

    return st.lists(specs(), min_size=1, max_size=2).map(policy_of).flatmap(missed).map(_map)


def edited(documents: Sequence[Document]) -> st.SearchStrategy[list[Document]]:
    """One policy more, one less, or one with a part taken away; that may not be valid any more."""
    edits: list[st.SearchStrategy[list[Document]]] = [_NEW.map(lambda document: [*documents, document])]
    for index, document in enumerate(documents):
        rest = [*documents[:index], *documents[index + 1 :]]
        edits.append(st.just(rest))
        paths = [path for path, _ in parts(document) if path[:1] in (("spec",), ("specs",)) and len(path) > 2]
        if paths:
            shorter = st.builds(without, st.just(document), st.sampled_from(paths))
            edits.append(st.builds(_with, st.just(rest), shorter))
    return st.one_of(edits)


def _with(documents: Sequence[Document], another: Json) -> list[Document]:
    return [*documents, _map(another)]


_NEW = st.builds(policy_of, st.lists(specs(), min_size=1, max_size=1), st.sampled_from(GOVERNED), st.just("new"))


def comparisons() -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
    """Two sets of policies that have much in common; the first isolates every governed pod, as a topology does."""
    floor: Document = {"endpointSelector": {}, "ingress": [{}], "egress": [{}]}
    floors = [policy_of([floor], namespace, "floor") for namespace in GOVERNED]

    def with_second(first: list[Document]) -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
        return st.tuples(st.just(first), edited(first))

    return policy_sets(2).map(lambda documents: [*floors, *documents]).flatmap(with_second)


# --- what is asked ----------------------------------------------------------------------------------

HOSTS = (Reserved(("host",)), Reserved(("host", "kube-apiserver")))
RESERVED = (
    *HOSTS,
    Reserved(("remote-node",)),
    Reserved(("remote-node", "kube-apiserver")),
    *(Reserved((name,)) for name in ("health", "ingress", "init")),
)
ADDRESSES = tuple(
    chain(
        map(Address, ("203.0.113.8", "203.0.113.9", "203.0.113.200", "203.0.112.255", "198.51.100.1", "1.1.1.1")),
        map(Address, ("2001:db8::9", "2001:db8:8000::1", "2606::1")),
        (Address("198.51.100.2", (name,)) for name in ("c.io", "a.c.io", "b.a.c.io", "a.x.io", "localhost", "xc.io")),
        (Address("203.0.113.9", ("a.c.io",)), Address("203.0.113.10", kube_apiserver=True)),
        (Address("2001:db8::10", ("c.io",)), Address("198.51.100.3", kube_apiserver=True)),
    )
)
PROBED_PORTS = (1, 49, 50, 53, 60, 61, 79, 80, 81, 82, 442, 443, 444, 8079, 8080, 8081, 65535)
PATHS = ("/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "/b/c", "/a/c", "/ab", "/a/d", "/v1.0/x", "/v1x0/x", "/v1.1/x", "/A")
QUERIES = ("", "?", "?x=/y&z", "?a?b")
METHODS = ("GET", "POST", "HEAD", "get")
LOOKED_UP = ("c.io", "a.c.io", "b.a.c.io", "a.x.io", "xc.io", "localhost", "c.io.org", "d.io")


def _labels() -> st.SearchStrategy[dict[str, str]]:
    """Each key with each value that a selector may name, one that none names, or not at all."""
    return st.fixed_dictionaries(
        {"app": st.sampled_from(("web", "web", "db"))},
        optional={"tier": st.sampled_from((*POD_LABELS["tier"], "strange"))},
    ) | st.fixed_dictionaries(
        {}, optional={key: st.sampled_from((*values, "strange")) for key, values in POD_LABELS.items()}
    )


def pods(
    namespaces: Iterable[str] = tuple(NAMESPACES), clusters: Sequence[str] = (HERE, HERE, FAR)
) -> st.SearchStrategy[Pod]:
    """Pods that the selectors select, and strangers."""

    def pod(namespace: str, labels: Mapping[str, str], account: str, cluster: str) -> Pod:
        return Pod(namespace, labels, NAMESPACES[namespace], account, cluster)

    return st.builds(
        pod,
        st.sampled_from(tuple(namespaces)),
        _labels(),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(clusters),
    )


_Asked = tuple[Protocol, int, Request, str, str]


def _asked() -> st.SearchStrategy[_Asked]:
    requests = st.builds(
        lambda method, path, query: Request(method, path + query),
        st.sampled_from(METHODS),
        st.sampled_from(PATHS),
        st.sampled_from(QUERIES),
    )
    names = st.sampled_from(LOOKED_UP)
    usual: st.SearchStrategy[tuple[Protocol, int]] = st.sampled_from(
        (("TCP", 80), ("TCP", 8080), ("TCP", 443), ("UDP", 53), ("TCP", 53))
    )
    at = st.integers(0, 3).flatmap(
        lambda often: usual if often else st.tuples(st.sampled_from(PROTOCOLS), st.sampled_from(PROBED_PORTS))
    )
    return st.builds(lambda where, *said: (*where, *said), at, requests, names, names)


def _both_ways(subjects: Iterable[Pod], others: Iterable[Peer], asked: Iterable[_Asked]) -> list[Connection]:
    return [
        Connection(source, target, protocol, port, request, lookup, server_name)
        for subject, other, (protocol, port, request, lookup, server_name) in product(subjects, others, asked)
        for source, target in ((other, subject), (subject, other))
    ]


def probes(*, few: bool = False) -> st.SearchStrategy[list[Connection]]:
    """Governed pods × peers × what they say, each from either side: some 130 connections on average, or some 30."""
    others: st.SearchStrategy[Peer] = st.one_of(pods(), st.sampled_from(ADDRESSES), st.sampled_from(RESERVED))
    return st.builds(
        _both_ways,
        st.lists(pods(GOVERNED, (HERE,)), min_size=1, max_size=1 if few else 2, unique=True),
        st.lists(others, min_size=3 if few else 4, max_size=4 if few else 8, unique=True),
        st.lists(_asked(), min_size=4 if few else 6, max_size=4 if few else 10, unique=True),
    )
