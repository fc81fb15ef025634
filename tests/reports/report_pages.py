"""Pages drawn once for all tests, and a reader that sees them as a browser would: elements, ids, text."""

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser

from sgibench.reports.html import render_html

from .report_cases import case

VOID = frozenset({"meta", "link", "img", "br", "hr", "input", "use", "path", "wbr"})
CELLS = frozenset({"td", "th"})
# What ends with the start, or the end, of something else: HTML needs no end tag there.
ENDED_BY_START = {"td": CELLS, "th": CELLS, "tr": CELLS | {"tr"}, "tbody": CELLS | {"tr", "thead"}}
ENDED_BY_END = {"table": CELLS | {"tr", "thead", "tbody"}}


@cache
def page(name: str) -> str:
    """The page of the sample summary of that name."""
    return render_html(case(name))


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Reader(HTMLParser):
    """Collects elements, each with the text directly or deeper inside it."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.end_implied(ENDED_BY_START.get(tag, frozenset()))
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.end_implied(ENDED_BY_END.get(tag, frozenset()))
            assert self.open, f"</{tag}> closes nothing"
            assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
            self.open.pop()

    def end_implied(self, tags: frozenset[str]) -> None:
        while self.open and self.open[-1].tag in tags:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def visible_text(self) -> str:
        hidden = "".join(element.text for element in self.elements if element.tag in ("style", "script"))
        body = next(element.text for element in self.elements if element.tag == "body")
        return body.replace(hidden, "") if hidden else body


@cache
def read(name: str) -> Reader:
    """The page of that name, read."""
    return read_page(page(name))


def read_page(text: str) -> Reader:
    """A whole page, in which every element is closed."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open, f"not closed: {[element.tag for element in reader.open]}"
    return reader
