"""What every app owes, and on which servers it proves it: docs/contract.md, from the contract, the catalogue and the
registry of servers.

    python -m tests.contract_table          # writes it; a test fails where that was forgotten
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sgibench.apps.catalogue import APPS, AppInfo, Feature, Interface
from sgibench.apps.contract import CONTRACT, ECHO_PATH, MESSAGES, STORIES, TOLERATED_DIFFERENCES, Exchange, Matcher
from sgibench.apps.contract.matchers import HasDetail, Holds, Invalid, JsonBut
from sgibench.runner.targets.capability import why_not
from sgibench.runner.targets.servers import KINDS, Kind, kinds_for

from .contract_cells import app_of, every_app_with_postgresql, every_server_with_two_workers, setup_of

PAGE = Path(__file__).parents[1] / "docs" / "contract.md"
ARTICLES = {Interface.WSGI: "A WSGI", Interface.ASGI: "An ASGI", Interface.RSGI: "An RSGI"}

HEAD = """\
# The contract, and who keeps it

Written by `python -m tests.contract_table`, from the contract itself. A test fails when it is out of date.

Only apps that do the same work can be compared. So what every app owes is written down as data
([apps/contract/](../apps/contract/)): the request, the status, the headers that matter, the whole body. What takes
several requests is a story. A target proves what a run needs of it after every launch, before it is measured; and
[one test](../tests/runner/targets/test_contract_matrix.py) proves all of it, over real sockets, for every cell of the
tables below.

## Apps and servers

✓: launched, and everything that the app offers is right: every exchange, every story, the WebSocket's messages, and the
last item in stock sold once to 24 who order it at the same time. A note says what a server cannot do for an app.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    notes: list[str] = []
    for interface in Interface:
        parts.append(f"### {interface.upper()}\n")
        parts.append(_table(*_servers(interface, notes)))
        parts.append(_elsewhere(interface))
    parts += [_notes(notes), _several(), _features(), _exchanges(), _stories(), _messages(), _differences()]
    return "\n".join(parts)


def _servers(interface: Interface, notes: list[str]) -> tuple[list[str], list[list[str]]]:
    apps = [info for info in APPS.values() if info.interface is interface]
    rows = [[f"`{kind.name}`", *(_cell(info, kind, notes) for info in apps)] for kind in kinds_for(interface)]
    return ["server", *(info.title for info in apps)], rows


def _cell(info: AppInfo, kind: Kind, notes: list[str]) -> str:
    app, setup = app_of(info), setup_of(kind)
    impossible = why_not(app, setup, ())
    if impossible:
        return f"not possible: {impossible}"
    lacking = [why for feature in Feature if feature in info.features and (why := why_not(app, setup, {feature}))]
    if kind.drops_empty_messages and not why_not(app, setup, {Feature.WEBSOCKET}):
        lacking.append(f"{kind.name} sends no WebSocket message without content")
    notes += [why for why in lacking if why not in notes]
    return " ".join(["✓", *(f"[{notes.index(why) + 1}]" for why in lacking)])


def _elsewhere(interface: Interface) -> str:
    """On the servers of other interfaces it is not possible, in the words that a run would use."""
    info = next(info for info in APPS.values() if info.interface is interface)
    others = [next(iter(kinds_for(other))) for other in Interface if other is not interface]
    reasons = "; ".join(why_not(app_of(info), setup_of(kind), ()) for kind in others)
    return f"{ARTICLES[interface]} app on a server of another interface: not possible ({reasons}).\n"


def _notes(notes: Iterable[str]) -> str:
    return "\n".join(f"[{number}] {note}.  " for number, note in enumerate(notes, 1)) + "\n"


def _several() -> str:
    pairs = [(cell.app.name, cell.setup.name) for cell in every_server_with_two_workers()]
    alone = [f"`{kind.name}`" for kind in KINDS.values() if kind.one_process]
    with_postgresql = ", ".join(f"`{cell.target.name}`" for cell in every_app_with_postgresql())
    return (
        "### Several processes, and PostgreSQL\n\n"
        "Every server that can run two workers does so too, with one of the apps: "
        + ", ".join(f"`{app}@{setup}`" for app, setup in pairs)
        + f". Not possible for {' and '.join(alone)}, which have one process.\n\n"
        + f"And every app with PostgreSQL in place of SQLite, with two workers: {with_postgresql}.\n"
    )


def _features() -> str:
    head = ["app", *(feature.value for feature in Feature)]
    rows = [
        [f"`{info.name}`", *("✓" if feature in info.features else _why_no(info, feature) for feature in Feature)]
        for info in APPS.values()
    ]
    return "## What each app offers\n\n`/json`, `/wait` and `/cpu` are in every app.\n\n" + _table(head, rows)


def _why_no(info: AppInfo, feature: Feature) -> str:
    return f"not possible: {why_not(app_of(info), setup_of(next(iter(kinds_for(info.interface)))), {feature})}"


def _exchanges() -> str:
    rows = [
        [
            exchange.name,
            exchange.feature.value if exchange.feature else "every app",
            f"`{exchange.method} {_escaped(exchange.target)}`",
            " or ".join(map(str, (exchange.status, *exchange.also))),
            f"`{exchange.media_type}`",
            _right(exchange),
        ]
        for exchange in CONTRACT
    ]
    return "## Exchanges\n\n" + _table(["exchange", "of", "request", "status", "type", "right when"], rows)


def _right(exchange: Exchange) -> str:
    parts = [
        _like(exchange.matches) if exchange.body is None else f"{len(exchange.body)} bytes, all as expected",
        *(f"{name}: {value}" for name, value in exchange.headers.items()),
        *([f"after {exchange.floor_ms:g} ms at least"] if exchange.floor_ms else []),
        *([f"upstream called {exchange.upstream_calls}x"] if exchange.upstream_calls else []),
    ]
    return _escaped(", ".join(parts))


def _like(matcher: Matcher | None) -> str:
    match matcher:
        case JsonBut(ignoring=keys):
            return f"all as expected but {', '.join(keys)}, which the database chose"
        case Invalid(locs=places):
            return f"a problem at {' and '.join(sorted('.'.join(place) for place in places))}, and at no other place"
        case HasDetail():
            return "a detail, in each framework's own words"
        case Holds(piece=piece):
            return f"holds {piece.decode()!r}"
    raise AssertionError(f"{matcher} has no words yet")


def _stories() -> str:
    rows = [
        [
            story.name,
            story.feature.value,
            " → ".join(f"{step.exchange.name} {step.exchange.status}" for step in story.steps),
            "" if story.after is None else str(story.after),
        ]
        for story in STORIES
    ]
    return "## Stories\n\n" + _table(["story", "of", "steps", "what its item then has in the database"], rows)


def _messages() -> str:
    told = ", ".join(f"{'text' if isinstance(message, str) else 'binary'} of {len(message)}" for message in MESSAGES)
    return f"## WebSocket\n\n`{ECHO_PATH}` gives back each of these on one connection, text as text: {told}.\n"


def _differences() -> str:
    rows = [[_escaped(text) for text in (each.topic, each.seen, each.reason)] for each in TOLERATED_DIFFERENCES]
    return (
        "## What is let through\n\nWhat frameworks insist on doing their own way, and why that is neither hidden nor "
        "counted against them.\n\n" + _table(["topic", "who does what", "why it is let through"], rows)
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(head, rows)) + "\n"


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
