"""A narrowed flow beside whole ones that hold it is whole: allows add up, and an engine must not be asked to read what
another rule for the same peer and port lets through unread."""

from attrs import evolve

from zt_dsl.ir.held import held
from zt_dsl.ir.mesh import arrives_in_mesh
from zt_dsl.ir.platform import NoMesh
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE


def void_narrowed(policy: Policy) -> Policy:
    """Make each flow whole that whole flows hold. Of those that were written ZT402 tells the user (`checks.void`).

    What a mesh reads is as it was: it knows callers by who they are, and one of a namespace that has no identity is not
    held by what the namespace may do.
    """
    governed = frozenset(() if isinstance(policy.platform.mesh, NoMesh) else policy.governed)
    void = held(flow for flow in policy.flows if not arrives_in_mesh(flow, governed))
    if not void:
        return policy
    flows = (evolve(flow, narrowing=WHOLE) if id(flow) in void else flow for flow in policy.flows)
    return evolve(policy, flows=tuple(flows))
