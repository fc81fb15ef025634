"""``bench report``: draw a stored run again, from its files."""

import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...reports.document import render_json
from ...reports.markdown import render_markdown
from ...reports.terminal import summary_view
from ...results.records import Run
from ...results.store import REPORT, interrupted, load_run, save_report, write_atomically
from ...results.summarise import summarise


def read_run(folder: Path) -> Run:
    """A stored run; one that never finished is taken as interrupted. Raises StoreError."""
    run = load_run(folder)
    return replace(run, manifest=interrupted(run.manifest))


def report(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    output: Annotated[
        Path | None, typer.Option(help="Where the page goes. [default: report.html in the run's folder]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown.")] = False,
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Draw a stored run's report again, judging its bare numbers anew."""
    from ...reports.html import render_html  # matplotlib is slow to import, and nothing else needs it

    summary = summarise(read_run(run))
    page = output or run / REPORT
    if output is None:
        save_report(run, summary.to_dict(str(page)), render_html(summary))
    else:
        write_atomically(page, render_html(summary))
    if as_json:
        typer.echo(render_json(summary, str(page)), nl=False)
    elif markdown:
        typer.echo(render_markdown(summary), nl=False)
    else:
        Console().print(summary_view(summary))
    Console(stderr=True).print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
    if open_report:
        webbrowser.open(page.absolute().as_uri())
