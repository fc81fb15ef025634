"""wrk as a rival: one run of it, with exact counts, its CPU time, and every latency that it recorded.

What wrk 4 does, from its source (src/wrk.c, src/stats.c, tag 4.1.0), and what follows for a comparison:

- It answers for whole seconds, and looks whether they are over every 100 ms; its rate is what was answered over the
  time that passed, exactly. Nothing is calibrated or left out at the start; connecting is part of the time. What is in
  flight at the end is not counted. So an engine's turn without drain is the same measurement.
- A latency runs from the moment before the write to the end of the parsed answer. Connecting is not in it.
- An answer that says ``Connection: close`` counts, and the connection is made anew (`response_complete`). So wrk can
  measure servers that close every connection, as long as they send a length: a body that ends with its connection is a
  read error, never an answer (https://github.com/wg/wrk/issues/462).
- Before it prints percentiles, wrk adds latencies that it has not seen: for one of more than twice the mean, those at
  which requests "should" have been sent meanwhile (`stats_correct`, https://github.com/wg/wrk/issues/485). This raises
  p90 and p99. It can be undone exactly, since each entry is what was recorded plus the entry one step further up.
- The status of answers is looked at, the body is not.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sgibench.results.errors import LoadError, UsageError
from sgibench.results.histogram import Histogram
from sgibench.runner.load.orders import Endpoint

SPARE_S = 30.0
ERRORS = ("connect", "read", "write", "status", "timeout")
# `setup` and `done` run in wrk's main thread, before its load thread starts and after it has ended: os.clock() between
# them is the CPU time of the run. Neither makes wrk call into Lua for a request.
SCRIPT = """
local began
function setup(thread) began = os.clock() end
function done(summary, latency, requests)
   local used, e = os.clock() - began, summary.errors
   print(string.format("wrk-summary %d %d %.6f", summary.duration, summary.requests, used))
   print(string.format("wrk-errors %d %d %d %d %d", e.connect, e.read, e.write, e.status, e.timeout))
   for index = 1, #latency do
      local value, count = latency(index)
      print(string.format("wrk-latency %d %d", value, count))
   end
end
"""


@dataclass(frozen=True, slots=True)
class WrkRun:
    """What one run of wrk gave. `times` are the latencies that it recorded, in microseconds; `printed` those from which
    it prints percentiles. `errors` are counts by its own names, without those that did not happen."""

    requests: int
    elapsed_s: float
    cpu_s: float
    times: Histogram
    printed: Histogram
    errors: Mapping[str, int]


def need(program: str, package: str) -> str:
    """Where a program is. Raises UsageError when it is missing."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        raise UsageError(f"{program} is not installed", f"on Debian and Ubuntu: apt-get install {package}")
    return found


def run_wrk(endpoint: Endpoint, connections: int, seconds: int) -> WrkRun:
    """Load an endpoint with one thread of wrk, which sends the same headers as the engine. Raises LoadError."""
    path, headers = _request_parts(endpoint)
    url = f"http://{endpoint.host}:{endpoint.port}{path}"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT)
        script.flush()
        command = [need("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name]
        for header in headers:
            command += ["-H", header]
        try:
            ended = subprocess.run([*command, url], capture_output=True, text=True, timeout=seconds + SPARE_S)
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"wrk did not end within {seconds + SPARE_S:g} s") from error
    if ended.returncode:
        raise LoadError(f"wrk ended with code {ended.returncode}: {ended.stderr.strip()}")
    return read_output(ended.stdout, connections)


def read_output(text: str, connections: int) -> WrkRun:
    """What the script printed. Raises LoadError when something is missing or does not add up."""
    lines = [line.split() for line in text.splitlines() if line.startswith("wrk-")]
    told = {line[0]: line[1:] for line in lines if line[0] != "wrk-latency"}
    counts = {int(line[1]): int(line[2]) for line in lines if line[0] == "wrk-latency"}
    if set(told) != {"wrk-summary", "wrk-errors"}:
        raise LoadError(f"wrk did not say what it saw: {text[-300:].strip()!r}")
    duration_us, requests = (int(word) for word in told["wrk-summary"][:2])
    errors = {name: int(word) for name, word in zip(ERRORS, told["wrk-errors"], strict=True) if int(word)}
    recorded = without_correction(counts, duration_us, requests, connections)
    if min(recorded.values(), default=0) < 0 or sum(recorded.values()) != requests - errors.get("timeout", 0):
        raise LoadError("wrk's latencies do not add up to its requests: does this version correct them in another way?")
    return WrkRun(
        requests=requests,
        elapsed_s=duration_us / 1e6,
        cpu_s=float(told["wrk-summary"][2]),
        times=_histogram(recorded),
        printed=_histogram(counts),
        errors=errors,
    )


def without_correction(counts: Mapping[int, int], duration_us: int, requests: int, connections: int) -> dict[int, int]:
    """The latencies (in microseconds, with their counts) that wrk had recorded before it added others.

    Its step is the mean time between a connection's answers. Into the entry for a latency above one step it has added
    all that was recorded whole steps further up.
    """
    each = requests // connections
    if not each:
        return dict(counts)  # then it corrects nothing
    step = duration_us // each
    return {value: count - (counts.get(value + step, 0) if value > step else 0) for value, count in counts.items()}


def _histogram(counts: Mapping[int, int]) -> Histogram:
    values = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    times = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
    return Histogram.of_us(np.repeat(values, times))


def _request_parts(endpoint: Endpoint) -> tuple[str, list[str]]:
    """Path and headers of a prebuilt request. Raises UsageError for one that wrk would have to be scripted for."""
    head, _, body = endpoint.request.decode("utf-8").partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    method, path, _ = first.split(" ")
    if method != "GET" or body:
        raise UsageError(f"wrk is only given GET requests here, not {method}")
    return path, headers
