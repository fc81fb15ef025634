"""What is known of a run before it begins, and recorded with it."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ..results.records import Manifest, TargetInfo
from ..scenarios.model import Scenario
from .locustfile import LocustScenario, record_of, warnings_of
from .machine import environment
from .plan import Plan
from .targets.interpreters import Interpreter, gil_when_serving, interpreter
from .targets.launch import HOST, Target

# Of a scenario: what leaves its figures as they are, and its levels.
NO_DEFINITION: Final[dict[str, Any]] = {
    **dict.fromkeys(("name", "title", "note"), True),
    "load": dict.fromkeys(("concurrency", "rate_rps", "connections"), True),
}


def manifest_of(plan: Plan, run_id: str) -> Manifest:
    """What is known of a run before it begins."""
    pythons = {target.python: interpreter(target.python) for target in plan.targets}
    return Manifest(
        run_id=run_id,
        suite=plan.suite,
        title=plan.title,
        status="running",
        started_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        elapsed_s=0.0,
        command=("bench", *map(without_password, sys.argv[1:])),
        seed=plan.seed,
        epochs=plan.epochs_max,
        server_cores=plan.cores.server,
        load_cores=plan.cores.load,
        baseline=plan.baseline,
        targets=tuple(target_info(target) for target in plan.targets),
        scenarios=plan.scenario_infos(),
        environment={
            **environment(),
            "target_pythons": {path: python.version for path, python in pythons.items()},
            "packages": dict(interpreter(sys.executable).installed),
            "target_packages": target_packages(list(pythons.values())),
            "load": load_side(plan),
        },
        problems=tuple(warnings_of(plan.own_users)) if plan.own_users else (),
        groups=plan.groups,
        not_possible=plan.not_possible,
        definitions={scenario.name: definition_of(scenario) for scenario in plan.scenarios},
    )


def definition_of(scenario: Scenario) -> dict[str, Any]:
    """What a scenario asks, and what is right: as its TOML says it, without its levels (they are recorded with what was
    measured), its words, and what it leaves as it is by default."""
    told = scenario.model_dump(mode="json", exclude_defaults=True, exclude=NO_DEFINITION)
    said = {name: value for name, value in told.items() if value != {}}
    if isinstance(scenario, LocustScenario):
        said["locustfile"] = record_of(scenario)["sha256"]  # wherever it lies
    return said


def without_password(argument: str) -> str:
    """An argument of a command line; a password in a URL is nobody else's business."""
    return re.sub(r"(://[^/:@\s]*):[^@/\s]*@", r"\1:***@", argument)


def target_packages(pythons: Sequence[Interpreter]) -> dict[str, dict[str, str]]:
    """What is installed for targets in interpreters other than sgibench's own, by version, or by path where two have
    the same: where an environment lies is no difference between runs."""
    versions = Counter(python.version for python in pythons)
    return {
        python.version if versions[python.version] == 1 else python.path: dict(python.installed)
        for python in pythons
        if python.path != sys.executable
    }


def load_side(plan: Plan) -> dict[str, Any]:
    """What is recorded of who sent the requests."""
    return {"driver": plan.driver.value, **(record_of(plan.own_users) if plan.own_users else {})}


def interpreter_of(target: Target) -> Interpreter:
    """A target's interpreter, as it is when it serves: what is built to do without the GIL may have it all the same."""
    has, app = interpreter(target.python), target.app
    if not has.free_threaded:
        return has
    return replace(has, gil=gil_when_serving(target.python, app.path, app.root, target.setup.kind))


def target_info(target: Target) -> TargetInfo:
    """What is recorded of a target; the command with PORT where each launch has its own."""
    kind = target.setup.kind
    has = interpreter(target.python)
    return TargetInfo(
        name=target.name,
        app=target.app.name,
        setup=target.setup.name,
        interface=str(target.app.interface),
        server=kind.server,
        version=has.installed.get(kind.requires[0], "unknown"),
        workers=target.setup.workers,
        slots=target.setup.slots,
        command=target.setup.command(target.python, target.app.path, HOST, "PORT"),
        python=has.version,
        ours=target.app.ours,
        interpreter=interpreter_of(target).description,
        threads=target.setup.threads if kind.threaded else None,
    )
