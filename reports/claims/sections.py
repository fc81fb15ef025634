"""What the page shows of each claim: its words, its readings and figures in every interpreter, its charts and code."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as html_escaped

from markupsafe import Markup

from ...results.claims import Chart, ClaimResult, ClaimsRun, ClaimVerdict, Finding
from ..format import MISSING, exact, number, plain, whole
from ..tables import Cell, Column, Line, Table
from .chart import drawn, looks
from .words import (
    AGREEMENT_SIGNS,
    Case,
    accepted_words,
    agreement_words,
    cases,
    interpreter_name,
    interpreters,
    measured,
    range_words,
    said,
    unit_of,
    why,
)

NO_ROOM = "Not drawn: more charts would make this page too large to be sent round. Its figures are below."


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart with the key to its series and its points as a table; `svg` is empty where there is none to draw."""

    title: str
    caption: str
    svg: Markup
    key: tuple[tuple[str, Markup], ...]
    table: Table | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure that a verdict rests upon, and whether it is what was claimed."""

    sign: str
    tone: str
    name: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim's verdict in one interpreter, with what it rests upon."""

    interpreter: str
    verdict: ClaimVerdict
    why: str
    measured: tuple[Mark, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A claim on the page. `outcomes` has one for each interpreter of the run, None where it was not tested in it."""

    id: str
    title: str
    source: str
    claimed: str
    outcomes: tuple[Outcome | None, ...]
    readings: Table
    drawings: tuple[Drawing, ...]
    figures: Table | None
    code: Markup
    code_size: int

    @property
    def known(self) -> list[Outcome]:
        """The outcomes there are."""
        return [outcome for outcome in self.outcomes if outcome is not None]

    @property
    def whys(self) -> list[tuple[str, list[str]]]:
        """Each explanation once, with the interpreters it is said of."""
        found: dict[str, list[str]] = {}
        for outcome in self.known:
            found.setdefault(outcome.why, []).append(outcome.interpreter)
        return list(found.items())

    @property
    def notes(self) -> list[tuple[str, list[str]]]:
        """Each note once, with the interpreters it is said of."""
        found: dict[str, list[str]] = {}
        for outcome in self.known:
            for note in outcome.notes:
                found.setdefault(note, []).append(outcome.interpreter)
        return list(found.items())


def sections(run: ClaimsRun, chart_bytes: int, code_bytes: int) -> tuple[Section, ...]:
    """A section for each claim; charts and code as far as there is room for them."""
    every = cases(run)
    names = [interpreter_name(name, run.environment) for name in interpreters(run)]
    drawings = _all_drawings(every, names, chart_bytes)
    found = []
    for case in every:
        code = Markup(html_escaped(case.first.code, quote=False))  # quotes, of which it has many, need no escaping here
        code_bytes -= len(code)
        found.append(_section(case, names, drawings[case.id], code if code_bytes >= 0 else Markup()))
    return tuple(found)


def _section(case: Case, names: Sequence[str], drawings: Sequence[Drawing], code: Markup) -> Section:
    first = case.first
    return Section(
        case.id,
        plain(first.title),
        plain(first.source),
        plain(first.claimed),
        tuple(
            None if result is None else _outcome(result, name) for result, name in zip(case.results, names, strict=True)
        ),
        _readings(case, names),
        tuple(drawings),
        _figures(case, names),
        code,
        len(first.code.splitlines()),
    )


def _outcome(result: ClaimResult, name: str) -> Outcome:
    seen = {}
    for finding in result.findings:
        figure = measured(result, finding.reading.measure)
        sign, tone = AGREEMENT_SIGNS[finding.agreement]
        measure = plain(finding.reading.measure)
        seen[measure, sign] = Mark(sign, tone.value, measure, figure.value, figure.interval)
    notes = tuple(plain(note) for note in result.measured.notes)
    return Outcome(name, result.verdict, why(result), tuple(seen.values()), notes)


def _readings(case: Case, names: Sequence[str]) -> Table:
    """Each way to take the claim, what it claims, and how that stands to what was measured."""
    single = len(names) == 1
    columns = (
        Column("Taken as", numeric=False),
        Column("Claimed", numeric=False),
        *(Column("Measured" if single else name, numeric=False) for name in names),
    )
    lines = []
    every = dict.fromkeys(finding.reading for result in case.known for finding in result.findings)
    for reading in every:
        unit = next((unit_of(each, reading.measure) for each in case.known if each.measured.of(reading.measure)), "")
        unit = unit or case.first.unit
        cells = [Cell(range_words(reading.claimed, unit), accepted_words(reading.claimed, unit))]
        for result in case.results:
            found = next((each for each in result.findings if each.reading == reading), None) if result else None
            cells.append(Cell(MISSING) if result is None or found is None else _measured_cell(result, found))
        tag = f"was so in {plain(reading.before)}" if reading.before else ""
        lines.append(Line(plain(reading.text), tuple(cells), tag))
    return Table("How the claim can be taken", columns, tuple(lines))


def _measured_cell(result: ClaimResult, finding: Finding) -> Cell:
    figure = measured(result, finding.reading.measure)
    return Cell(figure.value, figure.interval, AGREEMENT_SIGNS[finding.agreement][1], agreement_words(finding))


def _figures(case: Case, names: Sequence[str]) -> Table | None:
    """All that was measured."""
    single = len(names) == 1
    columns = [Column("Figure", numeric=False)]
    for name in names:
        columns += [Column("Measured" if single else name, numeric=False), Column("Repetitions")]
    figures = {figure.name: figure for result in case.known for figure in result.measured.figures}
    if not figures:
        return None
    lines = []
    for figure in figures.values():
        cells: list[Cell] = []
        for result in case.results:
            found = (
                next((each for each in result.measured.figures if each.name == figure.name), None) if result else None
            )
            if found is None:
                cells += [Cell(MISSING), Cell(MISSING)]
            else:
                told = said(found)
                cells += [Cell(told.value, told.interval), Cell(whole(found.estimate.n))]
        lines.append(Line(plain(figure.name), tuple(cells), plain(figure.text)))
    methods = dict.fromkeys(plain(figure.estimate.method) for figure in figures.values() if figure.estimate.method)
    notes = (f"Intervals: {'; '.join(methods)}.",) if methods else ()
    return Table("All figures", tuple(columns), tuple(lines), notes)


def _all_drawings(every: Sequence[Case], names: Sequence[str], room: int) -> dict[str, list[Drawing]]:
    """The charts of all claims. Those of the first interpreter come before the others', should there be too many."""
    found: dict[str, list[Drawing]] = {case.id: [] for case in every}
    for at, name in enumerate(names):
        for number_of_claim, case in enumerate(every):
            result = case.results[at]
            chart = result.measured.chart if result else None
            if chart is None:
                continue
            drawing = _drawing(chart, f"c{number_of_claim}-{at}", name if len(names) > 1 else "", room > 0)
            room -= len(drawing.svg)
            found[case.id].append(drawing)
    return found


def _drawing(chart: Chart, ident: str, interpreter: str, has_room: bool) -> Drawing:
    title = plain(f"{chart.title} ({interpreter})" if interpreter else chart.title)
    svg = drawn(chart, ident) if has_room else ""
    caption = plain(chart.takeaway)
    if not svg:
        caption = f"{caption} {NO_ROOM if not has_room else 'No chart: there is no point to draw.'}".strip()
    style = looks(chart)
    keyed = chart.kind != "dots" and svg
    key = (
        tuple((plain(one.name), Markup(style[one.name].swatch)) for one in chart.series if one.points) if keyed else ()
    )
    return Drawing(title, caption, Markup(svg), key, _points(chart) if svg and chart.kind != "dots" else None)


def _points(chart: Chart) -> Table:
    """The points of a chart of lines: a row for each count, a column for each series."""
    xs = sorted({point[0] for one in chart.series for point in one.points})
    columns = (Column(plain(chart.x_label), numeric=False), *(Column(plain(one.name)) for one in chart.series))
    lines = []
    for x in xs:
        cells = []
        for one in chart.series:
            found = next((point for point in one.points if point[0] == x), None)
            cells.append(_point_cell(*found[1:]) if found else Cell(MISSING))
        lines.append(Line(exact(x), tuple(cells)))
    return Table(f"Points of the chart, {plain(chart.y_label)}".rstrip(", "), columns, tuple(lines))


def _point_cell(value: float, low: float | None, high: float | None) -> Cell:
    return Cell(number(value), "" if low is None or high is None else f"[{number(low)} to {number(high)}]")
