"""What other tools call a regression, on the turns of a few launches of each side.

All of them look at one figure: the time per request of the closed loop, turn by turn. Each rule is the tool's default,
or what its users set (then the name says so).
"""

import statistics
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

# Microseconds per request, turn by turn, launch by launch.
Launched = Sequence[Sequence[float]]
Rule = Callable[[Launched, Launched], bool]

ASV_P = 0.002
ASV_REPEATS = 10  # samples of a process at most
T_P = 0.05


def means(launches: Launched) -> list[float]:
    """Every turn of every launch."""
    return [time_us for turns in launches for time_us in turns]


def asv_samples(launches: Launched) -> list[float]:
    """As many samples of each process as asv takes: a sample is the mean of some turns in a row."""
    return [
        float(part.mean())
        for turns in launches
        for part in np.array_split(np.asarray(turns, dtype=float), min(ASV_REPEATS, len(turns)))
    ]


def asv(factor: float) -> Rule:
    """`asv continuous`: the median is worse by more than the factor, and Mann and Whitney's test says p < 0.002.

    Two processes with ten samples each are enough for that test, so that asv's second way, disjoint 99 % intervals, is
    never taken.
    """

    def rule(base: Launched, head: Launched) -> bool:
        of_base, of_head = asv_samples(base), asv_samples(head)
        if statistics.median(of_head) <= factor * statistics.median(of_base):
            return False
        return bool(stats.mannwhitneyu(of_base, of_head, alternative="two-sided").pvalue < ASV_P)

    return rule


def ratio(percent: float) -> Rule:
    """github-action-benchmark: the one figure of the run before is so many percent of this one's (requests/s)."""

    def rule(base: Launched, head: Launched) -> bool:
        of_base, of_head = (statistics.fmean(1 / time_us for time_us in means(each)) for each in (base, head))
        return of_base / of_head > percent / 100

    return rule


def t_test(base: Launched, head: Launched) -> bool:
    """Student's t on all turns, two-sided p < 0.05, and the head is the slower one."""
    of_base, of_head = means(base), means(head)
    slower = statistics.fmean(of_head) > statistics.fmean(of_base)
    return slower and bool(stats.ttest_ind(of_base, of_head).pvalue < T_P)


def mean_within(percent: float) -> Rule:
    """pytest-benchmark, ``--benchmark-compare-fail=mean:5%``: the mean time is longer by more than that."""

    def rule(base: Launched, head: Launched) -> bool:
        return statistics.fmean(means(head)) > (1 + percent / 100) * statistics.fmean(means(base))

    return rule


RULES: Mapping[str, Rule] = {
    "asv continuous (factor 1.1)": asv(1.1),
    "asv continuous, set to 1.02": asv(1.02),
    "github-action-benchmark (200 %)": ratio(200),
    "github-action-benchmark, set to 125 %": ratio(125),
    "github-action-benchmark, set to 110 %": ratio(110),
    "t-test on all turns, p < 0.05": t_test,
    "pytest-benchmark, mean:5%": mean_within(5),
}
