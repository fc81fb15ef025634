"""The shop's pages as they have to arrive."""

from typing import Any, Final

import jinja2

from ..shop import DETAIL_TEMPLATE, HOME_TEMPLATE, TEMPLATES, Item, detail_context, page_context

# Jinja's defaults, and its own choice of what to escape: what Flask and Starlette set too.
_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=jinja2.select_autoescape()
)


def home_page(items: tuple[Item, ...]) -> bytes:
    """The list of these items."""
    return _rendered(HOME_TEMPLATE, {**page_context(items)})


def detail_page(item: Item) -> bytes:
    """One item's own page."""
    return _rendered(DETAIL_TEMPLATE, {**detail_context(item)})


def _rendered(template: str, context: dict[str, Any]) -> bytes:
    return _ENVIRONMENT.get_template(template).render(context).encode()
