import html
import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from sgibench.reports.claims.html import Room, render_claims_html
from sgibench.results.claims import Claimed, ClaimsRun, ClaimVerdict, Measured

from .claims_pages import page, read
from .samples import (
    CODE,
    IDS,
    RUNS,
    fact_claim,
    gain_claim,
    memory_claim,
    result_of,
    run_of,
    sample,
    unmeasured_claim,
)

SECTIONS = ["verdict", "claims", "environment", "method", "reproduce"]


def section(name: str, ident: str) -> str:
    """A section's text, its spaces as one reads them."""
    found = next(each for each in read(name).elements if each.attributes.get("id") == ident)
    return " ".join(found.text.split())


def texts_of_charts(text: str) -> list[str]:
    drawings = "".join(re.findall(r'<svg class="chart".*?</svg>', text, re.DOTALL))
    return [html.unescape(found) for found in re.findall(r"<text[^>]*>([^<]*)</text>", drawings)]


@pytest.mark.parametrize("name", RUNS)
def test_the_page_is_well_formed_its_ids_unique_and_its_references_lead_somewhere(name: str) -> None:
    ids = [element.attributes["id"] for element in read(name).elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", ident) for ident in ids)
    for element in read(name).elements:
        target = element.attributes.get("href", "")
        if target.startswith("#"):
            assert target[1:] in ids
        assert set(element.attributes.get("aria-labelledby", "").split()) <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page(name))) <= set(ids)


@pytest.mark.parametrize("name", RUNS)
def test_the_page_asks_for_nothing(name: str) -> None:
    for element in read(name).elements:
        assert "src" not in element.attributes
        assert element.tag not in ("img", "iframe", "object", "embed", "audio", "video")
        assert not any(key.startswith("on") for key in element.attributes)
        if "href" in element.attributes and element.tag != "a":
            assert element.attributes["href"].startswith(("#", "data:"))


@pytest.mark.parametrize("name", RUNS)
def test_the_page_is_smaller_than_a_megabyte(name: str) -> None:
    assert len(page(name).encode()) < 1_000_000


@pytest.mark.parametrize("name", RUNS)
def test_the_sections_come_in_their_order_and_headings_skip_no_level(name: str) -> None:
    assert [each.attributes["id"] for each in read(name).all("section")] == SECTIONS
    levels = [int(element.tag[1]) for element in read(name).elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", RUNS)
def test_tables_have_captions_and_scopes(name: str) -> None:
    assert len(read(name).all("caption")) == len(read(name).all("table"))
    assert all(heading.attributes.get("scope") in ("col", "row") for heading in read(name).all("th"))


@pytest.mark.parametrize("name", RUNS)
def test_every_chart_is_told_in_words_and_takes_its_colours_from_the_page(name: str) -> None:
    reader = read(name)
    charts = [element for element in reader.all("svg") if element.attributes["class"] == "chart"]
    assert len(charts) == len(reader.all("figure")) == len(reader.all("figcaption")) == len(reader.all("desc"))
    assert all(element.text.strip() for tag in ("figcaption", "desc") for element in reader.all(tag))
    for drawing in re.findall(r"<svg.*?</svg>", page(name), re.DOTALL):
        assert not re.search(r"#[0-9a-f]{6}\b", "".join(re.findall(r"<[^>]*>", drawing)))
    used = set(re.findall(r"var\((--[\w-]+)\)", page(name)))
    assert all(f"{variable}:" in page(name) for variable in used)


def without_code(run: ClaimsRun) -> object:
    data = run.to_dict()
    return json.loads(json.dumps(data | {"claims": [{**claim, "code": ""} for claim in data["claims"]]}))


@pytest.mark.parametrize("name", RUNS)
def test_the_figures_are_embedded_as_json(name: str) -> None:
    (script,) = read(name).all("script")
    assert script.attributes == {"type": "application/json", "id": "results"}
    assert json.loads(script.text) == without_code(sample(name))


def test_what_has_no_room_on_a_page_is_said_and_not_lost_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgibench.reports.claims.html.ROOMS", (Room(charts=60_000, code=30_000, embedded=30_000),))
    text = render_claims_html(sample("several"))
    assert "<script" not in text
    assert "they lie beside it, as <code>claims.json</code>" in text
    assert "The code that ran would make this page too large." in text
    assert "Not drawn: more charts would make this page too large to be sent round." in text
    # the first interpreter's charts are all there, and come before the others'
    assert all(f'id="c{at}-0-title"' in text for at in range(0, 24, 6))
    assert 'id="c18-1-title"' not in text


def test_all_charts_and_all_code_of_24_claims_have_room() -> None:
    text = read("whole").visible_text()
    assert "too large" not in text
    assert len(read("whole").all("figure")) == 8
    assert len([each for each in read("whole").all("pre") if "code" in each.attributes.get("class", "")]) == 24


def test_verdicts_are_counted_and_come_before_all_else() -> None:
    text = section("whole", "verdict")
    assert "24 claims: 4 reproduced, 4 in part, 4 outdated, 12 not measurable here on CPython 3.11.7." in text
    assert text.index("24 claims") < text.index("thread-memory")
    rows = [row for row in read("whole").all("tr") if "thread-memory" in row.text]
    said = " ".join(rows[0].text.split())
    assert "✓ thread, virtual: 8,190 KiB [8,030 to 8,360]" in said
    assert "✕ thread, resident: 16.0 KiB [15.7 to 16.4]" in said
    assert "◐\N{NO-BREAK SPACE}in part" in rows[0].text
    assert "A thread's stack is reserved as address space at once" in said
    assert all(f'href="#claim-{ident}"' in page("whole") for ident in IDS)


def test_the_page_says_on_which_machine_and_how_thoroughly() -> None:
    top = read("one").all("header")[0].text
    assert "AMD EPYC 7763, 2 cores (virtual), 23.5 GiB of memory, Debian GNU/Linux 12 (bookworm)" in top
    assert "quick run" in top
    assert "full run" in read("whole").all("header")[0].text
    assert "this was a quick run" in section("one", "verdict")
    assert "fastapi 0.115.6, pydantic 2.10.1, uvicorn 0.34.0" in section("one", "environment")


def test_a_claim_shows_its_readings_with_what_was_claimed_and_how_it_was_taken() -> None:
    text = section("one", "claim-thread-memory")
    assert "Article A, “FastAPI 系统性学习记录”, 4.4." in text
    assert "1,024 to 8,192 KiB taken as 819 to 10,200" in text
    assert "✓ holds 8,190 KiB [8,030 to 8,360]" in text
    assert "✕ fails 16.0 KiB [15.7 to 16.4]" in text
    assert "1,000 to 2,000×" in text
    assert "✕ fails 18.4× [18.0, 18.8]" in text
    assert "A thread reserves megabytes of address space, and uses some 16 KiB of memory." in text


def test_the_code_that_ran_is_shown_as_it_is() -> None:
    (code,) = [each for each in read("one").all("pre") if "code" in each.attributes.get("class", "")]
    assert code.text == CODE
    assert f"The code that ran ({len(CODE.splitlines())} lines)" in read("one").visible_text()


def test_charts_are_text_with_what_was_claimed_in_them() -> None:
    texts = texts_of_charts(page("one"))
    assert {"claimed of a thread", "claimed of a coroutine", "how many there are (log scale)"} <= set(texts)
    assert {"100", "1,000", "10,000"} <= set(texts)
    dots = texts_of_charts(render_claims_html(run_of(gain_claim())))
    assert {"echo over TCP", "claimed", "times as fast"} <= set(dots)
    assert any(re.fullmatch(r"2\.\d\d \[2\.\d\d, 2\.\d\d\]", text) for text in dots)


def test_a_chart_without_points_is_said_and_not_drawn() -> None:
    assert "No chart: there is no point to draw." in section("odd_charts", "claim-chart-1")
    assert "No chart: there is no point to draw." in section("odd_charts", "claim-chart-2")
    assert len(read("odd_charts").all("figure")) == 7


def test_several_interpreters_stand_side_by_side() -> None:
    headings = [each.text for each in read("several").all("th") if each.attributes["scope"] == "col"][:6]
    names = ["CPython 3.11.7", "CPython 3.13.1", "CPython 3.14.0 free-threaded"]
    assert headings == ["Claim", "Claimed", *names, "Why"]
    text = section("several", "verdict")
    assert all(f"on {name}." in text for name in names)
    assert "5 claims: 1 reproduced, 1 in part, 1 outdated, 2 not measurable here on CPython 3.14.0" in text
    assert "not tested" in section("several", "claim-protocols")
    assert "This run is interrupted." in text
    # an explanation stands once, and says of whom only where it is not of all
    why = section("several", "claim-thread-memory")
    assert why.count("parked Python thread has touched") == 1
    assert "CPython 3.11.7, CPython 3.13.1: A thread's stack" in section("several", "claim-wsgi-one-at-a-time")


def test_what_kept_a_claim_from_being_measured_stands_where_the_reason_would() -> None:
    fine = render_claims_html(run_of(unmeasured_claim()))
    assert "gunicorn is not installed in this interpreter: pip install gunicorn" in fine
    assert "The experiment failed" not in fine
    assert "The experiment failed: gunicorn" in render_claims_html(run_of(unmeasured_claim(failed=True)))
    undecided = run_of(gain_claim())
    assert undecided.results[0].verdict is ClaimVerdict.NOT_MEASURABLE
    assert "Undecided: no interval lies wholly within what was claimed" in render_claims_html(undecided)


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "✓ holds 12 of 12 times"), (0.0, "✕ fails 0 of 12 times"), (0.4, "✕ fails 40.0 % [20.0 to 80.0 %]")],
)
def test_a_bare_fact_is_told_as_how_often_it_was_so(share: float, words: str) -> None:
    text = " ".join(re.sub(r"<[^>]*>", " ", render_claims_html(run_of(fact_claim(share)))).split())
    assert "always" in text
    assert words in text


def test_what_was_true_once_names_the_versions() -> None:
    text = render_claims_html(run_of(fact_claim(0.0, before="Pydantic 1")))
    assert "was so in Pydantic 1" in text
    assert "outdated" in text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (2, None, "at least 2 KiB"),
        (None, 60, "at most 60 KiB"),
        (5, 5, "5 KiB"),
        (1, 1, "1 KiB"),
        (0, 4, "0 to 4 KiB"),
        (0.5, 2, "0.5 to 2 KiB"),
        (None, None, "anything"),
    ],
)
def test_open_ranges_are_said_in_words(low: float | None, high: float | None, words: str) -> None:
    base = memory_claim()
    claimed = Claimed(low, high)
    readings = tuple(replace(finding.reading, claimed=claimed) for finding in base.findings[:1])
    text = render_claims_html(run_of(result_of("it", readings, base.measured)))
    assert f'<div><span class="figure">{words}</span>' in text


def test_text_from_outside_stays_text() -> None:
    assert not read("injection").all("img")
    assert len(read("injection").all("script")) == 1
    assert "<script>alert('x')</script>" in read("injection").visible_text()
    assert "</script><img" not in page("injection")
    assert "<script>alert" not in page("injection")


def test_the_command_can_be_given_again_with_its_seed() -> None:
    assert "bench claims --python /opt/secret/bin/python3.13 --seed 20261122" in section("whole", "reproduce")
    assert "The command was not recorded." in section("nothing", "reproduce")


def test_a_run_without_claims_says_so() -> None:
    assert "No claim was put to the test." in section("nothing", "verdict")
    bare = replace(memory_claim(), measured=Measured(()), findings=(), interpreter="")
    assert "CPython 3.11.7" in render_claims_html(run_of(bare))  # the interpreter of the run itself


def test_the_same_run_gives_the_same_bytes() -> None:
    assert render_claims_html(sample("whole")) == page("whole")


def test_a_run_that_was_stored_is_drawn_as_it_was() -> None:
    stored = json.loads(json.dumps(sample("several").to_dict(), allow_nan=False))
    assert render_claims_html(ClaimsRun.from_dict(stored)) == page("several")


def test_charts_and_code_give_way_where_the_figures_alone_fill_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgibench.reports.claims.html.PAGE_BYTES_MAX", 300_000)
    text = render_claims_html(sample("several"))
    assert len(text.encode()) < 300_000
    assert "Not drawn: more charts" in text
    assert "✓ holds" in text
