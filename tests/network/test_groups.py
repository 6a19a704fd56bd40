"""What comes out of groups of exceptions."""

from __future__ import annotations

from socketio_core.network.groups import is_any, only_cause


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


def test_a_kind_is_found_among_others() -> None:
    group = BaseExceptionGroup("outer", [KeyError("x"), BaseExceptionGroup("inner", [GeneratorExit()])])
    assert is_any(GeneratorExit(), KeyboardInterrupt, GeneratorExit)
    assert is_any(group, KeyboardInterrupt, GeneratorExit)
    assert not is_any(group, KeyboardInterrupt, ValueError)
