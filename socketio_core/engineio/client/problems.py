"""What was wrong with what a server answered, in words."""

from __future__ import annotations

import json
import re
from typing import Final, cast

from socketio_core.engineio.close_codes import NO_CODE, NORMAL
from socketio_core.engineio.packet import Payload
from socketio_core.errors import PacketError
from socketio_core.http import Response

SHOWN_CHARS: Final = 200  # of a refusal, in an error: a head may have 64 kB
_SHOWN_DATA_CHARS: Final = 80  # of other things that a server sent

_KNOWS_PATH: Final = "Not found: Socket.IO is at "  # so a server of this package says it

_OLD_PAYLOAD: Final = re.compile(rb"[0-9]{1,9}:0\{")  # the length of an open packet in front of it (EIO=3)

ASKS_PATH: Final = " (is the path right?)"
"""How `describe_refusal` ends when nothing is there, and the answer does not say where it is."""


def describe_refusal(response: Response) -> str:
    """Say what an answer that is not 200 (or 101) means: `"HTTP 400: Session ID unknown"`."""
    text = f"HTTP {response.status}"
    location = next((value for name, value in response.headers if name.lower() == b"location"), None)
    if 300 <= response.status < 400 and location is not None:
        return (
            f"{text}: redirected to {location[: 4 * SHOWN_CHARS].decode('latin-1')!r}; connect to that address instead"
        )
    message = _message_of(response.body)
    if message:
        text += f": {message}"
    if response.status == 404 and not message.startswith(_KNOWS_PATH):
        text += ASKS_PATH
    elif response.status == 403 and not message:  # as ASGI servers answer a WebSocket that no route takes
        text += " (are path and origin right?)"
    return text


def of_response(response: Response, method: str) -> str | None:
    """Say why the answer to a GET or a POST is of no use, if it is not; only 200 is (PROTOCOL 9-28)."""
    problem = describe_refusal(response) if response.status != 200 else _problem_of_encoding(response)
    return f"server refused a POST: {problem}" if problem is not None and method == "POST" else problem


def _problem_of_encoding(response: Response) -> str | None:
    encoding = next((value for name, value in response.headers if name.lower() == b"content-encoding"), b"identity")
    if encoding.lower() != b"identity":
        return f"response is encoded as {encoding[:SHOWN_CHARS].decode('latin-1')!r}, which was not asked for"
    return None


def of_payload(body: bytes, error: PacketError) -> str:
    """Say what is wrong with the packets in the answer to a GET."""
    if _OLD_PAYLOAD.match(body) is not None:
        return f"the server speaks Engine.IO 3, as Socket.IO 2 does, and this client 4: {describe_data(body)}"
    return f"{error}, in the response {describe_data(body)}"


def of_loss(detail: str, method: str, *, is_opening: bool) -> str:
    """Say that there is no answer to a GET or a POST; of one that was to open the session that is clear."""
    detail = detail or "the connection was lost"
    return detail if is_opening else f"{method} failed: {detail}"


def of_end(code: int | None, detail: str) -> str | None:
    """Say what was wrong with the end of a WebSocket, if anything was; see `ClientSession.lost`."""
    if code is None:
        return detail or "the connection ended without a WebSocket close frame"
    if code in (NORMAL, NO_CODE):
        return None
    return f"the server closed the WebSocket with code {code} {detail}".rstrip()


def describe_data(data: Payload) -> str:
    """Return the beginning of what a server sent, for an error."""
    if isinstance(data, bytes):
        data = data[:_SHOWN_DATA_CHARS].decode("utf-8", "replace")
    return repr(data[:_SHOWN_DATA_CHARS])


def _message_of(body: bytes) -> str:
    """Return the error's own words: of the reference's JSON, else the beginning of the text."""
    shown = body[: 4 * SHOWN_CHARS].decode("utf-8", "replace").strip()
    try:
        fields: object = json.loads(shown)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        message = cast("dict[str, object]", fields).get("message")
        if isinstance(message, str):
            shown = message
    line = " ".join(shown[:SHOWN_CHARS].split())
    return line if line.isprintable() else repr(line)
