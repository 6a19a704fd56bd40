"""A hook or an id factory that fails is the caller's fault, and changes nothing."""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

import pytest

from socketio_core.cors import Cors
from socketio_core.engineio import Engine, RequestRefused
from socketio_core.http import Headers, Request
from socketio_core.settings import EngineSettings
from socketio_core.testing import FakeClock, Refused, WireClient
from tests.engineio.scene import Scene, status_of

# -- a failing hook or id factory is the caller's fault, and changes nothing -------------------------------------------


class BrokenError(Exception):
    """Raised by the application's function below."""


def broken(*_: object) -> NoReturn:
    raise BrokenError


@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize(
    "settings", [{"extra_headers": broken, "cors": Cors(origins="*")}, {"cors": Cors(origins=broken)}]
)
def test_a_handshake_that_raises_leaves_nothing_behind(settings: dict[str, Any], *, upgrade: bool) -> None:
    scene = Scene(**settings)
    request = scene.stranger(headers=[(b"host", b"here"), (b"origin", b"http://other")]).make_request(upgrade=upgrade)
    scene.engine.is_handshake(request)
    assert status_of(scene.engine.handle_request(request, scene.now, None)) == 500
    check_reported(scene.engine, request, "BrokenError")
    scene.check_empty()


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_refusal_that_raises_is_reported_too(*, upgrade: bool) -> None:
    scene = Scene(cors=Cors(origins=broken))
    request = scene.stranger(headers=[(b"host", b"here"), (b"origin", b"http://other")]).make_request(upgrade=upgrade)
    expected = 400 if upgrade else 500  # there are no headers of CORS on the answer to a WebSocket
    assert status_of(scene.engine.refuse(request)) == expected
    assert len(scene.engine.take_events()) == 1


def check_reported(engine: Engine, request: Request, error: str) -> None:
    ((session, event),) = engine.take_events()
    assert isinstance(event, RequestRefused)
    assert (session, event.request, event.code, event.message) == (None, request, None, "Internal server error")
    assert (event.detail, type(event.error).__name__) == (f"a function in the settings raised {error}", error)


def test_a_failing_hook_does_not_leave_a_candidate_behind() -> None:
    is_broken = False

    def hook(request: Request, sid: str) -> Headers:
        return broken() if is_broken else []

    scene = Scene(extra_headers=hook)
    client = scene.client()
    is_broken = True
    for make in (client.open_websocket, client.poll, client.begin_post):
        with pytest.raises(Refused, match="500"):
            make()
    is_broken = False
    assert not scene.session(client).is_upgrading
    client.poll()
    assert client.post("4x").status == 200
    client.upgrade()
    scene.check()


def test_an_id_that_is_taken_is_the_factory_s_fault() -> None:
    scene = Scene()
    engine = Engine(new_id=lambda: "same")
    WireClient(engine, scene.clock).open()
    engine.take_events()
    with pytest.raises(Refused, match="500"):
        WireClient(engine, scene.clock).open()
    ((_, event),) = engine.take_events()
    assert "new_id returned the id of an open session: 'same'" in str(getattr(event, "error", None))
    assert engine.session_count == 1


@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize(
    ("headers", "error"),
    [
        (None, "TypeError"),
        ("ab", "TypeError"),
        ([("a", "b")], "TypeError"),
        ([(b"a", b"b\r\nset-cookie: c=d")], "ValueError"),
        ([(b"content-length", b"0")], "ValueError"),
    ],
)
def test_what_a_hook_returns_is_looked_at_like_settings(headers: Any, error: str, *, upgrade: bool) -> None:
    engine = Engine(EngineSettings(extra_headers=lambda _request, _sid: headers))
    request = WireClient(engine, FakeClock()).make_request(upgrade=upgrade)
    assert status_of(engine.handle_request(request, 0.0, None)) == 500
    check_reported(engine, request, error)
    assert engine.session_count == 0


@pytest.mark.parametrize("sid", [None, 5, b"abc", "", "a b", "a\r\nb", "ü"])
def test_an_id_that_no_client_could_send_back_is_the_factory_s_fault(sid: Any) -> None:
    engine = Engine(new_id=lambda: sid)
    request = WireClient(engine, FakeClock()).make_request()
    assert status_of(engine.handle_request(request, 0.0, None)) == 500
    check_reported(engine, request, "ValueError" if isinstance(sid, str) else "TypeError")


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_policy_that_is_to_be_awaited_admits_nobody(*, upgrade: bool) -> None:
    """What it returns is true, whatever it comes to."""

    async def refuse(origin: str) -> bool:
        return False

    origins: list[Any] = [partial(refuse), _Awaitable]
    for function in origins:
        scene = Scene(cors=Cors(origins=function))
        request = scene.stranger(headers=[(b"host", b"a"), (b"origin", b"http://evil")]).make_request(upgrade=upgrade)
        assert not scene.engine.is_handshake(request)
        assert status_of(scene.engine.handle_request(request, scene.now, None)) == 500
        check_reported(scene.engine, request, "TypeError")


class _Awaitable:
    def __init__(self, origin: str) -> None:
        self.origin = origin

    def __await__(self) -> Any:
        raise NotImplementedError
