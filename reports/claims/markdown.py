"""The verdicts on the claims as Markdown: a table for a README, and a short section for each claim."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from ...results.claims import ClaimResult, ClaimsRun, Finding
from ..format import MISSING, duration, plain
from ..markdown import escaped
from .words import (
    TITLE,
    Case,
    accepted_words,
    agreement_words,
    cases,
    date_words,
    interpreter_name,
    interpreters,
    machine_words,
    measured,
    range_words,
    tally,
    unit_of,
    verdict_words,
    version_words,
    why,
)

# What is written down for others to read tells no folders of the machine it was measured on.
_FOLDERS = (
    "bin|boot|builds|data|etc|home|media|mnt|nix|opt|private|root|run|snap|srv|tmp|usr|Users|var|work|workspace|Volumes"
)
_PATH = re.compile(rf"(?<![\w:/.~-])(?:~|/(?:{_FOLDERS}))/(?:[^\s/'\"(),;:]+/)*([^\s/'\"(),;:]+)")
_ONLY_HERE = ("--output", "--markdown")
METHOD = (
    "A reading holds if the whole 95 % interval of its figure lies within what was claimed, and fails if all of it "
    "lies outside; an end of a round figure may be missed by a quarter. All hold: reproduced. Some hold: in part. All "
    "that were measured fail: refuted. Those that fail were all true of older versions: outdated. None holds and some "
    "are undecided: not measurable here. Each repetition ran in a fresh interpreter, the sides in shuffled turns."
)


def render_claims_markdown(run: ClaimsRun) -> str:
    """What was claimed, measured and found, with the machine and versions it holds for; no paths, no host names."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_lines(run))).rstrip("\n") + "\n"


def _lines(run: ClaimsRun) -> Iterator[str]:
    every, names = cases(run), [interpreter_name(name, run.environment) for name in interpreters(run)]
    yield from (f"# {TITLE}", "")
    for name, interpreter in zip(names, interpreters(run), strict=True):
        yield from (f"**{escaped(tally(run, interpreter))}** on {escaped(name)}.", "")
    yield from (_where(run, names), "")
    if run.status != "complete":
        yield from (f"This run is {escaped(run.status)}: only these claims were put to the test.", "")
    if every:
        yield from _table(every, names)
        yield ""
        yield "✓ as claimed, ✕ not so, ? undecided, – not measured. Brackets are 95 % intervals."
        yield ""
    for case in every:
        yield from _section(case, names)
    yield from ("## How it was found out", "", escaped(METHOD), "")
    command = _command(run)
    if command:
        yield from ("```console", f"$ {command}", "```")


def _where(run: ClaimsRun, names: Sequence[str]) -> str:
    kind = "quick run, with few repetitions and small counts" if run.quick else "full run"
    versions = version_words(run.environment)
    return escaped(
        f"Measured on {machine_words(run.environment)}, {date_words(run)}, with {', '.join(names) or 'no interpreter'}"
        f"{f'; {versions}' if versions else ''}. A {kind}, {duration(run.elapsed_s)}. Another machine or another "
        "Python may come to other verdicts."
    )


def _table(every: Sequence[Case], names: Sequence[str]) -> Iterator[str]:
    single = len(names) == 1
    headings = ["Measured", "Verdict"] if single else [escaped(name) for name in names]
    yield f"| Claim | Claimed | {' | '.join(headings)} | Why |"
    yield f"| --- | --- | {' | '.join('---' for _ in headings)} | --- |"
    for case in every:
        link = f"[{escaped(case.id)}](#{re.sub(r'[^a-z0-9-]+', '-', case.id.lower())})"
        if single:
            cells = [_marks(case.first) or "–", verdict_words(case.first.verdict)]
        else:
            cells = [_verdict_and_marks(result) for result in case.results]
        yield f"| {link} | {_told(case.first.claimed)} | {' | '.join(cells)} | {'<br>'.join(_whys(case, names))} |"


def _verdict_and_marks(result: ClaimResult | None) -> str:
    if result is None:
        return "not tested"
    return "<br>".join(part for part in (f"**{verdict_words(result.verdict)}**", _marks(result)) if part)


def _marks(result: ClaimResult) -> str:
    return "<br>".join(dict.fromkeys(_mark(result, finding) for finding in result.findings))


def _mark(result: ClaimResult, finding: Finding) -> str:
    sign = agreement_words(finding).partition(" ")[0]
    return f"{sign} {_told(finding.reading.measure)}: {escaped(measured(result, finding.reading.measure).whole)}"


def _section(case: Case, names: Sequence[str]) -> Iterator[str]:
    first = case.first
    yield from (f"## {escaped(case.id)}", "")
    yield from (f"**{_told(first.title)}.** Article {_told(first.source)}. Claimed: {_told(first.claimed)}.", "")
    for result, name in zip(case.results, names, strict=True):
        of_whom = f"{escaped(name)}: " if len(names) > 1 else ""
        if result is None:
            yield from (f"{of_whom}not tested.", "")
            continue
        yield from (f"{of_whom}**{verdict_words(result.verdict)}**", "")
        for finding in result.findings:
            yield f"- {_reading(result, finding)}"
        yield ""
    for text in _whys(case, names):
        yield from (text, "")
    notes = list(dict.fromkeys(note for result in case.known for note in result.measured.notes))
    for note in notes:
        yield f"- {_told(note)}"
    yield ""


def _reading(result: ClaimResult, finding: Finding) -> str:
    reading = finding.reading
    unit = unit_of(result, reading.measure)
    accepted = accepted_words(reading.claimed, unit)
    claimed = f"{range_words(reading.claimed, unit)}{f' ({accepted})' if accepted else ''}"
    before = f"; it was so in {reading.before}" if reading.before else ""
    seen = measured(result, reading.measure).whole
    return (
        f"{agreement_words(finding)}: {_told(reading.text)}. "
        f"{'' if seen == MISSING else f'Measured: {escaped(seen)}. '}Claimed: {_told(f'{claimed}{before}')}."
    )


def _whys(case: Case, names: Sequence[str]) -> list[str]:
    """Each explanation once; said of whom where it is not said of all."""
    found: dict[str, list[str]] = {}
    for result, name in zip(case.results, names, strict=True):
        if result is not None:
            found.setdefault(_told(why(result)), []).append(escaped(name))
    return [text if len(of) == len(names) else f"**{', '.join(of)}:** {text}" for text, of in found.items()]


def _told(text: str) -> str:
    """Text from outside, with its folders left out."""
    return escaped(without_folders(text))


def without_folders(text: str) -> str:
    """Text in which files keep their names only: ``/home/me/x.py`` becomes ``x.py``. What the kernel shows stays."""
    return _PATH.sub(r"\1", text)


def _command(run: ClaimsRun) -> str:
    """The command, with the seed it took, and without what concerns only the machine it was given on."""
    words, skip = [], False
    for word in run.command:
        if skip or word.partition("=")[0] in _ONLY_HERE:
            skip = not skip and word in _ONLY_HERE
            continue
        option, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
        words.append(f"{option}{sign}{PurePath(value).name if value.startswith(('/', '~', '.')) else value}")
    if words and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words += ["--seed", str(run.seed)]
    return plain(shlex.join(words)).replace("`", "'")
