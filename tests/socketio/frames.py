"""Parts of frames, written by hand."""

from __future__ import annotations


def placeholder(num: object) -> str:
    return f'{{"_placeholder":true,"num":{num}}}'
