"""`python -m socketio_core` as a service: it ends in order, with the status that a shell gives to a signal."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
DEADLINE_S: Final = 60.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("has_client", [False, True], ids=["nobody", "a client"])
def test_it_ends_in_order(number: signal.Signals, has_client: bool) -> None:  # noqa: FBT001 - a row
    command = [sys.executable, "-m", "socketio_core", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().split(" - ")[0].rstrip("/").rpartition(":")[2])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
            if has_client:
                connection.request("GET", "/socket.io/?EIO=4&transport=polling")
                sid = connection.getresponse().read().decode().split('"')[3]
                connection.request("GET", f"/socket.io/?EIO=4&transport=polling&sid={sid}")
            process.send_signal(number)
            if has_client:
                assert connection.getresponse().read() == b"1"
            connection.close()
            out, err = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (128 + number, "stopped\n", "")
