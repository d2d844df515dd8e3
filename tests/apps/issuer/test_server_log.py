"""What the HTTP server of the issuer logs."""

from __future__ import annotations

import logging

import pytest

from issuer_app.app import quiet_logs
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
