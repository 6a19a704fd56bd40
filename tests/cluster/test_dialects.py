"""What other servers may send that Node's do not: old emitters, numbers for rooms, and nonsense."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.cluster import classic, modern
from socketio_core.cluster.messages import Audience, Broadcast, RoomsJoin, ServerAnswer
from socketio_core.cluster.values import MESSAGE_DEPTH, Malformed, to_json, to_msgpack
from tests.cluster.bus import nested
from tests.effort import examples

EVENTS, REQUESTS, RESPONSES = classic.Channel
OPTS: dict[str, Any] = {"rooms": [], "except": [], "flags": {}}


def test_old_emitters_leave_out_what_is_empty() -> None:
    message = classic.decode(EVENTS, "/", to_msgpack(["emitter", {"type": 2, "data": ["a"]}, {"rooms": ""}]))
    assert message == Broadcast("emitter", "/", ["a"], Audience([], [], {}))
    message = classic.decode(EVENTS, "/", to_msgpack(["emitter", {"type": 2, "data": ["a"]}, {"rooms": "x"}]))
    assert message == Broadcast("emitter", "/", ["a"], Audience(["x"], [], {}))


def test_rooms_may_be_numbers() -> None:
    message = classic.decode(REQUESTS, "/", to_json({"type": 2, "opts": {"rooms": [42]}, "rooms": [1, "b"]}))
    assert message == RoomsJoin(None, "/", Audience([42], [], {}), [1, "b"])  # type: ignore[list-item] # as they come


DEEP = nested(MESSAGE_DEPTH + 1)

NONSENSE: list[tuple[classic.Channel, Any]] = [
    (EVENTS, {}),
    (EVENTS, ["u", {"data": ["a"]}]),
    (EVENTS, [1, {"data": ["a"]}, OPTS]),
    (EVENTS, ["u", {"data": ["a"], "nsp": "/b"}, OPTS]),
    (EVENTS, ["u", {"data": ["a"], "nsp": 5}, OPTS]),
    (EVENTS, ["u", {"data": []}, OPTS]),
    (EVENTS, ["u", {"data": [1]}, OPTS]),
    (EVENTS, ["u", {"data": "a"}, OPTS]),
    (EVENTS, ["u", "packet", OPTS]),
    (EVENTS, ["u", {"data": ["a"]}, {"rooms": [True]}]),
    (EVENTS, ["u", {"data": ["a"]}, {"rooms": {}}]),
    (EVENTS, ["u", {"data": ["a"]}, {"flags": []}]),
    (REQUESTS, []),
    (REQUESTS, {}),
    (REQUESTS, {"type": 0, "requestId": "a"}),
    (REQUESTS, {"type": -1}),
    (REQUESTS, {"type": "1", "requestId": "a"}),
    (REQUESTS, {"type": 1}),
    (REQUESTS, {"type": 1, "requestId": 5}),
    (REQUESTS, {"type": 6, "data": ["a"], "requestId": 5}),
    (REQUESTS, {"type": 5, "uid": 5, "requestId": "a", "opts": OPTS}),
    (RESPONSES, {"requestId": "a"}),
    (RESPONSES, {"requestId": "a", "sockets": [1]}),
    (RESPONSES, {"requestId": "a", "sockets": {}}),
    (RESPONSES, {"requestId": "a", "type": 8, "clientCount": -1}),
    (RESPONSES, {"type": 8, "clientCount": 1}),
    (RESPONSES, {"requestId": "a", "type": 6, "data": DEEP}),
    (RESPONSES, {"requestId": "a", "type": 9, "packet": DEEP}),
    (RESPONSES, {"requestId": "a", "sockets": [{"id": DEEP}]}),
]


@pytest.mark.parametrize(("channel", "value"), NONSENSE)
def test_nonsense_on_classic_channels_is_malformed(channel: classic.Channel, value: Any) -> None:
    for raw in (to_msgpack(value, is_checked=True), *([] if channel is EVENTS else [_json(value)])):
        with pytest.raises(Malformed):
            classic.decode(channel, "/", raw)


MODERN_NONSENSE: list[Any] = [
    {},
    [],
    {"type": 3, "uid": "u", "nsp": "/"},
    {"type": 99, "uid": "u", "nsp": "/", "data": {}},
    {"type": 3, "uid": "u", "nsp": "/", "data": {"packet": {"data": ["a"], "id": "x"}, "opts": OPTS}},
    {"type": 7, "uid": None, "nsp": "/", "data": {"opts": OPTS, "requestId": "a"}},
    {"type": 8, "uid": "u", "nsp": "/", "data": {"requestId": "a", "sockets": ["x"]}},
    {"type": 8, "uid": "u", "nsp": "/", "data": {"requestId": "a", "sockets": [{"id": DEEP}]}},
    {"type": 10, "uid": "u", "nsp": "/", "data": {"requestId": "a", "packet": DEEP}},
    {"type": 12, "uid": "u", "nsp": "/", "data": {"requestId": "a", "packet": DEEP}},
]


@pytest.mark.parametrize("value", MODERN_NONSENSE)
def test_nonsense_of_cluster_adapters_is_malformed(value: Any) -> None:
    for raw in (to_msgpack(value, is_checked=True), _json(value)):
        with pytest.raises(Malformed):
            modern.decode(raw)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_an_answer_may_be_as_deep_as_what_clients_are_sent() -> None:
    for raw in (partial(to_msgpack, is_checked=True), _json):
        value = nested(MESSAGE_DEPTH - 1)  # in the message
        message = classic.decode(RESPONSES, "/", raw({"requestId": "a", "type": 6, "data": value}))
        assert message == ServerAnswer(None, "/", "a", value)
        with pytest.raises(Malformed):
            classic.decode(RESPONSES, "/", raw({"requestId": "a", "type": 6, "data": [value]}))


def test_the_name_of_a_namespace_may_be_so_deep_that_it_cannot_be_said() -> None:
    deep = b"\x91" * 1_000 + b"\x90"
    with pytest.raises(Malformed):
        classic.decode(EVENTS, "/", b"\x93\xa1u\x82\xa4data\x91\xa1a\xa3nsp" + deep + b"\x80")


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"type": b"x", "uid": b"u", "nsp": b"/"},
        {"type": b"3", "uid": b"\xff", "nsp": b"/"},
        {"type": b"3", "uid": b"u", "nsp": b"/", "data": b"***"},
        {"type": b"3", "uid": b"u", "nsp": b"/", "data": b"{"},
        {"type": b"3", "uid": b"u", "nsp": b"/"},
    ],
)
def test_nonsense_in_a_stream_is_malformed(entry: dict[str, bytes]) -> None:
    with pytest.raises(Malformed):
        modern.from_entry(entry)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(0, 13) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "uid", "nsp", "data", "packet", "opts", "rooms", "requestId", "sockets"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=examples(100))
@given(json_like)
def test_whatever_comes_is_a_message_or_malformed(value: Any) -> None:
    raw = to_msgpack(value)
    for channel in classic.Channel:
        try:
            message = classic.decode(channel, "/", raw)
        except Malformed:
            continue
        classic.encode(message)
    with suppress(Malformed):
        modern.encode(modern.decode(raw))
