import re
from dataclasses import replace

import pytest

from sgibench.reports.panels import panels
from sgibench.reports.problems import ADVICE
from sgibench.reports.sentences import Outcome, Sentence, validity, verdicts
from sgibench.reports.standing import Standing
from sgibench.results.estimate import from_epochs
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, Problem, ProblemCode, Severity
from sgibench.results.summary import Summary, Verdict

from .report_cases import CASES, case


def headline(name: str, number: int = 0) -> Sentence:
    return [sentence for sentence in verdicts(case(name)) if sentence.headline][number]


def test_a_clear_lead_names_runner_up_and_baseline_with_their_intervals() -> None:
    sentence = headline("whole_run")
    assert sentence.outcome is Outcome.FASTEST
    assert sentence.place == "json, 32 connections"
    assert sentence.text == (
        "bare-asgi@uvicorn is fastest: 11,800 requests/s [10,200 to 13,700], 1.84× [1.83, 1.84] starlette@uvicorn, "
        "the runner-up; 5.22× [5.12, 5.32] the baseline flask@gunicorn-sync-3."
    )


def test_a_waiting_scenario_says_what_is_held_and_what_memory_it_takes() -> None:
    text = headline("whole_run", 1).text
    assert "97.2 % of the 5,120 requests/s that 256 connections can give when every answer takes 50 ms at least" in text
    assert "Memory at the peak: bare-asgi@uvicorn 39.5 MiB PSS [39.4 to 39.5]" in text
    assert "5.54 KiB [5.26 to 5.83] for each request held" in text


def test_a_runner_up_that_is_the_baseline_is_named_once() -> None:
    text = headline("some_launches_invalid").text
    assert text.endswith("flask@gunicorn-sync-3, the runner-up and the baseline.")


def test_every_target_that_cannot_be_told_apart_is_named() -> None:
    sentence = headline("ties")
    assert sentence.outcome is Outcome.INCONCLUSIVE
    for name in ("alpha@uvicorn", "beta@uvicorn", "gamma@uvicorn"):
        assert name in sentence.text
    assert "no single fastest" in sentence.text
    assert "cannot be told apart from it" in sentence.text
    assert "is fastest" not in sentence.text


def test_targets_within_the_margin_are_called_the_same() -> None:
    sentence = headline("the_same")
    assert sentence.outcome is Outcome.SAME
    assert "is the same within the noise margin" in sentence.text
    assert "1.000× [0.999, 1.002]" in sentence.text


def test_one_launch_ranks_nothing() -> None:
    sentence = headline("one_epoch")
    assert sentence.outcome is Outcome.INCONCLUSIVE
    assert sentence.text.startswith("one launch gives no interval, so nothing can be ranked.")
    assert "fastest" not in sentence.text


def test_one_target_is_compared_with_nothing() -> None:
    sentence = headline("one_target")
    assert sentence.outcome is Outcome.MEASURED
    assert "no other target was measured, so there is nothing to compare" in sentence.text


def test_a_bound_set_by_the_load_side_has_no_rank() -> None:
    text = headline("at_least").text
    assert "Not ranked, since the load side was the limit: bare-asgi@uvicorn (at least 11,800 requests/s)." in text
    assert "Invalid: starlette@uvicorn (errors)." in text
    assert "bare-asgi@uvicorn is" not in text


def test_invalid_results_leave_nothing_to_rank() -> None:
    sentence = headline("all_invalid")
    assert sentence.outcome is Outcome.INVALID
    assert sentence.text.startswith("no result can be ranked. Invalid:")


def test_what_was_not_measured_is_said() -> None:
    assert [sentence.outcome for sentence in verdicts(case("interrupted")) if sentence.headline] == [
        Outcome.FASTEST,
        Outcome.MISSING,
    ]


def test_the_open_loop_tells_who_keeps_up() -> None:
    text = headline("open_loop").text
    assert text.startswith(
        "all 3 targets keep up with what is offered; the lowest, flask@gunicorn-gevent, answers 1,500"
    )
    assert "Response time from the planned instant, 99th percentile: from 1.18 ms [1.15 to 1.22]" in text


def test_the_open_loop_names_who_falls_behind() -> None:
    text = headline("overloaded").text
    assert text.startswith("2 of 3 targets keep up with what is offered; flask@gunicorn-gthread-1x64 (1,210 requests/s")
    assert "80.0 % of what was due) does not." in text
    assert "Requests that could not be sent when due have none, and would have made it longer." in text
    assert "could not be sent when due" not in headline("open_loop").text


def keeping_up(ledger: Ledger, *problems: Problem, rate: float = 1500.0) -> str:
    """What is said of the open loop when the first target's requests came to this."""
    base = case("open_loop")
    first = next(result for result in base.results if result.level.rate_rps == 1500)
    changed = replace(first, ledger=ledger, problems=problems, throughput_rps=from_epochs([rate, rate]))
    results = tuple(changed if result is first else result for result in base.results)
    return next(s.text for s in verdicts(replace(base, results=results)) if s.headline)


@pytest.mark.parametrize(("ok", "start"), [(9800, "all 3 targets keep up"), (9799, "2 of 3 targets keep up")])
def test_who_keeps_up_is_told_by_what_was_due(ok: int, start: str) -> None:
    assert keeping_up(Ledger(10_000, 10_000, 0, ok, 10_000 - ok)).startswith(start)


def test_fewer_requests_a_second_than_offered_are_enough_where_no_more_were_due() -> None:
    """Random arrivals make a window hold more or fewer than the nominal rate says."""
    assert keeping_up(Ledger(10_000, 10_000, 0, 10_000), rate=1400.0).startswith("all 3 targets keep up")


def test_an_overloaded_target_does_not_keep_up_however_little_it_dropped() -> None:
    found = Problem(ProblemCode.OVERLOADED, "1.5% could not be sent", severity=Severity.WARNING)
    text = keeping_up(Ledger(10_000, 9850, 150, 9850), found)
    assert "2 of 3 targets keep up" in text
    assert "98.5 % of what was due) does not." in text


def test_an_overloaded_target_is_ranked() -> None:
    (panel,) = [panel for panel in panels(case("overloaded")) if panel.headline]
    assert [row.result.target for row in panel.ranked][-1] == "flask@gunicorn-gthread-1x64"
    assert len(panel.ranked) == 3


def test_a_leader_without_the_highest_figure_says_that_the_same_rounds_decide() -> None:
    base = case("some_launches_invalid")
    by_name = {result.target: result for result in base.results if result.scenario == "json"}
    (lead, *_) = [lead for lead in base.leads if lead.scenario == "json"]
    high = replace(by_name[lead.baseline], throughput_rps=from_epochs([90_000.0, 91_000.0]), valid=True, launches=2)
    results = tuple(high if result is by_name[lead.baseline] else result for result in base.results)
    text = next(s.text for s in verdicts(replace(base, results=results)) if s.headline)
    assert text.startswith(f"{lead.target} is fastest")
    assert f"More requests/s were counted for {high.target}, but not in the same rounds, and those decide." in text
    assert "More requests/s" not in headline("whole_run").text


def test_the_first_that_a_tied_leader_leads_is_named() -> None:
    text = headline("ties").text
    assert text.endswith("beta@uvicorn is 2.86× [2.78, 2.94] flask@gunicorn-sync-3, the first that it leads.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("whole_run", "All 32 results are valid; no problems were found."),
        ("the_same", "Both results are valid; no problems were found."),
        ("nothing_measured", "Nothing was measured, so nothing can be said."),
        ("all_invalid", "12 of 12 results are invalid: they are compared with nothing."),
        (
            "at_least",
            "1 of 32 results is invalid: it is compared with nothing. "
            "1 result reached the limit of the load side: a lower bound, not ranked.",
        ),
        (
            "some_launches_invalid",
            "1 result rests on fewer launches than planned, the others being invalid.",
        ),
        (
            "interrupted",
            "The run was interrupted: only what was finished is shown. All 8 results are valid; see the warnings.",
        ),
    ],
)
def test_validity_is_said_in_a_sentence(name: str, text: str) -> None:
    assert validity(case(name)) == text


@pytest.mark.parametrize("name", CASES)
def test_fastest_is_said_only_of_a_decided_lead(name: str) -> None:
    summary = case(name)
    for panel, sentence in zip(panels(summary), verdicts(summary), strict=True):
        decided = bool(panel.leads) and all(lead.verdict is Verdict.FASTER for lead in panel.leads)
        if " is fastest" in sentence.text:
            assert decided
            assert sentence.outcome is Outcome.FASTEST


def test_every_kind_of_problem_has_advice() -> None:
    assert set(ADVICE) == set(ProblemCode)
    assert all(re.fullmatch(r"[A-Z].*\.", advice) for advice in ADVICE.values())


@pytest.mark.parametrize("name", CASES)
def test_each_sentence_ends_as_sentences_do(name: str) -> None:
    for sentence in verdicts(case(name)):
        assert sentence.text.endswith(".")
        assert "  " not in sentence.text
        assert ".." not in sentence.text.replace("…", "")


def test_panels_follow_the_plan_and_rank_by_throughput() -> None:
    found = panels(case("at_least"))
    assert [panel.level for panel in found] == [Level(32), Level(8), Level(64), Level(256)]
    assert [panel.headline for panel in found] == [True, False, False, True]
    assert [row.standing for row in found[0].rows][-2:] == [Standing.AT_LEAST, Standing.INVALID]
    rates = [row.result.throughput_rps.value for row in found[0].ranked if row.result.throughput_rps]
    assert rates == sorted(rates, reverse=True)


def test_a_result_that_the_plan_does_not_know_is_shown_all_the_same() -> None:
    base = case("the_same")
    stray: Summary = replace(base, manifest=replace(base.manifest, scenarios=(), targets=()))
    assert [panel.place for panel in panels(stray)] == ["json, 32 connections"]
    assert all(row.result.throughput_rps for row in panels(stray)[0].rows)
