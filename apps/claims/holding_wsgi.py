"""Holds every request for `/hold` until `/release` is asked for: in Flask, a thread for each.

`/held` says how many it holds. All in one process: run it with one worker, and a thread more than are held.
"""

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
held = 0
enough = threading.Event()


@app.get("/hold")
def hold() -> str:
    """Wait for the release."""
    global held
    with lock:
        held += 1
        waited_for = enough
    waited_for.wait()
    with lock:
        held -= 1
    return "done"


@app.get("/release")
def release() -> str:
    """Let all that wait go on."""
    global enough
    with lock:
        enough.set()
        enough = threading.Event()
    return "released"


@app.get("/held")
def count() -> str:
    """How many wait."""
    return str(held)
