"""A user's own locustfile as a scenario: chosen, measured on real servers, and told with what it cannot tell."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sgibench.reports.terminal import render_terminal
from sgibench.results.errors import UsageError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import ProblemCode, Run, Severity
from sgibench.results.store import RunStore, load_run
from sgibench.results.summarise import summarise
from sgibench.results.summary import Metric
from sgibench.runner.commands.run import measure, publish
from sgibench.runner.load.drivers import LoadDriver
from sgibench.runner.load.orders import BlockReport, TurnOrder, TurnReport
from sgibench.runner.locustfile import LocustScenario, driver_for, find_locustfile, idleness
from sgibench.runner.machine import choose_cores
from sgibench.runner.manifest import manifest_of
from sgibench.runner.plan import Plan
from sgibench.runner.selection import Wish, choose
from sgibench.scenarios.model import Load, Request

from .commands.cli import bench

SHOP = """
from locust import FastHttpUser, between, task

class Visitor(FastHttpUser):
    wait_time = between(0.01, 0.03)

    @task
    def items(self):
        self.client.get("/api/items")
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Any]]:
    """A run of two of our apps under a locustfile, with turns that are short for the tests' sake."""
    folder = tmp_path_factory.mktemp("users")
    (folder / "shop.py").write_text(SHOP)
    wish = Wish(
        apps=("bare-asgi", "bare-wsgi"),
        setups=("uvicorn", "gunicorn-gthread-1x8"),
        driver=LoadDriver.LOCUST,
        locustfile=folder / "shop.py",
        users=3,
    )
    choice = choose(wish, folder, 1)
    (piece,) = choice.pieces
    short = replace(piece, scenario=piece.scenario.model_copy(update={"turn_ms": 400.0}), seconds=0.8)
    plan = Plan(
        suite="own",
        title="two apps",
        targets=tuple(choice.targets),
        baseline=choice.targets[0].name,
        pieces=(short,),
        epochs_min=1,
        epochs_max=1,
        exact_epochs=True,
        budget_s=60.0,
        seed=1,
        cores=choose_cores(None, None),
        driver=wish.driver,
    )
    store = RunStore(folder / "out")
    outcome = measure(plan, manifest_of(plan, "out"), store, Console(quiet=True), time.monotonic())
    publish(outcome.run, store)
    return folder / "out", json.loads((folder / "out" / "summary.json").read_text())


# What a machine that is busy with other things brings about.
OF_THE_MACHINE = (ProblemCode.NOISY_MACHINE, ProblemCode.GENERATOR_LIMITED, ProblemCode.FEW_SAMPLES)


def undisturbed(run: Run, *without: ProblemCode) -> Run:
    """The run without what a busy machine does to it: what is invalid by that is rightly compared with nothing. Here it
    is asked what Locust's own problems are, and what users without that one problem would get."""
    gone = (*OF_THE_MACHINE, *without)
    trials = [
        replace(trial, problems=tuple(item for item in trial.problems if item.code not in gone)) for trial in run.trials
    ]
    return Run(run.manifest, tuple(trials))


def test_a_run_says_who_drove_and_with_what(finished: tuple[Path, Mapping[str, Any]]) -> None:
    folder, found = finished
    assert found["driver"] == "locust"
    assert found["environment"]["load"]["locustfile"].endswith("shop.py")
    assert len(found["environment"]["load"]["sha256"]) == 64
    page = (folder / "report.html").read_text()
    assert "The load of this run came from plain Locust" in page
    assert "3 users of shop.py (Visitor)" in page


def test_its_results_have_what_others_have(finished: tuple[Path, Mapping[str, Any]]) -> None:
    _, found = finished
    assert [result["target"] for result in found["results"]] == ["bare-asgi@uvicorn", "bare-wsgi@gunicorn-gthread-1x8"]
    for result in found["results"]:
        ledger = result["ledger"]
        assert ledger["sent"] == ledger["ok"] + sum(ledger["errors"].values()) > 0
        assert ledger["in_flight"] == 0  # Locust does not tell
        assert (result["scenario"], result["concurrency"]) == ("shop", 3)
        assert result["service_time_ms"]["p50"]["value"] > 0
        assert result["memory_mib"]["peak"]["value"] > 0
        assert result["cpu_us_per_request"]["value"] > 0
        assert result["generator"]["ceiling_share"] is None


def test_it_says_what_locust_does_not_tell_and_compares_no_rates_of_users_that_wait(
    finished: tuple[Path, Mapping[str, Any]],
) -> None:
    folder, found = finished
    said = {(problem["code"], problem["target"]): problem for problem in found["problems"]}
    assert "Locust's events" in said["locustfile", ""]["message"]
    for name in ("bare-asgi@uvicorn", "bare-wsgi@gunicorn-gthread-1x8"):
        assert "its users wait between tasks, or might" in said["paced", name]["message"]
        assert said["paced", name]["severity"] == "warning"
    summary = summarise(undisturbed(load_run(folder)))
    assert [item.metric for item in summary.comparisons] == [Metric.CPU]
    assert not summary.leads
    text = render_terminal(summary)
    assert "were not compared with each other, since their users set the rate" in " ".join(text.split())
    assert "shop, 3 users" in text


def test_users_that_do_not_wait_are_compared_by_their_rates(finished: tuple[Path, Mapping[str, Any]]) -> None:
    summary = summarise(undisturbed(load_run(finished[0]), ProblemCode.PACED))
    assert {item.metric for item in summary.comparisons} == {Metric.THROUGHPUT, Metric.CPU}


def a_scenario(*, paced: bool = False, held: bool = False) -> LocustScenario:
    return LocustScenario(
        name="shop",
        title="shop",
        request=Request(path="/"),
        load=Load(concurrency=[2]),
        locustfile="shop.py",
        held=held,
        paced=paced,
    )


def a_report(busy_ms: int) -> BlockReport:
    """A turn of a second, in which requests took so long altogether."""
    times = Histogram.of_us([1000] * busy_ms)
    ledger = Ledger(busy_ms, busy_ms, 0, busy_ms)
    turn = TurnReport(TurnOrder(0, 1.0, 0, 0), 0, 1.0, ledger, times, None, None, Histogram({}), None, 0.1, 0, 0)
    return BlockReport(1, (turn,), busy_ms, 0)


def test_users_that_hardly_ask_are_found_out_by_their_time() -> None:
    assert list(idleness(a_report(1900), 0, 2, "a@b", a_scenario())) == []
    (problem,) = idleness(a_report(200), 0, 2, "a@b", a_scenario())
    assert (problem.code, problem.severity) == (ProblemCode.PACED, Severity.WARNING)
    assert problem.message.startswith("its users spent 10% of their time in requests that came to an end")
    (problem,) = idleness(a_report(1900), 0, 2, "a@b", a_scenario(paced=True))
    assert "95% of their time went into requests" in problem.message


def test_an_app_is_asked_beforehand_only_for_a_path_that_was_named() -> None:
    assert not a_scenario().provable
    assert a_scenario(held=True).provable


def test_a_locustfile_needs_plain_locust() -> None:
    assert driver_for(None, None) is LoadDriver.ENGINE
    assert driver_for(LoadDriver.LOCUST, None) is LoadDriver.LOCUST
    assert driver_for(None, Path("x.py")) is LoadDriver.LOCUST
    with pytest.raises(UsageError, match="runs no locustfile"):
        driver_for(LoadDriver.ENGINE, Path("x.py"))


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish(users=3), "--users needs --locustfile"),
        (Wish(locustfile=Path("x.py"), scenarios=("json",)), "is a scenario itself"),
        (Wish(locustfile=Path("x.py"), concurrency=(4,)), "--users N"),
        (Wish(locustfile=Path("x.py"), paths=("/a", "/b")), "takes one --path"),
        (Wish(suite="smoke", locustfile=Path("/nowhere/x.py")), "there is no locustfile /nowhere/x.py"),
        (Wish(driver=LoadDriver.LOCUST, scenarios=("json-paced",)), "leave out json-paced, or use --driver engine"),
    ],
)
def test_what_does_not_go_together_is_refused(wish: Wish, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        choose(wish, tmp_path, 1)
    assert says in f"{caught.value.message}; {caught.value.hint}"


def test_plain_locust_leaves_out_the_open_loop_of_a_suite(tmp_path: Path) -> None:
    choice = choose(Wish(suite="full", driver=LoadDriver.LOCUST), tmp_path, 1)
    assert not any(piece.level.rate_rps for piece in choice.pieces)
    assert "json-paced is left out: Locust has no open loop" in choice.notes


def test_the_scenario_is_called_after_its_file_and_knows_who_waits(tmp_path: Path) -> None:
    file = tmp_path / "Größe der Läden.py"
    file.write_text(SHOP + "\nfrom locust import LoadTestShape\nclass Ramp(LoadTestShape):\n    def tick(self): pass\n")
    scenario, notes = find_locustfile(file, None, "/health")
    assert scenario.name == "gr--e-der-l-den"
    assert scenario.title == "10 users of Größe der Läden.py (Visitor)"
    assert scenario.paced
    assert (scenario.provable, scenario.parts[0].request.path) == (True, "/health")
    assert any(note.startswith("Visitor may wait between tasks") for note in notes)
    assert any(note.startswith("Ramp is not used") for note in notes)


def test_a_file_that_cannot_be_imported_is_a_usage_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import locust\nimport no_such_package\n")
    done = bench("run", "smoke", "--locustfile", "shop.py", "--json", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert f"error: {tmp_path}/shop.py, line 2: it needs no_such_package, which " in done.err
    assert "a locustfile runs in sgibench's own interpreter" in done.err
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["shop.py"]
