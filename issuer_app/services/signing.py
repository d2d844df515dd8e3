"""Signing certificates: for keys known in a batch, and for the wallet that redeems an offer.

A certificate's status index was reserved before; signing it again after a crash uses the same one.
"""

from __future__ import annotations

import json
import secrets
from typing import Final

from issuer_app.errors import MissingError
from issuer_app.services.agency import Agency, NewCredential
from issuer_app.services.audit import AuditLog
from issuer_app.services.certificates import Certificates
from issuer_app.services.people import wallet_person
from issuer_app.services.templates import Templates
from issuer_app.store.database import Database, Row
from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.encoding import json_dumps
from weid.errors import CertificateError, ProtocolError

SALT_BYTES: Final = 16
"""Salt of an anchor's leaf (128 bits)."""
_AUDITED: Final = {"tx_code_wrong", "offer_dead", "code_used_again", "key_refused"}


class Signing:
    """Signs for one organisation and writes down what was signed."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        agency: Agency,
        certificates: Certificates,
        templates: Templates,
        *,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._certificates = certificates
        self._templates = templates
        self._clock = clock

    def redeem(
        self, certificate_id: str, holder_key: PublicKey, *, with_chain: bool = False
    ) -> str:
        """Return the credential of an offered certificate for the key that proved itself.

        `with_chain` signs it with the agency's certificate chain, else its DID signs. The same key
        asking again gets the same credential.

        Raises:
            ProtocolError: the certificate is not in force any more, or belongs to another key.
        """
        holder_jwk = json_dumps(holder_key.to_jwk()).decode()
        with self._database.write():
            row = self._row(certificate_id)
            if row["status"] != "valid":
                raise ProtocolError("credential_request_denied", "it is not available any more")
            if row["state"] == "signed":
                if row["holder_jwk"] != holder_jwk:
                    raise ProtocolError("credential_request_denied", "it is for another key")
                return str(row["credential"])
            text = self._sign(row, holder_key, with_chain=with_chain)
            self._database.execute(
                "UPDATE certificates SET state = 'signed', holder_jwk = ?, credential = ?,"
                " anchor_salt = ?, signed_at = ?, version = version + 1 WHERE id = ?",
                (
                    holder_jwk,
                    text,
                    secrets.token_bytes(SALT_BYTES),
                    self._clock.now(),
                    certificate_id,
                ),
            )
            self._database.execute(
                "UPDATE offers SET redeemed_at = ? WHERE certificate_id = ?",
                (self._clock.now(), certificate_id),
            )
            person = wallet_person(self._agency.organisation)
            self._certificates.note_event(person, certificate_id, "signed")
            self._audit.record(person, "offer_redeemed", certificate_id)
        return text

    def _row(self, certificate_id: str) -> Row:
        row = self._database.first(
            "SELECT certificates.*, uri FROM certificates"
            " JOIN status_lists ON status_lists.id = list_id"
            " WHERE certificates.id = ? AND certificates.organisation = ?",
            (certificate_id, self._agency.organisation),
        )
        if row is None:
            raise MissingError("no such certificate")
        return row

    def _sign(self, row: Row, holder_key: PublicKey, *, with_chain: bool) -> str:
        new = NewCredential(
            self._templates.own_view(row["template_id"]).template,
            json.loads(row["claims"]),
            holder_key,
            row["uri"],
            row["list_index"],
            with_chain=with_chain,
        )
        try:
            return self._agency.sign(new)
        except CertificateError:
            # The chain has ended since the offer was made; the offer holds for the next one.
            raise ProtocolError(
                "credential_request_denied", "it cannot be signed with a certificate now"
            ) from None

    def observe(self, event: str, issuance_id: str) -> None:
        """Write attempts to misuse an offer into the audit log."""
        if event not in _AUDITED:
            return
        found = self._database.value(
            "SELECT certificate_id FROM offers WHERE issuance_id = ? AND organisation = ?",
            (issuance_id, self._agency.organisation),
        )
        with self._database.write():
            self._audit.record(
                wallet_person(self._agency.organisation), f"offer_{event}", str(found or "")
            )
