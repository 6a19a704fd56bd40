"""What the package shows, and what it says where something is missing."""

from __future__ import annotations

import sys

import pytest

import socketio_core.cluster


def test_what_it_exports_exists() -> None:
    names: list[str] = socketio_core.cluster.__all__
    assert names == sorted(names)
    assert all(getattr(socketio_core.cluster, name) for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'RedisAdaptor'"):
        getattr(socketio_core.cluster, "RedisAdaptor")  # noqa: B009 - type checkers know


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socketio_core.cluster.adapter", None)  # as if what it needs were not there
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'socketio_core\[cluster\]'"):
        getattr(socketio_core.cluster, "RedisAdapter")  # noqa: B009 - as above
