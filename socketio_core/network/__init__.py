"""What adapters with sockets of their own share, on any event loop; an adapter itself, which may know sockets."""

from __future__ import annotations
