"""Pattern 4: egress by name.

An external name is one unit: the name, the lookups that its addresses are learned from, and on a TLS port the name
that the client asks for. An engine that knows addresses alone refuses it; Calico's `domains` need its Enterprise
edition, and its backend is not there yet.
"""

from zt_dsl import HttpsApi, Namespace, Service, Topology, allow

production = Namespace("production")

payments = Service("payment-service", namespace=production)

stripe = HttpsApi("api.stripe.com")
paypal = HttpsApi("api.paypal.com")
s3 = HttpsApi("s3.amazonaws.com")
# One label: a bucket's own host name in the oldest region. A regional one is a name of its own; see pattern 3.
buckets = HttpsApi("*.s3.amazonaws.com")

topology = Topology(
    "six-patterns-4",
    [
        allow(payments, stripe.https, why="card payments"),
        allow(payments, paypal.https, why="payments by account"),
        allow(payments, s3.https, why="which buckets there are"),
        allow(payments, buckets.https, why="statements for the accountants"),
    ],
    governs=[production],
)
