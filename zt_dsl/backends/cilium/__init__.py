"""CiliumNetworkPolicy, Cilium 1.15 to 1.20."""

from functools import partial

from zt_dsl.backends.base import Backend
from zt_dsl.backends.cilium.capabilities import CAPABILITIES, JUDGED, VERSIONS
from zt_dsl.backends.cilium.entries import notes
from zt_dsl.backends.cilium.lower import lower
from zt_dsl.backends.cilium.refuse import refuse
from zt_dsl.backends.cilium.schemas import check
from zt_dsl.backends.cilium.semantics import reach_of
from zt_dsl.passes import Pass
from zt_dsl.passes.check_server_names import check_server_names
from zt_dsl.passes.derive_dns import derive_dns
from zt_dsl.passes.except_pods import except_pods
from zt_dsl.passes.filter_lookups import filter_lookups
from zt_dsl.passes.know_nodes import know_nodes
from zt_dsl.passes.merge import merge
from zt_dsl.passes.order import order
from zt_dsl.passes.overrule import overrule
from zt_dsl.passes.void_narrowed import void_narrowed
from zt_dsl.reach.declared import reach_of as declared_reach_of


def passes(sayable: frozenset[str]) -> tuple[Pass, ...]:
    """What is done to a policy before it is lowered, in this order."""
    return (
        overrule,  # a quarantine denies
        derive_dns,  # who calls by name may ask for the name
        partial(filter_lookups, sayable=sayable),  # who calls a host outside asks through the proxy
        partial(check_server_names, sayable=sayable),  # and TLS asks for no other name
        know_nodes,  # Cilium knows the nodes and the API server
        except_pods,  # what is outside holds no pods
        void_narrowed,  # what a whole flow holds is whole
        merge,  # equal flows are one, with the reasons of all
        order,  # by what they are, not by where they were written
    )


BACKEND = Backend(
    "Cilium",
    "cilium.io",
    VERSIONS,
    JUDGED,
    CAPABILITIES,
    passes=passes,
    refuse=refuse,
    lower=lower,
    read=reach_of,
    check=check,
    notes=notes,
    joins_clusters=True,
    knows_nodes=True,
    means=partial(declared_reach_of, joins_clusters=True, knows_nodes=True),
)
