"""nginx and HAProxy as the README says they are to be configured, in front of two servers."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Literal

from tests.interop.processes import ROOT, Program

Stickiness = Literal["shown", "address", "cookie", "none"]

_NGINX: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr notice;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def shown(language: str) -> str:
    """Return the configuration in the README."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 1, language
    text: str = blocks[0]
    return text


def _in_readme(beginning: str) -> str:
    """Return code in a sentence of the README."""
    (found,) = re.findall(rf"`({re.escape(beginning)}[^`]*)`", (ROOT / "README.md").read_text("utf-8"))
    text: str = found
    return text


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, each another one: they are held until all are found."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


class Proxy:
    """A running proxy.

    Attributes:
        url: where clients reach the servers behind it.
        secure_port: the same, with TLS.
    """

    has_started: str  # in its log
    reloads_at: signal.Signals

    def __init__(self, folder: Path, ports: Sequence[int], certificate: Path, stickiness: Stickiness = "shown") -> None:
        port, self.secure_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        text = shown(type(self).__name__.lower())
        if stickiness == "cookie":
            text = self.by_cookie(text)
        elif stickiness != "shown":
            text = self.without_stickiness(text)
        if stickiness == "address":
            text = self.by_address(text)
        for number, backend in enumerate(ports, 3001):
            text = _replaced(text, f"127.0.0.1:{number}", f"127.0.0.1:{backend}")
        command = self.write(folder, text, port, certificate)
        self._program = Program(["sh", "-c", 'exec "$@" 2>&1', "sh", *command])
        self._wait()

    def without_stickiness(self, text: str) -> str:
        """Return a configuration without what sends a client to the same server again."""
        raise NotImplementedError

    def by_address(self, text: str) -> str:
        """Return such a one with what sends a client to the same server by its address."""
        raise NotImplementedError

    def by_cookie(self, text: str) -> str:
        """Return a configuration, as it is shown, with what sends a client to the same server by a cookie."""
        return text

    def write(self, folder: Path, text: str, port: int, certificate: Path) -> Sequence[str]:
        """Write the files, and return the command."""
        raise NotImplementedError

    def reload(self) -> None:
        """Have it read its files again, and wait until it has."""
        self._program.signal(self.reloads_at)
        self._wait()

    def close(self) -> None:
        """End it, and its workers."""
        self._program.signal(signal.SIGTERM)
        self._program.finish()
        self._program.close()

    def _wait(self) -> None:
        self._program.take(lambda message: self.has_started in message.get("line", ""), "start")


class Nginx(Proxy):
    has_started = "start worker process "
    reloads_at = signal.SIGHUP

    def without_stickiness(self, text: str) -> str:
        return re.sub(r"^ *hash .*\n", "", text, flags=re.MULTILINE)

    def by_address(self, text: str) -> str:
        return _replaced(text, "upstream app {", "upstream app { ip_hash;")

    def by_cookie(self, text: str) -> str:
        text = _replaced(text, "hash $remote_addr consistent", _in_readme("hash $uid_"))
        return _replaced(text, "proxy_pass ", f"{_in_readme('userid on;')}\n proxy_pass ")

    def write(self, folder: Path, text: str, port: int, certificate: Path) -> Sequence[str]:
        tls = f"listen 127.0.0.1:{self.secure_port} ssl;"
        files = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
        text = _replaced(text, "listen 80;", f"listen 127.0.0.1:{port}; {tls} {files}")
        path = folder / "nginx.conf"
        path.write_text(_NGINX.format(folder=folder, site=text, user="user root;"))
        return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(path)]


class HAProxy(Proxy):
    has_started = "Loading success"
    reloads_at = signal.SIGUSR2

    def without_stickiness(self, text: str) -> str:
        return re.sub(r"^ *cookie .*\n| cookie [ab]$", "", text, flags=re.MULTILINE)

    def by_address(self, text: str) -> str:
        return _replaced(text, "    balance roundrobin ", "    balance source\n    hash-type consistent #")

    def write(self, folder: Path, text: str, port: int, certificate: Path) -> Sequence[str]:
        tls = f"bind 127.0.0.1:{self.secure_port} ssl crt {certificate}"
        path = folder / "haproxy.cfg"
        path.write_text(_replaced(text, "bind :80", f"bind 127.0.0.1:{port}\n    {tls}"))
        return ["haproxy", "-W", "-f", str(path)]


PROXIES: Final = {"nginx": Nginx, "haproxy": HAProxy}


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, (old, text)
    return text.replace(old, new)
