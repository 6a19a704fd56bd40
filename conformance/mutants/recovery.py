"""Servers that are wrong about those who come back."""

from __future__ import annotations

import re

from conformance.mutants import Broken, caught_by
from socketio_core.engineio import Frame
from socketio_core.socketio import Claim, JSONValue, Member

_LOST = "recovery/lost_client_"
_OFFSET = re.compile(r',"[^".]*\.[0-9]+"\]$')


@caught_by(f"{_LOST}*", "recovery/client_that_received_nothing*", "recovery/client_whose_connection*")
class KnowsNobody(Broken):
    """Who comes back is somebody new."""

    def _restore(self, member: Member, claim: Claim, now: float) -> None:
        pass


@caught_by(f"{_LOST}is_sent_what_it_missed*", f"{_LOST}is_sent_nothing_twice*", f"{_LOST}comes_back*")
class SendsNothingLater(Broken):
    """What was missed is not sent."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet.startswith('42["told"') else [packet]


@caught_by(f"{_LOST}is_sent_nothing_twice*")
class ForgetsOffsets(Broken):
    """Everything is sent again."""

    def _restore(self, member: Member, claim: Claim, now: float) -> None:
        super()._restore(member, Claim(claim.pid), now)


@caught_by("recovery/client_that_received_nothing*")
class WantsAnOffset(Broken):
    """Who has none is not recovered, as with the reference."""

    def _restore(self, member: Member, claim: Claim, now: float) -> None:
        if claim.offset is not None:
            super()._restore(member, claim, now)


@caught_by(f"{_LOST}is_sent_what_it_missed*", "recovery/unknown_secret*")
class KeepsTheSecret(Broken):
    """The answer to CONNECT has no secret."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r',"pid":"[^"]*"', "", packet)] if isinstance(packet, str) else [packet]


@caught_by("recovery/only_events_that_can_be_missed*")
class CountsNothing(Broken):
    """Events carry no offset, but for the first."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        is_event = isinstance(packet, str) and packet.startswith('42["message-back"')
        return [_OFFSET.sub("]", packet)] if is_event and isinstance(packet, str) else [packet]


@caught_by("recovery/client_whose_connection*")
class LetsBothGoOn(Broken):
    """The old connection is told nothing."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if packet == "41" else [packet]


@caught_by("recovery/unknown_secret*", "recovery/client_that_left*")
class BelievesAnything(Broken):
    """Whoever claims a secret has it."""

    def __init__(self) -> None:
        super().__init__()
        self._claimed = ""

    def _restore(self, member: Member, claim: Claim, now: float) -> None:
        self._claimed = claim.pid
        super()._restore(member, claim, now)

    def packet_out(self, packet: Frame) -> list[Frame]:
        if self._claimed and isinstance(packet, str) and packet.startswith("40{"):
            return [re.sub(r'"pid":"[^"]*"', f'"pid":"{self._claimed}"', packet)]
        return [packet]


@caught_by("recovery/secret_is_not_shown*")
class ShowsSecrets(Broken):
    """The application is shown what a client claims."""

    def __init__(self) -> None:
        super().__init__()
        self._claim: dict[str, JSONValue] = {}

    def _restore(self, member: Member, claim: Claim, now: float) -> None:
        self._claim = {"pid": claim.pid, "offset": claim.offset}
        super()._restore(member, claim, now)

    def _accept(self, member: Member, auth: JSONValue, now: float) -> None:
        super()._accept(member, {**auth, **self._claim}, now)
