"""What follows from what was seen: tables, without a server."""

from typing import cast

import pytest

from sgibench.results.claims import ClaimVerdict, Measured
from sgibench.runner.claims.statistics import Statistics
from sgibench.scenarios.claims import closes_connection, decoupled, lifespan, protocols
from sgibench.scenarios.claims.dependency_yield import closed, closed_after
from sgibench.scenarios.claims.lifespan import Life
from sgibench.scenarios.claims.model import Lab
from sgibench.scenarios.claims.proving import Proof, ServerKind, There

from .labs import KnowingLab, verdict

UVICORN, DAPHNE = ServerKind("uvicorn", "uvicorn"), ServerKind("daphne", "daphne", one_process=True)
H11, TRIO = ServerKind("uvicorn-asyncio-h11", "uvicorn"), ServerKind("hypercorn-trio", "hypercorn", "trio")
ASGI = There(("fastapi", "quart", "starlette"), (UVICORN, DAPHNE, H11, TRIO), ("litestar needs litestar.",))
WSGI = There(("flask",), (ServerKind("gunicorn-sync", "gunicorn"), ServerKind("waitress", "waitress")))
THERE = {"asgi": ASGI, "wsgi": WSGI}

NO_SCHEME = Proof("quart", "daphne", left_out=("quart needs a scheme",))
BROKEN = Proof("quart", "daphne", wrong="quart@daphne answers wrongly: the status is 500.")
LOST = Proof("flask", "waitress", wrong="flask@waitress did not start")


def knowing(*wrong: Proof, quick: bool = False) -> tuple[Lab, KnowingLab]:
    made = KnowingLab(THERE, {(proof.app, proof.kind): proof for proof in wrong}, quick=quick)
    return cast(Lab, made), made


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ([], ClaimVerdict.REPRODUCED),
        ([NO_SCHEME], ClaimVerdict.IN_PART),
        ([BROKEN], ClaimVerdict.IN_PART),
        ([BROKEN, LOST], ClaimVerdict.REFUTED),
        ([Proof("fastapi", "hypercorn-trio", wrong="it is on trio")], ClaimVerdict.REPRODUCED),
    ],
)
def test_the_verdict_on_decoupled_follows_from_the_pairs(wrong: list[Proof], expected: ClaimVerdict) -> None:
    lab, known = knowing(*wrong)
    measured = decoupled.measure(lab)
    assert verdict(decoupled.CLAIM, measured) is expected
    assert len(known.proved) == 3 * 4 + 1 * 2
    assert "litestar needs litestar." in measured.notes
    for proof in wrong:
        if proof.kind != "hypercorn-trio":
            assert any(f"{proof.app} on {proof.kind}: " in note for note in measured.notes)


def test_a_sample_has_each_server_and_each_app_and_follows_from_the_seed() -> None:
    for seed in range(20):
        pairs = decoupled.some_pairs(ASGI, seed)
        assert {app for app, _ in pairs} == set(ASGI.apps)
        assert {kind for _, kind in pairs} == {"uvicorn", "daphne"}
        assert pairs == decoupled.some_pairs(ASGI, seed)
    lab, known = knowing(quick=True)
    assert "A sample of 5 pairs" in decoupled.measure(lab).notes[0]
    assert len(known.proved) == 5


@pytest.mark.parametrize("there", [There((), ()), There(("fastapi",), ()), There((), (UVICORN,))])
def test_where_an_app_or_a_server_is_missing_there_is_no_pair(there: There) -> None:
    assert decoupled.some_pairs(there, 1) == decoupled.all_pairs(there) == []


def test_without_any_pair_decoupled_is_not_measurable() -> None:
    nothing = KnowingLab({"asgi": There((), ()), "wsgi": There((), ())}, {})
    measured = decoupled.measure(cast(Lab, nothing))
    assert verdict(decoupled.CLAIM, measured) is ClaimVerdict.NOT_MEASURABLE


GOOD = ["startup", "request", "request", "shutdown"]


@pytest.mark.parametrize(
    ("workers", "before", "after"),
    [
        ({1: GOOD, 2: GOOD}, True, True),
        ({1: ["startup", "shutdown"]}, True, True),  # one that got no request
        ({1: GOOD, 2: ["request", "startup", "shutdown"]}, False, True),
        ({1: GOOD, 2: ["startup", "shutdown", "request"]}, True, False),
        ({1: ["startup", "startup", "request", "shutdown"]}, False, True),
        ({1: ["startup", "request"]}, True, False),  # killed, or never told
        ({1: ["request"]}, False, False),
        ({}, False, False),
    ],
)
def test_a_life_is_in_order_only_if_each_worker_s_is(workers: dict[int, list[str]], before: bool, after: bool) -> None:
    life = Life(workers)
    assert (life.before, life.after) == (before, after)


@pytest.mark.parametrize(
    ("of_daphne", "of_uvicorn", "expected"),
    [
        (GOOD, GOOD, ClaimVerdict.REPRODUCED),
        (["request"], GOOD, ClaimVerdict.IN_PART),
        (["request"], ["request"], ClaimVerdict.REFUTED),
    ],
)
def test_the_verdict_on_lifespan_follows_from_the_servers(
    of_daphne: list[str], of_uvicorn: list[str], expected: ClaimVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {"uvicorn": of_uvicorn, "daphne": of_daphne}
    monkeypatch.setattr(
        lifespan, "lives", lambda lab, kinds: [Life({1: seen.get(kind.name, of_uvicorn)}) for kind in kinds]
    )
    lab, _ = knowing()
    measured = lifespan.measure(lab)
    assert verdict(lifespan.CLAIM, measured) is expected
    assert any("daphne never tells" in note for note in measured.notes) == (of_daphne == ["request"])


def said(http2: bool, websocket: bool) -> dict[str, bool]:
    return {"HTTP/1.1": True, "WebSocket": websocket, "HTTP/2": http2}


@pytest.mark.parametrize(
    ("asgi", "wsgi", "expected"),
    [
        (said(True, True), said(False, False), ClaimVerdict.REPRODUCED),
        (said(False, True), said(False, False), ClaimVerdict.IN_PART),
        (said(False, False), said(True, True), ClaimVerdict.REFUTED),
    ],
)
def test_the_verdict_on_protocols_follows_from_what_is_spoken(
    asgi: dict[str, bool], wsgi: dict[str, bool], expected: ClaimVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {("asgi", "some"): [asgi] * 3, ("wsgi", "some"): [wsgi] * 3}
    monkeypatch.setattr(protocols, "launches", lambda lab, times: seen)
    lab, _ = knowing()
    measured = protocols.measure(lab)
    assert verdict(protocols.CLAIM, measured) is expected


@pytest.mark.parametrize(
    ("happened", "is_closed", "is_after"),
    [
        (["opened", "used", "answered", "closed"], True, True),
        (["opened", "used", "closed", "answered"], True, False),
        (["opened", "used", "answered"], False, False),
        (["opened", "closed", "used", "answered"], False, False),
        (["opened", "used", "closed", "closed"], False, False),
        (["opened", "used", "answered", "closed", "status 500"], False, True),
        (["opened", "closed"], False, False),
        ([], False, False),
    ],
)
def test_a_dependency_is_closed_after_use_only_in_this_order(
    happened: list[str], is_closed: bool, is_after: bool
) -> None:
    assert closed(happened) == is_closed
    assert closed_after(happened) == is_after


def test_frames_of_http_2_are_as_the_standard_has_them() -> None:
    assert protocols.frame(protocols.SETTINGS, 0, 0) == bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    assert protocols.frame(protocols.DATA, 1, 1, b"ab") == bytes((0, 0, 2, 0, 1, 0, 0, 0, 1)) + b"ab"


def test_a_mixed_share_of_servers_is_no_fact() -> None:
    share = Statistics().share(8, 9)
    assert share.high is not None
    assert share.high < 1
    assert closes_connection.CLAIM.readings[0].claimed.agreement(share).value == "fails"
    assert Measured(()).of("nothing") is None
