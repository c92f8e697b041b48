"""`codes`: every diagnostic there is."""

import argparse

from zt_dsl.diagnostics.codes import TITLES, severity


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""
    del parser


def command(given: argparse.Namespace) -> int:
    """Print each code, its severity and its title."""
    del given
    for code, title in TITLES.items():
        print(f"{code}  {severity(code):7}  {title}")
    return 0
