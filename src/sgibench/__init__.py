"""sgibench: a concurrency benchmarking suite for Python web services (command: ``bench``)."""

__version__ = "0.1.0"
