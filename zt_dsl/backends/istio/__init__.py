"""AuthorizationPolicy and PeerAuthentication, Istio 1.22 to 1.31, for pods with sidecars."""

from zt_dsl.backends.base import Backend
from zt_dsl.backends.istio.capabilities import CAPABILITIES, JUDGED, VERSIONS, carries, why_not
from zt_dsl.backends.istio.lower import lower
from zt_dsl.backends.istio.notes import notes
from zt_dsl.backends.istio.refuse import refuse
from zt_dsl.backends.istio.schemas import check
from zt_dsl.backends.istio.semantics import reach_of
from zt_dsl.passes import PASSES
from zt_dsl.reach.meshed import mesh_reach_of

BACKEND = Backend(
    "Istio",
    "security.istio.io",
    VERSIONS,
    JUDGED,
    CAPABILITIES,
    passes=lambda _: PASSES,
    refuse=refuse,
    lower=lower,
    read=reach_of,
    check=check,
    notes=notes,
    carries=carries,
    why_not=why_not,
    means=mesh_reach_of,
    sees_identity=True,
)
