"""``bench load``: press one URL, and say what came of every request."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ...results.errors import ExitCode, LoadError, UsageError
from ...results.records import Problem
from ..durations import parse_duration_s
from ..load.calibration import Calibration, uncalibrated
from ..load.drivers import LoadDriver
from ..load.orders import Arrival, Block, BlockReport, TurnOrder
from ..load.outcome import judge_load
from ..load.request import RequestSpec, endpoint_of
from ..load.session import LocustSession
from ..load.view import outcome_view
from ..machine import Cores, available_cores, parse_cores
from ..signals import handled

CLOSED_CONNECTIONS = 32
OPEN_CONNECTIONS = 128  # or as many as take a pause of 20 ms without dropping, up to a limit
PAUSE_S = 0.02
OPEN_CONNECTIONS_LIMIT = 512
NOTHING_YET = "interrupted: nothing was measured yet"
TWICE = "interrupted twice: ended at once, without figures"


def load(
    url: Annotated[
        str,
        typer.Argument(
            help="What to ask for: an http:// or ws:// URL. {nonce} in it is another text in each request.",
            metavar="URL",
        ),
    ],
    connections: Annotated[
        int | None,
        typer.Option(min=1, help="Connections, or with --rate the most in flight. [default: 32, or 128 to 512]"),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Open loop: requests per second, due whether or not answers come.")
    ] = None,
    poisson: Annotated[bool, typer.Option("--poisson", help="With --rate: random gaps, as from many users.")] = False,
    duration: Annotated[str, typer.Option(help="How long, e.g. 10s, 2m or 500ms.")] = "10s",
    timeout: Annotated[str, typer.Option(help="Deadline of a whole request, from its send to its last byte.")] = "5s",
    method: Annotated[str, typer.Option(help="The request's method.")] = "GET",
    header: Annotated[
        list[str] | None, typer.Option(help="A header, NAME: VALUE. {nonce} as in the URL. Repeatable.")
    ] = None,
    body: Annotated[str | None, typer.Option(help="The request's body. {nonce} as in the URL.")] = None,
    expect_status: Annotated[int, typer.Option(help="The status of a right answer.")] = 200,
    expect_text: Annotated[
        str | None,
        typer.Option(help="A text that a right answer's body contains; {nonce} in it is that of the request."),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(help="With a ws:// URL: the text that is sent, and has to be echoed. [default: sgibench]"),
    ] = None,
    driver: Annotated[LoadDriver, typer.Option(help="What sends the requests.")] = LoadDriver.ENGINE,
    processes: Annotated[int, typer.Option(min=1, help="Load processes, each on a core of its own.")] = 1,
    load_cores: Annotated[str | None, typer.Option(help="Cores for the load side, e.g. 1 or 2-3.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="Find out first what the load side itself can do.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of random gaps.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> None:
    """Load one URL, check every answer, and say what became of every request."""
    arrival = _arrival(connections, rate, poisson)
    planned_s = parse_duration_s(duration)
    endpoint = endpoint_of(RequestSpec(url, method, tuple(header or ()), body, expect_status, expect_text, message))
    driver.check(processes, rate or 0.0, (endpoint,))
    block = Block(
        id=1,
        endpoints=(endpoint,),
        arrival=arrival,
        turns=(TurnOrder(endpoint=0, seconds=planned_s, round=0, position=0),),
        timeout_s=parse_duration_s(timeout),
        seed=seed,
        drain=False,
    )
    cores = _cores(load_cores, processes)
    with (
        LocustSession(cores, processes, driver) as session,
        Calibration(session, _sides(cores), processes, driver.ceilings()) as calibration,
    ):
        with _nothing_measured():
            ceiling_rps, noted = _ceiling(calibration, arrival.connections) if calibrate else (None, ())
            report, interrupted = _carry_out(session, block, url)
        judge = partial(judge_load, url, arrival, processes, planned_s, report, interrupted=interrupted, driver=driver)
        outcome = judge(ceiling_rps, noted)
        if outcome.generator.near_ceiling and arrival.rate_rps and not interrupted:
            try:  # a ceiling from a slow moment of the machine must not condemn a good result
                outcome = judge(calibration.measured_again_rps(arrival.connections), calibration.noted)
            except LoadError:
                pass
            except KeyboardInterrupt:  # the load had its time: what came of it is shown
                interrupted = True
    if as_json:
        sys.stdout.write(json.dumps(outcome.to_dict(), indent=2) + "\n")
    else:
        Console(highlight=False).print(outcome_view(outcome), soft_wrap=True)
    if interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(ExitCode.DONE if outcome.valid else ExitCode.INVALID)


def _arrival(connections: int | None, rate: float | None, poisson: bool) -> Arrival:
    if rate is None:
        if poisson:
            raise UsageError("--poisson needs --rate", "for example --rate 500 --poisson")
        return Arrival(connections or CLOSED_CONNECTIONS)
    if not 0 < rate <= 1e7:
        raise UsageError(f"a rate of {rate:g} requests/s cannot be sent", "give a rate above zero")
    spare = min(math.ceil(rate * PAUSE_S), OPEN_CONNECTIONS_LIMIT)
    return Arrival(connections or max(OPEN_CONNECTIONS, spare), rate, poisson)


def _cores(text: str | None, processes: int) -> tuple[int, ...]:
    """The last cores, one for each load process, unless told otherwise."""
    available = available_cores()
    return parse_cores(text, available, "--load-cores") if text else available[-processes:]


def _sides(load_cores: tuple[int, ...]) -> Cores:
    """The load side's cores, and those left for a server."""
    rest = tuple(core for core in available_cores() if core not in load_cores)
    return Cores(rest or load_cores, load_cores)


def _ceiling(calibration: Calibration, connections: int) -> tuple[float | None, tuple[Problem, ...]]:
    """The load side's ceiling, or why it is not known; and what else was to be said of it."""
    try:
        with calibration, _progress("calibrating the load side", calibration.needs_s((connections,))):
            return calibration.ceiling_rps(connections), calibration.noted
    except LoadError as error:
        return None, (uncalibrated(error.message), *calibration.noted)


def _carry_out(session: LocustSession, block: Block, url: str) -> tuple[BlockReport, bool]:
    """The load, and whether it was ended before its time. Raises KeyboardInterrupt when nothing had been sent yet."""
    planned_s = block.turns[0].seconds
    with _ended_by_signals(session) as asked, _progress(f"loading {url}", planned_s):
        report = session.run(block)
    (turn,) = report.turns
    if asked() and not turn.ledger.sent:
        raise KeyboardInterrupt
    return report, asked() and turn.elapsed_s < planned_s


@contextmanager
def _ended_by_signals(session: LocustSession) -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C (or SIGTERM) ends the load early and keeps its figures; the second ends everything. Yields
    whether there was one."""
    asked = False

    def handle(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt(TWICE)
        if not session.stop():
            raise KeyboardInterrupt
        asked = True

    with handled(handle):
        yield lambda: asked


@contextmanager
def _nothing_measured() -> Iterator[None]:
    """Within: who interrupts is told that there are no figures. Raises KeyboardInterrupt with what is to be said."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(interrupt.args[0] if interrupt.args else NOTHING_YET) from None


@contextmanager
def _progress(what: str, planned_s: float) -> Iterator[None]:
    """A sign of life on stderr, if anybody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        progress.add_task(f"{what}, {planned_s:g} s".replace("[", r"\["), total=None)
        yield
