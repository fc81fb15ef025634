"""Charts of dots: a row for each figure, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...results.claims import Chart, Series

if TYPE_CHECKING:
    from ...results.estimate import Estimate


def dots(
    title: str,
    takeaway: str,
    label: str,
    rows: Mapping[str, Estimate],
    bands: tuple[tuple[str, float, float], ...] = (),
    *,
    log: bool = False,
) -> Chart:
    """A row per estimate, by name, in this order."""
    series = tuple(Series(name, ((0, each.value, each.low, each.high),)) for name, each in rows.items())
    return Chart(title, takeaway, label, "", series, kind="dots", log_x=log, bands=bands)
