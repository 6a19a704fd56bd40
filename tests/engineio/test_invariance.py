"""It does not matter how packets travel: grouping, chunking and transport give the same events. And nothing raises."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.cors import Cors
from socketio_core.engineio import Park, ReadBody, Respond, Upgrade
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.payload import encode_payload
from socketio_core.http import Request
from socketio_core.testing import Refused
from tests.effort import examples
from tests.engineio.scene import Scene

PACKETS: st.SearchStrategy[list[Frame]] = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1e"), max_size=5).map(
            lambda text: "4" + text
        ),
        st.binary(max_size=5),
        st.sampled_from(["3", "6", "bAP8=", "4", "4€"]),
        st.sampled_from(["0", "1", "2", "2probe", "5", "9", "b!", ""]),
    ),
    min_size=1,
    max_size=12,
)
CUTS = st.lists(st.integers(1, 4), min_size=12, max_size=12)


def over_websocket(packets: list[Frame], cuts: list[int]) -> list[str | bytes]:
    scene = Scene()
    scene.client("websocket").send(*packets)
    return scene.reports()


def over_polling(packets: list[Frame], cuts: list[int]) -> list[str | bytes]:
    """Post the packets in groups, each body in chunks."""
    scene = Scene()
    client = scene.client()
    rest = list(packets)
    try:
        for size in cuts:
            group, rest = rest[:size], rest[size:]
            if not group:
                break
            post, body = client.begin_post(), encode_payload(group)
            for at in range(0, len(body), size):
                post.feed(body[at : at + size])
            post.finish()
    except Refused:
        assert scene.engine.session_count == 0
    return [report for report in scene.reports() if not str(report).startswith("<refused")]


def across_an_upgrade(packets: list[Frame], cuts: list[int]) -> list[str | bytes]:
    """Post some, upgrade, and send the others."""
    scene = Scene()
    client = scene.client()
    try:
        for packet in packets[: cuts[0]]:
            client.send(packet)
        client.upgrade().send(*packets[cuts[0] :])
    except Refused:
        assert scene.engine.session_count == 0
    return [report for report in scene.reports() if report != "<upgraded>" and not str(report).startswith("<refused")]


@given(PACKETS, CUTS)
@settings(max_examples=examples(100))
def test_the_same_packets_give_the_same_events(packets: list[Frame], cuts: list[int]) -> None:
    expected = over_websocket(packets, cuts)
    assert over_polling(packets, cuts) == expected
    assert across_an_upgrade(packets, cuts) == expected


# -- anything at all: no request raises --------------------------------------------------------------------------------

NASTY = st.text(alphabet=st.characters(exclude_categories=[]), max_size=6)
VALUES = st.sampled_from(["4", "3", "polling", "websocket", "sid-1", "sid-2", ""]) | NASTY
FIELDS = st.lists(st.tuples(st.sampled_from(["EIO", "transport", "sid", "j", "b64"]), VALUES), max_size=5)
TARGETS = st.one_of(
    FIELDS.map(lambda fields: "/engine.io/?" + "&".join(f"{name}={value}" for name, value in fields)),
    NASTY,
    NASTY.map(lambda text: f"http://host/engine.io/?EIO=4&transport=polling&{text}"),
)
NAMES = st.sampled_from(
    [
        b"Origin",
        b"Host",
        b"Upgrade",
        b"Connection",
        b"Content-Length",
        b"Content-Type",
        b"Accept-Encoding",
        b"User-Agent",
    ]
)
HEADERS = st.lists(
    st.tuples(
        NAMES,
        st.sampled_from([b"websocket", b"Upgrade", b"here", b"http://here", b"99", b"gzip;q=nan"])
        | st.binary(max_size=9),
    ),
    max_size=5,
)
METHODS = st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT"]) | NASTY


@given(st.lists(st.tuples(METHODS, TARGETS, HEADERS), max_size=6), st.booleans())
@settings(max_examples=examples(100))
def test_no_request_raises(requests: list[tuple[str, str, list[tuple[bytes, bytes]]]], has_cors: bool) -> None:  # noqa: FBT001
    scene = Scene(max_sessions=4, cors=Cors(origins=["http://here"]) if has_cors else None)
    scene.client()
    scene.client("websocket")
    for method, target, headers in requests:
        request = Request(method, target, headers, scheme="http")
        scene.engine.owns(request)
        scene.engine.is_handshake(request)
        match scene.engine.handle_request(request, scene.now, None):
            case Respond(response):
                assert response.status in (200, 204, 400, 403, 413, 426, 500, 503)
            case ReadBody(post):
                post.feed(b"4x")
                assert scene.engine.finish_post(post, scene.now).status in (200, 400)
            case Park(poll):
                scene.engine.lost(poll, scene.now)
            case Upgrade(websocket):
                scene.engine.receive(websocket, "2probe", scene.now)
                scene.engine.lost(websocket, scene.now)
        scene.reports()
        scene.check()
    scene.engine.close(scene.now)
    scene.check_empty()
