from __future__ import annotations

from typing import Any

import pytest

from socketio_core.engineio.close_codes import NO_CODE, check_close, echo_of
from socketio_core.errors import LocalProtocolError

GOOD = [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999]
BAD = [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, -1000]


@pytest.mark.parametrize("code", [*GOOD, NO_CODE])
def test_codes_that_can_be_sent_and_none(code: int) -> None:
    check_close(code)
    assert echo_of(code) == code


@pytest.mark.parametrize(("code", "text"), [(1005, "bye"), (1000, "x" * 124), (1000, "ü" * 62)])
def test_texts_that_cannot_be_sent(code: int, text: str) -> None:
    with pytest.raises(LocalProtocolError, match="close frame"):
        check_close(code, text)
    check_close(1000, "ü" * 61 + "x")


@pytest.mark.parametrize("code", [*BAD, "1000", None, 1000.5, True])
def test_codes_that_cannot_be_sent(code: Any) -> None:
    with pytest.raises(LocalProtocolError, match="no close code that can be sent"):
        check_close(code)
    assert echo_of(code) == NO_CODE


def test_a_code_is_compared_with_few_others_whatever_its_type() -> None:
    """`in range(...)` compares a member of an `IntEnum` with each number."""
    compared = 0

    class Code(int):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return int(self) == other

        __hash__ = int.__hash__

    assert echo_of(Code(1000)) == 1000
    check_close(Code(4000))
    assert compared < 20
