"""Seals: only what the other end sent opens, once and in order; and what does not is counted by its reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.runner.load.seal import HEAD, RejectedError, Rejection, Rejections, Seal, Sender, rejection_notes

KEY = bytes(range(32))


def pair(worker: str = "load-0", key: bytes = KEY) -> tuple[Seal, Seal]:
    """The worker's end, and the driver's."""
    return Seal(key, worker, Sender.WORKER), Seal(key, worker, Sender.DRIVER)


def reason(seal: Seal, frame: bytes) -> Rejection:
    with pytest.raises(RejectedError) as caught:
        seal.open(frame)
    return caught.value.reason


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_what_one_end_closes_the_other_opens_in_order(payloads: list[bytes]) -> None:
    worker, driver = pair()
    assert [driver.open(worker.close(payload)) for payload in payloads] == payloads
    assert [worker.open(driver.close(payload)) for payload in payloads] == payloads
    assert driver.missed == worker.missed == 0


def test_a_frame_with_any_byte_changed_added_or_taken_away_does_not_open() -> None:
    worker, driver = pair()
    frame = worker.close(b"1000000 requests")
    for at in range(len(frame)):
        assert reason(driver, frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]) is Rejection.FORGED
        assert reason(driver, frame[:at]) is Rejection.FORGED
    assert reason(driver, frame + b"0") is Rejection.FORGED
    assert driver.open(frame) == b"1000000 requests"


@given(st.binary(max_size=200))
def test_garbage_does_not_open(frame: bytes) -> None:
    _, driver = pair()
    assert reason(driver, frame) is Rejection.FORGED


def test_a_frame_opens_once() -> None:
    worker, driver = pair()
    frames = [worker.close(b"one"), worker.close(b"two")]
    assert [driver.open(frame) for frame in frames] == [b"one", b"two"]
    assert [reason(driver, frame) for frame in frames] == [Rejection.REPLAYED] * 2


def test_a_frame_opens_only_at_the_other_end_of_its_own_channel() -> None:
    worker, driver = pair()
    frame = worker.close(b"hello")
    stranger, other_run = pair("load-1")[1], pair(key=bytes(32))[1]
    assert reason(worker, frame) is Rejection.FORGED  # sent back
    assert reason(stranger, frame) is Rejection.FORGED
    assert reason(other_run, frame) is Rejection.FORGED
    assert driver.open(frame) == b"hello"


def test_frames_that_never_came_are_counted() -> None:
    worker, driver = pair()
    frames = [worker.close(b"") for _ in range(6)]
    for at in (0, 1, 4, 5):
        driver.open(frames[at])
    assert driver.missed == 2
    assert reason(driver, frames[2]) is Rejection.REPLAYED  # too late counts as never


def test_a_forged_number_does_not_make_frames_missing() -> None:
    worker, driver = pair()
    frame = worker.close(b"x")
    mac, _ = HEAD.unpack_from(frame)
    assert reason(driver, HEAD.pack(mac, 1000) + b"x") is Rejection.FORGED
    assert driver.open(frame) == b"x"
    assert driver.missed == 0


def test_rejections_are_counted_by_reason_and_told_once() -> None:
    rejections = Rejections()
    for _ in range(100_000):
        rejections.add({Rejection.UNKNOWN: 1})
    rejections.add({"forged": 2, "replayed": 1})
    assert rejection_notes(rejections.take()) == (
        "rejected 100,003 messages that the run's own load processes had not sent (100,000 from unknown senders, "
        "2 with a wrong seal, 1 replayed): no figure holds them",
    )
    assert rejection_notes(rejections.take()) == ()
