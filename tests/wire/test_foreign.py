"""wsproto's connection: what it understands is compared in `test_plain_frames`; here, that it is free at once."""

from __future__ import annotations

import pytest
from wsproto.events import TextMessage

from socketio_core.wire.deflate import Deflate
from socketio_core.wire.foreign import ForeignConnection
from tests.garbage import left_to_the_collector
from tests.wire.written import RSV1, TEXT, Packer, frame


@pytest.mark.parametrize("is_used", [True, False])
def test_nothing_of_it_is_left_to_the_garbage_collector(*, is_used: bool) -> None:
    with left_to_the_collector("socketio_core", "wsproto") as left:
        deflate = Deflate(1000)
        deflate.accept("permessage-deflate")
        connection = ForeignConnection([deflate], of_server=True)
        assert not connection.client
        if is_used:
            connection.receive_data(frame(Packer()("hello"), TEXT, rsv=RSV1) + frame("half")[:5])
            messages = [event.data for event in connection.events() if isinstance(event, TextMessage)]
            assert "".join(messages) == "hello"
            assert connection.send(TextMessage(data="hello"))[0] & 0x40
        del deflate, connection
    assert left == {}
