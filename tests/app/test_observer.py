"""Who looks on: told of what they override, in the order of registration, and unable to harm anybody."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core import Observer, Server
from socketio_core.app.observer import METHODS, Audience
from socketio_core.engineio import RequestRefused
from tests.app.served import Served
from tests.wire.written import POLLING


class Refusals(Observer):
    """Notes refused requests."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def request_refused(self, refused: RequestRefused) -> None:
        self.told.append(refused.message)


class Failing(Refusals):
    """Fails whatever it is told."""

    def request_refused(self, refused: RequestRefused) -> None:
        super().request_refused(refused)
        raise RuntimeError("cannot write it down")

    def failed(self, what: str, error: BaseException) -> None:
        self.told.append(what)
        raise RuntimeError("nor that")


class Failures(Observer):
    """Notes what failed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def failed(self, what: str, error: BaseException) -> None:
        self.told.append(f"{what}: {error}")


def test_any_number_of_observers_is_told() -> None:
    first, second, third = Refusals(), Refusals(), Refusals()
    io = Server(observers=[first, second])
    served = Served(io)
    served.connect().ask("/socket.io/")
    io.observe(third)
    served.connect().ask("/socket.io/")
    assert [each.told for each in (first, second, third)] == [["Transport unknown"] * n for n in (2, 2, 1)]


def test_one_that_fails_harms_nobody_and_is_told_once_by_name() -> None:
    failing, other, failures = Failing(), Refusals(), Failures()
    served = Served(Server(observers=[failing, other, failures]))
    for _ in range(3):
        assert served.connect().ask("/socket.io/").status == 400
    assert served.connect().ask(POLLING).status == 200
    assert other.told == ["Transport unknown"] * 3
    assert failing.told.count("Transport unknown") == 3
    assert sorted(failures.told) == [
        "observer Failing.failed failed, which is told once: nor that",
        "observer Failing.request_refused failed, which is told once: cannot write it down",
    ]


class Async(Observer):
    """Cannot be told: nobody would await it."""

    async def request_refused(self, refused: RequestRefused) -> None:  # type: ignore[override]
        """Never called."""


@pytest.mark.parametrize(
    ("observer", "why"),
    [
        (Async(), "request_refused must be a plain function, not an async one"),
        (Refusals, "observer must be an Observer, not: <class"),
        (print, "observer must be an Observer, not: <built-in"),
    ],
)
def test_what_cannot_be_told_is_refused(observer: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Server(observers=[observer])


def test_what_nobody_overrides_is_told_to_nobody() -> None:
    audience = Audience()
    audience.add(Observer())
    assert [name for name in METHODS if getattr(audience, name)] == []
    audience.add(Refusals())
    assert [name for name in METHODS if getattr(audience, name)] == ["request_refused"]


def test_all_methods_may_be_called() -> None:
    """Whoever overrides one may call `super()`."""
    for name in METHODS:
        method = getattr(Observer(), name)
        assert method(*[None] * (method.__code__.co_argcount - 1)) is None
