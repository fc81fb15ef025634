"""The engine without Locust, in a process of its own: the child of load_speed.

Each line on stdin is a block; the answer holds its turns' reports and the CPU time that the last one took.
"""

import contextlib
import gc
import sys
import time

import uvloop

from sgibench.runner.load import wire
from sgibench.runner.load.engine import Engine
from sgibench.runner.load.orders import TurnOrder


def main() -> None:
    """Carry out blocks until stdin ends."""
    began_ns = 0

    def began(_: TurnOrder) -> None:
        nonlocal began_ns
        began_ns = time.process_time_ns()

    gc.collect()
    gc.freeze()  # as the driver does
    for line in sys.stdin.buffer:
        turns = uvloop.run(Engine(wire.decode_block(wire.load_line(line)), began).run())
        cpu_s = (time.process_time_ns() - began_ns) / 1e9
        answer = wire.dump_line({"turns": [wire.encode_turn(turn) for turn in turns], "cpu_s": cpu_s})
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # whoever asked is gone
        main()
