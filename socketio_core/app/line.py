"""A connection of a server's own, to what joins it to others: a runtime keeps it, and decides nothing about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Line(Protocol):
    """One connection that is dialed again whenever it breaks, until it `is_over`.

    A runtime is given it with `Runtime.keep`. It dials when `dial_at` has come, calls `dialing`, and `connected` or
    `refused`; hands over what it reads; writes what there is to write; calls `handle_timeout` at `next_deadline`. After
    each of these, and whenever `wake` is called, it looks again: what is to be written, whether the connection is still
    wanted (`wants_connection`), when the next deadline is, whether all is over.

    Attributes:
        wake: set by the runtime; called, in the loop's thread, when there is something new to be seen to.
    """

    wake: Callable[[], None]

    @property
    def host(self) -> str:
        """A name or an address; not used with a `unix_path`."""
        ...

    @property
    def port(self) -> int:
        """The port."""
        ...

    @property
    def unix_path(self) -> str | None:
        """Of a Unix socket."""
        ...

    @property
    def ssl_context(self) -> object:
        """For TLS: an `ssl.SSLContext`; `True` is the system's trust; `None` is no TLS."""
        ...

    @property
    def dial_at(self) -> float | None:
        """When to dial; `None` while there is nothing to dial for."""
        ...

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        ...

    @property
    def wants_connection(self) -> bool:
        """Whether to keep the connection that there is, or is dialed."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether it need not be kept any more: all that was to be said has been handed over, or cannot be."""
        ...

    @property
    def has_to_send(self) -> bool:
        """Whether there is something to be written."""
        ...

    def dialing(self, now: float) -> None:
        """A connection is dialed."""

    def refused(self, why: str, now: float) -> None:
        """There is none; does nothing if it is not wanted any more."""

    def connected(self, now: float) -> None:
        """There is one; does nothing if it is not wanted any more."""

    def receive(self, data: bytes, now: float) -> None:
        """Take what was read; `b""` at the end."""

    def lost(self, why: str, now: float) -> None:
        """The connection broke."""

    def data_to_send(self, now: float) -> bytes:
        """Take what is to be written; `b""` if nothing is."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
