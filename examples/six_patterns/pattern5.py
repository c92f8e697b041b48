"""Pattern 5: mTLS of a mesh, and who may ask what by identity.

A mode is written where it belongs: for the mesh by the platform (`mesh_wide_mtls`), for namespaces by the topology, for
a service, and for a port. What is written nearer goes first, and strict is what nobody has to write. A caller is the
service account in its certificate, not its labels.
"""

from zt_dsl import GET, POST, HttpApp, HttpPort, Namespace, Postgres, Service, TcpPort, Topology, allow

production = Namespace("production")
monitoring = Namespace("monitoring")
legacy = Namespace("legacy", meshed=False)
# Another cluster of the same mesh: one trust domain, so the mesh alone could not tell the two namespaces apart.
production_west = Namespace("production", cluster="west")


class Api(HttpApp):
    # The legacy batch has no sidecar: this port takes plain text, and the rest of the service does not.
    imports = HttpPort(8081, mtls="permissive")


class Archive(Postgres):
    # The other way round: who copies all of it shows a certificate, whatever the rest of the service takes.
    copies = TcpPort(8432, mtls="strict")


frontend = Service("frontend", namespace=production, labels={"app": "web", "tier": "frontend"})
api = Api("api", namespace=production, labels={"app": "api", "tier": "backend"}, mtls="strict")
# It is being moved into the mesh, and still called by who has no certificate.
archive = Archive("archive", namespace=production, mtls="permissive")
backup = Service("backup", namespace=production)
prometheus = Service("prometheus", namespace=monitoring)
batch = Service("batch", namespace=legacy)
frontend_west = Service("frontend", namespace=production_west, labels={"app": "web", "tier": "frontend"})

edges = [
    allow(frontend, api.http.routes(GET("/api/v1/**"), POST("/api/v1/**")), why="the site is a client of the API"),
    allow(prometheus, api.http.routes(GET("/metrics")), why="metrics"),
    allow(batch, api.imports.routes(POST("/imports")), why="orders by file, until the partner has an API"),
    allow(api, archive.sql, why="orders of past years"),
    allow(batch, archive.sql, why="the nightly load"),
    allow(backup, archive.copies, why="the nightly copy"),
]

topology = Topology("six-patterns-5", edges, governs=[production], mtls="strict")

across_clusters = Topology(
    "six-patterns-5-across",
    [
        *edges,
        # The same routes as the frontend here: to the mesh both are one identity, and less for one of them is refused.
        allow(frontend_west, api.http.routes(GET("/api/v1/**"), POST("/api/v1/**")), why="when the west is full"),
    ],
    governs=[production],
    mtls="strict",
)
