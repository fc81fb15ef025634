"""What both sides are asked: scenarios or paths, and how hard and how long each launch is pressed with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...results.errors import UsageError
from ...results.records import Level, ScenarioKind
from ...scenarios.model import Expect, Load, Scenario
from ..pieces import Piece, check_names
from ..selection.workloads import find_scenario, path_scenario, path_scenarios
from ..targets.setups import Setup
from .config import GateConfig

# For each worker, as many as keep it busy, and no more: threads that fight for one interpreter lock are noise, and so
# is the end of each turn, when fewer and fewer requests are left.
CONNECTIONS = 8
CONNECTIONS_PER_WORKER, THREADS_PER_WORKER = 4, 4
FEWEST_CONNECTIONS = 2
# Short turns cancel what the machine does: with 5 ms an epoch says twice as much as with 20 (benchmarks/README.md). A
# turn must still hold an answer on every connection, or it is all start and end.
TURN_S = 0.005
TURN_LIMIT_S = 1.0
TURN_PER_PASS = 1
TURN_PER_SERVICE_TIME = 5
ROUNDS_MIN = 6
CLOSED_LIMIT_S = 3.0
CLOSED_S = 0.8  # for each side, in each launch
# Where a base is at rest between requests, also when the machine is at half its speed for a while: with more, queues
# come and go with the machine, and say more of it than of the app. Windows are short for the same reason as turns.
LOAD_SHARE = 0.3
WINDOW_S = 0.020
WINDOW_REQUESTS = 10
OPEN_S = 0.45  # response times have more room than throughput and CPU, which one more launch tells better
OPEN_REQUESTS = 150  # so that a p90 has enough beyond it
OPEN_LIMIT_S = 5.0
OPEN_HELD_S = 0.05  # so long may all requests stall before one is dropped
OPEN_CONNECTIONS = (8, 256)
DRAIN_S = 0.2  # so long may the last answers of a turn take, also from a head that is many times slower
REHEARSAL_S = 0.4
REHEARSAL_TURN_S = 0.1
REHEARSAL_TIMEOUT_S = 5.0
# A scenario's deadline is for runs of minutes. One launch of many is not to wait so long for what will not come.
TIMEOUT_S = 2.0
TIMEOUT_PER_SERVICE_TIME = 20


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a rehearsal found under one scenario, of the base and of the slower side: right answers per second, and the
    time that one request took alone."""

    base_rps: float
    slower_rps: float
    base_service_s: float
    slower_service_s: float

    @property
    def shortest_s(self) -> float:
        """How short a turn may be: several of the base's answers, or one of a head that is many times slower."""
        return max(TURN_PER_SERVICE_TIME * self.base_service_s, self.slower_service_s)


def find_scenarios(config: GateConfig, *, ours: bool) -> list[Scenario]:
    """What was asked for: scenarios and paths, or the root of a user's app. Raises UsageError for what a gate cannot
    ask."""
    found = [find_scenario(name) for name in dict.fromkeys(config.scenario)]
    found += path_scenarios(config.path)
    if not found:
        found = [find_scenario("json") if ours else path_scenario("/")]
    if config.expect_text is not None or config.expect_status is not None:
        found = [_expecting(scenario, config) for scenario in found]
    for scenario in found:
        check_gateable(scenario)
    check_names([closed_piece(scenario, 1) for scenario in found])
    return found


def _expecting(scenario: Scenario, config: GateConfig) -> Scenario:
    if scenario.mix or scenario.kind is not ScenarioKind.HTTP:
        raise UsageError(f"--expect-status and --expect-text are for paths, not for {scenario.name!r}")
    expect = Expect(status=config.expect_status or scenario.expect.status, text=config.expect_text)
    return scenario.model_copy(update={"expect": expect})


def check_gateable(scenario: Scenario) -> None:
    """Raise UsageError for a scenario that is not pressed in turns."""
    lack = ""
    if scenario.kind is ScenarioKind.COLD_START:
        lack = "it is about starts"
    elif scenario.slow_clients:
        lack = "it has slow clients, which are never idle"
    elif scenario.holding:
        lack = "it is about what is held, not about speed"
    if lack:
        raise UsageError(
            f"scenario {scenario.name!r} is none for a gate: {lack}", "`bench list scenarios` shows others"
        )


def connections_for(scenario: Scenario, setup: Setup, wanted: int | None) -> int:
    """How many connections press: no more than the setup has slots for, since who waits for one is not served."""
    if wanted:
        return wanted
    slots = setup.slots if scenario.kind is ScenarioKind.HTTP else None
    if slots is None:
        return max(CONNECTIONS, CONNECTIONS_PER_WORKER * setup.workers)
    return max(min(slots, THREADS_PER_WORKER * setup.workers), FEWEST_CONNECTIONS)


def rehearsal_piece(scenario: Scenario, connections: int) -> Piece:
    """A short closed loop. It is not yet known how long an answer takes; one that never comes is not awaited long."""
    timeout_s = min(scenario.load.timeout_s, REHEARSAL_TIMEOUT_S)
    return closed_piece(scenario, connections, turn_s=REHEARSAL_TURN_S, timeout_s=timeout_s)


def closed_piece(
    scenario: Scenario, connections: int, seconds: float = REHEARSAL_S, turn_s: float = 0.0, timeout_s: float = 0.0
) -> Piece:
    """Throughput and CPU: a closed loop. Without a turn's length it follows from each target's own time, and without a
    deadline it is the scenario's."""
    load = Load(concurrency=[connections], timeout_s=timeout_s or scenario.load.timeout_s)
    changed: dict[str, object] = {"load": load}
    if turn_s:
        changed["turn_ms"] = turn_s * 1000
    return Piece(scenario.model_copy(update=changed), Level(connections), seconds)


def open_piece(
    scenario: Scenario, connections: int, rate_rps: float, seconds: float, window_s: float, timeout_s: float
) -> Piece:
    """Response times: an open loop at a fixed rate, in windows."""
    load = Load(rate_rps=[rate_rps], connections=[connections], timeout_s=timeout_s)
    changed = {"load": load, "turn_ms": window_s * 1000}
    return Piece(scenario.model_copy(update=changed), Level(connections, rate_rps), seconds)


def pieces_for(
    scenario: Scenario, connections: int, found: Pressed, share: float = 1.0, slots: int | None = None
) -> tuple[Piece, Piece]:
    """The two pieces of each launch, for sides like these; `share` of the usual time, as far as that can be.

    No more connections are held than there are `slots`: one without a thread is not served, and waits for its deadline.
    """
    timeout_s = min(scenario.load.timeout_s, max(TIMEOUT_S, TIMEOUT_PER_SERVICE_TIME * found.slower_service_s))
    drained = max(round(DRAIN_S * found.slower_rps), FEWEST_CONNECTIONS)
    connections = min(connections, drained)
    pass_s = connections / found.slower_rps
    turn_s = min(max(TURN_S, TURN_PER_PASS * pass_s, found.shortest_s), TURN_LIMIT_S)
    closed_s = max(CLOSED_S * share, min(ROUNDS_MIN * turn_s, CLOSED_LIMIT_S))
    rate_rps = float(f"{LOAD_SHARE * found.base_rps:.2g}")
    fewest, most = OPEN_CONNECTIONS
    held = round(
        min(max(rate_rps * OPEN_HELD_S, fewest), most, max(drained, fewest), max(slots or most, FEWEST_CONNECTIONS))
    )
    window_s = min(max(WINDOW_S, WINDOW_REQUESTS / rate_rps, found.shortest_s), TURN_LIMIT_S)
    open_s = min(max(OPEN_S * share, OPEN_REQUESTS / rate_rps), OPEN_LIMIT_S)
    # A side that cannot take the rate answers the rest of each window after its end.
    behind_s = min(held, rate_rps * window_s) / found.slower_rps
    open_s = max(min(open_s, OPEN_LIMIT_S * window_s / (window_s + behind_s)), 2 * window_s)
    return (
        closed_piece(scenario, connections, closed_s, turn_s, timeout_s),
        open_piece(scenario, held, rate_rps, open_s, window_s, timeout_s),
    )


def pressing_s(pieces: Sequence[Piece]) -> float:
    """How long the turns of both sides take in one launch."""
    return 2 * sum(piece.seconds for piece in pieces)
