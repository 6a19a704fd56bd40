"""One packet and its frame. PROTOCOL 1.1."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socketio_core.engineio.packet import PACKET_TYPES, Frame, Payload, decode_frame, message_frame
from socketio_core.engineio.payload import polling_form
from socketio_core.errors import PacketError

GOOD: list[tuple[Frame, str, Payload]] = [
    ("0", "0", ""),
    ('0{"sid":"a"}', "0", '{"sid":"a"}'),
    ("1", "1", ""),
    ("2", "2", ""),
    ("2probe", "2", "probe"),
    ("3", "3", ""),
    ("3probe", "3", "probe"),
    ("4", "4", ""),
    ("4hello", "4", "hello"),
    ("44", "4", "4"),
    ("4b", "4", "b"),
    ("4€ 😀", "4", "€ 😀"),
    ("5", "5", ""),
    ("6", "6", ""),
    ("6more", "6", "more"),
    (b"", "4", b""),
    (b"\x00\x01\xff", "4", b"\x00\x01\xff"),
    (b"4hello", "4", b"4hello"),
    ("b", "4", b""),
    ("bAQIDBA==", "4", b"\x01\x02\x03\x04"),
    ("bAQID", "4", b"\x01\x02\x03"),
    ("bAQID\n", "4", b"\x01\x02\x03"),  # as Node's Buffer reads all of these
    ("bAQ\r\n ID\t\f", "4", b"\x01\x02\x03"),
    ("b\n", "4", b""),
    ("bAQ", "4", b"\x01"),
    ("bAQI", "4", b"\x01\x02"),
    ("bAQ==\n", "4", b"\x01"),
    ("bAQ\n==", "4", b"\x01"),
    ("b_-8=", "4", b"\xff\xef"),  # the alphabet for URLs
    ("b_-8", "4", b"\xff\xef"),
]

BAD: list[tuple[str, str]] = [
    ("", "empty packet"),
    ("7", "unknown packet type: '7'"),
    ("9hello", "unknown packet type: '9'"),
    ("hello", "unknown packet type: 'h'"),
    ("B", "unknown packet type: 'B'"),
    (" 4", "unknown packet type: ' '"),
    ("-1", "unknown packet type: '-'"),
    ("٣", "unknown packet type: '٣'"),  # ARABIC-INDIC DIGIT THREE
    ("４x", "unknown packet type: '４'"),  # FULLWIDTH DIGIT FOUR
    ("\x1e", "unknown packet type: '\\x1e'"),
    ("\udc80", "unknown packet type: '\\udc80'"),
    ("bA", "malformed base64"),
    ("bAQ=", "malformed base64"),
    ("bAQ==AQ==", "malformed base64"),
    ("bAQ==AQID", "malformed base64"),
    ("bAQ\x00ID", "malformed base64"),
    ("bAQ\xa0ID", "malformed base64"),
    ("bAQ!ID", "malformed base64"),
    ("b\nA\n", "malformed base64"),
    ("b=", "malformed base64"),
    ("béééé", "malformed base64"),
    ("b\ud800AAA", "malformed base64"),
]


@pytest.mark.parametrize(("frame", "kind", "data"), GOOD)
def test_decodes_every_kind_of_packet(frame: Frame, kind: str, data: Payload) -> None:
    decoded = decode_frame(frame)
    assert decoded == (kind, data)
    assert type(decoded[1]) is type(data)


@pytest.mark.parametrize(("frame", "message"), BAD)
def test_refuses_what_is_no_packet(frame: str, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_frame(frame)
    assert str(caught.value).startswith(message)


def test_error_does_not_repeat_the_input() -> None:
    for frame in ("x" * 1000, "b" + "!" * 1000):
        with pytest.raises(PacketError) as caught:
            decode_frame(frame)
        assert len(str(caught.value)) < 120


@pytest.mark.parametrize(("payload", "frame"), [("", "4"), ("hi", "4hi"), (b"", b""), (b"4hi", b"4hi")])
def test_encodes_messages(payload: Payload, frame: Frame) -> None:
    assert message_frame(payload) == frame


@given(st.text() | st.binary())
def test_a_message_comes_back_from_its_frame(payload: Payload) -> None:
    assert decode_frame(message_frame(payload)) == ("4", payload)


@given(st.text() | st.binary())
def test_a_message_comes_back_from_its_polling_form(payload: Payload) -> None:
    assert decode_frame(polling_form(message_frame(payload))) == ("4", payload)


@given(st.text(alphabet=st.characters(exclude_categories=[])) | st.binary() | st.from_regex(r"\Ab[\w+/=]*\Z"))
@example("b" + b64encode(b"x" * 99).decode())
def test_decoding_raises_nothing_but_packet_error(frame: Frame) -> None:
    try:
        kind, _ = decode_frame(frame)
    except PacketError:
        assert isinstance(frame, str)
        assert frame[:1] not in PACKET_TYPES or frame == ""
    else:
        assert kind in PACKET_TYPES
