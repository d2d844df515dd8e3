"""A disk without room, on one node of four: a small file system of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.failure.network.drill import Drill
from tests.failure.network.selection import in_the_long_list
from tests.failure.network.test_damage import failed
from tests.support.clauses import clause

pytestmark = pytest.mark.faults


Filler = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def no_room(folder: Path) -> Iterator[None]:
    """Take all the room that there is in a folder's file system."""
    path = folder / "filling"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        size = 1 << 20
        while size:
            try:
                os.write(descriptor, b"\0" * size)
            except OSError:
                size //= 2
        yield
    finally:
        os.close(descriptor)
        path.unlink()


@contextmanager
def no_inodes(folder: Path) -> Iterator[None]:
    """Take all the files that a folder's file system can have."""
    place = folder / "many"
    place.mkdir()
    try:
        with contextlib.suppress(OSError):
            for number in range(100_000):
                (place / str(number)).touch()
        yield
    finally:
        for path in place.iterdir():
            path.unlink()
        place.rmdir()


@clause("B24", "NT-10")
@pytest.mark.parametrize(
    "without",
    [
        pytest.param(no_room, id="no room"),
        pytest.param(no_inodes, id="no inodes", marks=in_the_long_list),
    ],
)
def test_the_disk_of_one_validator_is_full(drill: Drill, without: Filler) -> None:
    if drill.cluster.small_disk:
        pytest.skip(drill.cluster.small_disk)
    node = drill.cluster.validators[3]
    with without(node.folder):
        assert "the disk is full" in failed(node)
        drill.goes_on()
        if without is no_room:
            node.start()
            assert "the disk is full" in failed(node)
    drill.recovered("there is room again")
