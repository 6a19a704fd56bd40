"""Fixtures of the tests with other implementations, for those of clusters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.members import MemberProcess
from tests.cluster.redis import RedisServer
from tests.interop.conftest import node_modules

__all__ = ["node_modules"]


@pytest.fixture(params=["classic", "sharded", "streams"])
def kind(request: pytest.FixtureRequest) -> str:
    """How servers are joined, unless a module says it for itself."""
    return str(request.param)


@pytest.fixture
def node(redis: RedisServer, kind: str, node_modules: Path) -> Iterator[MemberProcess]:
    """A server of Node with one client, joined by the Redis of the module."""
    assert node_modules.is_dir()
    with_client = MemberProcess("node", kind, redis)
    try:
        yield with_client
    finally:
        with_client.close()
