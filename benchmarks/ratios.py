"""Figures over launches, how they are said, and how a benchmark of the load side is run as a script."""

import math
import resource
import sys
import time
from collections.abc import Callable, Iterable

import psutil

from sgibench.results.errors import BenchError, ExitCode
from sgibench.results.estimate import Estimate, from_epochs, mean_estimate, middle_mean

QUIET_CORES = 0.05


def launch_mean(rounds: Iterable[tuple[float, float]]) -> float:
    """One launch's ratio: of each round's first figure over its second, the middle mean on logs."""
    return math.exp(middle_mean([math.log(first / second) for first, second in rounds]))


def over_launches(launches: Iterable[Iterable[tuple[float, float]]]) -> Estimate:
    """The ratio of pairs, with its interval over launches."""
    return from_epochs([launch_mean(rounds) for rounds in launches])


def difference_over_launches(launches: Iterable[Iterable[tuple[float, float]]]) -> Estimate:
    """First minus second, with its interval over launches."""
    return mean_estimate([middle_mean([first - second for first, second in rounds]) for rounds in launches])


def shown(estimate: Estimate, form: str = ".3f") -> str:
    """A figure with its interval."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{form}} [one launch, no interval]"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def judged(estimate: Estimate, low: float = -math.inf, high: float = math.inf) -> str:
    """Whether what was asked for (`low` to `high`) holds for the whole interval, for none of it, or cannot be said."""
    if estimate.low is None or estimate.high is None:
        return "undecided"
    if low <= estimate.low and estimate.high <= high:
        return "holds"
    return "DOES NOT HOLD" if estimate.high < low or estimate.low > high else "undecided"


def script(main: Callable[[], None]) -> None:
    """Run a benchmark, and say who else used the CPU meanwhile; what a user can mend is told in one message."""
    before = _cpu_s()
    try:
        main()
    except BenchError as error:
        sys.stderr.write(f"{error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    elapsed_s, busy_s, stolen_s, ours_s = (now - then for now, then in zip(_cpu_s(), before, strict=True))
    others, stolen = max(busy_s - ours_s, 0.0) / elapsed_s, stolen_s / elapsed_s
    remark = "" if others + stolen < QUIET_CORES else ": too much for a figure that is to be quoted"
    print(f"meanwhile other processes used {others:.2f} cores, the hypervisor {stolen:.2f}{remark}")


def _cpu_s() -> tuple[float, float, float, float]:
    """The clock; CPU time of the whole machine; what the hypervisor took; and CPU time of ours.

    Ours are this process and all below it that have ended: at the end of a benchmark, all have. All in seconds.
    """
    times = psutil.cpu_times()
    # The kernel counts interrupts (the loopback's packets) apart here, but in with the process they came upon there.
    busy = times.user + times.nice + times.system + times.irq + times.softirq
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return time.monotonic(), busy, times.steal, sum(each.ru_utime + each.ru_stime for each in used)
