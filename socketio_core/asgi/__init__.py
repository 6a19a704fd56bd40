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
| a bound on pings, pongs and fragments | is the server's (see below) |
| a bound on what is inflated | is the server's: uvicorn keeps all of a read, 1 kB of which may be 1 MB (see below) |
| a bound on requests behind each other | is the server's: uvicorn with httptools makes all at once (see below) |
| turns of large messages | one at a time has one; how many are read ahead is the server's (hypercorn: 10, see below) |
| turns of chunks of a body | are the server's; answers to bodies in chunks have a turn each, for then it reads on |
| turns of less (4 to 16 kB) | 64 kB of all clients are handled in a round of the loop |
| to know at once that the server ends | clients are told at the end of the lifespan, or when it drops them |

What 20 clients that mean harm leave of an echo for somebody else, in the median (none: no answer in 8 s), and what the
server holds then if that is much. An application hears of none of it; our own servers hold 40 to 60 MB, and the echo
takes a few ms:

| | uvicorn | with h11 and wsproto | hypercorn | hypercorn on trio | granian |
|---|---|---|---|---|---|
| empty pings | none | none | none | 15 ms | 31 ms |
| pings, pongs not read | none, 130 MB | 2.5 s | 2.9 s | 16 ms | 18 ms, 1 GB in 10 s |
| pongs | none | none | none | none | none |
| fragments of 1 byte | 3.2 s | none | none | 1.4 s | 2 ms |
| chunks of 1 byte | 27 ms, some 0.9 s | 150 ms, some 4.7 s | 45 ms | 12 ms | 1 ms |
| half a body, in chunks of 2 bytes | 1.6 s | none | 16 ms | 1 ms | 1 ms |
| requests behind each other | none, 2 GB | 31 ms | 15 ms | 11 ms | 1 ms |
| frames behind a handshake, and gone | | | | the server ends | |
| a body, or what is not ASCII, in a handshake | | it fails as it ends | | the server ends | |

uvicorn compresses unless it is told otherwise, and inflates what it has read before anybody can stop it, whatever
`ws_max_size` is: 20 clients made it hold 2 GB. `--ws-per-message-deflate false` is what helps.

With httptools, which it prefers to h11, it makes an object of each request that was sent on behind another, as fast as
they come. `--http h11` takes one at a time, and takes long for small chunks. `--limit-concurrency` does not help: these
are neither connections nor tasks yet; and an application hears of one at a time.

hypercorn reads ten messages ahead of each client, and until it has them it reads on between the turns of others: beside
20 clients whose megabytes are slow to parse it works 60 ms during an echo of another in the first two seconds, then 30,
and holds 290 MB. Leave its `max_app_queue_size` as it is: with 1 a request may never end whose application answers
before it reads.

Versions: uvicorn 0.54, hypercorn 0.18, granian 2.8. What helps against all of these is the server of
`socketio_core.asyncio` or `socketio_core.trio`, or a proxy that bounds what each connection sends.
"""

from __future__ import annotations

from socketio_core.extras import Needing

with Needing("asgi"):
    from socketio_core.asgi.app import App

__all__ = ["App"]
