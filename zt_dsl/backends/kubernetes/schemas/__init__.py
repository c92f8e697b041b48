"""The JSON Schema of what this backend emits."""

from zt_dsl.backends.schema import CIDR, WORD, checker
from zt_dsl.ir.selector import METADATA_NAME

check = checker(
    __name__,
    "networkpolicy.json",
    usual={"name": WORD, "namespace": WORD, METADATA_NAME: WORD, "cidr": CIDR, "except": CIDR},
    repeated=frozenset({"ingress", "egress", "from", "to", "ports"}),
    ordered=frozenset({"policyTypes"}),
)
"""Where a document does not fit it."""
