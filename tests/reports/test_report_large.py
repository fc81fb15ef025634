"""A page of many results leaves no figure out unsaid, and what is about memory is told by memory."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from sgibench.reports.html import INTERVALS_RESULTS_MAX, render_html
from sgibench.reports.overview import overview_table, sections
from sgibench.reports.panels import panels
from sgibench.reports.sentences import Outcome, verdicts
from sgibench.reports.tables import key_table
from sgibench.results.estimate import mean_estimate
from sgibench.results.records import Level, ScenarioInfo, ScenarioKind
from sgibench.results.summary import MemorySlope, Summary

from .report_pages import Reader, page
from .samples import JSON, SHAPES, WAIT, invalid, summary_of, without

HELD = ScenarioInfo(
    "held", "held", "GET", "/wait", (Level(100), Level(1000)), floor_ms=1000.0, waiting=True, holding=True
)
TALK = ScenarioInfo(
    "websocket-held",
    "silent connections",
    "GET",
    "/ws",
    (Level(100, 100.0), Level(1000, 100.0)),
    waiting=True,
    holding=True,
    kind=ScenarioKind.WEBSOCKET,
)
SOME = SHAPES[3:7]


@cache
def large() -> Summary:
    """So many results that their intervals have no room; one of them, not at its scenario's highest level, invalid."""
    scenarios = [replace(JSON, name=f"json-{number}", levels=(Level(1), Level(32))) for number in range(26)]
    base = summary_of(SHAPES, [*scenarios, HELD], epochs=2)
    first = base.results[1]
    assert len(base.results) > INTERVALS_RESULTS_MAX
    return without(base, lambda result: invalid(result) if result is first else result)


@cache
def large_page() -> tuple[str, Reader]:
    text, reader = render_html(large()), Reader()
    reader.feed(text)
    reader.close()
    return text, reader


def rows_of_numbers() -> list[list[str]]:
    (numbers,) = re.findall(r'<section id="numbers">.*?</section>', large_page()[0], re.DOTALL)
    rows = re.findall(r"<tr><th scope=row>(.*?)\n", numbers)
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row.split("<td")] for row in rows]


def test_each_result_of_a_large_run_has_its_figures_its_standing_and_its_physics_once() -> None:
    expected = Counter(result.target for result in large().results)
    rows = rows_of_numbers()
    assert Counter(row[0].split(" ")[0] for row in rows) == expected
    assert {row[-1].rpartition(">")[2] for row in rows} == {"held", "not applicable: no valid figure"}
    standings = Counter(row[-2].rpartition(">")[2] for row in rows)
    assert standings == {"ranked": len(rows) - 1, "invalid: errors": 1}
    (key,) = [each for each in large_page()[1].all("section") if each.attributes["id"] == "key"]
    assert "They are the first columns of each table under All numbers" in key.text
    assert not re.search("<table", re.findall(r'<section id="key">.*?</section>', large_page()[0], re.DOTALL)[0])


def test_what_a_large_page_leaves_out_is_said_with_where_it_is() -> None:
    text = " ".join(large_page()[1].visible_text().split())
    assert f"This run is large ({len(large().results)} results), so each result has one line" in text
    assert "All other intervals, ratios of CPU time, kinds of error" in text
    assert "are in summary.json, in the run's folder; turns are in turns.csv" in text
    assert "memory of what does not wait, idle and at its peak, is in the tables under All numbers only" in text
    assert len(large_page()[0].encode()) < 1_000_000


def test_a_small_page_leaves_nothing_out() -> None:
    assert "This run is large" not in page("whole_run")


@pytest.mark.parametrize("name", ["whole_run", "open_loop", "wide"])
def test_no_end_tag_that_is_left_out_is_one_that_html_needs(name: str) -> None:
    text = page(name)
    for tag in ("table", "caption", "section", "details", "small", "b", "code", "p", "ul", "div"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>")


def holding() -> Summary:
    base = summary_of(SOME, [HELD, TALK, *(replace(WAIT, name=f"wait-{at}") for at in range(3))])
    slopes = [
        MemorySlope(shape.name, TALK.name, mean_estimate([shape.kib_per_request * 2 + at / 10 for at in range(3)]))
        for shape in SOME
    ]
    return replace(base, memory_slopes=(*base.memory_slopes, *slopes))


def test_what_is_about_memory_shows_what_each_one_held_takes_and_no_ratio() -> None:
    (section,) = sections(holding())
    table = overview_table(section)
    headings = {column.name: (at, column.unit) for at, column in enumerate(table.columns)}
    assert headings["held"][1] == "KiB/request"
    assert headings["websocket-held"][1] == "KiB/connection"
    for name in ("held", "websocket-held"):
        for line in table.lines:
            assert re.fullmatch(r"[\d.]+", line.cells[headings[name][0] - 1].text)
    assert any("held and websocket-held are about memory" in note for note in table.notes)


def test_the_key_table_of_what_is_held_has_the_least_memory_first() -> None:
    last = [each for each in panels(holding()) if each.scenario.name == TALK.name][-1]
    table = key_table(last)
    assert table.columns[1].heading == "Memory slope, KiB/connection"
    slopes = [float(line.cells[0].text) for line in table.lines]
    assert slopes == sorted(slopes)
    assert len(slopes) == len(SOME)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("held", r"^one more request held costs bare-asgi@uvicorn [\d.]+ KiB \[.*\], and fastapi@gunicorn-uvicorn"),
        (
            "websocket-held",
            r"keep up.*One more connection held costs bare-asgi@uvicorn 10\.\d+ KiB \[.*\], and",
        ),
    ],
)
def test_a_verdict_on_what_is_held_is_about_memory_in_both_loops(name: str, words: str) -> None:
    found = [each for each in verdicts(holding()) if each.headline and each.place.split(",")[0] == name]
    (sentence,) = found
    assert sentence.outcome is Outcome.MEASURED
    assert re.search(words, sentence.text)
    assert "Memory at the peak: bare-asgi@uvicorn" in sentence.text
    assert "fastest" not in sentence.text
