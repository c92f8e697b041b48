"""What a mesh has to say of a policy: what arrives at governed pods that have a sidecar, and what is read there."""

from attrs import evolve

from zt_dsl.ir.flow import Flow
from zt_dsl.ir.mesh import arrives_in_mesh
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE, Methods, Routes


def keep_meshed(policy: Policy, *, denials: bool) -> Policy:
    """Keep the flows that arrive at a sidecar, whole where the mesh does not read them; and the denials, where
    `denials` says that they are the mesh's."""
    governed = frozenset(policy.governed)
    flows = (_read(flow) for flow in policy.flows if arrives_in_mesh(flow, governed))
    return evolve(policy, flows=tuple(flows), denials=policy.denials if denials else ())


def _read(flow: Flow) -> Flow:
    if flow.narrowing is WHOLE or isinstance(flow.narrowing, Routes | Methods):
        return flow
    return evolve(flow, narrowing=WHOLE)
