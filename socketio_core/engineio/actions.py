"""What a host is to do about an HTTP request: four records, for `match` and `assert_never`."""

from __future__ import annotations

from socketio_core.engineio.carriers import Poll, Post, WebSocket
from socketio_core.http import Headers, Response
from socketio_core.records import record


@record
class Respond:
    """Write this response; that is all."""

    response: Response


@record
class ReadBody:
    """Feed the body to `post` as it arrives (`post.feed`), then call `finish_post` and write what it returns.

    When the client goes away before the end, call `lost`.
    """

    post: Post
    limit_bytes: int  # `post.feed` enforces it


@record
class Park:
    """Write `poll.response` when `take_ready` names the poll, then call `poll_delivered`.

    If it cannot be written, or the client goes away before that, call `lost`.
    """

    poll: Poll


@record
class Upgrade:
    """Do the WebSocket handshake, adding `headers` to the 101, then pump frames; at the end call `lost`."""

    websocket: WebSocket
    headers: Headers


Action = Respond | ReadBody | Park | Upgrade
