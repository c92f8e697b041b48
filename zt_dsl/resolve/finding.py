"""What resolve finds wrong, before its place in the file is worked out.

Lines and columns cost a scan of a code object each, so they are computed for all findings of a run at once.
"""

from attrs import frozen

from zt_dsl.source import Span


@frozen
class Finding:
    """A diagnostic to be: as `diagnostics.Diagnostic`, with spans where that has locations."""

    code: str
    message: str
    at: tuple[tuple[Span, str], ...]
    why: str = ""
    help: str = ""
