"""Locust's own statistics hold what the ledgers hold. In a process of its own: importing Locust here would bring
gevent into every other test."""

import json
import subprocess
import sys

SCRIPT = """
import json, os, sys, time
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
from locust.stats import RequestStats
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.runner.load.locust_stats import add_turns
from sgibench.runner.load.orders import *

place = Endpoint("items", "127.0.0.1", 1, b"", Expectation(), method="POST")
block = Block(1, (place,), Arrival(1), (), 1.0, 1)
turn = TurnReport(
    TurnOrder(0, 2.0, 0, 0), time.monotonic_ns() - 2_000_000_000, 2.0,
    Ledger(105, 105, 0, 100, 2, {"timeout": 2, "body": 1}),
    Histogram.of_us([300] * 50 + [1400] * 50), None, None, Histogram.of_us([250_000] * 3), None, 0.1, 1, 0,
)
stats = RequestStats()
add_turns(stats, block, [turn, turn])
entry = stats.get("items", "POST")
print(json.dumps([
    {
        "requests": seen.num_requests, "failures": seen.num_failures, "min": seen.min_response_time,
        "max": seen.max_response_time, "average": seen.avg_response_time, "median": seen.median_response_time,
        "per_second": sum(seen.num_reqs_per_sec.values()), "fail_per_second": sum(seen.num_fail_per_sec.values()),
        "times": sum(seen.response_times.values()), "rps": seen.total_rps,
    }
    for seen in (entry, stats.total)
] + [{error.error: error.occurrences for error in stats.errors.values()}, "gevent.monkey" in sys.modules and
     __import__("gevent.monkey").monkey.is_anything_patched()]))
"""


def test_counts_times_and_errors_are_kept_for_the_entry_and_the_total() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    entry, total, errors, patched = json.loads(done.stdout)
    assert entry == total
    assert (entry["requests"], entry["failures"]) == (206, 6)
    assert (entry["per_second"], entry["fail_per_second"], entry["times"]) == (206, 6, 206)
    assert entry["min"] == 0.3
    assert abs(entry["max"] - 250) < 1
    assert abs(entry["average"] - (50 * 0.3 + 50 * 1.4 + 3 * 250) / 103) < 0.1
    assert 100 < entry["rps"] < 110
    assert errors == {"timeout": 4, "body": 2}
    assert not patched
