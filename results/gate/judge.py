"""The gate's verdict, from nothing but what is stored: the same run gives the same verdict, whenever it is judged."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..errors import TargetError
from ..problems import Problem, ProblemCode, Severity
from .coverage import Gap, gaps, why_missing
from .looks import epochs_to_decide, last_look
from .metrics import NOT_NEEDED, OF_MEMORY, SUSPICION, evaluate, measured
from .records import BASE, HEAD, GateEpoch, GateFailure, GateRun
from .settings import GateMetric, GateSettings, Look
from .trust import (
    DROPPED_SHARE_MAX,
    LIMITED_SHARE_MAX,
    USUAL_NOISE_CORES,
    dropped_epochs,
    head_errs,
    head_may_err,
    kept_epochs,
    limited_epochs,
    noisy_epochs,
    unanswered_epochs,
    usual_noise_cores,
)
from .values import LEAK_REQUESTS
from .verdicts import GateResult, GateVerdict, MetricResult, MetricVerdict


def judge(run: GateRun, *, final: bool) -> GateResult:
    """The verdict so far; with `final` (nothing more will be measured) it is never ``go on``.

    Every planned look is made again on the epochs there were by then, and between looks a head is looked for that errs
    in each epoch from the first. The first that decides is the verdict: it does not depend on how often this is called.
    Raises TargetError where the base failed: nothing can be compared.
    """
    for failure in run.failures:
        if failure.side == BASE:
            raise TargetError(f"the base {_told(failure)}", "the base must work before a head can be compared with it")
    failed = [f"the head {_told(failure)}" for failure in run.failures if failure.side == HEAD]
    if failed:
        errs = head_errs(run.epochs, look=True)
        return _result(run, GateVerdict.REGRESSED, (*failed, *([errs] if errs else [])), len(run.epochs))
    looks = {look.epochs: look for look in run.settings.looks}
    for count in range(1, len(run.epochs) + 1):
        if errs := head_errs(run.epochs[:count], look=count in looks):
            return _result(run, GateVerdict.REGRESSED, (errs,), count)
        if count in looks and (result := _look(run, looks[count], last=False)).verdict is not GateVerdict.GO_ON:
            return result
    if final:
        if errs := head_errs(run.epochs, look=True):
            return _result(run, GateVerdict.REGRESSED, (errs,), len(run.epochs))
        return _look(run, last_look(run.settings, len(run.epochs)), last=True)
    return _result(run, GateVerdict.GO_ON, (), None)


def _look(run: GateRun, look: Look, *, last: bool) -> GateResult:
    """What one look says: on the first so many epochs, as if there were no more."""
    epochs = run.epochs[: look.epochs]
    kept = kept_epochs(epochs)
    holes = gaps(kept, run.scenarios, run.settings)
    metrics = _seen(evaluate(kept, run.settings, look.alpha, look.pass_alpha), holes)
    gating = [each for each in metrics if each.gating]
    worse = [each for each in gating if each.verdict is MetricVerdict.REGRESSED]
    if worse:
        reasons = tuple(_how_much_worse(each) for each in _weightiest(worse))
        return _result(run, GateVerdict.REGRESSED, reasons, look.epochs, metrics)
    missing = [each for each in gating if each.verdict is not MetricVerdict.PASS and _stops(each)]
    needed = [each for each in gating if each.metric not in NOT_NEEDED]
    doubts = (*_doubts(epochs, kept), *(why_missing(holes, run.settings) if needed else ()))
    if needed and not missing and not doubts:
        return _result(run, GateVerdict.PASS, (), look.epochs, metrics)
    if not last:
        return _result(run, GateVerdict.GO_ON, (), None, metrics)
    unseen = {gap.key for gap in holes}
    open_ones = [each for each in missing if (each.scenario, each.metric) not in unseen]
    reasons = (*doubts, *_why_undecided(run, open_ones, bool(needed)))
    return _result(run, GateVerdict.INCONCLUSIVE, reasons, look.epochs, metrics)


def _seen(metrics: Sequence[MetricResult], holes: Sequence[Gap]) -> tuple[MetricResult, ...]:
    """The metrics; one that was measured too seldom does not pass, whatever it says."""
    unseen = {gap.key for gap in holes}
    return tuple(
        replace(each, verdict=MetricVerdict.UNDECIDED)
        if (each.scenario, each.metric) in unseen and each.verdict is MetricVerdict.PASS
        else each
        for each in metrics
    )


def _stops(result: MetricResult) -> bool:
    """Whether a metric that is undecided stops a pass."""
    return result.metric not in NOT_NEEDED or result.p_regressed <= SUSPICION


def _result(
    run: GateRun,
    verdict: GateVerdict,
    reasons: tuple[str, ...],
    at: int | None,
    metrics: Sequence[MetricResult] | None = None,
) -> GateResult:
    """`at`: the epochs that were looked at; all of them where there was no look."""
    epochs = run.epochs if at is None else run.epochs[:at]
    shown = evaluate(kept_epochs(epochs), run.settings, 0.0, 0.0) if metrics is None else metrics
    return GateResult(
        verdict=verdict,
        reasons=reasons,
        metrics=tuple(shown),
        epochs=len(run.epochs),
        elapsed_s=run.elapsed_s,
        dropped=dropped_epochs(epochs),
        decided_at=at,
        problems=(*run.problems, *_unmeasured(run.epochs, run.settings)),
    )


def _unmeasured(epochs: Sequence[GateEpoch], settings: GateSettings) -> Iterator[Problem]:
    """Memory of which nothing is told here: it is left out, and said. Anything else that lacks stops a pass."""
    there = {metric for _, metric in measured(epochs)}
    for metric in settings.gated if epochs else ():
        if metric not in there and metric in (*OF_MEMORY, *NOT_NEEDED):
            message = f"{metric.value} was measured in no epoch, so that it decides nothing"
            if metric is GateMetric.LEAK and there.intersection(OF_MEMORY):
                message += f": that takes {LEAK_REQUESTS:,} requests to each side in a closed loop of one launch"
            yield Problem(ProblemCode.UNCHECKED, message, severity=Severity.WARNING)


def _doubts(epochs: Sequence[GateEpoch], kept: Sequence[GateEpoch]) -> Iterator[str]:
    """Why what looks well may not be: the head errs, if seldom; so does the base; or the load side could not press."""
    if errs := head_may_err(epochs):
        yield errs
    unanswered = unanswered_epochs(kept)
    if unanswered > LIMITED_SHARE_MAX * len(kept):
        yield (
            f"the base itself left requests unanswered, or answered them wrongly, in {unanswered} of {len(kept)} "
            "epochs: what was compared is only the rest; see its log, or give it fewer connections (--concurrency)"
        )
    limited = limited_epochs(kept)
    if limited > LIMITED_SHARE_MAX * len(kept):
        yield (
            f"the load side may have been the limit in {limited} of {len(kept)} epochs: a slower head would look as "
            "fast; give it a core of its own, or fewer connections"
        )


def _why_undecided(run: GateRun, missing: Sequence[MetricResult], anything: bool) -> Iterator[str]:
    epochs, needed = len(run.epochs), epochs_to_decide(run.settings, len(run.scenarios))
    if epochs < needed:
        budget = _budget_for(run, needed)
        yield f"too few epochs: {epochs}, and nothing can be sure with fewer than {needed}; give it a larger {budget}"
    if not anything:
        yield "nothing that decides was measured"
    if not missing:
        return
    noisy, taken = len(noisy_epochs(run.epochs)), usual_noise_cores(run.epochs)
    if noisy > DROPPED_SHARE_MAX * epochs:
        yield f"the machine was too noisy: others took far more of it than usual in {noisy} of {epochs} epochs"
    elif taken > USUAL_NOISE_CORES:
        yield f"the machine was too noisy: others took {taken:.1f} cores all the time"
    for each in _weightiest(missing):
        bounds = f"tolerated {each.margin:.3g}, threshold {each.threshold:.3g} {each.unit}"
        yield f"undecided within the budget: {_what(each)} {_shown(each)} ({bounds})"


def _budget_for(run: GateRun, epochs: int) -> str:
    """The budget that so many epochs would have needed, as long as one took here; rounded up."""
    if not run.epochs:
        return "budget"
    one_s = sum(epoch.elapsed_s for epoch in run.epochs) / len(run.epochs)
    needs_s = run.elapsed_s + (epochs - len(run.epochs)) * one_s
    return f"budget, of {math.ceil(needs_s / 10) * 10} s at least"


def _told(failure: GateFailure) -> str:
    scenario = f" under {failure.scenario}" if failure.scenario else ""
    return f"failed ({failure.kind.value}){scenario}: {failure.message}"


def _weightiest(results: Sequence[MetricResult]) -> list[MetricResult]:
    """The largest change first, each measured by its threshold."""
    return sorted(results, key=lambda each: -each.change.value / each.threshold)


def _how_much_worse(result: MetricResult) -> str:
    return f"{_what(result)} is worse by {_shown(result)}, surely more than {result.margin:.3g} {result.unit}"


def _what(result: MetricResult) -> str:
    return f"{result.metric.value} of {result.scenario}" if result.scenario else result.metric.value


def _shown(result: MetricResult) -> str:
    change, unit = result.change, result.unit
    interval = "" if change.low is None or change.high is None else f" [{change.low:+.1f}, {change.high:+.1f}]"
    return f"{change.value:+.1f} {unit}{interval}"
