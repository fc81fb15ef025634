"""The report as one HTML page: no requests, no scripts that run, light and dark, on a phone and on paper."""

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..results.records import Severity
from ..results.summary import Summary
from .charts.palette import Style, styles
from .details import environment_entries, number_tables, scenarios_table, targets_table
from .figures import Figure, capacity_figure, forest_figure, latency_figure, memory_figure
from .format import counted, duration, plain
from .panels import Panel, panels, ranked_names, target_names
from .problems import ADVICE, merged_problems, problem_sentence
from .sentences import validity, verdicts
from .steadiness import stability_figure
from .tables import key_table

Item = TypeVar("Item")
DETAILED_RESULTS_MAX = 96
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the key to the lines."""

    name: str
    swatch: Markup


def render_html(summary: Summary) -> str:
    """The whole page."""
    return _environment().get_template("page.html.j2").render(_context(summary))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = plain
    return environment


def _context(summary: Summary) -> dict[str, Any]:
    manifest = summary.manifest
    every = panels(summary)
    sentences = verdicts(summary)
    shown = [panel for panel in every if panel.rows]
    # Each level's charts weigh as much as its figures; a page of more than a megabyte would be no page to send round.
    large = len(summary.results) > DETAILED_RESULTS_MAX
    detailed = [panel for panel in shown if panel.headline or not large]
    return {
        "style": Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "title": plain(manifest.title or manifest.suite or manifest.run_id),
        "manifest": manifest,
        "facts": _facts(summary),
        "valid": summary.valid,
        "headlines": [sentence for sentence in sentences if sentence.headline],
        "other_sentences": [sentence for sentence in sentences if not sentence.headline],
        "validity": validity(summary),
        "problems": merged_problems(summary),
        "problem_sentence": problem_sentence,
        "advice": ADVICE,
        "invalid": Severity.INVALID,
        "key_tables": _split((panel.headline, key_table(panel)) for panel in detailed),
        **_figures(summary, shown, detailed),
        "undrawn": len(shown) - len(detailed),
        "anything": bool(shown),
        "planned": bool(every),
        "numbers": [(panel.place, number_tables(panel, summary)) for panel in shown],
        "targets": targets_table(manifest.targets),
        "scenarios": scenarios_table(every),
        "environment": environment_entries(manifest.environment),
        "command": _command(summary),
        "json": _embedded(summary),
    }


def _figures(summary: Summary, shown: Sequence[Panel], drawn: Sequence[Panel]) -> dict[str, Any]:
    looks = styles(target_names(summary))
    slots = {target.name: target.slots for target in summary.manifest.targets if target.slots is not None}
    by_scenario = [list(group) for _, group in groupby(shown, key=lambda panel: panel.scenario.name)]
    several = [group for group in by_scenario if len(group) > 1 and not group[0].open_loop]
    return {
        "forests": _each(drawn, "f", lambda panel, ident: forest_figure(panel, shown, ident)),
        "capacities": _each(several, "c", lambda group, ident: capacity_figure(group, looks, slots, ident)),
        "latencies": _each(drawn, "l", lambda panel, ident: latency_figure(panel, looks, ident)),
        "memories": _each(by_scenario, "m", lambda group, ident: memory_figure(group, summary, looks, ident)),
        "stabilities": _each(drawn, "s", lambda panel, ident: stability_figure(panel, looks, ident)),
        "keys": _keys(summary, looks),
    }


def _each(items: Iterable[Any], name: str, make: Callable[[Any, str], Figure]) -> tuple[list[Figure], list[Figure]]:
    """The figures of the items: those of headline panels, and the others."""
    made = (make(item, f"{name}-{number}") for number, item in enumerate(items, start=1))
    return _split((figure.headline, figure) for figure in made)


def _split(marked: Iterable[tuple[bool, Item]]) -> tuple[list[Item], list[Item]]:
    found = list(marked)
    return [item for first, item in found if first], [item for first, item in found if not first]


def _keys(summary: Summary, looks: dict[str, Style]) -> list[Key]:
    return [Key(plain(name), Markup(looks[name].swatch)) for name in ranked_names(summary)]


def _facts(summary: Summary) -> list[str]:
    manifest = summary.manifest
    return [
        plain(manifest.started_at.replace("T", " ")[:19]),
        counted(len(manifest.targets), "target"),
        counted(len(manifest.scenarios), "scenario"),
        counted(manifest.epochs, "epoch"),
        f"took {duration(manifest.elapsed_s)}",
    ]


def _command(summary: Summary) -> str:
    """The command that was given, with the seed it took."""
    words = list(summary.manifest.command)
    if words and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words += ["--seed", str(summary.manifest.seed)]
    return plain(shlex.join(words))


def _embedded(summary: Summary) -> Markup:
    """The results as JSON that cannot end the element it stands in."""
    text = json.dumps(summary.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
