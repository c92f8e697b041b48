"""What a network engine is left with beside a mesh: labels, addresses and ports, and what arrives at no sidecar."""

from attrs import evolve

from zt_dsl.ir.flow import Flow
from zt_dsl.ir.mesh import arrives_in_mesh
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Methods, Routes


def leave_to_mesh(policy: Policy, *, denials: bool) -> Policy:
    """Make each flow whole whose requests the mesh reads; and leave it the denials, too, where `denials` says so.

    Whoever reads requests at a sidecar reads them decrypted, and a second reader before it would see no request at all.
    """
    governed = frozenset(policy.governed)

    def left(flow: Flow) -> Flow:
        if isinstance(flow.narrowing, Routes | Methods) and arrives_in_mesh(flow, governed):
            return evolve(flow, narrowing=WHOLE)
        return flow

    return evolve(policy, flows=tuple(map(left, policy.flows)), denials=() if denials else policy.denials)
