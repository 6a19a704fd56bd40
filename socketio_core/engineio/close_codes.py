"""The codes of WebSocket close frames: what they say here, and which of them may be sent. Spec: RFC 6455, 7.4."""

from __future__ import annotations

from typing import Final

from socketio_core.errors import LocalProtocolError

NORMAL: Final = 1000
GOING_AWAY: Final = 1001  # a server going down
NO_CODE: Final = 1005
"""Never on the wire: stands for a close frame without a code."""

_MAX_TEXT_BYTES: Final = 123  # RFC 6455, 5.5
_NEVER_SENT: Final = (1004, NO_CODE, 1006, 1015)


def check_close(code: object, text: str = "") -> None:
    """Check what is to go into a close frame; `NO_CODE` is a code here, but no text can follow it.

    Raises:
        LocalProtocolError: it cannot be sent.
    """
    if code != NO_CODE and not _can_be_sent(code):
        raise LocalProtocolError(f"no close code that can be sent: {code!r}")
    if code == NO_CODE and text:
        raise LocalProtocolError(f"close frame with a text must have a code: {text!r:.80}")
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_TEXT_BYTES:
        raise LocalProtocolError(f"text of a close frame has at most {_MAX_TEXT_BYTES} bytes: {text!r:.80}")


def echo_of(code: int | None) -> int:
    """Return the code that answers a peer's close frame: its own, if it had one."""
    return code if code is not None and _can_be_sent(code) else NO_CODE


def _can_be_sent(code: object) -> bool:
    # Not `in range(...)`, which compares a member of an enumeration with each (benchmarks: connect).
    is_assigned = isinstance(code, int) and (1000 <= code < 1016 or 3000 <= code < 5000)
    return is_assigned and code not in _NEVER_SENT
