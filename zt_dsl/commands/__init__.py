"""The command line: the only room that prints or exits.

Exit status: 0 done · 1 the model is wrong or the platform cannot say it · 2 differences found · 3 cannot write
· 4 the user's module failed · 64 usage · 70 our bug · 130 and 143 interrupted.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType

import click

USAGE = 64
OUR_BUG = 70
INTERRUPTED = 130
TERMINATED = 143

# Each command is a module that is imported when it is called: `--help` pays for none of them.
_COMMANDS = {
    "compile": "Write the policies of a topology, and prove them.",
    "verify": "Prove a directory of manifests that somebody may have edited.",
    "codes": "List every diagnostic there is.",
    "explain-code": "Print the page of a diagnostic.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"zt_dsl.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(f"zt_dsl {version('zt_dsl')}")
        ctx.exit()


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
def main() -> None:
    """Zero-trust network policy as typed Python: declared once, emitted for each engine, proven on every run."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit status. Raises nothing."""
    previous = signal.signal(signal.SIGTERM, _terminated)
    try:
        status = main.main(list(arguments), prog_name="python -m zt_dsl", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: nothing was changed that was not complete", err=True)
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except BrokenPipeError:
        # Whoever read our output has gone; what was to be written to disk is.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _our_bug(error)
    else:
        return status if isinstance(status, int) else 0
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
    click.echo(
        f"zt_dsl failed with {type(error).__name__}: {error}\n"
        "This is a bug in zt_dsl, not in your topology. Nothing was published.\n"
        "Run it again with ZT_DSL_TRACEBACK=1 in the environment, and report what it prints.",
        err=True,
    )
    return OUR_BUG
