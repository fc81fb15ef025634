"""Claim: uvloop makes things 2 to 4 times as fast as asyncio's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from typing import Any

from ...results.claims import Chart, Claimed, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab, Side
from .serving import Asked

CONNECTIONS = 10
MESSAGE = b"x" * 1024
WARM_S = 0.1
# The client: whatever loop serves, it is this one, on another core where there is one.
CLIENT = """
import selectors, socket, sys
message = b"x" * 1024
with selectors.DefaultSelector() as selector:
    for _ in range(int(sys.argv[2])):
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.send(message)
        selector.register(connection, selectors.EVENT_READ, [0])
    while True:
        for key, _ in selector.select():
            data = key.fileobj.recv(65536)
            if not data:
                sys.exit()
            key.data[0] += len(data)
            if key.data[0] == len(message):
                key.data[0] = 0
                key.fileobj.send(message)
"""
LOOPS = ("asyncio", "uvloop")
ASYNCIO, UVLOOP = "uvicorn-asyncio-httptools", "uvicorn"
ECHOES = {"protocol": "TCP echo", "streams": "TCP echo, streams"}
QUICK_ECHOES = {"protocol": ECHOES["protocol"]}
HTTP = {"bare-asgi": "HTTP, bare ASGI", "fastapi": "HTTP, FastAPI"}


def echo(loop: str, how: str, seconds: float) -> dict[str, Any]:
    """Echo over TCP on that loop for so long: messages a second, and the CPU time of each."""
    cores = sorted(os.sched_getaffinity(0))
    pin(0, cores[:1])
    served = connected = 0
    complete = asyncio.Event()

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            joined()

        def data_received(self, data: bytes) -> None:
            nonlocal served
            served += 1
            self.transport.write(data)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        joined()
        with contextlib.suppress(ConnectionError):  # in the end the client is killed
            while data := await reader.read(65536):
                served += 1
                writer.write(data)
        writer.close()

    def joined() -> None:
        nonlocal connected
        connected += 1
        if connected == CONNECTIONS:
            complete.set()

    async def serve() -> dict[str, Any]:
        if how == "streams":
            server = await asyncio.start_server(converse, "127.0.0.1", 0)
        else:
            server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = subprocess.Popen([sys.executable, "-I", "-S", "-c", CLIENT, str(port), str(CONNECTIONS)])  # noqa: ASYNC220
        try:
            pin(client.pid, cores[1:] or cores)
            await complete.wait()
            await asyncio.sleep(WARM_S)
            count, cpu_s, began_s = served, time.process_time(), time.perf_counter()
            await asyncio.sleep(seconds)
            count, cpu_s, took_s = served - count, time.process_time() - cpu_s, time.perf_counter() - began_s
        finally:
            client.kill()
            client.wait()
        server.close()
        return {"cpu_us": cpu_s * 1e6 / count, "rate": count / took_s, "busy": cpu_s / took_s, "count": count}

    return run_on(loop, serve())


def pin(pid: int, cores: list[int]) -> None:
    """Bind a process to these cores, where that is allowed."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(pid, cores)


def run_on(loop: str, main: Any) -> dict[str, Any]:
    """Carry a coroutine out on a loop of that kind."""
    if loop == "asyncio":
        return dict(asyncio.run(main))
    import uvloop

    return dict(uvloop.run(main))


def measure(lab: Lab) -> Measured:
    """What uvloop was made for, an echo over TCP; then the same under HTTP, and under a framework."""
    seconds = 0.3 if lab.quick else 0.6
    echoes = QUICK_ECHOES if lab.quick else ECHOES
    sides = [
        Side(f"{how} on {loop}", echo, {"loop": loop, "how": how, "seconds": seconds}, everywhere=True)
        for how in echoes
        for loop in LOOPS
    ]
    seen = lab.alternate(sides, 4 if lab.quick else 8)
    targets = [(app, setup) for app in HTTP for setup in (ASYNCIO, UVLOOP)]
    launches, each_s = (2, 0.4) if lab.quick else (5, 0.6)
    under = lab.rotate(targets, [Asked("/json")], [8], launches, each_s)
    figures = []
    for how, name in echoes.items():
        of_asyncio, of_uvloop = (seen.values(f"{how} on {loop}", "cpu_us") for loop in LOOPS)
        text = "messages per second of the server's CPU, uvloop over asyncio"
        figures.append(Figure(f"{name}, uvloop / asyncio", "times", lab.ratio(of_asyncio, of_uvloop), text))
        figures += [
            Figure(f"{name}, {loop}", "µs", lab.mean(values), "CPU for each message of 1 KiB")
            for loop, values in zip(LOOPS, (of_asyncio, of_uvloop), strict=True)
        ]
    for app, name in HTTP.items():
        ratio = under.ratio((app, ASYNCIO), (app, UVLOOP), "CPU µs")
        if ratio is not None:
            text = "requests per second of uvicorn's CPU, uvloop over asyncio"
            figures.append(Figure(f"{name}, uvloop / asyncio", "times", ratio, text))
        for setup, loop in ((ASYNCIO, "asyncio"), (UVLOOP, "uvloop")):
            cost = under.estimate((app, setup), "CPU µs")
            if cost is not None:
                figures.append(Figure(f"{name}, {loop}", "µs", cost, "CPU for each request"))
    note = "All is counted by the server's CPU time, so that it does not matter how fast the client is."
    return Measured(tuple(figures), chart(figures), (note, *under.notes))


def chart(figures: list[Figure]) -> Chart:
    """The gain at each weight of what runs on the loop."""
    gain = ", uvloop / asyncio"
    return dots(
        "How many times as fast on uvloop",
        "The loop is all of an echo, and a part of a request: the more a request does besides, the less is gained.",
        "uvloop over asyncio, times",
        {each.name.removesuffix(gain): each.estimate for each in figures if each.name.endswith(gain)},
        (("claimed", 2, 4),),
    )


CLAIM = Claim(
    id="uvloop",
    title="uvloop is 2 to 4 times as fast as asyncio's own event loop",
    source=f"{ARTICLE_A}, 2.2",
    claimed="2–4×",
    unit="times",
    readings=(
        Reading("the loop itself: an echo over TCP", "TCP echo, uvloop / asyncio", Claimed(2, 4)),
        Reading("a bare ASGI app under uvicorn", "HTTP, bare ASGI, uvloop / asyncio", Claimed(2, 4)),
        Reading("a FastAPI app under uvicorn", "HTTP, FastAPI, uvloop / asyncio", Claimed(2, 4)),
    ),
    measure=measure,
    why="uvloop replaces the loop and its transports, written in Python, by libuv under Cython: that part gets faster, "
    "and everything that a server and an app do in Python besides stays as it was.",
    quick_s=19,
    full_s=80,
)
