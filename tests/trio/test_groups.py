"""What comes out of the groups that nurseries make."""

from __future__ import annotations

from socketio_core.trio.groups import is_cancelled, only_cause


def test_one_exception_comes_out_of_all_its_groups() -> None:
    error = KeyError("x")
    assert only_cause(error) is error
    assert only_cause(BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [error])])) is error


def test_interrupts_are_one() -> None:
    first = KeyboardInterrupt()
    group = BaseExceptionGroup("inner", [first, KeyboardInterrupt()])
    assert only_cause(BaseExceptionGroup("outer", [group, KeyboardInterrupt()])) is first


def test_several_exceptions_stay_together() -> None:
    group = ExceptionGroup("inner", [KeyError("x"), KeyError("y")])
    assert only_cause(ExceptionGroup("outer", [group])) is group


def test_an_end_that_somebody_outside_wants_is_told_from_others() -> None:
    assert is_cancelled(GeneratorExit())
    assert is_cancelled(BaseExceptionGroup("outer", [KeyError("x"), BaseExceptionGroup("inner", [GeneratorExit()])]))
    assert not is_cancelled(BaseExceptionGroup("outer", [KeyError("x"), KeyboardInterrupt()]))
