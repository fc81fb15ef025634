"""``bench list``: what there is to name on the command line."""

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...apps.catalogue import APPS, Feature, Interface
from ...results.records import ScenarioKind
from ...scenarios.claims import IDS, find
from ...scenarios.files import built_in_scenario, built_in_suite, scenario_names, suite_names
from ...scenarios.model import Scenario
from ...scenarios.suite import Suite
from ..selection.apps import lacking
from ..targets.capability import NOT_UNDER_TRIO, NOT_UNDER_WSGI
from ..targets.interpreters import interpreter
from ..targets.servers import KINDS, Kind, SlotRule

Rows = list[dict[str, str]]
GAP, INDENT = 2, 4
# In this order, as far as there is no room beside.
BELOW = ("what", "claimed", "features", "scenarios", "here", "version", "load", "lacks", "needs")
SLOTS = {
    SlotRule.PROCESSES: "N",
    SlotRule.THREADS: "N x T",
    SlotRule.GREENLETS: "N x 1000",
    SlotRule.UNBOUNDED: "no limit",
}


class Listed(StrEnum):
    """What can be listed."""

    APPS = "apps"
    SERVERS = "servers"
    SETUPS = "setups"
    SCENARIOS = "scenarios"
    SUITES = "suites"
    CLAIMS = "claims"


def listing(
    what: Annotated[Listed | None, typer.Argument(help="Only this. [default: all]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the apps, servers, setups, scenarios, suites and claims that can be named."""
    wanted = [what] if what else list(Listed)
    tables = {name: TABLES[name]() for name in wanted}
    if as_json:
        typer.echo(json.dumps({name.value: rows for name, rows in tables.items()}, indent=2, ensure_ascii=False))
        return
    console = Console()
    for name, rows in tables.items():
        console.print(name.value, style="bold")
        console.print(view_of(rows, console.width))
        console.print()


def view_of(rows: Rows, columns: int) -> RenderableType:
    """A list for a terminal of so many columns."""
    return table_of(rows) if total(widths_of(rows)) <= columns else stacked(rows, columns)


def table_of(rows: Rows) -> Table:
    """One line for each row."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in rows[0]:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    return table


def stacked(rows: Rows, columns: int) -> RenderableType:
    """For a terminal that is too narrow: below each line, what does not fit into it."""
    widths = widths_of(rows)
    below = [name for name in BELOW if name in widths]
    moved = next((below[:count] for count in range(1, len(below)) if total(widths, below[:count]) <= columns), below)
    beside = [name for name in widths if name not in moved]
    head = _line({name: name for name in beside}, widths)
    head.stylize("dim")
    parts: list[RenderableType] = [head]
    for row in rows:
        prose = "; ".join(row[name] for name in moved if row[name])
        parts += [_line({name: row[name] for name in beside}, widths)]
        parts += [Padding(Text(prose, style="dim"), (0, 0, 0, INDENT))] if prose else []
    return Group(*parts)


def widths_of(rows: Rows) -> dict[str, int]:
    """How wide each column is."""
    return {column: max(len(column), *(len(row[column]) for row in rows)) for column in rows[0]}


def total(widths: Mapping[str, int], without: Collection[str] = ()) -> int:
    """The width of a line that has all columns but those."""
    kept = [width for column, width in widths.items() if column not in without]
    return sum(kept) + GAP * (len(kept) - 1)


def _line(cells: Mapping[str, str], widths: Mapping[str, int]) -> Text:
    return Text((" " * GAP).join(cell.ljust(widths[name]) for name, cell in cells.items()).rstrip())


def apps() -> Rows:
    """The suite's own apps: what each can do beyond /json, /wait and /cpu, and whether it can run here."""
    return [
        {
            "name": app.name,
            "interface": app.interface.value,
            "what": app.title,
            "features": ", ".join(feature.value for feature in Feature if feature in app.features),
            "here": _here(sorted(lacking(app.name, sys.executable))),
        }
        for app in APPS.values()
    ]


def servers() -> Rows:
    """The servers, with their versions here, or the command that installs them."""
    here = interpreter(sys.executable)
    rows: dict[str, dict[str, str]] = {}
    for kind in KINDS.values():
        version = here.installed.get(kind.requires[0])
        rows.setdefault(
            kind.server,
            {
                "name": kind.server,
                "interface": "",
                "version": version or f"not installed: {here.install_command(kind)}",
            },
        )
        known = rows[kind.server]["interface"]
        rows[kind.server]["interface"] = ", ".join(sorted({*known.split(", "), kind.interface.value} - {""}))
    return list(rows.values())


def setups() -> Rows:
    """The kinds of worker setup: N workers (one if left out), T threads each, as in gunicorn-gthread-2x16; KIND-* has
    the numbers that its server advises for the cores at hand."""
    here = interpreter(sys.executable)
    return [
        {
            "name": kind.written,
            "interface": kind.interface.value,
            "slots": SLOTS[kind.slot_rule],
            "lacks": ", ".join(_lacks(kind)),
            "what": kind.summary,
            "here": "yes" if not here.missing(kind) else here.install_command(kind),
        }
        for kind in KINDS.values()
    ]


def scenarios() -> Rows:
    """The workloads: what is asked, how it arrives, which features a target needs for it."""
    return [
        {
            "name": name,
            "request": _asked(scenario),
            "load": _load(scenario),
            "needs": ", ".join(scenario.needs),
            "what": scenario.title + (f" ({scenario.note})" if scenario.note else ""),
        }
        for name in scenario_names()
        for scenario in [built_in_scenario(name)]
    ]


def suites() -> Rows:
    """The suites: which targets, in which groups, which scenarios, how long."""
    return [
        {
            "name": name,
            "targets": _targets(suite),
            "scenarios": ", ".join(place.name for place in suite.scenario),
            "takes": f"{suite.budget_s:.0f} s" if suite.budget_s < 300 else f"{suite.budget_s / 60:.0f} min",
            "what": suite.title,
        }
        for name in suite_names()
        for suite in [built_in_suite(name)]
    ]


def claims() -> Rows:
    """The claims that can be put to the test."""
    return [
        {"name": claim.id, "claimed": claim.claimed, "source": claim.source[:1], "what": claim.title}
        for claim in map(find, IDS)
    ]


def _here(missing: Sequence[str]) -> str:
    return f"pip install {' '.join(missing)}" if missing else "yes"


def _lacks(kind: Kind) -> list[str]:
    """What apps can do elsewhere and not on this kind of server."""
    absent = kind.lacks | (NOT_UNDER_WSGI if kind.interface is Interface.WSGI else frozenset())
    absent |= NOT_UNDER_TRIO if kind.loop == "trio" else frozenset()
    return [feature.value for feature in Feature if feature in absent]


def _asked(scenario: Scenario) -> str:
    if scenario.mix:
        return f"{len(scenario.parts)} requests, mixed"
    request = scenario.parts[0].request
    return f"{'WS' if scenario.message else request.method} {request.path}"


def _load(scenario: Scenario) -> str:
    load = scenario.load
    if scenario.kind is ScenarioKind.COLD_START:
        return "one start at a time"
    if not load.rate_rps:
        return f"{', '.join(map(str, load.concurrency))} connections"
    unit = "messages" if scenario.message else "requests"
    rates = ", ".join(f"{rate:g}" for rate in load.rate_rps)
    on = f" on {', '.join(map(str, load.connections))} connections" if scenario.holding else ""
    return f"{rates} {unit}/s{on}"


def _targets(suite: Suite) -> str:
    if not suite.group:
        return str(len(suite.all_targets))
    return ", ".join(f"{group.name}: {len(group.targets)}" for group in suite.group)


TABLES: dict[Listed, Callable[[], Rows]] = {
    Listed.APPS: apps,
    Listed.SERVERS: servers,
    Listed.SETUPS: setups,
    Listed.SCENARIOS: scenarios,
    Listed.SUITES: suites,
    Listed.CLAIMS: claims,
}
