"""Legal, but is it wise? From a policy as it was resolved to ZT4xx diagnostics, one idea a file."""

from collections.abc import Callable

from zt_dsl.checks.apex import apex
from zt_dsl.checks.reallowed import reallowed
from zt_dsl.checks.templates import templates
from zt_dsl.checks.void import void
from zt_dsl.checks.waivers import unneeded
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.policy import Policy

Check = Callable[[Policy], tuple[Diagnostic, ...]]

CHECKS: tuple[Check, ...] = (
    void,  # a narrowed edge beside a whole one
    apex,  # a wildcard, and the name that it does not include
    reallowed,  # an exclusion that another edge gives back
    templates,  # a text that a templating tool would replace
)

__all__ = ["CHECKS", "Check", "unneeded"]
