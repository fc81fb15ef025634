"""A gate's verdict as Markdown for a comment: the verdict first, a compact table, the rest folded away."""

from collections.abc import Iterator, Sequence

from ...results.gate.records import GateRun
from ...results.gate.verdicts import GateResult
from ...results.problems import Severity
from ..document import command_line
from ..format import counted, shortened
from ..markdown import escaped
from ..problems import problem_sentence
from ..tables import Cell, Line, Table
from .checks import State, checks, problems_of
from .tables import key_table, tests_table
from .words import ICONS, WORDS, facts, headline, readable, reasons

# GitHub takes no longer comment than 65,536 characters; what counts as one is not said, so there is room left.
CHARACTERS_MAX = 60_000
LINES_MAX = 40
REASONS_MAX = 12
TEXT_COLUMNS = 400
# By the first line a comment is found again.
MARKER = "<!-- sgibench-gate -->"


def render_gate_markdown(run: GateRun, result: GateResult) -> str:
    """The comment, beginning with its marker; always short enough to be one."""
    parts = [_head(run, result), *_folds(run, result)]
    while len(parts) > 1 and _length(parts) > CHARACTERS_MAX:
        parts.pop(-2 if len(parts) > 2 else -1)
    return "\n\n".join(parts) + "\n"


def _length(parts: Sequence[str]) -> int:
    """In UTF-16, of which a character outside the basic plane takes two."""
    return sum(len(part.encode("utf-16-le")) // 2 + 2 for part in parts)


def _head(run: GateRun, result: GateResult) -> str:
    lines = [
        MARKER,
        f"### {ICONS[result.verdict]} {WORDS[result.verdict]}: {_said(headline(run, result))}",
        "",
        *_bullets(reasons(run, result), REASONS_MAX),
        "",
        *_table(key_table(run, result)),
    ]
    doubts = [check for check in checks(run, result) if check.state is not State.FINE]
    lines += [f"- {check.sign} **{check.name}:** {_said(check.text)}" for check in doubts]
    lines += ["", _said(" · ".join(facts(run, result)))]
    return "\n".join(lines)


def _folds(run: GateRun, result: GateResult) -> Iterator[str]:
    reported = key_table(run, result, gating=False)
    if reported.lines:
        yield _fold("Reported only", [*_table(reported)])
    if result.metrics:
        yield _fold("Tests", [*_table(tests_table(run, result))])
    yield _fold("Can it be believed?", _validity(run, result))
    again = [f"    {command_line(run.command, run.seed)}", ""] if run.command else []
    about = (
        f"Regressed: surely worse than the margin. Pass: surely not worse by the threshold or more. Run {run.run_id}, "
        f"seed {run.seed}."
    )
    yield _fold("How to repeat it, and what it means", [*again, _said(about)])


def _validity(run: GateRun, result: GateResult) -> list[str]:
    lines = [f"- {check.sign} **{check.name}:** {_said(check.text)}" for check in checks(run, result)]
    every = problems_of(run, result)
    for problem, epochs in every[:LINES_MAX]:
        sign = "✕" if problem.severity is Severity.INVALID else "!"
        seen = f" (in {counted(epochs, 'epoch')})" if epochs > 1 else ""
        lines.append(f"- {sign} `{problem.code.value}` {_said(readable(problem_sentence(problem)))}{seen}")
    if len(every) > LINES_MAX:
        lines.append(f"- {len(every) - LINES_MAX} more are on the page")
    return lines


def _fold(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"<details><summary>{title}</summary>", "", *lines, "", "</details>"])


def _bullets(texts: Sequence[str], most: int) -> Iterator[str]:
    yield from (f"- {_said(text)}" for text in texts[:most])
    if len(texts) > most:
        yield f"- {len(texts) - most} more reasons are on the page"


def _table(table: Table) -> Iterator[str]:
    if not table.lines:
        return
    yield f"| {' | '.join(_said(column.heading) for column in table.columns)} |"
    yield f"| {' | '.join('---:' if column.numeric else '---' for column in table.columns)} |"
    for line in table.lines[:LINES_MAX]:
        yield f"| {' | '.join(_cells(line))} |"
    yield ""
    if len(table.lines) > LINES_MAX:
        yield f"{len(table.lines) - LINES_MAX} more lines are on the page."
        yield ""
    for note in table.notes:
        yield from (f"<sub>{_said(note)}</sub>", "")


def _cells(line: Line) -> Iterator[str]:
    yield _said(f"{line.name} ({line.tag})" if line.tag else line.name)
    yield from (_cell(cell) for cell in line.cells)


def _cell(cell: Cell) -> str:
    return _said(" ".join(part for part in (cell.text, cell.note) if part))


def _said(text: str) -> str:
    """Text in which nothing is markup, nobody is called by an ``@``, and nothing goes on forever."""
    return escaped(shortened(text, TEXT_COLUMNS)).replace("@", "@\u200b")
