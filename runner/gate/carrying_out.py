"""A gate from its configuration to its verdict: sources, sides, the world around them, and the measurement."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from ...apps.catalogue import APPS
from ...results.errors import UsageError
from ...results.gate.records import FailureKind, GateFailure, GateRun
from ...results.gate.store import GateStore
from ...results.problems import Problem, ProblemCode, Severity
from ...scenarios.model import Scenario
from ..instruments import Instruments
from ..load.session import LocustSession
from ..machine import Cores, available_cores, can_pin, choose_cores, environment, many_files
from ..manifest import target_packages, without_password
from ..sampler import ProcessSampler
from ..selection.apps import check_own
from ..selection.workloads import probe_path
from ..targets.interpreters import interpreter
from ..targets.launcher import TargetLauncher
from ..targets.services import ServiceOptions, Services
from ..targets.setups import parse_setup
from .asked import FEWEST_CONNECTIONS, closed_piece, find_scenarios
from .budget import check_budget
from .building import Building, Side, build, build_ours, differences
from .config import GateConfig, where_else
from .expecting import AsBase, Wanted
from .launches import Compared
from .measuring import Decide, GateMeasurement, GateOutcome
from .sources import HERE, Named, Note, find_sides, trees
from .telling import Telling
from .weighing import Weighing


@dataclass(slots=True)
class Gate:
    """One gate, found to be possible before anything is made: `base` and `head` are None for an app of the suite's own
    against itself."""

    config: GateConfig
    seed: int
    cores: Cores
    scenarios: list[Scenario]
    sides: tuple[Named, Named] | None
    share: float = 1.0
    notes: list[Note] = field(default_factory=list)

    @classmethod
    def of(cls, config: GateConfig, here: Path, seed: int, share: float = 1.0) -> "Gate":
        """Raises UsageError for what cannot be carried out."""
        if config.app is None:
            raise UsageError("a gate needs the app: --app module:attr", where_else(here))
        ours = config.app in APPS
        if not ours:
            check_own(config.app)
        scenarios = find_scenarios(config, ours=ours)
        check_budget(len(scenarios), config.settings, share)
        config.check_files()
        if config.setup is not None:
            parse_setup(config.setup)  # before anything is built
        cores = choose_cores(config.server_cores, config.load_cores)
        # No more load processes than the fewest connections that a gate may have.
        cores = replace(cores, load=cores.load[:FEWEST_CONNECTIONS])
        notes: list[Note] = []
        sides = None
        if ours:
            check_alone(config)
            notes.append(Note(f"{config.app} is compared with itself: that tries the gate out"))
        elif config.base is None:
            raise UsageError("a gate needs what to compare with: --base DIR or --base REF", "e.g. --base origin/main")
        else:
            sides = find_sides(config.base, config.head, here, notes)
        return cls(config, seed, cores, scenarios, sides, share, notes)

    @property
    def building(self) -> Building:
        """How both sides are built."""
        config = self.config
        assert config.app is not None
        return Building(
            config.app,
            config.setup,
            config.interface,
            config.prepare,
            config.python,
            (config.base_python, config.head_python),
        )


def check_alone(config: GateConfig) -> None:
    """Raise UsageError for what goes with two versions, which an app of the suite does not have."""
    given = {"--base": config.base, "--head": config.head if config.head != HERE else None}
    for option, value in {**given, "--prepare": config.prepare}.items():
        if value is not None:
            raise UsageError(
                f"app {config.app!r} is the suite's own, and has no {option}",
                f"without {option} it is compared with itself, to try the gate out; your own is written module:attr",
            )


def carry_out(gate: Gate, store: GateStore, console: Console, decide: Decide | None = None) -> GateOutcome:
    """From sources to the outcome; whatever was started or made is gone afterwards. Raises BenchError.

    `decide` is asked after each launch whether to go on, instead of the gate's own rule.
    """
    with built(gate, store, console) as (base, head):
        compared = Compared(
            base,
            head,
            tuple(gate.scenarios),
            gate.config.concurrency,
            gate.cores,
            gate.seed,
            ServiceOptions().checked([base.target, head.target]),
            gate.share,
        )
        run = run_of(gate, compared, store.folder.resolve().name)
        return measure(compared, gate, run, store, console, decide)


@contextmanager
def built(gate: Gate, store: GateStore, console: Console) -> Iterator[tuple[Side, Side]]:
    """Both sides, ready to be launched. The notes are told before: a side that fails may fail for what they say."""

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    def note(found: Note) -> None:
        gate.notes.append(found)
        tell(f"note: {found.text}")

    with contextlib.ExitStack() as stack:
        laid_out = stack.enter_context(trees(*gate.sides, gate.notes)) if gate.sides else None
        for each in gate.notes:
            tell(f"note: {each.text}")
        yield build(laid_out, gate.building, store.log_path, tell, note) if laid_out else build_ours(gate.building)


def run_of(gate: Gate, compared: Compared, run_id: str) -> GateRun:
    """What is known of a gate before it begins."""
    base, head = compared.base, compared.head
    pythons = [interpreter(side.target.python) for side in (base, head)]
    warnings = [
        Problem(note.code, note.text, severity=Severity.WARNING) for note in gate.notes if note.code is not None
    ]
    failures: tuple[GateFailure, ...] = ()
    if head.unable is not None:
        failures = (GateFailure(head.name, FailureKind.NOT_STARTED, head.unable.told),)
    return GateRun(
        run_id=run_id,
        started_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        elapsed_s=0.0,
        status="running",
        command=("bench", *map(without_password, sys.argv[1:])),
        seed=gate.seed,
        app=gate.config.app or "",
        setup=base.target.setup.name,
        scenarios=tuple(scenario.name for scenario in compared.scenarios),
        settings=gate.config.settings,
        base=base.source,
        head=head.source,
        environment={
            **environment(),
            "server_cores": list(gate.cores.server),
            "load_cores": list(gate.cores.load),
            "packages": dict(interpreter(sys.executable).installed),
            "target_packages": target_packages(pythons),
        },
        failures=failures,
        problems=(*differences(base, head), *warnings),
    )


def measure(
    compared: Compared, gate: Gate, run: GateRun, store: GateStore, console: Console, decide: Decide | None = None
) -> GateOutcome:
    """Measure with the real load side, sampler, services and launcher; all are gone afterwards."""
    start_cores = available_cores()
    if can_pin():
        # The CLI, with its sampler, stays off the targets' cores.
        os.sched_setaffinity(0, set(compared.cores.load))
    try:
        with many_files(), services_for(compared, store) as services:
            pieces = [closed_piece(scenario, 1) for scenario in compared.scenarios]
            launcher = TargetLauncher(
                store.log_path, start_cores, compared.cores.server, probe_path(pieces), services=services
            )
            try:
                return measured(compared, gate, run, store, console, launcher, decide)
            finally:
                launcher.stop()  # again, where an interruption came while it was stopping
    finally:
        if can_pin():
            os.sched_setaffinity(0, set(start_cores))


def services_for(compared: Compared, store: GateStore) -> Services:
    """What the sides lean on, as far as the scenarios need it."""
    plan = compared.plan([closed_piece(scenario, 1) for scenario in compared.scenarios])
    return Services.start(plan.features, store.log_path, compared.services, compared.cores.load)


def measured(
    compared: Compared,
    gate: Gate,
    run: GateRun,
    store: GateStore,
    console: Console,
    launcher: TargetLauncher,
    decide: Decide | None = None,
) -> GateOutcome:
    """The gate carried out with this launcher. The budget counts from here: what was built before is built once."""
    started = time.monotonic()
    config = gate.config
    session = LocustSession(compared.cores.load, load_processes(compared.cores.load, config.concurrency))
    wanted = Wanted(config.expect_status, config.expect == "same" and config.expect_text is None)
    as_base = AsBase(launcher, wanted, session.start)
    sampler = ProcessSampler(started)
    try:
        with Telling(console) as telling, session:
            weighing = Weighing(session, sampler)
            instruments = Instruments(as_base, weighing, sampler, telling, started)
            measurement = GateMeasurement(
                compared,
                run,
                store,
                instruments,
                weighing,
                telling,
                lambda: as_base.service_s,
                lambda: as_base.waited_s,
                decide,
            )
            if not run.failures:
                session.begin()  # it gets ready while the rehearsal's servers do
            outcome = measurement.run()
            return replace(outcome, run=replace(outcome.run, problems=(*outcome.run.problems, *unheld(as_base))))
    finally:
        sampler.close()


def load_processes(load_cores: Sequence[int], connections: int | None) -> int:
    """One for each of the load's cores, but no more than the fewest connections that there may be."""
    return max(1, min(len(load_cores), connections or FEWEST_CONNECTIONS))


def unheld(as_base: AsBase) -> Iterator[Problem]:
    """What the head is not held to, as the base itself answers now this, now that."""
    for where in as_base.unheld:
        message = f"the base answers {where} with another body each time: only the status is compared"
        yield Problem(
            ProblemCode.UNCHECKED, f"{message} (--expect-text names what it must hold)", severity=Severity.WARNING
        )
