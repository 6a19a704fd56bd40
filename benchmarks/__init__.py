"""Benchmarks: where the figures in the README beside this file come from. `python -m benchmarks --help` tells how."""
