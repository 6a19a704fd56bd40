"""The guests of `python -m benchmarks soak` notice what is lost, and what is left behind is named."""

from __future__ import annotations

from typing import Final

import pytest
import trio

from benchmarks.guests import Guests, Seen
from benchmarks.soak import main, more_than
from socketio_core.trio import Server, Socket

VISITS: Final = 16  # who of the guests is rude is chance, and depends on who is faster


def seen_of(io: Server) -> Seen:
    """Let guests come and go; return what they have seen."""

    async def visit() -> Seen:
        with trio.fail_after(60):
            async with trio.open_nursery() as serving:
                (url,) = await serving.start(io.serve, "127.0.0.1", 0)
                guests = Guests(int(url.rpartition(":")[2]), seed=1, pause_s=0.01, visits=VISITS)
                async with trio.open_nursery() as nursery:
                    for _ in range(4):
                        nursery.start_soon(guests.come_and_go)
                serving.cancel_scope.cancel()
                return guests.seen

    return trio.run(visit)


def echo_server(*, spoils_the_first: bool = False) -> Server:
    io = Server(per_message_deflate=True)

    @io.on("echo")
    async def echo(socket: Socket, number: int, payload: str | bytes) -> None:
        await socket.emit("echo", number, "spoilt" if spoils_the_first and number == 0 else payload)

    @io.on("ack")
    def ack(socket: Socket, text: str) -> str:
        return text

    return io


def test_guests_of_a_good_server_miss_nothing() -> None:
    seen = seen_of(echo_server())
    assert not seen.faults
    assert seen.visits >= VISITS
    assert seen.events > 0
    assert seen.rude > 0


def test_guests_notice_what_does_not_come_back() -> None:
    faults = seen_of(echo_server(spoils_the_first=True)).faults
    assert any("Lost event 0 of " in fault for fault in faults), faults


def test_what_is_left_behind_is_named() -> None:
    before = {"objects": {"a.B": 1, "a.C": 2}, "tasks": 9, "descriptors": 12, "blocks": 1000}
    after = {"objects": {"a.B": 3, "a.C": 1}, "tasks": 9, "descriptors": 13, "blocks": 1020}
    assert more_than(before, after) == {"a.B": 2, "descriptors": 1}
    assert not more_than(before, before)
    assert more_than(before, before | {"blocks": 1021}) == {"blocks": 21}


def test_a_loop_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--loop", "curio"])
    assert "invalid choice: 'curio'" in capsys.readouterr().err
