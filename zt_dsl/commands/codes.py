"""`codes`: every diagnostic there is."""

import argparse

from zt_dsl.commands.output import say
from zt_dsl.diagnostics.codes import TITLES, severity


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""
    del parser


def command(given: argparse.Namespace) -> int:
    """Print each code, its severity and its title."""
    del given
    say("\n".join(f"{code}  {severity(code):7}  {title}" for code, title in TITLES.items()))
    return 0
