"""All figures of a panel in one table, for pages so large that intervals, and a second table, have no room."""

from collections.abc import Callable, Sequence

from ..results.estimate import Estimate
from ..results.ledger import Ledger
from ..results.summary import Metric, Result
from .format import counted, interval, number, plain, value_of, whole
from .measures import figure_of, percentile_name
from .panels import Panel, Row
from .physics import physics_cell, physics_note
from .standing import Standing
from .tables import Cell, Column, Line, Table, cannot_lines, panel_notes, ratio_cell, scaled, tags, times_of

PERCENTILES = ("p50", "p90", "p99", "p99.9")
Figure = tuple[Column, Callable[[Row], Cell]]


def whole_note(results: int) -> str:
    """What a large page does without, and where that is."""
    return (
        f"This run is large ({counted(results, 'result')}), so each result has one line, and intervals of its main "
        "figure, ratio, p99 and CPU only. All other intervals, ratios of CPU time, kinds of error and requests left in "
        "flight are in summary.json, in the run's folder; turns are in turns.csv, readings of memory in samples.csv."
    )


def whole_table(panel: Panel) -> Table:
    """Every figure of a panel, one line for each result, invalid ones included."""
    figures = _figures(panel)
    columns = (Column("Target", numeric=False), *(column for column, _ in figures))
    lines = [
        Line(plain(row.result.target), tuple(cell(row) for _, cell in figures), _tags(panel, row)) for row in panel.rows
    ]
    notes = (physics_note(panel), *panel_notes(panel))
    return Table(panel.place, columns, (*lines, *cannot_lines(panel)), notes)


def _figures(panel: Panel) -> Sequence[Figure]:
    measure = panel.measure
    return (
        *([(Column("Memory slope", panel.held_unit), lambda row: _known(row.held))] if panel.holding else []),
        (Column(measure.name, measure.unit), _first),
        *([(Column("Over the baseline"), _ratio(panel.metric))] if panel.baseline and not panel.open_loop else []),
        *([] if panel.cold else _times(panel)),
        (Column("CPU", f"{'ms' if panel.cold else 'µs'}/{measure.one}"), lambda row: _known(_cpu(panel, row.result))),
        *([] if panel.cold else _of_pressing(panel)),
        *_counts(panel),
        (Column("Launches"), lambda row: Cell(whole(row.result.launches))),
        (Column("Standing"), lambda row: Cell(_standing(row))),
        (Column("Physics"), lambda row: Cell(physics_cell(panel, row).text)),
    )


def _first(row: Row) -> Cell:
    return _known(figure_of(row.result))


def _times(panel: Panel) -> Sequence[Figure]:
    def time(name: str) -> Callable[[Row], Cell]:
        shown = _known if name == "p99" else _figure
        return lambda row: shown(times_of(row.result).get(name))

    def other(name: str) -> Callable[[Row], Cell]:
        return lambda row: _figure(row.result.service_time_ms.get(name))

    def lag(row: Row) -> Cell:
        return _figure((row.result.schedule_lag_ms or {}).get("p99"))

    kind = "Response" if panel.open_loop else "Service"
    times: list[Figure] = [(Column(f"{kind} {name}", "ms"), time(name)) for name in PERCENTILES]
    if not panel.open_loop:
        return times
    compared = panel.metrics if panel.baseline else ()
    ratios: list[Figure] = [(Column("Over the baseline", percentile_name(one)), _ratio(one)) for one in compared]
    beside: list[Figure] = [(Column(f"Service {name}", "ms"), other(name)) for name in ("p50", "p99")]
    return (*times, *ratios, *beside, (Column("Lag p99", "ms"), lag))


def _ratio(metric: Metric) -> Callable[[Row], Cell]:
    return lambda row: ratio_cell(row, metric)


def _of_pressing(panel: Panel) -> Sequence[Figure]:
    return (
        (Column("Switches", f"per {panel.measure.one}"), lambda row: _figure(row.result.context_switches_per_request)),
        (Column("Idle", "MiB"), lambda row: _figure(row.result.memory_mib.idle)),
        (Column("Peak", "MiB"), lambda row: _figure(row.result.memory_mib.peak)),
        (Column("Load side", "% CPU"), lambda row: Cell(number(row.result.generator.cpu_share * 100))),
    )


def _counts(panel: Panel) -> Sequence[Figure]:
    def count(of: Callable[[Ledger], int]) -> Callable[[Row], Cell]:
        return lambda row: Cell(whole(of(row.result.ledger)))

    dropped: list[Figure] = [(Column("Dropped"), count(lambda ledger: ledger.dropped))] if panel.open_loop else []
    right: Figure = (Column("Right"), count(lambda ledger: ledger.ok))
    wrong: Figure = (Column("Errors"), count(lambda ledger: ledger.error_count))
    return (right, wrong, *dropped)


def _figure(estimate: Estimate | None) -> Cell:
    return Cell(value_of(estimate))


def _known(estimate: Estimate | None) -> Cell:
    return Cell(value_of(estimate), interval(estimate))


def _cpu(panel: Panel, result: Result) -> Estimate | None:
    return scaled(result.cpu_us_per_request, 1 / 1000 if panel.cold else 1)


def _standing(row: Row) -> str:
    return f"invalid: {row.reason}" if row.standing is Standing.INVALID else row.standing.value


def _tags(panel: Panel, row: Row) -> str:
    balanced = [] if row.result.ledger.balanced else ["ledger does not balance"]
    return " ".join([*([tags(row)] if tags(row) else []), *balanced])
