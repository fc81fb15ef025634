"""The ceiling of the load side: measured for real, remembered, and told with what ``bench load`` found."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from sgibench.results.errors import LoadError
from sgibench.results.generator import GENERATOR_WAIT_LIMIT
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.runner.commands.load import load
from sgibench.runner.load import calibration
from sgibench.runner.load.calibration import Calibration, NullServer, ceiling_of
from sgibench.runner.load.ceilings import CeilingCache, Pressure
from sgibench.runner.load.orders import Arrival, Block, BlockReport, TurnListener, TurnOrder, TurnReport
from sgibench.runner.load.outcome import LoadOutcome, judge_load
from sgibench.runner.load.session import LocustSession
from sgibench.runner.load.view import outcome_view
from sgibench.runner.machine import Cores, available_cores, choose_cores


@pytest.fixture(scope="module")
def cores() -> Cores:
    return choose_cores(None, None)


@pytest.fixture(scope="module")
def session(cores: Cores) -> Iterator[LocustSession]:
    with LocustSession(cores.load) as one:
        yield one


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that are long enough to see that it works."""
    for name, value in {"WARMUP_S": 0.02, "WINDOW_S": 0.02, "WINDOWS": 3}.items():
        monkeypatch.setattr(calibration, name, value)


@pytest.mark.usefixtures("short")
def test_a_ceiling_is_measured_and_then_known_to_everybody(
    session: LocustSession, cores: Cores, tmp_path: Path
) -> None:
    path = tmp_path / "ceilings.json"
    with Calibration(session, cores, 1, CeilingCache(path)) as first:
        assert first.needs_s([8, 7, 16]) > first.needs_s([8, 7]) > 0
        measured = first.ceiling_rps(8)
        assert measured > 1000, "any machine that can run this does more"
        assert first.needs_s([8, 7]) == 0
        assert first.ceiling_rps(7) == measured, "it has the same step"
        assert first.measured_again_rps(8) >= measured
    idle = LocustSession(cores.load)
    second = Calibration(idle, cores, 1, CeilingCache(path))
    assert second.needs_s([8]) == 0
    assert second.ceiling_rps(8) >= measured
    assert idle.pid is None, "nothing was started for it"


@pytest.mark.usefixtures("short")
def test_two_load_processes_have_a_ceiling_of_their_own(cores: Cores, tmp_path: Path) -> None:
    cache = CeilingCache(tmp_path / "ceilings.json")
    with LocustSession(available_cores()[-2:], 2) as two, Calibration(two, cores, 2, cache) as both:
        assert both.ceiling_rps(8) > 1000
        assert Calibration(two, cores, 1, cache).needs_s([8]) > 0


@pytest.mark.usefixtures("short")
def test_after_it_was_closed_it_measures_again(session: LocustSession, cores: Cores, tmp_path: Path) -> None:
    one = Calibration(session, cores, 1, CeilingCache(tmp_path / "ceilings.json"))
    assert one.ceiling_rps(2) > 0
    one.close()
    assert one.ceiling_rps(4) > 0
    one.close()
    one.close()


def window(ok: int, load_cpu_s: float, ledger: Ledger | None = None) -> TurnReport:
    """A tenth of a second."""
    counts = ledger or Ledger(ok, ok, 0, ok)
    times = Histogram.of_us([100] * ok)
    order = TurnOrder(0, 0.1, 0, 0)
    return TurnReport(order, 0, 0.1, counts, times, None, None, Histogram({}), None, load_cpu_s, 0, 0)


def test_the_ceiling_is_the_best_window_s_answers_per_second_of_load_cpu() -> None:
    windows = [window(3000, 0.05), window(2000, 0.1), window(5000, 0.1)]
    assert ceiling_of(windows, 1) == pytest.approx(60_000), "in the first, the null server was the slower one"
    # Both processes' CPU time is added up in a report: each does 30,000/s in a second of its own.
    assert ceiling_of(windows, 2) == pytest.approx(120_000)


@pytest.mark.parametrize(
    "ledger", [Ledger(10, 10, 0, 9, 0, {"reset": 1}), Ledger(10, 10, 0, 0, 10), Ledger(10, 10, 0, 9)]
)
def test_what_has_errors_even_with_the_null_server_has_no_ceiling(ledger: Ledger) -> None:
    wrong = replace(window(9, 0.1, ledger), first_error="the connection was reset")
    with pytest.raises(LoadError, match="errors even with the null server: the connection was reset"):
        ceiling_of([window(3000, 0.05), wrong], 1)


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def null_url(cores: Cores) -> Iterator[str]:
    server = NullServer(256, cores.server)
    yield f"http://127.0.0.1:{server.endpoint.port}/"
    server.close()


def loaded(*arguments: str) -> dict[str, Any]:
    """What ``bench load`` prints of a load; its exit code says whether to believe it."""
    app = typer.Typer()
    app.command("load")(load)
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.stderr == "", done.exception
    printed: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == (0 if printed["valid"] else 3)
    return printed


def codes(seen: dict[str, Any]) -> set[str]:
    return {problem["code"] for problem in seen["problems"]}


def test_loading_the_null_server_itself_shows_how_near_the_ceiling_it_came(null_url: str, cache_home: Path) -> None:
    seen = loaded(null_url, "--duration", "500ms", "--connections", "16")
    generator = seen["generator"]
    assert set(generator) == {"processes", "cpu_share", "wait_share", "ceiling_rps", "ceiling_share"}
    # Whatever the machine does meanwhile, a load on the null server is a good part of what was possible with it.
    assert 0.1 < generator["ceiling_share"] <= generator["cpu_share"] * 1.001
    assert generator["ceiling_share"] * generator["ceiling_rps"] == pytest.approx(seen["throughput_rps"])
    limited = generator["cpu_share"] > 0.85 or generator["wait_share"] > GENERATOR_WAIT_LIMIT
    assert ("generator-limited" in codes(seen)) is limited
    assert seen["at_least"] is limited
    assert not (limited and seen["valid"])
    assert (cache_home / "sgibench" / "ceilings.json").is_file()


def test_who_does_not_want_it_gets_no_ceiling_and_no_complaint(null_url: str, cache_home: Path) -> None:
    seen = loaded(null_url, "--duration", "200ms", "--connections", "2", "--no-calibrate")
    assert (seen["generator"]["ceiling_rps"], seen["generator"]["ceiling_share"]) == (None, None)
    assert seen["generator"]["cpu_share"] > 0
    assert "uncalibrated" not in codes(seen)
    assert list(cache_home.iterdir()) == []


@pytest.mark.usefixtures("cache_home")
def test_a_calibration_that_fails_is_a_warning_beside_a_result_that_stands(
    null_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "COMMAND", ("false",))
    seen = loaded(null_url, "--duration", "200ms", "--rate", "50")
    (problem,) = [problem for problem in seen["problems"] if problem["code"] == "uncalibrated"]
    assert problem["severity"] == "warning"
    assert problem["message"].startswith("the load side was not calibrated (the null server did not start): ")
    assert seen["generator"]["ceiling_share"] is None
    assert seen["ledger"]["ok"] > 0


@pytest.mark.usefixtures("short", "cache_home")
def test_messages_rejected_in_the_calibration_are_told_beside_those_of_the_load(
    null_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = LocustSession.run

    def among_strangers(session: LocustSession, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        return replace(run(session, block, on_turn), notes=(f"rejected a message in block {block.id}",))

    monkeypatch.setattr(LocustSession, "run", among_strangers)
    seen = loaded(null_url, "--duration", "200ms", "--connections", "2")
    told = [each for each in seen["problems"] if each["code"] == "rejected-messages"]
    assert [each["message"] for each in told] == [
        "in the calibration: rejected a message in block 0",
        "rejected a message in block 1",
    ]
    assert {each["severity"] for each in told} == {"warning"}


@pytest.mark.usefixtures("short")
def test_a_ceiling_from_a_slow_moment_is_measured_again_before_it_condemns_a_paced_result(
    null_url: str, cores: Cores, cache_home: Path
) -> None:
    cache = CeilingCache(cache_home / "sgibench" / "ceilings.json")
    slow = Pressure.of(16, 1, shared_core=cores.shared)
    cache.keep(slow, 1.0)
    # At this rate it spins from one instant to the next, so that its CPU time says nothing of what it could do.
    seen = loaded(null_url, "--duration", "200ms", "--rate", "2000", "--connections", "16")
    found = cache.find(slow)
    assert found is not None
    assert found > 1000, "it was measured again"
    assert seen["generator"]["ceiling_rps"] >= found


def judged(turn: TurnReport, arrival: Arrival, ceiling_rps: float) -> LoadOutcome:
    ok = turn.ledger.ok
    return judge_load("http://x/", arrival, 1, 0.1, BlockReport(1, (turn,), ok, 0), ceiling_rps)


def test_people_read_both_shares() -> None:
    shown = io.StringIO()
    Console(file=shown, width=200).print(outcome_view(judged(window(1000, 0.05), Arrival(8), 40_000.0)))
    assert "load side at 50% of its CPU, 25% of its ceiling" in shown.getvalue()


def test_a_paced_load_near_the_ceiling_is_a_lower_bound() -> None:
    spinning = window(1000, 0.1)
    paced = replace(spinning, response_time=spinning.service_time, schedule_lag=Histogram.of_us([5] * 1000))
    near, far = (judged(paced, Arrival(8, 10_000.0), rps) for rps in (11_000.0, 50_000.0))
    (problem,) = near.problems
    assert "at 91% of the 11,000 requests/s that it can do at best here" in problem.message
    assert near.at_least
    assert not near.valid
    assert far.problems == ()
    assert far.to_dict()["generator"] == {
        "processes": 1,
        "cpu_share": 1.0,
        "wait_share": 0.0,
        "ceiling_rps": 50_000.0,
        "ceiling_share": pytest.approx(0.2),
    }
