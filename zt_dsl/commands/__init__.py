"""The command line: the only room that prints or exits.

Exit status: 0 done · 1 the model is wrong or the platform cannot say it · 2 differences found · 3 cannot write
· 4 the user's module failed · 64 usage · 70 our bug · 130 and 143 interrupted.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

USAGE = 64
OUR_BUG = 70
INTERRUPTED = 130
TERMINATED = 143

_ABOUT = "Zero-trust network policy as typed Python: declared once, emitted for each engine, proven on every run."

# Each command is a module that is imported when it is called: `--help` pays for none of them.
_COMMANDS = {
    "compile": "write the policies of a topology, and prove them",
    "verify": "prove a directory of manifests that somebody may have edited",
    "codes": "list every diagnostic there is",
    "explain-code": "print the page of a diagnostic",
}


class UsageError(Exception):
    """The command line makes no sense; the message says what would."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(arguments: Sequence[str]) -> int:
    """Run a command line; its exit status. Raises UsageError, and SystemExit once help has been printed."""
    parser = _Parser(prog="python -m zt_dsl", description=_ABOUT)
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    asked = next((argument for argument in arguments if argument in _COMMANDS), "")
    module = import_module(f"zt_dsl.commands.{asked.replace('-', '_')}") if asked else None
    for name, about in _COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        if module is not None and name == asked:
            module.arguments(command)
    given = parser.parse_args(arguments)
    if given.version:
        from zt_dsl.version import VERSION

        print(f"zt_dsl {VERSION}")
        return 0
    if module is None:
        parser.print_help(sys.stderr)
        return USAGE
    status: int = module.command(given)
    return status


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit status. Raises nothing."""
    previous = signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show must not end the run: LC_ALL=C, consoles of old.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main(arguments)
    except UsageError as error:
        print(f"python -m zt_dsl: {error}\n(--help after a command lists its options)", file=sys.stderr)
        return USAGE
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0
    except KeyboardInterrupt:
        print("interrupted: nothing was published that was not complete", file=sys.stderr)
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except Exception as error:
        return _our_bug(error)
    else:
        return status
    finally:
        signal.signal(signal.SIGTERM, previous)


class _Terminated(BaseException):
    """SIGTERM, as an exception: what is staged is cleaned up on the way out."""


def _terminated(_: int, __: FrameType | None) -> None:
    raise _Terminated


def _our_bug(error: Exception) -> int:
    if os.environ.get("ZT_DSL_TRACEBACK"):
        import traceback

        traceback.print_exc()
    print(
        f"zt_dsl failed with {type(error).__name__}: {error}\n"
        "This is a bug in zt_dsl, not in your topology. Nothing was published.\n"
        "Run it again with ZT_DSL_TRACEBACK=1 in the environment, and report what it prints.",
        file=sys.stderr,
    )
    return OUR_BUG
