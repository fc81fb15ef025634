"""The verdicts and key tables as Markdown, for a README or a pull request."""

from collections.abc import Iterator

from ..results.records import Severity
from ..results.summary import Summary
from .format import counted, plain
from .panels import Panel, panels
from .problems import merged_problems, problem_sentence
from .sentences import validity, verdicts
from .tables import Cell, Line, Table, key_table

# What Markdown or the HTML in it would take as markup. Brackets are markup only before a parenthesis.
_SPECIAL = frozenset("\\`*_<>#|~$&")


def render_markdown(summary: Summary) -> str:
    """Verdict sentences, validity and each scenario's key table at its highest level."""
    return "\n".join(_lines(summary)).rstrip("\n") + "\n"


def _lines(summary: Summary) -> Iterator[str]:
    manifest = summary.manifest
    yield f"## {escaped(manifest.title or manifest.suite)}"
    yield ""
    for sentence in verdicts(summary):
        if sentence.headline:
            yield f"- {sentence.outcome.icon} **{escaped(sentence.place)}**: {escaped(sentence.text)}"
    yield ""
    yield escaped(validity(summary))
    yield ""
    for problem in merged_problems(summary):
        sign = "✕" if problem.severity is Severity.INVALID else "!"
        yield f"- {sign} `{problem.code.value}` {escaped(problem_sentence(problem))}"
    yield ""
    for panel in panels(summary):
        if panel.headline and panel.rows:
            yield from _panel(panel)
    yield f"{escaped(_footer(summary))}"


def _panel(panel: Panel) -> Iterator[str]:
    table = key_table(panel)
    yield f"### {escaped(table.caption)}"
    yield ""
    yield from _table(table)
    yield ""
    for note in table.notes:
        yield escaped(note)
        yield ""


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(escaped(column.heading) for column in table.columns)} |"
    yield f"| {' | '.join('---:' if column.numeric else '---' for column in table.columns)} |"
    for line in table.lines:
        yield f"| {' | '.join(_texts(line, len(table.columns)))} |"


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
