import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.errors import UsageError
from sgibench.runner.targets.servers import KINDS, SlotRule
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
    ],
)
def test_a_setup_is_read_as_users_write_it(text: str, name: str, slots: int | None) -> None:
    setup = parse_setup(text)
    assert (setup.name, setup.slots) == (name, slots)


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 256), st.integers(1, 4096))
def test_a_canonical_name_reads_back_as_the_same_setup(kind: str, workers: int, threads: int) -> None:
    setup = Setup(KINDS[kind], workers, threads if KINDS[kind].threaded else 1)
    assert parse_setup(setup.name) == setup


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("uvcorn", "did you mean 'uvicorn'?"),
        ("gunicorn-gthred-2x4", "did you mean 'gunicorn-gthread'?"),
        ("zzz", "known: gunicorn-asgi"),
        ("gunicorn-sync-2x4", "write gunicorn-sync-2"),
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
def test_every_entry_of_the_registry_is_whole(kind: object) -> None:
    from sgibench.runner.targets.servers import Kind

    assert isinstance(kind, Kind)
    setup = Setup(kind, 3, 7 if kind.threaded else 1)
    command = setup.command("/usr/bin/python3", "shop:app", "127.0.0.1", 8123)
    assert command[0] == "/usr/bin/python3"
    assert "shop:app" in command
    assert any("8123" in word for word in command)
    assert any("127.0.0.1" in word for word in command)
    assert "3" in command, "the number of workers reaches the server"
    assert ("7" in command) == kind.threaded
    assert not any("{" in word for word in command)
    assert kind.requires
    assert kind.install
    assert kind.summary
    assert (kind.slot_rule is SlotRule.THREADS) == kind.threaded
