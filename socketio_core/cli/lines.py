"""Lines of a script: UTF-8, or they are refused with their number and the reason."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final

MAX_LINE_BYTES: Final = 64 << 20  # more than any server takes at once; a line that never ends must end

_UTF_8: Final = ("utf-8", "utf8", "ascii", "us-ascii", "646")  # and names for less of it
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LineError(Exception):
    """A line cannot be read; the text says why."""


class ScriptLines:
    """Reads the lines of a script from a pipe or a file.

    Lines end with `\\n` or `\\r\\n`, the last one also with the input. A byte order mark of UTF-8 is no part of it.
    Latin-1 and its kind are read only if they are what the environment says that text is.

    Args:
        read: returns the next bytes there are, none at the end; may block.
        encoding: what the environment says.

    Attributes:
        number: of the last line that was read, from 1.
    """

    def __init__(self, read: Callable[[], bytes], encoding: str = "utf-8") -> None:
        self._read = read
        self._buffer = bytearray()
        self._encoding = encoding.lower().replace("_", "-")
        self.number = 0

    def read(self) -> str | None:
        """Return the next line without its end; `None` behind the last one.

        Raises:
            LineError: it is too long, no text, or has control characters in it.
        """
        line = self._next_line()
        if not line:
            return None
        self.number += 1
        if len(line) > MAX_LINE_BYTES:
            raise LineError(f"longer than {MAX_LINE_BYTES} bytes")
        if self.number == 1:
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise LineError("UTF-16, save it as UTF-8")
            line = line.removeprefix(codecs.BOM_UTF8)
        text = self._decoded(line.removesuffix(b"\n").removesuffix(b"\r"))
        if found := _CONTROL.search(text):
            raise LineError(f"character U+{ord(found[0]):04X} in column {found.start() + 1}, which no text has in it")
        return text

    def _next_line(self) -> bytes:
        """Return a line with its end, the beginning of one that is too long, or nothing behind the last one."""
        looked_at = 0
        while (end := self._buffer.find(b"\n", looked_at) + 1) == 0:
            looked_at = len(self._buffer)
            data = self._read() if looked_at <= MAX_LINE_BYTES else b""
            if not data:
                end = looked_at
                break
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        return line

    def _decoded(self, line: bytes) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            complaint = f"not UTF-8: byte 0x{line[error.start]:02x} in column {error.start + 1}"
        if self._encoding not in _UTF_8:
            try:
                return line.decode(self._encoding)
            except (UnicodeError, LookupError):
                pass
        raise LineError(complaint)
