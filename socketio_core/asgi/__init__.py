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
| a bound on what is inflated | is the server's: uvicorn keeps all of a read, 1 kB of which may be 1 MB (see below) |
| a bound on requests behind each other | is the server's: uvicorn with httptools makes all at once (see below) |
| turns of large messages | one at a time has one; how many a client sends ahead is the server's (hypercorn: 10) |
| to know at once that the server ends | clients are told at the end of the lifespan, or when it drops them |

uvicorn compresses unless it is told otherwise, and inflates what it has read before anybody can stop it, whatever
`ws_max_size` is: 20 clients made it hold 2 GB. `--ws-per-message-deflate false` is what helps.

With httptools, which it prefers to h11, it makes an object of each request that was sent on behind another, as fast as
they come: 20 clients made it hold 2 GB, and it answered nobody. `--http h11` takes one at a time, and holds 5 MB more.
`--limit-concurrency` counts connections and tasks, which these are not, and an application hears of one at a time.

What helps against floods of pings is granian, the server of `socketio_core.asyncio`, or a proxy that bounds what each
connection sends.
"""

from __future__ import annotations

from socketio_core.asgi.app import App

__all__ = ["App"]
