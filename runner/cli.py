"""The command line: ``bench`` and ``sgibench``. Only commands print; every error is caught here, once."""

import contextlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from ..results.errors import BenchError, ExitCode

cli = typer.Typer(
    name="bench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Benchmarks for Python web services: which server and worker setup, how fast, how surely, at what cost.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"sgibench {__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Benchmarks for Python web services."""


def _add_commands() -> None:
    from .commands.claims import claims
    from .commands.compare import compare
    from .commands.doctor import doctor
    from .commands.gate import gate
    from .commands.listing import listing
    from .commands.load import load
    from .commands.report import report
    from .commands.run import run

    cli.command("run")(run)
    cli.command("load")(load)
    cli.command("gate")(gate)
    cli.command("claims")(claims)
    cli.command("list")(listing)
    cli.command("report")(report)
    cli.command("compare")(compare)
    cli.command("doctor")(doctor)


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of ``bench``: parse, carry out, and exit with the documented code."""
    signal.signal(signal.SIGTERM, _terminate)
    console = Console(stderr=True)
    try:
        _add_commands()
        cli()
    except BenchError as error:
        with contextlib.suppress(SystemExit):  # Rich's own, where nobody reads it: the exit code still tells
            console.print(f"[bold red]error:[/] {_plain(error.message)}", highlight=False, soft_wrap=True)
            if error.hint:
                console.print(_plain(error.hint), highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.print("interrupted", highlight=False)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has closed it, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.DONE)
    except Exception:
        # A fault of ours. By itself Python would end with 1, which says that a gate found something worse.
        traceback.print_exc()
        sys.exit(ExitCode.USAGE)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
