"""Verdicts in plain sentences, the same in the page, the terminal and Markdown. Each claim carries its interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..results.records import Severity
from ..results.summary import Comparison, Summary, Verdict
from .format import counted, joined, plain, quantity, ratio, shortlist, value_of
from .holding import holding_rate, limit_of, memories, slope_sentence
from .measures import figure_of
from .open_loop import keeping_up, response_tails, responses
from .panels import Panel, Row, decided, panels, undecided
from .standing import Standing, standing_of


class Outcome(StrEnum):
    """What a verdict sentence comes to, as the one word beside it."""

    FASTEST = "fastest"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"
    MEASURED = "measured"
    INVALID = "invalid"
    MISSING = "not measured"
    NOT_POSSIBLE = "not possible"

    @property
    def icon(self) -> str:
        """A sign that can be told without colour."""
        return _ICONS[self]


_ICONS: Mapping["Outcome", str] = {
    Outcome.FASTEST: "▲",
    Outcome.SAME: "≈",
    Outcome.INCONCLUSIVE: "?",
    Outcome.MEASURED: "•",
    Outcome.INVALID: "✕",
    Outcome.MISSING: "–",
    Outcome.NOT_POSSIBLE: "⊘",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What can be said of one scenario at one level in one group."""

    place: str
    outcome: Outcome
    text: str
    headline: bool
    group: str = ""


def verdicts(summary: Summary) -> tuple[Sentence, ...]:
    """One for each panel, in their order; headlines are of each scenario's highest level in a group."""
    return tuple(_verdict(panel, summary) for panel in panels(summary))


def validity(summary: Summary) -> str:
    """Whether the figures can be believed, in a sentence or two."""
    status, total = summary.manifest.status, len(summary.results)
    parts = {
        "interrupted": ["The run was interrupted: only what was finished is shown."],
        "running": ["The run has not finished: these are the figures so far."],
    }.get(status, [])
    standings = [standing_of(result) for result in summary.results]
    bad, limited = standings.count(Standing.INVALID), standings.count(Standing.AT_LEAST)
    stood = zip(standings, summary.results, strict=True)
    partial = sum(standing is Standing.RANKED and not result.valid for standing, result in stood)
    if not total:
        return " ".join([*parts, "Nothing was measured, so nothing can be said."])
    if bad:
        verb = "is" if bad == 1 else "are"
        them = "it is" if bad == 1 else "they are"
        parts.append(f"{bad} of {counted(total, 'result')} {verb} invalid: {them} compared with nothing.")
    if limited:
        parts.append(f"{counted(limited, 'result')} reached the limit of the load side: a lower bound, not ranked.")
    if partial:
        verb = "rests" if partial == 1 else "rest"
        parts.append(f"{counted(partial, 'result')} {verb} on fewer launches than planned, the others being invalid.")
    if not bad and not limited and not partial:
        parts.append(_all_well(summary, total))
    return " ".join(parts)


def _all_well(summary: Summary, total: int) -> str:
    if any(problem.severity is Severity.INVALID for problem in summary.problems):
        return "The run as a whole is invalid; its problems are listed."
    verb = "is" if total == 1 else "are"
    noted = "see the warnings" if summary.problems else "no problems were found"
    whose = {1: "The one result", 2: "Both results"}.get(total, f"All {total} results")
    return f"{whose} {verb} valid; {noted}."


def _verdict(panel: Panel, summary: Summary) -> Sentence:
    outcome, parts = _ranking(panel)
    parts += _unranked(panel)
    if panel.headline and panel.ranked:
        parts += response_tails(panel) if panel.open_loop else []
        parts += _holding(panel, summary)
    return Sentence(panel.place, outcome, " ".join(parts), panel.headline, panel.group.name)


def _ranking(panel: Panel) -> tuple[Outcome, list[str]]:
    if not panel.rows:
        if panel.not_possible and {cell.target for cell in panel.not_possible} >= set(panel.group.targets):
            return Outcome.NOT_POSSIBLE, ["none of these targets can do it."]
        return Outcome.MISSING, ["no result."]
    if not panel.ranked:
        silent = not panel.standing(Standing.INVALID) and not panel.standing(Standing.AT_LEAST)
        return Outcome.MEASURED if silent else Outcome.INVALID, ["no result can be ranked."]
    if panel.open_loop:
        slope = [slope_sentence(panel, first=False)] if panel.holding else []
        return Outcome.MEASURED, [keeping_up(panel), *responses(panel), *slope]
    if panel.holding:
        return Outcome.MEASURED, [slope_sentence(panel, first=True), *holding_rate(panel)]
    if not panel.leads:
        return Outcome.MEASURED, [_alone(panel)]
    leader = leader_of(panel)
    if all(lead.ratio.low is None for lead in panel.leads):
        return Outcome.INCONCLUSIVE, [_no_intervals(panel, leader)]
    ties = undecided(panel)
    if not ties:
        return Outcome.FASTEST, [_clear(panel, leader), *_not_highest(panel, leader)]
    outcome = Outcome.SAME if all(tie.verdict is Verdict.SAME for tie in ties) else Outcome.INCONCLUSIVE
    return outcome, [_tied(panel, leader, ties, outcome), *_next_one(panel, leader), *_not_highest(panel, leader)]


def leader_of(panel: Panel) -> Row:
    """Whom the paired ratios put first; without them, the highest throughput."""
    names = [lead.target for lead in panel.leads[:1]]
    return next((row for row in panel.ranked if row.result.target in names), panel.ranked[0])


def _not_highest(panel: Panel, leader: Row) -> list[str]:
    highest = panel.ranked[0]
    if leader is highest:
        return []
    if panel.cold:
        return [f"{_name(highest)} took less time, but not in the same rounds, and those decide."]
    unit = panel.measure.unit
    return [f"More {unit} were counted for {_name(highest)}, but not in the same rounds, and those decide."]


def _alone(panel: Panel) -> str:
    if len(panel.ranked) > 1:
        answers = "; ".join(shortlist([f"{_name(row)} {_figure(panel, row)}" for row in panel.ranked]))
        why = ", since their users set the rate" if panel.paced else ""
        return f"the results were not compared with each other{why}: {answers}."
    why = "no other target was measured" if len(panel.rows) == 1 else "no other result can be ranked"
    return f"{_does(panel, panel.ranked[0])}; {why}, so there is nothing to compare."


def _no_intervals(panel: Panel, leader: Row) -> str:
    figure = f"{value_of(figure_of(leader.result))} {panel.measure.unit}"
    than = panel.measure.than
    every = (*undecided(panel), *decided(panel))
    others = ", ".join(shortlist([f"{ratio_of(lead)}{than}{plain(lead.baseline)}" for lead in every]))
    best = "the quickest start" if panel.cold else "the highest throughput"
    had = f"{_name(leader)} had {best} in it, {figure}: {others}."
    return f"one launch gives no interval, so nothing can be ranked. {had}"


def ratio_of(lead: Comparison) -> str:
    """A ratio without an interval."""
    return f"{value_of(lead.ratio)}×"


def _clear(panel: Panel, leader: Row) -> str:
    among = "" if len(panel.ranked) == len(panel.rows) else f"of the {len(panel.ranked)} that can be ranked, "
    runner_up = decided(panel)[0]
    figure = _figure(panel, leader)
    text = f"{among}{_name(leader)} is fastest: {figure}, {_over(panel, runner_up)}, the runner-up"
    if panel.cold:
        text = f"{among}{_name(leader)} starts {_over(panel, runner_up)}, the runner-up: in {figure}"
        if leader.is_baseline:
            return f"{text}. It is the baseline itself."
        return f"{text}{_over_baseline(panel)}."
    if runner_up.baseline == panel.baseline:
        return f"{text} and the baseline."
    if leader.is_baseline:
        return f"{text}. It is the baseline itself."
    return f"{text}{_over_baseline(panel)}."


def _tied(panel: Panel, leader: Row, ties: tuple[Comparison, ...], outcome: Outcome) -> str:
    names = joined(shortlist([f"{plain(tie.baseline)} ({ratio(tie.ratio)})" for tie in ties]))
    theirs = "the other's" if len(ties) == 1 else "the others'"
    if outcome is Outcome.SAME:
        verb = "is" if len(ties) == 1 else "are"
        return (
            f"no single fastest. {_does(panel, leader)}, and {names} {verb} "
            f"the same within the noise margin; the ratios are {_name(leader)}'s over {theirs}."
        )
    return (
        f"no single fastest. {_name(leader)} comes first with {_figure(panel, leader)}, but {names} "
        f"cannot be told apart from it; the ratios are {_name(leader)}'s over {theirs}."
    )


def _next_one(panel: Panel, leader: Row) -> list[str]:
    clear = decided(panel)
    if not clear:
        return []
    text = f"{_name(leader)} {'starts' if panel.cold else 'is'} {_over(panel, clear[0])}, the first that it leads"
    if clear[0].baseline == panel.baseline:
        return [f"{text} and the baseline."]
    return [f"{text}{_over_baseline(panel)}."]


def _over_baseline(panel: Panel) -> str:
    """The second half of a lead, where the baseline is not already named in it."""
    clear = next((lead for lead in decided(panel)[1:] if lead.baseline == panel.baseline), None)
    return f"; {ratio(clear.ratio)}{panel.measure.than}the baseline {plain(panel.baseline)}" if clear else ""


def _over(panel: Panel, lead: Comparison) -> str:
    return f"{ratio(lead.ratio)}{panel.measure.than}{plain(lead.baseline)}"


def _unranked(panel: Panel) -> list[str]:
    parts = []
    limited = panel.standing(Standing.AT_LEAST)
    if limited:
        unit = panel.measure.unit
        bounds = [f"{_name(row)} (at least {value_of(figure_of(row.result))} {unit})" for row in limited]
        parts.append(f"Not ranked, since the load side was the limit: {joined(shortlist(bounds))}.")
    silent = panel.standing(Standing.SILENT)
    if silent:
        beside = " beside the slow clients" if panel.scenario.slow_clients else ""
        parts.append(f"Answers nobody{beside}: {joined(shortlist([_name(row) for row in silent]))}.")
    invalid = panel.standing(Standing.INVALID)
    if invalid:
        parts.append(f"Invalid: {joined(shortlist([f'{_name(row)} ({row.reason})' for row in invalid]))}.")
    if panel.not_possible:
        cannot = joined(shortlist([plain(cell.target) for cell in panel.not_possible]))
        parts.append(f"Not possible for {cannot}.")
    return parts


def _holding(panel: Panel, summary: Summary) -> list[str]:
    """For a waiting scenario: how near the leader comes to what waiting allows, and what memory it takes."""
    if not panel.scenario.waiting:
        return []
    if panel.holding or panel.open_loop:
        return memories(panel.ranked, panel, summary)
    leader = leader_of(panel)
    names = [leader.result.target, *(tie.baseline for tie in undecided(panel) if tie.ratio.low is not None)]
    rows = [row for name in names for row in panel.ranked if row.result.target == name]
    return [*limit_of(panel, leader), *memories(rows, panel, summary)]


def _figure(panel: Panel, row: Row) -> str:
    return quantity(figure_of(row.result), panel.measure.unit)


def _does(panel: Panel, row: Row) -> str:
    return f"{_name(row)} {panel.measure.verb} {_figure(panel, row)}"


def _name(row: Row) -> str:
    return plain(row.result.target)
