"""AuthorizationPolicy and PeerAuthentication, Istio 1.22 to 1.31, for pods with sidecars."""

from zt_dsl.backends.base import Backend
from zt_dsl.backends.istio.capabilities import CAPABILITIES, JUDGED, VERSIONS, carries, why_not
from zt_dsl.backends.istio.lower import lower
from zt_dsl.backends.istio.notes import notes
from zt_dsl.backends.istio.refuse import refuse
from zt_dsl.backends.istio.schemas import check
from zt_dsl.backends.istio.semantics import beyond, reach_of
from zt_dsl.ir.policy import Policy
from zt_dsl.passes import Pass
from zt_dsl.passes.derive_dns import derive_dns
from zt_dsl.passes.except_pods import except_pods
from zt_dsl.passes.merge import merge
from zt_dsl.passes.order import order
from zt_dsl.reach.meshed import mesh_reach_of


def passes(_: frozenset[str]) -> tuple[Pass, ...]:
    """What is done to a policy before it is lowered, where the mesh stands alone."""
    return (
        _derive_dns,  # who calls by name may ask for the name
        except_pods,  # what is outside holds no pods
        merge,  # equal flows are one, with the reasons of all
        order,  # by what they are, not by where they were written
    )


def _derive_dns(policy: Policy) -> Policy:
    """Lookups that arrive at a sidecar: of what leaves the mesh has no say, and there is nothing to derive."""
    resolver = policy.platform.dns
    return derive_dns(policy) if resolver.meshed and resolver.place in policy.governed else policy


BACKEND = Backend(
    "Istio",
    "security.istio.io",
    VERSIONS,
    JUDGED,
    CAPABILITIES,
    passes=passes,
    refuse=refuse,
    lower=lower,
    read=reach_of,
    check=check,
    notes=notes,
    carries=carries,
    why_not=why_not,
    means=mesh_reach_of,
    sees_identity=True,
    beyond=beyond,
)
