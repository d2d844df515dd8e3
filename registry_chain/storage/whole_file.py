"""Files that others read while they change: replaced in one piece, and former ones beside them."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path


def replace_file(path: Path, data: bytes, *, mode: int = 0o666, durable: bool = False) -> None:
    """Write a file anew in one piece: whoever reads it finds the former content or the new one.

    `mode` is what the umask takes from. With `durable` it survives the loss of power, without it
    such a loss may leave it empty.

    Raises:
        OSError: it cannot be written; the former content stays.
    """
    new = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, mode), "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)
    if durable:
        sync_folder(path.parent)


def former_name(path: Path) -> Path:
    """Return the first free name for what was at a path until now: `….old-1`, `-2`, …."""
    return next(
        place
        for number in count(1)
        if not (place := path.with_name(f"{path.name}.old-{number}")).exists()
    )


def let_succeed(successor: Path, path: Path) -> Path:
    """Let a file take the place of another, durably; return where that one is now.

    At each moment there is a file at the place.

    Raises:
        OSError: it cannot; at the place is what was there.
    """
    former = former_name(path)
    os.link(path, former)
    successor.replace(path)
    sync_folder(path.parent)
    return former


def sync_folder(folder: Path) -> None:
    """Make the names of new files in a folder survive the loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
