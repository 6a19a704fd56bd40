"""The types of our client for browsers: the compiler takes what pages may do, and refuses what they may not."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.interop.peers import NODE_DIR

OPTIONS = ("--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")


def test_compiler_agrees_with_the_examples(node_modules: Path) -> None:
    """Each line that it must refuse is marked, and a mark where it finds nothing is an error, too."""
    compiler = node_modules / ".bin" / "tsc"
    done = subprocess.run(
        [compiler, "--ignoreConfig", *OPTIONS, NODE_DIR / "client_types.ts"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
