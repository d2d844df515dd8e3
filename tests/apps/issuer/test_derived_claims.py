"""Claims that the office computes when it issues: no column, the office's day, both forms."""

from __future__ import annotations

import json
from datetime import timedelta, timezone

import pytest

from tests.apps.issuer.support import NOW, rows_csv
from tests.support.clauses import clause
from weid.credential.credential import Credential, subject_claims
from weid.credential.sd_jwt import reconstruct
from weid.crypto.keys import PrivateKey

# 15 January 2027, 08:00 in UTC; already the 15th everywhere from there to the east.
EAST = timezone(timedelta(hours=8))
WEST = timezone(timedelta(hours=-9))
TEMPLATE = {
    "cpt_id": "resident-card",
    "name": "Resident card",
    "claims": [
        {"path": ["name"], "sd": "allowed"},
        {"path": ["born"], "sd": "allowed"},
        {"path": ["age_over_18"], "sd": "allowed"},
    ],
    "schema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 80},
            "born": {"type": "string", "format": "date"},
            "age_over_18": {"type": "boolean"},
        },
    },
    "derived": [{"path": ["age_over_18"], "from": ["born"], "age_over": 18}],
}


@pytest.fixture
def resident(office):
    """An office whose template computes an age."""
    office.template_id = office.services.templates.publish(
        office.person, json.dumps(TEMPLATE).encode()
    )
    template = office.services.templates.own_view(office.template_id).template
    office.registry.governor.recognize(office.issuer.did, template)
    return office


def claims_of(office):
    (row,) = office.certificates()
    found = reconstruct(Credential.parse(row["credential"]).sd_jwt).claims
    return subject_claims(found)


def row(key, born="2009-01-15"):
    return rows_csv(("Ada", born, key), header=("name", "born", "holder_jwk"))


@clause("CP-61", "CP-64")
@pytest.mark.parametrize(("zone", "over"), [(EAST, True), (WEST, False)])
def test_an_age_is_the_one_of_the_offices_day(resident, zone, over):
    resident.issuer.zone = zone
    assert NOW == 1_800_000_000
    resident.issue(row(json.dumps(PrivateKey.generate().public.to_jwk())))
    assert claims_of(resident) == {"name": "Ada", "born": "2009-01-15", "age_over_18": over}


@clause("CP-61")
def test_a_paper_has_it_too(resident):
    resident.issue(rows_csv(("Ada", "1990-01-01"), header=("name", "born")), form="paper")
    assert claims_of(resident)["age_over_18"] is True


@clause("CP-64")
def test_it_has_no_column_and_a_file_that_brings_one_is_refused(resident):
    browser = resident.browser("officer")
    empty = browser.get(f"/templates/{resident.template_id}/empty.csv").get_data(as_text=True)
    assert "born" in empty
    assert "age_over_18" not in empty
    content = rows_csv(("Ada", "true"), header=("name", "age_over_18"))
    answer = browser.upload(resident.template_id, content)
    assert answer.status_code != 303
    assert resident.certificates() == []
