"""Every diagnostic there is, in one place: code, severity, title.

Codes are stable: one that is no longer needed is retired, never given a new meaning. The classes are
ZT1xx loading, ZT2xx model, ZT3xx plan and backends, ZT4xx legal but unwise, ZT5xx manifests read back and
proof, ZT6xx publishing. Each has a page in `docs/diagnostics/`, whose examples are tests.
"""

from typing import Literal

Severity = Literal["error", "warning"]

TITLES: dict[str, str] = {
    # --- loading ---------------------------------------------------------------------------------
    "ZT101": "the module cannot be found",
    "ZT102": "the module is not valid Python",
    "ZT103": "the module raised an exception",
    "ZT104": "the module ended the process",
    "ZT105": "the module did not finish in time",
    "ZT106": "the module has no such name",
    "ZT107": "the name is not what was asked for",
    "ZT108": "a setting does not fit the topology's function",
    "ZT109": "a build in pyproject.toml cannot be read",
    # --- model: names, labels, types -------------------------------------------------------------
    "ZT201": "not a valid Kubernetes name",
    "ZT202": "a name is too long",
    "ZT203": "a character in a name only looks right",
    "ZT204": "not a valid label",
    "ZT205": "a label key is reserved",
    "ZT206": "a value has the wrong type",
    "ZT207": "a text holds control characters",
    # --- model: ports ----------------------------------------------------------------------------
    "ZT210": "not a port number",
    "ZT211": "a port range runs backwards",
    "ZT212": "an annotated port is a field, not a port",
    "ZT213": "a port is hidden by a field of the same name",
    "ZT214": "this port cannot be narrowed",
    # --- model: identity -------------------------------------------------------------------------
    "ZT220": "two different things share one identity",
    "ZT221": "two services select the same pods",
    "ZT222": "one service's selector contains another's",
    "ZT223": "two services can both match one pod",
    "ZT224": "a service's selector is empty",
    "ZT225": "two services share a service account",
    "ZT226": "a service of a governed namespace is in no statement",
    "ZT227": "a service on the host network is its node",
    # --- model: what is governed -----------------------------------------------------------------
    "ZT230": "a system namespace cannot be governed",
    "ZT231": "a governed namespace is in another cluster",
    "ZT232": "the topology governs nothing",
    "ZT233": "neither end of an edge is governed",
    # --- model: statements -----------------------------------------------------------------------
    "ZT240": "a statement speaks of nobody",
    "ZT241": "a statement is thrown away",
    "ZT242": "this cannot stand here in a statement",
    "ZT243": "an edge is past its date",
    "ZT244": "an edge crosses tiers",
    "ZT245": "a tier is not listed",
    "ZT246": "a reason is missing",
    "ZT247": "an edge does what `never` forbids",
    "ZT248": "an edge comes from elsewhere than `only` allows",
    "ZT249": "a deny crosses an allow",
    "ZT250": "a quarantined service is inside a namespace-wide edge",
    # --- model: external names -------------------------------------------------------------------
    "ZT260": "not a host name",
    "ZT261": "a host name is malformed",
    "ZT262": "a host name is not ASCII",
    "ZT263": "a wildcard is out of place",
    "ZT264": "a wildcard covers a public suffix",
    "ZT265": "an address is not a name",
    "ZT266": "a name inside the cluster is not external",
    # --- model: networks -------------------------------------------------------------------------
    "ZT270": "not a network address",
    "ZT271": "a network address has two readings",
    "ZT272": "this network is the whole internet",
    "ZT273": "an exclusion does not lie inside its network",
    "ZT274": "a network has no addresses",
    # --- model: inside the protocol --------------------------------------------------------------
    "ZT280": "not a path",
    "ZT281": "a path wildcard is out of place",
    "ZT282": "not an HTTP method",
    "ZT283": "not a gRPC method",
    "ZT284": "not a Kafka topic",
    "ZT285": "not a name to look up",
    # --- model: platform, waivers, mTLS ----------------------------------------------------------
    "ZT290": "a waiver is past its date",
    "ZT291": "a waiver's feature is not one",
    "ZT292": "a port that is called from outside the mesh cannot be strict",
    # --- plan and backends -----------------------------------------------------------------------
    "ZT300": "this backend is not there yet",
    "ZT301": "this version is not known",
    "ZT302": "nothing on this platform enforces policies",
    "ZT310": "HTTP routes cannot be enforced here",
    "ZT311": "gRPC methods cannot be enforced here",
    "ZT312": "Kafka topics cannot be enforced here",
    "ZT313": "DNS names cannot be filtered here",
    "ZT314": "an external name cannot be enforced here",
    "ZT315": "a wildcard name cannot be enforced here",
    "ZT316": "a deny cannot be enforced here",
    "ZT317": "mTLS cannot be enforced here",
    "ZT318": "a port range cannot be enforced here",
    "ZT319": "a path is too long for this engine",
    "ZT320": "the API server's addresses are not known",
    "ZT321": "the nodes' addresses are not known",
    "ZT322": "a network may hold pods",
    "ZT323": "a network lies inside the pod networks",
    "ZT324": "a peer is in another cluster",
    "ZT325": "a label that this engine does not see",
    "ZT326": "two rules for one port undo one another",
    "ZT327": "a workload needs too many policy entries",
    "ZT330": "a tier cannot hold the policies",
    "ZT331": "no layer of this platform enforces this end",
    "ZT333": "one port number has two mTLS modes",
    "ZT334": "a mesh alone does not see everything",
    "ZT335": "the mesh cannot tell two callers apart",
    "ZT336": "a port is the sidecar's own",
    "ZT337": "a namespace that calls is in the mesh in part",
    # --- legal but unwise ------------------------------------------------------------------------
    "ZT401": "nothing needs this waiver",
    "ZT402": "a narrowed edge is made void by a whole one",
    "ZT403": "an excluded address is allowed by another edge",
    "ZT404": "a text looks like a template",
    "ZT405": "a workload needs many policy entries",
    "ZT406": "a deny refuses what an edge needs",
    "ZT407": "a wildcard does not include the name itself",
    "ZT408": "a deny refuses probes on nodes that run an API server",
    "ZT409": "one of two layers lets through what the other refuses",
    "ZT410": "strict mTLS of a namespace that is not governed",
    # --- manifests read back, proof --------------------------------------------------------------
    "ZT500": "a manifest cannot be read",
    "ZT501": "a manifest holds something that is not understood",
    "ZT502": "the manifests permit what is not declared",
    "ZT503": "the manifests refuse what is declared",
    "ZT504": "an object lies outside the governed namespaces",
    "ZT505": "two objects have one name",
    "ZT506": "the manifests do not deny what is to be denied",
    "ZT510": "the proof failed: a bug in zt_dsl",
    # --- publishing ------------------------------------------------------------------------------
    "ZT600": "this directory is not one to write to",
    "ZT601": "a symbolic link stands in the way",
    "ZT602": "a generated file was edited by hand",
    "ZT603": "a file that is not ours stands in the way",
    "ZT604": "another run holds the directory",
    "ZT605": "the files cannot be written",
    "ZT606": "the ownership file is broken",
    "ZT607": "the directory is stale",
}  # fmt: skip


def severity(code: str) -> Severity:
    """ZT4xx are warnings; everything else stops the run."""
    return "warning" if code.startswith("ZT4") else "error"
