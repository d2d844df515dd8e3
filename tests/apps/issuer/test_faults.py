"""kill -9 in the middle of a batch: everything exactly once, no status place twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from issuer_app.services.batches import Upload
from issuer_app.services.people import server_person
from issuer_app.settings import Settings
from issuer_app.store.database import Database
from registry_chain import LocalRegistry
from tests.apps.issuer.issuing_process import open_office
from tests.apps.issuer.support import ORIGIN, TEMPLATE, rows_csv
from tests.support.clauses import clause
from weid.clock import SystemClock
from weid.credential.credential import Credential
from weid.crypto.keys import PrivateKey
from weid.issuer import Issuer, IssuerKeys
from weid.issuing.status_lists import StatusListSettings

ROWS = 4000
KILLS = 6
ROOT = Path(__file__).parents[3]


def prepare(folder):
    clock = SystemClock()
    registry = LocalRegistry(folder / "registry", clock=clock)
    keys = IssuerKeys.generate()
    (folder / "keys").mkdir(mode=0o700)
    keys.save(folder / "keys", passphrase="a passphrase for tests")
    issuer = Issuer.register(
        "Office",
        registry=registry,
        keys=keys,
        status_settings=StatusListSettings(base_uri=ORIGIN),
    )
    registry.governor.recognize(issuer.did, "residence-test")
    database = Database(
        Settings(public_url=ORIGIN, data_dir=folder, status_list_size=2**17).database_path
    )
    with database.write():
        database.insert(
            "organisations",
            {
                "organisation": "o" * 32,
                "name": "Office",
                "did": issuer.did,
                "approval_policy": "one_person",
                "created_at": clock.now(),
            },
        )
    database.close()
    registry.close()
    services, _, database, registry = open_office(folder)
    person = server_person("o" * 32)
    user = services.accounts.add_user(
        person, login="officer", name="O", password="correct horse battery", roles=["officer"]
    )
    assert user
    officer = services.accounts.person_of(
        services.accounts.sign_in("officer", "correct horse battery")
    )
    template_id = services.templates.publish(person, TEMPLATE)
    keys_of_holders = [json.dumps(PrivateKey.generate().public.to_jwk()) for _ in range(ROWS // 2)]
    rows = [
        (f"Person {n}", f"R-{n:05}", keys_of_holders[n] if n < len(keys_of_holders) else "")
        for n in range(ROWS)
    ]
    batch_id = services.batches.upload(
        officer,
        Upload(
            template_id,
            "wallet",
            "automatic",
            "x.csv",
            rows_csv(*rows, header=("name", "number", "holder_jwk")),
        ),
    )
    services.batches.send(officer, batch_id, expected_version=1)
    database.close()
    registry.close()
    return batch_id


@pytest.mark.faults
@clause("W13", "I22", "S15")
def test_killed_again_and_again_a_batch_is_issued_exactly_once(tmp_path):
    batch_id = prepare(tmp_path)
    chance = random.Random(7)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.apps.issuer.issuing_process", str(tmp_path)]
    seen = []
    for _ in range(KILLS):
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "issuing\n"
            time.sleep(chance.uniform(0.02, 0.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
        database = Database(tmp_path / "issuer.sqlite")
        seen.append(database.value("SELECT count(*) FROM certificates"))
        database.close()
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert finished.stdout.splitlines()[-1] == "done"
    assert any(0 < count < ROWS for count in seen), seen
    services, _, database, registry = open_office(tmp_path)
    certificates = database.query("SELECT * FROM certificates ORDER BY row_number")
    assert [row["row_number"] for row in certificates] == list(range(2, ROWS + 2))
    assert len({row["list_index"] for row in certificates}) == ROWS
    assert database.value("SELECT state FROM batches WHERE id = ?", (batch_id,)) == "issued"
    signed = [row for row in certificates if row["state"] == "signed"]
    did = database.value("SELECT did FROM organisations")
    assert len(signed) == ROWS // 2
    assert database.value("SELECT count(*) FROM offers") == ROWS // 2
    assert database.value("SELECT count(*) FROM protocol_sessions") == ROWS // 2
    for row in signed[:: ROWS // 40]:
        credential = Credential.parse(row["credential"])
        assert credential.status_reference.index == row["list_index"]
        anchor = database.query("SELECT root FROM anchors WHERE id = ?", (row["anchor_id"],))[0]
        assert registry.batch(did, anchor["root"]).purpose == "issuance"
    assert services.audit.check(server_person("o" * 32)).whole
    database.close()
    registry.close()
