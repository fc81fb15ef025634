"""The report as one HTML page: no requests, no scripts that run, light and dark, on a phone and on paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..results.records import Severity
from ..results.summary import Summary
from .charts.palette import Style, styles
from .details import environment_entries, number_tables, scenarios_table, targets_table
from .document import command_line, embedded_json
from .format import counted, duration, plain
from .overview import Section, is_wide, sections
from .panels import Panel, panels, ranked_names, target_names, uncompared
from .problems import advice_of, merged_problems, problem_sentence
from .sentences import validity
from .tables import Table
from .views import Space, group_view
from .whole import whole_note

# Each level's charts weigh as much as its figures, each figure with its interval twice as much as without.
DETAILED_RESULTS_MAX = 96
INTERVALS_RESULTS_MAX = 400
EMBEDDED_BYTES_MAX = 350_000
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the key to the lines."""

    name: str
    swatch: Markup


@dataclass(frozen=True, slots=True)
class Numbers:
    """All numbers of a group, by what was asked."""

    title: str
    places: list[tuple[str, tuple[Table, ...]]]


def render_html(summary: Summary) -> str:
    """The whole page."""
    return page_environment().get_template("page.html.j2").render(_context(summary))


@cache
def page_environment(*folders: Path) -> Environment:
    """Jinja for pages: templates are looked for in these folders first, then among those that all pages share."""
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
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
    every = sections(summary)
    apart = uncompared(summary)
    large = len(summary.results) > DETAILED_RESULTS_MAX
    full = len(summary.results) <= INTERVALS_RESULTS_MAX
    space = Space(large, 1 / len(every) if large else None, full)
    looks, names, wide = styles(target_names(summary)), count(1), is_wide(summary)
    groups = [group_view(section, summary, looks, names, space, wide=wide) for section in every]
    return {
        "style": Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "title": plain(manifest.title or manifest.suite or manifest.run_id),
        "manifest": manifest,
        "facts": _facts(summary),
        "valid": summary.valid,
        "wide": wide,
        "groups": groups,
        "memory_charts": any(one.svg for group in groups for part in group.figures["memories"] for one in part),
        "validity": validity(summary),
        "problems": merged_problems(summary),
        "problem_sentence": problem_sentence,
        "advice": advice_of(summary),
        "invalid": Severity.INVALID,
        "keys": _keys(summary, looks),
        "anything": bool(summary.results),
        "planned": bool(manifest.scenarios) or bool(summary.results),
        "numbers": _numbers(summary, every, apart),
        "whole_note": "" if full else whole_note(len(summary.results)),
        "targets": targets_table(manifest.targets),
        "scenarios": scenarios_table([*panels(summary), *apart]),
        "environment": environment_entries(manifest.environment),
        "command": _command(summary),
        "json": _embedded(summary),
    }


def _numbers(summary: Summary, every: tuple[Section, ...], apart: tuple[Panel, ...]) -> list[Numbers]:
    full = len(summary.results) <= INTERVALS_RESULTS_MAX
    titled = [(section.title, section.shown) for section in every]
    if apart:
        titled.append(("In no comparison, being beyond what their group compares", apart))
    return [
        Numbers(title, [(panel.place, number_tables(panel, summary, full=full)) for panel in those])
        for title, those in titled
    ]


def _keys(summary: Summary, looks: Mapping[str, Style]) -> list[Key]:
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
    return command_line(summary.manifest.command, summary.manifest.seed)


def _embedded(summary: Summary) -> Markup | None:
    """The results as JSON that cannot end the element it stands in; None where they are too many for a page."""
    text = embedded_json(summary.to_dict(), EMBEDDED_BYTES_MAX)
    return None if text is None else Markup(text)
