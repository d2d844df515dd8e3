"""What the HTTP server writes into the log: never where a request went, which may be a secret."""

from __future__ import annotations

import logging
from typing import Final

_WITH_A_PATH: Final = ("Client disconnected while serving", "Exception while serving")


class WithoutPaths(logging.Filter):
    """Leaves out of waitress's lines the path, and of its tracebacks all but the kind of error.

    The path holds ids that open something, as its reader sent them: with line breaks too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; all pass."""
        said = record.getMessage()
        for words in _WITH_A_PATH:
            if said.startswith(words):
                record.msg, record.args = f"{words} a request", ()
        if record.exc_info and record.exc_info[0] is not None:
            record.msg = f"{record.getMessage()}: {record.exc_info[0].__name__}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def guard_server_log() -> None:
    """Guard what waitress logs from now on."""
    server = logging.getLogger("waitress")
    if not any(isinstance(one, WithoutPaths) for one in server.filters):
        server.addFilter(WithoutPaths())
