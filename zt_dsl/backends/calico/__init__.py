"""NetworkPolicy of projectcalico.org/v3, Calico 3.28 to 3.32."""

from zt_dsl.backends.base import Backend
from zt_dsl.backends.calico.capabilities import CAPABILITIES, JUDGED, VERSIONS
from zt_dsl.backends.calico.lower import lower
from zt_dsl.backends.calico.network_sets import beyond_pods
from zt_dsl.backends.calico.notes import notes
from zt_dsl.backends.calico.refuse import refuse
from zt_dsl.backends.calico.schemas import check
from zt_dsl.backends.calico.semantics import reach_of
from zt_dsl.passes import PASSES, Pass
from zt_dsl.passes.overrule import overrule


def passes(_: frozenset[str]) -> tuple[Pass, ...]:
    """What is done to a policy before it is lowered, in this order."""
    return (
        overrule,  # a quarantine denies
        *PASSES,  # Calico knows ports and addresses
    )


BACKEND = Backend(
    "Calico",
    "projectcalico.org",
    VERSIONS,
    JUDGED,
    CAPABILITIES,
    passes=passes,
    refuse=refuse,
    lower=lower,
    read=reach_of,
    check=check,
    notes=notes,
    beyond=beyond_pods,
)
