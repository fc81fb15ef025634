"""``bench gate``: whether a new version of an app is slower, hungrier or broken, beside the one before."""

import json
import os
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ...apps.catalogue import Interface
from ...results.errors import BenchError, ExitCode, StoreError, UsageError
from ...results.gate.records import GateRun
from ...results.gate.store import GateStore, load_gate, save_gate_report
from ...results.gate.verdicts import GateResult
from ...results.store import REPORT
from ..gate.carrying_out import Gate, carry_out
from ..gate.config import GateConfig, read_config
from ..gate.files import append, write_file
from ..gate.measuring import GateOutcome, judged
from ..streams import LastingConsole, write_out, write_view
from .run import new_folder


def gate(
    base: Annotated[str | None, typer.Option(help="What to compare with: a folder, or a git ref.")] = None,
    head: Annotated[str | None, typer.Option(help="What is new: a folder, or a git ref. [default: .]")] = None,
    app: Annotated[str | None, typer.Option(help="The app as module:attr, imported from each side.")] = None,
    path: Annotated[list[str] | None, typer.Option(help="A path to ask for, e.g. /items. [default: /]")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="A scenario by name, or a TOML file.")] = None,
    setup: Annotated[
        str | None, typer.Option(help="The worker setup of both. [default: uvicorn, or gunicorn-gthread-1x16]")
    ] = None,
    interface: Annotated[Interface | None, typer.Option(help="What the app speaks, where that is not clear.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Connections to press with. [default: 8, of threads 4 a worker]")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="How long it may take at most. [default: 3m]")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="The change to be caught, e.g. 2%; of one metric: p90=10%. [default: 2%]"),
    ] = None,
    alpha: Annotated[str | None, typer.Option(help="The chance of a false alarm, at most. [default: 1%]")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--gate", help="What decides, e.g. cpu; see docs/ci.md. [default: all but p99]"),
    ] = None,
    prepare: Annotated[str | None, typer.Option(help="A shell command to run in each side's folder before.")] = None,
    python: Annotated[str | None, typer.Option(help="The interpreter, or virtual environment, of both.")] = None,
    base_python: Annotated[str | None, typer.Option(help="The base's own.")] = None,
    head_python: Annotated[str | None, typer.Option(help="The head's own.")] = None,
    expect: Annotated[
        str | None,
        typer.Option(help="The head must answer the `same` as the base, or with the same `status`. [default: same]"),
    ] = None,
    expect_status: Annotated[int | None, typer.Option(help="The right status. [default: the base's]")] = None,
    expect_text: Annotated[str | None, typer.Option(help="A text that right answers hold, whatever else.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is shuffled, to repeat a run's order.")] = None,
    server_cores: Annotated[str | None, typer.Option(help="Cores for the app, e.g. 0 or 0,2-3.")] = None,
    load_cores: Annotated[str | None, typer.Option(help="Cores for the load side.")] = None,
    output: Annotated[Path | None, typer.Option(help="The run's folder. [default: bench-results/<time>-gate]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as one JSON document.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the verdict as JUnit XML.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown, for a comment.")] = None,
    history: Annotated[Path | None, typer.Option(help="Append a line of JSON for change-point tools.")] = None,
    rejudge: Annotated[Path | None, typer.Option(help="Judge a stored run again, from its turns.")] = None,
    self_test: Annotated[
        bool,
        typer.Option("--self-test", help="Try the gate out: the same code must pass, a planted slowdown must not."),
    ] = False,
) -> None:
    """Compare two versions of an app: exit code 0 pass, 1 regressed, 2 cannot be told, 75 inconclusive."""
    given: dict[str, Any] = {
        "base": base, "head": head, "app": app, "path": path, "scenario": scenario, "setup": setup,
        "interface": interface, "concurrency": concurrency, "budget": budget, "threshold": threshold,
        "alpha": alpha, "gate": metric, "prepare": prepare, "python": python, "base_python": base_python,
        "head_python": head_python, "expect": expect, "expect_status": expect_status, "expect_text": expect_text,
        "server_cores": server_cores, "load_cores": load_cores,
        **{name: None if file is None else str(file) for name, file in
           {"output": output, "junit": junit, "markdown": markdown, "history": history}.items()},
    }  # fmt: skip
    with no_verdict():
        raise typer.Exit(carried_out(given, rejudge, seed, as_json=as_json, self_test=self_test))


@contextmanager
def no_verdict() -> Iterator[None]:
    """What goes wrong outside is no verdict: by itself Typer would end some of it with 1, which says regressed."""
    try:
        yield
    except (OSError, EOFError) as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise BenchError(f"the gate could not go on: {said}", "there is no verdict") from error


def carried_out(
    given: dict[str, Any], rejudge: Path | None, seed: int | None, *, as_json: bool, self_test: bool
) -> int:
    """What was asked for, from beginning to end; returns the exit code. Raises BenchError."""
    console = LastingConsole(stderr=True)
    if self_test:
        return tried_out(given, rejudge, seed, console, as_json=as_json)
    if rejudge is not None:
        return again(rejudge, {**given, "seed": seed}, console, as_json=as_json)
    config = read_config(Path.cwd(), given)
    found = Gate.of(config, Path.cwd(), drawn(seed))
    store = GateStore(Path(config.output) if config.output else new_folder(Path("bench-results"), "gate"))
    outcome = carry_out(found, store, console)
    result = concluded(outcome)
    code = ExitCode.INTERRUPTED if outcome.interrupted else result.exit_code
    publish(outcome.run, result, store)
    try:
        hand_out(outcome.run, result, config)
    except StoreError as error:
        kept = f"the run is kept: bench gate --rejudge {shlex.quote(str(store.folder))} writes it"
        raise StoreError(error.message, f"{error.hint}; {kept}") from error
    show(outcome.run, result, code, as_json=as_json)
    console.print(f"report: {store.folder / REPORT}", highlight=False, markup=False, soft_wrap=True)
    return code


def concluded(outcome: GateOutcome) -> GateResult:
    """The verdict, with what was compared. Raises TargetError where the base failed."""
    return about(outcome.run, outcome.result)


def about(run: GateRun, result: GateResult) -> GateResult:
    """The verdict, saying what it is about."""
    told = {
        "run_id": run.run_id,
        "app": run.app,
        "setup": run.setup,
        "seed": run.seed,
        **{side.side: {"what": side.what, "commit": side.commit, "dirty": side.dirty} for side in (run.base, run.head)},
    }
    return replace(result, about=told)


def again(folder: Path, given: dict[str, Any], console: Console, *, as_json: bool) -> int:
    """Judge a stored run again: by its own settings, from its turns."""
    refuse_others(given, HANDED_OUT, "--rejudge judges a run by its own settings")
    run = load_gate(folder, turns=True)
    result = about(run, judged(run))
    from ...reports.gate.html import render_gate_html  # matplotlib is slow to import

    page = save_gate_report(folder, result.to_dict(), render_gate_html(run, result, str(folder)))
    hand_out(run, result, GateConfig(**{name: given[name] for name in HANDED_OUT if given[name]}))
    show(run, result, result.exit_code, as_json=as_json)
    console.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
    return result.exit_code


HANDED_OUT = ("junit", "markdown", "history")
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
SELF_TEST_TAKES = ("budget", "output")


def refuse_others(given: Mapping[str, Any], taken: Sequence[str], why: str) -> None:
    """Raise UsageError for options that were given and have no say."""
    other = [name for name, value in given.items() if value not in (None, []) and name not in taken]
    if other:
        named = ", ".join("--" + name.replace("_", "-") for name in other)
        raise UsageError(f"{why}: {named} does not go with it", "leave it out")


def drawn(seed: int | None) -> int:
    """The seed that was named, or one that is drawn."""
    return secrets.randbelow(2**31) if seed is None else seed


def tried_out(
    given: Mapping[str, Any], rejudge: Path | None, seed: int | None, console: Console, *, as_json: bool
) -> int:
    """Put the gate itself to the test, on this machine. Raises BenchError."""
    asked = {**given, "rejudge": rejudge}
    refuse_others(asked, SELF_TEST_TAKES, "--self-test has an app and settings of its own")
    from ..gate.self_test import BUDGET, How, self_test

    def keep(run: GateRun, result: GateResult, store: GateStore) -> None:
        publish(run, about(run, result), store)
        console.print(f"report: {store.folder / REPORT}", highlight=False, markup=False, soft_wrap=True)

    @cache  # made as late as can be: what is asked for may be refused
    def folder() -> Path:
        return Path(given["output"]) if given["output"] else new_folder(Path("bench-results"), "gate-self-test")

    found = self_test(
        How(given["budget"] or BUDGET, drawn(seed), lambda name: GateStore(folder() / name), console, keep)
    )
    if as_json:
        write_out(json.dumps(found.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        from ...reports.gate.self_test import self_test_view

        write_view(self_test_view(found))
    return found.exit_code


def publish(run: GateRun, result: GateResult, store: GateStore) -> None:
    """Draw and save the verdict."""
    from ...reports.gate.html import render_gate_html  # matplotlib is slow to import

    store.finish(run, result.to_dict(), render_gate_html(run, result, str(store.folder)))


def show(run: GateRun, result: GateResult, code: int, *, as_json: bool) -> None:
    """The verdict to stdout."""
    if as_json:
        document = {**result.to_dict(), "exit_code": int(code)}
        write_out(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return
    from ...reports.gate.terminal import gate_view

    write_view(gate_view(run, result))


def hand_out(run: GateRun, result: GateResult, config: GateConfig) -> None:
    """The files that were asked for; and on GitHub, annotations and the step's summary. Raises StoreError."""
    from ...reports.gate.github import annotations, command, step_summary
    from ...reports.gate.history import branch_of, history_lines
    from ...reports.gate.junit import render_gate_junit
    from ...reports.gate.markdown import render_gate_markdown

    if config.junit:
        write_file(Path(config.junit), render_gate_junit(run, result), "--junit")
    if config.markdown:
        write_file(Path(config.markdown), render_gate_markdown(run, result), "--markdown")
    if config.history and run.status != "interrupted":  # of a run cut short the figures are not like the others
        append(Path(config.history), history_lines(run, result, branch_of(os.environ)), "--history")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        write_out(annotations(run, result), stderr=True)
        if summary := os.environ.get(STEP_SUMMARY):
            try:
                append(Path(summary), step_summary(run, result), STEP_SUMMARY)
            except StoreError as error:  # the verdict is known, and is not to change for that
                write_out(command("warning", "bench gate", f"no summary: {error.message}") + "\n", stderr=True)
