"""A plain, monkey-patched Locust with FastHttpUsers, as its documentation shows it: the child of load_speed.

Each line on stdin says where to ask, with how many users, what the right body is, and for how long. The answer holds
the right answers in that time, the time itself, and the CPU time that this process used.
"""

import os

os.environ.pop("LOCUST_SKIP_MONKEY_PATCH", None)

import contextlib
import json
import sys
import time
from typing import Any

import gevent
import locust
from locust.env import Environment

WARMUP_S = 0.5


class Asker(locust.FastHttpUser):  # type: ignore[misc, unused-ignore]
    """Asks without a pause. An answer is right by its status and its body."""

    body = b""
    right = 0

    @locust.task
    def ask(self) -> None:
        """One request."""
        response = self.client.get("/")
        if response.status_code == 200 and response.content == Asker.body:
            Asker.right += 1


def measure(told: dict[str, Any]) -> dict[str, float]:
    """Spawn all users, let them warm up, and count for so many seconds."""
    Asker.host, Asker.body = told["url"], told["body"].encode()
    runner: Any = Environment(user_classes=[Asker]).create_local_runner()
    runner.start(told["users"], spawn_rate=told["users"])
    runner.spawning_greenlet.join()
    gevent.sleep(WARMUP_S)
    assert runner.user_count == told["users"]
    right, began_s, used_s = Asker.right, time.monotonic(), time.process_time()
    gevent.sleep(told["seconds"])
    found = {
        "ok": Asker.right - right,
        "seconds": time.monotonic() - began_s,
        "cpu_s": time.process_time() - used_s,
    }
    runner.quit()
    return found


def main() -> None:
    """Measure for each line until stdin ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(measure(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # whoever asked is gone
        main()
