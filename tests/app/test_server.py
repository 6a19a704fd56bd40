"""A server without an event loop: requests in bytes, handlers, answers; what adapters ask of it, and only once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from socketio_core import Cors, EngineSettings, Observer, Request, Response, Server, Timeouts
from socketio_core.app import EngineSession, Socket
from socketio_core.app.log import Log
from socketio_core.app.server import host_of
from socketio_core.errors import LocalProtocolError
from socketio_core.socketio import JSONValue
from tests.app.bus import Bus
from tests.app.hand_runtime import Cancelled, run_alone
from tests.app.rig import noting
from tests.app.served import Served
from tests.wire.written import CLOSE, POLLING, TEXT, frame, request

ENGINE = "/engine.io/?EIO=4&transport=polling"
Allow = Callable[[Request], Awaitable[str | None] | str | None]


def text(payload: str) -> tuple[int, bytes]:
    """Return a text frame as a client gets it."""
    return TEXT, payload.encode()


def echo(_: Socket, *args: JSONValue) -> tuple[JSONValue, ...]:
    return args


class Failures(Observer):
    """Notes what failed."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def failed(self, what: str, error: BaseException) -> None:
        self.told.append((what, str(error)))


# -- handlers --------------------------------------------------------------------------------------------------------


def test_a_handler_answers_a_client_over_a_websocket() -> None:
    io = Server()

    @io.on("add")
    async def add(socket: Socket, first: int, second: int) -> int:
        await socket.emit("adding")
        return first + second

    served = Served(io)
    client = served.join()
    client.send(frame('421["add",2,3]'))
    assert client.frames() == [text('42["adding"]'), text("431[5]")]


def test_a_handler_that_waits_holds_up_no_other_client() -> None:
    io = Server()
    served = Served(io)
    gate = served.runtime.new_event()

    @io.on("wait")
    async def wait(socket: Socket) -> str:
        await gate.wait()
        return "done"

    first, second = served.join(), served.join()
    first.send(frame('421["wait"]'))
    served.runtime.spawn(io.emit, "news")
    served.settle()
    assert (first.frames(), second.frames()) == ([text('42["news"]')], [text('42["news"]')])
    gate.set()
    served.settle()
    assert first.frames() == [text('431["done"]')]


def test_a_client_that_polls_is_served_the_same() -> None:
    io = Server()
    io.on("echo", echo)
    served = Served(io)
    target = f"{POLLING}&sid={served.open_session()}"
    peer = served.connect()
    assert peer.ask(target, "POST", b"40").text == "ok"
    assert peer.ask(target).text.startswith('40{"sid":')
    assert peer.ask(target, "POST", b'427["echo","a"]').text == "ok"
    assert peer.ask(target).text == '437["a"]'


def test_time_passes_by_hand() -> None:
    served = Served(Server(engine=EngineSettings(ping_interval_s=10, ping_timeout_s=5)))
    left: list[str] = []
    served.io.on("disconnect", noting(left))
    client = served.join()
    served.advance(10)
    assert client.frames() == [text("2")]
    served.advance(5)
    assert left == ["ping timeout"]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_an_adapter_may_run_handlers_itself(concurrency: int) -> None:
    """As readers do, which have no task for a handler that never waits; see `handover`."""
    io = Server(concurrency=concurrency)
    engine = io.attach_engine()
    engine.on("message", EngineSession.send_nowait)
    io.on("echo", echo)
    served = Served(io)
    client, bare = served.join(), served.websocket("/engine.io/?EIO=4&transport=websocket")
    client.wire.receive(frame('421["echo","a"]'), served.now)
    bare.wire.receive(frame("4b"), served.now)
    inboxes = host_of(io).dispatch()
    assert len(inboxes) == 2
    for inbox in inboxes:
        run_alone(inbox.work)
    served.flush()
    assert (client.frames(), bare.frames()) == ([text('431["a"]')], [text("4b")])


# -- before and behind ---------------------------------------------------------------------------------------------


def test_before_it_is_served_whatever_is_emitted_goes_to_nobody() -> None:
    io = Server()
    assert run_alone(io.emit, "news") == 0
    assert io.emit_nowait("news") == 0
    assert run_alone(io.to("room").call, "question") == []
    assert list(io.sockets.sockets) == []
    assert run_alone(io.fetch_sockets) == []
    run_alone(io.sockets_join, "room")
    run_alone(io.sockets_leave, "room")
    run_alone(io.disconnect_sockets)
    client = Served(io).join()
    assert client.frames() == []


def test_what_nobody_serves_yet_has_nothing_to_wait_for() -> None:
    called: list[str] = []
    runtime = host_of(Server()).runtime

    async def call() -> None:
        called.append("spawned")

    runtime.spawn(call)
    runtime.run_soon(lambda: called.append("soon"))
    runtime.log_exception("nothing", None)
    runtime.check_caller()
    assert runtime.is_cancelled(KeyError())
    assert runtime.now() <= 0.0
    with pytest.raises(RuntimeError, match="before the server is served"):
        runtime.new_event()
    assert called == []


def test_only_a_server_can_be_served() -> None:
    with pytest.raises(TypeError, match=r"server must be a socketio_core\.Server, not: 'io'"):
        host_of("io")  # type: ignore[arg-type] # not everybody checks types


def test_a_server_is_claimed_once_unless_the_claim_is_given_up() -> None:
    io = Server()
    io.attach_engine()
    given_up = Failures()
    served = Served(io, given_up)
    with pytest.raises(RuntimeError, match="serves once"):
        Served(io)
    with pytest.raises(RuntimeError, match="attach engines before"):
        io.attach_engine("/more/")
    host_of(io).release()
    host_of(io).audience.report("nothing", KeyError())
    assert given_up.told == [], "its log is told no more"
    assert host_of(io).runtime is not served.runtime
    io.attach_engine("/more/")
    assert Served(io).connect().ask("/more/?EIO=4&transport=polling").status == 200


def test_at_the_end_clients_are_told_and_handlers_run() -> None:
    io = Server()
    left: list[str] = []
    io.on("disconnect", noting(left))
    served = Served(io)
    client, polling = served.join(), f"{POLLING}&sid={served.open_session()}"
    waiting = served.connect()
    waiting.send(request(polling))
    served.site.close(served.now)
    served.settle()
    opcode, payload = client.frames()[-1]
    assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1001)
    assert waiting.answer().status == 200
    assert left == ["server shutting down"]
    assert served.connect().ask(POLLING).status == 503
    served.advance(Timeouts().close_s)
    assert not [wire for wire in served.site.wires if wire is client.wire]


# -- other requests ------------------------------------------------------------------------------------------------


def hello(request: Request, body: bytes) -> Response:
    return Response(200, [(b"content-type", b"text/plain")], b"hello " + body)


async def hello_async(request: Request, body: bytes) -> Response:
    return hello(request, body)


@pytest.mark.parametrize("handler", [hello, hello_async])
def test_other_requests_go_to_the_http_handler(handler: Any) -> None:
    peer = Served(Server(http=handler)).connect()
    assert peer.ask("/page", "POST", b"you").text == "hello you"
    assert peer.ask(POLLING).status == 200, "the connection is as good as new"


def test_without_a_handler_other_requests_get_404() -> None:
    assert Served(Server()).connect().ask("/page").status == 404


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (RuntimeError("no"), "no"),
        ("text", "http handler must return a Response, not str"),
        (Response(200, [], cast("Any", "text")), "body of a Response must be bytes, as in b'hello', not: 'text'"),
    ],
)
def test_an_http_handler_that_fails_costs_its_request_only(outcome: object, why: str) -> None:
    def handler(request: Request, body: bytes) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    failures = Failures()
    peer = Served(Server(http=handler, observers=[failures])).connect()
    answer = peer.ask("/page")
    assert (answer.status, answer.text) == (500, "Internal server error\n")
    assert failures.told == [("http handler failed for <Request GET /page>", why)]
    assert peer.ask(POLLING).status == 200


# -- handshakes ------------------------------------------------------------------------------------------------------


def refuse_bad(request: Request) -> str | None:
    return "go away" if "bad" in request.query else None


async def refuse_bad_async(request: Request) -> str | None:
    return refuse_bad(request)


@pytest.mark.parametrize("allow", [refuse_bad, refuse_bad_async])
def test_allow_request_is_asked_about_handshakes(allow: Allow) -> None:
    served = Served(Server(allow_request=allow))
    answer = served.connect().ask(f"{POLLING}&bad=1")
    assert (answer.status, answer.text) == (403, '{"code":4,"message":"go away"}')
    assert served.open_session()


def test_a_failure_to_decide_is_a_refusal() -> None:
    def fail(request: Request) -> str | None:
        raise RuntimeError("no database")

    failures = Failures()
    answer = Served(Server(allow_request=fail, observers=[failures])).connect().ask(POLLING)
    assert (answer.status, answer.text) == (403, '{"code":4,"message":"Forbidden"}')
    assert failures.told == [("allow_request failed, so the request was refused", "no database")]


def test_to_be_cancelled_while_deciding_is_no_failure() -> None:
    failures = Failures()

    def cancel(*_: object) -> Any:
        raise Cancelled

    host = host_of(Server(allow_request=cancel, http=cancel, observers=[failures]))
    asked = Request("GET", POLLING, scheme="http")
    for decision in (host.refusal_of(host.endpoints[0].core, asked), host.response_to(asked, b"")):
        with pytest.raises(Cancelled):
            decision.send(None)
    assert failures.told == []


class Text(str):
    """Of a subclass, whose methods say something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


def test_a_refusal_is_plain_text() -> None:
    answer = Served(Server(allow_request=lambda _: Text("no"))).connect().ask(POLLING)
    assert answer.text == '{"code":4,"message":"no"}'


@pytest.mark.parametrize("returned", [True, False, 42])
def test_what_is_neither_none_nor_text_is_a_refusal_and_is_named(returned: Any) -> None:
    failures = Failures()
    answer = Served(Server(allow_request=lambda _: returned, observers=[failures])).connect().ask(POLLING)
    assert answer.text == '{"code":4,"message":"Forbidden"}'
    why = f"allow_request must return None, or the text of a refusal, not: {returned}"
    assert failures.told == [("allow_request failed, so the request was refused", why)]


def test_engines_have_a_function_of_their_own_or_none() -> None:
    io = Server(allow_request=lambda _: "not here")
    io.attach_engine("/a/", allow_request=lambda _: "nor there")
    io.attach_engine("/b/")
    peer = Served(io).connect()
    assert peer.ask(POLLING).text == '{"code":4,"message":"not here"}'
    assert peer.ask("/a/?EIO=4&transport=polling").text == '{"code":4,"message":"nor there"}'
    assert peer.ask("/b/?EIO=4&transport=polling").status == 200


def test_whom_nobody_asks_about_is_let_in() -> None:
    host = host_of(Server())
    assert run_alone(host.refusal_of, host.endpoints[0].core, Request("GET", POLLING, scheme="http")) is None


# -- bare Engine.IO ------------------------------------------------------------------------------------------------


def test_bare_engine_io_is_served_on_the_same_port() -> None:
    io = Server()
    engine = io.attach_engine()

    @engine.on("message")
    async def echo(session: EngineSession, message: str | bytes) -> None:
        await session.send(message)

    served = Served(io)
    target = f"{ENGINE}&sid={served.open_session(ENGINE)}"
    peer = served.connect()
    assert peer.ask(target, "POST", b"4hello").text == "ok"
    assert peer.ask(target).text == "4hello"
    assert served.join().frames() == [], "and Socket.IO beside it"


@pytest.mark.parametrize("path", ["/socket.io/", "/", "/socket.io/more/"])
def test_paths_of_engines_must_not_overlap(path: str) -> None:
    with pytest.raises(ValueError, match="overlaps"):
        Server().attach_engine(path)


# -- the log -----------------------------------------------------------------------------------------------------------


def log_of(io: Server) -> Served:
    return Served(io, Log(logging.getLogger("tests.server"), lambda: 0.0))


def test_a_refused_origin_is_a_warning_once_for_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    io = Server(cors=Cors(origins=["https://good"]))
    io.attach_engine(cors=Cors(origins=["https://better"]))
    peer = log_of(io).connect(address="192.0.2.1")
    for target, origin in ((POLLING, "a"), (POLLING, "a"), (POLLING, "b"), (ENGINE, "c"), (ENGINE, "a")):
        peer.send(request(target, headers=[f"Origin: https://{origin}"]))
        assert peer.answer().status == 403
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in lines] == ["WARNING", "INFO", "WARNING", "WARNING", "INFO"]
    assert lines[0][1] == (
        "<Request GET /socket.io/> from 192.0.2.1 refused: origin 'https://a' is not allowed; "
        "expected 'http://test' or one of ['https://good']"
    )
    assert "one of ['https://better']" in lines[3][1]


@pytest.mark.parametrize("target", [POLLING, ENGINE])
def test_a_function_in_the_settings_that_fails_is_an_error_with_its_traceback(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(origin: str) -> bool:
        raise ValueError(f"what is {origin}?")

    io = Server(cors=Cors(origins=broken), allow_request=lambda _: None)
    io.attach_engine(cors=Cors(origins=broken))
    peer = log_of(io).connect()
    peer.send(request(target, headers=["Origin: https://a"]))
    assert peer.answer().status == 500
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().endswith("failed: a function in the settings raised ValueError")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "what is https://a?"


def test_strangers_cannot_fill_the_memory_with_origins(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    peer = log_of(Server()).connect()
    for number in range(110):
        peer.send(request(headers=[f"Origin: https://{number}"]))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 100 + ["INFO"] * 10


def test_a_handshake_that_the_application_refused_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    peer = log_of(Server(allow_request=lambda _: "go away", cors=Cors(origins="*"))).connect()
    peer.send(request(headers=["Origin: https://a"]))
    (record,) = caplog.records
    assert (record.levelname, record.getMessage().partition("refused: ")[2]) == (
        "INFO",
        "go away (handshake refused: go away)",
    )


def test_what_clients_do_wrong_is_logged_and_what_they_do_right_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    io = Server()
    io.attach_engine()
    served = log_of(io)
    served.join().end()
    served.connect().ask(f"{ENGINE}&sid={served.open_session(ENGINE)}", "POST", b"1")
    assert caplog.messages == []
    client = served.join()
    client.send(frame('42["typo"]'))
    client.send(frame("49"))
    served.connect().ask(f"{ENGINE}&sid={served.open_session(ENGINE)}", "POST", b"x")
    assert caplog.messages[0].startswith("no handler for the event 'typo' of <Socket ")
    assert caplog.messages[1].startswith("connection closed, parse error: ")
    assert caplog.messages[2].startswith("connection closed, parse error: ")
    assert len(caplog.messages) == 3


def test_what_failed_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: Request, body: bytes) -> Response:
        raise KeyError("our fault")

    log_of(Server(http=fail)).connect().ask("/page")
    assert caplog.messages == ["http handler failed for <Request GET /page>"]
    assert 'raise KeyError("our fault")' in caplog.text


def test_who_is_not_served_cannot_be_closed() -> None:
    with pytest.raises(LocalProtocolError, match="no `serve` of this server is running"):
        run_alone(Server().close)


def test_who_is_served_is_ended_by_its_adapter() -> None:
    io = Server()
    ends: list[str] = []

    def stop() -> None:
        ends.append("stop")

    host_of(io).stop = stop
    run_alone(io.close)
    assert ends == ["stop"]


def test_a_server_may_be_joined_to_others_before_it_is_served() -> None:
    bus, io = Bus(), Server()
    host = host_of(io)
    before = host.is_joined
    host.join_others(bus)
    assert (before, host.is_joined, len(bus.parts)) == (False, True, 1)
    with pytest.raises(RuntimeError, match="joined to others once"):
        host.join_others(bus)
    other = Server()
    Served(other)
    with pytest.raises(RuntimeError, match="before it is served"):
        host_of(other).join_others(bus)


def test_a_session_that_nobody_knows_is_a_warning_once_and_says_what_may_be(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    io = Server()
    peer = log_of(io).connect(address="192.0.2.1")
    for sid in ("a", "b"):
        peer.send(request(f"{POLLING}&sid={sid}"))
        assert peer.answer().status == 400
    first, second = caplog.records
    assert (first.levelname, second.levelname) == ("WARNING", "INFO")
    assert first.getMessage() == (
        "<Request GET /socket.io/> from 192.0.2.1 refused: no such session: it has ended, or it is of another server "
        "or worker, to which each request of a client by polling must go (sticky sessions), unless clients use "
        "WebSockets alone; this is told once"
    )
    assert second.getMessage().endswith("refused: Session ID unknown (no such session; it may have ended)")
