"""The table of W3C credentials that have a status; `schema` has the others, and the migrations."""

from __future__ import annotations

from typing import Final

W3C_STATUSES: Final = """
-- W3C credentials that the VC-API routes signed with a status: a place in a list, and nothing of
-- what they say.
CREATE TABLE w3c_credentials (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations,
    credential_id TEXT NOT NULL,
    list_id TEXT NOT NULL REFERENCES status_lists,
    list_index INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('valid', 'suspended', 'revoked')),
    version INTEGER NOT NULL DEFAULT 1,
    signed_at INTEGER NOT NULL,
    UNIQUE (list_id, list_index)
) STRICT;
CREATE INDEX w3c_credentials_by_id ON w3c_credentials (organisation, credential_id);
CREATE TRIGGER place_of_a_w3c_credential_is_free BEFORE INSERT ON w3c_credentials WHEN EXISTS
    (SELECT 1 FROM places WHERE list_id = NEW.list_id AND list_index = NEW.list_index)
BEGIN SELECT RAISE(ABORT, 'the place in the status list is taken'); END;
CREATE TRIGGER place_of_a_copy_is_no_w3c_credentials BEFORE INSERT ON copies WHEN EXISTS
    (SELECT 1 FROM w3c_credentials WHERE list_id = NEW.list_id AND list_index = NEW.list_index)
BEGIN SELECT RAISE(ABORT, 'the place in the status list is taken'); END;
CREATE TRIGGER place_is_no_w3c_credentials BEFORE INSERT ON certificates WHEN EXISTS
    (SELECT 1 FROM w3c_credentials WHERE list_id = NEW.list_id AND list_index = NEW.list_index)
BEGIN SELECT RAISE(ABORT, 'the place in the status list is taken'); END;
DROP VIEW places;
CREATE VIEW places AS
    SELECT list_id, list_index, id AS certificate_id, status, version FROM certificates
    UNION ALL
    SELECT copies.list_id, copies.list_index, certificate_id, status, version FROM copies
        JOIN certificates ON certificates.id = certificate_id
    UNION ALL
    SELECT list_id, list_index, id, status, version FROM w3c_credentials;
"""
