"""`registry-chain webhooks` on a stopped node: added, listed, paused, resumed, tried, removed."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from weid.crypto.keys import PublicKey

URL = "https://receiver.example/hooks"


def listed(chain, folder):
    code, out, _ = chain("--json", "webhooks", "list", folder)
    assert code == 0
    return json.loads(out)


@clause("EV-14")
def test_a_webhook_of_a_node_that_never_started_gets_everything(chain, founded):
    code, out, _ = chain(
        "webhooks", "add", founded, URL, "--event", "did_created", "--event", "issuer_recognized",
        "--subject", "did:weid:example:",
    )  # fmt: skip
    assert code == 0
    (found,) = listed(chain, founded)
    assert found == {
        "id": out.strip(),
        "url": URL,
        "names": ["did_created", "issuer_recognized"],
        "subject": "did:weid:example:",
        "loopback": False,
        "state": "active",
        "position": -1,
        "failures": 0,
        "next_try": 0,
        "problem": "",
    }


@clause("EV-14")
def test_it_is_paused_resumed_and_removed_by_its_id(chain, founded):
    name = chain("webhooks", "add", founded, URL, "--after", "-1")[1].strip()
    assert listed(chain, founded)[0]["position"] == -1
    for act, state in (("pause", "paused"), ("resume", "active")):
        assert chain("webhooks", act, founded, name)[1].strip() == f"{name} is {state}"
        assert listed(chain, founded)[0]["state"] == state
    assert chain("webhooks", "list", founded)[1].count(name) == 1
    assert chain("webhooks", "remove", founded, name)[0] == 0
    assert listed(chain, founded) == []
    for act in ("pause", "resume", "remove", "test"):
        code, _, err = chain("webhooks", act, founded, name)
        assert code == 1
        assert f"there is no webhook {name}" in err
        assert "\nTry: " in err


@clause("EV-12")
def test_the_key_is_the_same_each_time(chain, founded):
    first = chain("webhooks", "key", founded)[1].strip()
    assert chain("webhooks", "key", founded)[1].strip() == first
    shown = json.loads(chain("--json", "webhooks", "key", founded)[1])
    assert shown == {"key": first, "keyid": PublicKey.from_multikey(first).thumbprint()}


@pytest.mark.parametrize(
    "arguments",
    [
        ("http://receiver.example/",),
        ("http://127.0.0.1:1/",),
        ("http://receiver.example/", "--unsafe-loopback-http"),
        (URL, "--event", "no_such_event"),
        ("receiver.example",),
        ("https://localhost/hook",),
        ("https://127.0.0.1:8443/hook",),
        (URL, "--after", "0"),
    ],
)
@clause("EV-07", "EV-14")
def test_what_cannot_be_a_webhook_is_refused_and_nothing_is_kept(chain, founded, arguments):
    code, out, err = chain("webhooks", "add", founded, *arguments)
    assert (code, out) == (1, "")
    assert "\nTry: " in err
    assert listed(chain, founded) == []


@clause("EV-14")
def test_after_what_is_not_there_yet_no_webhook_begins(chain, begun):
    assert chain("webhooks", "add", begun, URL)[0] == 0
    newest = listed(chain, begun)[0]["position"]
    other = f"{URL}other"
    code, _, err = chain("webhooks", "add", begun, other, "--after", newest + 1)
    assert code == 1
    assert f"the newest event, which has the position {newest}" in err
    assert chain("webhooks", "add", begun, other, "--after", newest)[0] == 0


@clause("EV-14")
def test_a_url_gets_the_same_events_once(chain, founded):
    name = chain("webhooks", "add", founded, URL, "--event", "did_created")[1].strip()
    chain("webhooks", "pause", founded, name)
    code, _, err = chain("webhooks", "add", founded, URL, "--event", "did_created")
    assert code == 1
    assert f"the webhook {name} sends the same to this URL already; it is paused" in err
    assert len(listed(chain, founded)) == 1
    code, _, err = chain("webhooks", "add", founded, URL, "--event", "did_updated")
    assert code == 0
    assert f"{name} sends other events to this URL" in err
    assert len(listed(chain, founded)) == 2


@pytest.mark.parametrize("url", ["http://receiver.example/x", "https://localhost/x"])
def test_a_url_that_is_refused_is_named_and_no_password_in_it(chain, founded, url):
    assert url in chain("webhooks", "add", founded, url)[2]
    _, _, err = chain("webhooks", "add", founded, url.replace("//", "//me:secret@"))
    assert "secret" not in err
    assert url.split("/")[2] in err


@clause("EV-14")
def test_a_trial_that_nobody_takes_is_told(chain, founded):
    name = chain("webhooks", "add", founded, "http://127.0.0.1:1/", "--unsafe-loopback-http")[
        1
    ].strip()
    code, out, err = chain("webhooks", "test", founded, name)
    assert (code, out) == (20, "")
    assert "did not take it" in err
