"""What cannot be done is said in one sentence, and all else is nothing to speak of."""

from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, Feature, Interface
from sgibench.runner.targets.capability import NAMES, why_not
from sgibench.runner.targets.launch import App
from sgibench.runner.targets.servers import kinds_for
from sgibench.runner.targets.setups import Setup, parse_setup


def ours(name: str) -> App:
    info = APPS[name]
    return App(name, info.path, info.interface, APPS_ROOT, True, info.features, info.loops)


@pytest.mark.parametrize(
    ("app", "setup", "need", "why"),
    [
        ("flask", "gunicorn-sync", Feature.WEBSOCKET, "flask speaks WSGI, which has no WebSocket"),
        ("flask", "waitress", Feature.BLOCKING, "flask speaks WSGI, which has no coroutine that could block"),
        ("flask", "gunicorn-sync", Feature.DOCS, "flask has no generated documentation"),
        ("flask", "uvicorn", Feature.SHOP, "flask speaks WSGI, uvicorn ASGI"),
        ("fastapi", "granian-rsgi", Feature.SHOP, "fastapi speaks ASGI, granian-rsgi RSGI"),
        ("django-asgi", "uvicorn", Feature.WEBSOCKET, "django-asgi has no WebSocket"),
        ("fastapi", "hypercorn-trio", Feature.UPLOAD, "fastapi runs on asyncio, hypercorn-trio on trio"),
        (
            "starlette",
            "hypercorn-trio",
            Feature.SHOP,
            "hypercorn-trio runs on trio, the drivers of the shop's databases on asyncio",
        ),
        ("starlette", "hypercorn-trio", Feature.UPSTREAM, ""),
        ("starlette", "daphne", Feature.WEBSOCKET, ""),
        ("flask", "uwsgi-threads", Feature.SHOP, ""),
        ("bare-rsgi", "granian-rsgi-2", Feature.WEBSOCKET, ""),
    ],
)
def test_what_keeps_an_app_on_a_setup_from_a_feature_is_said(app: str, setup: str, need: Feature, why: str) -> None:
    assert why_not(ours(app), parse_setup(setup), {need}) == why


def test_what_a_server_lacks_is_said_of_the_server() -> None:
    kind = replace(parse_setup("daphne").kind, lacks=frozenset({Feature.STREAM}))
    assert why_not(ours("fastapi"), Setup(kind, 1, 1), [Feature.STREAM]) == "daphne has no streamed answer"
    assert why_not(ours("fastapi"), Setup(kind, 1, 1), [Feature.UPLOAD]) == ""


def test_without_needs_only_the_pair_matters() -> None:
    assert why_not(ours("flask"), parse_setup("gunicorn-gevent-2"), ()) == ""
    assert why_not(ours("fastapi"), parse_setup("hypercorn-trio"), ()) != ""


def test_of_several_needs_one_that_cannot_be_met_is_told() -> None:
    why = why_not(ours("flask"), parse_setup("gunicorn-sync"), {Feature.SHOP, Feature.WEBSOCKET})
    assert why == "flask speaks WSGI, which has no WebSocket"


def test_a_users_own_app_can_be_asked_for_everything_that_its_interface_has() -> None:
    own = App("mine:app", "mine:app", Interface.ASGI, Path(), ours=False)
    for kind in kinds_for(Interface.ASGI):
        assert why_not(own, Setup(kind, 1, 1), frozenset(Feature) - kind.lacks) == ""
    assert "WebSocket" in why_not(replace(own, interface=Interface.WSGI), parse_setup("uwsgi"), {Feature.WEBSOCKET})


def test_a_factory_is_not_for_every_server() -> None:
    own = App("mine:make()", "mine:make()", Interface.ASGI, Path(), ours=False)
    assert why_not(own, parse_setup("daphne"), ()) == "daphne cannot call a factory, which mine:make() is"
    assert why_not(own, parse_setup("uvicorn"), ()) == ""


def test_every_feature_has_a_name_in_prose() -> None:
    assert NAMES.keys() == set(Feature)
