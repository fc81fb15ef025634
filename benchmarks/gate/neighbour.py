"""A process of somebody else's, as shared machines have them: bound to no core, and no child of any gate.

    python -m benchmarks.gate.neighbour steady|bursts SEED

`steady` uses some 30 % of a core in fine slices; `bursts` a whole core for 0.2 to 2 s, with pauses of 1 to 5 s.
"""

import random
import sys
import time

BUSY_S, IDLE_S = 0.003, 0.007
BURST_S = (0.2, 2.0)
PAUSE_S = (1.0, 5.0)


def work(seconds: float) -> None:
    """Compute for so much of a core's time: who has to wait for a core takes longer, as with any work."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(200))


def steady() -> None:
    """For ever: short work, short rest."""
    while True:
        work(BUSY_S)
        time.sleep(IDLE_S)


def bursts(rng: random.Random) -> None:
    """For ever: a long rest, and much work."""
    while True:
        time.sleep(rng.uniform(*PAUSE_S))
        work(rng.uniform(*BURST_S))


if __name__ == "__main__":
    if sys.argv[1] == "steady":
        steady()
    else:
        bursts(random.Random(sys.argv[2]))
