"""What goes wrong on the way to a server, in words."""

from __future__ import annotations

import errno
import select
import socket
import ssl

import pytest
import trio

from socketio_core.network.dialing import Address, has_unread, in_turns, reason_of, tls_problem


def os_errors(*numbers: int) -> BaseException:
    return ExceptionGroup("all", [OSError(number, "x") for number in numbers])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError("just words"), "just words"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "Connection refused"),
        (trio.BrokenResourceError(), "BrokenResourceError"),
        (
            os_errors(errno.ECONNREFUSED, errno.EHOSTUNREACH),
            "Connection refused, No route to host",
        ),
        (
            os_errors(errno.ECONNREFUSED, errno.ECONNREFUSED),
            "Connection refused",
        ),
    ],
)
def test_reasons_are_told_once_each(error: BaseException, text: str) -> None:
    assert reason_of(error) == text


def ssl_error(kind: type[ssl.SSLError], reason: str) -> ssl.SSLError:
    error = kind(1, f"[SSL: {reason}] in words")
    error.reason = reason
    return error


def not_trusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, ""),
        (ConnectionResetError("reset"), ""),
        (ssl_error(ssl.SSLEOFError, "UNEXPECTED_EOF_WHILE_READING"), ""),
        (ssl_error(ssl.SSLError, "TLSV1_ALERT_INTERNAL_ERROR"), "TLSV1_ALERT_INTERNAL_ERROR"),
        (
            ssl_error(ssl.SSLError, "WRONG_VERSION_NUMBER"),
            "WRONG_VERSION_NUMBER (does the server speak TLS there?)",
        ),
        (ssl.SSLError(1, "no reason"), "no reason"),
        (not_trusted(), "the certificate is not trusted: self-signed certificate (see ssl_context)"),
    ],
)
def test_handshakes_that_fail_are_told_without_a_guess(error: BaseException | None, text: str) -> None:
    assert text in tls_problem(error)
    assert bool(text) is bool(tls_problem(error))


def address(family: socket.AddressFamily, name: str) -> Address:
    return family, socket.SOCK_STREAM, 0, "", name


@pytest.mark.parametrize(
    ("found", "turns"),
    [
        ("6a", "6a"),
        ("6a 6b", "6a 6b"),
        ("6a 4a", "6a 4a"),
        ("6a 6b 4a 4b 6c", "6a 4a 6b 4b 6c"),
        ("4a 4b 6a", "4a 6a 4b"),
    ],
)
def test_the_second_address_is_of_another_family(found: str, turns: str) -> None:
    families = {"4": socket.AF_INET, "6": socket.AF_INET6}
    order = in_turns([address(families[name[0]], name) for name in found.split()])
    assert " ".join(name for *_, name in order) == turns


@pytest.mark.parametrize("polls", [True, False])
def test_what_nobody_has_read_yet_is_seen(monkeypatch: pytest.MonkeyPatch, *, polls: bool) -> None:
    if not polls:  # as on Windows
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not has_unread(ours.fileno())
        theirs.send(b"x")
        assert has_unread(ours.fileno())
        ours.recv(1)
        theirs.close()
        assert has_unread(ours.fileno())
    assert not has_unread(ours.fileno())
