"""What docs/operating.md says about an older copy of the store is what happens."""

from __future__ import annotations

import re
from pathlib import Path

from tests.apps.issuer.support import people, rows_csv

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"


def test_the_statement_after_an_old_copy_closes_every_list_to_new_certificates(office):
    (statement,) = re.findall(
        r'sqlite3 issuer/issuer\.sqlite "(UPDATE [^"]+)"', PAGE.read_text(encoding="utf-8")
    )
    office.issue(rows_csv(*people(2)))
    with office.database.write():
        office.database.execute(statement)
    office.issue(rows_csv(*people(2, start=10)))
    used = office.database.query(
        "SELECT list_id, count(*) AS number FROM certificates GROUP BY list_id"
    )
    assert [row["number"] for row in used] == [2, 2]
