"""A POST whose answer waits: the handlers must catch up first, so that an honest client sends no more meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from socketio_core.engineio.session import Session

if TYPE_CHECKING:
    from socketio_core.wire.connection import Wire
    from socketio_core.wire.site import Mount, Site


def when_room(
    wire: Wire,
    site: Site,
    mount: Mount,
    session: Session,
    go_on: Callable[[float], None],
    is_held: Callable[[], bool],
    now: float,
) -> None:
    """Call `go_on` when the handlers have caught up: most often at once.

    Meanwhile the client's silence is not held against it.

    Args:
        is_held: asked when there is room at last, for the client may not have waited.
    """
    pace = mount.pace_of(session)
    if pace is None or not pace.is_congested:
        go_on(now)
        return
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
