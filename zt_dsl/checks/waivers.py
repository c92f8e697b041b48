"""Waivers that nothing needs."""

from collections.abc import Iterable

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.platform import Waiver


def unneeded(waivers: Iterable[Waiver]) -> tuple[Diagnostic, ...]:
    """ZT401 for each: it excuses nothing today, and would excuse tomorrow's edge without a review."""
    return tuple(
        Diagnostic(
            "ZT401",
            f"nothing needs the waiver for `{waiver.feature}`",
            (Label(waiver.at, "this waiver"),),
            "It excuses nothing today, and would excuse tomorrow's edge without anybody's decision.",
            "remove it",
        )
        for waiver in waivers
    )
