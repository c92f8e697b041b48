"""`explain-code`: the page of one diagnostic."""

import argparse
import re

from zt_dsl.commands import UsageError
from zt_dsl.commands.output import say
from zt_dsl.diagnostics.pages import page


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which code."""
    parser.add_argument("code", help="such as ZT205")


def command(given: argparse.Namespace) -> int:
    """Print its page."""
    text = page(given.code.upper())
    if text is None:
        raise UsageError(f"there is no diagnostic {given.code!r}; `python -m zt_dsl codes` lists them")
    # Directives for the tests that run a page's examples.
    say(re.sub(r"<!--.*?-->\n", "", text, flags=re.DOTALL).rstrip("\n"))
    return 0
