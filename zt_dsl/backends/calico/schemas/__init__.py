"""The JSON Schema of what this backend emits."""

import re

from zt_dsl.backends.schema import CIDR, WORD, checker

# What `objects.selector` writes: equalities joined by "and". Label keys as Kubernetes has them.
_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]{0,200}[A-Za-z0-9])?"
_TERM = rf"{_KEY} == '[-A-Za-z0-9_.]{{0,63}}'"
_SELECTOR = re.compile(rf"{_TERM}(?: && {_TERM})*")
_IN = re.compile(r"projectcalico\.org/name == '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'")

check = checker(
    __name__,
    "networkpolicy.json",
    usual={
        "name": WORD,
        "namespace": WORD,
        "namespaceSelector": _IN,
        "selector": _SELECTOR,
        "nets": CIDR,
        "notNets": CIDR,
        "domains": WORD,
    },
    repeated=frozenset({"ingress", "egress", "ports", "nets", "notNets"}),
    ordered=frozenset({"types"}),
)
"""Where a document does not fit it."""
