"""What a server of a cluster learns of the others."""

from __future__ import annotations

from enum import Enum

from socketio_core.cluster.messages import Broadcast, Message, RoomsList, ServerEmit, SocketsFetch
from socketio_core.cluster.request import Request
from socketio_core.cluster.stream_reader import Echoed
from socketio_core.errors import ClusterError
from socketio_core.records import record


class State(Enum):
    """How it stands with the other servers."""

    UP = "up"
    DOWN = "down"


@record
class Told:
    """Another server, or somebody who only writes, has said something that is to be done here.

    Attributes:
        entry_id: of what was read in a stream.
    """

    message: Message
    entry_id: str | None = None


@record
class Asked:
    """Another server wants an answer; see `ClusterMachine.answer`."""

    message: Broadcast | SocketsFetch | RoomsList | ServerEmit


@record
class Settled:
    """A question is over. `error` says that it failed."""

    request: Request
    error: ClusterError | None


@record
class StateChanged:
    """The other servers can be reached from now on, or cannot.

    Attributes:
        gap: something that they said was missed here. Those that are there already may be told so, too.
        was_forgotten: the Redis has lost what it kept.
    """

    state: State
    reason: str
    gap: bool
    was_forgotten: bool = False


ClusterEvent = Told | Asked | Settled | StateChanged | Echoed
