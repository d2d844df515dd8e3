"""The published vectors: read from the folder that WEID_VECTORS names, never kept here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = os.environ.get("WEID_VECTORS")
needs_vectors = pytest.mark.skipif(
    not FOLDER, reason="set WEID_VECTORS to the folder of the published vectors"
)


def vectors(name: str) -> list[Any]:
    """Return the vectors of a file as parameters named by their ids; none without the folder."""
    if not FOLDER:
        return [pytest.param(None, id="no folder of vectors")]
    found = json.loads((Path(FOLDER) / name).read_text(encoding="utf-8"))["vectors"]
    return [pytest.param(vector, id=vector["id"]) for vector in found]
