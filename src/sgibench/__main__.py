"""``python -m sgibench``: the same as ``bench``."""

from .runner.cli import main

main()
