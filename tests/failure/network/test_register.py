"""The judge of histories: it finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.failure.network.register import Event, Result, find_faults

CHAIN = {1: "made", 2: "a", 3: "b"}


def write(
    client: int, version: int, value: str, began: float, ended: float,
    result: Result = Result.OK,
) -> Event:  # fmt: skip
    return Event(client, "write", version, value, began, ended, result)


def read(client: int, version: int, value: str, began: float, ended: float) -> Event:
    return Event(client, "read", version, value, began, ended, Result.OK)


MADE = write(0, 0, "made", 0, 1)
A = write(1, 1, "a", 2, 3)
B = write(2, 2, "b", 4, 5)

SOUND = {
    "one after the other": [MADE, A, B],
    "two at once, one of them in vain": [MADE, A, write(2, 1, "c", 2, 3, Result.FAILED), B],
    "an unknown one that was done": [MADE, A, write(2, 2, "b", 4, 5, Result.UNKNOWN)],
    "an unknown one that was done when its client had given up": [
        MADE, write(1, 1, "a", 2, 2.5, Result.UNKNOWN), B,
    ],
    "an unknown one that was not done": [MADE, A, B, write(3, 3, "d", 6, 7, Result.UNKNOWN)],
    "reads while it changes": [MADE, A, B, read(3, 1, "made", 2, 3), read(3, 2, "a", 3, 5)],
    "a read of a block that is no longer the newest": [MADE, A, B, read(3, 1, "made", 6, 7)],
    "a read of what is being written": [MADE, A, B, read(3, 3, "b", 4.5, 4.6)],
}  # fmt: skip

UNSOUND = {
    "acknowledged and lost": [MADE, A, B, write(3, 3, "d", 6, 7)],
    "acknowledged, and the version is another's": [MADE, A, B, write(3, 1, "d", 2, 7)],
    "refused and done": [MADE, A, write(2, 2, "b", 4, 5, Result.FAILED)],
    "done by nobody": [MADE, A],
    "done on another version than was expected": [MADE, A, write(2, 1, "b", 4, 5)],
    "written before what was over": [MADE, write(1, 1, "a", 6, 7), B],
    "written after it was read": [MADE, A, B, read(3, 3, "b", 1, 2)],
    "read what never was": [MADE, A, B, read(3, 2, "x", 4, 5)],
    "a client that goes back": [MADE, A, B, read(3, 3, "b", 5, 6), read(3, 2, "a", 7, 8)],
    "a client that does not see what it wrote": [MADE, A, B, read(2, 2, "a", 6, 7)],
}


@pytest.mark.parametrize("name", SOUND)
def test_what_can_have_happened_is_not_complained_of(name: str) -> None:
    assert list(find_faults(SOUND[name], CHAIN)) == []


@pytest.mark.parametrize("name", UNSOUND)
def test_what_cannot_have_happened_is_found(name: str) -> None:
    assert list(find_faults(UNSOUND[name], CHAIN)) != []
