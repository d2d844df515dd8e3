"""Text of the registry: one spelling, nothing invisible."""

from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid import limits
from weid.credential.credential_type import CredentialType, check_cpt_id
from weid.errors import MalformedError
from weid.registry.text import CPT_ID, WORD, check_text

GOOD = {
    "nothing": "",
    "ASCII": "University of Example, Faculty 2",
    "Chinese": "示例大學",
    "composed accents": "Université d'Exemplé",
    "as long as it may be": "x" * limits.TEXT_FIELD,
    "beyond the basic plane": "𠮷野家",
}
BAD = {
    "a character too many": "x" * (limits.TEXT_FIELD + 1),
    "a line feed": "a\nb",
    "NUL": "a\0b",
    "delete": "a\x7fb",
    "a C1 control": "a\x85b",
    "decomposed accents": "Universite\u0301",
    "a zero width space": "a\u200bb",
    "a right-to-left override": "a\u202eb",
    "an isolate": "a\u2066b",
    "a byte order mark": "\ufeffa",
    "a line separator": "a\u2028b",
    "a tag character": "a\U000e0041",
    "no character": "a\uffff",
    "half a character": "a\ud800",
}


@clause("OP-22")
@pytest.mark.parametrize("name", GOOD)
def test_text_passes_that_is(name: str) -> None:
    assert check_text(GOOD[name], what="the name") == GOOD[name]


@clause("OP-22", "R26")
@pytest.mark.parametrize("name", BAD)
def test_text_is_refused_with(name: str) -> None:
    with pytest.raises(MalformedError, match="the name"):
        check_text(BAD[name], what="the name")


def _names_a_type(cpt_id: str) -> bool:
    try:
        check_cpt_id(cpt_id)
    except MalformedError:
        return False
    vct = CredentialType("demo", cpt_id, 1)
    return CredentialType.parse(str(vct)) == vct


@clause("OP-11", "OP-22", "R26", "CP-07")
def test_identifiers_have_one_spelling() -> None:
    good_ids = ("diploma", "abc", "d-1", "health-vaccination-2", "x" * 64, "diploma-")
    for good in good_ids:
        assert CPT_ID.match(good)
    bad = (
        "",
        "Diploma",
        "di ploma",
        "ab",
        "1st-diploma",
        "-diploma",
        "health.vaccination",
        "health_vaccination",
        "x" * 65,
        "dipl\u00f6ma",
        "a\n",
        "a/b",
        "a:b",
    )
    for one in bad:
        assert CPT_ID.match(one) is None
    for one in (*good_ids, *bad):
        assert bool(CPT_ID.match(one)) is _names_a_type(one), one
    words = {text: bool(WORD.match(text)) for text in ("issuance", "Issuance", "")}
    assert words == {"issuance": True, "Issuance": False, "": False}
