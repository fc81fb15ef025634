"""``bench compare``: two stored runs side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...reports.comparing import comparison_view
from ...results.two_runs import compare_runs
from .report import read_run


def compare(
    first: Annotated[Path, typer.Argument(help="A run's folder: the one before.")],
    second: Annotated[Path, typer.Argument(help="A run's folder: the one after.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as one JSON document.")] = False,
) -> None:
    """Put two runs side by side, and say where their environments differ."""
    found = compare_runs(read_run(first), read_run(second))
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        Console().print(comparison_view(found))
