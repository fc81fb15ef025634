import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from sgibench.reports.claims.markdown import render_claims_markdown, without_folders
from sgibench.reports.claims.terminal import claims_view
from sgibench.reports.claims.words import accepted_words, range_words
from sgibench.results.claims import FACT, Claimed, ClaimsRun, ClaimVerdict

from .samples import IDS, RUNS, environment, memory_claim, run_of, sample, unmeasured_claim


def shown(run: ClaimsRun, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(claims_view(run))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", RUNS)
def test_every_table_row_has_the_same_cells(name: str) -> None:
    rows = [line for line in render_claims_markdown(sample(name)).splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1
    assert len(rows) in (0, 2 + len({result.id for result in sample(name).results}))


def test_the_table_tells_what_was_claimed_measured_and_found() -> None:
    text = render_claims_markdown(sample("whole"))
    row = next(line for line in text.splitlines() if line.startswith("| [thread-memory](#thread-memory)"))
    assert "| thread 1–8 MB, coroutine 1–4 KB: 1000–2000× |" in row
    assert "✓ thread, virtual: 8,190 KiB [8,030 to 8,360]<br>✕ thread, resident: 16.0 KiB [15.7 to 16.4]" in row
    assert "| ◐ in part |" in row
    assert text.startswith("# The articles’ claims, put to the test\n\n**24 claims: 4 reproduced, 4 in part,")


def test_each_claim_has_a_section_that_its_link_leads_to() -> None:
    headings = re.findall(r"^## (.*)$", render_claims_markdown(sample("whole")), re.MULTILINE)
    assert headings == [*IDS, "How it was found out"]


def test_a_section_says_what_holds_and_what_fails() -> None:
    text = render_claims_markdown(sample("one"))
    assert (
        "- ✕ fails: the memory that a thread uses. Measured: 16.0 KiB [15.7 to 16.4]. "
        "Claimed: 1,024 to 8,192 KiB (taken as 819 to 10,200)." in text
    )
    assert "it was so in Pydantic 1" in render_claims_markdown(sample("whole"))


@pytest.mark.parametrize("name", RUNS)
def test_markdown_tells_the_machine_but_none_of_its_folders(name: str) -> None:
    text = render_claims_markdown(sample(name))
    assert "/opt" not in text
    assert "secret" not in text


def test_markdown_says_where_when_and_with_what() -> None:
    text = render_claims_markdown(sample("one"))
    assert "Measured on AMD EPYC 7763, 2 cores (virtual), 23.5 GiB of memory, Debian GNU/Linux 12" in text
    assert "2026-11-22 05:35, with CPython 3.11.7; fastapi 0.115.6, pydantic 2.10.1, uvicorn 0.34.0" in text
    assert "A quick run, with few repetitions and small counts" in text
    assert "A full run" in render_claims_markdown(sample("whole"))


def test_markdown_tells_versions_of_other_interpreters_but_not_where_they_lie() -> None:
    elsewhere = {"3.13.1": {"uvicorn": "0.33.0"}, "/opt/secret/bin/python": {"uvicorn": "0.32.0"}, "3.14.0": {}}
    run = run_of(memory_claim(), environment={**environment(), "target_packages": elsewhere})
    text = render_claims_markdown(run)
    assert "uvicorn 0.34.0; in Python 3.13.1: uvicorn 0.33.0; in another Python: uvicorn 0.32.0." in text
    assert "secret" not in text


def test_the_command_is_given_without_what_concerns_one_machine_only() -> None:
    command = (
        "bench", "claims", "uvloop", "--output", "/home/me/out", "--python=/usr/bin/python3.13", "--markdown=/tmp/a.md",
        "--python", "~/py/bin/python3.14t", "--quick",
    )  # fmt: skip
    text = render_claims_markdown(run_of(memory_claim(), command=command))
    assert "$ bench claims uvloop --python=python3.13 --python python3.14t --quick --seed 20261122\n" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no /home/me/lib/x.py: gone", "no x.py: gone"),
        ("see '/tmp/a b/log', then", "see 'a b/log', then"),
        ("~/venv/bin/python", "python"),
        ("GET /api/products/7 and /docs", "GET /api/products/7 and /docs"),
        ("/proc/sys/kernel/threads-max is 100", "/proc/sys/kernel/threads-max is 100"),
        ("https://example.org/home/me", "https://example.org/home/me"),
        ("and/or 1/2", "and/or 1/2"),
    ],
)
def test_folders_are_left_out_of_what_others_read(text: str, expected: str) -> None:
    assert without_folders(text) == expected


def test_a_problem_does_not_give_away_folders() -> None:
    broken = replace(unmeasured_claim(), problem="no such file: /home/me/.venv/bin/gunicorn")
    assert "no such file: gunicorn" in render_claims_markdown(run_of(broken))


def test_nothing_in_markdown_is_markup_that_came_from_outside() -> None:
    text = render_claims_markdown(sample("injection"))
    assert not re.search(r"(?<!\\)<(?!br>)", text.partition("```")[0])


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("name", RUNS)
def test_the_terminal_view_keeps_within_its_width(name: str, width: int) -> None:
    assert all(cell_len(line) <= width for line in shown(sample(name), width).splitlines())


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_tells_each_verdict_with_its_figures(width: int) -> None:
    text = words(shown(sample("one"), width))
    assert "◐ in part" in text
    assert "✕ thread, resident: 16.0 KiB" in text
    assert "1 claim: 1 in part on CPython 3.11.7" in text
    assert "a quick run" in text
    assert ("Why" in text) == (width == 140)


def test_a_narrow_terminal_still_says_what_kept_a_claim_from_being_measured() -> None:
    text = words(shown(run_of(unmeasured_claim()), 80))
    assert "gunicorn is not installed" in text


def test_a_terminal_shows_interpreters_side_by_side() -> None:
    text = shown(sample("several"), 140)
    heading = next(line for line in text.splitlines() if "CPython 3.13.1" in line)
    assert "CPython 3.11.7" in heading
    assert "not tested" in text
    assert "this run is interrupted" in text


def test_every_verdict_has_its_words() -> None:
    for verdict in ClaimVerdict:
        run = run_of(replace(memory_claim(), verdict=verdict))
        assert f"1 claim: 1 {verdict.value}" in words(shown(run, 140))
        assert f" {verdict.value} |" in render_claims_markdown(run)


def test_nothing_from_outside_reaches_the_terminal_as_a_command() -> None:
    hostile = replace(memory_claim(), id="\x1b[2Jx", title="\x1b]0;x\x07", claimed="a\nb\rc", why="[bold]x[/bold]")
    text = shown(run_of(hostile), 140)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(
    ("claimed", "unit", "said", "accepted"),
    [
        (Claimed(1, 1), "requests", "1 request", "taken as 0.8 to 1.25"),
        (Claimed(1, 1), "processes", "1 process", "taken as 0.8 to 1.25"),
        (Claimed(1, 1), "ms", "1 ms", "taken as 0.8 to 1.25"),
        (Claimed(2, 4), "times", "2 to 4×", "taken as 1.6 to 5"),
        (Claimed(1000, 1000), "MiB", "1,000 MiB", "taken as 800 to 1,250"),
        (Claimed(None, 1, 2), "times", "at most 1×", "taken as 2 or less"),
        (Claimed(2, None, 1), "pieces", "at least 2 pieces", ""),
        (FACT, "share", "always", ""),
        (Claimed(0, 0, 1), "share", "never", ""),
        (Claimed(1, 1), "share", "100 %", "taken as 80 to 125"),
        (Claimed(0.5, None, 1), "share", "at least 50 %", ""),
    ],
)
def test_what_was_claimed_is_said_in_its_unit(claimed: Claimed, unit: str, said: str, accepted: str) -> None:
    assert range_words(claimed, unit) == said
    assert accepted_words(claimed, unit) == accepted
