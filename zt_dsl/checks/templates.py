"""Texts that look like templates."""

import re

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.policy import Policy

# Helm's {{ }}, and the ${VAR} that Flux's post-build substitution and envsubst replace.
_TEMPLATE = re.compile(r"\{\{|\}\}|\$\{")


def templates(policy: Policy) -> tuple[Diagnostic, ...]:
    """ZT404: a reason becomes a comment in the manifests, and such tools replace in comments too."""
    edges = ((reason.why, reason.at) for flow in policy.flows for reason in flow.reasons)
    waivers = ((waiver.why, waiver.at) for waiver in policy.platform.waivers)
    denials = ((denial.reason.why, denial.reason.at) for denial in policy.denials)
    quarantined = ((one.reason.why, one.reason.at) for one in policy.quarantined)
    return tuple(
        Diagnostic(
            "ZT404",
            f"the reason {why!r} looks like a template",
            (Label(at, "given here"),),
            "It becomes a comment in the manifests; Helm and Flux replace there too, or fail.",
            "write it without {{ }} and ${ }",
        )
        for why, at in dict.fromkeys(
            (why, at) for why, at in (*edges, *waivers, *denials, *quarantined) if _TEMPLATE.search(why)
        )
    )
