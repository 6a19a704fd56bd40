"""wsproto, for the frames that are not plain: such that nothing of it is left to Python's garbage collector."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import final
from weakref import proxy

from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import Extension
from wsproto.frame_protocol import Frame, FrameProtocol


@final
class _Protocol(FrameProtocol):
    """wsproto's (1.3.2) parser is a generator, which knows whose it is, and that knows it.

    With each connection the windows of its compression would wait for the collector, which looks at what is old so
    rarely: 0.3 MB each.
    """

    def _parse_more_gen(self) -> Generator[Frame | None, None, None]:
        return FrameProtocol._parse_more_gen(proxy(self))


@final
class ForeignConnection(Connection):
    """A connection of wsproto's.

    Args:
        extensions: what was agreed on.
        of_server: it is the server's end.
    """

    def __init__(self, extensions: Sequence[Extension], *, of_server: bool) -> None:
        super().__init__(ConnectionType.SERVER if of_server else ConnectionType.CLIENT)
        vars(self._proto).clear()  # it is not needed, and would not be free either
        self._proto = _Protocol(self.client, list(extensions))
