"""Two runs on a terminal: what changed, what is sure of it, and names that neither break nor style the output."""

import re
from dataclasses import replace

import pytest
from rich.console import Console

from sgibench.reports.comparing import comparison_view
from sgibench.reports.format import columns
from sgibench.results.differences import DefinitionDifference, EnvironmentDifference
from sgibench.results.estimate import Estimate, from_epochs
from sgibench.results.records import GroupInfo, Level
from sgibench.results.summary import Metric, Verdict
from sgibench.results.two_runs import NotCompared, Pair, TwoRuns, quotient

from .samples import SHAPES

BASE, OTHER, LONG = "flask@gunicorn-sync-3", "fastapi@uvicorn", "flask@gunicorn-gthread-1x64"
C32 = Level(32)
WIDTHS = pytest.mark.parametrize("width", [80, 120])


def near(value: float) -> Estimate:
    """An estimate as narrow as a good run's."""
    return from_epochs([value * factor for factor in (0.997, 1.0, 1.001, 1.002)])


def pair(
    target: str = OTHER,
    scenario: str = "json",
    level: Level = C32,
    *,
    relative: Estimate | None = None,
    change: Verdict | None = None,
    was: Verdict | None = None,
    now: Verdict | None = None,
) -> Pair:
    first, second = near(4000), near(4100)
    return Pair(target, scenario, level, first, second, quotient(second, first), relative, change, was, now)


def changed(target: str, factor: float, change: Verdict, scenario: str = "json", level: Level = C32) -> Pair:
    found = pair(target, scenario, level, relative=quotient(near(factor), near(1.0)), change=change)
    return replace(found, first_verdict=Verdict.FASTER, second_verdict=Verdict.FASTER)


def two(*pairs: Pair, environment: tuple[EnvironmentDifference, ...] = (), baseline: str = BASE) -> TwoRuns:
    return TwoRuns("20260101-run", "20260102-run", baseline, environment, pairs, (), ())


def drawn(runs: TwoRuns, width: int = 120, colour: bool = False) -> str:
    console = Console(
        width=width, force_terminal=colour, color_system="standard" if colour else None, no_color=not colour
    )
    with console.capture() as capture:
        console.print(comparison_view(runs))
    return capture.get()


def said(runs: TwoRuns, width: int = 120) -> str:
    return " ".join(drawn(runs, width).split())


SAME = two(pair(BASE), changed(OTHER, 1.0, Verdict.SAME))
CHANGED = two(
    pair(BASE),
    changed(OTHER, 1.2, Verdict.FASTER),
    changed(LONG, 0.8, Verdict.SLOWER),
    changed(SHAPES[6].name, 1.01, Verdict.INCONCLUSIVE),
    pair(BASE, "wait-50ms", Level(256)),
    changed(LONG, 1.0, Verdict.SAME, "wait-50ms", Level(256)),
    replace(pair(OTHER, "json-open", Level(256, 1500.0)), metric=Metric.RESPONSE_P90),
)
CONTRADICTION = two(pair(BASE), replace(changed(OTHER, 0.7, Verdict.SLOWER), second_verdict=Verdict.SLOWER))
NOTHING = replace(two(baseline=""), only_first=(f"{BASE} under json c32",), only_second=(f"{OTHER} under json c32",))
COMMAND = "-m gunicorn shop.flask_app:app --bind 127.0.0.1:PORT --workers 3 --worker-class gthread --threads 64 " * 3
ELSEWHERE = replace(
    CHANGED,
    environment=(
        EnvironmentDifference("cpu.model", "AMD EPYC 7763", "Intel Xeon"),
        EnvironmentDifference(f"targets.{LONG}.command", COMMAND, COMMAND.replace("64", "32")),
        EnvironmentDifference("packages.uvicorn", None, "0.34.0"),
        EnvironmentDifference("digest", "0123456789abcdef" * 20, "fedcba9876543210" * 20),
    ),
)
ONE_LAUNCH = two(pair(BASE), pair(OTHER, relative=quotient(from_epochs([1.3]), near(1.0)), change=Verdict.INCONCLUSIVE))
ASKED = replace(
    two(pair(BASE), *(replace(pair(name), across=None, not_compared=NotCompared.REDEFINED) for name in (OTHER, LONG))),
    definitions=(
        DefinitionDifference("json", "request.path", "/json", "/[bold]items[/bold]\x1b[1m"),
        DefinitionDifference("json", "request.body", None, '{"name":"lamp"}' * 20),
        DefinitionDifference("", "groups.tuned.baseline", BASE, OTHER),
        DefinitionDifference("page", "levels", "c8", "c8, c32"),
    ),
)
OVERLOADED = two(
    replace(
        pair(OTHER, "json-open", Level(256, 1500.0)),
        metric=Metric.RESPONSE_P50,
        across=None,
        not_compared=NotCompared.OVERLOADED,
    )
)
BOUNDED = two(pair(BASE), replace(pair(OTHER), across=None, not_compared=NotCompared.LIMITED))
NASTY = "[bold]app[/bold]@[red]x\x1b[31m\u202e:smile:"
INJECTION = replace(
    two(
        pair(NASTY),
        changed(NASTY.replace("app", "other"), 1.2, Verdict.FASTER, "[link=http://evil.example]json", C32),
        environment=(
            EnvironmentDifference("[bold]key\x07", "[green]old[/green]", "\x1b]0;title\x07"),
            EnvironmentDifference("[/nothing]", "[blink]" * 40, "\x1b[2J" * 40),
        ),
        baseline=NASTY,
    ),
    first="[bold]first\x1b[1m",
    second="[/bold]second",
    only_first=("[underline]gone\x1b[4m under json c32",),
)
LONG_NAMES = two(
    *(
        changed(f"{shape.name}-{'with-a-very-long-tail-' * 4}end", 1.2, Verdict.FASTER, "scenario-" * 12)
        for shape in SHAPES
    ),
    changed("package.module.of.mine:create_app()@" + "x" * 90, 1.0, Verdict.SAME),
    changed("漢字" * 30, 1.0, Verdict.SAME),
)
EVERY = {
    "same": SAME,
    "changed": CHANGED,
    "contradiction": CONTRADICTION,
    "nothing in common": NOTHING,
    "elsewhere": ELSEWHERE,
    "one launch": ONE_LAUNCH,
    "bounded": BOUNDED,
    "asked for something else": ASKED,
    "overloaded": OVERLOADED,
    "injection": INJECTION,
    "long names": LONG_NAMES,
}


@pytest.mark.parametrize("name", EVERY)
@WIDTHS
def test_lines_fit_the_width_and_leak_nothing(name: str, width: int) -> None:
    text = drawn(EVERY[name], width)
    assert all(columns(line) <= width for line in text.splitlines())
    assert not re.search(r"\bNone\b|\bnan\b|\binf\b|Estimate|object at 0x", text)
    assert text.count("…") == 0


def test_two_runs_alike_say_so() -> None:
    text = said(SAME)
    assert "The environments are the same." in text
    assert f"Relative to {BASE}, of 1 comparison: 0 changed, 1 the same, 0 undecided." in text
    assert "No verdict of the first run is contradicted by the second." in text


def test_what_changed_is_said_with_its_ratio() -> None:
    text = said(CHANGED)
    assert f"Relative to {BASE}, of 4 comparisons: 2 changed, 1 the same, 1 undecided." in text
    assert f"{OTHER} under json c32 is faster than before: 1.20× [1.20, 1.20]." in text or re.search(
        rf"{OTHER} under json c32 is faster than before: 1\.20\d*× \[[\d., ]+\]\.", text
    )
    assert re.search(rf"{LONG} under json c32 is slower than before: 0\.80\d*× \[[\d., ]+\]\.", text)


@WIDTHS
def test_each_scenario_is_named_once_above_its_targets(width: int) -> None:
    lines = [line.rstrip() for line in drawn(CHANGED, width).splitlines()]
    for where in ("json c32", "wait-50ms c256"):
        assert lines.count(where) == 1
    assert " ".join(drawn(CHANGED, width).split()).count("json-open r1500 (p90 ms at the set rate)") == 1
    rows = [line.split()[0] for line in lines if "4,000" in line]
    assert rows == [BASE, OTHER, LONG, SHAPES[6].name, BASE, LONG, OTHER]


@WIDTHS
def test_an_ordinary_name_stands_on_one_line_with_its_figures(width: int) -> None:
    (line,) = [line for line in drawn(CHANGED, width).splitlines() if re.match(rf"{LONG} +4,000.* slower", line)]
    assert re.fullmatch(rf"{LONG} +4,000 +4,100 +0\.800?× \[0\.\d+, 0\.\d+\] +slower *", line)


def test_a_long_name_is_broken_at_its_hyphens_in_pieces_worth_reading() -> None:
    lines = drawn(LONG_NAMES, 80).splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("flask@gunicorn-sync-3-"))
    pieces = [lines[start].split()[0], *(line.strip() for line in lines[start + 1 : start + 6])]
    assert "".join(pieces).startswith(f"{SHAPES[0].name}-{'with-a-very-long-tail-' * 4}end")
    assert all(len(piece) >= 16 for piece in pieces[:4])


def test_runs_that_contradict_each_other_say_on_what() -> None:
    assert f"The runs contradict each other on {OTHER} under json c32." in said(CONTRADICTION)


def test_runs_with_nothing_in_common_say_what_each_has() -> None:
    text = said(NOTHING)
    assert "The two runs have no target and scenario in common." in text
    assert f"Only in the first run: {BASE} under json c32." in text
    assert f"Only in the second run: {OTHER} under json c32." in text


def test_what_only_one_run_has_is_named_up_to_a_few() -> None:
    names = tuple(f"target-{number} under json c32" for number in range(40))
    text = said(replace(SAME, only_second=names))
    assert "Only in the second run: target-0 under json c32, target-1 under json c32," in text
    assert "target-5 under json c32 and 34 more." in text


@WIDTHS
def test_every_difference_of_environment_is_shown_in_full(width: int) -> None:
    text = drawn(ELSEWHERE, width)
    assert "The environments are not the same (4 differences): changes may come from there." in " ".join(text.split())
    assert "  cpu.model  AMD EPYC 7763 → Intel Xeon" in text
    assert "  packages.uvicorn  – → 0.34.0" in text
    assert f"  targets.{LONG}.command" in text
    whole = re.sub(r"\s", "", text)
    assert "0123456789abcdef" * 20 in whole
    assert f"first{COMMAND}second".replace(" ", "") in whole


def test_one_launch_gives_a_ratio_from_which_nothing_follows() -> None:
    text = said(ONE_LAUNCH)
    assert "1.30× inconclusive" in text
    assert "A ratio without brackets rests on a run with one launch: nothing follows from it." in text
    assert "without brackets" not in said(CHANGED)


def test_a_lower_bound_has_no_ratio_and_says_so() -> None:
    text = said(BOUNDED)
    assert "– load-limited" in text
    assert "the load side was the limit in one of the runs" in text
    assert "only absolute figures stand side by side" in text
    assert "load-limited" not in said(CHANGED)


@WIDTHS
def test_what_was_asked_differently_is_shown_in_full_and_not_compared(width: int) -> None:
    text = drawn(ASKED, width)
    whole = " ".join(text.split())
    assert "The runs were not asked for the same (4 differences): json is not compared." in whole
    assert "json: request.path /json → /[bold]items[/bold]�[1m" in whole
    assert "groups.tuned.baseline" in whole
    assert "page: levels c8 → c8, c32" in whole
    assert ('{"name":"lamp"}' * 20) in re.sub(r"\s", "", text)
    assert whole.count("redefined") == 2
    assert "the scenario asked for something else, so there is no ratio" in whole
    assert "not asked for the same" not in said(CHANGED)


def test_at_a_set_rate_times_are_compared_and_read_as_speed() -> None:
    slower = replace(
        changed(OTHER, 1.25, Verdict.SLOWER, "json-open", Level(256, 1500.0)), metric=Metric.RESPONSE_P90, baseline=BASE
    )
    text = said(two(slower))
    assert re.search(rf"{OTHER} under json-open r1500 \(p90 ms at the set rate\) is slower than before: 0\.80", text)
    assert "At a set rate throughput is that rate, and is not compared." in text
    assert "set rate" not in said(SAME)
    assert "overloaded" in said(OVERLOADED)
    assert "what was not has no response time" in said(OVERLOADED)


@WIDTHS
def test_nothing_from_outside_is_markup_or_steers_the_terminal(width: int) -> None:
    text = drawn(INJECTION, width)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    whole = re.sub(r"\s", "", text)
    for verbatim in ("[bold]app[/bold]@[red]x�[31m�:smile:", "[link=http://evil.example]jsonc32", "[bold]key�"):
        assert verbatim in whole
    for verbatim in ("[green]old[/green]", "[blink]" * 40, "[underline]gone�[4m", "[bold]first�[1m", "[/nothing]"):
        assert verbatim in whole


def test_names_take_no_style_from_their_markup() -> None:
    """Only the report's own styles are in it: dim, bold, and the colours of warnings and verdicts."""
    codes = set(re.findall(r"\x1b\[([\d;]*)m", drawn(INJECTION, colour=True)))
    assert codes <= {"0", "1", "2", "31", "32", "33"}
    assert "\x1b]" not in drawn(INJECTION, colour=True)


def test_verdicts_have_colours_where_there_are_any() -> None:
    text = drawn(CHANGED, colour=True)
    assert "\x1b[32mfaster" in text
    assert "\x1b[31mslower" in text
    assert "\x1b[" not in drawn(CHANGED)


def test_groups_are_told_apart_and_cold_starts_read_as_speed() -> None:
    groups = (GroupInfo("equal", "At equal slots", BASE, (BASE, OTHER)), GroupInfo("tuned", "Tuned", LONG, (LONG,)))
    start = replace(
        changed(OTHER, 0.5, Verdict.FASTER, "cold-start", Level(1)), group="equal", baseline=BASE, metric=Metric.START
    )
    runs = replace(
        two(
            replace(pair(BASE), group="equal", baseline=BASE),
            replace(changed(OTHER, 1.2, Verdict.FASTER), group="equal", baseline=BASE),
            start,
            replace(pair(LONG), group="tuned", baseline=LONG),
            pair(OTHER, level=Level(64)),
        ),
        groups=groups,
    )
    text = said(runs)
    for title in ("At equal slots json c32", "Tuned json c32", "In no comparison json c64"):
        assert title in text
    assert f"At equal slots. Relative to {BASE}, of 2 comparisons: 2 changed" in text
    assert re.search(rf"{OTHER} under cold-start c1 is faster than before: 2\.00", text)
    assert "4,000 ms" in text
    assert "how many times as fast" in text
    assert text.count(" baseline ") >= 2
