"""How ``bench load`` shows its outcome to a person."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...results.records import Severity
from .outcome import LoadOutcome
from .percentiles import Percentiles

BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
WIDEST = 60


def outcome_view(outcome: LoadOutcome) -> RenderableType:
    """Throughput first, then whether to believe it, its course, latencies and the ledger."""
    parts: list[RenderableType] = [
        Text.assemble((outcome.url, "bold"), f"  {_how(outcome)}"),
        Text(""),
        _headline(outcome),
        *_problem_lines(outcome),
        *_course(outcome),
        Text(""),
        _latency_table(outcome),
        Text(""),
        _ledger_line(outcome),
    ]
    return Group(*parts)


def _how(outcome: LoadOutcome) -> str:
    arrival = outcome.arrival
    how = f"{arrival.connections} connections"
    if arrival.rate_rps:
        how = f"{arrival.rate_rps:g} requests/s planned, at most {arrival.connections} in flight"
    if outcome.interrupted:
        return f"{how}, interrupted after {outcome.turn.elapsed_s:.1f} s of {outcome.planned_s:g} s"
    return f"{how}, {outcome.planned_s:g} s"


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


def _course(outcome: LoadOutcome) -> list[Text]:
    """A bar for each second, drawn from zero, and their range."""
    seconds = outcome.seconds
    if len(seconds) < 2 or not outcome.turn.ledger.ok:
        return []
    size = -(-len(seconds) // WIDEST)
    groups = [seconds[at : at + size] for at in range(0, len(seconds), size)]
    rates = [sum(part.ok for part in group) / sum(part.length_s for part in group) for group in groups]
    each = "each second" if size == 1 else f"each {size} s"
    return [Text(f"{each}  {_bars(rates)}  {min(rates):,.0f} to {max(rates):,.0f}/s")]


def _bars(rates: Sequence[float]) -> str:
    top = max(rates)
    return "".join(BARS[min(int(rate / top * len(BARS)), len(BARS) - 1)] if rate else NOTHING for rate in rates)


def _latency_table(outcome: LoadOutcome) -> Table:
    columns = {
        "service time": outcome.service_time,
        "response time": outcome.response_time,
        "sent late": outcome.schedule_lag,
    }
    shown = {title: figures for title, figures in columns.items() if figures is not None}
    table = Table(box=None, pad_edge=False)
    table.add_column("ms")
    for title in shown:
        table.add_column(title, justify="right")
    for name in outcome.service_time.known_ms:
        table.add_row(name, *(_milliseconds(figures, name) for figures in shown.values()))
    return table


def _milliseconds(figures: Percentiles, name: str) -> str:
    value_ms, prefix = figures.known_ms[name], ""
    if value_ms is None and name in figures.at_least_ms:
        value_ms, prefix = figures.at_least_ms[name], "≥ "
    if value_ms is None:
        return "–"
    return prefix + (f"{value_ms:,.3f}" if value_ms < 10 else f"{value_ms:,.1f}")


def _ledger_line(outcome: LoadOutcome) -> Text:
    ledger = outcome.turn.ledger
    counts = [f"sent {ledger.sent:,}", f"right {ledger.ok:,}"]
    counts += [f"{kind} {count:,}" for kind, count in ledger.errors.items() if count]
    if ledger.dropped:
        counts.append(f"dropped {ledger.dropped:,}")
    counts.append(f"unanswered at the end {ledger.in_flight:,}")
    return Text(", ".join(counts) + f"; load side at {outcome.generator.in_words}")
