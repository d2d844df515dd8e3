"""The vectors of the Token Status List specification."""

from __future__ import annotations

import pytest

from tests.conformance.published import needs_vectors, vectors
from tests.support.clauses import clause
from weid.credential.status_list import StatusList, parse_status_token
from weid.errors import MalformedError

pytestmark = needs_vectors

ALL = vectors("status-lists.json")


def of_kind(*parts):
    """Return the vectors of Token Status Lists that have all these members."""
    return [
        one
        for one in ALL
        if one.values[0] is None
        or (one.id.startswith("token-status-list/") and all(p in one.values[0] for p in parts))
    ]


@clause("S3", "CP-42", "CP-43")
@pytest.mark.parametrize("vector", of_kind("statuses"))
def test_a_published_list_has_its_statuses(vector):
    statuses = StatusList.decode(vector["json"])
    assert (statuses.bits, statuses.size) == (vector["bits"], vector["size"])
    wanted = {int(index): status for index, status in vector["statuses"].items()}
    for index, status in wanted.items():
        assert statuses.get(index) == status
    others = StatusList(statuses.bits, statuses.size, statuses.raw)
    for index in (i for i in range(0, statuses.size, 997) if i not in wanted):
        assert others.get(index) == vector["others"]


@clause("S3", "CP-42")
@pytest.mark.parametrize("vector", of_kind("bytes_hex"))
def test_a_short_published_list_has_its_bytes_and_its_values(vector):
    statuses = StatusList.decode(vector["json"])
    assert statuses.raw.hex() == vector["bytes_hex"]
    assert [statuses.get(index) for index in range(statuses.size)] == vector["values"]


@clause("S2", "S6", "S7", "S8", "CP-43", "CP-44")
@pytest.mark.parametrize("vector", of_kind("expected"))
def test_a_published_bad_list_is_refused(vector):
    with pytest.raises(MalformedError):
        StatusList.decode(vector["json"]).get(vector["index"])


@clause("CP-45")
@pytest.mark.parametrize("vector", of_kind("jwt"))
def test_the_published_token_is_read(vector):
    token = parse_status_token(vector["jwt"])
    assert token.uri == "https://example.com/statuslists/1"
    assert (token.issued_at, token.expires_at, token.ttl) == (1686920170, 2291720170, 43200)
    assert token.statuses().raw.hex() == "b9a3"
