"""Scenarios that were named: what they ask of our apps and of the user's, and how soon an answer can come."""

from pathlib import Path

import pytest

from sgibench.results.errors import UsageError
from sgibench.results.records import ScenarioKind
from sgibench.runner.selection import Choice, Wish, choose, probe_path
from sgibench.runner.selection.workloads import find_scenario
from sgibench.runner.targets.upstream import UpstreamOptions

APP = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n"


def chosen(tmp_path: Path, **more: object) -> Choice:
    (tmp_path / "mine.py").write_text(APP)
    return choose(Wish(setups=("gunicorn-sync",), **more), tmp_path, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "floor_ms"),
    [
        ("upstream", "10", 10.0),
        ("fan-out-serial", "10", 30.0),
        ("fan-out-together", "10", 10.0),
        ("upstream", "0", 0.0),
        ("upstream", "10:0.5", 0.0),
        ("json", "10", 0.0),
    ],
)
def test_no_answer_comes_before_the_upstreams(name: str, text: str, floor_ms: float, tmp_path: Path) -> None:
    upstream = UpstreamOptions.parse(text)
    (piece,) = chosen(tmp_path, apps=("flask",), scenarios=(name,), upstream=upstream).pieces
    assert piece.scenario.floor_ms == floor_ms


def test_nothing_is_too_soon_for_an_upstream_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_URL", "http://theirs")
    (of_ours,) = chosen(tmp_path, apps=("flask",), scenarios=("upstream",)).pieces
    assert of_ours.scenario.floor_ms == 10, "our apps never see it"
    theirs = chosen(tmp_path, apps=("flask", "mine:app"), scenarios=("upstream",))
    assert theirs.pieces[0].scenario.floor_ms == 0
    monkeypatch.delenv("UPSTREAM_URL")
    assert chosen(tmp_path, apps=("mine:app",), scenarios=("upstream",)).pieces[0].scenario.floor_ms == 10


def test_an_upstream_slower_than_the_deadline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its answers wait 30000 ms for the upstream, and its deadline is 30 s"):
        chosen(tmp_path, apps=("flask",), scenarios=("fan-out-serial",), upstream=UpstreamOptions(10_000))


def test_a_cold_start_of_a_users_app_is_over_when_it_answers_what_it_is_asked_for(tmp_path: Path) -> None:
    starts, path = chosen(
        tmp_path, apps=("mine:app",), scenarios=("cold-start",), paths=("/x",), concurrency=(4,)
    ).pieces
    assert starts.kind is ScenarioKind.COLD_START
    assert starts.level.concurrency == 1, "whatever the other pieces press with"
    assert starts.scenario.parts == path.scenario.parts
    (alone,) = chosen(tmp_path, apps=("mine:app",), scenarios=("cold-start",)).pieces
    assert [(part.request.path, part.expect.exchange) for part in alone.scenario.parts] == [("/", None)]
    (ours,) = chosen(tmp_path, apps=("flask",), scenarios=("cold-start",)).pieces
    assert ours.scenario.parts[0].request.path == "/json"


def test_a_users_own_cold_start_asks_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "warm.toml").write_text(
        'title = "t"\nkind = "cold-start"\n[request]\npath = "/healthy"\n[load]\nconcurrency = [1]\n'
    )
    (piece,) = chosen(tmp_path, apps=("mine:app",), scenarios=(str(tmp_path / "warm.toml"),)).pieces
    assert piece.scenario.parts[0].request.path == "/healthy"


def test_an_app_is_awaited_with_the_first_request_that_only_reads(tmp_path: Path) -> None:
    def awaited(*scenarios: str) -> str:
        return probe_path(chosen(tmp_path, apps=("flask",), scenarios=scenarios).pieces)

    assert awaited("create", "json") == "/json"
    assert awaited("create") == "/"
    assert awaited("mixed") == "/"
    assert awaited("order", "mixed", "json") == "/"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('needs = ["sohp"]', "unknown feature that scenario 'mine' needs, 'sohp'"),
        ('expect.exchange = "jsn"', "the contract has no exchange 'jsn'"),
    ],
)
def test_a_need_or_an_exchange_that_there_is_not_is_refused(more: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'title = "t"\n{more}\n[request]\npath = "/"\n[load]\nconcurrency = [1]\n')
    with pytest.raises(UsageError, match=says):
        find_scenario("mine.toml", tmp_path)
