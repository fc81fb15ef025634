"""``bench run``: measure a suite, or the user's own app, and say which setup is faster, by how much, how surely."""

import itertools
import os
import secrets
import sys
import time
import webbrowser
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ...apps.catalogue import Interface
from ...reports.document import render_json
from ...reports.terminal import summary_view
from ...results.errors import ExitCode, UsageError
from ...results.records import Manifest, Run, Severity
from ...results.store import REPORT, RunStore, unwritable
from ...results.summarise import summarise
from ...results.summary import Summary
from ..display import Display
from ..durations import parse_duration_s
from ..instruments import Instruments
from ..load.calibration import Calibration
from ..load.drivers import LoadDriver
from ..load.session import LocustSession
from ..locustfile import driver_for
from ..machine import available_cores, can_pin, choose_cores, many_files
from ..manifest import manifest_of
from ..measure import Measurement, Outcome
from ..plan import START_S, Plan
from ..sampler import ProcessSampler
from ..selection import Choice, Wish, choose, probe_path
from ..targets.databases import connections_told
from ..targets.launcher import TargetLauncher
from ..targets.services import ServiceOptions, Services
from ..targets.upstream import UpstreamOptions

EPOCHS_LIMIT = 1000


def run(
    suite: Annotated[
        str | None, typer.Argument(help="A suite by name, or a TOML file. See `bench list suites`. [default: default]")
    ] = None,
    app: Annotated[
        list[str] | None, typer.Option(help="An app by name, or your own as module:attr, imported from here.")
    ] = None,
    setup: Annotated[
        list[str] | None,
        typer.Option(help="A worker setup: KIND[-WORKERS[xTHREADS]], or KIND-* as advised; see `bench list setups`."),
    ] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="A scenario by name, or a TOML file.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group of the suite's targets, see `bench list suites`.")
    ] = None,
    path: Annotated[list[str] | None, typer.Option(help="A path of your own app to ask for, e.g. /items.")] = None,
    concurrency: Annotated[
        str | None, typer.Option(help="Connections to press with, instead of the scenario's own: 32, or 1,16,64.")
    ] = None,
    locustfile: Annotated[
        Path | None, typer.Option(help="Your own locustfile, whose users drive in place of a scenario.")
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, max=20_000, help="How many users of it. [default: 10]")] = None,
    driver: Annotated[
        LoadDriver | None,
        typer.Option(help="What sends the requests: our engine, or plain Locust for cross-checking. [default: engine]"),
    ] = None,
    interface: Annotated[Interface | None, typer.Option(help="What your app speaks, where that is not clear.")] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(help="The interpreter (or virtual environment) that targets run in; several are compared."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(help="A PostgreSQL URL for the targets' databases. [default: a SQLite file for each launch]"),
    ] = None,
    upstream_ms: Annotated[
        str | None,
        typer.Option(
            metavar="MS[:SIGMA]", help="How long the upstream takes; with a sigma, lognormal around it. [default: 10]"
        ),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="How long it may take, e.g. 90s or 5m.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=EPOCHS_LIMIT, help="Launch exactly so often, however long that takes.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is shuffled, to repeat a run's order.")] = None,
    server_cores: Annotated[str | None, typer.Option(help="Cores for the targets, e.g. 0 or 0,2-3.")] = None,
    load_cores: Annotated[str | None, typer.Option(help="Cores for the load side.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The run's folder. [default: bench-results/<time>-<suite>]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Measure worker setups against each other: which is faster, by how much, how surely, at what cost in memory."""
    started = time.monotonic()
    console = Console(stderr=True)
    seed = secrets.randbelow(2**31) if seed is None else seed
    wish = Wish(
        suite=suite,
        apps=tuple(app or ()),
        setups=tuple(setup or ()),
        scenarios=tuple(scenario or ()),
        paths=tuple(path or ()),
        concurrency=parse_counts(concurrency) if concurrency else (),
        groups=tuple(group or ()),
        interface=interface,
        pythons=tuple(python or ()),
        upstream=UpstreamOptions.parse(upstream_ms, seed) if upstream_ms is not None else UpstreamOptions(seed=seed),
        driver=driver_for(driver, locustfile),
        locustfile=locustfile,
        users=users,
    )
    cores = choose_cores(server_cores, load_cores)
    choice = choose(wish, Path.cwd(), len(cores.server))
    for note in choice.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    plan = Plan(
        suite="own" if wish.is_own else choice.suite.name,
        title=title_of(choice, wish),
        targets=tuple(choice.targets),
        baseline=choice.baseline,
        pieces=tuple(choice.pieces),
        epochs_min=epochs or choice.suite.epochs.min,
        epochs_max=epochs or choice.suite.epochs.max,
        exact_epochs=epochs is not None and budget is None,
        budget_s=parse_duration_s(budget) if budget else choice.suite.budget_s,
        seed=seed,
        cores=cores,
        driver=wish.driver,
        groups=choice.groups,
        not_possible=choice.not_possible,
        services=ServiceOptions(database, wish.upstream).checked(choice.targets),
        upstream_asked=upstream_ms is not None,
    ).checked()
    store = RunStore(output or new_folder(Path("bench-results"), plan.suite))
    manifest = manifest_of(plan, store.folder.resolve().name)
    outcome = measure(plan, manifest, store, console, started)
    summary = publish(outcome.run, store)
    show(summary, store, as_json=as_json, console=console)
    if open_report:
        webbrowser.open((store.folder / REPORT).absolute().as_uri())
    raise typer.Exit(exit_code(summary, outcome))


def told_of(services: Services, plan: Plan) -> dict[str, str]:
    """What the targets lean on, for the record."""
    shared = {"database_connections": connections_told(plan.targets)} if "database" in services.told else {}
    return {**services.told, **shared}


def measure(plan: Plan, manifest: Manifest, store: RunStore, console: Console, started: float) -> Outcome:
    """Carry the plan out, with the real load side, sampler, services and launcher; all are gone afterwards."""
    start_cores = available_cores()
    if can_pin():
        # The CLI, with its sampler, stays off the targets' cores.
        os.sched_setaffinity(0, set(plan.cores.load))
    try:
        with many_files(), services_for(plan, store) as services:
            path = probe_path(plan.pieces)
            launcher = TargetLauncher(store.log_path, start_cores, plan.cores.server, path, services=services)
            try:
                told = {**manifest.environment, "services": told_of(services, plan)}
                return measured(plan, replace(manifest, environment=told), store, console, started, launcher)
            finally:
                launcher.stop()  # again, where an interruption came while it was stopping
    finally:
        if can_pin():
            os.sched_setaffinity(0, set(start_cores))


def services_for(plan: Plan, store: RunStore) -> Services:
    """The databases and the upstream that the plan's targets need, on the load side's cores."""
    return Services.start(plan.features, store.log_path, plan.services, plan.cores.load)


def measured(
    plan: Plan, manifest: Manifest, store: RunStore, console: Console, started: float, launcher: TargetLauncher
) -> Outcome:
    """The plan carried out with these targets' launcher."""
    own = plan.own_users
    load = LocustSession(plan.cores.load, plan.load_processes, plan.driver, Path(own.locustfile) if own else None)
    calibration = Calibration(load, plan.cores, plan.load_processes, plan.driver.ceilings())
    # The users of a locustfile know nothing of the null server: what they can do at best is not known.
    calibrator = None if own else calibration
    start_s = START_S + (calibrator.needs_s(plan.calibrated) if calibrator else 0.0)
    sampler = ProcessSampler(started)
    try:
        with Display(plan, manifest, console, start_s=start_s) as display, load, calibration:
            load.start()
            instruments = Instruments(launcher, load, sampler, display, started, calibrator=calibrator)
            return Measurement(plan, manifest, store, instruments).run()
    finally:
        sampler.close()


def publish(run: Run, store: RunStore) -> Summary:
    """Judge, estimate, draw and save a run."""
    from ...reports.html import render_html  # matplotlib is slow to import, and nothing else needs it

    summary = summarise(run)
    document = summary.to_dict(str(store.folder / REPORT))
    store.finish(run.manifest, run.trials, document, render_html(summary))
    return summary


def show(summary: Summary, store: RunStore, *, as_json: bool, console: Console) -> None:
    """The result to stdout, and where the rest is to stderr."""
    if as_json:
        sys.stdout.write(render_json(summary, str(store.folder / REPORT)))
    else:
        Console().print(summary_view(summary))
    console.print(f"report: {store.folder / REPORT}", highlight=False, markup=False, soft_wrap=True)


def exit_code(summary: Summary, outcome: Outcome) -> int:
    """What the shell is told: interrupted, some trial invalid or failed, or done."""
    if outcome.interrupted:
        return ExitCode.INTERRUPTED
    invalid = any(problem.severity is Severity.INVALID for problem in summary.problems)
    return ExitCode.INVALID if invalid or not summary.valid else ExitCode.DONE


def parse_counts(text: str) -> tuple[int, ...]:
    """Numbers of connections as a user writes them: ``1,16,64``. Raises UsageError."""
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1 or max(counts) > 20_000:
        raise UsageError(
            f"--concurrency {text!r} is not a list of numbers from 1 to 20000", "for example --concurrency 1,16,64"
        )
    return counts


def title_of(choice: Choice, wish: Wish) -> str:
    """What a run is called: the suite's title, or what was compared."""
    if not wish.is_own:
        groups = ", ".join(group.title for group in choice.groups) if wish.groups else ""
        return f"{choice.suite.title} ({groups})" if groups else choice.suite.title
    apps = list(dict.fromkeys(target.app.name for target in choice.targets))
    setups = list(dict.fromkeys(target.setup.name for target in choice.targets))
    on = ", ".join(setups) if len(setups) <= 4 else f"{len(setups)} setups"
    return f"{' and '.join(apps)} on {on}"


def new_folder(parent: Path, suite: str) -> Path:
    """A new folder, named for the moment and the suite. Raises StoreError when it cannot be made."""
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{suite}"
    for count in itertools.count(1):
        folder = parent / (stem if count == 1 else f"{stem}-{count}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue  # another run began in the same second
        except OSError as error:
            raise unwritable(folder, error) from error
        return folder
    raise AssertionError("the count has no end")
