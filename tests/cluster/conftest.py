"""Fixtures of the tests with other implementations, for those of clusters."""

from __future__ import annotations

from tests.interop.conftest import node_modules

__all__ = ["node_modules"]
