"""``bench list``: what there is to name on the command line."""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ...apps.catalogue import APPS
from ...scenarios.files import built_in_scenario, built_in_suite, scenario_names, suite_names
from ..targets.interpreters import interpreter
from ..targets.servers import KINDS, SlotRule

Rows = list[dict[str, str]]
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


def listing(
    what: Annotated[Listed | None, typer.Argument(help="Only this. [default: all]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the apps, servers, setups, scenarios and suites that can be named."""
    wanted = [what] if what else list(Listed)
    tables = {name: TABLES[name]() for name in wanted}
    if as_json:
        typer.echo(json.dumps({name.value: rows for name, rows in tables.items()}, indent=2, ensure_ascii=False))
        return
    console = Console()
    for name, rows in tables.items():
        table = Table(title=name.value, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in rows[0]:
            table.add_column(column, header_style="dim", no_wrap=column == "name")
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
        console.print()


def apps() -> Rows:
    """The suite's own apps."""
    return [
        {"name": app.name, "interface": app.interface.value, "what": app.title, "needs": ", ".join(app.requires)}
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
    """The kinds of worker setup: N workers (one if left out), T threads each, as in gunicorn-gthread-2x16."""
    here = interpreter(sys.executable)
    return [
        {
            "name": f"{kind.name}{'-NxT' if kind.threaded else '-N'}",
            "interface": kind.interface.value,
            "slots": SLOTS[kind.slot_rule],
            "what": kind.summary,
            "here": "yes" if not here.missing(kind) else here.install_command(kind),
        }
        for kind in KINDS.values()
    ]


def scenarios() -> Rows:
    """The workloads."""
    rows = []
    for name in scenario_names():
        scenario = built_in_scenario(name)
        load = scenario.load
        levels = (
            f"{', '.join(f'{rate:g}' for rate in load.rate_rps)} requests/s"
            if load.rate_rps
            else f"{', '.join(map(str, load.concurrency))} connections"
        )
        request = f"{scenario.request.method} {scenario.request.path}"
        rows.append({"name": name, "request": request, "load": levels, "what": scenario.title})
    return rows


def suites() -> Rows:
    """The suites: which targets, which scenarios, how long."""
    return [
        {
            "name": name,
            "targets": str(len(suite.targets)),
            "scenarios": ", ".join(place.name for place in suite.scenario),
            "takes": f"{suite.budget_s:.0f} s" if suite.budget_s < 300 else f"{suite.budget_s / 60:.0f} min",
            "what": suite.title,
        }
        for name in suite_names()
        for suite in [built_in_suite(name)]
    ]


TABLES: dict[Listed, Callable[[], Rows]] = {
    Listed.APPS: apps,
    Listed.SERVERS: servers,
    Listed.SETUPS: setups,
    Listed.SCENARIOS: scenarios,
    Listed.SUITES: suites,
}
