"""Texts that look like templates."""

import re

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.policy import Policy

# Helm's {{ }}, and the ${VAR} that Flux's post-build substitution and envsubst replace.
_TEMPLATE = re.compile(r"\{\{|\}\}|\$\{")


def templates(policy: Policy) -> tuple[Diagnostic, ...]:
    """ZT404: a reason becomes a comment in the manifests, and such tools replace in comments too."""
    reasons = {reason: None for flow in policy.flows for reason in flow.reasons}
    return tuple(
        Diagnostic(
            "ZT404",
            f"the reason {reason.why!r} looks like a template",
            (Label(reason.at, "of this edge"),),
            "It becomes a comment in the manifests; Helm and Flux replace there too, or fail.",
            "write it without {{ }} and ${ }",
        )
        for reason in reasons
        if _TEMPLATE.search(reason.why)
    )
