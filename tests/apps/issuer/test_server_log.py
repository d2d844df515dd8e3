"""What the HTTP server of the issuer logs."""

from __future__ import annotations

import json
import logging
import re
from urllib.parse import parse_qsl

import pytest

from issuer_app.app import quiet_logs
from tests.apps.issuer.support import people, rows_csv
from tests.apps.issuer.test_authorization import WALLETS, Citizen, answer_of, shown_code
from tests.apps.issuer.wallets import AppTransport, new_wallet, offer_uri, trust_of
from tests.support.clauses import clause
from tests.support.server_log import ERRORS, WORDS, lines_of


@clause("W23", "I7")
@pytest.mark.parametrize("error", ERRORS)
def test_the_http_server_logs_no_path_and_no_words_of_an_error(caplog, error):
    logging.getLogger("waitress").filters.clear()
    quiet_logs()
    text = lines_of(caplog, error)
    assert "while serving a request" in text
    assert "c2VjcmV0" not in text
    assert "forged" not in text
    assert WORDS not in text


class Listening(AppTransport):
    """A transport that keeps every word that opens or says something."""

    def __init__(self, office):
        super().__init__(office)
        self.secrets = set()

    def post(self, url, body, **options):
        reply = super().post(url, body, **options)
        headers = options.get("headers") or {}
        self.secrets |= {value.rpartition(" ")[2] for value in headers.values()}
        if "urlencoded" in options["content_type"]:
            self.secrets |= {value for _, value in parse_qsl(body.decode()) if len(value) > 5}
        for value in (body, reply.body):
            self.secrets |= set(strings(value))
        return reply


def strings(data):
    try:
        value = json.loads(data or b"null")
    except ValueError:
        return
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str) and len(one) > 20:
            yield one
        elif isinstance(one, dict | list):
            stack += one.values() if isinstance(one, dict) else one


def assert_nothing_told(caplog, secrets):
    assert len(secrets) > 5
    # Whole words: six digits stand by chance in a longer number.
    words = set(re.findall(r"[\w.~+/=-]+", caplog.text))
    told = [one for one in secrets if one in (words if one.isdecimal() else caplog.text)]
    assert not told


@clause("W23", "I7")
def test_nothing_of_a_redemption_is_logged(office, caplog):
    caplog.set_level(logging.DEBUG)
    office.issue(rows_csv(*people(1)))
    uri = offer_uri(office, office.certificates()[0]["id"])
    wallet, transport = new_wallet(office), Listening(office)
    wallet.accept_all(uri, transport=transport, trust=trust_of(office))
    wallet.close()
    assert_nothing_told(caplog, {*transport.secrets, "Person 00001"} - PUBLIC)


@clause("W23")
def test_nothing_of_a_sign_in_is_logged_right_or_wrong(new_office, caplog):
    caplog.set_level(logging.DEBUG)
    office = new_office(wallets=WALLETS)
    office.issue(rows_csv(*people(1)))
    certificate_id = office.certificates()[0]["id"]
    citizen = Citizen(office)
    citizen.transport = Listening(office)
    state = citizen.issuer_state(certificate_id)
    page, code = citizen.begin(issuer_state=state), shown_code(office, certificate_id)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert citizen.browser.post(page, tx_code=wrong).status_code == 422
    answer = answer_of(citizen.browser.post(page, tx_code=code))
    assert citizen.token("wrong" * 10).status == 400
    token = json.loads(citizen.token(answer["code"]).body)["access_token"]
    secrets = {state, code, wrong, answer["code"], token, page.rpartition("/")[2]}
    assert_nothing_told(caplog, (secrets | citizen.transport.secrets) - PUBLIC)


PUBLIC = {
    "urn:ietf:params:oauth:grant-type:pre-authorized_code",
    "authorization_code",
    "credential_accepted",
    "residence-test_1",
}
"""Words of the protocol."""
