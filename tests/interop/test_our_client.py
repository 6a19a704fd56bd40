"""Our client against the official server and python-socketio's, over each transport."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from socketio_core.app.client_socket import ConnectError
from tests.adapters.bench import until
from tests.adapters.loops import loop
from tests.interop.ours import UPGRADE, LateUpgrade, Run, connect, settled, watch
from tests.interop.servers import SERVER_COMMANDS, ForeignServer

ORDER = ("first", "second")
VALUES: list[Any] = [None, True, 0, -1, 2.5, "", "é €\u2028😀", [], {}, {"a": [1, {"b": None}]}]


@pytest.fixture(scope="module", params=[*SERVER_COMMANDS])
def server(request: pytest.FixtureRequest) -> Iterator[ForeignServer]:
    """A server for the whole module."""
    if request.param == "node":
        request.getfixturevalue("node_modules")
    running = ForeignServer(request.param)
    yield running
    running.close()


def test_handshake_carries_auth_query_and_headers(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"query": {"room": "a"}, "headers": {"X-Test": "yes"}, "transports": transports}
        async with connect(server.url + "/?token=b", auth={"user": "ann"}, **options) as socket:
            report = await server.take("connected", sid=socket.id)
        assert (report["auth"], report["header"]) == ({"user": "ann"}, "yes")
        assert report["query"].items() >= {"EIO": "4", "room": "a", "token": "b", "transport": transports[0]}.items()

    run(main)


def test_auth_may_be_asked_for(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def auth() -> dict[str, str]:
        await loop.checkpoint()
        return {"token": "fresh"}

    async def main() -> None:
        async with connect(server.url, auth=auth, transports=transports) as socket:
            assert (await server.take("connected", sid=socket.id))["auth"] == {"token": "fresh"}

    run(main)


def test_events_carry_every_value_both_ways(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        async with connect(server.url, transports=transports) as socket, socket.events() as events:
            await socket.emit("echo", *VALUES)
            assert await anext(events) == ("echoed", *VALUES)
            await socket.emit("echo", b"\x00\xff", {"deep": [b"", b"x" * 1000]}, "text")
            assert await anext(events) == ("echoed", b"\x00\xff", {"deep": [b"", b"x" * 1000]}, "text")
            await socket.emit("echo")
            assert await anext(events) == ("echoed",)

    run(main)


def test_acknowledgements_go_both_ways(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        async with connect(server.url, transports=transports) as socket, socket.events() as events:

            @socket.on("question")
            async def question(*args: Any) -> tuple[Any, ...]:
                await loop.checkpoint()
                return args

            assert await socket.emit_with_ack("echo with ack", *VALUES) == VALUES
            assert await socket.emit_with_ack("echo with ack") == []
            assert await socket.call("echo with ack", b"\x01\x02", 2) == (b"\x01\x02", 2)
            await socket.emit("ask", {"bytes": b"\x03"})
            while (event := await anext(events))[0] != "answered":
                pass
            assert event == ("answered", True, {"bytes": b"\x03"})

    run(main)


def test_those_of_every_event_come_in_front_and_go(run: Run, server: ForeignServer, transports: list[str]) -> None:
    notes: list[list[Any]] = []

    def noting(who: str) -> Any:
        def note(*event: Any) -> None:
            notes.append([who, *event])

        return note

    async def main() -> None:
        async with connect(server.url, transports=transports) as socket:
            for add, prepend, remove in (
                (socket.on_any, socket.prepend_any, socket.off_any),
                (socket.on_any_outgoing, socket.prepend_any_outgoing, socket.off_any_outgoing),
            ):
                add(noting("second"))
                prepend(noting("first"))
                remove(add(noting("removed")))
            for data in (1, b"\x02"):
                await socket.emit("echo", data)
                await socket.call("echo with ack")
            sent: list[list[Any]] = [["echo", 1], ["echo with ack"], ["echo", b"\x02"], ["echo with ack"]]
            await until(lambda: len(notes) == 12, "both have come back")
            assert [note for note in notes if note[1] != "echoed"] == [[who, *each] for each in sent for who in ORDER]
            heard = [note for note in notes if note[1] == "echoed"]
            assert heard == [[who, "echoed", data] for data in (1, b"\x02") for who in ORDER]
            socket.off_any()
            socket.off_any_outgoing()
            await socket.emit("echo", 3)
            await socket.call("echo with ack")
            assert len(notes) == 12

    run(main)


def test_namespaces_share_a_connection(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        async with connect(server.url, transports=transports) as socket:
            admin, refused, unknown = socket.of("/admin", {"key": 1}), socket.of("/refused"), socket.of("/unknown")
            await admin.wait_connected()
            assert (await server.take("connected", nsp="/admin", sid=admin.id))["auth"] == {"key": 1}
            assert await admin.call("echo with ack", 1) == 1
            with pytest.raises(ConnectError) as refusal:
                await refused.wait_connected()
            assert (refusal.value.message, refusal.value.data["code"]) == ("not you", 42)
            with pytest.raises(ConnectError):
                await unknown.wait_connected()
            await admin.disconnect()
            await server.take("left", nsp="/admin")
            assert await socket.call("echo with ack", 2) == 2

    run(main)


def test_refused_socket_does_not_connect(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        with pytest.raises(ConnectError, match="not you") as refusal:
            async with connect(server.url + "/refused", auth={"name": "x"}, transports=transports):
                pytest.fail("it must not get in")
        assert refusal.value.data == {"code": 42, "auth": {"name": "x"}}

    run(main)


def test_broadcasts_to_rooms_arrive(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"transports": transports}
        async with connect(server.url, **options) as ann, connect(server.url, **options) as ben:
            heard = ben.events()
            await ben.call("join", "kitchen")
            await ann.emit("tell", "kitchen", "tea?", b"\x01")
            assert await anext(heard) == ("told", "tea?", b"\x01")

    run(main)


def test_server_that_says_goodbye_is_not_bothered_again(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        async with connect(server.url, transports=transports, reconnection_delay_s=0.01) as socket:
            reasons, gone = watch(socket)
            await socket.emit("leave")
            assert [event async for event in socket.events()] == []
            await gone.wait()
            assert (reasons, socket.active) == (["io server disconnect"], False)
            socket.connect()
            await socket.wait_connected()
            assert await socket.call("echo with ack", 1) == 1

    run(main)


def test_leaving_the_block_is_noticed_at_once(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        async with connect(server.url, transports=transports) as socket:
            await settled(socket, transports)
            sid = socket.id
        with loop.fail_after(20):  # its heartbeat would have told it in 45 s
            reason = (await server.take("left", sid=sid))["reason"]
        assert reason in ("client namespace disconnect", "client disconnect", "transport close")

    run(main)


def test_thousand_messages_both_ways_across_the_upgrade(run: Run, server: ForeignServer, transports: list[str]) -> None:
    async def main() -> None:
        async with connect(server.url, transports=transports) as socket:
            received: list[int] = []
            complete = loop.new_event()

            @socket.on("number")
            def number_came(number: int) -> None:
                received.append(number)
                if number == 999:
                    complete.set()

            await socket.emit("burst", 1000)
            for number in range(1000):
                await socket.emit("number", number)
                if number % 50 == 0:
                    await loop.checkpoint()
            assert await socket.call("numbers", timeout=None) == list(range(1000))
            await complete.wait()
            await settled(socket, transports)
            assert received == list(range(1000))
            assert (await socket.emit_with_ack("transport"))[0] == transports[-1]

    run(main)


def test_thousand_messages_each_way_before_during_and_behind_the_upgrade(
    run: Run,
    server: ForeignServer,
) -> None:
    """Each message is echoed; the upgrade begins when some have come back, and waits for none."""

    async def main() -> None:
        way = LateUpgrade(server.port)
        async with loop.open_nursery() as nursery:
            url = await way.serve(nursery)
            sent: list[str | None] = []  # on which transport
            received: list[tuple[int, str | None]] = []
            complete = loop.new_event()
            async with connect(url, transports=UPGRADE) as socket:

                @socket.on("echoed")
                def echoed(number: int) -> None:
                    received.append((number, socket.transport))
                    if len(received) == 100:
                        way.opened.set()
                    if number == 999:
                        complete.set()

                for number in range(1000):
                    sent.append(socket.transport)
                    await socket.emit("echo", number)
                    while number - len(received) > 200 or (number == 700 and socket.transport == "polling"):
                        await loop.sleep(0.001)
                await complete.wait()
                assert [number for number, _ in received] == list(range(1000))
                for transports_of in (sent, [transport for _, transport in received]):
                    assert min(transports_of.count("polling"), transports_of.count("websocket")) >= 50
            nursery.cancel_scope.cancel()

    run(main)
