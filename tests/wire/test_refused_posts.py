"""A POST that ends its session, at a site in front of Socket.IO."""

from __future__ import annotations

import pytest

from socketio_core.settings import EngineSettings
from socketio_core.socketio import ServerCore
from socketio_core.wire import Mount, Site
from socketio_core.wire.connection import Wire
from tests.wire.by_hand import POLLING
from tests.wire.written import request


@pytest.mark.parametrize(("body", "status"), [(b"4nonsense", 400), (b'42["a"]\x1e49', 400), (b'42["a"]\x1e1', 200)])
@pytest.mark.parametrize("is_polled", [False, True])
def test_post_with_a_bad_packet_is_refused_whoever_waits(body: bytes, status: int, is_polled: bool) -> None:  # noqa: FBT001 - a row
    """With a poll parked the session is over before the POST is answered."""
    site = Site([Mount(ServerCore(EngineSettings(path="/engine.io/")))])

    def ask(wire: Wire, data: bytes) -> bytes:
        wire.receive(data, 1.0)
        answer = b""
        while site.flush(1.0) or site.is_behind:
            while some := wire.data_to_send(1.0):
                answer += some
            site.handle_timeout(1.0)
        return answer

    poller, sender = [site.connect(0.0, "192.0.2.1", "http") for _ in range(2)]
    sid = ask(poller, request(POLLING)).decode().split('"')[3]
    assert ask(sender, request(f"{POLLING}&sid={sid}", method="POST", body=b"40")).startswith(b"HTTP/1.1 200 ")
    if is_polled:
        ask(poller, request(f"{POLLING}&sid={sid}"))  # takes what there is
        ask(poller, request(f"{POLLING}&sid={sid}"))
    answer = ask(sender, request(f"{POLLING}&sid={sid}", method="POST", body=body))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
