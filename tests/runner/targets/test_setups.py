from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.apps.shop import FAN_OUT_THREADS, UPSTREAM_ITEMS
from sgibench.results.errors import UsageError
from sgibench.runner.targets.servers import KINDS, Kind, SlotRule, uwsgi
from sgibench.runner.targets.setups import Setup, parse_setup


@pytest.mark.parametrize(
    ("text", "name", "slots"),
    [
        ("uvicorn", "uvicorn", None),
        ("uvicorn-1", "uvicorn", None),
        ("uvicorn-4", "uvicorn-4", None),
        ("uvicorn-asyncio-h11-2", "uvicorn-asyncio-h11-2", None),
        ("gunicorn-sync", "gunicorn-sync", 1),
        ("gunicorn-sync-3", "gunicorn-sync-3", 3),
        ("gunicorn-gthread", "gunicorn-gthread-1x16", 16),
        ("gunicorn-gthread-2", "gunicorn-gthread-2x16", 32),
        ("gunicorn-gthread-2x64", "gunicorn-gthread-2x64", 128),
        ("gunicorn-gevent-2", "gunicorn-gevent-2", 2000),
        (" gunicorn-asgi ", "gunicorn-asgi", None),
        ("hypercorn-trio-2", "hypercorn-trio-2", None),
        ("daphne-1", "daphne", None),
        ("waitress", "waitress-1x4", 4),
        ("waitress-1x16", "waitress-1x16", 16),
        ("uwsgi-4", "uwsgi-4", 4),
        ("uwsgi-threads-2x8", "uwsgi-threads-2x8", 16),
        ("granian-wsgi-2x8", "granian-wsgi-2x8", 16),
        # Granian's own number of threads is for all its workers.
        ("granian-wsgi", "granian-wsgi-1x512", 512),
        ("granian-wsgi-4", "granian-wsgi-4x128", 512),
    ],
)
def test_a_setup_is_read_as_users_write_it(text: str, name: str, slots: int | None) -> None:
    setup = parse_setup(text)
    assert (setup.name, setup.slots) == (name, slots)


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 256), st.integers(1, 4096))
def test_a_canonical_name_reads_back_as_the_same_setup(kind: str, workers: int, threads: int) -> None:
    setup = Setup(KINDS[kind], KINDS[kind].workers_within(workers), threads if KINDS[kind].threaded else 1)
    assert parse_setup(setup.name) == setup


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("uvcorn", "did you mean 'uvicorn'?"),
        ("gunicorn-gthred-2x4", "did you mean 'gunicorn-gthread'?"),
        ("zzz", "known: daphne, granian-asgi"),
        ("gunicorn-sync-2x4", "write gunicorn-sync-2"),
        ("daphne-2", "write daphne"),
        ("daphne-2x4", "write daphne"),
        ("waitress-2x8", "write waitress-1x16"),
        ("waitress-0", "for example waitress-1x16"),
        ("uvicorn-0", "for example uvicorn-2"),
        ("gunicorn-gthread-1x0", "for example gunicorn-gthread-2x16"),
        ("uvicorn-9999", "for example"),
        ("", "known"),
    ],
)
def test_a_wrong_setup_is_refused_with_a_way_out(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_setup(text)
    assert says in caught.value.hint


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_entry_of_the_registry_is_whole(kind: Kind) -> None:
    workers = kind.workers_within(3)
    setup = Setup(kind, workers, 7 if kind.threaded else 1)
    command = setup.command("/usr/bin/python3", "shop:app", "127.0.0.1", 8123)
    assert command[0] == (f"/usr/bin/{kind.program}" if kind.program else "/usr/bin/python3")
    assert "shop:app" in command
    assert any("8123" in word for word in command)
    assert any("127.0.0.1" in word for word in command)
    assert ("3" in command) != kind.one_process, "the number of workers reaches the server"
    assert ("7" in command) == kind.threaded
    assert not any("{" in word for word in command)
    assert kind.requires
    assert kind.install
    assert kind.summary
    assert (kind.slot_rule is SlotRule.THREADS) == kind.threaded
    assert kind.written.removesuffix("T").removesuffix("-1x").removesuffix("-Nx").removesuffix("-N") == kind.name


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_factory_is_called_by_every_server_that_can_and_refused_for_the_others(kind: Kind) -> None:
    setup = Setup(kind, 1, 1)
    if not kind.factories:
        with pytest.raises(UsageError, match=r"cannot call shop:make\(\)") as caught:
            setup.command("python", "shop:make()", "127.0.0.1", 1)
        assert "another server" in caught.value.hint
        return
    command = setup.command("python", "shop:make()", "127.0.0.1", 1)
    if kind.factory_argument is None:
        assert "shop:make()" in command
    else:
        assert command.index(kind.factory_argument) < command.index("shop:make")


def test_no_setup_can_take_more_requests_than_the_apps_have_threads_for_their_calls() -> None:
    for setup in map(parse_setup, ("gunicorn-gevent", "gunicorn-gthread-1x64", "waitress-1x64")):
        assert setup.slots is not None
        assert setup.slots * len(UPSTREAM_ITEMS) <= FAN_OUT_THREADS, setup.name


def test_a_program_is_started_from_beside_the_interpreter() -> None:
    command = parse_setup("uwsgi-2").command("/home/me/.venv/bin/python", "shop:app", "127.0.0.1", 8123)
    assert command[0] == "/home/me/.venv/bin/uwsgi"


@pytest.mark.parametrize(("allowed", "waiting"), [("4096\n", 1024), ("128\n", 128), ("many", 100), (None, 100)])
def test_no_more_requests_wait_for_uwsgi_than_the_system_allows(
    allowed: str | None, waiting: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "somaxconn"
    if allowed is not None:
        limit.write_text(allowed)
    monkeypatch.setattr(uwsgi, "LONGEST_QUEUE", limit)
    assert uwsgi.queue_length() == waiting
