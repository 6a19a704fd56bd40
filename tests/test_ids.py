from __future__ import annotations

import re

from socketio_core.ids import new_id, new_key, random


def test_ids_are_20_url_safe_characters_like_the_references() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", new_id())


def test_keys_are_16_bytes_and_do_not_repeat() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert {len(key) for key in keys} == {16}


def test_random_numbers_are_from_0_to_1() -> None:
    numbers = {random() for _ in range(1000)}
    assert len(numbers) == 1000
    assert all(0 <= number < 1 for number in numbers)


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000
