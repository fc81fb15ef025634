from pathlib import Path

import pytest

from ..devtools import Tab
from ..test_page_in_a_browser import CONTRASTS, OPEN_ALL, OVERLAPS, SCHEMES
from .gate_pages import page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SHOWN = ("passed", "regressed", "several", "not_started", "injection", "long_names", "wild")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name in SHOWN:
        (folder / f"{name}.html").write_text(page(name), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_loads_alone_and_without_complaint(tab: Tab, pages: Path, name: str) -> None:
    address = tab.open(pages / f"{name}.html")
    tab.evaluate(OPEN_ALL)
    asked = [event["request"]["url"] for event in tab.seen("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert tab.seen("Runtime.consoleAPICalled") == []
    assert tab.seen("Runtime.exceptionThrown") == []
    assert tab.seen("Log.entryAdded") == []


@pytest.mark.parametrize("width", [360, 870, 1600])
@pytest.mark.parametrize("name", SHOWN)
def test_the_page_never_scrolls_sideways(tab: Tab, pages: Path, name: str, width: int) -> None:
    tab.open(pages / f"{name}.html", width)
    for step in ("0", OPEN_ALL):
        tab.evaluate(step)
        widths = tab.evaluate("[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]")
        assert widths[0] <= widths[1] <= width


@pytest.mark.parametrize("name", ["passed", "several", "long_names"])
def test_on_a_phone_the_key_figures_are_read_without_scrolling_a_table(tab: Tab, pages: Path, name: str) -> None:
    tab.open(pages / f"{name}.html", 360)
    wide = tab.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.querySelector('.cards'))"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.getAttribute('aria-label'))"
    )
    assert wide == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["regressed", "several", "injection"])
def test_all_text_stands_out_from_what_is_behind_it(tab: Tab, pages: Path, name: str, scheme: str) -> None:
    tab.open(pages / f"{name}.html", scheme=scheme)
    tab.evaluate(OPEN_ALL)
    found = tab.evaluate(CONTRASTS)
    assert found["count"] > 100
    assert found["worst"][0] >= 4.5, found["worst"][1]


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("name", ["passed", "regressed", "several", "wild", "long_names"])
def test_no_texts_of_a_chart_lie_upon_each_other(tab: Tab, pages: Path, name: str, width: int) -> None:
    tab.open(pages / f"{name}.html", width)
    tab.evaluate(OPEN_ALL)
    assert tab.evaluate(OVERLAPS) == []


def test_the_page_can_be_read_without_javascript(tab: Tab, pages: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(pages / "regressed.html")
        snapshot = tab.call("DOMSnapshot.captureSnapshot", computedStyles=[])
        shown = " ".join(snapshot["strings"][at] for at in snapshot["documents"][0]["layout"]["text"] if at >= 0)
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "CPU per request is worse by" in " ".join(shown.split())
    assert "threshold" in shown


def test_dark_readers_get_a_dark_page_charts_included(tab: Tab, pages: Path) -> None:
    colours = {}
    for scheme in SCHEMES:
        tab.open(pages / "regressed.html", scheme=scheme)
        colours[scheme] = tab.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector('svg.chart text')).fill,"
            " getComputedStyle(document.querySelector('.says')).backgroundColor]"
        )
    assert all(light != dark for light, dark in zip(colours["light"], colours["dark"], strict=True))


def test_on_paper_verdict_and_figures_are_there_and_nothing_is_cut(tab: Tab, pages: Path) -> None:
    tab.open(pages / "regressed.html", 800)
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        shown = tab.evaluate("[...document.querySelectorAll('nav, details')].map(e => getComputedStyle(e).display)")
        rows = tab.evaluate("document.querySelectorAll('.cards tbody tr').length")
        wide = tab.evaluate("document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth")
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
    assert set(shown) == {"none"}
    assert rows == 10
    assert wide
