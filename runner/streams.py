"""Writing to stdout and stderr when they cannot take it: whoever reads may have stopped, a disk may be full.

Whoever reads may stop reading, as `head` does: a command goes on, since its exit code is its verdict.
"""

import io
import os
import sys
from typing import Any, TextIO

from rich.console import Console, RenderableType

from ..results.errors import StoreError


class LastingConsole(Console):
    """A console that falls silent where nobody reads it any more, and ends nothing."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, as long as that can be."""
        try:
            super().print(*objects, **options)
        except OSError:  # a full disk, for example
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Be silent from now on."""
        self.quiet = True
        unread(self.stderr)


def write_out(text: str, *, stderr: bool = False) -> None:
    """Write to stdout or stderr, if it is read. Raises StoreError where it cannot take it, being on a full disk."""
    stream: TextIO | None = sys.stderr if stderr else sys.stdout
    if stream is None:  # closed from the beginning
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        unread(stderr)
    except OSError as error:
        unread(stderr)
        name = "stderr" if stderr else "stdout"
        raise StoreError(f"cannot write to {name}: {error.strerror or error}", "make room where it leads to") from error


def write_view(view: RenderableType) -> None:
    """What is drawn for a terminal, to stdout. Raises StoreError as `write_out` does."""
    stdout = Console()
    drawn = io.StringIO()
    Console(file=drawn, width=stdout.width, force_terminal=stdout.is_terminal).print(view)
    write_out(drawn.getvalue())


def unread(stderr: bool) -> None:
    """Nobody reads it: what is still in its buffer is no error at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2 if stderr else 1)


def drop_unwritten_errors() -> None:
    """What stderr cannot take is lost, and no reason for Python to end with a code of its own."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        unread(stderr=True)
