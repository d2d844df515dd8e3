"""What the tests of issuer_app share: a whole office over a real registry in this process."""

from __future__ import annotations

import csv
import io
import re
from functools import cache
from pathlib import Path

from flask.testing import FlaskClient

from issuer_app.app import create_app
from issuer_app.services.accounts import Passwords
from issuer_app.services.agency import Agency
from issuer_app.services.people import server_person
from issuer_app.settings import Settings
from issuer_app.store.database import Database, new_id
from issuer_app.wiring import KEY
from registry_chain import LocalRegistry
from weid.clock import FixedClock
from weid.crypto.keys import KeyKind
from weid.crypto.signer import InMemorySigner
from weid.issuer import Issuer, IssuerKeys
from weid.issuing.status_lists import StatusListSettings

NOW = 1_800_000_000
PASSWORD = "correct horse battery"
ORIGIN = "https://issuer.example"
ROLES = ("officer", "approver", "auditor", "admin")
TEMPLATE = b"""{
  "cpt_id": "residence-test",
  "display": [
    {"locale": "en", "name": "Residence certificate", "description": "Synthetic."},
    {"locale": "zh-Hant", "name": "\xe5\xb1\x85\xe4\xbd\x8f\xe8\xad\x89\xe6\x98\x8e"}
  ],
  "validity": {"default": "P1Y", "maximum": "P5Y"},
  "claims": [
    {"path": ["name"], "sd": "allowed",
     "display": [{"locale": "en", "label": "Name"}, {"locale": "zh-Hant", "label": "\xe5\xa7\x93\xe5\x90\x8d"}]},
    {"path": ["born"], "sd": "allowed"},
    {"path": ["number"], "sd": "never"},
    {"path": ["address"], "sd": "allowed"},
    {"path": ["languages"], "sd": "allowed"},
    {"path": ["rooms"], "sd": "allowed"},
    {"path": ["owner"], "sd": "allowed"}
  ],
  "schema": {
    "type": "object", "additionalProperties": false,
    "required": ["name", "number"],
    "properties": {
      "name": {"type": "string", "minLength": 1, "maxLength": 100},
      "born": {"type": "string", "format": "date"},
      "number": {"type": "string", "pattern": "^R-[0-9]{5}$"},
      "address": {"type": "object", "additionalProperties": false, "required": ["city"],
        "properties": {"city": {"type": "string"}, "street": {"type": "string"}}},
      "languages": {"type": "array", "items": {"type": "string", "enum": ["pt", "zh", "en"]}},
      "rooms": {"type": "integer", "minimum": 0},
      "owner": {"type": "boolean"}
    }
  }
}"""


def add_organisation(database: Database, name: str, *, policy: str = "one_person") -> str:
    """Put an organisation into a store and return its id."""
    organisation = new_id()
    with database.write():
        database.insert(
            "organisations",
            {
                "organisation": organisation,
                "name": name,
                "did": f"did:weid:test:{organisation[:20]}",
                "approval_policy": policy,
                "created_at": NOW,
            },
        )
    return organisation


@cache
def password_hash() -> str:
    """Return the hash of the password that every user of the tests has."""
    return Passwords("interactive").hash(PASSWORD)


class Browser:
    """A Flask test client that fills in forms as a browser would."""

    def __init__(self, client: FlaskClient, origin: str = ORIGIN) -> None:
        self.client = client
        self.origin = origin

    def get(self, path, **options):
        return self.client.get(path, base_url=self.origin, buffered=True, **options)

    def post(self, path, *, form_token=None, origin=None, **fields):
        if form_token is None:
            form_token = self.form_token()
        return self.client.post(
            path,
            data={"csrf": form_token, **fields},
            headers={"Origin": origin or self.origin},
            base_url=self.origin,
            buffered=True,
        )

    def form_token(self) -> str:
        page = self.get("/sign-in").get_data(as_text=True)
        return re.search(r'name="csrf" value="([0-9a-f]+)"', page)[1]

    def sign_in(self, login, password=PASSWORD):
        return self.post("/sign-in", login=login, password=password, next="/")

    def upload(self, template_id, content, *, name="rows.csv", form="wallet", **fields):
        file = (io.BytesIO(content), name)
        return self.post("/batches", template=template_id, form=form, file=file, **fields)

    def version_of(self, batch_id) -> dict[str, str]:
        page = self.get(f"/batches/{batch_id}").get_data(as_text=True)
        return {"version": re.search(r'name="version" value="([0-9]+)"', page)[1]}

    def issue(self, location):
        batch_id = location.rsplit("/", 1)[1]
        return self.post(f"/batches/{batch_id}/send", **self.version_of(batch_id))


class Office:
    """An organisation that is recognized for one template, with a user for each role."""

    def __init__(
        self,
        folder: Path,
        *,
        policy="one_person",
        recognized=True,
        signing=KeyKind.ED25519,
        certify=None,
        **settings,
    ):
        """`certify` returns the certificate chain of this office's key of the kind `signing`."""
        self.folder = folder
        self.clock = FixedClock(NOW)
        self.registry = LocalRegistry(clock=self.clock)
        self.keys = IssuerKeys.generate(signing=signing)
        self.issuer = Issuer.register(
            "Housing Institute",
            registry=self.registry,
            keys=self.keys,
            clock=self.clock,
            status_settings=StatusListSettings(base_uri=f"{ORIGIN}/status-lists"),
        )
        secret = folder / "secret.key"
        secret.touch(0o600)
        secret.write_bytes(b"a session secret of enough bytes")
        self.settings = Settings(
            **{"public_url": ORIGIN, "data_dir": folder, "status_list_size": 2**17} | settings
        )
        self.database = Database(self.settings.database_path)
        self.organisation = add_organisation(self.database, "Housing Institute", policy=policy)
        self.agency = Agency(
            self.organisation,
            "Housing Institute",
            issuer=self.issuer,
            signer=InMemorySigner(self.keys.assertion),
            registry=self.registry,
            clock=self.clock,
            status_ttl=self.settings.status_ttl_seconds,
            status_valid=self.settings.status_valid_seconds,
            chain=certify(self) if certify else None,
        )
        self.app = create_app(
            self.settings,
            agency=self.agency,
            database=self.database,
            clock=self.clock,
            start_job=False,
        )
        self.services = self.app.extensions[KEY]
        self.job = self.app.extensions[f"{KEY}.job"]
        self.person = server_person(self.organisation)
        for role in ROLES:
            self.add_user(role, role)
        self.template_id = self.services.templates.publish(self.person, TEMPLATE)
        self.template = self.services.templates.own_view(self.template_id).template
        if recognized:
            self.registry.governor.recognize(self.issuer.did, self.template)

    def add_user(self, login, *roles, organisation=None):
        """Add a user as the service would, with a hash that was made once for all tests."""
        user_id = new_id()
        with self.database.write():
            self.database.insert(
                "users",
                {
                    "id": user_id,
                    "organisation": organisation or self.organisation,
                    "login": login,
                    "name": login.title(),
                    "password_hash": password_hash(),
                    "roles": " ".join(sorted(roles)),
                    "created_at": NOW,
                },
            )
        return user_id

    def browser(self, login=None) -> Browser:
        browser = Browser(self.app.test_client(), self.settings.public_url)
        if login:
            assert browser.sign_in(login).status_code == 303
        return browser

    def issue(self, content, *, form="wallet", login="officer") -> str:
        """Upload, send and issue a file; return the batch's id."""
        browser = self.browser(login)
        location = browser.upload(self.template_id, content, form=form).headers["Location"]
        assert browser.issue(location).status_code == 303
        self.job.run_once()
        assert self.job.last_trouble == ""
        return location.rsplit("/", 1)[1]

    def certificates(self, batch_id=None):
        where = "WHERE batch_id = ?" if batch_id else ""
        return self.database.query(
            f"SELECT * FROM certificates {where} ORDER BY row_number, form",  # noqa: S608 - constants
            (batch_id,) if batch_id else (),
        )

    def close(self):
        self.database.close()


def rows_csv(*rows, header=("name", "number", "born")) -> bytes:
    """Return a CSV file of rows."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerows([header, *rows])
    return stream.getvalue().encode()


def people(count, *, start=1):
    """Return plainly synthetic rows."""
    return [
        (f"Person {number:05}", f"R-{number:05}", "1990-02-28")
        for number in range(start, start + count)
    ]
