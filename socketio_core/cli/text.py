"""Text of strangers in one line that a terminal shows, and obeys in nothing. Imports the standard library alone."""

from __future__ import annotations

import logging
import re
import time
import unicodedata
from types import TracebackType
from typing import Final

MAX_SHOWN_CHARS: Final = 10_000  # of one line on a terminal: more of it nobody reads, and a server may send 100 MB

# Letters and marks to Unicode and to Python, nothing to the eye (Default_Ignorable_Code_Point, and the empty Braille
# cell). U+FE0F is left where it makes a picture of a symbol.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0e\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
    "|(?<![\u2000-\u32ff\U0001f000-\U0001faff])\ufe0f"
)


def safe(text: str) -> str:
    r"""Return text in one line, with escapes for all that a terminal would obey and all that nobody would see.

    Those are controls, such as `\x1b`, line ends, marks that change the direction, such as `\u202e`, characters
    without width, and lone surrogates. Behind ASCII they are the escapes of JSON, so a JSON string stays one.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _BLANK.sub(lambda found: _escape(found[0]), text)
    return "".join([character if _is_shown(character) else _escape(character) for character in text])


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # a wide space is one to see


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    return "".join([_escape(half) for half in (chr(0xD7C0 + (code >> 10)), chr(0xDC00 + (code & 0x3FF)))])


def shorten(text: str, max_chars: int = MAX_SHOWN_CHARS) -> str:
    """Return the beginning of a text that is too long for a person, and how long all of it is."""
    return text if len(text) <= max_chars else f"{text[:max_chars]}… ({len(text)} characters)"


def stamp(text: str) -> str:
    """Return a safe line with the time in front."""
    now = time.time()
    return f"{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now % 1 * 1000):03d} {safe(text)}"


class SafeFormatter(logging.Formatter):
    """Formats log records for a terminal: a message is one line, whatever a stranger put into it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """See `logging.Formatter`."""
        return safe(shorten(super().formatMessage(record)))

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """See `logging.Formatter`."""
        return "\n".join(map(safe, super().formatException(ei).split("\n")))


def show_log(level: int, line: str) -> None:
    """Have the log shown, from a level on, in lines of a form as `logging.Formatter` takes it."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter(line))
    logging.basicConfig(level=level, handlers=[handler])


def show_log_of_service(name: str = "", *, verbose: bool) -> None:
    """Have the log of what serves shown; `name` tells apart who writes to the same terminal."""
    show_log(logging.INFO if verbose else logging.WARNING, f"%(asctime)s %(levelname)s {name}%(name)s: %(message)s")
