"""From what a claim names, an app and a setup, to the target that is launched."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...apps.catalogue import APPS, APPS_ROOT
from ...results.errors import UsageError
from ...scenarios.claims.model import NotHereError
from ..selection.apps import lacking, own_app
from ..targets.capability import why_not
from ..targets.interpreters import interpreter, quoted
from ..targets.launch import App, Target
from ..targets.setups import Setup, parse_setup
from .sides import ExperimentError

CLAIMS_APPS = "apps.claims"


def target_of(app: str, setup: str, python: str) -> Target:
    """The target of an app (one of the suite's, or ``module:attr`` of `apps/claims/`) and a setup, which may have
    further arguments of its server behind it. Raises NotHereError when the interpreter lacks something for it."""
    lacks = [*(lacking(app, python) if app in APPS else ()), *lacked_by([setup], python)]
    if lacks:
        message, command = told(lacks, python)
        raise NotHereError(f"{message} ({command})", command)
    parsed, label = setup_with_arguments(setup)
    target = Target(app_of(app, parsed), parsed, python, label)
    why = why_not(target.app, parsed, ())
    if why:
        raise ExperimentError(f"{target.name}: {why}")
    return target


def app_of(name: str, setup: Setup) -> App:
    """An app by name. One of `apps/claims/` speaks what its server speaks, and owes no contract."""
    if name in APPS:
        return own_app(name)
    if ":" not in name:
        raise UsageError(f"there is no app {name!r}", "one of apps/claims/ is written module:attr")
    return App(name, f"{CLAIMS_APPS}.{name}", setup.kind.interface, APPS_ROOT, ours=False)


def setup_with_arguments(text: str) -> tuple[Setup, str]:
    """A setup, and a label that tells it from the one without its further arguments. Raises UsageError."""
    name, *arguments = text.split()
    setup = parse_setup(name)
    if not arguments:
        return setup, ""
    kind = replace(setup.kind, arguments=(*setup.kind.arguments, *arguments))
    return replace(setup, kind=kind), "+" + "-".join(argument.lstrip("-") for argument in arguments)


def lacked_by(setups: Iterable[str], python: str) -> list[str]:
    """What these setups' servers need and an interpreter does not have."""
    has = interpreter(python)
    return [name for setup in setups for name in has.missing(setup_with_arguments(setup)[0].kind)]


def told(lacks: Sequence[str], python: str) -> tuple[str, str]:
    """What is lacking and what to do about it, in words."""
    names = sorted(set(lacks))
    install = " ".join(quoted(name) for name in names)
    return f"{python} lacks {', '.join(names)}", f"{python} -m pip install {install}"
