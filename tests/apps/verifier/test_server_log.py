"""What the HTTP server of the verifier logs."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.apps.verifier.online import Clerk, Wallet, build, post
from tests.support.clauses import clause
from tests.support.server_log import ERRORS, WORDS, lines_of
from tests.support.world import AUDIENCE, World
from verifier_app.command import start_log


@clause("W23", "I7")
@pytest.mark.parametrize("error", ERRORS)
def test_the_http_server_logs_no_path_and_no_words_of_an_error(caplog, error):
    logging.getLogger("waitress").filters.clear()
    start_log()
    text = lines_of(caplog, error)
    assert "while serving a request" in text
    assert "c2VjcmV0" not in text
    assert "forged" not in text
    assert WORDS not in text


@clause("W23")
@pytest.mark.parametrize("mode", ["direct_post.jwt", "direct_post"])
def test_nothing_of_a_presentation_is_logged(tmp_path, caplog, mode):
    caplog.set_level(logging.DEBUG)
    world = World.begin()
    app = build(world, tmp_path, response_mode=mode)
    clerk, wallet = Clerk(app), Wallet(world, app)
    path = clerk.begin(device="same")
    asked = wallet.read(clerk.link(path))
    place, form = wallet.form(clerk.link(path))
    bad = {
        name: f"{value[:-4]}AAAA" if name == "response" else value for name, value in form.items()
    }
    assert post(app, place, bad | {"vp_token": '{"x": 1}'}).status_code == 400
    wallet.client.refuse(asked)
    back = urlsplit(wallet.client.answer(asked, wallet.texts(asked)))
    assert "Ada Lovelace" in clerk.get(f"{back.path}?{back.query}", follow_redirects=True).text
    request_id = path.rpartition("/")[2]
    code = parse_qs(back.query)["response_code"][0]
    with clerk.client.session_transaction(base_url=AUDIENCE) as session:
        secrets = {text for one in session["presentations"] for text in one if text}
    secrets |= {"Lovelace", asked.request.nonce, str(asked.request.state), code, request_id}
    secrets |= {value for value in form.values() if len(value) > 20}
    assert len(secrets) >= 7
    assert "presentation" in caplog.text
    assert not [one for one in secrets if one in caplog.text]
