from sgibench.apps.catalogue import APPS
from sgibench.apps.contract import CONTRACT, TOLERATED_DIFFERENCES

from .contract_cells import CELLS, every_app_on_every_server, every_server_with_two_workers
from .contract_table import PAGE, page


def test_the_contracts_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.contract_table writes it anew"


def test_the_page_names_every_exchange_and_every_difference() -> None:
    text = page()
    assert all(f"| {exchange.name} |" in text for exchange in CONTRACT)
    assert all(f"| {difference.topic} |" in text for difference in TOLERATED_DIFFERENCES)


def test_every_tick_on_the_page_is_a_cell_that_is_tried() -> None:
    servers = page().partition("## What each app offers")[0]
    assert servers.count("| ✓") == len(list(every_app_on_every_server()))
    assert set(every_app_on_every_server()) <= set(CELLS)


def test_every_app_is_tried_with_several_processes() -> None:
    assert {cell.app.name for cell in every_server_with_two_workers()} == set(APPS)
