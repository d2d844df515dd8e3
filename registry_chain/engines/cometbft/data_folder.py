"""CometBFT's data in a node's folder: copied, brought back, set aside (NT-20 to NT-22).

One file of it is unlike the others: `priv_validator_state.json` says what this node's key has
signed last, and keeps it from signing twice. It is in no backup, since an older one would be worse
than none, and it is not set aside with the rest. Where it is lost, a person has to say from which
height on the key has signed nothing; everything below is then refused.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from shlex import quote
from typing import Final

from registry_chain.storage.whole_file import former_name, replace_file, sync_folder
from weid.encoding import json_loads_object
from weid.errors import KeyFileError, MalformedError, WeidError
from weid.registry.comet_json import integer_member

DATA: Final = "data"
SIGNED: Final = "priv_validator_state.json"
COPIED: Final = ("blockstore.db", "state.db", "evidence.db")
"""What is the chain's and not the node's; CometBFT makes its other files anew."""
_LAST_ROUND: Final = 2**31 - 1
_LAST_STEP: Final = 3
"""A precommit of the last round that there can be: nothing of that height is signed any more."""
_STATE_BYTES: Final = 64 * 1024


class DataRefusedError(WeidError):
    """CometBFT's data cannot be taken as it is."""


def copy_data(home: Path, target: Path) -> None:
    """Copy the data of a stopped node into a new folder, durably.

    Raises:
        DataRefusedError: it is not there, or cannot be copied.
    """
    _copy(home / DATA, target)


def bring_data(source: Path, home: Path) -> None:
    """Bring a copy back into a home whose data is gone; what was signed last stays as it is.

    Raises:
        DataRefusedError: there is other data, or it cannot be copied.
    """
    require_no_data(home)
    _copy(source, home / DATA)


def require_no_data(home: Path) -> None:
    """Require that a home has no data of a chain.

    Raises:
        DataRefusedError: it has.
    """
    there = [name for name in COPIED if (home / DATA / name).exists()]
    if there:
        raise DataRefusedError(
            f"{home / DATA} has data: {there[0]}",
            hint=f"registry-chain net rejoin {quote(str(home.parent))} moves chain and data aside",
        )


def signed_height(home: Path) -> int | None:
    """Return the height that the node's key signed last (0: none yet); None: nobody knows."""
    try:
        with (home / DATA / SIGNED).open("rb") as file:
            body = json_loads_object(file.read(_STATE_BYTES), what=SIGNED, max_bytes=_STATE_BYTES)
        # CometBFT writes it as text: a number is another's work, and worth nothing here.
        return (
            integer_member(body, "height", SIGNED) if isinstance(body.get("height"), str) else None
        )
    except (OSError, MalformedError):
        return None


def require_signed(home: Path) -> None:
    """Require that it is known what the node's key has signed.

    Raises:
        KeyFileError: it is not.
    """
    if signed_height(home) is None:
        raise KeyFileError(
            f"{home / DATA / SIGNED} is not there or damaged: nobody knows what this node's key "
            "has signed",
            hint="bring that very file back, not an older one; or have the key rotated; or say "
            "with --nothing-signed-from HEIGHT from where on it has surely signed nothing (two "
            "above the newest block that any node has)",
        )


def sign_only_from(home: Path, height: int) -> None:
    """Let the key sign nothing below a height; what the file said before is kept beside it."""
    path = home / DATA / SIGNED
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        set_aside(path)
    body = {"height": str(height - 1), "round": _LAST_ROUND, "step": _LAST_STEP}
    data = json.dumps(body, indent=2).encode() + b"\n"
    replace_file(path, data, mode=0o600, durable=True)


def set_data_aside(home: Path) -> Path:
    """Move the data away, but for what was signed last; return where it is."""
    aside = former_name(home / DATA)
    aside.mkdir(mode=0o700)
    # One after the other, so that what was signed never leaves its place.
    for path in sorted((home / DATA).iterdir()):
        if not path.name.startswith(SIGNED):
            path.rename(aside / path.name)
    sync_folder(home)
    return aside


def set_aside(path: Path) -> Path:
    """Move a file or folder to a name of its own beside it; return that."""
    aside = former_name(path)
    path.rename(aside)
    return aside


def _copy(source: Path, target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in COPIED:
            part = target / f".{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(source / name, part, ignore=shutil.ignore_patterns("LOCK"))
            for path in sorted(part.iterdir()):
                _sync_file(path)
            part.rename(target / name)
        sync_folder(target)
    except OSError as error:  # also what shutil raises
        why = error.strerror or str(error)
        raise DataRefusedError(f"CometBFT's data in {source} cannot be copied: {why}") from None


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
