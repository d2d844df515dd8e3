"""The tables. Every row of every table names its organisation; identifiers are 128 random bits.

A migration is never edited once it has been released: a change is a new function at the end.
Times are whole seconds since 1970 (UTC). JSON columns hold what this application wrote itself.
"""

from __future__ import annotations

from typing import Final

import sqlite_utils
from sqlite_utils.migrations import Migrations

from issuer_app.store.w3c_schema import W3C_STATUSES

MIGRATIONS: Final = Migrations("issuer_app")

_PEOPLE: Final = """
CREATE TABLE organisations (
    organisation TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    did TEXT NOT NULL,
    approval_policy TEXT NOT NULL CHECK (approval_policy IN ('one_person', 'two_person')),
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE browser_sessions (
    token_hash TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    user_id TEXT NOT NULL REFERENCES users,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;
-- Failed sign-ins by the hash of the name tried, whether or not there is such a user.
CREATE TABLE sign_in_failures (
    organisation TEXT NOT NULL,
    login_hash TEXT NOT NULL,
    failures INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    PRIMARY KEY (organisation, login_hash)
) STRICT;
CREATE TABLE audit_entries (
    organisation TEXT NOT NULL REFERENCES organisations,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (organisation, sequence)
) STRICT;
CREATE TABLE audit_heads (
    organisation TEXT PRIMARY KEY REFERENCES organisations,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
"""

_WORK: Final = """
CREATE TABLE templates (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    cpt_id TEXT NOT NULL,
    template_version INTEGER NOT NULL,
    document BLOB NOT NULL,
    digest TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    UNIQUE (organisation, cpt_id, template_version)
) STRICT;
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    template_id TEXT NOT NULL REFERENCES templates,
    state TEXT NOT NULL CHECK (state IN
        ('draft', 'checked', 'approved', 'issuing', 'issued', 'discarded')),
    file_name TEXT NOT NULL,
    file_hash TEXT NOT NULL,
    header TEXT NOT NULL,
    form TEXT NOT NULL CHECK (form IN ('wallet', 'paper', 'both')),
    row_count INTEGER NOT NULL,
    faulty_count INTEGER NOT NULL,
    created_by TEXT NOT NULL REFERENCES users,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    approved_at INTEGER,
    issued_at INTEGER,
    trouble TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
-- The same file for the same template and form is one batch, whoever uploads it how often.
CREATE UNIQUE INDEX one_batch_for_a_file
    ON batches (organisation, template_id, form, file_hash) WHERE state <> 'discarded';
CREATE TABLE batch_rows (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    batch_id TEXT NOT NULL REFERENCES batches,
    row_number INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'faulty', 'left_out')),
    cells TEXT NOT NULL,
    claims TEXT NOT NULL,
    claims_hash TEXT NOT NULL,
    holder_jwk TEXT,
    faults TEXT NOT NULL,
    warnings TEXT NOT NULL,
    UNIQUE (batch_id, row_number)
) STRICT;
CREATE INDEX rows_of_a_claim_set ON batch_rows (organisation, claims_hash);
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    batch_id TEXT NOT NULL REFERENCES batches,
    user_id TEXT NOT NULL REFERENCES users,
    policy TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('approved', 'returned')),
    note TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
"""

_CERTIFICATES: Final = """
CREATE TABLE status_lists (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    cpt_id TEXT NOT NULL,
    uri TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    used INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    changed_at INTEGER,
    token TEXT NOT NULL,
    token_expires_at INTEGER NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;
CREATE TABLE certificates (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    batch_id TEXT NOT NULL REFERENCES batches,
    row_id TEXT NOT NULL REFERENCES batch_rows,
    row_number INTEGER NOT NULL,
    template_id TEXT NOT NULL REFERENCES templates,
    form TEXT NOT NULL CHECK (form IN ('wallet', 'paper')),
    state TEXT NOT NULL CHECK (state IN ('offered', 'signed')),
    status TEXT NOT NULL CHECK (status IN ('valid', 'suspended', 'revoked')),
    label TEXT NOT NULL,
    search_text TEXT NOT NULL,
    claims TEXT NOT NULL,
    holder_jwk TEXT,
    list_id TEXT NOT NULL REFERENCES status_lists,
    list_index INTEGER NOT NULL,
    credential TEXT,
    anchor_salt BLOB,
    anchor_proof BLOB,
    anchor_id TEXT REFERENCES anchors,
    reserved_at INTEGER NOT NULL,
    signed_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    UNIQUE (batch_id, row_id, form),
    UNIQUE (list_id, list_index)
) STRICT;
CREATE INDEX certificates_by_time
    ON certificates (organisation, reserved_at DESC, batch_id, row_number, form);
CREATE INDEX certificates_not_anchored ON certificates (organisation)
    WHERE state = 'signed' AND anchor_id IS NULL;
CREATE TABLE certificate_events (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    certificate_id TEXT NOT NULL REFERENCES certificates,
    at INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_a_certificate ON certificate_events (certificate_id, at);
CREATE TABLE anchors (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    root BLOB NOT NULL UNIQUE,
    leaf_count INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    anchored_at INTEGER
) STRICT;
-- One-time offers. Their codes follow from a secret of the server and stand nowhere.
CREATE TABLE offers (
    certificate_id TEXT PRIMARY KEY REFERENCES certificates,
    organisation TEXT NOT NULL REFERENCES organisations,
    generation INTEGER NOT NULL,
    issuance_id TEXT NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL,
    redeemed_at INTEGER
) STRICT;
CREATE TABLE protocol_sessions (
    organisation TEXT NOT NULL REFERENCES organisations,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
"""

_API_TOKENS: Final = """
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    organisation TEXT NOT NULL REFERENCES organisations,
    user_id TEXT NOT NULL REFERENCES users,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER
) STRICT;
"""


_ANCHOR_TROUBLE: Final = """
-- Why the registry refuses a run so far; empty where it does not.
ALTER TABLE anchors ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
"""

_LIST_TROUBLE: Final = """
-- Why a list cannot be published so far, and since when; empty where it can.
ALTER TABLE status_lists ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE status_lists ADD COLUMN trouble_since INTEGER;
"""


_COPIES: Final = """
-- What a wallet got beside the first credential of a certificate: copies for further keys, and
-- those of its other configurations. Each has a place of its own in a status list.
ALTER TABLE certificates ADD COLUMN configuration_id TEXT;
CREATE TABLE copies (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    certificate_id TEXT NOT NULL REFERENCES certificates,
    configuration_id TEXT NOT NULL,
    holder_jwk TEXT NOT NULL,
    list_id TEXT NOT NULL REFERENCES status_lists,
    list_index INTEGER NOT NULL,
    credential TEXT NOT NULL,
    anchor_salt BLOB NOT NULL,
    anchor_proof BLOB,
    anchor_id TEXT REFERENCES anchors,
    signed_at INTEGER NOT NULL,
    UNIQUE (certificate_id, configuration_id, holder_jwk),
    UNIQUE (list_id, list_index)
) STRICT;
CREATE INDEX copies_not_anchored ON copies (organisation) WHERE anchor_id IS NULL;
-- A place is used once, whichever of the two tables has it.
CREATE TRIGGER place_of_a_copy_is_free BEFORE INSERT ON copies WHEN EXISTS
    (SELECT 1 FROM certificates WHERE list_id = NEW.list_id AND list_index = NEW.list_index)
BEGIN SELECT RAISE(ABORT, 'the place in the status list is taken'); END;
CREATE TRIGGER place_of_a_certificate_is_free BEFORE INSERT ON certificates WHEN EXISTS
    (SELECT 1 FROM copies WHERE list_id = NEW.list_id AND list_index = NEW.list_index)
BEGIN SELECT RAISE(ABORT, 'the place in the status list is taken'); END;
CREATE VIEW places AS
    SELECT list_id, list_index, id AS certificate_id, status, version FROM certificates
    UNION ALL
    SELECT copies.list_id, copies.list_index, certificate_id, status, version FROM copies
        JOIN certificates ON certificates.id = certificate_id;
CREATE VIEW signed_texts AS
    SELECT id, organisation, credential, anchor_salt, anchor_proof, anchor_id FROM certificates
        WHERE state = 'signed'
    UNION ALL
    SELECT id, organisation, credential, anchor_salt, anchor_proof, anchor_id FROM copies;
"""

_DECISIONS: Final = """
-- An offer may need a decision when a wallet comes: 'needed' until then, '' where none is needed.
ALTER TABLE offers ADD COLUMN decision TEXT NOT NULL DEFAULT ''
    CHECK (decision IN ('', 'needed', 'waiting', 'approved', 'refused'));
ALTER TABLE offers ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE offers ADD COLUMN asked_at INTEGER;
ALTER TABLE offers ADD COLUMN decided_at INTEGER;
ALTER TABLE offers ADD COLUMN decided_by TEXT NOT NULL DEFAULT '';
CREATE INDEX offers_that_wait ON offers (organisation) WHERE decision = 'waiting';
"""

_ONE_ISSUANCE: Final = """
-- The issuance that got a certificate's first credential gets the others too; no other does.
ALTER TABLE certificates ADD COLUMN issuance_id TEXT;
-- An offer is not made anew once its certificate is signed: the one that stands here was the one.
UPDATE certificates SET issuance_id =
    (SELECT issuance_id FROM offers WHERE certificate_id = certificates.id)
    WHERE state = 'signed';
"""


@MIGRATIONS()
def m001_people(db: sqlite_utils.Database) -> None:
    """Organisations, users, their sessions, and the audit log."""
    db.executescript(_PEOPLE)


@MIGRATIONS()
def m002_work(db: sqlite_utils.Database) -> None:
    """Templates, batches, rows and approvals."""
    db.executescript(_WORK)


@MIGRATIONS()
def m003_certificates(db: sqlite_utils.Database) -> None:
    """Certificates, status lists, anchors, offers and protocol sessions."""
    db.executescript(_CERTIFICATES)


@MIGRATIONS()
def m004_api_tokens(db: sqlite_utils.Database) -> None:
    """Tokens with which programs act for users."""
    db.executescript(_API_TOKENS)


@MIGRATIONS()
def m005_anchor_trouble(db: sqlite_utils.Database) -> None:
    """What keeps a run from being anchored."""
    db.executescript(_ANCHOR_TROUBLE)


@MIGRATIONS()
def m006_list_trouble(db: sqlite_utils.Database) -> None:
    """What keeps a status list from being published."""
    db.executescript(_LIST_TROUBLE)


@MIGRATIONS()
def m007_copies(db: sqlite_utils.Database) -> None:
    """Copies of certificates for further keys, each on its own place."""
    db.executescript(_COPIES)


@MIGRATIONS()
def m008_decisions(db: sqlite_utils.Database) -> None:
    """Offers that need a decision when a wallet comes."""
    db.executescript(_DECISIONS)


@MIGRATIONS()
def m009_one_issuance(db: sqlite_utils.Database) -> None:
    """Which issuance a certificate went to."""
    db.executescript(_ONE_ISSUANCE)


@MIGRATIONS()
def m010_w3c_statuses(db: sqlite_utils.Database) -> None:
    """Places of W3C credentials in the status lists."""
    db.executescript(W3C_STATUSES)


KNOWN: Final = frozenset(
    migration.__name__
    for migration in (
        m001_people,
        m002_work,
        m003_certificates,
        m004_api_tokens,
        m005_anchor_trouble,
        m006_list_trouble,
        m007_copies,
        m008_decisions,
        m009_one_issuance,
        m010_w3c_statuses,
    )
)
"""Every migration that this version knows; a store with another one is of a newer version."""
