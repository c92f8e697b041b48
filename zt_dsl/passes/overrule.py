"""A quarantine overrules policies from elsewhere, where the engine can deny: everyone is denied, both ways."""

from attrs import evolve

from zt_dsl.ir.flow import Denial, Everyone, EveryPort
from zt_dsl.ir.policy import Policy


def overrule(policy: Policy) -> Policy:
    """Add the denials of each quarantine."""
    denials = dict.fromkeys(policy.denials)
    for cut in policy.quarantined:
        denials[Denial(Everyone(), cut.workload, EveryPort(), cut.reason)] = None
        denials[Denial(cut.workload, Everyone(), EveryPort(), cut.reason)] = None
    return evolve(policy, denials=tuple(denials))
