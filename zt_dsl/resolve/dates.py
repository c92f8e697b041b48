"""Dates that end edges and waivers."""

from datetime import date, datetime

from zt_dsl.resolve.names import shown
from zt_dsl.resolve.reading import Reading
from zt_dsl.source import Span


def day(reading: Reading, until: object, at: Span) -> date | None:
    """The last day on which it is in force; None where it has no end, or a wrong one that is reported."""
    match until:
        case None:
            return None
        case datetime():
            return until.date()
        case date():
            return until
        case _:
            reading.found(
                "ZT206",
                f"`until` is a date, not {shown(until)}",
                (at, "here"),
                why="It is compared with the day of the build; a text has no order that can be relied on.",
                help="write until=date(2027, 6, 30), with `from datetime import date`",
            )
            return None


def past(until: date, on: date) -> bool:
    """Whether the day is over: on the last day itself it still holds."""
    return until < on
