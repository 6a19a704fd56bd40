"""A WebSocket message that arrives in parts, of both roles."""

from __future__ import annotations

from typing import Final

from socketio_core.engineio.message import received_size
from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError

MESSAGE_TOO_BIG: Final = 1009  # RFC 6455, 7.4.1


class Parts(list[Frame]):
    """The parts so far, all text or all bytes.

    None is empty: such parts are legal, say nothing and take no room, so the limit on bytes bounds the others. It is a
    list, so that a host that looks whether anything is there pays for no call.

    Attributes:
        size_bytes: of all of them.
    """

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0

    def add(self, part: Frame, *, is_last: bool) -> Frame | None:
        """Add a part. Returns the whole message once it is there, and forgets it.

        Raises:
            LocalProtocolError: a part of another kind than those before it.
        """
        if not self:
            if is_last:
                return part
        elif type(part) is not type(self[0]):
            raise LocalProtocolError(f"part of another kind than the parts before it: {type(part).__name__}")
        if part:
            self.append(part)
            self.size_bytes += received_size(part)
        if not is_last:
            return None
        whole: Frame
        if isinstance(self[0], str):
            whole = "".join([part for part in self if isinstance(part, str)])
        else:
            whole = b"".join([part for part in self if isinstance(part, bytes)])
        self.clear()
        return whole

    def clear(self) -> None:
        """Forget them."""
        super().clear()
        self.size_bytes = 0
