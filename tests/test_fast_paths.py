"""What is done a short way for most is done the long way for the rest: each pair has a test over random input."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1] / "socketio_core"

_APP: Final = "tests.app.test_fast_paths"
_SOCKET: Final = "tests.socketio.test_fast_paths"
_ENGINE: Final = "tests.engineio.test_fast_paths"
_JSON: Final = "tests.socketio.test_json_parser_oracle"
_TRANSPORTS: Final = "tests.cluster.test_transports"
_REQUESTS: Final = "tests.wire.test_plain_requests:test_site_answers_the_same_with_and_without_shortcuts"
_POLLS: Final = "tests.wire.test_plain_requests:test_polls_are_answered_the_same_with_and_without_shortcuts"

ORACLES: Final = {
    "app/client_inbox.py": [f"{_APP}:test_handlers_of_a_client_run_like_those_of_any"],
    "app/dispatcher.py": [f"{_APP}:test_events_find_the_inbox_of_their_socket"],
    "app/failures.py": [f"{_APP}:test_parameters_are_those_of_the_signature"],
    "app/socket.py": [f"{_APP}:test_a_socket_emits_as_its_operator_does"],
    "app/socket_inbox.py": [
        f"{_APP}:test_event_is_not_handled_whether_a_guard_or_what_came_before_let_go",
        f"{_APP}:test_handlers_of_an_event_run_like_those_of_any",
    ],
    "app/worker.py": [f"{_APP}:test_what_is_put_in_counts_until_it_is_handled_or_dropped"],
    "cluster/machine.py": [f"{_TRANSPORTS}:test_what_a_server_has_said_itself_it_knows_without_decoding_it"],
    "cluster/modern.py": [
        "tests.cluster.test_values:test_what_is_plain_is_the_same_json",
        "tests.cluster.test_values:test_what_is_plain_is_the_same_json",
    ],
    "cluster/outbox.py": ["tests.cluster.test_outbox:test_what_leaves_at_once_is_what_leaves_after_waiting"],
    "cluster/transports.py": [f"{_TRANSPORTS}:test_what_was_heard_before_changes_nothing_about_whose_a_message_is"],
    "engineio/base.py": [
        f"{_ENGINE}:test_server_does_what_its_table_says",
        f"{_ENGINE}:test_many_frames_at_once_and_frames_in_parts_mean_what_they_mean_singly",
    ],
    "engineio/carriers.py": [f"{_ENGINE}:test_a_websocket_takes_what_its_outbox_would_give"],
    "engineio/message.py": [f"{_ENGINE}:test_size_of_a_message_is_the_sum_of_its_frames"],
    "engineio/session.py": [f"{_ENGINE}:test_a_peer_is_clogged_when_its_outbox_weighs_too_much"],
    "http.py": ["tests.test_http:test_query_means_the_same_beside_a_field_that_is_encoded"],
    "socketio/client/client.py": [f"{_SOCKET}:test_frames_fed_at_once_mean_what_they_mean_one_by_one"],
    "socketio/client/namespace.py": [f"{_SOCKET}:test_event_to_a_server_is_the_same_whether_it_was_buffered_or_not"],
    "socketio/connection.py": [f"{_SOCKET}:test_event_of_a_member_is_the_same_whether_it_was_held_or_not"],
    "socketio/json_parser.py": [f"{_JSON}:test_the_encoder_without_a_module_writes_what_json_does"],
    "socketio/json_decoder.py": [
        f"{_JSON}:test_a_light_text_means_what_a_heavy_one_does",
        f"{_JSON}:test_a_plain_header_means_what_any_does",
    ],
    "socketio/json_scan.py": [f"{_JSON}:test_floats_are_the_same_wherever_there_are_many"],
    "socketio/nesting.py": [f"{_SOCKET}:test_depth_is_what_a_walk_over_the_data_finds"],
    "socketio/packet.py": [
        f"{_SOCKET}:test_arguments_may_be_any_list_of_them",
        f"{_SOCKET}:test_a_copy_is_what_deepcopy_returns",
    ],
    "socketio/server.py": [f"{_SOCKET}:test_what_an_engine_reports_is_what_a_server_hands_to_its_connections"] * 2,
    "socketio/weight.py": ["tests.socketio.test_weight:test_values_of_a_sparse_text_may_be_in_strings"],
    "wire/http1.py": [_POLLS, _REQUESTS, _REQUESTS],
    "wire/plain_frames.py": [
        "tests.wire.test_plain_frames:test_frames_that_are_read_one_at_a_time_mean_what_wsproto_says",
        "tests.wire.test_plain_frames:test_any_bytes_in_any_chunks_mean_what_wsproto_says",
        "tests.wire.test_plain_frames:test_frames_of_a_client_say_the_same_to_wsproto",
    ],
    "wire/websocket.py": [
        "tests.wire.test_pongs:test_a_small_frame_means_the_same_in_one_piece_and_in_two",
        "tests.wire.test_pongs:test_a_small_frame_means_the_same_in_one_piece_and_in_two",
        "tests.wire.test_websocket:test_messages_are_written_the_same_one_by_one_and_together",
    ],
}
"""For each comment that says so, in the order of the file, what holds the two ways together."""


def test_each_fast_path_has_an_oracle() -> None:
    found: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        count = path.read_text(encoding="utf-8").count("fast path")
        if count:
            found[path.relative_to(PACKAGE).as_posix()] = count
    assert found == {name: len(oracles) for name, oracles in ORACLES.items()}


def test_each_oracle_is_there() -> None:
    for oracle in {oracle for oracles in ORACLES.values() for oracle in oracles}:
        module, _, name = oracle.partition(":")
        assert callable(getattr(import_module(module), name)), oracle
