"""Mistakes in narrowing: each kind of port has its own words, and a narrowed endpoint has none."""

from app.workloads import conveyor, customs, desk, dns, exchange, shelves
from zt_dsl import ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, Route, allow

exchange.api.methods("parcels.Routing/Find")  # E: attr-defined
exchange.api.consume("events")  # E: attr-defined
exchange.api.names("example.org")  # E: attr-defined
exchange.calls.routes(POST("/parcels.Routing/Find"))  # E: attr-defined
exchange.calls.produce("events")  # E: attr-defined
exchange.events.methods("parcels.Routing/Find")  # E: attr-defined
exchange.events.names("example.org")  # E: attr-defined
exchange.events.publish("events")  # E: attr-defined
exchange.lookups.routes(GET("/dns-query"))  # E: attr-defined
exchange.lookups.consume("events")  # E: attr-defined
exchange.raw.routes(GET("/"))  # E: attr-defined
exchange.raw.methods("a.B/C")  # E: attr-defined
exchange.beacon.names("example.org")  # E: attr-defined
exchange.signalling.routes(GET("/"))  # E: attr-defined
exchange.secure.routes(GET("/"))  # E: attr-defined
exchange.secure.methods("a.B/C")  # E: attr-defined
customs.https.names("customs.example.org")  # E: attr-defined
conveyor.modbus.consume("coils")  # E: attr-defined
shelves.sql.methods("SELECT")  # E: attr-defined
dns.dns.routes(GET("/"))  # E: attr-defined

exchange.api.routes("GET /")  # E: arg-type
exchange.api.routes(("GET", "/"))  # E: arg-type
exchange.api.routes([GET("/"), POST("/")])  # E: arg-type
exchange.api.routes(GET("/"), "/b")  # E: arg-type
exchange.api.routes(GET)  # E: arg-type
exchange.api.routes(first=GET("/"))  # E: call-arg
exchange.calls.methods()  # E: call-arg
exchange.calls.methods(GET("/"))  # E: arg-type
exchange.calls.methods(["a.B/C"])  # E: arg-type
exchange.events.produce()  # E: call-arg
exchange.events.produce("events", 7)  # E: arg-type
exchange.events.consume(None)  # E: arg-type
exchange.lookups.names()  # E: call-arg
exchange.lookups.names(b"example.org")  # E: arg-type

exchange.api.routes(GET("/a")).methods("a.B/C")  # E: attr-defined
exchange.calls.methods("a.B/C").methods("a.B/D")  # E: attr-defined
exchange.events.produce("events").consume("events")  # E: attr-defined
exchange.lookups.names("example.org").names("example.com")  # E: attr-defined

Route("get", "/")  # E: arg-type
Route("GET")  # E: call-arg
Route("GET", 1)  # E: arg-type
Route("GET", "/", "HTTP/1.1")  # E: call-arg
Route(path="/")  # E: call-arg
Route("GET", "/", host="example.org")  # E: call-arg
GET()  # E: call-arg
HEAD(1)  # E: arg-type
POST("/a", "/b")  # E: call-arg
PUT(None)  # E: arg-type
PATCH(["/a"])  # E: arg-type
DELETE(url="/a")  # E: call-arg
OPTIONS(b"/a")  # E: arg-type
ANY(GET("/a"))  # E: arg-type
allow(desk, GET("/a"))  # E: arg-type
