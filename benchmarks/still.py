"""How late a machine is by itself: a loop that only reads the clock, on the load's core, as a plan would have it.

    python -m benchmarks.still CORE RATE SECONDS

Every instant of an even plan is as late as the loop's next look at the clock. What is seen here is the hypervisor's,
the kernel's and the neighbours'; no load generator on this core can be more punctual.
"""

import json
import math
import os
import subprocess
import sys
from time import monotonic_ns

from sgibench.results.histogram import Histogram

PERCENTILES = (50.0, 99.0, 99.9, 100.0)


def lags_us(rate: float, seconds: float) -> list[int]:
    """How late each planned instant is seen, in microseconds."""
    step_ns = round(1e9 / rate)
    start_ns = monotonic_ns()
    due_ns, end_ns, found = start_ns, start_ns + round(seconds * 1e9), []
    while due_ns < end_ns:
        now = monotonic_ns()
        while due_ns <= now and due_ns < end_ns:
            found.append((now - due_ns) // 1000)
            due_ns += step_ns
    return found


def still(core: int, rate: float, seconds: float) -> list[int]:
    """The 50th, 99th and 99.9th percentile and the longest lag in microseconds, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.still", str(core), str(rate), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    return [math.ceil(value) for value in json.loads(done.stdout)]


def main() -> None:
    """Print the percentiles as JSON."""
    core, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    os.sched_setaffinity(0, {core})
    sys.stdout.write(json.dumps(Histogram.of_us(lags_us(rate, seconds)).percentiles_us(PERCENTILES)))


if __name__ == "__main__":
    main()
