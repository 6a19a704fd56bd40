"""Servers that are wrong about Socket.IO."""

from __future__ import annotations

import re
from dataclasses import replace

from conformance.mutants import Broken, caught_by
from socketio_core.engineio import Frame
from socketio_core.settings import SocketSettings

_GOOD = re.compile(r'4(0(/custom,)?$|2[0-9]*\["(message|join|tell)".*\]$)')


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
    "connect/unknown_namespace_is_refused*", "connect/application_refuses*", "connect/refused_connect_is_no_join"
)
class SaysNotWhyItRefuses(Broken):
    """CONNECT_ERROR comes without its message."""

    def packet_out(self, packet: Frame) -> list[Frame]:
        return [packet.partition("{")[0] + "{}"] if isinstance(packet, str) and packet[:2] == "44" else [packet]


@caught_by("connect/decision_may_take_a_while*")
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
