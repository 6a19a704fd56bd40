"""A WebSocket message that arrives in parts, of both roles."""

from __future__ import annotations

from typing import Final

from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError

MESSAGE_TOO_BIG: Final = 1009  # RFC 6455, 7.4.1
_LONE: Final = "surrogatepass"  # no host can have read one from a wire; the parser refuses it


class Parts(bytearray):
    """The parts so far, all text or all bytes, joined; text in UTF-8.

    A peer may cut a message into parts of one byte, which as objects of their own would take 30 times as much. It is a
    `bytearray`, so that a host that looks whether anything is there pays for no call.
    """

    __slots__ = ("_is_text",)

    @property
    def size_bytes(self) -> int:
        """Of all of them."""
        return len(self)

    def add(self, part: Frame, *, is_last: bool) -> Frame | None:
        """Add a part. Returns the whole message once it is there, and forgets it.

        Raises:
            LocalProtocolError: a part of another kind than those before it.
        """
        is_text = isinstance(part, str)
        if not self:
            if is_last:
                return part
            self._is_text = is_text
        elif is_text is not self._is_text:
            raise LocalProtocolError(f"part of another kind than the parts before it: {type(part).__name__}")
        self.extend(part.encode("utf-8", _LONE) if isinstance(part, str) else part)
        if not is_last:
            return None
        whole: Frame = self.decode("utf-8", _LONE) if is_text else bytes(self)
        self.clear()
        return whole
