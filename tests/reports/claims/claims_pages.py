"""Pages of claims drawn once for all tests."""

from functools import cache

from sgibench.reports.claims.html import render_claims_html

from ..report_pages import Reader, read_page
from .samples import sample


@cache
def page(name: str) -> str:
    """The page of the sample run of that name."""
    return render_claims_html(sample(name))


@cache
def read(name: str) -> Reader:
    """The page of that name, read."""
    return read_page(page(name))
