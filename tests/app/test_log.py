"""The log of failures: in full at first, then counted."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from socketio_core.app.log import MAX_CHARS, Failures, Log
from socketio_core.testing import FakeClock


class Book:
    """Failures on a clock that is set, and what was written."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.clock = FakeClock()
        self.failures = Failures(logging.getLogger("tests.failures"), lambda: self.clock.now)
        self._caplog = caplog

    def taken(self) -> list[str]:
        lines = [record.getMessage() for record in self._caplog.records]
        self._caplog.clear()
        return lines


@pytest.fixture
def book(caplog: pytest.LogCaptureFixture) -> Book:
    return Book(caplog)


def fault(kind: type[Exception] = ValueError, *, where: str = "here") -> Exception:
    try:
        if where == "there":
            raise kind("x")
        raise kind("y")
    except Exception as error:  # noqa: BLE001 - which it is depends
        return error


def test_ten_of_a_kind_are_logged_and_the_others_counted(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(10):
        book.failures.tell(f"handler of 'x{number}' failed", fault())
    assert all(record.exc_info is not None for record in caplog.records)
    assert book.taken() == [f"handler of 'x{number}' failed" for number in range(10)]
    book.clock.advance(20)
    for _ in range(5000):
        book.failures.tell("handler of 'y' failed", fault())
    assert book.taken() == ["handler of 'y' failed; for 40 s, those like it are only counted"]
    book.clock.advance(39)
    book.failures.sum_up()
    assert book.taken() == []
    book.clock.advance(1)
    book.failures.sum_up()
    assert book.taken() == ["handler of 'x0' failed: 5010 times in 60 s"]
    book.failures.tell("handler of 'z' failed", fault())
    assert book.taken() == ["handler of 'z' failed"]


def test_what_was_counted_is_said_before_the_next_failure(book: Book) -> None:
    for _ in range(11):
        book.failures.tell("it failed", fault())
    book.taken()
    book.clock.advance(100)
    book.failures.tell("something else failed", fault(TypeError))
    assert book.taken() == ["it failed: 11 times in 60 s", "something else failed"]


def test_kinds_are_counted_apart(book: Book) -> None:
    """By type, and by the line that raised it, or by what the caller says."""
    for _ in range(11):
        book.failures.tell("it failed", fault())
        book.failures.tell("no error", None, "accept")
        book.failures.tell("no traceback", ValueError("x"))
    book.taken()
    for error in (fault(TypeError), fault(where="there"), None, ValueError("x")):
        book.failures.tell("another", error)
    assert book.taken() == ["another"] * 4
    for error, kind in ((fault(), ""), (None, "accept"), (ValueError("x"), "no traceback")):
        book.failures.tell("the same", error, kind)
    assert book.taken() == []


def test_kinds_beyond_a_thousand_are_one(book: Book) -> None:
    """Before, the oldest was forgotten, and logged in full again: what clients made up was never only counted."""
    for _ in range(2):
        for number in range(1500):
            book.failures.tell(f"what a client made up: {number}", None)
    told = [f"what a client made up: {number}" for number in range(1010)]
    assert book.taken() == [
        *told, "what a client made up: 1010; for 60 s, those like it are only counted", *told[:1000]
    ]  # fmt: skip
    book.clock.advance(60)
    book.failures.sum_up()
    assert book.taken() == ["what a client made up: 1000: 1000 times in 60 s"]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_line_is_cut_off_where_it_is_too_long(book: Book, more: int) -> None:
    book.failures.tell("x" * (MAX_CHARS + more), None)
    assert book.taken() == ["x" * (MAX_CHARS + min(more, 0)) + "…" * (more > 0)]


def as_itself(long: Exception) -> BaseException:
    return long


def as_cause(long: Exception) -> BaseException:
    error = fault()
    error.__cause__ = long
    return error


def as_note(long: Exception) -> BaseException:
    error = fault()
    error.add_note(str(long))
    return error


def in_group(long: Exception) -> BaseException:
    return ExceptionGroup("several", [fault(), long])


@pytest.mark.parametrize("more", [1, 1_000_000])
@pytest.mark.parametrize("place", [as_itself, as_cause, as_note, in_group])
def test_text_of_an_error_is_cut_off_where_it_is_too_long(
    book: Book, caplog: pytest.LogCaptureFixture, place: Callable[[Exception], BaseException], more: int
) -> None:
    """It is often what a client sent, as of `int(data)`."""
    try:
        raise ValueError("x" * (MAX_CHARS - 100) + "y" * 200 + "z" * more)
    except ValueError as error:
        whole = place(error)
    book.failures.tell("handler failed", whole)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is whole  # for those who send it elsewhere
    assert "xyy" in caplog.text
    assert "yz" not in caplog.text
    assert "…" in caplog.text
    assert len(caplog.text) < 4 * MAX_CHARS
    assert "test_log.py" in caplog.text


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_each_part_of_a_traceback_may_be_so_long(book: Book, caplog: pytest.LogCaptureFixture, more: int) -> None:
    text = "x" * (MAX_CHARS + more - len("ValueError: \n"))
    book.failures.tell("handler failed", ValueError(text))
    assert (f"ValueError: {text}\n" in caplog.text) is (more <= 0)


def test_nothing_is_made_of_an_error_that_nobody_logs(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "tests.failures")
    book.failures.tell("handler failed", ValueError("x" * 2 * MAX_CHARS))
    assert caplog.records == []


def test_slow_handlers_are_told_by_name(book: Book) -> None:
    log = Log(logging.getLogger("tests.failures"), lambda: book.clock.now)
    log.handler_was_slow("handler of 'x'", 0.25)
    assert book.taken() == ["handler of 'x' held the event loop for 0.250 s"]
