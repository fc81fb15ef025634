"""The claims as one HTML page: no requests, no scripts that run, light and dark, on a phone and on paper."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...results.claims import ClaimsRun, ClaimVerdict
from ..details import environment_entries
from ..document import command_line, embedded_json
from ..format import duration
from ..html import TEMPLATES as SHARED
from ..html import page_environment
from .sections import Section, sections
from .words import TITLE, VERDICT_ICONS, date_words, interpreter_name, interpreters, machine_words, tally, version_words

TEMPLATES = Path(__file__).parent / "templates"
PAGE_BYTES_MAX = 1_000_000
TONES = {
    ClaimVerdict.REPRODUCED: "good",
    ClaimVerdict.IN_PART: "warn",
    ClaimVerdict.REFUTED: "bad",
    ClaimVerdict.OUTDATED: "warn",
    ClaimVerdict.NOT_MEASURABLE: "muted",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One interpreter: its name, its verdicts counted, and for each verdict its share of the claims."""

    name: str
    tally: str
    parts: tuple[tuple[ClaimVerdict, int], ...]


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of a page there are for charts, code and embedded JSON."""

    charts: int
    code: int
    embedded: int


# A page of more than a megabyte would be no page to send round: figures stay, and what else there is gives way.
ROOMS = (Room(300_000, 180_000, 150_000), Room(200_000, 60_000, 0), Room(0, 0, 0))


def render_claims_html(run: ClaimsRun) -> str:
    """The whole page."""
    for room in ROOMS:
        page = page_environment(TEMPLATES).get_template("claims.html.j2").render(_context(run, room))
        if len(page.encode()) < PAGE_BYTES_MAX:
            break
    return page


def _context(run: ClaimsRun, room: Room) -> dict[str, Any]:
    styles = (SHARED / "style.css", TEMPLATES / "claims.css")
    shown = sections(run, room.charts, room.code)
    return {
        "style": Markup("\n".join(path.read_text(encoding="utf-8") for path in styles)),
        "title": TITLE,
        "run": run,
        "facts": _facts(run),
        "machine": machine_words(run.environment),
        "versions": version_words(run.environment),
        "places": [_place(run, name) for name in interpreters(run)],
        "sections": shown,
        "anchors": _anchors(shown),
        "icons": VERDICT_ICONS,
        "tones": TONES,
        "verdicts": {verdict.value: verdict for verdict in ClaimVerdict},
        "environment": environment_entries(run.environment),
        "command": command_line(run.command, run.seed),
        "json": _embedded(run, room.embedded),
    }


def _facts(run: ClaimsRun) -> list[str]:
    return [date_words(run), "quick run" if run.quick else "full run", f"took {duration(run.elapsed_s)}"]


def _place(run: ClaimsRun, interpreter: str) -> Place:
    verdicts = [result.verdict for result in run.results if result.interpreter == interpreter]
    parts = tuple((verdict, verdicts.count(verdict)) for verdict in ClaimVerdict if verdict in verdicts)
    return Place(interpreter_name(interpreter, run.environment), tally(run, interpreter), parts)


def _anchors(shown: tuple[Section, ...]) -> dict[str, str]:
    """An element's id for each claim, by the claim's."""
    anchors: dict[str, str] = {}
    for section in shown:
        anchor = f"claim-{re.sub(r'[^A-Za-z0-9-]+', '-', section.id)}"
        anchors[section.id] = f"{anchor}-{len(anchors)}" if anchor in anchors.values() else anchor
    return anchors


def _embedded(run: ClaimsRun, most: int) -> Markup | None:
    """The run as JSON, without the code, which the page shows; None where it is too much for a page."""
    data = run.to_dict()
    text = embedded_json(data | {"claims": [{**claim, "code": ""} for claim in data["claims"]]}, most)
    return None if text is None else Markup(text)
