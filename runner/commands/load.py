"""``bench load``: press one URL, and say what came of every request."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ...results.errors import ExitCode, UsageError
from ..durations import parse_duration_s
from ..load.orders import Arrival, Block, BlockReport, TurnOrder
from ..load.outcome import judge_load
from ..load.request import RequestSpec, endpoint_of
from ..load.session import LocustSession
from ..load.view import outcome_view
from ..machine import available_cores, parse_cores

CLOSED_CONNECTIONS = 32
OPEN_CONNECTIONS = 128


class LoadDriver(StrEnum):
    """What sends the requests."""

    ENGINE = "engine"


def load(
    url: Annotated[str, typer.Argument(help="What to ask for: an http:// URL.", metavar="URL")],
    connections: Annotated[
        int | None,
        typer.Option(min=1, help="Connections, or with --rate the most requests in flight. [default: 32, or 128]"),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Open loop: requests per second, due whether or not answers come.")
    ] = None,
    poisson: Annotated[bool, typer.Option("--poisson", help="With --rate: random gaps, as from many users.")] = False,
    duration: Annotated[str, typer.Option(help="How long, e.g. 10s, 2m or 500ms.")] = "10s",
    timeout: Annotated[str, typer.Option(help="Deadline of a whole request, from its send to its last byte.")] = "5s",
    method: Annotated[str, typer.Option(help="The request's method.")] = "GET",
    header: Annotated[list[str] | None, typer.Option(help="A header, NAME: VALUE. Repeatable.")] = None,
    body: Annotated[str | None, typer.Option(help="The request's body.")] = None,
    expect_status: Annotated[int, typer.Option(help="The status of a right answer.")] = 200,
    expect_text: Annotated[str | None, typer.Option(help="A text that a right answer's body contains.")] = None,
    driver: Annotated[LoadDriver, typer.Option(help="What sends the requests.")] = LoadDriver.ENGINE,
    processes: Annotated[int, typer.Option(min=1, help="Load processes, each on a core of its own.")] = 1,
    load_cores: Annotated[str | None, typer.Option(help="Cores for the load side, e.g. 1 or 2-3.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of random gaps.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> None:
    """Load one URL, check every answer, and say what became of every request."""
    del driver
    arrival = _arrival(connections, rate, poisson)
    planned_s = parse_duration_s(duration)
    endpoint = endpoint_of(RequestSpec(url, method, tuple(header or ()), body, expect_status, expect_text))
    block = Block(
        id=1,
        endpoints=(endpoint,),
        arrival=arrival,
        turns=(TurnOrder(endpoint=0, seconds=planned_s, round=0, position=0),),
        timeout_s=parse_duration_s(timeout),
        seed=seed,
        drain=False,
    )
    report = _carry_out(block, _cores(load_cores, processes), processes, url)
    outcome = judge_load(url, arrival, processes, planned_s, report)
    if as_json:
        sys.stdout.write(json.dumps(outcome.to_dict(), indent=2) + "\n")
    else:
        Console(highlight=False).print(outcome_view(outcome), soft_wrap=True)
    raise typer.Exit(ExitCode.DONE if outcome.valid else ExitCode.INVALID)


def _arrival(connections: int | None, rate: float | None, poisson: bool) -> Arrival:
    if rate is None:
        if poisson:
            raise UsageError("--poisson needs --rate", "for example --rate 500 --poisson")
        return Arrival(connections or CLOSED_CONNECTIONS)
    if not 0 < rate <= 1e7:
        raise UsageError(f"a rate of {rate:g} requests/s cannot be sent", "give a rate above zero")
    return Arrival(connections or OPEN_CONNECTIONS, rate, poisson)


def _cores(text: str | None, processes: int) -> tuple[int, ...]:
    """The last cores, one for each load process, unless told otherwise."""
    available = available_cores()
    return parse_cores(text, available, "--load-cores") if text else available[-processes:]


def _carry_out(block: Block, cores: tuple[int, ...], processes: int, url: str) -> BlockReport:
    with LocustSession(cores, processes) as session, _progress(f"loading {url}", block.turns[0].seconds):
        return session.run(block)


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
