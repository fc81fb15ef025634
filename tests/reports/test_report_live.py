import io
from dataclasses import replace

import pytest
from rich.console import Console

from sgibench.reports.live import LiveRow, LiveState, live_view
from sgibench.results.estimate import Estimate


def estimate(value: float, share: float | None = None) -> Estimate:
    low, high = (None, None) if share is None else (value * (1 - share), value * (1 + share))
    return Estimate(value, low, high, 3, "made up")


STATE = LiveState(
    title="first-look",
    phase="epoch 2 of 5 · json · 32 connections",
    done=0.37,
    time_left_s=74.0,
    rows=(
        LiveRow("flask@gunicorn-sync-3", "json c32", estimate(2260, 0.15), None, 112.0),
        LiveRow("flask@gunicorn-gthread-1x64", "json c32", estimate(1940), estimate(0.857, 0.01), 58.8),
        LiveRow("bare-asgi@uvicorn", "json c32", None, None, None, "measuring"),
    ),
)


def drawn(state: LiveState, width: int) -> str:
    output = io.StringIO()
    Console(file=output, width=width, color_system=None, legacy_windows=False).print(live_view(state))
    return output.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_live_view_says_what_is_done_how_far_and_how_long(width: int) -> None:
    text = drawn(STATE, width)
    assert "first-look" in text
    assert "epoch 2 of 5 · json · 32 connections" in text
    assert "37%" in text
    assert "1 min 14 s left" in text
    assert all(len(line) <= width for line in text.splitlines())


def test_eighty_columns_show_margins_and_notes_in_full() -> None:
    text = drawn(STATE, 80)
    assert "2,260 ±15%" in text
    assert "0.857× ±1.0%" in text
    assert "measuring" in text


def test_a_wide_terminal_shows_intervals() -> None:
    text = drawn(STATE, 120)
    assert "[1,920 to 2,600]" in text
    assert "[0.848, 0.866]" in text


@pytest.mark.parametrize("done", [-1.0, 0.0, 1.0, 7.0])
def test_progress_stays_within_its_bounds(done: float) -> None:
    text = drawn(replace(STATE, done=done, time_left_s=None, rows=()), 80)
    assert ("100%" if done >= 1 else "0%") in text
    assert "left" not in text


def test_a_target_name_cannot_steer_the_live_view() -> None:
    row = LiveRow("a\x1b[2Jb[red]", "s\x1b", None, None, None, "\x1b[31m[bold]")
    text = drawn(replace(STATE, rows=(row,)), 120)
    assert "\x1b" not in text
    assert "[red]" in text
