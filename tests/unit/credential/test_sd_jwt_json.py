from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.support.sd_jwts import digest, disclosure, jws
from weid.credential.sd_jwt import reconstruct
from weid.credential.sd_jwt_json import parse_sd_jwt_json
from weid.errors import MalformedError

NAME = disclosure("s", "name", "Ada")
PROTECTED, PAYLOAD, SIGNATURE = jws({"_sd": [digest(NAME)]}).split(".")
FLAT = {"protected": PROTECTED, "payload": PAYLOAD, "signature": SIGNATURE}
SIGNED = {"protected": PROTECTED, "signature": SIGNATURE}

ACCEPTED = {
    "flattened": {**FLAT, "header": {"disclosures": [NAME]}},
    "flattened with a key binding": {**FLAT, "header": {"disclosures": [NAME], "kb_jwt": "a.b.c"}},
    "general": {"payload": PAYLOAD, "signatures": [{**SIGNED, "header": {"disclosures": [NAME]}}]},
    "as drafts had it": {**FLAT, "disclosures": [NAME], "kb_jwt": "a.b.c"},
    "general as drafts had it": {"payload": PAYLOAD, "signatures": [SIGNED], "disclosures": [NAME]},
}  # fmt: skip


@clause("CP-03")
@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED)
def test_json_serialization_is_read_as_the_compact_form(value):
    parsed = parse_sd_jwt_json(json.dumps(value))
    assert parsed.text == f"{PROTECTED}.{PAYLOAD}.{SIGNATURE}~{NAME}~" + (parsed.key_binding or "")
    assert reconstruct(parsed).claims == {"name": "Ada"}


def test_without_disclosures_there_is_less_to_read():
    assert reconstruct(parse_sd_jwt_json(json.dumps(FLAT))).claims == {}


REFUSED = {
    "an array": [], "no payload": SIGNED, "no protected header": {"payload": PAYLOAD, "signature": SIGNATURE}, "no signature": {"payload": PAYLOAD, "protected": PROTECTED},
    "a payload with a dot": {**FLAT, "payload": PAYLOAD + ".x"}, "a payload with a tilde": {**FLAT, "payload": PAYLOAD + "~"}, "an empty payload": {**FLAT, "payload": ""},
    "two signatures": {"payload": PAYLOAD, "signatures": [SIGNED, SIGNED]}, "no signatures": {"payload": PAYLOAD, "signatures": []}, "signatures that is an object": {"payload": PAYLOAD, "signatures": SIGNED},
    "both forms": {**FLAT, "signatures": [SIGNED]}, "a signature that is a text": {"payload": PAYLOAD, "signatures": ["x"]},
    "a header that is a text": {**FLAT, "header": "x"}, "disclosures that is a text": {**FLAT, "header": {"disclosures": NAME}}, "a disclosure that is a number": {**FLAT, "disclosures": [1]},
    "an empty disclosure": {**FLAT, "disclosures": [""]}, "a disclosure with a tilde": {**FLAT, "disclosures": [f"{NAME}~{NAME}"]},
    "disclosures in two places": {**FLAT, "disclosures": [NAME], "header": {"disclosures": [NAME]}}, "a key binding with a tilde": {**FLAT, "kb_jwt": "a.b.c~d"}, "a key binding that is null": {**FLAT, "kb_jwt": None},
}  # fmt: skip


@clause("CP-03")
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_is_no_json_serialization_is_refused(value):
    with pytest.raises(MalformedError):
        parse_sd_jwt_json(json.dumps(value))
