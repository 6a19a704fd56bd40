"""Run a broken client: `python -m conformance.mutants.clients NAME`."""

from __future__ import annotations

import sys

import trio

from conformance.hosts.clients.trio import main
from conformance.mutants.clients import all_client_mutants

if __name__ == "__main__":
    next(mutant for mutant in all_client_mutants() if mutant.name == sys.argv[1]).install()
    trio.run(main)
