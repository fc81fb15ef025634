"""A gate's figures as tables: the key ones, every epoch, tests and looks, answers, and both sides."""

from collections.abc import Sequence

from ...results.gate.metrics import NOT_NEEDED
from ...results.gate.records import WHOLE, GateRun, Order, Pair, Source
from ...results.gate.settings import GateMetric
from ...results.gate.verdicts import GateResult, GateVerdict, MetricResult, MetricVerdict
from ...results.ledger import ErrorKind, Ledger
from ..format import MISSING, duration, number, percent, plain, whole
from ..tables import Cell, Column, Line, Table, Tone
from .words import (
    METRIC_SIGNS,
    bounds,
    change_of,
    epoch_tag,
    limit_words,
    metric_name,
    scenario_tag,
    signed,
    split,
    told_unit,
    verdict_words,
)

PLUS_NOTE = (
    "A plus is worse. Brackets: 95 % interval over epochs. The change is formed within each epoch; base and head are "
    "the figures of the middle epoch of each."
)
LEAK_NOTE = "Memory growth is found or it is not: a pass does not wait until it is sure that there is none."
THROUGHPUT_NOTE = "The change of throughput is that of the time per request, the base’s figure over the head’s."


def key_table(run: GateRun, result: GateResult, *, gating: bool = True) -> Table:
    """Each metric that decides, or each that is only reported: both sides, the change, the threshold, the verdict."""
    shown = split(result.metrics)[0 if gating else 1]
    columns = (
        Column("Metric", numeric=False, weight=10),
        Column("Base", weight=4),
        Column("Head", weight=5),
        Column("Change", "+ is worse", weight=9),
        Column("Threshold", weight=6),
        *([Column("Verdict", numeric=False, weight=8)] if gating else ()),
    )
    notes = [PLUS_NOTE] if shown and gating else []
    if any(each.metric is GateMetric.THROUGHPUT for each in shown):
        notes.append(THROUGHPUT_NOTE)
    passed = result.verdict is GateVerdict.PASS
    unsure = [each for each in shown if each.metric in NOT_NEEDED and each.verdict is MetricVerdict.UNDECIDED]
    if gating and passed and unsure:
        notes.append(LEAK_NOTE)
    caption = "What decides" if gating else "Reported only"
    return Table(caption, columns, tuple(_key_line(each, run, gating) for each in shown), tuple(notes))


def _key_line(each: MetricResult, run: GateRun, gating: bool) -> Line:
    _, tone = METRIC_SIGNS[each.verdict]
    told = tone if gating and tone is not Tone.MUTED else Tone.NEUTRAL
    cells = [
        _side(each.typical.base, each.metric),
        _side(each.typical.head, each.metric),
        Cell(signed(each.change, each.unit), bounds(each.change), told),
        Cell(limit_words(each.threshold, each.unit)),
    ]
    if gating:
        cells.append(Cell(verdict_words(each), "", tone))
    return Line(metric_name(each.metric), tuple(cells), scenario_tag(each, run))


def _side(value: float, metric: GateMetric) -> Cell:
    return Cell(f"{number(value)} {told_unit(metric.unit)}")


def tests_table(run: GateRun, result: GateResult) -> Table:
    """What each verdict rests upon: the estimate, both limits, and both p-values."""
    columns = (
        Column("Metric", numeric=False), Column("Epochs"), Column("Change"), Column("Margin"), Column("Threshold"),
        Column("p: at most the margin"), Column("p: the threshold or more"), Column("Decides", numeric=False),
        Column("Verdict", numeric=False),
    )  # fmt: skip
    lines = [
        Line(
            metric_name(each.metric),
            (
                Cell(whole(each.change.n)),
                Cell(signed(each.change, each.unit), bounds(each.change)),
                Cell(limit_words(each.margin, each.unit)),
                Cell(limit_words(each.threshold, each.unit)),
                Cell(_p(each.p_regressed)),
                Cell(_p(each.p_pass)),
                Cell("yes" if each.gating else "no"),
                Cell(verdict_words(each), "", METRIC_SIGNS[each.verdict][1]),
            ),
            scenario_tag(each, run),
        )
        for each in result.metrics
    ]
    methods = dict.fromkeys(plain(each.change.method) for each in result.metrics if each.change.method)
    notes = (f"Estimates: {'; '.join(methods)}.",) if methods else ()
    return Table("Tests", columns, tuple(lines), notes)


def _p(value: float) -> str:
    return "below 0.000001" if 0 <= value < 1e-6 else number(value)


def looks_table(run: GateRun, result: GateResult) -> Table:
    """When the gate looked at its data, and what each look could use up."""
    columns = (Column("Look", numeric=False), Column("False alarms"), Column("Wrong passes"))
    lines = []
    for look in run.settings.looks:
        tag = "decided here" if look.epochs == result.decided_at else ""
        cells = (Cell(percent(look.alpha)), Cell(percent(look.pass_alpha)))
        lines.append(Line(f"after {look.epochs} epochs", cells, tag))
    planned = {look.epochs for look in run.settings.looks}
    tag = "decided here" if result.decided_at is not None and result.decided_at not in planned else ""
    what_is_left = (Cell("what is left"), Cell("what is left"))
    lines.append(Line("at the end", what_is_left, tag))
    alarms, passes = percent(run.settings.alpha), percent(run.settings.pass_alpha)
    total = f"In all: {alarms} against false alarms, {passes} against wrong passes."
    return Table("Looks", columns, tuple(lines), (total,))


def epochs_tables(run: GateRun, result: GateResult) -> tuple[Table, ...]:
    """Every epoch's figures, a table for each scenario and one for what belongs to the launch as a whole."""
    return tuple(
        _epochs_table(run, result, [each for each in result.metrics if each.scenario == scenario], scenario)
        for scenario in dict.fromkeys(each.scenario for each in result.metrics)
    )


def _epochs_table(run: GateRun, result: GateResult, metrics: Sequence[MetricResult], scenario: str) -> Table:
    columns = [Column("Epoch", numeric=False)]
    for each in metrics:
        name = metric_name(each.metric)
        unit = told_unit(each.metric.unit)
        columns += [
            Column(f"{name}, base", unit),
            Column(f"{name}, head", unit),
            Column("change", told_unit(each.unit)),
        ]
    lines = []
    for epoch in sorted(run.epochs, key=lambda epoch: epoch.number):
        cells: list[Cell] = []
        for each in metrics:
            cells += _pair_cells(epoch.values.get((scenario, each.metric)), each.metric)
        lines.append(Line(str(epoch.number), tuple(cells), epoch_tag(epoch.number, run, result)))
    place = plain(scenario) if scenario != WHOLE else "each launch as a whole"
    return Table(f"Epochs, {place}", tuple(columns), tuple(lines))


def _pair_cells(pair: Pair | None, metric: GateMetric) -> list[Cell]:
    if pair is None:
        return [Cell(MISSING, "", Tone.MUTED)] * 3
    value = change_of(pair, metric)
    text = number(value)
    return [Cell(number(pair.base)), Cell(number(pair.head)), Cell(f"+{text}" if value and value > 0 else text)]


def launches_table(run: GateRun, result: GateResult) -> Table:
    """How each epoch was started, and what others took meanwhile."""
    columns = (
        Column("Epoch", numeric=False), Column("Began at"), Column("Took"), Column("First", numeric=False),
        Column("Hash seed"), Column("Other programs", "cores"), Column("Hypervisor", "cores"), Column("Waiting"),
    )  # fmt: skip
    lines = [
        Line(
            str(epoch.number),
            (
                Cell(duration(epoch.started_s)),
                Cell(duration(epoch.elapsed_s)),
                Cell("head" if epoch.order is Order.HEAD_FIRST else "base"),
                Cell(str(epoch.hash_seed)),
                Cell(number(epoch.noise.foreign_cores)),
                Cell(number(epoch.noise.steal_cores)),
                Cell(percent(epoch.noise.pressure)),
            ),
            epoch_tag(epoch.number, run, result),
        )
        for epoch in sorted(run.epochs, key=lambda epoch: epoch.number)
    ]
    return Table("Launches", columns, tuple(lines))


def answers_table(run: GateRun) -> Table:
    """What became of every request, by scenario and side."""
    totals: dict[tuple[str, str], Ledger] = {}
    for epoch in run.epochs:
        for key, ledger in epoch.ledgers.items():
            totals[key] = totals.get(key, Ledger()) + ledger
    kinds = [kind.value for kind in ErrorKind if any(ledger.errors.get(kind.value) for ledger in totals.values())]
    names = ("Scheduled", "Sent", "Dropped", "Right", "In flight", *(f"Error: {kind}" for kind in kinds))
    columns = (Column("Scenario, side", numeric=False), *(Column(name) for name in names))
    lines = [
        Line(
            f"{plain(scenario) or 'all'}, {plain(side)}",
            tuple(
                Cell(whole(count))
                for count in (
                    ledger.scheduled,
                    ledger.sent,
                    ledger.dropped,
                    ledger.ok,
                    ledger.in_flight,
                    *(ledger.errors.get(kind, 0) for kind in kinds),
                )
            ),
        )
        for (scenario, side), ledger in sorted(totals.items(), key=lambda each: each[0])  # base before head
    ]
    return Table("Ledger in requests", columns, tuple(lines))


def sides_table(run: GateRun) -> Table:
    """Both sides: where they came from, and what ran them."""
    columns = (Column("", numeric=False), Column("Base", numeric=False), Column("Head", numeric=False))
    rows = [
        ("source", *(plain(each.what) for each in (run.base, run.head))),
        ("commit", *(_commit(each) for each in (run.base, run.head))),
        ("lay at", *(plain(each.path) for each in (run.base, run.head))),
        ("interpreter", *(plain(each.python) for each in (run.base, run.head))),
    ]
    names = sorted({*run.base.versions, *run.head.versions})
    rows += [(plain(name), *(plain(each.versions.get(name, "")) for each in (run.base, run.head))) for name in names]
    lines = [Line(name, tuple(Cell(text or MISSING) for text in texts)) for name, *texts in rows]
    return Table("Both sides", columns, tuple(lines))


def _commit(source: Source) -> str:
    changed = ", with changes that are not committed" if source.dirty else ""
    return f"{plain(source.commit)}{changed}" if source.commit else ""
