"""Where the rate was set, response times are compared: in every table, chart and sentence, a larger ratio is better."""

import html
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from sgibench.reports.details import number_tables
from sgibench.reports.html import render_html
from sgibench.reports.markdown import render_markdown
from sgibench.reports.overview import overview_table, sections
from sgibench.reports.panels import Panel, panels
from sgibench.reports.sentences import verdicts
from sgibench.reports.tables import Line, Table, key_table
from sgibench.reports.terminal import render_terminal
from sgibench.reports.whole import whole_table
from sgibench.results.records import Level, ProblemCode, Severity
from sgibench.results.summary import RESPONSES, Metric, Summary
from sgibench.runner.display import rows_of

from .report_cases import FEW, case
from .report_pages import page
from .samples import JSON, OPEN, WAIT, problem, summary_of

BASELINE, SLOWER, FASTER = (shape.name for shape in FEW)


def panel(name: str = "open_loop") -> Panel:
    (found,) = [each for each in panels(case(name)) if each.headline]
    return found


def line(table: Table, target: str) -> Line:
    return next(each for each in table.lines if each.name == target)


def cells(table: Table, target: str, heading: str) -> list[str]:
    at = [number for number, column in enumerate(table.columns) if column.heading.startswith(heading)]
    return [line(table, target).cells[number - 1].text for number in at]


@pytest.mark.parametrize("table_of", [key_table, whole_table])
def test_each_percentile_has_its_ratio_in_every_table(table_of: Callable[[Panel], Table]) -> None:
    table = table_of(panel())
    headings = [column.heading for column in table.columns]
    assert [each for each in headings if each.startswith("Over")] == [
        "Over the baseline, p50",
        "Over the baseline, p90",
    ]
    assert cells(table, BASELINE, "Over the baseline") == ["1×", "1×"]
    for target, below in ((FASTER, False), (SLOWER, True)):
        ratios = [float(text.removesuffix("×")) for text in cells(table, target, "Over the baseline")]
        assert [ratio < 1 for ratio in ratios] == [below, below]
    assert any(note.startswith("At the set rate response times are compared") for note in table.notes)


def test_a_ratio_is_the_baselines_time_over_the_targets_own() -> None:
    table = key_table(panel())
    for name in ("p50", "p90"):
        (mine,), (theirs,) = (cells(table, target, f"Response {name}") for target in (FASTER, BASELINE))
        (ratio,) = cells(table, FASTER, f"Over the baseline, {name}")
        assert float(ratio.removesuffix("×")) == pytest.approx(float(theirs) / float(mine), rel=0.01)


def test_rows_are_in_the_order_of_what_is_compared_and_who_falls_behind_comes_last() -> None:
    assert [row.result.target for row in panel().ranked] == [FASTER, BASELINE, SLOWER]
    quick = case("open_loop")
    late = problem(ProblemCode.OVERLOADED, "20% could not be sent", quick.results[0], Severity.WARNING)
    results = tuple(replace(each, problems=(late,)) if each.target == FASTER else each for each in quick.results)
    (found,) = [each for each in panels(replace(quick, results=results)) if each.headline]
    assert [row.result.target for row in found.ranked] == [BASELINE, SLOWER, FASTER]


def test_each_percentile_has_its_forest_plot_which_says_which_way_is_better() -> None:
    text = html.unescape(page("open_loop"))
    for name in ("p50", "p90"):
        assert f"json-open, 1,500 requests/s offered: response {name} at the set rate" in text
        assert f"Response speed at the set rate, {name}, over the baseline's: json-open" in text
    # For two levels and two percentiles each.
    assert len(re.findall(r"response speed over the baseline's \(log scale\), better →", text)) == 4


@pytest.mark.parametrize("form", ["sentence", "markdown", "terminal"])
def test_who_responds_faster_is_said_in_a_sentence(form: str) -> None:
    summary = case("open_loop")
    said = {
        "sentence": next(each.text for each in verdicts(summary) if each.headline),
        "markdown": render_markdown(summary).replace("\\", ""),
        "terminal": render_terminal(summary, 200),
    }
    told = " ".join(said[form].split())
    assert f"Response time at the set rate, against {BASELINE}: at p50 {FASTER} is 1." in told
    assert re.search(rf"; at p90 {FASTER} is 1\.\S+× \[[^]]+\] as fast \(faster\) and {SLOWER} is 0\.", told)


def test_all_numbers_hold_the_ratios_of_response_times_and_cpu_and_none_of_throughput() -> None:
    captions = [table.caption for table in number_tables(panel(), case("open_loop"))]
    for name in ("p50", "p90"):
        assert f"Response speed at the set rate, {name}, over {BASELINE}'s, {panel().place}" in captions
    assert not any(caption.startswith("Throughput over") for caption in captions)


def without_responses_of(target: str) -> Summary:
    base = case("open_loop")
    late = problem(ProblemCode.OVERLOADED, "20% could not be sent", base.results[0], Severity.WARNING)
    results = tuple(replace(each, problems=(late,)) if each.target == target else each for each in base.results)
    kept = tuple(each for each in base.comparisons if target not in (each.target, each.baseline))
    return replace(base, results=results, comparisons=kept)


def test_a_baseline_that_is_overloaded_has_no_ratios_and_that_is_said() -> None:
    text = html.unescape(render_html(without_responses_of(BASELINE)))
    assert f"No ratio: {BASELINE}, the baseline, could not take what was due" in text
    assert "better →" not in text


def overview(summary: Summary) -> Table:
    (section,) = sections(summary)
    return overview_table(section)


def test_the_overview_has_the_ratio_of_response_times_and_tells_who_is_behind() -> None:
    scenarios = [replace(OPEN, levels=(Level(256, 500.0),)), JSON, *(replace(WAIT, name=f"wait-{at}") for at in "ab")]
    base = summary_of(FEW, scenarios)
    table = overview(base)
    assert [column.heading for column in table.columns][1] == "json-open, p90 at 500/s"
    assert re.fullmatch(r"▲ 1\.\d+×", line(table, FASTER).cells[0].text)
    assert re.fullmatch(r"▼ 0\.\d+×", line(table, SLOWER).cells[0].text)
    assert any("json-open comes at a fixed rate" in note for note in table.notes)
    late = problem(ProblemCode.OVERLOADED, "20% could not be sent", base.results[0], Severity.WARNING)
    behind = replace(
        base,
        results=tuple(
            replace(each, problems=(late,)) if (each.target, each.scenario) == (SLOWER, OPEN.name) else each
            for each in base.results
        ),
        comparisons=tuple(each for each in base.comparisons if each.metric not in RESPONSES or each.target != SLOWER),
    )
    assert line(overview(behind), SLOWER).cells[0].text == "▼ behind"


def test_while_a_run_goes_on_its_ratios_are_of_response_times_too() -> None:
    summary = case("open_loop")
    rows = rows_of(summary)
    assert [row.target for row in rows] == [FASTER, BASELINE, SLOWER]
    found = {
        each.target: each.ratio.value
        for each in summary.comparisons
        if each.level.rate_rps == 1500 and each.metric is Metric.RESPONSE_P90
    }
    for row in rows:
        expected = found.get(row.target)
        assert (row.ratio and row.ratio.value) == (expected and pytest.approx(1 / expected))
        assert re.fullmatch(r"p90 [\d.]+ ms", row.note)
