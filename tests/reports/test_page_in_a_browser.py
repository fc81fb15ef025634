from pathlib import Path

import pytest

from .devtools import Tab
from .report_pages import page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SHOWN = ("whole_run", "at_least", "injection", "long_names", "open_loop", "nothing_measured", "grouped", "wide")
SCHEMES = ("light", "dark")
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
# The contrast of each element's text with what is painted behind it, as WCAG 2 reckons it.
CONTRASTS = """
(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *, svg text')) {
    const text = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join('').trim();
    if (!text || element.closest('script, style, title, desc')) continue;
    const style = getComputedStyle(element);
    const front = luminance(parse(element.closest('svg') ? style.fill : style.color));
    const back = luminance(behind(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    found.push([ratio, element.tagName + '.' + (element.getAttribute('class') || '') + ': ' + text.slice(0, 40)]);
  }
  found.sort((one, other) => one[0] - other[0]);
  return {count: found.length, worst: found[0]};
})()
"""
# Pairs of texts in a chart whose boxes lie upon each other.
OVERLAPS = """
[...document.querySelectorAll('svg.chart')].flatMap(chart => {
  const boxes = [...chart.querySelectorAll('text')].map(text => [text.getBoundingClientRect(), text.textContent]);
  const across = (one, two) => Math.min(one.right, two.right) - Math.max(one.left, two.left);
  const down = (one, two) => Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
  return boxes.flatMap(([one, first], at) => boxes.slice(at + 1)
    .filter(([two]) => across(one, two) > 1 && down(one, two) > 3)
    .map(([, second]) => first + ' | ' + second));
})
"""


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


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("name", SHOWN)
def test_the_page_never_scrolls_sideways(tab: Tab, pages: Path, name: str, width: int) -> None:
    tab.open(pages / f"{name}.html", width)
    for step in ("0", OPEN_ALL):
        tab.evaluate(step)
        widths = tab.evaluate("[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]")
        assert widths[0] <= widths[1] <= width


def test_headings_come_in_order(tab: Tab, pages: Path) -> None:
    tab.open(pages / "whole_run.html")
    found = tab.evaluate("[...document.querySelectorAll('h1, h2')].map(each => each.innerText)")
    assert found == [
        "First look",
        "Verdict",
        "Can it be believed?",
        "Key figures",
        "Ratios to the baseline",
        "Capacity",
        "Latency",
        "Memory",
        "Stability",
        "All numbers",
        "Environment",
        "Method, caveats, glossary",
        "Reproduce",
    ]


def test_dark_readers_get_a_dark_page_charts_included(tab: Tab, pages: Path) -> None:
    colours = {}
    for scheme in SCHEMES:
        tab.open(pages / "whole_run.html", scheme=scheme)
        colours[scheme] = tab.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector('svg.chart text')).fill,"
            " getComputedStyle(document.querySelector('svg.chart use, svg.chart path[style*=series]')).stroke]"
        )
    assert all(light != dark for light, dark in zip(colours["light"], colours["dark"], strict=True))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["whole_run", "at_least", "injection", "wide"])
def test_all_text_stands_out_from_what_is_behind_it(tab: Tab, pages: Path, name: str, scheme: str) -> None:
    tab.open(pages / f"{name}.html", scheme=scheme)
    tab.evaluate(OPEN_ALL)
    found = tab.evaluate(CONTRASTS)
    assert found["count"] > 100
    assert found["worst"][0] >= 4.5, found["worst"][1]


def test_the_page_can_be_read_without_javascript(tab: Tab, pages: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(pages / "whole_run.html")
        snapshot = tab.call("DOMSnapshot.captureSnapshot", computedStyles=[])
        shown = " ".join(snapshot["strings"][at] for at in snapshot["documents"][0]["layout"]["text"] if at >= 0)
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "bare-asgi@uvicorn is fastest: 11,800 requests/s" in " ".join(shown.split())
    assert "All 32 results are valid" in shown
    assert "5.22× [5.12, 5.32] faster" in shown


def test_the_forest_plot_is_text(tab: Tab, pages: Path) -> None:
    tab.open(pages / "whole_run.html", 360)
    texts = tab.evaluate("[...document.querySelectorAll('#ratios svg.chart text')].map(text => text.textContent)")
    assert "5.22× [5.12, 5.32] faster" in texts
    assert "flask@gunicorn-gthread-1x64" in texts


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("name", ["whole_run", "long_names", "injection"])
def test_no_texts_of_a_chart_lie_upon_each_other(tab: Tab, pages: Path, name: str, width: int) -> None:
    tab.open(pages / f"{name}.html", width)
    tab.evaluate(OPEN_ALL)
    overlaps = tab.evaluate(OVERLAPS)
    assert overlaps == []


def test_print_leaves_out_what_paper_cannot_do(tab: Tab, pages: Path) -> None:
    tab.open(pages / "whole_run.html", 800)
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        shown = tab.evaluate("[...document.querySelectorAll('nav, details')].map(e => getComputedStyle(e).display)")
        wide = tab.evaluate("document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth")
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
    assert set(shown) == {"none"}
    assert wide
