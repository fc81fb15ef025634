from sgibench.results.records import Level
from sgibench.runner.pace import Pace
from sgibench.runner.pieces import Piece

from .fakes import JSON, WAIT, a_plan


def test_the_pace_is_what_was_seen_once_something_was() -> None:
    pieces = (Piece(JSON, Level(8), 0.5), Piece(WAIT, Level(4), 0.5, launches=2))
    plan = a_plan(epochs=(1, 9), pieces=pieces)
    pace = Pace(plan)
    pace.saw(10.0, {pieces[0].label: 3.0, pieces[1].label: 5.0})
    assert pace.epoch_s(2) == 10.0
    assert pace.epoch_s(3) == 5.0, "without the piece that is over"
    assert pace.epochs(1, 9.9) == (1, 0.0)
    assert pace.epochs(1, 10.0) == (2, 10.0)
    assert pace.epochs(1, 21.0) == (4, 20.0)
    assert pace.epochs(0, 0.0) == (1, 10.0), "the fewest are measured whatever it takes"
    assert pace.epochs(1, 10_000.0)[0] == 9
