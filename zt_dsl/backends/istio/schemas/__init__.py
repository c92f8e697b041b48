"""The JSON Schema of what this backend emits."""

import re

from zt_dsl.backends.schema import CIDR, WORD, checker

_PORT = re.compile(r"[1-9][0-9]{0,3}")
_PRINCIPAL = re.compile(r"[a-z0-9._-]+/ns/[a-z0-9-]+/(?:sa/[a-z0-9.-]+|\*)")
# Without `{`, `}` and `*`, of which the schema has more to say.
_PATH = re.compile(r"/[!$&-),-;=@-Z_a-z~]*")

check = checker(
    __name__,
    "istio.json",
    usual={
        "name": WORD,
        "namespace": WORD,
        "principals": _PRINCIPAL,
        "ipBlocks": CIDR,
        "notIpBlocks": CIDR,
        "ports": _PORT,
        "paths": _PATH,
    },
    repeated=frozenset({"rules", "from", "to"}),
)
"""Where a document does not fit it."""
