"""Fixtures: a server that runs, and commands on a terminal that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cli.programs import OnTerminal, ServerProgram


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server to talk to."""
    program = ServerProgram("-m", "tests.cli.echo_server")
    yield program.url
    program.close()


@pytest.fixture
def start() -> Iterator[Callable[..., OnTerminal]]:
    """Start commands on terminals."""
    terminals: list[OnTerminal] = []

    def begin(*arguments: str, **environment: str) -> OnTerminal:
        terminals.append(OnTerminal(*arguments, **environment))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.close()
