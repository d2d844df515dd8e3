"""Checking a file of rows against a template alone."""

from __future__ import annotations

import pytest

from tests.apps.issuer.support import TEMPLATE, people, rows_csv
from weid.cli.rows_offline import check_rows
from weid.credential.template import CredentialTemplate
from weid.errors import MalformedError

RESIDENCE = CredentialTemplate.from_source(TEMPLATE)
HEADER = "name,number,born,address.city,languages,rooms,owner,holder_jwk\n"


def findings(text):
    found = check_rows(text.encode(), RESIDENCE)
    return [(one["row"], one["column"], one["sentence"]) for one in found["findings"]]


def test_good_rows_are_good():
    found = check_rows(rows_csv(*people(3)), RESIDENCE)
    assert found == {"rows": 3, "faulty": 0, "findings": []}


def test_every_kind_of_cell():
    assert findings(HEADER + "A,R-00001,1990-02-28,Macau,pt;zh,3,yes,{}\n") == []
    assert findings("\ufeff" + HEADER.replace(",", ";") + 'A;R-00001;;;"pt;zh";;;\n') == []


@pytest.mark.parametrize(
    ("row", "column", "words"),
    {
        "an empty name": (",R-00001,,,,,,", "name", "is required"),
        "a number of another form": ("A,X,,,,,,", "number", "must match the pattern"),
        "a date that is none": ("A,R-00001,1990-02-30,,,,,", "born", "must be a date"),
        "a language of no list": ("A,R-00001,,,fr,,,", "languages[0]", "must be one of"),
        "an empty item": ("A,R-00001,,,pt;;zh,,,", "languages", "is not of the kind"),
        "rooms in words": ("A,R-00001,,,,three,,", "rooms", "is not of the kind"),
        "fewer than no rooms": ("A,R-00001,,,,-1,,", "rooms", "must be at least 0"),
        "neither yes nor no": ("A,R-00001,,,,,perhaps,", "owner", "is not of the kind"),
        "too few cells": ("A,R-00001", "", "has 2 cells for 8 columns"),
    }.values(),
)
def test_each_fault_has_its_row_and_column(row, column, words):
    found = findings(HEADER + "Good,R-00001,,,,,,\n\n" + row + "\n")
    assert [(number, name) for number, name, _ in found] == [(4, column)]
    assert words in found[0][2]


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "no header": (b"", "first row"),
        "no rows": (b"name,number\n", "no rows"),
        "a column of no template": (b"name,height\nA,1\n", "no column height"),
        "a column twice": (b"name,name\nA,B\n", "twice"),
        "another encoding": ("name,number\n陳,R-00001\n".encode("big5"), "not in UTF-8 .line 2"),
        "a quotation that does not end": (b'name,number\n"A,R\n', "row 2 is no CSV"),
    }.values(),
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(text, words):
    with pytest.raises(MalformedError, match=words):
        check_rows(text, RESIDENCE)
