"""Who listens at a port of this machine, as far as the system tells whoever asks (Linux)."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LISTENS: Final = "0A"
"""State of a socket that listens, as /proc/net/tcp writes it."""
_PLACES: Final = ("net/tcp", "net/tcp6")
_TABLE_BYTES: Final = 16 * 2**20
_NAME_CHARACTERS: Final = 40


def port_holder(port: int, proc: Path = Path("/proc")) -> str:
    """Return in words who listens at a TCP port: `process 12 (nginx) of user www`; empty: unknown.

    The process of another user is told by its user alone, unless root asks.
    """
    for inode, user in _listeners(port, proc):
        whose = f"of user {_user_name(user)}"
        for pid, name in _processes_with(inode, proc):
            return f"process {pid} ({name}) {whose}"
        return f"a process {whose}"
    return ""


def _listeners(port: int, proc: Path) -> Iterator[tuple[str, int]]:
    """Yield inode and user of each socket that listens at a port."""
    for place in _PLACES:
        try:
            with (proc / place).open(encoding="ascii") as table:
                lines = table.read(_TABLE_BYTES).splitlines()[1:]
        except (OSError, ValueError):
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENS and fields[1].endswith(f":{port:04X}"):
                yield fields[9], int(fields[7])


def _processes_with(inode: str, proc: Path) -> Iterator[tuple[int, str]]:
    """Yield id and name of each process that has a socket open and may be looked at."""
    wanted = f"socket:[{inode}]"
    try:
        found = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    except OSError:
        return
    for pid in found:
        try:
            if not any(_points_to(each, wanted) for each in (proc / str(pid) / "fd").iterdir()):
                continue
            name = (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # of another user, or it has ended meanwhile
        yield pid, "".join(each for each in name if each.isprintable())[:_NAME_CHARACTERS]


def _points_to(descriptor: Path, wanted: str) -> bool:
    try:
        return str(descriptor.readlink()) == wanted
    except OSError:
        return False


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
