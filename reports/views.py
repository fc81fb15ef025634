"""What the page shows of one group: its overview, sentences, key tables and figures, as much as a page can hold."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from ..results.summary import Summary
from .charts.palette import Style
from .figures import Figure, forest_figure, latency_figure, ratios_of
from .levels import capacity_figure, memory_figure
from .overview import Section, overview_table
from .panels import Panel
from .sentences import Sentence
from .steadiness import stability_figure
from .tables import Table, key_table

Item = TypeVar("Item")
Split = tuple[list[Item], list[Item]]
# Bytes of charts on a page, by kind. A page of more than a megabyte would be no page to send round.
ROOM = {"forests": 110_000, "capacities": 50_000, "latencies": 60_000, "memories": 40_000, "stabilities": 40_000}


@dataclass(frozen=True, slots=True)
class Space:
    """How much of a run a page has room for: `headlines_only` leaves the other levels to the numbers, `share` is the
    part of the room for charts that each group has (None: all are drawn); without `key_tables` the numbers have all."""

    headlines_only: bool
    share: float | None
    key_tables: bool = True


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group on the page. Pairs hold what is of headline levels, and the rest; `undrawn` counts levels left out,
    `unheld` the scenarios whose memory is among the numbers only."""

    title: str
    meaning: str
    baseline: str
    overview: Table | None
    headlines: list[Sentence]
    others: list[Sentence]
    key_tables: Split[Table]
    figures: Mapping[str, Split[Figure]]
    anything: bool
    undrawn: int
    unheld: int


def group_view(
    section: Section, summary: Summary, looks: Mapping[str, Style], names: Iterator[int], space: Space, *, wide: bool
) -> GroupView:
    """A section as the page shows it; `names` number the charts of the whole page."""
    shown = section.shown
    detailed = [panel for panel in shown if panel.headline or not space.headlines_only]
    sentences = _split((sentence.headline, sentence) for sentence in section.sentences)
    return GroupView(
        section.title,
        section.meaning,
        section.group.baseline,
        overview_table(section) if wide and any(panel.rows for panel in shown) else None,
        *sentences,
        _split((panel.headline, key_table(panel)) for panel in (detailed if space.key_tables else ())),
        _figures(shown, detailed, summary, looks, _Pen(names, space.share)),
        bool(shown),
        len(shown) - len(detailed),
        _unheld(shown) if space.share is not None else 0,
    )


def _unheld(shown: Sequence[Panel]) -> int:
    return len({panel.scenario.name for panel in shown if not panel.cold and not panel.scenario.waiting})


class _Pen:
    """Draws the figures of one kind, and of several kinds, until the room for each is used up."""

    def __init__(self, names: Iterator[int], share: float | None) -> None:
        self._names = names
        self._share = share

    @property
    def sparing(self) -> bool:
        """Whether there is not room for everything."""
        return self._share is not None

    def draw(self, kind: str, items: Iterable[Any], make: Callable[[Any, str], Figure]) -> Split[Figure]:
        room = float("inf") if self._share is None else ROOM[kind] * self._share
        made, skipped, largest = [], [], 0
        for item in items:
            if room < largest:
                skipped.append(item)
                continue
            figure = make(item, f"{kind[0]}-{next(self._names)}")
            size = len(figure.svg)
            room, largest = room - size, max(largest, size)
            made.append((figure.headline, figure))
        if skipped:
            more = f"{len(skipped)} more would make this page too large to be sent round"
            made.append((True, Figure("Not drawn", f"{more}; their figures are in the tables.")))
        return _split(made)


def _figures(
    shown: Sequence[Panel], drawn: Sequence[Panel], summary: Summary, looks: Mapping[str, Style], pen: _Pen
) -> dict[str, Split[Figure]]:
    slots = {target.name: target.slots for target in summary.manifest.targets if target.slots is not None}
    pressed = [panel for panel in shown if not panel.cold]
    by_scenario = [list(group) for _, group in groupby(pressed, key=lambda panel: panel.scenario.name)]
    held = [group for group in by_scenario if group[0].scenario.waiting] if pen.sparing else by_scenario
    several = [group for group in by_scenario if len(group) > 1 and not group[0].open_loop]
    under_load = [panel for panel in drawn if not panel.cold]
    return {
        "forests": pen.draw("forests", ratios_of(drawn), lambda of, ident: forest_figure(of, shown, ident)),
        "capacities": pen.draw("capacities", several, lambda group, ident: capacity_figure(group, looks, slots, ident)),
        "latencies": pen.draw("latencies", under_load, lambda panel, ident: latency_figure(panel, looks, ident)),
        "memories": pen.draw("memories", held, lambda group, ident: memory_figure(group, summary, looks, ident)),
        "stabilities": pen.draw("stabilities", under_load, lambda panel, ident: stability_figure(panel, looks, ident)),
    }


def _split(marked: Iterable[tuple[bool, Item]]) -> Split[Item]:
    found = list(marked)
    return [item for first, item in found if first], [item for first, item in found if not first]
