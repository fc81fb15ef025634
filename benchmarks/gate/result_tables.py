"""The tables of RESULTS.md, from what was recorded, drawn and run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.statistics import percent_estimate, plain_estimate
from sgibench.results.gate.trust import NORMAL_SPREAD
from sgibench.results.gate.verdicts import GateVerdict

from .decisions import BUDGETS, ran_out, share_of
from .intervals import Share
from .plants import CPU, PILOT
from .pools import APPS, NO_PLANT, Data, Neighbour, Pool, Recorded, changes_of, pairs_of
from .rivals import Way

Cell = Mapping[str, Any]
Cells = Sequence[Cell]
SHOWN = {
    GateMetric.THROUGHPUT: "throughput",
    GateMetric.CPU: "CPU/request",
    GateMetric.P50: "p50",
    GateMetric.P90: "p90",
}
VERDICTS = (GateVerdict.REGRESSED, GateVerdict.PASS, GateVerdict.INCONCLUSIVE)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; empty without rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def told(pool: Sequence[Recorded], metric: GateMetric) -> str:
    """A metric's change over a pool, with its interval."""
    changes = changes_of(pool, metric)
    if not changes:
        return "–"
    found = percent_estimate(changes) if metric.in_percent else plain_estimate(changes)
    interval = "" if found.low is None or found.high is None else f" [{found.low:+.2f}, {found.high:+.2f}]"
    return f"{found.value:+.2f}{interval}"


def spread(pool: Sequence[Recorded], metric: GateMetric) -> str:
    """The standard deviation of an epoch's change in percent, as its middle distance has it."""
    changes = np.asarray(changes_of(pool, metric))
    if not len(changes):
        return "–"
    return f"{100 * NORMAL_SPREAD * float(np.median(np.abs(changes - np.median(changes)))):.2f}"


def error(pool: Sequence[Recorded], metric: GateMetric) -> str:
    """The standard error of an epoch's change in percent, as its rounds tell it, in the middle."""
    known = [pair.error for pair in pairs_of(pool, metric) if pair.error is not None]
    return f"{100 * float(np.median(known)):.2f}" if known else "–"


def pool_table(data: Data) -> str:
    """Every pool: how large, what it showed, and how noisy it was."""
    rows = []
    for pool, epochs in sorted(data.epochs.items()):
        noise = [each.epoch.noise.foreign_cores + each.epoch.noise.steal_cores for each in epochs]
        rows.append([
            pool.app, pool.plant, pool.neighbour, str(len(epochs)), str(len({each.run for each in epochs})),
            *(told(epochs, metric) for metric in SHOWN), spread(epochs, GateMetric.CPU), error(epochs, GateMetric.CPU),
            spread(epochs, GateMetric.P90), f"{np.median(noise):.2f}; {max(noise):.2f}",
            f"{np.median([each.epoch.elapsed_s for each in epochs]):.1f} s",
        ])  # fmt: skip
    changes = [f"{name}, %" for name in SHOWN.values()]
    spreads = ["spread of CPU, %", "error of CPU, %", "spread of p90, %"]
    return markdown(["app", "plant", "neighbour", "epochs", "runs", *changes, *spreads, "others", "an epoch"], rows)


def plant_table(data: Data) -> str:
    """What was meant to be planted, and what the pools showed. Loops are those of the pool's runs."""
    rows = []
    loops: dict[str, set[str]] = defaultdict(set)
    for chunk in data.chunks:
        if chunk["epochs"]:
            loops[chunk["pool"]].add(str(chunk["plant"]["loops"]))
    for app, calibration in sorted(data.calibrations.items()):
        ends = (calibration.low, calibration.high)
        interval = "" if None in ends else f" [{calibration.low:.1f}, {calibration.high:.1f}]"
        pilot = data.epochs.get(Pool(app, PILOT), [])
        size = f"{calibration.percent:.1f}{interval}"
        rows.append([app, f"{PILOT} ({calibration.epochs} epochs)", str(calibration.loops), "–", size,
                     told(pilot, GateMetric.THROUGHPUT)])  # fmt: skip
        for name, percent in CPU.items():
            for neighbour in Neighbour:
                pool = Pool(app, name, neighbour)
                epochs = data.epochs.get(pool, [])
                if epochs:
                    beside = "" if neighbour is Neighbour.QUIET else f" ({neighbour})"
                    rows.append([app, name + beside, " and ".join(sorted(loops[pool.name])), f"{percent:g}",
                                 told(epochs, GateMetric.CPU), told(epochs, GateMetric.THROUGHPUT)])  # fmt: skip
    return markdown(["app", "plant", "loops", "meant, %", "CPU/request, %", "throughput (as time), %"], rows)


def decision_table(cells: Cells) -> str:
    """Every pool at every budget."""
    rows = []
    for cell in cells:
        app, plant, neighbour = cell["pool"].split("/")
        drawn = "swapped" if cell["swapped"] else "moved to what was meant" if cell["exact"] else "as recorded"
        verdicts = []
        for verdict in VERDICTS:
            again = cell["bootstrap"].get(verdict.value)
            anew = "" if again is None else f" {{{100 * again[0]:.0f}, {100 * again[1]:.0f}}}"
            verdicts.append(share_of(cell, verdict).told + anew)
        verdicts[-1] += _ran_out(ran_out(cell))
        rows.append([app, plant, neighbour, drawn, cell["budget"]["name"], str(cell["epochs"]), str(cell["decisions"]),
                     *verdicts, f"{cell['median_s']:.0f} s"])  # fmt: skip
    head = ["app", "plant", "neighbour", "drawn", "budget, threshold", "epochs", "decisions", *VERDICTS, "time, middle"]
    return markdown(head, rows)


def named_table(cells: Cells) -> str:
    """What was named as worse in the pools with a plant."""
    rows = []
    for cell in cells:
        app, plant, neighbour = cell["pool"].split("/")
        regressed = share_of(cell, GateVerdict.REGRESSED)
        if plant == NO_PLANT or cell["exact"] or not regressed.count:
            continue
        named, first = (
            ", ".join(f"{name} {100 * count / regressed.count:.0f} %" for name, count in cell[key].items())
            for key in ("named", "named_first")
        )
        rows.append([app, plant, neighbour, cell["budget"]["name"], str(regressed.count), named, first])
    return markdown(["app", "plant", "neighbour", "budget, threshold", "regressed", "named", "first"], rows)


def rival_tables(rivals: Cells, decisions: Cells) -> str:
    """A table for each way to cut: rules in lines, plants in columns."""
    columns = [f"{NO_PLANT}/{neighbour}" for neighbour in Neighbour] + [f"{name}/quiet" for name in CPU]
    columns += [f"cpu-5/{neighbour}" for neighbour in (Neighbour.STEADY, Neighbour.BURSTS)] + ["await-2ms/quiet"]
    parts = []
    for way in Way:
        those = [cell for cell in rivals if cell["way"] == way]
        if not those:
            continue
        rows = [
            [rule, *(_sum(those, column, rule) for column in columns)]
            for rule in dict.fromkeys(cell["rule"] for cell in those)
        ]
        rows += [
            [f"`bench gate`, {budget.name}", *(_gate(decisions, column, budget.name) for column in columns)]
            for budget in BUDGETS
        ]
        title = f"Called regressed, cut *{way}*:"
        parts += [title, markdown(["rule", *(column.removesuffix("/quiet") for column in columns)], rows)]
    return "\n\n".join(parts)


def _sum(cells: Cells, column: str, rule: str) -> str:
    found = [cell for cell in cells if cell["pool"].partition("/")[2] == column and cell["rule"] == rule]
    return Share(sum(cell["regressed"] for cell in found), sum(cell["decisions"] for cell in found)).told


def _gate(decisions: Cells, column: str, budget: str) -> str:
    found = [
        cell
        for cell in decisions
        if cell["pool"].partition("/")[2] == column
        and cell["budget"]["name"] == budget
        and not (cell["swapped"] or cell["exact"])
    ]
    return _together(found, GateVerdict.REGRESSED)[1]


def _together(cells: Cells, verdict: GateVerdict) -> tuple[Share, str]:
    """The share of several cells' decisions, and how it is shown."""
    shares = [share_of(cell, verdict) for cell in cells]
    share = Share(sum(each.count for each in shares), sum(each.of for each in shares))
    return share, share.told + _ran_out(sum(ran_out(cell) for cell in cells))


def _cells(decisions: Cells, app: str, column: str, budgets: Sequence[str]) -> Cells:
    """The cells of a pool at some budgets: of slowdowns those moved to what was meant, of all others as recorded."""
    exact = column.partition("/")[0] in CPU
    return [
        cell
        for cell in decisions
        if cell["pool"] == f"{app}/{column}"
        and cell["budget"]["name"] in budgets
        and cell["exact"] == exact
        and not cell["swapped"]
    ]


def _naming(cells: Cells, metric: GateMetric) -> Share:
    """In how many decisions the metric was named as worse."""
    named = sum(int(cell["named"].get(metric.value, 0)) for cell in cells)
    return Share(named, _together(cells, GateVerdict.REGRESSED)[0].of)


def asked_for(decisions: Cells, fresh: Cells) -> str:
    """What the gate promises, beside what was seen, of each app."""
    rows = []
    for what, column, budgets, verdict, limit in PROMISES:
        for app in APPS:
            cells = _cells(decisions, app, column, budgets)
            if cells:
                share, seen = _together(cells, verdict)
                rows.append([what, app, _bound(limit), seen, _holds(share, limit)])
    for plant, metric, limit in MUST_NAME:
        for app in APPS:
            cells = _cells(decisions, app, f"{plant}/quiet", (_SHORT,))
            if cells:
                share, out = _naming(cells, metric), _ran_out(sum(map(ran_out, cells)))
                what = f"{plant}, {_AT_90_S}: regressed, and `{metric.value}` named"
                rows.append([what, app, _bound(limit), share.told + out, _holds(share, limit)])
    equal = [run for run in fresh if run["plant"] == NO_PLANT]
    for verdict, limit in ((GateVerdict.REGRESSED, 0.01), (GateVerdict.INCONCLUSIVE, 0.05)):
        if equal:
            share = Share(sum(run["verdict"] == verdict.value for run in equal), len(equal))
            what = f"fresh runs of equal versions: {verdict.value}"
            rows.append([what, "both", _bound(limit), share.told, _holds(share, limit)])
    return markdown(["", "app", "asked for", "seen", ""], rows)


def _ran_out(count: int) -> str:
    """Decisions that had time left, and no more epochs: they are in no share."""
    return f" +{count} ran out" if count else ""


def _bound(limit: float | None) -> str:
    return "–" if limit is None else f"{'at most' if limit < MOSTLY else 'at least'} {100 * limit:g} %"


def _holds(seen: Share, limit: float | None) -> str:
    if limit is None:
        return "–"
    if not seen.of:
        return "not judged"
    rare = limit < MOSTLY
    if not (seen.value <= limit if rare else seen.value >= limit):
        return "**does not hold**"
    low, high = seen.interval
    return "holds" if (high <= limit if rare else low >= limit) else "holds; too few to be sure"


MOSTLY = 0.5  # a promise below it is of what is to be rare
_AT_90_S = "90 s"
_ALL = tuple(budget.name for budget in BUDGETS)
_SHORT, _USUAL, _LONG = _ALL
_NOISY = (Neighbour.STEADY, Neighbour.BURSTS)
Promise = tuple[str, str, tuple[str, ...], GateVerdict, float | None]
# Each at the budgets that its pools can fill. Without a limit it is shown, and nothing is promised.
PROMISES: tuple[Promise, ...] = (
    *(
        (f"equal, {beside}: regressed", f"{NO_PLANT}/{beside}", _ALL, GateVerdict.REGRESSED, 0.01)
        for beside in Neighbour
    ),
    ("equal, quiet, 3 min: inconclusive", f"{NO_PLANT}/quiet", (_USUAL,), GateVerdict.INCONCLUSIVE, 0.05),
    ("equal, quiet, 90 s: inconclusive", f"{NO_PLANT}/quiet", (_SHORT,), GateVerdict.INCONCLUSIVE, None),
    ("equal, quiet, 5 min, 1 %: inconclusive", f"{NO_PLANT}/quiet", (_LONG,), GateVerdict.INCONCLUSIVE, None),
    (f"2 % planted, {_AT_90_S}: regressed", "cpu-2/quiet", (_SHORT,), GateVerdict.REGRESSED, 0.95),
    ("1 % planted, 5 min: regressed", "cpu-1/quiet", (_LONG,), GateVerdict.REGRESSED, 0.80),
    *(
        (f"5 % planted, {beside}, {_AT_90_S}: regressed", f"cpu-5/{beside}", (_SHORT,), GateVerdict.REGRESSED, 0.95)
        for beside in _NOISY
    ),
)
# What is no slowdown of the CPU has to be caught by the metric that is there for it.
MUST_NAME = (
    ("await-2ms", GateMetric.P50, 0.95),
    ("kept-10mib", GateMetric.MEMORY_IDLE, 0.95),
    ("leak-1kb", GateMetric.LEAK, 0.95),
)
