"""Apps on servers for an experiment: which there are here, whether they keep the contract, and what a browser shows."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...apps.catalogue import APPS, Feature, Interface
from ...results.errors import TargetError
from ...scenarios.claims.proving import InterfaceName, Proof, ServerKind, There
from ..selection.apps import lacking, own_app
from ..targets.capability import why_not
from ..targets.checking import prove_contract
from ..targets.databases import SqliteDatabases
from ..targets.interpreters import interpreter
from ..targets.launch import HOST, Target
from ..targets.launcher import CONTRACT_PATH, TargetLauncher
from ..targets.process import GuardedProcess
from ..targets.scratch import scratch_folder
from ..targets.servers import Kind, kinds_for
from ..targets.services import Services, Upstream
from ..targets.setups import Setup
from ..targets.upstream import UpstreamOptions
from ..targets.websocket_probe import echo

SIDE_BY_SIDE = 6  # what is started and asked waits much of the time
THREADS = 4
ECHO_TIMEOUT_S = 5.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_TIMEOUT_S = 20.0
BROWSER_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--log-level=3"),
)


def there(python: str, name: InterfaceName) -> There:
    """What an interpreter has of an interface. Raises UsageError when it cannot be run."""
    interface, installed = Interface(name), interpreter(python)
    apps = [app for app, info in APPS.items() if info.interface is interface]
    lacks = {app: sorted(lacking(app, python)) for app in apps}
    kinds = list(kinds_for(interface))
    missing = [f"{app} needs {', '.join(absent)}" for app, absent in lacks.items() if absent]
    missing += [f"{kind.name} needs {', '.join(absent)}" for kind in kinds if (absent := installed.missing(kind))]
    return There(
        tuple(app for app in apps if not lacks[app]),
        tuple(
            ServerKind(kind.name, kind.server, kind.loop, kind.one_process)
            for kind in kinds
            if not installed.missing(kind)
        ),
        tuple(f"{each}, which {installed.path} does not have." for each in missing),
    )


def prove(python: str, cores: Iterable[int], pairs: Sequence[tuple[str, str]]) -> list[Proof]:
    """What came of each pair of an app and a kind of server. Raises TargetError when the upstream does not start."""
    kinds = {kind.name: kind for interface in Interface for kind in kinds_for(interface)}
    targets = [Target(own_app(app), _alone(kinds[kind]), python) for app, kind in pairs]
    with scratch_folder() as folder:
        upstream = Upstream(UpstreamOptions(5), folder / "upstream.log")
        # Whoever interrupts does not wait for those that have not begun.
        pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="pair")
        try:
            waiting = [
                pool.submit(_prove_one, target, number, folder / f"{number:03d}", sorted(cores), upstream)
                for number, target in enumerate(targets, 1)
            ]
            return [each.result() for each in waiting]
        finally:
            pool.shutdown(cancel_futures=True)
            upstream.close()


def _alone(kind: Kind) -> Setup:
    return Setup(kind, 1, THREADS if kind.threaded else 1)


def _prove_one(target: Target, number: int, folder: Path, cores: Sequence[int], upstream: Upstream) -> Proof:
    """Launch with a database of its own, ask for everything, and end it."""
    folder.mkdir()
    app, setup = target.app, target.setup
    left_out = tuple(sorted({reason for each in app.features if (reason := why_not(app, setup, {each}))}))
    services = Services(SqliteDatabases(folder), upstream)
    launcher = TargetLauncher(_logs_in(folder), cores, cores, CONTRACT_PATH, services=services)
    try:
        (live,) = launcher.start([target], number, number)
        if isinstance(live, TargetError):
            raise live
        prove_contract(live, Feature)
        wrong = ""
    except TargetError as error:
        wrong = error.message
    finally:
        launcher.stop()
    return Proof(app.name, setup.kind.name, wrong, left_out)


def _logs_in(folder: Path) -> Callable[[str], Path]:
    return lambda name: folder / f"{name}.log"


def echo_fault(port: int, path: str, messages: Sequence[str | bytes]) -> str:
    """What went wrong when these were to be echoed; empty when each came back as it was."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode()
    try:
        answers = echo((HOST, port), request, messages, ECHO_TIMEOUT_S)
    except (OSError, ValueError) as error:
        return str(error) or repr(error)
    wrong = [sent for sent, got in zip(messages, answers, strict=True) if type(sent) is not type(got) or sent != got]
    return f"{len(wrong)} of {len(messages)} messages came back as others" if wrong else ""


def page(url: str, wait_ms: int) -> str | None:
    """What a headless browser makes of a page, as HTML; None where there is no browser, or it does not end."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    with tempfile.TemporaryDirectory(prefix="sgibench-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "output"
        command = [browser, *BROWSER_FLAGS, f"--user-data-dir={folder}/profile", f"--virtual-time-budget={wait_ms}"]
        deadline = time.monotonic() + BROWSER_TIMEOUT_S
        with GuardedProcess([*command, "--dump-dom", url], log) as process:
            while process.exit_code(0.1) is None:
                if time.monotonic() > deadline:
                    return None
        said = log.read_text(encoding="utf-8", errors="replace")
    _, html, rest = said.partition("<html")
    return html + rest.rpartition("</html>")[0] + "</html>" if html else None
