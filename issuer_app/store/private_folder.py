"""The data folder holds personal data: nobody but its owner may look into it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from issuer_app.errors import SettingsError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_HINT: Final = "make it this user's alone (chown, chmod 700), or set data_dir to another folder."


def keep_private(folder: Path) -> str | None:
    """Take a folder away from group and others, if it is there and open to them.

    Returns:
        One line that says so where the mode was changed, else None.

    Raises:
        SettingsError: it belongs to another user, or is shared by its nature, such as /tmp.
    """
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode) or not mode & _OTHERS:
        return None
    # Closing a folder that others work in would lock them out.
    if status.st_uid != os.geteuid() or mode & stat.S_ISVTX:
        raise SettingsError(
            f"the data folder {folder} is open to other users (mode {mode:04o})", hint=_HINT
        )
    folder.chmod(stat.S_IRWXU)
    return f"{folder} was open to other users (mode {mode:04o}): its mode is now 0700"
