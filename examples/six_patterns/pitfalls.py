"""Five pitfalls of NetworkPolicy, and what becomes of each here.

`topology` is how the matter is written, and compiles. The functions after it are the mistakes; ask for one, and the
answer is its diagnostic: python -m zt_dsl compile examples.six_patterns.pitfalls:kube_system --target kubernetes
"""

from zt_dsl import HttpApp, Namespace, Service, Topology, allow, deny, quarantine

production = Namespace("production")
monitoring = Namespace("monitoring")

web = HttpApp("web", namespace=production)
api = HttpApp("api", namespace=production)
compromised = HttpApp("compromised-service", namespace=production)
prometheus = Service("prometheus", namespace=monitoring)

calls = allow(web, api.http, why="the site is a client of the API")

topology = Topology(
    "six-patterns-pitfalls",
    [
        # 1. DNS was forgotten. It cannot be: `web` calls a service by its name, so it may ask the resolver for names,
        #    over UDP and TCP. `api` calls nobody and may not.
        calls,
        # 2. The namespace has no label. None is needed: a namespace is selected by `kubernetes.io/metadata.name`,
        #    which the API server sets on each, and nobody can change.
        allow(prometheus, api.http, why="metrics"),
        # 4. A deny was written after an allow, and allows nothing less. Rules have no order here, and none is
        #    pretended: a quarantine takes the service's own edges away.
        allow(compromised, api.http, why="it was a client too"),
        quarantine(compromised, why="INC-12: it scans the network"),
    ],
    # 5. kube-system was denied by default. Only what is listed here is; see `kube_system` below.
    governs=[production],
)

# 3. The network plugin enforces nothing (Flannel does not). No compiler can see that: the promise is what the API says
#    that these objects mean. After installing, ask the cluster itself, from a pod that has no edge:
#
#    kubectl run probe -n production --rm -it --image=busybox:1.36 -- wget -qO- --timeout=2 http://api:8080


def deny_beside_allow() -> Topology:
    """4: a deny that crosses an allow is a mistake on every engine, whatever their order (ZT249)."""
    return Topology(
        "pitfall-4",
        [calls, deny(web, api, why="suspicious")],
        governs=[production],
        services=[compromised],
    )


def deny_by_engine() -> Topology:
    """4: NetworkPolicy has no deny; it is refused, and the engines that have one are named (ZT316)."""
    return Topology(
        "pitfall-4-native",
        [calls, deny(compromised, api, why="suspicious")],
        governs=[production],
    )


def kube_system() -> Topology:
    """5: a default deny in kube-system stops the cluster's own DNS (ZT230)."""
    return Topology("pitfall-5", [calls], governs=[production, Namespace("kube-system")], services=[compromised])
