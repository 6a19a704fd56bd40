"""What a server may answer to the offer of compression. Spec: RFC 7692, 7.1."""

from __future__ import annotations

import pytest

from socketio_core.app.client_socket import ConnectError
from tests.adapters.client.server import Connection, open_packet, raw_server, switching, text
from tests.adapters.loops import both_loops_tcp, loop

NAME = "permessage-deflate"

BAD = [
    "x-webkit-deflate-frame",
    f"{NAME}, {NAME}",
    f"{NAME}\r\nSec-WebSocket-Extensions: foo",
    f"{NAME}; foo=1",
    f"{NAME}; client_max_window_bits",
    f"{NAME}; server_max_window_bits",
    f"{NAME}; server_max_window_bits=7",
    f"{NAME}; server_max_window_bits=16",
    f"{NAME}; server_max_window_bits=80",
    f"{NAME}; client_max_window_bits=8",
    f"{NAME}; server_max_window_bits=x",
    f"{NAME}; server_no_context_takeover=1",
    f"{NAME}; client_no_context_takeover; client_no_context_takeover",
    f"{NAME};",
    "",
]

GOOD = [
    NAME,
    f"{NAME}; server_no_context_takeover; client_no_context_takeover",
    f"{NAME}; server_max_window_bits=9; client_max_window_bits=15",
    f'{NAME}; server_max_window_bits="10"',
    f"{NAME}; server_max_window_bits=8",
    f'{NAME}; server_max_window_bits = "8"; client_no_context_takeover',
]


@pytest.mark.parametrize("answer", BAD)
@both_loops_tcp
async def test_wrong_answers_fail_the_handshake_and_say_why(answer: str) -> None:
    async def agree(connection: Connection, key: bytes) -> None:
        await connection.write(switching(key, f"Sec-WebSocket-Extensions: {answer}\r\n") + text(open_packet()))
        await loop.sleep_forever()

    async with raw_server({"websocket": agree}) as server:
        with pytest.raises(ConnectError, match=r"websocket: 101 with (an extension that was|bad parameters of)"):
            async with loop.connect(server.url, transports=["websocket"], per_message_deflate=True):
                pass


@pytest.mark.parametrize("answer", GOOD)
@both_loops_tcp
async def test_right_answers_are_accepted(answer: str) -> None:
    async def agree(connection: Connection, key: bytes) -> None:
        headers = f"Sec-WebSocket-Extensions: {answer}\r\n"
        await connection.write(switching(key, headers) + text(open_packet()) + text('40{"sid":"A"}'))
        await loop.sleep_forever()

    async with (
        raw_server({"websocket": agree}) as server,
        loop.connect(server.url, transports=["websocket"], per_message_deflate=True, close_timeout_s=0.1) as socket,
    ):
        assert socket.id == "A"
