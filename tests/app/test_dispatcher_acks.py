"""What a handler returns is the acknowledgement of the event. Spec: PROTOCOL 3.7."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, Final

import pytest

from tests.app.rig import AppRig, note, returning


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


class Hostile(dict[str, object]):
    """A dict that fails when it is read."""

    def items(self) -> Any:
        raise OverflowError("not today")


RESULTS: Final[list[tuple[Any, list[str | bytes]]]] = [
    (None, ["30[]"]),
    ("delivered", ['30["delivered"]']),
    (0, ["30[0]"]),
    (False, ["30[false]"]),
    ("", ['30[""]']),
    ([], ["30[[]]"]),
    ([1, 2], ["30[[1,2]]"]),
    ((), ["30[]"]),
    ((1,), ["30[1]"]),
    ((1, "two", None), ['30[1,"two",null]']),
    ({"a": (1,)}, ['30[{"a":[1]}]']),
    (b"x", ['61-0[{"_placeholder":true,"num":0}]', b"x"]),
    ((b"x", b""), ['62-0[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"x", b""]),
]


@pytest.mark.parametrize(("result", "expected"), RESULTS, ids=[repr(result) for result, _ in RESULTS])
def test_what_a_handler_returns_is_the_ack(rig: AppRig, result: Any, expected: list[str | bytes]) -> None:
    rig.io.on("a", returning(result))
    client, _ = rig.connect()
    assert rig.send(client, '420["a"]') == expected
    assert rig.send(client, '42["a"]') == []  # nobody asked


class Later:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Generator[Any, None, int]:
        yield from ()
        return 7


def test_whatever_can_be_awaited_is(rig: AppRig) -> None:
    rig.io.on("a", returning(Later()))
    client, _ = rig.connect()
    assert rig.send(client, '420["a"]') == ["30[7]"]


@pytest.mark.parametrize("result", [object(), math.nan, {1, 2}, [b"x"] * 11, Hostile(a=1)])
def test_a_result_that_cannot_be_sent_is_logged_and_not_acknowledged(rig: AppRig, result: Any) -> None:
    rig.io.on("a", returning(result))
    client, _ = rig.connect()
    assert rig.send(client, '420["a"]', '42["b"]') == []
    assert rig.logged == ["return value of the handler of 'a' cannot be sent"]


FAILURE: Final = KeyError("mine")


@pytest.mark.parametrize(
    ("shared", "own", "expected"),
    [
        ([], [], []),  # nobody handles it, so nobody claims to have done so
        ([None], [None], ["30[]"]),
        ([None, 1], [2], ["30[1]"]),
        ([None, None], [2, 3], ["30[2]"]),
        ([None, 0], [1], ["30[0]"]),
        ([False], [""], ["30[false]"]),
        ([1, FAILURE], [], []),
        ([FAILURE, 1], [], []),
        ([1], [FAILURE], []),
        ([FAILURE], [1], []),
        ([None], [FAILURE], []),
        ([FAILURE], [], []),
    ],
)
def test_the_first_value_of_several_handlers_counts_if_none_failed(
    rig: AppRig, shared: list[Any], own: list[Any], expected: list[str]
) -> None:
    client, socket = rig.connect()
    for value in own:
        socket.on("a", returning(value))
    for value in shared:
        rig.io.on("a", returning(value))
    rig.io.on_any(note(rig, "any"))
    assert rig.send(client, '420["a"]') == expected


@pytest.mark.parametrize("ack_id", [0, 10**100])
def test_acks_go_back_with_the_id_that_came(rig: AppRig, ack_id: int) -> None:
    rig.io.on("a", returning(1))
    client, _ = rig.connect()
    assert rig.send(client, f'42{ack_id}["a"]', f'42{ack_id}["a"]') == [f"3{ack_id}[1]"] * 2
