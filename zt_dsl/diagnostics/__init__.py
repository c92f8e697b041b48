"""What is wrong, as a value: returned in tuples, never raised, never printed below `commands/`."""

from attrs import frozen

from zt_dsl.diagnostics.codes import Severity, severity
from zt_dsl.source import Location


@frozen
class Label:
    """A place in the user's own text, and what to say of it (may be empty)."""

    location: Location
    text: str = ""


@frozen
class Diagnostic:
    """One thing to tell the user.

    `message` stands on its own; `labels` point into the user's files, the first being the place to look at;
    `why` says why it matters; `help` says what to type. `detail` is text to print as it is (a diff).
    """

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    why: str = ""
    help: str = ""
    detail: str = ""

    @property
    def severity(self) -> Severity:
        """`error` stops the run; `warning` does not."""
        return severity(self.code)


def errors(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Those that stop a run."""
    return tuple(d for d in diagnostics if d.severity == "error")


def in_order(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """By file and line, without repetitions: the order in which a reader goes through a file."""

    def place(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
        if not diagnostic.labels:
            return ("", 0, 0, diagnostic.code, diagnostic.message)
        at = diagnostic.labels[0].location
        return (at.path, at.line, at.column or 0, diagnostic.code, diagnostic.message)

    return tuple(sorted(dict.fromkeys(diagnostics), key=place))
