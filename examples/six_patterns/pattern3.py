"""Pattern 3: what a connection carries. HTTP routes, Kafka topics, and names outside the cluster.

An edge is narrowed where it is written, in words that no engine owns: a path is a path and no regular expression, and
a query string is nobody's business. Which engine can hold which of them to it is the platform's matter; what it cannot
is an error, until a waiver agrees to less.
"""

from zt_dsl import GET, POST, PUT, HttpApp, HttpsApi, Kafka, Namespace, Service, Topology, allow

production = Namespace("production")

web = HttpApp("web", namespace=production, labels={"app": "web", "tier": "frontend"})
api = HttpApp("api", namespace=production, labels={"app": "api", "tier": "backend"})
kafka = Kafka("kafka", namespace=production)
orders = Service("order-service", namespace=production)
payments = Service("payment-service", namespace=production)

stripe = HttpsApi("api.stripe.com")
sendgrid = HttpsApi("api.sendgrid.com")
# `*.amazonaws.com` is one label and any tenant's: it misses s3.us-east-1.amazonaws.com, which was meant.
queue = HttpsApi("sqs.us-east-1.amazonaws.com")
uploads = HttpsApi("shop-uploads.s3.us-east-1.amazonaws.com")

topology = Topology(
    "six-patterns-3",
    [
        allow(
            web,
            api.http.routes(GET("/api/v1/**"), POST("/api/v1/orders"), PUT("/api/v1/orders/{id}")),
            why="the site is a client of the API",
        ),
        # Producing and consuming are two edges: one may end without the other.
        allow(orders, kafka.broker.produce("orders"), why="an order was placed"),
        allow(orders, kafka.broker.consume("orders"), why="its own events, after a restart"),
        allow(payments, kafka.broker.produce("payments"), why="a payment was made"),
        allow(payments, kafka.broker.consume("payments"), why="its own events, after a restart"),
        # Who calls a name may look it up, through the proxy that learns its addresses. Nothing has to be written.
        allow(api, stripe.https, why="card payments"),
        allow(api, sendgrid.https, why="receipts"),
        allow(api, queue.https, why="work that can wait"),
        allow(api, uploads.https, why="pictures of what is sold"),
    ],
    governs=[production],
)
