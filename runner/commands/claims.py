"""``bench claims``: put what two articles say of threads, coroutines and servers to the test."""

import contextlib
import secrets
import sys
import webbrowser
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...reports.claims.markdown import render_claims_markdown
from ...reports.claims.terminal import claims_view
from ...reports.document import claims_json
from ...results.claims import ClaimsRun
from ...results.claims_store import ClaimsStore
from ...results.errors import ExitCode, UsageError
from ...results.store import REPORT, write_atomically
from ...scenarios.claims import IDS, find
from ..claims.inquiry import Inquiry, Question
from ..claims.lab import RealLab, memory_for_experiments_mib
from ..claims.progress import ClaimsProgress
from ..claims.serving import Serving
from ..claims.sides import Sides
from ..machine import Cores, can_pin, choose_cores, environment
from ..manifest import target_packages, without_password
from ..selection.pythons import find_pythons
from ..targets.interpreters import Interpreter, interpreter
from .run import new_folder

OLDEST = (3, 11)


def claims(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which claims. [default: all]")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer repetitions, smaller counts: all in 3 minutes.")
    ] = False,
    python: Annotated[
        list[str] | None, typer.Option(help="The interpreter (or virtual environment) to test; several are compared.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is shuffled, to repeat a run's order.")] = None,
    server_cores: Annotated[str | None, typer.Option(help="Cores for what is measured, e.g. 0 or 0,2-3.")] = None,
    load_cores: Annotated[str | None, typer.Option(help="Cores for the load side.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The run's folder. [default: bench-results/<time>-claims]")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write the verdicts to this file, as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as one JSON document.")] = False,
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Put claims about threads, coroutines and servers to the test: what was claimed, what is so here, and why."""
    console = Console(stderr=True)
    seed = secrets.randbelow(2**31) if seed is None else seed
    chosen = [find(claim_id) for claim_id in dict.fromkeys(ids or IDS)]
    pythons = [checked(interpreter(path)) for path, _ in find_pythons(tuple(python or ()))]
    cores = choose_cores(server_cores, load_cores)
    for note in notes_of(cores):
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    questions = [Question(claim, each) for claim in chosen for each in pythons]
    store = ClaimsStore(output or new_folder(Path("bench-results"), "claims"))
    about = ClaimsRun(
        run_id=store.folder.resolve().name,
        started_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        elapsed_s=0.0,
        quick=quick,
        seed=seed,
        command=("bench", *map(without_password, sys.argv[1:])),
        environment={
            **environment(),
            "server_cores": list(cores.server),
            "load_cores": list(cores.load),
            "packages": dict(pythons[0].installed),
            "target_packages": target_packages(pythons),
        },
        results=(),
    )
    run = carried_out(questions, about, store, cores, console)
    publish(run, store, markdown)
    if as_json:
        typer.echo(claims_json(run, str(store.folder / REPORT)), nl=False)
    else:
        Console().print(claims_view(run))
    console.print(f"report: {store.folder / REPORT}", highlight=False, markup=False, soft_wrap=True)
    if open_report:
        webbrowser.open((store.folder / REPORT).absolute().as_uri())
    raise typer.Exit(exit_code(run))


def carried_out(
    questions: Sequence[Question], about: ClaimsRun, store: ClaimsStore, cores: Cores, console: Console
) -> ClaimsRun:
    """The questions answered, in a laboratory for each interpreter; nothing that it started is left afterwards."""
    pinned = cores.server if can_pin() else ()
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(ClaimsProgress(questions, console, quick=about.quick))
        labs = {}
        for path in dict.fromkeys(question.interpreter.path for question in questions):
            serving = Serving(path, cores, store.folder, about.seed, progress.says)
            stack.callback(serving.close)
            sides = Sides(path, pinned, store.repetition)
            labs[path] = RealLab(path, pinned, quick=about.quick, seed=about.seed, sides=sides, serving=serving)
        return Inquiry(questions, lambda question: labs[question.interpreter.path], store, progress).run(about)


def publish(run: ClaimsRun, store: ClaimsStore, markdown: Path | None) -> None:
    """Draw and save a run's pages."""
    from ...reports.claims.html import render_claims_html  # matplotlib is slow to import, and nothing else needs it

    text = render_claims_markdown(run)
    store.finish(render_claims_html(run), text)
    if markdown is not None:
        write_atomically(markdown, text)


def checked(python: Interpreter) -> Interpreter:
    """An interpreter that experiments can run in. Raises UsageError."""
    if tuple(map(int, python.version.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UsageError(f"{python.path} is Python {python.version}", f"experiments need {oldest} or newer")
    return python


def notes_of(cores: Cores) -> list[str]:
    """What the machine at hand cannot do, and what it will be asked for, in whole sentences."""
    notes = [f"experiments take up to {memory_for_experiments_mib():,} MiB of memory, half of what is free"]
    if not can_pin():
        notes.append("this system lets no process be bound to a core: what is measured moves between cores")
    elif cores.shared:
        notes.append("there is one core: server and load share it, and figures of servers under load are too low")
    return notes


def exit_code(run: ClaimsRun) -> int:
    """What the shell is told: interrupted, an experiment failed, or done, whatever the verdicts."""
    if run.status == "interrupted":
        return ExitCode.INTERRUPTED
    return ExitCode.INVALID if any(result.failed for result in run.results) else ExitCode.DONE
