"""What waitress itself logs of a request that ended badly, without a socket."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

from waitress.channel import ClientDisconnected, HTTPChannel

SECRET = "/offers/c2VjcmV0\n2030-01-01 INFO root forged"
WORDS = "Ada Lovelace"


def lines_of(caplog, error: type[Exception]) -> str:
    """Let waitress serve a request whose application raises, and return the log's text."""

    def serve():
        raise error(WORDS)

    request = SimpleNamespace(path=SECRET, error=None, close=lambda: None, version="", headers={})
    task = SimpleNamespace(service=serve, request=request, wrote_header=True, close_on_finish=False)
    channel = HTTPChannel.__new__(HTTPChannel)
    channel.__dict__ |= {
        "requests": [request],
        "requests_lock": threading.Lock(),
        "connected": True,
        "server": SimpleNamespace(pull_trigger=lambda: None),
        "task_class": lambda *_: task,
    }
    with caplog.at_level(logging.INFO):
        channel.service()
    return caplog.text


ERRORS = (ClientDisconnected, ValueError)
