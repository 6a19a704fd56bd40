"""What goes wrong on the way to a server, in words."""

from __future__ import annotations

import errno
import ssl

import pytest
import trio

from socketio_core.network.dialing import reason_of, tls_problem


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
