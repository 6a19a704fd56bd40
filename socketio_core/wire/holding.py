"""A POST whose answer waits: the handlers must catch up first, so that an honest client sends no more meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from socketio_core.engineio.session import Session
from socketio_core.wire.base import Pace

if TYPE_CHECKING:
    from socketio_core.wire.connection import Wire
    from socketio_core.wire.site import Site


def hold(
    wire: Wire,
    site: Site,
    session: Session,
    pace: Pace,
    go_on: Callable[[float], None],
    is_held: Callable[[], bool],
    now: float,
) -> None:
    """Call `go_on` when there is room; meanwhile the client's silence is not held against it.

    Args:
        is_held: asked then, for the client may not have waited.
    """
    session.pause_reading(now)

    def resume(later: float) -> None:
        session.resume_reading(later)
        if is_held() and not wire.is_over:
            try:
                go_on(later)
            except Exception as error:  # noqa: BLE001 - of the application's: who makes room must not suffer
                wire.fail(error, later)
            site.note(wire)

    pace.call_when_room(resume)
