"""What is wrong with a run, in order of weight, in sentences, and with what to do about it."""

from collections.abc import Callable, Mapping

from ..results.records import Problem, ProblemCode, Severity
from ..results.summary import Summary
from ..results.validity import TIMEOUT
from .format import plain

_SEE_LOG = "See the server's log in the run's folder."
_OUR_FAULT = "If nothing else explains it, this is a fault of sgibench: report it with the run's folder."
ADVICE: Mapping[ProblemCode, str] = {
    ProblemCode.GENERATOR_LIMITED: "Give the load side more cores, or ask less of it.",
    ProblemCode.OVERLOADED: "Offer a lower rate to see latencies that are not those of a queue; or add workers.",
    ProblemCode.STALLED: "Look into the server's log for what it did meanwhile, then load it again.",
    ProblemCode.STARVED: "See how the server shares its connections among workers and threads; or open fewer.",
    ProblemCode.UNSTEADY: "Load it again, for longer: if it happens again at the same time, it is the server.",
    ProblemCode.ERRORS: _SEE_LOG,
    ProblemCode.LEDGER_UNBALANCED: _OUR_FAULT,
    ProblemCode.IMPOSSIBLE: f"Check that the app waits as long as the scenario asks. {_OUR_FAULT}",
    ProblemCode.NOISY_MACHINE: "Close what else is running, or measure longer.",
    ProblemCode.SERVER_DIED: _SEE_LOG,
    ProblemCode.WORKER_DIED: f"{_SEE_LOG} If the setup replaces workers on purpose, switch that off.",
    ProblemCode.WORKER_COUNT: f"{_SEE_LOG} Workers may be failing to start, for want of memory for instance.",
    ProblemCode.NOT_STARTED: _SEE_LOG,
    ProblemCode.WRONG_ANSWERS: "Let the app give the answer that the scenario expects.",
    ProblemCode.SKIPPED_WORK: "Let the app do, for every request, all that its answer stands for.",
    ProblemCode.BACKLOG: "Offer a rate that it keeps up with, or give its background work more threads.",
    ProblemCode.UNCHECKED: "Let the app use the DATABASE_URL and UPSTREAM_URL of the run: those are looked at.",
    ProblemCode.UNEQUAL: "Give both sides the same interpreter and packages, or read the change as that of both.",
    ProblemCode.SIDES: "See whether what was compared is what you meant, and whether the app misses something.",
    ProblemCode.SLOW_CLIENTS: "Look for a timeout of the server: where it is short, slow clients hold little for long.",
    ProblemCode.LOAD_LOST: "Run it again; if the load side fails again, report it with the run's folder.",
    ProblemCode.REJECTED_MESSAGES: "Find out which program on this machine sends to ports that are not its own.",
    ProblemCode.UNCALIBRATED: "Run it again, with a larger --budget if that was the reason.",
    ProblemCode.LOCUSTFILE: "Measure with a scenario of requests where these limits matter.",
    ProblemCode.PACED: "Let the users not wait (wait_time = constant(0)) to find out what the targets can do.",
    ProblemCode.SHARED_CORE: "Use a machine with two cores or more, or give --server-cores and --load-cores.",
    ProblemCode.FEW_SAMPLES: "Measure longer: a higher --budget or more --epochs.",
    ProblemCode.INTERRUPTED: "Run it again to the end.",
}
SLOW_CLIENTS_ADVICE = (
    "That is what slow clients do to a server that holds a worker or a thread for each: put a proxy before it that "
    "takes requests in whole, or take a server that waits for many clients at once."
)


def advice_of(summary: Summary) -> Callable[[Problem], str]:
    """What to do about each problem of a run; where slow clients were the cause, it is not in the server's log."""
    slow = {scenario.name for scenario in summary.manifest.scenarios if scenario.slow_clients}
    held_off = {
        (result.target, result.scenario)
        for result in summary.results
        if result.scenario in slow and result.ledger.error_count == result.ledger.errors.get(TIMEOUT, 0)
    }

    def advice(problem: Problem) -> str:
        if problem.code is ProblemCode.ERRORS and (problem.target, problem.scenario) in held_off:
            return SLOW_CLIENTS_ADVICE
        return ADVICE.get(problem.code, "")

    return advice


def problem_sentence(problem: Problem) -> str:
    """A problem with what it concerns: ``flask@gunicorn, json: 12 requests timed out``."""
    where = ", ".join(plain(part) for part in (problem.target, problem.scenario) if part)
    return f"{where}: {plain(problem.message)}" if where else plain(problem.message)


def merged_problems(summary: Summary) -> tuple[Problem, ...]:
    """The run's problems and those of results that it does not list yet, the invalidating ones first."""
    known = {_key(problem) for problem in summary.problems}
    every = list(summary.problems)
    for result in summary.results:
        every += [problem for problem in result.problems if _key(problem) not in known]
    return tuple(sorted(dict.fromkeys(every), key=lambda problem: problem.severity is Severity.WARNING))


def _key(problem: Problem) -> tuple[str, str, str, str]:
    return problem.code.value, problem.target, problem.scenario, problem.severity.value
