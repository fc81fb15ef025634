"""Do two runs of `bench run`, some minutes apart, come to the same verdicts?

    python -m benchmarks.two_runs [SUITE] [--apart 600]

Asked for: they agree in every verdict that is not "inconclusive". Runs the suite, waits, runs it again, and lets
`bench compare` say; the wait counts from the end of the first run to the start of the second.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def bench(*arguments: str) -> str:
    """What a command of ours prints."""
    command = [sys.executable, "-m", "sgibench", *arguments]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Print every pair of verdicts, and how many contradict each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", nargs="?", default="default")
    parser.add_argument("--apart", type=float, default=600.0, help="seconds between the runs")
    parser.add_argument("--keep", type=Path, help="keep both runs' folders in here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        names = [str(folder / "first"), str(folder / "second")]
        bench("run", options.suite, "--output", names[0])
        time.sleep(options.apart)
        bench("run", options.suite, "--output", names[1])
        found = json.loads(bench("compare", *names, "--json"))
    decided = agreed = 0
    for pair in found["pairs"]:
        verdicts = (pair["first_verdict"], pair["second_verdict"])
        if None in verdicts:
            continue
        both = "inconclusive" not in verdicts
        decided, agreed = decided + both, agreed + (both and verdicts[0] == verdicts[1])
        where = f"{pair['scenario']} c{pair['concurrency']}"
        print(f"{pair['target']:34} {where:16} {verdicts[0]:13} {verdicts[1]:13} {'' if both else '(undecided)'}")
    print(f"decided in both runs: {decided}; of these the same verdict: {agreed}")


if __name__ == "__main__":
    main()
