"""A process that issues a batch, to be killed in the middle: `python -m … FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from issuer_app.app import build_services
from issuer_app.services.agency import Agency
from issuer_app.settings import Settings
from issuer_app.store.database import Database
from registry_chain import LocalRegistry
from tests.apps.issuer.support import ORIGIN
from weid.clock import SystemClock
from weid.crypto.signer import InMemorySigner
from weid.issuer import Issuer, IssuerKeys
from weid.issuing.status_lists import StatusListSettings


def open_office(folder: Path):
    """Return (services, job, database, registry) of an office kept in a folder."""
    clock = SystemClock()
    registry = LocalRegistry(folder / "registry", clock=clock)
    keys = IssuerKeys.load(folder / "keys", passphrase="a passphrase for tests")
    settings = Settings(public_url=ORIGIN, data_dir=folder, status_list_size=2**17)
    database = Database(settings.database_path)
    row = database.query("SELECT organisation, did FROM organisations")[0]
    signer = InMemorySigner(keys.assertion)
    issuer = Issuer.open(
        row["did"],
        control=InMemorySigner(keys.control),
        assertion=signer,
        registry=registry,
        status_settings=StatusListSettings(base_uri=f"{ORIGIN}/status-lists"),
        clock=clock,
    )
    agency = Agency(
        row["organisation"],
        "Office",
        issuer=issuer,
        signer=signer,
        registry=registry,
        clock=clock,
        status_ttl=3600,
        status_valid=86400,
    )
    services, job = build_services(
        settings, agency=agency, database=database, clock=clock, secret_key=b"x" * 32
    )
    return services, job, database, registry


if __name__ == "__main__":
    _, job, database, registry = open_office(Path(sys.argv[1]))
    print("issuing", flush=True)
    job.run_once()
    print(job.last_trouble or "done", flush=True)
    database.close()
    registry.close()
