import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from sgibench.reports.format import columns, plain
from sgibench.reports.gate.checks import problems_of
from sgibench.reports.gate.github import annotations, command, step_summary
from sgibench.reports.gate.history import history_lines
from sgibench.reports.gate.junit import render_gate_junit
from sgibench.reports.gate.markdown import render_gate_markdown
from sgibench.reports.gate.terminal import gate_view
from sgibench.reports.gate.words import reasons
from sgibench.results.gate.verdicts import GateVerdict, MetricVerdict

from .samples import RUNS, sample

VERDICT_WORDS = {"passed": "✓ PASS", "regressed": "✕ REGRESSED", "inconclusive": "? INCONCLUSIVE"}


def markdown(name: str) -> str:
    return render_gate_markdown(*sample(name))


def view(name: str, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(gate_view(*sample(name)))
    return file.getvalue()


def junit(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(render_gate_junit(*sample(name)).encode())


@pytest.mark.parametrize("name", RUNS)
def test_a_comment_begins_with_its_marker_then_the_verdict_and_github_takes_it(name: str) -> None:
    lines = markdown(name).splitlines()
    assert lines[0] == "<!-- sgibench-gate -->"
    assert re.match(r"### [✓✕?] (PASS|REGRESSED|INCONCLUSIVE): ", lines[1])
    assert len(markdown(name).encode("utf-16-le")) // 2 < 65_536
    assert markdown(name).count("<details>") == markdown(name).count("</details>") >= 1


def test_the_comment_has_the_key_table_open_and_the_rest_folded() -> None:
    head, _, folded = markdown("regressed").partition("<details>")
    assert re.search(r"\| CPU per request \| 4\d\d µs \| 4\d\d µs \| \+7\.\d+ % \[.*\] \| 2 % \| ✕ regressed \|", head)
    assert "Response time p99" not in head
    assert "Response time p99" in folded
    assert "--seed 20261122" in folded


@pytest.mark.parametrize("name", RUNS)
def test_the_terminal_tells_of_no_problem_twice(name: str) -> None:
    said = view(name, 100_000)
    assert all(said.count(plain(problem.message)) <= 1 for problem, _ in problems_of(*sample(name)))


@pytest.mark.parametrize("name", RUNS)
def test_rows_of_a_markdown_table_have_as_many_cells_as_its_heading(name: str) -> None:
    for _, rows in tables(markdown(name)):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def tables(text: str) -> Iterator[tuple[int, list[str]]]:
    rows: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""]):
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            yield number, rows
            rows = []


def test_nothing_in_a_comment_is_markup_calls_people_or_ends_its_marker() -> None:
    text = markdown("injection")
    prose = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)  # indented by four it is code, of which nothing is markup
    assert not re.search(r"(?<!\\)<(script|img)", prose)
    assert not re.search(r"@[A-Za-z]", prose)
    assert text.splitlines()[0] == "<!-- sgibench-gate -->"
    assert "\n::error" not in text


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_gets_the_verdict_first_within_its_width(name: str, width: int) -> None:
    lines = view(name, width).splitlines()
    assert re.match(r"[✓✕?] (PASS|REGRESSED|INCONCLUSIVE)  ", lines[0])
    assert max(columns(line.rstrip()) for line in lines) <= width
    assert "\x1b" not in view(name, width)


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_shows_change_and_verdict_of_each_metric(width: int) -> None:
    text = view("regressed", width)
    assert re.search(r"CPU per request .*\+7\.\d+ %.*✕ regressed", text)
    assert re.search(r"Memory at rest .*✓ pass", text)
    assert "shop:app on uvicorn" in text


@pytest.mark.parametrize("name", RUNS)
def test_junit_counts_are_right_and_it_fails_if_and_only_if_the_gate_says_regressed(name: str) -> None:
    root, (run, result) = junit(name), sample(name)
    (suite,) = root.findall("testsuite")
    cases = suite.findall("testcase")
    for outcome, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        count = len(suite.findall(f"testcase/{outcome}"))
        assert root.attrib[attribute] == suite.attrib[attribute] == str(count)
    assert suite.attrib["tests"] == str(len(cases))
    names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert len(names) == len(set(names))
    bad = len(suite.findall("testcase/failure")) + len(suite.findall("testcase/error"))
    assert bool(bad) is (result.verdict is GateVerdict.REGRESSED)
    if result.verdict is GateVerdict.INCONCLUSIVE:
        assert suite.findall("testcase/skipped")
    gating = {each.metric.value for each in result.metrics if each.gating}
    assert gating <= {name for _, name in names}
    assert run.failures == () or bad


@pytest.mark.parametrize("name", RUNS)
def test_junit_has_the_elements_and_attributes_that_its_readers_know_in_their_order(name: str) -> None:
    root = junit(name)
    allowed = {
        "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        "property": {"name", "value"}, "properties": set(), "system-out": set(),
        "testcase": {"classname", "name", "time"},
        "failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message"},
    }  # fmt: skip
    for element in root.iter():
        assert set(element.attrib) <= allowed[element.tag]
    (suite,) = root
    tags = [child.tag for child in suite]
    assert tags == ["properties", *["testcase"] * tags.count("testcase"), "system-out"]
    assert all(len(case) <= 1 for case in suite.findall("testcase"))


def test_what_could_not_be_measured_is_said_in_every_form_with_what_to_do() -> None:
    said = "could not be measured in 9 of 13 epochs: the load side was late; give it a core of its own, or do without"
    assert said in " ".join(view("late", 140).split())
    assert said in markdown("late").replace("\\", "")
    assert said in annotations(*sample("late")).replace("%3A", ":").replace("%2C", ",")
    skipped = [case.find("skipped") for case in junit("late").iter("testcase")]
    assert any(each is not None and said in each.attrib["message"] for each in skipped)


def test_lines_of_a_failure_end_alike_in_junit() -> None:
    run, result = sample("not_started")
    (failure,) = run.failures
    windows = replace(run, failures=(replace(failure, message="one\r\ntwo\rthree\x1b"),))
    (found,) = ElementTree.fromstring(render_gate_junit(windows, result)).iter("failure")
    assert found.text == "one\ntwo\nthree\ufffd"


def test_a_regressed_metric_that_could_not_be_trusted_fails_nothing() -> None:
    run, result = sample("regressed")
    doubted = replace(result, verdict=GateVerdict.INCONCLUSIVE, reasons=("the load side may have been the limit",))
    worse = next(each for each in doubted.metrics if each.verdict is MetricVerdict.REGRESSED)
    root = ElementTree.fromstring(render_gate_junit(run, doubted))
    assert not list(root.iter("failure"))
    skipped = [case.attrib["name"] for case in root.iter("testcase") if case.find("skipped") is not None]
    assert worse.metric.value in skipped


def test_annotations_are_errors_warnings_and_notices_one_line_each() -> None:
    levels = {"passed": "notice", "regressed": "error", "inconclusive": "warning", "not_started": "error"}
    for name, level in levels.items():
        lines = annotations(*sample(name)).splitlines()
        assert lines
        assert all(line.startswith(f"::{level} title=bench gate%3A ") for line in lines)
    lines = annotations(*sample("many")).splitlines()
    assert len(lines) == 6  # of which GitHub shows ten
    assert lines[-1].endswith("146 more figures got surely worse too.")


def test_a_workflow_command_cannot_be_ended_or_begun_by_what_it_says() -> None:
    said = command("error", "a: b, 50 %", "c\nd\r::error::e 5 %")
    assert said == "::error title=a%3A b%2C 50 %25::c%0Ad%0D::error::e 5 %25"
    lines = annotations(*sample("injection")).splitlines()
    assert all(line.startswith("::error title=") for line in lines)
    assert len(lines) == len(reasons(*sample("injection"))), "what a name says is no line of its own"


def test_the_step_summary_is_the_comment_without_its_marker() -> None:
    run, result = sample("regressed")
    assert step_summary(run, result) == render_gate_markdown(run, result).removeprefix("<!-- sgibench-gate -->\n")


@pytest.mark.parametrize("name", RUNS)
def test_the_history_gets_one_line_with_time_commit_and_figures(name: str) -> None:
    text = history_lines(*sample(name))
    assert text.count("\n") == 1
    line = json.loads(text)
    assert set(line) == {"timestamp", "metrics", "attributes"}
    assert isinstance(line["timestamp"], int)
    assert all(isinstance(value, str) for value in line["attributes"].values())
    names = [metric["name"] for metric in line["metrics"]]
    assert len(names) == len(set(names))
    assert all(set(metric) == {"name", "value"} for metric in line["metrics"])


def test_the_history_says_how_the_head_stands_to_its_base_as_a_ratio() -> None:
    run, result = sample("regressed")
    line = json.loads(history_lines(run, result, branch="main"))
    values = {metric["name"]: metric["value"] for metric in line["metrics"]}
    assert 1.06 < values["json.cpu_us_per_request.worse"] < 1.09
    assert values["json.cpu_us_per_request.head"] > 400
    assert "launch.leak_bytes_per_request.worse" not in values
    assert line["timestamp"] == 1795328432
    assert line["attributes"]["branch"] == "main"
    assert line["attributes"]["commit"] == "d4e5f6a1b2c3"
    assert line["attributes"]["verdict"] == "regressed"


def test_all_lines_of_a_history_have_the_same_attributes_and_metrics() -> None:
    lines = [json.loads(history_lines(*sample(name))) for name in ("passed", "regressed", "inconclusive", "one_epoch")]
    assert len({tuple(line["attributes"]) for line in lines}) == 1
    assert len({tuple(metric["name"] for metric in line["metrics"]) for line in lines}) == 1
