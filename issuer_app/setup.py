"""Setting up an office: its folder, its keys and DID, its first templates and users.

Everything may be run again: what is there already stays as it is.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from issuer_app.errors import SettingsError
from issuer_app.services.accounts import Accounts, Passwords, SessionLimits
from issuer_app.services.agency import Agency
from issuer_app.services.audit import AuditLog
from issuer_app.services.checked_key import CheckedKey
from issuer_app.services.people import server_person
from issuer_app.services.templates import Templates
from issuer_app.settings import Settings, is_loopback, read_secret
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock, SystemClock
from weid.credential.issuer_chain import require_chain_of
from weid.credential.template import CredentialTemplate
from weid.crypto.certificates import CertificateChain
from weid.crypto.key_file import load_key_file
from weid.crypto.keys import KeyKind, PublicKey
from weid.crypto.signer import InMemorySigner, Signer
from weid.errors import CertificateError, RegistryUnavailableError
from weid.issuer import ASSERTION_KEY, CONTROL_KEY, Issuer, IssuerKeys
from weid.issuing.status_lists import StatusListSettings
from weid.registry.author import Author
from weid.registry.http_client import HttpRegistry
from weid.registry.registry import Registry
from weid.registry.trusted_heads import FileTrustedHeads
from weid.transport import GuardedTransport

POLICIES: Final = ("one_person", "two_person")
_LOG: Final = logging.getLogger("issuer_app")


@dataclass(frozen=True, slots=True)
class Endorser:
    """Who co-signs the registration: a DID, its key file and the passphrase's file."""

    did: str
    key_file: Path
    passphrase_file: Path
    key_id: str = "control-1"


@dataclass(frozen=True, slots=True)
class NewOffice:
    """What `init` made or found."""

    organisation: str
    did: str
    templates: tuple[CredentialTemplate, ...]


def open_registry(settings: Settings, *, clock: Clock | None = None) -> HttpRegistry:
    """Return the registry that the settings name, every answer proved and heads remembered.

    Raises:
        SettingsError: no node, or no genesis hash.
    """
    try:
        genesis = bytes.fromhex(settings.genesis_hash)
    except ValueError:
        genesis = b""
    if not settings.node_url or len(genesis) != 32:
        raise SettingsError(
            "node_url and genesis_hash (64 hexadecimal digits) say which registry is meant",
            hint="ask the registry's operator for both and set them in the settings.",
        )
    loopback = is_loopback(urlsplit(settings.node_url).hostname or "")
    return HttpRegistry(
        settings.node_url,
        genesis_hash=genesis,
        transport=GuardedTransport(allow_loopback_http=loopback),
        clock=clock or SystemClock(),
        head_store=FileTrustedHeads(settings.data_dir / "heads"),
    )


def make_folder(settings: Settings) -> None:
    """Make the data folder with its secrets, each readable by this user only."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_secret(settings.secret_key_file or settings.data_dir / "secret.key")
    if settings.passphrase_descriptor is None:
        make_secret(settings.passphrase_file or settings.data_dir / "passphrase")
    settings.keys_path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_secret(path: Path) -> None:
    """Write 32 random bytes in hexadecimal to a file of mode 0600, unless it is there."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def require_set_up(settings: Settings) -> None:
    """Refuse to go on before `issuer-app init`; nothing is made, not even the folder.

    Raises:
        SettingsError: there is no store.
    """
    if not settings.database_path.exists():
        raise _not_set_up(settings)


def _not_set_up(settings: Settings) -> SettingsError:
    return SettingsError(
        f"not set up yet: there is no agency in {settings.data_dir.absolute()}",
        hint="issuer-app init --name NAME (issuer-app init --help says more), or correct data_dir.",
    )


def find_organisation(settings: Settings, database: Database) -> Row:
    """Return the organisation that this server issues for.

    Raises:
        SettingsError: there is none, or several and the settings do not say which.
    """
    rows = database.query("SELECT organisation, name, did FROM organisations")
    if not rows:
        raise _not_set_up(settings)
    chosen = [row for row in rows if settings.organisation in {"", row["organisation"]}]
    if len(chosen) != 1:
        known = ", ".join(f"{row['organisation']} ({row['name']})" for row in rows)
        raise SettingsError(
            f"the settings do not say which organisation is meant: {known}",
            hint="set organisation to its identifier.",
        )
    return chosen[0]


def open_agency(
    settings: Settings, database: Database, registry: Registry, *, clock: Clock | None = None
) -> Agency:
    """Return the organisation with its keys, ready to issue.

    Where the registry does not answer now, signing waits until it has confirmed the key.

    Raises:
        SettingsError: not set up yet, or a secret file is missing or open to others.
        KeyFileError: the keys cannot be opened.
        NotFoundError: the registry does not have this key for this organisation.
    """
    row = find_organisation(settings, database)
    keys = IssuerKeys.load(settings.keys_path, passphrase=settings.passphrase())
    clock = clock or SystemClock()
    control, assertion = InMemorySigner(keys.control), InMemorySigner(keys.assertion)
    chain = open_chain(settings, row["did"], assertion.public_key, now=clock.now())

    def confirm() -> None:
        Issuer.open(
            row["did"],
            control=control,
            assertion=assertion,
            registry=registry,
            status_settings=_status_settings(settings),
            clock=clock,
        )

    signer = CheckedKey(assertion, confirm)
    try:
        signer.require()
    except RegistryUnavailableError as error:
        _LOG.warning("the registry cannot be reached, signing waits until it can: %s", error)
    issuer = Issuer(
        author=Author(row["did"], {CONTROL_KEY: control}, registry, clock),
        signer=signer,
        registry=registry,
        status_settings=_status_settings(settings),
        clock=clock,
        zone=ZoneInfo(settings.time_zone),
    )
    return _agency(settings, row, issuer, signer, registry, clock, chain)


def open_chain(
    settings: Settings, did: str, key: PublicKey, *, now: int
) -> CertificateChain | None:
    """Return the certificate chain that the settings name, None where they name none.

    Raises:
        SettingsError: it cannot be read, or cannot be used to sign with this key now.
    """
    path = settings.certificate_chain_file
    if path is None:
        return None
    try:
        chain = CertificateChain.from_pem(path.read_bytes(), what="the file")
        require_chain_of(chain, f"{did}#{ASSERTION_KEY}", key, now=now)
    except OSError as error:
        raise SettingsError(
            f"the certificate chain {path} cannot be read: {error.strerror}",
            hint="correct certificate_chain_file, or leave it out to issue without a chain.",
        ) from None
    except CertificateError as error:
        raise SettingsError(
            f"the certificate chain {path} cannot be used: {error.message}",
            hint=error.hint or "`weid key request` asks a certificate authority for another one.",
        ) from None
    return chain


def _status_settings(settings: Settings) -> StatusListSettings:
    return StatusListSettings(base_uri=f"{settings.public_url}/status-lists")


def _agency(  # noqa: PLR0913, PLR0917 - what an agency is made of
    settings: Settings,
    row: Row,
    issuer: Issuer,
    signer: Signer,
    registry: Registry,
    clock: Clock,
    chain: CertificateChain | None = None,
) -> Agency:
    return Agency(
        row["organisation"],
        row["name"],
        issuer=issuer,
        signer=signer,
        registry=registry,
        clock=clock,
        status_ttl=settings.status_ttl_seconds,
        status_valid=settings.status_valid_seconds,
        chain=chain,
    )


def set_up(  # noqa: PLR0913 - each is an option of the command
    settings: Settings,
    database: Database,
    registry: Registry,
    *,
    name: str,
    policy: str = "one_person",
    endorser: Endorser | None = None,
    templates: Iterable[Path] = (),
    signing: KeyKind = KeyKind.ED25519,
    clock: Clock | None = None,
) -> NewOffice:
    """Register the organisation's DID, remember it, and publish its templates.

    `signing` is the kind of key that is made to sign credentials with.

    Raises:
        RegistryError: the registry refuses, for example without an endorser, or does not answer.
        MalformedError: a template file is not one.
    """
    clock = clock or SystemClock()
    co_signer = _author(endorser, registry, clock) if endorser else None
    audit = open_audit(settings, database, clock)
    rows = database.query("SELECT organisation, name, did FROM organisations")
    keys = _keys(settings, signing)
    if rows:
        row = find_organisation(settings, database)
        issuer = Issuer.open(
            row["did"],
            control=InMemorySigner(keys.control),
            assertion=InMemorySigner(keys.assertion),
            registry=registry,
            endorser=co_signer,
            status_settings=_status_settings(settings),
            clock=clock,
        )
    else:
        issuer = Issuer.register(
            name,
            registry=registry,
            keys=keys,
            endorser=co_signer,
            status_settings=_status_settings(settings),
            clock=clock,
        )
        row = _keep_organisation(database, audit, name, issuer.did, policy, clock)
    agency = _agency(settings, row, issuer, InMemorySigner(keys.assertion), registry, clock)
    service = Templates(database, audit, agency, clock=clock)
    person = server_person(row["organisation"])
    published = [
        service.own_view(service.publish(person, path.read_bytes())).template for path in templates
    ]
    return NewOffice(row["organisation"], issuer.did, tuple(published))


def _keys(settings: Settings, signing: KeyKind) -> IssuerKeys:
    """Return the issuer's keys, made and saved before the registry learns of them."""
    passphrase = settings.passphrase()
    if (settings.keys_path / "control.key").exists():
        return IssuerKeys.load(settings.keys_path, passphrase=passphrase)
    keys = IssuerKeys.generate(signing=signing)
    keys.save(settings.keys_path, passphrase=passphrase)
    return keys


def _author(endorser: Endorser, registry: Registry, clock: Clock) -> Author:
    passphrase = read_secret(endorser.passphrase_file, least=8).decode("utf-8").splitlines()[0]
    key = load_key_file(endorser.key_file, passphrase)
    return Author(endorser.did, {endorser.key_id: InMemorySigner(key)}, registry, clock)


def open_audit(settings: Settings, database: Database, clock: Clock) -> AuditLog:
    """Return the audit log of a store."""
    return AuditLog(database, clock=clock, checkpoint=settings.data_dir / "audit-heads.json")


def _keep_organisation(
    database: Database, audit: AuditLog, name: str, did: str, policy: str, clock: Clock
) -> Row:
    row: Row = {
        "organisation": new_id(),
        "name": name,
        "did": did,
        "approval_policy": policy,
        "created_at": clock.now(),
    }
    with database.write():
        database.insert("organisations", row)
        audit.record(server_person(row["organisation"]), "organisation_added", did)
    return row


def open_accounts(settings: Settings, database: Database) -> Accounts:
    """Return the accounts, for commands that add users."""
    clock = SystemClock()
    return Accounts(
        database,
        open_audit(settings, database, clock),
        Passwords(settings.password_cost),
        clock=clock,
        sessions=SessionLimits(settings.idle_minutes * 60, settings.session_hours * 3600),
    )
