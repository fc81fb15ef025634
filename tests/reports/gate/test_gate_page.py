import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from sgibench.reports.gate.chart import drawn
from sgibench.reports.gate.checks import State, checks
from sgibench.reports.gate.html import render_gate_html
from sgibench.reports.gate.words import dots
from sgibench.results.gate.judge import judge
from sgibench.results.gate.records import EpochNoise, GateRun
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.verdicts import GateVerdict
from sgibench.results.problems import Problem, ProblemCode, Severity

from .gate_pages import page, read
from .samples import RUNS, run_of, sample

SECTIONS = ["verdict", "validity", "key", "epochs", "numbers", "environment", "method", "reproduce"]


def section(name: str, ident: str) -> str:
    """A section's text, its spaces as one reads them."""
    found = next(each for each in read(name).elements if each.attributes.get("id") == ident)
    return " ".join(found.text.split())


@pytest.mark.parametrize("name", RUNS)
def test_the_page_is_well_formed_its_ids_unique_and_its_references_lead_somewhere(name: str) -> None:
    ids = [element.attributes["id"] for element in read(name).elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in read(name).elements:
        target = element.attributes.get("href", "")
        if target.startswith("#"):
            assert target[1:] in ids
        assert set(element.attributes.get("aria-labelledby", "").split()) <= set(ids)


@pytest.mark.parametrize("name", RUNS)
def test_the_page_asks_for_nothing_and_is_smaller_than_a_megabyte(name: str) -> None:
    for element in read(name).elements:
        assert "src" not in element.attributes
        assert element.tag not in ("img", "iframe", "object", "embed", "audio", "video")
        assert not any(key.startswith("on") for key in element.attributes)
        if "href" in element.attributes and element.tag != "a":
            assert element.attributes["href"].startswith(("#", "data:"))
    assert len(page(name).encode()) < 1_000_000


@pytest.mark.parametrize("name", RUNS)
def test_the_sections_come_in_their_order_and_headings_skip_no_level(name: str) -> None:
    assert [each.attributes["id"] for each in read(name).all("section")] == SECTIONS
    levels = [int(element.tag[1]) for element in read(name).elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", RUNS)
def test_tables_have_captions_and_scopes_and_charts_are_told_in_words(name: str) -> None:
    reader = read(name)
    assert len(reader.all("caption")) == len(reader.all("table"))
    assert all(heading.attributes.get("scope") in ("col", "row") for heading in reader.all("th"))
    charts = [element for element in reader.all("svg") if element.attributes["class"] == "chart"]
    assert len(charts) == len(reader.all("figure")) == len(reader.all("figcaption")) == len(reader.all("desc"))
    assert all(element.text.strip() for tag in ("figcaption", "desc") for element in reader.all(tag))
    used = set(re.findall(r"var\((--[\w-]+)\)", page(name)))
    assert all(f"{variable}:" in page(name) for variable in used)


@pytest.mark.parametrize(
    ("name", "verdict", "says"),
    [
        (
            "passed",
            GateVerdict.PASS,
            "✓ PASS The working tree (d4e5f6a, changed) is not worse than origin/main (a1b2c3d).",
        ),
        (
            "regressed",
            GateVerdict.REGRESSED,
            "✕ REGRESSED The working tree (d4e5f6a, changed) is worse than origin/main",
        ),
        ("inconclusive", GateVerdict.INCONCLUSIVE, "? INCONCLUSIVE Whether working tree (d4e5f6a, changed) is worse"),
        ("not_started", GateVerdict.REGRESSED, "fails where origin/main (a1b2c3d) does not. The head failed"),
        ("errors", GateVerdict.REGRESSED, "The head answers 2.00% of its requests wrongly or not at all in 5 of 5"),
        (
            "late",
            GateVerdict.INCONCLUSIVE,
            "Response time p50 and Response time p90 of json could not be measured in 9 of 13 epochs: the load side "
            "was late; give it a core of its own, or do without: --gate throughput --gate cpu --gate throughput-total",
        ),
        ("leak", GateVerdict.REGRESSED, "Memory growth is worse by 1,030 B/req"),
        ("one_epoch", GateVerdict.INCONCLUSIVE, "Too few epochs: 1"),
        ("nothing", GateVerdict.INCONCLUSIVE, "Nothing that decides was measured."),
    ],
)
def test_the_verdict_comes_first_in_words_with_what_was_compared(name: str, verdict: GateVerdict, says: str) -> None:
    assert sample(name)[1].verdict is verdict
    assert says in section(name, "verdict")


def test_what_got_worse_is_named_the_worst_first_with_how_surely() -> None:
    text = section("regressed", "verdict")
    said = r"CPU per request is worse by 7\.\d+ % \[\d\.\d+ to \d\.\d+\], surely by more than the 0\.125 %"
    assert re.search(said, text)
    rows = [" ".join(row.text.split()) for row in read("regressed").all("tr")]
    first = next(row for row in rows if row.startswith(("CPU", "Throughput")))
    assert "✕ regressed" in first
    assert "2 %" in first


def test_the_top_says_app_setup_interpreter_scenarios_and_epochs() -> None:
    top = " ".join(read("several").all("header")[0].text.split())
    assert "shop:app on uvicorn" in top
    assert "CPython 3.11.7 (base), CPython 3.13.1 (head)" in top
    assert "商品列表" in top
    assert "14 epochs, 1 of them left out" in top


def test_the_strip_says_what_the_verdict_rests_upon() -> None:
    fine = section("passed", "validity")
    assert "✓ NoiseOther programs took 0.03 (at worst 0.04) cores, the hypervisor 0.00 and" in fine
    assert "None of 13 epochs was left out." in fine
    assert "base answered 118,560 of 118,560 requests rightly" in fine.replace("Base", "base")
    assert "the same interpreter and versions." in fine
    doubtful = section("several", "validity")
    assert "! Epochs1 of 14 epochs left out for noise, by a rule that does not look at the outcome: 5." in doubtful
    assert "! Load sideServer and load share one core." in doubtful
    assert "fastapi 0.135.1 against 0.136.0; orjson none against 3.10; python CPython 3.11.7 against" in doubtful
    assert "with 910 errors" in section("errors", "validity")
    assert "✕ AnswersHead: does not start: it ended with code 1" in section("not_started", "validity")
    assert "! RunIt is interrupted" in section("one_epoch", "validity")


def test_a_machine_that_others_use_all_the_time_is_a_doubt() -> None:
    run, result = sample("passed")
    busy = tuple(replace(each, noise=EpochNoise(0.9, 0.2, None)) for each in run.epochs)
    text = render_gate_html(replace(run, epochs=busy), result)
    assert re.search(
        r'<li class="warning"><b>.*</span> Noise</b>Other programs took 0\.90 \(at worst 0\.90\) cores', text
    )


def test_a_problem_of_many_epochs_is_told_once_with_how_many() -> None:
    run, result = sample("passed")
    late = [Problem(ProblemCode.GENERATOR_LIMITED, f"requests left {at} ms late", "base", "json") for at in range(13)]
    epochs = tuple(replace(each, problems=(problem,)) for each, problem in zip(run.epochs, late, strict=True))
    unmeasured = Problem(
        ProblemCode.UNCHECKED, "response_time_p50_ms was measured in no epoch", severity=Severity.WARNING
    )
    text = render_gate_html(replace(run, epochs=epochs), replace(result, problems=(unmeasured,)))
    assert text.partition("<script")[0].count("requests left") == 1
    assert "base, json: requests left 0 ms late (in 13 epochs)" in text
    assert "In 13 of 13 epochs, for example: Requests left 0 ms late." in text
    assert "Response time p50 was measured in no epoch" in text
    assert "DATABASE_URL" not in text


def test_metrics_that_only_are_reported_stand_apart() -> None:
    text = section("passed", "key")
    decides, _, reported = text.partition("Reported only")
    assert "Response time p99" not in decides
    assert "Response time p99" in reported
    assert "Throughput" not in reported


def test_each_metric_has_a_chart_with_its_limits_named() -> None:
    assert len(read("passed").all("figure")) == 10
    for drawing in re.findall(r'<svg class="chart".*?</svg>', page("passed"), re.DOTALL):
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawing)
        assert {"threshold", "margin", "estimate", "epoch", "change, worse ↑"} <= set(texts)


def test_how_well_an_epoch_was_measured_is_shown_where_its_rounds_tell() -> None:
    run = run_of(13)
    result = judge(run, final=True)
    cpu, memory = (
        next(each for each in result.metrics if each.metric is metric)
        for metric in (GateMetric.CPU, GateMetric.MEMORY_IDLE)
    )
    shown = dots(run, result, cpu)
    for dot, epoch in zip(shown, run.epochs, strict=True):
        pair = epoch.values[cpu.scenario, GateMetric.CPU]
        upper = 100 * (pair.head / pair.base * math.exp(pair.error or 0.0) - 1)
        assert dot.change + dot.error == pytest.approx(upper, rel=0.01)
    assert {dot.error for dot in dots(run, result, memory)} == {0.0}
    assert "standard error" in section("passed", "epochs")
    bare = [replace(dot, error=0.0) for dot in shown]
    assert drawn(cpu, shown, "cpu", "CPU").count("<path") > drawn(cpu, bare, "cpu", "CPU").count("<path")


def test_an_epoch_far_away_is_at_the_edge_and_the_others_stay_apart() -> None:
    assert "1 epoch beyond the edge, at the arrowhead." in section("wild", "epochs")
    assert "beyond the edge" not in section("passed", "epochs")


def test_epochs_that_do_not_count_are_marked() -> None:
    assert "5 left out" in section("several", "numbers")
    run = run_of(13)
    longer = replace(run, epochs=(*run.epochs, replace(run.epochs[0], number=14)))
    result = judge(longer, final=True)
    assert result.decided_at == 9
    assert "after the verdict" in render_gate_html(longer, result)


def test_without_an_interval_it_is_said() -> None:
    assert "(one epoch: no interval)" in section("one_epoch", "key")
    assert "There is none to show." in section("nothing", "epochs")


def test_the_figures_are_embedded_as_json() -> None:
    run, result = sample("passed")
    (script,) = read("passed").all("script")
    assert script.attributes == {"type": "application/json", "id": "results"}
    embedded = json.loads(script.text)
    assert embedded["result"] == json.loads(json.dumps(result.to_dict()))
    assert GateRun.from_dict(embedded["run"]).to_dict() == run.to_dict()


def test_a_run_too_large_for_a_page_says_what_was_left_off() -> None:
    text = section("many", "epochs")
    assert "Not drawn: more charts would make this page too large" in text
    assert "they lie beside it, as result.json" in section("many", "reproduce")


def test_text_from_outside_stays_text() -> None:
    assert not read("injection").all("img")
    assert len(read("injection").all("script")) == 1
    assert "<script>alert" not in page("injection")
    assert "\x1b" not in page("injection")
    assert "\x00" not in page("injection")


def test_the_command_can_be_given_again_with_its_seed_and_the_run_judged_again() -> None:
    text = section("passed", "reproduce")
    assert "bench gate --base origin/main --app shop:app --seed 20261122" in text
    assert "bench gate --rejudge bench-results/20261122-062032-gate" in text
    assert "The command was not recorded." in section("nothing", "reproduce")


def test_the_run_is_judged_again_from_the_folder_that_it_is_in() -> None:
    """pyproject.toml may have named it, which no command tells."""
    text = render_gate_html(*sample("passed"), "out of/a-against-a")
    assert "bench gate --rejudge &#39;out of/a-against-a&#39;" in text


def test_what_is_to_be_known_of_the_sides_is_told_beside_what_differs() -> None:
    run, result = sample("several")
    same = Problem(ProblemCode.SIDES, "both sides are commit a1b2c3d: they are the same", severity=Severity.WARNING)
    (sides,) = (each for each in checks(replace(run, problems=(same,)), result) if each.name == "Sides")
    assert sides.state is State.WARNING
    assert "fastapi 0.135.1 against 0.136.0" in sides.text
    assert "Both sides are commit a1b2c3d: they are the same." in sides.text


def test_a_run_that_was_stored_is_drawn_as_it_was_to_the_byte() -> None:
    run, result = sample("several")
    stored = GateRun.from_dict(json.loads(json.dumps(run.to_dict(), allow_nan=False)))
    assert render_gate_html(stored, result) == page("several")
