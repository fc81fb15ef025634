"""A further load process: a Locust worker with the engine, started by the driver with one end of a socket pair."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

import argparse
import gc
import signal
import socket
import sys

from .engine import Share
from .gate import WorkerGate
from .locust_side import LoadProcess
from .processor import allow_many_files, pin
from .sealed import SealedWorker


def main() -> None:
    """Serve until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gate = WorkerGate(socket.socket(fileno=int(sys.argv[1])))
    told = gate.introduction()
    gate.watch()
    pin(told["cores"])
    allow_many_files()
    process = LoadProcess(Share(told["index"], told["of"]), gate)
    gate.stop = process.stop
    environment = process.environment()
    # With options given, Locust reads no configuration files of whatever folder this is.
    environment.parsed_options = argparse.Namespace(web_base_path="")
    runner = SealedWorker(environment, told["port"], bytes.fromhex(told["key"]), told["name"], process.rejections)
    process.listen(runner)
    gate.say({"joined": runner.client_id})
    gc.collect()
    gc.freeze()
    runner.greenlet.join()


if __name__ == "__main__":
    main()
