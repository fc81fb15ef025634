"""``bench report``: draw a stored run again, from its files."""

import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType

from ...reports.claims.markdown import render_claims_markdown
from ...reports.claims.terminal import claims_view
from ...reports.document import claims_json, render_json
from ...reports.markdown import render_markdown
from ...reports.terminal import summary_view
from ...results.claims_store import CLAIMS, load_claims
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
    page = output or run / REPORT
    drawn = (drawn_claims if (run / CLAIMS).exists() else drawn_run)(run, page)
    if as_json:
        typer.echo(drawn.json, nl=False)
    elif markdown:
        typer.echo(drawn.markdown(), nl=False)
    else:
        Console().print(drawn.view)
    Console(stderr=True).print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
    if open_report:
        webbrowser.open(page.absolute().as_uri())


@dataclass(frozen=True, slots=True)
class Drawn:
    """A run whose page was drawn, in the forms that can be printed."""

    json: str
    markdown: Callable[[], str]
    view: RenderableType


def drawn_run(folder: Path, page: Path) -> Drawn:
    """What `bench run` stored, with its page at `page`."""
    from ...reports.html import render_html  # matplotlib is slow to import, and nothing else needs it

    summary = summarise(read_run(folder))
    if page == folder / REPORT:
        save_report(folder, summary.to_dict(str(page)), render_html(summary))
    else:
        write_atomically(page, render_html(summary))
    return Drawn(render_json(summary, str(page)), lambda: render_markdown(summary), summary_view(summary))


def drawn_claims(folder: Path, page: Path) -> Drawn:
    """What `bench claims` stored, with its page at `page`."""
    from ...reports.claims.html import render_claims_html

    found = load_claims(folder)
    write_atomically(page, render_claims_html(found))
    return Drawn(claims_json(found, str(page)), lambda: render_claims_markdown(found), claims_view(found))
