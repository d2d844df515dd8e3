"""Setting up and starting: once is enough, twice does no harm, secrets stay the owner's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from issuer_app.cli.main import cli
from issuer_app.errors import SettingsError
from issuer_app.settings import Settings
from issuer_app.setup import make_folder, open_accounts, open_agency, set_up
from issuer_app.store.database import Database
from issuer_app.store.locked import Locked
from registry_chain import LocalRegistry
from tests.apps.issuer.support import ORIGIN, TEMPLATE
from tests.support.clauses import clause
from weid.errors import KeyFileError
from weid.issuer import IssuerKeys

ROOT = Path(__file__).parents[3]


@pytest.fixture
def made(tmp_path):
    settings = Settings(public_url=ORIGIN, data_dir=tmp_path / "office")
    make_folder(settings)
    registry = LocalRegistry()
    database = Database(settings.database_path)
    (tmp_path / "template.json").write_bytes(TEMPLATE)
    office = set_up(
        settings, database, registry, name="Office", templates=[tmp_path / "template.json"]
    )
    yield settings, database, registry, office
    database.close()
    registry.close()


def test_setting_up_registers_publishes_and_may_be_repeated(made, tmp_path):
    settings, database, registry, office = made
    assert registry.did(office.did)
    assert registry.template("residence-test", 1)
    again = set_up(
        settings, database, registry, name="Office", templates=[tmp_path / "template.json"]
    )
    assert (again.organisation, again.did) == (office.organisation, office.did)
    assert [template.version for template in again.templates] == [1]
    assert registry.template("residence-test", 2) is None
    agency = open_agency(settings, database, registry)
    assert agency.did == office.did


@clause("W25")
def test_every_secret_is_made_for_its_owner_only(made):
    settings, *_ = made
    secrets = [
        settings.data_dir / "secret.key",
        settings.data_dir / "passphrase",
        *settings.keys_path.iterdir(),
    ]
    assert len(secrets) == 4
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


@clause("W25")
@pytest.mark.parametrize("name", ["control.key", "assertion.key"])
def test_a_key_file_open_to_others_stops_the_start(made, name):
    settings, database, registry, _ = made
    (settings.keys_path / name).chmod(0o644)
    with pytest.raises(KeyFileError):
        open_agency(settings, database, registry)


@clause("W25")
def test_no_private_key_stands_in_the_store_or_a_plain_file(made):
    settings, database, _, _ = made
    keys = IssuerKeys.load(settings.keys_path, passphrase=settings.passphrase())
    secret = keys.assertion.to_private_jwk()["d"].encode()
    database.close()
    for path in settings.data_dir.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path


@clause("D10")
def test_a_second_server_on_the_same_folder_is_refused(made):
    settings, *_ = made
    folder = settings.data_dir
    with Locked(folder), pytest.raises(SettingsError, match="another server"), Locked(folder):
        pass
    with Locked(folder):
        pass


def run(settings, *arguments):
    environment = {
        "WEID_PUBLIC_URL": settings.public_url,
        "WEID_DATA_DIR": str(settings.data_dir),
    }
    return CliRunner().invoke(cli, arguments, env=environment, catch_exceptions=True)


def test_a_user_gets_a_random_password_that_works_once_printed(made):
    settings, database, *_ = made
    result = run(settings, "create-user", "maria", "--role", "officer", "--role", "auditor")
    assert result.exit_code == 0, result.output
    accounts = open_accounts(settings, database)
    person = accounts.person_of(accounts.sign_in("maria", result.output.strip()))
    assert sorted(person.roles) == ["auditor", "officer"]


def test_a_user_may_get_a_password_from_a_file_of_the_owner_only(made, tmp_path):
    settings, *_ = made
    path = tmp_path / "password"
    path.write_text("correct horse battery\n")
    path.chmod(0o644)
    refused = run(settings, "create-user", "maria", "--role", "officer", "--password-file", path)
    assert isinstance(refused.exception, SettingsError)
    path.chmod(0o600)
    done = run(settings, "create-user", "maria", "--role", "officer", "--password-file", path)
    assert done.exit_code == 0
    assert "correct horse" not in done.output


@clause("W7", "W24")
@pytest.mark.parametrize(
    ("extra", "says"),
    [
        pytest.param({}, "node_url and genesis_hash", id="no registry"),
        pytest.param({"WEID_DEBUG": "true"}, "debug is not available", id="debug"),
        pytest.param({"WEID_PUBLIC_URL": "http://x.example"}, "public_url", id="http"),
        pytest.param({"WEID_THREADS": "many"}, "threads", id="a word for a number"),
    ],
)
def test_a_start_that_is_refused_says_why_in_a_line_and_exits_with_2(made, extra, says):
    settings, *_ = made
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WEID_PUBLIC_URL": settings.public_url,
        "WEID_DATA_DIR": str(settings.data_dir),
        "WEID_LISTEN": "127.0.0.1:0",
        **extra,
    }
    done = subprocess.run(
        [sys.executable, "-m", "issuer_app.serve", "serve"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
