"""Every limit of the engine at one less, exactly, and one more; and that nobody else notices. PROTOCOL 1.11, 6."""

from __future__ import annotations

import pytest

from socketio_core.engineio import WireMessage
from socketio_core.engineio.packet import Frame, Payload
from socketio_core.errors import LocalProtocolError
from socketio_core.testing import WireClient
from tests.engineio.scene import Scene, parts

TOO_LARGE = (413, {"content-length": "0"}, b"")


def assert_works(scene: Scene, client: WireClient) -> None:
    """Assert that a session goes on as if nothing had happened."""
    client.send("4on")
    scene.session(client).send("and on", scene.now)
    assert (scene.reports(), client.fetch()) == (["on"], ["and on"])
    scene.check()


# -- max_payload_bytes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 7, 100])
@pytest.mark.parametrize(("size", "fits"), [(49, True), (50, True), (51, False), (90, False)])
def test_a_body_over_the_limit_gets_413_and_harms_nobody(size: int, chunk: int, *, fits: bool) -> None:
    """PROTOCOL 1.4, 9-8: counted as it arrives, in bytes."""
    scene = Scene(max_payload_bytes=50)
    client = scene.client()
    post = client.begin_post()
    text = "é" * ((size - 1) // 2) + "x" * ((size - 1) % 2)
    body = ("4" + text).encode()
    wanted = [post.feed(body[at : at + chunk]) for at in range(0, size, chunk)]
    assert all(wanted) == fits
    response = parts(post.finish())
    assert (response == TOO_LARGE, response[0] == 200) == (not fits, fits)
    assert scene.reports() == ([text] if fits else [])
    assert_works(scene, client)


def test_an_oversized_body_of_a_session_that_ended_gets_413_too() -> None:
    scene = Scene(max_payload_bytes=50)
    client = scene.client()
    post = client.begin_post()
    assert not post.feed(b"x" * 51)
    scene.session(client).abort(scene.now)
    assert parts(post.finish()) == TOO_LARGE
    scene.check_empty()


@pytest.mark.parametrize(
    ("length", "fits"),
    [
        (b"49", True),
        (b"50", True),
        (b"51", False),
        (b"1000000", False),
        (b"9" * 18, False),
        (b"9" * 5000, False),  # more digits than `int` takes
        (b"0" * 20 + b"1", False),
        (b"", True),
        (b"-1", True),
        (b"5, 5", True),
        (b"\xb2", True),  # SUPERSCRIPT TWO is a digit to `str.isdigit`
        (b"51 ", False),
    ],
)
def test_a_declared_length_over_the_limit_gets_413_before_the_body(length: bytes, *, fits: bool) -> None:
    """What is no number is the host's to refuse; the body is counted anyway."""
    scene = Scene(max_payload_bytes=50)
    client = scene.client()
    headers = [(b"content-length", length)]
    if fits:
        post = client.begin_post(headers)
        post.feed(b"4x")
        assert post.finish().status == 200
        assert scene.reports() == ["x"]
    else:
        assert scene.respond(client.make_request("POST", headers=headers)) == TOO_LARGE
    assert_works(scene, client)


@pytest.mark.parametrize(
    ("frame", "fits"),
    [
        ("4" + "x" * 48, True),
        ("4" + "x" * 49, True),
        ("4" + "x" * 50, False),
        ("4" + "é" * 24, True),
        ("4" + "é" * 24 + "x", True),
        ("4" + "é" * 25, False),
        ("4" + "😀" * 12, True),
        ("4" + "😀" * 13, False),
        (b"x" * 49, True),
        (b"x" * 50, True),
        (b"x" * 51, False),
        ("b" + "AAAA" * 12, True),
        ("b" + "AAAA" * 13, False),
    ],
)
def test_a_websocket_message_over_the_limit_ends_with_1009(frame: Frame, *, fits: bool) -> None:
    """PROTOCOL 1.11."""
    scene = Scene(max_payload_bytes=50)
    client = scene.client("websocket")
    client.send(frame)
    if fits:
        assert len(scene.reports()) == 1
        assert_works(scene, client)
        return
    assert scene.reports() == ["<closed: transport error: message too large, max_payload_bytes: 50>"]
    assert (scene.socket(client).is_open, scene.socket(client).close_code) == (False, 1009)
    scene.check_empty()


# -- max_packets_per_payload -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("packets", "status"), [(1, 200), (99, 200), (100, 200), (101, 400), (500, 400)])
def test_ok_means_that_every_packet_was_accepted(packets: int, status: int) -> None:
    scene = Scene(max_packets_per_payload=100)
    client = scene.client()
    response = client.post(*[f"4{number}" for number in range(packets)])
    delivered: list[str | bytes] = [str(number) for number in range(min(packets, 100))]
    if status == 400:
        delivered.append("<closed: parse error: too many packets in one payload, max_packets_per_payload: 100>")
    assert (response.status, scene.reports()) == (status, delivered)


def test_ten_thousand_packets_fit_by_default() -> None:
    scene = Scene()
    client = scene.client()
    assert client.post(*["4"] * 10_000).status == 200
    assert len(scene.reports()) == 10_000
    assert client.post(*["4"] * 10_001).status == 400


# -- max_buffered_bytes and max_buffered_messages ----------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("limit", ["bytes", "messages"])
def test_a_slow_peer_is_closed_at_the_limit_and_others_do_not_notice(limit: str, transport: str) -> None:
    settings = (
        {"max_buffered_bytes": 100, "high_water_bytes": 50} if limit == "bytes" else {"max_buffered_messages": 10}
    )
    scene = Scene(**settings)
    slow, quick, other = scene.client(transport), scene.client(transport), scene.client("websocket")
    if transport == "websocket":
        scene.socket(slow).is_reading = False
    message = WireMessage(("4" + "x" * 9,))
    session = scene.session(slow)
    for number in range(1, 11):
        assert session.put(message)
        assert session.buffered_bytes == 10 * number
        for client in (quick, other):
            assert scene.session(client).put(message)
            assert client.fetch() == ["x" * 9]
    assert scene.reports() == []
    scene.check()
    assert not session.put(WireMessage(("4",)))
    named = "max_buffered_bytes: 100" if limit == "bytes" else "max_buffered_messages: 10"
    buffered = f"11 messages, 101 bytes buffered, {named}"
    assert scene.reports() == [f"<closed: transport error: peer reads too slowly: {buffered}>"]
    assert (session.buffered_bytes, session.put(message)) == (0, False)
    if transport == "websocket":
        scene.socket(slow).is_reading = True
        assert (slow.take(), scene.socket(slow).is_open) == ([], False)
    for client in (quick, other):
        assert_works(scene, client)


def test_a_slow_peer_with_a_parked_poll_is_told() -> None:
    scene = Scene(max_buffered_messages=2)
    client = scene.client()
    poll, session = client.poll(), scene.session(client)
    assert [session.send(text, scene.now) for text in "abc"] == [True, True, False]
    assert parts(poll.response)[2] == b"1"
    scene.check_empty()


def test_a_ping_may_be_what_breaks_the_limit() -> None:
    scene = Scene(max_buffered_messages=1)
    client = scene.client()
    scene.session(client).send("x", scene.now)
    scene.wait(100)
    assert scene.reports() == [
        "<closed: transport error: peer reads too slowly: 2 messages, 3 bytes buffered, max_buffered_messages: 1>"
    ]
    scene.check_empty()


def test_what_was_taken_no_longer_counts() -> None:
    scene = Scene(max_buffered_messages=2)
    client = scene.client("websocket")
    for _ in range(10):
        assert scene.session(client).send("x", scene.now)
        assert client.take() == ["4x"]


# -- max_packets_per_poll ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "bodies"),
    [
        (None, [b"4a\x1e4b\x1e4c\x1e4d\x1e4e"]),
        (2, [b"4a\x1e4b", b"4c\x1e4d", b"4e"]),
        (4, [b"4a\x1e4b\x1e4c\x1e4d", b"4e"]),
        (5, [b"4a\x1e4b\x1e4c\x1e4d\x1e4e"]),
        (6, [b"4a\x1e4b\x1e4c\x1e4d\x1e4e"]),
    ],
)
def test_a_poll_holds_so_many_packets(limit: int | None, bodies: list[bytes]) -> None:
    scene = Scene(max_packets_per_poll=limit)
    client = scene.client()
    poll = client.poll()
    for text in "abcde":
        scene.session(client).send(text, scene.now)
    assert [parts(poll.response)[2], *[scene.poll(client) for _ in bodies[1:]]] == bodies
    assert client.poll().response is None
    scene.check()


def test_a_message_of_many_frames_is_not_torn_for_the_limit() -> None:
    scene = Scene(max_packets_per_poll=2)
    client = scene.client()
    scene.session(client).send("a", scene.now)
    scene.session(client).put(WireMessage(("452-[]", b"1", b"2")))
    scene.session(client).send("b", scene.now)
    assert [scene.poll(client) for _ in range(3)] == [b"4a", b"452-[]\x1ebMQ==\x1ebMg==", b"4b"]


@pytest.mark.parametrize("is_parked", [False, True])
@pytest.mark.parametrize(
    ("limit", "bodies"),
    [
        (None, [b"4a\x1e4b\x1e4c", b"6\x1e1"]),
        (2, [b"4a\x1e4b", b"4c", b"6\x1e1"]),
        (3, [b"4a\x1e4b\x1e4c", b"6\x1e1"]),
    ],
)
def test_an_orderly_close_takes_as_many_polls_as_it_needs(
    limit: int | None, bodies: list[bytes], *, is_parked: bool
) -> None:
    scene = Scene(max_packets_per_poll=limit)
    client = scene.client()
    session = scene.session(client)
    poll = client.poll() if is_parked else None
    for text in "abc":
        session.send(text, scene.now)
    session.close(scene.now)
    scene.wait(29)
    seen = [parts((poll or client.poll()).response)[2]]
    seen += [scene.poll(client) for _ in bodies[1:]]
    assert seen == bodies
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_an_orderly_close_that_takes_too_long_is_cut_off() -> None:
    scene = Scene(max_packets_per_poll=2)
    client = scene.client()
    for text in "abcdefgh":
        scene.session(client).send(text, scene.now)
    scene.session(client).close(scene.now)
    scene.wait(29)
    assert scene.poll(client) == b"4a\x1e4b"
    scene.wait(1)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


@pytest.mark.parametrize(("texts", "body"), [("ab", b"4a\x1e1"), ("a", b"4a\x1e1"), ("", b"1")])
def test_a_failure_too_keeps_within_the_limit(texts: str, body: bytes) -> None:
    scene = Scene(max_packets_per_poll=2)
    client = scene.client()
    poll, post = client.poll(), client.begin_post()
    for text in texts:
        scene.session(client).send(text, scene.now)
    post.feed(b"9")
    post.finish()
    assert parts(poll.response)[2] == body
    scene.check_empty()


# -- when nobody should add to what waits -----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    ("sizes", "is_over"),
    [((), False), ((100,), False), ((101,), True), ((50, 51), True), ((2,) * 5, False), ((2,) * 6, True)],
)
def test_high_water_counts_bytes_and_messages(transport: str, sizes: tuple[int, ...], *, is_over: bool) -> None:
    scene = Scene(high_water_bytes=100, max_buffered_messages=10)
    session = scene.session(scene.client(transport))
    for size in sizes:  # a byte of each says that it is a message
        assert session.send("x" * (size - 1), scene.now)
    assert session.is_over_high_water is is_over


# -- one message that no buffer holds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("payload", ["x" * 100, "é" * 50, b"x" * 101])
def test_a_message_that_no_buffer_holds_is_the_senders_mistake(payload: Payload, transport: str) -> None:
    scene = Scene(max_buffered_bytes=100, high_water_bytes=100)
    client = scene.client(transport)
    session = scene.session(client)
    session.send("before", scene.now)
    with pytest.raises(LocalProtocolError, match="message is larger than max_buffered_bytes: 101 bytes, limit: 100"):
        session.send(payload, scene.now)
    assert session.send("x" * 92, scene.now)
    assert client.fetch() == ["before", "x" * 92]
    assert session.send("x" * 99, scene.now)
    assert client.fetch() == ["x" * 99]
    assert_works(scene, client)


def test_a_message_that_no_buffer_holds_is_nothing_to_a_session_that_is_over() -> None:
    scene = Scene(max_buffered_bytes=100, high_water_bytes=100)
    session = scene.session(scene.client("websocket"))
    session.close(scene.now)
    assert not session.send("x" * 1000, scene.now)


def test_what_the_protocol_itself_says_raises_nothing() -> None:
    """A limit that makes no sense closes sessions; a client must not be able to make calls raise."""
    scene = Scene(max_buffered_bytes=1, high_water_bytes=1)
    client = scene.client("websocket")
    assert scene.session(client).put(WireMessage(("40",)), is_control=True) is False
    assert scene.reports() == [
        "<closed: transport error: peer reads too slowly: 1 messages, 2 bytes buffered, max_buffered_bytes: 1>"
    ]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_initial_packet_may_be_as_large_as_the_buffer(transport: str) -> None:
    scene = Scene(max_buffered_bytes=100, high_water_bytes=100, initial_packet="x" * 99)
    client = scene.client(transport)
    assert client.fetch() == ["x" * 99]
    assert_works(scene, client)
