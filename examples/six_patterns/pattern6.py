"""Pattern 6: the blueprint, all layers at once.

One topology says default deny, who may call whom, what may be asked, which names are called, who is denied. Each layer
of a platform takes what it does exactly: the network engine labels, ports and names, the mesh identities and requests.
A connection has to pass both.
"""

from zt_dsl import (
    GET,
    INTERNET,
    POST,
    ApiServer,
    HttpApp,
    HttpsApi,
    Namespace,
    Postgres,
    Service,
    Tier,
    Topology,
    allow,
    deny,
    never,
)

production = Namespace("production")
ingress_namespace = Namespace("ingress")
frontend, backend, data = Tier("frontend"), Tier("backend"), Tier("data")

ingress = Service("gateway", namespace=ingress_namespace)
web = HttpApp("web", namespace=production, tier=frontend, service_account="frontend-sa")
api = HttpApp("api", namespace=production, tier=backend, labels={"app": "api", "tier": "backend", "env": "production"})
orders_db = Postgres("orders-db", namespace=production, tier=data)
operator = Service("operator", namespace=production)
stripe = HttpsApi("api.stripe.com")

topology = Topology(
    "six-patterns-6",
    [
        allow(ingress, web.http, why="visitors"),
        allow(web, api.http.routes(GET("/api/v1/**"), POST("/api/v1/orders")), why="the site is a client of the API"),
        allow(api, orders_db.sql, why="orders are rows"),
        allow(api, stripe.https, why="card payments"),
        allow(operator, ApiServer().https, why="it watches its own resources"),
        deny(INTERNET, data, why="nothing outside reads our data"),
        never(frontend, data, why="the site asks the API"),
    ],
    governs=[production],
    tiers=[frontend, backend, data],
)
