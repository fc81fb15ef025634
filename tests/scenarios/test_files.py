"""Scenarios and suites: those that come with sgibench are sound, and an error in a user's says file, line and key."""

from pathlib import Path

import pytest

from sgibench.results.errors import UsageError
from sgibench.scenarios.files import (
    built_in_scenario,
    built_in_suite,
    levels_of,
    line_of,
    read_scenario,
    read_suite,
    scenario_names,
    suite_names,
)
from sgibench.scenarios.model import Expect, Load, Request, Scenario

SCENARIO = """\
title = "a list"

[request]
path = "/items"

[load]
concurrency = [8, 2]
"""
SUITE = """\
title = "a suite"
budget_s = 60
baseline = "flask@gunicorn-sync-3"
targets = [
    "flask@gunicorn-sync-3",
    "fastapi@uvicorn",
]

[epochs]
min = 2

[[scenario]]
name = "json"
seconds = 1

[[scenario]]
name = "wait-50ms"
seconds = 0.5
"""


def test_there_are_scenarios_and_suites() -> None:
    assert {"json", "wait-50ms", "json-paced"} <= set(scenario_names())
    assert {"default", "smoke", "full"} <= set(suite_names())


@pytest.mark.parametrize("name", ["nothing", "../files", "suites/default", ""])
def test_a_built_in_that_does_not_exist_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        built_in_scenario(name)
    with pytest.raises(KeyError):
        built_in_suite(name)


def test_a_file_names_what_it_holds_unless_it_says_another_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO)
    assert read_scenario(path).name == "mine"
    path.write_text('name = "other"\n' + SCENARIO)
    assert read_scenario(path).name == "other"
    path.write_text(SUITE)
    assert read_suite(path).name == "mine"
    assert read_suite(path).epochs.max == 10


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


BAD_SCENARIOS = {
    "an unknown key": (changed(SCENARIO, "title", 'colour = "red"\ntitle'), 1, "colour", "is not a key that is known"),
    "an unknown key in a nested table": (
        changed(SCENARIO, "[load]", 'verb = "GET"\n[load]'),
        6,
        "request.verb",
        "is not a key that is known here",
    ),
    "an unknown table": (SCENARIO + "[extra]\nx = 1\n", 8, "extra", "is not a key that is known here"),
    "an unknown key in an inline table": (
        changed(SCENARIO, '[request]\npath = "/items"', 'request = { path = "/", verb = "GET" }'),
        3,
        "request.verb",
        "is not a key that is known here",
    ),
    "a missing key": (changed(SCENARIO, 'title = "a list"', ""), 1, "title", "is missing"),
    "a missing key in a nested table": (changed(SCENARIO, 'path = "/items"', ""), 3, "request.path", "is missing"),
    "a missing table": (
        changed(SCENARIO, '[request]\npath = "/items"', ""),
        1,
        "the file",
        "give either [request] or [[mix]]",
    ),
    "a relative path": (changed(SCENARIO, "/items", "items"), 4, "request.path", "match pattern"),
    "a path with a space": (changed(SCENARIO, "/items", "/my items"), 4, "request.path", "match pattern"),
    "an unknown method": (changed(SCENARIO, "[load]", 'method = "BREW"\n[load]'), 6, "request.method", "'GET'"),
    "a wrong type": (changed(SCENARIO, '"a list"', "7"), 1, "title", "valid string"),
    "a level below one": (changed(SCENARIO, "[8, 2]", "[8, 0]"), 7, "load.concurrency.1", "greater than or equal to 1"),
    "both concurrency and rate": (
        SCENARIO + "rate_rps = [100]\n",
        6,
        "load",
        "give either concurrency (closed loop) or rate_rps (open loop)",
    ),
    "neither concurrency nor rate": (changed(SCENARIO, "concurrency = [8, 2]", ""), 6, "load", "give either"),
    "a rate that is no number": (
        changed(SCENARIO, "concurrency = [8, 2]", "rate_rps = [nan]"),
        7,
        "load.rate_rps.0",
        "",
    ),
    "a deadline that never comes": (SCENARIO + "timeout_s = inf\n", 8, "load.timeout_s", "less than or equal to 600"),
    "a name for another folder": (f'name = "../evil"\n{SCENARIO}', 1, "name", "match pattern"),
    "a mix beside a request": (
        SCENARIO + '[[mix]]\nrequest.path = "/"\n',
        1,
        "the file",
        "give either [request] or [[mix]]",
    ),
    "a part of a mix without a path": (
        changed(
            SCENARIO, '[request]\npath = "/items"', '[[mix]]\nrequest.path = "/"\n\n[[mix]]\nrequest.method = "GET"'
        ),
        6,
        "mix.1.request.path",
        "is missing",
    ),
    "a weight of nothing": (
        changed(SCENARIO, '[request]\npath = "/items"', '[[mix]]\nweight = 0\nrequest.path = "/"'),
        4,
        "mix.0.weight",
        "greater than or equal to 1",
    ),
    "an expectation beside those of a mix": (
        changed(SCENARIO, '[request]\npath = "/items"', '[[mix]]\nrequest.path = "/"') + "[expect]\nstatus = 200\n",
        1,
        "the file",
        "each [[mix]] says what it expects",
    ),
    "two bodies": (changed(SCENARIO, "[load]", 'body = "x"\nbody_bytes = 3\n[load]'), 3, "request", "not both"),
    "a length of its own": (
        changed(SCENARIO, "[load]", 'headers = { content-length = "3" }\n[load]'),
        3,
        "request",
        "content-length follows from the body, and comes by itself: leave it out",
    ),
    "a way of its own to send a body": (
        changed(SCENARIO, "[load]", 'headers = { Transfer-Encoding = "chunked" }\n[load]'),
        3,
        "request",
        "Transfer-Encoding follows from the body",
    ),
    "a header within a header": (
        changed(SCENARIO, "[load]", 'headers = { X = "a\\r\\nY: b" }\n[load]'),
        3,
        "request",
        "the value of X is more than one line",
    ),
    "a header without a name": (
        changed(SCENARIO, "[load]", 'headers = { "X Y" = "a" }\n[load]'),
        3,
        "request",
        "'X Y' is no header's name",
    ),
    "a header that is there twice": (
        changed(SCENARIO, "[load]", 'headers = { host = "a", Host = "b" }\n[load]'),
        3,
        "request",
        "Host is there twice",
    ),
    "a handshake of its own": (
        'kind = "websocket"\n'
        + changed(SCENARIO, "[load]", 'headers = { Sec-WebSocket-Key = "x" }\n[load]')
        + '[message]\ntext = "x"\n',
        1,
        "the file",
        "Sec-WebSocket-Key belongs to the handshake, and comes by itself: leave it out",
    ),
    "a WebSocket that is asked for with a body": (
        'kind = "websocket"\n' + changed(SCENARIO, "[load]", 'body = "x"\n[load]') + '[message]\ntext = "x"\n',
        1,
        "the file",
        "a WebSocket is asked for with GET and no body",
    ),
    "an unknown kind": ('kind = "http3"\n' + SCENARIO, 1, "kind", "'http', 'websocket' or 'cold-start'"),
    "a WebSocket without a message": ('kind = "websocket"\n' + SCENARIO, 1, "the file", "[message]"),
    "a message without a WebSocket": (SCENARIO + '[message]\ntext = "x"\n', 1, "the file", 'kind = "websocket"'),
    "a message of two kinds": (
        'kind = "websocket"\n' + SCENARIO + '[message]\ntext = "x"\nbinary_bytes = 3\n',
        9,
        "message",
        "give either text or binary_bytes",
    ),
    "an expectation of a WebSocket": (
        'kind = "websocket"\n' + SCENARIO + '[message]\ntext = "x"\n[expect]\nstatus = 200\n',
        1,
        "the file",
        "the right answer to a message is the message",
    ),
    "several starts at a time": ('kind = "cold-start"\n' + SCENARIO, 1, "the file", "load.concurrency = [1]"),
    "slow clients that send nothing": (
        SCENARIO + "[slow_clients]\ncount = 0\n",
        9,
        "slow_clients.count",
        "greater than or equal to 1",
    ),
    "slow clients of another kind": (
        SCENARIO + '[slow_clients]\ncount = 5\nwhat = "trailers"\n',
        10,
        "slow_clients.what",
        "'headers' or 'body'",
    ),
    "more calls in a row than calls": (
        SCENARIO + "[upstream]\ncalls = 2\nin_a_row = 3\n",
        8,
        "upstream",
        "in_a_row (3) is more than calls (2)",
    ),
    "no connections": (
        changed(SCENARIO, "concurrency = [8, 2]", "rate_rps = [10]\nconnections = []"),
        8,
        "load.connections",
        "at least 1 item",
    ),
    "a status that is none": (SCENARIO + "[expect]\nstatus = 99\n", 9, "expect.status", "greater than or equal to 200"),
}
BAD_SUITES = {
    "a wrong type in the second scenario": (
        changed(SUITE, "seconds = 0.5", 'seconds = "long"'),
        18,
        "scenario.1.seconds",
        "valid number",
    ),
    "a missing key in the second scenario": (
        changed(SUITE, "seconds = 0.5", ""),
        16,
        "scenario.1.seconds",
        "is missing",
    ),
    "an unknown key in the first scenario": (
        changed(SUITE, "seconds = 1", "seconds = 1\nlevel = 3"),
        15,
        "scenario.0.level",
        "is not a key that is known here",
    ),
    "both concurrency and rate in the second scenario": (
        SUITE + "concurrency = [1]\nrate_rps = [5]\n",
        16,
        "scenario.1",
        "not both",
    ),
    "a baseline that is no target": (
        changed(SUITE, 'baseline = "flask', 'baseline = "django'),
        3,
        "baseline",
        "'django@gunicorn-sync-3' is not one of the targets",
    ),
    "a target twice": (
        changed(SUITE, '"fastapi@uvicorn"', '"flask@gunicorn-sync-3"'),
        4,
        "targets",
        "a target is listed twice",
    ),
    "no targets": (
        SUITE[: SUITE.index("targets")] + "targets = []\n" + SUITE[SUITE.index("[epochs]") :],
        4,
        "targets",
        "",
    ),
    "groups beside targets": (
        SUITE + '[[group]]\nname = "a"\ntitle = "A"\ntargets = ["flask@gunicorn-sync"]\n',
        1,
        "the file",
        "give either targets or [[group]]s",
    ),
    "neither targets nor groups": (
        SUITE[: SUITE.index("baseline")] + SUITE[SUITE.index("[epochs]") :],
        1,
        "the file",
        "give either targets or [[group]]s",
    ),
    "a baseline that is in another group": (
        SUITE[: SUITE.index("baseline")]
        + '[[group]]\nname = "a"\ntitle = "A"\ntargets = ["flask@gunicorn-sync"]\n'
        + '[[group]]\nname = "b"\ntitle = "B"\ntargets = ["fastapi@uvicorn"]\nbaseline = "flask@gunicorn-sync"\n'
        + SUITE[SUITE.index("[epochs]") :],
        11,
        "group.1.baseline",
        "'flask@gunicorn-sync' is not one of the targets",
    ),
    "two groups of one name": (
        SUITE[: SUITE.index("baseline")]
        + '[[group]]\nname = "a"\ntitle = "A"\ntargets = ["flask@gunicorn-sync"]\n' * 2
        + SUITE[SUITE.index("[epochs]") :],
        1,
        "the file",
        "two groups have the same name",
    ),
    "no scenarios": (SUITE[: SUITE.index("[[")], 1, "scenario", "is missing"),
    "epochs in the wrong order": (
        changed(SUITE, "min = 2", "min = 9\nmax = 3"),
        9,
        "epochs",
        "min (9) is more than max (3)",
    ),
    "no budget": (changed(SUITE, "budget_s = 60", "budget_s = 0"), 2, "budget_s", "greater than 0"),
}


@pytest.mark.parametrize("case", BAD_SCENARIOS)
def test_an_error_in_a_scenario_names_file_line_and_key(case: str, tmp_path: Path) -> None:
    text, line, key, words = BAD_SCENARIOS[case]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_scenario(path)
    assert caught.value.message.startswith(f"{path}, line {line}: {key}: ")
    assert words in caught.value.message
    assert "docs/scenarios.md" in caught.value.hint


@pytest.mark.parametrize("case", BAD_SUITES)
def test_an_error_in_a_suite_names_file_line_and_key(case: str, tmp_path: Path) -> None:
    text, line, key, words = BAD_SUITES[case]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_suite(path)
    assert caught.value.message.startswith(f"{path}, line {line}: {key}: ")
    assert words in caught.value.message


def test_every_error_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(changed(SCENARIO, "/items", "items") + "colour = 1\n")
    with pytest.raises(UsageError) as caught:
        read_scenario(path)
    assert [line.split(": ")[1] for line in caught.value.message.splitlines()] == ["request.path", "load.colour"]


@pytest.mark.parametrize(("text", "line"), [("title = \n", 1), (SCENARIO + "x = [1,\n", 9), ("a = 1\na = 2\n", 2)])
def test_what_is_not_toml_names_file_and_line(text: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.toml: not TOML: ") as caught:
        read_scenario(path)
    assert f"at line {line}," in caught.value.message or "at end of document" in caught.value.message


def test_a_file_that_cannot_be_read_says_which(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nowhere\.toml"):
        read_scenario(tmp_path / "nowhere.toml")
    (tmp_path / "bytes.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(UsageError, match=r"cannot read .*bytes\.toml"):
        read_suite(tmp_path / "bytes.toml")
    with pytest.raises(UsageError, match="cannot read"):
        read_suite(tmp_path)


@pytest.mark.parametrize(
    ("text", "location", "line"),
    [
        ("a.b = 1\n[c]\nd = 2\n", ("a", "b"), 1),
        ("a.b = 1\n[c]\nd = 2\n", ("c", "d"), 3),
        ("a.b = 1\n[c]\nd = 2\n", ("c", "e"), 2),
        ("a.b = 1\n[c]\nd = 2\n", ("z",), 1),
        ('[c]\n"d" = 2\n', ("c", "d"), 2),
        ("[[s]]\nx = 1\n[[s]]\nx = 2\n[[s]]\ny = 3\n", ("s", 1, "x"), 4),
        ("[[s]]\nx = 1\n[[s]]\nx = 2\n[[s]]\ny = 3\n", ("s", 2, "x"), 5),
        ("[[s]]\nx = 1\n[t]\nx = 2\n", ("t", "x"), 4),
        ("[t]\nx = 1\n[[s]]\nx = 1\n[[s]]\nx = 2\n", ("s",), 3),
        ("", (), 1),
    ],
)
def test_the_line_of_a_key_is_where_its_deepest_part_stands(
    text: str, location: tuple[int | str, ...], line: int
) -> None:
    assert line_of(text, location) == line


def scenario(load: Load) -> Scenario:
    return Scenario(name="x", title="", request=Request(path="/"), expect=Expect(), load=load)


CLOSED = scenario(Load(concurrency=[64, 1, 16, 1]))
OPEN = scenario(Load(rate_rps=[500, 50.5, 500], connections=[99]))


def test_levels_rise_and_come_once() -> None:
    assert levels_of(CLOSED) == [(1, 0.0), (16, 0.0), (64, 0.0)]
    assert levels_of(OPEN) == [(99, 50.5), (99, 500.0)]
    several = scenario(Load(rate_rps=[20.0, 10.0], connections=[100, 8]))
    assert levels_of(several) == [(8, 10.0), (8, 20.0), (100, 10.0), (100, 20.0)]


def test_a_suite_may_set_other_levels() -> None:
    assert levels_of(CLOSED, {"concurrency": [8, 4]}) == [(4, 0.0), (8, 0.0)]
    assert levels_of(OPEN, {"rate_rps": [20]}) == [(99, 20)]
    assert levels_of(OPEN, {"concurrency": [8]}) == [(8, 0.0)]
    assert levels_of(CLOSED, {"rate_rps": [20]}) == [(256, 20)]
    assert levels_of(CLOSED, {"concurrency": [], "rate_rps": []}) == levels_of(CLOSED)
