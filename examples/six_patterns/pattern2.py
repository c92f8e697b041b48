"""Pattern 2: micro-segmentation by labels. Three tiers, and monitoring from another namespace.

An edge opens both of its ends. Written by hand the pattern is easily half done: an egress rule of the API to Redis,
say, and no ingress rule at Redis. DNS is derived for those who call, and for no other: Postgres gets none.
"""

from zt_dsl import HttpPort, Namespace, Postgres, Redis, Service, Tier, TlsPort, Topology, allow

production = Namespace("production")
ingress_namespace = Namespace("ingress-nginx")
monitoring = Namespace("monitoring")

frontend, backend, storage = Tier("frontend"), Tier("backend"), Tier("storage")


class Scraped(Service):
    """Everything in production has metrics on 9090."""

    namespace: Namespace = production
    metrics = HttpPort(9090)


class Web(Scraped):
    http = HttpPort(8080)
    https = TlsPort(8443)


class Api(Scraped):
    http = HttpPort(8080)


class Database(Scraped, Postgres):
    pass


class Cache(Scraped, Redis):
    pass


# The pods carry both labels. Two services must differ in one label that both have: `app` does it.
web = Web("web", tier=frontend, labels={"app": "web", "tier": "frontend"})
api = Api("api", tier=backend, labels={"app": "api", "tier": "backend"})
postgres = Database("postgres", tier=storage, labels={"app": "postgres", "tier": "database"})
redis = Cache("redis", tier=storage, labels={"app": "redis", "tier": "cache"})

ingress = Service("ingress-nginx", namespace=ingress_namespace)
prometheus = Service("prometheus", namespace=monitoring)

topology = Topology(
    "six-patterns-2",
    [
        allow(ingress, web.http, why="visitors"),
        allow(ingress, web.https, why="visitors, encrypted up to the pod"),
        allow(web, api.http, why="the site is a client of the API"),
        allow(api, postgres.sql, why="what is kept"),
        allow(api, redis.resp, why="what is kept for a while"),
        *(allow(prometheus, target.metrics, why="metrics") for target in (web, api, postgres, redis)),
    ],
    governs=[production],
    tiers=[frontend, backend, storage],
)
