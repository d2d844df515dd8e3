"""Where status list credentials come from: the guarded transport, and nothing that is no answer."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid import limits
from weid.errors import TransportError
from weid.transport import HttpReply
from weid.verification.status_sources import CREDENTIAL_TYPES, HttpStatusCredentials

URI = "https://list.example/1"


class Web:
    """A transport with one answer."""

    def __init__(self, reply):
        self._reply = reply
        self.asked = []

    def get(self, url, *, accept="*/*", max_bytes=0, **_options):
        self.asked.append((url, accept, max_bytes))
        if self._reply is None:
            raise TransportError("no route")
        return self._reply


def reply(status=200, kind="application/vc", body=b"{}"):
    return HttpReply(status, {"content-type": kind}, body)


REPLIES = {
    "a credential": (reply(), "{}"),
    "a vc+jwt": (reply(kind="application/vc+jwt", body=b"a.b.c"), "a.b.c"),
    "JSON with a parameter": (reply(kind="application/json; charset=utf-8"), "{}"),
    "404": (reply(404), None),
    "a page": (reply(kind="text/html"), None),
    "not UTF-8": (reply(body=b"\xff"), None),
    "no route": (None, None),
}


@clause("WC-57")
@pytest.mark.parametrize(("answer", "found"), REPLIES.values(), ids=REPLIES)
def test_a_list_is_had_over_https_or_not(answer, found):
    web = Web(answer)
    assert HttpStatusCredentials(web).status_credential(URI) == found
    assert web.asked == [(URI, ", ".join(CREDENTIAL_TYPES), limits.STATUS_TOKEN_BYTES)]


@clause("WC-57", "S11", "S14")
def test_by_default_the_guarded_transport_asks():
    assert HttpStatusCredentials().status_credential("http://127.0.0.1:9/") is None
    assert HttpStatusCredentials().status_credential("https://169.254.169.254/") is None
