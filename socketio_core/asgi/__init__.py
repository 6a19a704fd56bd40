"""Socket.IO under a web framework: an ASGI application for FastAPI, Starlette, Django, Quart and their servers.

    io = socketio_core.Server()
    app = FastAPI()
    app.mount("/", App(io))

What ASGI takes away, and what happens instead:

| | |
|---|---|
| a close frame without a code | it has 1000 |
| limits at the first byte of a message | they hold when the server hands it over; give it the same limit |
| a status before a WebSocket's handshake | 403; that of the engine where there is `websocket.http.response` |
| time-outs of heads, idle connections and writes, compression | are the server's |
| a bound on pings of WebSockets | is the server's: floods of empty ones keep newcomers out of uvicorn and hypercorn |
| to know at once that the server ends | clients are told at the end of the lifespan, or when it drops them |

What helps against such floods is granian, the server of `socketio_core.asyncio`, or a proxy that bounds what each
connection sends.
"""

from __future__ import annotations

from socketio_core.asgi.app import App

__all__ = ["App"]
