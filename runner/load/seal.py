"""Seals: what driver and workers tell each other carries proof of who said it, and that it is said once.

Locust's master merges statistics from whoever sends some, and its socket is open to every process of the machine. So
each message is numbered and sealed with a key that nobody but the driver and its workers has.
"""

import hmac
import struct
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from ...reports.format import counted

HEAD = struct.Struct(">32sQ")  # the seal, the message's number


class Sender(StrEnum):
    """Which end of a channel: a message must not pass for one of the other end when it is sent back."""

    DRIVER = "driver"
    WORKER = "worker"


class Rejection(StrEnum):
    """Why a message does not count."""

    UNKNOWN = "unknown"
    FORGED = "forged"
    REPLAYED = "replayed"


WORDS = {
    Rejection.UNKNOWN: "from unknown senders",
    Rejection.FORGED: "with a wrong seal",
    Rejection.REPLAYED: "replayed",
}


class RejectedError(Exception):
    """A message that does not open, and why."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Seal:
    """One end of the channel between the driver and one worker. `missed` counts messages that never came.

    `key` is known to driver and workers only; `worker` is the worker's name. Numbers go up by one with each message.
    """

    def __init__(self, key: bytes, worker: str, sender: Sender) -> None:
        other = Sender.WORKER if sender is Sender.DRIVER else Sender.DRIVER
        self.missed = 0
        self._key = key
        self._ours = f"{sender}\0{worker}\0".encode()
        self._theirs = f"{other}\0{worker}\0".encode()
        self._sent = 0
        self._seen = 0

    def close(self, payload: bytes) -> bytes:
        """A payload, sealed and numbered."""
        self._sent += 1
        return HEAD.pack(self._mac(self._ours, self._sent, payload), self._sent) + payload

    def open(self, frame: bytes) -> bytes:
        """The payload of a frame that the other end closed. Raises RejectedError for any other frame."""
        if len(frame) < HEAD.size:
            raise RejectedError(Rejection.FORGED)
        mac, number = HEAD.unpack_from(frame)
        payload = frame[HEAD.size :]
        if not hmac.compare_digest(mac, self._mac(self._theirs, number, payload)):
            raise RejectedError(Rejection.FORGED)
        if number <= self._seen:
            raise RejectedError(Rejection.REPLAYED)
        self.missed += number - self._seen - 1
        self._seen = number
        return payload

    def _mac(self, sender: bytes, number: int, payload: bytes) -> bytes:
        return hmac.digest(self._key, sender + number.to_bytes(8, "big") + payload, "sha256")


class Rejections:
    """Counts what was rejected, by reason. However much that is, it takes no more memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, counts: Mapping[str, int]) -> None:
        """So many more, by reason."""
        self._counts.update(counts)

    def take(self) -> dict[str, int]:
        """What came since the last time this was asked."""
        counts, self._counts = self._counts, Counter()
        return dict(counts)


def rejection_notes(counts: Mapping[str, int]) -> tuple[str, ...]:
    """What was rejected, as a sentence; none where there is nothing to say."""
    kinds = [f"{counts[reason]:,} {words}" for reason, words in WORDS.items() if counts.get(reason)]
    if not kinds:
        return ()
    total = counted(sum(counts.values()), "message")
    why = ", ".join(kinds)
    return (f"rejected {total} that the run's own load processes had not sent ({why}): no figure holds them",)
