"""What people see of ``bench load``."""

from dataclasses import replace

from rich.console import Console

from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.runner.load.orders import Arrival, BlockReport, Interval, TurnOrder, TurnReport
from sgibench.runner.load.outcome import LoadOutcome, judge_load
from sgibench.runner.load.view import outcome_view

NONE = Histogram({})
RATES = (1000, 1000, 500, 0, 1000)


def turn(*rates: int) -> TurnReport:
    ok, seconds = sum(rates), float(len(rates))
    return TurnReport(
        TurnOrder(0, seconds, 0, 0), 0, seconds, Ledger(ok, ok, 0, ok), Histogram.of_us([1000] * ok), None, None, NONE,
        None, 0.1, 1, 0,
        intervals=tuple(Interval(at + 1.0, rate, rate, 0) for at, rate in enumerate(rates)),
    )  # fmt: skip


def outcome(seen: TurnReport, planned_s: float = 5.0, *, interrupted: bool = False) -> LoadOutcome:
    report = BlockReport(1, (seen,), seen.ledger.ok, 0)
    return judge_load("http://x/[a]", Arrival(8), 1, planned_s, report, interrupted=interrupted)


def shown(seen: LoadOutcome) -> str:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(outcome_view(seen), soft_wrap=True)
    return capture.get()


def test_the_course_is_a_bar_for_each_second_drawn_from_zero() -> None:
    lines = shown(outcome(turn(*RATES))).splitlines()
    assert lines[0] == "http://x/[a]  8 connections, 5 s"
    assert lines[2] == "700.0 right answers/s"
    assert lines[3] == "each second  ██▅·█  0 to 1,000/s"


def test_a_long_course_fits_a_line() -> None:
    (line,) = [line for line in shown(outcome(turn(*[10] * 150), 150.0)).splitlines() if line.startswith("each")]
    assert line == f"each 3 s  {'█' * 50}  10 to 10/s"


def test_a_short_turn_has_no_course() -> None:
    assert "each" not in shown(outcome(replace(turn(1000), intervals=())))


def test_an_interrupted_load_says_how_long_it_was() -> None:
    assert "8 connections, interrupted after 5.0 s of 60 s" in shown(outcome(turn(*RATES), 60.0, interrupted=True))


def test_what_is_only_known_from_below_is_shown_so() -> None:
    seen = replace(turn(*RATES), waiting_s=4.0, service_so_far=Histogram.of_us([4_000_000]))
    seen = replace(seen, ledger=Ledger(3501, 3501, 0, 3500, 1), intervals=())
    lines = {line.split()[0]: line.split()[1:] for line in shown(outcome(seen)).splitlines() if line}
    assert lines["p99"] == ["1.000"]
    assert lines["p99.9"] == ["–"]
    assert lines["max"][0] == "≥"
    assert lines["starved:"]
