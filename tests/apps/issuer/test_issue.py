"""From a file to certificates: states, idempotence, forms, and what stands in the registry."""

from __future__ import annotations

from tests.apps.issuer.support import people, rows_csv


def test_a_file_becomes_offers_with_distinct_random_status_places(office):
    batch_id = office.issue(rows_csv(*people(30)))
    certificates = office.certificates(batch_id)
    assert [row["state"] for row in certificates] == ["offered"] * 30
    places = [row["list_index"] for row in certificates]
    assert len(set(places)) == 30
    assert places != sorted(places)
    assert office.database.value("SELECT state FROM batches") == "issued"
