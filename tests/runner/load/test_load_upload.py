"""Large bodies: sent as they are, and judged rightly when a server answers early, leaves, or reads slowly."""

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import pytest

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.orders import Endpoint, Expectation, TurnReport

from .load_cases import block, carry_out, only_errors
from .lying_server import Behaviour, LyingServer, Visit, answer

BOTH = pytest.mark.parametrize("rate_rps", [0.0, 60.0], ids=["closed", "open"])
MEGABYTE = b"sgibench" * 131_072
FIFTY = MEGABYTE * 50
TOO_LARGE = answer(b"too large", "413 Content Too Large")


def uploading(port: int, body: bytes = MEGABYTE, status: int = 200, *, apart: bool = True, nonce: str = "") -> Endpoint:
    head = f"POST /upload{nonce} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    expect = Expectation(status, None if status != 200 else b"%d" % len(body))
    if apart:
        return Endpoint("up", "127.0.0.1", port, head, expect, method="POST", body=body)
    return Endpoint("up", "127.0.0.1", port, head + body, expect, method="POST")


def turn_of(behaviour: Behaviour, rate_rps: float = 0.0, *, seconds: float = 0.3, **how: object) -> TurnReport:
    connections, timeout_s = 2, 5.0
    with LyingServer(behaviour) as server:
        here = uploading(server.port, **how)  # type: ignore[arg-type]
        work = block(here, seconds=seconds, connections=connections, rate_rps=rate_rps, timeout_s=timeout_s)
        (report,) = carry_out(work)
    assert report.ledger.ok <= server.requests <= report.ledger.sent
    return report


def head_of(visit: Visit) -> tuple[bytes, bytes]:
    """A request's head, which counts as the request, and what came of its body with it; empty when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = visit.connection.recv(4096)
        if not piece:
            return b"", b""
        data += piece
    with visit.server.lock:
        visit.server.requests += 1
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


def taking(pause_s: float = 0.0, each: int = 1 << 20) -> Behaviour:
    """Take bodies whole, and say how long they were; between two reads, pause."""

    def behave(visit: Visit) -> None:
        while (found := head_of(visit))[0]:
            head, body = found
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            left, right = size - len(body), FIFTY.startswith(body)
            at = len(body)
            while left > 0:
                if pause_s:
                    time.sleep(pause_s)
                piece = visit.connection.recv(min(each, left))
                if not piece:
                    return
                right = right and piece[:8] == FIFTY[at % 8 : at % 8 + 8][: len(piece[:8])]
                left -= len(piece)
                at += len(piece)
            visit.send(answer(b"%d" % size if right else b"wrong bytes"))

    return behave


@BOTH
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "in one"])
def test_a_megabyte_arrives_whole_again_and_again(apart: bool, rate_rps: float) -> None:
    report = turn_of(taking(), rate_rps, apart=apart)
    assert report.ledger.errors == {}, report.first_error
    assert report.ledger.ok > 3
    assert report.connects <= 2


def test_a_small_body_apart_is_sent_with_its_head() -> None:
    pieces: list[bytes] = []

    def behave(visit: Visit) -> None:
        while data := visit.connection.recv(65536):
            pieces.append(data)
            visit.server.requests += 1
            visit.send(answer(b"5"))

    report = turn_of(behave, body=b"hello", seconds=0.05)
    assert report.ledger.errors == {}
    assert all(piece.endswith(b"\r\n\r\nhello") for piece in pieces)


def test_fifty_megabytes_arrive_and_are_not_copied() -> None:
    tracemalloc.start()
    try:
        with LyingServer(taking()) as server:
            here = uploading(server.port, FIFTY)
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            (report,) = carry_out(block(here, seconds=0.05, connections=2, timeout_s=20))
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.ledger.errors == {}, report.first_error
    assert report.ledger.ok >= 2
    # Two servers' reads of a megabyte each are in this process, too.
    assert peak - before < 20 * 2**20


def test_a_nonce_in_the_head_of_a_large_request_is_another_each_time() -> None:
    heads: list[bytes] = []

    def behave(visit: Visit) -> None:
        while message := visit.message():
            heads.append(message.partition(b"\r\n")[0])
            visit.send(answer(b"%d" % len(MEGABYTE)))

    report = turn_of(behave, nonce="/sgibench-nonce--")
    assert report.ledger.errors == {}
    assert len(set(heads)) == len(heads) > 2


def test_a_slow_reader_makes_long_latencies_and_nothing_else() -> None:
    """2 MB in reads of 256 KB with 10 ms before each are 80 ms at the least, whatever the system's buffers take: the
    answer comes behind the last read."""
    report = turn_of(taking(0.01, 1 << 18), body=MEGABYTE * 2)
    assert report.ledger.errors == {}
    assert report.ledger.ok >= 2
    assert report.service_time.min_us >= 79_000


def early(data: bytes, then: Callable[[Visit], None]) -> Behaviour:
    """Answer as soon as the head is there."""

    def behave(visit: Visit) -> None:
        while head_of(visit)[0]:
            visit.send(data)
            then(visit)

    return behave


def leave(visit: Visit) -> None:
    """Close with most of the body unread: the client hears of it by a reset."""
    visit.connection.close()


@BOTH
@pytest.mark.parametrize("then", [leave, Visit.reset], ids=["and leaves", "and resets"])
def test_a_server_that_refuses_before_it_has_read_is_told_by_its_answer(
    then: Callable[[Visit], None], rate_rps: float
) -> None:
    report = turn_of(early(TOO_LARGE, then), rate_rps, body=MEGABYTE * 8)
    assert report.ledger.ok == 0
    assert only_errors(report) == {ErrorKind.STATUS}


REFUSING = """
import socket, struct
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 413 no\\r\\ncontent-length: 0\\r\\n\\r\\n")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
"""


def test_what_a_server_said_counts_even_if_it_left_while_we_were_writing() -> None:
    """From a process of its own, whose reset can come in the middle of a write: the answer waits, unread."""
    with subprocess.Popen([sys.executable, "-c", REFUSING], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            here = uploading(int(server.stdout.readline()), MEGABYTE * 8)
            (report,) = carry_out(block(here, seconds=0.4, connections=4))
        finally:
            server.kill()
    assert report.ledger.error_count > 10
    assert only_errors(report) == {ErrorKind.STATUS}, report.first_error


@BOTH
def test_an_early_answer_that_is_expected_is_right_and_its_connection_is_not_used_again(rate_rps: float) -> None:
    report = turn_of(early(TOO_LARGE, Visit.linger), rate_rps, status=413, body=MEGABYTE * 8)
    assert report.ledger.errors == {}, report.first_error
    assert report.ledger.ok > 2
    assert report.connects >= report.ledger.ok
    assert report.service_time.percentile_us(50) < 1_000_000


@BOTH
def test_a_server_that_leaves_in_the_middle_is_an_error_of_its_kind(rate_rps: float) -> None:
    report = turn_of(early(b"", leave), rate_rps, body=MEGABYTE * 8)
    assert report.ledger.ok == 0
    assert only_errors(report) <= {ErrorKind.RESET, ErrorKind.CLOSED}


def test_a_server_that_reads_nothing_more_is_a_timeout() -> None:
    def behave(visit: Visit) -> None:
        head_of(visit)
        time.sleep(0.3)

    with LyingServer(behave) as server:
        work = block(uploading(server.port, FIFTY), seconds=0.1, connections=1, timeout_s=0.1)
        (report,) = carry_out(work)
    assert only_errors(report) == {ErrorKind.TIMEOUT}
    assert report.error_time.min_us >= 99_000
