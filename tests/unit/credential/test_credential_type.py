# ruff: noqa: RUF001 - look-alike characters are what is tested
from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid.credential.credential_type import CredentialType
from weid.errors import MalformedError


@clause("CP-07")
def test_a_type_is_read_and_written():
    text = "urn:weid:macao-1:cpt:diploma-2:17"
    found = CredentialType.parse(text)
    assert (found.network, found.cpt_id, found.version) == ("macao-1", "diploma-2", 17)
    assert str(found) == text


@clause("C16", "CP-07")
@pytest.mark.parametrize(
    "text",
    [
        "", "diploma", "urn:weid:test:cpt:diploma", "urn:weid:test:cpt:diploma:0", "urn:weid:test:cpt:diploma:01",
        "urn:weid:test:cpt:diploma:-1", "urn:weid:test:cpt:diploma:1/", "urn:weid:test:cpt:diploma:1\n",
        "URN:weid:test:cpt:diploma:1", "urn:weid:test:cpt:Diploma:1", "urn:weid:test:cpt:diplоma:1", "urn:weid:test:cpt:di:1",
        "urn:weid:test:cpt:diploma:１", "urn:weid:t:cpt:diploma:1", "urn:weid:test:cpt:diploma:1000000000",
        "urn:weid:test:cpt:" + "d" * 65 + ":1",
    ],
)  # fmt: skip
def test_what_is_no_type_is_refused(text):
    with pytest.raises(MalformedError):
        CredentialType.parse(text)


@pytest.mark.parametrize(
    "parts",
    [
        ("T", "diploma", 1),
        ("test", "d", 1),
        ("test", "9ab", 1),
        ("test", None, 1),
        ("test", "diploma", 0),
        ("test", "diploma", True),
        ("test", "diploma", "1"),
    ],
)
def test_a_type_is_made_of_proper_parts(parts):
    with pytest.raises(MalformedError):
        CredentialType(*parts)
