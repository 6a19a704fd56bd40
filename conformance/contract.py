"""A look at a server before its cases: where the contract is not kept, hundreds of them fail for one reason."""

from __future__ import annotations

import trio

from conformance.case import Failure
from conformance.client.peer import ENGINE_IO, MAX_PAYLOAD, SOCKET_IO, Peer, target
from conformance.client.session import decode_payload, open_packet
from conformance.client.wire import Wire
from conformance.times import QUICK, Times

ADVICE = "the server does not keep the contract in conformance/README.md, so many cases will fail"


async def breaches(wire: Wire, times: Times = QUICK) -> list[str]:
    """Return what of the contract a server does not keep, as far as handshakes show it; a line for each path."""
    found: list[str] = []
    for path in (ENGINE_IO, SOCKET_IO):
        peer = Peer(wire, times)
        try:
            found += await _breaches_at(peer, path)
        except (Failure, OSError, trio.BrokenResourceError) as error:
            found.append(f"GET {target(path)}: {' '.join(str(error).split())}")
        finally:
            await peer.aclose()
    return found


async def _breaches_at(peer: Peer, path: str) -> list[str]:
    response = await peer.get(target(path))
    if response.status != 200:
        return [f"GET {target(path)}: {response.status}, not 200"]
    opened = open_packet(decode_payload(response.body)[0])
    wanted = {
        "pingInterval": round(1000 * peer.times.ping_interval_s),
        "pingTimeout": round(1000 * peer.times.ping_timeout_s),
        "maxPayload": MAX_PAYLOAD,
    }
    wrong = [
        f"{name} is {opened.get(name)}, not {value}" for name, value in wanted.items() if opened.get(name) != value
    ]
    return [f"{path}: {'; '.join(wrong)}"] if wrong else []
