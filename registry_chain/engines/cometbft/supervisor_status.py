"""What a node's supervisor says of itself, in `DIR/supervisor.json` (clause NT-12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from registry_chain.storage.whole_file import replace_file
from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError

STATUS_FILE: Final = "supervisor.json"
_STATUS_BYTES: Final = 64 * 1024


def write_status(folder: Path, facts: JsonObject) -> None:
    """Replace the status file in one piece."""
    replace_file(folder / STATUS_FILE, json.dumps(facts, indent=1).encode() + b"\n")


def read_status(folder: Path) -> JsonObject | None:
    """Return what the supervisor of a folder said last; None: it said nothing that can be read."""
    try:
        with (folder / STATUS_FILE).open("rb") as file:
            data = file.read(_STATUS_BYTES + 1)
        return json_loads_object(data, what="the status", max_bytes=_STATUS_BYTES)
    except (OSError, MalformedError):
        return None
