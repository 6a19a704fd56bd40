"""Benchmarks: what the figures of the README come from. `python -m benchmarks --help` says how to run them."""
