import html
import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from sgibench.reports.charts.canvas import nice_ticks, spread_out
from sgibench.reports.charts.lines import apart, thinned
from sgibench.reports.charts.palette import styles
from sgibench.reports.html import render_html

from .report_cases import CASES, TOP, case
from .report_pages import page, read

SECTIONS = [
    "verdict",
    "validity",
    "key",
    "ratios",
    "capacity",
    "latency",
    "memory",
    "stability",
    "numbers",
    "environment",
    "method",
    "reproduce",
]


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_well_formed_and_its_ids_are_unique(name: str) -> None:
    ids = [element.attributes["id"] for element in read(name).elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", CASES)
def test_every_reference_leads_somewhere(name: str) -> None:
    ids = {element.attributes.get("id") for element in read(name).elements}
    text = page(name)
    for element in read(name).elements:
        target = element.attributes.get("href", "")
        if target.startswith("#"):
            assert target[1:] in ids
        for label in element.attributes.get("aria-labelledby", "").split():
            assert label in ids
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= ids


@pytest.mark.parametrize("name", CASES)
def test_the_page_asks_for_nothing(name: str) -> None:
    for element in read(name).elements:
        assert "src" not in element.attributes
        assert element.tag not in ("img", "iframe", "object", "embed", "audio", "video")
        if element.tag == "link":
            assert element.attributes["href"].startswith("data:")
        if "href" in element.attributes and element.tag != "a":
            assert not element.attributes["href"].startswith(("http:", "https:", "//"))
    styles_text = "".join(element.text for element in read(name).all("style"))
    assert "url(" not in styles_text
    assert "@import" not in styles_text


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_smaller_than_a_megabyte(name: str) -> None:
    assert len(page(name).encode()) < 1_000_000


@pytest.mark.parametrize("name", CASES)
def test_only_data_stands_in_a_script_element(name: str) -> None:
    scripts = read(name).all("script")
    if name == "many":  # as JSON its results are too large for a page
        assert scripts == []
        assert "they lie beside it, as summary.json" in read(name).visible_text()
        return
    assert [script.attributes for script in scripts] == [{"type": "application/json", "id": "results"}]
    assert json.loads(scripts[0].text) == json.loads(json.dumps(case(name).to_dict()))
    assert not any(key.startswith("on") for element in read(name).elements for key in element.attributes)


@pytest.mark.parametrize("name", CASES)
def test_the_sections_come_in_their_order(name: str) -> None:
    assert [section.attributes["id"] for section in read(name).all("section")] == SECTIONS


@pytest.mark.parametrize("name", CASES)
def test_headings_skip_no_level(name: str) -> None:
    levels = [int(element.tag[1]) for element in read(name).elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", CASES)
def test_tables_have_captions_and_scopes(name: str) -> None:
    reader = read(name)
    assert len(reader.all("caption")) == len(reader.all("table"))
    assert all(heading.attributes.get("scope") in ("col", "row") for heading in reader.all("th"))


@pytest.mark.parametrize("name", CASES)
def test_every_chart_is_told_in_words(name: str) -> None:
    reader = read(name)
    charts = [element for element in reader.all("svg") if element.attributes["class"] == "chart"]
    assert len(charts) == len(reader.all("figure")) == len(reader.all("figcaption")) == len(reader.all("desc"))
    assert all(element.text.strip() for tag in ("figcaption", "desc") for element in reader.all(tag))


@pytest.mark.parametrize("name", CASES)
def test_charts_take_all_colours_from_the_page(name: str) -> None:
    for drawing in re.findall(r"<svg.*?</svg>", page(name), re.DOTALL):
        marks = "".join(re.findall(r"<[^>]*>", drawing))
        assert not re.search(r"#[0-9a-f]{6}\b", marks)
    used = set(re.findall(r"var\((--[\w-]+)\)", page(name)))
    assert all(f"{variable}:" in page(name) for variable in used)


def test_text_from_outside_stays_text() -> None:
    reader = read("injection")
    assert not reader.all("img")
    assert "<script>alert('x')</script>" in reader.visible_text()
    assert "{{ 7 * 7 }}|[bold]*x*" in reader.visible_text()
    assert "49|" not in reader.visible_text()
    assert "</script><img" not in page("injection")


def test_your_own_app_is_not_called_equivalent() -> None:
    text = read("injection").visible_text()
    assert "it has no contract with the suite's apps, and is not claimed to do the same work" in text
    assert "†" not in read("whole_run").visible_text()


def test_a_bound_is_shown_as_a_bound_and_an_invalid_result_as_invalid() -> None:
    key = next(section for section in read("at_least").all("section") if section.attributes["id"] == "key")
    rows = [row.text for row in read("at_least").all("tr") if row.text.strip().startswith(TOP)]
    assert "at least 11,800" in key.text
    assert "invalid: errors" in key.text
    assert any("not ranked" in row for row in rows)


def test_an_invalid_run_says_so_before_its_verdicts() -> None:
    text = read("at_least").visible_text()
    assert text.index("Not all of this can be believed") < text.index("json, 32 connections:")
    assert "Not all of this can be believed" not in read("whole_run").visible_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_memory", "Memory was not read"),
        (
            "no_memory",
            "No chart: too few answers (each launch needs ten beyond a percentile), or every latency is longer",
        ),
        ("one_epoch", "No chart: it takes valid results of two epochs or more."),
        ("one_target", "No ratio: there is no valid result beside the baseline's."),
        ("nothing_measured", "There are no figures."),
        ("nothing_planned", "No scenario was planned"),
        ("all_invalid", "there are no latencies of valid results"),
        ("all_invalid", "a capacity curve needs valid results at two levels or more"),
    ],
)
def test_missing_data_is_said_and_not_drawn(name: str, words: str) -> None:
    assert words in read(name).visible_text()


def test_captions_say_what_the_chart_shows() -> None:
    captions = [caption.text for caption in read("whole_run").all("figcaption")]
    joined = " ".join(captions)
    assert (
        "of 7 targets: 6 faster and 1 slower. The largest ratio is bare-asgi@uvicorn's, 5.22× [5.12, 5.32]." in joined
    )
    assert "gain less than 10 % from 64 to 256 connections: more connections do not help." in joined
    assert "The other 5 targets gain more." in joined
    assert "One more request held costs bare-asgi@uvicorn 5.54 KiB [5.26 to 5.83], and flask@gunicorn-gevent" in joined
    assert "A target holds no more requests than it has slots; the connections beyond only wait." in joined
    assert "flask@gunicorn-sync-3 has no slope: all of its slots are taken at every level." in joined
    assert "with that taken out, no target departs from its own average by more than 2.03 %" in joined
    assert "not corrected for coordinated omission" in joined


CLOSED_GAP = (
    "too few answers (each launch needs ten beyond a percentile), or longer than half a turn, "
    "whose end would cut it short."
)


def test_a_latency_that_short_turns_cut_says_why_it_is_missing() -> None:
    reader = read("short_turns")
    captions = " ".join(caption.text for caption in reader.all("figcaption"))
    assert f"No 99th percentile of flask@gunicorn-gthread-1x64 and flask@gunicorn-sync-3: {CLOSED_GAP}" in captions
    notes = [each.text for each in reader.all("p") if each.text.startswith("Latency “–”")]
    # a key table and a table among all numbers, for each of three levels
    assert notes == [f"Latency “–”: {CLOSED_GAP}"] * 6
    (key,) = [each.text for each in read("whole_run").all("section") if each.attributes["id"] == "key"]
    assert "Latency “–”" not in key


def test_in_the_open_loop_no_latency_is_said_to_be_cut() -> None:
    note = "Latency “–”: too few answers (each launch needs ten beyond a percentile)."
    base = case("open_loop")
    few = replace(base, results=tuple(replace(each, response_time_ms={}, spectrum=()) for each in base.results))
    text = render_html(few)
    assert note in text
    assert "No chart: too few answers (each launch needs ten beyond a percentile)." in text
    assert "whose end would cut it short" not in text


def test_the_method_says_what_short_turns_do_to_latencies() -> None:
    (method,) = [each for each in read("whole_run").all("section") if each.attributes["id"] == "method"]
    said = " ".join(method.text.split())
    assert "Short turns are right for ratios, but they cut long latencies short" in said
    assert "no latency longer than half a turn is shown" in said
    assert "Whoever wants to know of tails (the slowest of a hundred or a thousand) should look there." in said


def test_the_open_loop_has_response_times() -> None:
    text = read("open_loop").visible_text()
    assert "Response p99" in text
    assert "response time, counted from the planned instant" in text
    assert "Schedule lag" in text


def test_the_forest_plot_is_text() -> None:
    drawing = re.search(r'<svg class="chart".*?</svg>', page("whole_run"), re.DOTALL)
    assert drawing is not None
    texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawing[0])]
    assert "5.22× [5.12, 5.32] faster" in texts
    assert "bare-asgi@uvicorn" in texts
    assert any("better →" in text for text in texts)


def test_the_command_can_be_given_again_with_its_seed() -> None:
    assert "bench run first-look --budget 2m --seed 20261121" in read("whole_run").all("pre")[0].text


def test_styles_tell_many_targets_apart_by_more_than_colour() -> None:
    looks = list(styles([f"target {number}" for number in range(24)]).values())
    assert len({(look.colour, look.marker) for look in looks}) == 24
    assert len({(look.colour, look.dashes) for look in looks}) == 24


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], []),
        ([5.0], [5.0]),
        ([1.0, 9.0], [1.0, 9.0]),
        ([5.0, 5.1, 5.2], [5.0, 6.0, 7.0]),
        ([9.8, 9.9], [9.0, 10.0]),
    ],
)
def test_labels_are_moved_apart(positions: list[float], expected: list[float]) -> None:
    assert spread_out(positions, 1.0, 0.0, 10.0) == pytest.approx(expected)


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.1), (3, 8), (1, 100), (0.01, 90_000), (2.4, 39)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    found = nice_ticks(low, high)
    assert 2 <= len(found) <= 8
    assert all(low <= tick <= high for tick in found)


def test_levels_are_thinned_evenly() -> None:
    assert thinned([1, 2, 3], most=3) == [1, 2, 3]
    assert thinned(list(range(20)), most=5) == [3, 7, 11, 15, 19]
    assert apart([0, 1, 2, 8, 64, 256], 30) == [0, 64, 256]
