import json
import re
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from sgibench.reports.document import render_json
from sgibench.reports.html import render_html
from sgibench.reports.markdown import escaped, render_markdown
from sgibench.reports.terminal import render_terminal

from .report_cases import CASES, case
from .report_pages import page

RENDERERS: Mapping[str, Callable[[str], str]] = {
    "html": page,
    "json": lambda name: render_json(case(name), "report.html"),
    "markdown": lambda name: render_markdown(case(name)),
    "terminal 80": lambda name: render_terminal(case(name), width=80),
    "terminal 120": lambda name: render_terminal(case(name), width=120),
    "terminal 200": lambda name: render_terminal(case(name), width=200, color=True),
}
LEAKS = re.compile(r"\b(nan|NaN|None|inf|Infinity|Estimate|Undefined)\b|\d\.\d+e[+-]?\d|<generator|object at 0x")
SGR = re.compile(r"\x1b\[[\d;]*m")


@cache
def drawn(renderer: str, name: str) -> str:
    return RENDERERS[renderer](name)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_every_renderer_copes_with_every_summary(renderer: str, name: str) -> None:
    text = drawn(renderer, name)
    assert text.strip()
    assert text.endswith("\n")
    leak = LEAKS.search(text)
    assert leak is None, text[max(leak.start() - 80, 0) : leak.end() + 40]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_every_renderer_names_what_was_measured(renderer: str, name: str) -> None:
    text = drawn(renderer, name)
    if name not in ("injection", "long_names"):
        for result in case(name).results:
            shown = result.target.replace("_", "\\_") if renderer == "markdown" else result.target
            assert shown in text or "…" in text


@pytest.mark.parametrize("renderer", ["markdown", "terminal 80", "terminal 200"])
def test_nothing_from_outside_steers_the_terminal(renderer: str) -> None:
    text = SGR.sub("", RENDERERS[renderer]("injection"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x1b[31mapp" not in RENDERERS[renderer]("injection")


def test_nothing_from_outside_is_markup_in_markdown() -> None:
    text = render_markdown(case("injection"))
    assert "<script" not in text.replace("\\<script", "")
    assert "\\|[bold]\\*x\\*" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}


def test_a_link_in_a_name_is_no_link_in_markdown() -> None:
    assert escaped("![a](http://evil.example)") == "![a]\\(http://evil.example)"


def test_the_json_is_the_summary() -> None:
    summary = case("at_least")
    assert json.loads(render_json(summary, "report.html")) == json.loads(json.dumps(summary.to_dict("report.html")))
    assert json.loads(render_json(summary))["report"] is None


def test_markdown_has_a_table_for_each_scenario() -> None:
    text = render_markdown(case("whole_run"))
    assert text.count("\n### ") == 2
    assert "| bare-asgi@uvicorn | 11,800 [10,200 to 13,700] | 5.22× [5.12, 5.32] ▲ faster |" in text


@pytest.mark.parametrize("name", ["whole_run", "injection", "at_least"])
def test_the_same_summary_gives_the_same_bytes(name: str) -> None:
    assert render_html(case(name)).encode() == page(name).encode()


@pytest.mark.parametrize("name", ["whole_run", "long_names", "at_least", "all_invalid", "one_epoch"])
@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_terminal_lines_fit_their_width(name: str, width: int) -> None:
    for line in render_terminal(case(name), width=width).splitlines():
        assert len(line) <= width


def test_a_narrow_terminal_keeps_ratio_and_tail_latency() -> None:
    text = render_terminal(case("whole_run"), width=80)
    assert "5.22× [5.12, 5.32] ▲" in text
    assert "▲ faster  ▼ slower" in text
    assert "p99" in text
    assert "CPU" not in text


def test_a_wide_terminal_shows_every_column_and_interval() -> None:
    text = render_terminal(case("whole_run"), width=200)
    assert "CPU" in text
    assert "38.1 [37.9 to 38.3]" in text


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_missing_latency_has_a_footnote(width: int) -> None:
    def text(name: str) -> str:
        return " ".join(render_terminal(case(name), width=width).split())

    assert "Latency “–”: too few answers (each launch needs ten beyond a percentile), or longer than half" in text(
        "short_turns"
    )
    assert "Latency “–”" not in text("whole_run")


def test_colour_is_only_there_when_asked_for() -> None:
    assert "\x1b[" in render_terminal(case("whole_run"), color=True)
    assert "\x1b[" not in render_terminal(case("whole_run"))
