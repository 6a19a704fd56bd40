"""Servers that let one client take what it wants."""

from __future__ import annotations

from dataclasses import replace

from conformance.mutants import Broken, caught_by
from socketio_core.serving import Serving
from socketio_core.settings import EngineSettings, ServerLimits, SocketSettings

WITHOUT_LIMIT = 1 << 40


@caught_by("limits/large_auth_is_refused*")
class KeepsAnyAuth(Broken):
    """A CONNECT may bring as much data as a message can hold."""

    def socket_settings(self) -> SocketSettings:
        return replace(super().socket_settings(), max_auth_bytes=WITHOUT_LIMIT)


@caught_by("limits/packet_of_very_many_values_ends_the_session*")
class ParsesAnything(Broken):
    """Values of a packet are not counted."""

    def socket_settings(self) -> SocketSettings:
        return replace(super().socket_settings(), max_json_values=WITHOUT_LIMIT)


@caught_by("limits/response_to_a_poll_is_bounded")
class AnswersPollsWithAllThereIs(Broken):
    """A poll takes all that waits."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_poll_bytes=WITHOUT_LIMIT)


@caught_by("limits/message_in_very_many_fragments_is_refused")
class CountsNoFragments(Broken):
    """A message may come in any number of fragments."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_fragments=WITHOUT_LIMIT)


@caught_by("limits/session_without_second_request_ends")
class WaitsForSecondRequests(Broken):
    """A session that was begun, and no more, lives as long as any other."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), first_request_timeout_s=10.0)


@caught_by("limits/handshakes_of_an_address_are_limited")
class CountsNoHandshakes(Broken):
    """An address may begin sessions as fast as it can."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_handshakes_per_s=None)


@caught_by("limits/connections_of_an_address_are_limited")
class CountsNoConnections(Broken):
    """An address may have any number of connections."""

    def serving(self) -> Serving:
        return replace(super().serving(), limits=ServerLimits())


@caught_by("limits/pings_whose_pongs_are_not_taken_end_the_session")
class AnswersAllPings(Broken):
    """Pings may come for ever, whether or not their pongs are taken."""

    def engine_settings(self, path: str) -> EngineSettings:
        return replace(super().engine_settings(path), max_unanswered_pings=WITHOUT_LIMIT)
