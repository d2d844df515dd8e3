"""Files that we hand out: always as attachments under names of our own."""

from __future__ import annotations

from typing import Final

from flask import Response

from issuer_app.rows.files import XLSX_TYPE

_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": XLSX_TYPE,
    "json": "application/json",
}


def send_download(content: bytes, name: str) -> Response:
    """Return a file as an attachment; its name has only plain characters."""
    response = Response(content, content_type=_TYPES[name.rpartition(".")[2]])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
