"""What is said when the chat cannot be served."""

from __future__ import annotations

import errno
import socket

import pytest

from socketio_core.network.listening import explain


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (OSError(errno.EADDRINUSE, "address in use"), "port 80 on box is taken"),
        (PermissionError(errno.EACCES, "permission denied"), "port 80 needs privileges"),
        (OSError(errno.EADDRNOTAVAIL, "no"), "box is not an address of this machine"),
        (OSError(errno.EAFNOSUPPORT, "no"), "box is not an address of this machine"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "box is not an address of this machine"),
        (UnicodeError("label too long"), "box is not an address of this machine"),
        (OSError(errno.EMFILE, "too many"), "cannot listen on box port 80: Too many open files"),
        (OSError("strange"), "cannot listen on box port 80: strange"),
    ],
)
def test_errors_of_the_system_are_explained(error: OSError | UnicodeError, wanted: str) -> None:
    line = explain(error, "box", 80)
    assert line.startswith(wanted)
    assert "\n" not in line
