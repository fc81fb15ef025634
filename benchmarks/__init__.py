"""Measurements of the method itself. Each is run by hand, ends by itself, and prints the figures that docs quote."""
