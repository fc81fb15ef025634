"""The scenarios and suites that were named, a path of the user's app as a scenario, and the pieces of it all."""

from collections.abc import Collection, Sequence
from os import environ
from pathlib import Path
from urllib.parse import quote

from ...apps.catalogue import Feature
from ...results.errors import UsageError
from ...results.records import ScenarioKind
from ...scenarios import files
from ...scenarios.model import Load, Part, Request, Scenario
from ...scenarios.suite import Suite, SuiteScenario
from ..locustfile import SECONDS, find_locustfile
from ..pieces import Piece, pieces_of
from ..targets.checking import exchange_named
from ..targets.launch import UPSTREAM_VARIABLE, Target, own_services
from ..targets.setups import unknown
from ..targets.upstream import UpstreamOptions
from .wish import Wish

USER_CONCURRENCY = (1, 16, 64)
USER_SECONDS = 0.75
URL_CHARACTERS = "/?&=%:@!$'()*+,;~-._[]"


def find_suite(name: str) -> Suite:
    """A suite by name, or from a TOML file. Raises UsageError (with the nearest name)."""
    if name.endswith(".toml"):
        return files.read_suite(Path(name))
    try:
        return files.built_in_suite(name)
    except KeyError:
        raise unknown("suite", name, files.suite_names(), see="bench list suites") from None


def find_scenario(name: str, folder: Path = Path()) -> Scenario:
    """A scenario by name, or from a TOML file (seen from `folder`). Raises UsageError (with the nearest name)."""
    if name.endswith(".toml"):
        scenario = files.read_scenario(folder / name)
    else:
        try:
            scenario = files.built_in_scenario(name)
        except KeyError:
            raise unknown("scenario", name, files.scenario_names(), see="bench list scenarios") from None
    for part in scenario.parts:
        if part.expect.exchange is not None:
            exchange_named(part.expect.exchange)
    for need in scenario.needs:
        if need not in set(Feature):
            raise unknown(f"feature that scenario {scenario.name!r} needs,", need, list(Feature), see="bench list apps")
    return scenario


def pieces_for(wish: Wish, suite: Suite, *, ours: bool) -> list[Piece]:
    """The scenarios that were named, at their levels, else those of the suite; a user's app is asked for a path."""
    pieces: list[Piece] = []
    for name in dict.fromkeys(wish.scenarios):
        pieces += _sized(pieces_of(find_scenario(name), None, USER_SECONDS), wish)
    for scenario in path_scenarios(wish.paths):
        pieces += _sized(pieces_of(scenario, None, USER_SECONDS), wish)
    if pieces:
        return pieces if ours else _with_own_starts(pieces)
    if not ours:
        return _sized(pieces_of(path_scenario("/"), None, USER_SECONDS), wish)
    folder = Path(wish.suite).parent if wish.suite and wish.suite.endswith(".toml") else Path()
    for place in suite.scenario:
        pieces += _sized(pieces_of(find_scenario(place.name, folder), place, place.seconds), wish)
    return pieces


def users_pieces(wish: Wish, path: Path, notes: list[str]) -> list[Piece]:
    """The one piece that a locustfile is."""
    asked = wish.paths[0] if wish.paths else None
    scenario, found = find_locustfile(path, wish.users, None if asked is None else request_for(asked).path)
    notes += found
    return pieces_of(scenario, None, SECONDS)


def with_floors(pieces: Sequence[Piece], upstream: UpstreamOptions, targets: Sequence[Target]) -> list[Piece]:
    """The pieces, whose answers cannot come sooner than the upstream's. Raises UsageError where they come too late.

    How fast the upstream is that a user's app finds in its own environment is not known: then no answer is too soon.
    """
    if any(UPSTREAM_VARIABLE in own_services(environ, target) for target in targets):
        return list(pieces)
    return [piece.of(_with_floor(piece.scenario, upstream)) for piece in pieces]


def path_scenarios(paths: Sequence[str]) -> list[Scenario]:
    """One scenario for each path, all with names of their own."""
    scenarios: dict[str, Scenario] = {}
    for path in dict.fromkeys(paths):
        scenario = path_scenario(path)
        name, count = scenario.name, 1
        while name in scenarios:
            count += 1
            name = f"{scenario.name}-{count}"
        scenarios[name] = scenario.model_copy(update={"name": name})
    return list(scenarios.values())


def path_scenario(path: str) -> Scenario:
    """The scenario for a path of a user's own app: it has to answer 200. Raises UsageError when it is no path."""
    request = request_for(path)
    slug = "".join(character if character.isalnum() else "-" for character in path.lower()).strip("-") or "root"
    return Scenario(
        name="path-" + slug.encode("ascii", "ignore").decode()[:50],
        title=f"GET {path}",
        request=request,
        load=Load(concurrency=list(USER_CONCURRENCY)),
    )


def request_for(path: str) -> Request:
    """The request for a path as a user writes it. Raises UsageError when it is none."""
    if not path.startswith("/") or any(character.isspace() for character in path):
        raise UsageError(f"--path {path!r} is not a path", "write it as in a URL, for example --path /items?limit=10")
    return Request(path=quote(path, safe=URL_CHARACTERS))


def probe_path(pieces: Collection[Piece]) -> str:
    """What a user's app is asked until it answers: the first request that only reads."""
    asked = [part.request for piece in pieces if piece.kind is ScenarioKind.HTTP for part in piece.scenario.parts]
    return next((request.path for request in asked if request.method == "GET"), "/")


def _sized(pieces: list[Piece], wish: Wish) -> list[Piece]:
    """The pieces at the levels a user asked for, where one did."""
    first = pieces[0]
    if not wish.concurrency or first.level.rate_rps or first.kind is ScenarioKind.COLD_START:
        return pieces
    place = SuiteScenario(
        name=first.scenario.name, seconds=first.seconds, launches=first.launches, concurrency=list(wish.concurrency)
    )
    return pieces_of(first.scenario, place, first.seconds)


def _with_own_starts(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces for a user's app, whose first right answer cannot be that of the suite's apps: it is asked what the
    other pieces ask first, or for its root."""
    http = [part for piece in pieces if piece.kind is ScenarioKind.HTTP for part in piece.scenario.parts]
    first = next((part for part in http if part.request.reads_only), Part(request=Request(path="/")))
    asked = {"request": first.request, "expect": first.expect}
    return [
        piece.of(piece.scenario.model_copy(update=asked))
        if piece.kind is ScenarioKind.COLD_START and piece.scenario.expect.exchange is not None
        else piece
        for piece in pieces
    ]


def _with_floor(scenario: Scenario, upstream: UpstreamOptions) -> Scenario:
    if scenario.upstream is None:
        return scenario
    floor_ms = max(scenario.floor_ms, scenario.upstream.in_a_row * upstream.floor_ms)
    if floor_ms >= scenario.load.timeout_s * 1000:
        raise UsageError(
            f"{scenario.name}: its answers wait {floor_ms:g} ms for the upstream, and its deadline is "
            f"{scenario.load.timeout_s:g} s",
            "choose a shorter --upstream-ms",
        )
    return scenario.model_copy(update={"floor_ms": floor_ms})
