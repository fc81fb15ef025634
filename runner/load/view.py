"""How ``bench load`` shows its outcome to a person."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...results.records import Severity
from .outcome import PERCENTILES, LoadOutcome, table_ms


def outcome_view(outcome: LoadOutcome) -> RenderableType:
    """Throughput first, then whether to believe it, then latencies and the ledger."""
    arrival = outcome.arrival
    how = f"{arrival.connections} connections"
    if arrival.rate_rps:
        how = f"{arrival.rate_rps:g} requests/s planned, at most {arrival.connections} in flight"
    parts: list[RenderableType] = [
        Text.assemble((outcome.url, "bold"), f"  {how}, {outcome.planned_s:g} s"),
        Text(""),
        _headline(outcome),
        *_problem_lines(outcome),
        Text(""),
        _latency_table(outcome),
        Text(""),
        _ledger_line(outcome),
    ]
    return Group(*parts)


def _headline(outcome: LoadOutcome) -> Text:
    prefix = "at least " if outcome.at_least and outcome.turn.ledger.ok else ""
    line = Text.assemble(prefix, (f"{outcome.throughput_rps:,.1f}", "bold"), " right answers/s")
    if not outcome.valid:
        line.append("  INVALID", style="bold red")
    return line


def _problem_lines(outcome: LoadOutcome) -> list[Text]:
    styles = {Severity.INVALID: "red", Severity.WARNING: "yellow"}
    return [
        Text.assemble((f"{problem.code.value}: ", styles[problem.severity]), problem.message)
        for problem in outcome.problems
    ]


def _latency_table(outcome: LoadOutcome) -> Table:
    turn = outcome.turn
    columns = {"service time": turn.service_time, "response time": turn.response_time, "sent late": turn.schedule_lag}
    shown = {title: table_ms(times) for title, times in columns.items() if times is not None}
    table = Table(box=None, pad_edge=False)
    table.add_column("ms")
    for title in shown:
        table.add_column(title, justify="right")
    for name in (*PERCENTILES, "max"):
        table.add_row(name, *(_milliseconds(figures[name]) for figures in shown.values()))
    return table


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}" if value < 10 else f"{value:,.1f}"


def _ledger_line(outcome: LoadOutcome) -> Text:
    ledger = outcome.turn.ledger
    counts = [f"sent {ledger.sent:,}", f"right {ledger.ok:,}"]
    counts += [f"{kind} {count:,}" for kind, count in ledger.errors.items() if count]
    if ledger.dropped:
        counts.append(f"dropped {ledger.dropped:,}")
    counts.append(f"unanswered at the end {ledger.in_flight:,}")
    return Text(", ".join(counts) + f"; load side at {outcome.cpu_share:.0%} CPU")
