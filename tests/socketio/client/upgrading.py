"""A world whose session is open and whose candidate has just begun: nearly every run is over the upgrade otherwise."""

from __future__ import annotations

from socketio_core.testing.network import SocketLink
from tests.socketio.client.world import World


def begin_upgrade(world: World) -> None:
    """Let polling connect both namespaces, while nothing of the candidate arrives."""
    network = world.network
    network.collect()
    while not (world.socket.is_connected and world.side.is_connected):
        next(link for link in network.links if link.can_step and not isinstance(link, SocketLink)).step()
        network.collect()
        world.collect()


def is_upgrading(world: World) -> bool:
    """Whether polling is the transport, and a WebSocket a candidate."""
    session = world.client.session
    return session is not None and session.is_upgrading


def has_backlog(world: World) -> bool:
    """Whether something waits for a POST that has not begun."""
    session = world.client.session
    return session is not None and bool(session.outbox)


def cut_candidate(world: World, *, server_knows: bool) -> None:
    """Break the WebSocket alone."""
    world.network.collect()
    for link in world.network.links:
        if isinstance(link, SocketLink):
            link.cut(server_knows=server_knows)
    world.network.collect()
    world.collect()
