"""Every app on every kind of server, over real sockets: it gives every answer of the contract that it can give.

A cell is launched with its own database, proves itself, and ends; several do so side by side. Only the cells that
pytest selects are launched: `-k` takes those that it names, such as ``fastapi and granian``.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS, Feature
from sgibench.apps.database.books import Books
from sgibench.apps.database.schema import LAST_ONE_ID
from sgibench.results.errors import TargetError
from sgibench.runner.targets.checking import prove_contract
from sgibench.runner.targets.databases import Databases, PostgresDatabases, SqliteDatabases
from sgibench.runner.targets.launch import LiveTarget
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.services import Services, Upstream
from sgibench.runner.targets.upstream import UpstreamOptions

from ...contract_cells import CELLS, Cell
from ..waiting import eventually

SIDE_BY_SIDE = 6
ORDERS_AT_ONCE = 24

Database = Callable[[Cell, Path], Databases]


class Cells:
    """Carries cells out, as many at a time as are good for two cores, in the order in which they are asked for."""

    def __init__(self, cells: Sequence[Cell], folder: Path, postgresql: Callable[[], str]) -> None:
        self._folder = folder
        self._postgresql = postgresql
        self._upstream = Upstream(UpstreamOptions(5), folder / "upstream.log")
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        self._numbers = {cell: number for number, cell in enumerate(cells, 1)}
        self._done: dict[Cell, Future[None]] = {
            cell: self._pool.submit(self._prove, cell) for cell in cells if not cell.missing
        }

    def outcome(self, cell: Cell) -> None:
        """Wait for a cell, and fail where it did."""
        error = self._done[cell].exception()
        if isinstance(error, TargetError):
            pytest.fail(f"{error.message}\n{error.hint}", pytrace=False)
        self._done[cell].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._upstream.close()

    def _prove(self, cell: Cell) -> None:
        number = self._numbers[cell]
        folder = self._folder / f"{number:03d}"
        folder.mkdir()

        def log_path(name: str) -> Path:
            return folder / f"{name}.log"

        databases: Databases = (
            SqliteDatabases(folder) if cell.database == "sqlite" else PostgresDatabases(self._postgresql(), log_path)
        )
        cores = sorted(os.sched_getaffinity(0))
        launcher = TargetLauncher(log_path, cores, cores, "/json", services=Services(databases, self._upstream))
        try:
            (live,) = launcher.start([cell.target], number, number)
            if isinstance(live, TargetError):
                raise live
            prove_contract(live, Feature)
            sell_the_last_one(live, cell)
            show_the_docs(live, cell)
            assert live.condition() == []
        finally:
            launcher.stop()


def sell_the_last_one(live: LiveTarget, cell: Cell) -> None:
    """Many order the one item of which there is one, at the same time: one gets it."""
    if Feature.SHOP not in cell.features:
        return
    order = json.dumps({"item_id": LAST_ONE_ID, "quantity": 1}).encode()

    def status(_: int) -> int:
        return live.ask("/api/orders", "POST", 30, {"content-type": "application/json"}, order).status

    def stock() -> int:
        return int(json.loads(live.ask(f"/api/items/{LAST_ONE_ID}").body)["stock"])

    with ThreadPoolExecutor(ORDERS_AT_ONCE) as pool:
        statuses = sorted(pool.map(status, range(ORDERS_AT_ONCE)))
    assert statuses == [202, *[400] * (ORDERS_AT_ONCE - 1)], statuses
    assert eventually(lambda: stock() == 0)
    assert eventually(lambda: live.books(LAST_ONE_ID) == Books(stock=0, done=1, taken=1)), live.books(LAST_ONE_ID)


def show_the_docs(live: LiveTarget, cell: Cell) -> None:
    """Where the framework generates documentation, it is there."""
    path = APPS[cell.app.name].docs_path
    assert (path is None) == (Feature.DOCS not in cell.features)
    if path is not None:
        page = live.ask(path)
        assert page.status == 200
        assert page.headers["content-type"].startswith("text/html")


@pytest.fixture(scope="module")
def cells(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    selected = [cell for cell in map(cell_of, request.session.items) if cell]
    with ExitStack() as stack:
        server = request.getfixturevalue("postgresql_server") if any(map(uses_postgresql, selected)) else ""
        made = Cells(selected, tmp_path_factory.mktemp("matrix"), lambda: server)
        stack.callback(made.close)
        yield made


def cell_of(item: pytest.Item) -> Cell | None:
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("cell") if callspec else None
    return found if isinstance(found, Cell) else None


def uses_postgresql(cell: Cell) -> bool:
    return cell.database == "postgresql"


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_an_app_keeps_the_contract_on_a_server(cell: Cell, cells: Cells) -> None:
    if cell.missing:
        message = f"NOT INSTALLED: {', '.join(cell.missing)}: {cell} was not tried"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    cells.outcome(cell)
