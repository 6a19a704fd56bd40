"""Lines of scripts: what is read, and what is refused with its number."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from socketio_core.cli.lines import MAX_LINE_BYTES, LineError, ScriptLines


def source(chunks: Iterable[bytes]) -> Callable[[], bytes]:
    remaining = iter(chunks)
    return lambda: next(remaining, b"")


def all_of(lines: ScriptLines) -> list[str]:
    return list(iter(lines.read, None))


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\r\nb\r\n", ["a", "", "b"]),
        (b"a\tb", ["a\tb"]),
        (b"\xef\xbb\xbfa\nb", ["a", "b"]),
        (b"\xef\xbb\xbf", [""]),
        ("é\u2028ü 😀\n".encode(), ["é\u2028ü 😀"]),
    ],
)
def test_lines_are_read_however_they_come(data: bytes, lines: list[str], size: int) -> None:
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert all_of(ScriptLines(source(chunks))) == lines


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"caf\xe9", "not UTF-8: byte 0xe9 in column 4"),
        (b"\xed\xa0\x80", "not UTF-8: byte 0xed in column 1"),  # a surrogate, encoded
        (b"\xc3", "not UTF-8: byte 0xc3 in column 1"),
        (b"a\0b", r"character U\+0000 in column 2"),
        (b"a\rb", r"character U\+000D in column 2"),
        (b"\x1b[2J", r"character U\+001B in column 1"),
        (b"a\xc2\x85", r"character U\+0085 in column 2"),
        (b"a\r\r", r"character U\+000D in column 2"),
    ],
)
def test_what_is_no_text_is_refused_with_its_number(line: bytes, complaint: str) -> None:
    lines = ScriptLines(source([b"good\n" + line + b"\nnext\n"]))
    assert lines.read() == "good"
    with pytest.raises(LineError, match=complaint):
        lines.read()
    assert lines.number == 2
    assert lines.read() == "next"


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_named(mark: bytes) -> None:
    with pytest.raises(LineError, match="UTF-16"):
        ScriptLines(source([mark + b"a\0"])).read()


@pytest.mark.parametrize(("encoding", "text"), [("latin-1", "é\x80"), ("CP1252", "é€"), ("iso8859_15", "é")])
def test_environment_may_say_another_encoding(encoding: str, text: str) -> None:
    line = text.removesuffix("\x80")
    assert ScriptLines(source([line.encode(encoding)]), encoding).read() == line
    assert ScriptLines(source([line.encode()]), encoding).read() == line


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "UTF_8", "cp1252", "no-such-encoding"])
def test_what_is_no_text_in_that_either_is_refused(encoding: str) -> None:
    with pytest.raises(LineError, match="not UTF-8: byte 0x81"):
        ScriptLines(source([b"\x81"]), encoding).read()


def test_line_without_end_ends() -> None:
    chunk = bytes(1 << 20)
    taken = 0

    def endless() -> bytes:
        nonlocal taken
        taken += len(chunk)
        return chunk

    with pytest.raises(LineError, match=f"longer than {MAX_LINE_BYTES} bytes"):
        ScriptLines(endless).read()
    assert taken <= MAX_LINE_BYTES + len(chunk)
