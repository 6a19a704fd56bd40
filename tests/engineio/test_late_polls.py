"""The GET that a client has sent beside the `1` with which it leaves: the same answer, whichever arrives first."""

from __future__ import annotations

import pytest

from socketio_core.cors import Cors
from socketio_core.engineio.late_polls import LATE_POLL_S, MAX_LATE_POLLS
from socketio_core.settings import EngineSettings
from socketio_core.testing import Refused, WireClient
from tests.engineio.scene import Scene, parts

UNKNOWN = (400, b'{"code":1,"message":"Session ID unknown"}')
LEFT = "<closed: transport close>"


def ask(
    scene: Scene, client: WireClient, method: str = "GET", query: dict[str, str | None] | None = None
) -> tuple[int, bytes]:
    """Make a request of a session that is over; return status and body."""
    status, _, body = scene.respond(client.make_request(method, query=query))
    return status, body


def left(scene: Scene) -> WireClient:
    """Return a client that has left, and whose poll has not arrived."""
    client = scene.client()
    assert client.post("1").status == 200
    assert scene.reports() == [LEFT]
    return client


def test_a_poll_is_answered_alike_before_and_behind_the_end() -> None:
    scene = Scene(extra_headers=[(b"x-own", b"1")], cors=Cors(origins=["https://a.example"]))
    first, second = scene.client(), scene.client()
    poll = first.poll()
    first.post("1")
    second.post("1")
    late = parts(scene.engine.handle_request(second.make_request(), scene.now, None).response)  # type: ignore[union-attr]
    assert late == parts(poll.response)
    assert late[2] == b"6"


def test_one_poll_only() -> None:
    scene = Scene()
    client = left(scene)
    assert ask(scene, client) == (200, b"6")
    assert ask(scene, client) == UNKNOWN


def test_none_behind_a_poll_that_was_there() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    client.post("1")
    assert parts(poll.response)[2] == b"6"
    assert ask(scene, client) == UNKNOWN


def test_it_is_awaited_as_long_as_any_that_follows_another() -> None:
    assert EngineSettings().poll_grace_s == LATE_POLL_S


def test_for_a_moment_only() -> None:
    scene = Scene()
    early, late, last = left(scene), left(scene), left(scene)
    scene.wait(LATE_POLL_S - 0.125)
    assert ask(scene, early) == (200, b"6")
    newer = left(scene)
    scene.wait(0.125)
    assert ask(scene, late) == UNKNOWN
    assert ask(scene, last) == UNKNOWN
    scene.clock.advance(LATE_POLL_S - 0.125)
    assert scene.engine.next_deadline is None  # nothing has to happen by itself
    assert ask(scene, newer) == UNKNOWN


def test_what_else_is_late_is_refused_and_takes_nothing_from_the_poll() -> None:
    """As in the reference."""
    scene = Scene()
    client = left(scene)
    for method in ("POST", "PUT", "HEAD", "OPTIONS", "DELETE"):
        assert ask(scene, client, method)[0] == 400
    queries: list[dict[str, str | None]] = [{"EIO": "3"}, {"EIO": None}, {"transport": "websocket"}]
    for query in queries:
        assert ask(scene, client, query=query) == UNKNOWN
    with pytest.raises(Refused, match="400 b'Session ID unknown'"):
        client.open_websocket()
    assert ask(scene, client) == (200, b"6")


@pytest.mark.parametrize("answer", ["2", "", "0", "zz"])
def test_whom_the_server_put_out_gets_no_such_answer(answer: str) -> None:
    scene = Scene()
    client = scene.client()
    client.post(answer)
    assert ask(scene, client) == UNKNOWN


def test_nor_who_left_on_a_websocket() -> None:
    for frames in (["1"], []):
        scene = Scene()
        client = scene.client()
        client.upgrade()
        client.send(*frames)
        scene.socket(client).drop()
        assert client.session is None
        assert ask(scene, client, query={"transport": "polling"}) == UNKNOWN


def test_who_leaves_a_session_that_is_closing() -> None:
    scene = Scene()
    client = scene.client()
    session = scene.session(client)
    session.send("bye", scene.now)
    session.close(scene.now)
    client.post("1")
    assert session.is_closed
    assert ask(scene, client) == (200, b"6")


def test_who_leaves_while_a_candidate_probes() -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    candidate.send("2probe")
    client.post("1")
    assert not candidate.is_open
    assert ask(scene, client) == (200, b"6")


def test_of_too_many_the_first_are_forgotten() -> None:
    scene = Scene()
    clients = [left(scene) for _ in range(MAX_LATE_POLLS + 2)]
    assert [ask(scene, client)[0] for client in clients[:3]] == [400, 400, 200]
    assert ask(scene, clients[-1]) == (200, b"6")
