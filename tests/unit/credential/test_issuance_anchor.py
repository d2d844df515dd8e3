from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.sd_jwts import claims, sd_jwt
from weid.credential.credential import Credential
from weid.credential.issuance_anchor import IssuanceAnchor, anchor_batch
from weid.encoding import json_dumps, json_loads
from weid.errors import MalformedError, ProofError

INPUTS = [f"header.payload-{number}".encode() for number in range(7)]


@clause("CP-50", "CP-52")
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_credential_of_a_run_is_under_its_root(count):
    anchors = anchor_batch(INPUTS[:count])
    assert len({anchor.root for anchor in anchors}) == 1
    assert len({anchor.salt for anchor in anchors}) == count
    for anchor, signing_input in zip(anchors, INPUTS, strict=False):
        anchor.verify(signing_input, expected_size=count)


@clause("CP-50", "CP-52")
def test_another_credential_salt_place_or_size_is_not():
    anchors = anchor_batch(INPUTS)
    wrong = {
        "another credential": (anchors[0], INPUTS[1], 7),
        "another salt": (replace(anchors[0], salt=anchors[1].salt), INPUTS[0], 7),
        "another place": (replace(anchors[0], proof=anchors[1].proof), INPUTS[0], 7),
        "another root": (replace(anchors[0], root=bytes(32)), INPUTS[0], 7),
        "another size": (anchors[0], INPUTS[0], 8),
    }
    for anchor, signing_input, size in wrong.values():
        with pytest.raises(ProofError):
            anchor.verify(signing_input, expected_size=size)


@clause("CP-51")
def test_an_anchor_is_kept_beside_the_credential():
    (anchor,) = anchor_batch([b"x.y"])
    again = IssuanceAnchor.from_json(json_loads(json_dumps(anchor.to_json()), what="the anchor"))
    assert again == anchor
    text = sd_jwt(claims())
    assert Credential.parse(text, anchor).anchor == anchor
    assert Credential.parse(text, anchor).text == text


GOOD = anchor_batch([b"x.y"])[0].to_json()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {**GOOD, "more": 1},
        {**GOOD, "salt": 1},
        {**GOOD, "salt": "AAAA"},
        {**GOOD, "root": "AAAA"},
        {**GOOD, "proof": "AAAA"},
        {**GOOD, "proof": "A="},
    ],
)
def test_what_is_no_anchor_is_refused(value):
    with pytest.raises(MalformedError):
        IssuanceAnchor.from_json(value)


def test_nothing_cannot_be_anchored():
    with pytest.raises(MalformedError):
        anchor_batch([])
