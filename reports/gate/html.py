"""A gate's run as one HTML page: no requests, no scripts that run, light and dark, on a phone and on paper."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...results.gate.records import GateRun
from ...results.gate.settings import GateMetric
from ...results.gate.verdicts import GateResult, GateVerdict, MetricResult
from ...results.problems import ProblemCode, Severity
from ..details import environment_entries
from ..document import command_line, embedded_json
from ..figures import Figure
from ..format import duration, exact, percent, plain
from ..html import TEMPLATES as SHARED
from ..html import page_environment
from ..problems import ADVICE, problem_sentence
from .chart import KEY, caption, drawn
from .checks import checks, problems_of
from .tables import (
    answers_table,
    epochs_tables,
    key_table,
    launches_table,
    looks_table,
    sides_table,
    tests_table,
)
from .words import ICONS, TITLE, WORDS, dots, facts, headline, metric_place, readable, reasons, side_name, split

TEMPLATES = Path(__file__).parent / "templates"
STYLES = (SHARED / "style.css", TEMPLATES / "gate.css")
# Of a page: charts and embedded JSON give way, the figures stay.
CHART_BYTES_MAX = 400_000
EMBEDDED_BYTES_MAX = 250_000
EPOCH_ROWS_MAX = 1_500
TONES = {GateVerdict.PASS: "pass", GateVerdict.REGRESSED: "regressed"}
# What is not looked at in `bench run` is another thing than a metric without a figure.
GATE_ADVICE = {code: text for code, text in ADVICE.items() if code is not ProblemCode.UNCHECKED}
NO_ROOM = "Not drawn: more charts would make this page too large to be sent round. Its figures are below."


def render_gate_html(run: GateRun, result: GateResult, folder: str = "") -> str:
    """The whole page. `folder` is where the run is stored, as it is to be named; else where it is stored by itself."""
    return page_environment(TEMPLATES).get_template("gate.html.j2").render(_context(run, result, folder))


def _context(run: GateRun, result: GateResult, folder: str) -> dict[str, Any]:
    gating, reported = split(result.metrics)
    figures = _figures([*gating, *reported], run, result)
    rows = len(run.epochs) * len({each.scenario for each in result.metrics})
    every = epochs_tables(run, result) if rows <= EPOCH_ROWS_MAX else ()
    return {
        "style": Markup("\n".join(path.read_text(encoding="utf-8") for path in STYLES)),
        "title": f"{TITLE}: {plain(run.app)}",
        "run": run,
        "word": WORDS[result.verdict],
        "icon": ICONS[result.verdict],
        "tone": TONES.get(result.verdict, "inconclusive"),
        "headline": headline(run, result),
        "reasons": reasons(run, result),
        "facts": (plain(run.started_at.replace("T", " ")[:19]), *facts(run, result)),
        "compared": _compared(run),
        "checks": checks(run, result),
        "problems": problems_of(run, result),
        "problem_sentence": lambda problem: readable(problem_sentence(problem)),
        "advice": GATE_ADVICE,
        "invalid": Severity.INVALID,
        "key_table": key_table(run, result),
        "reported_table": key_table(run, result, gating=False) if reported else None,
        "figures": figures[: len(gating)],
        "reported_figures": figures[len(gating) :],
        "chart_key": KEY,
        "tests": tests_table(run, result),
        "looks": looks_table(run, result),
        "epochs": every,
        "left_off": bool(result.metrics) and not every,
        "launches": launches_table(run, result),
        "answers": answers_table(run),
        "sides": sides_table(run),
        "environment": environment_entries(run.environment),
        "settings": run.settings,
        "sure": percent(run.settings.alpha),
        "pass_sure": percent(run.settings.pass_alpha),
        "threshold": exact(run.settings.threshold_of(GateMetric.CPU)),
        "margin": exact(run.settings.margin_of(GateMetric.CPU)),
        "budget": duration(run.settings.budget_s),
        "memory_floor": exact(run.settings.memory_floor_mib),
        "leak_limit": exact(run.settings.leak_limit_bytes),
        "command": command_line(run.command, run.seed),
        "rejudge": plain(shlex.join(["bench", "gate", "--rejudge", folder or f"bench-results/{run.run_id}"])),
        "json": _embedded(run, result),
    }


def _compared(run: GateRun) -> list[tuple[str, str]]:
    """What stands against what, as short as it can be said."""
    return [("base", side_name(run.base)), ("head", side_name(run.head))]


def _figures(metrics: Sequence[MetricResult], run: GateRun, result: GateResult) -> list[Figure]:
    figures, room = [], CHART_BYTES_MAX
    for number, each in enumerate(metrics):
        title = metric_place(each, run)
        found = dots(run, result, each)
        svg = drawn(each, found, f"m{number}", title) if room > 0 else ""
        room -= len(svg)
        text = caption(each, found) if found else "No chart: no epoch has a figure."
        figures.append(Figure(title, text if svg or not found else NO_ROOM, svg))
    return figures


def _embedded(run: GateRun, result: GateResult) -> Markup | None:
    """Run and result as JSON that cannot end the element it stands in; None where they are too much for a page."""
    text = embedded_json({"result": result.to_dict(), "run": run.to_dict()}, EMBEDDED_BYTES_MAX)
    return None if text is None else Markup(text)
