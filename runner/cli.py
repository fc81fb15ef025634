"""The command line: ``bench`` and ``sgibench``. Only commands print; every error is caught here, once."""

import contextlib
import errno
import signal
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from ..results.errors import BenchError, ExitCode, UsageError
from .signals import ending
from .streams import LastingConsole, drop_unwritten_errors, unread

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # a disk that has no room, or has failed; a terminal that is gone

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


class _Interrupted(BaseException):
    """Ctrl-C on its way past Typer, which would end without a word."""


def _add_commands() -> None:
    from .commands.claims import claims
    from .commands.compare import compare
    from .commands.doctor import doctor
    from .commands.gate import gate
    from .commands.listing import listing
    from .commands.load import load
    from .commands.report import report
    from .commands.run import run

    cli.command("run")(_heard(run))
    cli.command("load")(_heard(load))
    cli.command("gate")(_heard(gate))
    cli.command("claims")(_heard(claims))
    cli.command("list")(_heard(listing))
    cli.command("report")(_heard(report))
    cli.command("compare")(_heard(compare))
    cli.command("doctor")(_heard(doctor))


def _heard(command: Callable[..., None]) -> Callable[..., None]:
    """The command, of whose interruption `main` hears."""

    @wraps(command)
    def carried_out(*given: Any, **options: Any) -> None:
        try:
            check_here()
            command(*given, **options)
        except KeyboardInterrupt as interrupt:
            raise _Interrupted(*interrupt.args) from None

    return carried_out


def check_here() -> None:
    """Raise UsageError where there is no working folder to find anything in."""
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError("the folder that this was started in is gone", "change into one that is there") from error


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of ``bench``: parse, carry out, and exit with the documented code."""
    for signum in ending():
        if signum != signal.SIGINT:  # Python's own handler does so, unless it is to be ignored
            signal.signal(signum, _terminate)
    console = LastingConsole(stderr=True)
    try:
        _add_commands()
        cli()
    except BenchError as error:
        console.print(f"[bold red]error:[/] {_plain(error.message)}", highlight=False, soft_wrap=True)
        if error.hint:
            console.print(_plain(error.hint), highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, _Interrupted) as interrupt:
        text = str(interrupt.args[0]) if interrupt.args else "interrupted"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has closed it, as `head` does
        unread(stderr=False)
        sys.exit(ExitCode.DONE)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            where = f": {error.filename}" if error.filename else ", perhaps where the output goes"
            console.print(f"error: {error.strerror}{where}", highlight=False, markup=False, soft_wrap=True)
            unread(stderr=False)
        else:
            with contextlib.suppress(OSError):
                traceback.print_exc()  # a fault of ours
        # By itself Python would end with 1, which says that a gate found something worse.
        sys.exit(ExitCode.USAGE)
    finally:
        drop_unwritten_errors()


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
