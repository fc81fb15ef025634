"""Claim: a large request body reaches the app in pieces, marked by more_body."""

from __future__ import annotations

import contextlib
import json
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...results.claims import FACT, Claimed, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_B, Claim, Lab, NotHereError
from .needing import need
from .talking import NoAnswerError, Talk, talk

if TYPE_CHECKING:
    from .serving import Served

APP, SUITES_APP, SETUP = "bodies:app", "fastapi", "uvicorn"
MIB = 1 << 20
PIECE = bytes(1 << 18)
QUICK_MIB, FULL_MIB = 64, 200
ALLOWED_MIB = 24  # beyond what the idle server has
SMALL = 10_000  # bytes, a usual body
EARLY_WITHIN_S = 1.0  # what was sent may still be under way


@dataclass(frozen=True, slots=True)
class Upload:
    """What came of a body: whether all of it arrived, what the app saw of it, the server's highest memory above idle,
    and whether the app saw some of it while the rest was not yet sent."""

    whole: bool
    seen: Mapping[str, int]
    peak_mib: float
    early: bool

    @property
    def marked(self) -> bool:
        """Whether each piece but the last said that more would come."""
        return self.whole and self.seen["said_more"] == self.seen["pieces"] - 1


def status_mib(served: Served, field: str) -> float:
    """A field of /proc/PID/status, of all its processes together, in MiB."""
    found = 0.0
    for pid in served.pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found += sum(float(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
    return found


def forget_peak(served: Served) -> None:
    """Have the kernel measure peaks from now on."""
    try:
        for pid in served.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError as error:
        raise NotHereError(f"this system does not let a peak of memory be measured anew: {error}") from error


def send(line: Talk, path: str, size: int, halfway: Callable[[], None] = lambda: None) -> None:
    """Send a body of so many bytes, a piece at a time; in its middle, look at something."""
    line.say(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n".encode())
    left = size
    while left > 0:
        line.say(PIECE[: min(left, len(PIECE))])
        if left > size // 2 >= left - len(PIECE):
            halfway()
        left -= len(PIECE)


def upload(served: Served, path: str, size: int) -> Upload:
    """Send a body to a server of which nothing else is asked. A connection that it breaks off counts as status 0."""
    early: list[int] = []

    def look() -> None:
        until = time.monotonic() + EARLY_WITHIN_S
        while not (arrived := json.loads(served.ask("/so-far").body)["bytes"]) and time.monotonic() < until:
            time.sleep(0.01)
        early.append(arrived)

    served.ask("/count")  # no body: what was seen before is forgotten
    forget_peak(served)
    idle_mib = status_mib(served, "VmRSS")
    with talk(served) as line:
        try:
            send(line, path, size, look if path == "/count" else lambda: None)
            answer = line.answer()
            status, seen = answer.status, json.loads(answer.body)
        except NoAnswerError:
            status, seen = 0, {}
    whole = status == 200 and seen.get("bytes") == size
    return Upload(whole, seen, status_mib(served, "VmHWM") - idle_mib, bool(early and early[0]))


@contextlib.contextmanager
def narrow(served: Served, allowed_mib: int) -> Iterator[None]:
    """Within: each process may have so much more memory of its own than now, as `ulimit -d` would have it."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_DATA) for pid in served.pids}
    for pid, (_, hard) in before.items():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        has_kib = next(int(line.split()[1]) for line in lines if line.startswith("VmData:"))
        resource.prlimit(pid, resource.RLIMIT_DATA, (has_kib * 1024 + allowed_mib * MIB, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_DATA, limits)


def one_launch(lab: Lab, size: int) -> dict[str, Upload]:
    """A small body, a large one that is let go, the same kept, both in little memory; and FastAPI's upload."""
    found = {}
    with lab.serve_all([(APP, SETUP), (SUITES_APP, SETUP)]) as (served, fastapi):
        found["small"] = upload(served, "/keep", SMALL)
        found["let go"] = upload(served, "/count", size)
        with narrow(served, ALLOWED_MIB):
            found["let go, in little memory"] = upload(served, "/count", size)
            found["kept, in little memory"] = upload(served, "/keep", size)
        found["kept"] = upload(served, "/keep", size)
        found["FastAPI"] = upload(fastapi, "/upload", size)
    return found


def others(lab: Lab, size: int, times: int) -> dict[str, list[Upload]]:
    """The large body, let go, under the other servers, one at a time."""
    kinds = [
        kind for kind in lab.there("asgi").kinds if kind.server != "uvicorn" and not kind.name.endswith("-asyncio")
    ]
    found: dict[str, list[Upload]] = {kind.name: [] for kind in kinds}
    for _ in range(times):
        with lab.serve_all([(APP, kind.setup(1)) for kind in kinds]) as all_served:
            for uploads, served in zip(found.values(), all_served, strict=True):
                uploads.append(upload(served, "/count", size))
    return found


def measure(lab: Lab) -> Measured:
    """Fresh launches under Uvicorn; in full, also what other servers do."""
    need(lab, ("fastapi",), SETUP)
    wanted = QUICK_MIB if lab.quick else FULL_MIB
    size_mib = min(wanted, lab.memory_mib // 4)  # kept in pieces and then as one, it is there twice
    size = size_mib * MIB
    launches = [one_launch(lab, size) for _ in range(2 if lab.quick else 4)]
    by_name = {name: [launch[name] for launch in launches] for name in launches[0]}
    large, body = by_name["let go"], f"of {size_mib} MiB"
    figures = [
        Figure("pieces", "pieces", lab.mean([each.seen.get("pieces", 0) for each in large]), body),
        Figure("largest piece", "KiB", lab.mean([each.seen.get("largest", 0) / 1024 for each in large]), body),
        Figure("pieces of a small body", "pieces", lab.mean([each.seen["pieces"] for each in by_name["small"]])),
    ]
    facts = {
        "more_body on each but the last": [each.marked for each in large],
        "first pieces before the last is sent": [each.early for each in large],
        "let go, in little memory": [each.whole for each in by_name["let go, in little memory"]],
        "kept, in little memory": [each.whole for each in by_name["kept, in little memory"]],
    }
    allowed = f"all of a body {body} arrives where the server may use {ALLOWED_MIB} MiB more than it has"
    for name, so in facts.items():
        text = allowed if "little" in name else body
        figures.append(Figure(name, "share", lab.share(sum(so), len(so)), text))
    elsewhere = {} if lab.quick else others(lab, size, 2)
    peaks = {name: by_name[name] for name in ("let go", "kept", "FastAPI")}
    peaks |= {f"let go, {name}": each for name, each in elsewhere.items()}
    rows = {name: lab.mean([max(each.peak_mib, 0.01) for each in uploads]) for name, uploads in peaks.items()}
    figures += [Figure(f"peak memory, {name}", "MiB", peak, f"above idle, {body}") for name, peak in rows.items()]
    late = [name for name, uploads in elsewhere.items() if not any(each.early for each in uploads)]
    chart = dots(
        f"What a body of {size_mib} MiB adds to the server's memory at its highest",
        "Let go piece by piece, a body needs little memory; kept until it is whole, it takes its size or more.",
        "MiB above idle",
        rows,
        (("the body's size", size_mib, size_mib),),
        log=True,
    )
    notes = [f"{', '.join(late)} took the whole body in before the app saw a piece of it."] if late else []
    if size_mib < wanted:
        notes.append(f"The body was of {size_mib} MiB, not {wanted}: there is not more memory free on this machine.")
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="streaming-body",
    title="A large request body reaches the app in pieces, and more_body says whether more will come",
    source=f"{ARTICLE_B}, step 5",
    claimed="in pieces, marked by more_body",
    unit="pieces",
    readings=(
        Reading("a large body comes in several pieces", "pieces", Claimed(2, None, rounding=1)),
        Reading("each piece but the last says that more will come", "more_body on each but the last", FACT),
        Reading("they come while the body is still being sent", "first pieces before the last is sent", FACT),
        Reading("so a body passes that is larger than the memory allowed", "let go, in little memory", FACT),
    ),
    measure=measure,
    why="The server passes on what has arrived as an http.request event, and stops reading from the socket while the "
    "app has not fetched it; memory grows with the body only where the app keeps the pieces, "
    "as await request.body() does.",
    quick_s=5,
    full_s=24,
)
