"""A gate's run as a line of a history that change-point tools read; collected into an array, Apache Otava takes it."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ...results.gate.records import WHOLE, GateRun
from ...results.gate.verdicts import GateResult, MetricResult
from ..format import plain
from .words import side_name, source_name

# The head's branch, as CI systems name it: of a pull request first, since there the checkout has no branch.
BRANCHES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME")


def history_lines(run: GateRun, result: GateResult, branch: str = "") -> str:
    """One line of JSON: when, the head's commit, and for each metric its head figure and its ratio to the base.

    Otava wants the same attributes in every entry, as text, and the same metrics. Attributes always are; metrics are as
    long as app, scenarios and gate stay what they are. Where nothing was measured, `metrics` is empty. `branch` is the
    head's, where the caller knows it; else it is what the head was named by.
    """
    line = {
        "timestamp": _timestamp(run.started_at),
        "metrics": [entry for each in result.metrics for entry in _entries(each)],
        "attributes": {
            "branch": plain(branch or source_name(run.head)),
            "commit": run.head.commit,
            "base": side_name(run.base),
            "base_commit": run.base.commit,
            "app": plain(run.app),
            "setup": plain(run.setup),
            "verdict": result.verdict.value,
            "epochs": str(result.epochs),
            "run": run.run_id,
        },
    }
    return json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"


def branch_of(environ: Mapping[str, str]) -> str:
    """The branch that a CI system says it is on; empty elsewhere."""
    return next((environ[name] for name in BRANCHES if environ.get(name)), "")


def _entries(each: MetricResult) -> Iterator[dict[str, Any]]:
    place = "launch" if each.scenario == WHOLE else plain(each.scenario)
    figures = [("head", each.typical.head)]
    if each.metric.in_percent:
        figures.append(("worse", 1 + each.change.value / 100))
    for name, value in figures:
        if math.isfinite(value):
            yield {"name": f"{place}.{each.metric.value}.{name}", "value": value}


def _timestamp(text: str) -> int:
    """Seconds since 1970; 0 where it was not recorded."""
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0
