"""Messages recorded between Node's servers: all of them are understood, and written again to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from socketio_core.cluster import classic, modern
from socketio_core.cluster.messages import Message
from socketio_core.cluster.values import from_msgpack, to_msgpack

SAMPLES: Final[list[dict[str, Any]]] = [
    json.loads(line) for line in Path(__file__).with_name("samples.jsonl").read_text(encoding="utf-8").splitlines()
]
CHANNELS: Final = {
    "socket.io": classic.Channel.EVENTS,
    "socket.io-request": classic.Channel.REQUESTS,
    "socket.io-response": classic.Channel.RESPONSES,
}
# Node writes a number that is too large for 64 bits as a zero of 64 bits; there is a shorter zero.
NOT_THE_SAME: Final = "io.emit huge/NaN/bigint-ish numbers"


def read_and_write(sample: dict[str, Any]) -> tuple[Message, object, object]:
    """Return a message, what it was written as, and what we write."""
    if sample["form"] == "entry":
        entry = {name: text.encode() for name, text in sample["fields"].items()}
        message = modern.from_entry(entry)
        return message, entry, modern.to_entry(message)
    raw = bytes.fromhex(sample["hex"])
    if sample["form"] == "classic":
        name, nsp = sample["channel"].split("#")[:2]
        message = classic.decode(CHANNELS[name], nsp, raw)
        return message, raw, classic.encode(message)
    message = modern.decode(raw)
    return message, raw, modern.encode(message, always_msgpack=sample["form"] == "streams")


@pytest.mark.parametrize("form", ["classic", "sharded", "streams", "entry"])
def test_what_node_has_written_is_understood_and_written_alike(form: str) -> None:
    samples = [sample for sample in SAMPLES if sample["form"] == form]
    assert len(samples) > 10
    for sample in samples:
        _, was, again = read_and_write(sample)
        if sample["cause"] != NOT_THE_SAME:
            assert again == was, sample["cause"]


def test_sessions_that_node_has_kept_are_written_alike() -> None:
    samples = [bytes.fromhex(sample["hex"]) for sample in SAMPLES if sample["form"] == "session"]
    assert samples
    for raw in samples:
        assert to_msgpack(from_msgpack(raw)) == raw


def test_every_kind_of_message_is_among_them() -> None:
    kinds = {type(read_and_write(sample)[0]).__name__ for sample in SAMPLES if sample["form"] != "session"}
    assert kinds == {each.__name__ for each in Message.__args__}
