"""The floor of an ASGI server: the smallest application that can be measured by an echo, and nothing else.

It lets everybody in with made texts, takes each message, and sends those back that a neighbour sends. What it leaves of
a neighbour's echo beside hostile clients is the ASGI server's; what ours takes above that is ours.
"""

from __future__ import annotations

import argparse
import gc
from typing import Any, Final

from benchmarks.hostile import NEIGHBOUR_EVENT
from benchmarks.servers.under_asgi import HOSTS, serve_asgi

_OPEN: Final = (
    '0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
)
_JOINED: Final = '40{"sid":"AAAAAAAAAAAAAAAAAAAB"}'


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Serve."""
    kind = scope["type"]
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": _OPEN})
        while (message := await receive())["type"] == "websocket.receive":
            text: str = message.get("text") or ""
            if text == "40":
                await send({"type": "websocket.send", "text": _JOINED})
            elif text.startswith(NEIGHBOUR_EVENT):
                await send({"type": "websocket.send", "text": text})
    elif kind == "http":
        while (await receive()).get("more_body"):
            pass
        body = _OPEN.encode() if scope["method"] == "GET" else b"ok"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
    else:
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host", choices=HOSTS)
    parser.add_argument("--ping-interval", type=float, help="there are none")
    parser.add_argument("--deflate", action="store_true")
    options = parser.parse_args()
    gc.freeze()  # as ours
    serve_asgi(options.host, app, deflates=options.deflate)


if __name__ == "__main__":
    main()
