"""Orders that were answered and not carried out are found out, and work that is left behind is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from sgibench.apps.database.books import Books
from sgibench.results.errors import TargetError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, Problem, ProblemCode, Severity, Trial
from sgibench.runner.background_work import DRAINED_WITHIN_S, LOOK_EVERY_S, BackgroundWork
from sgibench.runner.epoch import Epoch, EpochResult
from sgibench.runner.instruments import Instruments
from sgibench.runner.load.orders import BlockReport, TurnOrder, TurnReport
from sgibench.runner.pieces import Piece
from sgibench.runner.targets.launch import Target
from sgibench.scenarios.files import built_in_scenario

from .fakes import FakeClock, FakeLauncher, FakeLive, FakeLoad, FakeSampler, FakeWatcher, a_plan, a_quiet_machine

ORDER, MIXED = built_in_scenario("order"), built_in_scenario("mixed")
PLENTY = 1000
BEFORE = Books(stock=PLENTY, done=2, taken=2)
BACKLOG, SKIPPED, UNCHECKED = ProblemCode.BACKLOG, ProblemCode.SKIPPED_WORK, ProblemCode.UNCHECKED


def after(done: int, left: int = 0) -> Books:
    """So many orders of one item each are done since, and so many are open."""
    return Books(PLENTY - done, left, left, BEFORE.done + done, BEFORE.taken + done)


@dataclass
class FakeShop:
    """Says of its books what comes next; what came last, for ever."""

    says: list[Books | str | None]
    name: str = "shop@uvicorn"
    pids: tuple[int, ...] = ()
    ours: bool = True
    own_services: frozenset[str] = frozenset()
    looks: int = field(default=0, init=False)

    def books(self) -> Books | None:
        self.looks += 1
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, str):
            raise TargetError(said)
        return said


def a_turn(order: TurnOrder, right: int, errors: int = 0) -> TurnReport:
    return TurnReport(
        order=order,
        started_ns=0,
        elapsed_s=0.1,
        ledger=Ledger(right + errors, right + errors, ok=right, errors={"timeout": errors}),
        service_time=Histogram({}),
        response_time=None,
        schedule_lag=None,
        error_time=Histogram({}),
        target_cpu_s=0.05,
        load_cpu_s=0.0,
        connects=0,
        reopened=0,
    )


def judged(
    shop: FakeShop,
    right: int,
    errors: int = 0,
    *,
    mixed: bool = False,
    block_s: float = 0.0,
    died: ProblemCode | None = None,
    clock: FakeClock | None = None,
) -> list[Problem]:
    """What is found after a warm-up and a turn with half of these answers each; another target had a turn, too."""
    clock = clock or FakeClock()

    def sleep(seconds: float) -> None:
        clock.now += seconds

    scenario = MIXED if mixed else ORDER
    turns = (
        a_turn(TurnOrder(0, 0.1, -1, 0, warmup=True), right // 2, errors),
        a_turn(TurnOrder(0, 0.1, 0, 0), right - right // 2),
        a_turn(TurnOrder(1, 0.1, 0, 1), 7),
    )
    other = FakeShop([BEFORE, after(7)], "other@uvicorn")
    trials = [Trial(1, name, scenario.name, Level(8), (), Histogram({})) for name in (shop.name, other.name)]
    if died:
        trials[0] = replace(trials[0], problems=(Problem(died, "it died", shop.name),))
    work = BackgroundWork(scenario, [shop, other], clock, sleep)
    clock.now += block_s
    work.ended()
    mine, others = work.judged(trials, BlockReport(1, turns, 0, 0))
    assert others.problems == () or mixed
    return list(mine.problems)


@pytest.mark.parametrize("books", [after(50), after(53)])
def test_orders_that_were_carried_out_are_right(books: Books) -> None:
    assert judged(FakeShop([BEFORE, books]), 50) == []


@pytest.mark.parametrize(
    ("books", "message"),
    [
        (after(49), "50 right answers stand for 50 orders, and its database has 49 more"),
        (BEFORE, "50 right answers stand for 50 orders, and its database has 0 more"),
        (after(10, left=40), "40 of its 50 orders were still open 30 s after the load, and 40 items reserved"),
        (
            replace(after(50), reserved=3),
            "0 of its 50 orders were still open 30 s after the load, and 3 items reserved",
        ),
        (replace(after(50), stock=PLENTY), "orders that are done took 50 items, and the stock fell by 0"),
        (replace(after(50), stock=PLENTY - 100), "orders that are done took 50 items, and the stock fell by 100"),
    ],
)
def test_each_way_of_not_carrying_them_out_is_found(books: Books, message: str) -> None:
    (problem,) = judged(FakeShop([BEFORE, books]), 50)
    assert (problem.code, problem.severity) == (SKIPPED, Severity.INVALID)
    assert (problem.target, problem.scenario) == ("shop@uvicorn", "order")
    assert problem.message.startswith(message)


def test_it_is_waited_for_but_not_for_ever() -> None:
    clock, shop = FakeClock(), FakeShop([BEFORE, *(after(10, left) for left in (3, 2, 1)), after(13)])
    assert judged(shop, 10, clock=clock) == []
    assert clock.now == pytest.approx(3 * LOOK_EVERY_S)
    clock = FakeClock()
    judged(FakeShop([BEFORE, after(0, left=10)]), 10, clock=clock)
    assert DRAINED_WITHIN_S <= clock.now < DRAINED_WITHIN_S + 1


@pytest.mark.parametrize(
    ("left", "looks", "told"),
    [
        (8, 10, False),  # one for each connection is what any app may have to do yet
        (9, 1, False),  # of 0.2 s of turns, 10 % are one look
        (9, 2, True),
        (8, 26, True),
    ],
)
def test_a_backlog_that_matters_is_told(left: int, looks: int, told: bool) -> None:
    problems = judged(FakeShop([BEFORE, *[after(50 - left, left)] * looks, after(50)]), 50)
    assert [(problem.code, problem.severity) for problem in problems] == [(BACKLOG, Severity.WARNING)] * told
    if told:
        took_s = looks * LOOK_EVERY_S
        assert problems[0].message.startswith(f"{left} orders were left when the load ended, and took {took_s:.2f} s")
        assert problems[0].message.endswith("requests/s count answers, not the work that was finished by then")


def test_cpu_outside_of_its_own_turns_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: Iterator[int] = iter([])
    monkeypatch.setattr("sgibench.runner.background_work.cpu_time_ns", lambda pids: next(spent) if pids else None)
    # In its two turns it used 0.1 s. Of a long block an idling server has its part, too.
    for ns, block_s, told in ((109_000_000, 1, False), (160_000_000, 10, False), (160_000_000, 9, True)):
        spent = iter([10**9, 10**9 + ns])
        problems = judged(FakeShop([BEFORE, after(50)], pids=(4711,)), 50, block_s=block_s)
        assert [problem.code for problem in problems] == [BACKLOG] * told
    assert "0.06 s of CPU went by outside of its turns, beside 0.10 s in them" in problems[0].message


@pytest.mark.parametrize(("right", "errors", "made", "found"), [(1000, 0, 100, 0), (1000, 0, 43, 0), (1000, 0, 42, 1)])
def test_of_a_mix_as_many_are_orders_as_its_weights_say_give_or_take_chance(
    right: int, errors: int, made: int, found: int
) -> None:
    problems = judged(FakeShop([BEFORE, after(made)]), right, errors, mixed=True)
    assert [problem.code for problem in problems] == [SKIPPED] * found
    if found:
        message = "the orders among 1000 right answers stand for 43 orders at least, and its database has 42 more"
        assert problems[0].message == message


def test_errors_may_all_have_been_a_mixs_orders() -> None:
    assert judged(FakeShop([BEFORE, after(2)]), 1000, 45, mixed=True) == []


def test_books_that_cannot_be_read_make_it_invalid() -> None:
    for shop in (FakeShop(["it is locked", after(50)]), FakeShop([BEFORE, "it is locked"])):
        (problem,) = judged(shop, 50)
        assert (problem.code, problem.severity) == (SKIPPED, Severity.INVALID)
        assert problem.message == "it cannot be told whether its orders were carried out: it is locked"


@pytest.mark.parametrize(
    ("says", "own_services", "message"),
    [
        ([None], {"DATABASE_URL"}, "a database of its own (DATABASE_URL is set in its environment)"),
        ([None], {"UPSTREAM_URL"}, "a database of its own (it was given none)"),
        ([BEFORE], {"UPSTREAM_URL"}, "it made no order in the database that DATABASE_URL names"),
    ],
)
def test_of_a_database_that_is_the_users_own_nothing_is_said_but_that(
    says: Sequence[Books | None], own_services: set[str], message: str
) -> None:
    shop = FakeShop([*says], ours=False, own_services=frozenset(own_services))
    (problem,) = judged(shop, 50)
    assert (problem.code, problem.severity) == (UNCHECKED, Severity.WARNING)
    assert message in problem.message


def test_a_users_app_that_makes_orders_in_our_database_is_held_to_them() -> None:
    problems = judged(FakeShop([BEFORE, after(40)], ours=False), 50)
    assert [problem.code for problem in problems] == [SKIPPED]


@pytest.mark.parametrize("code", [ProblemCode.SERVER_DIED, ProblemCode.WORKER_DIED])
def test_of_a_server_or_worker_that_died_nothing_more_is_expected(code: ProblemCode) -> None:
    clock = FakeClock()
    problems = judged(FakeShop([BEFORE, after(1, left=40)]), 50, died=code, clock=clock)
    assert [problem.code for problem in problems] == [code]
    assert clock.now == 0


def test_what_was_left_before_a_block_is_not_laid_to_its_charge() -> None:
    stuck = {"open": 5, "reserved": 5}
    clock, shop = FakeClock(), FakeShop([replace(BEFORE, **stuck), replace(after(50), **stuck)])
    assert judged(shop, 50, clock=clock) == []
    assert clock.now == 0
    (problem,) = judged(FakeShop([replace(BEFORE, **stuck), replace(after(48), open=7, reserved=7)]), 50)
    assert problem.message.startswith("2 of its 50 orders were still open 30 s after the load, and 2 items reserved")


def test_where_no_answer_is_an_order_nobody_looks() -> None:
    shop = FakeShop(["it is not to be read"])
    work = BackgroundWork(built_in_scenario("create"), [shop])
    work.ended()
    trial = Trial(1, shop.name, "create", Level(8), (), Histogram({}))
    assert work.judged([trial], BlockReport(1, (), 0, 0)) == [trial]
    assert shop.looks == 0


class ForgetfulLive(FakeLive):
    """Accepts orders, as its database knows, and never carries one out."""

    accepted = 0

    def books(self) -> Books | None:
        self.accepted += 10**6
        return Books(PLENTY, self.accepted, self.accepted)


class ForgetfulLauncher(FakeLauncher):
    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[FakeLive | TargetError]:
        return [ForgetfulLive(target) for target in targets]


def test_a_piece_waits_for_its_targets_work_and_finds_what_is_left() -> None:
    saved: list[Trial] = []
    clock = FakeClock()

    def sleep(seconds: float) -> None:
        clock.now += seconds

    load = FakeLoad({"fast": 2000.0, "slow": 500.0}, clock)
    instruments = Instruments(
        ForgetfulLauncher(clock), load, FakeSampler(), FakeWatcher(), 0.0, clock, a_quiet_machine, sleep=sleep
    )
    plan = a_plan(pieces=(Piece(ORDER, Level(8), 0.1),))
    Epoch(1, plan, instruments, lambda trials, _rows: saved.extend(trials), EpochResult()).run()
    assert [trial.target for trial in saved] == ["fast@uvicorn", "slow@uvicorn"]
    for trial in saved:
        assert SKIPPED in {problem.code for problem in trial.problems}
        assert not trial.valid
    assert clock.now > DRAINED_WITHIN_S
