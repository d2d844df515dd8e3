"""batch_issue: 10,000 certificates from a CSV file to signed, stored, indexed and anchored.

The office's own path over a durable registry in this process: the uploaded file is read and every
row checked, then the job reserves status places, signs, stores with synchronous=FULL and anchors
one Merkle root. Wall time of both together, in seconds; what came out is checked afterwards.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from issuer_app.app import build_services
from issuer_app.services.accounts import Accounts
from issuer_app.services.agency import Agency
from issuer_app.services.batches import Upload
from issuer_app.services.people import Person, server_person
from issuer_app.settings import Settings
from issuer_app.store.database import Database, new_id
from registry_chain import LocalRegistry
from weid.clock import SystemClock
from weid.credential.credential import Credential
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.issuer import Issuer, IssuerKeys
from weid.issuing.status_lists import StatusListSettings

ROWS = 10_000
TARGET = 20.0
ORIGIN = "https://issuer.example"
TEMPLATE = Path(__file__).parent.parent / "examples" / "university-diploma.json"


@dataclass(frozen=True)
class Figure:
    """One line of the table: a value in a unit; `ratio` and `to` where it is a comparison."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    to: str | None = None


def make_file(rows: int) -> bytes:
    """Return a CSV file of synthetic graduates, each with a wallet's key."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(
        [
            "certificate_no",
            "name",
            "name_latin",
            "birthdate",
            "degree",
            "degree_foreign",
            "classification",
            "award_date",
            "holder_jwk",
        ]
    )
    for number in range(rows):
        jwk = json.dumps(PrivateKey.generate().public.to_jwk())
        writer.writerow(
            (
                f"DIP-2026-{number:05}",
                f"學生{number}",
                f"STUDENT {number}",
                "2001-02-28",
                "翻譯學碩士(中葡)",
                "Mestrado em Tradução",
                "Pass",
                "2026-06-26",
                jwk,
            )
        )
    return stream.getvalue().encode()


def issue_once(folder: Path, content: bytes) -> float:
    """Issue a file in a new office; return the seconds from upload to issued."""
    clock = SystemClock()
    registry = LocalRegistry(folder / "registry", clock=clock)
    keys = IssuerKeys.generate()
    issuer = Issuer.register(
        "University",
        registry=registry,
        keys=keys,
        status_settings=StatusListSettings(base_uri=f"{ORIGIN}/status-lists"),
    )
    settings = Settings(public_url=ORIGIN, data_dir=folder)
    database = Database(settings.database_path)
    organisation = new_id()
    with database.write():
        database.insert(
            "organisations",
            {
                "organisation": organisation,
                "name": "University",
                "did": issuer.did,
                "approval_policy": "one_person",
                "created_at": clock.now(),
            },
        )
    agency = Agency(
        organisation,
        "University",
        issuer=issuer,
        signer=InMemorySigner(keys.assertion),
        registry=registry,
        clock=clock,
        status_ttl=settings.status_ttl_seconds,
        status_valid=settings.status_valid_seconds,
    )
    services, job = build_services(
        settings, agency=agency, database=database, clock=clock, secret_key=b"s" * 32
    )
    officer = _officer(services.accounts, organisation)
    template_id = services.templates.publish(server_person(organisation), TEMPLATE.read_bytes())
    registry.governor.recognize(issuer.did, services.templates.own_view(template_id).template)
    begun = time.perf_counter()
    batch_id = services.batches.upload(
        officer, Upload(template_id, "wallet", "automatic", "rows.csv", content)
    )
    services.batches.send(officer, batch_id, expected_version=1)
    job.run_once()
    seconds = time.perf_counter() - begun
    _check(database, registry, batch_id, content)
    database.close()
    registry.close()
    return seconds


def _officer(accounts: Accounts, organisation: str) -> Person:
    password = "correct horse battery"  # noqa: S105 - of a benchmark
    accounts.add_user(
        server_person(organisation),
        login="officer",
        name="Officer",
        password=password,
        roles=["officer"],
    )
    person = accounts.person_of(accounts.sign_in("officer", password))
    assert person is not None
    return person


def _check(database: Database, registry: LocalRegistry, batch_id: str, content: bytes) -> None:
    did = database.value("SELECT did FROM organisations")
    rows = database.query(
        "SELECT credential, list_index, root FROM certificates JOIN anchors"
        " ON anchors.id = anchor_id WHERE batch_id = ? AND certificates.state = 'signed'",
        (batch_id,),
    )
    assert len(rows) == content.count(b"\n") - 1
    assert len({row["list_index"] for row in rows}) == len(rows)
    for row in rows[:: max(1, len(rows) // 20)]:
        status = Credential.parse(row["credential"]).status_reference
        assert status is not None
        assert status.index == row["list_index"]
        assert registry.batch(did, row["root"]) is not None


def run(*, rounds: int = 3, rows: int = ROWS) -> list[dict[str, object]]:
    """Return the figure `batch_issue`: the median seconds for 10,000 certificates."""
    content = make_file(rows)
    rounds_seconds = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            seconds = issue_once(Path(folder), content)
        rounds_seconds.append(seconds)
    median = round(statistics.median(rounds_seconds), 2)
    return [asdict(Figure("batch_issue", median, "s", round(TARGET / median, 2), "target 20 s"))]


if __name__ == "__main__":
    print(json.dumps(run()))
