"""Groups are never mixed, what is not possible says why, starts are told by time, many scenarios have an overview."""

import html
import re
from dataclasses import replace

import pytest

from sgibench.reports.details import number_tables
from sgibench.reports.markdown import render_markdown
from sgibench.reports.overview import overview_table, sections
from sgibench.reports.panels import Panel, panels, uncompared
from sgibench.reports.problems import SLOW_CLIENTS_ADVICE, advice_of, merged_problems
from sgibench.reports.sentences import Outcome, verdicts
from sgibench.reports.standing import Standing
from sgibench.reports.tables import key_table
from sgibench.reports.terminal import render_terminal

from .grouped import BARE, EQUAL, FLASK, FLASK_2, NO_WEBSOCKET, SLOW, STARLETTE, STARLETTE_2, TUNED
from .report_cases import case
from .report_pages import page, read


def panel(scenario: str, group: str, summary: str = "wide") -> Panel:
    found = [each for each in panels(case(summary)) if (each.scenario.name, each.group.name) == (scenario, group)]
    return found[-1]


def texts(name: str) -> dict[str, str]:
    summary = case(name)
    return {
        "html": html.unescape(page(name)),
        "markdown": render_markdown(summary).replace("\\", ""),
        "terminal": render_terminal(summary, 140),
    }


def test_no_panel_mixes_groups() -> None:
    members = {group.name: set(group.targets) for group in (EQUAL, TUNED)}
    for each in panels(case("wide")):
        names = {row.result.target for row in each.rows}
        assert names <= members[each.group.name]
        assert {lead.target for lead in each.leads} | {lead.baseline for lead in each.leads} <= names
        assert all(found.baseline == each.baseline for row in each.rows for found in row.comparisons)


def test_a_level_beyond_equal_slots_is_in_no_comparison_of_theirs_but_among_the_numbers() -> None:
    assert {each.level.concurrency for each in panels(case("wide")) if each.group.name == "equal-slots"} <= {1, 16}
    apart = [(each.place, row.result.target) for each in uncompared(case("wide")) for row in each.rows]
    assert ("json, 64 connections", BARE) in apart
    assert all(target in EQUAL.targets for _, target in apart)
    assert all(not row.comparisons for each in uncompared(case("wide")) for row in each.rows)
    assert "In no comparison, being beyond what their group compares" in page("wide")


@pytest.mark.parametrize("name", ["grouped", "wide"])
def test_each_group_has_its_title_meaning_and_baseline_everywhere(name: str) -> None:
    for text in texts(name).values():
        flat = " ".join(text.split())
        for group in (EQUAL, TUNED):
            assert group.title in flat
            assert f"The baseline is {group.baseline}." in flat
        assert "Up to 16 connections, each of these targets has a slot for every request" in flat


def test_a_run_without_groups_has_no_title_of_one() -> None:
    (section,) = sections(case("whole_run"))
    assert (section.title, section.meaning) == ("", "")
    assert 'class="group"' not in page("whole_run")


@pytest.mark.parametrize("name", ["grouped", "wide"])
def test_what_is_not_possible_says_so_with_its_reason_and_shows_no_figure(name: str) -> None:
    (line,) = [each for each in key_table(panel("websocket", "equal-slots")).lines if each.name == FLASK]
    assert (line.across, line.cells) == ("not possible", ())
    for text in texts(name).values():
        flat = " ".join(text.split())
        assert f"Not possible (websocket): {NO_WEBSOCKET}." in flat
        assert "not possible" in flat or "cannot" in flat


def test_a_reason_is_listed_once_for_all_who_share_it() -> None:
    notes = [each for each in overview_table(sections(case("wide"))[0]).notes if NO_WEBSOCKET in each]
    assert len(notes) == 1


def test_what_no_target_of_a_group_can_do_is_not_possible() -> None:
    base = case("grouped")
    only = replace(TUNED, targets=(FLASK_2,))
    summary = replace(base, manifest=replace(base.manifest, groups=(EQUAL, only)))
    (found,) = [each for each in verdicts(summary) if each.group == "tuned" and each.place.startswith("websocket")]
    assert found.outcome is Outcome.NOT_POSSIBLE
    assert found.text == f"none of these targets can do it. Not possible for {FLASK_2}."


def test_cold_starts_are_told_by_time_and_as_how_many_times_as_fast() -> None:
    found = panel("cold-start", "equal-slots")
    assert [row.result.target for row in found.ranked] == [BARE, FLASK, STARLETTE]
    table = key_table(found)
    headings = ["Target", "Interpreter", "Start, ms", "Over the baseline", "CPU, ms/start"]
    assert [column.heading for column in table.columns] == headings
    by_name = {line.name: line.cells[1:] for line in table.lines}
    assert by_name[BARE][0].text.startswith("200")
    assert (by_name[BARE][1].text, by_name[BARE][1].word) == ("2.00×", "▲ faster")
    assert (by_name[STARLETTE][1].text, by_name[STARLETTE][1].word) == ("0.500×", "▼ slower")
    (sentence,) = [each for each in verdicts(case("wide")) if (each.place[:4], each.group) == ("cold", "equal-slots")]
    assert re.match(
        rf"{BARE} starts 2\.00\d*× \[[\d., ]+\] as fast as {FLASK}, the runner-up: in 200.* ms \[.*\]", sentence.text
    )


def test_interpreters_are_a_column_only_where_they_differ() -> None:
    headings = [column.name for column in key_table(panel("json", "tuned")).columns]
    assert headings[1] == "Interpreter"
    (line,) = [each for each in key_table(panel("json", "tuned")).lines if each.name == STARLETTE_2]
    assert line.cells[0].text == "CPython 3.13.1, free-threaded"
    assert "Interpreter" not in [c.name for c in key_table(panels(case("whole_run"))[0]).columns]


def test_messages_are_not_called_requests() -> None:
    found = panel("websocket", "equal-slots")
    assert key_table(found).columns[2].unit == "messages/s"
    (sentence,) = [each for each in verdicts(case("wide")) if (each.place[:3], each.group) == ("web", "equal-slots")]
    assert "messages/s" in sentence.text
    assert "requests/s" not in sentence.text


def test_a_note_stands_beside_its_scenarios_name() -> None:
    assert panel("new-connections", "tuned").place == (
        "new-connections (a new connection for every request), 16 connections"
    )
    for text in texts("wide").values():
        assert "a new connection for every request" in " ".join(text.split())


def test_who_is_kept_off_by_slow_clients_answers_nobody_and_is_not_invalid() -> None:
    found = panel("slow-clients", "tuned")
    assert [row.result.target for row in found.standing(Standing.SILENT)] == [FLASK_2]
    assert all(problem.severity != "invalid" for row in found.rows for problem in row.result.problems)
    (line,) = [each for each in key_table(found).lines if each.name == FLASK_2]
    assert line.across == "answers nobody"
    (told,) = [each for each in merged_problems(case("wide")) if (each.target, each.scenario) == (FLASK_2, SLOW.name)]
    assert advice_of(case("wide"))(told) == SLOW_CLIENTS_ADVICE
    assert SLOW_CLIENTS_ADVICE in page("wide")


def test_where_slow_clients_take_slots_away_nothing_is_compared_at_equal_slots() -> None:
    assert not [each for each in panels(case("wide")) if (each.scenario, each.group.name) == (SLOW, EQUAL.name)]
    apart = [row.result.target for each in uncompared(case("wide")) if each.scenario is SLOW for row in each.rows]
    assert sorted(apart) == sorted(EQUAL.targets)
    equal, tuned = sections(case("wide"))
    assert "nor where something other than slots decides: slow-clients." in equal.meaning
    assert "slow-clients" not in tuned.meaning


def test_an_overview_has_each_target_once_and_each_scenario_once() -> None:
    equal, tuned = (overview_table(section) for section in sections(case("wide")))
    assert sorted(line.name for line in equal.lines) == sorted(EQUAL.targets)
    assert sorted(line.name for line in tuned.lines) == sorted(TUNED.targets)
    assert [column.name for column in equal.columns[2:]] == [
        "json",
        "websocket",
        "cold-start",
        "new-connections",
    ]
    cells = {line.name: [cell.text for cell in line.cells[1:]] for line in equal.lines}
    assert cells[FLASK] == ["1×", "not possible", "1×", "1×"]
    assert [line.cells[-2].text for line in tuned.lines if line.name == FLASK_2] == ["▼ answers nobody"]
    assert cells[BARE][0] == "▲ 6.00×"
    assert cells[BARE][3] == "at least"


def test_a_wide_terminal_and_a_narrow_one_show_every_scenario() -> None:
    for width in (80, 140):
        text = render_terminal(case("wide"), width)
        assert max(map(len, text.splitlines())) <= width
        for name in ("json", "websocket", "cannot", "at least", "▼nobody", "First in each scenario"):
            assert name in text


def test_single_tables_are_folded_where_an_overview_comes_first() -> None:
    (key,) = [each for each in read("wide").all("section") if each.attributes["id"] == "key"]
    assert "json, 16 connections" in key.text
    assert page("wide").index("All scenarios: ratios over") < page("wide").index('id="validity"')
    assert "All scenarios: ratios over" not in page("grouped")
    assert render_markdown(case("wide")).count("<details>") == render_markdown(case("wide")).count("</details>") == 4


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("cold-start", "nothing presses on a start"),
        ("json-paced", "Not checked: Little's law and slots over wait, in the open loop"),
        ("json", "Physics, checked: Little's law. Not checked: slots over wait, for want of a known wait"),
    ],
)
def test_what_physics_cannot_check_is_marked(scenario: str, words: str) -> None:
    (figures, *_) = number_tables(panel(scenario, "tuned"), case("wide"))
    assert words in " ".join(figures.notes)
    told = {"cold-start": "not applicable: nothing presses on a start", "json-paced": "not applicable: open loop"}
    assert {line.cells[-1].text for line in figures.lines if line.cells} == {told.get(scenario, "held")}


def test_physics_holds_nothing_where_nothing_was_answered_or_a_figure_is_no_figure() -> None:
    def told(scenario: str, group: str) -> dict[str, str]:
        (figures, *_) = number_tables(panel(scenario, group), case("wide"))
        return {line.name: line.cells[-1].text for line in figures.lines if line.cells}

    assert told("slow-clients", "tuned") == {FLASK_2: "not applicable: no right answer", STARLETTE_2: "held"}
    assert told("new-connections", "equal-slots")[BARE] == "not applicable: a lower bound only"
    assert told("new-connections", "equal-slots")[FLASK] == "held"


def test_the_load_sides_wait_is_told_in_the_details() -> None:
    (figures, *_) = number_tables(panel("json", "tuned"), case("wide"))
    at = [column.name for column in figures.columns].index("Load side") - 1
    assert {line.cells[at].text for line in figures.lines} == {"20 % of its CPU"}
