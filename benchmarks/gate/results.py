"""Write RESULTS.md from the data: all that was seen is reckoned, and none of it typed.

    python -m benchmarks.gate.results [--data FOLDER] [--out FILE]

What was not recorded, drawn or run yet is said to be missing. Beside it the chart, ``power.svg``.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .decide import DECISIONS
from .fresh import read_fresh
from .fresh import table as fresh_table
from .pools import DATA, Data, read_data
from .power_chart import CHART, draw
from .result_tables import (
    asked_for,
    decision_table,
    named_table,
    plant_table,
    pool_table,
    rival_tables,
)
from .rivals import RIVALS

OUT = Path(__file__).with_name("RESULTS.md")
Cells = Sequence[Mapping[str, Any]]
PACKAGES = ("uvicorn", "gunicorn", "fastapi", "flask")


def cells_in(path: Path) -> list[dict[str, Any]]:
    """The cells of a file, none where it is not there."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return found


def machine(data: Data) -> str:
    """Where and when it was recorded."""
    lines = []
    for session in data.sessions:
        environment = session["environment"]
        cpu, python = environment["cpu"], environment["python"]
        packages = environment.get("packages", {})
        versions = ", ".join(f"{name} {packages[name]}" for name in PACKAGES if name in packages)
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(session["at_s"]))
        lines.append(
            f"- from {when} UTC: {cpu['model']}, {cpu['cores']} cores{', virtual' if cpu['virtual'] else ''}, Linux "
            f"{environment['system']['kernel']}, Python {python['version']}, {versions}"
        )
    return "\n".join(dict.fromkeys(lines)) or "Nothing is recorded yet."


def chunks(data: Data) -> str:
    """What became of the runs that were to record."""
    failed = [chunk for chunk in data.chunks if chunk["failures"] or not chunk["epochs"]]
    said = f"{len(data.chunks)} runs of the gate recorded {sum(len(pool) for pool in data.epochs.values())} epochs"
    if not failed:
        return f"{said}; none of them failed."
    lines = [f"- {chunk['pool']}: {'; '.join(chunk['failures']) or 'no epoch'}" for chunk in failed]
    return "\n".join([f"{said}; {len(failed)} failed:", "", *lines])


def page(data: Data, decisions: Cells, rivals: Cells, fresh: Cells) -> str:
    """The whole page as Markdown."""
    missing = "*Not there yet.*"
    parts = [
        INTRO,
        "## What was asked for",
        ASKED,
        asked_for(decisions, fresh) or missing,
        "## What was recorded",
        machine(data),
        chunks(data),
        POOLS,
        pool_table(data) or missing,
        PLANTED,
        plant_table(data) or missing,
        "## Decisions",
        DRAWN,
        decision_table(decisions) or missing,
        f"![How often a planted slowdown is caught, by size, app and budget]({CHART})" if decisions else missing,
        CURVE,
        "## What is named as worse",
        NAMED,
        named_table(decisions) or missing,
        "## Fresh runs",
        FRESH_TEXT,
        fresh_table(fresh) if fresh else missing,
        "## The same data by other tools' rules",
        RIVAL_TEXT,
        rival_tables(rivals, decisions) or missing,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


INTRO = """
# The gate, proven

Written by `python -m benchmarks.gate.results` from `benchmarks/data/gate/`; [README.md](../README.md) has the commands
that record it, and says how decisions are drawn. Brackets are 95 % intervals.
"""
ASKED = """
Each promise is judged at the budgets that its pools can fill: how often equal versions are called regressed at all of
them; what is planted beside a neighbour, or is no CPU time, at 90 s. Of such small pools most is in each draw: the
share of many draws is little more than the answer to one question. How often equal versions are inconclusive is
promised for the default, 3 min and 2 %; what it is with less time, or for a smaller change, stands beside it. *Too few
to be sure*: the interval reaches beyond what was asked for.
"""
POOLS = """
A pool is all epochs with one app, one plant and one neighbour; they were recorded in turn, a few at a time. Changes are
those of the head, positive is worse; *spread* is the standard deviation of an epoch's change (robust), *error* the
standard error that an epoch's own rounds tell of, in the middle. Where the spread is much larger, launches differ by
more than their rounds show. *Others* is what other processes and the hypervisor took, in cores, in the middle epoch and
in the worst.
"""
PLANTED = """
Slowdowns are loops of Python. How many are 1 % of a request's CPU time was told from the pilot; what each pool then
showed is beside what was meant.
"""
DRAWN = """
*As recorded*: base and head are those of the recording. *Swapped*: a coin says for each epoch which of the two equal
sides is called the head. The swap makes the gate's assumption true by construction, so that it checks the arithmetic
alone; the draws as recorded check the assumption as well. *Moved to what was meant*: a planted slowdown shows as
somewhat more or less than was meant (above). There all times of the pool's heads are multiplied by one factor, so that
CPU time per request is worse by just what was meant, in the middle of the pool. Promises and chart are of these.

Decisions from one pool share epochs. The first brackets (Clopper and Pearson) are of the drawing: they tell what this
pool would give if it were drawn from for ever, and nothing of another hour. The braces {} are from pools drawn anew
from the recorded epochs, with repetition: how much hangs on which epochs were met. The fresh runs share nothing.

A decision that is still open when the pool has no more epochs, though there is time, *ran out*: it counts in no share,
and is shown beside it. Nor do shares say much where a run meets nearly as many epochs as the pool has: the draws are
then nearly the same set of epochs each time, in another order, and all of them are right or wrong together. That is so
of the small pools, and of all but the largest at 5 min; there the pools drawn anew tell more.
"""
CURVE = "Brackets in the chart are those from pools drawn anew."
NAMED = "Of the decisions that said *regressed*: which metrics were named, and which stood first."
FRESH_TEXT = "Whole runs of the command line, one after another, that share no epoch with anything else."
RIVAL_TEXT = """
Other tools measure one version, later the other, so the pools are cut anew: *in a row* (the base's turns of two epochs
and the head's of the next two, of one run: what the other side did meanwhile is left out), *stored* (the base's of one
run, the head's of a later one), *side by side* (both sides' turns of the same two epochs, rotated: what no such
tool does by itself). Both apps together; cuts share epochs, so intervals are of the drawing, as above. The rows of
`bench gate` are the decisions above: a whole run, which takes more launches than the two per side of a cut.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.results")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    decisions = cells_in(options.data / DECISIONS)
    if decisions:
        draw(decisions, options.out.with_name(CHART))
    text = page(read_data(options.data), decisions, cells_in(options.data / RIVALS), read_fresh(options.data))
    options.out.write_text(text, encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
