"""How it is measured: the CLI, plans, targets, the load path, the rotation, sampling."""
