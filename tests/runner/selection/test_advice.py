"""The numbers of a setup that its server advises for the cores at hand."""

import pytest

from sgibench.results.errors import UsageError
from sgibench.runner.selection import default_setups, setup_for
from sgibench.runner.targets.servers import KINDS


@pytest.mark.parametrize(
    ("text", "one", "four"),
    [
        ("gunicorn-sync-*", "gunicorn-sync-3", "gunicorn-sync-9"),
        ("gunicorn-gthread-*", "gunicorn-gthread-3x4", "gunicorn-gthread-9x16"),
        ("gunicorn-gevent-*", "gunicorn-gevent", "gunicorn-gevent-4"),
        ("uvicorn-*", "uvicorn", "uvicorn-4"),
        ("uwsgi-*", "uwsgi-4", "uwsgi-4"),
        ("uwsgi-threads-*", "uwsgi-threads-4x2", "uwsgi-threads-4x2"),
        ("granian-wsgi-*", "granian-wsgi-1x512", "granian-wsgi-4x128"),
        ("waitress-*", "waitress-1x4", "waitress-1x4"),
        ("daphne-*", "daphne", "daphne"),
    ],
)
def test_each_server_has_what_it_advises_for_one_core_and_for_four(text: str, one: str, four: str) -> None:
    assert setup_for(text, 1).name == one
    assert setup_for(text, 4).name == four


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cores", [0, 1, 2, 64])
def test_every_kind_has_advice_that_can_be_written_as_a_setup(kind: str, cores: int) -> None:
    advised = setup_for(f"{kind}-*", cores)
    assert advised.kind.name == kind
    assert setup_for(advised.name, cores) == advised


def test_a_setup_with_numbers_of_its_own_keeps_them() -> None:
    assert setup_for("gunicorn-gthread-2x16", 4).name == "gunicorn-gthread-2x16"


@pytest.mark.parametrize("text", ["gunicorn-snyc-*", "*", "gunicorn-sync*"])
def test_an_unknown_kind_is_answered_with_the_nearest(text: str) -> None:
    with pytest.raises(UsageError, match="unknown setup"):
        setup_for(text, 1)


def test_an_app_alone_gets_the_usual_setups_of_its_interface() -> None:
    assert [setup.name for setup in default_setups("wsgi", 2)] == [
        "gunicorn-sync-5",
        "gunicorn-gthread-2x64",
        "gunicorn-gevent-2",
    ]
    assert [setup.name for setup in default_setups("asgi", 2)] == ["uvicorn-2", "gunicorn-uvicorn-2", "gunicorn-asgi-2"]
    assert [setup.name for setup in default_setups("rsgi", 2)] == ["granian-rsgi-2"]
