"""Targets: the registry of servers, worker setups, and the process trees they start."""
