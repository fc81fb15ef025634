"""The upstream: right answers, none before its time, each counted for whoever asked; and it never stays behind."""

import http.client
import json
import math
import socket
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from sgibench.apps.contract import CONTRACT
from sgibench.results.errors import TargetError, UsageError
from sgibench.runner.targets.launch import HOST
from sgibench.runner.targets.services import Upstream
from sgibench.runner.targets.upstream import PRICES, UpstreamOptions

from ..waiting import eventually

MEDIAN_MS = 20.0


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    started = Upstream(UpstreamOptions(MEDIAN_MS), tmp_path_factory.mktemp("upstream") / "log")
    yield started
    started.close()


def port_of(upstream: Upstream) -> int:
    return int(upstream.url("x").removeprefix(f"http://{HOST}:").partition("/")[0])


def ask(upstream: Upstream, path: str, method: str = "GET") -> tuple[int, object, float]:
    connection = http.client.HTTPConnection(HOST, port_of(upstream), timeout=10)
    try:
        began = time.perf_counter()
        connection.request(method, path)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        return answer.status, content, (time.perf_counter() - began) * 1000
    finally:
        connection.close()


@pytest.mark.parametrize("item_id", [1, 2, 3])
def test_a_price_comes_after_its_latency(upstream: Upstream, item_id: int) -> None:
    status, content, elapsed_ms = ask(upstream, f"/prices/price/{item_id}")
    assert (status, content) == (200, {"item_id": item_id, "price": PRICES[item_id]})
    assert elapsed_ms >= MEDIAN_MS


def test_its_prices_are_those_that_the_contract_expects_of_the_apps() -> None:
    bodies = {exchange.name: exchange.body for exchange in CONTRACT if exchange.upstream_calls == 3}
    assert bodies
    for body in bodies.values():
        assert body is not None
        assert json.loads(body) == {"prices": list(PRICES.values()), "total": sum(PRICES.values())}


def test_each_caller_is_counted_by_itself(upstream: Upstream) -> None:
    for path in ("/one/price/1", "/one/price/3", "/other/price/1", "/one/price/1?x=1"):
        assert ask(upstream, path)[0] == 200
    assert upstream.hits("one") == 3
    assert upstream.hits("other") == 1
    assert upstream.hits("nobody") == 0


def test_what_it_does_not_have_is_not_counted(upstream: Upstream) -> None:
    assert ask(upstream, "/strange/price/4")[0] == 404
    assert ask(upstream, "/strange/")[0] == 404
    assert ask(upstream, "/strange/price/1", "POST")[0] == 405
    assert upstream.hits("strange") == 0


def test_calls_wait_beside_each_other(upstream: Upstream) -> None:
    began = time.perf_counter()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask(upstream, "/many/price/1"), range(100)))
    took_ms = (time.perf_counter() - began) * 1000
    assert {status for status, _, _ in answers} == {200}
    assert min(elapsed_ms for _, _, elapsed_ms in answers) >= MEDIAN_MS
    assert upstream.hits("many") == 100
    # One after the other they would take 100 times the latency.
    assert took_ms < 100 * MEDIAN_MS


def test_requests_in_one_piece_are_answered_in_order(upstream: Upstream) -> None:
    first = b"GET /row/price/2 HTTP/1.1\r\nHost: x\r\n\r\n"
    second = b"GET /row/price/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection((HOST, port_of(upstream)), timeout=10) as connection:
        connection.sendall(first + second)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    bodies = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
    assert [body["item_id"] for body in bodies] == [2, 3]


def test_what_is_no_http_is_told_so(upstream: Upstream) -> None:
    with socket.create_connection((HOST, port_of(upstream)), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 this is no request\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(65536) == b""


def test_a_caller_that_leaves_early_harms_nobody(upstream: Upstream) -> None:
    with socket.create_connection((HOST, port_of(upstream)), timeout=10) as connection:
        connection.sendall(b"GET /hasty/price/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert ask(upstream, "/patient/price/1")[0] == 200
    assert upstream.hits("hasty") == 1


def test_the_spread_is_lognormal_and_the_seed_decides_it() -> None:
    options = UpstreamOptions.parse("20:0.5", seed=7)
    draw_s, again_s = options.draws_s(), options.draws_s()
    drawn = [draw_s() for _ in range(20_000)]
    assert drawn[:100] == [again_s() for _ in range(100)]
    logs = [math.log(seconds) for seconds in drawn]
    # Of 20,000 the mean's standard error is 0.0035, the deviation's 0.0025: five of them are allowed.
    assert statistics.fmean(logs) == pytest.approx(math.log(0.020), abs=0.018)
    assert statistics.stdev(logs) == pytest.approx(0.5, abs=0.013)
    assert options.floor_ms == 0
    assert [UpstreamOptions.parse("15").draws_s()() for _ in range(3)] == [0.015] * 3
    assert UpstreamOptions.parse("15").floor_ms == 15


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "10:", "10:x", "10:-1", "10:4", "60001", "inf"])
def test_a_latency_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="upstream's latency"):
        UpstreamOptions.parse(text)


def test_an_upstream_that_died_is_told(tmp_path: Path) -> None:
    upstream = Upstream(UpstreamOptions(0), tmp_path / "log")
    try:
        psutil.Process(upstream.pid).kill()
        assert eventually(lambda: not psutil.pid_exists(upstream.pid))
        with pytest.raises(TargetError, match="the upstream is lost"):
            upstream.hits("x")
    finally:
        upstream.close()


def test_it_ends_with_whoever_started_it_even_if_that_is_killed(tmp_path: Path) -> None:
    code = f"""
        import sys, time
        from pathlib import Path
        from sgibench.runner.targets.services import Upstream
        from sgibench.runner.targets.upstream import UpstreamOptions
        print(Upstream(UpstreamOptions(), Path({str(tmp_path / "log")!r})).pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert psutil.pid_exists(pid)
        starter.kill()
    assert eventually(lambda: not psutil.pid_exists(pid))
