"""How steady the figures are from epoch to epoch, with the machine's own changes of speed taken out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .charts.canvas import Words
from .charts.lines import Point, Series, stability
from .charts.palette import Style
from .figures import Figure, left_out
from .format import number, plain
from .panels import Panel
from .tables import Cell, Column, Line, Table

Epochs = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Shares of the average, by epoch: of each target against the field, and of the field itself."""

    targets: Mapping[str, Epochs]
    field: Epochs


def steadiness(panel: Panel) -> Steadiness:
    """What each target's throughput was in each epoch, over its own average and that epoch's speed.

    An epoch's speed is the geometric mean over the targets that have a figure in every epoch; with one target alone
    there is no field, and what it shows are the machine's changes of speed as well.
    """
    rates = {row.result.target: dict(row.result.epoch_throughput_rps) for row in panel.ranked}
    rates = {name: epochs for name, epochs in rates.items() if len(epochs) > 1 and min(epochs.values()) > 0}
    every = sorted({epoch for epochs in rates.values() for epoch in epochs})
    whole = [epochs for epochs in rates.values() if len(epochs) == len(every)]
    if len(whole) < 2:
        return Steadiness({name: _over_average(epochs) for name, epochs in rates.items()}, {})
    speed = _over_average({epoch: _mean([epochs[epoch] for epochs in whole]) for epoch in every})
    against = {name: {epoch: rate / speed[epoch] for epoch, rate in epochs.items()} for name, epochs in rates.items()}
    return Steadiness({name: _over_average(epochs) for name, epochs in against.items()}, speed)


def stability_figure(panel: Panel, styles: Mapping[str, Style], ident: str) -> Figure:
    """One line for each target, around its own average."""
    found = steadiness(panel)
    if not found.targets:
        why = "No chart: it takes valid results of two epochs or more."
        return Figure(panel.place, why, headline=panel.headline)
    series = [Series(styles[name], _points(epochs)) for name, epochs in found.targets.items()]
    caption = f"{_caption(found)} {left_out(panel)}".strip()
    words = Words(ident, f"Throughput by epoch: {panel.place}", caption)
    svg = stability(words, series, _points(found.field))
    return Figure(panel.place, caption, svg, _table(panel), panel.headline)


def _caption(found: Steadiness) -> str:
    worst, name = max(
        (max(abs(share - 1) for share in epochs.values()), name) for name, epochs in found.targets.items()
    )
    if not found.field:
        share = f"{number(worst * 100)} %"
        return f"{plain(name)} departs from its own average by up to {share}, the machine's changes of speed included."
    swing = max(found.field.values()) / min(found.field.values()) - 1
    return (
        f"The machine's speed (the wide grey line) differed by up to {number(swing * 100)} % between epochs; with that "
        f"taken out, no target departs from its own average by more than {number(worst * 100)} % ({plain(name)})."
    )


def _table(panel: Panel) -> Table:
    rows = [row for row in panel.ranked if row.result.epoch_throughput_rps]
    epochs = sorted({epoch for row in rows for epoch, _ in row.result.epoch_throughput_rps})
    columns = (Column("Target", numeric=False), *(Column(f"Epoch {epoch}", "requests/s") for epoch in epochs))
    lines = [
        Line(
            plain(row.result.target), tuple(Cell(number(dict(row.result.epoch_throughput_rps).get(e))) for e in epochs)
        )
        for row in rows
    ]
    return Table(f"Throughput by epoch, {panel.place}", columns, tuple(lines))


def _points(epochs: Epochs) -> tuple[Point, ...]:
    return tuple(Point(epoch, share) for epoch, share in sorted(epochs.items()))


def _over_average(epochs: Epochs) -> dict[int, float]:
    mean = _mean(list(epochs.values()))
    return {epoch: rate / mean for epoch, rate in epochs.items()}


def _mean(values: Sequence[float]) -> float:
    """Geometric mean."""
    return math.exp(sum(math.log(value) for value in values) / len(values))
