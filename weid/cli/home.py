"""Files in the home folder: readable by their owner only, and replaced whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from weid.errors import WeidError

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_folder(folder: Path) -> None:
    """Make a folder (and those above it) that only its owner may enter, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


def write_private(path: Path, content: str | bytes) -> None:
    """Put text or bytes at a path with mode 0600; a crash leaves the old file or the new one."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_private(path: Path, *, what: str) -> str:
    """Return the text of a file that holds a secret, without spaces around it.

    Raises:
        WeidError: group or others may read or write it, it is empty, or no text.
        OSError: it cannot be read.
    """
    with path.open(encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        mode = stat.S_IMODE(status.st_mode)
        # A pipe, as `<(…)` makes one, is nobody else's to open.
        if stat.S_ISREG(status.st_mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WeidError(
                f"{path} with {what} is open to other users (mode {mode:04o})",
                hint=f"chmod 600 {path}, and make a new one if somebody may have read it.",
            )
        try:
            text = file.read(64 * 1024).strip()
        except UnicodeDecodeError:
            raise WeidError(
                f"{path} with {what} is not text in UTF-8",
                hint="look whether this is the file that you mean; save it as UTF-8",
            ) from None
    if not text:
        raise WeidError(f"{path} with {what} is empty", hint=f"name the file that holds {what}")
    return text
