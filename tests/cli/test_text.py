"""What strangers wrote, made harmless for a terminal."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import unicodedata

import pytest

from socketio_core.cli.text import SafeFormatter, safe, shorten, stamp


@pytest.mark.parametrize(
    "text", ["", "hi there", "Zoë 你好 😀", "مرحبا שלום", "e\u0301", "wide\u3000space\u00a0too", "❤\ufe0f", "a\\x1bb"]
)
def test_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("one\ntwo\r\tthree\x00\x7f", r"one\x0atwo\x0d\x09three\x00\x7f"),
        ("\x85\x9b2J", r"\u0085\u009b2J"),  # C1, which some terminals obey as they do ESC [
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202ecod.exe\u2066\u200f", r"\u202ecod.exe\u2066\u200f"),
        ("a\u200b\u200c\u200d\u2060\ufeffb\u00ad", r"a\u200b\u200c\u200d\u2060\ufeffb\u00ad"),
        ("\ud800 \udfff", r"\ud800 \udfff"),
        ("\u3164\u115f\u2800\u034f\ufe0e", r"\u3164\u115f\u2800\u034f\ufe0e"),
        ("Ann\ufe0f", r"Ann\ufe0f"),
        ("\U000e0041\U000e0100", r"\udb40\udc41\udb40\udd00"),
        ("\ufff9\U0001d173", r"\ufff9\ud834\udd73"),
    ],
)
def test_what_is_obeyed_or_not_seen_is_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_nothing_at_all_gets_through_that_is_no_character_to_see() -> None:
    for code in (*range(0x20000), *range(0xE0000, 0xE0200), *range(sys.maxunicode - 0x100, sys.maxunicode + 1)):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp"):
            assert safe(character).isascii(), hex(code)


def test_escapes_in_json_stay_json() -> None:
    text = "\u0085\u202e\u3164\U000e0041"
    assert json.loads(safe(json.dumps(text, ensure_ascii=False))) == text


def test_long_text_is_shortened() -> None:
    assert shorten("x" * 10, 10) == "x" * 10
    assert shorten("x" * 11, 10) == "xxxxxxxxxx… (11 characters)"


def test_of_a_long_record_the_beginning_is_made_safe() -> None:
    """All of it takes a second for each 5 million characters, and a server may send them."""
    record = logging.makeLogRecord({"msg": "\u200b" * 1_000_000})
    assert SafeFormatter("%(message)s").format(record) == "\\u200b" * 10_000 + "… (1000000 characters)"


def test_stamp_is_a_time() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} a\\x1b", stamp("a\x1b"))


def test_log_records_are_one_line_each_and_tracebacks_have_their_own() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SafeFormatter("%(message)s"))
    logger = logging.getLogger("tests.cli.test_text")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise ValueError("\x1b[31mred\u202e")
    except ValueError:
        logger.exception("evil\nname %s", "\u2028")
    first, *traceback = stream.getvalue().splitlines()
    assert first == r"evil\x0aname \u2028"
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[-1] == r"ValueError: \x1b[31mred\u202e"
