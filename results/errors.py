"""The one error hierarchy. The CLI catches it once, prints cause and next step, and exits with its code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What ``bench`` tells the shell."""

    DONE = 0
    REGRESSED = 1
    USAGE = 2
    INVALID = 3
    INCONCLUSIVE = 75
    INTERRUPTED = 130


class BenchError(Exception):
    """Something a user can mend: what went wrong and where (`message`), and what to do next (`hint`)."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def told(self) -> str:
        """All of it on one line: ``message (hint)``."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(BenchError):
    """A name, value or combination that cannot be carried out."""


class StoreError(BenchError):
    """A run's folder cannot be written, or what it holds cannot be read."""


class TargetError(BenchError):
    """A target did not start, did not answer rightly, or is not what it claims to be."""


class LoadError(BenchError):
    """The load side failed: no figure it gave can be used."""


class LoadStartError(LoadError):
    """The load side does not even start: there is nothing to measure with."""
