"""A narrowed flow beside whole ones that hold it is whole: allows add up, and an engine must not be asked to read what
another rule for the same peer and port lets through unread."""

from attrs import evolve

from zt_dsl.ir.held import held
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import WHOLE


def void_narrowed(policy: Policy) -> Policy:
    """Make each flow whole that whole flows hold. Of those that were written ZT402 tells the user (`checks.void`)."""
    void = held(policy.flows)
    if not void:
        return policy
    flows = (evolve(flow, narrowing=WHOLE) if id(flow) in void else flow for flow in policy.flows)
    return evolve(policy, flows=tuple(flows))
