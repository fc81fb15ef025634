"""The verdicts and key tables as Markdown, for a README or a pull request."""

from collections.abc import Iterator
from html import escape as html_escaped

from ..results.records import Severity
from ..results.summary import Summary
from .format import counted, plain
from .overview import Section, is_wide, overview_table, sections
from .problems import merged_problems, problem_sentence
from .sentences import validity
from .tables import Cell, Line, Table, key_table

# What Markdown or the HTML in it would take as markup. Brackets are markup only before a parenthesis.
_SPECIAL = frozenset("\\`*_<>#|~$&")


def render_markdown(summary: Summary) -> str:
    """For each group verdict sentences and each scenario's key table at its highest level, with an overview of many
    scenarios before; and validity."""
    return "\n".join(_lines(summary)).rstrip("\n") + "\n"


def _lines(summary: Summary) -> Iterator[str]:
    manifest = summary.manifest
    every, wide = sections(summary), is_wide(summary)
    yield f"## {escaped(manifest.title or manifest.suite)}"
    yield ""
    if wide:  # what is in it decides before anything is read
        yield from _validity(summary)
    for section in every:
        yield from _verdicts(section, wide=wide)
    if not wide:
        yield from _validity(summary)
    for section in every:
        yield from _tables(section, wide=wide)
    yield f"{escaped(_footer(summary))}"


def _verdicts(section: Section, *, wide: bool) -> Iterator[str]:
    if section.title:
        yield f"### {escaped(section.title)}"
        yield ""
        yield escaped(section.meaning)
        yield ""
    if wide and section.shown:
        yield from _table(overview_table(section))
    headlines = [sentence for sentence in section.sentences if sentence.headline]
    if wide and headlines:
        yield from ("<details><summary>Each scenario in a sentence</summary>", "")
    for sentence in headlines:
        yield f"- {sentence.outcome.icon} **{escaped(sentence.place)}**: {escaped(sentence.text)}"
    yield ""
    if wide and headlines:
        yield from ("</details>", "")


def _validity(summary: Summary) -> Iterator[str]:
    yield escaped(validity(summary))
    yield ""
    for problem in merged_problems(summary):
        sign = "✕" if problem.severity is Severity.INVALID else "!"
        yield f"- {sign} `{problem.code.value}` {escaped(problem_sentence(problem))}"
    yield ""


def _tables(section: Section, *, wide: bool) -> Iterator[str]:
    shown = [panel for panel in section.headlines if panel.rows]
    if wide and shown:
        name = f"Key figures, {section.title}" if section.title else "Key figures"
        yield from (f"<details><summary>{html_escaped(name)}</summary>", "")
    elif section.title:
        yield from (f"### {escaped(section.title)}: key figures", "")
    for panel in shown:
        table = key_table(panel)
        yield f"{'####' if section.title else '###'} {escaped(table.caption)}"
        yield ""
        yield from _table(table)
    if wide and shown:
        yield from ("</details>", "")


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(escaped(column.heading) for column in table.columns)} |"
    yield f"| {' | '.join('---:' if column.numeric else '---' for column in table.columns)} |"
    for line in table.lines:
        yield f"| {' | '.join(_texts(line, len(table.columns)))} |"
    yield ""
    for note in table.notes:
        yield escaped(note)
        yield ""


def _texts(line: Line, width: int) -> Iterator[str]:
    yield escaped(" ".join(part for part in (line.name, f"({line.tag})" if line.tag else "") if part))
    if line.across:
        yield escaped(line.across)
        yield from [""] * (width - 2)
        return
    for cell in line.cells:
        yield _cell(cell)


def _cell(cell: Cell) -> str:
    return escaped(" ".join(part for part in (cell.text, cell.note, cell.word) if part))


def escaped(text: str) -> str:
    """Text in which nothing is markup."""
    safe = "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in plain(text))
    return safe.replace("](", "]\\(")


def _footer(summary: Summary) -> str:
    manifest = summary.manifest
    return (
        f"Run {manifest.run_id}, {counted(manifest.epochs, 'epoch')}. Brackets are 95 % intervals "
        "over launches; a verdict needs the whole interval on one side of a 2 % margin."
    )
