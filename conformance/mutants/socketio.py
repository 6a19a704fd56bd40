"""Servers that are wrong about Socket.IO."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from conformance.mutants import Broken, caught_by
from socketio_core.engineio import Frame
from socketio_core.settings import SocketSettings
from socketio_core.socketio import ConnectRequested, EventReceived, JSONValue, Left, Member, Selection, ServerEvent

_GOOD = re.compile(r'4(0(/custom,)?$|2[0-9]*\["(message|join|tell)".*\]$)')


class ChangesAnswers(Broken):
    """Lets `answer` do what the application does about events."""

    def _answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        self.answer(member, name, args, ack_id, now)

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        """Do what the application does about an event."""
        super()._answer(member, name, args, ack_id, now)


@caught_by("malformed/*")
class ForgivesBadPackets(Broken):
    """What is no good packet is passed over."""

    def __init__(self) -> None:
        super().__init__()
        self._good = 0

    def packet_in(self, packet: Frame) -> list[Frame]:
        is_good = isinstance(packet, str) and (packet[:1] != "4" or _GOOD.match(packet)) and "NaN" not in packet
        if is_good and packet == "40":
            self._good += 1
            return [packet] if self._good <= 2 else []  # the two clients of a case, not the second CONNECT of one
        return [packet] if is_good else []


@caught_by("malformed/what_came_before_a_bad_packet_counts*")
class LosesWhatCameBefore(Broken):
    """Nobody is told anything."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and '"told"' in packet else [packet]


@caught_by(
    "connect/connect_is_answered_with_an_id*",
    "connect/namespaces_share_a_connection*",
    "connect/client_leaves_one_namespace*",
    "connect/namespace_needs_no_comma_at_the_end",
)
class ConnectsWithoutId(Broken):
    """CONNECT is answered without an id."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r'^(40[^{]*)\{"sid":"[^"]*"\}$', r"\1{}", packet)] if isinstance(packet, str) else [packet]


@caught_by("connect/auth_arrives*")
class SaysNothingOfAuth(Broken):
    """The application does not see the auth."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and '["auth"' in packet else [packet]


@caught_by(
    "connect/unknown_namespace_is_refused*",
    "connect/application_refuses*",
    "connect/refused_connect_is_no_join",
    "namespaces/odd_names_are_unknown_namespaces*",
)
class SaysNotWhyItRefuses(Broken):
    """CONNECT_ERROR comes without its message."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet.partition("{")[0] + "{}"] if isinstance(packet, str) and packet[:2] == "44" else [packet]


@caught_by("connect/decision_may_take_a_while*", "namespaces/decision_may_outlast_an_upgrade")
class NeverDecides(Broken):
    """Who has to wait waits for ever."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet.startswith("40/slow") else [packet]


@caught_by("connect/connection_without_a_namespace_ends*")
class HasNoConnectTimeout(Broken):
    """A connection may stay without a namespace."""

    def socket_settings(self) -> SocketSettings:
        return replace(super().socket_settings(), connect_timeout_s=60.0)


@caught_by("connect/join_ends_the_connect_timeout*", "connect/client_leaves_one_namespace*")
class EndsWithANamespace(Broken):
    """Leaving a namespace ends the whole connection."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["1"] if isinstance(packet, str) and packet[:2] == "41" else [packet]


@caught_by("connect/event_for_a_namespace_that_was_left_ends_the_connection*")
class IgnoresDisconnects(Broken):
    """DISCONNECT means nothing."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet[:2] == "41" else [packet]


@caught_by("connect/server_disconnects_a_namespace*", "connect/server_disconnects_a_client*")
class DisconnectsInSilence(Broken):
    """Clients are not told that they were made to leave."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet[:2] == "41" else [packet]


@caught_by(
    "events/arguments_come_back*",
    "events/event_stays_in_its_namespace*",
    "events/escaped_surrogates_come_back",
    "events/unknown_event_is_ignored*",
    "events/large_event_comes_back*",
    "events/packets_in_one_post_are_all_handled",
    "events/binary_arguments_come_back*",
    "events/attachments_may_come_in_posts_of_their_own",
    "events/order_is_kept*",
    "events/clients_do_not_mix",
)
class AnswersUnderAnotherName(Broken):
    """Events are answered by events of another name."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet.replace('"message-back"', '"message"')] if isinstance(packet, str) else [packet]


@caught_by(
    "events/event_is_acknowledged*",
    "events/event_in_a_namespace_is_acknowledged_there*",
    "events/each_event_has_an_acknowledgement_of_its_own*",
)
class AcknowledgesAnother(Broken):
    """Acknowledgements have another id."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r"^(43[^\[]*)\[", r"\g<1>9[", packet)] if isinstance(packet, str) else [packet]


@caught_by("events/binary_is_acknowledged*", "events/binary_arguments_come_back*")
class LosesAttachments(Broken):
    """Binary data arrives empty, or as one byte where there was none."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet] if isinstance(packet, str) else [b"" if packet else b"\x00"]


@caught_by("events/server_asks_for_an_acknowledgement*", "events/unknown_acknowledgement_is_ignored*")
class AsksWithoutId(Broken):
    """The server's questions have no id to answer to."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r'^42[0-9]+\["question"', '42["question"', packet)] if isinstance(packet, str) else [packet]


@caught_by("events/room_gets_what_is_told*")
class TellsNobody(Broken):
    """Nothing comes to rooms."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and '"told"' in packet else [packet]


@caught_by("events/burst_is_complete_and_in_order*", "events/burst_during_an_upgrade_is_complete")
class LosesOneOfMany(Broken):
    """One event of a burst is lost."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if packet == '42["number",250]' else [packet]


# -- connecting and leaving --------------------------------------------------------------------------------------------


@caught_by("connect/connect_is_answered_with_an_id*")
class ShowsTheSessionId(Broken):
    """The socket's id is that of the Engine.IO session."""

    def __init__(self) -> None:
        super().__init__()
        self._sid = ""

    def packet_out(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and (found := re.match(r'0\{"sid":"([^"]*)"', packet)):
            self._sid = found[1]
        return [re.sub(r'^(40.*"sid":")[^"]*', rf"\g<1>{self._sid}", packet)] if isinstance(packet, str) else [packet]


@caught_by("connect/namespaces_share_a_connection*", "connect/client_leaves_one_namespace*")
class HasOneIdForAll(Broken):
    """All sockets have one id."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r'^(40.*"sid":")[^"]*', r"\g<1>same", packet)] if isinstance(packet, str) else [packet]


@caught_by("connect/connection_without_a_namespace_ends*")
class IsImpatient(Broken):
    """A connection without a namespace ends too early."""

    def socket_settings(self) -> SocketSettings:
        return replace(super().socket_settings(), connect_timeout_s=0.7)


@caught_by("connect/refused_connect_is_no_join")
class JoinsWithARefusal(Broken):
    """To be refused counts as a join."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["40", packet] if packet == "40/nowhere," else [packet]

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and packet.startswith(('40{"sid"', '42["auth"')) else [packet]


@caught_by("connect/unknown_namespace_is_refused*", "connect/application_refuses*")
class EndsWithARefusal(Broken):
    """Who is refused loses the connection."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [packet, "1"] if packet in ("40/nowhere,", "40/refused,") else [packet]


@caught_by("connect/application_refuses*")
class RefusesWithoutData(Broken):
    """What the application added to a refusal is lost."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [re.sub(r'^(44.*),"data":.*', r"\1}", packet)] if isinstance(packet, str) else [packet]


@caught_by("namespaces/connects_at_once_are_each_answered*")
class DecidesOneByOne(Broken):
    """While one namespace is decided, all others wait."""

    def _handle(self, event: ServerEvent, now: float) -> None:
        is_waiting = self._later.next_deadline is not None
        if is_waiting and isinstance(event, ConnectRequested) and event.member.namespace.name != "/refused":
            self._later.schedule(now + 0.2, partial(self._accept, event.member, event.auth))
        else:
            super()._handle(event, now)


@caught_by("namespaces/each_namespace_has_its_auth*")
class RemembersAuth(Broken):
    """Who sends no auth is taken to have sent that of before."""

    def __init__(self) -> None:
        super().__init__()
        self._auth: JSONValue = {}

    def _accept(self, member: Member, auth: JSONValue, now: float) -> None:
        self._auth = auth or self._auth
        super()._accept(member, self._auth, now)


@caught_by("namespaces/disconnect_needs_no_comma*", "connect/namespace_needs_no_comma_at_the_end")
class WantsCommas(Broken):
    """A namespace without a comma behind it is not seen."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return [] if isinstance(packet, str) and re.fullmatch(r"4[01]/[^,]*", packet) else [packet]


@caught_by(
    "namespaces/odd_names_are_unknown_namespaces[upper_case]", "namespaces/odd_names_are_unknown_namespaces[longer]"
)
class TidiesNames(Broken):
    """Names of namespaces are compared in lower case, without a slash at the end."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        if isinstance(packet, str) and (found := re.match(r"40(/[^,]+?)/?,", packet)):
            return [f"40{found[1].lower()}," + packet[found.end() :]]
        return [packet]


@caught_by("namespaces/client_leaves_all_namespaces_but_one*")
class LeavesAllWithTheRoot(Broken):
    """Who leaves `/` has left everything."""

    def packet_in(self, packet: Frame) -> list[Frame]:
        return ["41", "41/custom,"] if packet == "41" else [packet]


@caught_by("namespaces/rooms_are_of_one_namespace*")
class SharesRooms(ChangesAnswers):
    """Rooms of one name are one room in all namespaces."""

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        if name == "tell":
            for nsp in ("/", "/custom"):
                self.server.broadcast(nsp, "told", args[1:], Selection(frozenset([str(args[0])])))
        else:
            super().answer(member, name, args, ack_id, now)


@caught_by("namespaces/rooms_are_left_with_the_namespace*")
class KeepsRooms(Broken):
    """Who comes back to a namespace is in the rooms of before."""

    def __init__(self) -> None:
        super().__init__()
        self._rooms: frozenset[str] = frozenset()

    def _handle(self, event: ServerEvent, now: float) -> None:
        if isinstance(event, Left):
            self._rooms |= event.rooms
        super()._handle(event, now)

    def _accept(self, member: Member, auth: JSONValue, now: float) -> None:
        super()._accept(member, auth, now)
        for room in self._rooms:
            member.join(room)


@caught_by("namespaces/lost_member_of_a_room_is_not_missed*")
class EndsRoomsWithAMember(Broken):
    """A room ends when one of its members leaves."""

    def _handle(self, event: ServerEvent, now: float) -> None:
        if isinstance(event, Left):
            for room in event.rooms:
                for member in list(event.member.namespace.in_room(room)):
                    member.leave(room)
        super()._handle(event, now)


@caught_by("events/room_gets_what_is_told*")
class TellsEverybody(ChangesAnswers):
    """What is for a room goes to all others in the namespace."""

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        if name == "tell":
            self.server.broadcast(member.namespace.name, "told", args[1:], Selection(None, frozenset([member.sid])))
        else:
            super().answer(member, name, args, ack_id, now)


@caught_by("events/room_gets_what_is_told*")
class TellsTheTeller(ChangesAnswers):
    """Who tells a room something hears it too."""

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        if name == "tell":
            self.server.broadcast(member.namespace.name, "told", args[1:], Selection(frozenset([str(args[0])])))
        else:
            super().answer(member, name, args, ack_id, now)


@caught_by("events/event_for_no_rooms_reaches_nobody")
class TakesNoRoomsForAll(ChangesAnswers):
    """What is for no rooms goes to everybody else, as with the reference."""

    def answer(self, member: Member, name: str, args: list[JSONValue], ack_id: int | None, now: float) -> None:
        if name == "tell" and args[0] == []:
            self.server.broadcast(member.namespace.name, "told", args[1:], Selection(None, frozenset([member.sid])))
        else:
            super().answer(member, name, args, ack_id, now)


@caught_by("connect/nothing_is_handled_behind_the_servers_goodbye*")
class HandlesWhatComesBehindItsGoodbye(Broken):
    """Events that were read together are all handled, whatever the first of them did."""

    def _handle(self, event: ServerEvent, now: float) -> None:
        if isinstance(event, EventReceived):
            self._answer(event.member, event.name, event.args, event.ack_id, now)
        else:
            super()._handle(event, now)


@caught_by("connect/connect_while_one_is_pending_is_answered_too*", "connect/connects_at_once_make_one_socket*")
class EndsAtTheSecondConnect(Broken):
    """A client may ask for a namespace once."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: set[Frame] = set()

    def packet_in(self, packet: Frame) -> list[Frame]:
        if packet == "40/slow,":
            if packet in self._asked:
                return ["1"]
            self._asked.add(packet)
        return [packet]


@caught_by("connect/what_is_emitted_while_deciding_follows_connect*")
class ForgetsWhatItSaidBefore(Broken):
    """What is emitted while it decides about a client is lost."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [] if packet == '42/greeting,["hello"]' else [packet]


@caught_by("connect/what_is_emitted_while_deciding_follows_connect*")
class SaysItBeforeItAnswers(Broken):
    """What is emitted while it decides about a client comes in front of its answer, as with the reference."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        hello = '42/greeting,["hello"]'
        if packet == hello:
            return []
        return [hello, packet] if str(packet).startswith("40/greeting,") else [packet]


@caught_by("connect/what_is_emitted_to_a_client_that_is_refused_is_dropped*")
class SaysGoodbyeToWhomItRefuses(Broken):
    """What is emitted while it decides about a client is sent before it refuses the client, as with the reference."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        is_refusal = isinstance(packet, str) and packet.startswith("44/farewell,")
        return ['42/farewell,["goodbye"]', packet] if is_refusal else [packet]


@caught_by("connect/client_that_is_disconnected_while_deciding_is_not_let_in*")
class LetsInWhomItDisconnects(Broken):
    """Disconnecting a client about which it decides does nothing."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return ['40/unwelcome,{"sid":"x"}'] if str(packet).startswith("44/unwelcome,") else [packet]
