"""One process that has imported the broken clients, and forks for each that is asked for: importing takes the longest.

`python -m tests.conformance.forks PATH` listens on a Unix socket. Whoever connects sends its three standard streams and
a name; a fork becomes that mutant, with these streams, and holds the connection as long as it lives. The program below
is what asks, so small that starting it takes no time; it stands for the fork in everything that is seen of a process.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Final

ASK: Final = """
import _socket, array, sys
connection = _socket.socket(_socket.AF_UNIX)
connection.connect(sys.argv[1])
streams = array.array("i", [0, 1, 2])
connection.sendmsg([sys.argv[2].encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
connection.recv(1)
"""


def command(path: str, name: str) -> list[str]:
    """Return the command line of a mutant, for a server that listens at this path."""
    return [sys.executable, "-I", "-S", "-c", ASK, path, name]


def main(path: str) -> None:
    """Serve until killed."""
    import trio

    from conformance.hosts.clients.trio import main as client
    from conformance.mutants.clients import all_client_mutants

    mutants = {mutant.name: mutant for mutant in all_client_mutants()}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for forks
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(len(mutants))
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        data, streams, _, _ = socket.recv_fds(connection, 1000, 3)
        if os.fork() == 0:
            break
        for stream in (connection.detach(), *streams):
            os.close(stream)
    listener.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    mutants[data.decode()].install()
    trio.run(client)


if __name__ == "__main__":
    main(sys.argv[1])
