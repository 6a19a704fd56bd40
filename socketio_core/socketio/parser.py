"""What a parser is: how packets become messages and back. Both ends must use the same one. Spec: PROTOCOL 4.9.

One that fails in another way than it may, or returns something else, costs the call or the connection that it was
needed for, and is logged; see `guard`.
"""

from __future__ import annotations

from typing import Protocol

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.socketio.packet import Packet


class Decoder(Protocol):
    """Turns the messages of one connection into packets; it keeps what a packet still lacks."""

    def feed(self, payload: Payload) -> Packet | None:
        """Take one message. Returns the packet that it completes, or `None` when attachments are to follow.

        Raises:
            PacketError: the message is malformed, or is not what must follow; the decoder is of no more use then.
        """


class Parser(Protocol):
    """Encodes packets, and makes a decoder for each connection. One parser serves a whole server."""

    def encode(self, packet: Packet) -> WireMessage:
        """Encode `packet` once for all its recipients.

        Raises:
            LocalProtocolError: the data cannot be encoded.
        """
        ...

    def decoder(self) -> Decoder:
        """Return the decoder of a new connection."""
        ...
