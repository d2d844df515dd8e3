"""What the server refuses to start with."""

from __future__ import annotations

import json
import os

import pytest

from issuer_app.errors import SettingsError, StoreVersionError
from issuer_app.settings import load_settings
from issuer_app.store.database import Database
from tests.support.clauses import clause

GOOD = {"public_url": "https://issuer.example", "data_dir": "/var/lib/issuer"}


def load(tmp_path, environ=None, **values):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(GOOD | values))
    return load_settings(path, environ or {})


def test_a_file_and_then_the_environment(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('public_url = "https://issuer.example/"\ndata_dir = "x"\nthreads = 4\n')
    settings = load_settings(path, {"WEID_THREADS": "6", "WEID_TRUSTED_PROXIES": "10.0.0.1,::1"})
    assert settings.public_url == "https://issuer.example"
    assert settings.threads == 6
    assert settings.trusted_proxies == ("10.0.0.1", "::1")


@clause("W7", "W18")
@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"debug": True}, id="debug"),
        pytest.param({"public_url": "http://issuer.example"}, id="http beyond this machine"),
        pytest.param({"public_url": "https://issuer.example/a/../b"}, id="a path that climbs"),
        pytest.param({"public_url": "https://issuer.example/a//b"}, id="an empty step in the path"),
        pytest.param({"public_url": "https://issuer.example/%61"}, id="an escape in the path"),
        pytest.param({"public_url": "https://issuer.example/a?"}, id="an empty query"),
        pytest.param({"public_url": "https://issuer.example/a#"}, id="an empty fragment"),
        pytest.param({"public_url": "https://user@issuer.example"}, id="a user in the URL"),
        pytest.param({"public_url": "issuer.example"}, id="no scheme"),
        pytest.param({"time_zone": "Mars/Olympus"}, id="no such time zone"),
        pytest.param({"trusted_proxies": ["proxy.example"]}, id="a proxy by name"),
        pytest.param({"status_list_size": 1024}, id="a status list too small to hide in"),
        pytest.param({"secret_key": "x" * 64}, id="a secret among the settings"),
    ],
)
def test_settings_that_are_refused(tmp_path, values):
    with pytest.raises(SettingsError):
        load(tmp_path, **values)


@clause("W7")
def test_debug_by_the_environment_is_refused(tmp_path):
    with pytest.raises(SettingsError):
        load(tmp_path, {"WEID_DEBUG": "1"})


@clause("W7")
def test_a_missing_or_short_session_secret_is_refused(tmp_path):
    settings = load(tmp_path, data_dir=str(tmp_path))
    with pytest.raises(SettingsError):
        settings.secret_key()
    secret = tmp_path / "secret.key"
    secret.touch(0o600)
    secret.write_bytes(b"x" * 31)
    with pytest.raises(SettingsError):
        settings.secret_key()
    secret.write_bytes(b"x" * 32)
    assert settings.secret_key() == b"x" * 32


@clause("W25")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_secrets_that_others_may_read_are_refused(tmp_path, mode):
    settings = load(tmp_path, data_dir=str(tmp_path))
    secret = tmp_path / "secret.key"
    secret.write_bytes(b"x" * 32)
    secret.chmod(mode)
    with pytest.raises(SettingsError) as refused:
        settings.secret_key()
    assert refused.value.hint == f"chmod 600 {secret}"


@clause("W25")
def test_the_passphrase_comes_from_a_file_or_a_descriptor(tmp_path):
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_text("a long passphrase\n")
    assert load(tmp_path, data_dir=str(tmp_path)).passphrase() == "a long passphrase"
    reader, writer = os.pipe()
    os.write(writer, b"another passphrase\n")
    os.close(writer)
    settings = load(tmp_path, data_dir=str(tmp_path), passphrase_descriptor=reader)
    assert settings.passphrase() == "another passphrase"
    os.close(reader)


@clause("D15")
def test_a_store_of_a_newer_version_is_refused(tmp_path):
    database = Database(tmp_path / "issuer.sqlite")
    with database.write():
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('issuer_app', 'm999_from_the_future', '2030-01-01')"
        )
    database.close()
    with pytest.raises(StoreVersionError):
        Database(tmp_path / "issuer.sqlite")


def test_every_table_names_the_organisation(tmp_path):
    database = Database(tmp_path / "issuer.sqlite")
    tables = [
        row["name"]
        for row in database.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not row["name"].startswith(("_sqlite", "sqlite_"))
    ]
    assert len(tables) >= 14
    for table in tables:
        columns = {row["name"] for row in database.query(f"PRAGMA table_info({table})")}
        assert "organisation" in columns, table
    database.close()


def test_the_store_is_durable_and_in_wal_mode(tmp_path):
    database = Database(tmp_path / "issuer.sqlite")
    assert database.value("PRAGMA journal_mode") == "wal"
    assert database.value("PRAGMA synchronous") == 2
    database.close()
