"""Servers that are wrong about acknowledgements, attachments and order."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

from conformance.mutants import Broken, caught_by
from conformance.mutants.socketio import ChangesAnswers
from socketio_core.engineio import Frame
from socketio_core.settings import EngineSettings
from socketio_core.socketio import JSONValue, Member

# -- acknowledgements --------------------------------------------------------------------------------------------------


@caught_by("acks/acknowledgement_carries_arguments*")
class AcknowledgesWithAList(Broken):
    """The arguments of an acknowledgement come as one."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r"(?s)^(43[^\[]*)(\[.*)$", r"\1[\2]", packet)] if isinstance(packet, str) else [packet]


@caught_by("events/event_is_acknowledged[zero*")
class SeesNoIdZero(Broken):
    """An id of 0 is taken for none."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [re.sub(r"^420\[", "42[", packet)] if isinstance(packet, str) else [packet]


@caught_by("events/event_is_acknowledged[large*")
class CutsIds(Broken):
    """Ids have 32 bits."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and (found := re.match(r"43(\d+)", packet)):
            return [f"43{int(found[1]) % 2**32}{packet[found.end() :]}"]
        return [packet]


@caught_by("events/event_in_a_namespace_is_acknowledged_there*", "binary/binary_event_of_a_namespace_comes_back*")
class AnswersInTheRoot(Broken):
    """Acknowledgements and binary events lose their namespace."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r"^(43|4[56]\d+-)/custom,", r"\1", packet)] if isinstance(packet, str) else [packet]


@caught_by("acks/questions_may_be_answered_in_any_order*")
class KeepsOneQuestion(Broken):
    """Only the last question of the server can be answered."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ""

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and (found := re.match(r'42(\d+)\["question"', packet)):
            self._last = found[1]
        return [packet]

    def packet_in(self, packet: Frame) -> list[Frame]:
        is_other = isinstance(packet, str) and packet[:2] == "43" and not packet.startswith(f"43{self._last}[")
        return [] if is_other else [packet]


@caught_by("acks/ids_of_both_sides_are_independent*")
class TakesAnEventForAnAnswer(Broken):
    """An event of the client uses up the server's question of the same id."""

    def __init__(self) -> None:
        super().__init__()
        self._used: set[str] = set()

    def packet_in(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and (found := re.match(r"42(\d+)\[", packet)):
            self._used.add(f"43{found[1]}[")
        return [] if isinstance(packet, str) and packet.partition("[")[0] + "[" in self._used else [packet]


@caught_by("acks/answer_goes_to_the_namespace_that_asked*")
class TakesAnswersInTheRoot(Broken):
    """Acknowledgements are looked up without their namespace."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [packet.replace("43/custom,", "43")] if isinstance(packet, str) else [packet]


@caught_by("acks/answer_of_another_client_does_not_count", "events/unknown_acknowledgement_is_ignored*")
class TakesAnyAnswer(ChangesAnswers):
    """Whoever acknowledges whatever answers the last question."""

    def __init__(self) -> None:
        super().__init__()
        self._asker: Member | None = None

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        if name == "ask":
            self._asker = member
        super().answer(member, name, args, ack_id, now)

    def packet_in(self, packet: Frame) -> list[Frame]:
        if self._asker is None or not isinstance(packet, str) or packet[:2] != "43":
            return [packet]
        self._asker.emit("answer", json.loads(packet[packet.index("[") :]))
        return []


@caught_by("acks/answer_may_come_after_an_upgrade")
class ForgetsQuestionsWithAnUpgrade(Broken):
    """Questions that were asked over polling cannot be answered over the WebSocket."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: set[str] = set()
        self._forgotten: set[str] = set()

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and (found := re.match(r'42(\d+)\["question"', packet)):
            self._asked.add(f"43{found[1]}")
        return [packet]

    def packet_in(self, packet: Frame) -> list[Frame]:
        if packet == "5":
            self._forgotten |= self._asked
        return [] if isinstance(packet, str) and packet.partition("[")[0] in self._forgotten else [packet]


# -- binary ------------------------------------------------------------------------------------------------------------


@caught_by("acks/unknown_binary_acknowledgement_is_ignored*", "binary/binary_event_that_nobody_handles*")
class LeavesAttachments(Broken):
    """What nobody waits for is passed over without its attachments."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and re.match(r'462-999|451-\["nobody', packet) else [packet]


@caught_by("binary/placeholders_may_be_in_any_order*")
class TakesAttachmentsInTurn(Broken):
    """The numbers of placeholders are not read."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        numbers = itertools.count()
        return (
            [re.sub(r'"num":\d', lambda _: f'"num":{next(numbers)}', packet)] if isinstance(packet, str) else [packet]
        )


@caught_by("events/binary_arguments_come_back[nested*", "events/binary_arguments_come_back[ten*")
class NumbersFromTheEnd(Broken):
    """Attachments are numbered from the last to the first."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        if not isinstance(packet, str) or not (found := re.match(r"45(\d+)-", packet)):
            return [packet]
        last = int(found[1]) - 1
        return [re.sub(r'"num":(\d)', lambda number: f'"num":{last - int(number[1])}', packet)]


@caught_by("binary/what_is_no_placeholder_is_left_alone*")
class SeesPlaceholdersEverywhere(Broken):
    """Whatever has a number is a placeholder."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        odd = r'\{(?:"_placeholder":(?:false|"true"|1),)?"num":0\}'
        return [re.sub(odd, '{"_placeholder":true,"num":0}', packet)] if isinstance(packet, str) else [packet]


@caught_by("binary/base64_is_understood_on_websockets")
class KnowsNoBase64(Broken):
    """Base64 is understood in POSTs alone."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet[:1] == "b" else [packet]


@caught_by(
    "binary/attachments_may_come_over_the_next_transport", "ordering/binary_events_during_an_upgrade_are_complete"
)
class LosesAttachmentsBehindAnUpgrade(Broken):
    """Binary data is not expected from the second transport."""

    def __init__(self) -> None:
        super().__init__()
        self._is_upgraded = False

    def packet_in(self, packet: Frame) -> list[Frame]:
        self._is_upgraded |= packet == "5"
        return [] if self._is_upgraded and isinstance(packet, bytes) else [packet]


class _CountsAttachments(Broken):
    """Knows how many attachments are to come, of all clients together."""

    def __init__(self) -> None:
        super().__init__()
        self.owed = 0

    def packet_in(self, packet: Frame) -> list[Frame]:
        seen = self.change(packet)
        if isinstance(packet, bytes):
            self.owed = max(self.owed - 1, 0)
        elif not self.owed and (found := re.match(r"4[56](\d+)-", packet)):
            self.owed = int(found[1])
        return seen

    def change(self, packet: Frame) -> list[Frame]:
        """Return what the core is to see."""
        return [packet]


@caught_by(
    "binary/surplus_attachment_ends_the_connection*",
    "binary/binary_before_any_namespace_ends_the_connection*",
    "malformed/attachment_without_a_header_ends_the_connection*",
)
class PassesOverStrayAttachments(_CountsAttachments):
    """Binary data that belongs to nothing is passed over."""

    def change(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, bytes) and not self.owed else [packet]


@caught_by("binary/other_packets_in_place_of_an_attachment*")
class PassesOverWhatInterrupts(_CountsAttachments):
    """Packets that come before attachments that are to come are passed over."""

    def change(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet[:1] == "4" and self.owed else [packet]


@caught_by("binary/heartbeat_between_attachments_does_no_harm")
class IsInterruptedByHeartbeats(_CountsAttachments):
    """A pong, too, ends the connection when attachments are to come."""

    def change(self, packet: Frame) -> list[Frame]:
        return ["4x"] if packet == "3" and self.owed else [packet]


@caught_by("binary/attachments_of_two_clients_are_not_mixed*", "binary/connection_may_end_between_attachments")
class HasOneDecoder(_CountsAttachments):
    """What attachments are to come is known for all clients together."""

    def change(self, packet: Frame) -> list[Frame]:
        return ["4x"] if isinstance(packet, str) and packet[:2] == "45" and self.owed else [packet]


# -- order -------------------------------------------------------------------------------------------------------------


class _AnswersLate(ChangesAnswers):
    def __init__(self) -> None:
        super().__init__()
        self._late: list[tuple[Member, str, list[JSONValue], int | None]] = []

    def is_late(self, member: Member, name: str) -> bool:
        """Whether to answer this event when all others have been."""
        raise NotImplementedError

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        if self.is_late(member, name):
            self._late.append((member, name, args, ack_id))
        else:
            super().answer(member, name, args, ack_id, now)

    def handle_events(self, now: float) -> None:
        super().handle_events(now)
        late, self._late = self._late, []
        for member, name, args, ack_id in reversed(late):
            super().answer(member, name, args, ack_id, now)


@caught_by("ordering/acknowledgements_and_events_keep_their_order*")
class AcknowledgesLast(_AnswersLate):
    """Acknowledgements come when everything else has been said."""

    def is_late(self, member: Member, name: str) -> bool:
        return name == "message-with-ack"


@caught_by("ordering/namespaces_keep_their_order*")
class AnswersTheLastFirst(_AnswersLate):
    """What waits in a namespace is answered from the last to the first."""

    def is_late(self, member: Member, name: str) -> bool:
        return member.namespace.name != "/"


@caught_by("ordering/events_before_a_disconnect_are_answered_first*", "ordering/events_before_the_end_are_delivered*")
class EndsFirst(_AnswersLate):
    """Who leaves is not told the rest."""

    def is_late(self, member: Member, name: str) -> bool:
        return name == "burst"


@caught_by("ordering/binary_events_of_many_senders_are_whole*")
class SendsAttachmentsLater(Broken):
    """Attachments go behind the next packet."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Frame] = []

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, bytes):
            self._held.append(packet)
            return []
        held, self._held = self._held, []
        return [packet, *held]


@caught_by("ordering/packets_behind_a_bad_one_are_not_handled*")
class HandlesWhatIsBehind(Broken):
    """A bad packet ends the connection when the next has been handled."""

    def __init__(self) -> None:
        super().__init__()
        self._bad: list[Frame] = []

    def packet_in(self, packet: Frame) -> list[Frame]:
        if packet == "4x":
            self._bad = [packet]
            return []
        bad, self._bad = self._bad, []
        return [packet, *bad]


@caught_by("events/large_event_comes_back*")
class HasLessRoom(Broken):
    """Messages may be half as large as was said."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_payload_bytes=500_000)


@caught_by("events/clients_do_not_mix")
class AnswersTheOneBefore(ChangesAnswers):
    """The answer goes to whoever spoke before."""

    def __init__(self) -> None:
        super().__init__()
        self._last: Member | None = None

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        super().answer(self._last or member, name, args, ack_id, now)
        self._last = member
