"""The power curve: how often a planted slowdown is caught, by its size, for each app and budget."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sgibench.results.gate.verdicts import GateVerdict

from .decisions import BUDGETS, share_of
from .plants import CPU
from .pools import APPS, NO_PLANT, Neighbour, Pool

CHART = "power.svg"
COLOURS = ("#1f5fa8", "#7a9a01", "#c4561a")
MARKS = ("o", "s", "^")
INK, GRID = "#222222", "#dddddd"
SIZE = (9.0, 3.9)
APART = 0.12  # so that brackets of equal height do not cover each other
REGRESSED = GateVerdict.REGRESSED.value


def draw(cells: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the cells of ``decisions.json`` that are about CPU time on a quiet machine."""
    mpl.rcParams["svg.hashsalt"] = "sgibench"
    figure = Figure(figsize=SIZE, layout="constrained", facecolor="white")
    for axes, app in zip(figure.subplots(1, len(APPS), sharey=True), APPS, strict=True):
        _frame(axes, app)
        for at, budget in enumerate(BUDGETS):
            _curve(axes, [cell for cell in cells if cell["budget"]["name"] == budget.name], app, at)
    figure.axes[0].set_ylabel("called regressed, % of decisions", color=INK)
    figure.axes[0].legend(title="budget, threshold", loc="lower right", frameon=False, fontsize=9)
    figure.savefig(path, format="svg", metadata={"Date": None})


def _frame(axes: Axes, app: str) -> None:
    axes.set_title(app, color=INK)
    axes.set_facecolor("white")
    axes.set_xlabel("planted: % of a request's CPU time", color=INK)
    axes.set_ylim(-3, 103)
    axes.set_yticks([0, 20, 40, 60, 80, 95, 100])
    axes.set_xticks([0, *CPU.values()])
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _curve(axes: Axes, cells: Sequence[Mapping[str, Any]], app: str, at: int) -> None:
    equal = [cell for cell in cells if Pool.parse(cell["pool"]).equal and not cell["swapped"]]
    by_pool = {cell["pool"]: cell for cell in (*equal, *(cell for cell in cells if cell["exact"]))}
    points = []
    for name, percent in {NO_PLANT: 0.0, **CPU}.items():
        cell = by_pool.get(Pool(app, name, Neighbour.QUIET).name)
        if cell is None:
            continue
        value = share_of(cell, GateVerdict.REGRESSED).value
        low, high = cell["bootstrap"].get(REGRESSED, share_of(cell, GateVerdict.REGRESSED).interval)
        points.append((percent + APART * (at - 1), value, max(value - low, 0.0), max(high - value, 0.0)))
    if not points:
        return
    x, y, below, above = ([each[column] for each in points] for column in range(4))
    axes.errorbar(
        x,
        [100 * value for value in y],
        yerr=[[100 * value for value in below], [100 * value for value in above]],
        color=COLOURS[at],
        marker=MARKS[at],
        markersize=5,
        linewidth=1.5,
        elinewidth=1.1,
        capsize=3,
        label=BUDGETS[at].name,
    )
