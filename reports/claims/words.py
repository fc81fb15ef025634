"""How claims, ranges and figures are said; alike on the page, in Markdown and in a terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...results.claims import Agreement, Claimed, ClaimResult, ClaimsRun, ClaimVerdict, Figure, Finding
from ..format import (
    MISSING,
    counted,
    exact,
    interval,
    number,
    plain,
    ratio_interval,
    ratio_value,
    value_of,
    whole,
)
from ..tables import Tone, scaled

TITLE = "The articles’ claims, put to the test"
SHARE, TIMES = "share", "times"
VERDICT_ICONS = {
    ClaimVerdict.REPRODUCED: "✓",
    ClaimVerdict.IN_PART: "◐",
    ClaimVerdict.REFUTED: "✕",
    ClaimVerdict.OUTDATED: "↺",
    ClaimVerdict.NOT_MEASURABLE: "⊘",
}
AGREEMENT_SIGNS = {
    Agreement.HOLDS: ("✓", Tone.GOOD),
    Agreement.FAILS: ("✕", Tone.BAD),
    Agreement.UNDECIDED: ("?", Tone.MUTED),
    Agreement.NOT_MEASURED: (MISSING, Tone.MUTED),
}
# Whose versions decide what the articles' claims are about; in the order of the articles.
SYSTEMS = (
    "fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "h11", "flask", "django", "jinja2",
    "hypercorn", "granian", "daphne", "gunicorn", "gevent", "uvicorn-worker", "uwsgi",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A claim with its result in each interpreter that it was put to the test in, None where it was not."""

    id: str
    results: tuple[ClaimResult | None, ...]

    @property
    def known(self) -> tuple[ClaimResult, ...]:
        """The results there are; at least one."""
        return tuple(result for result in self.results if result is not None)

    @property
    def first(self) -> ClaimResult:
        """What says the claim's words, which are the same in all."""
        return self.known[0]


@dataclass(frozen=True, slots=True)
class Said:
    """A figure in words: its value with the unit, and its interval or why there is none."""

    value: str
    interval: str = ""

    @property
    def whole(self) -> str:
        """Both, on one line."""
        return f"{self.value} {self.interval}".rstrip()


def interpreters(run: ClaimsRun) -> tuple[str, ...]:
    """The interpreters of a run, in its order."""
    return tuple(dict.fromkeys(result.interpreter for result in run.results))


def cases(run: ClaimsRun) -> tuple[Case, ...]:
    """The claims of a run, in its order, each with its results side by side."""
    found = {(result.id, result.interpreter): result for result in run.results}
    ids = dict.fromkeys(result.id for result in run.results)
    return tuple(Case(each, tuple(found.get((each, python)) for python in interpreters(run))) for each in ids)


def interpreter_name(name: str, environment: Mapping[str, Any]) -> str:
    """An interpreter's own name; where it was not recorded, that of the one that carried out the run."""
    if name:
        return plain(name)
    python = _mapping(environment.get("python"))
    return plain(f"{python.get('implementation', 'Python')} {python.get('version', '')}").strip()


def tally(run: ClaimsRun, interpreter: str) -> str:
    """``24 claims: 9 reproduced, 8 in part, 7 refuted``."""
    verdicts = [result.verdict for result in run.results if result.interpreter == interpreter]
    counts = [f"{verdicts.count(verdict)} {verdict.value}" for verdict in ClaimVerdict if verdict in verdicts]
    return counted(len(verdicts), "claim") + (f": {', '.join(counts)}" if counts else "")


def verdict_words(verdict: ClaimVerdict) -> str:
    """``✓ reproduced``."""
    return f"{VERDICT_ICONS[verdict]} {verdict.value}"


def why(result: ClaimResult) -> str:
    """What stands behind a verdict: what kept the claim from being measured, else the mechanism."""
    if result.problem:
        return plain(f"The experiment failed: {result.problem}" if result.failed else result.problem)
    if result.verdict is ClaimVerdict.NOT_MEASURABLE:
        return plain(f"{_undecided(result)} {result.why}".strip())
    return plain(result.why)


def unit_of(result: ClaimResult, name: str) -> str:
    """The unit of the figure of that name; where it was not measured, the claim's."""
    return next((figure.unit for figure in result.measured.figures if figure.name == name), result.unit)


def measured(result: ClaimResult, name: str) -> Said:
    """What was measured under that name."""
    found = next((figure for figure in result.measured.figures if figure.name == name), None)
    return said(found) if found else Said(MISSING)


def said(figure: Figure) -> Said:
    """A figure with its unit and its interval."""
    estimate = figure.estimate
    if figure.unit == TIMES:
        value, bounds = ratio_value(estimate), ratio_interval(estimate)
    elif figure.unit == SHARE:
        if estimate.value in (0, 1) and estimate.low == estimate.high == estimate.value:  # it never varied
            return Said(f"{whole(round(estimate.value * estimate.n))} of {counted(estimate.n, 'time')}")
        percentage = scaled(estimate, 100)
        value, bounds = f"{value_of(percentage)} %", interval(percentage).replace("]", " %]")
    else:
        value, bounds = f"{value_of(estimate)} {plain(figure.unit)}".rstrip(), interval(estimate)
    return Said(value, bounds or ("(once: no interval)" if estimate.n == 1 else "(no interval)"))


def range_words(claimed: Claimed, unit: str) -> str:
    """What was claimed of a figure: ``1,024 to 8,192 KiB``, ``at least 2×``, ``always``."""
    if unit == SHARE and claimed.low == claimed.high and claimed.rounding == 1:
        return {1.0: "always", 0.0: "never"}.get(claimed.low or 0.0, _with_unit(_bound(claimed.low, unit), unit))
    low, high = _bound(claimed.low, unit), _bound(claimed.high, unit)
    if low and high:
        return _with_unit(low if low == high else f"{low} to {high}", unit)
    if low or high:
        return _with_unit(f"at least {low}" if low else f"at most {high}", unit)
    return "anything"


def accepted_words(claimed: Claimed, unit: str) -> str:
    """How far a round figure may be missed: ``taken as 819 to 10,200``. Nothing where it may not."""
    if claimed.rounding == 1 or (claimed.low is None and claimed.high is None):
        return ""
    factor = 100 if unit == SHARE else 1
    low = None if claimed.low is None else _short(claimed.low / claimed.rounding * factor)
    high = None if claimed.high is None else _short(claimed.high * claimed.rounding * factor)
    if low and high:
        return f"taken as {low} to {high}"
    return f"taken as {low} or more" if low else f"taken as {high} or less"


def agreement_words(finding: Finding) -> str:
    """``✓ holds``."""
    return f"{AGREEMENT_SIGNS[finding.agreement][0]} {finding.agreement.value}"


def machine_words(environment: Mapping[str, Any]) -> str:
    """The machine in a line: ``AMD EPYC, 2 cores (virtual), 23.5 GiB of memory, Debian GNU/Linux 12, kernel 6.18``."""
    cpu, system = _mapping(environment.get("cpu")), _mapping(environment.get("system"))
    memory, cores = environment.get("memory_mib"), cpu.get("cores")
    parts = [
        str(cpu.get("model") or ""),
        f"{counted(cores, 'core')}{' (virtual)' if cpu.get('virtual') else ''}" if isinstance(cores, int) else "",
        f"{number(memory / 1024)} GiB of memory" if isinstance(memory, int | float) else "",
        str(system.get("os") or system.get("name") or ""),
        f"kernel {system['kernel']}" if system.get("kernel") else "",
    ]
    return plain(", ".join(part for part in parts if part)) or "a machine that was not recorded"


def version_words(environment: Mapping[str, Any]) -> str:
    """The versions of what the articles speak of, as far as they were recorded: ``fastapi 0.115, uvicorn 0.34``; then
    those of other interpreters, by their versions, never by where they lie."""
    told = [_versions(environment.get("packages"))]
    for name, packages in _mapping(environment.get("target_packages")).items():
        label = f"Python {name}" if name[:1].isdigit() else "another Python"
        told.append(f"in {label}: {_versions(packages)}" if _versions(packages) else "")
    return plain("; ".join(part for part in told if part))


def date_words(run: ClaimsRun) -> str:
    """When it was: ``2026-11-22 05:35``."""
    return plain(run.started_at.replace("T", " ")[:16])


def _undecided(result: ClaimResult) -> str:
    """Why nothing was decided where nothing stood in the way."""
    if Agreement.UNDECIDED not in (finding.agreement for finding in result.findings):
        return "Nothing of it was measured."
    return "Undecided: no interval lies wholly within what was claimed, nor wholly outside."


def _bound(value: float | None, unit: str) -> str:
    return "" if value is None else exact(value * 100 if unit == SHARE else value)


def _versions(packages: Any) -> str:
    known = {str(name).lower(): version for name, version in _mapping(packages).items()}
    return ", ".join(f"{name} {known[name]}" for name in SYSTEMS if isinstance(known.get(name), str))


def _short(value: float) -> str:
    """Three significant figures, without zeros that would claim them."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_unit(text: str, unit: str) -> str:
    if unit == TIMES:
        return f"{text}×"
    if text == "1" and unit.endswith("s") and unit.isalpha() and len(unit) > 2:  # 1 request, of requests
        unit = unit.removesuffix("es") if unit.endswith("sses") else unit.removesuffix("s")
    return f"{text} {'%' if unit == SHARE else plain(unit)}".rstrip()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
