"""Hypothesis strategies: any policies of Istio, of the forms that zt_dsl reads; and what to ask.

Documents are plain dictionaries, as a reader of YAML gives them. They are not what zt_dsl emits but what it may have
to read. Everything comes from small alphabets, so that rules of one set meet.
"""

from collections.abc import Mapping, Sequence
from itertools import product

from hypothesis import strategies as st

from tests.conformance.edits import replaced, without
from tests.conformance.engines.istio_engine import Connection, Identity, Request, Workload
from tests.conformance.engines.process import Document, Json
from tests.conformance.istio_policies import AUTHENTICATION, AUTHORIZATION, istio_policy
from tests.conformance.policies import Path, parts
from zt_dsl.ir.flow import Outside, Place
from zt_dsl.ir.flow import Workload as Pods
from zt_dsl.ir.platform import Istio, NoNetwork, Platform
from zt_dsl.ir.traffic import Port
from zt_dsl.source import Location

_Strategy = st.SearchStrategy[Json]

# --- the alphabets ----------------------------------------------------------------------------------

ROOT = "istio-system"
OWN, FAR = "own.example", "far.example"
# Policies live in these; pods in all, and in one that no policy names. The root namespace is governed, too.
GOVERNED = ("shop", "pay", ROOT)
NAMESPACES = ("shop", "pay", "ops", "elsewhere")
LABELS: Mapping[str, Sequence[str]] = {"app": ("web", "db"), "tier": ("one", "two")}
ACCOUNTS = ("default", "web", "api")
DOMAINS = (OWN, FAR, "cluster.local")
PRINCIPALS = (
    *("*", f"{OWN}/*", "cluster.local/*"),
    *(
        f"{domain}/ns/{namespace}/sa/{account}"
        for domain in DOMAINS
        for namespace in ("shop", "ops")
        for account in ("web", "api")
    ),
    *(f"{domain}/ns/{namespace}/{end}" for domain in DOMAINS for namespace in ("shop", "pay") for end in ("*", "sa/*")),
    *(f"*/ns/shop/sa/{account}" for account in ACCOUNTS),
)
BLOCKS = ("0.0.0.0/0", "203.0.113.0/24", "203.0.113.8/29", "203.0.113.9", "2001:db8::/32", "2001:db8::9")
PORTS = (80, 443, 8080, 65535)
METHODS = ("GET", "POST", "get", "*")
PATHS = ("/", "/a", "/a/", "/a/b", "/a/*", "/*", "/a/{*}", "/a/{**}", "/{*}/b", "/{*}/{**}", "/{**}", "/v1.0/{*}/")
MODES = ("STRICT", "PERMISSIVE", "DISABLE", "UNSET")


def platform_of(version: str = "1.31", written: bool = True) -> Platform:
    """One that runs this Istio. Nothing else of it decides what policies mean."""
    at = Location("platform.py", 1)
    resolver = Pods(Place("here", "kube-system"), "dns", (("k8s-app", "kube-dns"),), "coredns")
    nobody = Outside("api-server", "api-server", ()), Outside("nodes", "nodes", ())
    port = Port("dns", "dns", 53, 53, 53)
    mesh = Istio(version, "sidecar", "", OWN, ROOT, "DECODE_AND_MERGE_SLASHES", "strict" if written else "unwritten")
    return Platform("istio", NoNetwork(), mesh, "here", resolver, port, *nobody, (), (), (), at)


# --- documents --------------------------------------------------------------------------------------


def _some(values: Sequence[str], most: int = 2) -> _Strategy:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True).map(list[Json])


def sources() -> _Strategy:
    accounts = st.lists(st.sampled_from(("web", "api", "shop/web", "ops/default")), min_size=1, max_size=2, unique=True)
    kinds: list[st.SearchStrategy[dict[str, Json]]] = [
        st.fixed_dictionaries({"principals": _some(PRINCIPALS)}),
        st.fixed_dictionaries({"principals": _some(PRINCIPALS)}),
        st.fixed_dictionaries({"namespaces": _some(("shop", "pay", "ops"))}),
        st.fixed_dictionaries({"serviceAccounts": accounts.map(list[Json])}),
        st.just({"notPrincipals": ["*"]}),
        st.fixed_dictionaries({"ipBlocks": _some(BLOCKS)}, optional={"notIpBlocks": _some(BLOCKS)}),
    ]
    return st.one_of(kinds).map(lambda source: {"source": source})


def _ports() -> _Strategy:
    return _some(tuple(map(str, (*PORTS, 0))))


def _to(*, http: bool) -> _Strategy:
    """Operations for HTTP, or for TCP."""
    if http:
        drawn = st.fixed_dictionaries(
            {}, optional={"ports": _ports(), "methods": _some(METHODS), "paths": _some(PATHS)}
        ).filter(lambda found: bool(found.keys() - {"ports"}))
    else:
        drawn = st.fixed_dictionaries({"ports": _ports()})
    return st.lists(drawn.map(lambda found: {"operation": found}), min_size=1, max_size=2).map(list[Json])


def rules(*, http: bool) -> _Strategy:
    to = st.booleans().flatmap(lambda die: _to(http=http and die))
    return st.fixed_dictionaries(
        {}, optional={"from": st.lists(sources(), min_size=1, max_size=2).map(list[Json]), "to": to}
    )


def _selectors() -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in LABELS.items()})


def authorizations() -> st.SearchStrategy[Document]:
    """One spec."""

    def spec(action: str, listed: Sequence[Json], labels: Mapping[str, str]) -> Document:
        about: Document = {"selector": {"matchLabels": labels}} if labels else {}
        return {**about, "action": action, "rules": list(listed)}

    allowed = st.builds(spec, st.just("ALLOW"), st.lists(rules(http=True), max_size=3), _selectors())
    denied = st.builds(spec, st.just("DENY"), st.lists(rules(http=False), min_size=1, max_size=2), _selectors())
    return st.integers(0, 3).flatmap(lambda die: allowed if die else denied)


def _modes() -> st.SearchStrategy[Document]:
    return st.sampled_from([{}, *({"mode": mode} for mode in MODES)])


def authentications() -> st.SearchStrategy[list[Document]]:
    """Those of one namespace: one for all of it, and for workloads that no two are about."""
    listed = st.dictionaries(st.sampled_from(PORTS).map(str), _modes(), min_size=1, max_size=3)
    workload = st.fixed_dictionaries({"mtls": _modes()}, optional={"portLevelMtls": listed})
    own = st.fixed_dictionaries({"mtls": _modes()})
    apps = st.lists(st.sampled_from(LABELS["app"]), max_size=2, unique=True)

    def about(app: str) -> st.SearchStrategy[Document]:
        return workload.map(lambda spec: {**spec, "selector": {"matchLabels": {"app": app}}})

    def several(drawn: list[str]) -> st.SearchStrategy[list[Document]]:
        return st.tuples(*map(about, drawn)).map(list[Document])

    return st.tuples(st.lists(own, max_size=1), apps.flatmap(several)).map(lambda pair: [*pair[0], *pair[1]])


def policy_sets() -> st.SearchStrategy[list[Document]]:
    """What may be in force together."""
    placed = st.tuples(st.sampled_from((*GOVERNED, "shop", "shop")), authorizations())
    mesh = st.lists(_modes().map(lambda mode: {"mtls": mode}), max_size=1)
    return st.builds(_set, st.lists(placed, min_size=1, max_size=4), authentications(), authentications(), mesh)


def _set(
    drawn: Sequence[tuple[str, Document]], shop: Sequence[Document], pay: Sequence[Document], mesh: Sequence[Document]
) -> list[Document]:
    placed = [
        *((AUTHORIZATION, namespace, spec) for namespace, spec in drawn),
        *((AUTHENTICATION, "shop", spec) for spec in shop),
        *((AUTHENTICATION, "pay", spec) for spec in pay),
        *((AUTHENTICATION, ROOT, spec) for spec in mesh),
    ]
    return [istio_policy(kind, spec, namespace, f"policy-{n}") for n, (kind, namespace, spec) in enumerate(placed)]


# --- broken and edited ------------------------------------------------------------------------------

_ANYWHERE: Sequence[Json] = (
    *(None, True, 0, 1, 80.5, "", "*", "-", "a/b/c", "not a name", "n" * 64, "n" * 256),
    *([], [None], [{}], [""], ["*"], {}, {"": ""}, {"app": None}, {"app": 1}, {"app": "web"}, {"unknown": True}),
)
_IN_PLACE_OF: Mapping[str, Sequence[Json]] = {
    "ports": ("0", "80", "65536", "080", "http", "80-81", "-1", "", 80),
    "principals": (
        "spiffe://own.example/ns/shop/sa/web",
        "*web",
        "own.example/ns/*",
        "own.example*",
        "own.example/ns/shop/sa/w*",
        "*/sa/web",
    ),
    "notPrincipals": ("own.example/ns/shop/sa/web", "**", ""),
    "namespaces": ("*", "s*p", "ns", "sa", "Shop", "shop/web", ""),
    "serviceAccounts": ("*", "shop/*", "a/b/c", "Web", "/web", "shop/"),
    "ipBlocks": ("10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "10.0.0", "example.com", "2001:DB8::/32"),
    "methods": ("G*", "*T", "GET POST", "*"),
    "paths": (
        "a",
        "*",
        "/a*",
        "*/a",
        "/a/*/b",
        "/{*}x",
        "/{id}",
        "/{**}/x",
        "//",
        "/a/../b",
        "/a%2Fb",
        "/a?b",
        "/{*}/*",
        "/a b",
    ),
    "mode": ("strict", "MUTUAL", "ISTIO_MUTUAL", 1),
    "action": ("allow", "AUDIT", "CUSTOM", "", 1),
    "app": ("*", "w*", "n" * 64, ""),
    "namespace": ("ops", "a.b", "Shop"),
    "name": ("a.b", "a..b", "A"),
    "kind": ("RequestAuthentication", "NetworkPolicy"),
    "apiVersion": ("security.istio.io/v1beta1", "security.istio.io/v1alpha1", "networking.istio.io/v1"),
}
_BESIDE: Sequence[tuple[str, Json]] = (
    *(("notPorts", ["80"]), ("notMethods", ["GET"]), ("notPaths", ["/a"]), ("hosts", ["a.example"]), ("ports", [])),
    *(
        ("notNamespaces", ["shop"]),
        ("requestPrincipals", ["*"]),
        ("remoteIpBlocks", ["10.0.0.0/8"]),
        ("principals", []),
    ),
    *(
        ("notIpBlocks", ["10.0.0.0/8"]),
        ("trustDomains", ["a"]),
        ("notServiceAccounts", ["web"]),
        ("ipBlocks", ["10.0.0.0/8"]),
    ),
    *(
        ("when", [{"key": "source.ip", "values": ["10.0.0.0/8"]}]),
        ("when", []),
        ("from", []),
        ("to", []),
        ("from", None),
    ),
    *(
        ("targetRefs", [{"kind": "Service", "name": "db"}]),
        ("provider", {"name": "x"}),
        ("unknown", None),
        ("rulez", []),
    ),
    *(("methods", ["GET"]), ("paths", ["/a"]), ("selector", {}), ("matchExpressions", []), ("portLevelMtls", {})),
    *(
        ("annotations", {"istio.io/dry-run": "true"}),
        ("labels", {"istio.io/rev": "canary"}),
        ("80", {"mode": "STRICT"}),
    ),
)


def _field(at: Path) -> str:
    return next((step for step in reversed(at) if isinstance(step, str)), "")


def near_misses() -> st.SearchStrategy[Document]:
    """A policy with one value replaced, added or taken away: mostly not valid any more, sometimes still."""

    def missed(document: Document) -> st.SearchStrategy[Json]:
        every = list(parts(document))
        paths = [path for path, _ in every if path]
        maps = [path for path, value in every if isinstance(value, Mapping)]
        named = [path for path in paths if _field(path) in _IN_PLACE_OF]
        return st.one_of(
            st.builds(replaced, st.just(document), st.sampled_from(paths), st.sampled_from(_ANYWHERE)),
            st.sampled_from(named).flatmap(
                lambda at: st.builds(
                    replaced, st.just(document), st.just(at), st.sampled_from(_IN_PLACE_OF[_field(at)])
                )
            ),
            st.builds(
                lambda at, beside: replaced(document, (*at, beside[0]), beside[1]),
                st.sampled_from(maps),
                st.sampled_from(_BESIDE),
            ),
            st.builds(without, st.just(document), st.sampled_from(paths)),
        )

    workloads = authentications().filter(bool).map(lambda some: istio_policy(AUTHENTICATION, some[-1]))
    whole = st.builds(lambda spec: istio_policy(AUTHORIZATION, spec), authorizations())
    return (whole | whole | workloads).flatmap(missed).map(_map)


def _map(tree: Json) -> Document:
    assert isinstance(tree, Mapping)
    return tree


def comparisons() -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
    """Two sets of policies that have much in common; the first isolates every governed pod, as a topology does."""
    floors = [istio_policy(AUTHORIZATION, {}, namespace, "floor") for namespace in GOVERNED]

    def with_second(first: list[Document]) -> st.SearchStrategy[tuple[list[Document], list[Document]]]:
        edits: list[st.SearchStrategy[list[Document]]] = [
            authorizations().map(lambda spec: [*first, istio_policy(AUTHORIZATION, spec, name="new")])
        ]
        for index, document in enumerate(first):
            rest = [*first[:index], *first[index + 1 :]]
            edits.append(st.just(rest))
            inside = [path for path, _ in parts(document) if path[:1] == ("spec",) and len(path) > 1]
            if inside:
                shorter = st.builds(without, st.just(document), st.sampled_from(inside)).map(_map)
                edits.append(st.builds(_with, st.just(rest), shorter))
        return st.tuples(st.just(first), st.one_of(edits))

    return policy_sets().map(lambda documents: [*floors, *documents]).flatmap(with_second)


def _with(documents: Sequence[Document], another: Document) -> list[Document]:
    return [*documents, another]


# --- what is asked ----------------------------------------------------------------------------------

# Pods are told by who they are, and have an address that is in no block; whoever has none of that has the others.
POD_ADDRESS = "fd00::9"
ADDRESSES = ("203.0.113.8", "203.0.113.9", "203.0.113.200", "198.51.100.1", "2001:db8::9", "2001:db8:1::1", "2606::1")
PROBED_PORTS = (*PORTS, 1, 81)
PROBED_PATHS = ("/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "/x/b", "/a/b/", "/v1.0/x/", "/v1x0/x/", "/A", "/a/b?c=/d")


def workloads() -> st.SearchStrategy[Workload]:
    labels = st.fixed_dictionaries(
        {}, optional={key: st.sampled_from((*values, "strange")) for key, values in LABELS.items()}
    )
    return st.builds(Workload, st.sampled_from(GOVERNED), labels)


def clients() -> st.SearchStrategy[tuple[Identity | None, str]]:
    """A client and its address: a pod, one without an identity, or somebody outside."""
    identities = st.builds(Identity, st.sampled_from(NAMESPACES), st.sampled_from(ACCOUNTS), st.sampled_from(DOMAINS))
    pods = st.tuples(identities | identities | st.none(), st.just(POD_ADDRESS))
    return pods | pods | st.tuples(st.none(), st.sampled_from(ADDRESSES))


def probes(*, few: bool = False) -> st.SearchStrategy[list[Connection]]:
    """Workloads × clients × what they say."""
    requests = st.none() | st.builds(Request, st.sampled_from(("GET", "POST", "get")), st.sampled_from(PROBED_PATHS))
    asked = st.tuples(st.sampled_from(PROBED_PORTS), requests)
    return st.builds(
        lambda targets, whom, said: [
            Connection(client, target, port, request, address)
            for target, (client, address), (port, request) in product(targets, whom, said)
        ],
        st.lists(workloads(), min_size=1, max_size=1 if few else 3, unique=True),
        st.lists(clients(), min_size=3, max_size=4 if few else 8, unique=True),
        st.lists(asked, min_size=3, max_size=4 if few else 8, unique=True),
    )
